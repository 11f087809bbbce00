/* The readings in the window, made ready for judging: points, levels, statistics of the days before,
 * and what the registers beside the channel say. See plan.h. Pure. */
#include "derive/plan_internal.h"

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to derive a channel");
}

bool bb_plan_window(struct bb_plan *plan, struct bb_window *window, size_t capacity) {
    *window = (struct bb_window){.capacity = capacity};
    window->points = bb_arena_take(plan->arena, (capacity + 1) * sizeof window->points[0]);
    return window->points != NULL;
}

/* The raw points of a channel in the window. */
static bool gather_raw(struct bb_plan *plan, uint8_t companion, struct bb_window *out) {
    const struct bb_plan_slot *slot;
    size_t rows = 0;

    for (size_t at = 0;
         (slot = bb_plan_next(plan, companion, BB_LANE_RAW, plan->first_day, plan->last_day, &at));)
        rows += slot->block.count;
    if (!bb_plan_window(plan, out, rows))
        return false;
    for (size_t at = 0;
         (slot = bb_plan_next(plan, companion, BB_LANE_RAW, plan->first_day, plan->last_day, &at));)
        if (!bb_window_add_raw(out, bb_plan_channel(plan, companion), &slot->block,
                               plan->window_from, plan->window_to))
            return false;
    return true;
}

/* The vee blocks of a channel that are known; returns their rows. False when memory is out. */
static bool gather_overlays(struct bb_plan *plan, uint8_t companion,
                            const struct bb_block ***overlays, size_t *count, size_t *rows) {
    const struct bb_plan_slot *slot;

    *count = *rows = 0;
    *overlays = bb_arena_take(plan->arena, (plan->slot_count + 1) * sizeof(*overlays)[0]);
    for (size_t at = 0; *overlays && (slot = bb_plan_next(plan, companion, BB_LANE_VEE, INT32_MIN,
                                                          INT32_MAX, &at));) {
        (*overlays)[(*count)++] = &slot->block;
        *rows += slot->block.count;
    }
    return *overlays != NULL;
}

/* Rows of the lane stat that are stored, with those that changed in their place. */
static bool gather_stat(struct bb_plan *plan, struct bb_stat *out) {
    const struct bb_plan_slot *slot;
    size_t count = plan->changed_day_count, n = 0, next = 0;

    for (size_t at = 0; (slot = bb_plan_next(plan, 0, BB_LANE_STAT, INT32_MIN, INT32_MAX, &at));)
        count += slot->stat.count;
    struct bb_stat_day *days = bb_arena_take(plan->arena, (count + 1) * sizeof *days);
    if (!days)
        return false;
    for (size_t at = 0; (slot = bb_plan_next(plan, 0, BB_LANE_STAT, INT32_MIN, INT32_MAX, &at));)
        for (size_t i = 0; i < slot->stat.count; i++) {
            const struct bb_stat_day *row = &slot->stat.days[i];
            while (next < plan->changed_day_count && plan->changed_days[next].day < row->day)
                days[n++] = plan->changed_days[next++];
            if (next < plan->changed_day_count && plan->changed_days[next].day == row->day)
                row = &plan->changed_days[next++];
            days[n++] = *row;
        }
    while (next < plan->changed_day_count)
        days[n++] = plan->changed_days[next++];
    *out = (struct bb_stat){days, n};
    return true;
}

/* The points of another channel in the window, as sent and as validated. */
static int gather_other(struct bb_plan *plan, uint8_t companion, struct bb_window *raw,
                        struct bb_window *vee, struct bb_error *error) {
    const struct bb_block **overlays;
    size_t count, rows;

    if (!gather_raw(plan, companion, raw) ||
        !gather_overlays(plan, companion, &overlays, &count, &rows) ||
        !bb_plan_window(plan, vee, raw->count + rows))
        return no_memory(error);
    return bb_vee_restore(bb_plan_channel(plan, companion), raw, plan->window_from, plan->window_to,
                          overlays, count, plan->arena, vee, error);
}

/* What the channel's rules look at. */
static int gather_besides(struct bb_plan *plan, struct bb_error *error) {
    const size_t count = plan->input.beside_count;
    struct bb_plan_work *w = plan->work;
    int result = 0;

    BB_ASSERT(count <= BB_BESIDES_MAX);
    w->sent = bb_arena_take_array(plan->arena, count + 1, sizeof *w->sent);
    w->seen = bb_arena_take_array(plan->arena, count + 1, sizeof *w->seen);
    if (!w->sent || !w->seen)
        return no_memory(error);
    for (size_t k = 0; !result && k < count; k++) {
        const struct bb_beside *beside = &plan->input.besides[k];
        w->sent[k] = w->seen[k] = (struct bb_rule_beside){
            .called = beside->called, .name = beside->name, .channel = beside->channel};
        result = gather_other(plan, bb_plan_beside(plan, k), &w->sent[k].points, &w->seen[k].points,
                              error);
    }
    return result;
}

/* The accepted points of a register beside the channel. */
static int gather_meter(struct bb_plan *plan, uint8_t companion, struct bb_meter *meter,
                        struct bb_error *error) {
    struct bb_window *vee = &meter->accepted;
    size_t kept = 0;

    meter->channel = bb_plan_channel(plan, companion);
    int result = gather_other(plan, companion, &meter->sent, vee, error);
    for (size_t i = 0; i < vee->count; i++)
        if (vee->points[i].usable)
            vee->points[kept++] = vee->points[i];
    vee->count = kept;
    return result;
}

static int gather_totals(struct bb_plan *plan, struct bb_error *error) {
    size_t count = plan->input.companion_count;
    struct bb_meter *meters = bb_arena_take_array(plan->arena, count + 1, sizeof *meters);
    int result = meters ? 0 : no_memory(error);

    BB_ASSERT(count <= BB_METERS_MAX);
    plan->work->meters = meters;
    for (size_t k = 0; !result && k < count; k++)
        result = gather_meter(plan, (uint8_t)(k + 1), &meters[k], error);
    if (!result &&
        !bb_totals_make(plan->input.channel, meters, count, plan->arena, &plan->work->totals))
        result = no_memory(error);
    return result;
}

int bb_plan_gather(struct bb_plan *plan, struct bb_error *error) {
    struct bb_plan_work *w = bb_arena_take_array(plan->arena, 1, sizeof *w);
    size_t overlay_rows;

    plan->work = w;
    plan->rule = 0;
    plan->said_count = 0;
    if (!w)
        return no_memory(error);
    w->findings.arena = plan->arena;
    if (!gather_raw(plan, 0, &w->raw) || !gather_stat(plan, &w->stat) ||
        !gather_overlays(plan, 0, &w->overlays, &w->overlay_count, &overlay_rows))
        return no_memory(error);
    w->level = bb_arena_take(plan->arena, (w->raw.count + 1) * sizeof w->level[0]);
    if (!w->level)
        return no_memory(error);
    bb_window_levels(plan->input.channel, &w->raw, w->level);
    w->overlay_rows = overlay_rows;
    int result = gather_besides(plan, error);
    return result ? result : gather_totals(plan, error);
}

struct bb_plan_facts bb_plan_facts(const struct bb_plan *plan) {
    const struct bb_plan_work *w = plan->work;

    if (!w)
        return (struct bb_plan_facts){.meters = NULL};
    return (struct bb_plan_facts){w->stat, w->meters, plan->input.companion_count};
}
