/* The values of one channel as columns, for charts: what a year of quarter hours costs to send and to read
 * back is then its numbers, not its names.
 *
 *   {"channel":"1-1:1.29.0","unit":"kWh","kind":"interval","zone":"Europe/Amsterdam",
 *    "start":[1772319600000,...],"end":[...],"value":[0.125,null,...],
 *    "quality":[0,1,...],"qualities":["measured","missing",...],"band":[null,...]}
 *
 * Times are milliseconds since 1970 UTC; `quality` counts in `qualities`. Periods of gauges have `min` and
 * `max` besides. Points (points.h) have `min`, `max`, `last` and `count` instead of `value` and `band`.
 */
#ifndef BB_ANSWER_COLUMNS_H
#define BB_ANSWER_COLUMNS_H

#include "answer/points.h"
#include "base/json_write.h"

enum { BB_COLUMNS_MAX = 8, BB_COLUMNS_QUALITIES_MAX = 256 };

struct bb_columns {         /* of one channel, while they are filled */
    struct bb_span channel; /* in `names` */
    int unit;
    uint8_t kind;
    const struct bb_zone *zone;
    enum bb_lane lane;
    uint64_t rows;
    struct bb_buffer names;
    struct bb_buffer columns[BB_COLUMNS_MAX];
    struct bb_quality *qualities;
    size_t quality_count;
};

/* `limit_bytes` of each column. False: no memory. */
bool bb_columns_init(struct bb_columns *columns, size_t limit_bytes) BB_MUST_USE;
void bb_columns_release(struct bb_columns *columns);
void bb_columns_clear(struct bb_columns *columns);
/* A channel's rows, in order. */
void bb_columns_add(struct bb_columns *columns, const struct bb_query_row *row);
/* Its object. False: there is more than the limit, or than qualities fit. */
bool bb_columns_put_json(const struct bb_columns *columns, struct bb_json *json) BB_MUST_USE;
/* Of points: `columns` has seen their rows' channel by bb_columns_name. */
void bb_columns_name(struct bb_columns *columns, const struct bb_query_row *row);
void bb_columns_add_point(struct bb_columns *columns, const struct bb_point *point);

#endif
