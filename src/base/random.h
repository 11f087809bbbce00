/* A small seeded generator (xoshiro256**, seeded by splitmix64): same seed, same numbers, for
 * ever and on every machine. For generated plants and tests, never for secrets. */
#ifndef BB_BASE_RANDOM_H
#define BB_BASE_RANDOM_H

#include <stdint.h>

struct bb_random {
    uint64_t s[4];
};

static inline uint64_t bb_random_splitmix(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static inline void bb_random_seed(struct bb_random *r, uint64_t seed) {
    for (int i = 0; i < 4; i++)
        r->s[i] = bb_random_splitmix(&seed);
}

static inline uint64_t bb_random_next(struct bb_random *r) {
    uint64_t *s = r->s, x = s[1] * 5;
    uint64_t result = ((x << 7) | (x >> 57)) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

/* Evenly in [0, bound); bound > 0. */
static inline uint64_t bb_random_below(struct bb_random *r, uint64_t bound) {
    return (uint64_t)(((unsigned __int128)bb_random_next(r) * bound) >> 64);
}

/* Evenly in [0, 1). */
static inline double bb_random_unit(struct bb_random *r) {
    return (double)(bb_random_next(r) >> 11) * 0x1.0p-53;
}

#endif
