/* Bands of estimates, from the errors that the same method would have made before: see estimate.h.
 *
 * Split conformal prediction: of count + 1 errors that might as well have come in any other order,
 * the new one is among the k smallest with probability at least k / (count + 1). So the k-th
 * smallest past error, k = ceil(0.9 (count + 1)), holds the new one in at least 9 of 10 cases,
 * whatever the errors are distributed like. With 8 errors k is 9: no band is honest.
 */
#include "derive/estimate_internal.h"

#include <stdlib.h>

enum { BAND_TENTHS = 9, ERRORS_MIN = 9 };

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t bb_estimate_band(int64_t *error, size_t count) {
    if (count < ERRORS_MIN)
        return BB_BAND_UNKNOWN;
    qsort(error, count, sizeof *error, ascending);
    size_t rank = ((count + 1) * BAND_TENTHS + 9) / 10;
    return error[rank - 1];
}

int64_t bb_estimate_error(bb_wide distance, bb_wide parts) {
    bb_wide error = ((distance < 0 ? -distance : distance) + parts - 1) / parts;
    return error < BB_ERROR_MAX ? (int64_t)error : BB_ERROR_MAX;
}

int64_t bb_estimate_band_at(int64_t level, int exponent) {
    bb_wide band = level;

    if (level < 0 || level == BB_ERROR_MAX)
        return BB_BAND_UNKNOWN;
    for (int e = exponent; e < BB_LEVEL_EXPONENT; e++) /* to 10^-24: 2^63 × 10^15 fits */
        band *= 10;
    for (int e = exponent; e > BB_LEVEL_EXPONENT; e--) /* rounding up in steps is rounding up */
        band = (band + 9) / 10;
    return band < INT64_MAX ? (int64_t)band : BB_BAND_UNKNOWN;
}
