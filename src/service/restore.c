/* Looking at backups and making plants of them: see backup.h. */
#include "service/backup.h"
#include "service/backup_content.h"
#include "service/backup_files.h"
#include "service/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { PATH_SIZE = BB_BACKUP_PATH_SIZE + BB_BACKUP_NAME_MAX + 8 };

/* ---- files against their manifest */

/* Some tools leave empty folders out of what they copy. */
static int check_folder(const char *path, const char *to, struct bb_error *error) {
    struct stat status;

    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return BB_FAIL(error, BB_E_BACKUP_DAMAGED, "the empty folder %s is missing: make it", path);
    if (to && mkdir(to, 0750) != 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make the folder %s", to);
    return 0;
}

/* Compare, and copy to `to` unless it is NULL. */
static int check_file(const char *backup, const struct bb_backup_file *file, const char *to,
                      struct bb_error *error) {
    char path[PATH_SIZE];
    struct bb_content_hash hash;
    uint64_t bytes;

    snprintf(path, sizeof path, "%s/%.*s", backup, BB_SPAN_ARGS(file->name));
    if (file->empty_folder)
        return check_folder(path, to, error);
    int result = bb_file_hash(path, to, &bytes, &hash, error);
    if (result < 0)
        return result;
    if (bytes != file->bytes)
        return BB_FAIL(error, BB_E_BACKUP_DAMAGED,
                       "%s has %" PRIu64 " bytes, and had %" PRIu64 " when it was backed up", path,
                       bytes, file->bytes);
    if (!bb_content_hash_equal(hash, file->hash))
        return BB_FAIL(error, BB_E_BACKUP_DAMAGED, "%s is not what was backed up: its hash differs",
                       path);
    return 0;
}

/* What lies there and is in no manifest would not be restored: better said than passed over. */
static int check_for_strangers(const char *backup, const struct bb_backup_manifest *manifest,
                               struct bb_error *error) {
    struct bb_file_list list;
    int result = bb_file_list_read(&list, backup, error);

    for (size_t i = 0, known = 0; result == 0 && i < list.count; i++) {
        struct bb_span name = list.entries[i].name;
        if (bb_span_equal(name, BB_SPAN(BB_BACKUP_MANIFEST)))
            continue;
        while (known < manifest->file_count &&
               bb_span_compare(manifest->files[known].name, name) < 0)
            known++;
        if (known == manifest->file_count || !bb_span_equal(manifest->files[known].name, name))
            result = BB_FAIL(error, BB_E_BACKUP_DAMAGED, "%s/%.*s is no part of the backup", backup,
                             BB_SPAN_ARGS(name));
    }
    bb_file_list_release(&list);
    return result;
}

int bb_backup_verify(const char *backup, struct bb_backup_report *report, struct bb_error *error) {
    struct bb_backup_held held;
    int result = bb_backup_manifest_load(backup, &held, error);

    for (size_t i = 0; result == 0 && i < held.manifest.file_count; i++)
        result = check_file(backup, &held.manifest.files[i], NULL, error);
    if (result == 0)
        result = check_for_strangers(backup, &held.manifest, error);
    if (result == 0)
        result = bb_backup_compare(backup, &held.manifest, error);
    if (result == 0)
        bb_backup_report_fill(&held.manifest, report);
    bb_backup_held_release(&held);
    return result;
}

/* ---- restoring */

struct restoring {
    const char *backup, *config_path;
    const struct bb_progress_watch *watch;
    struct bb_staging staging;
    struct bb_backup_held held;
    struct bb_plant plant;
    struct bb_backup_report *report;
    struct bb_error *error;
};

static int copy_files(struct restoring *restoring) {
    const struct bb_backup_manifest *manifest = &restoring->held.manifest;
    char to[PATH_SIZE];
    int result = 0;

    for (size_t i = 0; result == 0 && i < manifest->file_count; i++) {
        const struct bb_backup_file *file = &manifest->files[i];
        result = bb_file_make_folders(restoring->staging.path, file->name, restoring->error);
        snprintf(to, sizeof to, "%s/%.*s", restoring->staging.path, BB_SPAN_ARGS(file->name));
        if (result == 0)
            result = check_file(restoring->backup, file, to, restoring->error);
    }
    return result;
}

/* Nothing may be left to derive, and nothing ahead of the log. */
static int check_caught_up(struct bb_plant *plant, struct bb_error *error) {
    const struct bb_store_ops *ops = plant->store->ops;

    for (uint32_t p = 0; p < plant->store->partitions; p++) {
        struct bb_store_view *view;
        struct bb_claim claim;
        struct bb_log_backlog backlog;
        int result = ops->view_begin(plant->store, p, &view, error);
        if (result < 0)
            return result;
        result = ops->position(view, &claim, error);
        ops->view_end(view);
        if (result >= 0)
            result = plant->log->ops->backlog(plant->log, p, claim.position.offset, &backlog,
                                              error);
        if (result < 0)
            return result;
        if (backlog.lag_readings > 0)
            return BB_FAIL(error, BB_E_BACKUP_DAMAGED,
                           "%" PRIu64 " readings of partition %" PRIu32 " could not be derived",
                           backlog.lag_readings, p);
    }
    return 0;
}

static int catch_up(struct restoring *restoring) {
    struct bb_plant *plant = &restoring->plant;
    struct bb_worker *worker = NULL;
    int result = bb_worker_open(plant, &worker, restoring->error);

    if (result < 0)
        return result;
    result = bb_worker_drain(worker, false, restoring->watch, restoring->error);
    restoring->report->derived = bb_worker_counts(worker)->readings;
    bb_worker_close(worker);
    if (result >= 0)
        result = bb_deliver_registry(plant, NULL, restoring->watch, restoring->error);
    return result < 0 ? result : check_caught_up(plant, restoring->error);
}

/* Opening for appending completes what a crash at the backup's moment would have left. */
static int derive_the_rest(struct restoring *restoring) {
    int result = bb_plant_open(restoring->staging.path, restoring->config_path, BB_PLANT_APPEND,
                               &restoring->plant, restoring->error);

    if (result == 0) {
        result = catch_up(restoring);
        bb_plant_close(&restoring->plant);
    }
    return result;
}

static int restore(struct restoring *restoring) {
    int result = copy_files(restoring);

    if (result == 0)
        result = bb_backup_compare(restoring->staging.path, &restoring->held.manifest,
                                   restoring->error);
    bb_backup_report_fill(&restoring->held.manifest, restoring->report);
    if (result == 0)
        result = derive_the_rest(restoring);
    return result == 0 ? bb_staging_finish(&restoring->staging, restoring->error) : result;
}

int bb_backup_restore(const char *backup, const char *directory, const char *config_path,
                      const struct bb_progress_watch *watch, struct bb_backup_report *report,
                      struct bb_error *error) {
    struct restoring *restoring = calloc(1, sizeof *restoring);

    if (!restoring)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to restore");
    restoring->backup = backup;
    restoring->config_path = config_path;
    restoring->watch = watch;
    restoring->report = report;
    restoring->error = error;
    int result = bb_backup_manifest_load(backup, &restoring->held, error);
    if (result == 0)
        result = bb_staging_begin(&restoring->staging, directory, ".restoring", error);
    if (result == 0) {
        result = restore(restoring);
        bb_staging_drop(&restoring->staging);
    }
    bb_backup_held_release(&restoring->held);
    free(restoring);
    return result;
}
