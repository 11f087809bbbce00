/* Foreign topics of a server (sources.kafka in busbar.yaml): see service/source_intake.h. */
#ifndef BB_CLI_SERVE_SOURCE_H
#define BB_CLI_SERVE_SOURCE_H

#include "cli/cli.h"
#include "service/source_intake.h"

struct bb_serve_source;

/* Starts reading. *out NULL: the configuration names no brokers. */
int bb_serve_source_open(struct bb_command *command, const struct bb_config *config,
                         struct bb_committer *committer, struct bb_serve_source **out,
                         struct bb_error *error) BB_MUST_USE;
/* NULL does nothing. Before the committer is stopped. */
void bb_serve_source_close(struct bb_serve_source *source);
/* NULL: there is none. */
struct bb_intake *bb_serve_source_intake(const struct bb_serve_source *source);

#endif
