/* A plant that a server has: how other commands find out, and what they tell people. */
#ifndef BB_CLI_SERVED_H
#define BB_CLI_SERVED_H

#include "cli/cli.h"

/* DIR/busbar.url, for other commands and for people. What cannot be written is left out. */
void bb_served_note(const char *directory, const char *url);
void bb_served_forget(const char *directory);

/* The log is locked: -BB_E_SERVED with what to do instead when a server has it, else the error as it is. */
int bb_served_explain(const struct bb_command *command, struct bb_error *error) BB_MUST_USE;

#endif
