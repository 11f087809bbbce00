/* Erasing: see erase.h. */
#include "service/erase.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/embedded.h"
#include "service/engines.h"

enum { PATH_MAX_BYTES = 4200 };

/* ---- the marker: it says that, never of whom */

static void marker_path(const char *directory, char path[PATH_MAX_BYTES]) {
    snprintf(path, PATH_MAX_BYTES, "%s/erasing", directory);
}

static int sync_directory(const char *directory, struct bb_error *error) {
    int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failure = folder < 0 || fsync(folder) != 0 ? errno : 0;

    if (folder >= 0)
        close(folder);
    return failure ? BB_FAIL_ERRNO(error, BB_E_REGISTRY_IO, failure, "cannot sync %s", directory)
                   : 0;
}

static int put_marker(const char *directory, struct bb_error *error) {
    char path[PATH_MAX_BYTES];

    marker_path(directory, path);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    if (file < 0)
        return BB_FAIL_ERRNO(error, BB_E_REGISTRY_IO, errno, "cannot make %s", path);
    close(file);
    return sync_directory(directory, error);
}

bool bb_erase_is_pending(const char *directory) {
    char path[PATH_MAX_BYTES];

    marker_path(directory, path);
    return access(path, F_OK) == 0;
}

/* ---- the log */

struct looking {
    struct bb_erasure *erasure;
    struct bb_erase_report *report;
    char *body;
    size_t capacity;
};

/* On a copy. */
static int look_at(struct looking *l, const struct bb_log_record *record, struct bb_error *error) {
    if (record->body.size > l->capacity) {
        char *grown = realloc(l->body, record->body.size);
        if (!grown)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a record of the log");
        l->body = grown;
        l->capacity = record->body.size;
    }
    if (record->body.size == 0)
        return 0;
    memcpy(l->body, record->body.data, record->body.size);
    struct bb_log_record copy = *record;
    copy.body.data = l->body;
    int did = bb_erasure_of_record(l->erasure, &copy, l->body, error);
    l->report->records += did > 0;
    return did < 0 ? did : 0;
}

static int look_through(struct looking *l, struct bb_log *log, uint32_t partition,
                        struct bb_error *error) {
    struct bb_log_reader *reader;
    struct bb_log_record record;
    struct bb_log_end end;
    int result = log->ops->end(log, partition, &end, error);

    if (!result)
        result = log->ops->reader_open(log, partition, &reader, error);
    if (result)
        return result;
    for (uint64_t at = end.first_offset; result == 0 && at < end.offset;) {
        result = log->ops->read(reader, at, &record, error);
        if (result)
            break;
        at = record.next_offset;
        result = look_at(l, &record, error);
    }
    log->ops->reader_close(reader);
    return result < 0 ? result : 0;
}

int bb_erase_look(struct bb_plant *plant, struct bb_erasure *erasure,
                  struct bb_erase_report *report, struct bb_error *error) {
    struct looking l = {.erasure = erasure, .report = report};
    int result = 0;

    report->records = 0;
    for (uint32_t p = 0; !result && p <= plant->log->partitions; p++)
        result = look_through(&l, plant->log, p, error);
    free(l.body);
    return result;
}

static int change_record(void *context, const struct bb_log_record *record, char *body,
                         struct bb_error *error) {
    return bb_erasure_of_record(context, record, body, error);
}

static int erase_log(struct bb_plant *plant, struct bb_erasure *erasure,
                     struct bb_erase_report *report, struct bb_error *error) {
    int result = 0;

    report->records = 0;
    for (uint32_t p = 0; !result && p <= plant->log->partitions; p++) {
        uint64_t changed = 0;
        result = bb_log_embedded_rewrite(plant->log, p, change_record, erasure, &changed, error);
        report->records += changed;
    }
    return result;
}

/* ---- the store */

/* As service/gather.c makes them: the received time, 8 bytes, before a packed entry. */
enum { MASTER_PREFIX = 8, SOURCE_KEY = 8 };

