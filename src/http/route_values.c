/* GET /v1/values: values of a usage point in a lane, as rows, as points or as columns.
 *
 *   channels ─► each: query a stretch of rows ─► (view of the store ends) ─► pass on ─► the next stretch
 *
 * The store is asked again for each stretch, so that no view of it is held while a slow reader is waited for.
 * A stretch begins where the one before ended; values of one channel have each their own end.
 */
#include "answer/columns.h"
#include "answer/points.h"
#include "answer/value_writer.h"
#include "http/call_internal.h"
#include "http/flow_internal.h"
#include "http/page_internal.h"
#include "http/routes_internal.h"
#include "model/kind.h"
#include "model/unit.h"
#include "service/asked_channels.h"
#include "service/known.h"

#include <inttypes.h>
#include <stdlib.h>

enum { STRETCH_ROWS = 20000, COLUMN_BYTES = 64 << 20, ROWS_MOST = 10000000, CHANNELS_MAX = 10000 };

/* Kinds of answer, in the order of `types`. */
enum form { ROWS = 0, CSV, NDJSON, COLUMNS };
static const char types[] = "application/json|text/csv|application/x-ndjson";
static const char *const content_types[] = {[ROWS] = "application/json",
                                            [CSV] = "text/csv; charset=utf-8",
                                            [NDJSON] = "application/x-ndjson",
                                            [COLUMNS] = "application/json"};

static const struct bb_http_parameter parameters[] = {
    {.name = "usage_point", .required = true, .help = "whose values"},
    {.name = "channel", .help = "a name, an OBIS code or an alias; default: all"},
    {.name = "from",
     .kind = BB_HTTP_TIME,
     .help = "intervals with from < end <= to, instants with from <= end < to"},
    {.name = "to", .kind = BB_HTTP_TIME, .help = "likewise"},
    {.name = "lane",
     .kind = BB_HTTP_CHOICE,
     .choices = "raw|vee|hour|day|month",
     .initial = "vee",
     .help = "as sent, validated, or by period"},
    {.name = "as_of", .kind = BB_HTTP_TIME, .help = "what was known then"},
    {.name = "zone",
     .kind = BB_HTTP_TEXT,
     .help = "print times with their offset there; default: UTC"},
    {.name = "points",
     .kind = BB_HTTP_NUMBER,
     .min = 1,
     .max = BB_POINTS_MAX,
     .help = "at most so many buckets per channel, each with min, max and last of its values and "
             "the worst of their qualities"},
    {.name = "shape",
     .kind = BB_HTTP_CHOICE,
     .choices = "rows|columns",
     .initial = "rows",
     .help = "columns: arrays per channel, times in ms since 1970, for charts"},
    {.name = "limit",
     .kind = BB_HTTP_NUMBER,
     .min = 1,
     .max = ROWS_MOST,
     .help = "at most so many rows; default: all"},
    {.name = "cursor",
     .kind = BB_HTTP_TEXT,
     .help = "`next` of the page before, where `limit` is given"},
    BB_HTTP_PARAMETERS_END};

struct channel_names {
    struct bb_span *items;
    size_t count;
    struct bb_arena *arena;
    bool overflow;
};

struct telling {
    struct bb_http_call *call;
    struct bb_http_flow flow;
    enum form form;
    bool has_points;
    struct bb_query query;
    struct bb_value_writer writer;
    struct bb_columns columns;
    struct bb_points points;
    struct bb_json json;
    uint64_t left;                 /* rows that may still be told; UINT64_MAX: all */
    bool has_more;                 /* there would have been another */
    uint64_t in_stretch;           /* rows */
    bool channel_spoke;            /* of the channel at hand a row was told */
    struct bb_buffer last_channel; /* of the last row told, */
    int64_t last_end_ms;           /* and what to go on behind */
    bool last_is_instant;
};

/* ---- rows, as they come */

static void put_row(struct telling *t, const struct bb_query_row *row) {
    switch (t->form) {
    case CSV: bb_value_put_csv(&t->writer, row); break;
    case NDJSON:
        bb_value_put_json(&t->writer, row);
        bb_buffer_append_byte(t->writer.out, '\n');
        break;
    case ROWS:
        bb_buffer_append(t->writer.out, ",\n", t->writer.rows ? 2 : 0);
        bb_value_put_json(&t->writer, row);
        break;
    case COLUMNS: bb_columns_add(&t->columns, row); break;
    }
}

