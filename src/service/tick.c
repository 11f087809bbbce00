/* Ticks: see tick.h. */
#include "service/tick.h"

#include "base/varint.h"
#include "model/attribute_pack.h"
#include "model/master.h"
#include "model/timestamp.h"

enum { TICK_VERSION = 1, NUMBER_BYTES = 8 };

static void put_number(int64_t value, char *out) {
    for (int i = 0; i < NUMBER_BYTES; i++)
        out[i] = (char)((uint64_t)value >> (8 * (NUMBER_BYTES - 1 - i)));
}

static int64_t get_number(const char *in) {
    uint64_t value = 0;

    for (int i = 0; i < NUMBER_BYTES; i++)
        value = value << 8 | (uint8_t)in[i];
    return (int64_t)value;
}

void bb_tick_encode(const struct bb_tick *tick, struct bb_buffer *out) {
    bb_buffer_append_byte(out, TICK_VERSION);
    bb_put_text(out, tick->tenant);
    bb_put_zigzag(out, tick->at_ms);
}

int bb_tick_decode(const struct bb_log_record *record, struct bb_tick *out,
                   struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(record->body);
    uint8_t version = bb_cursor_byte(&in);

    *out = (struct bb_tick){.received_ms = record->received_ms};
    out->tenant = bb_cursor_text(&in);
    out->at_ms = bb_cursor_zigzag(&in);
    if (version != 0 && version != TICK_VERSION)
        return BB_FAIL_VERSION(error, "a tick in the log", version, TICK_VERSION);
    if (in.failed || version == 0 || out->at_ms <= 0 || out->tenant.size == 0 ||
        out->tenant.size > BB_MASTER_TENANT_MAX)
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "a tick in the log is damaged");
    return 0;
}

int bb_tick_append(struct bb_plant *plant, struct bb_span tenant, int64_t at_ms,
                   struct bb_clock clock, struct bb_error *error) {
    struct bb_log *log = plant->log;
    int64_t now_ms = bb_clock_now_ms(clock);
    struct bb_buffer body;
    int result = 0;

    if (at_ms <= 0 || at_ms > now_ms)
        return BB_FAIL(error, BB_E_USAGE, "a tick says what is over; it cannot lie in the future");
    bb_buffer_init(&body, 1 << 10);
    bb_tick_encode(&(struct bb_tick){.tenant = tenant, .at_ms = at_ms}, &body);
    for (uint32_t partition = 0; !result && partition < log->partitions; partition++) {
        struct bb_log_record record = {
            .kind = BB_RECORD_TICK, .received_ms = now_ms, .body = bb_buffer_span(&body)};
        result = log->ops->append(log, partition, &record, error);
    }
    bb_buffer_release(&body);
    return result ? result : log->ops->sync(log, error);
}

size_t bb_tick_key(struct bb_span tenant, int64_t at_ms, char key[BB_NAME_KEY_MAX]) {
    memcpy(key, tenant.data, tenant.size);
    key[tenant.size] = '\0';
    put_number(at_ms, key + tenant.size + 1);
    return tenant.size + 1 + NUMBER_BYTES;
}

struct latest {
    int64_t as_of_ms, at_ms;
};

/* Ticks come in the order of time. */
static int look(void *context, struct bb_span name, struct bb_span value) {
    struct latest *l = context;

    if (name.size < NUMBER_BYTES || value.size != NUMBER_BYTES)
        return 0;
    if (l->as_of_ms == BB_TIME_NONE || get_number(value.data) <= l->as_of_ms)
        l->at_ms = get_number(name.data + name.size - NUMBER_BYTES);
    return 0;
}

int bb_tick_latest(struct bb_store *store, struct bb_store_view *view, struct bb_span tenant,
                   int64_t as_of_ms, int64_t *at_ms, struct bb_error *error) {
    struct latest latest = {as_of_ms, 0};
    char prefix[BB_MASTER_TENANT_MAX + 1];

    memcpy(prefix, tenant.data, tenant.size);
    prefix[tenant.size] = '\0';
    int result = store->ops->name_scan(
        view, BB_NAME_TICK, (struct bb_span){prefix, tenant.size + 1}, look, &latest, error);
    *at_ms = latest.at_ms;
    return result < 0 ? result : 0;
}
