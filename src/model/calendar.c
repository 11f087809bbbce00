/* Local days, months and years: see calendar.h.
 *
 * A boundary is the first moment at which the wall clock has reached it (bb_zone_first_at): in a
 * repeated hour the first pass, in a skipped one the change. Boundaries never fall as dates grow,
 * so the period of a moment is found from its civil date and, where a change has moved the
 * boundary, one step beside it. A date that a zone left out (Samoa, 2011-12-30) is empty.
 *
 * Days (nearly all of them) that lie well inside a stretch without change are plain arithmetic.
 */
#include "model/calendar.h"

/* So far from both ends of a stretch that no other offset can have a say. */
static const int64_t margin_ms = 2LL * BB_ZONE_OFFSET_MAX_S * BB_SECOND_MS + 2LL * BB_DAY_MS;

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

static int64_t day_start_ms(const struct bb_calendar *calendar) {
    return (int64_t)calendar->day_start_s * BB_SECOND_MS;
}

/* The number of a period since 1970: days, months or years. */
static int64_t period_of_date(enum bb_period period, int64_t days) {
    struct bb_civil civil;

    if (period == BB_PERIOD_DAY)
        return days;
    bb_civil_from_days(days, &civil);
    return period == BB_PERIOD_YEAR ? civil.year : (int64_t)civil.year * 12 + civil.month - 1;
}

static int64_t period_start(const struct bb_calendar *calendar, enum bb_period period,
                            int64_t number) {
    int64_t days = number;

    if (period == BB_PERIOD_MONTH) {
        int64_t year = floor_div(number, 12);
        days = bb_days_from_civil((int)year, (int)(number - year * 12) + 1, 1);
    } else if (period == BB_PERIOD_YEAR) {
        days = bb_days_from_civil((int)number, 1, 1);
    }
    return bb_zone_first_at(calendar->zone, days * BB_DAY_MS + day_start_ms(calendar));
}

static bool is_steady(struct bb_zone_stretch stretch, int64_t t) {
    return (stretch.from_ms == INT64_MIN || t - margin_ms > stretch.from_ms) &&
           (stretch.until_ms == INT64_MAX || t + margin_ms < stretch.until_ms);
}

static struct bb_period_bounds steady_day(int64_t shift_ms, int64_t t) {
    int64_t start = floor_div(t - 1 + shift_ms, BB_DAY_MS) * BB_DAY_MS - shift_ms;
    return (struct bb_period_bounds){start, start + BB_DAY_MS};
}

/* Milliseconds from UTC to the clock that shows zero when a day begins. */
static int64_t day_shift_ms(const struct bb_calendar *calendar, int32_t offset_s) {
    return (int64_t)offset_s * BB_SECOND_MS - day_start_ms(calendar);
}

static struct bb_period_bounds find_period(const struct bb_calendar *calendar,
                                           enum bb_period period, int64_t t,
                                           struct bb_zone_stretch stretch) {
    int64_t days = floor_div(t - 1 + day_shift_ms(calendar, stretch.offset_s), BB_DAY_MS);
    int64_t number = period_of_date(period, days);
    struct bb_period_bounds bounds = {period_start(calendar, period, number),
                                      period_start(calendar, period, number + 1)};

    while (t <= bounds.start_ms) {
        bounds.end_ms = bounds.start_ms;
        bounds.start_ms = period_start(calendar, period, --number);
    }
    while (t > bounds.end_ms) {
        bounds.start_ms = bounds.end_ms;
        bounds.end_ms = period_start(calendar, period, ++number + 1);
    }
    return bounds;
}

static struct bb_period_bounds find_day(const struct bb_calendar *calendar, int64_t t,
                                        struct bb_zone_stretch stretch) {
    if (is_steady(stretch, t))
        return steady_day(day_shift_ms(calendar, stretch.offset_s), t);
    return find_period(calendar, BB_PERIOD_DAY, t, stretch);
}

/* Hours are counted from the day's start; where the day's length is no whole number of them, the
 * last is shorter. */
static struct bb_period_bounds hour_of_day(struct bb_period_bounds day, int64_t t) {
    int64_t start = day.start_ms + (t - 1 - day.start_ms) / BB_HOUR_MS * BB_HOUR_MS;
    int64_t end = start + BB_HOUR_MS;

    return (struct bb_period_bounds){start, end < day.end_ms ? end : day.end_ms};
}

/* 36 million years either way: dates of int years, with room for every sum made here. */
static int64_t within_reason(int64_t t) {
    const int64_t limit = INT64_MAX / 8;
    return t > limit ? limit : t < -limit ? -limit : t;
}

struct bb_period_bounds bb_calendar_period(const struct bb_calendar *calendar,
                                           enum bb_period period, int64_t t) {
    t = within_reason(t);

    struct bb_zone_stretch stretch = bb_zone_stretch_at(calendar->zone, t);
    switch (period) {
    case BB_PERIOD_HOUR: return hour_of_day(find_day(calendar, t, stretch), t);
    case BB_PERIOD_DAY: return find_day(calendar, t, stretch);
    case BB_PERIOD_MONTH:
    case BB_PERIOD_YEAR: break;
    }
    return find_period(calendar, period, t, stretch);
}

struct bb_period_bounds bb_day_cache_find(struct bb_day_cache *cache,
                                          const struct bb_calendar *calendar, int64_t t) {
    if (cache->zone == calendar->zone && cache->day_start_s == calendar->day_start_s) {
        if (t > cache->last.start_ms && t <= cache->last.end_ms)
            return cache->last;
        if (t > cache->steady_from_ms && t < cache->steady_until_ms)
            return cache->last = steady_day(cache->shift_ms, t);
    }
    t = within_reason(t);

    struct bb_zone_stretch stretch = bb_zone_stretch_at(calendar->zone, t);
    bool open_before = stretch.from_ms == INT64_MIN, open_behind = stretch.until_ms == INT64_MAX;
    *cache = (struct bb_day_cache){
        .zone = calendar->zone,
        .day_start_s = calendar->day_start_s,
        .last = find_day(calendar, t, stretch),
        .steady_from_ms = open_before ? within_reason(INT64_MIN) : stretch.from_ms + margin_ms,
        .steady_until_ms = open_behind ? within_reason(INT64_MAX) : stretch.until_ms - margin_ms,
        .shift_ms = day_shift_ms(calendar, stretch.offset_s),
    };
    return cache->last;
}
