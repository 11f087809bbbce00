/* Seeds of random suites: a few in every run, many in a soak, one when a failure is looked into.
 *
 *   BUSBAR_SOAK=1   the long run          BUSBAR_SEED=17   this seed alone
 *
 * A failure message ends in SEED_LINE: the seed and the command that runs it again. Everything
 * random of a suite comes from the seed, so that it fails again.
 */
#ifndef BB_TESTS_SUPPORT_SEEDS_H
#define BB_TESTS_SUPPORT_SEEDS_H

#include <stdint.h>
#include <stdlib.h>

struct seeds {
    uint64_t first, end; /* [first, end) */
};

static inline struct seeds seeds_of_run(uint64_t usual, uint64_t soak) {
    const char *one = getenv("BUSBAR_SEED"), *long_run = getenv("BUSBAR_SOAK");

    if (one && *one) {
        uint64_t seed = strtoull(one, NULL, 10);
        return (struct seeds){seed, seed + 1};
    }
    uint64_t count = long_run && *long_run && *long_run != '0' ? soak : usual;
    return (struct seeds){1, 1 + count};
}

/* For the end of a format: SEED_LINE("unit_derive", "plan/random_channels"), SEED_ARG(seed) */
#define SEED_LINE(binary, test)                                                                    \
    "\n  seed %llu; again: BUSBAR_SEED=%llu build/tests/" binary " --filter '" test "'"
#define SEED_ARG(seed) (unsigned long long)(seed), (unsigned long long)(seed)

#endif
