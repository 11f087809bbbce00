/* Completeness: for every channel and local day how many values were expected, told and estimated,
 * how many are missing, and up to where nothing is missing.
 *
 * Read from lane `day`, now or as of a past moment. A day is expected from the channel's first reading on (its
 * first value in lane raw; an interval from its start) up to its last one, or up to the tenant's latest
 * tick (tick.h) where that is later, but for no more than BB_TICK_DAYS behind the last reading.
 *
 *   expected   values that end in the day when one comes each nominal interval: the day's length by the
 *              interval (23 and 25 hours have their own number), counted from the first reading on, so
 *              that the first and the last day expect what their part of the day holds. Intervals of
 *              whole days are counted by the clock on the wall. Without nominal interval nobody knows.
 *   present    usable values that were told (by the source, also as its own estimate, or by a person);
 *              of registers the accepted readings
 *   estimated  values that busbar estimated; registers are interpolated at the bounds of periods, which
 *              adds no reading: always 0
 *   missing    expected less present and estimated. Nothing is missing of a day that values of another
 *              length cover wholly.
 *   contiguous_to_ms
 *              from the first reading on, everything is there up to this moment, told or estimated. One
 *              interval follows the other without a gap; readings and gauges follow each other within
 *              one and a half nominal intervals, or are as many as their day expects.
 */
#ifndef BB_SERVICE_COMPLETENESS_H
#define BB_SERVICE_COMPLETENESS_H

#include "service/query.h"

/* A bound of the days that are told; a local date is where the day of that name begins by the
 * channel's calendar. */
struct bb_completeness_bound {
    int64_t ms;    /* BB_TIME_NONE: none */
    bool is_local; /* ms is a date at 00:00, as if UTC */
};

/* "2026-03-01", or a time with offset; false: neither. */
bool bb_completeness_bound_parse(struct bb_span text, struct bb_completeness_bound *out);

/* The local days with from < end <= to. Without any bound the BB_COMPLETENESS_DAYS local days, the
 * same for all channels, that end with the one that holds the latest moment known of any of them. */
enum { BB_COMPLETENESS_DAYS = 7 };
struct bb_completeness {
    struct bb_span tenant;
    struct bb_span usage_point; /* empty: all of the tenant */
    struct bb_completeness_bound from, to;
    int64_t as_of_ms; /* what was known then; BB_TIME_NONE: now */
    /* To go on where an answer ended: usage points from this name on (empty: all), and, without bounds, the
     * latest moment that was found then (0: it is looked for). */
    struct bb_span first;
    int64_t latest_ms;
};

struct bb_completeness_row {
    struct bb_span usage_point, channel;
    int64_t start_ms, end_ms; /* the local day */
    bool has_expected; /* else the channel has no nominal interval; expected and missing are 0 */
    uint64_t expected, present, estimated, missing;
    int64_t expected_ms;      /* how much of the day something is expected in; may be 0 */
    int64_t measured_ms;      /* and how much of that was really measured */
    int64_t contiguous_to_ms; /* of the channel; BB_TIME_NONE: no nominal interval */
};

struct bb_completeness_sum {
    uint64_t channels; /* that have a day among those that are asked for */
    uint64_t silent;   /* channels with readings that have none: they end before, or begin behind */
    uint64_t days;     /* of channels */
    uint64_t unknown;  /* days without nominal interval */
    uint64_t complete; /* days of which nothing is missing */
    uint64_t estimated; /* complete days that hold estimates */
    int64_t
        latest_ms; /* without bounds: the latest moment known of any channel; BB_TIME_NONE: none */
};

/* Return 0 to go on, 1 to stop. What a row points to lives until then. */
typedef int bb_completeness_visit(void *context, const struct bb_completeness_row *row);

/* Rows by usage point, channel and day; *sum counts them. 0, or 1 when the visitor stopped it.
 * -BB_E_USAGE_POINT_UNKNOWN. Events have no rows. */
int bb_completeness_run(struct bb_plant *plant, const struct bb_completeness *asked,
                        bb_completeness_visit *visit, void *context,
                        struct bb_completeness_sum *sum, struct bb_error *error) BB_MUST_USE;

#endif
