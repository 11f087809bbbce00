/* Estimator "flat": what the registers say, spread evenly over the gap. The last resort: nothing is
 * known of when, but the total is right. A total below zero says that the registers and what was
 * told in between contradict each other: nothing is spread. */
#include "derive/estimate_internal.h"

enum bb_method bb_estimate_flat(const struct bb_gap *gap, const int64_t *parameter,
                                struct bb_arena *scratch, struct bb_estimate *out) {
    (void)parameter;
    if (!gap->has_total || gap->total < 0 || gap->intervals == 0)
        return BB_METHOD_NONE;
    bb_wide *share = bb_arena_take_array(scratch, gap->intervals, sizeof *share);
    if (!share)
        return BB_METHOD_NONE;
    for (size_t i = 0; i < gap->intervals; i++)
        share[i] = 1;
    return bb_estimate_put_spread(gap, share, scratch, out) ? BB_METHOD_FLAT : BB_METHOD_NONE;
}
