/* Profiles: weights by hand over days of 23, 24 and 25 hours, gas days, holidays; registers that run like
 * degree days; parts that sum to the whole. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/random.h"
#include "derive/estimate.h"
#include "derive/like.h"
#include "derive/periodise.h"
#include "derive/profile.h"
#include "derive/register.h"
#include "model/unit.h"
#include "support/seeds.h"

enum { POINTS_MAX = 64, SLOTS = 24, ONE = BB_MASTER_WEIGHT_ONE };

#define HOURS(n) ((n) * (int64_t)BB_HOUR_MS)
/* An hour that weighs day × shape (both as numbers, not millionths). */
#define WEIGHS(day, shape) ((bb_wide)(day)*ONE * (shape)*ONE * BB_HOUR_MS)

struct bench {
    struct bb_channel channel;
    struct bb_pipeline pipeline;
    struct bb_zone *zone;
    struct bb_arena arena;
    struct bb_attribute attributes[POINTS_MAX];
    struct bb_point points[POINTS_MAX], rows[BB_PERIOD_ROWS_MAX];
    struct bb_window vee, out;
    struct bb_profile_sums sums;
    struct bb_error error;
};

static void bench_init(struct bench *b, const char *zone, int32_t day_start_s) {
    *b = (struct bench){.vee = {.capacity = POINTS_MAX}};
    bb_arena_init(&b->arena, 1 << 20, 256 << 20);
    bb_pipeline_defaults(&b->pipeline);
    cr_assert_eq(bb_zone_load(NULL, bb_span_of(zone), &b->zone, &b->error), 0, "%s", zone);
    b->channel = (struct bb_channel){.kind = BB_KIND_REGISTER,
                                     .derived_unit = BB_UNIT_KWH,
                                     .metered_unit = BB_UNIT_KWH,
                                     .calendar = {b->zone, day_start_s},
                                     .pipeline = &b->pipeline};
    b->vee.points = b->points;
}

static void bench_release(struct bench *b) {
    bb_arena_release(&b->arena);
    bb_zone_free(b->zone);
}

static void use(struct bench *b, const struct bb_master_profile *profile) {
    cr_assert_null(bb_master_profile_fault(profile), "%s", bb_master_profile_fault(profile));
    cr_assert_eq(bb_profile_make(profile, &b->arena, &b->channel.profile, &b->error), 0);
    b->sums = (struct bb_profile_sums){0};
}

static int32_t date(int year, int month, int day) {
    return (int32_t)bb_days_from_civil(year, month, day);
}

static int64_t utc(int year, int month, int day, int hour, int minute) {
    return date(year, month, day) * (int64_t)BB_DAY_MS + HOURS(hour) +
           minute * (int64_t)BB_MINUTE_MS;
}

static void put(struct bench *b, int64_t t, int64_t mantissa, int exponent) {
    struct bb_attribute *a = &b->attributes[b->vee.count];

    *a = (struct bb_attribute){.unit = BB_UNIT_KWH, .exponent = (int8_t)exponent};
    struct bb_point p = {.start_ms = t,
                         .end_ms = t,
                         .value = {mantissa, (int8_t)exponent},
                         .attribute = a,
                         .usable = true};
    cr_assert(bb_window_put(&b->vee, &p));
}

/* The row of a period, from what is known of the one before; and the same without. */
static const struct bb_point *period(struct bench *b, int64_t from_ms, int64_t to_ms) {
    struct bb_period_bounds bounds = {from_ms, to_ms};
    struct bb_decimal value = {0, 0};

    for (int with = 0; with < 2; with++) {
        b->out = (struct bb_window){.points = b->rows, .capacity = BB_PERIOD_ROWS_MAX};
        cr_assert_eq(bb_periodise(&b->channel, &b->vee, bounds, with ? &b->sums : NULL, &b->arena,
                                  &b->out, &b->error),
                     0);
        if (b->out.count == 0)
            return NULL;
        cr_assert(!with || bb_decimal_equal(value, b->rows[0].value));
        value = b->rows[0].value;
    }
    return &b->rows[0];
}

