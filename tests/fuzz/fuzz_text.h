/* What the fuzz targets of text formats share: decode some bytes, check what comes out, and hold
 * two ways of delivering the bytes against each other. */
#ifndef TESTS_FUZZ_FUZZ_TEXT_H
#define TESTS_FUZZ_FUZZ_TEXT_H

#include "base/hash.h"
#include "codec/map.h"
#include "model/decimal.h"
#include "model/unit.h"

struct fuzz_seen {
    uint64_t readings, refusals;
    uint64_t hash;
};

struct fuzz_source {
    struct bb_span bytes;
    size_t piece;
};

static void fuzz_add(struct fuzz_seen *seen, int64_t v) {
    seen->hash = bb_hash_mix(seen->hash ^ (uint64_t)v);
}

static int fuzz_batch(void *context, struct bb_batch *batch, struct bb_error *error) {
    struct fuzz_seen *seen = context;

    (void)error;
    BB_ASSERT(batch->count > 0 && batch->count <= batch->capacity);
    for (uint32_t i = 0; i < batch->count; i++) {
        BB_ASSERT(batch->series[i] < batch->series_table->count);
        BB_ASSERT(batch->attribute[i] < batch->attributes.count);
        const struct bb_series *series = &batch->series_table->items[batch->series[i]];
        const struct bb_attribute *a = &batch->attributes.items[batch->attribute[i]];
        BB_ASSERT(series->kind != BB_KIND_UNKNOWN && series->usage_point.size > 0 &&
                  series->usage_point.size <= BB_NAME_MAX && series->channel.size > 0 &&
                  series->channel.size <= BB_NAME_MAX);
        BB_ASSERT(a->exponent >= BB_DECIMAL_MIN_EXPONENT && a->exponent <= BB_DECIMAL_MAX_EXPONENT);
        BB_ASSERT(batch->mantissa[i] < bb_power_of_ten[18] &&
                  batch->mantissa[i] > -bb_power_of_ten[18]);
        BB_ASSERT(a->quality.state != BB_STATE_MISSING || batch->mantissa[i] == 0);
        BB_ASSERT(a->unit < BB_UNIT_COUNT && batch->line[i] > 0);
        BB_ASSERT((a->length_s > 0) == (series->kind == BB_KIND_INTERVAL));
        BB_ASSERT(batch->end_ms[i] >= BB_EARLIEST_MS);
        fuzz_add(seen, batch->end_ms[i]);
        fuzz_add(seen, batch->mantissa[i]);
        fuzz_add(seen, batch->line[i]);
    }
    seen->readings += batch->count;
    return 0;
}

static int fuzz_refusal(void *context, const struct bb_error *reason, struct bb_error *error) {
    struct fuzz_seen *seen = context;

    (void)error;
    BB_ASSERT(reason->code != BB_OK && reason->line > 0 && reason->text[0] != '\0');
    BB_ASSERT(strchr(reason->text, '\n') == NULL);
    fuzz_add(seen, (int64_t)reason->code);
    fuzz_add(seen, (int64_t)reason->line);
    seen->refusals++;
    return 0;
}

static int fuzz_read(void *context, void *data, size_t capacity, size_t *got,
                     struct bb_error *error) {
    struct fuzz_source *source = context;
    size_t size = source->bytes.size < capacity ? source->bytes.size : capacity;

    (void)error;
    size = size < source->piece ? size : source->piece;
    if (size > 0)
        memcpy(data, source->bytes.data, size);
    source->bytes.data += size;
    source->bytes.size -= size;
    *got = size;
    return 0;
}

static struct fuzz_seen fuzz_decode(const struct bb_format_row *format, const struct bb_map *map,
                                    struct bb_span bytes, size_t piece) {
    struct fuzz_source source = {bytes, piece};
    struct fuzz_seen seen = {0};
    struct bb_decode_sink sink = {fuzz_batch, fuzz_refusal, &seen};
    struct bb_decode_options options = {.map = map,
                                        .source = "meter_1.csv",
                                        .interval_s = 900,
                                        .kind = BB_KIND_INTERVAL,
                                        .received_ms = INT64_C(1893456000000)};
    struct bb_series_table table;
    struct bb_error error = {0};

    bb_series_table_init(&table, 64 << 20);
    int status = format->decode((struct bb_input){fuzz_read, &source}, &options, &table, &sink,
                                &error);
    BB_ASSERT(status == 0 || (error.code != BB_OK && error.text[0] != '\0'));
    fuzz_add(&seen, status);
    bb_series_table_release(&table);
    return seen;
}

static inline int fuzz_text(const struct bb_format_row *format, const char *const *maps,
                            size_t map_count, const uint8_t *data, size_t size) {
    static struct bb_map *loaded[8];
    struct bb_error error;

    if (size == 0)
        return 0;
    size_t choice = data[0] % map_count;
    if (maps[choice] && !loaded[choice])
        BB_ASSERT(bb_map_parse(bb_span_of(maps[choice]), "map", &loaded[choice], &error) == 0);
    struct bb_span bytes = {(const char *)data + 1, size - 1};
    (void)format->sniff(bytes, true);
    struct fuzz_seen whole = fuzz_decode(format, loaded[choice], bytes, SIZE_MAX);
    struct fuzz_seen pieces = fuzz_decode(format, loaded[choice], bytes, 7);
    BB_ASSERT(whole.readings == pieces.readings && whole.refusals == pieces.refusals &&
              whole.hash == pieces.hash);
    return 0;
}

#endif
