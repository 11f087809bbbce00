/* Working on tasks: `worker --stage tasks` until it is told to end, `tasks run` until nothing waits. */
#ifndef BB_CLI_TASK_WORK_H
#define BB_CLI_TASK_WORK_H

#include "cli/cli.h"

struct bb_task_working {
    int64_t
        idle_exit_ms; /* end when nothing came for so long; 0: never, < 0: as soon as nothing waits */
};

struct bb_task_worked {
    uint64_t taken, done, failed;
};

int bb_task_work_until_stopped(struct bb_command *command, const struct bb_task_working *how,
                               struct bb_task_worked *out, struct bb_error *error) BB_MUST_USE;

#endif
