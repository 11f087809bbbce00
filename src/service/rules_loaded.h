/* Interpreters that run, and the modules that they have loaded: what comes to be when a rule is first asked.
 *
 *   tenant ─► its interpreter, of its environment ─► module, by its hash ─► a process of its own
 *
 * A tenant shares neither interpreter nor module with another one. Of both a bounded number is kept, those that were used
 * last. One thread at a time. */
#ifndef BB_SERVICE_RULES_LOADED_H
#define BB_SERVICE_RULES_LOADED_H

#include "service/config.h"
#include "service/rules_channel.h"
#include "service/rules_module.h"

struct bb_rules_loaded;

/* Nothing is started yet; the config outlives it. NULL when memory is out. */
struct bb_rules_loaded *bb_rules_loaded_open(const struct bb_config *config);
void bb_rules_loaded_close(struct bb_rules_loaded *loaded);

/* The module of a version, until the next call; one that does not load has a fault, and is kept as such.
 * -BB_E_RULES_HOST, -BB_E_RULES_NO_CAGE: the tenant's rules cannot be run here. */
struct bb_rules_found {
    const struct bb_rules_module *module;
    const char *fault; /* NULL: there is none */
};
int bb_rules_loaded_find(struct bb_rules_loaded *loaded, struct bb_span tenant,
                         const struct bb_rule_code *code, struct bb_rules_found *out,
                         struct bb_error *error) BB_MUST_USE;

#endif
