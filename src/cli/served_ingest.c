/* `ingest` through a server: see served_ingest.h. */
#include "cli/served_ingest.h"

#include "cli/served_ask.h"
#include "service/post_result.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BODY_MAX_BYTES = 64 << 10, COPY_BYTES = 1 << 16 };

struct bb_served_taken { /* a file that counts now */
    struct bb_served_taken *next;
    struct bb_round round; /* file_id and parts */
    uint64_t readings;
    struct bb_ledger_part parts[];
};

void bb_served_taken_free(struct bb_served_taken *taken) {
    while (taken) {
        struct bb_served_taken *next = taken->next;
        free(taken);
        taken = next;
    }
}

/* ---- what is asked */

/* The server opens files by name. What comes by a pipe is laid down first, in a file without a name. */
static int lay_down(const char *directory, int *fd, struct bb_error *error) {
    char piece[COPY_BYTES];
    ssize_t got;

    *fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    while (*fd >= 0 && (got = read(STDIN_FILENO, piece, sizeof piece)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot read -");
        for (ssize_t at = 0; at < got;) {
            ssize_t written = write(*fd, piece + at, (size_t)(got - at));
            if (written < 0 && errno != EINTR)
                return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot write in %s", directory);
            at += written > 0 ? written : 0;
        }
    }
    return *fd >= 0
               ? 0
               : BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make a file in %s", directory);
}

static int whole_name(const char *path, char out[PATH_MAX], struct bb_error *error) {
    return realpath(path, out)
               ? 0
               : BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot open %s", path);
}

static int put_question(const struct bb_land_options *land, const char *path, const char *name,
                        struct bb_buffer *out, struct bb_error *error) {
    const struct bb_reading_form *form = &land->form;
    char map[PATH_MAX];
    struct bb_json json;

    if (land->map_path && whole_name(land->map_path, map, error) < 0)
        return -(int)error->code;
    bb_json_init(&json, out);
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "path", bb_span_of(path));
    bb_json_put_text(&json, "name", bb_span_of(name));
    bb_json_put_text(&json, "tenant", form->tenant);
    if (form->format)
        bb_json_put_text(&json, "format", bb_span_of(form->format->name));
    bb_json_put_i64(&json, "kind", form->kind);
    if (form->zone.size > 0)
        bb_json_put_text(&json, "zone", form->zone);
    bb_json_put_u64(&json, "interval", form->interval_s);
    bb_json_put_i64(&json, "precision", (int64_t)form->precision);
    if (land->map_path)
        bb_json_put_text(&json, "map", bb_span_of(map));
    bb_json_put_bool(&json, "partial", land->partial);
    bb_json_put_bool(&json, "again", land->again);
    bb_json_object_end(&json);
    return 0;
}

/* ---- what is answered */

static uint64_t number_of(const json_t *object, const char *name) {
    return (uint64_t)json_integer_value(json_object_get(object, name));
}

static uint64_t number_at(const json_t *array, size_t i) {
    return (uint64_t)json_integer_value(json_array_get(array, i));
}

static void take_errors(struct bb_land_report *report, const json_t *errors) {
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *item = json_array_get(errors, i);
        if (report->error_count == BB_LAND_ERRORS_KEPT)
            return;
        struct bb_error *e = &report->errors[report->error_count++];
        const char *text = json_string_value(json_object_get(item, "text"));
        const char *source = json_string_value(json_object_get(item, "source"));
        (void)!BB_FAIL(e, (enum bb_error_code)number_of(item, "code"), "%s", text ? text : "");
        bb_error_locate(e, source ? source : "", number_of(item, "line"));
    }
}

static int take_parts(struct bb_ingest_run *run, const json_t *answer, struct bb_error *error) {
    const char *id = json_string_value(json_object_get(answer, "file_id"));
    const json_t *parts = json_object_get(answer, "parts");
    uint32_t partitions = run->plant->log->partitions;

    if (!id)
        return 0;
    struct bb_served_taken *taken = calloc(1, sizeof *taken + partitions * sizeof taken->parts[0]);
    if (!taken)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for what was taken");
    for (uint32_t p = 0; p < partitions; p++)
        taken->parts[p] = (struct bb_ledger_part){.first_offset = number_at(parts, 2 * (size_t)p),
                                                  .frames = number_at(parts, 2 * (size_t)p + 1)};
    taken->round = (struct bb_round){.file_id = strtoull(id, NULL, 10), .parts = taken->parts};
    taken->readings = number_of(answer, "readings");
    taken->next = run->taken;
    run->taken = taken;
    return 0;
}

static int take_answer(struct bb_ingest_run *run, const json_t *answer, struct bb_error *error) {
    struct bb_land_report *report = &run->report;
    const json_t *ignored = json_object_get(answer, "ignored");
    const struct bb_decode_ignored more = {number_at(ignored, 0), number_at(ignored, 1),
                                           number_at(ignored, 2), number_at(ignored, 3),
                                           number_at(ignored, 4)};

    report->files += number_of(answer, "files");
    report->files_skipped += number_of(answer, "files_skipped");
    report->readings += number_of(answer, "readings");
    report->readings_before += number_of(answer, "readings_before");
    report->rejected += number_of(answer, "rejected");
    bb_decode_ignored_add(&report->ignored, &more);
    take_errors(report, json_object_get(answer, "errors"));
    return take_parts(run, answer, error);
}

static int ask(struct bb_ingest_run *run, const char *path, const char *name,
               struct bb_error *error) {
    struct bb_buffer question;
    json_t *answer = NULL;

    bb_buffer_init(&question, BODY_MAX_BYTES);
    int result = put_question(&run->land, path, name, &question, error);
    if (!result)
        result = bb_served_post(run->command->globals.data, "/owner/files", "application/json",
                                bb_buffer_span(&question), &answer, error);
    if (!result)
        result = take_answer(run, answer, error);
    json_decref(answer);
    bb_buffer_release(&question);
    return result;
}

/* A file that cannot be opened is refused, like one that cannot be read. */
static int refuse(struct bb_land_report *report, const char *path, struct bb_error *error) {
    bb_error_locate(error, path, 0);
    report->rejected++;
    if (report->error_count < BB_LAND_ERRORS_KEPT)
        report->errors[report->error_count++] = *error;
    return 0;
}

int bb_served_land(struct bb_ingest_run *run, const char *path, struct bb_error *error) {
    char name[PATH_MAX];
    int fd = -1, result;

    if (strcmp(path, "-") == 0) {
        result = lay_down(run->command->globals.data, &fd, error);
        snprintf(name, sizeof name, "/proc/%d/fd/%d", (int)getpid(), fd);
    } else {
        result = whole_name(path, name, error);
        if (result < 0)
            return refuse(&run->report, path, error);
    }
    if (!result)
        result = ask(run, name, run->land.name ? run->land.name : path, error);
    if (fd >= 0)
        close(fd);
    return result;
}

/* ---- what came of it */

int bb_served_count(struct bb_ingest_run *run, struct bb_error *error) {
    struct bb_worker_counts *counts = &run->counts;

    for (struct bb_served_taken *taken = run->taken; taken; taken = taken->next) {
        const struct bb_post post = {.taken = &taken->round};
        struct bb_post_result of;
        int result = bb_post_result_count(run->plant, &post, &of, error);
        if (result)
            return result;
        counts->added += of.added;
        counts->changed += of.changed;
        counts->duplicate += taken->readings - of.added - of.changed;
    }
    return 0;
}
