/* The queue and the tasks of --data, as the configuration says where they are. */
#ifndef BB_CLI_TASK_QUEUE_H
#define BB_CLI_TASK_QUEUE_H

#include "cli/cli.h"
#include "port/task.h"

struct bb_task_queue {
    struct bb_queue *queue;
    struct bb_task_table *table;
    struct bb_config config;
};

/* The configuration of --data, as a plant there would have it. */
int bb_task_queue_config(const struct bb_command *command, struct bb_config *config,
                         struct bb_error *error) BB_MUST_USE;
/* Made when they are not there; `command->started` is set. */
int bb_task_queue_open(struct bb_command *command, struct bb_task_queue *out,
                       struct bb_error *error) BB_MUST_USE;
void bb_task_queue_close(struct bb_task_queue *queue);

#endif
