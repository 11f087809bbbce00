/* Files as the ledger knows them: see file_list.h. */
#include "service/file_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

enum { COPIES_MAX = 100 };

/* ---- which ones */

static bool counts(const struct bb_ledger_file *file) {
    return file->state == BB_FILE_DECIDED || file->state == BB_FILE_DONE;
}

/* The later file of its name and size all of which counts: the same one, read in another way. */
static uint64_t replayed_as(const struct bb_ledger *ledger, size_t index) {
    const struct bb_ledger_file *file = ledger->files[index];

    for (size_t i = index + 1; file->rejected > 0 && i < ledger->count; i++) {
        const struct bb_ledger_file *later = ledger->files[i];
        if (later->look.bytes == file->look.bytes && later->rejected == 0 && counts(later) &&
            bb_span_equal(later->name, file->name) && bb_span_equal(later->tenant, file->tenant))
            return later->file_id;
    }
    return 0;
}

/* Those that are still being read are not told, nor those that were known already, of which nothing was
 * refused. */
static bool is_told(const struct bb_file_question *asked, const struct bb_ledger_file *file) {
    bool is_refused = file->state == BB_FILE_ABANDONED && file->rejected > 0;

    return (counts(file) || is_refused) && file->received_ms < asked->before_ms &&
           (asked->id == 0 || file->file_id == asked->id) &&
           (!asked->with_rejects || file->rejected > 0) &&
           bb_span_equal(file->tenant, asked->tenant);
}

int bb_file_list(const struct bb_ledger *ledger, const struct bb_file_question *asked,
                 bb_file_visit *visit, void *context) {
    int result = 0;

    for (size_t i = ledger->count; !result && i-- > 0;) {
        const struct bb_ledger_file *file = ledger->files[i];
        if (!is_told(asked, file))
            continue;
        const struct bb_file_row row = {.id = file->file_id,
                                        .source = file->name,
                                        .received_ms = file->received_ms,
                                        .is_refused = file->state == BB_FILE_ABANDONED,
                                        .readings = file->readings,
                                        .rejected = file->rejected,
                                        .bytes = file->look.bytes,
                                        .report_offset = file->report_offset,
                                        .replayed = replayed_as(ledger, i)};
        if (!row.replayed || !asked->without_replayed)
            result = visit(context, &row);
    }
    return result;
}

const char *bb_file_state(const struct bb_file_row *row) {
    return row->is_refused ? "refused" : row->rejected > 0 ? "partial" : "done";
}

bool bb_file_id_parse(struct bb_span text, uint64_t *id) {
    *id = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && !(c >= 'a' && c <= 'f'))
            return false;
        *id = *id << 4 | (uint64_t)(is_digit ? c - '0' : c - 'a' + 10);
    }
    return text.size == BB_FILE_ID_DIGITS && *id != 0;
}

void bb_file_id_format(uint64_t id, char text[BB_FILE_ID_DIGITS + 1]) {
    snprintf(text, BB_FILE_ID_DIGITS + 1, "%016" PRIx64, id);
}

/* ---- where one is */

static bool is_there(const struct bb_file_row *row, const char *path) {
    struct stat about;

    return lstat(path, &about) == 0 && S_ISREG(about.st_mode) &&
           (row->bytes == 0 || (uint64_t)about.st_size == row->bytes);
}

/* The drop folder calls a second day.csv day.csv.2. */
static bool is_on_shelf(const struct bb_file_row *row, const char *folder, const char *shelf,
                        struct bb_span name, char path[BB_FILE_PATH_MAX]) {
    for (int copy = 1; copy <= COPIES_MAX; copy++) {
        int size = snprintf(path, BB_FILE_PATH_MAX, "%s/%s/%.*s", folder, shelf,
                            BB_SPAN_ARGS(name));
        if (copy > 1 && size > 0 && size < BB_FILE_PATH_MAX)
            size += snprintf(path + size, (size_t)(BB_FILE_PATH_MAX - size), ".%d", copy);
        if (size > 0 && size < BB_FILE_PATH_MAX && is_there(row, path))
            return true;
    }
    return false;
}

bool bb_file_was_dropped(const struct bb_file_row *row, const char *drop_folder) {
    struct bb_span source = row->source, prefix = bb_span_of(drop_folder);

    return prefix.size > 0 && source.size > prefix.size + 1 &&
           bb_span_starts_with(source, prefix) && source.data[prefix.size] == '/';
}

int bb_file_find(const struct bb_file_row *row, const char *drop_folder,
                 char path[BB_FILE_PATH_MAX], struct bb_error *error) {
    struct bb_span source = row->source, folder = bb_span_of(drop_folder);

    if (source.size < BB_FILE_PATH_MAX) {
        snprintf(path, BB_FILE_PATH_MAX, "%.*s", BB_SPAN_ARGS(source));
        if (strcmp(path, "-") != 0 && is_there(row, path))
            return 0;
    }
    if (bb_file_was_dropped(row, drop_folder)) {
        struct bb_span name = {source.data + folder.size + 1, source.size - folder.size - 1};
        if (is_on_shelf(row, drop_folder, "failed", name, path) ||
            is_on_shelf(row, drop_folder, "done", name, path))
            return 0;
    }
    return BB_FAIL(error, BB_E_FILE_GONE,
                   "there is no file of %llu bytes where %.*s came from: send it anew, as a post "
                   "or by `busbar ingest`",
                   (unsigned long long)row->bytes, BB_SPAN_ARGS(source));
}
