/* Frames under random bytes: a frame within its tables, which comes back through packing, or an
 * error. */
#include "model/frame.h"
#include "model/unit.h"

enum { ARENA_LIMIT_BYTES = 64 << 20 };

static void expect_sound(const struct bb_frame *f) {
    BB_ASSERT(f->count <= BB_FRAME_READINGS_MAX && f->tenant.size > 0);
    for (uint32_t i = 0; i < f->series_count; i++) {
        const struct bb_series *s = &f->series[i];
        BB_ASSERT(s->usage_point.size > 0 && s->usage_point.size <= BB_NAME_MAX);
        BB_ASSERT(s->channel.size > 0 && s->channel.size <= BB_NAME_MAX);
        BB_ASSERT(s->unit < BB_UNIT_COUNT && s->kind < BB_KIND_COUNT);
        BB_ASSERT(s->commodity < BB_COMMODITY_COUNT);
    }
    uint64_t rows = 0;
    for (uint32_t i = 0; i < f->series_count; i++)
        rows += (uint64_t)f->series_rows[i];
    BB_ASSERT(rows == f->count);
    for (uint32_t i = 0; i < f->count; i++)
        BB_ASSERT((uint64_t)f->attribute[i] < f->attribute_count);
}

static void expect_same(const struct bb_frame *a, const struct bb_frame *b) {
    size_t bytes = a->count * sizeof(int64_t);

    BB_ASSERT(bb_span_equal(a->tenant, b->tenant) && bb_span_equal(a->source, b->source));
    BB_ASSERT(a->received_ms == b->received_ms && a->count == b->count);
    BB_ASSERT(a->series_count == b->series_count && a->attribute_count == b->attribute_count);
    for (uint32_t i = 0; i < a->series_count; i++)
        BB_ASSERT(bb_span_equal(a->series[i].usage_point, b->series[i].usage_point) &&
                  bb_span_equal(a->series[i].channel, b->series[i].channel) &&
                  bb_span_equal(a->series[i].zone, b->series[i].zone) &&
                  a->series[i].hash == b->series[i].hash && a->series_rows[i] == b->series_rows[i]);
    BB_ASSERT(bytes == 0 || (memcmp(a->attribute, b->attribute, bytes) == 0 &&
                             memcmp(a->end_ms, b->end_ms, bytes) == 0 &&
                             memcmp(a->mantissa, b->mantissa, bytes) == 0 &&
                             memcmp(a->line, b->line, bytes) == 0 &&
                             memcmp(a->issued_ms, b->issued_ms, bytes) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bb_arena arena;
    struct bb_frame frame, back;
    struct bb_error error;
    struct bb_buffer out;

    bb_arena_init(&arena, 64 << 10, ARENA_LIMIT_BYTES);
    bb_buffer_init(&out, ARENA_LIMIT_BYTES);
    int result = bb_frame_decode((struct bb_span){(const char *)data, size}, &arena, &frame,
                                 &error);
    BB_ASSERT(result == 0 || result == -BB_E_LOG_CORRUPT || result == -BB_E_VERSION);
    if (result == 0) {
        expect_sound(&frame);
        BB_ASSERT(bb_frame_encode(&frame, &arena, &out, &error) == 0);
        BB_ASSERT(bb_frame_decode(bb_buffer_span(&out), &arena, &back, &error) == 0);
        expect_same(&frame, &back);
    }
    bb_buffer_release(&out);
    bb_arena_release(&arena);
    return 0;
}
