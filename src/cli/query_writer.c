/* Rows of a query: see query_writer.h.
 *
 * Neighbours share their channel and nearly always their quality, so those texts are made once and
 * copied; what is left per row are two times and a value.
 */
#include "cli/query_writer.h"

#include "base/json_write.h"
#include "model/unit.h"

#include <inttypes.h>
#include <stdio.h>

enum { NAMES_LIMIT_BYTES = 1 << 16, PLAIN_COLUMNS = 8, RANGE_COLUMNS = 10 };

static const char csv_header[] = "usage_point,channel,lane,start,end,value,unit,quality";

static const struct bb_table_column columns[RANGE_COLUMNS] = {
    {"usage_point", false}, {"channel", false}, {"lane", false}, {"start", false},
    {"end", false},         {"value", true},    {"unit", false}, {"quality", false},
    {"min", true},          {"max", true},
};

/* ---- texts ----------------------------------------------------------------------------------------*/

static bool csv_is_plain(struct bb_span text) {
    for (size_t i = 0; i < text.size; i++)
        if (strchr(",\"\r\n", text.data[i]))
            return false;
    return true;
}

/* RFC 4180: quotes around a field that needs them, and doubled inside. */
static void put_csv(struct bb_buffer *out, struct bb_span text) {
    if (csv_is_plain(text)) {
        bb_buffer_append_span(out, text);
        return;
    }
    bb_buffer_append_byte(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            bb_buffer_append_byte(out, '"');
        bb_buffer_append_byte(out, (uint8_t)text.data[i]);
    }
    bb_buffer_append_byte(out, '"');
}

static void put_json(struct bb_buffer *out, const char *key, struct bb_span text) {
    bb_buffer_format(out, "\"%s\":\"", key);
    bb_json_append_text(out, text);
    bb_buffer_append(out, "\",", 2);
}

static size_t format_time(struct bb_query_writer *writer, int64_t ms, char *buffer) {
    if (!writer->zone)
        return bb_time_format_utc(ms, buffer);
    if (ms < writer->stretch.from_ms || ms >= writer->stretch.until_ms)
        writer->stretch = bb_zone_stretch_at(writer->zone, ms);
    return bb_time_format_offset(ms, writer->stretch.offset_s, buffer);
}

static void put_time(struct bb_query_writer *writer, struct bb_buffer *out, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    bb_buffer_append(out, text, format_time(writer, ms, text));
}

/* Raw values are printed as they were sent. */
static void put_value(struct bb_buffer *out, const struct bb_query_row *row,
                      struct bb_decimal value) {
    char text[BB_DECIMAL_TEXT_MAX];

    bb_buffer_append(out, text, bb_decimal_format(value, row->lane != BB_LANE_RAW, text));
}

static const char *lane_name(const struct bb_query_row *row) {
    return bb_lanes[row->lane].name;
}

/* Head and quality text are made again only when they change; true when the head did. */
static bool channel_changed(struct bb_query_writer *writer, const struct bb_query_row *row) {
    if (writer->rows > 0 && row->lane == writer->lane &&
        bb_span_equal(row->channel, writer->channel) &&
        bb_span_equal(row->usage_point, writer->usage_point))
        return false;
    writer->lane = row->lane;
    bb_buffer_clear(&writer->names);
    bb_buffer_append_span(&writer->names, row->usage_point);
    bb_buffer_append_span(&writer->names, row->channel);
    writer->usage_point = (struct bb_span){writer->names.data, row->usage_point.size};
    writer->channel = (struct bb_span){writer->names.data + row->usage_point.size,
                                       row->channel.size};
    bb_buffer_clear(&writer->head);
    return true;
}

static bool quality_changed(struct bb_query_writer *writer, const struct bb_query_row *row) {
    if (writer->rows > 0 && memcmp(&writer->quality, row->quality, sizeof writer->quality) == 0)
        return false;
    writer->quality = *row->quality;
    bb_buffer_clear(&writer->quality_text);
    return true;
}

/* ---- CSV ------------------------------------------------------------------------------------------*/

