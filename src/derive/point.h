/* Points: the rows of a channel as checks and periodisation see them, unpacked from blocks.
 *
 * A window is a run of points in the order of time. Raw points come from raw blocks; points of the
 * vee lane carry a value in the channel's derived unit.
 */
#ifndef BB_DERIVE_POINT_H
#define BB_DERIVE_POINT_H

#include "derive/pipeline.h"
#include "model/block.h"
#include "model/calendar.h"
#include "model/channel_lists.h"
#include "model/decimal.h"

struct bb_profile;      /* derive/profile.h */
struct bb_channel_rule; /* derive/rule.h */

/* What derive knows of a channel; borrowed for the length of a call. */
struct bb_channel {
    uint8_t kind;
    uint8_t derived_unit; /* enum bb_unit: of amounts (intervals, periods) */
    uint8_t
        metered_unit; /* of readings as the device shows them; another one than derived_unit only
                             where gas is metered as volume and derived as energy */
    uint8_t commodity;
    bool one_way;
    uint32_t interval_s; /* nominal; 0: none */
    struct bb_calendar calendar;
    const int32_t *holidays; /* days since 1970, ascending */
    uint32_t holiday_count;
    const struct bb_installation *installations; /* ascending, not overlapping */
    uint32_t installation_count;
    int64_t capacity; /* the connection's, as a level (below) an hour of derived_unit; 0: unknown */
    const struct bb_profile *profile; /* how an amount runs in time; NULL: evenly */
    const struct bb_pipeline *pipeline;
    const struct bb_channel_rule *rules; /* customers' own, in their order */
    uint32_t rule_count;
};

/* The installation whose factor and dials hold at a moment: the latest that has begun, whatever its end;
 * before all, the first; NULL without any. What is used while nothing is installed, check `inactive`
 * speaks of; it is no reason to forget what a count is worth. */
const struct bb_installation *bb_installation_for(const struct bb_channel *channel, int64_t t);
/* Do interval values need more than their unit converted? */
bool bb_channel_has_factor(const struct bb_channel *channel);

struct bb_point {
    int64_t start_ms, end_ms;             /* equal for instants */
    struct bb_decimal value;              /* raw points: as sent; vee points: in the derived unit */
    const struct bb_attribute *attribute; /* as sent, or as validation made it */
    union {
        int64_t recorded_ms; /* raw points */
        int64_t
            band; /* vee points that were estimated: half-width + 1 at the value's exponent; 0: none */
        int64_t measured_ms; /* rows of periods: how much of the period was really measured */
    };
    union {
        int64_t late_ms; /* raw points: issued by the sender so long behind its time; 0: not told */
        int64_t estimated; /* rows of periods: values that were estimated */
    };
    union {
        uint32_t rivals;  /* raw points */
        uint32_t present; /* rows of periods: values that were told */
    };
    uint32_t checks; /* vee points: bits of enum bb_check that spoke */
    bool usable;     /* has a value of the right dimension */
    bool overlay;    /* vee points: differs from raw, so the vee block holds it */
};

struct bb_window {
    struct bb_point *points;
    size_t count, capacity;
    int64_t longest_ms; /* of its intervals: how far back a point may reach */
};

/* Append; false when the window is full. */
static inline bool bb_window_put(struct bb_window *window, const struct bb_point *point) {
    int64_t length_ms = point->end_ms - point->start_ms;

    if (window->count == window->capacity)
        return false;
    window->points[window->count++] = *point;
    if (length_ms > window->longest_ms)
        window->longest_ms = length_ms;
    return true;
}

/* Does a reading of this description have a value that the channel can use? */
bool bb_attribute_usable(const struct bb_channel *channel, const struct bb_attribute *attribute);

/* Append the rows of a raw block with end in (from, to]. False when the window is full. */
bool bb_window_add_raw(struct bb_window *window, const struct bb_channel *channel,
                       const struct bb_block *raw, int64_t from_ms, int64_t to_ms);

/* The levels of all usable points of a raw window; of others 0. */
void bb_window_levels(const struct bb_channel *channel, const struct bb_window *raw,
                      int64_t *level);

/* The UTC day that holds t, by which readings are stored. */
static inline int32_t bb_utc_day_of(int64_t t) {
    return bb_lane_span_of(BB_LANE_RAW, t);
}

/* The index of the first point with end_ms > t. */
size_t bb_window_after(const struct bb_window *window, int64_t t);

/* Exponent of values that busbar makes itself: max(source - 3, -9), never coarser than source. */
static inline int bb_derived_exponent(int source) {
    int finer = source - 3 > -9 ? source - 3 : -9;
    return finer < source ? finer : source;
}

/* Levels: values as one number that can be compared whatever they were sent as, for checks and
 * statistics: units of 10^-9 of derived_unit (intervals, with the factor of their installation) or
 * metered_unit (registers, gauges), rounded towards zero, saturated. */
enum { BB_LEVEL_EXPONENT = -9, BB_LEVEL_ONE = 1000000000 };
/* What a mantissa as sent is multiplied with to be a level, where that is all there is to do (no factor,
 * the metered unit, not too fine); 0: bb_point_level does more. */
int64_t bb_level_scale(const struct bb_channel *channel, const struct bb_attribute *attribute);
int64_t bb_point_level(const struct bb_channel *channel, const struct bb_point *raw);
/* Is it a value, and not the end of the scale? */
static inline bool bb_level_known(int64_t level) {
    return level < INT64_MAX && level > -INT64_MAX;
}

/* The value that a raw point has in the lane vee: of an interval the amount (its factor applied) in
 * derived_unit, of others the reading in metered_unit. As bb_convert. */
bool bb_point_value(const struct bb_channel *channel, const struct bb_point *raw,
                    struct bb_decimal *out, bool *rounded) BB_MUST_USE;

/* A value in another unit of the same dimension: where that is larger by a power of ten, its digits as
 * they are, with the point moved; else exact where 9 decimals hold it (as many as it has, when those are
 * more), at the greatest exponent up to the value's that does; else rounded half to even there (then
 * *rounded is set), with fewer decimals only where 18 digits do not hold those. Few decimals would do
 * for one reading, but the same one comes again and again: a gallon is 0.003785411784 m3, and 0.004 an
 * hour would be 6 % too much each day. More decimals would leave sums no digits before the point. False
 * across dimensions or when it does not fit at all. */
enum { BB_CONVERTED_EXPONENT = -9 };
bool bb_convert(struct bb_decimal value, int from, int to, struct bb_decimal *out, bool *rounded)
    BB_MUST_USE;

#endif
