/* What deployed modules say of their rules: the text and the parameters, which become the fields of a form.
 *
 *   module of a version ─► loaded in an interpreter of its own, once ─► kept by tenant and hash
 *
 * A module that does not load is kept as such, with its fault. The last DESCRIBED_MAX are kept. Any thread; while one loads,
 * others wait for it: as long as rules.deadline. */
#ifndef BB_SERVICE_RULES_DESCRIBE_H
#define BB_SERVICE_RULES_DESCRIBE_H

#include "model/master.h"
#include "service/rules_trial.h"

struct bb_rules_describer;

struct bb_rule_description {
    struct bb_span text;
    struct bb_span parameters; /* JSON object: name -> {kind, default, help, ...} */
    struct bb_span
        fault; /* why it does not load; then there is neither of the above. Empty: it loads */
};

/* The config outlives it; nothing is started yet. NULL when memory is out. */
struct bb_rules_describer *bb_rules_describer_open(const struct bb_config *config);
void bb_rules_describer_close(struct bb_rules_describer *describer);

/* Texts live in the arena. -BB_E_NO_MEMORY alone: an interpreter that does not run is a fault, and not kept. */
int bb_rules_describe(struct bb_rules_describer *describer, struct bb_span tenant,
                      const struct bb_master_module *module, struct bb_span function,
                      struct bb_arena *arena, struct bb_rule_description *out,
                      struct bb_error *error) BB_MUST_USE;

#endif
