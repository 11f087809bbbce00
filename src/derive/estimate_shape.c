/* The band of a total that was spread by shares (methods profile and flat).
 *
 * What the shares are worth shows on the like days: there the values are known, and so is what a total
 * would have been. Over each like day that knows every slot
 *
 *   error = |like_i - T s_i / Σ s| × total / T,     T = Σ like
 *
 * so that a day of much use says as much as one of little. Days of less than nothing say nothing.
 */
#include "derive/estimate_internal.h"

static bool knows_all(const struct bb_gap *gap, size_t day) {
    for (size_t slot = 1; slot <= gap->intervals; slot++)
        if (gap->like_count[slot] <= day || !bb_level_known(gap->like[slot * BB_LIKE_MAX + day]) ||
            gap->like[slot * BB_LIKE_MAX + day] < 0)
            return false;
    return true;
}

/* total / T × error, rounded up. */
static int64_t scaled(int64_t error, bb_wide total, bb_wide whole) {
    bb_wide quotient, rest;

    if (error == BB_ERROR_MAX || !bb_wide_scale(total, error, whole, &quotient, &rest))
        return BB_ERROR_MAX;
    quotient += rest > 0;
    return quotient < BB_ERROR_MAX ? (int64_t)quotient : BB_ERROR_MAX;
}

/* The errors of one like day; returns how many there are. */
static size_t add_errors(const struct bb_gap *gap, const bb_wide *share, bb_wide shares,
                         bb_wide total, size_t day, int64_t *error) {
    bb_wide whole = 0;

    for (size_t slot = 1; slot <= gap->intervals; slot++)
        whole += gap->like[slot * BB_LIKE_MAX + day];
    if (whole == 0)
        return 0;
    for (size_t i = 0; i < gap->intervals; i++) {
        bb_wide part = bb_estimate_share(whole, share[i], shares);
        bb_wide off = gap->like[(i + 1) * BB_LIKE_MAX + day] - part;
        error[i] = scaled(bb_estimate_error(off, 1), total, whole);
    }
    return gap->intervals;
}

int64_t bb_estimate_shape_band(const struct bb_gap *gap, const bb_wide *share,
                               struct bb_arena *scratch) {
    bb_wide shares = 0, total = gap->total;
    size_t count = 0;

    if (!gap->like || !gap->like_count)
        return BB_BAND_UNKNOWN;
    for (size_t i = 0; i < gap->intervals; i++)
        shares += share[i];
    for (int e = gap->exponent; e > BB_LEVEL_EXPONENT; e--)
        if (__builtin_mul_overflow(total, (bb_wide)10, &total))
            return BB_BAND_UNKNOWN;
    for (int e = gap->exponent; e < BB_LEVEL_EXPONENT; e++)
        total /= 10;
    int64_t *error = bb_arena_take_array(scratch, gap->intervals * BB_LIKE_MAX, sizeof *error);
    if (!error || shares <= 0 || total < 0 || shares >> 126 != 0)
        return BB_BAND_UNKNOWN;
    for (size_t day = 0; day < BB_LIKE_MAX; day++)
        if (knows_all(gap, day))
            count += add_errors(gap, share, shares, total, day, error + count);
    return bb_estimate_band(error, count);
}