/* A bb_query_visit. */
static int take_row(void *context, const struct bb_query_row *row) {
    struct telling *t = context;

    if (t->left == 0) {
        t->has_more = true;
        return 1;
    }
    t->left -= t->left != UINT64_MAX;
    if (!t->channel_spoke) {
        bb_buffer_clear(&t->last_channel);
        bb_buffer_append_span(&t->last_channel, row->channel);
        t->channel_spoke = true;
    }
    t->last_end_ms = row->end_ms;
    t->last_is_instant = row->start_ms == row->end_ms;
    if (t->has_points) {
        bb_columns_name(&t->columns, row);
        bb_points_add(&t->points, row);
    } else {
        put_row(t, row);
    }
    return ++t->in_stretch >= STRETCH_ROWS;
}

/* ---- what is told when a channel ends */

static void put_point_json(struct telling *t, const struct bb_point *point) {
    struct bb_buffer *out = bb_http_out(t->call);
    struct bb_buffer quality;
    char text[BB_TIME_TEXT_MAX];
    const struct bb_decimal numbers[] = {point->min, point->max, point->last};
    static const char *const names[] = {"min", "max", "last"};

    bb_buffer_append(out, ",\n", t->writer.rows && t->form == ROWS ? 2 : 0);
    t->writer.rows++;
    bb_json_init(&t->json, out);
    bb_json_object_begin(&t->json);
    bb_json_put_text(&t->json, "usage_point", t->query.usage_point);
    bb_json_put_text(&t->json, "channel", t->columns.channel);
    bb_json_put_text(&t->json, "lane", bb_span_of(bb_lanes[t->query.lane].name));
    bb_json_put_text(
        &t->json, "start",
        (struct bb_span){text, bb_value_format_time(&t->writer, point->start_ms, text)});
    bb_json_put_text(&t->json, "end",
                     (struct bb_span){text, bb_value_format_time(&t->writer, point->end_ms, text)});
    for (int i = 0; i < 3; i++) {
        char digits[BB_DECIMAL_TEXT_MAX];
        bb_json_key(&t->json, names[i]);
        if (point->count > 0)
            bb_json_raw(
                &t->json,
                (struct bb_span){
                    digits, bb_decimal_format(numbers[i], t->query.lane != BB_LANE_RAW, digits)});
        else
            bb_json_null(&t->json);
    }
    bb_json_put_text(&t->json, "unit", bb_span_of(bb_unit_symbol(t->columns.unit)));
    bb_buffer_init(&quality, 4096);
    bb_quality_format(&point->quality, &quality);
    bb_json_put_text(&t->json, "quality", bb_buffer_span(&quality));
    bb_buffer_release(&quality);
    bb_json_put_u64(&t->json, "count", point->count);
    bb_json_object_end(&t->json);
    bb_buffer_append(out, "\n", t->form == NDJSON);
}

static int end_channel(struct telling *t, struct bb_error *error) {
    for (size_t i = 0; t->has_points && i < t->points.count; i++) {
        if (t->form == COLUMNS)
            bb_columns_add_point(&t->columns, &t->points.items[i]);
        else
            put_point_json(t, &t->points.items[i]);
    }
    if (t->form == COLUMNS && t->columns.rows > 0) {
        bb_buffer_append(bb_http_out(t->call), ",\n", t->writer.rows ? 2 : 0);
        t->writer.rows++;
        bb_json_init(&t->json, bb_http_out(t->call));
        if (!bb_columns_put_json(&t->columns, &t->json))
            return BB_FAIL(error, BB_E_ANSWER_TOO_LARGE,
                           "too many values for columns: ask for points, or a shorter time");
    }
    if (t->has_points)
        bb_points_clear(&t->points);
    if (t->has_points || t->form == COLUMNS)
        bb_columns_clear(&t->columns);
    return bb_http_flow_pass(&t->flow, error);
}

/* ---- stretches */

static int tell_channel(struct telling *t, struct bb_span name, int64_t from_ms,
                        struct bb_error *error) {
    int result;

    t->query.channel = name;
    t->query.from_ms = from_ms;
    t->channel_spoke = false;
    do {
        t->in_stretch = 0;
        result = bb_query_run(bb_http_plant(t->call), &t->query, take_row, t, error);
        if (t->channel_spoke) { /* an alias or a code was given: go on by its name */
            t->query.channel = bb_buffer_span(&t->last_channel);
            t->query.from_ms = t->last_end_ms + t->last_is_instant;
        }
        if (!result)
            result = bb_http_flow_pass(&t->flow, error);
    } while (!result && t->in_stretch >= STRETCH_ROWS);
    return result ? result : end_channel(t, error);
}

