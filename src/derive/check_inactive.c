/* Check "inactive": use where master data says that nothing is installed.
 *
 * An interval above the margin, or a register that has risen by more than it, all of whose time lies
 * outside every installation; only where master data knows some. One finding, where such use begins:
 * hard. */
#include "derive/check.h"

enum { MARGIN };

static ptrdiff_t usable_before(const struct bb_window *window, size_t i) {
    const struct bb_point *previous = bb_previous_usable(window, i);

    return previous ? previous - window->points : -1;
}

static bool is_installed(const struct bb_channel *channel, int64_t from_ms, int64_t to_ms) {
    for (uint32_t i = 0; i < channel->installation_count; i++) {
        const struct bb_installation *at = &channel->installations[i];
        if (at->from_ms < to_ms && (at->to_ms == BB_TIME_NONE || at->to_ms > from_ms))
            return true;
    }
    return false;
}

/* Is i told to be use, of what level and since when, while nothing is installed? */
static bool is_use(const struct bb_check_context *c, ptrdiff_t before, size_t i, int64_t *from_ms,
                   int64_t *use) {
    const struct bb_point *points = c->window->points;
    const int64_t thousandth = bb_power_of_ten[-BB_LEVEL_EXPONENT - 3];
    bb_wide level = c->level[i];

    *from_ms = points[i].start_ms;
    if (c->channel->kind == BB_KIND_REGISTER) {
        if (before < 0)
            return false;
        *from_ms = points[before].end_ms;
        level -= c->level[before];
    }
    *use = level > INT64_MAX ? INT64_MAX : (int64_t)level;
    return level > (bb_wide)c->parameter[MARGIN] * thousandth &&
           !is_installed(c->channel, *from_ms, points[i].end_ms);
}

void bb_check_inactive(const struct bb_check_context *c) {
    struct bb_point *points = c->window->points;
    int64_t from_ms, use;

    if (c->channel->installation_count == 0)
        return;
    ptrdiff_t before = usable_before(c->window, c->first);
    bool used_before = before >= 0 && is_use(c, usable_before(c->window, (size_t)before),
                                             (size_t)before, &from_ms, &use);
    for (size_t i = c->first; i < c->last; i++) {
        if (!points[i].usable)
            continue;
        bool used = is_use(c, before, i, &from_ms, &use);
        if (used)
            points[i].checks |= 1u << BB_CHECK_INACTIVE;
        if (used && !used_before) {
            struct bb_finding finding = {.at_ms = points[i].end_ms,
                                         .from_ms = from_ms,
                                         .to_ms = points[i].end_ms,
                                         .a = bb_mantissa_of_level(c->channel, &points[i], use),
                                         .check = BB_CHECK_INACTIVE,
                                         .hard = true,
                                         .exponent = points[i].value.exponent};
            bb_finding_add(c->findings, &finding);
        }
        used_before = used;
        before = (ptrdiff_t)i;
    }
}

void bb_reach_inactive(const int64_t *parameter, struct bb_reach *reach) {
    (void)parameter;
    reach->back_values = 2;
}
