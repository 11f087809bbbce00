/* A plan's second half: judge the readings, cut the periods, write what differs. See plan.h. Pure.
 */
#include "derive/plan_internal.h"

#include "derive/periodise.h"

#include <stdlib.h>

enum { READ_AHEAD_STEP = 16 };

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to derive a channel");
}

/* The last point of the window that is accepted, NULL: none. */
static const struct bb_point *last_accepted(const struct bb_window *vee) {
    for (size_t i = vee->count; i-- > 0;)
        if (vee->points[i].usable)
            return &vee->points[i];
    return NULL;
}

static struct bb_vee_aid aid_of(struct bb_plan *plan) {
    const struct bb_plan_work *w = plan->work;

    return (struct bb_vee_aid){.level = w->level,
                               .stat = &w->stat,
                               .totals = &w->totals,
                               .past = &w->past,
                               .silent_to = plan->silent_to,
                               .account = plan->input.account};
}

static int restore(struct bb_plan *plan, int64_t from_ms, int64_t to_ms, struct bb_window *out,
                   struct bb_error *error) {
    const struct bb_plan_work *w = plan->work;

    return from_ms < to_ms ? bb_vee_restore(plan->input.channel, &w->raw, from_ms, to_ms,
                                            w->overlays, w->overlay_count, plan->arena, out, error)
                           : 0;
}

static int judge(struct bb_plan *plan, const struct bb_window *before, struct bb_window *out,
                 struct bb_error *error) {
    struct bb_plan_work *w = plan->work;
    struct bb_vee_aid aid = aid_of(plan);

    aid.accepted = last_accepted(before);
    return bb_vee_judge(plan->input.channel, &w->raw, bb_window_after(&w->raw, plan->look_from),
                        bb_window_after(&w->raw, plan->look_to), &aid, plan->arena, out,
                        &w->findings, error);
}

/* Registers look at the reading before the first period, and before what is judged. */
static int64_t vee_from(const struct bb_plan *plan) {
    return plan->input.channel->kind == BB_KIND_REGISTER ? INT64_MIN / 2 : plan->period_from;
}

/* The vee lane from before the periods to behind them: restored, judged, restored. */
static int build_vee(struct bb_plan *plan, struct bb_error *error) {
    struct bb_plan_work *w = plan->work;

    if (!bb_plan_window(plan, &w->vee, w->raw.count + w->overlay_rows + w->gap_rows))
        return no_memory(error);
    int result = restore(plan, vee_from(plan), plan->judge_from, &w->vee, error);
    if (!result)
        result = judge(plan, &w->vee, &w->vee, error);
    w->judged_count = w->vee.count;
    return result ? result : restore(plan, plan->judge_to, INT64_MAX / 2, &w->vee, error);
}

/* With rules: what they see, apart from the lane vee, which what they say is part of. */
static int build_sight(struct bb_plan *plan, struct bb_error *error) {
    struct bb_plan_work *w = plan->work;
    struct bb_window before = {.count = 0};
    int result = 0;

    if (!bb_plan_window(plan, &w->sight, w->raw.count + w->gap_rows))
        return no_memory(error);
    if (plan->input.channel->kind == BB_KIND_REGISTER) {
        if (!bb_plan_window(plan, &before, w->raw.count + w->overlay_rows))
            return no_memory(error);
        result = restore(plan, INT64_MIN / 2, plan->look_from, &before, error);
    }
    if (!result)
        result = judge(plan, &before, &w->sight, error);
    w->judged_count = bb_window_after(&w->sight, plan->judge_to);
    return result;
}

/* The lane vee, when rules have said what they say. */
static int join_vee(struct bb_plan *plan, struct bb_error *error) {
    struct bb_plan_work *w = plan->work;
    const size_t first = bb_window_after(&w->sight, plan->judge_from);

    if (!bb_plan_window(plan, &w->vee, w->raw.count + w->overlay_rows + w->sight.count))
        return no_memory(error);
    int result = restore(plan, vee_from(plan), plan->judge_from, &w->vee, error);
    for (size_t i = first; !result && i < w->judged_count; i++)
        if (!bb_window_put(&w->vee, &w->sight.points[i]))
            result = no_memory(error);
    return result ? result : restore(plan, plan->judge_to, INT64_MAX / 2, &w->vee, error);
}

