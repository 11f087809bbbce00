/* Deploying customers' rules: the rules of a tenant as they are, into what they become. Pure.
 *
 *   entry (model/master.h) + module + what is asked ─► entry with one version more, or one less
 *
 * A version that is deployed stands before those that were there (model/rule_version.h says what that means), so that
 * to roll back is to take it away again. A canary, deployed to a share of the usage points, stands before the version
 * that goes on for the others; when its version is deployed to all of them from no later than it began, it goes.
 * Nothing here is copied: what comes out borrows from what went in. */
#ifndef BB_SERVICE_RULES_DEPLOY_H
#define BB_SERVICE_RULES_DEPLOY_H

#include "base/arena.h"
#include "model/master.h"
#include "port/registry.h"
#include "service/rules_module.h"

enum { BB_DEPLOY_VERSIONS_MAX = 16, BB_DEPLOY_RULES_MAX = 100 };

struct bb_deploy {
    const struct bb_rules_module *module;
    const struct bb_rule *rule;
    struct bb_span name;        /* where it is deployed; empty: as the function is called */
    struct bb_span parameters;  /* JSON object; empty: as the rule says */
    struct bb_span environment; /* bb_rules_environment_hash */
    struct bb_span by, reason;
    struct bb_span before; /* the rule that it is to stand before; empty: where it is, else last */
    int64_t now_ms;
    int64_t from_ms; /* BB_TIME_NONE: from now on */
    uint32_t share;  /* thousandths of the usage points */
};

enum bb_deploy_outcome {
    BB_DEPLOY_DONE = 0,
    BB_DEPLOY_SAME = 1 /* it speaks already, of all that is asked: nothing is to be done */
};

/* enum bb_deploy_outcome; *out is the entry as it becomes, in both cases, `current` may be without rules.
 * -BB_E_RULE_LANE, -BB_E_RULE_PARAMETERS, -BB_E_RULE_UNKNOWN (before), -BB_E_USAGE. */
int bb_rules_deploy(const struct bb_master_rules *current, const struct bb_deploy *asked,
                    struct bb_arena *arena, struct bb_master_rules *out, struct bb_error *error)
    BB_MUST_USE;
/* Without the version that was deployed last; a rule that has no other goes. -BB_E_RULE_UNKNOWN. */
int bb_rules_rollback(const struct bb_master_rules *current, struct bb_span name,
                      struct bb_arena *arena, struct bb_master_rules *out, struct bb_error *error)
    BB_MUST_USE;

/* The entry of a tenant as it stands; one without rules when there is none. */
int bb_rules_standing(struct bb_registry *registry, struct bb_span tenant, int64_t as_of_ms,
                      struct bb_arena *arena, struct bb_master_rules *out, struct bb_error *error)
    BB_MUST_USE;
/* NULL: there is none. */
const struct bb_master_rule *bb_rules_find(const struct bb_master_rules *rules,
                                           struct bb_span name);
bool bb_rules_equal(const struct bb_master_rules *a, const struct bb_master_rules *b);

#endif
