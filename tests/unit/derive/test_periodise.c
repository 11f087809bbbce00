/* Days: of 23 and 25 hours, of half-hour zones, from 06:00; parts that sum to the whole. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/random.h"
#include "derive/periodise.h"
#include "derive/register.h"
#include "model/unit.h"
#include "support/seeds.h"

enum { POINTS_MAX = 4096 };

struct bench {
    struct bb_channel channel;
    struct bb_pipeline pipeline;
    struct bb_zone *zone;
    struct bb_arena arena;
    struct bb_attribute attributes[POINTS_MAX];
    struct bb_point points[POINTS_MAX], rows[BB_PERIOD_ROWS_MAX];
    struct bb_window vee, out;
    struct bb_error error;
};

static struct bench *bench_new(enum bb_kind kind, const char *zone, int32_t day_start_s) {
    struct bench *b = calloc(1, sizeof *b);

    bb_arena_init(&b->arena, 1 << 20, 256 << 20);
    bb_pipeline_defaults(&b->pipeline);
    cr_assert_eq(bb_zone_load(NULL, bb_span_of(zone), &b->zone, &b->error), 0, "%s", zone);
    b->channel = (struct bb_channel){.kind = (uint8_t)kind,
                                     .derived_unit = BB_UNIT_KWH,
                                     .metered_unit = BB_UNIT_KWH,
                                     .calendar = {b->zone, day_start_s},
                                     .pipeline = &b->pipeline};
    b->vee = (struct bb_window){.points = b->points, .capacity = POINTS_MAX};
    return b;
}

static void bench_free(struct bench *b) {
    bb_arena_release(&b->arena);
    bb_zone_free(b->zone);
    free(b);
}

static int64_t utc(int year, int month, int day, int hour, int minute) {
    return bb_days_from_civil(year, month, day) * (int64_t)BB_DAY_MS + hour * (int64_t)BB_HOUR_MS +
           minute * (int64_t)BB_MINUTE_MS;
}

static struct bb_attribute *put(struct bench *b, int64_t start_ms, int64_t end_ms, int64_t mantissa,
                                int exponent) {
    struct bb_attribute *a = &b->attributes[b->vee.count];

    *a = (struct bb_attribute){.length_s = (uint32_t)((end_ms - start_ms) / 1000),
                               .unit = BB_UNIT_KWH,
                               .exponent = (int8_t)exponent};
    struct bb_point p = {.start_ms = start_ms,
                         .end_ms = end_ms,
                         .value = {mantissa, (int8_t)exponent},
                         .attribute = a,
                         .usable = true};
    cr_assert(bb_window_put(&b->vee, &p));
    return a;
}

/* The rows of the local day that holds t; returns how many. */
static size_t day_at(struct bench *b, int64_t t, struct bb_period_bounds *day) {
    b->out = (struct bb_window){.points = b->rows, .capacity = BB_PERIOD_ROWS_MAX};
    *day = bb_calendar_period(&b->channel.calendar, BB_PERIOD_DAY, t);
    cr_assert_eq(bb_periodise(&b->channel, &b->vee, *day, NULL, &b->arena, &b->out, &b->error), 0);
    for (size_t i = 0; i < b->out.count; i++)
        cr_assert(b->rows[i].start_ms == day->start_ms && b->rows[i].end_ms == day->end_ms);
    return b->out.count;
}

static void expect_value(const struct bench *b, size_t row, int64_t mantissa, int exponent,
                         int state) {
    const struct bb_point *p = &b->rows[row];

    cr_assert(p->usable);
    cr_assert(bb_decimal_equal(p->value, (struct bb_decimal){mantissa, (int8_t)exponent}),
              "%" PRId64 "e%d, not %" PRId64 "e%d", p->value.mantissa, p->value.exponent, mantissa,
              exponent);
    cr_assert_eq(p->attribute->quality.state, state, "%s, not %s",
                 bb_state_name(p->attribute->quality.state), bb_state_name(state));
}

/* ---- days of every length */

static const struct {
    const char *zone;
    int32_t day_start_s;
    int year, month, day; /* noon UTC of it lies in the period */
    int64_t minutes;
} days[] = {
    {"Europe/Amsterdam", 0, 2025, 3, 30, 23 * 60},
    {"Europe/Amsterdam", 0, 2025, 10, 26, 25 * 60},
    {"Europe/Amsterdam", 0, 2025, 6, 1, 24 * 60},
    {"Europe/Amsterdam", 6 * 3600, 2025, 3, 30,
     24 * 60}, /* the change lies in the gas day before */
    {"Europe/Amsterdam", 6 * 3600, 2025, 3, 29, 23 * 60},
    {"Europe/Amsterdam", 6 * 3600, 2025, 10, 25, 25 * 60},
    {"Australia/Lord_Howe", 0, 2025, 4, 6, 24 * 60 + 30},
    {"Australia/Lord_Howe", 0, 2025, 10, 4, 24 * 60},
    {"Asia/Kolkata", 0, 2025, 3, 30, 24 * 60},
    {"America/St_Johns", 0, 2025, 11, 2, 25 * 60},
    {"UTC", 0, 2024, 12, 31, 24 * 60},
};

