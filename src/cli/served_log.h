/* The log of a plant that a server has, as commands see it: they read it as always, and what they append is appended
 * by the server.
 *
 *   append ─► kept here ─► sync ─► the server's own socket ─► its log's owner: appended, durable
 *
 * So the code of a command need not know who has the plant. Offsets of records that are on their way are not
 * known here: nobody who appends like this asks for them.
 */
#ifndef BB_CLI_SERVED_LOG_H
#define BB_CLI_SERVED_LOG_H

#include "cli/cli.h"

/* Takes `log`, which is open for reading, and gives what stands in its place; both are closed as one. `directory` is
 * borrowed. NULL: no memory. */
struct bb_log *bb_served_log_new(struct bb_log *log, const char *directory);

#endif
