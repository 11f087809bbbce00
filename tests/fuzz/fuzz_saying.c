/* What rules said under random bytes, with a checksum that fits: sayings or an error. What was read
 * comes back through packing. */
#include <stdlib.h>

#include "base/crc.h"
#include "derive/saying.h"

enum { ARENA_LIMIT_BYTES = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bb_arena arena;
    struct bb_sayings said, back;
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
    int result = bb_sayings_unpack((struct bb_span){sealed, size + sizeof crc}, &arena, &said,
                                   &error);
    BB_ASSERT(result == 0 || result == -BB_E_BLOCK_CORRUPT || result == -BB_E_VERSION ||
              result == -BB_E_NO_MEMORY);
    if (result == 0) {
        BB_ASSERT(bb_sayings_pack(said.items, said.count, &arena, &out, &error) == 0);
        BB_ASSERT(bb_sayings_unpack(bb_buffer_span(&out), &arena, &back, &error) == 0);
        BB_ASSERT(back.count == said.count);
        for (size_t i = 0; i < said.count; i++)
            BB_ASSERT(said.items[i].at_ms == back.items[i].at_ms &&
                      bb_span_equal(said.items[i].reason, back.items[i].reason));
    }
    bb_buffer_release(&out);
    bb_arena_release(&arena);
    free(sealed);
    return 0;
}
