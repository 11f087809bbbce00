/* Check "gap": readings are missing between one and the one before it.
 *
 * Intervals: one begins later than the one before has ended. Registers of a nominal interval: they lie
 * further apart than one and a half of it. Speaks on the reading that ends the gap. Rows that say
 * "missing" are part of the gap: there is no value either way. The finding is hard until an estimator has
 * filled the gap (vee.c softens it); of registers, when it is longer than interpolation is trusted.
 */
#include "derive/check.h"

static void say(const struct bb_check_context *c, struct bb_point *p, int64_t from_ms,
                int64_t to_ms, int64_t missing, bool hard) {
    struct bb_finding finding = {.at_ms = p->end_ms,
                                 .from_ms = from_ms,
                                 .to_ms = to_ms,
                                 .a = missing,
                                 .b = to_ms - from_ms,
                                 .check = BB_CHECK_GAP,
                                 .hard = hard};

    p->checks |= 1u << BB_CHECK_GAP;
    bb_finding_add(c->findings, &finding);
}

/* The stretch in which the missing readings would have stood. */
static void judge_register(const struct bb_check_context *c, const struct bb_point *previous,
                           struct bb_point *p) {
    const int64_t trusted_ms = c->channel->pipeline->estimate[BB_METHOD_LINEAR].parameter[0];
    int64_t nominal_ms = (int64_t)c->channel->interval_s * BB_SECOND_MS;
    int64_t apart_ms = p->end_ms - previous->end_ms;

    if (nominal_ms > 0 && 2 * apart_ms > 3 * nominal_ms)
        say(c, p, previous->end_ms, p->end_ms - nominal_ms,
            (apart_ms + nominal_ms / 2) / nominal_ms - 1, apart_ms > trusted_ms);
}

void bb_check_gap(const struct bb_check_context *c) {
    struct bb_point *points = c->window->points;
    const struct bb_point *previous = bb_previous_usable(c->window, c->first);

    for (size_t i = c->first; i < c->last; i++) {
        struct bb_point *p = &points[i];
        if (!p->usable)
            continue;
        if (previous && c->channel->kind == BB_KIND_REGISTER) {
            judge_register(c, previous, p);
        } else if (previous && p->start_ms > previous->end_ms) {
            int64_t step_ms = p->end_ms - p->start_ms;
            say(c, p, previous->end_ms, p->start_ms,
                step_ms > 0 ? (p->start_ms - previous->end_ms) / step_ms : 0, true);
        }
        previous = p;
    }
}
