/* Making backups: see backup.h. */
#include "service/backup.h"

#include "adapter/blobs.h"
#include "adapter/embedded.h"
#include "service/archive_list.h"
#include "service/archive_verify.h"
#include "service/backup_content.h"
#include "service/backup_files.h"
#include "service/cut.h"
#include "service/engines.h"
#include "service/plant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ARENA_CHUNK_BYTES = 1 << 20, PATH_SIZE = BB_BACKUP_PATH_SIZE + 64 };

struct making {
    const char *config_path;
    struct bb_plant plant; /* that is copied */
    struct bb_staging staging;
    struct bb_backup_held held;
    struct bb_error *error;
};

static void path_in(const struct making *making, const char *name, char path[PATH_SIZE]) {
    snprintf(path, PATH_SIZE, "%s/%s", making->staging.path, name);
}

/* ---- copying */

/* An outcome of `copy` as ours: what is copied elsewhere is no part of a folder. */
static int copied(int outcome, const char *what, const char *adapter, struct bb_error *error) {
    if (outcome != BB_COPY_ELSEWHERE)
        return outcome;
    return BB_FAIL(error, BB_E_CONFIG_INVALID,
                   "the %s is kept by %s, which is copied with tools of its own", what, adapter);
}

static int copy_config(struct making *making) {
    char from[PATH_SIZE], to[PATH_SIZE];
    struct bb_content_hash hash;
    uint64_t bytes;

    snprintf(from, sizeof from, "%s/busbar.yaml", making->plant.directory);
    if (!making->config_path && access(from, F_OK) != 0)
        return 0;
    path_in(making, "busbar.yaml", to);
    return bb_file_hash(making->config_path ? making->config_path : from, to, &bytes, &hash,
                        making->error);
}

static int copy_registry(struct making *making) {
    struct bb_registry *registry = making->plant.registry;
    char path[PATH_SIZE];

    path_in(making, "registry.db", path);
    return copied(registry->ops->copy(registry, path, making->error), "registry",
                  registry->ops->name, making->error);
}

static int copy_store(struct making *making) {
    struct bb_store *store = making->plant.store;
    char path[PATH_SIZE];
    int result = 0;

    path_in(making, "store", path);
    if (mkdir(path, 0750) != 0)
        return BB_FAIL_ERRNO(making->error, BB_E_STORE_IO, errno, "cannot make the folder %s",
                             path);
    for (uint32_t p = 0; result == 0 && p < store->partitions; p++)
        result = copied(store->ops->copy(store, p, path, making->error), "store", store->ops->name,
                        making->error);
    return result;
}

struct archived {
    struct bb_blob *from, *to;
    uint64_t files;
};

static int copy_file(void *context, const struct bb_archive_head *head,
                     const struct bb_archive_place *place, struct bb_error *error) {
    struct archived *a = context;

    (void)head;
    a->files++;
    return bb_archive_copy(a->from, place, a->to, error);
}

/* The files that the copied store names, from wherever the archive is. They do not change, and what is replaced meanwhile is
 * kept for archive.grace. */
static int copy_archive(struct making *making) {
    struct archived archived = {.from = making->plant.blob};
    struct bb_plant copy = {.log = making->plant.log};
    struct bb_engine_needs needs = {.directory = making->staging.path,
                                    .config = &making->plant.config,
                                    .read_only = true,
                                    .frozen = true};
    char path[PATH_SIZE];

    path_in(making, BB_ENGINE_ARCHIVE_FOLDER, path);
    int result = bb_engine_store_open(&needs, copy.log->partitions, &copy.hot, making->error);
    if (result == 0)
        result = bb_blob_folder_open(path, &archived.to, making->error);
    if (result == 0)
        result = bb_archive_list(&copy, BB_SPAN(""), copy_file, &archived, making->error);
    if (archived.to)
        archived.to->ops->close(archived.to);
    if (copy.hot)
        copy.hot->ops->close(copy.hot);
    return result;
}

static int copy_log(struct making *making) {
    struct bb_log *log = making->plant.log;
    struct bb_log_end *ends = calloc(log->partitions + (size_t)1, sizeof *ends);
    char path[PATH_SIZE];

    if (!ends)
        return BB_FAIL(making->error, BB_E_NO_MEMORY, "no memory for the ends of the log");
    path_in(making, "log", path);
    int result = bb_log_cut(log, ends, making->error);
    if (result == 0)
        result = copied(log->ops->copy(log, ends, path, making->error), "log", log->ops->name,
                        making->error);
    free(ends);
    return result;
}