Test(periodise, quarter_hours_of_days_of_every_length) {
    for (size_t n = 0; n < sizeof days / sizeof days[0]; n++) {
        struct bench *b = bench_new(BB_KIND_INTERVAL, days[n].zone, days[n].day_start_s);
        struct bb_period_bounds day;
        int64_t noon = utc(days[n].year, days[n].month, days[n].day, 12, 0);
        for (int64_t t = noon - 40 * (int64_t)BB_HOUR_MS; t < noon + 40 * (int64_t)BB_HOUR_MS;
             t += 15 * BB_MINUTE_MS)
            put(b, t, t + 15 * BB_MINUTE_MS, 5, -1);
        cr_assert_eq(day_at(b, noon, &day), 1);
        cr_assert_eq(day.end_ms - day.start_ms, days[n].minutes * BB_MINUTE_MS,
                     "%s %d-%d-%d: %" PRId64 " minutes", days[n].zone, days[n].year, days[n].month,
                     days[n].day, (day.end_ms - day.start_ms) / BB_MINUTE_MS);
        expect_value(b, 0, days[n].minutes / 15 * 5, -1, BB_STATE_MEASURED);
        bench_free(b);
    }
}

/* ---- splitting */

/* Intervals of any length one behind the other: whatever is cut, all days are the whole. */
static void expect_sum_of_days(struct bench *b, bb_wide total, int exponent, uint64_t seed) {
    int64_t first = b->points[0].start_ms, last = b->points[b->vee.count - 1].end_ms;
    struct bb_period_bounds day;
    bb_wide sum = 0;

    for (int64_t t = first; t < last; t = day.end_ms) {
        if (day_at(b, t + 1, &day) == 0)
            continue;
        cr_assert(b->rows[0].usable);
        sum += bb_decimal_widen(b->rows[0].value.mantissa, b->rows[0].value.exponent, -9);
    }
    cr_assert(sum == bb_decimal_widen((int64_t)total, exponent, -9),
              "days sum to %" PRId64 "e-9, the whole is %" PRId64
              "e%d" SEED_LINE("unit_derive", "periodise/*"),
              (int64_t)sum, (int64_t)total, exponent, SEED_ARG(seed));
}

static const char *const zones[] = {"Europe/Amsterdam", "Australia/Lord_Howe", "Asia/Kolkata",
                                    "America/St_Johns", "UTC"};

Test(periodise, what_is_split_sums_to_the_whole) {
    struct seeds seeds = seeds_of_run(200, 5000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        bb_random_seed(&r, seed);
        struct bench *b = bench_new(BB_KIND_INTERVAL, zones[bb_random_below(&r, 5)],
                                    bb_random_below(&r, 2) ? 6 * 3600 : 0);
        int exponent = -(int)bb_random_below(&r, 7);
        bb_wide total = 0;
        int64_t t = utc(2025, 10, 20, 0, 0) + (int64_t)bb_random_below(&r, BB_DAY_MS);
        for (uint64_t n = 1 + bb_random_below(&r, 60); n-- > 0;) {
            int64_t length_ms = 1000 * (1 + (int64_t)bb_random_below(&r, 100000));
            int64_t value = (int64_t)bb_random_below(&r, 100000) - 30000;
            put(b, t, t + length_ms, value, exponent);
            t += length_ms;
            total += value;
        }
        expect_sum_of_days(b, total, exponent, seed);
        bench_free(b);
    }
}

Test(periodise, a_straddling_interval_is_split_by_time) {
    struct bench *b = bench_new(BB_KIND_INTERVAL, "UTC", 0);
    struct bb_period_bounds day;
    int64_t midnight = utc(2025, 6, 2, 0, 0);

    put(b, midnight - 20 * BB_MINUTE_MS, midnight + 40 * BB_MINUTE_MS, 100, 0);
    cr_assert_eq(day_at(b, midnight, &day), 1);
    expect_value(b, 0, 33333, -3, BB_STATE_PARTIAL);
    cr_assert_eq(day_at(b, midnight + 1, &day), 1);
    expect_value(b, 0, 66667, -3, BB_STATE_PARTIAL); /* the last part takes the remainder */
    bench_free(b);
}