static int take_name(void *context, const struct bb_registry_channel *row) {
    struct channel_names *names = context;

    if (names->count == CHANNELS_MAX)
        return 1;
    names->items[names->count] = bb_arena_copy(names->arena, row->channel);
    names->overflow |= names->items[names->count].data == NULL;
    names->count++;
    return names->overflow;
}

static int by_name(const void *a, const void *b) {
    return bb_span_compare(*(const struct bb_span *)a, *(const struct bb_span *)b);
}

/* The channels to ask for, one after the other: the one that was named, or all by name. */
static int find_channels(struct telling *t, struct channel_names *names, struct bb_error *error) {
    names->arena = bb_http_arena(t->call);
    names->items = bb_arena_take_array(names->arena, CHANNELS_MAX, sizeof names->items[0]);
    if (!names->items)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the channels of a usage point");
    int result = 0;
    if (t->query.channel.size == 0)
        result = bb_known_channels(bb_http_plant(t->call), t->query.tenant, t->query.usage_point,
                                   BB_TIME_NONE, take_name, names, error);
    if (names->overflow)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the channels of a usage point");
    if (names->count == 0) /* the query knows what to say of it */
        names->items[names->count++] = t->query.channel;
    qsort(names->items, names->count, sizeof names->items[0], by_name);
    return result < 0 ? result : 0;
}

static int tell_channels(struct telling *t, struct bb_span first, int64_t first_from_ms,
                         struct bb_error *error) {
    struct channel_names names = {.count = 0};
    int64_t from_ms = t->query.from_ms;
    int result = find_channels(t, &names, error);

    for (size_t i = 0; !result && !t->has_more && i < names.count; i++) {
        if (first.size > 0 && names.count > 1 && bb_span_compare(names.items[i], first) < 0)
            continue;
        bool goes_on = first.size > 0 && (names.count == 1 || bb_span_equal(names.items[i], first));
        result = tell_channel(t, names.items[i], goes_on ? first_from_ms : from_ms, error);
    }
    return result;
}

/* ---- the answer */

static void begin_answer(struct telling *t) {
    struct bb_buffer *out = bb_http_out(t->call);

    switch (t->form) {
    case CSV: bb_value_put_csv_titles(&t->writer); break;
    case NDJSON: break;
    case ROWS: bb_buffer_append_span(out, BB_SPAN("{\"items\":[")); break;
    case COLUMNS:
        bb_buffer_append_span(out, BB_SPAN("{\"usage_point\":\""));
        bb_json_append_text(out, t->query.usage_point);
        bb_buffer_format(out, "\",\"lane\":\"%s\",\"channels\":[", bb_lanes[t->query.lane].name);
        break;
    }
}

static void end_answer(struct telling *t) {
    struct bb_buffer *out = bb_http_out(t->call);
    struct bb_buffer key;

    if (t->form == CSV || t->form == NDJSON)
        return;
    bb_buffer_append_byte(out, ']');
    if (t->form == ROWS) {
        bb_buffer_append_span(out, BB_SPAN(",\"next\":"));
        if (t->has_more) {
            bb_buffer_init(&key, BB_HTTP_CURSOR_KEY_MAX);
            bb_http_key_text(&key, bb_buffer_span(&t->last_channel));
            bb_http_key_number(&key, t->last_end_ms + t->last_is_instant);
            bb_buffer_append_byte(out, '"');
            bb_http_cursor_format(bb_http_question(t->call), bb_buffer_span(&key), out);
            bb_buffer_append_byte(out, '"');
            bb_buffer_release(&key);
        } else {
            bb_buffer_append_span(out, BB_SPAN("null"));
        }
    }
    bb_buffer_append_span(out, BB_SPAN("}\n"));
}

static int read_cursor(struct telling *t, struct bb_span *channel, int64_t *from_ms,
                       struct bb_error *error) {
    struct bb_span text = bb_http_text(t->call, "cursor"), key;

    *channel = (struct bb_span){NULL, 0};
    *from_ms = t->query.from_ms;
    if (text.size == 0)
        return 0;
    if (bb_http_cursor_parse(bb_http_question(t->call), text, bb_http_arena(t->call), &key) &&
        bb_http_key_take_text(&key, channel) && bb_http_key_take_number(&key, from_ms))
        return 0;
    return bb_http_bad_parameter(t->call, "cursor",
                                 "it is not the `next` of a page of this same question", error);
}

