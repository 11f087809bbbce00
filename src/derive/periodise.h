/* Periodisation: values of periods of the channel's calendar from the points of the vee lane.
 *
 *   interval  Σ of the parts of intervals inside the period; one that straddles a boundary is split
 *             by time, its last part taking the remainder, so that parts sum to the whole
 *   register  what it counted between accepted readings (register.h), as straight lines, or like the
 *             channel's profile (profile.h), cut at the boundaries and rounded once there, so that the sum over periods telescopes to the whole
 *             exactly (to last - first, when nothing happened); what ran backwards counts negatively
 *             (and evenly),
 *             a reset makes the period suspect; a fall that no mark explains adds nothing and does so
 *             too. Marks of the reading that ends a stretch show in its periods
 *   gauge     mean, min and max of the readings in the period
 *
 * A period that is not wholly covered is `partial`.
 */
#ifndef BB_DERIVE_PERIODISE_H
#define BB_DERIVE_PERIODISE_H

#include "base/error.h"
#include "derive/profile.h"

/* Rows of one period (start, end] appended to `out` (as points; up to three for gauges). `vee`
 * holds every point that overlaps the period and, for registers, those around its ends. `sums` goes
 * from one period of the channel to the next (profile.h), or is NULL. */
int bb_periodise(const struct bb_channel *channel, const struct bb_window *vee,
                 struct bb_period_bounds period, struct bb_profile_sums *sums,
                 struct bb_arena *arena, struct bb_window *out, struct bb_error *error) BB_MUST_USE;

enum { BB_PERIOD_ROWS_MAX = 3 };

#endif
