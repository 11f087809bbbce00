/* busbar explain --usage-point UP --channel C --at T: the story of a value. */
#ifndef BB_CLI_EXPLAIN_VALUE_H
#define BB_CLI_EXPLAIN_VALUE_H

#include "cli/cli.h"

struct bb_explain_options {
    const char *usage_point, *channel, *at, *as_of, *zone;
    int lane;
};

/* An exit code, or an error. */
int bb_explain_value(struct bb_command *command, const struct bb_explain_options *given,
                     struct bb_error *error) BB_MUST_USE;

#endif
