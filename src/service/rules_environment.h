/* Which Python runs a tenant's rules, and where its packages lie: from busbar.yaml.
 *
 *   rules.environments/TENANT, where there is one; else rules.environment, where it is said; else rules.python
 *
 * An environment is a folder that `python3 -m venv` made. Nothing of it is run to find out: pyvenv.cfg says which
 * Python it is of, and whether Debian's packages are seen too. */
#ifndef BB_SERVICE_RULES_ENVIRONMENT_H
#define BB_SERVICE_RULES_ENVIRONMENT_H

#include <limits.h>

#include "adapter/rules_python.h"
#include "service/config.h"

enum { BB_RULES_PATHS_MAX = 6 };

struct bb_rules_environment {
    char python[PATH_MAX];
    char text[BB_RULES_PATHS_MAX][PATH_MAX];
    const char *paths[BB_RULES_PATHS_MAX + 1];
};

/* The options point into *out. -BB_E_RULES_HOST: the environment is none. */
int bb_rules_environment_find(const struct bb_config *config, struct bb_span tenant,
                              struct bb_rules_environment *out,
                              struct bb_rules_python_options *options, struct bb_error *error)
    BB_MUST_USE;

/* What people must be told loudly of the cage that they asked for; NULL: nothing. */
const char *bb_rules_cage_warning(const struct bb_config *config);

/* 16 hex digits of the interpreter's version and of the packages that lie in its paths, by the names of their
 * .dist-info and .egg-info: another package, another version of one, or another order of the folders that they lie in
 * is another environment. */
enum { BB_RULES_ENVIRONMENT_HASH = 16 };
int bb_rules_environment_hash(const struct bb_rules_environment *environment,
                              char hash[BB_RULES_ENVIRONMENT_HASH + 1], struct bb_error *error)
    BB_MUST_USE;

#endif
