/* A plan's first half: slots and needs, merging, and how far a change reaches. See plan.h. Pure. */
#include "derive/plan_internal.h"

#include "derive/estimate.h"

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to derive a channel");
}

void bb_plan_begin(struct bb_plan *plan, const struct bb_plan_input *input, struct bb_arena *arena,
                   struct bb_buffer *out) {
    *plan = (struct bb_plan){
        .input = *input,
        .arena = arena,
        .out = out,
        .opened = {.arena = arena},
        .closed = {.arena = arena},
        .changed_from = INT64_MAX,
        .changed_to = INT64_MIN,
    };
}

/* ---- slots and needs */

static int key_order(struct bb_plan_key a, struct bb_plan_key b) {
    return a.lane != b.lane ? (a.lane > b.lane) - (a.lane < b.lane)
                            : (a.span > b.span) - (a.span < b.span);
}

/* A list of `size`-byte items that grows in the plan's arena; NULL when memory is out. */
static void *grow(struct bb_plan *plan, void *items, size_t *capacity, size_t size) {
    size_t more = *capacity ? *capacity * 2 : 16;
    void *copy = bb_arena_take(plan->arena, more * size);

    if (!copy) {
        plan->failed_memory = true;
        return NULL;
    }
    if (*capacity)
        memcpy(copy, items, *capacity * size);
    *capacity = more;
    return copy;
}

