/* What comes of a change to a plant that a server has: its workers derive it, and a command waits for that.
 *
 * How many blocks they make is not known here. Exceptions are compared with those before: one that
 * only grew is neither opened nor closed.
 */
#ifndef BB_CLI_SERVED_FOLLOW_H
#define BB_CLI_SERVED_FOLLOW_H

#include "cli/cli.h"
#include "service/worker.h"

struct bb_served_follow; /* the tenant's open exceptions, as they were last */
void bb_served_follow_free(struct bb_served_follow *follow);

/* Remember the exceptions that are open now. */
int bb_served_follow_begin(struct bb_command *command, struct bb_plant *plant,
                           struct bb_error *error) BB_MUST_USE;
/* Wait until all that is in the log now is derived and listed; what exceptions opened and closed since the last
 * call is in *counts. -BB_E_BACKLOG: nobody derives. */
int bb_served_follow(struct bb_command *command, struct bb_plant *plant,
                     struct bb_worker_counts *counts, struct bb_error *error) BB_MUST_USE;

#endif
