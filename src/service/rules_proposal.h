/* A change of a tenant's rules on its way: what the command line and the server do alike.
 *
 *   entry that stands + what is asked ─► entry as it becomes ─► what that changes on stored values ─► yes?
 *                                                  └──► is the entry still the one that was looked at? ─► log
 *
 * Who asks, shows and waits is the caller's, and so is the registry's turn (registry_turn.h), under which the last two
 * steps stand. One thread. */
#ifndef BB_SERVICE_RULES_PROPOSAL_H
#define BB_SERVICE_RULES_PROPOSAL_H

#include "base/clock.h"
#include "service/plant.h"
#include "service/rules_deploy.h"
#include "service/rules_diff.h"

enum { BB_PREVIEW_DAYS = 7 /* that are looked at when it is to speak from now on */ };

struct bb_rules_proposal {
    struct bb_plant *plant;
    struct bb_span tenant;
    struct bb_arena *arena;
    struct bb_deploy asked; /* of a rollback its name alone */
    /* of bb_rules_propose: */
    struct bb_master_rules current, next;
    enum bb_deploy_outcome outcome;
};

/* The share that is asked for as a number from 0.001 to 1; false: it is none. */
bool bb_rules_share_of(double number, uint32_t *share) BB_MUST_USE;

/* From `asked` to `next`; the errors of rules_deploy.h. */
int bb_rules_propose(struct bb_rules_proposal *proposal, struct bb_error *error) BB_MUST_USE;
int bb_rules_propose_rollback(struct bb_rules_proposal *proposal, struct bb_error *error)
    BB_MUST_USE;
/* The version that speaks before and behind it; NULL: none. */
const struct bb_master_rule_version *bb_rules_proposal_before(const struct bb_rules_proposal *p);
const struct bb_master_rule_version *bb_rules_proposal_after(const struct bb_rules_proposal *p);

/* What it changes. From now on nothing is stored yet: then the last days are looked at, as if it had been there. */
struct bb_rules_look {
    int64_t from_ms;            /* rules_proposal_looks_from */
    int64_t to_ms;              /* BB_TIME_NONE: no bound */
    struct bb_span usage_point; /* empty: all */
    struct bb_rules_bounds bounds;
};
int64_t bb_rules_proposal_looks_from(const struct bb_rules_proposal *proposal);
int bb_rules_proposal_look(const struct bb_rules_proposal *proposal,
                           const struct bb_rules_look *look, bb_rules_diff_visit *visit,
                           void *context, struct bb_rules_diff_sum *sum, struct bb_error *error)
    BB_MUST_USE;

/* -BB_E_RULES_CHANGED: somebody else has changed the entry since. */
int bb_rules_proposal_confirm(const struct bb_rules_proposal *proposal, struct bb_error *error)
    BB_MUST_USE;
/* Into the log of a plant that is open for appending. */
int bb_rules_proposal_append(const struct bb_rules_proposal *proposal, struct bb_plant *plant,
                             struct bb_clock clock, struct bb_error *error) BB_MUST_USE;

#endif
