/* Check "high": a value above everything that the connection can carry or that is usual.
 *
 * The limit is the connection's capacity over the length of the interval where master data knows it,
 * else `ratio` x the level that 99.9 % of the values of the 60 days before did not exceed
 * (trailing.h), once `days` of them say what is usual; before that, from the second on, ten times as
 * much, which no home exceeds when it is lived in again, but Wh that are called kWh do. Nothing is said
 * where that level is not above zero, nor of temperatures, which have no zero to be a multiple of.
 * Hard. */
#include "derive/check.h"
#include "derive/trailing.h"
#include "model/unit.h"

enum { RATIO, DAYS };
enum { EARLY_DAYS = 2, EARLY_RATIO = 10 };

static int64_t saturated(bb_wide level) {
    return level > INT64_MAX ? INT64_MAX : (int64_t)level;
}

static int64_t usual_limit(const struct bb_check_context *c, int32_t day) {
    bb_wide ratio = c->parameter[RATIO];
    int64_t high;

    if (!bb_trailing_high(c->stat, day, BB_STAT_DAYS, (int32_t)c->parameter[DAYS], &high)) {
        ratio *= EARLY_RATIO;
        if (!bb_trailing_high(c->stat, day, BB_STAT_DAYS, EARLY_DAYS, &high))
            return INT64_MAX;
    }
    return high > 0 ? saturated(ratio * high) : INT64_MAX;
}

void bb_check_high(const struct bb_check_context *c) {
    const struct bb_channel *channel = c->channel;
    bool capacity = channel->kind == BB_KIND_INTERVAL && channel->capacity > 0;
    int64_t limit = INT64_MAX, limit_until = INT64_MIN; /* the UTC day's */
    int64_t floor = 0; /* the limit is no lower, and nearly all values are not above it */
    bool limit_is_known = false;

    if (bb_unit_dimension(channel->metered_unit) == BB_DIMENSION_TEMPERATURE)
        return;
    for (size_t i = c->first; i < c->last; i++) {
        const struct bb_point *p = &c->window->points[i];
        if (!p->usable || c->level[i] <= 0)
            continue;
        if (capacity) {
            bb_wide carried = (bb_wide)channel->capacity * (p->end_ms - p->start_ms);
            limit = saturated(carried / BB_HOUR_MS);
        } else if (p->end_ms > limit_until) {
            limit_until = (bb_point_day(p) + 1) * (int64_t)BB_DAY_MS;
            floor = bb_trailing_floor(c->stat, bb_point_day(p), BB_STAT_DAYS);
            floor = saturated((bb_wide)c->parameter[RATIO] * floor);
            limit = INT64_MAX;
            limit_is_known = false;
        }
        if (!capacity && c->level[i] > floor && !limit_is_known) {
            limit = usual_limit(c, bb_point_day(p));
            limit_is_known = true;
        }
        if (c->level[i] > limit)
            bb_finding_at(c, BB_CHECK_HIGH, i, true, p->value.mantissa,
                          bb_mantissa_of_level(channel, p, limit), p->value.exponent);
    }
}

void bb_reach_high(const int64_t *parameter, struct bb_reach *reach) {
    (void)parameter;
    reach->stat = true;
}
