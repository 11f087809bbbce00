/* Periodisation: values of periods of the channel's calendar from the points of the vee lane.
 *
 *   interval  Σ of the parts of intervals inside the period; one that straddles a boundary is split
 *             by time, its last part taking the remainder, so that parts sum to the whole
 *   register  what it counted between accepted readings (register.h), as straight lines, or like the
 *             channel's profile (profile.h), cut at the boundaries and rounded once there, so that the sum over periods telescopes to the whole
 *             exactly (to last - first, when nothing happened); what ran backwards counts negatively,
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
#include "derive/register.h"

/* Rows of one period (start, end] appended to `out` (as points; up to three for gauges). `vee`
 * holds every point that overlaps the period and, for registers, those around its ends. `sums` goes
 * from one period of the channel to the next (profile.h), or is NULL. */
int bb_periodise(const struct bb_channel *channel, const struct bb_window *vee,
                 struct bb_period_bounds period, struct bb_profile_sums *sums,
                 struct bb_arena *arena, struct bb_window *out, struct bb_error *error) BB_MUST_USE;

/* What counts in (from, to] of an amount x 10^exponent that accrues over (start, end] evenly, of a
 * register like its profile (`sums` as above), or all at once when these are equal: rounded half to even once at each end that is cut, so that the parts of a
 * whole sum to it. */
struct bb_share {
    bb_wide amount;
    int exponent;
    bool any;      /* false: they do not touch */
    bool overflow; /* too large to be cut */
};
struct bb_share bb_share_of(const struct bb_channel *channel, struct bb_profile_sums *sums,
                            bb_wide amount, int exponent, int64_t start_ms, int64_t end_ms,
                            int64_t from_ms, int64_t to_ms);

/* A register between two accepted neighbours a and b of the lane vee, as periods count it. */
struct bb_register_stretch {
    struct bb_register_advance advance; /* its pieces count nothing when it fell */
    uint16_t marks;                     /* of b, those that say what happened */
    bool fell;                          /* and no mark says why */
    bool suspect;
};
void bb_register_stretch(const struct bb_channel *channel, const struct bb_point *a,
                         const struct bb_point *b, struct bb_register_stretch *out);
/* Is what counts of it in (from, to] an estimate? Cut, it is interpolated: an estimate over more than
 * step linear allows; but not where a device was exchanged and master data knows what it showed. */
bool bb_register_stretch_estimated(const struct bb_channel *channel, const struct bb_point *a,
                                   const struct bb_point *b,
                                   const struct bb_register_stretch *stretch, int64_t from_ms,
                                   int64_t to_ms);

enum { BB_PERIOD_ROWS_MAX = 3 };

#endif
