/* How long to wait before the next try: base · 2^(failures - 1), never more than the cap, and of that a random part between
 * a half and the whole, so that those who failed together do not come back together. */
#ifndef BB_BASE_BACKOFF_H
#define BB_BASE_BACKOFF_H

#include "base/random.h"

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
