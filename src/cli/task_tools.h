/* What this process lends to the tasks it runs (task/kind.h): the plant of --data, also where a server has it. */
#ifndef BB_CLI_TASK_TOOLS_H
#define BB_CLI_TASK_TOOLS_H

#include "cli/cli.h"
#include "task/kind.h"

/* `command` is the context; it is copied for each task, since a task has a thread of its own. */
extern const struct bb_task_tools bb_cli_task_tools;

#endif
