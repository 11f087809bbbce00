/* Rows of a query: see value_writer.h. */
#include "answer/value_writer.h"

#include "answer/record.h"
#include "base/json_write.h"
#include "model/unit.h"

#include <inttypes.h>

enum { NAMES_LIMIT_BYTES = 1 << 16 };

static const char csv_titles[] = "usage_point,channel,lane,start,end,value,unit,quality";

/* ---- texts ----------------------------------------------------------------------------------------*/

static void put_json(struct bb_buffer *out, const char *key, struct bb_span text) {
    bb_buffer_format(out, "\"%s\":\"", key);
    bb_json_append_text(out, text);
    bb_buffer_append(out, "\",", 2);
}

size_t bb_value_format_time(struct bb_value_writer *writer, int64_t ms,
                            char buffer[BB_TIME_TEXT_MAX]) {
    if (!writer->zone)
        return bb_time_format_utc(ms, buffer);
    if (ms < writer->stretch.from_ms || ms >= writer->stretch.until_ms)
        writer->stretch = bb_zone_stretch_at(writer->zone, ms);
    return bb_time_format_offset(ms, writer->stretch.offset_s, buffer);
}

static void put_time(struct bb_value_writer *writer, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    bb_buffer_append(writer->out, text, bb_value_format_time(writer, ms, text));
}

void bb_value_put(struct bb_buffer *out, enum bb_lane lane, struct bb_decimal value) {
    char text[BB_DECIMAL_TEXT_MAX];

    bb_buffer_append(out, text, bb_decimal_format(value, lane != BB_LANE_RAW, text));
}

static const char *lane_name(const struct bb_query_row *row) {
    return bb_lanes[row->lane].name;
}

/* Head and quality text are made again only when they change; true when the head did. */
static bool channel_changed(struct bb_value_writer *writer, const struct bb_query_row *row) {
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

static bool quality_changed(struct bb_value_writer *writer, const struct bb_query_row *row) {
    if (writer->rows > 0 && memcmp(&writer->quality, row->quality, sizeof writer->quality) == 0)
        return false;
    writer->quality = *row->quality;
    bb_buffer_clear(&writer->quality_text);
    return true;
}

/* ---- CSV ------------------------------------------------------------------------------------------*/

void bb_value_put_csv_titles(struct bb_value_writer *writer) {
    bb_buffer_format(writer->out, "%s%s\n", csv_titles, writer->with_range ? ",min,max" : "");
}

void bb_value_put_csv(struct bb_value_writer *writer, const struct bb_query_row *row) {
    struct bb_buffer *out = writer->out;

    if (channel_changed(writer, row)) {
        bb_csv_put_cell(&writer->head, row->usage_point);
        bb_buffer_append_byte(&writer->head, ',');
        bb_csv_put_cell(&writer->head, row->channel);
        bb_buffer_format(&writer->head, ",%s,", lane_name(row));
    }
    if (quality_changed(writer, row)) {
        bb_buffer_clear(&writer->line);
        bb_quality_format(row->quality, &writer->line);
        bb_csv_put_cell(&writer->quality_text, bb_buffer_span(&writer->line));
    }
    bb_buffer_append_span(out, bb_buffer_span(&writer->head));
    put_time(writer, row->start_ms);
    bb_buffer_append_byte(out, ',');
    put_time(writer, row->end_ms);
    bb_buffer_append_byte(out, ',');
    if (row->has_value)
        bb_value_put(out, row->lane, row->value);
    bb_buffer_append_byte(out, ',');
    bb_buffer_append_span(out, bb_span_of(bb_unit_symbol(row->unit)));
    bb_buffer_append_byte(out, ',');
    bb_buffer_append_span(out, bb_buffer_span(&writer->quality_text));
    for (int i = 0; writer->with_range && i < 2; i++) {
        bb_buffer_append_byte(out, ',');
        if (row->has_range)
            bb_value_put(out, row->lane, i == 0 ? row->min : row->max);
    }
    bb_buffer_append_byte(out, '\n');
    writer->rows++;
}

/* ---- JSON -----------------------------------------------------------------------------------------*/

static void put_json_value(struct bb_buffer *out, const char *key, const struct bb_query_row *row,
                           bool has_value, struct bb_decimal value) {
    bb_buffer_format(out, "\"%s\":", key);
    if (has_value)
        bb_value_put(out, row->lane, value);
    else
        bb_buffer_append(out, "null", 4);
}

/* What a period's value is made of. */
static void put_json_counts(struct bb_buffer *out, const struct bb_query_row *row) {
    int share = bb_query_thousandths(row->measured_ms, row->end_ms - row->start_ms);

    bb_buffer_format(out, ",\"present\":%" PRIu32 ",\"estimated\":%" PRIu32 ",\"measured\":%d.%03d",
                     row->present, row->estimated, share / 1000, share % 1000);
}

void bb_value_put_json(struct bb_value_writer *writer, const struct bb_query_row *row) {
    struct bb_buffer *out = writer->out;

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
    put_time(writer, row->start_ms);
    bb_buffer_append_span(out, BB_SPAN("\",\"end\":\""));
    put_time(writer, row->end_ms);
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
    writer->rows++;
}

/* ---- life -----------------------------------------------------------------------------------------*/

void bb_value_writer_init(struct bb_value_writer *writer, struct bb_buffer *out,
                          const struct bb_zone *zone, bool with_range) {
    *writer = (struct bb_value_writer){.out = out, .zone = zone, .with_range = with_range};
    struct bb_buffer *const buffers[] = {&writer->names, &writer->head, &writer->quality_text,
                                         &writer->line};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        bb_buffer_init(buffers[i], NAMES_LIMIT_BYTES);
}

void bb_value_writer_release(struct bb_value_writer *writer) {
    struct bb_buffer *const buffers[] = {&writer->names, &writer->head, &writer->quality_text,
                                         &writer->line};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        bb_buffer_release(buffers[i]);
}
