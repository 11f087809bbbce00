/* Ticks: see tick.h. */
#include "service/tick.h"

#include "base/varint.h"
#include "derive/coverage.h"
#include "derive/plan.h"
#include "model/attribute_pack.h"
#include "model/calendar.h"
#include "model/master.h"
#include "model/outbox.h"
#include "model/timestamp.h"

enum { TICK_VERSION = 1, NUMBER_BYTES = 8, DUE_MAX = 256 };

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

int bb_tick_told(struct bb_store *store, struct bb_store_view *view, struct bb_span tenant,
                 int64_t at_ms, int64_t *received_ms, struct bb_error *error) {
    char key[BB_NAME_KEY_MAX];
    struct bb_span value;
    int result = store->ops->name_get(
        view, BB_NAME_TICK, (struct bb_span){key, bb_tick_key(tenant, at_ms, key)}, &value, error);

    if (result != BB_FOUND || value.size != NUMBER_BYTES)
        return result < 0 ? result : BB_ABSENT;
    *received_ms = get_number(value.data);
    return BB_FOUND;
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

int bb_tick_last_midnight(struct bb_plant *plant, struct bb_span tenant, int64_t now_ms,
                          int64_t *at_ms, struct bb_error *error) {
    struct bb_master entry;
    struct bb_calendar calendar = {.zone = NULL};
    struct bb_arena arena;

    bb_arena_init(&arena, 4 << 10, 1 << 20);
    int r = plant->registry->ops->master_get(plant->registry, BB_MASTER_TENANT, tenant, tenant,
                                             BB_TIME_NONE, &arena, &entry, error);
    if (r >= 0)
        r = bb_zone_set_get(plant->zones, r == BB_FOUND ? entry.tenant.zone : BB_SPAN(""),
                            &calendar.zone, error);
    if (r >= 0)
        *at_ms = bb_calendar_period(&calendar, BB_PERIOD_DAY, now_ms + 1).start_ms;
    bb_arena_release(&arena);
    return r;
}

/* ---- what is due */

struct due {
    struct bb_plant *plant;
    int64_t now_ms;
    struct bb_store_view *view; /* of partition 0: a tick stands in each */
    struct bb_arena arena;      /* names */
    struct bb_tick ticks[DUE_MAX];
    uint32_t count;
    struct bb_error *error;
};

/* Is somebody expected to have told something of the day that ends at midnight? */
struct waiting {
    const struct bb_store *store;
    struct bb_store_view *view;
    struct bb_arena arena;
    int32_t since; /* the first UTC day from which on a channel counts as living */
    bool found;
    struct bb_error *error;
};

static int look_at_channel(void *context, struct bb_span name, struct bb_span value) {
    struct waiting *w = context;
    struct bb_channel_record record;
    struct bb_coverage coverage = {0};
    struct bb_span packed;
    char number[4];
    int r = bb_channel_record_decode(value, &record, w->error);

    (void)name;
    for (int i = 0; i < 4; i++)
        number[i] = (char)(record.number >> (8 * (3 - i)));
    bb_arena_reset(&w->arena);
    if (r == 0)
        r = w->store->ops->name_get(w->view, BB_NAME_COVERAGE, (struct bb_span){number, 4}, &packed,
                                    w->error);
    if (r == BB_FOUND)
        r = bb_coverage_unpack(packed, &w->arena, &coverage, w->error);
    w->found = coverage.count > 0 && coverage.runs[coverage.count - 1].last >= w->since;
    return r < 0 ? r : w->found;
}

static int anybody_waits(struct bb_plant *plant, struct bb_span tenant, int64_t midnight_ms,
                         bool *found, struct bb_error *error) {
    struct waiting w = {.store = plant->store,
                        .since = bb_lane_span_of(BB_LANE_RAW, midnight_ms) - BB_TICK_DAYS,
                        .error = error};
    char prefix[BB_MASTER_TENANT_MAX + 1];
    int r = 0;

    memcpy(prefix, tenant.data, tenant.size);
    prefix[tenant.size] = '\0';
    bb_arena_init(&w.arena, 4 << 10, 1 << 20);
    for (uint32_t p = 0; r >= 0 && !w.found && p < plant->log->partitions; p++) {
        r = plant->store->ops->view_begin(plant->store, p, &w.view, error);
        if (r < 0)
            break;
        r = plant->store->ops->name_scan(w.view, BB_NAME_CHANNEL,
                                         (struct bb_span){prefix, tenant.size + 1}, look_at_channel,
                                         &w, error);
        plant->store->ops->view_end(w.view);
    }
    bb_arena_release(&w.arena);
    *found = w.found;
    return r < 0 ? r : 0;
}

static int look_at_tenant(void *context, struct bb_span name, struct bb_span zone) {
    struct due *d = context;
    int64_t midnight_ms, latest_ms;
    bool waits = false;
    int r = bb_tick_last_midnight(d->plant, name, d->now_ms, &midnight_ms, d->error);

    (void)zone;
    if (r >= 0)
        r = bb_tick_latest(d->plant->store, d->view, name, BB_TIME_NONE, &latest_ms, d->error);
    if (r < 0 || latest_ms >= midnight_ms || d->count == DUE_MAX)
        return r < 0 ? r : 0;
    r = anybody_waits(d->plant, name, midnight_ms, &waits, d->error);
    if (r < 0 || !waits)
        return r;
    struct bb_span copy = bb_arena_copy(&d->arena, name);
    if (copy.data)
        d->ticks[d->count++] = (struct bb_tick){.tenant = copy, .at_ms = midnight_ms};
    return 0;
}

int bb_tick_append_due(struct bb_plant *plant, int64_t grace_ms, struct bb_clock clock,
                       uint32_t *appended, struct bb_error *error) {
    struct due d = {.plant = plant, .now_ms = bb_clock_now_ms(clock) - grace_ms, .error = error};

    *appended = 0;
    bb_arena_init(&d.arena, 4 << 10, 1 << 20);
    int r = plant->store->ops->view_begin(plant->store, 0, &d.view, error);
    if (r >= 0) {
        r = plant->registry->ops->tenant_list(plant->registry, look_at_tenant, &d, error);
        plant->store->ops->view_end(d.view);
    }
    for (uint32_t i = 0; r >= 0 && i < d.count; i++, (*appended)++)
        r = bb_tick_append(plant, d.ticks[i].tenant, d.ticks[i].at_ms, clock, error);
    bb_arena_release(&d.arena);
    return r < 0 ? r : 0;
}
