/* Check "unit": the reading's unit measures something else than the channel does (kWh on a water
 * meter). It cannot be converted, so that the value is not used. Hard. */
#include "derive/check.h"

void bb_check_unit(const struct bb_check_context *c) {
    for (size_t i = c->first; i < c->last; i++) {
        const struct bb_point *p = &c->window->points[i];
        if (!p->usable && p->attribute->quality.state != BB_STATE_MISSING)
            bb_finding_at(c, BB_CHECK_UNIT, i, true, p->attribute->unit, c->channel->derived_unit,
                          0);
    }
}