/* The value of the local day that holds t. */
static void expect_day(struct bench *b, int64_t t, int64_t mantissa, int exponent) {
    struct bb_period_bounds day = bb_calendar_period(&b->channel.calendar, BB_PERIOD_DAY, t);
    const struct bb_point *p = period(b, day.start_ms, day.end_ms);

    cr_assert_not_null(p);
    cr_expect(bb_decimal_equal(p->value, (struct bb_decimal){mantissa, (int8_t)exponent}),
              "%" PRId64 "e%d, not %" PRId64 "e%d", p->value.mantissa, p->value.exponent, mantissa,
              exponent);
    cr_expect_eq(p->attribute->quality.state, BB_STATE_ESTIMATED);
}

static void expect_weight(const struct bench *b, int64_t from_ms, int64_t to_ms, bb_wide expected) {
    bb_wide weight = bb_profile_weight(&b->channel, from_ms, to_ms);

    cr_expect(weight == expected, "%.17g, not %.17g", (double)weight, (double)expected);
}

/* ---- days */

Test(profile, a_register_runs_like_degree_days) {
    struct bb_master_day_weight days[] = {{date(2026, 1, 13), 3 * ONE},
                                          {date(2026, 1, 11), 1 * ONE},
                                          {date(2026, 1, 12), 2 * ONE},
                                          {date(2026, 1, 14), 4 * ONE}};
    struct bench b;

    bench_init(&b, "Europe/Amsterdam", 0);
    put(&b, utc(2026, 1, 10, 23, 0), 0, 0);
    put(&b, utc(2026, 1, 14, 23, 0), 100, 0);
    expect_day(&b, utc(2026, 1, 11, 12, 0), 25, 0); /* without a profile */
    use(&b, &(struct bb_master_profile){.days = days, .day_count = 4});
    for (int n = 1; n <= 4; n++)
        expect_day(&b, utc(2026, 1, 10 + n, 12, 0), n * 10, 0);
    /* Half of the third day's time is half of its amount. */
    const struct bb_point *p = period(&b, utc(2026, 1, 12, 23, 0), utc(2026, 1, 13, 11, 0));
    cr_expect(bb_decimal_equal(p->value, (struct bb_decimal){15, 0}));
    bench_release(&b);
}

Test(profile, the_boundary_is_rounded_once) {
    struct bb_master_day_weight days[] = {
        {date(2026, 1, 1), 1 * ONE}, {date(2026, 1, 2), 1 * ONE}, {date(2026, 1, 3), 1 * ONE}};
    struct bench b;

    bench_init(&b, "UTC", 0);
    use(&b, &(struct bb_master_profile){.days = days, .day_count = 3});
    put(&b, utc(2026, 1, 1, 0, 0), 0, 0);
    put(&b, utc(2026, 1, 4, 0, 0), 100, 0);
    expect_day(&b, utc(2026, 1, 1, 12, 0), 33333, -3);
    expect_day(&b, utc(2026, 1, 2, 12, 0), 33334, -3); /* 66.667 - 33.333 */
    expect_day(&b, utc(2026, 1, 3, 12, 0), 33333, -3);
    bench_release(&b);
}

Test(profile, a_date_that_is_not_listed_has_the_mean_of_its_month) {
    struct bb_master_day_weight days[] = {
        {date(2025, 1, 30), 4 * ONE}, {date(2025, 1, 31), 8 * ONE}, {date(2025, 2, 1), 3 * ONE}};
    struct bench b;

    bench_init(&b, "UTC", 0);
    use(&b, &(struct bb_master_profile){.days = days, .day_count = 3});
    expect_weight(&b, utc(2025, 1, 31, 0, 0), utc(2025, 2, 1, 0, 0), WEIGHS(8, 1) * 24);
    expect_weight(&b, utc(2025, 1, 1, 0, 0), utc(2025, 1, 2, 0, 0), WEIGHS(6, 1) * 24);
    expect_weight(&b, utc(2031, 1, 7, 0, 0), utc(2031, 1, 7, 1, 0), WEIGHS(6, 1));
    expect_weight(&b, utc(2024, 2, 29, 0, 0), utc(2024, 2, 29, 1, 0), WEIGHS(3, 1));
    expect_weight(&b, utc(2025, 7, 1, 0, 0), utc(2025, 7, 1, 1, 0), WEIGHS(5, 1)); /* of all */
    bench_release(&b);
}

