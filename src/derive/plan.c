/* A plan: slots and needs, merging, the phases. See plan.h. Pure. */
#include "derive/plan_internal.h"

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
        .stat_to = INT64_MIN,
        .reach = bb_channel_reach(input->channel),
    };
}

/* ---- slots and needs */

static int key_order(struct bb_plan_key a, struct bb_plan_key b) {
    if (a.companion != b.companion)
        return a.companion < b.companion ? -1 : 1;
    return a.lane != b.lane ? (a.lane > b.lane) - (a.lane < b.lane)
                            : (a.span > b.span) - (a.span < b.span);
}

void *bb_plan_grow(struct bb_plan *plan, void *items, size_t *capacity, size_t size) {
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

struct bb_plan_slot *bb_plan_slot_at(struct bb_plan *plan, struct bb_plan_key key) {
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
        void *slots = bb_plan_grow(plan, plan->slots, &plan->slot_capacity, sizeof plan->slots[0]);
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
    slot->block.lane = key.lane;
    memmove(&plan->slots[low + 1], &plan->slots[low],
            (plan->slot_count - low) * sizeof plan->slots[0]);
    plan->slots[low] = slot;
    plan->slot_count++;
    return slot;
}

static bool known_absent(const struct bb_plan *plan, struct bb_plan_key key) {
    const struct bb_coverage *coverage = bb_plan_coverage(plan, key.companion);

    if (key.lane == BB_LANE_RAW || key.lane == BB_LANE_HISTORY)
        return !bb_coverage_has(coverage, key.span);
    if (key.lane == BB_LANE_STAT) {
        int64_t start, end;
        bb_lane_span_bounds(BB_LANE_STAT, key.span, &start, &end);
        int32_t day = bb_coverage_after(coverage, (int32_t)(start / BB_DAY_MS) - 1);
        return day == BB_DAY_NONE || day >= (int32_t)(end / BB_DAY_MS);
    }
    return bb_lane_has_periods(key.lane) &&
           (plan->input.discard_periods || !bb_lanes[key.lane].stored);
}

struct bb_plan_slot *bb_plan_want(struct bb_plan *plan, struct bb_plan_key key) {
    struct bb_plan_slot *slot = bb_plan_slot_at(plan, key);

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
        void *needs = bb_plan_grow(plan, plan->needs, &plan->need_capacity, sizeof plan->needs[0]);
        if (!needs)
            return NULL;
        plan->needs = needs;
    }
    plan->needs[plan->need_count++] = slot->key;
    return NULL;
}

struct bb_plan_slot *bb_plan_next(const struct bb_plan *plan, uint8_t companion, uint8_t lane,
                                  int32_t first, int32_t last, size_t *at) {
    for (; *at < plan->slot_count; (*at)++) {
        struct bb_plan_slot *slot = plan->slots[*at];
        if (slot->key.companion == companion && slot->key.lane == lane && slot->key.span >= first &&
            slot->key.span <= last)
            return plan->slots[(*at)++];
    }
    return NULL;
}

int bb_plan_supply(struct bb_plan *plan, struct bb_plan_key key, struct bb_span packed,
                   struct bb_error *error) {
    struct bb_plan_slot *slot = bb_plan_slot_at(plan, key);

    if (!slot)
        return no_memory(error);
    slot->known = true;
    slot->present = packed.size > 0;
    slot->packed = packed;
    if (!slot->present)
        return 0;
    if (key.lane == BB_LANE_RULES) /* written anew, day by day */
        return 0;
    if (key.lane == BB_LANE_STAT)
        return bb_stat_unpack(packed, plan->arena, &slot->stat, error);
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

    BB_ASSERT(slot); /* what is written was asked for before */
    if (empty && !slot->present)
        return 0;
    if (!empty) {
        int result = bb_block_pack(block, plan->arena, plan->out, error);
        if (result)
            return result;
    }
    return bb_plan_write_packed(plan, slot, offset, error);
}

int bb_plan_write_packed(struct bb_plan *plan, struct bb_plan_slot *slot, size_t offset,
                         struct bb_error *error) {
    BB_ASSERT(slot && slot->key.companion == 0);
    struct bb_span packed = {plan->out->data + offset, plan->out->size - offset};
    if (slot->present && bb_span_equal(packed, slot->packed)) {
        plan->out->size = offset;
        return 0;
    }
    if (plan->write_count == plan->write_capacity) {
        void *writes = bb_plan_grow(plan, plan->writes, &plan->write_capacity,
                                    sizeof plan->writes[0]);
        if (!writes)
            return no_memory(error);
        plan->writes = writes;
    }
    plan->writes[plan->write_count++] = (struct bb_plan_write){
        slot->key, offset, plan->out->size - offset, !slot->present};
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
        history = bb_plan_want_own(plan, BB_LANE_HISTORY, slot->key.span);
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
        bb_plan_want_own(plan, BB_LANE_RAW, day);
    }
    if (plan->need_count > 0 || plan->failed_memory)
        return 0;
    for (size_t first = 0, count; !result && first < in->told_count; first += count) {
        count = day_run(in, first, &day);
        struct bb_plan_slot *slot = bb_plan_slot_at(plan,
                                                    (struct bb_plan_key){BB_LANE_RAW, 0, day});
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

/* ---- the plan */

static void begin_stat(struct bb_plan *plan) {
    const struct bb_plan_input *in = &plan->input;

    if (in->force_from < in->force_to) {
        plan->dirty = true;
        if (in->force_from < plan->changed_from)
            plan->changed_from = in->force_from;
        if (in->force_to > plan->changed_to)
            plan->changed_to = in->force_to;
    }
    plan->phase = plan->dirty ? BB_PLAN_STAT : BB_PLAN_FINISHED;
}

/* One phase; plan->phase goes on when nothing is needed. */
static int run_phase(struct bb_plan *plan, struct bb_error *error) {
    int result = 0;

    switch (plan->phase) {
    case BB_PLAN_MERGE:
        result = merge_all(plan, error);
        if (!result && plan->need_count == 0 && !plan->failed_memory) {
            result = add_coverage(plan, error);
            begin_stat(plan);
        }
        return result;
    case BB_PLAN_STAT: result = bb_plan_stat(plan, error); break;
    case BB_PLAN_REACH:
        bb_plan_reach(plan);
        if (plan->need_count == 0 && !plan->failed_memory)
            result = bb_plan_gather(plan, error);
        break;
    case BB_PLAN_RAW_RULES: result = bb_plan_rules(plan, true, error); break;
    case BB_PLAN_LIKE: result = bb_plan_like(plan, error); break;
    case BB_PLAN_JUDGE:
        result = bb_plan_judge(plan, error);
        if (result == BB_PLAN_NEED) {
            plan->phase = BB_PLAN_REACH;
            return 0;
        }
        break;
    case BB_PLAN_VEE_RULES: result = bb_plan_rules(plan, false, error); break;
    case BB_PLAN_WRITE: result = bb_plan_finish(plan, error); break;
    case BB_PLAN_FINISHED: return 0;
    }
    if (!result && plan->need_count == 0)
        plan->phase = (enum bb_plan_phase)(plan->phase + 1);
    return result;
}

int bb_plan_run(struct bb_plan *plan, struct bb_error *error) {
    plan->need_count = 0;
    while (plan->phase != BB_PLAN_FINISHED) {
        int result = run_phase(plan, error);
        if (plan->failed_memory)
            return no_memory(error);
        if (result)
            return result;
        if (plan->need_count > 0)
            return BB_PLAN_NEED;
    }
    return BB_PLAN_DONE;
}
