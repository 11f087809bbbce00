/* Engines: which adapter each port has in a plant, as its configuration says. The one place that knows. */
#ifndef BB_SERVICE_ENGINES_H
#define BB_SERVICE_ENGINES_H

#include "port/assignment.h"
#include "port/blob.h"
#include "port/log.h"
#include "port/registry.h"
#include "port/sink.h"
#include "port/store.h"
#include "port/task.h"
#include "service/config.h"

struct bb_engine_needs {
    const char *directory; /* of the plant: what is embedded lies there */
    const struct bb_config *config;
    bool read_only; /* made by others, never changed */
    bool append;    /* the log's one appender */
    bool frozen;    /* what nobody writes: read without a trace */
    /* Told once per cut at open: which file, how many bytes of unacknowledged tail. */
    void (*report_cut)(void *context, const char *file, uint64_t bytes);
    void *report_context;
};

int bb_engine_log_open(const struct bb_engine_needs *needs, struct bb_log **out,
                       struct bb_error *error) BB_MUST_USE;
/* Who works on which of the log's partitions: the consumer group of a stage ("derive"), or a fixed share: worker `number` of
 * `count`, from 1; number 0: the group where there is one, else all of them. */
struct bb_engine_share {
    const char *stage;
    uint32_t number, count;
    uint32_t partitions;
};
int bb_engine_assignment_open(const struct bb_engine_needs *needs,
                              const struct bb_engine_share *share, struct bb_assignment **out,
                              struct bb_error *error) BB_MUST_USE;
/* `partitions`: the log's. */
int bb_engine_store_open(const struct bb_engine_needs *needs, uint32_t partitions,
                         struct bb_store **out, struct bb_error *error) BB_MUST_USE;
/* In a plant's folder: archived files that a backup brought. */
#define BB_ENGINE_ARCHIVE_FOLDER "archive"
/* *out NULL: there is no archive. */
int bb_engine_blob_open(const struct bb_engine_needs *needs, struct bb_blob **out,
                        struct bb_error *error) BB_MUST_USE;
/* The store with what was archived; owns neither. */
int bb_engine_archive_open(const struct bb_engine_needs *needs, struct bb_store *hot,
                           struct bb_blob *blob, struct bb_store **out, struct bb_error *error)
    BB_MUST_USE;
int bb_engine_registry_open(const struct bb_engine_needs *needs, struct bb_registry **out,
                            struct bb_error *error) BB_MUST_USE;
/* The queue hands tasks out, the table says what they are. Made when they are not there. */
int bb_engine_queue_open(const struct bb_engine_needs *needs, struct bb_queue **out,
                         struct bb_error *error) BB_MUST_USE;
int bb_engine_tasks_open(const struct bb_engine_needs *needs, struct bb_task_table **out,
                         struct bb_error *error) BB_MUST_USE;

/* Lanes whose changes are told, as bits: none when no sink is configured. */
int bb_engine_changes_lanes(const struct bb_config *config, uint32_t *lanes, struct bb_error *error)
    BB_MUST_USE;
/* All sinks that the configuration names; those that were opened are the caller's to close, also on failure. `config` and
 * `registry` outlive them. */
int bb_engine_sinks_open(const struct bb_config *config, struct bb_registry *registry,
                         uint32_t partitions, struct bb_sink ***out, size_t *count,
                         struct bb_error *error) BB_MUST_USE;

/* Does everything lie in the plant's folder? Backups, and what overwrites what was written, are of such plants. */
int bb_engines_need_embedded(const struct bb_config *config, const char *what,
                             struct bb_error *error) BB_MUST_USE;

#endif
