/* Deployed rules, back-tests and what deployments change, as JSON: for `rules --json` and /v1/rules. */
#ifndef BB_ANSWER_RULES_JSON_H
#define BB_ANSWER_RULES_JSON_H

#include "base/json_write.h"
#include "model/master.h"
#include "service/rule_cost.h"
#include "service/rules_backtest.h"
#include "service/rules_diff.h"

/* "nothing", "flag", ... */
const char *bb_rules_verdict_name(enum bb_rules_verdict verdict);
/* "raised", "took too long", ... */
const char *bb_rules_failure_name(enum bb_rules_failure_kind kind);

/* A version of a rule, as one object without nesting but for its parameters: what lists have. */
void bb_rules_put_deployed(struct bb_json *json, const struct bb_master_rules *rules,
                           const struct bb_master_rule *rule,
                           const struct bb_master_rule_version *version);
/* A rule of a module as its author states it: members of an object. */
void bb_rules_put_stated(struct bb_json *json, const struct bb_rule *rule);

/* An object. */
void bb_rules_put_cost(struct bb_json *json, const struct bb_rule_cost *cost);

void bb_rules_put_backtest_row(struct bb_json *json, const struct bb_backtest_row *row);
/* Members of an object. */
void bb_rules_put_backtest_sum(struct bb_json *json, const struct bb_backtest_sum *sum);

void bb_rules_put_diff_row(struct bb_json *json, const struct bb_rules_diff_row *row);
/* Members of an object. */
void bb_rules_put_diff_sum(struct bb_json *json, const struct bb_rules_diff_sum *sum);

#endif
