/* Estimators: each is one file with one row in bb_estimators (estimate.c), tried in that order.
 *
 * An estimator fills the missing intervals between two usable points, or declines. Only values that
 * were told are its ends, never other estimates. Results are in the derived unit, at
 * bb_derived_exponent of the ends.
 */
#ifndef BB_DERIVE_ESTIMATE_H
#define BB_DERIVE_ESTIMATE_H

#include "derive/point.h"

enum { BB_LOOK_AHEAD_DAYS = 7 }; /* the longest gap whose intervals get rows */

struct bb_gap {
    const struct bb_channel *channel;
    struct bb_decimal before, after; /* the values at its ends, in the derived unit */
    int64_t from_ms, to_ms;          /* (from, to] */
    size_t intervals;                /* missing ones, each (to - from) / intervals long */
};

struct bb_estimator_row {
    enum bb_method method;
    /* Fill values[0..intervals); false: not this one. `parameter` is the step's. */
    bool (*fill)(const struct bb_gap *gap, const int64_t *parameter, struct bb_decimal *values);
};
extern const struct bb_estimator_row bb_estimators[];
extern const size_t bb_estimator_count;

/* The first estimator of the pipeline that fills the gap; BB_METHOD_NONE when none does. */
enum bb_method bb_estimate(const struct bb_gap *gap, struct bb_decimal *values);

bool bb_estimate_linear(const struct bb_gap *gap, const int64_t *parameter,
                        struct bb_decimal *values);

#endif
