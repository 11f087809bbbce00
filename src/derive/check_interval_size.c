/* Check "interval_size": the interval is longer or shorter than the channel's nominal interval. */
#include "derive/check.h"

void bb_check_interval_size(const struct bb_check_context *c) {
    int64_t nominal_ms = (int64_t)c->channel->interval_s * BB_SECOND_MS;

    if (nominal_ms == 0)
        return;
    for (size_t i = c->first; i < c->last; i++) {
        int64_t length_ms = c->window->points[i].end_ms - c->window->points[i].start_ms;
        if (length_ms != nominal_ms)
            bb_finding_at(c, BB_CHECK_INTERVAL_SIZE, i, false, length_ms / BB_SECOND_MS,
                          c->channel->interval_s, 0);
    }
}
