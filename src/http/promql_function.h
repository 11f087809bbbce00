/* The functions of a range: a window of one series' samples to one number.
 *
 *   samples      x     x     x     x     x            of a series with times ascending
 *                   (-----------------]
 *                from_ms            to_ms             open on the left, as in Prometheus 3
 *
 * Adding a function is a row in promql_function.c. Pure.
 *
 * rate and increase depend on what the series is (model/kind.h):
 *   register   a counter: what Prometheus does. A fall is a start from zero, the ends of the
 *              window are extrapolated to, by at most half a distance of readings where none is near.
 *              (Rollovers of a register's dials are thus undercounted by the part before them; the
 *              derived lanes know the dials.)
 *   interval   amounts, each spread evenly over its interval: increase is the amount that fell into
 *              the window, edges by their share, and extrapolates nothing: neighbouring windows add
 *              up. rate is that amount per second of the known part of the window: a missing
 *              interval lowers an increase, but not a rate. Any range has an answer, be it shorter
 *              than an interval.
 *   others     have neither: they are left out and the answer says so.
 */
#ifndef BB_HTTP_PROMQL_FUNCTION_H
#define BB_HTTP_PROMQL_FUNCTION_H

#include "http/promql_fold.h"

struct bb_promql_window {
    /* interval series in rate and increase: the intervals that overlap (from_ms, to_ms];
     * all others: the samples with a time in it. None is missing. */
    const int64_t *time_ms;
    const int64_t *start_ms; /* interval series: where each begins; NULL for others */
    const double *value;
    size_t count; /* at least 1 */
    int64_t from_ms, to_ms;
};

struct bb_promql_function {
    const char *name;
    const struct bb_promql_fold *fold; /* what it does to the values, or NULL and: */
    /* False: the window says nothing. */
    bool (*apply)(const struct bb_promql_window *window, double *out);
    bool of_amounts; /* needs a register or interval series, and of the latter what overlaps */
    bool keeps_name; /* the answer is still the metric */
};

/* By name; NULL when there is none. */
const struct bb_promql_function *bb_promql_function_find(struct bb_span name);
/* Is it one of PromQL that busbar does not have? */
bool bb_promql_function_is_foreign(struct bb_span name);
/* The name nearest to what was typed, or NULL. */
const char *bb_promql_function_nearest(struct bb_span typed);

#endif
