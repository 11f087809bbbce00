/* Check "gap": intervals are missing between a reading and the one before it.
 *
 * Speaks on the reading that ends the gap. Rows that say "missing" are part of the gap: there is no
 * value either way. The finding is hard until an estimator has filled the gap (vee.c softens it).
 */
#include "derive/check.h"

void bb_check_gap(const struct bb_check_context *c) {
    struct bb_point *points = c->window->points;
    const struct bb_point *previous = bb_previous_usable(c->window, c->first);

    for (size_t i = c->first; i < c->last; i++) {
        struct bb_point *p = &points[i];
        if (!p->usable)
            continue;
        if (previous && p->start_ms > previous->end_ms) {
            int64_t length_ms = p->start_ms - previous->end_ms;
            int64_t step_ms = p->end_ms - p->start_ms;
            struct bb_finding finding = {.at_ms = p->end_ms,
                                         .from_ms = previous->end_ms,
                                         .to_ms = p->start_ms,
                                         .a = step_ms > 0 ? length_ms / step_ms : 0,
                                         .b = length_ms,
                                         .check = BB_CHECK_GAP,
                                         .hard = true};
            p->checks |= 1u << BB_CHECK_GAP;
            bb_finding_add(c->findings, &finding);
        }
        previous = p;
    }
}
