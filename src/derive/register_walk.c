/* Installations between two readings of a register: see register_internal.h.
 *
 * What master data does not know of an exchange is taken so that less is counted rather than more:
 *   no closing   the old device counted nothing since a
 *   no opening   the new one began at 0 when it now shows less than the old one did at its end,
 *                else it goes on from there (a device that was opened, an index that was kept)
 *
 * A device whose end lies below its beginning has gone over its top when that is the shorter way
 * round: what is plausible is not known of a part of a stretch.
 */
#include "derive/register_internal.h"

/* Sums and differences of a few counts fit 128 bits. */
#define COUNTS_LIMIT ((bb_wide)1 << 124)

static bool is_told(const struct bb_channel *channel, uint32_t change) {
    return channel->installations[change].has_opening ||
           channel->installations[change - 1].has_closing;
}

struct bb_register_changes bb_register_changes(const struct bb_channel *channel, int64_t from_ms,
                                               int64_t to_ms) {
    const struct bb_installation *at = channel->installations;
    struct bb_register_changes changes = {.last = channel->installation_count};

    while (changes.last > 1 && at[changes.last - 1].from_ms > to_ms)
        changes.last--;
    changes.first = changes.last;
    while (changes.first > 1 && at[changes.first - 1].from_ms > from_ms) {
        changes.first--;
        changes.told |= is_told(channel, changes.first);
    }
    return changes;
}

uint32_t bb_register_installation(const struct bb_channel *channel, int64_t t) {
    const struct bb_installation *at = bb_installation_for(channel, t);

    BB_ASSERT(at);
    return (uint32_t)(at - channel->installations);
}

bool bb_register_counts(struct bb_decimal value, int exponent, bb_wide *out) {
    *out = value.mantissa;
    for (int e = value.exponent; e < exponent && *out != 0; e++)
        *out /= 10;
    for (int e = value.exponent; e > exponent && *out != 0; e--)
        if (__builtin_mul_overflow(*out, (bb_wide)10, out))
            return false;
    return *out<COUNTS_LIMIT && * out> - COUNTS_LIMIT;
}

bb_wide bb_register_turn(const struct bb_channel *channel, int64_t at_ms, bb_wide at, int exponent,
                         bool *told) {
    uint8_t dials = 0;
    bb_wide turn;

    if (channel->installation_count > 0)
        dials = channel->installations[bb_register_installation(channel, at_ms)].dials;
    *told = dials > 0;
    if (!bb_register_counts((struct bb_decimal){1, 0}, exponent, &turn))
        return 0;
    for (int digits = 0; *told ? digits < dials : digits == 0 || turn <= at; digits++)
        if (__builtin_mul_overflow(turn, (bb_wide)10, &turn) || turn >= COUNTS_LIMIT)
            return 0;
    return turn > at ? turn : 0;
}

/* ---- legs */

/* Nothing is told of any change, yet the register fell: the last of them was the exchange. */
static bool is_exchange(const struct bb_register_walk *walk, uint32_t change) {
    return walk->exchange && (is_told(walk->channel, change) ||
                              (!walk->changes.told && change + 1 == walk->changes.last));
}

void bb_register_walk_begin(struct bb_register_walk *walk, const struct bb_channel *channel,
                            int64_t a_ms, bb_wide a, int64_t b_ms, bb_wide b, uint16_t mark,
                            int exponent) {
    *walk = (struct bb_register_walk){.channel = channel,
                                      .changes = bb_register_changes(channel, a_ms, b_ms),
                                      .at_ms = a_ms,
                                      .to_ms = b_ms,
                                      .at = a,
                                      .to = b,
                                      .exponent = exponent,
                                      .exchange = mark & BB_MARK_EXCHANGE,
                                      .rollover = mark & BB_MARK_ROLLOVER};
    walk->next = walk->changes.first;
}

static void skip_mere_changes(struct bb_register_walk *walk) {
    while (walk->next < walk->changes.last && !is_exchange(walk, walk->next))
        walk->next++;
}

static bb_wide counts_of(struct bb_register_walk *walk, struct bb_decimal value) {
    bb_wide counts = 0;

    walk->overflow |= !bb_register_counts(value, walk->exponent, &counts);
    return counts;
}

/* What the device that begins showed first; the one before showed `closing` at its end. */
static bb_wide opening_of(struct bb_register_walk *walk, bb_wide closing) {
    const struct bb_installation *device = &walk->channel->installations[walk->next];
    uint32_t change = walk->next + 1;

    if (device->has_opening)
        return counts_of(walk, device->opening);
    while (change < walk->changes.last && !is_exchange(walk, change))
        change++;
    bb_wide later = walk->to;
    if (change < walk->changes.last) { /* what it shows later is its closing, if that is known */
        const struct bb_installation *end = &walk->channel->installations[change - 1];
        later = end->has_closing ? counts_of(walk, end->closing) : closing;
    }
    return later < closing ? 0 : closing;
}

/* What the device showed at the end of its leg; it may have gone over its top. Where nobody told its
 * digits, only from its last tenth, as between two readings. */
static void end_leg(struct bb_register_walk *walk, struct bb_register_leg *leg, bb_wide end) {
    bb_wide fall = leg->begins - end;
    bool told = false;

    leg->counts = -fall;
    leg->turn = 0;
    if (!walk->rollover && !(walk->exchange && fall > 0 && end >= 0))
        return;
    bb_wide turn = bb_register_turn(walk->channel, leg->from_ms, leg->begins, walk->exponent,
                                    &told);
    walk->overflow |= walk->rollover && turn == 0;
    if (!walk->rollover && (fall * 2 <= turn || (!told && leg->begins * 10 <= turn * 9)))
        return;
    leg->turn = turn;
    leg->counts += turn;
}

bool bb_register_walk_next(struct bb_register_walk *walk, struct bb_register_leg *leg) {
    if (walk->done)
        return false;
    skip_mere_changes(walk);
    leg->from_ms = walk->at_ms;
    leg->begins = walk->at;
    leg->ends = walk->hole ? BB_PIECE_HOLE : walk->opened ? BB_PIECE_OPENS : 0;
    if (walk->next == walk->changes.last) {
        walk->done = true;
        leg->to_ms = walk->to_ms;
        end_leg(walk, leg, walk->to);
        return true;
    }
    const struct bb_installation *before = &walk->channel->installations[walk->next - 1];
    int64_t begins_ms = walk->channel->installations[walk->next].from_ms;
    if (walk->hole) {
        leg->to_ms = begins_ms;
        leg->counts = leg->turn = 0;
    } else {
        int64_t ends_ms = before->to_ms == BB_TIME_NONE || before->to_ms > begins_ms
                              ? begins_ms
                              : before->to_ms;
        bb_wide closing = before->has_closing ? counts_of(walk, before->closing) : walk->at;
        leg->to_ms = ends_ms > walk->at_ms ? ends_ms : walk->at_ms;
        end_leg(walk, leg, closing);
        leg->ends |= BB_PIECE_CLOSES;
        walk->opened = true;
        walk->at = opening_of(walk, closing);
        walk->hole = leg->to_ms < begins_ms;
        walk->at_ms = leg->to_ms;
        if (walk->hole)
            return true;
    }
    walk->hole = false;
    walk->at_ms = begins_ms;
    walk->next++;
    return true;
}
