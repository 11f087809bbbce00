/* The task export: values of a lane as files, one for each channel and month, for whoever reads files.
 *
 *   FOLDER/USAGE POINT/CHANNEL/LANE-2026-03.csv
 *
 * A file is there whole or not at all. The checkpoint is the last one that is, so that it goes on with the month behind. Each file
 * is of one moment; what comes while the task runs is in those written later. Channels that rules make are left out. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer/value_writer.h"
#include "base/json_write.h"
#include "base/list.h"
#include "model/kind.h"
#include "task/kind_internal.h"
#include "task/whole_file.h"

enum {
    NAMES_CHUNK_BYTES = 64 << 10,
    NAMES_LIMIT_BYTES = 256 << 20,
    CHECKPOINT_LIMIT_BYTES = 8 << 10,
    TELL_EVERY_ROWS = 4096
};

static const struct bb_task_parameter parameters[] = {
    {"to-folder", BB_TASK_PATH, true, "where the files go"},
    {"lane", BB_TASK_TEXT, false, "raw, vee, hour, day or month (default: raw)"},
    {"usage-point", BB_TASK_TEXT, false, "this one alone (default: all)"},
    {"from", BB_TASK_TIME, false, "values from this time on"},
    {"to", BB_TASK_TIME, false, "and up to this one"},
    {"format", BB_TASK_TEXT, false, "csv or ndjson (default: csv)"},
    {"zone", BB_TASK_TEXT, false, "whose months they are, and the times in them (default: UTC)"},
    {NULL}};

struct channel {
    struct bb_span usage_point, name;
    bool is_gauge;
};

struct export {
    struct bb_task_run *run;
    struct bb_task_plant plant;
    struct bb_arena names;
    struct channel *channels;
    size_t count, capacity, at;
    enum bb_lane lane;
    bool as_csv;
    int64_t from_ms, to_ms;
    const struct bb_zone *zone;    /* NULL: times in UTC */
    struct bb_period_bounds month; /* of the file at hand */
    struct bb_whole_file file;
    struct bb_value_writer writer;
    bool is_open; /* file and writer */
    uint64_t files, rows, bytes;
    int result; /* of what a visitor did */
    struct bb_error *error;
};

/* ---- what is asked --------------------------------------------------------------------------- */

static int read_arguments(struct export *e, struct bb_error *error) {
    const char *lane = bb_task_text(e->run, "lane"), *format = bb_task_text(e->run, "format");
    const char *zone = bb_task_text(e->run, "zone");
    int found = bb_lane_find(bb_span_of(lane ? lane : "raw"));

    if (found < 0 || (found != BB_LANE_RAW && found != BB_LANE_VEE && !bb_lane_has_periods(found)))
        return BB_FAIL(error, BB_E_TASK_ARGUMENT, "there is no lane %s to export", lane);
    if (format && strcmp(format, "csv") != 0 && strcmp(format, "ndjson") != 0)
        return BB_FAIL(error, BB_E_TASK_ARGUMENT, "--format is csv or ndjson, not %s", format);
    e->lane = (enum bb_lane)found;
    e->as_csv = !format || strcmp(format, "csv") == 0;
    int result = bb_task_time(e->run, "from", &e->from_ms, error);
    if (!result)
        result = bb_task_time(e->run, "to", &e->to_ms, error);
    if (!result && zone)
        result = bb_zone_set_get(e->plant.plant.zones, bb_span_of(zone), &e->zone, error);
    return result;
}

static int note_channel(void *context, const struct bb_registry_channel *row) {
    struct export *e = context;
    struct channel channel = {.usage_point = bb_arena_copy(&e->names, row->usage_point),
                              .name = bb_arena_copy(&e->names, row->channel),
                              .is_gauge = row->kind == BB_KIND_GAUGE};

    if (!channel.usage_point.data || !channel.name.data ||
        !bb_list_room(&e->channels, e->count, &e->capacity, sizeof *e->channels)) {
        e->result = BB_FAIL(e->error, BB_E_NO_MEMORY, "no memory for the names of channels");
        return 1;
    }
    if (row->kind != BB_KIND_EVENT)
        e->channels[e->count++] = channel;
    return 0;
}

