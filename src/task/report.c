/* The task report: how complete each channel's days are, one file a month and a sum of each in the result.
 *
 *   FOLDER/completeness-TENANT-2026-03.csv
 *
 * A month is one piece: written whole, then the checkpoint. */
#include <stdio.h>
#include <stdlib.h>

#include "answer/rows.h"
#include "task/kind_internal.h"
#include "task/whole_file.h"

enum { SUMS_LIMIT_BYTES = 200 << 10, TELL_EVERY_ROWS = 1024, MONTHS_MAX = 1200 };

static const struct bb_task_parameter parameters[] = {
    {"to-folder", BB_TASK_PATH, true, "where the files go"},
    {"from", BB_TASK_TEXT, true, "the first month, 2026-03"},
    {"to", BB_TASK_TEXT, false, "the last one (default: that one)"},
    {NULL}};

struct report {
    struct bb_task_run *run;
    struct bb_task_plant plant;
    int first, last, at; /* months since the year 0 */
    struct bb_whole_file file;
    struct bb_buffer sums; /* of the months that are done: objects, as the result has them */
    uint64_t rows;
    int result;
    struct bb_error *error;
};

static int read_month(const char *text, int *month, struct bb_error *error) {
    int year, number, used = 0;

    if (text && sscanf(text, "%4d-%2d%n", &year, &number, &used) == 2 && text[used] == '\0' &&
        used == 7 && year >= 1970 && number >= 1 && number <= 12) {
        *month = year * 12 + number - 1;
        return 0;
    }
    return BB_FAIL(error, BB_E_TASK_ARGUMENT, "a month is written 2026-03, not %s", text);
}

static int read_arguments(struct report *r, struct bb_error *error) {
    const char *to = bb_task_text(r->run, "to");
    int result = read_month(bb_task_text(r->run, "from"), &r->first, error);

    r->last = r->first;
    if (!result && to)
        result = read_month(to, &r->last, error);
    if (!result && (r->last < r->first || r->last - r->first >= MONTHS_MAX))
        result = BB_FAIL(error, BB_E_TASK_ARGUMENT, "there is no month from %s to %s",
                         bb_task_text(r->run, "from"), to);
    r->at = r->first;
    return result;
}

/* The checkpoint is the number of the next month, and the sums so far. */
static void resume(struct report *r) {
    const struct bb_span text = bb_task_of(r->run)->checkpoint;
    char number[16] = "";

    if (text.size == 0)
        return;
    memcpy(number, text.data, text.size < sizeof number ? text.size : sizeof number - 1);
    int at = (int)strtol(number, NULL, 10);
    const char *line = memchr(text.data, '\n', text.size);
    if (!line || at <= r->first || at > r->last + 1)
        return;
    r->at = at;
    bb_buffer_append(&r->sums, line + 1, text.size - (size_t)(line + 1 - text.data));
}

static int checkpoint(struct report *r, struct bb_error *error) {
    struct bb_buffer text;

    bb_buffer_init(&text, SUMS_LIMIT_BYTES + 64);
    bb_buffer_format(&text, "%d\n", r->at);
    bb_buffer_append_span(&text, bb_buffer_span(&r->sums));
    int result = text.overflow ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a checkpoint")
                               : bb_task_checkpoint(r->run, bb_buffer_span(&text), error);
    bb_buffer_release(&text);
    return result;
}

/* A bb_completeness_visit. */
static int write_row(void *context, const struct bb_completeness_row *row) {
    struct report *r = context;
    struct bb_record record;

    bb_record_of_completeness(row, &record);
    bb_record_put_csv(&record, &r->file.buffer);
    r->result = bb_whole_file_spill(&r->file, r->error);
    if (!r->result && r->rows++ % TELL_EVERY_ROWS == 0)
        r->result = bb_task_tell(r->run, (uint64_t)(r->at - r->first),
                                 (uint64_t)(r->last - r->first + 1), r->error, "%04d-%02d %.*s",
                                 r->at / 12, r->at % 12 + 1, BB_SPAN_ARGS(row->usage_point));
    return r->result ? 1 : 0;
}