Test(periodise, an_interval_that_ends_at_midnight_belongs_to_the_day_it_ends) {
    struct bench *b = bench_new(BB_KIND_INTERVAL, "UTC", 0);
    struct bb_period_bounds day;
    int64_t midnight = utc(2025, 6, 2, 0, 0);

    put(b, midnight - BB_HOUR_MS, midnight, 7, 0);
    cr_assert_eq(day_at(b, midnight, &day), 1);
    expect_value(b, 0, 7, 0, BB_STATE_PARTIAL);
    cr_assert_eq(day_at(b, midnight + 1, &day), 0, "and the next day has nothing");
    bench_free(b);
}

/* ---- what is known of a day */

Test(periodise, states_of_a_day) {
    static const struct {
        int state[2];
        int expected;
    } cases[] = {
        {{BB_STATE_MEASURED, BB_STATE_MEASURED}, BB_STATE_MEASURED},
        {{BB_STATE_MEASURED, BB_STATE_ESTIMATED}, BB_STATE_ESTIMATED},
        {{BB_STATE_SUBSTITUTED, BB_STATE_MEASURED}, BB_STATE_SUBSTITUTED},
        {{BB_STATE_EDITED, BB_STATE_MEASURED}, BB_STATE_SUBSTITUTED},
        {{BB_STATE_SUBSTITUTED, BB_STATE_ESTIMATED}, BB_STATE_ESTIMATED},
    };
    int64_t midnight = utc(2025, 6, 2, 0, 0), noon = midnight + 12 * (int64_t)BB_HOUR_MS;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *b = bench_new(BB_KIND_INTERVAL, "UTC", 0);
        struct bb_period_bounds day;
        put(b, midnight, noon, 1, 0)->quality.state = (uint8_t)cases[i].state[0];
        put(b, noon, midnight + BB_DAY_MS, 2, 0)->quality.state = (uint8_t)cases[i].state[1];
        cr_assert_eq(day_at(b, noon, &day), 1);
        expect_value(b, 0, 3, 0, cases[i].expected);
        bench_free(b);
    }
}

Test(periodise, partial_says_so_before_all_else) {
    struct bench *b = bench_new(BB_KIND_INTERVAL, "UTC", 0);
    struct bb_period_bounds day;
    int64_t midnight = utc(2025, 6, 2, 0, 0);

    put(b, midnight, midnight + BB_HOUR_MS, 1, 0)->quality.state = BB_STATE_ESTIMATED;
    put(b, midnight + BB_HOUR_MS, midnight + BB_DAY_MS - 1000, 1, 0);
    day_at(b, midnight + 1, &day);
    expect_value(b, 0, 2, 0, BB_STATE_PARTIAL);
    cr_assert(b->rows[0].attribute->quality.marks & BB_MARK_ESTIMATED);
    bench_free(b);
}

Test(periodise, missing_rows_make_a_missing_day_and_no_rows_make_none) {
    struct bench *b = bench_new(BB_KIND_INTERVAL, "UTC", 0);
    struct bb_period_bounds day;
    int64_t midnight = utc(2025, 6, 2, 0, 0);

    put(b, midnight, midnight + BB_HOUR_MS, 0, 0)->quality.state = BB_STATE_MISSING;
    b->points[0].usable = false;
    b->points[0].checks = 1u << BB_CHECK_GAP;
    cr_assert_eq(day_at(b, midnight + 1, &day), 1);
    cr_assert(!b->rows[0].usable && b->rows[0].attribute->quality.state == BB_STATE_MISSING &&
              b->rows[0].attribute->quality.checks == 1u << BB_CHECK_GAP);
    cr_assert_eq(day_at(b, midnight + BB_DAY_MS + 1, &day), 0);
    bench_free(b);
}

Test(periodise, checks_and_suspicion_come_through) {
    struct bench *b = bench_new(BB_KIND_INTERVAL, "UTC", 0);
    struct bb_period_bounds day;
    int64_t midnight = utc(2025, 6, 2, 0, 0);

    put(b, midnight, midnight + BB_HOUR_MS, 1, 0)->quality.marks = BB_MARK_SUSPECT | BB_MARK_FINAL;
    b->points[0].checks = 1u << BB_CHECK_NEGATIVE;
    day_at(b, midnight + 1, &day);
    cr_assert_eq(b->rows[0].attribute->quality.marks, BB_MARK_SUSPECT, "final is a reading's word");
    cr_assert_eq(b->rows[0].attribute->quality.checks, 1u << BB_CHECK_NEGATIVE);
    bench_free(b);
}

Test(periodise, a_sum_that_does_not_fit_is_not_a_wrong_number) {
    struct bench *b = bench_new(BB_KIND_INTERVAL, "UTC", 0);
    struct bb_period_bounds day;
    int64_t midnight = utc(2025, 6, 2, 0, 0);

    put(b, midnight, midnight + BB_HOUR_MS, 999999999999999999, 0);
    put(b, midnight + BB_HOUR_MS, midnight + 2 * BB_HOUR_MS, 999999999999999999, 0);
    cr_assert_eq(day_at(b, midnight + 1, &day), 1);
    cr_assert(!b->rows[0].usable && b->rows[0].attribute->quality.state == BB_STATE_MISSING &&
              (b->rows[0].attribute->quality.marks & BB_MARK_SUSPECT));
    bench_free(b);
}