static int read_form(struct telling *t, struct bb_error *error) {
    int accepted = bb_http_accepts(t->call, types);

    if (accepted < 0)
        return BB_FAIL(error, BB_E_NOT_ACCEPTABLE,
                       "values are told as application/json, text/csv or application/x-ndjson");
    t->form = (enum form)accepted;
    t->has_points = bb_http_given(t->call, "points");
    if (bb_http_number(t->call, "shape") == 1) {
        if (t->form != ROWS)
            return bb_http_bad_parameter(t->call, "shape", "columns are JSON alone", error);
        t->form = COLUMNS;
    }
    if (t->has_points && t->form == CSV)
        return bb_http_bad_parameter(t->call, "points", "CSV has whole rows alone; take JSON",
                                     error);
    if (t->has_points && bb_http_given(t->call, "limit"))
        return bb_http_bad_parameter(t->call, "limit", "points are of all rows", error);
    t->flow = (struct bb_http_flow){.call = t->call, .type = content_types[t->form]};
    return 0;
}

static int read_question(struct telling *t, const struct bb_zone **zone, bool *with_range,
                         struct bb_error *error) {
    struct bb_http_call *call = t->call;
    struct bb_plant *plant = bb_http_plant(call);
    struct bb_span name = bb_http_text(call, "zone");
    struct bb_asked_channels asked;
    /* parsed again by its text, as the table's index counts other names */
    enum bb_lane lane = (enum bb_lane)bb_lane_find(bb_http_text(call, "lane"));

    t->query = (struct bb_query){.tenant = bb_http_tenant(call),
                                 .made = true,
                                 .usage_point = bb_http_text(call, "usage_point"),
                                 .channel = bb_http_text(call, "channel"),
                                 .from_ms = bb_http_number(call, "from"),
                                 .to_ms = bb_http_number(call, "to"),
                                 .lane = lane,
                                 .as_of_ms = bb_http_number(call, "as_of")};
    t->left = bb_http_given(call, "limit") ? (uint64_t)bb_http_number(call, "limit") : UINT64_MAX;
    *zone = NULL;
    if (name.size > 0 && bb_zone_set_get(plant->zones, name, zone, error) < 0)
        return bb_http_bad_parameter(call, "zone", "no such time zone", error);
    int result = bb_asked_look(plant, t->query.tenant, t->query.usage_point, t->query.channel.data,
                               NULL, &asked, error);
    *with_range = bb_lane_has_periods((int)lane) && bb_asked_seen(&asked)->has_gauge;
    return result;
}

static int make_ready(struct telling *t, struct bb_error *error) {
    bool ready = bb_columns_init(&t->columns, COLUMN_BYTES);

    if (t->has_points)
        ready = bb_points_init(&t->points, (size_t)bb_http_number(t->call, "points")) && ready;
    return ready ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for values");
}

static int get_values(struct bb_http_call *call, struct bb_error *error) {
    struct telling t = {.call = call};
    const struct bb_zone *zone = NULL;
    struct bb_span first;
    int64_t first_from_ms;
    bool with_range = false;

    int result = read_form(&t, error);
    if (!result)
        result = read_question(&t, &zone, &with_range, error);
    if (!result)
        result = read_cursor(&t, &first, &first_from_ms, error);
    if (result)
        return result;
    bb_value_writer_init(&t.writer, bb_http_out(call), zone, with_range);
    bb_buffer_init(&t.last_channel, 1024);
    result = make_ready(&t, error);
    if (!result) {
        begin_answer(&t);
        result = tell_channels(&t, first, first_from_ms, error);
    }
    if (!result) {
        end_answer(&t);
        result = bb_http_flow_end(&t.flow, error);
    }
    bb_value_writer_release(&t.writer);
    bb_buffer_release(&t.last_channel);
    bb_columns_release(&t.columns);
    bb_points_release(&t.points);
    return result;
}

static const struct bb_http_answer answers[] = {
    {200, "application/json",
     "rows as `busbar query --format ndjson` prints them; or points, or columns"},
    {200, "text/csv", "as `busbar query --format csv`"},
    {200, "application/x-ndjson", "as `busbar query --format ndjson`"},
    {0}};

const struct bb_http_route bb_http_route_values = {
    .method = BB_HTTP_GET,
    .path = "/v1/values",
    .right = BB_RIGHT_READ,
    .summary = "values of a usage point",
    .details =
        "Rows come by channel, then time, as many as there are: long answers are streamed. With "
        "`limit` the member `next` of the JSON answer goes on behind it.",
    .parameters = parameters,
    .answers = answers,
    .handle = get_values,
};
