/* Many numbers to one: what the aggregations do across series and *_over_time along one.
 *
 * Sums carry what rounding lost (Neumaier's compensation), so that a year of quarter-hours adds up
 * to what its meter says, in any order to nearly all digits. Pure. */
#ifndef BB_HTTP_PROMQL_FOLD_H
#define BB_HTTP_PROMQL_FOLD_H

#include "base/span.h"

struct bb_promql_tally {
    uint64_t count; /* 0: begins */
    double sum, compensation;
    double extreme;
};

struct bb_promql_fold {
    void (*add)(struct bb_promql_tally *tally, double value);
    double (*finish)(const struct bb_promql_tally *tally); /* of at least one value */
};

extern const struct bb_promql_fold bb_promql_fold_sum, bb_promql_fold_avg, bb_promql_fold_min,
    bb_promql_fold_max, bb_promql_fold_count;

#endif
