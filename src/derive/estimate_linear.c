/* Estimator "linear": point to point between the interval before and the interval after a gap.
 *
 *   x_i = before + (after - before) × i / (n + 1),  i = 1..n
 *
 * For gaps of at most two hours (California VEE rules; reference in docs/validation.md). Rounded
 * half to even at the derived exponent.
 *
 * Band: the same line is drawn over the same hours of past like days, whose values are known, and
 * compared with them. That is honest: it is what this method, on these hours of this channel, has
 * been worth; nothing is assumed of how consumption runs. The errors of all slots are pooled.
 */
#include "derive/estimate_internal.h"

enum { SPREAD_MAX = 9 };

/* How many like days have every slot: the j-th of them is the same day in all. */
static size_t whole_days(const struct bb_gap *gap) {
    size_t days = BB_LIKE_MAX;

    if (!gap->like)
        return 0;
    for (size_t slot = 0; slot < gap->intervals + 2; slot++)
        days = gap->like_count[slot] < days ? gap->like_count[slot] : days;
    return days;
}

/* |like - line| at slot i of like day j. */
static int64_t past_error(const struct bb_gap *gap, size_t i, size_t j) {
    int64_t before = gap->like[j], at = gap->like[i * BB_LIKE_MAX + j];
    int64_t after = gap->like[(gap->intervals + 1) * BB_LIKE_MAX + j];
    bb_wide parts = (bb_wide)gap->intervals + 1;

    if (!bb_level_known(before) || !bb_level_known(at) || !bb_level_known(after))
        return BB_ERROR_MAX;
    return bb_estimate_error(parts * at - before * (parts - (bb_wide)i) - after * (bb_wide)i,
                             parts);
}

static int64_t past_band(const struct bb_gap *gap, struct bb_arena *scratch) {
    size_t days = whole_days(gap), count = 0;
    int64_t *error = days > 0 ? bb_arena_take_array(scratch, gap->intervals * days, sizeof *error)
                              : NULL;

    if (!error)
        return BB_BAND_UNKNOWN;
    for (size_t i = 1; i <= gap->intervals; i++)
        for (size_t j = 0; j < days; j++)
            error[count++] = past_error(gap, i, j);
    return bb_estimate_band(error, count);
}

enum bb_method bb_estimate_linear(const struct bb_gap *gap, const int64_t *parameter,
                                  struct bb_arena *scratch, struct bb_estimate *out) {
    int exponent = gap->exponent;

    if (gap->cut || gap->to_ms - gap->from_ms > parameter[0])
        return BB_METHOD_NONE;
    /* Ends many powers of ten apart do not fit the sums, and no line between them would mean much. */
    if (gap->before.exponent - exponent > SPREAD_MAX || gap->after.exponent - exponent > SPREAD_MAX)
        return BB_METHOD_NONE;
    bb_wide before = bb_decimal_widen(gap->before.mantissa, gap->before.exponent, exponent);
    bb_wide after = bb_decimal_widen(gap->after.mantissa, gap->after.exponent, exponent);
    bb_wide parts = (bb_wide)gap->intervals + 1;

    for (size_t i = 0; i < gap->intervals; i++) {
        bb_wide weighted = before * (parts - (bb_wide)(i + 1)) + after * (bb_wide)(i + 1);
        if (!bb_wide_to_decimal(bb_wide_divide_round(weighted, parts), exponent, exponent,
                                &out->value[i]))
            return BB_METHOD_NONE;
    }
    bb_estimate_put_band(gap, bb_estimate_band_at(past_band(gap, scratch), exponent), out);
    return BB_METHOD_LINEAR;
}
