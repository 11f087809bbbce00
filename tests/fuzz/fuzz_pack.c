/* Packed columns under random bytes: no crash, nothing written behind the column; what decodes comes
 * back through packing. The first two bytes are the count; besides, the bytes are values to pack. */
#include <stdlib.h>

#include "model/pack.h"

enum { ARENA_LIMIT_BYTES = 32 << 20 };

static void round_trip(const int64_t *values, size_t count) {
    struct bb_arena arena;
    struct bb_buffer out;
    int64_t *back = malloc(count * sizeof *back + 1);

    bb_arena_init(&arena, 64 << 10, ARENA_LIMIT_BYTES);
    bb_buffer_init(&out, ARENA_LIMIT_BYTES);
    BB_ASSERT(back && bb_pack_i64(values, count, &arena, &out));
    struct bb_cursor in = bb_cursor_over(bb_buffer_span(&out));
    BB_ASSERT(bb_unpack_i64(&in, count, back, &arena));
    BB_ASSERT(bb_cursor_left(&in) == 0);
    BB_ASSERT(count == 0 || memcmp(values, back, count * sizeof *back) == 0);
    free(back);
    bb_buffer_release(&out);
    bb_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bb_arena arena;

    if (size < 2)
        return 0;
    size_t count = (size_t)data[0] | (size_t)(data[1] & 0x1f) << 8;
    int64_t *values = malloc(count * sizeof *values + 1);
    struct bb_cursor in = bb_cursor_over((struct bb_span){(const char *)data + 2, size - 2});
    bb_arena_init(&arena, 64 << 10, ARENA_LIMIT_BYTES);
    BB_ASSERT(values);
    if (bb_unpack_i64(&in, count, values, &arena))
        round_trip(values, count);
    free(values);
    bb_arena_release(&arena);

    size_t raw = (size - 2) / sizeof(int64_t);
    int64_t *as_values = malloc(raw * sizeof *as_values + 1);
    BB_ASSERT(as_values);
    if (raw > 0)
        memcpy(as_values, data + 2, raw * sizeof *as_values);
    round_trip(as_values, raw);
    free(as_values);
    return 0;
}
