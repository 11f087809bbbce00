/* Trials: see rules_trial.h. */
#include "service/rules_trial.h"

int bb_rules_trial_open(const struct bb_config *config, struct bb_span tenant,
                        const struct bb_master_module *module, struct bb_rules_trial *out,
                        struct bb_error *error) {
    struct bb_rules_python_options options;

    out->rules = NULL;
    int result = bb_rules_environment_find(config, tenant, &out->where, &options, error);
    if (!result)
        result = bb_rules_environment_hash(&out->where, out->environment, error);
    if (!result)
        result = bb_rules_python_open(&options, &out->rules, error);
    if (result)
        return result;
    result = bb_rules_module_make(out->rules, module, &out->module, error);
    if (result) {
        out->rules->ops->close(out->rules);
        out->rules = NULL;
    }
    return result;
}

void bb_rules_trial_stop(struct bb_rules_trial *trial) {
    trial->rules->ops->unload(trial->module.set);
    trial->module.set = NULL;
    trial->rules->ops->close(trial->rules);
    trial->rules = NULL;
}

void bb_rules_trial_close(struct bb_rules_trial *trial) {
    if (!trial->rules)
        return;
    bb_rules_trial_stop(trial);
    bb_rules_module_release(&trial->module);
}
