/* Registers: which readings count, why one is less than the one before, and what was used between.
 *
 *   a ──► b, both accepted               advance (in metered_unit, before the factor)
 *   rising, or level                     b - a
 *   exchange: an installation ends       (closing - a) + (b - opening), each with its own factor, and
 *                                        each over its top where that is the shorter way round
 *   rollover                             10^dials - a + b
 *   reset: it began again at 0           b
 *   reverse: it ran backwards            b - a, negative
 *
 * A reading that does not fit is kept and marked, and not accepted:
 *   dip      it falls, and one of the next `reads` readings within `within` has come back to a or more
 *   foreign  it rises by more than is plausible, and one of the next `reads` readings within `within`
 *            is at or above a by no more than is plausible: the reading of another meter
 *
 * Judging walks the usable readings in the order of time from one that is accepted; what it says of
 * a reading depends on the last accepted one, on the next `reads` usable ones and on trailing
 * statistics of the days before, and on nothing else.
 *
 * The plausible advance over a time is max_daily x days, at least one day's: max_daily = 10 x the
 * trailing mean advance of 60 days (trailing.h), at least 50 kWh, 2 m3, 200 kWh of heat or cooling,
 * 20 m3 of gas, by the channel's commodity and unit, and at least what the connection carries in a day
 * where master data knows it; of other units without history: anything is.
 */
#ifndef BB_DERIVE_REGISTER_H
#define BB_DERIVE_REGISTER_H

#include "base/error.h"
#include "derive/check.h"

enum { BB_REGISTER_READS_MAX = 8 }; /* of parameter `reads` */

/* Judge the usable points [first, last) of the window: sets `mark` of each (enum bb_quality_mark: 0,
 * ROLLOVER, EXCHANGE, RESET, REVERSE, DIP, FOREIGN), and adds findings of BB_CHECK_REGISTER, one per
 * reading with a mark: a: the last accepted reading, b: the advance that was counted (dip, foreign: the
 * reading itself), both mantissas with the finding's exponent, in metered_unit. Hard: reset; reverse,
 * when it fell by `reverse_share` (1 %) of the plausible advance of a day or more; foreign; a rise that
 * is not plausible and not foreign (mark 0). An accepted reading with a hard finding is suspect: the
 * caller marks it so. `accepted` is the last accepted point before `first`, NULL: none. `window`
 * reaches past `last` as far as there are readings to look ahead at. A reading that a person edited or
 * accepted counts as it is, and its finding is not hard. mark[i - first] is that of point i; of one
 * that is not usable it is 0. */
void bb_register_judge(const struct bb_check_context *context, const struct bb_point *accepted,
                       uint16_t *mark);

/* The reach of check `register`. */
void bb_reach_register(const int64_t *parameter, struct bb_reach *reach);

/* What a register may plausibly advance in a day, a level, on the day after those of `stat`, and what says
 * so; BB_DAILY_UNKNOWN: anything is. parameter: of check `register`. */
enum bb_daily_source {
    BB_DAILY_UNKNOWN = 0,
    BB_DAILY_FLOOR,      /* of the commodity */
    BB_DAILY_CONNECTION, /* what it carries */
    BB_DAILY_MEAN        /* the factor times the trailing mean */
};
enum bb_daily_source bb_register_daily(const struct bb_channel *channel, const int64_t *parameter,
                                       const struct bb_stat *stat, int32_t day, bb_wide *level);

/* How a register's advance over (a, b], two accepted neighbours, runs in time: pieces that run
 * evenly, or like the channel's profile (profile.h), in order, the first from a.end_ms, the last to
 * b.end_ms. One piece usually; more
 * where installations (thus factors, or devices) change in between. Amounts are in derived_unit, the
 * factor applied, at one exponent: their sum is exact. Before the first installation the first one's
 * factor holds, between and after installations that of the one before; without any it is 1. `a` and
 * `b` are points of the lane vee, in metered_unit; `mark` is that of b: without one of ROLLOVER,
 * EXCHANGE, RESET and REVERSE the amount is b - a, which may be negative. */
enum bb_register_ends { /* what begins and ends a piece, besides the readings a and b */
                        BB_PIECE_OPENS = 1, /* the device was put in */
                        BB_PIECE_CLOSES = 2,
                        BB_PIECE_HOLE = 4 /* no device: the time between two */
};
struct bb_register_piece {
    int64_t from_ms,
        to_ms;      /* (from, to]; equal: all at once (an exchange without time in between) */
    bb_wide amount; /* x 10^exponent */
    /* What the device showed at from_ms and counted until to_ms, x 10^counts_exponent, before the
     * factor of the installation (an index; 0, too, without any). */
    bb_wide begins, counts;
    bb_wide
        turn; /* where begins + counts reaches it, the device shows that much less; 0: it did not */
    bb_wide carried; /* of the amount: from a device before that counted all at once */
    uint32_t installation;
    unsigned ends; /* enum bb_register_ends */
};
enum { BB_REGISTER_PIECES_MAX = 34 };
struct bb_register_advance {
    struct bb_register_piece piece[BB_REGISTER_PIECES_MAX];
    size_t count;
    int exponent, counts_exponent;
    bool overflow; /* does not fit: the period is suspect */
};
void bb_register_advance(const struct bb_channel *channel, const struct bb_point *a,
                         const struct bb_point *b, uint16_t mark, struct bb_register_advance *out);

#endif
