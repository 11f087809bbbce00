/* Check "spike": one value far above everything around it and before it.
 *
 * (x - third) / third > `ratio`, where third is the third greatest of x, of the `days` before
 * (trailing.h) and of the two values to each side. Two high values may thus be a spike each, three
 * are use. A spike is told by what follows: the newest value is not judged. At least `values` must
 * be known of those days, and two of the 60 days before must say what is usual. Formula: the spike
 * check of meter data managements. Hard. */
#include "derive/check.h"
#include "derive/trailing.h"

enum { RATIO, DAYS, VALUES };
enum { BESIDE = 2, TOPS = 3, MIN_DAYS = 2 };

struct tops { /* of the days before a UTC day */
    int64_t until_ms;
    uint64_t values;
    int64_t level[TOPS];
    size_t count;
};

static void find_tops(const struct bb_check_context *c, const struct bb_point *p,
                      struct tops *out) {
    int32_t day = bb_point_day(p), back = (int32_t)c->parameter[DAYS];

    if (p->end_ms <= out->until_ms)
        return;
    out->until_ms = (day + 1) * (int64_t)BB_DAY_MS;
    out->values = bb_trailing_days(c->stat, day) >= MIN_DAYS ? bb_trailing_count(c->stat, day, back)
                                                             : 0;
    out->count = 0;
    while (out->count < TOPS &&
           bb_trailing_top(c->stat, day, back, out->count + 1, &out->level[out->count]))
        out->count++;
}

/* Are both values beside it too near for a spike? That is so of nearly all values. */
static bool is_near(const struct bb_check_context *c, size_t i, int64_t times) {
    const struct bb_window *w = c->window;
    bb_wide level = c->level[i];

    return i > 0 && i + 1 < w->count && w->points[i - 1].usable && w->points[i + 1].usable &&
           (bb_wide)c->level[i - 1] * times >= level && (bb_wide)c->level[i + 1] * times >= level;
}

/* The usable levels up to two before and up to two behind; how many, and whether one is behind. */
static size_t look_beside(const struct bb_check_context *c, size_t i, int64_t *level,
                          bool *followed) {
    const struct bb_window *window = c->window;
    size_t count = 0;

    for (size_t k = i; k-- > 0 && count < BESIDE;)
        if (window->points[k].usable)
            level[count++] = c->level[k];
    size_t before = count;
    for (size_t k = i + 1; k < window->count && count < before + BESIDE; k++)
        if (window->points[k].usable)
            level[count++] = c->level[k];
    *followed = count > before;
    return count;
}

/* The third greatest; INT64_MIN when there are fewer. */
static int64_t third_of(const int64_t *level, size_t count) {
    int64_t greatest[3] = {INT64_MIN, INT64_MIN, INT64_MIN};

    for (size_t i = 0; i < count; i++) {
        int64_t x = level[i];
        for (size_t k = 0; k < 3; k++)
            if (x > greatest[k]) {
                int64_t kept = greatest[k];
                greatest[k] = x;
                x = kept;
            }
    }
    return greatest[2];
}

static size_t count_above(const int64_t *level, size_t count, int64_t limit) {
    size_t above = 0;

    for (size_t i = 0; i < count; i++)
        above += level[i] > limit;
    return above;
}

void bb_check_spike(const struct bb_check_context *c) {
    struct tops tops = {.until_ms = INT64_MIN};
    int64_t level[2 * BESIDE + TOPS + 1];

    if (c->stat->count == 0)
        return;
    for (size_t i = c->first; i < c->last; i++) {
        const struct bb_point *p = &c->window->points[i];
        bool followed;
        if (!p->usable || c->level[i] <= 0 || is_near(c, i, c->parameter[RATIO] + 1))
            continue;
        /* x > (ratio + 1) x third: no more than one other value may be above this */
        int64_t small = (c->level[i] - 1) / (c->parameter[RATIO] + 1);
        size_t count = look_beside(c, i, level, &followed);
        if (!followed || count_above(level, count, small) > 1)
            continue;
        find_tops(c, p, &tops);
        if (tops.values < (uint64_t)c->parameter[VALUES])
            continue;
        for (size_t k = 0; k < tops.count; k++)
            level[count++] = tops.level[k];
        level[count++] = c->level[i];
        int64_t third = third_of(level, count);
        if (third > 0 && third <= small)
            bb_finding_at(c, BB_CHECK_SPIKE, i, true, p->value.mantissa,
                          bb_mantissa_of_level(c->channel, p, third), p->value.exponent);
    }
}

void bb_reach_spike(const int64_t *parameter, struct bb_reach *reach) {
    (void)parameter;
    reach->back_values = BESIDE;
    reach->ahead_values = BESIDE;
    reach->stat = true;
}