/* Floating-point texts have 17 digits behind however many zeros: 0.0012345678901234567 + 96 x 25.5
 * needs 23 digits; of 2448.0012345678901234567 there are 18. */
Test(periodise, a_sum_keeps_the_digits_before_its_point) {
    struct bench *b = bench_new(BB_KIND_INTERVAL, "UTC", 0);
    struct bb_period_bounds day;
    int64_t midnight = utc(2025, 6, 2, 0, 0), quarter_ms = 15 * (int64_t)BB_MINUTE_MS;

    put(b, midnight, midnight + quarter_ms / 3, 12345678901234567, -19);
    for (int i = 0; i < 95; i++)
        put(b, midnight + i * quarter_ms + (i ? 0 : quarter_ms / 3),
            midnight + (i + 1) * quarter_ms, 255, -1);
    put(b, midnight + 95 * quarter_ms, midnight + 96 * quarter_ms, 255, -1);
    cr_assert_eq(day_at(b, midnight + 1, &day), 1);
    expect_value(b, 0, 244800123456789012, -14, BB_STATE_MEASURED);
    cr_assert_eq(b->rows[0].attribute->quality.marks, BB_MARK_ROUNDED);
    bench_free(b);
}

/* Whatever exponents the source wrote: no overflow is silent, and none is undefined. */
Test(periodise, extreme_values_end_in_a_row_or_none) {
    static const int64_t mantissas[] = {999999999999999999, -999999999999999999, 1, 0};
    static const int exponents[] = {BB_DECIMAL_MIN_EXPONENT, -9, 0, BB_DECIMAL_MAX_EXPONENT};
    static const enum bb_kind kinds[] = {BB_KIND_INTERVAL, BB_KIND_REGISTER, BB_KIND_GAUGE};
    int64_t midnight = utc(2025, 6, 2, 0, 0);

    for (int n = 0; n < 3 * 16 * 16; n++) {
        struct bench *b = bench_new(kinds[n % 3], "UTC", 0);
        struct bb_period_bounds day;
        for (int i = 0; i < 2; i++) {
            int pick = n / 3 / (i ? 16 : 1) % 16;
            int64_t end = midnight + (5 + 9 * i) * (int64_t)BB_HOUR_MS;
            put(b, kinds[n % 3] == BB_KIND_INTERVAL ? end - 11 * (int64_t)BB_HOUR_MS : end, end,
                mantissas[pick % 4], exponents[pick / 4]);
        }
        day_at(b, midnight + 1, &day);
        for (size_t i = 0; i < b->out.count; i++)
            cr_assert(!b->rows[i].usable || (b->rows[i].value.exponent >= BB_DECIMAL_MIN_EXPONENT &&
                                             b->rows[i].value.exponent <= BB_DECIMAL_MAX_EXPONENT));
        bench_free(b);
    }
}

/* ---- registers */

Test(periodise, registers_telescope) {
    struct seeds seeds = seeds_of_run(200, 5000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        bb_random_seed(&r, seed);
        struct bench *b = bench_new(BB_KIND_REGISTER, zones[bb_random_below(&r, 5)],
                                    bb_random_below(&r, 2) ? 6 * 3600 : 0);
        int exponent = -(int)bb_random_below(&r, 7);
        int64_t t = utc(2025, 10, 20, 0, 0) + (int64_t)bb_random_below(&r, BB_DAY_MS);
        int64_t value = (int64_t)bb_random_below(&r, 100000), first = value;
        put(b, t, t, value, exponent);
        for (uint64_t n = 1 + bb_random_below(&r, 60); n-- > 0;) {
            t += 1 + (int64_t)bb_random_below(&r, bb_random_below(&r, 4) ? 9000000 : 500000000);
            value += (int64_t)bb_random_below(&r, 5000);
            put(b, t, t, value, exponent);
        }
        expect_sum_of_days(b, value - first, exponent, seed);
        bench_free(b);
    }
}

Test(periodise, a_register_is_interpolated_at_midnight) {
    struct bench *b = bench_new(BB_KIND_REGISTER, "UTC", 0);
    struct bb_period_bounds day;
    int64_t midnight = utc(2025, 6, 2, 0, 0);

    put(b, midnight - BB_HOUR_MS, midnight - BB_HOUR_MS, 100, 0);
    put(b, midnight + BB_HOUR_MS, midnight + BB_HOUR_MS, 103, 0);
    day_at(b, midnight, &day);
    expect_value(b, 0, 15, -1, BB_STATE_PARTIAL);
    day_at(b, midnight + 1, &day);
    expect_value(b, 0, 15, -1, BB_STATE_PARTIAL);
    cr_assert_not(b->rows[0].attribute->quality.marks & BB_MARK_ESTIMATED,
                  "two hours are trusted to be even");
    bench_free(b);
}

