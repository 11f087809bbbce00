/* busbar registry export --customer NAME: all that is kept about a customer. */
#ifndef BB_CLI_REGISTRY_CUSTOMER_H
#define BB_CLI_REGISTRY_CUSTOMER_H

#include "cli/cli.h"

/* One JSON value. -BB_E_CUSTOMER_UNKNOWN. */
int bb_registry_export_customer(struct bb_command *command, struct bb_plant *plant,
                                const char *customer, struct bb_error *error) BB_MUST_USE;

#endif
