/* How far a change reaches, and which blocks have to be known for it: see plan.h. Pure.
 *
 *              window_from   judge_from  changed_from   changed_to  judge_to   window_to
 *   ──────────────┼──────────────┼────────────┼═════════════┼──────────┼───────────┼──────► time
 *                 │◄─ looked at ─┤◄─ judged ──┤   changed   ├─ judged ►┤─ looked at ►│
 *
 * Everything here asks for blocks as it goes (bb_plan_want) and is run again until none is missing, so
 * a search that needs one just ends.
 */
#include "derive/plan_internal.h"

#include "derive/estimate.h"
#include "derive/like.h"

enum search { SEARCH_FOUND, SEARCH_NONE, SEARCH_NEED };

/* ---- searching readings */

/* How far to walk from a moment: past `values` usable readings, and as long as they lie within
 * `within_ms` of it. */
struct stride {
    uint32_t values;
    int64_t within_ms;
    bool accepted; /* readings that were marked as dip or foreign do not count */
};
static const struct stride next_usable = {0, 0, false}, next_accepted = {0, 0, true};

/* Is the reading set aside by what was judged before? */
static enum search set_aside(struct bb_plan *plan, uint8_t companion, int32_t day, int64_t end_ms) {
    const uint16_t aside = BB_MARK_DIP | BB_MARK_FOREIGN;
    const struct bb_plan_slot *slot = bb_plan_want(
        plan, (struct bb_plan_key){BB_LANE_VEE, companion, day});

    if (!slot)
        return SEARCH_NEED;
    const struct bb_block *b = &slot->block;
    for (uint32_t row = 0; row < b->count && b->end_ms[row] <= end_ms; row++)
        if (b->end_ms[row] == end_ms &&
            (b->attributes.items[b->attribute[row]].quality.marks & aside))
            return SEARCH_FOUND;
    return SEARCH_NONE;
}

static enum search counts(struct bb_plan *plan, uint8_t companion, const struct bb_plan_slot *slot,
                          uint32_t row, bool accepted) {
    const struct bb_block *b = &slot->block;

    if (!bb_attribute_usable(bb_plan_channel(plan, companion),
                             &b->attributes.items[b->attribute[row]]))
        return SEARCH_NONE;
    if (!accepted)
        return SEARCH_FOUND;
    enum search aside = set_aside(plan, companion, slot->key.span, b->end_ms[row]);
    return aside == SEARCH_NEED ? SEARCH_NEED : aside == SEARCH_FOUND ? SEARCH_NONE : SEARCH_FOUND;
}

/* The first usable reading with end <= t that lies beyond the stride; when there are only readings
 * within it, just before the first of them. SEARCH_NONE: there is none at all. Coverage knows the days;
 * the finding about a gap names where the gap begins, however long it is. */
static enum search back(struct bb_plan *plan, uint8_t companion, int64_t t, struct stride s,
                        int64_t *end_ms) {
    const struct bb_coverage *coverage = bb_plan_coverage(plan, companion);
    int32_t day = bb_utc_day_of(t);
    uint32_t passed = 0;
    enum search found = SEARCH_NONE;

    for (day = bb_coverage_has(coverage, day) ? day : bb_coverage_before(coverage, day);
         day != BB_DAY_NONE; day = bb_coverage_before(coverage, day)) {
        const struct bb_plan_slot *slot = bb_plan_want(
            plan, (struct bb_plan_key){BB_LANE_RAW, companion, day});
        if (!slot)
            return SEARCH_NEED;
        for (uint32_t row = slot->block.count; row-- > 0;) {
            int64_t end = slot->block.end_ms[row];
            if (end > t)
                continue;
            enum search at = counts(plan, companion, slot, row, s.accepted);
            if (at == SEARCH_NEED)
                return SEARCH_NEED;
            if (at == SEARCH_NONE)
                continue;
            found = SEARCH_FOUND;
            *end_ms = end;
            if (passed >= s.values && end <= t - s.within_ms)
                return SEARCH_FOUND;
            *end_ms = end - 1;
            passed++;
        }
    }
    return found;
}

