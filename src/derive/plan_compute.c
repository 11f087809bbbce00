/* A plan's second half: judge the readings, cut the periods, write what differs. See plan.h. Pure.
 */
#include "derive/plan_internal.h"

#include "derive/periodise.h"

#include <stdlib.h>

struct work {
    struct bb_plan *plan;
    struct bb_window raw, vee, rows; /* rows: of the period lane at hand */
    struct bb_finding_list findings;
    const struct bb_block **overlays;
    size_t overlay_count;
};

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to derive a channel");
}

static bool window_init(struct bb_window *window, size_t capacity, struct bb_arena *arena) {
    *window = (struct bb_window){.capacity = capacity};
    window->points = bb_arena_take(arena, (capacity + 1) * sizeof window->points[0]);
    return window->points != NULL;
}

/* All known slots of a lane within [first, last] days. */
static const struct bb_plan_slot *next_slot(const struct bb_plan *plan, uint8_t lane, int32_t first,
                                            int32_t last, size_t *at) {
    for (; *at < plan->slot_count; (*at)++) {
        const struct bb_plan_slot *slot = plan->slots[*at];
        if (slot->key.lane == lane && slot->key.span >= first && slot->key.span <= last)
            return plan->slots[(*at)++];
    }
    return NULL;
}

static bool gather_raw(struct work *w) {
    struct bb_plan *plan = w->plan;
    const struct bb_plan_slot *slot;
    size_t rows = 0;

    for (size_t at = 0;
         (slot = next_slot(plan, BB_LANE_RAW, plan->first_day, plan->last_day, &at));)
        rows += slot->block.count;
    if (!window_init(&w->raw, rows, plan->arena))
        return false;
    for (size_t at = 0;
         (slot = next_slot(plan, BB_LANE_RAW, plan->first_day, plan->last_day, &at));)
        bb_window_add_raw(&w->raw, plan->input.channel, &slot->block, plan->window_from,
                          plan->window_to);
    return true;
}

static size_t gather_overlays(struct work *w) {
    struct bb_plan *plan = w->plan;
    const struct bb_plan_slot *slot;
    size_t rows = 0;

    w->overlays = bb_arena_take(plan->arena, (plan->slot_count + 1) * sizeof w->overlays[0]);
    for (size_t at = 0;
         w->overlays && (slot = next_slot(plan, BB_LANE_VEE, INT32_MIN, INT32_MAX, &at));) {
        w->overlays[w->overlay_count++] = &slot->block;
        rows += slot->block.count;
    }
    return rows;
}

/* The vee lane from before the periods to behind them: restored, judged, restored. */
static int build_vee(struct work *w, struct bb_error *error) {
    struct bb_plan *plan = w->plan;
    const struct bb_channel *channel = plan->input.channel;
    size_t overlay_rows = gather_overlays(w);
    size_t first = bb_window_after(&w->raw, plan->judge_from);
    size_t last = bb_window_after(&w->raw, plan->judge_to);
    size_t gap_rows = bb_vee_gap_rows(channel, &w->raw, first, last);
    /* Registers look at the reading before the first period. */
    int64_t from = channel->kind == BB_KIND_REGISTER ? INT64_MIN / 2 : plan->period_from;
    int64_t to = INT64_MAX / 2;

    if (!w->overlays || !window_init(&w->vee, w->raw.count + overlay_rows + gap_rows, plan->arena))
        return no_memory(error);
    int result = 0;
    if (from < plan->judge_from)
        result = bb_vee_restore(channel, &w->raw, from, plan->judge_from, w->overlays,
                                w->overlay_count, plan->arena, &w->vee, error);
    if (!result)
        result = bb_vee_judge(channel, &w->raw, first, last, plan->arena, &w->vee, &w->findings,
                              error);
    if (!result)
        result = bb_vee_restore(channel, &w->raw, plan->judge_to, to, w->overlays, w->overlay_count,
                                plan->arena, &w->vee, error);
    return result;
}

/* ---- writing the lane vee */

static void put_point(struct bb_block *block, const struct bb_point *p) {
    uint32_t i = block->count++;

    block->end_ms[i] = p->end_ms;
    block->mantissa[i] = p->value.mantissa;
    block->attribute[i] = bb_attribute_set_index(&block->attributes, p->attribute);
    block->recorded_ms[i] = block->received_ms[i] = block->issued_ms[i] = 0;
    block->origin[i] = block->rivals[i] = 0;
}

