/* The drop folder of a server (drop.folder in busbar.yaml): see service/drop.h. */
#ifndef BB_CLI_SERVE_DROP_H
#define BB_CLI_SERVE_DROP_H

#include "cli/cli.h"
#include "service/committer.h"

struct bb_serve_drop;

/* *out NULL: the configuration names no folder. */
int bb_serve_drop_open(struct bb_command *command, const struct bb_config *config,
                       struct bb_committer *committer, struct bb_serve_drop **out,
                       struct bb_error *error) BB_MUST_USE;
void bb_serve_drop_close(struct bb_serve_drop *drop);

/* Take one file, if one is complete: it is read on this thread, and what it comes to is appended by the committer,
 * between posts. What fails is told, and tried again some seconds later. NULL does nothing. */
void bb_serve_drop_look(struct bb_serve_drop *drop);

#endif
