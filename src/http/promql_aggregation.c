/* The aggregations: see promql_aggregation.h. */
#include "http/promql_aggregation.h"

static const struct bb_promql_aggregation rows[] = {
    {"sum", &bb_promql_fold_sum}, {"avg", &bb_promql_fold_avg},     {"min", &bb_promql_fold_min},
    {"max", &bb_promql_fold_max}, {"count", &bb_promql_fold_count},
};

static const char *const foreign[] = {"topk",         "bottomk", "quantile", "stddev",     "stdvar",
                                      "count_values", "group",   "limitk",   "limit_ratio"};

const struct bb_promql_aggregation *bb_promql_aggregation_find(struct bb_span name) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (bb_span_equal_nocase(name, bb_span_of(rows[i].name)))
            return &rows[i];
    return NULL;
}

bool bb_promql_aggregation_is_foreign(struct bb_span name) {
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (bb_span_equal_nocase(name, bb_span_of(foreign[i])))
            return true;
    return false;
}
