/* The aggregations across series. Adding one is a row in promql_aggregation.c. */
#ifndef BB_HTTP_PROMQL_AGGREGATION_H
#define BB_HTTP_PROMQL_AGGREGATION_H

#include "http/promql_fold.h"

struct bb_promql_aggregation {
    const char *name;
    const struct bb_promql_fold *fold;
};

/* By name, case ignored; NULL when there is none. */
const struct bb_promql_aggregation *bb_promql_aggregation_find(struct bb_span name);
/* Is it one of PromQL that busbar does not have? */
bool bb_promql_aggregation_is_foreign(struct bb_span name);

#endif