/* Was the reading set aside by what was judged before? */
static bool was_aside(const struct bb_plan_work *w, int64_t end_ms) {
    for (size_t k = 0; k < w->overlay_count; k++) {
        const struct bb_block *b = w->overlays[k];
        for (uint32_t row = 0; row < b->count; row++)
            if (b->end_ms[row] == end_ms)
                return b->attributes.items[b->attribute[row]].quality.marks &
                       (BB_MARK_DIP | BB_MARK_FOREIGN);
    }
    return false;
}

/* A register is judged by the reading that was accepted before it. When the last one that is accepted
 * now is not the one that was before, what follows must be judged anew, too. */
static bool in_step(const struct bb_plan *plan) {
    const struct bb_plan_work *w = plan->work;
    const struct bb_window *judged = plan->input.channel->rule_count > 0 ? &w->sight : &w->vee;
    size_t behind = bb_window_after(&w->raw, plan->judge_to);
    bool more = false;

    for (size_t i = behind; i < w->raw.count && !more; i++)
        more = w->raw.points[i].usable;
    if (plan->input.channel->kind != BB_KIND_REGISTER || !more)
        return true;
    for (size_t i = behind; i-- > 0 && w->raw.points[i].end_ms > plan->changed_to;) {
        const struct bb_point *p = &w->raw.points[i];
        if (!p->usable || was_aside(w, p->end_ms))
            continue;
        for (size_t k = w->judged_count; k-- > 0;)
            if (judged->points[k].usable)
                return judged->points[k].end_ms == p->end_ms;
    }
    return false;
}

/* ---- writing the lane vee */

/* What the columns behind the value mean in derived lanes: model/block.h. */
static void put_point(struct bb_block *block, const struct bb_point *p) {
    bool period = bb_lane_has_periods(block->lane);
    uint32_t i = block->count++;

    block->end_ms[i] = p->end_ms;
    block->mantissa[i] = p->value.mantissa;
    block->attribute[i] = bb_attribute_set_index(&block->attributes, p->attribute);
    block->recorded_ms[i] = block->received_ms[i] = block->issued_ms[i] = period ? p->measured_ms
                                                                                 : 0;
    block->origin[i] = period ? p->estimated : 0;
    block->rivals[i] = 0;
    if (period)
        block->rivals[i] = p->present;
    else if (p->attribute->quality.state == BB_STATE_ESTIMATED &&
             p->attribute->quality.method != BB_METHOD_NONE &&
             p->attribute->quality.method != BB_METHOD_RULE)
        block->rivals[i] = p->band;
}