static int find_channels(struct export *e, struct bb_error *error) {
    struct bb_registry *registry = e->plant.plant.registry;
    const char *usage_point = bb_task_text(e->run, "usage-point");
    int result = registry->ops->channel_list(registry, bb_task_of(e->run)->tenant,
                                             bb_span_of(usage_point ? usage_point : ""),
                                             note_channel, e, error);

    result = result < 0 ? result : e->result;
    if (!result && e->count == 0 && usage_point)
        result = BB_FAIL(error, BB_E_USAGE_POINT_UNKNOWN, "there is no usage point %s",
                         usage_point);
    return result;
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

static void put_sums(const struct export *e, struct bb_json *json) {
    bb_json_put_u64(json, "files", e->files);
    bb_json_put_u64(json, "rows", e->rows);
    bb_json_put_u64(json, "bytes", e->bytes);
}

/* What is written up to `until_ms` of the channel at hand. */
static int checkpoint(struct export *e, int64_t until_ms, struct bb_error *error) {
    struct bb_buffer text;
    struct bb_json json;

    bb_buffer_init(&text, CHECKPOINT_LIMIT_BYTES);
    bb_json_init(&json, &text);
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "usage_point", e->channels[e->at].usage_point);
    bb_json_put_text(&json, "channel", e->channels[e->at].name);
    bb_json_put_i64(&json, "until", until_ms);
    put_sums(e, &json);
    bb_json_object_end(&json);
    int result = text.overflow ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a checkpoint")
                               : bb_task_checkpoint(e->run, bb_buffer_span(&text), error);
    bb_buffer_release(&text);
    return result;
}

static void resume(struct export *e) {
    const struct bb_span text = bb_task_of(e->run)->checkpoint;
    json_t *state = text.size > 0 ? json_loadb(text.data, text.size, 0, NULL) : NULL;
    struct bb_span usage_point = bb_span_of(
        json_string_value(json_object_get(state, "usage_point")));
    struct bb_span name = bb_span_of(json_string_value(json_object_get(state, "channel")));

    for (size_t i = 0; state && i < e->count; i++)
        if (bb_span_equal(e->channels[i].usage_point, usage_point) &&
            bb_span_equal(e->channels[i].name, name)) {
            e->at = i;
            e->from_ms = json_integer_value(json_object_get(state, "until"));
            e->files = (uint64_t)json_integer_value(json_object_get(state, "files"));
            e->rows = (uint64_t)json_integer_value(json_object_get(state, "rows"));
            e->bytes = (uint64_t)json_integer_value(json_object_get(state, "bytes"));
        }
    json_decref(state);
}

/* ---- files ----------------------------------------------------------------------------------- */

static int open_file(struct export *e, struct bb_error *error) {
    const struct channel *channel = &e->channels[e->at];
    const struct bb_zone *zone = e->zone ? e->zone : bb_zone_utc();
    const bool with_range = channel->is_gauge && bb_lane_has_periods((int)e->lane);
    struct bb_buffer path;
    struct bb_civil civil;

    bb_civil_from_ms(e->month.start_ms + (int64_t)bb_zone_offset_s(zone, e->month.start_ms) * 1000,
                     &civil);
    bb_buffer_init(&path, PATH_MAX);
    bb_buffer_format(&path, "%s/", bb_task_text(e->run, "to-folder"));
    bb_whole_file_put_name(&path, channel->usage_point);
    bb_buffer_append_byte(&path, '/');
    bb_whole_file_put_name(&path, channel->name);
    bb_buffer_format(&path, "/%s-%04d-%02d.%s", bb_lanes[e->lane].name, (int)civil.year,
                     civil.month, e->as_csv ? "csv" : "ndjson");
    bb_buffer_append_byte(&path, '\0');
    int result = path.overflow
                     ? BB_FAIL(error, BB_E_TASK_ARGUMENT, "the name of a file of %.*s is too long",
                               BB_SPAN_ARGS(channel->usage_point))
                     : bb_whole_file_begin(&e->file, path.data, bb_task_of(e->run)->epoch, error);
    bb_buffer_release(&path);
    if (result)
        return result;
    bb_value_writer_init(&e->writer, &e->file.buffer, e->zone, with_range);
    if (e->as_csv)
        bb_value_put_csv_titles(&e->writer);
    e->is_open = true;
    return 0;
}

static void close_file(struct export *e) {
    if (!e->is_open)
        return;
    bb_value_writer_release(&e->writer);
    bb_whole_file_release(&e->file);
    e->is_open = false;
}

