/* Blocks under random bytes, with a checksum that fits: a block or an error. A block that was read is
 * within its tables and comes back through packing. */
#include <stdlib.h>

#include "base/crc.h"
#include "model/block.h"
#include "model/unit.h"

enum { ARENA_LIMIT_BYTES = 512 << 20 };

static void expect_sound(const struct bb_block *b) {
    BB_ASSERT(b->lane < BB_LANE_COUNT && b->count <= BB_BLOCK_MAX_COUNT);
    for (uint32_t i = 0; i < b->count; i++)
        BB_ASSERT((uint64_t)b->attribute[i] < b->attributes.count);
    for (uint32_t i = 0; i < b->attributes.count; i++) {
        const struct bb_attribute *a = &b->attributes.items[i];
        BB_ASSERT(a->unit < BB_UNIT_COUNT && a->exponent >= BB_DECIMAL_MIN_EXPONENT &&
                  a->exponent <= BB_DECIMAL_MAX_EXPONENT);
        BB_ASSERT(a->quality.state < BB_STATE_COUNT && a->quality.method < BB_METHOD_COUNT);
    }
}

static void expect_same(const struct bb_block *a, const struct bb_block *b) {
    const int64_t *x[] = {a->end_ms,      a->mantissa,  a->attribute, a->recorded_ms,
                          a->received_ms, a->issued_ms, a->origin,    a->rivals};
    const int64_t *y[] = {b->end_ms,      b->mantissa,  b->attribute, b->recorded_ms,
                          b->received_ms, b->issued_ms, b->origin,    b->rivals};

    BB_ASSERT(a->lane == b->lane && a->count == b->count && a->finding_count == b->finding_count);
    BB_ASSERT(a->attributes.count == b->attributes.count);
    for (int i = 0; i < 8; i++)
        BB_ASSERT(a->count == 0 || memcmp(x[i], y[i], a->count * sizeof(int64_t)) == 0);
    BB_ASSERT(a->attributes.count == 0 ||
              memcmp(a->attributes.items, b->attributes.items,
                     a->attributes.count * sizeof a->attributes.items[0]) == 0);
    for (uint32_t i = 0; i < a->finding_count; i++)
        BB_ASSERT(a->findings[i].at_ms == b->findings[i].at_ms &&
                  a->findings[i].from_ms == b->findings[i].from_ms &&
                  a->findings[i].to_ms == b->findings[i].to_ms &&
                  a->findings[i].check == b->findings[i].check &&
                  a->findings[i].hard == b->findings[i].hard);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bb_arena arena;
    struct bb_block block, back;
    struct bb_error error;
    struct bb_buffer out;
    uint32_t crc = bb_crc32c(0, data, size);
    char *sealed = malloc(size + sizeof crc);

    BB_ASSERT(sealed);
    if (size > 0)
        memcpy(sealed, data, size);
    memcpy(sealed + size, &crc, sizeof crc);
    bb_arena_init(&arena, 64 << 10, ARENA_LIMIT_BYTES);
    bb_buffer_init(&out, ARENA_LIMIT_BYTES);
    int result = bb_block_unpack((struct bb_span){sealed, size + sizeof crc}, &arena, &block,
                                 &error);
    BB_ASSERT(result == 0 || result == -BB_E_BLOCK_CORRUPT || result == -BB_E_VERSION ||
              result == -BB_E_NO_MEMORY);
    if (result == 0 && block.count <= 1 << 16) {
        expect_sound(&block);
        BB_ASSERT(bb_block_pack(&block, &arena, &out, &error) == 0);
        BB_ASSERT(bb_block_unpack(bb_buffer_span(&out), &arena, &back, &error) == 0);
        expect_same(&block, &back);
    }
    bb_buffer_release(&out);
    bb_arena_release(&arena);
    free(sealed);
    return 0;
}
