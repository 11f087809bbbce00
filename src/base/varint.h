/* Variable-length integers: 7 bits a byte, low bits first, at most 10 bytes; signed by zigzag.
 *
 * Writers need BB_VARINT_MAX bytes of room. Readers are bounded by a cursor; past its end, or on a
 * varint that is too long, `failed` is set for good and zeros are returned, so that a decoder
 * checks once.
 */
#ifndef BB_BASE_VARINT_H
#define BB_BASE_VARINT_H

#include "base/span.h"

enum { BB_VARINT_MAX = 10 };

static inline uint64_t bb_zigzag(int64_t v) {
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}
static inline int64_t bb_unzigzag(uint64_t v) {
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static inline uint8_t *bb_varint_put(uint8_t *at, uint64_t v) {
    while (v >= 0x80) {
        *at++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *at++ = (uint8_t)v;
    return at;
}

static inline size_t bb_varint_size(uint64_t v) {
    return v ? (size_t)(70 - __builtin_clzll(v)) / 7 : 1;
}

struct bb_cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct bb_cursor bb_cursor_over(struct bb_span s) {
    const uint8_t *at = (const uint8_t *)s.data;
    return (struct bb_cursor){at, s.size ? at + s.size : at, false}; /* NULL + 0 is undefined */
}

static inline size_t bb_cursor_left(const struct bb_cursor *c) {
    return (size_t)(c->end - c->at);
}

static inline uint64_t bb_cursor_varint(struct bb_cursor *c) {
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64 && c->at < c->end; shift += 7) {
        uint8_t byte = *c->at++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return v;
    }
    c->failed = true;
    return 0;
}

static inline int64_t bb_cursor_zigzag(struct bb_cursor *c) {
    return bb_unzigzag(bb_cursor_varint(c));
}

/* `size` borrowed bytes. */
static inline struct bb_span bb_cursor_bytes(struct bb_cursor *c, size_t size) {
    if (c->failed || bb_cursor_left(c) < size) {
        c->failed = true;
        return (struct bb_span){NULL, 0};
    }
    struct bb_span s = {(const char *)c->at, size};
    c->at += size;
    return s;
}

static inline uint8_t bb_cursor_byte(struct bb_cursor *c) {
    struct bb_span s = bb_cursor_bytes(c, 1);
    return s.size ? (uint8_t)s.data[0] : 0;
}

/* A length-prefixed text. */
static inline struct bb_span bb_cursor_text(struct bb_cursor *c) {
    uint64_t size = bb_cursor_varint(c);
    if (size > bb_cursor_left(c)) {
        c->failed = true;
        return (struct bb_span){NULL, 0};
    }
    return bb_cursor_bytes(c, (size_t)size);
}

#endif
