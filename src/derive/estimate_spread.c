/* Spreading a total in proportion to shares, exactly: see estimate.h. */
#include "derive/estimate_internal.h"

/* The product may need more than 128 bits (a total of 18 digits times a running sum of thousands of
 * levels). Then it is never formed: bit by bit of one factor, quotient and rest are doubled and the
 * other factor is added to the rest. Both factors are below the denominator. */
static void scale_slowly(bb_wide value, bb_wide numerator, bb_wide denominator, bb_wide *quotient,
                         bb_wide *rest) {
    bb_wide q = 0, r = 0;

    for (int bit = 126; bit >= 0; bit--) {
        q *= 2;
        r *= 2; /* below 2^127, as is the sum */
        if (r >= denominator) {
            r -= denominator;
            q++;
        }
        if (numerator >> bit & 1)
            r += value;
        if (r >= denominator) {
            r -= denominator;
            q++;
        }
    }
    *quotient = q;
    *rest = r;
}

bool bb_wide_scale(bb_wide value, bb_wide numerator, bb_wide denominator, bb_wide *quotient,
                   bb_wide *rest) {
    bb_wide product, whole;

    BB_ASSERT(value >= 0 && numerator >= 0 && denominator > 0 && denominator >> 126 == 0);
    if (!__builtin_mul_overflow(value, numerator, &product)) {
        *quotient = product / denominator;
        *rest = product % denominator;
        return true;
    }
    /* (a d + v) n / d = a n + v n / d, and the same for n: then both are below d. */
    bb_wide of_value = value / denominator, of_numerator = numerator / denominator;
    value %= denominator;
    if (__builtin_mul_overflow(of_value, numerator, &whole))
        return false;
    numerator %= denominator;
    bb_wide more;
    if (__builtin_mul_overflow(of_numerator, value, &more) ||
        __builtin_add_overflow(whole, more, &whole))
        return false;
    scale_slowly(value, numerator, denominator, quotient, rest);
    return !__builtin_add_overflow(*quotient, whole, quotient);
}

bb_wide bb_estimate_share(bb_wide total, bb_wide running, bb_wide whole) {
    bb_wide quotient, rest;
    bool fits = bb_wide_scale(total, running, whole, &quotient, &rest);

    BB_ASSERT(fits); /* it is at most the total */
    bb_wide other = whole - rest;
    return quotient + (rest > other || (rest == other && (quotient & 1)));
}

void bb_estimate_spread(bb_wide total, const bb_wide *share, size_t count, bb_wide *part) {
    bb_wide whole = 0, running = 0, before = 0;
    bool negative = total < 0;

    for (size_t i = 0; i < count; i++) {
        BB_ASSERT(share[i] >= 0);
        whole += share[i];
    }
    for (size_t i = 0; i < count; i++) {
        running += share[i];
        bb_wide until = bb_estimate_share(negative ? -total : total, running, whole);
        part[i] = negative ? before - until : until - before;
        before = until;
    }
}

bool bb_estimate_put_spread(const struct bb_gap *gap, const bb_wide *share,
                            struct bb_arena *scratch, struct bb_estimate *out) {
    bb_wide *part = bb_arena_take_array(scratch, gap->intervals, sizeof *part);

    if (!part)
        return false;
    bb_estimate_spread(gap->total, share, gap->intervals, part);
    for (size_t i = 0; i < gap->intervals; i++)
        if (!bb_wide_to_decimal(part[i], gap->exponent, gap->exponent, &out->value[i]))
            return false;
    bb_estimate_put_band(
        gap, bb_estimate_band_at(bb_estimate_shape_band(gap, share, scratch), gap->exponent), out);
    return true;
}
