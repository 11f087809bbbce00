/* Totals: what the registers beside an interval channel say that it amounts to, from reading to
 * reading. Check `sum` holds the intervals against them, estimators are scaled to them.
 *
 * Registers count the same quantity (same OBIS A, B-independent C and E of the channel; or the tariffs
 * 1, 2, ... together when there is no total). Several registers make a total only between moments
 * at which all of them were read.
 */
#ifndef BB_DERIVE_TOTAL_H
#define BB_DERIVE_TOTAL_H

#include "base/arena.h"
#include "derive/point.h"

enum {
    BB_TOTAL_EXPONENT = -12, /* of sums here: finer than any value that busbar makes itself */
    BB_TOTAL_DAYS_MAX = 62,  /* a longer stretch between readings is no total */
    BB_METERS_MAX = 8        /* registers beside a channel */
};

struct bb_total {
    int64_t from_ms, to_ms; /* (from, to]: two readings */
    bb_wide amount; /* what was used, x 10^BB_TOTAL_EXPONENT in the interval channel's unit */
    bb_wide digit;  /* the registers' least digits together, likewise, their factor applied */
};

struct bb_total_list {
    struct bb_total *items; /* ascending, not overlapping */
    size_t count;
};

/* A register beside the channel: its accepted points, as the lane vee has them. */
struct bb_meter {
    const struct bb_channel *channel;
    struct bb_window accepted;
    struct bb_window sent; /* the same and others as they were sent: whose digits they have; empty:
                              as the lane vee has them */
};

/* The totals of `channel` from its meters. False when memory is out. */
bool bb_totals_make(const struct bb_channel *channel, const struct bb_meter *meters, size_t count,
                    struct bb_arena *arena, struct bb_total_list *out) BB_MUST_USE;
/* The total that holds (from, to] wholly; NULL when there is none. */
const struct bb_total *bb_total_around(const struct bb_total_list *list, int64_t from_ms,
                                       int64_t to_ms);

/* What usable intervals of a window say about (from, to]: one that straddles an end counts in
 * proportion to time, rounded half to even. */
struct bb_told_sum {
    bb_wide amount;     /* x 10^BB_TOTAL_EXPONENT, in derived_unit */
    int64_t covered_ms; /* of (from, to]; overlaps count twice */
    size_t values;
    bool exact; /* false: a value did not fit, or two overlap: do not compare */
};
struct bb_told_sum bb_told_sum(const struct bb_channel *channel, const struct bb_window *raw,
                               int64_t from_ms, int64_t to_ms);

#endif
