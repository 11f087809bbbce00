/* Estimator "profile": what the registers say, spread like the channel's profile.
 *
 *   x_i = total × w_i / Σ w
 *
 * The profile's scale does not matter, its shape does. A total below zero says that the registers
 * and what was told in between contradict each other: nothing is spread. */
#include "derive/estimate_internal.h"

enum bb_method bb_estimate_profile(const struct bb_gap *gap, const int64_t *parameter,
                                   struct bb_arena *scratch, struct bb_estimate *out) {
    bb_wide sum = 0;

    (void)parameter;
    if (!gap->weight || !gap->has_total || gap->total < 0)
        return BB_METHOD_NONE;
    bb_wide *share = bb_arena_take_array(scratch, gap->intervals, sizeof *share);
    if (!share)
        return BB_METHOD_NONE;
    for (size_t i = 0; i < gap->intervals; i++) {
        share[i] = gap->weight[i];
        sum += share[i];
    }
    if (sum == 0)
        return BB_METHOD_NONE;
    return bb_estimate_put_spread(gap, share, scratch, out) ? BB_METHOD_PROFILE : BB_METHOD_NONE;
}
