/* Short texts, compared and read as words of eight bytes: a call of memcmp costs more than the
 * whole comparison of a meter's name. Nothing here reads past the texts it is given. */
#ifndef BB_CODEC_BYTES_INTERNAL_H
#define BB_CODEC_BYTES_INTERNAL_H

#include "base/span.h"

static inline uint64_t bb_load_word(const char *at) {
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static inline uint32_t bb_load_half(const char *at) {
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

__attribute__((always_inline)) static inline bool bb_bytes_equal(const char *a, const char *b,
                                                                 size_t size) {
    if (size >= 8) {
        for (size_t i = 0; i + 8 < size; i += 8)
            if (bb_load_word(a + i) != bb_load_word(b + i))
                return false;
        return bb_load_word(a + size - 8) == bb_load_word(b + size - 8);
    }
    if (size >= 4)
        return bb_load_half(a) == bb_load_half(b) &&
               bb_load_half(a + size - 4) == bb_load_half(b + size - 4);
    return size == 0 || (a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1]);
}

#endif
