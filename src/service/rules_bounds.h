/* How long something may be tried. */
#ifndef BB_SERVICE_RULES_BOUNDS_H
#define BB_SERVICE_RULES_BOUNDS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"

struct bb_rules_bounds {
    int64_t until_ns;           /* monotonic; 0: however long it takes */
    const atomic_bool *give_up; /* NULL: nobody says so */
};

static inline bool bb_rules_bounds_any(const struct bb_rules_bounds *bounds) {
    return bounds->until_ns > 0 || bounds->give_up;
}

static inline bool bb_rules_bounds_over(const struct bb_rules_bounds *bounds) {
    return (bounds->give_up && atomic_load(bounds->give_up)) ||
           (bounds->until_ns > 0 && bb_monotonic_ns() > bounds->until_ns);
}

#endif