Test(periodise, far_registers_make_estimated_days) {
    struct bench *b = bench_new(BB_KIND_REGISTER, "UTC", 0);
    struct bb_period_bounds day;
    int64_t midnight = utc(2025, 6, 2, 0, 0);

    put(b, midnight, midnight, 0, 0);
    put(b, midnight + 30 * (int64_t)BB_DAY_MS, midnight + 30 * (int64_t)BB_DAY_MS, 300, 0);
    day_at(b, midnight + 10 * (int64_t)BB_DAY_MS, &day);
    expect_value(b, 0, 10, 0, BB_STATE_ESTIMATED);
    cr_assert_eq(day_at(b, midnight, &day), 0, "before the first reading nothing is known");
    cr_assert_eq(day_at(b, midnight + 30 * (int64_t)BB_DAY_MS + 1, &day), 0);
    bench_free(b);
}

Test(periodise, readings_just_at_midnight_make_measured_days) {
    struct bench *b = bench_new(BB_KIND_REGISTER, "Europe/Amsterdam", 0);
    struct bb_period_bounds day;
    int64_t t = utc(2025, 6, 1, 22, 0);

    put(b, t, t, 10, 0);
    put(b, t + BB_DAY_MS, t + BB_DAY_MS, 34, 0);
    cr_assert_eq(day_at(b, t + 1, &day), 1);
    expect_value(b, 0, 24, 0, BB_STATE_MEASURED);
    bench_free(b);
}

/* Twelve hours between two readings, then twelve of a day that ends with an edited one: cut, they are
 * estimated, and not edited besides. */
Test(periodise, no_time_is_estimated_and_edited) {
    struct bench *b = bench_new(BB_KIND_REGISTER, "UTC", 0);
    struct bb_period_bounds day;
    int64_t t = utc(2025, 6, 2, 0, 0);

    put(b, t, t, 0, 0);
    put(b, t + 12 * (int64_t)BB_HOUR_MS, t + 12 * (int64_t)BB_HOUR_MS, 6, 0);
    put(b, t + 36 * (int64_t)BB_HOUR_MS, t + 36 * (int64_t)BB_HOUR_MS, 30, 0)->quality.state =
        BB_STATE_EDITED;
    day_at(b, t + 1, &day);
    expect_value(b, 0, 18, 0, BB_STATE_ESTIMATED);
    cr_assert_eq(b->rows[0].measured_ms, 12 * (int64_t)BB_HOUR_MS);
    bench_free(b);
}

Test(periodise, a_fall_adds_nothing_and_is_suspect) {
    struct bench *b = bench_new(BB_KIND_REGISTER, "UTC", 0);
    struct bb_period_bounds day;
    int64_t t = utc(2025, 6, 2, 0, 0);
    static const int64_t values[] = {100, 110, 50, 53};

    for (int i = 0; i < 4; i++, t += 8 * (int64_t)BB_HOUR_MS)
        put(b, t, t, values[i], 0);
    day_at(b, utc(2025, 6, 2, 12, 0), &day);
    expect_value(b, 0, 13, 0, BB_STATE_MEASURED);
    cr_assert(b->rows[0].attribute->quality.marks & BB_MARK_SUSPECT);
    bench_free(b);
}

Test(periodise, a_register_without_value_is_passed_over) {
    struct bench *b = bench_new(BB_KIND_REGISTER, "UTC", 0);
    struct bb_period_bounds day;
    int64_t t = utc(2025, 6, 2, 0, 0);

    put(b, t, t, 100, 0);
    put(b, t + BB_HOUR_MS, t + BB_HOUR_MS, 0, 0);
    b->points[1].usable = false;
    put(b, t + BB_DAY_MS, t + BB_DAY_MS, 124, 0);
    day_at(b, t + 1, &day);
    expect_value(b, 0, 24, 0, BB_STATE_MEASURED);
    bench_free(b);
}

/* ---- registers to which something happened */

