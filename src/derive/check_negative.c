/* Check "negative": a value below zero where the flow has one direction only. Hard. */
#include "derive/check.h"

void bb_check_negative(const struct bb_check_context *c) {
    if (!c->channel->one_way)
        return;
    for (size_t i = c->first; i < c->last; i++) {
        const struct bb_point *p = &c->window->points[i];
        if (p->usable && p->value.mantissa < 0)
            bb_finding_at(c, BB_CHECK_NEGATIVE, i, true, p->value.mantissa, 0, p->value.exponent);
    }
}
