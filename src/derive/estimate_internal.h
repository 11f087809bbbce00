/* What the estimators share. */
#ifndef BB_DERIVE_ESTIMATE_INTERNAL_H
#define BB_DERIVE_ESTIMATE_INTERNAL_H

#include "derive/estimate.h"

/* value × numerator / denominator and its rest, exact however long the product is; all >= 0,
 * 0 < denominator < 2^126. False when the quotient does not fit. */
bool bb_wide_scale(bb_wide value, bb_wide numerator, bb_wide denominator, bb_wide *quotient,
                   bb_wide *rest) BB_MUST_USE;

/* total × running / whole, half to even; total >= 0, 0 <= running <= whole, 0 < whole < 2^126. */
bb_wide bb_estimate_share(bb_wide total, bb_wide running, bb_wide whole);

/* Fill out->value with gap->total spread over gap->intervals shares, and the bands from what the same
 * shares would have made of the like days (estimate_shape.c). False when there is no memory or a part
 * does not fit. */
bool bb_estimate_put_spread(const struct bb_gap *gap, const bb_wide *share,
                            struct bb_arena *scratch, struct bb_estimate *out) BB_MUST_USE;

/* The band, as a level, of values that spread `total` by shares: see estimate_shape.c. */
int64_t bb_estimate_shape_band(const struct bb_gap *gap, const bb_wide *share,
                               struct bb_arena *scratch);

/* Errors as levels: |wide| / parts rounded up, BB_ERROR_MAX when it is larger or not known. */
#define BB_ERROR_MAX INT64_MAX
int64_t bb_estimate_error(bb_wide distance, bb_wide parts);

/* A band of levels at an exponent, rounded up; BB_BAND_UNKNOWN stays so, and is what does not fit. */
int64_t bb_estimate_band_at(int64_t level, int exponent);

/* One band for all slots. */
static inline void bb_estimate_put_band(const struct bb_gap *gap, int64_t band,
                                        struct bb_estimate *out) {
    for (size_t i = 0; i < gap->intervals; i++)
        out->band[i] = band;
}

#endif