static void csv_row(struct bb_query_writer *writer, const struct bb_query_row *row) {
    struct bb_buffer *out = &writer->out->buffer;

    if (channel_changed(writer, row)) {
        put_csv(&writer->head, row->usage_point);
        bb_buffer_append_byte(&writer->head, ',');
        put_csv(&writer->head, row->channel);
        bb_buffer_format(&writer->head, ",%s,", lane_name(row));
    }
    if (quality_changed(writer, row)) {
        bb_buffer_clear(&writer->line);
        bb_quality_format(row->quality, &writer->line);
        put_csv(&writer->quality_text, bb_buffer_span(&writer->line));
    }
    bb_buffer_append_span(out, bb_buffer_span(&writer->head));
    put_time(writer, out, row->start_ms);
    bb_buffer_append_byte(out, ',');
    put_time(writer, out, row->end_ms);
    bb_buffer_append_byte(out, ',');
    if (row->has_value)
        put_value(out, row, row->value);
    bb_buffer_append_byte(out, ',');
    bb_buffer_append_span(out, bb_span_of(bb_unit_symbol(row->unit)));
    bb_buffer_append_byte(out, ',');
    bb_buffer_append_span(out, bb_buffer_span(&writer->quality_text));
    for (int i = 0; writer->with_range && i < 2; i++) {
        bb_buffer_append_byte(out, ',');
        if (row->has_range)
            put_value(out, row, i == 0 ? row->min : row->max);
    }
    bb_buffer_append_byte(out, '\n');
}

/* ---- JSON -----------------------------------------------------------------------------------------*/

static void put_json_value(struct bb_buffer *out, const char *key, const struct bb_query_row *row,
                           bool has_value, struct bb_decimal value) {
    bb_buffer_format(out, "\"%s\":", key);
    if (has_value)
        put_value(out, row, value);
    else
        bb_buffer_append(out, "null", 4);
}

/* What a period's value is made of. */
static void put_json_counts(struct bb_buffer *out, const struct bb_query_row *row) {
    int share = bb_query_thousandths(row->measured_ms, row->end_ms - row->start_ms);

    bb_buffer_format(out, ",\"present\":%" PRIu32 ",\"estimated\":%" PRIu32 ",\"measured\":%d.%03d",
                     row->present, row->estimated, share / 1000, share % 1000);
}

static void json_object(struct bb_query_writer *writer, const struct bb_query_row *row) {
    struct bb_buffer *out = &writer->out->buffer;

    if (channel_changed(writer, row)) {
        bb_buffer_append_byte(&writer->head, '{');
        put_json(&writer->head, "usage_point", row->usage_point);
        put_json(&writer->head, "channel", row->channel);
        put_json(&writer->head, "lane", bb_span_of(lane_name(row)));
    }
    if (quality_changed(writer, row))
        bb_quality_format(row->quality, &writer->quality_text);
    bb_buffer_append_span(out, bb_buffer_span(&writer->head));
    bb_buffer_append_span(out, BB_SPAN("\"start\":\""));
    put_time(writer, out, row->start_ms);
    bb_buffer_append_span(out, BB_SPAN("\",\"end\":\""));
    put_time(writer, out, row->end_ms);
    bb_buffer_append_span(out, BB_SPAN("\","));
    put_json_value(out, "value", row, row->has_value, row->value);
    bb_buffer_append_byte(out, ',');
    put_json(out, "unit", bb_span_of(bb_unit_symbol(row->unit)));
    bb_buffer_append_span(out, BB_SPAN("\"quality\":\""));
    bb_json_append_text(out, bb_buffer_span(&writer->quality_text));
    bb_buffer_append_byte(out, '"');
    if (row->has_band) {
        bb_buffer_append_byte(out, ',');
        put_json_value(out, "band", row, true, row->band);
    }
    if (row->has_range) {
        bb_buffer_append_byte(out, ',');
        put_json_value(out, "min", row, true, row->min);
        bb_buffer_append_byte(out, ',');
        put_json_value(out, "max", row, true, row->max);
    }
    if (bb_lane_has_periods((int)row->lane))
        put_json_counts(out, row);
    bb_buffer_append_byte(out, '}');
}