/* It counts: first the file, then the checkpoint that says so. */
static int commit_file(struct export *e, struct bb_error *error) {
    if (!e->is_open)
        return 0;
    int result = bb_whole_file_commit(&e->file, error);
    e->files++;
    e->bytes += e->file.bytes;
    close_file(e);
    return result ? result : checkpoint(e, e->month.end_ms, error);
}

static int tell(struct export *e, struct bb_error *error) {
    const struct channel *channel = &e->channels[e->at];

    return bb_task_tell(e->run, e->at, e->count, error, "%.*s %.*s",
                        BB_SPAN_ARGS(channel->usage_point), BB_SPAN_ARGS(channel->name));
}

/* Intervals belong to the month in which they end, (start, end]; instants to [start, end). */
static bool is_in_month(const struct export *e, const struct bb_query_row *row) {
    int64_t t = row->end_ms + (row->start_ms == row->end_ms);

    return t > e->month.start_ms && t <= e->month.end_ms;
}

static int begin_month(struct export *e, const struct bb_query_row *row, struct bb_error *error) {
    const struct bb_calendar calendar = {.zone = e->zone ? e->zone : bb_zone_utc()};
    int result = commit_file(e, error);

    if (result)
        return result;
    e->month = bb_calendar_period(&calendar, BB_PERIOD_MONTH,
                                  row->end_ms + (row->start_ms == row->end_ms));
    return open_file(e, error);
}

/* A bb_query_visit. */
static int write_row(void *context, const struct bb_query_row *row) {
    struct export *e = context;

    if (!e->is_open || !is_in_month(e, row))
        e->result = begin_month(e, row, e->error);
    if (!e->result) {
        if (e->as_csv) {
            bb_value_put_csv(&e->writer, row);
        } else {
            bb_value_put_json(&e->writer, row);
            bb_buffer_append_byte(&e->file.buffer, '\n');
        }
        e->result = bb_whole_file_spill(&e->file, e->error);
    }
    if (!e->result && e->rows++ % TELL_EVERY_ROWS == 0)
        e->result = tell(e, e->error);
    return e->result ? 1 : 0;
}

static int export_channel(struct export *e, struct bb_error *error) {
    const struct channel *channel = &e->channels[e->at];
    const struct bb_query query = {.tenant = bb_task_of(e->run)->tenant,
                                   .usage_point = channel->usage_point,
                                   .channel = channel->name,
                                   .from_ms = e->from_ms,
                                   .to_ms = e->to_ms,
                                   .lane = e->lane,
                                   .as_of_ms = BB_TIME_NONE};
    int result = tell(e, error);

    if (!result)
        result = bb_query_run(&e->plant.plant, &query, write_row, e, error);
    result = result < 0 ? result : e->result;
    if (!result)
        result = commit_file(e, error);
    close_file(e);
    return result;
}

static int export_all(struct export *e, struct bb_error *error) {
    int64_t from_ms;
    struct bb_json json;
    int result = bb_task_time(e->run, "from", &from_ms, error);

    for (; e->at < e->count && !result; e->at++) {
        result = export_channel(e, error);
        e->from_ms = from_ms; /* of a channel that was begun before, it was another one */
    }
    if (result)
        return result;
    bb_json_init(&json, bb_task_result(e->run));
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "folder", bb_span_of(bb_task_text(e->run, "to-folder")));
    bb_json_put_u64(&json, "channels", e->count);
    put_sums(e, &json);
    bb_json_object_end(&json);
    return 0;
}

static int run_export(struct bb_task_run *run, struct bb_error *error) {
    const struct bb_task_tools *tools = bb_task_tools(run);
    struct export *e = calloc(1, sizeof *e);

    if (!e)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to export");
    e->run = run;
    e->error = error;
    bb_arena_init(&e->names, NAMES_CHUNK_BYTES, NAMES_LIMIT_BYTES);
    int result = tools->open(tools->context, bb_task_of(run)->tenant, BB_PLANT_READ, &e->plant,
                             error);
    if (!result) {
        result = read_arguments(e, error);
        if (!result)
            result = find_channels(e, error);
        if (!result) {
            resume(e);
            result = export_all(e, error);
        }
        tools->close(tools->context, &e->plant);
    }
    bb_arena_release(&e->names);
    free(e->channels);
    free(e);
    return result;
}

const struct bb_task_kind bb_task_export = {
    .name = "export",
    .summary = "values as files, one for each channel and month",
    .parameters = parameters,
    .run = run_export};
