/* Validation and estimation: from raw points to the points of the vee lane.
 *
 * The vee lane is an overlay: where a point is not `overlay`, it is the raw reading in the derived
 * unit. Judging is a pure function of the raw points and the point before the judged range.
 */
#ifndef BB_DERIVE_VEE_H
#define BB_DERIVE_VEE_H

#include "base/error.h"
#include "derive/check.h"

/* Judge raw points [first, last): run the channel's checks, fill gaps, append vee points to `out`
 * and findings to `findings`. `out` must have room for the points and for bb_vee_gap_rows more. */
int bb_vee_judge(const struct bb_channel *channel, struct bb_window *raw, size_t first, size_t last,
                 struct bb_arena *arena, struct bb_window *out, struct bb_finding_list *findings,
                 struct bb_error *error) BB_MUST_USE;

/* How many rows of their own the gaps of [first, last) may get. */
size_t bb_vee_gap_rows(const struct bb_channel *channel, const struct bb_window *raw, size_t first,
                       size_t last);

/* What was judged before: raw points with end in (from, to], overlaid by the rows of vee blocks
 * (ascending, absent ones NULL). `out` must have room for both. */
int bb_vee_restore(const struct bb_channel *channel, const struct bb_window *raw, int64_t from_ms,
                   int64_t to_ms, const struct bb_block *const *overlays, size_t overlay_count,
                   struct bb_arena *arena, struct bb_window *out, struct bb_error *error)
    BB_MUST_USE;

#endif
