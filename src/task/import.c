/* The task import: files into the log, one after the other, then derived and listed.
 *
 * A file counts whole or not at all, and the log knows those that do: begun again, a file that was landed is passed over, one that
 * was not is read anew. The checkpoint only spares asking for each of thousands, and keeps the sums. */
#include <jansson.h>
#include <stdlib.h>

#include "base/json_write.h"
#include "service/input_files.h"
#include "task/kind_internal.h"

enum { CHECKPOINT_LIMIT_BYTES = 64 << 10, MESSAGES_MAX = 20 };

static const struct bb_task_parameter parameters[] = {
    {"format", BB_TASK_TEXT, false, "of the files (default: as they look)"},
    {"map", BB_TASK_PATH, false, "YAML file that says how to read other sources"},
    {"zone", BB_TASK_TEXT, false, "of times without offset"},
    {"kind", BB_TASK_TEXT, false, "of values whose kind nothing else says"},
    {"precision", BB_TASK_TEXT, false, "of timestamps in line protocol"},
    {"interval", BB_TASK_TEXT, false, "length of intervals when nothing else says it"},
    {"partial", BB_TASK_FLAG, false, "keep the good lines of a file that has bad ones"},
    {NULL}};

struct import {
    struct bb_task_run *run;
    struct bb_task_plant plant;
    struct bb_input_files files;
    struct bb_land_report report; /* of the file at hand */
    struct bb_buffer checkpoint;
    size_t next; /* of files */
    uint64_t refused, readings, rejected;
    json_t *messages; /* the first ones, as the result shows them */
};

static int find_files(struct import *import, struct bb_error *error) {
    for (size_t i = 0; i < bb_task_what_count(import->run); i++) {
        int result = bb_input_files_add(&import->files, bb_task_what(import->run, i), error);
        if (result)
            return result;
    }
    return 0;
}

/* Where it stood; in another list of files it begins at the first one, which the log knows, if it does. */
static int resume(struct import *import, struct bb_error *error) {
    const struct bb_span text = bb_task_of(import->run)->checkpoint;
    json_t *state = text.size > 0 ? json_loadb(text.data, text.size, 0, NULL) : NULL;
    size_t next = (size_t)json_integer_value(json_object_get(state, "next"));
    const char *last = json_string_value(json_object_get(state, "file"));

    import->messages = json_array();
    if (last && next > 0 && next <= import->files.count &&
        strcmp(last, import->files.items[next - 1].path) == 0) {
        import->next = next;
        import->refused = (uint64_t)json_integer_value(json_object_get(state, "refused"));
        import->readings = (uint64_t)json_integer_value(json_object_get(state, "readings"));
        import->rejected = (uint64_t)json_integer_value(json_object_get(state, "rejected"));
        json_array_extend(import->messages, json_object_get(state, "errors"));
    }
    json_decref(state);
    return import->messages ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to import");
}

static void keep_messages(struct import *import) {
    for (uint32_t i = 0; i < import->report.error_count; i++) {
        char text[900];
        if (json_array_size(import->messages) < MESSAGES_MAX)
            json_array_append_new(
                import->messages,
                json_string(bb_error_format(&import->report.errors[i], text, sizeof text)));
    }
}

static void put_messages(const struct import *import, struct bb_json *json) {
    bb_json_key(json, "errors");
    bb_json_array_begin(json);
    for (size_t i = 0; i < json_array_size(import->messages); i++)
        bb_json_text(json, bb_span_of(json_string_value(json_array_get(import->messages, i))));
    bb_json_array_end(json);
}

static void put_sums(const struct import *import, struct bb_json *json) {
    bb_json_put_u64(json, "refused", import->refused);
    bb_json_put_u64(json, "readings", import->readings);
    bb_json_put_u64(json, "rejected", import->rejected);
    put_messages(import, json);
}

static int checkpoint(struct import *import, const char *path, struct bb_error *error) {
    struct bb_json json;

    bb_buffer_clear(&import->checkpoint);
    bb_json_init(&json, &import->checkpoint);
    bb_json_object_begin(&json);
    bb_json_put_u64(&json, "next", import->next);
    bb_json_put_text(&json, "file", bb_span_of(path));
    put_sums(import, &json);
    bb_json_object_end(&json);
    if (import->checkpoint.overflow)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a checkpoint");
    return bb_task_checkpoint(import->run, bb_buffer_span(&import->checkpoint), error);
}

static int land_next(struct import *import, struct bb_error *error) {
    const struct bb_task_tools *tools = bb_task_tools(import->run);
    const struct bb_input_file *file = &import->files.items[import->next];
    struct bb_land_report *report = &import->report;
    int result = bb_task_tell(import->run, import->next, import->files.count, error, "reading %s",
                              file->path);

    *report = (struct bb_land_report){0};
    if (!result)
        result = tools->land(tools->context, &import->plant, file->path, import->run, report,
                             error);
    if (result < 0)
        return result;
    import->next++;
    import->refused += result == BB_LAND_REFUSED && report->files == 0;
    /* Landed before counts as well: then it was this task, before it was interrupted, or another one. */
    import->readings += report->readings + report->readings_before;
    import->rejected += report->rejected;
    keep_messages(import);
    return checkpoint(import, file->path, error);
}

static int import_files(struct import *import, struct bb_error *error) {
    const struct bb_task_tools *tools = bb_task_tools(import->run);
    struct bb_json json;
    int result = 0;

    while (!result && import->next < import->files.count)
        result = land_next(import, error);
    if (!result)
        result = bb_task_tell(import->run, import->next, import->files.count, error, "deriving");
    if (!result)
        result = tools->follow(tools->context, &import->plant, import->run, error);
    if (result)
        return result;
    bb_json_init(&json, bb_task_result(import->run));
    bb_json_object_begin(&json);
    bb_json_put_u64(&json, "files", import->files.count);
    put_sums(import, &json);
    bb_json_object_end(&json);
    return 0;
}

static int run_import(struct bb_task_run *run, struct bb_error *error) {
    const struct bb_task_tools *tools = bb_task_tools(run);
    struct import *import = calloc(1, sizeof *import);

    if (!import)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to import");
    import->run = run;
    bb_buffer_init(&import->checkpoint, CHECKPOINT_LIMIT_BYTES);
    int result = find_files(import, error);
    if (!result)
        result = resume(import, error);
    if (!result)
        result = tools->open(tools->context, bb_task_of(run)->tenant, BB_PLANT_APPEND,
                             &import->plant, error);
    if (!result) {
        result = import_files(import, error);
        tools->close(tools->context, &import->plant);
    }
    json_decref(import->messages);
    bb_input_files_release(&import->files);
    bb_buffer_release(&import->checkpoint);
    free(import);
    return result;
}

const struct bb_task_kind bb_task_import = {.name = "import",
                                            .summary = "take files in, as ingest does",
                                            .what = "FILE|DIR...",
                                            .what_are_paths = true,
                                            .what_min = 1,
                                            .parameters = parameters,
                                            .run = run_import};
