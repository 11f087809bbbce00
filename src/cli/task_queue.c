/* Where queue and tasks are: see task_queue.h. */
#include "cli/task_queue.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/engines.h"

int bb_task_queue_config(const struct bb_command *command, struct bb_config *config,
                         struct bb_error *error) {
    char path[4200];

    bb_config_defaults(config);
    if (command->globals.config)
        return bb_config_load(command->globals.config, config, error);
    snprintf(path, sizeof path, "%.4096s/busbar.yaml", command->globals.data);
    return access(path, F_OK) == 0 ? bb_config_load(path, config, error) : 0;
}

int bb_task_queue_open(struct bb_command *command, struct bb_task_queue *out,
                       struct bb_error *error) {
    int result = bb_task_queue_config(command, &out->config, error);

    out->queue = NULL;
    out->table = NULL;
    if (result)
        return result;
    if (mkdir(command->globals.data, 0777) < 0 && errno != EEXIST)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make the folder %s",
                             command->globals.data);
    const struct bb_engine_needs needs = {.directory = command->globals.data,
                                          .config = &out->config};
    result = bb_engine_queue_open(&needs, &out->queue, error);
    if (!result)
        result = bb_engine_tasks_open(&needs, &out->table, error);
    if (result)
        bb_task_queue_close(out);
    else
        command->started = true;
    return result;
}

void bb_task_queue_close(struct bb_task_queue *queue) {
    if (queue->queue)
        queue->queue->ops->close(queue->queue);
    if (queue->table)
        queue->table->ops->close(queue->table);
    queue->queue = NULL;
    queue->table = NULL;
}
