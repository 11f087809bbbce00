/* Rows of a query as table, CSV, NDJSON or one JSON array.
 *
 * CSV columns are usage_point,channel,lane,start,end,value,unit,quality, with min,max behind them
 * where a gauge's periods are asked for. JSON objects have the same names; a missing value is null,
 * a value keeps all its digits.
 */
#ifndef BB_CLI_QUERY_WRITER_H
#define BB_CLI_QUERY_WRITER_H

#include "cli/output.h"
#include "cli/table.h"
#include "service/query.h"

enum bb_query_format { BB_QUERY_TABLE = 0, BB_QUERY_CSV, BB_QUERY_NDJSON, BB_QUERY_JSON };

struct bb_query_writer {
    struct bb_output *out;
    enum bb_query_format format;
    const struct bb_zone *zone; /* NULL: times in UTC, with Z */
    bool with_range;            /* min and max have columns */
    uint64_t rows;
    struct bb_table table;
    struct bb_zone_stretch stretch;      /* of `zone`, around the last time */
    enum bb_lane lane;                   /* of the last row */
    struct bb_span usage_point, channel; /* of the last row, in `names` */
    struct bb_buffer names, head;        /* head: what the rows of a channel begin with */
    struct bb_quality quality;           /* of the last row, */
    struct bb_buffer quality_text;       /* and its text in this format */
    struct bb_buffer line;               /* of a table's cell */
};

void bb_query_writer_begin(struct bb_query_writer *writer, struct bb_output *out,
                           enum bb_query_format format, const struct bb_zone *zone,
                           bool with_range);
/* False when no more rows are wanted. */
bool bb_query_writer_row(struct bb_query_writer *writer, const struct bb_query_row *row);
void bb_query_writer_end(struct bb_query_writer *writer);

#endif
