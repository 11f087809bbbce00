/* Which adapter each port has: see engines.h. */
#include "service/engines.h"

#include <stdio.h>

#include "adapter/embedded.h"
#include "adapter/queue.h"

enum { PATH_SIZE = 4096 + 32 };

static void path_of(const struct bb_engine_needs *needs, const char *name, char path[PATH_SIZE]) {
    snprintf(path, PATH_SIZE, "%s/%s", needs->directory, name);
}

int bb_engine_log_open(const struct bb_engine_needs *needs, struct bb_log **out,
                       struct bb_error *error) {
    const struct bb_log_embedded_options options = {
        .partitions = (uint32_t)needs->config->log_partitions,
        .segment_bytes = (uint64_t)needs->config->log_segment_bytes,
        .append = needs->append,
        .report_cut = needs->report_cut,
        .report_context = needs->report_context,
    };
    char path[PATH_SIZE];

    path_of(needs, "log", path);
    return bb_log_embedded_open(path, &options, out, error);
}

int bb_engine_store_open(const struct bb_engine_needs *needs, uint32_t partitions,
                         struct bb_store **out, struct bb_error *error) {
    const struct bb_store_lmdb_options options = {
        .partitions = partitions,
        .read_only = needs->read_only,
        .frozen = needs->frozen,
        .takeover_ms = (int)needs->config->takeover_ms,
    };
    char path[PATH_SIZE];

    path_of(needs, "store", path);
    return bb_store_lmdb_open(path, &options, out, error);
}

int bb_engine_registry_open(const struct bb_engine_needs *needs, struct bb_registry **out,
                            struct bb_error *error) {
    char path[PATH_SIZE];

    path_of(needs, "registry.db", path);
    return bb_registry_sqlite_open(path, needs->read_only, out, error);
}

int bb_engine_queue_open(const struct bb_engine_needs *needs, struct bb_queue **out,
                         struct bb_error *error) {
    const struct bb_config *config = needs->config;
    const struct bb_queue_rabbitmq_options options = {
        .common = {.attempts_max = (uint32_t)config->tasks_attempts,
                   .lease_ms = config->tasks_lease_ms,
                   .clock = bb_clock_system()},
        .url = config->tasks_broker,
        .prefix = config->tasks_prefix};
    char path[PATH_SIZE];

    if (config->tasks_broker[0])
        return bb_queue_rabbitmq_open(&options, out, error);
    path_of(needs, "queue.db", path);
    return bb_queue_embedded_open(path, &options.common, out, error);
}

int bb_engine_tasks_open(const struct bb_engine_needs *needs, struct bb_task_table **out,
                         struct bb_error *error) {
    const struct bb_clock servers = {NULL, NULL};
    char path[PATH_SIZE];

    if (needs->config->registry_postgres[0])
        return bb_task_table_postgres_open(needs->config->registry_postgres, SCHEMA, servers, out,
                                           error);
    path_of(needs, "queue.db", path);
    return bb_task_table_embedded_open(path, bb_clock_system(), out, error);
}
