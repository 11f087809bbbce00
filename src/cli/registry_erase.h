/* busbar registry erase: a customer's personal data out of every file of the plant. */
#ifndef BB_CLI_REGISTRY_ERASE_H
#define BB_CLI_REGISTRY_ERASE_H

#include "cli/cli.h"

int bb_registry_erase(struct bb_command *command, struct bb_error *error) BB_MUST_USE;

#endif
