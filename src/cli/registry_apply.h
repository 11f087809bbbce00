/* busbar registry apply: see registry.c. */
#ifndef BB_CLI_REGISTRY_APPLY_H
#define BB_CLI_REGISTRY_APPLY_H

#include "cli/cli.h"

struct bb_registry_options {
    bool dry_run, yes;
    int format; /* enum bb_registry_format */
    const char *as_of, *customer;
    const char *also, *keep_tags, *reason, *by; /* erase */
};

int bb_registry_apply(struct bb_command *command, struct bb_error *error) BB_MUST_USE;

#endif
