/* Check "time": the reading's time lies ahead of the moment at which it was first told, or of that at
 * which its sender issued it, by more than clocks may differ. (More than 48 hours ahead is refused
 * when it is read.) */
#include "derive/check.h"

enum { AHEAD };

void bb_check_time(const struct bb_check_context *c) {
    for (size_t i = c->first; i < c->last; i++) {
        const struct bb_point *p = &c->window->points[i];
        int64_t ahead_ms = p->end_ms - p->recorded_ms;
        if (-p->late_ms > ahead_ms && p->late_ms != 0)
            ahead_ms = -p->late_ms;
        if (ahead_ms > c->parameter[AHEAD])
            bb_finding_at(c, BB_CHECK_TIME, i, false, ahead_ms, 0, 0);
    }
}
