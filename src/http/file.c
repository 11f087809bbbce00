/* Files as the ledger knows them: see file_internal.h. */
#include "http/file_internal.h"

#include "answer/rows.h"

/* On the log's owner's thread: the ledger is its own. A bb_file_visit. */
static int take(void *context, const struct bb_file_row *row) {
    struct bb_http_files *files = context;
    struct bb_file_row *item = &files->items[files->count++];

    *item = *row;
    item->source = bb_arena_copy(files->arena, row->source);
    if (!item->source.data)
        return -BB_E_NO_MEMORY;
    return files->count == files->wanted;
}

static int look(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct bb_http_files *files = context;
    int result = bb_file_list(&plant->ledger, &files->asked, take, files);

    return result < 0 ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a list of files") : 0;
}

int bb_http_files_find(struct bb_http_call *call, struct bb_http_files *files,
                       struct bb_error *error) {
    files->asked.tenant = bb_http_tenant(call);
    files->arena = bb_http_arena(call);
    files->count = 0;
    files->items = bb_arena_take_array(files->arena, files->wanted, sizeof files->items[0]);
    if (!files->items)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a list of files");
    return bb_http_on_log(call, look, files, error);
}

int bb_http_file_get(struct bb_http_call *call, struct bb_file_row *out, struct bb_error *error) {
    struct bb_http_files files = {.asked.before_ms = INT64_MAX, .wanted = 1};
    struct bb_span text = bb_http_text(call, "file");
    int result = bb_file_id_parse(text, &files.asked.id) ? bb_http_files_find(call, &files, error)
                                                         : 0;

    if (!result && files.count == 0)
        return BB_FAIL(error, BB_E_FILE_UNKNOWN, "there is no file %.*s",
                       (int)(text.size < 60 ? text.size : 60), text.data);
    if (!result)
        *out = files.items[0];
    return result;
}

int bb_http_file_put(struct bb_http_call *call, const struct bb_file_row *file,
                     struct bb_json *json, struct bb_error *error) {
    struct bb_span refusals;
    struct bb_record record;
    int result = bb_ledger_refusals(bb_http_plant(call)->log, file->report_offset,
                                    bb_http_arena(call), &refusals, error);

    if (result)
        return result;
    bb_record_of_file(file, refusals, BB_SPAN(""), &record);
    bb_record_put_members(&record, json);
    return 0;
}

static int tell_file(struct bb_http_page *page, const struct bb_file_row *file,
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
    if (bb_http_key_take_number(&key, &files->asked.before_ms))
        files->asked.before_ms = -files->asked.before_ms;
    int result = bb_http_files_find(page->call, files, error);
    for (size_t i = 0; !result && i < files->count; i++)
        result = tell_file(page, &files->items[i], error);
    return result;
}
