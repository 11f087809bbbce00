/* A plant: see plant.h. Opens in the order log, store, registry; closes backwards. */
#include "service/plant.h"

#include "service/backup_manifest.h"
#include "service/engines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Make the name of a folder durable in the folder above it. One that is somebody else's and may not
 * be opened is left to them. */
static int sync_name(const char *path, struct bb_error *error) {
    char above[sizeof((struct bb_plant *)0)->directory + 4];

    snprintf(above, sizeof above, "%s/..", path);
    int file = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return 0;
    int failed = fsync(file);
    int why = errno;
    close(file);
    return failed
               ? BB_FAIL_ERRNO(error, BB_E_STORE_IO, why, "cannot make the name %s durable", path)
               : 0;
}

/* The last name is made durable even if it was there: who made it may have been killed before. */
static int make_directory(const char *path, struct bb_error *error) {
    char partial[sizeof((struct bb_plant *)0)->directory];
    size_t size = strlen(path);
    int result = 0;

    memcpy(partial, path, size + 1);
    for (size_t i = 1; result == 0 && i <= size; i++) {
        if (partial[i] != '/' && partial[i] != '\0')
            continue;
        char kept = partial[i];
        partial[i] = '\0';
        bool made = mkdir(partial, 0777) == 0;
        if (!made && errno != EEXIST)
            return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make the folder %s", partial);
        if (made || i == size)
            result = sync_name(partial, error);
        partial[i] = kept;
    }
    return result;
}

static int load_config(struct bb_plant *plant, const char *config_path, struct bb_error *error) {
    char path[sizeof plant->directory + 32];

    bb_config_defaults(&plant->config);
    snprintf(path, sizeof path, "%s/busbar.yaml", plant->directory);
    if (!config_path && access(path, F_OK) != 0)
        return 0;
    return bb_config_load(config_path ? config_path : path, &plant->config, error);
}

static void report_cut(void *context, const char *file, uint64_t bytes) {
    struct bb_plant *plant = context;

    (void)file;
    plant->cut_bytes += bytes;
}

/* The log's own lock is somewhere else then, and would only fence a server that runs here. */
static int lock_folder(struct bb_plant *plant, struct bb_error *error) {
    char path[sizeof plant->directory + 32];

    snprintf(path, sizeof path, "%s/lock", plant->directory);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot open %s", path);
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        int why = errno;
        close(file);
        return why == EWOULDBLOCK
                   ? BB_FAIL(error, BB_E_LOCKED, "another process has the plant in %s",
                             plant->directory)
                   : BB_FAIL_ERRNO(error, BB_E_STORE_IO, why, "cannot lock %s", path);
    }
    plant->lock_fd = file;
    return 0;
}

static int open_parts(struct bb_plant *plant, enum bb_plant_mode mode, struct bb_error *error) {
    const struct bb_engine_needs needs = {
        .directory = plant->directory,
        .config = &plant->config,
        .read_only = mode == BB_PLANT_READ || mode == BB_PLANT_FROZEN,
        .append = mode == BB_PLANT_APPEND,
        .frozen = mode == BB_PLANT_FROZEN,
        .report_cut = report_cut,
        .report_context = plant,
    };

    int result = needs.append && plant->config.log_kafka.brokers[0] ? lock_folder(plant, error) : 0;
    if (!result)
        result = bb_engine_log_open(&needs, &plant->log, error);
    if (!result)
        result = bb_engine_store_open(&needs, plant->log->partitions, &plant->hot, error);
    if (!result)
        result = bb_engine_blob_open(&needs, &plant->blob, error);
    if (!result)
        result = bb_engine_archive_open(&needs, plant->hot, plant->blob, &plant->store, error);
    if (!result)
        result = bb_engine_registry_open(&needs, &plant->registry, error);
    if (!result && mode == BB_PLANT_APPEND)
        result = bb_ledger_open(&plant->ledger, plant->log, error);
    return result;
}

/* A folder with a manifest is a backup: it may be read, and stays as it is. */
static int mind_backup(const char *directory, enum bb_plant_mode *mode, struct bb_error *error) {
    char path[sizeof((struct bb_plant *)0)->directory + 32];

    snprintf(path, sizeof path, "%s/" BB_BACKUP_MANIFEST, directory);
    if (access(path, F_OK) != 0)
        return 0;
    if (*mode == BB_PLANT_APPEND || *mode == BB_PLANT_WORK)
        return BB_FAIL(error, BB_E_NO_PERMISSION,
                       "%s is a backup, which stays as it is: busbar --data NEW restore %s",
                       directory, directory);
    *mode = BB_PLANT_FROZEN;
    return 0;
}

int bb_plant_open(const char *directory, const char *config_path, enum bb_plant_mode mode,
                  struct bb_plant *out, struct bb_error *error) {
    memset(out, 0, sizeof *out);
    if (strlen(directory) >= sizeof out->directory || directory[0] == '\0')
        return BB_FAIL(error, BB_E_CONFIG_INVALID, "the data folder's name is empty or too long");
    snprintf(out->directory, sizeof out->directory, "%s", directory);
    int result = mind_backup(directory, &mode, error);
    if (result == 0 && mode == BB_PLANT_APPEND)
        result = make_directory(directory, error);
    else if (result == 0 && access(directory, F_OK) != 0 && errno == ENOENT)
        result = BB_FAIL(error, BB_E_DATA_MISSING, "there is no plant in %s", directory);
    if (!result)
        result = load_config(out, config_path, error);
    if (!result)
        result = bb_engine_changes_lanes(&out->config, &out->config.changes_lanes, error);
    out->zones = bb_zone_set_new();
    out->rules = bb_rules_host_open(&out->config);
    out->judge = bb_rules_host_judge;
    out->judge_context = out->rules;
    if (!result && (!out->zones || !out->rules))
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a plant");
    if (!result)
        result = open_parts(out, mode, error);
    if (result)
        bb_plant_close(out);
    return result;
}

int bb_plant_follow(struct bb_plant *plant, struct bb_error *error) {
    if (plant->config.changes_lanes == 0 || plant->sinks)
        return 0;
    return bb_engine_sinks_open(&plant->config, plant->registry, plant->log->partitions,
                                &plant->sinks, &plant->sink_count, error);
}

void bb_plant_close(struct bb_plant *plant) {
    bb_ledger_close(&plant->ledger);
    for (size_t i = 0; i < plant->sink_count; i++)
        plant->sinks[i]->ops->close(plant->sinks[i]);
    free(plant->sinks);
    if (plant->registry)
        plant->registry->ops->close(plant->registry);
    if (plant->store)
        plant->store->ops->close(plant->store);
    if (plant->blob)
        plant->blob->ops->close(plant->blob);
    if (plant->hot)
        plant->hot->ops->close(plant->hot);
    if (plant->log)
        plant->log->ops->close(plant->log);
    bb_zone_set_free(plant->zones);
    bb_rules_host_close(plant->rules);
    plant->sinks = NULL;
    plant->sink_count = 0;
    plant->rules = NULL;
    if (plant->lock_fd > 0)
        close(plant->lock_fd);
    plant->lock_fd = 0;
    plant->registry = NULL;
    plant->store = plant->hot = NULL;
    plant->blob = NULL;
    plant->log = NULL;
    plant->zones = NULL;
}