static int change_value(void *context, enum bb_store_part part, struct bb_span key, char *value,
                        size_t size, struct bb_error *error) {
    struct bb_erasure *erasure = context;
    uint64_t received = 0;

    switch (part) {
    case BB_STORE_PART_MASTER:
        return size <= MASTER_PREFIX ? 0
                                     : bb_erasure_of_master(erasure, value + MASTER_PREFIX,
                                                            size - MASTER_PREFIX, error);
    case BB_STORE_PART_SOURCE:
        for (size_t i = 0; key.size == SOURCE_KEY && i < SOURCE_KEY; i++)
            received = received << 8 | (unsigned char)key.data[i];
        return bb_erasure_of_source_at(erasure, (int64_t)received, value, size);
    case BB_STORE_PART_OUTBOX: break;
    }
    return bb_erasure_of_outbox(erasure, value, size, error);
}

static int erase_store(struct bb_plant *plant, struct bb_erasure *erasure,
                       struct bb_erase_report *report, struct bb_error *error) {
    char path[PATH_MAX_BYTES];

    plant->store->ops->close(plant->store);
    plant->store = NULL;
    snprintf(path, sizeof path, "%s/store", plant->directory);
    return bb_store_lmdb_rewrite(path, plant->log->partitions, change_value, erasure,
                                 &report->values, error);
}

/* ---- the registry */

struct registry_work {
    struct bb_erasure *erasure;
    struct bb_error *error;
    int result;
};

static int change_master(void *context, int64_t recorded_ms, char *body, size_t size,
                         struct bb_error *error) {
    struct registry_work *work = context;

    (void)recorded_ms;
    return bb_erasure_of_master(work->erasure, body, size, error);
}

static bool change_source(void *context, const struct bb_registry_source *source, char *text,
                          size_t size) {
    struct registry_work *work = context;

    if (!work->result && bb_erasure_is_theirs(work->erasure, source->tenant, source->usage_point,
                                              source->recorded_ms))
        work->result = bb_erasure_note_exception(work->erasure, source->exception, work->error);
    return bb_erasure_of_source(work->erasure, source->tenant, source->usage_point,
                                source->recorded_ms, text, size);
}

static int change_audit(void *context, const struct bb_registry_audit *row) {
    struct registry_work *work = context;

    return bb_erasure_of_audit(work->erasure, row);
}

static int erase_registry(struct bb_plant *plant, struct bb_erasure *erasure,
                          struct bb_erase_report *report, struct bb_error *error) {
    static const struct bb_registry_rewrite how = {change_master, change_source, change_audit};
    struct registry_work work = {erasure, error, 0};
    int result = bb_registry_sqlite_rewrite(plant->registry, &how, &work, &report->rows, error);

    return result ? result : work.result;
}

/* ---- all of it */

int bb_erase_run(struct bb_plant *plant, struct bb_erasure *erasure, struct bb_erase_report *report,
                 struct bb_error *error) {
    int result = bb_engines_need_embedded(&plant->config, "erasing", error);

    if (!result) /* learns when people told something about them, which sources in the store do not say */
        result = bb_erase_look(plant, erasure, report, error);
    if (!result)
        result = put_marker(plant->directory, error);
    if (!result)
        result = erase_store(plant, erasure, report, error);
    if (!result)
        result = erase_log(plant, erasure, report, error);
    return result ? result : erase_registry(plant, erasure, report, error);
}

int bb_erase_finish(struct bb_plant *plant, struct bb_error *error) {
    char path[PATH_MAX_BYTES];
    int result = bb_registry_sqlite_compact(plant->registry, error);

    marker_path(plant->directory, path);
    if (!result && unlink(path) != 0 && errno != ENOENT)
        result = BB_FAIL_ERRNO(error, BB_E_REGISTRY_IO, errno, "cannot remove %s", path);
    return result ? result : sync_directory(plant->directory, error);
}
