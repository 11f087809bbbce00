/* Check "duplicate": the channel was told different values for this time, and no sender said that
 * its value is the newer one (merge.h counts such rivals). */
#include "derive/check.h"

void bb_check_duplicate(const struct bb_check_context *c) {
    for (size_t i = c->first; i < c->last; i++)
        if (c->window->points[i].rivals > 0)
            bb_finding_at(c, BB_CHECK_DUPLICATE, i, false, c->window->points[i].rivals, 0, 0);
}
