/* Rows of a query as CSV, and as JSON objects.
 *
 * CSV columns are usage_point,channel,lane,start,end,value,unit,quality, with min,max behind them
 * where a gauge's periods are asked for. JSON objects have the same names; a missing value is null,
 * a value keeps all its digits.
 *
 * Neighbours share their channel and nearly always their quality, so those texts are made once and
 * copied; what is left per row are two times and a value. A writer writes rows of one form.
 */
#ifndef BB_ANSWER_VALUE_WRITER_H
#define BB_ANSWER_VALUE_WRITER_H

#include "base/buffer.h"
#include "service/query.h"

struct bb_value_writer {
    struct bb_buffer *out;      /* the caller's, who may empty it between rows */
    const struct bb_zone *zone; /* NULL: times in UTC, with Z */
    bool with_range;            /* CSV: min and max have columns */
    uint64_t rows;
    struct bb_zone_stretch stretch;      /* of `zone`, around the last time */
    enum bb_lane lane;                   /* of the last row */
    struct bb_span usage_point, channel; /* of the last row, in `names` */
    struct bb_buffer names, head;        /* head: what the rows of a channel begin with */
    struct bb_quality quality;           /* of the last row, */
    struct bb_buffer quality_text;       /* and its text in this form */
    struct bb_buffer line;
};

void bb_value_writer_init(struct bb_value_writer *writer, struct bb_buffer *out,
                          const struct bb_zone *zone, bool with_range);
void bb_value_writer_release(struct bb_value_writer *writer);

/* The line of titles, and a row's line. */
void bb_value_put_csv_titles(struct bb_value_writer *writer);
void bb_value_put_csv(struct bb_value_writer *writer, const struct bb_query_row *row);
/* An object, without line end. */
void bb_value_put_json(struct bb_value_writer *writer, const struct bb_query_row *row);

/* For writers with a form of their own: a time as this writer shows it (returns its size), and a value.
 * Raw values are printed as they were sent. */
size_t bb_value_format_time(struct bb_value_writer *writer, int64_t ms,
                            char buffer[BB_TIME_TEXT_MAX]);
void bb_value_put(struct bb_buffer *out, enum bb_lane lane, struct bb_decimal value);

#endif
