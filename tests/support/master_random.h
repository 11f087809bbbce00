/* Master data for tests: entries drawn from a seeded generator, all of them valid, and a comparison
 * that looks at every member. */
#ifndef BB_TESTS_MASTER_RANDOM_H
#define BB_TESTS_MASTER_RANDOM_H

#include "base/random.h"
#include "model/master.h"

/* An entry of a random kind; texts and lists live in the arena. */
void random_master(struct bb_random *random, struct bb_arena *arena, struct bb_master *out);
/* A seed of the day from the environment (BUSBAR_SEED) or the clock, printed to stderr. */
uint64_t random_test_seed(const char *test);

/* NULL when equal, else the name of the first member that differs. */
const char *master_difference(const struct bb_master *a, const struct bb_master *b);

#endif
