/* NEM12 and NEM13 under random bytes: no crash, no reading without a finite value, time and series,
 * and the same result whatever pieces the bytes come in. */
#include "base/hash.h"
#include "codec/codec.h"

#include <stdlib.h>

struct seen {
    uint64_t readings, refusals;
    uint64_t hash;
};

static int take_batch(void *context, struct bb_batch *batch, struct bb_error *error) {
    struct seen *seen = context;

    (void)error;
    BB_ASSERT(batch->count > 0 && batch->count <= batch->capacity);
    for (uint32_t i = 0; i < batch->count; i++) {
        BB_ASSERT(batch->series[i] < batch->series_table->count);
        BB_ASSERT(batch->attribute[i] < batch->attributes.count);
        const struct bb_attribute *a = &batch->attributes.items[batch->attribute[i]];
        BB_ASSERT(a->exponent >= -18 && a->exponent <= 0);
        BB_ASSERT(a->quality.state != BB_STATE_MISSING || batch->mantissa[i] == 0);
        BB_ASSERT(batch->line[i] > 0);
        seen->hash = bb_hash_mix(seen->hash ^ (uint64_t)batch->end_ms[i]);
        seen->hash = bb_hash_mix(seen->hash ^ (uint64_t)batch->mantissa[i]);
    }
    seen->readings += batch->count;
    return 0;
}

static int take_refusal(void *context, const struct bb_error *reason, struct bb_error *error) {
    struct seen *seen = context;

    (void)error;
    BB_ASSERT(reason->code != BB_OK && reason->line > 0 && reason->text[0] != '\0');
    seen->refusals++;
    return 0;
}

struct source {
    const uint8_t *data;
    size_t size, piece;
};

static int read_source(void *context, void *data, size_t capacity, size_t *got,
                       struct bb_error *error) {
    struct source *source = context;
    size_t size = source->size < capacity ? source->size : capacity;

    (void)error;
    size = size < source->piece ? size : source->piece;
    if (size > 0)
        memcpy(data, source->data, size);
    source->data += size;
    source->size -= size;
    *got = size;
    return 0;
}

static struct seen decode(const uint8_t *data, size_t size, size_t piece) {
    struct source source = {data, size, piece};
    struct seen seen = {0};
    struct bb_decode_sink sink = {take_batch, take_refusal, &seen};
    struct bb_decode_options options = {.source = "fuzz", .received_ms = INT64_C(1893456000000)};
    struct bb_series_table table;
    struct bb_error error;

    bb_series_table_init(&table, 64 << 20);
    int status = bb_format_nem12.decode((struct bb_input){read_source, &source}, &options, &table,
                                        &sink, &error);
    seen.hash ^= (uint64_t)(int64_t)status;
    bb_series_table_release(&table);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct bb_format_row *row;
    struct bb_error error;

    (void)!bb_format_detect((struct bb_span){(const char *)data, size}, true, &row, &error);
    struct seen whole = decode(data, size, SIZE_MAX), pieces = decode(data, size, 7);
    BB_ASSERT(whole.readings == pieces.readings && whole.refusals == pieces.refusals &&
              whole.hash == pieces.hash);
    return 0;
}
