/* Estimator "like_day": the mean of the same local time on the latest days of the same kind.
 *
 *   x_i  = (l_1 + ... + l_k) / k,  k = min(known, days)
 *          k = 1: the mean of l_1 and of what stands beside it on its day; one reading alone would be as
 *          far off as that of any other day
 *   x'_i = x_i × total / Σ x       when the registers say what the gap amounts to
 *
 * For gaps of up to seven days. Sums stay whole numbers: a mean of one, two or three is a share of
 * sixths, so that the result is rounded once, and scaled values sum to the total exactly.
 *
 * It is not scaled when that says nothing (all like values are zero) or would turn a small
 * disagreement into a large one (some are below zero), nor by a total below zero.
 *
 * Band: on each past like day the method is run as if that day were the gap, on the like days
 * behind it. Those are errors of this method on these hours; the days are pooled, and so are the
 * slots, because a slot alone has too few.
 */
#include "derive/estimate_internal.h"

_Static_assert(BB_LIKE_DAYS == 3, "means of up to three days are whole sixths");

struct likes { /* of one slot, the latest first */
    const int64_t *level;
    const bb_wide *calm;
    size_t count;
};

static struct likes likes_of(const struct bb_gap *gap, size_t interval) {
    size_t slot = interval + 1;
    return (struct likes){&gap->like[slot * BB_LIKE_MAX], &gap->calm[slot * BB_LIKE_MAX],
                          gap->like_count[slot]};
}

/* What the method makes of k likes from the j-th on, in sixths of a level. False when one of them is the end of the
 * scale. */
static bool mean_of(const struct likes *likes, size_t j, size_t k, bb_wide *mean) {
    bb_wide sum = 0;

    for (size_t i = j; i < j + k; i++) {
        if (!bb_level_known(likes->level[i]))
            return false;
        sum += likes->level[i];
    }
    *mean = k == 1 ? likes->calm[j] : sum * BB_LIKE_SIXTHS / (bb_wide)k;
    return true;
}

static size_t at_most(size_t count, size_t limit) {
    return count < limit ? count : limit;
}

size_t bb_like_averaged(const int64_t *parameter, size_t known) {
    return at_most(known, parameter[0] < 1 ? 1 : at_most((size_t)parameter[0], BB_LIKE_DAYS));
}

/* Means in sixths of a level. What is averaged at most goes to *averaged. */
static bool means(const struct bb_gap *gap, size_t days, bb_wide *share, size_t *averaged) {
    *averaged = 0;
    for (size_t i = 0; i < gap->intervals; i++) {
        struct likes likes = likes_of(gap, i);
        size_t k = at_most(likes.count, days);
        if (k == 0 || !mean_of(&likes, 0, k, &share[i]))
            return false;
        *averaged = k > *averaged ? k : *averaged;
    }
    return true;
}

/* Sixths of levels as values. */
static bool put_means(const struct bb_gap *gap, const bb_wide *share, struct bb_estimate *out) {
    bb_wide divisor = BB_LIKE_SIXTHS, factor = 1;

    for (int e = BB_LEVEL_EXPONENT; e < gap->exponent; e++) /* to 10^18: 6 × 10^27 */
        divisor *= 10;
    for (int e = gap->exponent; e < BB_LEVEL_EXPONENT; e++) /* to 10^-24: sixths × 10^15 fit */
        factor *= 10;
    for (size_t i = 0; i < gap->intervals; i++)
        if (!bb_wide_to_decimal(bb_wide_divide_round(share[i] * factor, divisor), gap->exponent,
                                gap->exponent, &out->value[i]))
            return false;
    return true;
}

/* The band as a level, before scaling. */
static int64_t past_band(const struct bb_gap *gap, size_t days, struct bb_arena *scratch) {
    int64_t *error = bb_arena_take_array(scratch, gap->intervals * (BB_LIKE_MAX - 1),
                                         sizeof *error);
    size_t count = 0;

    if (!error)
        return BB_BAND_UNKNOWN;
    for (size_t i = 0; i < gap->intervals; i++) {
        struct likes likes = likes_of(gap, i);
        for (size_t j = 0; j + 1 < likes.count; j++) {
            size_t k = at_most(likes.count - j - 1, days);
            bb_wide mean;
            bool known = mean_of(&likes, j + 1, k, &mean) && bb_level_known(likes.level[j]);
            error[count++] = known ? bb_estimate_error((bb_wide)likes.level[j] * BB_LIKE_SIXTHS -
                                                           mean,
                                                       BB_LIKE_SIXTHS)
                                   : BB_ERROR_MAX;
        }
    }
    return bb_estimate_band(error, count);
}

/* level × total / Σ x at the exponent of the total, rounded up; `whole` are sixths. */
static int64_t scaled_band(int64_t level, bb_wide total, bb_wide whole) {
    bb_wide band, rest;

    if (level < 0 || level == BB_ERROR_MAX ||
        !bb_wide_scale(total, (bb_wide)level * BB_LIKE_SIXTHS, whole, &band, &rest))
        return BB_BAND_UNKNOWN;
    band += rest > 0;
    return band < INT64_MAX ? (int64_t)band : BB_BAND_UNKNOWN;
}

/* The sum of the shares when the gap can be scaled, else 0. */
static bb_wide scale_of(const struct bb_gap *gap, const bb_wide *share) {
    bb_wide whole = 0;

    if (!gap->has_total || gap->total < 0)
        return 0;
    for (size_t i = 0; i < gap->intervals; i++) {
        if (share[i] < 0)
            return 0;
        whole += share[i];
    }
    return whole;
}

enum bb_method bb_estimate_like_day(const struct bb_gap *gap, const int64_t *parameter,
                                    struct bb_arena *scratch, struct bb_estimate *out) {
    size_t days = bb_like_averaged(parameter, BB_LIKE_DAYS), averaged;

    if (!gap->like || gap->intervals == 0 ||
        gap->to_ms - gap->from_ms > BB_LOOK_AHEAD_DAYS * (int64_t)BB_DAY_MS)
        return BB_METHOD_NONE;
    bb_wide *share = bb_arena_take_array(scratch, gap->intervals, sizeof *share);
    if (!share || !means(gap, days, share, &averaged))
        return BB_METHOD_NONE;
    bb_wide whole = scale_of(gap, share);
    int64_t band = past_band(gap, days, scratch);
    if (whole > 0) {
        if (!bb_estimate_put_spread(gap, share, scratch, out))
            return BB_METHOD_NONE;
        bb_estimate_put_band(gap, scaled_band(band, gap->total, whole), out);
        return averaged > 1 ? BB_METHOD_AVERAGE_LIKE_DAY_SCALED : BB_METHOD_LIKE_DAY_SCALED;
    }
    if (!put_means(gap, share, out))
        return BB_METHOD_NONE;
    bb_estimate_put_band(gap, bb_estimate_band_at(band, gap->exponent), out);
    return averaged > 1 ? BB_METHOD_AVERAGE_LIKE_DAY : BB_METHOD_LIKE_DAY;
}