Test(periodise, an_exchange_at_midnight_parts_the_days) {
    struct bench *b = bench_new(BB_KIND_REGISTER, "UTC", 0);
    struct bb_period_bounds day;
    int64_t midnight = utc(2025, 6, 2, 0, 0);
    struct bb_installation devices[] = {
        {.from_ms = 0,
         .to_ms = midnight,
         .factor = {1, 0},
         .has_closing = true,
         .closing = {400, 0}},
        {.from_ms = midnight, .to_ms = BB_TIME_NONE, .factor = {40, 0}, .has_opening = true},
    };

    b->channel.installations = devices;
    b->channel.installation_count = 2;
    put(b, midnight - 6 * BB_HOUR_MS, midnight - 6 * BB_HOUR_MS, 300, 0);
    put(b, midnight + 6 * BB_HOUR_MS, midnight + 6 * BB_HOUR_MS, 100, 0)->quality.marks =
        BB_MARK_EXCHANGE;
    day_at(b, midnight, &day);
    expect_value(b, 0, 100, 0, BB_STATE_PARTIAL);
    cr_assert_eq(b->rows[0].attribute->quality.marks, BB_MARK_EXCHANGE, "the closing is a reading");
    day_at(b, midnight + 1, &day);
    expect_value(b, 0, 4000, 0, BB_STATE_PARTIAL);
    cr_assert_eq(b->rows[0].attribute->quality.marks, BB_MARK_EXCHANGE);
    devices[1].has_opening = devices[0].has_closing = false; /* nobody looked at them */
    day_at(b, midnight, &day);
    cr_assert(b->rows[0].attribute->quality.marks == (BB_MARK_EXCHANGE | BB_MARK_ESTIMATED));
    bench_free(b);
}

Test(periodise, what_takes_no_time_falls_into_the_day_of_its_moment) {
    struct bench *b = bench_new(BB_KIND_REGISTER, "UTC", 0);
    struct bb_period_bounds day;
    int64_t midnight = utc(2025, 6, 2, 0, 0);
    struct bb_installation devices[] = {
        {.from_ms = 0, .to_ms = midnight, .factor = {1, 0}},
        {.from_ms = midnight, .to_ms = BB_TIME_NONE, .factor = {1, 0}, .has_opening = true},
    };

    b->channel.installations = devices;
    b->channel.installation_count = 2;
    put(b, midnight - 2 * (int64_t)BB_DAY_MS, midnight - 2 * (int64_t)BB_DAY_MS, 300, 0);
    put(b, midnight, midnight, 7, 0)->quality.marks = BB_MARK_EXCHANGE;
    day_at(b, midnight - BB_DAY_MS, &day);
    expect_value(b, 0, 0, 0, BB_STATE_ESTIMATED);
    day_at(b, midnight, &day); /* what the new one showed at once */
    expect_value(b, 0, 7, 0, BB_STATE_ESTIMATED);
    cr_assert_eq(day_at(b, midnight + 1, &day), 0);
    bench_free(b);
}

Test(periodise, marks_say_what_a_fall_counts) {
    static const struct {
        uint16_t marks;
        int64_t day; /* 10 before it, 3 behind it */
        uint16_t shown;
    } cases[] = {
        {BB_MARK_REVERSE, 10 - 60 + 3, BB_MARK_REVERSE},
        {BB_MARK_REVERSE | BB_MARK_SUSPECT, 10 - 60 + 3, BB_MARK_REVERSE | BB_MARK_SUSPECT},
        {BB_MARK_RESET, 10 + 50 + 3, BB_MARK_RESET | BB_MARK_SUSPECT},
        {BB_MARK_ROLLOVER, 10 + 940 + 3, BB_MARK_ROLLOVER},
        {BB_MARK_DIP, 10, 0}, /* and so the 53: */
        {BB_MARK_FOREIGN, 10, 0},
        {0, 10 + 0 + 3, BB_MARK_SUSPECT},
    };
    static const int64_t values[] = {100, 110, 50, 53};

    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct bench *b = bench_new(BB_KIND_REGISTER, "UTC", 0);
        struct bb_period_bounds day;
        int64_t t = utc(2025, 6, 2, 0, 0);
        bool dropped = cases[n].marks & (BB_MARK_DIP | BB_MARK_FOREIGN);
        for (int i = 0; i < 4; i++, t += 8 * (int64_t)BB_HOUR_MS)
            put(b, t, t, i == 3 && dropped ? 110 : values[i], 0)->quality.marks =
                i == 2 ? cases[n].marks : (uint16_t)0;
        day_at(b, utc(2025, 6, 2, 12, 0), &day);
        expect_value(b, 0, cases[n].day, 0, BB_STATE_MEASURED);
        cr_assert_eq(b->rows[0].attribute->quality.marks, cases[n].shown, "row %zu: marks %x", n,
                     b->rows[0].attribute->quality.marks);
        bench_free(b);
    }
}

