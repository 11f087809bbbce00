/* Check "zero": hours without use where there always was some.
 *
 * A run of zeros without a gap, at least `hours` long. A zero is one up to the margin, and counts only
 * in an hour of the UTC day that was usually used: on the same weekday, in `share` per cent of the
 * weeks before, once three of them are known; on all days until then. And it counts only on a channel
 * that is hardly ever at zero: a home with panels is at noon, for a quarter of an hour at least, even
 * on a day with clouds, and a run of them is no alarm once the sun shines. So days with a zero must be
 * fewer than half, and no more than two and one in ten.
 *
 * What is usual is told by the days before the one that is judged, for all points of a run alike: so
 * a verdict depends on no later day.
 */
#include "derive/check_run_internal.h"
#include "derive/trailing.h"

enum { HOURS, MARGIN, SHARE };
enum {
    MIN_WEEKS = 3,
    RARE_DAYS = 2,    /* days with zeros that may be, and */
    RARE_ONE_IN = 10, /* one more in so many */
    LONGEST_MS = BB_HOUR_MS
};

struct usual {
    struct bb_stat before; /* the judged day */
};

static int64_t margin_an_hour(const struct bb_channel *channel) {
    return channel->pipeline->check[BB_CHECK_ZERO].parameter[MARGIN] *
           bb_power_of_ten[-BB_LEVEL_EXPONENT - 3];
}

int64_t bb_zero_margin(const struct bb_channel *channel, int64_t length_ms) {
    return (int64_t)((bb_wide)margin_an_hour(channel) * length_ms / BB_HOUR_MS);
}

static bool is_zero(const struct bb_check_context *c, size_t i) {
    const struct bb_point *p = &c->window->points[i];
    int64_t length_ms = p->end_ms - p->start_ms, level = c->level[i];
    int64_t an_hour = margin_an_hour(c->channel); /* no shorter interval has more */

    if (!p->usable || level > an_hour || level < -an_hour || length_ms <= 0 ||
        length_ms > LONGEST_MS)
        return false;
    int64_t margin = bb_zero_margin(c->channel, length_ms);
    return level <= margin && level >= -margin;
}

static bool hour_is_used(const struct bb_check_context *c, const struct usual *usual, size_t i) {
    const struct bb_point *p = &c->window->points[i];
    int32_t day = bb_point_day(p);
    int hour = (int)((p->end_ms - 1 - day * (int64_t)BB_DAY_MS) / BB_HOUR_MS);
    /* rows of the judged day and later are not there, whatever the point's day is */
    struct bb_usual u = bb_trailing_usual(&usual->before, day, hour, 2 * BB_STAT_DAYS, MIN_WEEKS);

    return u.seen > 0 && u.used * INT64_C(100) >= c->parameter[SHARE] * u.seen;
}

static enum bb_run_part part(const struct bb_check_context *c, const void *facts, ptrdiff_t before,
                             size_t i) {
    const struct bb_point *points = c->window->points;

    if (!is_zero(c, i) || !hour_is_used(c, facts, i))
        return BB_RUN_APART;
    return before != BB_NO_POINT && points[before].end_ms == points[i].start_ms ? BB_RUN_GOES_ON
                                                                                : BB_RUN_BEGINS;
}

static int64_t begin(const struct bb_check_context *c, ptrdiff_t before, size_t i) {
    (void)before;
    return c->window->points[i].start_ms;
}

static bool enough(const struct bb_check_context *c, int64_t begin_ms, size_t count, size_t i) {
    (void)count;
    return c->window->points[i].end_ms - begin_ms >= c->parameter[HOURS];
}

static void evidence(const struct bb_check_context *c, size_t count, size_t first, size_t last,
                     struct bb_finding *finding) {
    (void)c, (void)first, (void)last;
    finding->a = (int64_t)count;
    finding->b = finding->to_ms - finding->from_ms;
}

/* The days [day - BB_STAT_DAYS, day) when zeros are rare among them, else none. */
static struct bb_stat without_zeros(const struct bb_stat *stat, int32_t day, int64_t margin) {
    size_t first, count = bb_stat_before(stat, day, BB_STAT_DAYS, &first), with = 0;

    for (size_t i = first; i < first + count; i++)
        with += stat->days[i].least <= margin;
    if (2 * with >= count || with > RARE_DAYS + count / RARE_ONE_IN)
        return (struct bb_stat){NULL, 0};
    return (struct bb_stat){&stat->days[first], count};
}

void bb_check_zero(const struct bb_check_context *c) {
    static const struct bb_run_rule rule = {.check = BB_CHECK_ZERO,
                                            .part = part,
                                            .begin = begin,
                                            .enough = enough,
                                            .evidence = evidence};
    const struct bb_point *points = c->window->points;
    struct bb_check_context alike = *c;

    if (!c->channel->one_way || c->stat->count == 0)
        return;
    /* Points of one day and of one length at a time. */
    for (size_t i = c->first; i < c->last; i = alike.last) {
        int32_t day = bb_point_day(&points[i]);
        int64_t midnight = (day + 1) * (int64_t)BB_DAY_MS;
        int64_t length_ms = points[i].end_ms - points[i].start_ms;
        bool zeros = false;
        alike.first = i;
        for (; i < c->last && points[i].end_ms <= midnight &&
               points[i].end_ms - points[i].start_ms == length_ms;
             i++)
            zeros = zeros || is_zero(c, i);
        alike.last = i;
        if (!zeros)
            continue;
        struct usual usual = {without_zeros(c->stat, day, bb_zero_margin(c->channel, length_ms))};
        if (usual.before.count > 0)
            bb_runs_judge(&alike, &rule, &usual);
    }
}

/* To see whether the run was long enough one point before, and where its part of the day begins. */
void bb_reach_zero(const int64_t *parameter, struct bb_reach *reach) {
    int64_t run_ms = parameter[HOURS] + LONGEST_MS;

    reach->back_ms = run_ms > BB_DAY_MS ? run_ms : BB_DAY_MS;
    reach->ahead_ms = run_ms;
    reach->stat = true;
}
