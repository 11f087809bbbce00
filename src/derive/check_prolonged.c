/* Check "prolonged": for `days` and longer nothing is known but what the source estimated.
 *
 * A run of days begins behind the last one with a measured value (stat.h), or with the first one that
 * is known; its estimates are spoken about from the day on that makes it long enough, until a measured
 * value comes. Values that are missing altogether do not interrupt it. Findings as for runs (check.h):
 * hard at the first such estimate, not hard at the last one of each UTC day. */
#include "derive/check.h"

enum { DAYS };

/* As BB_STAT_SOME_MEASURED of one value. */
static bool is_measured(const struct bb_point *p) {
    const struct bb_quality *quality = &p->attribute->quality;

    return p->usable &&
           (quality->state == BB_STATE_MEASURED || quality->state == BB_STATE_EDITED ||
            (quality->state == BB_STATE_SUBSTITUTED && (quality->marks & BB_MARK_FINAL)));
}

static bool is_estimate(const struct bb_point *p) {
    return p->usable && p->attribute->quality.state == BB_STATE_ESTIMATED;
}

struct run {
    int32_t day;      /* that it is judged on */
    int64_t until_ms; /* the day's end */
    int32_t begin;    /* its first day */
    bool long_enough; /* on this day */
    bool told;        /* before: there were values on a day on which it was long enough, too */
};

/* By the rows of the days before. */
static struct run run_before(const struct bb_check_context *c, int32_t day) {
    size_t first, i = bb_stat_before(c->stat, day, BB_STAT_DAYS, &first);
    struct run run = {.day = day, .until_ms = (day + 1) * (int64_t)BB_DAY_MS, .begin = day};
    int32_t latest = day; /* the latest day before that has values */

    for (i += first; i-- > first;) {
        const struct bb_stat_day *row = &c->stat->days[i];
        if (row->count == 0)
            continue;
        run.begin = row->day;
        if (row->flags & BB_STAT_SOME_MEASURED) {
            run.begin++;
            break;
        }
        latest = latest == day ? row->day : latest;
    }
    run.long_enough = day - run.begin + 1 >= c->parameter[DAYS];
    run.told = latest < day && latest - run.begin + 1 >= c->parameter[DAYS];
    return run;
}

static void add(const struct bb_check_context *c, const struct run *run, size_t i, bool hard) {
    int64_t end_ms = c->window->points[i].end_ms;
    int32_t from = hard ? run->begin : run->day;
    struct bb_finding finding = {.at_ms = end_ms,
                                 .from_ms = from * (int64_t)BB_DAY_MS,
                                 .to_ms = end_ms,
                                 .a = run->day - run->begin + 1,
                                 .check = BB_CHECK_PROLONGED,
                                 .hard = hard};

    bb_finding_add(c->findings, &finding);
}

/* Is i the last estimate of its UTC day, as far as the next value tells? */
static bool is_last(const struct bb_check_context *c, size_t i) {
    const struct bb_point *points = c->window->points;
    size_t next = i + 1;

    while (next < c->window->count && !points[next].usable)
        next++;
    return next == c->window->count || !is_estimate(&points[next]) ||
           bb_point_day(&points[next]) != bb_point_day(&points[i]);
}

void bb_check_prolonged(const struct bb_check_context *c) {
    struct bb_point *points = c->window->points;
    struct run run = {.until_ms = INT64_MIN};
    size_t i = c->first;

    while (i < c->last && !is_estimate(&points[i]))
        i++;
    if (c->stat->count == 0 || i == c->last)
        return;
    i = c->first;
    /* from the day's beginning on: a measured value there ends the run, an estimate has told it */
    int64_t midnight = bb_point_day(&points[i]) * (int64_t)BB_DAY_MS;
    while (i > 0 && points[i - 1].end_ms > midnight)
        i--;
    for (; i < c->last; i++) {
        if (!points[i].usable)
            continue;
        if (points[i].end_ms > run.until_ms)
            run = run_before(c, bb_point_day(&points[i]));
        run.long_enough = run.long_enough && !is_measured(&points[i]);
        if (!run.long_enough || !is_estimate(&points[i]))
            continue;
        if (i >= c->first) {
            points[i].checks |= 1u << BB_CHECK_PROLONGED;
            if (!run.told)
                add(c, &run, i, true);
            if (is_last(c, i))
                add(c, &run, i, false);
        }
        run.told = true;
    }
}

void bb_reach_prolonged(const int64_t *parameter, struct bb_reach *reach) {
    (void)parameter;
    reach->back_ms = BB_DAY_MS;
    reach->ahead_values = 1;
    reach->stat = true;
}
