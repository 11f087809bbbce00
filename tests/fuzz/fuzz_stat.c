/* Statistics of days under random bytes, with a checksum that fits: rows or an error. Rows that were read
 * come back through packing. */
#include <stdlib.h>

#include "base/crc.h"
#include "derive/stat.h"

enum { ARENA_LIMIT_BYTES = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bb_arena arena;
    struct bb_stat stat, back;
    struct bb_error error;
    struct bb_buffer out;
    uint32_t crc = bb_crc32c(0, data, size);
    char *sealed = malloc(size + sizeof crc);

    BB_ASSERT(sealed);
    if (size > 0)
        memcpy(sealed, data, size);
    for (size_t i = 0; i < sizeof crc; i++)
        sealed[size + i] = (char)(crc >> (8 * i));
    bb_arena_init(&arena, 64 << 10, ARENA_LIMIT_BYTES);
    bb_buffer_init(&out, ARENA_LIMIT_BYTES);
    int result = bb_stat_unpack((struct bb_span){sealed, size + sizeof crc}, &arena, &stat, &error);
    BB_ASSERT(result == 0 || result == -BB_E_BLOCK_CORRUPT || result == -BB_E_VERSION ||
              result == -BB_E_NO_MEMORY);
    if (result == 0) {
        BB_ASSERT(bb_stat_pack(stat.days, stat.count, &arena, &out, &error) == 0);
        BB_ASSERT(bb_stat_unpack(bb_buffer_span(&out), &arena, &back, &error) == 0);
        BB_ASSERT(back.count == stat.count);
        for (size_t i = 0; i < stat.count; i++)
            BB_ASSERT(bb_stat_equal(&stat.days[i], &back.days[i]));
    }
    bb_buffer_release(&out);
    bb_arena_release(&arena);
    free(sealed);
    return 0;
}
