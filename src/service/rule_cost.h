/* What deployed rules cost, by tenant and rule, since the server was started: counted where they run, workers and server
 * alike, in the counters that these share (metric.h).
 *
 * There is room for BB_METRIC_RULES rules; what others cost is counted together. Seconds are those that processors spent
 * on the rule's process, as the kernel says. Any thread. */
#ifndef BB_SERVICE_RULE_COST_H
#define BB_SERVICE_RULE_COST_H

#include "base/span.h"
#include "service/metric.h"

struct bb_rule_cost {
    uint64_t windows, points, failures, nanoseconds;
};

void bb_rule_cost_add(struct bb_span tenant, struct bb_span rule, const struct bb_rule_cost *cost);
/* Zeros when it has not run. */
void bb_rule_cost_get(struct bb_span tenant, struct bb_span rule, struct bb_rule_cost *out);

/* All that were counted by name, each once, in no order; at last the others together, under empty names. */
typedef void bb_rule_cost_visit(void *context, struct bb_span tenant, struct bb_span rule,
                                const struct bb_rule_cost *cost);
void bb_rule_cost_each(bb_rule_cost_visit *visit, void *context);

#endif
