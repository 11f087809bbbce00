/* busbar rules: what its actions share. */
#ifndef BB_CLI_RULES_H
#define BB_CLI_RULES_H

#include "cli/cli.h"
#include "service/rules_environment.h"
#include "service/rules_module.h"

struct bb_rules_options {
    const char *rule, *usage_point, *from, *to, *as_of, *zone, *parameters;
    const char *name, *reason, *by, *before, *canary;
    int64_t rows;
    bool yes, dry_run, force;
};

struct bb_rules_command {
    struct bb_command *command;
    const struct bb_rules_options *given;
    struct bb_plant plant;
    struct bb_rules *host;
    struct bb_rules_environment environment;
    char path[PATH_MAX]; /* of the module */
};

/* NAME is DATA/rules/NAME.py; what has a slash or an ending is a file: r->path. */
int bb_rules_find_module(struct bb_rules_command *r, const char *name, struct bb_error *error)
    BB_MUST_USE;
int bb_rules_open_host(struct bb_rules_command *r, struct bb_error *error) BB_MUST_USE;
/* The module that the second argument names, loaded; `what` is the action, for messages. */
int bb_rules_load_named(struct bb_rules_command *r, const char *what,
                        struct bb_rules_module *module, struct bb_error *error) BB_MUST_USE;
/* The rule that --rule names, or the only one. */
int bb_rules_choose(const struct bb_rules_command *r, const struct bb_rules_module *module,
                    const struct bb_rule **rule, struct bb_error *error) BB_MUST_USE;

/* The actions: an exit code, or a negative error. */
int bb_rules_list(struct bb_rules_command *r, struct bb_error *error);
int bb_rules_test(struct bb_rules_command *r, struct bb_error *error);
int bb_rules_backtest(struct bb_rules_command *r, struct bb_error *error);
int bb_rules_diff_shown(struct bb_rules_command *r, struct bb_error *error);
int bb_rules_deploy_asked(struct bb_rules_command *r, struct bb_error *error);
int bb_rules_rollback_asked(struct bb_rules_command *r, struct bb_error *error);

/* The cases of the file beside r->path, where there is one, before it is deployed; each that fails is told. */
int bb_rules_allow_cases(struct bb_rules_command *r, const struct bb_rules_module *module,
                         struct bb_error *error) BB_MUST_USE;

#endif
