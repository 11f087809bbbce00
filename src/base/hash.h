/* Hashes: xxh3 for tables, partitions and content. Stable across machines and releases. */
#ifndef BB_BASE_HASH_H
#define BB_BASE_HASH_H

#include "base/span.h"

#define XXH_INLINE_ALL
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <xxhash.h>
#pragma GCC diagnostic pop

static inline uint64_t bb_hash(struct bb_span s) {
    return XXH3_64bits(s.data, s.size);
}

static inline uint64_t bb_hash_seeded(struct bb_span s, uint64_t seed) {
    return XXH3_64bits_withSeed(s.data, s.size, seed);
}

/* A finaliser for integers (the 64-bit mix of MurmurHash3). */
static inline uint64_t bb_hash_mix(uint64_t v) {
    v ^= v >> 33;
    v *= 0xff51afd7ed558ccdULL;
    v ^= v >> 33;
    v *= 0xc4ceb9fe1a85ec53ULL;
    return v ^ (v >> 33);
}

/* 128 bits that name a content: a file is known by them. */
struct bb_content_hash {
    uint64_t low, high;
};

#endif
