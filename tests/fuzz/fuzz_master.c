/* Packed master data from anywhere: it decodes or is refused, and what decodes comes back whole when
 * it is encoded again. */
#include <stddef.h>
#include <stdint.h>

#include "support/master_random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bb_master master, again;
    struct bb_error error;
    struct bb_arena arena;
    struct bb_buffer bytes;

    bb_arena_init(&arena, 4096, 8 << 20);
    bb_buffer_init(&bytes, 8 << 20);
    if (bb_master_decode((struct bb_span){(const char *)data, size}, &arena, &master, &error) ==
        0) {
        BB_ASSERT(bb_master_encode(&master, &bytes, &error) == 0);
        BB_ASSERT(bb_master_decode(bb_buffer_span(&bytes), &arena, &again, &error) == 0);
        BB_ASSERT(master_difference(&master, &again) == NULL);
    }
    bb_buffer_release(&bytes);
    bb_arena_release(&arena);
    return 0;
}
