/* Rows of a query as table, CSV, NDJSON or one JSON array, on standard output. What a row looks like in
 * CSV and JSON, answer/value_writer.h says.
 */
#ifndef BB_CLI_QUERY_WRITER_H
#define BB_CLI_QUERY_WRITER_H

#include "answer/value_writer.h"
#include "cli/output.h"
#include "cli/table.h"

enum bb_query_format { BB_QUERY_TABLE = 0, BB_QUERY_CSV, BB_QUERY_NDJSON, BB_QUERY_JSON };

struct bb_query_writer {
    struct bb_output *out;
    enum bb_query_format format;
    uint64_t rows;
    struct bb_value_writer values;
    struct bb_table table;
    struct bb_buffer line; /* of a table's cell */
};

/* `zone` NULL: times in UTC; `with_range`: min and max have columns. */
void bb_query_writer_begin(struct bb_query_writer *writer, struct bb_output *out,
                           enum bb_query_format format, const struct bb_zone *zone,
                           bool with_range);
/* False when no more rows are wanted. */
bool bb_query_writer_row(struct bb_query_writer *writer, const struct bb_query_row *row);
void bb_query_writer_end(struct bb_query_writer *writer);

#endif
