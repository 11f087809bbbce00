/* Cases that a rule's author writes down: given these values, expect that. And what every rule has to bear.
 *
 *   rule: far_values              # of a module with several
 *   parameters: {k: 8}
 *   cases:
 *     - name: a spike is flagged
 *       start: 2026-03-01T00:00:00Z   # of the first interval; default 2026-01-01T00:00:00Z
 *       interval: 15m                 # default 15m
 *       zone: Europe/Amsterdam        # default UTC
 *       past:   [[0.1, 672]]          # what was before; [value, times], or values; ~ is none
 *       given:  [0.1, 9.0, ~]
 *       others: {export: [[0, 675]]}  # of each of past and given, one for all of them, or [] (there is none)
 *       side:   {temperature: 4.5}    # the same; without it what the file says
 *       expect: [~, flag, {estimate: 0.1}]   # ~ nothing; flag; {correct: 3}; {estimate: 0.1}
 */
#ifndef BB_SERVICE_RULES_CASE_H
#define BB_SERVICE_RULES_CASE_H

#include "service/rules_bounds.h"
#include "service/rules_module.h"

enum { BB_CASE_NAME_MAX = 96, BB_CASE_REASON_MAX = 1024 };

struct bb_case_outcome {
    char name[BB_CASE_NAME_MAX];
    bool passed;
    char reason[BB_CASE_REASON_MAX]; /* of one that failed */
};

typedef void bb_case_visit(void *context, const struct bb_case_outcome *outcome);

/* Where cases stand: in a file, or in a text. */
struct bb_rules_cases {
    const char *path;              /* NULL: none is opened, */
    struct bb_span text;           /* and this is it */
    struct bb_rules_bounds bounds; /* none is begun when they are over */
};

/* The cases, about a rule of the module. -BB_E_RULE_CASES: they are not as above, with their line; -BB_E_RULE_SLOW. */
int bb_rules_cases_run(const struct bb_rules_module *module, const struct bb_rules_cases *cases,
                       bb_case_visit *visit, void *context, struct bb_error *error) BB_MUST_USE;
/* Before a rule is deployed: one that fails refuses, unless it is forced. `visit` may be NULL. -BB_E_RULE_CASE_FAILED and
 * those above. */
int bb_rules_cases_allow(const struct bb_rules_module *module, const struct bb_rules_cases *cases,
                         bool force, bb_case_visit *visit, void *context, struct bb_error *error)
    BB_MUST_USE;
/* What every rule has to bear: no value known, one value, a day of 23 and of 25 hours, nothing known or nothing at all
 * beside its channel; the same answer twice, also when its process is ended in the middle of a batch, and of a window alone as
 * among others. */
int bb_rules_bears(const struct bb_rules_module *module, const struct bb_rule *rule,
                   bb_case_visit *visit, void *context, struct bb_error *error) BB_MUST_USE;

#endif
