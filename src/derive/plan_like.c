/* The like days of the gaps that will be judged: see plan.h and like.h. Pure. */
#include "derive/plan_internal.h"

/* The readings that stand for the slots of a gap and for its ends: an interval that begins before a day's
 * end may end in the next one, and the end behind the gap lies a step further. */
static void want_like_days(struct bb_plan *plan, const struct bb_like *like, int64_t step_ms) {
    const struct bb_channel *channel = plan->input.channel;

    for (int type = 0; type < BB_DAY_TYPES; type++)
        for (int j = 0; j < like->count[type]; j++) {
            struct bb_period_bounds bounds = bb_like_bounds(channel, like->day[type][j]);
            int32_t last = bb_lane_span_of(BB_LANE_RAW, bounds.end_ms + 2 * step_ms);
            for (int32_t day = bb_lane_span_of(BB_LANE_RAW, bounds.start_ms); day <= last; day++)
                bb_plan_want_own(plan, BB_LANE_RAW, day);
        }
}

/* All raw points that are known: those of the window and of like days. */
static bool gather_past(struct bb_plan *plan) {
    struct bb_window *past = &plan->work->past;
    const struct bb_plan_slot *slot;
    size_t rows = 0;

    for (size_t at = 0; (slot = bb_plan_next(plan, 0, BB_LANE_RAW, INT32_MIN, INT32_MAX, &at));)
        rows += slot->block.count;
    if (!bb_plan_window(plan, past, rows))
        return false;
    for (size_t at = 0; (slot = bb_plan_next(plan, 0, BB_LANE_RAW, INT32_MIN, INT32_MAX, &at));)
        if (!bb_window_add_raw(past, plan->input.channel, &slot->block, INT64_MIN, INT64_MAX))
            return false;
    return true;
}

int bb_plan_like(struct bb_plan *plan, struct bb_error *error) {
    const struct bb_channel *channel = plan->input.channel;
    struct bb_plan_work *w = plan->work;
    size_t at = bb_window_after(&w->raw, plan->look_from);
    const size_t last = bb_window_after(&w->raw, plan->look_to);
    struct bb_vee_gap gap;
    struct bb_like like;

    w->gap_rows = 0;
    while (bb_vee_next_gap(channel, &w->raw, &at, last, &gap)) {
        w->gap_rows += gap.count;
        bb_like_choose(channel, &w->stat, gap.from_ms, bb_like_within(channel), &like);
        want_like_days(plan, &like, gap.step_ms);
    }
    if (plan->need_count > 0 || plan->failed_memory)
        return 0;
    bool gaps = w->gap_rows > 0;
    w->gap_rows += bb_vee_silence(channel, &w->raw, plan->silent_to).count;
    if (!gaps)
        return 0;
    return gather_past(plan) ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for like days");
}