/* Who follows goes first: see backup.h. */
static int copy_all(struct making *making) {
    struct bb_store *store = making->plant.store;
    struct bb_store_hold *hold = NULL;
    int result = copy_config(making);

    if (result == 0)
        result = store->ops->outbox_hold(store, &hold, making->error);
    if (result == 0)
        result = copy_registry(making);
    if (result == 0)
        result = copy_store(making);
    if (result == 0)
        result = copy_archive(making);
    if (result == 0)
        result = copy_log(
            making); /* also held: nothing that the copied store has still to read is given up */
    store->ops->outbox_release(hold);
    return result;
}

/* ---- the manifest */

static int take_content(struct making *making) {
    struct bb_backup_manifest *manifest = &making->held.manifest;
    struct bb_plant copy;
    int result = bb_plant_open(making->staging.path, NULL, BB_PLANT_FROZEN, &copy, making->error);

    if (result < 0)
        return result;
    manifest->identity = copy.log->identity;
    manifest->partitions = copy.log->partitions;
    manifest->parts = bb_arena_take_array(&making->held.arena, manifest->partitions + (size_t)1,
                                          sizeof *manifest->parts);
    result = manifest->parts ? bb_backup_content(&copy, manifest->parts, making->error)
                             : BB_FAIL(making->error, BB_E_NO_MEMORY, "no memory for a manifest");
    bb_plant_close(&copy);
    return result;
}

static int take_files(struct making *making) {
    struct bb_backup_manifest *manifest = &making->held.manifest;
    struct bb_file_list list;
    char path[PATH_SIZE];
    int result = bb_file_list_read(&list, making->staging.path, making->error);

    if (result == 0) {
        manifest->files = bb_arena_take_array(&making->held.arena, list.count + 1,
                                              sizeof *manifest->files);
        if (!manifest->files)
            result = BB_FAIL(making->error, BB_E_NO_MEMORY, "no memory for a manifest");
    }
    for (size_t i = 0; result == 0 && i < list.count; i++) {
        struct bb_backup_file *file = &manifest->files[manifest->file_count++];
        file->name = bb_arena_copy(&making->held.arena, list.entries[i].name);
        file->empty_folder = list.entries[i].empty_folder;
        path_in(making, list.entries[i].name.data, path);
        if (!file->empty_folder)
            result = bb_file_hash(path, NULL, &file->bytes, &file->hash, making->error);
        if (result == 0 && !file->name.data)
            result = BB_FAIL(making->error, BB_E_NO_MEMORY, "no memory for a manifest");
    }
    bb_file_list_release(&list);
    return result;
}

static int write_manifest(struct making *making, int64_t now_ms) {
    struct bb_backup_manifest *manifest = &making->held.manifest;
    char path[PATH_SIZE];

    snprintf(manifest->by, sizeof manifest->by, "%s", BB_VERSION);
    manifest->made_ms = now_ms;
    manifest->log_format = BB_LOG_EMBEDDED_FORMAT;
    manifest->store_format = BB_STORE_LMDB_FORMAT;
    manifest->registry_format = BB_REGISTRY_SQLITE_FORMAT;
    bb_backup_manifest_format(manifest, &making->held.text);
    if (making->held.text.overflow)
        return BB_FAIL(making->error, BB_E_NO_MEMORY, "no memory for a manifest");
    path_in(making, BB_BACKUP_MANIFEST, path);
    return bb_file_write(path, bb_buffer_span(&making->held.text), making->error);
}

void bb_backup_report_fill(const struct bb_backup_manifest *manifest,
                           struct bb_backup_report *report) {
    *report = (struct bb_backup_report){.identity = manifest->identity,
                                        .partitions = manifest->partitions,
                                        .made_ms = manifest->made_ms};
    snprintf(report->by, sizeof report->by, "%s", manifest->by);
    for (uint32_t p = 0; p < manifest->partitions; p++) {
        report->readings += manifest->parts[p].log.readings;
        report->blocks += manifest->parts[p].blocks;
    }
    for (size_t i = 0; i < manifest->file_count; i++) {
        report->bytes += manifest->files[i].bytes;
        report->files += !manifest->files[i].empty_folder;
    }
}

/* ---- the whole */

static void held_init(struct bb_backup_held *held) {
    *held = (struct bb_backup_held){.manifest = {.by = ""}};
    bb_arena_init(&held->arena, ARENA_CHUNK_BYTES, BB_BACKUP_MANIFEST_MAX_BYTES);
    bb_buffer_init(&held->text, BB_BACKUP_MANIFEST_MAX_BYTES);
}

void bb_backup_held_release(struct bb_backup_held *held) {
    bb_buffer_release(&held->text);
    bb_arena_release(&held->arena);
}