/* The last usable reading within the stride with end > t, at least the first behind t. */
static enum search ahead(struct bb_plan *plan, uint8_t companion, int64_t t, struct stride s,
                         int64_t *end_ms) {
    const struct bb_coverage *coverage = bb_plan_coverage(plan, companion);
    int32_t day = bb_utc_day_of(t + 1);
    uint32_t passed = 0;
    enum search found = SEARCH_NONE;

    for (day = bb_coverage_has(coverage, day) ? day : bb_coverage_after(coverage, day);
         day != BB_DAY_NONE; day = bb_coverage_after(coverage, day)) {
        const struct bb_plan_slot *slot = bb_plan_want(
            plan, (struct bb_plan_key){BB_LANE_RAW, companion, day});
        if (!slot)
            return SEARCH_NEED;
        for (uint32_t row = 0; row < slot->block.count; row++) {
            int64_t end = slot->block.end_ms[row];
            if (end <= t)
                continue;
            enum search at = counts(plan, companion, slot, row, s.accepted);
            if (at == SEARCH_NEED)
                return SEARCH_NEED;
            if (at == SEARCH_NONE)
                continue;
            if (found == SEARCH_FOUND && passed >= s.values && end > t + s.within_ms)
                return SEARCH_FOUND;
            found = SEARCH_FOUND;
            *end_ms = end;
            passed++;
            if (passed >= s.values && s.within_ms == 0)
                return SEARCH_FOUND;
        }
    }
    return found;
}

static void grow_from(int64_t *from_ms, int64_t t) {
    *from_ms = t < *from_ms ? t : *from_ms;
}
static void grow_to(int64_t *to_ms, int64_t t) {
    *to_ms = t > *to_ms ? t : *to_ms;
}

/* ---- statistics */

static void want_months(struct bb_plan *plan, int32_t first_day, int32_t last_day) {
    int32_t first = bb_lane_span_of(BB_LANE_STAT, first_day * (int64_t)BB_DAY_MS + 1);
    int32_t last = bb_lane_span_of(BB_LANE_STAT, last_day * (int64_t)BB_DAY_MS + 1);

    for (int32_t month = first; month <= last; month++)
        bb_plan_want_own(plan, BB_LANE_STAT, month);
}

static const struct bb_stat_day *stored_row(struct bb_plan *plan, int32_t day) {
    int32_t month = bb_lane_span_of(BB_LANE_STAT, day * (int64_t)BB_DAY_MS + 1);
    const struct bb_plan_slot *slot = bb_plan_want_own(plan, BB_LANE_STAT, month);
    size_t first;

    return slot && bb_stat_before(&slot->stat, day + 1, 1, &first) == 1 ? &slot->stat.days[first]
                                                                        : NULL;
}

/* Is the day wholly told, so that no gap lies in it? */
static bool is_complete(struct bb_plan *plan, int32_t day) {
    const struct bb_stat_day *row = bb_coverage_has(plan->input.coverage, day)
                                        ? stored_row(plan, day)
                                        : NULL;

    return row && (row->flags & BB_STAT_COMPLETE);
}

/* An estimate holds values of the days before it one by one: a changed reading may bear on it though the
 * statistics of its day say what they said. Where no gap lies there are no estimates. */
static void reach_estimates(struct bb_plan *plan) {
    const struct bb_channel *channel = plan->input.channel;
    const struct bb_coverage *coverage = plan->input.coverage;
    int32_t first = bb_utc_day_of(plan->changed_to) + 1;
    int32_t last = bb_utc_day_of(plan->changed_to + bb_like_within(channel)) + BB_LOOK_AHEAD_DAYS +
                   2;

    if (!bb_like_used(channel) || coverage->count == 0)
        return;
    int32_t latest = coverage->runs[coverage->count - 1].last;
    last = last < latest ? last : latest;
    if (first > last)
        return;
    want_months(plan, first, last);
    if (plan->need_count > 0 || plan->failed_memory)
        return;
    /* a gap ends with the reading behind it, which may stand in a complete day */
    for (int32_t day = last; day >= first; day--)
        if (!is_complete(plan, day)) {
            grow_to(&plan->stat_to, (day + 2) * (int64_t)BB_DAY_MS);
            return;
        }
}

