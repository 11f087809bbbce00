/* Which adapter each port has: see engines.h. */
#include "service/engines.h"

#include <stdio.h>

#include "adapter/blobs.h"
#include "adapter/embedded.h"
#include "adapter/store_archive.h"

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

int bb_engine_blob_open(const struct bb_engine_needs *needs, struct bb_blob **out,
                        struct bb_error *error) {
    *out = NULL;
    if (needs->config->archive_folder[0])
        return bb_blob_folder_open(needs->config->archive_folder, out, error);
    return 0;
}

int bb_engine_archive_open(const struct bb_engine_needs *needs, struct bb_store *hot,
                           struct bb_blob *blob, struct bb_store **out, struct bb_error *error) {
    return bb_store_archive_wrap(hot, blob, (size_t)needs->config->archive_cache_bytes, out, error);
}

int bb_engine_registry_open(const struct bb_engine_needs *needs, struct bb_registry **out,
                            struct bb_error *error) {
    char path[PATH_SIZE];

    path_of(needs, "registry.db", path);
    return bb_registry_sqlite_open(path, needs->read_only, out, error);
}