static void ndjson_row(struct bb_query_writer *writer, const struct bb_query_row *row) {
    json_object(writer, row);
    bb_buffer_append_byte(&writer->out->buffer, '\n');
}

static void json_row(struct bb_query_writer *writer, const struct bb_query_row *row) {
    bb_buffer_append(&writer->out->buffer, writer->rows ? ",\n" : "[", writer->rows ? 2 : 1);
    json_object(writer, row);
}

/* ---- table ------------------------------------------------------------------------------------------*/

static void cell_value(struct bb_query_writer *writer, const struct bb_query_row *row, bool there,
                       struct bb_decimal value) {
    bb_buffer_clear(&writer->line);
    if (there)
        put_value(&writer->line, row, value);
    bb_table_cell(&writer->table, bb_buffer_span(&writer->line));
}

static void cell_time(struct bb_query_writer *writer, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];
    size_t size = format_time(writer, ms, text);

    bb_table_cell(&writer->table, (struct bb_span){text, size});
}

static void table_row(struct bb_query_writer *writer, const struct bb_query_row *row) {
    struct bb_table *table = &writer->table;

    if (quality_changed(writer, row))
        bb_quality_format(row->quality, &writer->quality_text);
    bb_table_cell(table, row->usage_point);
    bb_table_cell(table, row->channel);
    bb_table_cell(table, bb_span_of(lane_name(row)));
    cell_time(writer, row->start_ms);
    cell_time(writer, row->end_ms);
    cell_value(writer, row, row->has_value, row->value);
    bb_table_cell(table, bb_span_of(bb_unit_symbol(row->unit)));
    bb_table_cell(table, bb_buffer_span(&writer->quality_text));
    if (writer->with_range) {
        cell_value(writer, row, row->has_range, row->min);
        cell_value(writer, row, row->has_range, row->max);
    }
}

/* ---- the formats ------------------------------------------------------------------------------------*/

static void begin_csv(struct bb_query_writer *writer) {
    bb_buffer_format(&writer->out->buffer, "%s%s\n", csv_header,
                     writer->with_range ? ",min,max" : "");
}

static void begin_table(struct bb_query_writer *writer) {
    bb_table_init(&writer->table, writer->out, columns,
                  writer->with_range ? RANGE_COLUMNS : PLAIN_COLUMNS);
}

static void end_table(struct bb_query_writer *writer) {
    bb_table_finish(&writer->table);
}

static void end_json(struct bb_query_writer *writer) {
    bb_buffer_format(&writer->out->buffer, "%s]\n", writer->rows ? "" : "[");
}

static void nothing(struct bb_query_writer *writer) {
    (void)writer;
}

static const struct {
    void (*begin)(struct bb_query_writer *writer);
    void (*row)(struct bb_query_writer *writer, const struct bb_query_row *row);
    void (*end)(struct bb_query_writer *writer);
} formats[] = {
    [BB_QUERY_TABLE] = {begin_table, table_row, end_table},
    [BB_QUERY_CSV] = {begin_csv, csv_row, nothing},
    [BB_QUERY_NDJSON] = {nothing, ndjson_row, nothing},
    [BB_QUERY_JSON] = {nothing, json_row, end_json},
};

void bb_query_writer_begin(struct bb_query_writer *writer, struct bb_output *out,
                           enum bb_query_format format, const struct bb_zone *zone,
                           bool with_range) {
    *writer = (struct bb_query_writer){
        .out = out, .format = format, .zone = zone, .with_range = with_range};
    struct bb_buffer *const buffers[] = {&writer->names, &writer->head, &writer->quality_text,
                                         &writer->line};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        bb_buffer_init(buffers[i], NAMES_LIMIT_BYTES);
    formats[format].begin(writer);
}

bool bb_query_writer_row(struct bb_query_writer *writer, const struct bb_query_row *row) {
    formats[writer->format].row(writer, row);
    writer->rows++;
    return bb_output_spill(writer->out);
}

void bb_query_writer_end(struct bb_query_writer *writer) {
    formats[writer->format].end(writer);
    struct bb_buffer *const buffers[] = {&writer->names, &writer->head, &writer->quality_text,
                                         &writer->line};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        bb_buffer_release(buffers[i]);
}
