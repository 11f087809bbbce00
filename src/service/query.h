/* Query: values of a lane, current or as of a past moment, straight from the partition's store.
 *
 * Raw as of T is chosen among the versions told by T; derived lanes as of T are derived again from
 * that. Rows come by channel, then end.
 */
#ifndef BB_SERVICE_QUERY_H
#define BB_SERVICE_QUERY_H

#include "service/plant.h"

struct bb_query {
    struct bb_span tenant, usage_point;
    struct bb_span channel; /* a name, an OBIS code, an alias; empty: all */
    bool made;              /* channels that rules make (made_channel.h) are meant, too */
    int64_t from_ms, to_ms; /* rows with from < end <= to (instants: from <= end < to);
                                BB_TIME_NONE: open */
    enum bb_lane lane;
    int64_t as_of_ms; /* BB_TIME_NONE: current */
    uint64_t limit;   /* rows; 0: no limit */
    bool explained;   /* what stored lanes were derived from is opened, too */
};

struct bb_query_row {
    struct bb_span usage_point, channel;
    enum bb_lane lane;
    uint8_t kind;
    int64_t start_ms, end_ms; /* equal for registers and gauges in raw and vee */
    bool has_value;           /* false: missing */
    struct bb_decimal value;  /* raw: as sent; else in `unit`, exact */
    int unit;
    const struct bb_quality *quality;
    bool has_range; /* gauges in period lanes: min and max */
    struct bb_decimal min, max;
    bool has_band;          /* vee: an estimate of busbar's own whose error is known */
    struct bb_decimal band; /* half the width of what holds the true value in 9 of 10 cases */
    int64_t recorded_ms;    /* raw: when first told; else BB_TIME_NONE */
    /* Period lanes: usable values that were told (registers: accepted readings), values that busbar
     * estimated, and how much of the period was really measured; those that end in the period count. */
    uint32_t present, estimated;
    int64_t measured_ms;
    const struct bb_zone *zone; /* the channel's */
};

/* A part of a whole (> 0) in thousandths, rounded down: 1000 only where nothing lacks. */
static inline int bb_query_thousandths(int64_t part_ms, int64_t whole_ms) {
    return part_ms >= whole_ms ? 1000 : (int)(part_ms * 1000 / whole_ms);
}

/* Return 0 to go on, 1 to stop. Spans live until the visitor returns. */
typedef int bb_query_visit(void *context, const struct bb_query_row *row);

/* -BB_E_USAGE_POINT_UNKNOWN, -BB_E_CHANNEL_UNKNOWN (lists those there are), -BB_E_CHANNEL_AMBIGUOUS.
 */
int bb_query_run(struct bb_plant *plant, const struct bb_query *query, bb_query_visit *visit,
                 void *context, struct bb_error *error) BB_MUST_USE;

#endif
