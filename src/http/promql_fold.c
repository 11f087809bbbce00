/* Many numbers to one: see promql_fold.h. */
#include "http/promql_fold.h"

#include <math.h>

static void add_sum(struct bb_promql_tally *tally, double value) {
    double sum = tally->sum + value;

    /* the digits of the smaller one that the sum has no place for; infinities have none */
    if (isinf(sum))
        tally->compensation = 0;
    else if (fabs(tally->sum) >= fabs(value))
        tally->compensation += (tally->sum - sum) + value;
    else
        tally->compensation += (value - sum) + tally->sum;
    tally->sum = sum;
    tally->count++;
}

/* NaN only when there is nothing else. */
static void add_min(struct bb_promql_tally *tally, double value) {
    if (tally->count++ == 0 || value < tally->extreme || isnan(tally->extreme))
        tally->extreme = value;
}

static void add_max(struct bb_promql_tally *tally, double value) {
    if (tally->count++ == 0 || value > tally->extreme || isnan(tally->extreme))
        tally->extreme = value;
}

static void add_count(struct bb_promql_tally *tally, double value) {
    (void)value;
    tally->count++;
}

static double finish_sum(const struct bb_promql_tally *tally) {
    return tally->sum + tally->compensation;
}

static double finish_avg(const struct bb_promql_tally *tally) {
    return finish_sum(tally) / (double)tally->count;
}

static double finish_extreme(const struct bb_promql_tally *tally) {
    return tally->extreme;
}

static double finish_count(const struct bb_promql_tally *tally) {
    return (double)tally->count;
}

const struct bb_promql_fold bb_promql_fold_sum = {add_sum, finish_sum};
const struct bb_promql_fold bb_promql_fold_avg = {add_sum, finish_avg};
const struct bb_promql_fold bb_promql_fold_min = {add_min, finish_extreme};
const struct bb_promql_fold bb_promql_fold_max = {add_max, finish_extreme};
const struct bb_promql_fold bb_promql_fold_count = {add_count, finish_count};