static void put_row(struct bb_block *block, const struct bb_block *from, uint32_t row) {
    uint32_t i = block->count++;

    block->end_ms[i] = from->end_ms[row];
    block->mantissa[i] = from->mantissa[row];
    block->attribute[i] = bb_attribute_set_index(&block->attributes,
                                                 &from->attributes.items[from->attribute[row]]);
    block->recorded_ms[i] = block->received_ms[i] = block->issued_ms[i] = 0;
    block->origin[i] = block->rivals[i] = 0;
}

static bool same_finding(const struct bb_finding *a, const struct bb_finding *b) {
    return a->check == b->check && a->from_ms == b->from_ms && a->to_ms == b->to_ms;
}

/* Hard findings of `these` that `those` do not have. */
static void differ(const struct bb_finding *these, size_t these_count,
                   const struct bb_finding *those, size_t those_count,
                   struct bb_finding_list *out) {
    for (size_t i = 0; i < these_count; i++) {
        bool found = !these[i].hard;
        for (size_t k = 0; k < those_count && !found; k++)
            found = those[k].hard && same_finding(&these[i], &those[k]);
        if (!found)
            bb_finding_add(out, &these[i]);
    }
}

static bool judged(const struct bb_plan *plan, int64_t t) {
    return t > plan->judge_from && t <= plan->judge_to;
}

/* One order, whatever order they were found in: equal content is equal bytes. */
static int finding_order(const void *a, const void *b) {
    const struct bb_finding *x = a, *y = b;

    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return (x->check > y->check) - (x->check < y->check);
}

static bool keep_findings(struct work *w, const struct bb_plan_slot *slot, struct bb_block *block) {
    int64_t start, end;
    const struct bb_block *old = &slot->block;
    struct bb_finding *list = bb_arena_take(
        w->plan->arena, (old->finding_count + w->findings.count + 1) * sizeof *list);

    if (!list)
        return false;
    bb_lane_span_bounds(BB_LANE_VEE, slot->key.span, &start, &end);
    block->findings = list;
    for (uint32_t i = 0; i < old->finding_count; i++)
        if (!judged(w->plan, old->findings[i].at_ms))
            list[block->finding_count++] = old->findings[i];
    for (size_t i = 0; i < w->findings.count; i++)
        if (w->findings.items[i].at_ms > start && w->findings.items[i].at_ms <= end)
            list[block->finding_count++] = w->findings.items[i];
    if (block->finding_count > 1)
        qsort(list, block->finding_count, sizeof *list, finding_order);
    differ(list, block->finding_count, old->findings, old->finding_count, &w->plan->opened);
    differ(old->findings, old->finding_count, list, block->finding_count, &w->plan->closed);
    return !w->plan->opened.overflow && !w->plan->closed.overflow;
}

static int write_overlay(struct work *w, struct bb_plan_slot *slot, struct bb_error *error) {
    struct bb_block block;
    int64_t start, end;
    size_t rows = 0;

    bb_lane_span_bounds(BB_LANE_VEE, slot->key.span, &start, &end);
    size_t first = bb_window_after(&w->vee, start), last = bb_window_after(&w->vee, end);
    const struct bb_block *old = &slot->block;
    for (size_t i = first; i < last; i++)
        rows += w->vee.points[i].overlay;
    if (rows == 0 && w->findings.count == 0 && !slot->present)
        return 0;
    if (!bb_block_init(&block, BB_LANE_VEE, rows + old->count, w->plan->arena))
        return no_memory(error);
    /* Rows outside the judged stretch are taken from the stored block: the window may begin inside
     * this day. */
    uint32_t row = 0;
    for (; row < old->count && old->end_ms[row] <= w->plan->judge_from; row++)
        put_row(&block, old, row);
    for (size_t i = first; i < last; i++)
        if (w->vee.points[i].overlay && judged(w->plan, w->vee.points[i].end_ms))
            put_point(&block, &w->vee.points[i]);
    for (; row < old->count; row++)
        if (old->end_ms[row] > w->plan->judge_to)
            put_row(&block, old, row);
    int result = keep_findings(w, slot, &block) ? 0 : no_memory(error);
    if (!result)
        result = bb_plan_write_block(w->plan, slot, &block, error);
    bb_attribute_set_release(&block.attributes);
    return result;
}

