/* PromQL: tree and source to answer, at one time or at the steps of a range.
 *
 *   steps      start, start + step, ... up to end
 *   answer     one column of numbers per series, with holes where there is nothing:
 *                {usage_point="A"}   1.5  1.5   .   2.0
 *                {usage_point="B"}    .   0.2  0.2  0.2
 *
 * Every part of the tree is worked out for all steps before the next one. Pure but for the source's
 * calls; memory is the arena's, whose limit is the query's. Series are in the order of their labels,
 * so that the same query has the same answer to the last digit.
 *
 * Errors: -BB_E_PROMQL_PARAMETER, -BB_E_PROMQL_LIMIT, -BB_E_PROMQL_MATCH, -BB_E_PROMQL_TIMEOUT and the
 * source's own.
 */
#ifndef BB_HTTP_PROMQL_EVAL_H
#define BB_HTTP_PROMQL_EVAL_H

#include "base/arena.h"
#include "http/promql_source.h"

enum {
    BB_PROMQL_STEPS_MAX = 11000, /* of an answer, as in Prometheus: (end - start) / step */
    BB_PROMQL_WARNINGS_MAX = 4,
};
/* Samples that a query may load and look at when its options do not say: about a second's work. */
#define BB_PROMQL_SAMPLES_DEFAULT UINT64_C(50000000)

struct bb_promql_options {
    int64_t start_ms, end_ms;
    int64_t step_ms;      /* 0: an instant query at start_ms = end_ms */
    int64_t lookback_ms;  /* 0: what fits the series */
    uint64_t samples_max; /* 0: BB_PROMQL_SAMPLES_DEFAULT */
};

/* A series of an answer: `count` points, point i at time_ms[i] or, without that, at step i. */
struct bb_promql_column {
    struct bb_promql_labels labels;
    size_t count;
    const int64_t *time_ms; /* NULL: the steps */
    double *value;
    uint8_t *has; /* 0: there is nothing at this point; NULL: all are there */
};

struct bb_promql_answer {
    enum bb_promql_type type; /* of a query over steps, how vectors and scalars are told is a matter
                                 of the writer: promql_json.h */
    struct bb_promql_column *columns; /* a scalar is one column without labels */
    size_t column_count;
    int64_t start_ms, step_ms;
    size_t step_count;
    const char *warnings[BB_PROMQL_WARNINGS_MAX];
    size_t warning_count;
};

/* `answer` lives in `arena`, and borrows from the tree. */
int bb_promql_eval(const struct bb_promql_node *root, const struct bb_promql_source *source,
                   const struct bb_promql_options *options, struct bb_arena *arena,
                   struct bb_promql_answer *answer, struct bb_error *error) BB_MUST_USE;

#endif
