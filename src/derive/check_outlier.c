/* Check "outlier": a value far from what is usual at that hour of the week.
 *
 * |x - median| > `mads` x MAD over the values at the same weekday and hour of the UTC day within the 60
 * days before, at least `values` of them; MAD is the median of their distances from the median. Where
 * that is 0, most are equal and nothing can be said. Not hard. */
#include "derive/check.h"
#include "derive/median.h"

enum { MADS, VALUES };
enum {
    DAYS_A_WEEK = 7,
    WEEKS = BB_STAT_DAYS / DAYS_A_WEEK,
    VALUES_MAX = 512 /* the latest ones: a value a minute, in eight weeks */
};

struct usual { /* at one hour of the week */
    int64_t hour_ms, median, mad;
    bool known;
};

static void find_usual(const struct bb_check_context *c, int64_t hour_ms, struct usual *out) {
    int64_t level[VALUES_MAX];
    size_t count = 0;

    *out = (struct usual){.hour_ms = hour_ms};
    for (int week = 1; week <= WEEKS; week++) {
        int64_t from_ms = hour_ms - (int64_t)week * DAYS_A_WEEK * BB_DAY_MS;
        for (size_t i = bb_window_after(c->window, from_ms);
             i < c->window->count && c->window->points[i].end_ms <= from_ms + BB_HOUR_MS; i++)
            if (c->window->points[i].usable && count < VALUES_MAX)
                level[count++] = c->level[i];
    }
    if (count == 0 || count < (size_t)c->parameter[VALUES])
        return;
    out->median = bb_median(level, count);
    for (size_t i = 0; i < count; i++)
        level[i] = bb_distance(level[i], out->median);
    out->mad = bb_median(level, count);
    out->known = out->mad > 0;
}

void bb_check_outlier(const struct bb_check_context *c) {
    struct usual usual = {.hour_ms = INT64_MIN};

    for (size_t i = c->first; i < c->last; i++) {
        const struct bb_point *p = &c->window->points[i];
        if (!p->usable)
            continue;
        int64_t day_ms = bb_point_day(p) * (int64_t)BB_DAY_MS;
        int64_t hour_ms = day_ms + (p->end_ms - 1 - day_ms) / BB_HOUR_MS * BB_HOUR_MS;
        if (hour_ms != usual.hour_ms)
            find_usual(c, hour_ms, &usual);
        if (usual.known &&
            bb_distance(c->level[i], usual.median) > (bb_wide)c->parameter[MADS] * usual.mad)
            bb_finding_at(c, BB_CHECK_OUTLIER, i, false, p->value.mantissa,
                          bb_mantissa_of_level(c->channel, p, usual.median), p->value.exponent);
    }
}

void bb_reach_outlier(const int64_t *parameter, struct bb_reach *reach) {
    (void)parameter;
    reach->back_ms = BB_STAT_DAYS * (int64_t)BB_DAY_MS;
}
