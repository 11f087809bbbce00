/* Where PromQL's samples come from: what a source owes the evaluator.
 *
 *   evaluator ── select(what) ──► source ── visit(series) ── visit(series) ── ... ──► evaluator
 *
 * A source offers series one after the other; what a visit is given may be overwritten after it
 * returns, so that a source needs the memory of one series and a query that of its answer.
 *
 * How far before the first time samples are needed depends on the series, since a value of an hour
 * holds longer than one of a quarter-hour: bb_promql_reach_ms tells. The rule of look-back:
 *
 *   A series shows at time t its newest sample of (t - look-back, t]. Look-back is what the query
 *   says; else the longest distance of two neighbouring samples when none is missing, once for
 *   interval series, twice for registers and gauges, and 5 minutes at least.
 *
 * Once is enough for intervals since they abut: (t - 15m, t] always holds one end of a quarter-hour,
 * and when it does not, the value is missing and shows as a gap. Registers and gauges are read
 * around a time, not at it. A sample that is known to be missing ends look-back at once.
 */
#ifndef BB_HTTP_PROMQL_SOURCE_H
#define BB_HTTP_PROMQL_SOURCE_H

#include "http/promql_matcher.h"
#include "model/kind.h"

/* One series; every pointer is the source's. */
struct bb_promql_series {
    struct bb_promql_labels labels;
    enum bb_kind kind;
    /* The longest distance of two neighbours when none is missing: the length of the intervals (25h
     * for local days, 31d for months), the usual distance of readings. 0: unknown. */
    int64_t interval_ms;
    size_t count;
    const int64_t *time_ms;  /* ascending; of an interval its end */
    const int64_t *start_ms; /* interval series: where each begins, not before the end of the one
                                before; NULL for others */
    const double *value;     /* NaN: known to be missing */
};

/* What to select. `selector` is that of the query (its range and offset are accounted for here). */
struct bb_promql_fetch {
    const struct bb_promql_selector *selector;
    int64_t first_ms, last_ms; /* the samples of these times and between, */
    int64_t range_ms;          /* and of so long before first_ms when more than 0, else */
    int64_t lookback_ms;       /* when more than 0, else see bb_promql_reach_ms */
};

/* Samples of a series are needed from after first_ms - this to last_ms; of an interval series every
 * interval that overlaps (first_ms - this, last_ms], even when it ends later. More may be offered. */
int64_t bb_promql_reach_ms(const struct bb_promql_fetch *fetch, enum bb_kind kind,
                           int64_t interval_ms);

/* 0, or negative: stop and return it. */
typedef int bb_promql_visit(void *visitor, const struct bb_promql_series *series,
                            struct bb_error *error);

struct bb_promql_source {
    void *context;
    /* Visit every series that the selector accepts (bb_promql_selector_accepts), in any order, each
     * set of labels once. Series without samples there may be left out. Errors: negative, those of
     * the visit unchanged. */
    int (*select)(void *context, const struct bb_promql_fetch *fetch, bb_promql_visit *visit,
                  void *visitor, struct bb_error *error);
    /* Is the query's time over? NULL: never. Asked for every series and window: cheap. */
    bool (*is_over)(void *context);
};

#endif
