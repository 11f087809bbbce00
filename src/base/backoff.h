/* How long to wait before the next try: base · 2^(failures - 1), never more than the cap, and of that a random part between
 * a half and the whole, so that those who failed together do not come back together. */
#ifndef BB_BASE_BACKOFF_H
#define BB_BASE_BACKOFF_H

#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"

/* Processes that began together do not wait alike. */
static inline void bb_backoff_seed(struct bb_random *random) {
    bb_random_seed(random, (uint64_t)bb_monotonic_ns() ^ (uint64_t)getpid() << 32);
}

static inline int64_t bb_backoff_ms(uint32_t failures, int64_t base_ms, int64_t cap_ms,
                                    struct bb_random *random) {
    int64_t wait_ms = base_ms;

    for (uint32_t i = 1; i < failures && wait_ms < cap_ms; i++)
        wait_ms *= 2;
    if (wait_ms > cap_ms)
        wait_ms = cap_ms;
    return wait_ms / 2 + (int64_t)bb_random_below(random, (uint64_t)(wait_ms / 2 + 1));
}

#endif
