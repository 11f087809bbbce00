/* done/ and failed/: reports and names that are free. See drop_internal.h. */
#include "service/drop_internal.h"

#include "base/json_write.h"
#include "model/timestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { COPIES_MAX = 1000000, REPORT_LIMIT_BYTES = 1 << 20 };

/* File systems without that flag have links; those without either cannot promise it. */
static int move_by_link(int from_fd, const char *from, int to_fd, const char *to) {
    if (linkat(from_fd, from, to_fd, to, 0) != 0)
        return errno;
    return unlinkat(from_fd, from, 0) == 0 ? 0 : errno;
}

int bb_drop_move(int from_fd, const char *from, int to_fd, const char *to, struct bb_error *error) {
    int failure = renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE) == 0 ? 0 : errno;

    if (failure == EINVAL || failure == ENOSYS)
        failure = move_by_link(from_fd, from, to_fd, to);
    switch (failure) {
    case 0: return BB_DROP_MOVED;
    case EEXIST: return BB_DROP_EXISTS;
    case ENOENT: return BB_DROP_ABSENT;
    default:
        return BB_FAIL_ERRNO(error, BB_E_DROP_FOLDER, failure,
                             "the file %s of the drop folder cannot be moved", from);
    }
}

static void put_error(struct bb_json *json, const struct bb_error *error) {
    char code[16];

    snprintf(code, sizeof code, "BB-%04d", (int)error->code);
    bb_json_object_begin(json);
    bb_json_put_text(json, "file", bb_span_of(error->source));
    bb_json_put_u64(json, "line", error->line);
    bb_json_put_text(json, "code", bb_span_of(code));
    bb_json_put_text(json, "reason", bb_span_of(error->text));
    bb_json_object_end(json);
}

static void put_report(const struct bb_drop_file *file, int64_t now_ms, struct bb_buffer *out) {
    const struct bb_land_report *report = file->report;
    char time[BB_TIME_TEXT_MAX];
    struct bb_json json;

    bb_json_init(&json, out);
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "file", bb_span_of(file->name));
    bb_json_put_text(&json, "outcome", bb_span_of(bb_drop_outcome_name(file->outcome)));
    bb_json_put_text(&json, "at", (struct bb_span){time, bb_time_format_utc(now_ms, time)});
    bb_json_put_u64(&json, "readings", report->readings + report->readings_before);
    bb_json_put_u64(&json, "rejected", report->rejected);
    bb_json_key(&json, "errors");
    bb_json_array_begin(&json);
    for (uint32_t i = 0; i < report->error_count; i++)
        put_error(&json, &report->errors[i]);
    bb_json_array_end(&json);
    bb_json_object_end(&json);
    bb_buffer_append_byte(out, '\n');
}

static int fail_report(const char *name, struct bb_error *error) {
    return BB_FAIL_ERRNO(error, BB_E_DROP_FOLDER, errno, "the report %s cannot be written", name);
}

static int write_all(int fd, struct bb_span text) {
    while (text.size > 0) {
        ssize_t written = write(fd, text.data, text.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        text.data += written;
        text.size -= (size_t)written;
    }
    return 0;
}

/* Whole or not at all: readers of reports never see half of one. */
static int write_report(int shelf_fd, const char *name, struct bb_span text,
                        struct bb_error *error) {
    static const char draft[] = ".report.tmp";
    int fd = openat(shelf_fd, draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);

    if (fd < 0)
        return fail_report(name, error);
    int failure = write_all(fd, text);
    if (close(fd) != 0 || failure || renameat(shelf_fd, draft, shelf_fd, name) != 0)
        return fail_report(name, error);
    return 0;
}

/* "day.csv", "day.csv.2", ...; false: too long. */
static bool name_copy(const char *name, int number, char *placed, char *report) {
    int size = number == 1 ? snprintf(placed, NAME_MAX + 1, "%s", name)
                           : snprintf(placed, NAME_MAX + 1, "%.*s.%d", NAME_MAX, name, number);

    return size <= NAME_MAX &&
           snprintf(report, NAME_MAX + 1, "%.*s%s", NAME_MAX, placed, BB_DROP_REPORT) <= NAME_MAX;
}

/* A name too long for its ending loses its end; the report has all of it. */
static void shorten(const char *name, char *base) {
    enum { ENDING_MAX = 32 };

    snprintf(base, NAME_MAX + 1, "%.*s", NAME_MAX - ENDING_MAX, name);
}

int bb_drop_put_away(int taking_fd, int shelf_fd, const struct bb_drop_file *file, int64_t now_ms,
                     char *placed, struct bb_error *error) {
    char base[NAME_MAX + 1], report[NAME_MAX + 1];
    struct bb_buffer text;
    int r = BB_DROP_EXISTS;

    shorten(file->name, base);
    bb_buffer_init(&text, REPORT_LIMIT_BYTES);
    put_report(file, now_ms, &text);
    for (int number = 1; r == BB_DROP_EXISTS; number++) {
        if (number > COPIES_MAX || !name_copy(base, number, placed, report)) {
            r = BB_FAIL(error, BB_E_DROP_FOLDER, "there is no free name left for %s", file->name);
        } else if (faccessat(shelf_fd, placed, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
            r = write_report(shelf_fd, report, bb_buffer_span(&text), error);
            if (r == 0)
                r = bb_drop_move(taking_fd, file->name, shelf_fd, placed, error);
        }
    }
    bb_buffer_release(&text);
    return r < 0 ? r : 0; /* gone from .taking: somebody's own doing, and its report is there */
}