int bb_plan_stat(struct bb_plan *plan, struct bb_error *error) {
    const struct bb_coverage *coverage = plan->input.coverage;
    int32_t first = bb_utc_day_of(plan->changed_from + 1), last = bb_utc_day_of(plan->changed_to);
    size_t days = 0;

    for (int32_t day = first; day <= last; day++) {
        if (!bb_coverage_has(coverage, day))
            continue;
        bb_plan_want_own(plan, BB_LANE_RAW, day);
        want_months(plan, day, day);
        days++;
    }
    if (plan->need_count > 0 || plan->failed_memory)
        return 0;
    reach_estimates(plan);
    if (plan->need_count > 0 || plan->failed_memory)
        return 0;
    plan->changed_days = bb_arena_take(plan->arena, (days + 1) * sizeof plan->changed_days[0]);
    if (!plan->changed_days)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for statistics");
    for (int32_t day = first; day <= last; day++) {
        if (!bb_coverage_has(coverage, day))
            continue;
        struct bb_stat_day *row = &plan->changed_days[plan->changed_day_count];
        const struct bb_plan_slot *slot = bb_plan_want_own(plan, BB_LANE_RAW, day);
        if (!slot)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for statistics");
        bb_stat_of_day(plan->input.channel, day, &slot->block, row);
        const struct bb_stat_day *stored = stored_row(plan, day);
        if (stored && bb_stat_equal(stored, row))
            continue;
        plan->changed_day_count++;
        if (plan->reach.stat)
            grow_to(&plan->stat_to, (day + 1 + (int64_t)BB_STAT_DAYS) * BB_DAY_MS);
    }
    return 0;
}

/* ---- judged, periods, window */

/* Was every register beside the channel read at t? */
static enum search all_read(struct bb_plan *plan, int64_t t) {
    enum search all = SEARCH_FOUND;
    int64_t at;

    for (size_t k = 2; k <= plan->input.companion_count; k++) {
        enum search found = back(plan, (uint8_t)k, t, next_accepted, &at);
        if (found == SEARCH_NEED)
            all = SEARCH_NEED;
        else if (all == SEARCH_FOUND && (found == SEARCH_NONE || at != t))
            all = SEARCH_NONE;
    }
    return all;
}

/* The stretch between readings of the registers beside the channel that holds (from, to]. Of several
 * registers: between moments at which all were read, as totals have it (total.h). False: some block is
 * needed for it. */
static bool between_registers(struct bb_plan *plan, int64_t from_ms, int64_t to_ms,
                              int64_t *out_from, int64_t *out_to) {
    const int64_t limit_ms = BB_TOTAL_DAYS_MAX * (int64_t)BB_DAY_MS;
    enum search found, all = SEARCH_NONE;
    bool whole = true;
    int64_t t;

    if (plan->input.companion_count == 0)
        return true;
    for (int64_t at = from_ms; all == SEARCH_NONE; at = t - 1) {
        found = back(plan, 1, at, next_accepted, &t);
        whole &= found != SEARCH_NEED;
        if (found != SEARCH_FOUND || from_ms - t > limit_ms)
            break;
        all = all_read(plan, t);
        whole &= all != SEARCH_NEED;
        if (all == SEARCH_FOUND)
            grow_from(out_from, t);
    }
    all = SEARCH_NONE;
    for (int64_t at = to_ms - 1; all == SEARCH_NONE; at = t) {
        found = ahead(plan, 1, at, next_accepted, &t);
        whole &= found != SEARCH_NEED;
        if (found != SEARCH_FOUND || t - to_ms > limit_ms)
            break;
        all = all_read(plan, t);
        whole &= all != SEARCH_NEED;
        if (all == SEARCH_FOUND)
            grow_to(out_to, t);
    }
    return whole;
}