Test(profile, a_hole_in_the_list_is_no_matter) {
    struct bb_master_day_weight days[] = {{date(2026, 3, 1), 1 * ONE},
                                          {date(2026, 3, 9), 9 * ONE},
                                          {date(2026, 3, 9), 11 * ONE}, /* twice: the least */
                                          {date(2026, 3, 31), 2 * ONE}};
    struct bench b;

    bench_init(&b, "UTC", 0);
    use(&b, &(struct bb_master_profile){.days = days, .day_count = 4});
    expect_weight(&b, utc(2026, 3, 9, 5, 0), utc(2026, 3, 9, 6, 0), WEIGHS(9, 1));
    expect_weight(&b, utc(2026, 3, 31, 5, 0), utc(2026, 3, 31, 6, 0), WEIGHS(2, 1));
    expect_weight(&b, utc(2026, 3, 5, 5, 0), utc(2026, 3, 5, 6, 0), WEIGHS(4, 1));
    bench_release(&b);
}

/* ---- shapes */

static int64_t hours_of_day[SLOTS], ones[] = {ONE}, fives[] = {5 * ONE};

/* The hour h weighs h + 1 on working days, 1 on a Saturday and 5 on a Sunday. */
static struct bb_master_profile shaped(struct bb_master_shape *shape) {
    for (int h = 0; h < SLOTS; h++)
        hours_of_day[h] = (h + 1) * ONE;
    *shape = (struct bb_master_shape){.season = {1, 12},
                                      .working = hours_of_day,
                                      .working_count = SLOTS,
                                      .saturday = ones,
                                      .saturday_count = 1,
                                      .sunday = fives,
                                      .sunday_count = 1};
    return (struct bb_master_profile){.shapes = shape, .shape_count = 1};
}

Test(profile, slots_are_of_the_clock_on_the_wall) {
    struct bb_master_shape shape;
    struct bb_master_profile profile = shaped(&shape);
    int32_t holiday = date(2026, 4, 27);
    struct bench b;

    bench_init(&b, "Europe/Amsterdam", 0);
    use(&b, &profile);
    /* Monday 2026-06-01, from 22:00 UTC of the day before: 1 + 2 + ... + 24 */
    expect_weight(&b, utc(2026, 5, 31, 22, 0), utc(2026, 6, 1, 22, 0), WEIGHS(1, 300));
    expect_weight(&b, utc(2026, 6, 1, 6, 0), utc(2026, 6, 1, 7, 0), WEIGHS(1, 9)); /* 08:00 */
    /* A quarter of the hour 8 and half of the hour 9: 9/4 + 10/2 */
    expect_weight(&b, utc(2026, 6, 1, 6, 45), utc(2026, 6, 1, 7, 30), WEIGHS(1, 29) / 4);
    /* Friday's last hour, Saturday, Sunday's first two */
    expect_weight(&b, utc(2026, 6, 5, 21, 0), utc(2026, 6, 7, 0, 0), WEIGHS(1, 24 + 24 + 2 * 5));
    expect_weight(&b, utc(2026, 4, 26, 22, 0), utc(2026, 4, 27, 22, 0), WEIGHS(1, 300));
    b.channel.holidays = &holiday;
    b.channel.holiday_count = 1;
    expect_weight(&b, utc(2026, 4, 26, 22, 0), utc(2026, 4, 27, 22, 0), WEIGHS(1, 5 * 24));
    bench_release(&b);
}

/* Both changes fall on Sundays; on a list of holidays-turned-workdays they would not. So the shape of
 * working days is told for Sundays here. */
Test(profile, days_of_23_and_25_hours) {
    struct bb_master_shape shape;
    struct bb_master_profile profile = shaped(&shape);
    struct bb_master_day_weight days[] = {{date(2025, 3, 30), 2 * ONE}};
    struct bench b;

    shape.sunday = hours_of_day;
    shape.sunday_count = SLOTS;
    bench_init(&b, "Europe/Amsterdam", 0);
    use(&b, &profile);
    /* 02:00 does not exist: 300 - 3 */
    expect_weight(&b, utc(2025, 3, 29, 23, 0), utc(2025, 3, 30, 22, 0), WEIGHS(1, 297));
    expect_weight(&b, utc(2025, 3, 30, 0, 0), utc(2025, 3, 30, 2, 0), WEIGHS(1, 2 + 4));
    /* 02:00 comes twice */
    expect_weight(&b, utc(2025, 10, 25, 22, 0), utc(2025, 10, 26, 23, 0), WEIGHS(1, 303));
    expect_weight(&b, utc(2025, 10, 25, 23, 30), utc(2025, 10, 26, 1, 30),
                  WEIGHS(1, 2) / 2 + WEIGHS(1, 3) + WEIGHS(1, 3) / 2);
    profile.days = days;
    profile.day_count = 1;
    use(&b, &profile);
    expect_weight(&b, utc(2025, 3, 29, 23, 0), utc(2025, 3, 30, 22, 0), WEIGHS(2, 297));
    bench_release(&b);
}

