/* A plant that a server has: how other commands find out, and what they tell people. */
#ifndef BB_CLI_SERVED_H
#define BB_CLI_SERVED_H

#include "cli/cli.h"

/* DIR/busbar.url, for other commands and for people. What cannot be written is left out. */
void bb_served_note(const char *directory, const char *url);
void bb_served_forget(const char *directory);

/* The log is locked. When a server has the plant and the verb can do its work through it, the plant is opened for
 * that; -BB_E_SERVED: it cannot (a second server, a folder that is watched); else the error as it is. */
int bb_served_open(struct bb_command *command, struct bb_plant *plant, struct bb_error *error)
    BB_MUST_USE;

#endif