/* Behind the last reading a gap exists up to the latest tick, as long as more is expected. What changed
 * may have been the last reading until now. */
static bool reach_tick(struct bb_plan *plan) {
    const int64_t tick_ms = plan->input.tick_ms, expected_ms = BB_TICK_DAYS * (int64_t)BB_DAY_MS;
    int64_t last = plan->changed_to, t;

    const bool intervals = plan->input.channel->kind == BB_KIND_INTERVAL;

    /* What is derived again may have been intervals before. */
    plan->silent_to = 0;
    if (tick_ms == 0 || (!intervals && plan->input.force_from >= plan->input.force_to))
        return true;
    enum search found = ahead(plan, 0, plan->judge_to, next_usable, &t);
    if (found != SEARCH_NONE)
        return found != SEARCH_NEED;
    found = back(plan, 0, plan->judge_to, next_usable, &last);
    if (found == SEARCH_FOUND && intervals)
        plan->silent_to = last + expected_ms < tick_ms ? last + expected_ms : tick_ms;
    if (last < plan->changed_to)
        last = plan->changed_to;
    grow_to(&plan->judge_to, last + expected_ms < tick_ms ? last + expected_ms : tick_ms);
    return found != SEARCH_NEED;
}

/* judge: what the change can bear on. */
static bool find_judged(struct bb_plan *plan) {
    const struct bb_reach *r = &plan->reach;
    struct stride before = {r->ahead_values, r->ahead_ms, false};
    struct stride behind = {r->back_values + plan->read_ahead, r->back_ms, false};
    bool whole = true;

    const bool raw_rules = bb_rules_any(plan->input.channel, true);
    const int64_t from_ms = raw_rules ? bb_rule_day_begin(plan->changed_from + 1)
                                      : plan->changed_from;
    const int64_t to_ms = raw_rules ? bb_rules_reach_to(plan->input.channel, true, plan->changed_to)
                                    : plan->changed_to;
    plan->judge_from = from_ms;
    plan->judge_to = to_ms;
    whole &= back(plan, 0, from_ms, before, &plan->judge_from) != SEARCH_NEED;
    whole &= ahead(plan, 0, to_ms, behind, &plan->judge_to) != SEARCH_NEED;
    if (plan->stat_to > plan->judge_to) {
        int64_t last = plan->judge_to;
        whole &= back(plan, 0, plan->stat_to, next_usable, &last) != SEARCH_NEED;
        grow_to(&plan->judge_to, last);
    }
    if (plan->input.companion_count == 0)
        return whole;
    int64_t from = plan->judge_from, to = plan->judge_to;
    whole &= between_registers(plan, from_ms, to_ms, &from, &to);
    if (from < plan->judge_from)
        whole &= back(plan, 0, from, next_usable, &plan->judge_from) != SEARCH_NEED;
    grow_from(&plan->judge_from, from);
    if (to > plan->judge_to) {
        grow_to(&plan->judge_to, to);
        whole &= ahead(plan, 0, to - 1, next_usable, &plan->judge_to) != SEARCH_NEED;
        grow_to(&plan->judge_to, to);
    }
    return whole;
}

/* Rules judge whole days, and a changed value bears on all that see it. What they see is judged, too, from reading to
 * reading: a gap has its rows when its end is known. */
static bool reach_rules(struct bb_plan *plan) {
    const struct bb_channel *channel = plan->input.channel;
    bool whole = true;
    int64_t t;

    if (channel->rule_count > 0) {
        plan->judge_from = bb_rule_day_begin(plan->judge_from + 1);
        plan->judge_to = bb_rule_day_end(bb_rules_reach_to(channel, false, plan->judge_to));
    }
    plan->look_from = plan->judge_from;
    plan->look_to = plan->judge_to;
    if (channel->rule_count == 0)
        return true;
    plan->look_from = bb_rules_look_from(channel, false, plan->judge_from);
    whole &= back(plan, 0, plan->look_from, next_usable, &plan->look_from) != SEARCH_NEED;
    enum search found = ahead(plan, 0, plan->judge_to - 1, next_usable, &t);
    if (found == SEARCH_FOUND)
        grow_to(&plan->look_to, t);
    return whole && found != SEARCH_NEED;
}

