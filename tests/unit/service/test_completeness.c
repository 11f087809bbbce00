/* What completeness counts with: values expected in local days of 23, 24 and 25 hours, and up to where
 * values hang together. */
#include <criterion/criterion.h>

#include "service/completeness_internal.h"

static const struct bb_zone *zone_of(const char *name) {
    static struct bb_zone_set *zones;
    const struct bb_zone *zone;
    struct bb_error error;

    zones = zones ? zones : bb_zone_set_new();
    cr_assert_eq(bb_zone_set_get(zones, bb_span_of(name), &zone, &error), 0);
    return zone;
}

static int64_t at(const char *text) {
    int64_t ms;

    cr_assert_eq(bb_time_parse_rfc3339(bb_span_of(text), &ms), BB_TIME_OK, "%s", text);
    return ms;
}

static uint64_t expected_on(const char *zone, int32_t day_start_s, uint32_t interval_s,
                            const char *first, const char *moment) {
    struct bb_calendar calendar = {zone_of(zone), day_start_s};
    struct bb_period_bounds day = bb_calendar_period(&calendar, BB_PERIOD_DAY, at(moment));

    return bb_completeness_expected(calendar.zone, interval_s, at(first), day.start_ms, day.end_ms);
}

enum { QUARTER_S = 900, HOUR_S = 3600, DAY_S = 86400 };

Test(completeness, a_day_expects_its_length_by_the_interval) {
    const char *const first = "2026-01-01T00:00:00Z";
    const char *const zone = "Europe/Amsterdam";

    cr_expect_eq(expected_on(zone, 0, QUARTER_S, first, "2026-03-28T12:00:00Z"), 96);
    cr_expect_eq(expected_on(zone, 0, QUARTER_S, first, "2026-03-29T12:00:00Z"), 92);
    cr_expect_eq(expected_on(zone, 0, QUARTER_S, first, "2026-10-25T12:00:00Z"), 100);
    cr_expect_eq(expected_on(zone, 0, HOUR_S, first, "2026-03-29T12:00:00Z"), 23);
    cr_expect_eq(expected_on(zone, 0, HOUR_S, first, "2026-10-25T12:00:00Z"), 25);
    /* the gas day from 06:00 holds the change that comes at 03:00 of the next date */
    cr_expect_eq(expected_on(zone, 6 * HOUR_S, HOUR_S, first, "2026-03-28T12:00:00Z"), 23);
    cr_expect_eq(expected_on(zone, 6 * HOUR_S, HOUR_S, first, "2026-03-29T12:00:00Z"), 24);
}

Test(completeness, half_hours_that_the_clock_changes_by) {
    const char *const first = "2026-01-01T00:00:00Z";
    const char *const zone = "Australia/Lord_Howe"; /* +10:30, in summer +11:00 */

    cr_expect_eq(expected_on(zone, 0, 1800, first, "2026-04-05T04:00:00Z"), 49);
    cr_expect_eq(expected_on(zone, 0, 1800, first, "2026-10-04T04:00:00Z"), 47);
    /* (2026-04-04T13:00Z, 2026-04-05T13:30Z]: 14:00 to 13:00 are 24 full hours */
    cr_expect_eq(expected_on(zone, 0, HOUR_S, first, "2026-04-05T04:00:00Z"), 24);
    /* (2026-10-03T13:30Z, 2026-10-04T13:00Z]: 14:00 to 13:00 */
    cr_expect_eq(expected_on(zone, 0, HOUR_S, first, "2026-10-04T04:00:00Z"), 24);
}

Test(completeness, whole_days_go_by_the_clock_on_the_wall) {
    const char *const zone = "Europe/Amsterdam";
    const char *const midnight = "2026-01-01T00:00:00+01:00";
    const char *const morning = "2026-01-01T08:00:00+01:00";

    /* by UTC the winter's midnight would end twice in one summer day and never in another */
    for (int day = 27; day <= 30; day++) {
        char noon[] = "2026-03-00T12:00:00Z";
        noon[8] = (char)('0' + day / 10);
        noon[9] = (char)('0' + day % 10);
        cr_expect_eq(expected_on(zone, 0, DAY_S, midnight, noon), 1, "%s", noon);
        cr_expect_eq(expected_on(zone, 0, DAY_S, morning, noon), 1, "%s", noon);
    }
    cr_expect_eq(expected_on(zone, 0, DAY_S, midnight, "2026-10-25T12:00:00Z"), 1);
    /* weekly, Thursdays at 08:00: 2026-03-26 and 2026-04-02 */
    cr_expect_eq(expected_on(zone, 0, 7 * DAY_S, morning, "2026-03-26T12:00:00Z"), 1);
    cr_expect_eq(expected_on(zone, 0, 7 * DAY_S, morning, "2026-03-29T12:00:00Z"), 0);
    cr_expect_eq(expected_on(zone, 0, 7 * DAY_S, morning, "2026-04-02T12:00:00Z"), 1);
}

Test(completeness, the_first_day_expects_from_the_first_on) {
    const struct bb_zone *utc = zone_of("UTC");
    int64_t start = at("2026-03-01T00:00:00Z"), end = at("2026-03-02T00:00:00Z");
    int64_t first = at("2026-03-01T10:00:00Z");

    cr_expect_eq(bb_completeness_expected(utc, HOUR_S, first, start, end), 15, "10:00 to 24:00");
    cr_expect_eq(bb_completeness_expected(utc, HOUR_S, end, start, end), 1, "at its very end");
    cr_expect_eq(bb_completeness_expected(utc, HOUR_S, end + 1, start, end), 0);
    cr_expect_eq(bb_completeness_expected(utc, HOUR_S, start, start, end), 24,
                 "its own day before");
    cr_expect_eq(bb_completeness_expected(utc, HOUR_S, first, start, first - 1), 0);
    cr_expect_eq(bb_completeness_expected(utc, HOUR_S, first, start, first + 5400000), 2);
    /* seven hours do not divide a day: 10, 17, 24; then 7, 14, 21 */
    cr_expect_eq(bb_completeness_expected(utc, 7 * HOUR_S, first, start, end), 3);
    cr_expect_eq(bb_completeness_expected(utc, 7 * HOUR_S, first, end, end + BB_DAY_MS), 3);
}

Test(completeness, intervals_hang_together_without_a_gap) {
    struct bb_completeness_chain chain = {.to_ms = 100};

    bb_completeness_chain_add(&chain, 100, 200);
    bb_completeness_chain_add(&chain, 150, 250); /* overlaps */
    bb_completeness_chain_add(&chain, 210, 240); /* lies within */
    cr_expect_eq(chain.to_ms, 250);
    cr_expect_not(chain.is_broken);
    bb_completeness_chain_add(&chain, 251, 300);
    cr_expect(chain.is_broken);
    cr_expect_eq(chain.to_ms, 250);
    bb_completeness_chain_add(&chain, 250, 260); /* too late: nothing follows a gap */
    cr_expect_eq(chain.to_ms, 250);
}

Test(completeness, instants_hang_together_within_their_reach) {
    struct bb_completeness_chain chain = {.to_ms = BB_TIME_NONE, .reach_ms = 90};

    bb_completeness_chain_add(&chain, 1000, 1000);
    bb_completeness_chain_add(&chain, 1090, 1090);
    cr_expect_eq(chain.to_ms, 1090);
    cr_expect_not(chain.is_broken);
    bb_completeness_chain_add(&chain, 1181, 1181);
    cr_expect(chain.is_broken);
    cr_expect_eq(chain.to_ms, 1090);
}
