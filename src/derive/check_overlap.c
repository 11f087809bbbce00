/* Check "overlap": an interval begins before the one before it has ended, so that energy would be
 * counted twice. Hard: a person must say which one is right. */
#include "derive/check.h"

void bb_check_overlap(const struct bb_check_context *c) {
    struct bb_point *points = c->window->points;
    const struct bb_point *previous = bb_previous_usable(c->window, c->first);

    for (size_t i = c->first; i < c->last; i++) {
        if (!points[i].usable)
            continue;
        if (previous && points[i].start_ms < previous->end_ms)
            bb_finding_at(c, BB_CHECK_OVERLAP, i, true, previous->end_ms - points[i].start_ms, 0,
                          0);
        previous = &points[i];
    }
}