Test(periodise, a_foreign_reading_before_the_day_is_passed_over) {
    struct bench *b = bench_new(BB_KIND_REGISTER, "UTC", 0);
    struct bb_period_bounds day;
    int64_t t = utc(2025, 6, 2, 0, 0);

    put(b, t - 2000, t - 2000, 100, 0);
    put(b, t - 1000, t - 1000, 900, 0)->quality.marks = BB_MARK_FOREIGN;
    put(b, t + BB_DAY_MS - 1000, t + BB_DAY_MS - 1000, 900, 0)->quality.marks = BB_MARK_FOREIGN;
    put(b, t + BB_DAY_MS + 1000, t + BB_DAY_MS + 1000, 186, 0);
    day_at(b, t + 1, &day); /* 86 over a day and three seconds: a day's are 85.997 */
    expect_value(b, 0, 85997, -3, BB_STATE_ESTIMATED);
    bench_free(b);
}

Test(periodise, gas_days_are_energy) {
    struct bench *b = bench_new(BB_KIND_REGISTER, "Europe/Amsterdam", 6 * 3600);
    struct bb_period_bounds day;
    int64_t t = utc(2025, 6, 2, 4, 0);
    struct bb_installation device = {.to_ms = BB_TIME_NONE, .factor = {105432, -4}};

    b->channel.metered_unit = BB_UNIT_M3;
    put(b, t, t, 1000, -1);
    put(b, t + BB_DAY_MS, t + BB_DAY_MS, 1100, -1);
    day_at(b, t + 1, &day);
    cr_assert_not(b->rows[0].usable, "without a factor a volume is no energy");
    b->channel.installations = &device;
    b->channel.installation_count = 1;
    day_at(b, t + 1, &day);
    expect_value(b, 0, 105432, -3, BB_STATE_MEASURED);
    cr_assert_eq(b->rows[0].attribute->unit, BB_UNIT_KWH);
    bench_free(b);
}

/* Readings that rise, turn over, begin again, run backwards and change devices: whatever periods time
 * is cut into, they sum to what was counted between the readings. */
Test(periodise, registers_with_a_history_telescope) {
    static const uint16_t marks[] = {BB_MARK_ROLLOVER, BB_MARK_RESET, BB_MARK_REVERSE};
    struct seeds seeds = seeds_of_run(200, 5000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bench *b = bench_new(BB_KIND_REGISTER, "UTC", 0);
        struct bb_installation devices[20] = {0};
        struct bb_random r;
        bb_random_seed(&r, seed);
        int64_t t = utc(2025, 10, 20, 0, 0), at = t - 1000;
        uint32_t count = 1 + (uint32_t)bb_random_below(&r, 20);
        for (uint32_t i = 0; i < count; i++) {
            devices[i] = (struct bb_installation){
                .from_ms = at,
                .to_ms = BB_TIME_NONE,
                .factor = {1 + (int64_t)bb_random_below(&r, 99), -(int8_t)bb_random_below(&r, 3)},
                .has_opening = bb_random_below(&r, 2),
                .opening = {(int64_t)bb_random_below(&r, 99), 0},
                .has_closing = bb_random_below(&r, 2),
                .closing = {(int64_t)bb_random_below(&r, 99999), 0}};
            if (i > 0)
                devices[i - 1].to_ms = at - (bb_random_below(&r, 3) ? 0 : 100);
            at += 1000 + (int64_t)bb_random_below(&r, 100000000);
        }
        b->channel.installations = devices;
        b->channel.installation_count = count;
        int64_t value = 90000;
        bb_wide total = 0, sum = 0;
        put(b, t, t, value, -2);
        for (uint64_t n = 1 + bb_random_below(&r, 30); n-- > 0;) {
            struct bb_register_advance advance;
            const struct bb_point *a = &b->points[b->vee.count - 1];
            t += 1 + (int64_t)bb_random_below(&r, bb_random_below(&r, 4) ? 9000000 : 500000000);
            if (bb_random_below(&r, 5) == 0) /* just when a device begins */
                t = devices[bb_random_below(&r, count)].from_ms;
            t = t > a->end_ms ? t : a->end_ms + 1;
            uint16_t mark = bb_random_below(&r, 3) ? (uint16_t)0 : marks[bb_random_below(&r, 3)];
            for (uint32_t i = 1; i < count; i++)
                if (devices[i].from_ms > a->end_ms && devices[i].from_ms <= t &&
                    (devices[i].has_opening || devices[i - 1].has_closing))
                    mark = BB_MARK_EXCHANGE;
            value = mark ? (int64_t)bb_random_below(&r, 90000)
                         : value + (int64_t)bb_random_below(&r, 500);
            put(b, t, t, value, -2)->quality.marks = mark;
            bb_register_advance(&b->channel, a, a + 1, mark, &advance);
            cr_assert_not(advance.overflow);
            for (size_t i = 0; i < advance.count; i++)
                sum += bb_decimal_widen((int64_t)advance.piece[i].amount, advance.exponent, -9);
        }
        int64_t first = b->points[0].end_ms, from = first - (int64_t)bb_random_below(&r, 5000);
        while (from < t) {
            int64_t to = from + 1 + (int64_t)bb_random_below(&r, 200000000);
            struct bb_period_bounds period = {from, to};
            b->out = (struct bb_window){.points = b->rows, .capacity = BB_PERIOD_ROWS_MAX};
            cr_assert_eq(
                bb_periodise(&b->channel, &b->vee, period, NULL, &b->arena, &b->out, &b->error), 0);
            if (b->out.count > 0)
                total += bb_decimal_widen(b->rows[0].value.mantissa, b->rows[0].value.exponent, -9);
            from = to;
        }
        cr_assert(total == sum,
                  "periods sum to %" PRId64 "e-9, the readings to %" PRId64
                  "e-9" SEED_LINE("unit_derive", "periodise/registers_with*"),
                  (int64_t)total, (int64_t)sum, SEED_ARG(seed));
        bench_free(b);
    }
}