/* The earliest beginning of what is judged. An interval that overlaps the one before it may reach
 * back behind judge_from, and what is said of it counts in the periods there. */
static bool judged_begin(struct bb_plan *plan, int64_t *begin_ms) {
    const struct bb_coverage *coverage = plan->input.coverage;
    int64_t until = plan->judge_from + coverage->longest_s * (int64_t)BB_SECOND_MS;
    int32_t day = bb_utc_day_of(plan->judge_from + 1);

    *begin_ms = plan->judge_from;
    until = until < plan->judge_to ? until : plan->judge_to;
    for (day = bb_coverage_has(coverage, day) ? day : bb_coverage_after(coverage, day);
         day != BB_DAY_NONE && day * (int64_t)BB_DAY_MS < until;
         day = bb_coverage_after(coverage, day)) {
        const struct bb_plan_slot *slot = bb_plan_want_own(plan, BB_LANE_RAW, day);
        if (!slot)
            return false;
        const struct bb_block *b = &slot->block;
        for (uint32_t row = 0; row < b->count && b->end_ms[row] <= until; row++) {
            int64_t length_s = b->attributes.items[b->attribute[row]].length_s;
            int64_t start = b->end_ms[row] - length_s * BB_SECOND_MS;
            if (b->end_ms[row] > plan->judge_from && start < *begin_ms)
                *begin_ms = start;
        }
    }
    return true;
}

/* The period that holds t; of one shorter than a day, the day. */
static struct bb_period_bounds period_of(const struct bb_plan *plan, enum bb_period unit,
                                         int64_t t) {
    const struct bb_calendar *calendar = &plan->input.channel->calendar;

    return bb_calendar_period(calendar, unit < BB_PERIOD_DAY ? BB_PERIOD_DAY : unit, t);
}

/* periods: the local days that overlap what is judged; and the raw days they need: from the reading
 * that judging looks back at, for registers from the one before the first period; to the register
 * behind the last period, for intervals to where the last one may end that begins in it. */
static bool find_periods(struct bb_plan *plan) {
    const struct bb_channel *channel = plan->input.channel;
    int64_t begin = plan->judge_from;

    if (channel->kind == BB_KIND_INTERVAL && !judged_begin(plan, &begin))
        return false;
    const enum bb_period unit = plan->input.also ? (enum bb_period)bb_lanes[plan->input.also].period
                                                 : BB_PERIOD_DAY;
    plan->period_from = period_of(plan, unit, begin + 1).start_ms;
    plan->period_to = period_of(plan, unit, plan->judge_to).end_ms;
    int64_t before = plan->period_from + 1, after = plan->period_to;
    bool whole = true;
    if (channel->kind == BB_KIND_REGISTER) {
        whole = back(plan, 0, plan->period_from, next_accepted, &before) != SEARCH_NEED;
        whole &= ahead(plan, 0, plan->period_to - 1, next_accepted, &after) != SEARCH_NEED;
    } else if (channel->kind == BB_KIND_INTERVAL && plan->input.coverage->longest_s > 0) {
        after += plan->input.coverage->longest_s * (int64_t)BB_SECOND_MS - 1;
    }
    plan->window_from = before < plan->judge_from ? before : plan->judge_from;
    plan->window_to = after;
    return whole;
}

