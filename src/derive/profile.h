/* Profiles: how an amount of which only the total is known runs in time.
 *
 * A profile of master data gives every moment a weight; only proportions matter:
 *
 *   w(t) = day(date) × month(of the date) × shape(season of the month, day type, slot of the clock)
 *
 *   day     as listed (degree days); a date that is not listed has the mean of the listed dates of its
 *           calendar month, of whatever year, else of all that are listed; 1 when none is
 *   month   1 without `months`
 *   shape   1 without shapes; slots are equal parts of 24 hours from 00:00 on the wall clock
 *
 * Date and day type are those of the channel's calendar: a gas day's holds from 06:00 to 06:00. A weight
 * holds for each hour: a day of 25 hours counts 25 / 24 of what it would with 24, a repeated hour has
 * the slots of its clock twice.
 *
 *   W(a, b] = ∫ w(t) dt over (a, b]
 *
 * in whole numbers: millionths of a day's weight × millionths of month × shape (rounded half to even,
 * once) × milliseconds, at most 10^24 of each. So W(a, b] + W(b, c] = W(a, c] exactly.
 */
#ifndef BB_DERIVE_PROFILE_H
#define BB_DERIVE_PROFILE_H

#include "base/arena.h"
#include "base/error.h"
#include "derive/point.h"
#include "model/master.h"

/* A profile made ready. It lives in the arena and borrows nothing. -BB_E_NO_MEMORY. */
int bb_profile_make(const struct bb_master_profile *master, struct bb_arena *arena,
                    const struct bb_profile **out, struct bb_error *error) BB_MUST_USE;

/* 64 bits of what a profile says, its name aside; never 0. */
uint64_t bb_profile_hash(const struct bb_master_profile *master);

/* W(from, to] of the channel's profile, which there is; from <= to, at most BB_PROFILE_SPAN_DAYS
 * apart. Costs a step for every local day. */
enum { BB_PROFILE_SPAN_DAYS = 36600 };
bb_wide bb_profile_weight(const struct bb_channel *channel, int64_t from_ms, int64_t to_ms);

/* W of `count` steps in a row from from_ms on, in the arena; NULL without a profile. False when memory
 * is out. */
bool bb_profile_weigh(const struct bb_channel *channel, int64_t from_ms, int64_t step_ms,
                      size_t count, struct bb_arena *arena, const bb_wide **out) BB_MUST_USE;

/* What is known of the stretch asked about last, so that boundaries asked for in the order of time cost
 * a walk of the whole once and of each part once. Begins as {0}; one channel's. */
struct bb_profile_sums {
    int64_t from_ms, to_ms;
    int64_t at_ms;        /* asked about last */
    bb_wide until, whole; /* W(from, at], W(from, to] */
};

/* What of `amount` >= 0, known over (from, to], has come by t of it: amount × W(from, t] / W(from, to],
 * rounded half to even. False: in proportion to time, as there is no profile, it weighs nothing there,
 * or the stretch is longer than BB_PROFILE_SPAN_DAYS. `sums` may be NULL. */
bool bb_profile_share(const struct bb_channel *channel, struct bb_profile_sums *sums,
                      bb_wide amount, int64_t from_ms, int64_t to_ms, int64_t t, bb_wide *out)
    BB_MUST_USE;

#endif
