/* Which adapter each port has: see engines.h. */
#include "service/engines.h"

#include <stdio.h>
#include <unistd.h>

#include "adapter/assignment.h"
#include "adapter/blobs.h"
#include "adapter/embedded.h"
#include "adapter/registry_postgres.h"
#include "adapter/store_archive.h"
#include "adapter/store_postgres.h"
#include "service/engines_internal.h"

enum { PATH_SIZE = 4096 + 32 };

static void path_of(const struct bb_engine_needs *needs, const char *name, char path[PATH_SIZE]) {
    snprintf(path, PATH_SIZE, "%s/%s", needs->directory, name);
}

static int log_in_folder(const struct bb_engine_needs *needs, struct bb_log **out,
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

int bb_engine_log_open(const struct bb_engine_needs *needs, struct bb_log **out,
                       struct bb_error *error) {
    return needs->config->log_kafka.brokers[0] && !needs->frozen
               ? bb_engine_kafka_open(needs, out, error)
               : log_in_folder(needs, out, error);
}

int bb_engine_assignment_open(const struct bb_engine_needs *needs,
                              const struct bb_engine_share *share, struct bb_assignment **out,
                              struct bb_error *error) {
    bool is_fixed = share->number > 0;

    if (!is_fixed && needs->config->log_kafka.brokers[0])
        return bb_engine_kafka_group_open(needs, share, out, error);
    return bb_assignment_static_open(is_fixed ? share->number : 1, is_fixed ? share->count : 1,
                                     share->partitions, out, error);
}

static int store_in_folder(const struct bb_engine_needs *needs, uint32_t partitions,
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

static int configured_blob(const struct bb_config *c, struct bb_blob **out,
                           struct bb_error *error) {
    *out = NULL;
    if (c->archive_folder[0])
        return bb_blob_folder_open(c->archive_folder, out, error);
    if (!c->archive_s3_bucket[0])
        return 0;
    return bb_blob_s3_open(
        &(struct bb_blob_s3_options){
            .bucket = c->archive_s3_bucket,
            .prefix = c->archive_s3_prefix,
            .region = c->archive_s3_region[0] ? c->archive_s3_region : NULL,
            .endpoint = c->archive_s3_endpoint,
            .profile = c->archive_s3_profile[0] ? c->archive_s3_profile : NULL,
        },
        out, error);
}

/* What a backup brought lies in the plant's own folder, and is looked for there when the configured storage lacks it. A
 * backup itself has no other. */
int bb_engine_blob_open(const struct bb_engine_needs *needs, struct bb_blob **out,
                        struct bb_error *error) {
    struct bb_blob *configured = NULL, *brought = NULL;
    char path[PATH_SIZE];

    *out = NULL;
    path_of(needs, BB_ENGINE_ARCHIVE_FOLDER, path);
    bool has_brought = access(path, F_OK) == 0;
    int result = 0;
    if (!needs->frozen || !has_brought)
        result = configured_blob(needs->config, &configured, error);
    if (!result && has_brought)
        result = bb_blob_folder_open(path, &brought, error);
    if (!result && configured && brought)
        return bb_blob_layers_open(configured, brought, out, error);
    *out = configured ? configured : brought;
    return result;
}

int bb_engine_archive_open(const struct bb_engine_needs *needs, struct bb_store *hot,
                           struct bb_blob *blob, struct bb_store **out, struct bb_error *error) {
    return bb_store_archive_wrap(hot, blob, (size_t)needs->config->archive_cache_bytes, out, error);
}

int bb_engine_store_open(const struct bb_engine_needs *needs, uint32_t partitions,
                         struct bb_store **out, struct bb_error *error) {
    const struct bb_store_postgres_options options = {
        .conninfo = needs->config->store_postgres,
        .schema = needs->config->store_schema,
        .partitions = partitions,
        .read_only = needs->read_only,
        .takeover_ms = (int)needs->config->takeover_ms,
    };

    return options.conninfo[0] && !needs->frozen ? bb_store_postgres_open(&options, out, error)
                                                 : store_in_folder(needs, partitions, out, error);
}

/* Where the registry is said to be, else where the store is. */
const char *bb_engine_registry_conninfo(const struct bb_config *config) {
    return config->registry_postgres[0] ? config->registry_postgres : config->store_postgres;
}

int bb_engine_registry_open(const struct bb_engine_needs *needs, struct bb_registry **out,
                            struct bb_error *error) {
    const struct bb_registry_postgres_options options = {
        .conninfo = bb_engine_registry_conninfo(needs->config),
        .schema = needs->config->registry_schema,
        .read_only = needs->read_only,
    };
    char path[PATH_SIZE];

    if (options.conninfo[0] && !needs->frozen)
        return bb_registry_postgres_open(&options, out, error);

    path_of(needs, "registry.db", path);
    return bb_registry_sqlite_open(path, needs->read_only, out, error);
}

int bb_engines_need_embedded(const struct bb_config *config, const char *what,
                             struct bb_error *error) {
    const char *elsewhere = config->log_kafka.brokers[0]   ? "the log is in Kafka"
                            : config->store_postgres[0]    ? "the store is in PostgreSQL"
                            : config->registry_postgres[0] ? "the registry is in PostgreSQL"
                                                           : NULL;

    return elsewhere ? BB_FAIL(error, BB_E_ELSEWHERE, "%s: %s, which has tools of its own", what,
                               elsewhere)
                     : 0;
}