/* window: what judging looks at beyond. */
static bool find_window(struct bb_plan *plan) {
    const struct bb_reach *r = &plan->reach;
    struct stride before = {r->back_values, r->back_ms, false};
    struct stride behind = {r->ahead_values, r->ahead_ms, false};
    int64_t t = plan->look_from;
    bool whole = true;

    whole &= back(plan, 0, plan->look_from, before, &t) != SEARCH_NEED;
    grow_from(&plan->window_from, t);
    grow_to(&plan->window_to, plan->look_to);
    if (r->ahead_values > 0 || r->ahead_ms > 0) {
        whole &= ahead(plan, 0, plan->look_to, behind, &t) != SEARCH_NEED;
        grow_to(&plan->window_to, t);
    }
    whole &= between_registers(plan, plan->look_from, plan->look_to, &plan->window_from,
                               &plan->window_to);
    plan->window_from--;
    if (bb_rules_any(plan->input.channel, true)) {
        plan->raw_rules_from = bb_rule_day_begin(plan->window_from + 1);
        plan->window_from = bb_rules_look_from(plan->input.channel, true, plan->raw_rules_from);
        plan->window_to = bb_rule_day_end(plan->window_to);
    }
    plan->first_day = bb_utc_day_of(plan->window_from + 1);
    plan->last_day = bb_utc_day_of(plan->window_to);
    return whole;
}

/* ---- wants */

/* The blocks of a lane that hold rows ending in (from, to]. */
static void want_spans(struct bb_plan *plan, enum bb_lane lane, int64_t from_ms, int64_t to_ms) {
    int32_t last = bb_lane_span_of(lane, to_ms);

    for (int32_t span = bb_lane_span_of(lane, from_ms + 1); span <= last; span++)
        bb_plan_want_own(plan, (uint8_t)lane, span);
}

/* Raw and vee of a channel over the days of the window. */
static void want_days(struct bb_plan *plan, uint8_t companion, bool gaps) {
    const struct bb_coverage *coverage = bb_plan_coverage(plan, companion);
    int32_t covered = bb_coverage_has(coverage, plan->first_day)
                          ? plan->first_day
                          : bb_coverage_before(coverage, plan->first_day);

    for (int32_t day = plan->first_day; day <= plan->last_day; day++) {
        bool has = bb_coverage_has(coverage, day);
        if (has) {
            bb_plan_want(plan, (struct bb_plan_key){BB_LANE_RAW, companion, day});
            covered = day;
        }
        /* Rows of a gap stand on days without readings, between days with some. */
        if (has || (gaps && covered != BB_DAY_NONE && day - covered <= BB_GAP_ROWS_DAYS + 1)) {
            bb_plan_want(plan, (struct bb_plan_key){BB_LANE_VEE, companion, day});
        } else {
            int32_t next = bb_coverage_after(coverage, day);
            if (next == BB_DAY_NONE || next > plan->last_day)
                break;
            day = next - 1;
        }
    }
}

static void want_all(struct bb_plan *plan) {
    /* What is derived again may have been of another kind before. */
    bool gaps = plan->input.channel->kind == BB_KIND_INTERVAL ||
                plan->input.force_from < plan->input.force_to;

    want_days(plan, 0, gaps);
    for (size_t k = 0; k < plan->input.companion_count; k++)
        want_days(plan, (uint8_t)(k + 1), false);
    for (size_t k = 0; k < plan->input.beside_count; k++)
        want_days(plan, bb_plan_beside(plan, k), true);
    want_months(plan, bb_utc_day_of(plan->look_from + 1) - BB_STAT_DAYS,
                bb_utc_day_of(plan->look_to));
    if (plan->input.channel->rule_count > 0 || plan->input.force_from < plan->input.force_to)
        want_spans(plan, BB_LANE_RULES, plan->judge_from, plan->judge_to);
    want_spans(plan, BB_LANE_DAY, plan->period_from, plan->period_to);
    if (plan->input.also)
        want_spans(plan, (enum bb_lane)plan->input.also, plan->period_from, plan->period_to);
}

void bb_plan_reach(struct bb_plan *plan) {
    if (find_judged(plan) && reach_tick(plan) && reach_rules(plan) && find_periods(plan) &&
        find_window(plan))
        want_all(plan);
}