static void put_sum(struct report *r, const struct bb_completeness_sum *sum) {
    struct bb_json json;
    char month[16];

    snprintf(month, sizeof month, "%04d-%02d", r->at / 12, r->at % 12 + 1);
    if (r->sums.size > 0)
        bb_buffer_append_byte(&r->sums, ',');
    bb_json_init(&json, &r->sums);
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "month", bb_span_of(month));
    bb_json_put_u64(&json, "channels", sum->channels);
    bb_json_put_u64(&json, "silent", sum->silent);
    bb_json_put_u64(&json, "days", sum->days);
    bb_json_put_u64(&json, "unknown", sum->unknown);
    bb_json_put_u64(&json, "complete", sum->complete);
    bb_json_put_u64(&json, "estimated", sum->estimated);
    bb_json_object_end(&json);
}

static struct bb_completeness_bound bound_of(int month) {
    return (struct bb_completeness_bound){.ms = bb_days_from_civil(month / 12, month % 12 + 1, 1) *
                                                (int64_t)BB_DAY_MS,
                                          .is_local = true};
}

static int write_month(struct report *r, struct bb_error *error) {
    const struct bb_list_row *list = &bb_lists[BB_LIST_COMPLETENESS];
    const struct bb_completeness asked = {.tenant = bb_task_of(r->run)->tenant,
                                          .from = bound_of(r->at),
                                          .to = bound_of(r->at + 1),
                                          .as_of_ms = BB_TIME_NONE};
    struct bb_completeness_sum sum;

    bb_record_put_csv_titles(list->fields, list->field_count, &r->file.buffer);
    int result = bb_completeness_run(&r->plant.plant, &asked, write_row, r, &sum, error);
    result = result < 0 ? result : r->result;
    if (!result)
        result = bb_whole_file_commit(&r->file, error);
    if (!result)
        put_sum(r, &sum);
    return result;
}

static int report_month(struct report *r, struct bb_error *error) {
    struct bb_buffer path;

    bb_buffer_init(&path, PATH_MAX);
    bb_buffer_format(&path, "%s/completeness-", bb_task_text(r->run, "to-folder"));
    bb_whole_file_put_name(&path, bb_task_of(r->run)->tenant);
    bb_buffer_format(&path, "-%04d-%02d.csv", r->at / 12, r->at % 12 + 1);
    bb_buffer_append_byte(&path, '\0');
    int result = path.overflow
                     ? BB_FAIL(error, BB_E_TASK_ARGUMENT, "the name of the folder is too long")
                     : bb_whole_file_begin(&r->file, path.data, bb_task_of(r->run)->epoch, error);
    bb_buffer_release(&path);
    if (!result)
        result = write_month(r, error);
    bb_whole_file_release(&r->file);
    r->at++;
    return result ? result : checkpoint(r, error);
}

static int report_all(struct report *r, struct bb_error *error) {
    struct bb_json json;
    int result = 0;

    while (!result && r->at <= r->last)
        result = report_month(r, error);
    if (result)
        return result;
    bb_json_init(&json, bb_task_result(r->run));
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "folder", bb_span_of(bb_task_text(r->run, "to-folder")));
    bb_json_key(&json, "months");
    bb_json_array_begin(&json);
    bb_json_raw(&json, bb_buffer_span(&r->sums));
    bb_json_array_end(&json);
    bb_json_object_end(&json);
    return 0;
}

static int run_report(struct bb_task_run *run, struct bb_error *error) {
    const struct bb_task_tools *tools = bb_task_tools(run);
    struct report *r = calloc(1, sizeof *r);

    if (!r)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to report");
    r->run = run;
    r->error = error;
    r->file.fd = -1;
    bb_buffer_init(&r->sums, SUMS_LIMIT_BYTES);
    int result = read_arguments(r, error);
    if (!result)
        result = tools->open(tools->context, bb_task_of(run)->tenant, BB_PLANT_READ, &r->plant,
                             error);
    if (!result) {
        resume(r);
        result = report_all(r, error);
        tools->close(tools->context, &r->plant);
    }
    bb_buffer_release(&r->sums);
    free(r);
    return result;
}

const struct bb_task_kind bb_task_report = {
    .name = "report",
    .summary = "how complete each channel's days are, by month",
    .parameters = parameters,
    .run = run_report};