static int write_overlays(struct work *w, struct bb_error *error) {
    struct bb_plan *plan = w->plan;
    int32_t first = bb_utc_day_of(plan->judge_from + 1), last = bb_utc_day_of(plan->judge_to);
    int result = 0;

    for (size_t at = 0; !result && at < plan->slot_count; at++) {
        struct bb_plan_slot *slot = plan->slots[at];
        if (slot->key.lane == BB_LANE_VEE && slot->key.span >= first && slot->key.span <= last)
            result = write_overlay(w, slot, error);
    }
    return result;
}

/* ---- the period lanes */

static size_t periods_at_most(enum bb_period period, int64_t from_ms, int64_t to_ms) {
    static const int64_t shortest_ms[] = {[BB_PERIOD_HOUR] = BB_HOUR_MS,
                                          [BB_PERIOD_DAY] = 22 * (int64_t)BB_HOUR_MS,
                                          [BB_PERIOD_MONTH] = 27 * (int64_t)BB_DAY_MS};
    size_t days = (size_t)((to_ms - from_ms) / shortest_ms[BB_PERIOD_DAY]) + 2;

    /* The last hour of a day may be a shorter one. */
    return (size_t)((to_ms - from_ms) / shortest_ms[period]) + 2 +
           (period == BB_PERIOD_HOUR ? days : 0);
}

/* The rows of a lane's periods. */
static int build_periods(struct work *w, enum bb_lane lane, struct bb_error *error) {
    struct bb_plan *plan = w->plan;
    const struct bb_channel *channel = plan->input.channel;
    enum bb_period period = (enum bb_period)bb_lanes[lane].period;
    size_t count = periods_at_most(period, plan->period_from, plan->period_to);
    int result = 0;

    if (!window_init(&w->rows, count * BB_PERIOD_ROWS_MAX, plan->arena))
        return no_memory(error);
    for (int64_t t = plan->period_from; !result && t < plan->period_to;) {
        struct bb_period_bounds bounds = bb_calendar_period(&channel->calendar, period, t + 1);
        result = bb_periodise(channel, &w->vee, bounds, plan->arena, &w->rows, error);
        t = bounds.end_ms;
    }
    return result;
}

/* The block as it was, with the rows that were built in the place of those of the periods. */
static int write_span(struct work *w, struct bb_plan_slot *slot, struct bb_error *error) {
    const struct bb_block *old = &slot->block;
    struct bb_block block;
    int64_t start, end;
    uint32_t row = 0;

    bb_lane_span_bounds(slot->key.lane, slot->key.span, &start, &end);
    size_t first = bb_window_after(&w->rows, start), last = bb_window_after(&w->rows, end);
    if (!bb_block_init(&block, slot->key.lane, old->count + (last - first), w->plan->arena))
        return no_memory(error);
    for (; row < old->count && old->end_ms[row] <= w->plan->period_from; row++)
        put_row(&block, old, row);
    for (size_t i = first; i < last; i++)
        put_point(&block, &w->rows.points[i]);
    for (; row < old->count; row++)
        if (old->end_ms[row] > w->plan->period_to)
            put_row(&block, old, row);
    int result = bb_plan_write_block(w->plan, slot, &block, error);
    bb_attribute_set_release(&block.attributes);
    return result;
}

static int make_periods(struct work *w, enum bb_lane lane, struct bb_error *error) {
    int result = build_periods(w, lane, error);

    for (size_t at = 0; !result && at < w->plan->slot_count; at++)
        if (w->plan->slots[at]->key.lane == lane)
            result = write_span(w, w->plan->slots[at], error);
    return result;
}

int bb_plan_compute(struct bb_plan *plan, struct bb_error *error) {
    struct work w = {.plan = plan, .findings = {.arena = plan->arena}};

    if (!gather_raw(&w))
        return no_memory(error);
    int result = build_vee(&w, error);
    if (!result)
        result = write_overlays(&w, error);
    if (!result)
        result = make_periods(&w, BB_LANE_DAY, error);
    if (!result && plan->input.also)
        result = make_periods(&w, (enum bb_lane)plan->input.also, error);
    return result;
}
