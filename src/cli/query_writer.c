/* Rows of a query: see query_writer.h. */
#include "cli/query_writer.h"

#include "model/unit.h"

enum { CELL_LIMIT_BYTES = 1 << 16, PLAIN_COLUMNS = 8, RANGE_COLUMNS = 10 };

static const struct bb_table_column columns[RANGE_COLUMNS] = {
    {"usage_point", false}, {"channel", false}, {"lane", false}, {"start", false},
    {"end", false},         {"value", true},    {"unit", false}, {"quality", false},
    {"min", true},          {"max", true},
};

/* ---- CSV and JSON ---------------------------------------------------------------------------------*/

static void begin_csv(struct bb_query_writer *writer) {
    bb_value_put_csv_titles(&writer->values);
}

static void csv_row(struct bb_query_writer *writer, const struct bb_query_row *row) {
    bb_value_put_csv(&writer->values, row);
}

static void ndjson_row(struct bb_query_writer *writer, const struct bb_query_row *row) {
    bb_value_put_json(&writer->values, row);
    bb_buffer_append_byte(&writer->out->buffer, '\n');
}

static void json_row(struct bb_query_writer *writer, const struct bb_query_row *row) {
    bb_buffer_append(&writer->out->buffer, writer->rows ? ",\n" : "[", writer->rows ? 2 : 1);
    bb_value_put_json(&writer->values, row);
}

static void end_json(struct bb_query_writer *writer) {
    bb_buffer_format(&writer->out->buffer, "%s]\n", writer->rows ? "" : "[");
}

/* ---- table ------------------------------------------------------------------------------------------*/

static void begin_table(struct bb_query_writer *writer) {
    bb_table_init(&writer->table, writer->out, columns,
                  writer->values.with_range ? RANGE_COLUMNS : PLAIN_COLUMNS);
}

static void cell_value(struct bb_query_writer *writer, const struct bb_query_row *row, bool there,
                       struct bb_decimal value) {
    bb_buffer_clear(&writer->line);
    if (there)
        bb_value_put(&writer->line, row->lane, value);
    bb_table_cell(&writer->table, bb_buffer_span(&writer->line));
}

static void cell_time(struct bb_query_writer *writer, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];
    size_t size = bb_value_format_time(&writer->values, ms, text);

    bb_table_cell(&writer->table, (struct bb_span){text, size});
}

static void table_row(struct bb_query_writer *writer, const struct bb_query_row *row) {
    struct bb_table *table = &writer->table;

    bb_table_cell(table, row->usage_point);
    bb_table_cell(table, row->channel);
    bb_table_cell(table, bb_span_of(bb_lanes[row->lane].name));
    cell_time(writer, row->start_ms);
    cell_time(writer, row->end_ms);
    cell_value(writer, row, row->has_value, row->value);
    bb_table_cell(table, bb_span_of(bb_unit_symbol(row->unit)));
    bb_buffer_clear(&writer->line);
    bb_quality_format(row->quality, &writer->line);
    bb_table_cell(table, bb_buffer_span(&writer->line));
    if (writer->values.with_range) {
        cell_value(writer, row, row->has_range, row->min);
        cell_value(writer, row, row->has_range, row->max);
    }
}

static void end_table(struct bb_query_writer *writer) {
    bb_table_finish(&writer->table);
}

/* ---- the formats ------------------------------------------------------------------------------------*/

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
    *writer = (struct bb_query_writer){.out = out, .format = format};
    bb_value_writer_init(&writer->values, &out->buffer, zone, with_range);
    bb_buffer_init(&writer->line, CELL_LIMIT_BYTES);
    formats[format].begin(writer);
}

bool bb_query_writer_row(struct bb_query_writer *writer, const struct bb_query_row *row) {
    formats[writer->format].row(writer, row);
    writer->rows++;
    return bb_output_spill(writer->out);
}

void bb_query_writer_end(struct bb_query_writer *writer) {
    formats[writer->format].end(writer);
    bb_value_writer_release(&writer->values);
    bb_buffer_release(&writer->line);
}
