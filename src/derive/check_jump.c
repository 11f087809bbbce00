/* Check "jump": a value differs from the one before it by more than `percent` of that. After a zero
 * any use is a jump without measure: nothing is said. Not hard. */
#include "derive/check.h"
#include "derive/median.h"

enum { PERCENT };

static ptrdiff_t usable_before(const struct bb_window *window, size_t i) {
    const struct bb_point *previous = bb_previous_usable(window, i);

    return previous ? previous - window->points : -1;
}

void bb_check_jump(const struct bb_check_context *c) {
    ptrdiff_t previous = usable_before(c->window, c->first);

    for (size_t i = c->first; i < c->last; i++) {
        const struct bb_point *p = &c->window->points[i];
        if (!p->usable)
            continue;
        int64_t before = previous >= 0 ? c->level[previous] : 0;
        bb_wide jump = (bb_wide)bb_distance(c->level[i], before) * 100;
        if (before != 0 && jump > (bb_wide)bb_distance(before, 0) * c->parameter[PERCENT])
            bb_finding_at(c, BB_CHECK_JUMP, i, false, p->value.mantissa,
                          bb_mantissa_of_level(c->channel, p, before), p->value.exponent);
        previous = (ptrdiff_t)i;
    }
}
