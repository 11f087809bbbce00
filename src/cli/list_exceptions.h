/* What `busbar list exceptions` prints, for whoever else does. */
#ifndef BB_CLI_LIST_EXCEPTIONS_H
#define BB_CLI_LIST_EXCEPTIONS_H

#include "cli/cli.h"

/* `usage_point` NULL: of all; `as_of` NULL: now; `all`: closed ones, too. An exit code, or an error. */
int bb_list_exceptions(struct bb_command *command, const char *usage_point, const char *as_of,
                       bool all, struct bb_error *error) BB_MUST_USE;

#endif