Test(profile, a_half_hours_change_cuts_a_slot) {
    struct bb_master_shape shape;
    struct bb_master_profile profile = shaped(&shape);
    struct bench b;

    shape.sunday = hours_of_day;
    shape.sunday_count = SLOTS;
    bench_init(&b, "Australia/Lord_Howe", 0);
    use(&b, &profile);
    /* 2025-04-06: at 02:00 the clock goes back to 01:30: half an hour of the slot 1 once more */
    struct bb_period_bounds day = bb_calendar_period(&b.channel.calendar, BB_PERIOD_DAY,
                                                     utc(2025, 4, 6, 0, 0));
    cr_assert_eq(day.end_ms - day.start_ms, HOURS(24) + 30 * BB_MINUTE_MS);
    expect_weight(&b, day.start_ms, day.end_ms, WEIGHS(1, 301));
    bench_release(&b);
}

/* Date, type and month are those of the gas day, slots those of the clock. */
Test(profile, a_gas_day) {
    struct bb_master_shape shape;
    struct bb_master_profile profile = shaped(&shape);
    struct bb_master_day_weight days[] = {{date(2026, 1, 30), 2 * ONE}, /* Friday */
                                          {date(2026, 1, 31), 3 * ONE}};
    struct bench b;

    bench_init(&b, "Europe/Amsterdam", 6 * 3600);
    profile.days = days;
    profile.day_count = 2;
    use(&b, &profile);
    /* Friday 06:00 to Saturday 06:00: hours 6..23 and 0..5 of a working day */
    expect_weight(&b, utc(2026, 1, 30, 5, 0), utc(2026, 1, 31, 5, 0), WEIGHS(2, 300));
    /* Saturday 02:00 is Friday's, the slot 2 */
    expect_weight(&b, utc(2026, 1, 31, 1, 0), utc(2026, 1, 31, 2, 0), WEIGHS(2, 3));
    /* Sunday, February 1st, 03:00 is Saturday's of January */
    expect_weight(&b, utc(2026, 2, 1, 2, 0), utc(2026, 2, 1, 3, 0), WEIGHS(3, 1));
    expect_weight(&b, utc(2026, 1, 31, 4, 30), utc(2026, 1, 31, 5, 30),
                  WEIGHS(2, 6) / 2 + WEIGHS(3, 1) / 2);
    bench_release(&b);
}

Test(profile, seasons_and_months) {
    int64_t months[12] = {ONE, ONE, ONE, ONE, ONE, ONE / 2, ONE, ONE, ONE, ONE, 2 * ONE, 3333333};
    int64_t half_hours[48], quarters[96];
    for (int i = 0; i < 48; i++)
        half_hours[i] = (i % 2 ? 3 : 1) * ONE;
    for (int i = 0; i < 96; i++)
        quarters[i] = i == 95 ? ONE : 0;
    struct bb_master_shape shapes[] = {
        {.season = {4, 10}, .working = half_hours, .working_count = 48},
        {.season = {11, 3}, .working = quarters, .working_count = 96},
    };
    struct bench b;

    bench_init(&b, "UTC", 0);
    use(&b, &(struct bb_master_profile){
                .months = months, .month_count = 12, .shapes = shapes, .shape_count = 2});
    expect_weight(&b, utc(2026, 5, 3, 0, 0), utc(2026, 5, 4, 0, 0), WEIGHS(1, 48));
    expect_weight(&b, utc(2026, 6, 3, 0, 0), utc(2026, 6, 4, 0, 0), WEIGHS(1, 24));
    expect_weight(&b, utc(2026, 6, 3, 7, 30), utc(2026, 6, 3, 8, 0), WEIGHS(1, 3) / 4);
    expect_weight(&b, utc(2026, 11, 3, 0, 0), utc(2026, 11, 3, 23, 45), 0);
    expect_weight(&b, utc(2026, 11, 3, 23, 45), utc(2026, 11, 4, 0, 0), WEIGHS(1, 2) / 4);
    expect_weight(&b, utc(2026, 3, 31, 23, 0), utc(2026, 4, 1, 0, 30),
                  WEIGHS(1, 1) / 4 + WEIGHS(1, 1) / 2);
    expect_weight(&b, utc(2026, 12, 31, 0, 0), utc(2027, 1, 1, 0, 0),
                  (bb_wide)ONE * 3333333 * 15 * BB_MINUTE_MS);
    bench_release(&b);
}