/* ---- gauges */

Test(periodise, a_gauge_has_mean_min_and_max) {
    struct bench *b = bench_new(BB_KIND_GAUGE, "UTC", 0);
    struct bb_period_bounds day;
    int64_t t = utc(2025, 6, 2, 0, 0);

    put(b, t, t, 999, 0); /* belongs to the day it ends */
    put(b, t + 1, t + 1, -5, 0);
    put(b, t + BB_HOUR_MS, t + BB_HOUR_MS, 20, -1);
    put(b, t + BB_DAY_MS, t + BB_DAY_MS, 4, 0);
    cr_assert_eq(day_at(b, t + 1, &day), 3);
    expect_value(b, 0, 3333, -4, BB_STATE_MEASURED);
    expect_value(b, 1, -5, 0, BB_STATE_MEASURED);
    expect_value(b, 2, 4, 0, BB_STATE_MEASURED);
    cr_assert_eq(b->rows[0].attribute->statistic, BB_STATISTIC_VALUE);
    cr_assert_eq(b->rows[1].attribute->statistic, BB_STATISTIC_MIN);
    cr_assert_eq(b->rows[2].attribute->statistic, BB_STATISTIC_MAX);
    bench_free(b);
}

Test(periodise, a_gauge_with_a_nominal_interval_can_be_partial) {
    struct bench *b = bench_new(BB_KIND_GAUGE, "UTC", 0);
    struct bb_period_bounds day;
    int64_t t = utc(2025, 6, 2, 0, 0);

    b->channel.interval_s = 6 * 3600;
    for (int i = 1; i <= 3; i++)
        put(b, t + i * 6 * (int64_t)BB_HOUR_MS, t + i * 6 * (int64_t)BB_HOUR_MS, i, 0);
    day_at(b, t + 1, &day);
    expect_value(b, 0, 2, 0, BB_STATE_PARTIAL);
    put(b, t + BB_DAY_MS, t + BB_DAY_MS, 4, 0);
    day_at(b, t + 1, &day);
    expect_value(b, 0, 25, -1, BB_STATE_MEASURED);
    bench_free(b);
}

/* Shares of 10 over nine hours, cut at two moments: 1.111, 3.333 - 1.111, the rest. */
Test(periodise, shares_of_a_whole_sum_to_it) {
    const struct bb_channel even = {.kind = BB_KIND_INTERVAL};
    const int64_t h = BB_HOUR_MS;
    struct bb_share first = bb_share_of(&even, NULL, 10, 0, 0, 9 * h, -h, h);
    struct bb_share second = bb_share_of(&even, NULL, 10, 0, 0, 9 * h, h, 3 * h);
    struct bb_share rest = bb_share_of(&even, NULL, 10, 0, 0, 9 * h, 3 * h, 99 * h);

    cr_assert(first.any && first.exponent == -3 && first.amount == 1111);
    cr_assert(second.any && second.amount == 2222);
    cr_assert(rest.any && rest.amount == 6667);
    cr_assert_not(bb_share_of(&even, NULL, 10, 0, 0, 9 * h, 9 * h, 10 * h).any, "(start, end]");
    cr_assert(bb_share_of(&even, NULL, (bb_wide)1 << 70, 0, 0, 9 * h, 0, h).overflow);
    /* what takes no time falls into the stretch that ends with it */
    cr_assert_not(bb_share_of(&even, NULL, 10, 0, h, h, h, 2 * h).any);
    cr_assert_eq(bb_share_of(&even, NULL, 10, 0, h, h, 0, h).amount, 10);
}

Test(periodise, events_have_no_days) {
    struct bench *b = bench_new(BB_KIND_EVENT, "UTC", 0);
    struct bb_period_bounds day;

    put(b, utc(2025, 6, 2, 1, 0), utc(2025, 6, 2, 1, 0), 1, 0);
    cr_assert_eq(day_at(b, utc(2025, 6, 2, 1, 0), &day), 0);
    bench_free(b);
}
