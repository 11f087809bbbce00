/* See decode_dump.h. */
#include "support/decode_dump.h"

#include "model/decimal.h"
#include "model/unit.h"

#include <inttypes.h>
#include <stdio.h>

enum { TEXT_LIMIT_BYTES = 256 << 20 };
#define RECEIVED_MS INT64_C(1893456000000)

static int read_piece(void *context, void *data, size_t capacity, size_t *got,
                      struct bb_error *error) {
    struct decode_source *source = context;
    size_t size = source->bytes.size < capacity ? source->bytes.size : capacity;

    (void)error;
    if (source->piece > 0 && size > source->piece)
        size = source->piece;
    if (size > 0)
        memcpy(data, source->bytes.data, size);
    source->bytes.data += size;
    source->bytes.size -= size;
    *got = size;
    return 0;
}

struct bb_input decode_source_input(struct decode_source *source) {
    return (struct bb_input){read_piece, source};
}

static const char *time_text(int64_t ms, char *buffer) {
    if (ms == BB_TIME_NONE)
        memcpy(buffer, "-", 2);
    else
        bb_time_format_utc(ms, buffer);
    return buffer;
}

static void print_reading(struct decode_dump *dump, const struct bb_batch *batch, uint32_t i) {
    const struct bb_series *series = &dump->table.items[batch->series[i]];
    const struct bb_attribute *a = &batch->attributes.items[batch->attribute[i]];
    struct bb_decimal value = {batch->mantissa[i], a->exponent};
    int64_t end_ms = batch->end_ms[i];
    char start[BB_TIME_TEXT_MAX], end[BB_TIME_TEXT_MAX], issued[BB_TIME_TEXT_MAX];
    char number[BB_DECIMAL_TEXT_MAX] = "";

    if (a->quality.state != BB_STATE_MISSING)
        bb_decimal_format(value, false, number);
    bb_buffer_format(&dump->readings, "%.*s,%.*s,%s,%" PRIu32 ",%s,%s,%s,%s,",
                     BB_SPAN_ARGS(series->usage_point), BB_SPAN_ARGS(series->channel),
                     bb_kind_name(series->kind), series->interval_s,
                     time_text(end_ms - (int64_t)a->length_s * BB_SECOND_MS, start),
                     time_text(end_ms, end), number, bb_unit_symbol(a->unit));
    bb_quality_format(&a->quality, &dump->readings);
    time_text(batch->has_issued ? batch->issued_ms[i] : BB_TIME_NONE, issued);
    bb_buffer_format(&dump->readings, ",%s,%" PRId64 "\n", issued, batch->line[i]);
}

static int take_batch(void *context, struct bb_batch *batch, struct bb_error *error) {
    struct decode_dump *dump = context;

    (void)error;
    for (uint32_t i = 0; i < batch->count; i++)
        print_reading(dump, batch, i);
    dump->reading_count += batch->count;
    dump->batch_count++;
    return 0;
}

static int take_refusal(void *context, const struct bb_error *reason, struct bb_error *error) {
    struct decode_dump *dump = context;

    (void)error;
    bb_buffer_format(&dump->refusals, "%" PRIu64 " BB-%d %s\n", reason->line, (int)reason->code,
                     reason->text);
    dump->refusal_count++;
    return 0;
}

void decode_dump_run(struct decode_dump *dump, const struct bb_format_row *format,
                     struct bb_input input, const char *name) {
    struct bb_decode_sink sink = {take_batch, take_refusal, dump, &dump->ignored};
    struct bb_zone_set *zones = bb_zone_set_new();
    struct bb_decode_options options = {.source = name, .received_ms = RECEIVED_MS, .zones = zones};

    *dump = (struct decode_dump){0};
    bb_buffer_init(&dump->readings, TEXT_LIMIT_BYTES);
    bb_buffer_init(&dump->refusals, TEXT_LIMIT_BYTES);
    bb_series_table_init(&dump->table, TEXT_LIMIT_BYTES);
    dump->status = format->decode(input, &options, &dump->table, &sink, &dump->error);
    bb_buffer_append_byte(&dump->readings, 0);
    bb_buffer_append_byte(&dump->refusals, 0);
    bb_zone_set_free(zones);
}

void decode_dump_release(struct decode_dump *dump) {
    bb_buffer_release(&dump->readings);
    bb_buffer_release(&dump->refusals);
    bb_series_table_release(&dump->table);
}

const char *decode_dump_line(const struct bb_buffer *text, size_t n) {
    static char line[1024];
    const char *at = text->data;

    for (; n > 0 && at; n--) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    const char *end = at ? strchr(at, '\n') : NULL;
    size_t size = end ? (size_t)(end - at) : 0;
    if (size >= sizeof line)
        size = sizeof line - 1;
    if (size > 0)
        memcpy(line, at, size);
    line[size] = '\0';
    return line;
}
