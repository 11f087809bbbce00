/* Windows of a channel's values, as columns for the port "rules": gathered until a batch is full.
 *
 * Points come in the order of time, channel by channel. Each UTC day that has judged points becomes a window: these,
 * and before them what lies within the rule's reach. */
#ifndef BB_SERVICE_RULES_WINDOW_H
#define BB_SERVICE_RULES_WINDOW_H

#include "base/arena.h"
#include "derive/point.h"
#include "port/rules.h"
#include "service/query.h"

struct bb_rules_point {
    int64_t end_ms, length_ms;
    int32_t utc_offset_s;
    double value;
    uint32_t quality; /* enum bb_rules_quality */
};

/* A value as rules see it. */
struct bb_rules_point bb_rules_point_of(const struct bb_query_row *row);

/* A point of a plan: as sent (raw), then in the channel's metered unit whatever unit it came in, or of the lane vee. */
struct bb_rules_point bb_rules_point_of_derived(const struct bb_channel *channel, bool raw,
                                                const struct bb_point *point);

/* What a point's interval weighs by its channel's profile, which there is: hours of weight 1. */
double bb_rules_weight_of(const struct bb_channel *channel, const struct bb_rules_point *point);

/* Whose windows they are: which channel of those that were begun. */
struct bb_rules_gather {
    uint32_t *offset, *judge, *quality, *source; /* source: of each window, the channel's number */
    int64_t *interval_ms, *end_ms;
    int32_t *utc_offset_s;
    double *value;
    struct bb_span *about;
    uint32_t windows, windows_room;
    size_t points, points_room;
    double *profile;
    bool has_profile;
    struct bb_rules_gather_others {
        uint32_t channels; /* of each window */
        uint32_t *offset, *quality;
        int64_t *end_ms;
        double *value;
        size_t series, series_room, points, points_room;
    } others;
    struct bb_arena texts;
};

void bb_rules_gather_init(struct bb_rules_gather *gather);
void bb_rules_gather_release(struct bb_rules_gather *gather);
void bb_rules_gather_clear(struct bb_rules_gather *gather);
/* Enough for a call? */
bool bb_rules_gather_full(const struct bb_rules_gather *gather);
/* Add the window of points[from, count) that judges those from `judge` on. False: memory is out. */
bool bb_rules_gather_add(struct bb_rules_gather *gather, const struct bb_rules_point *points,
                         size_t count, size_t judge, uint32_t source, struct bb_span about)
    BB_MUST_USE;
/* What the points of the window added last weigh by the channel's profile; without it they have none. */
void bb_rules_gather_weigh(struct bb_rules_gather *gather, const double *weights);
/* Another channel of the window added last. A gather whose `others.channels` was set while it was empty gets as many of
 * them behind each window, in the order of the rule. False: memory is out. */
bool bb_rules_gather_add_other(struct bb_rules_gather *gather, const struct bb_rules_point *points,
                               size_t count) BB_MUST_USE;
/* The batch that they are; rule, parameters, seed, now are the caller's to set. */
void bb_rules_gather_batch(const struct bb_rules_gather *gather, struct bb_rules_batch *out);

#endif
