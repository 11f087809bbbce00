/* Variable-length numbers in place: seven bits a byte, low ones first, at most ten bytes; as base/varint.h,
 * but over plain pointers, because they stay in registers. */
#ifndef BB_CODEC_AVRO_VARINT_INTERNAL_H
#define BB_CODEC_AVRO_VARINT_INTERNAL_H

#include "base/varint.h"

enum { BB_AVRO_VARINT_MAX = 10 };

/* Behind it; NULL: it does not end before `end`, or has more than 64 bits. */
static inline const char *bb_avro_varint(const char *at, const char *end, uint64_t *value) {
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
        uint64_t byte = (unsigned char)*at++;
        if (shift == 63 && byte > 1)
            return NULL;
        v |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = v;
            return at;
        }
    }
    return NULL;
}

#endif
