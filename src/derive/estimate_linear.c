/* Estimator "linear": point to point between the interval before and the interval after a gap.
 *
 *   x_i = before + (after - before) × i / (n + 1),  i = 1..n
 *
 * For gaps of at most two hours (California VEE rules; reference in docs/validation.md). Rounded
 * half to even at the derived exponent.
 */
#include "derive/estimate.h"

enum { SPREAD_MAX = 9 };

enum bb_method bb_estimate_linear(const struct bb_gap *gap, const int64_t *parameter,
                                  struct bb_arena *scratch, struct bb_estimate *out) {
    int exponent = gap->exponent;

    (void)scratch;
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
        out->band[i] = BB_BAND_UNKNOWN;
    }
    return BB_METHOD_LINEAR;
}
