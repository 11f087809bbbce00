/* The host of a plant's rules: answers what plans ask (derive/rule.h) by running customers' code behind the port
 * "rules".
 *
 *   ask ─► windows as columns ─► the module's process, loaded when first needed ─► verdicts ─► sayings
 *
 * The same ask has the same answer: the clock stands at the end of each window, random numbers come from the channel. What a
 * rule may not say, and what it says that is not so, becomes a failure of its window; so does a window on which it raises,
 * hangs or dies. Nothing else is lost by it.
 *
 * What it costs is counted by rule (rule_cost.h). Interpreters start with the first ask. Any thread; one ask at a time.
 */
#ifndef BB_SERVICE_RULES_HOST_H
#define BB_SERVICE_RULES_HOST_H

#include "derive/saying.h"
#include "model/master.h"
#include "service/config.h"

struct bb_rule_ask; /* derive/rule.h */

struct bb_rule_question {
    struct bb_span tenant, usage_point, channel;
    const struct bb_rule_ask *ask;
    const struct bb_master_usage_point *about; /* NULL: nothing is known of the usage point */
};

/* Sayings ascending by time, in the arena. -BB_E_RULES_HOST, -BB_E_RULES_NO_CAGE: rules cannot be run here. */
typedef int bb_rule_judge(void *context, const struct bb_rule_question *question,
                          struct bb_arena *arena, struct bb_sayings *out, struct bb_error *error);

struct bb_rules_host;

/* Nothing is started yet; the config outlives the host. NULL when memory is out. */
struct bb_rules_host *bb_rules_host_open(const struct bb_config *config);
void bb_rules_host_close(struct bb_rules_host *host);
bb_rule_judge bb_rules_host_judge; /* context: the host */

#endif
