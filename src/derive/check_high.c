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
enum { EARLY_DAYS = 2 };

static int64_t saturated(bb_wide level) {
    return level > INT64_MAX ? INT64_MAX : (int64_t)level;
}

static int64_t usual_limit(const int64_t *parameter, const struct bb_stat *stat, int32_t day,
                           enum bb_high_source *source) {
    bb_wide ratio = parameter[RATIO];
    int64_t high;

    *source = BB_HIGH_USUAL;
    if (!bb_trailing_high(stat, day, BB_STAT_DAYS, (int32_t)parameter[DAYS], &high)) {
        *source = BB_HIGH_EARLY;
        ratio *= BB_HIGH_EARLY_RATIO;
        if (!bb_trailing_high(stat, day, BB_STAT_DAYS, EARLY_DAYS, &high))
            return INT64_MAX;
    }
    return high > 0 ? saturated(ratio * high) : INT64_MAX;
}

static bool has_capacity(const struct bb_channel *channel) {
    return channel->kind == BB_KIND_INTERVAL && channel->capacity > 0;
}

int64_t bb_high_limit(const struct bb_channel *channel, const int64_t *parameter,
                      const struct bb_stat *stat, int32_t day, int64_t length_ms,
                      enum bb_high_source *source) {
    if (!has_capacity(channel))
        return usual_limit(parameter, stat, day, source);
    *source = BB_HIGH_CONNECTION;
    return saturated((bb_wide)channel->capacity * length_ms / BB_HOUR_MS);
}

/* The day's limit is no lower than a floor that is cheap to know, and nearly all values are below that. */
static int64_t floor_of(const struct bb_check_context *c, int32_t day) {
    bb_wide floor = bb_trailing_floor(c->stat, day, BB_STAT_DAYS);

    return saturated(floor * c->parameter[RATIO]);
}

void bb_check_high(const struct bb_check_context *c) {
    const struct bb_channel *channel = c->channel;
    const bool capacity = has_capacity(channel);
    int64_t limit = INT64_MAX, floor = 0, floor_until = INT64_MIN; /* the UTC day's */
    bool limit_is_known = false;
    enum bb_high_source source;

    if (bb_unit_dimension(channel->metered_unit) == BB_DIMENSION_TEMPERATURE)
        return;
    for (size_t i = c->first; i < c->last; i++) {
        const struct bb_point *p = &c->window->points[i];
        if (!p->usable || c->level[i] <= 0)
            continue;
        if (!capacity && p->end_ms > floor_until) {
            int32_t day = bb_point_day(p);
            floor = floor_of(c, day);
            floor_until = (day + 1) * (int64_t)BB_DAY_MS;
            limit_is_known = false;
        }
        if (!capacity && c->level[i] <= floor)
            continue;
        if (capacity || !limit_is_known)
            limit = bb_high_limit(channel, c->parameter, c->stat, bb_point_day(p),
                                  p->end_ms - p->start_ms, &source);
        limit_is_known = true;
        if (c->level[i] > limit)
            bb_finding_at(c, BB_CHECK_HIGH, i, true, p->value.mantissa,
                          bb_mantissa_of_level(channel, p, limit), p->value.exponent);
    }
}

void bb_reach_high(const int64_t *parameter, struct bb_reach *reach) {
    (void)parameter;
    reach->stat = true;
}
