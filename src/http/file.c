/* Files as the ledger knows them: see file_internal.h. */
#include "http/file_internal.h"

#include "service/ledger.h"

#include <inttypes.h>
#include <stdio.h>

enum { ID_DIGITS = 16 };

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
static bool is_told(const struct bb_http_files *files, const struct bb_ledger_file *file) {
    bool is_refused = file->state == BB_FILE_ABANDONED && file->rejected > 0;

    return (counts(file) || is_refused) && file->received_ms < files->before_ms &&
           (files->id == 0 || file->file_id == files->id) &&
           (!files->with_rejects || file->rejected > 0) &&
           bb_span_equal(file->tenant, files->tenant);
}

/* On the log's owner's thread: the ledger is its own. */
static int look(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct bb_http_files *files = context;
    const struct bb_ledger *ledger = &plant->ledger;

    for (size_t i = ledger->count; i-- > 0 && files->count < files->wanted;) {
        const struct bb_ledger_file *file = ledger->files[i];
        if (!is_told(files, file))
            continue;
        uint64_t replayed = replayed_as(ledger, i);
        if (replayed && files->without_replayed)
            continue;
        struct bb_span source = bb_arena_copy(files->arena, file->name);
        if (!source.data)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a list of files");
        files->items[files->count++] = (struct bb_http_file){.id = file->file_id,
                                                             .source = source,
                                                             .received_ms = file->received_ms,
                                                             .is_refused = file->state ==
                                                                           BB_FILE_ABANDONED,
                                                             .readings = file->readings,
                                                             .rejected = file->rejected,
                                                             .bytes = file->look.bytes,
                                                             .report_offset = file->report_offset,
                                                             .replayed = replayed};
    }
    return 0;
}

int bb_http_files_find(struct bb_http_call *call, struct bb_http_files *files,
                       struct bb_error *error) {
    files->tenant = bb_http_tenant(call);
    files->arena = bb_http_arena(call);
    files->count = 0;
    files->items = bb_arena_take_array(files->arena, files->wanted, sizeof files->items[0]);
    if (!files->items)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a list of files");
    return bb_http_on_log(call, look, files, error);
}

static bool read_id(struct bb_span text, uint64_t *id) {
    *id = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && !(c >= 'a' && c <= 'f'))
            return false;
        *id = *id << 4 | (uint64_t)(is_digit ? c - '0' : c - 'a' + 10);
    }
    return text.size == ID_DIGITS && *id != 0;
}

int bb_http_file_get(struct bb_http_call *call, struct bb_http_file *out, struct bb_error *error) {
    struct bb_http_files files = {.before_ms = INT64_MAX, .wanted = 1};
    struct bb_span text = bb_http_text(call, "file");
    int result = read_id(text, &files.id) ? bb_http_files_find(call, &files, error) : 0;

    if (!result && files.count == 0)
        return BB_FAIL(error, BB_E_FILE_UNKNOWN, "there is no file %.*s",
                       (int)(text.size < 60 ? text.size : 60), text.data);
    if (!result)
        *out = files.items[0];
    return result;
}

const char *bb_http_file_state(const struct bb_http_file *file) {
    return file->is_refused ? "refused" : file->rejected > 0 ? "partial" : "done";
}

static int put_errors(struct bb_json *json, struct bb_http_call *call,
                      const struct bb_http_file *file, struct bb_error *error) {
    struct bb_span refusals;
    int result = bb_ledger_refusals(bb_http_plant(call)->log, file->report_offset,
                                    bb_http_arena(call), &refusals, error);

    bb_json_key(json, "errors");
    bb_json_array_begin(json);
    if (!result && refusals.size > 0)
        bb_json_raw(json, refusals);
    bb_json_array_end(json);
    return result;
}

int bb_http_file_put(struct bb_http_call *call, const struct bb_http_file *file,
                     struct bb_json *json, struct bb_error *error) {
    char received[BB_TIME_TEXT_MAX], id[ID_DIGITS + 1];

    snprintf(id, sizeof id, "%016" PRIx64, file->id);
    bb_json_put_text(json, "id", bb_span_of(id));
    bb_json_put_text(json, "source", file->source);
    bb_json_put_text(json, "received",
                     (struct bb_span){received, bb_time_format_utc(file->received_ms, received)});
    bb_json_put_text(json, "state", bb_span_of(bb_http_file_state(file)));
    bb_json_put_u64(json, "readings", file->is_refused ? 0 : file->readings);
    bb_json_put_u64(json, "rejected", file->rejected);
    bb_json_put_u64(json, "bytes", file->bytes);
    bb_json_key(json, "replayed");
    snprintf(id, sizeof id, "%016" PRIx64, file->replayed);
    if (file->replayed)
        bb_json_text(json, bb_span_of(id));
    else
        bb_json_null(json);
    return put_errors(json, call, file, error);
}

static int tell_file(struct bb_http_page *page, const struct bb_http_file *file,
                     struct bb_error *error) {
    bb_buffer_clear(&page->key);
    bb_http_key_number(&page->key, -file->received_ms); /* the newest first */
    struct bb_json *json = bb_http_page_object_begin(page);
    if (!json)
        return 0;
    int result = bb_http_file_put(page->call, file, json, error);
    (void)bb_http_page_object_end(page);
    return result;
}

int bb_http_files_tell(struct bb_http_page *page, struct bb_http_files *files,
                       struct bb_error *error) {
    struct bb_span key = page->after;

    files->wanted = page->limit + 1;
    if (bb_http_key_take_number(&key, &files->before_ms))
        files->before_ms = -files->before_ms;
    int result = bb_http_files_find(page->call, files, error);
    for (size_t i = 0; !result && i < files->count; i++)
        result = tell_file(page, &files->items[i], error);
    return result;
}
