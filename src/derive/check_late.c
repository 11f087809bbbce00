/* Check "late": a reading left its sender more than `after` behind its time. Only where the sender says
 * when it issued what it sent. What was known in time and is told again is not late. Not hard. */
#include "derive/check.h"

enum { AFTER };

void bb_check_late(const struct bb_check_context *c) {
    for (size_t i = c->first; i < c->last; i++) {
        const struct bb_point *p = &c->window->points[i];
        int64_t known_ms = p->recorded_ms - p->end_ms;
        if (p->late_ms > c->parameter[AFTER] && known_ms > c->parameter[AFTER])
            bb_finding_at(c, BB_CHECK_LATE, i, false, p->late_ms, known_ms, 0);
    }
}
