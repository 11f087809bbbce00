/* Changes of rules on their way: see rules_proposal.h. */
#include "service/rules_proposal.h"

#include "service/master.h"

bool bb_rules_share_of(double number, uint32_t *share) {
    if (!(number >= 0.001 && number <= 1))
        return false;
    *share = (uint32_t)(number * BB_MASTER_SHARE_ALL + 0.5);
    return true;
}

static int stand(struct bb_rules_proposal *p, struct bb_error *error) {
    return bb_rules_standing(p->plant->registry, p->tenant, BB_TIME_NONE, p->arena, &p->current,
                             error);
}

int bb_rules_propose(struct bb_rules_proposal *p, struct bb_error *error) {
    int result = stand(p, error);

    if (!result)
        result = bb_rules_deploy(&p->current, &p->asked, p->arena, &p->next, error);
    if (result >= 0)
        p->outcome = (enum bb_deploy_outcome)result;
    return result < 0 ? result : 0;
}

int bb_rules_propose_rollback(struct bb_rules_proposal *p, struct bb_error *error) {
    int result = stand(p, error);

    p->outcome = BB_DEPLOY_DONE;
    return result ? result
                  : bb_rules_rollback(&p->current, p->asked.name, p->arena, &p->next, error);
}

static const struct bb_master_rule_version *first_of(const struct bb_master_rules *rules,
                                                     struct bb_span name) {
    const struct bb_master_rule *rule = bb_rules_find(rules, name);

    return rule && rule->version_count > 0 ? rule->versions : NULL;
}

const struct bb_master_rule_version *bb_rules_proposal_before(const struct bb_rules_proposal *p) {
    return first_of(&p->current, p->asked.name);
}

const struct bb_master_rule_version *bb_rules_proposal_after(const struct bb_rules_proposal *p) {
    return first_of(&p->next, p->asked.name);
}

int64_t bb_rules_proposal_looks_from(const struct bb_rules_proposal *p) {
    return p->asked.from_ms == BB_TIME_NONE ? p->asked.now_ms - BB_PREVIEW_DAYS * (int64_t)BB_DAY_MS
                                            : p->asked.from_ms;
}

int bb_rules_proposal_look(const struct bb_rules_proposal *p, const struct bb_rules_look *look,
                           bb_rules_diff_visit *visit, void *context, struct bb_rules_diff_sum *sum,
                           struct bb_error *error) {
    struct bb_deploy asked = p->asked;
    struct bb_master_rules looked;

    asked.from_ms = look->from_ms;
    int result = bb_rules_deploy(&p->current, &asked, p->arena, &looked, error);
    if (result < 0)
        return result;
    const struct bb_rules_diff diff = {.tenant = p->tenant,
                                       .name = asked.name,
                                       .before = &p->current,
                                       .after = &looked,
                                       .module = asked.module,
                                       .rule = asked.rule,
                                       .from_ms = look->from_ms,
                                       .to_ms = look->to_ms,
                                       .now_ms = asked.now_ms,
                                       .usage_point = look->usage_point,
                                       .bounds = look->bounds};
    return bb_rules_diff_run(p->plant, &diff, visit, context, sum, error);
}

int bb_rules_proposal_confirm(const struct bb_rules_proposal *p, struct bb_error *error) {
    struct bb_master_rules now;
    int result = bb_rules_standing(p->plant->registry, p->tenant, BB_TIME_NONE, p->arena, &now,
                                   error);

    if (!result && !bb_rules_equal(&now, &p->current))
        result = BB_FAIL(error, BB_E_RULES_CHANGED,
                         "the deployed rules were changed while this was shown: look again");
    return result;
}

int bb_rules_proposal_append(const struct bb_rules_proposal *p, struct bb_plant *plant,
                             struct bb_clock clock, struct bb_error *error) {
    const struct bb_master master = {.kind = BB_MASTER_RULES, .rules = p->next};

    return bb_master_append(plant, &master, 1, clock, error);
}
