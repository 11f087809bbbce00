/* A module that somebody wants to try: loaded in an interpreter of its own, which ends with the trial. So nothing of it
 * is left behind, and what is tried shares no process with what is deployed. */
#ifndef BB_SERVICE_RULES_TRIAL_H
#define BB_SERVICE_RULES_TRIAL_H

#include "service/rules_environment.h"
#include "service/rules_module.h"

struct bb_rules_trial {                /* large: not for a stack */
    struct bb_rules_environment where; /* the interpreter borrows from it */
    struct bb_rules *rules;
    struct bb_rules_module module;
    char environment[BB_RULES_ENVIRONMENT_HASH + 1];
};

/* In the tenant's environment; the module is copied. Nothing is left open on failure. -BB_E_RULES_HOST, -BB_E_RULES_NO_CAGE,
 * and those of bb_rules_module_make. */
int bb_rules_trial_open(const struct bb_config *config, struct bb_span tenant,
                        const struct bb_master_module *module, struct bb_rules_trial *out,
                        struct bb_error *error) BB_MUST_USE;
void bb_rules_trial_close(struct bb_rules_trial *trial);
/* No process is left; what the module said of its rules stays until it is released (rules_module.h). */
void bb_rules_trial_stop(struct bb_rules_trial *trial);

#endif