Test(profile, nothing_said_is_even) {
    struct bench b;

    bench_init(&b, "Europe/Amsterdam", 0);
    use(&b, &(struct bb_master_profile){.days = NULL});
    expect_weight(&b, utc(2025, 1, 1, 0, 0), utc(2026, 1, 1, 0, 0), WEIGHS(1, 365 * 24));
    expect_weight(&b, 5, 5, 0);
    bench_release(&b);
}

/* ---- what is wrong with a profile */

Test(profile, faults) {
    int64_t numbers[96] = {0};
    const struct {
        struct bb_master_shape shapes[2];
        uint32_t shape_count, month_count;
        const char *word; /* NULL: sound */
    } cases[] = {
        {{{.season = {1, 12}, .working = numbers, .working_count = 96}}, 1, 12, NULL},
        {{{.season = {0, 0}}}, 0, 11, "12 numbers"},
        {{{.season = {0, 12}, .working = numbers, .working_count = 1}}, 1, 0, "months"},
        {{{.season = {1, 13}, .working = numbers, .working_count = 1}}, 1, 0, "months"},
        {{{.season = {1, 12}, .working = numbers, .working_count = 95}}, 1, 0, "working"},
        {{{.season = {1, 12}}}, 1, 0, "working"},
        {{{.season = {1, 12}, .working = numbers, .working_count = 1, .sunday_count = 2}},
         1,
         0,
         "working"},
        {{{.season = {2, 12}, .working = numbers, .working_count = 1}}, 1, 0, "leave a month out"},
        {{{.season = {11, 3}, .working = numbers, .working_count = 1},
          {.season = {3, 10}, .working = numbers, .working_count = 1}},
         2,
         0,
         "share a month"},
        {{{.season = {11, 3}, .working = numbers, .working_count = 1},
          {.season = {4, 10}, .working = numbers, .working_count = 24}},
         2,
         0,
         NULL},
        {{{.season = {5, 4}, .working = numbers, .working_count = 1}}, 1, 0, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bb_master_profile profile = {.shapes = (struct bb_master_shape *)cases[i].shapes,
                                            .shape_count = cases[i].shape_count,
                                            .months = numbers,
                                            .month_count = cases[i].month_count};
        const char *fault = bb_master_profile_fault(&profile);
        cr_expect(cases[i].word ? fault && strstr(fault, cases[i].word) : !fault, "%zu: %s", i,
                  fault ? fault : "none");
    }
}

Test(profile, a_number_for_what_it_says) {
    struct bb_master_day_weight days[] = {{1, 2}, {2, 1}}, turned[] = {{2, 1}, {1, 2}},
                                other[] = {{1, 1}, {2, 2}};
    struct bb_master_profile a = {.name = BB_SPAN("a"), .days = days, .day_count = 2};
    struct bb_master_profile b = {.name = BB_SPAN("b"), .days = turned, .day_count = 2};
    struct bb_master_profile c = {.name = BB_SPAN("a"), .days = other, .day_count = 2};
    struct bb_master_shape shape;
    struct bb_master_profile d = shaped(&shape);

    cr_expect_eq(bb_profile_hash(&a), bb_profile_hash(&b));
    cr_expect_neq(bb_profile_hash(&a), bb_profile_hash(&c));
    uint64_t before = bb_profile_hash(&d);
    shape.saturday = fives;
    shape.sunday = ones;
    cr_expect_neq(bb_profile_hash(&d), before);
    cr_expect_neq(bb_profile_hash(&(struct bb_master_profile){.days = NULL}), 0);
}

/* ---- registers */

Test(profile, where_nothing_weighs_time_does) {
    struct bb_master_day_weight days[] = {{date(2026, 7, 1), 0}, {date(2026, 7, 2), 0}};
    struct bench b;

    bench_init(&b, "UTC", 0);
    use(&b, &(struct bb_master_profile){.days = days, .day_count = 2});
    put(&b, utc(2026, 7, 1, 0, 0), 0, 0);
    put(&b, utc(2026, 7, 3, 0, 0), 8, 0);
    expect_day(&b, utc(2026, 7, 1, 12, 0), 4, 0);
    bench_release(&b);
}

Test(profile, what_runs_backwards_does_so_evenly) {
    struct bb_master_day_weight days[] = {{date(2026, 1, 1), 1 * ONE}, {date(2026, 1, 2), 3 * ONE}};
    struct bench b;

    bench_init(&b, "UTC", 0);
    use(&b, &(struct bb_master_profile){.days = days, .day_count = 2});
    put(&b, utc(2026, 1, 1, 0, 0), 8, 0);
    put(&b, utc(2026, 1, 3, 0, 0), 0, 0);
    b.attributes[1].quality.marks = BB_MARK_REVERSE;
    expect_day(&b, utc(2026, 1, 1, 12, 0), -4, 0);
    bench_release(&b);
}

Test(profile, a_hundred_years_at_most) {
    struct bb_master_day_weight days[] = {{date(2000, 1, 1), 5 * ONE}, {date(2000, 1, 2), 1 * ONE}};
    struct bench b;
    bb_wide part;

    bench_init(&b, "UTC", 0);
    use(&b, &(struct bb_master_profile){.days = days, .day_count = 2});
    int64_t from = utc(2000, 1, 1, 0, 0), most = BB_PROFILE_SPAN_DAYS * (int64_t)BB_DAY_MS;
    cr_expect(bb_profile_share(&b.channel, NULL, 100, from, from + most, from + 1, &part));
    cr_expect_not(bb_profile_share(&b.channel, NULL, 100, from, from + most + 1, from + 1, &part));
    cr_expect_not(bb_profile_share(&b.channel, NULL, -1, from, from + 9, from + 1, &part));
    bench_release(&b);
}

/* A multiplier changes at noon of the second day: of 0 -> 80 over days that weigh 1 and 3, 20 are of the
 * first day and 30 of the second one's morning; those count once, the other 30 ten times. */
Test(profile, a_factor_that_changes_inside_the_stretch) {
    struct bb_master_day_weight days[] = {{date(2026, 1, 1), 1 * ONE}, {date(2026, 1, 2), 3 * ONE}};
    const struct bb_installation installations[] = {
        {.from_ms = 0, .to_ms = utc(2026, 1, 2, 12, 0), .factor = {1, 0}},
        {.from_ms = utc(2026, 1, 2, 12, 0), .to_ms = BB_TIME_NONE, .factor = {10, 0}},
    };
    struct bench b;

    bench_init(&b, "UTC", 0);
    use(&b, &(struct bb_master_profile){.days = days, .day_count = 2});
    b.channel.installations = installations;
    b.channel.installation_count = 2;
    put(&b, utc(2026, 1, 1, 0, 0), 0, 0);
    put(&b, utc(2026, 1, 3, 0, 0), 80, 0);
    expect_day(&b, utc(2026, 1, 1, 12, 0), 20, 0);
    expect_day(&b, utc(2026, 1, 2, 12, 0), 330, 0);
    bench_release(&b);
}

/* ---- whatever the profile, parts sum to the whole */

static int64_t draw_weight(struct bb_random *r) {
    switch (bb_random_below(r, 4)) {
    case 0: return 0;
    case 1: return (int64_t)bb_random_below(r, 5) * ONE;
    case 2: return (int64_t)bb_random_below(r, 100 * ONE);
    default: return BB_MASTER_WEIGHT_MAX;
    }
}

static int64_t *draw_weights(struct bb_random *r, struct bb_arena *arena, uint32_t count) {
    int64_t *weights = bb_arena_take_array(arena, count, sizeof *weights);

    for (uint32_t i = 0; i < count; i++)
        weights[i] = draw_weight(r);
    return weights;
}

static struct bb_master_profile draw_profile(struct bb_random *r, struct bench *b,
                                             int32_t first_day) {
    static const uint32_t counts[] = {1, 24, 48, 96};
    struct bb_master_shape *shapes = bb_arena_take_array(&b->arena, 2, sizeof *shapes);
    struct bb_master_profile profile = {.shapes = shapes,
                                        .shape_count = 2 * (uint32_t)bb_random_below(r, 2),
                                        .month_count = 12 * (uint32_t)bb_random_below(r, 2),
                                        .day_count = (uint32_t)bb_random_below(r, 60)};

    for (int i = 0; i < 2; i++) {
        shapes[i].season = i ? (struct bb_master_season){11, 3} : (struct bb_master_season){4, 10};
        shapes[i].working_count = counts[bb_random_below(r, 4)];
        shapes[i].working = draw_weights(r, &b->arena, shapes[i].working_count);
        shapes[i].sunday_count = counts[bb_random_below(r, 4)];
        shapes[i].sunday = draw_weights(r, &b->arena, shapes[i].sunday_count);
    }
    profile.months = draw_weights(r, &b->arena, 12);
    profile.days = bb_arena_take_array(&b->arena, profile.day_count, sizeof *profile.days);
    for (uint32_t i = 0; i < profile.day_count; i++)
        profile.days[i] = (struct bb_master_day_weight){first_day + (int32_t)bb_random_below(r, 90),
                                                        draw_weight(r)};
    use(b, &profile);
    return profile;
}

/* What a minute weighs, asked of the calendar and the profile as it is written. */
static bb_wide weight_of_minute(const struct bb_channel *channel,
                                const struct bb_master_profile *profile, int64_t t) {
    int32_t day = bb_like_day_of(channel, t + 1);
    enum bb_day_type type = bb_like_type(channel, day);
    int64_t clock = t + (int64_t)bb_zone_offset_s(channel->calendar.zone, t) * BB_SECOND_MS;
    int64_t minute = clock / BB_MINUTE_MS % (24 * 60), sum = 0, count = 0, all = 0;
    int64_t weight = -1, shape = ONE;
    struct bb_civil civil, other;

    bb_civil_from_days(day, &civil);
    for (uint32_t i = 0; i < profile->day_count; i++) {
        const struct bb_master_day_weight *d = &profile->days[i];
        bool again = false;
        for (uint32_t k = 0; k < profile->day_count; k++)
            again |= profile->days[k].day == d->day &&
                     (profile->days[k].weight < d->weight ||
                      (profile->days[k].weight == d->weight && k < i));
        if (again)
            continue;
        bb_civil_from_days(d->day, &other);
        weight = d->day == day ? d->weight : weight;
        sum += other.month == civil.month ? d->weight : 0;
        count += other.month == civil.month;
        all++;
    }
    if (weight < 0 && all > 0 && count == 0)
        return -1; /* the mean of all: another test's */
    if (weight < 0)
        weight = all > 0 ? (int64_t)bb_wide_divide_round(sum, count) : ONE;
    if (profile->shape_count > 0) {
        const struct bb_master_shape *s =
            &profile->shapes[civil.month >= 4 && civil.month <= 10 ? 0 : 1];
        shape = type == BB_DAY_SUNDAY ? s->sunday[minute * s->sunday_count / (24 * 60)]
                                      : s->working[minute * s->working_count / (24 * 60)];
    }
    if (profile->month_count > 0)
        shape = (int64_t)bb_wide_divide_round((bb_wide)shape * profile->months[civil.month - 1],
                                              ONE);
    return (bb_wide)weight * shape * BB_MINUTE_MS;
}

Test(profile, minutes_one_by_one, .timeout = 300) {
    static const char *const zones[] = {"UTC",
                                        "Europe/Amsterdam",
                                        "Asia/Kolkata",
                                        "America/New_York",
                                        "Australia/Lord_Howe",
                                        "Pacific/Apia"};
    struct seeds seeds = seeds_of_run(200, 5000);
    uint64_t weighed = 0;

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        struct bench b;
        bb_random_seed(&r, seed);
        bench_init(&b, zones[seed % 6], (int32_t)bb_random_below(&r, 24) * 3600);
        int64_t t = utc(2011, 12, 28, 0, 0) + (int64_t)bb_random_below(&r, 3) * 90 * BB_DAY_MS +
                    (int64_t)bb_random_below(&r, 24 * 60) * BB_MINUTE_MS;
        struct bb_master_profile profile = draw_profile(&r, &b, (int32_t)(t / BB_DAY_MS) - 5);
        bb_wide sum = 0;
        int64_t end = t + 4 * (int64_t)BB_DAY_MS, at = t;
        for (bb_wide minute; at < end; at += BB_MINUTE_MS, sum += minute)
            if ((minute = weight_of_minute(&b.channel, &profile, at)) < 0)
                break;
        weighed += sum > 0;
        cr_assert(sum == bb_profile_weight(&b.channel, t, at),
                  "%s: %.17g, not %.17g" SEED_LINE("unit_derive", "profile/minutes*"),
                  zones[seed % 6], (double)bb_profile_weight(&b.channel, t, at), (double)sum,
                  SEED_ARG(seed));
        bench_release(&b);
    }
    cr_assert(weighed > 0 || seeds.end - seeds.first == 1);
}

