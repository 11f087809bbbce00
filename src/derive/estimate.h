/* Estimators: each is one file with one row in bb_estimators (estimate.c), tried in that order.
 *
 * An estimator fills the missing intervals between two usable points, or declines. Only values that
 * were told are its ends and its past, never other estimates. It works in levels (point.h); results
 * are decimals in the derived unit at gap->exponent, rounded half to even.
 *
 *     before │ slot 0 │ slot 1 │ ... │ slot n-1 │ after          the gap
 *     like[0][j], like[1][j], ... like[n+1][j]                   the same local times on the j-th latest
 *                                                                like day, the ends included
 */
#ifndef BB_DERIVE_ESTIMATE_H
#define BB_DERIVE_ESTIMATE_H

#include "base/arena.h"
#include "derive/point.h"

enum {
    BB_LOOK_AHEAD_DAYS = 7, /* the longest gap that is looked over to close it with like days */
    BB_GAP_ROWS_DAYS = 62,  /* the longest gap whose intervals get rows */
    BB_LIKE_DAYS = 3,       /* like days that are averaged */
    BB_LIKE_SIXTHS = 6,     /* means of one, two or three are whole sixths */
    BB_LIKE_MAX = 6,        /* like days that are known: the further ones to learn the error from */
    BB_BAND_UNKNOWN = -1
};

struct bb_gap {
    const struct bb_channel *channel;
    struct bb_decimal before, after; /* the values at its ends, in the derived unit */
    int64_t from_ms, to_ms;          /* (from, to] */
    size_t intervals;                /* n missing ones, each (to - from) / n long */
    bool cut;     /* a part of a longer gap: before and after are not the values at its ends */
    int exponent; /* of the results */
    /* (n + 2) x BB_LIKE_MAX levels: slot 0 is the end before the gap, slot n + 1 the end behind it;
     * like[slot * BB_LIKE_MAX + j] for j < like_count[slot], the latest like day first. Only readings
     * of like days (same day type: Mon-Fri, Saturday, Sunday or holiday; within the parameter of step
     * like_day) that are whole, measured and sound. NULL: not known. */
    const int64_t *like;
    const bb_wide
        *calm; /* beside `like`: each with its neighbours on its day, in sixths (like.h) */
    const uint8_t *like_count;
    const bb_wide *weight; /* n profile weights, >= 0; NULL: the channel has no profile */
    /* What the registers say the gap amounts to, at `exponent`: the register difference over the
     * stretch between two register readings that holds the gap, less what was told in it. */
    bool has_total;
    bb_wide total;
};

struct bb_estimate {
    struct bb_decimal *value; /* n of them */
    int64_t *band; /* n: half the width of the interval that holds the true value in 9 of 10
                                 cases, at the value's exponent; BB_BAND_UNKNOWN */
};

struct bb_estimator_row {
    enum bb_method method;
    /* Fill out->value[0..n) and out->band[0..n); the method, or BB_METHOD_NONE: not this one. A step
     * may have variants (like_day: of one day or several, scaled or not). */
    enum bb_method (*fill)(const struct bb_gap *gap, const int64_t *parameter,
                           struct bb_arena *scratch, struct bb_estimate *out);
};
extern const struct bb_estimator_row bb_estimators[];
extern const size_t bb_estimator_count;

/* The first estimator of the pipeline that fills the gap; BB_METHOD_NONE when none does. */
enum bb_method bb_estimate(const struct bb_gap *gap, struct bb_arena *scratch,
                           struct bb_estimate *out);

/* linear: gaps up to parameter[0] ms: x_i = before + (after - before) i / (n + 1), i = 1..n.
 * Band: the same line drawn over each like day that has all n + 2 slots; see below. */
enum bb_method bb_estimate_linear(const struct bb_gap *gap, const int64_t *parameter,
                                  struct bb_arena *scratch, struct bb_estimate *out);
/* like_day: gaps up to BB_LOOK_AHEAD_DAYS; parameter[0]: how many days are averaged (3, at most
 * BB_LIKE_DAYS), parameter[1]: within how many ms before the gap. x_i = mean of the min(count, days)
 * latest like values of slot i + 1, of a single one its calm value; declines when a slot has none. With has_total and total >= 0 and a
 * positive sum: scaled, x'_i = x_i total / sum(x), the last one taking the remainder. Band: like value j
 * against what the method makes of the `days` like values behind it (at least one). */
enum bb_method bb_estimate_like_day(const struct bb_gap *gap, const int64_t *parameter,
                                    struct bb_arena *scratch, struct bb_estimate *out);
/* How many of the known like values are averaged, by the parameters of step like_day. */
size_t bb_like_averaged(const int64_t *parameter, size_t known);
/* profile: with weights, has_total and total >= 0: x_i = total w_i / sum(w). Band: the same over
 * each like day that has all slots, scaled to the total. */
enum bb_method bb_estimate_profile(const struct bb_gap *gap, const int64_t *parameter,
                                   struct bb_arena *scratch, struct bb_estimate *out);
/* flat: with has_total and total >= 0: x_i = total / n, the last one taking the remainder. Band as of
 * profile, with even shares. */
enum bb_method bb_estimate_flat(const struct bb_gap *gap, const int64_t *parameter,
                                struct bb_arena *scratch, struct bb_estimate *out);

/* Parts in proportion to `share` (>= 0, sum > 0) that sum to `total` exactly: part i is the rounded
 * running share less the parts before it, so the last takes the remainder. */
void bb_estimate_spread(bb_wide total, const bb_wide *share, size_t count, bb_wide *part);
/* The band from past errors, all >= 0 (the array is sorted): the ceil(0.9 (count + 1))-th smallest (conformal
 * quantile: holds a new error of the same kind in 9 of 10 cases); -1 when count < 9. */
int64_t bb_estimate_band(int64_t *error, size_t count);

#endif
