/* Local days have one name, from wherever they are asked for. */
#include <criterion/criterion.h>

#include <inttypes.h>

#include "derive/like.h"

static const char *const zones[] = {
    "Europe/Amsterdam",  "America/Sao_Paulo", "America/St_Johns",
    "Asia/Kathmandu",    "America/Havana",    "Pacific/Apia",
    "Africa/Casablanca", "Pacific/Kwajalein", "Australia/Lord_Howe"};

/* Clocks that skip midnight, repeat it, or skip a whole day: the day that holds a moment is the one whose
 * bounds hold it. */
Test(like, a_day_is_where_its_bounds_are) {
    static const int32_t starts_s[] = {0, 1800, 2 * 3600, 6 * 3600, 23 * 3600 + 2700};

    for (size_t z = 0; z < sizeof zones / sizeof zones[0]; z++) {
        struct bb_zone *zone;
        struct bb_error error;
        cr_assert_eq(bb_zone_load(NULL, bb_span_of(zones[z]), &zone, &error), 0, "%s", zones[z]);
        for (size_t s = 0; s < sizeof starts_s / sizeof starts_s[0]; s++) {
            struct bb_channel channel = {.calendar = {zone, starts_s[s]}};
            int64_t t = bb_days_from_civil(1992, 1, 1) * (int64_t)BB_DAY_MS;
            int64_t end = bb_days_from_civil(2022, 1, 1) * (int64_t)BB_DAY_MS;
            for (; t < end; t += 7 * (int64_t)BB_HOUR_MS) {
                struct bb_period_bounds day = bb_calendar_period(&channel.calendar, BB_PERIOD_DAY,
                                                                 t);
                struct bb_period_bounds found = bb_like_bounds(&channel,
                                                               bb_like_day_of(&channel, t));
                cr_assert(day.start_ms == found.start_ms && day.end_ms == found.end_ms,
                          "%s from %d s: %" PRId64, zones[z], starts_s[s], t);
            }
        }
        bb_zone_free(zone);
    }
}

/* Apia had no 2011-12-30: its clock went from the 29th 24:00 to the 31st 00:00 at 10:00 UTC. Of the day that
 * begins at 02:00 two hours were left. */
Test(like, what_is_left_of_a_skipped_day) {
    struct bb_zone *zone;
    struct bb_error error;
    const int64_t change = bb_days_from_civil(2011, 12, 30) * (int64_t)BB_DAY_MS +
                           10 * (int64_t)BB_HOUR_MS;

    cr_assert_eq(bb_zone_load(NULL, BB_SPAN("Pacific/Apia"), &zone, &error), 0);
    struct bb_channel channel = {.calendar = {zone, 2 * 3600}};
    cr_assert_eq(bb_like_day_of(&channel, change), bb_days_from_civil(2011, 12, 29));
    cr_assert_eq(bb_like_day_of(&channel, change + 1), bb_days_from_civil(2011, 12, 30));
    cr_assert_eq(bb_like_day_of(&channel, change + 2 * (int64_t)BB_HOUR_MS),
                 bb_days_from_civil(2011, 12, 30));
    cr_assert_eq(bb_like_day_of(&channel, change + 2 * (int64_t)BB_HOUR_MS + 1),
                 bb_days_from_civil(2011, 12, 31));
    bb_zone_free(zone);
}
