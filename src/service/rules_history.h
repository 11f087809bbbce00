/* What was ever done to a tenant's rules: what was deployed, and what was rolled back, by whom, when and why.
 *
 *   entry as recorded last ─┐
 *   entry before it        ─┴─► their difference, by rule: the newest first
 *   ...
 *
 * Who deployed stands in the version; who rolled back stands in the audit log alone, and is told where that has it. */
#ifndef BB_SERVICE_RULES_HISTORY_H
#define BB_SERVICE_RULES_HISTORY_H

#include "model/master.h"
#include "port/registry.h"

enum bb_rules_done { BB_RULES_DEPLOYED = 0, BB_RULES_ROLLED_BACK };
const char *bb_rules_done_name(enum bb_rules_done done); /* "deployed" */

struct bb_rules_change {
    int64_t at_ms;
    uint32_t number; /* of those at one time */
    enum bb_rules_done done;
    struct bb_span rule;
    const struct bb_master_rules *rules; /* that have the version below */
    const struct bb_master_rule *of;
    const struct bb_master_rule_version *version; /* that was deployed, or was taken away */
    const struct bb_master_rule_version *speaks;  /* since then; NULL: the rule is gone */
    struct bb_span by, reason;
};

/* Return 0 to go on, 1 to stop. What it is told lives until it returns. */
typedef int bb_rules_change_visit(void *context, const struct bb_rules_change *change);

/* Changes that were recorded by `until_ms` (BB_TIME_NONE: all), the newest first. */
int bb_rules_history(struct bb_registry *registry, struct bb_span tenant, int64_t until_ms,
                     bb_rules_change_visit *visit, void *context, struct bb_error *error)
    BB_MUST_USE;

#endif