struct bb_plan_slot *bb_plan_slot_at(struct bb_plan *plan, uint8_t lane, int32_t span) {
    struct bb_plan_key key = {lane, span};
    size_t low = 0, high = plan->slot_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (key_order(plan->slots[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < plan->slot_count && key_order(plan->slots[low]->key, key) == 0)
        return plan->slots[low];
    if (plan->slot_count == plan->slot_capacity) {
        void *slots = grow(plan, plan->slots, &plan->slot_capacity, sizeof plan->slots[0]);
        if (!slots)
            return NULL;
        plan->slots = slots;
    }
    struct bb_plan_slot *slot = bb_arena_take_array(plan->arena, 1, sizeof *slot);
    if (!slot) {
        plan->failed_memory = true;
        return NULL;
    }
    slot->key = key;
    slot->block.lane = lane;
    memmove(&plan->slots[low + 1], &plan->slots[low],
            (plan->slot_count - low) * sizeof plan->slots[0]);
    plan->slots[low] = slot;
    plan->slot_count++;
    return slot;
}

static bool known_absent(const struct bb_plan *plan, struct bb_plan_key key) {
    if (key.lane == BB_LANE_RAW || key.lane == BB_LANE_HISTORY)
        return !bb_coverage_has(plan->input.coverage, key.span);
    return bb_lane_has_periods(key.lane) &&
           (plan->input.discard_periods || !bb_lanes[key.lane].stored);
}

struct bb_plan_slot *bb_plan_want(struct bb_plan *plan, uint8_t lane, int32_t span) {
    struct bb_plan_slot *slot = bb_plan_slot_at(plan, lane, span);

    if (!slot || slot->known)
        return slot;
    if (known_absent(plan, slot->key)) {
        slot->known = true;
        return slot;
    }
    for (size_t i = 0; i < plan->need_count; i++)
        if (key_order(plan->needs[i], slot->key) == 0)
            return NULL;
    if (plan->need_count == plan->need_capacity) {
        void *needs = grow(plan, plan->needs, &plan->need_capacity, sizeof plan->needs[0]);
        if (!needs)
            return NULL;
        plan->needs = needs;
    }
    plan->needs[plan->need_count++] = slot->key;
    return NULL;
}

int bb_plan_supply(struct bb_plan *plan, struct bb_plan_key key, struct bb_span packed,
                   struct bb_error *error) {
    struct bb_plan_slot *slot = bb_plan_slot_at(plan, key.lane, key.span);

    if (!slot)
        return no_memory(error);
    slot->known = true;
    slot->present = packed.size > 0;
    slot->packed = packed;
    if (!slot->present)
        return 0;
    int result = bb_block_unpack(packed, plan->arena, &slot->block, error);
    if (!result && slot->block.lane != key.lane)
        result = BB_FAIL(error, BB_E_BLOCK_CORRUPT, "a block of lane %u stands in lane %u",
                         slot->block.lane, key.lane);
    return result;
}

int bb_plan_write_block(struct bb_plan *plan, struct bb_plan_slot *slot,
                        const struct bb_block *block, struct bb_error *error) {
    bool empty = block->count == 0 && block->finding_count == 0;
    size_t offset = plan->out->size;

    BB_ASSERT(slot);
    if (empty && !slot->present)
        return 0;
    if (!empty) {
        int result = bb_block_pack(block, plan->arena, plan->out, error);
        if (result)
            return result;
    }
    struct bb_span packed = {plan->out->data + offset, plan->out->size - offset};
    if (slot->present && bb_span_equal(packed, slot->packed)) {
        plan->out->size = offset;
        return 0;
    }
    if (plan->write_count == plan->write_capacity) {
        void *writes = grow(plan, plan->writes, &plan->write_capacity, sizeof plan->writes[0]);
        if (!writes)
            return no_memory(error);
        plan->writes = writes;
    }
    plan->writes[plan->write_count++] = (struct bb_plan_write){slot->key, offset,
                                                               plan->out->size - offset};
    return 0;
}

/* ---- merging */

/* The readings of one day: told[first, first + count). */
static size_t day_run(const struct bb_plan_input *input, size_t first, int32_t *day) {
    size_t i = first;

    *day = bb_utc_day_of(input->told[first].end_ms);
    int64_t end = ((int64_t)*day + 1) * BB_DAY_MS;
    while (i < input->told_count && input->told[i].end_ms <= end)
        i++;
    return i - first;
}

static int merge_day(struct bb_plan *plan, struct bb_plan_slot *slot, size_t first, size_t count,
                     struct bb_error *error) {
    const struct bb_plan_input *in = &plan->input;
    struct bb_plan_slot *history = NULL;
    struct bb_merge merge;

    if (slot->need_history) {
        history = bb_plan_want(plan, BB_LANE_HISTORY, slot->key.span);
        if (!history)
            return 0; /* asked for; or out of memory, which the caller sees */
    }
    int result = bb_merge_run(slot->present ? &slot->block : NULL, history ? &history->block : NULL,
                              &in->told[first], count, in->attributes, plan->arena, &merge, error);
    if (result < 0)
        return result;
    if (result == BB_MERGE_NEED_HISTORY) {
        slot->need_history = true;
        return merge_day(plan, slot, first, count, error);
    }
    if (merge.raw_written)
        result = bb_plan_write_block(plan, slot, &merge.raw, error);
    if (!result && merge.history_written)
        result = bb_plan_write_block(plan, history, &merge.history, error);
    slot->block = merge.raw;
    slot->merged = true;
    plan->counts.added += merge.counts.added;
    plan->counts.duplicate += merge.counts.duplicate;
    plan->counts.changed += merge.counts.changed;
    if (merge.content_changed) {
        plan->dirty = true;
        if (merge.changed_from < plan->changed_from)
            plan->changed_from = merge.changed_from;
        if (merge.changed_to > plan->changed_to)
            plan->changed_to = merge.changed_to;
    }
    return result;
}

/* Returns 0 when all days are merged (or needs were added). */
static int merge_all(struct bb_plan *plan, struct bb_error *error) {
    const struct bb_plan_input *in = &plan->input;
    int32_t day;
    int result = 0;

    for (size_t first = 0, count; first < in->told_count; first += count) {
        count = day_run(in, first, &day);
        bb_plan_want(plan, BB_LANE_RAW, day);
    }
    if (plan->need_count > 0 || plan->failed_memory)
        return 0;
    for (size_t first = 0, count; !result && first < in->told_count; first += count) {
        count = day_run(in, first, &day);
        struct bb_plan_slot *slot = bb_plan_slot_at(plan, BB_LANE_RAW, day);
        if (slot && !slot->merged)
            result = merge_day(plan, slot, first, count, error);
    }
    return result;
}

static int add_coverage(struct bb_plan *plan, struct bb_error *error) {
    const struct bb_plan_input *in = &plan->input;
    bool added;
    int32_t day;

    for (size_t first = 0, count; first < in->told_count; first += count) {
        count = day_run(in, first, &day);
        if (!bb_coverage_add(in->coverage, day, plan->arena, &added))
            return no_memory(error);
        plan->coverage_changed |= added;
    }
    for (size_t i = 0; i < in->told_count; i++) {
        uint32_t length_s = in->attributes[in->told[i].attribute].length_s;
        if (length_s <= in->coverage->longest_s)
            continue;
        in->coverage->longest_s = length_s;
        plan->coverage_changed = true;
    }
    return 0;
}

/* ---- reach */

static bool row_usable(const struct bb_plan *plan, const struct bb_block *block, uint32_t row) {
    return bb_attribute_usable(plan->input.channel,
                               &block->attributes.items[block->attribute[row]]);
}

enum search { SEARCH_FOUND, SEARCH_NONE, SEARCH_NEED };

/* The last usable reading with end <= t. It may lie months back (the finding about a gap names
 * where the gap begins, however long it is), and coverage knows where. */
static enum search usable_before(struct bb_plan *plan, int64_t t, int64_t *end_ms) {
    const struct bb_coverage *coverage = plan->input.coverage;
    int32_t day = bb_utc_day_of(t);

    for (day = bb_coverage_has(coverage, day) ? day : bb_coverage_before(coverage, day);
         day != BB_DAY_NONE; day = bb_coverage_before(coverage, day)) {
        const struct bb_plan_slot *slot = bb_plan_want(plan, BB_LANE_RAW, day);
        if (!slot)
            return SEARCH_NEED;
        for (uint32_t row = slot->block.count; row-- > 0;) {
            if (slot->block.end_ms[row] > t || !row_usable(plan, &slot->block, row))
                continue;
            *end_ms = slot->block.end_ms[row];
            return SEARCH_FOUND;
        }
    }
    return SEARCH_NONE;
}

/* The first usable reading with end > t. */
static enum search usable_after(struct bb_plan *plan, int64_t t, int64_t *end_ms) {
    const struct bb_coverage *coverage = plan->input.coverage;
    int32_t day = bb_utc_day_of(t + 1);

    for (day = bb_coverage_has(coverage, day) ? day : bb_coverage_after(coverage, day);
         day != BB_DAY_NONE; day = bb_coverage_after(coverage, day)) {
        const struct bb_plan_slot *slot = bb_plan_want(plan, BB_LANE_RAW, day);
        if (!slot)
            return SEARCH_NEED;
        for (uint32_t row = 0; row < slot->block.count; row++) {
            if (slot->block.end_ms[row] <= t || !row_usable(plan, &slot->block, row))
                continue;
            *end_ms = slot->block.end_ms[row];
            return SEARCH_FOUND;
        }
    }
    return SEARCH_NONE;
}

/* judge: from the usable reading before the changes to the one behind them. */
static bool find_judged(struct bb_plan *plan) {
    plan->judge_from = plan->changed_from;
    plan->judge_to = plan->changed_to;
    return usable_before(plan, plan->changed_from, &plan->judge_from) != SEARCH_NEED &&
           usable_after(plan, plan->changed_to, &plan->judge_to) != SEARCH_NEED;
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
        const struct bb_plan_slot *slot = bb_plan_want(plan, BB_LANE_RAW, day);
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
        whole = usable_before(plan, plan->period_from, &before) != SEARCH_NEED;
        whole &= usable_after(plan, plan->period_to - 1, &after) != SEARCH_NEED;
    } else if (channel->kind == BB_KIND_INTERVAL && plan->input.coverage->longest_s > 0) {
        after += plan->input.coverage->longest_s * (int64_t)BB_SECOND_MS - 1;
    }
    plan->window_from = (before < plan->judge_from ? before : plan->judge_from) - 1;
    plan->window_to = after;
    plan->first_day = bb_utc_day_of(plan->window_from + 1);
    plan->last_day = bb_utc_day_of(plan->window_to);
    return whole;
}

/* The blocks of a lane that hold rows ending in (from, to]. */
static void want_spans(struct bb_plan *plan, enum bb_lane lane, int64_t from_ms, int64_t to_ms) {
    int32_t last = bb_lane_span_of(lane, to_ms);

    for (int32_t span = bb_lane_span_of(lane, from_ms + 1); span <= last; span++)
        bb_plan_want(plan, (uint8_t)lane, span);
}

/* Ask for everything that the computation will read. */
static void want_all(struct bb_plan *plan) {
    const struct bb_coverage *coverage = plan->input.coverage;
    /* What is derived again may have been of another kind before. */
    bool gaps = plan->input.channel->kind == BB_KIND_INTERVAL ||
                plan->input.force_from < plan->input.force_to;
    int32_t covered = bb_coverage_has(coverage, plan->first_day)
                          ? plan->first_day
                          : bb_coverage_before(coverage, plan->first_day);

    for (int32_t day = plan->first_day; day <= plan->last_day; day++) {
        bool has = bb_coverage_has(coverage, day);
        if (has) {
            bb_plan_want(plan, BB_LANE_RAW, day);
            covered = day;
        }
        /* Rows of a gap stand on days without readings, never far from a day with some. */
        if (has || (gaps && covered != BB_DAY_NONE && day - covered <= BB_LOOK_AHEAD_DAYS + 1)) {
            bb_plan_want(plan, BB_LANE_VEE, day);
        } else {
            int32_t next = bb_coverage_after(coverage, day);
            if (next == BB_DAY_NONE || next > plan->last_day)
                break;
            day = next - 1;
        }
    }
    want_spans(plan, BB_LANE_DAY, plan->period_from, plan->period_to);
    if (plan->input.also)
        want_spans(plan, (enum bb_lane)plan->input.also, plan->period_from, plan->period_to);
}

static void find_reach(struct bb_plan *plan) {
    if (find_judged(plan) && find_periods(plan))
        want_all(plan);
}

/* ---- the plan */

static void begin_reach(struct bb_plan *plan) {
    const struct bb_plan_input *in = &plan->input;

    if (in->force_from < in->force_to) {
        plan->dirty = true;
        if (in->force_from < plan->changed_from)
            plan->changed_from = in->force_from;
        if (in->force_to > plan->changed_to)
            plan->changed_to = in->force_to;
    }
    plan->phase = plan->dirty ? BB_PLAN_REACH : BB_PLAN_FINISHED;
}

int bb_plan_run(struct bb_plan *plan, struct bb_error *error) {
    int result = 0;

    plan->need_count = 0;
    if (plan->phase == BB_PLAN_MERGE) {
        result = merge_all(plan, error);
        if (!result && plan->need_count == 0 && !plan->failed_memory) {
            result = add_coverage(plan, error);
            begin_reach(plan);
        }
    }
    if (!result && plan->phase == BB_PLAN_REACH) {
        find_reach(plan);
        if (plan->need_count == 0)
            plan->phase = BB_PLAN_COMPUTE;
    }
    if (plan->failed_memory)
        return no_memory(error);
    if (result || plan->need_count > 0)
        return result ? result : BB_PLAN_NEED;
    if (plan->phase == BB_PLAN_COMPUTE) {
        result = bb_plan_compute(plan, error);
        plan->phase = BB_PLAN_FINISHED;
    }
    return result;
}
