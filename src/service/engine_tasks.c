/* Which adapters hand out tasks and know what they are: see engines.h. */
#include "service/engines.h"

#include <stdio.h>

#include "adapter/queue.h"
#include "service/engines_internal.h"

enum { PATH_SIZE = 4096 + 32 };

static void path_of(const struct bb_engine_needs *needs, char path[PATH_SIZE]) {
    snprintf(path, PATH_SIZE, "%s/queue.db", needs->directory);
}

int bb_engine_queue_open(const struct bb_engine_needs *needs, struct bb_queue **out,
                         struct bb_error *error) {
    const struct bb_config *config = needs->config;
    const struct bb_queue_rabbitmq_options options = {
        .common = {.attempts_max = (uint32_t)config->tasks_attempts,
                   .lease_ms = config->tasks_lease_ms,
                   .clock = bb_clock_system()},
        .url = config->tasks_broker,
        .ca = config->tasks_ca,
        .prefix = config->tasks_prefix};
    char path[PATH_SIZE];

    if (config->tasks_broker[0])
        return bb_queue_rabbitmq_open(&options, out, error);
    path_of(needs, path);
    return bb_queue_embedded_open(path, &options.common, out, error);
}

/* Beside the registry: what people look at together is backed up together. */
int bb_engine_tasks_open(const struct bb_engine_needs *needs, struct bb_task_table **out,
                         struct bb_error *error) {
    const char *conninfo = bb_engine_registry_conninfo(needs->config);
    const struct bb_clock of_the_server = {NULL, NULL};
    char path[PATH_SIZE];

    if (conninfo[0])
        return bb_task_table_postgres_open(conninfo, needs->config->registry_schema, of_the_server,
                                           out, error);
    path_of(needs, path);
    return bb_task_table_embedded_open(path, bb_clock_system(), out, error);
}
