/* Judging the readings of a register: see register.h. Pure.
 *
 * Each usable reading is held against the last accepted one. A rise that is plausible needs no more;
 * the others are told apart in this order:
 *
 *   an installation began in between      exchange
 *   b < a   it comes back to a            dip
 *           10^dials - a + b is plausible rollover
 *           it fell by less than a share  reverse
 *           b itself is plausible         reset
 *           else                          reverse, hard
 *   b > a   a later one fits a            foreign
 *           else                          accepted, hard
 */
#include "derive/register_internal.h"
#include "derive/trailing.h"
#include "model/unit.h"

enum { READS, WITHIN, SHARE, FACTOR }; /* the parameters of the step */

/* The least that is plausible in a day, in a unit of the commodity's: a home with a bath to fill or
 * a car to charge. */
static const struct floor {
    uint8_t commodity, unit;
    uint16_t daily;
} floors[] = {
    {BB_COMMODITY_ELECTRICITY, BB_UNIT_KWH, 50}, {BB_COMMODITY_SOLAR, BB_UNIT_KWH, 50},
    {BB_COMMODITY_WATER, BB_UNIT_M3, 2},         {BB_COMMODITY_HEAT, BB_UNIT_KWH, 200},
    {BB_COMMODITY_COOLING, BB_UNIT_KWH, 200},    {BB_COMMODITY_GAS, BB_UNIT_M3, 20},
};

struct accepted {
    bool any;
    int64_t ms, level;
};

struct judging {
    const struct bb_check_context *context;
    const int64_t *parameter;
    struct accepted last;
    int32_t day; /* for which max_daily holds */
    bool limited;
    bb_wide max_daily; /* when limited: the plausible advance of a day, as a level */
};

/* What a reading turns out to be. */
struct verdict {
    uint16_t mark;
    bool hard;
    bool refused; /* not accepted */
    bb_wide evidence;
};

/* ---- what is plausible */

static bb_wide floor_of(const struct bb_channel *channel) {
    int64_t numerator, denominator;

    for (size_t i = 0; i < sizeof floors / sizeof floors[0]; i++)
        if (floors[i].commodity == channel->commodity &&
            bb_unit_ratio(floors[i].unit, channel->metered_unit, &numerator, &denominator))
            return (bb_wide)floors[i].daily * bb_power_of_ten[-BB_LEVEL_EXPONENT] * numerator /
                   denominator;
    return 0;
}

/* What the connection carries in a day; 0: unknown, or told in another unit. */
static bb_wide carried_of(const struct bb_channel *channel) {
    return channel->derived_unit == channel->metered_unit ? (bb_wide)channel->capacity * 24 : 0;
}

/* The usual says little of a home that was empty, or whose car comes home once a week: where the
 * connection is known, what it carries is plausible, too. Without a floor, a connection and a mean above
 * zero nothing is known, and everything is plausible. */
enum bb_daily_source bb_register_daily(const struct bb_channel *channel, const int64_t *parameter,
                                       const struct bb_stat *stat, int32_t day, bb_wide *level) {
    bb_wide carried = carried_of(channel);
    int64_t mean = 0;

    *level = floor_of(channel);
    enum bb_daily_source source = *level > 0 ? BB_DAILY_FLOOR : BB_DAILY_UNKNOWN;
    if (carried > *level) {
        *level = carried;
        source = BB_DAILY_CONNECTION;
    }
    if (bb_trailing_daily(stat, day, BB_STAT_DAYS, &mean) &&
        (bb_wide)mean * parameter[FACTOR] > *level) {
        *level = (bb_wide)mean * parameter[FACTOR];
        source = BB_DAILY_MEAN;
    }
    return source;
}

static void look_back(struct judging *j, int64_t end_ms) {
    int32_t day = bb_lane_span_of(BB_LANE_RAW, end_ms);

    if (day == j->day)
        return;
    j->day = day;
    j->limited = bb_register_daily(j->context->channel, j->parameter, j->context->stat, day,
                                   &j->max_daily) != BB_DAILY_UNKNOWN;
}

/* Over a time of less than a day, a day's advance is plausible. */
static bool is_plausible(const struct judging *j, bb_wide advance, int64_t length_ms) {
    if (length_ms < BB_DAY_MS)
        length_ms = BB_DAY_MS;
    return !j->limited || advance * BB_DAY_MS <= j->max_daily * length_ms;
}

/* ---- looking ahead */

/* Does the reading go on from the accepted one? A device that was exchanged in between says nothing. */
static bool fits(const struct judging *j, int64_t end_ms, int64_t level) {
    return level >= j->last.level &&
           is_plausible(j, (bb_wide)level - j->last.level, end_ms - j->last.ms) &&
           !bb_register_changes(j->context->channel, j->last.ms, end_ms).told;
}

/* Does one of the next readings behind point i go on from the accepted one? */
static bool comes_back(const struct judging *j, size_t i) {
    const struct bb_window *window = j->context->window;
    int64_t until_ms = window->points[i].end_ms + j->parameter[WITHIN], reads = 0;

    for (size_t k = i + 1; k < window->count && reads < j->parameter[READS]; k++) {
        const struct bb_point *p = &window->points[k];
        if (p->end_ms > until_ms)
            return false;
        if (!p->usable)
            continue;
        if (fits(j, p->end_ms, j->context->level[k]))
            return true;
        reads++;
    }
    return false;
}

/* ---- verdicts */