static int make(struct making *making, struct bb_clock clock) {
    int result = copy_all(making);

    if (result == 0)
        result = take_content(making);
    if (result == 0)
        result = take_files(making);
    if (result == 0)
        result = write_manifest(making, bb_clock_now_ms(clock));
    return result == 0 ? bb_staging_finish(&making->staging, making->error) : result;
}

int bb_backup_make(const char *directory, const char *config_path, const char *target,
                   struct bb_clock clock, struct bb_backup_report *report, struct bb_error *error) {
    struct making *making = calloc(1, sizeof *making);

    if (!making)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a backup");
    making->config_path = config_path;
    making->error = error;
    held_init(&making->held);
    int result = bb_plant_open(directory, config_path, BB_PLANT_READ, &making->plant, error);
    if (result == 0)
        result = bb_engines_need_embedded(&making->plant.config, "a backup", error);
    if (result == 0)
        result = bb_staging_begin(&making->staging, target, ".unfinished", error);
    if (result == 0) {
        result = make(making, clock);
        bb_staging_drop(&making->staging);
    }
    if (result == 0)
        bb_backup_report_fill(&making->held.manifest, report);
    bb_plant_close(&making->plant);
    bb_backup_held_release(&making->held);
    free(making);
    return result;
}

/* ---- looking at one that was made */

static int read_text(const char *path, struct bb_buffer *text, struct bb_error *error) {
    FILE *file = fopen(path, "re");

    if (!file)
        return errno == ENOENT || errno == ENOTDIR
                   ? BB_FAIL(error, BB_E_BACKUP_DAMAGED, "there is no %s: that is no whole backup",
                             path)
                   : BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot read %s", path);
    while (bb_buffer_reserve(text, 1 << 16)) {
        size_t got = fread(text->data + text->size, 1, 1 << 16, file);
        text->size += got;
        if (got == 0)
            break;
    }
    int failure = ferror(file) ? EIO : 0;
    fclose(file);
    if (text->overflow)
        return BB_FAIL(error, BB_E_BACKUP_DAMAGED, "%s is too large to be a manifest", path);
    return failure ? BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, failure, "cannot read %s", path)
                   : 0;
}

int bb_backup_manifest_load(const char *backup, struct bb_backup_held *held,
                            struct bb_error *error) {
    char path[PATH_SIZE];

    held_init(held);
    if (snprintf(path, sizeof path, "%s/" BB_BACKUP_MANIFEST, backup) >= (int)sizeof path)
        return BB_FAIL(error, BB_E_CONFIG_INVALID, "the backup's name is too long");
    int result = read_text(path, &held->text, error);
    return result < 0 ? result
                      : bb_backup_manifest_parse(bb_buffer_span(&held->text), path, &held->arena,
                                                 &held->manifest, error);
}

/* Two partitions' positions and contents, word by word. */
static bool same_part(const struct bb_backup_part *a, const struct bb_backup_part *b) {
    return a->log.first_offset == b->log.first_offset && a->log.offset == b->log.offset &&
           a->log.readings == b->log.readings && a->store.epoch == b->store.epoch &&
           a->store.position.offset == b->store.position.offset &&
           a->store.position.inner == b->store.position.inner && a->registry == b->registry &&
           a->blocks == b->blocks && bb_content_hash_equal(a->content, b->content);
}

static int compare_opened(struct bb_plant *plant, const struct bb_backup_manifest *manifest,
                          struct bb_error *error) {
    if (plant->log->identity != manifest->identity ||
        plant->log->partitions != manifest->partitions)
        return BB_FAIL(error, BB_E_BACKUP_DAMAGED,
                       "%s holds another log than its manifest speaks of", plant->directory);
    struct bb_backup_part *parts = calloc(manifest->partitions + (size_t)1, sizeof *parts);
    int result = parts ? bb_backup_content(plant, parts, error)
                       : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to look at a backup");
    for (uint32_t p = 0; result == 0 && p <= manifest->partitions; p++)
        if (!same_part(&parts[p], &manifest->parts[p]))
            result = BB_FAIL(error, BB_E_BACKUP_DAMAGED,
                             "partition %u of %s shows something else than was backed up", p,
                             plant->directory);
    free(parts);
    return result;
}

int bb_backup_compare(const char *folder, const struct bb_backup_manifest *manifest,
                      struct bb_error *error) {
    struct bb_plant plant;
    int result = bb_plant_open(folder, NULL, BB_PLANT_FROZEN, &plant, error);

    if (result < 0)
        return result;
    result = compare_opened(&plant, manifest, error);
    bb_plant_close(&plant);
    return result;
}