Test(profile, parts_sum_to_the_whole, .timeout = 300) {
    static const char *const zones[] = {"UTC",
                                        "Europe/Amsterdam",
                                        "Asia/Kolkata",
                                        "America/New_York",
                                        "Australia/Lord_Howe",
                                        "Pacific/Apia"};
    struct seeds seeds = seeds_of_run(300, 20000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        struct bench b;
        bb_random_seed(&r, seed);
        bench_init(&b, zones[bb_random_below(&r, 6)], (int32_t)bb_random_below(&r, 24) * 3600);
        int64_t t = utc(2011, 12, 20, 0, 0) + (int64_t)bb_random_below(&r, 5000) * BB_DAY_MS +
                    (int64_t)bb_random_below(&r, (uint64_t)BB_DAY_MS);
        draw_profile(&r, &b, (int32_t)(t / BB_DAY_MS) - 5);
        int64_t first = t, value = (int64_t)bb_random_below(&r, 1000), begin = value;
        put(&b, t, value, -3);
        for (uint64_t k = 1 + bb_random_below(&r, 6); k-- > 0;) {
            t += 1 + (int64_t)bb_random_below(&r, bb_random_below(&r, 2) ? 5000000000 : 90000000);
            value += (int64_t)bb_random_below(&r, 100000);
            put(&b, t, value, -3);
        }
        bb_wide total = 0, weight = 0;
        for (int64_t from = first - (int64_t)bb_random_below(&r, 5000); from < t;) {
            int64_t to = from + 1 + (int64_t)bb_random_below(&r, 200000000);
            const struct bb_point *p = period(&b, from, to);
            if (p) {
                cr_assert(p->value.mantissa >= 0,
                          "nothing runs backwards" SEED_LINE("unit_derive", "profile/parts*"),
                          SEED_ARG(seed));
                total += bb_decimal_widen(p->value.mantissa, p->value.exponent, -9);
            }
            int64_t a = from > first ? from : first, z = to < t ? to : t;
            weight += a < z ? bb_profile_weight(&b.channel, a, z) : 0;
            from = to;
        }
        cr_assert(total == bb_decimal_widen(value - begin, -3, -9),
                  "periods sum to %" PRId64 "e-9" SEED_LINE("unit_derive", "profile/parts*"),
                  (int64_t)total, SEED_ARG(seed));
        cr_assert(weight == bb_profile_weight(&b.channel, first, t),
                  "weights" SEED_LINE("unit_derive", "profile/parts*"), SEED_ARG(seed));
        bench_release(&b);
    }
}

