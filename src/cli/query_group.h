/* busbar query --group, --expression: see query.c. */
#ifndef BB_CLI_QUERY_GROUP_H
#define BB_CLI_QUERY_GROUP_H

#include "cli/cli.h"
#include "cli/query_writer.h"

struct bb_query_group { /* as given; NULL: not */
    const char *group, *expression, *channel, *from, *to, *as_of, *zone;
    enum bb_lane lane;
    enum bb_query_format format;
};

int bb_query_group_run(struct bb_command *command, struct bb_plant *plant,
                       const struct bb_query_group *given, struct bb_error *error) BB_MUST_USE;

#endif
