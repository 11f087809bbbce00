/* Columns: see columns.h. Each is the inside of a JSON array that grows. */
#include "answer/columns.h"

#include "answer/value_writer.h"
#include "model/kind.h"
#include "model/unit.h"

#include <inttypes.h>
#include <stdlib.h>

enum column { START = 0, END, VALUE, MIN, MAX, LAST, QUALITY, BAND };
enum { COUNT = BAND }; /* points have no band, rows no count */

static const char *const row_names[BB_COLUMNS_MAX] = {
    [START] = "start", [END] = "end",         [VALUE] = "value", [MIN] = "min",
    [MAX] = "max",     [QUALITY] = "quality", [BAND] = "band"};
static const char *const point_names[BB_COLUMNS_MAX] = {
    [START] = "start", [END] = "end",         [MIN] = "min",    [MAX] = "max",
    [LAST] = "last",   [QUALITY] = "quality", [COUNT] = "count"};

bool bb_columns_init(struct bb_columns *columns, size_t limit_bytes) {
    *columns = (struct bb_columns){.rows = 0};
    for (size_t i = 0; i < BB_COLUMNS_MAX; i++)
        bb_buffer_init(&columns->columns[i], limit_bytes);
    bb_buffer_init(&columns->names, 1 << 12);
    columns->qualities = calloc(BB_COLUMNS_QUALITIES_MAX + 1, sizeof columns->qualities[0]);
    return columns->qualities != NULL;
}

void bb_columns_release(struct bb_columns *columns) {
    for (size_t i = 0; i < BB_COLUMNS_MAX; i++)
        bb_buffer_release(&columns->columns[i]);
    bb_buffer_release(&columns->names);
    free(columns->qualities);
    columns->qualities = NULL;
}

void bb_columns_clear(struct bb_columns *columns) {
    for (size_t i = 0; i < BB_COLUMNS_MAX; i++)
        bb_buffer_clear(&columns->columns[i]);
    bb_buffer_clear(&columns->names);
    columns->channel = (struct bb_span){NULL, 0};
    columns->quality_count = 0;
    columns->rows = 0;
}

void bb_columns_name(struct bb_columns *columns, const struct bb_query_row *row) {
    if (columns->channel.data)
        return;
    bb_buffer_append_span(&columns->names, row->channel);
    columns->channel = bb_buffer_span(&columns->names);
    columns->unit = row->unit;
    columns->kind = row->kind;
    columns->zone = row->zone;
    columns->lane = row->lane;
}

/* Between two items. */
static struct bb_buffer *next_item(struct bb_columns *columns, int column) {
    struct bb_buffer *out = &columns->columns[column];

    if (out->size > 0)
        bb_buffer_append_byte(out, ',');
    return out;
}

static void add_number(struct bb_columns *columns, int column, int64_t number) {
    bb_buffer_format(next_item(columns, column), "%" PRId64, number);
}

static void add_value(struct bb_columns *columns, int column, bool there, struct bb_decimal value) {
    struct bb_buffer *out = next_item(columns, column);

    if (there)
        bb_value_put(out, columns->lane, value);
    else
        bb_buffer_append(out, "null", 4);
}

static void add_quality(struct bb_columns *columns, const struct bb_quality *quality) {
    size_t i = 0;

    while (i < columns->quality_count &&
           memcmp(&columns->qualities[i], quality, sizeof *quality) != 0)
        i++;
    if (i == columns->quality_count && i <= BB_COLUMNS_QUALITIES_MAX) {
        columns->qualities[i] = *quality;
        columns->quality_count++;
    }
    add_number(columns, QUALITY, (int64_t)i);
}

void bb_columns_add(struct bb_columns *columns, const struct bb_query_row *row) {
    bb_columns_name(columns, row);
    columns->rows++;
    add_number(columns, START, row->start_ms);
    add_number(columns, END, row->end_ms);
    add_value(columns, VALUE, row->has_value, row->value);
    add_quality(columns, row->quality);
    add_value(columns, BAND, row->has_band, row->band);
    if (bb_lane_has_periods((int)row->lane) && row->kind == BB_KIND_GAUGE) {
        add_value(columns, MIN, row->has_range, row->min);
        add_value(columns, MAX, row->has_range, row->max);
    }
}

void bb_columns_add_point(struct bb_columns *columns, const struct bb_point *point) {
    columns->rows++;
    add_number(columns, START, point->start_ms);
    add_number(columns, END, point->end_ms);
    add_value(columns, MIN, point->count > 0, point->min);
    add_value(columns, MAX, point->count > 0, point->max);
    add_value(columns, LAST, point->count > 0, point->last);
    add_quality(columns, &point->quality);
    add_number(columns, COUNT, (int64_t)point->count);
}

static void put_qualities(const struct bb_columns *columns, struct bb_json *json) {
    struct bb_buffer text;

    bb_buffer_init(&text, 1 << 12);
    bb_json_key(json, "qualities");
    bb_json_array_begin(json);
    for (size_t i = 0; i < columns->quality_count; i++) {
        bb_buffer_clear(&text);
        bb_quality_format(&columns->qualities[i], &text);
        bb_json_text(json, bb_buffer_span(&text));
    }
    bb_json_array_end(json);
    bb_buffer_release(&text);
}

bool bb_columns_put_json(const struct bb_columns *columns, struct bb_json *json) {
    bool is_points = columns->columns[LAST].size > 0;
    const char *const *names = is_points ? point_names : row_names;

    if (columns->quality_count > BB_COLUMNS_QUALITIES_MAX)
        return false;
    bb_json_object_begin(json);
    bb_json_put_text(json, "channel", columns->channel);
    bb_json_put_text(json, "unit", bb_span_of(bb_unit_symbol(columns->unit)));
    bb_json_put_text(json, "kind", bb_span_of(bb_kind_name(columns->kind)));
    bb_json_put_text(json, "zone", bb_span_of(columns->zone ? bb_zone_name(columns->zone) : ""));
    for (int i = 0; i < BB_COLUMNS_MAX; i++) {
        const struct bb_buffer *column = &columns->columns[i];
        if (column->overflow)
            return false;
        if (!names[i] || column->size == 0)
            continue;
        bb_json_key(json, names[i]);
        bb_json_array_begin(json);
        bb_json_raw(json, bb_buffer_span(column));
        bb_json_array_end(json);
    }
    put_qualities(columns, json);
    bb_json_object_end(json);
    return true;
}
