/* Check "low": a value further below zero than is usual where flow has two directions.
 *
 * The limit is `ratio` x the least level of the 60 days before (trailing.h), once `days` of them are
 * known and if that is below zero. Of one-way channels check `negative` speaks; of temperatures, which
 * have no zero to be a multiple of, nobody. Hard. */
#include "derive/check.h"
#include "derive/trailing.h"
#include "model/unit.h"

enum { RATIO, DAYS };

static int64_t usual_limit(const struct bb_check_context *c, int32_t day) {
    int64_t least;

    if (!bb_trailing_least(c->stat, day, BB_STAT_DAYS, (int32_t)c->parameter[DAYS], &least) ||
        least >= 0)
        return INT64_MIN;
    bb_wide limit = (bb_wide)c->parameter[RATIO] * least;
    return limit < INT64_MIN ? INT64_MIN : (int64_t)limit;
}

void bb_check_low(const struct bb_check_context *c) {
    const struct bb_channel *channel = c->channel;
    int64_t limit = INT64_MIN, limit_until = INT64_MIN; /* the UTC day's */

    if (channel->one_way || bb_unit_dimension(channel->metered_unit) == BB_DIMENSION_TEMPERATURE)
        return;
    for (size_t i = c->first; i < c->last; i++) {
        const struct bb_point *p = &c->window->points[i];
        if (!p->usable || c->level[i] >= 0)
            continue;
        if (p->end_ms > limit_until) {
            int32_t day = bb_point_day(p);
            limit = usual_limit(c, day);
            limit_until = (day + 1) * (int64_t)BB_DAY_MS;
        }
        if (c->level[i] < limit)
            bb_finding_at(c, BB_CHECK_LOW, i, true, p->value.mantissa,
                          bb_mantissa_of_level(channel, p, limit), p->value.exponent);
    }
}

void bb_reach_low(const int64_t *parameter, struct bb_reach *reach) {
    (void)parameter;
    reach->stat = true;
}
