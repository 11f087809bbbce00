/* What a register counted between two accepted readings, as straight lines in time: see register.h.
 *
 *        R                       F ┐closing              amounts:
 *        │              ┌────────┤ │                     (F - R) × factor of the old device
 *        │   ┌──────────┘        │ └ O ──┐opening        (b - O) × factor of the new one
 *        a ──┘                   t_x     └──── b
 *
 * Where only the factor changes, the reading at that moment is interpolated (like the channel's profile,
 * where it has one) and each part gets its
 * own factor: cuts are rounded once, the last part has the rest, so that equal factors give what no
 * change at all would have given.
 *
 * Everything is a whole number of 10^exponent: counts at the finest exponent of the readings (three
 * digits finer where installations change in between), times factors at their finest one, times the
 * ratio of the units. A ratio that no decimal can hold (kWh to therms) is rounded in running sums.
 */
#include "derive/profile.h"
#include "derive/register_internal.h"
#include "model/unit.h"

enum { RATIO_DIGITS = 18, INEXACT_DIGITS = 6 };

/* metered_unit to derived_unit: × numerator / denominator × 10^exponent. */
struct ratio {
    bb_wide numerator, denominator;
    int exponent;
};

static bb_wide divisor_of(bb_wide a, bb_wide b) {
    while (b) {
        bb_wide rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* As few digits behind the point as hold it, or INEXACT_DIGITS more. */
static struct ratio ratio_in_digits(bb_wide numerator, bb_wide denominator) {
    bb_wide shared = divisor_of(numerator, denominator);
    struct ratio r = {numerator / shared, denominator / shared, 0};
    bb_wide shifted = r.numerator;

    BB_ASSERT(r.denominator > 0);
    for (int digits = 0; digits <= RATIO_DIGITS; digits++) {
        if (shifted % r.denominator == 0)
            return (struct ratio){shifted / r.denominator, 1, -digits};
        if (__builtin_mul_overflow(shifted, (bb_wide)10, &shifted))
            break;
    }
    r.numerator *= 1000000;
    r.exponent = -INEXACT_DIGITS;
    return r;
}

/* Gas counted as volume and derived as energy: the factor is in kWh per m3. */
static bool ratio_of(const struct bb_channel *channel, struct ratio *out) {
    int64_t numerator, denominator, to_numerator, to_denominator;
    int metered = channel->metered_unit, derived = channel->derived_unit;

    *out = (struct ratio){1, 1, 0};
    if (metered == derived)
        return true;
    if (bb_unit_ratio(metered, derived, &numerator, &denominator)) {
        *out = ratio_in_digits(numerator, denominator);
        return true;
    }
    if (channel->installation_count == 0 || /* nobody told how much is in a cubic metre */
        !bb_unit_ratio(metered, BB_UNIT_M3, &numerator, &denominator) ||
        !bb_unit_ratio(BB_UNIT_KWH, derived, &to_numerator, &to_denominator))
        return false;
    *out = ratio_in_digits((bb_wide)numerator * to_numerator,
                           (bb_wide)denominator * to_denominator);
    return true;
}

static struct bb_decimal factor_of(const struct bb_channel *channel, uint32_t installation) {
    struct bb_decimal factor = {1, 0};

    if (channel->installation_count > 0)
        factor = channel->installations[installation].factor;
    while (factor.exponent < 0 && factor.mantissa % 10 == 0) { /* 40.000: digits that say nothing */
        factor.mantissa /= 10;
        factor.exponent++;
    }
    return factor;
}

/* ---- adding up */

struct adding {
    const struct bb_channel *channel;
    struct bb_register_advance *out;
    struct ratio ratio;
    int factor_exponent;
    bb_wide numerator, amount; /* running sums: × ratio, and what came of it */
    bb_wide carried;           /* of a piece without time at the very beginning */
    bool overflow;
};

/* `piece` has everything but its amount. */
static void put_piece(struct adding *s, struct bb_register_piece piece) {
    struct bb_decimal factor = factor_of(s->channel, piece.installation);
    struct bb_register_advance *out = s->out;
    bb_wide before = s->amount, counts = piece.counts, scaled;

    s->overflow |= __builtin_mul_overflow(counts, (bb_wide)factor.mantissa, &counts);
    for (int e = factor.exponent; e > s->factor_exponent && counts != 0; e--)
        s->overflow |= __builtin_mul_overflow(counts, (bb_wide)10, &counts);
    s->overflow |= __builtin_add_overflow(s->numerator, counts, &s->numerator);
    s->overflow |= __builtin_mul_overflow(s->numerator, s->ratio.numerator, &scaled);
    s->overflow |= scaled >> 125 != 0 && scaled >> 125 != -1; /* differences fit */
    if (s->overflow)
        return;
    s->amount = bb_wide_divide_round(scaled, s->ratio.denominator);
    piece.carried = s->carried;
    piece.amount = s->amount - before + s->carried;
    s->carried = 0;
    if (piece.from_ms == piece.to_ms && out->count == 0) {
        s->carried = piece.amount; /* no period holds the moment at which the stretch begins */
    } else if (out->count == BB_REGISTER_PIECES_MAX) {
        out->piece[out->count - 1].to_ms = piece.to_ms; /* the sum stays right */
        out->piece[out->count - 1].amount += piece.amount;
    } else {
        out->piece[out->count++] = piece;
    }
}

/* What a leg had counted by t, inside it. */
static bb_wide counted_by(struct adding *s, const struct bb_register_leg *leg, int64_t t) {
    bb_wide until;

    if (bb_profile_share(s->channel, NULL, leg->counts, leg->from_ms, leg->to_ms, t, &until))
        return until;
    if (__builtin_mul_overflow(leg->counts, (bb_wide)(t - leg->from_ms), &until)) {
        s->overflow = true;
        return 0;
    }
    return bb_wide_divide_round(until, leg->to_ms - leg->from_ms);
}

/* Cut a device's line where its factor changes: the changes [first, last) that begin inside it. */
static void put_leg(struct adding *s, const struct bb_register_leg *leg,
                    struct bb_register_changes changes) {
    const struct bb_installation *at = s->channel->installations;
    int64_t from_ms = leg->from_ms;
    struct bb_register_piece piece = {
        .begins = leg->begins, .turn = leg->turn, .ends = leg->ends & ~(unsigned)BB_PIECE_CLOSES};
    bb_wide before = 0;

    if (s->channel->installation_count > 0)
        piece.installation = bb_register_installation(s->channel, from_ms);

    for (uint32_t k = changes.first; k < changes.last; k++) {
        if (at[k].from_ms <= leg->from_ms || at[k].from_ms >= leg->to_ms)
            continue;
        bb_wide until = counted_by(s, leg, at[k].from_ms);
        piece.from_ms = from_ms;
        piece.to_ms = from_ms = at[k].from_ms;
        piece.counts = until - before;
        put_piece(s, piece);
        piece.begins += piece.counts;
        before = until;
        piece.installation = k;
        piece.ends &= ~(unsigned)BB_PIECE_OPENS;
    }
    piece.ends |= leg->ends & BB_PIECE_CLOSES;
    piece.from_ms = from_ms;
    piece.to_ms = leg->to_ms;
    piece.counts = leg->counts - before;
    put_piece(s, piece);
}

/* The finest exponents of what will be added up. */
static int counts_exponent(const struct bb_channel *channel, struct bb_decimal a,
                           struct bb_decimal b, struct bb_register_changes changes, uint16_t mark) {
    int finest = a.exponent < b.exponent ? a.exponent : b.exponent;

    if ((mark & BB_MARK_ROLLOVER) && finest > 0)
        finest = 0; /* 10^dials is a whole number */
    for (uint32_t k = changes.first; k < changes.last; k++) {
        const struct bb_installation *begins = &channel->installations[k], *ends = begins - 1;
        if (begins->has_opening && begins->opening.exponent < finest)
            finest = begins->opening.exponent;
        if (ends->has_closing && ends->closing.exponent < finest)
            finest = ends->closing.exponent;
    }
    return changes.first < changes.last ? bb_derived_exponent(finest) : finest;
}

static int factor_exponent(const struct bb_channel *channel, int64_t from_ms,
                           struct bb_register_changes changes) {
    int finest = BB_DECIMAL_MAX_EXPONENT;
    uint32_t first = channel->installation_count > 0 ? bb_register_installation(channel, from_ms)
                                                     : 0;

    for (uint32_t k = first; k == first || k < changes.last; k++) {
        int exponent = factor_of(channel, k).exponent;
        finest = exponent < finest ? exponent : finest;
    }
    return finest;
}

/* Where the line from a to b begins and ends, in counts. */
static bool ends_of(const struct bb_point *a, const struct bb_point *b, uint16_t mark, bool changes,
                    int exponent, bb_wide *from, bb_wide *to) {
    if (!bb_register_counts(a->value, exponent, from) ||
        !bb_register_counts(b->value, exponent, to))
        return false;
    if (mark & BB_MARK_RESET)
        *from = 0;
    if ((mark & BB_MARK_EXCHANGE) && !changes && *to < *from)
        *from = *to; /* master data knows nothing of it any more: nothing is counted */
    return true;
}

void bb_register_advance(const struct bb_channel *channel, const struct bb_point *a,
                         const struct bb_point *b, uint16_t mark, struct bb_register_advance *out) {
    struct bb_register_changes changes = bb_register_changes(channel, a->end_ms, b->end_ms);
    int exponent = counts_exponent(channel, a->value, b->value, changes, mark);
    struct adding sum = {.channel = channel,
                         .out = out,
                         .factor_exponent = factor_exponent(channel, a->end_ms, changes)};
    struct bb_register_walk walk;
    struct bb_register_leg leg;
    bb_wide from, to;

    out->count = 0;
    out->overflow = !ratio_of(channel, &sum.ratio) ||
                    !ends_of(a, b, mark, changes.first < changes.last, exponent, &from, &to);
    out->counts_exponent = exponent;
    out->exponent = exponent + sum.factor_exponent + sum.ratio.exponent;
    if (!out->overflow) {
        bb_register_walk_begin(&walk, channel, a->end_ms, from, b->end_ms, to, mark, exponent);
        while (bb_register_walk_next(&walk, &leg))
            put_leg(&sum, &leg, changes);
        out->overflow = sum.overflow || walk.overflow;
    }
    if (out->overflow) {
        out->piece[0] = (struct bb_register_piece){.from_ms = a->end_ms, .to_ms = b->end_ms};
        out->count = 1;
    }
}
