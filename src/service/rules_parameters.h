/* Parameters of a rule as people give them, held against what the rule tells of them. Pure.
 *
 * The same values have the same text, whatever order and form they come in: it is part of a version's id. */
#ifndef BB_SERVICE_RULES_PARAMETERS_H
#define BB_SERVICE_RULES_PARAMETERS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"

/* `described`: JSON object, name -> {kind, default, help, ...} (rules_module.h); `given`: JSON object, empty: {}. What is
 * given, by name, in the arena. -BB_E_RULE_PARAMETERS names the one that does not fit and what is allowed. */
int bb_rules_parameters(struct bb_span described, struct bb_span given, struct bb_arena *arena,
                        struct bb_span *out, struct bb_error *error) BB_MUST_USE;

#endif