/* Is the way over the top of the register plausible? Where nobody told its digits, only from its last
 * tenth; and so where nothing says what is plausible. */
static bool is_rollover(const struct judging *j, bb_wide a, bb_wide b, int64_t length_ms,
                        bb_wide *advance) {
    bool told;
    bb_wide turn = bb_register_turn(j->context->channel, j->last.ms, a, BB_LEVEL_EXPONENT, &told);

    *advance = turn - a + b;
    if (turn == 0 || b < 0 || ((!told || !j->limited) && a * 10 <= turn * 9))
        return false;
    return j->limited ? is_plausible(j, *advance, length_ms) : b * 10 < turn;
}

/* b < a, it does not come back, and no device was exchanged. */
static struct verdict judge_fall(const struct judging *j, bb_wide a, bb_wide b, int64_t length_ms) {
    bb_wide advance;

    if (is_rollover(j, a, b, length_ms, &advance))
        return (struct verdict){BB_MARK_ROLLOVER, false, false, advance};
    if (j->limited && (a - b) * 100 < j->max_daily * j->parameter[SHARE])
        return (struct verdict){BB_MARK_REVERSE, false, false, b - a};
    /* Where nothing says what is plausible, the lesser of the two advances is taken. */
    if (b >= 0 && (j->limited ? is_plausible(j, b, length_ms) : b <= a - b))
        return (struct verdict){BB_MARK_RESET, true, false, b};
    return (struct verdict){BB_MARK_REVERSE, true, false, b - a};
}

static int64_t within_int64(bb_wide level) {
    return level > INT64_MAX ? INT64_MAX : level < -INT64_MAX ? -INT64_MAX : (int64_t)level;
}

/* What the old and the new device counted together. */
static bb_wide exchange_advance(const struct judging *j, bb_wide b, int64_t end_ms) {
    struct bb_register_walk walk;
    struct bb_register_leg leg;
    bb_wide sum = 0;

    bb_register_walk_begin(&walk, j->context->channel, j->last.ms, j->last.level, end_ms, b,
                           BB_MARK_EXCHANGE, BB_LEVEL_EXPONENT);
    while (bb_register_walk_next(&walk, &leg))
        sum += within_int64(leg.counts);
    return walk.overflow ? b - j->last.level : sum;
}

static struct verdict judge_one(struct judging *j, size_t i) {
    const struct bb_point *p = &j->context->window->points[i];
    const struct bb_quality *q = &p->attribute->quality;
    bool by_person = q->state == BB_STATE_EDITED || (q->marks & BB_MARK_ACCEPTED);
    bb_wide a = j->last.level, b = j->context->level[i];
    int64_t length_ms = p->end_ms - j->last.ms;
    struct bb_register_changes changes = bb_register_changes(j->context->channel, j->last.ms,
                                                             p->end_ms);
    struct verdict v = {0, false, false, b - a};

    look_back(j, p->end_ms);
    if (changes.told || (b < a && changes.first < changes.last && (by_person || !comes_back(j, i))))
        return (struct verdict){BB_MARK_EXCHANGE, false, false, exchange_advance(j, b, p->end_ms)};
    if (b >= a && (by_person || is_plausible(j, b - a, length_ms)))
        return v;
    if (!by_person && comes_back(j, i))
        return (struct verdict){b < a ? BB_MARK_DIP : BB_MARK_FOREIGN, b > a, true, b};
    if (b > a) {
        v.hard = true;
        return v;
    }
    v = judge_fall(j, a, b, length_ms);
    v.hard = v.hard && !by_person;
    return v;
}

/* ---- findings */

/* Levels with no more digits than both need. */
static void put_finding(const struct judging *j, size_t i, const struct verdict *v) {
    int64_t a = j->last.level, b = within_int64(v->evidence);
    int exponent = BB_LEVEL_EXPONENT;

    while (exponent < 0 && a % 10 == 0 && b % 10 == 0) {
        a /= 10;
        b /= 10;
        exponent++;
    }
    bb_finding_at(j->context, BB_CHECK_REGISTER, i, v->hard, a, b, exponent);
}

/* The level of the point before the judged ones: that of its raw reading, as if it had been judged,
 * too; a point of the lane vee may be rounded. */
static int64_t level_before(const struct bb_check_context *context, const struct bb_point *p) {
    size_t i = bb_window_after(context->window, p->end_ms - 1);
    bb_wide level;

    if (i < context->first && context->window->points[i].end_ms == p->end_ms)
        return context->level[i];
    if (!bb_register_counts(p->value, BB_LEVEL_EXPONENT, &level))
        return p->value.mantissa < 0 ? -INT64_MAX : INT64_MAX;
    return within_int64(level);
}

void bb_register_judge(const struct bb_check_context *context, const struct bb_point *accepted,
                       uint16_t *mark) {
    struct judging j = {.context = context, .parameter = context->parameter, .day = INT32_MIN};

    if (accepted)
        j.last = (struct accepted){true, accepted->end_ms, level_before(context, accepted)};
    for (size_t i = context->first; i < context->last; i++) {
        const struct bb_point *p = &context->window->points[i];
        struct verdict v = {0};
        mark[i - context->first] = 0;
        if (!p->usable)
            continue;
        if (j.last.any)
            v = judge_one(&j, i);
        if (v.mark || v.hard)
            put_finding(&j, i, &v);
        mark[i - context->first] = v.mark;
        if (!v.refused)
            j.last = (struct accepted){true, p->end_ms, context->level[i]};
    }
}