static void put_row(struct bb_block *block, const struct bb_block *from, uint32_t row) {
    uint32_t i = block->count++;

    block->end_ms[i] = from->end_ms[row];
    block->mantissa[i] = from->mantissa[row];
    block->attribute[i] = bb_attribute_set_index(&block->attributes,
                                                 &from->attributes.items[from->attribute[row]]);
    block->recorded_ms[i] = from->recorded_ms[row];
    block->received_ms[i] = from->received_ms[row];
    block->issued_ms[i] = from->issued_ms[row];
    block->origin[i] = from->origin[row];
    block->rivals[i] = from->rivals[row];
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

/* One order, whatever order they were found in: equal content is equal bytes. */
static int finding_order(const void *a, const void *b) {
    const struct bb_finding *x = a, *y = b;

    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    if (x->check != y->check)
        return x->check < y->check ? -1 : 1;
    if (x->from_ms != y->from_ms)
        return x->from_ms < y->from_ms ? -1 : 1;
    if (x->hard != y->hard)
        return y->hard - x->hard;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    return (x->b > y->b) - (x->b < y->b);
}

static bool keep_findings(struct bb_plan *plan, const struct bb_plan_slot *slot,
                          struct bb_block *block) {
    int64_t start, end;
    const struct bb_block *old = &slot->block;
    struct bb_finding *list = bb_arena_take(
        plan->arena, (old->finding_count + plan->work->findings.count + 1) * sizeof *list);

    if (!list)
        return false;
    bb_lane_span_bounds(BB_LANE_VEE, slot->key.span, &start, &end);
    block->findings = list;
    for (uint32_t i = 0; i < old->finding_count; i++)
        if (!bb_plan_judged(plan, old->findings[i].at_ms))
            list[block->finding_count++] = old->findings[i];
    for (size_t i = 0; i < plan->work->findings.count; i++)
        if (plan->work->findings.items[i].at_ms > start &&
            plan->work->findings.items[i].at_ms <= end &&
            (plan->input.channel->rule_count == 0 ||
             bb_plan_judged(plan, plan->work->findings.items[i].at_ms)))
            list[block->finding_count++] = plan->work->findings.items[i];
    if (block->finding_count > 1)
        qsort(list, block->finding_count, sizeof *list, finding_order);
    differ(list, block->finding_count, old->findings, old->finding_count, &plan->opened);
    differ(old->findings, old->finding_count, list, block->finding_count, &plan->closed);
    return !plan->opened.overflow && !plan->closed.overflow;
}

static int write_overlay(struct bb_plan *plan, struct bb_plan_slot *slot, struct bb_error *error) {
    struct bb_block block;
    int64_t start, end;
    size_t rows = 0;

    bb_lane_span_bounds(BB_LANE_VEE, slot->key.span, &start, &end);
    size_t first = bb_window_after(&plan->work->vee, start),
           last = bb_window_after(&plan->work->vee, end);
    const struct bb_block *old = &slot->block;
    for (size_t i = first; i < last; i++)
        rows += plan->work->vee.points[i].overlay;
    if (rows == 0 && plan->work->findings.count == 0 && !slot->present)
        return 0;
    if (!bb_block_init(&block, BB_LANE_VEE, rows + old->count, plan->arena))
        return no_memory(error);
    /* Rows outside the judged stretch are taken from the stored block: the window may begin inside
     * this day. */
    uint32_t row = 0;
    for (; row < old->count && old->end_ms[row] <= plan->judge_from; row++)
        put_row(&block, old, row);
    for (size_t i = first; i < last; i++)
        if (plan->work->vee.points[i].overlay &&
            bb_plan_judged(plan, plan->work->vee.points[i].end_ms))
            put_point(&block, &plan->work->vee.points[i]);
    for (; row < old->count; row++)
        if (old->end_ms[row] > plan->judge_to)
            put_row(&block, old, row);
    int result = keep_findings(plan, slot, &block) ? 0 : no_memory(error);
    if (!result)
        result = bb_plan_write_block(plan, slot, &block, error);
    bb_attribute_set_release(&block.attributes);
    return result;
}

static int write_overlays(struct bb_plan *plan, struct bb_error *error) {
    int32_t first = bb_utc_day_of(plan->judge_from + 1), last = bb_utc_day_of(plan->judge_to);
    int result = 0;

    for (size_t at = 0; !result && at < plan->slot_count; at++) {
        struct bb_plan_slot *slot = plan->slots[at];
        if (slot->key.companion == 0 && slot->key.lane == BB_LANE_VEE && slot->key.span >= first &&
            slot->key.span <= last)
            result = write_overlay(plan, slot, error);
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
static int build_periods(struct bb_plan *plan, enum bb_lane lane, struct bb_error *error) {
    const struct bb_channel *channel = plan->input.channel;
    enum bb_period period = (enum bb_period)bb_lanes[lane].period;
    size_t count = periods_at_most(period, plan->period_from, plan->period_to);
    struct bb_profile_sums sums = {0};
    int result = 0;

    if (!bb_plan_window(plan, &plan->work->rows, count * BB_PERIOD_ROWS_MAX))
        return no_memory(error);
    for (int64_t t = plan->period_from; !result && t < plan->period_to;) {
        struct bb_period_bounds bounds = bb_calendar_period(&channel->calendar, period, t + 1);
        result = bb_periodise(channel, &plan->work->vee, bounds, &sums, plan->arena,
                              &plan->work->rows, error);
        t = bounds.end_ms;
    }
    return result;
}

/* The block as it was, with the rows that were built in the place of those of the periods. */
static int write_span(struct bb_plan *plan, struct bb_plan_slot *slot, struct bb_error *error) {
    const struct bb_block *old = &slot->block;
    struct bb_block block;
    int64_t start, end;
    uint32_t row = 0;

    bb_lane_span_bounds(slot->key.lane, slot->key.span, &start, &end);
    size_t first = bb_window_after(&plan->work->rows, start),
           last = bb_window_after(&plan->work->rows, end);
    if (!bb_block_init(&block, slot->key.lane, old->count + (last - first), plan->arena))
        return no_memory(error);
    for (; row < old->count && old->end_ms[row] <= plan->period_from; row++)
        put_row(&block, old, row);
    for (size_t i = first; i < last; i++)
        put_point(&block, &plan->work->rows.points[i]);
    for (; row < old->count; row++)
        if (old->end_ms[row] > plan->period_to)
            put_row(&block, old, row);
    int result = bb_plan_write_block(plan, slot, &block, error);
    bb_attribute_set_release(&block.attributes);
    return result;
}

static int make_periods(struct bb_plan *plan, enum bb_lane lane, struct bb_error *error) {
    int result = build_periods(plan, lane, error);

    for (size_t at = 0; !result && at < plan->slot_count; at++)
        if (plan->slots[at]->key.companion == 0 && plan->slots[at]->key.lane == lane)
            result = write_span(plan, plan->slots[at], error);
    return result;
}

/* ---- the lane stat */

/* A month as stored, with the rows that changed in their place. */
static int write_month(struct bb_plan *plan, struct bb_plan_slot *slot, struct bb_error *error) {
    const struct bb_stat *all = &plan->work->stat;
    int64_t start, end;
    size_t first;

    bb_lane_span_bounds(BB_LANE_STAT, slot->key.span, &start, &end);
    int32_t next_month = (int32_t)(end / BB_DAY_MS);
    size_t count = bb_stat_before(all, next_month, next_month - (int32_t)(start / BB_DAY_MS),
                                  &first);
    size_t offset = plan->out->size;
    if (count == 0)
        return 0;
    int result = bb_stat_pack(&all->days[first], count, plan->arena, plan->out, error);
    return result ? result : bb_plan_write_packed(plan, slot, offset, error);
}

static int write_stat(struct bb_plan *plan, struct bb_error *error) {
    int32_t month = INT32_MIN;
    int result = 0;

    for (size_t i = 0; !result && i < plan->changed_day_count; i++) {
        int32_t of = bb_lane_span_of(BB_LANE_STAT,
                                     plan->changed_days[i].day * (int64_t)BB_DAY_MS + 1);
        struct bb_plan_slot *slot = of == month ? NULL : bb_plan_want_own(plan, BB_LANE_STAT, of);
        month = of;
        if (slot)
            result = write_month(plan, slot, error);
    }
    return result;
}

int bb_plan_judge(struct bb_plan *plan, struct bb_error *error) {
    int result = plan->input.channel->rule_count > 0 ? build_sight(plan, error)
                                                     : build_vee(plan, error);

    if (!result && !in_step(plan)) {
        plan->read_ahead += READ_AHEAD_STEP;
        return BB_PLAN_NEED;
    }
    return result;
}

int bb_plan_finish(struct bb_plan *plan, struct bb_error *error) {
    int result = plan->input.channel->rule_count > 0 ? join_vee(plan, error) : 0;

    if (!result)
        result = write_overlays(plan, error);
    if (!result)
        result = bb_plan_write_said(plan, error);
    if (!result)
        result = write_stat(plan, error);
    if (!result)
        result = make_periods(plan, BB_LANE_DAY, error);
    if (!result && plan->input.also)
        result = make_periods(plan, (enum bb_lane)plan->input.also, error);
    return result;
}