/* ---- gaps */

Test(profile, a_gaps_weights_and_what_the_estimator_makes_of_them) {
    struct bb_master_shape shape;
    struct bb_master_profile profile = shaped(&shape);
    struct bb_decimal value[4];
    int64_t band[4];
    struct bb_estimate estimate = {value, band};
    struct bench b;

    bench_init(&b, "UTC", 0);
    const bb_wide *weight;
    cr_assert(bb_profile_weigh(&b.channel, 0, BB_HOUR_MS, 4, &b.arena, &weight));
    cr_assert_null(weight);
    use(&b, &profile);
    /* Monday, 01:00 to 05:00: 2, 3, 4, 5 */
    int64_t from = utc(2026, 6, 1, 1, 0);
    cr_assert(bb_profile_weigh(&b.channel, from, BB_HOUR_MS, 4, &b.arena, &weight));
    for (int i = 0; i < 4; i++)
        cr_expect(weight[i] == WEIGHS(1, i + 2));
    struct bb_gap gap = {.channel = &b.channel,
                         .from_ms = from,
                         .to_ms = from + HOURS(4),
                         .intervals = 4,
                         .exponent = -3,
                         .weight = weight,
                         .has_total = true,
                         .total = 28000};
    cr_assert_eq(bb_estimate_profile(&gap, NULL, &b.arena, &estimate), BB_METHOD_PROFILE);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(value[i].mantissa, (i + 2) * 2000);
    bench_release(&b);
}
