/* Checks of runs at each of their edges: stuck, zero, leak, prolonged; and the rule for runs. */
#include <criterion/criterion.h>

#include "model/unit.h"
#include "support/check_bench.h"

enum { A_DAY = 24 * 60 };

static struct check_bench *intervals(void) {
    return bench_new(BB_KIND_INTERVAL, BB_COMMODITY_ELECTRICITY);
}

/* ---- stuck */

Test(checks_runs, stuck_begins_with_the_twenty_fourth) {
    struct check_bench *b = intervals();

    bench_fill(b, 0, 15, 1, 700);
    bench_fill(b, 15, 15, 23, 800);
    bench_fill(b, 24 * 15, 15, 1, 701);
    bench_judge_all(b, BB_CHECK_STUCK);
    bench_expect_silence(b);
    b->points[24].value.mantissa = 800;
    bench_fill(b, 25 * 15, 15, 3, 700);
    bench_judge_all(b, BB_CHECK_STUCK);
    bench_expect_marked(b, BB_CHECK_STUCK, 1, 25);
    cr_assert_eq(b->findings.count, 2);
    bench_expect(b, 0, 24, true, 24, 800, 15, 375);
    bench_expect(b, 1, 24, false, 24, 800, 15, 375);
    cr_assert_eq(b->findings.items[0].exponent, -3);
    bench_free(b);
}

Test(checks_runs, one_hard_finding_and_one_a_day) {
    struct check_bench *b = intervals();

    bench_fill(b, A_DAY - 300, 15, 1, 1); /* 19:00 */
    bench_fill(b, A_DAY - 285, 15, 19 + 96 + 10, 800);
    bench_fill(b, 2 * A_DAY + 150, 15, 1, 1);
    bench_judge_all(b, BB_CHECK_STUCK);
    bench_expect_marked(b, BB_CHECK_STUCK, 1, 126);
    cr_assert_eq(b->findings.count, 4);
    /* the day on which it begins is over before it is long enough */
    bench_expect(b, 0, 19, false, 19, 800, A_DAY - 285, A_DAY);
    bench_expect(b, 1, 24, true, 24, 800, A_DAY - 285, A_DAY + 75);
    bench_expect(b, 2, 115, false, 96, 800, A_DAY, 2 * A_DAY);
    bench_expect(b, 3, 125, false, 10, 800, 2 * A_DAY, 2 * A_DAY + 150);
    /* judged in pieces it is the same */
    bench_judge(b, BB_CHECK_STUCK, 20, 40);
    bench_expect_marked(b, BB_CHECK_STUCK, 20, 40);
    cr_assert_eq(b->findings.count, 1);
    bench_expect(b, 0, 24, true, 24, 800, A_DAY - 285, A_DAY + 75);
    bench_judge(b, BB_CHECK_STUCK, 100, b->window.count);
    bench_expect_marked(b, BB_CHECK_STUCK, 100, 126);
    cr_assert_eq(b->findings.count, 2);
    bench_expect(b, 0, 115, false, 96, 800, A_DAY, 2 * A_DAY);
    bench_judge(b, BB_CHECK_STUCK, 126, 127);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_runs, stuck_are_measured_values_other_than_zero) {
    struct check_bench *b = intervals();

    bench_fill(b, 0, 15, 30, 0);
    bench_judge_all(b, BB_CHECK_STUCK);
    bench_expect_silence(b);
    for (int i = 0; i < 30; i++)
        b->points[i].value.mantissa = 5;
    b->plain.quality.state = BB_STATE_SUBSTITUTED;
    bench_judge_all(b, BB_CHECK_STUCK);
    bench_expect_silence(b);
    b->plain.quality.state = BB_STATE_MEASURED;
    bench_attribute(b, &b->points[10])->quality.state = BB_STATE_ESTIMATED;
    bench_judge_all(b, BB_CHECK_STUCK);
    bench_expect_silence(b); /* 10 before it, 19 behind */
    bench_free(b);
}

Test(checks_runs, stuck_values_may_be_written_in_other_ways_and_have_holes) {
    struct check_bench *b = intervals();

    bench_fill(b, 0, 15, 12, 500);
    bench_put(b, 180, 195, 0)->usable = false;
    bench_fill(b, 300, 15, 12, 500);
    struct bb_attribute *wh = bench_attribute(b, &b->points[3]);
    wh->unit = BB_UNIT_WH; /* 500 Wh */
    wh->exponent = 0;
    b->points[3].value.exponent = 0;
    bench_judge_all(b, BB_CHECK_STUCK);
    cr_assert_eq(b->findings.count, 2);
    bench_expect(b, 0, 24, true, 24, 500, 0, 480);
    cr_assert_eq(b->points[12].checks, 0, "a row without value is no member");
    bench_free(b);
}

/* ---- zero */

/* Four weeks of use around the clock, then a day of 15 minutes with 100 Wh each. */
static struct check_bench *used_home(void) {
    struct check_bench *b = intervals();

    bench_rows(b, BENCH_DAY - 28, BENCH_DAY - 1, 500);
    bench_fill(b, 0, 15, 96, 100);
    return b;
}

static void set(struct check_bench *b, size_t first, size_t count, int64_t mantissa) {
    for (size_t i = first; i < first + count; i++)
        b->points[i].value.mantissa = mantissa;
}

Test(checks_runs, zero_for_six_hours) {
    struct check_bench *b = used_home();

    set(b, 40, 23, 0);
    bench_judge_all(b, BB_CHECK_ZERO);
    bench_expect_silence(b);
    set(b, 63, 1, 2); /* 2 Wh are within a quarter of 10 Wh an hour, 3 are not */
    bench_judge_all(b, BB_CHECK_ZERO);
    bench_expect_marked(b, BB_CHECK_ZERO, 40, 64);
    cr_assert_eq(b->findings.count, 2);
    bench_expect(b, 0, 63, true, 24, 6 * (int64_t)BB_HOUR_MS, 600, 960);
    bench_expect(b, 1, 63, false, 24, 6 * (int64_t)BB_HOUR_MS, 600, 960);
    set(b, 63, 1, 3);
    bench_judge_all(b, BB_CHECK_ZERO);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_runs, zero_has_no_gaps) {
    struct check_bench *b = used_home();

    set(b, 40, 30, 0);
    b->points[50].usable = false;
    bench_judge_all(b, BB_CHECK_ZERO);
    bench_expect_silence(b); /* 10 before it, 19 behind */
    set(b, 75, 21, 0);
    set(b, 70, 5, 0);
    bench_judge_all(b, BB_CHECK_ZERO);
    bench_expect_marked(b, BB_CHECK_ZERO, 51, 96);
    bench_free(b);
}

Test(checks_runs, zero_counts_in_hours_that_were_used) {
    struct check_bench *b = used_home();

    set(b, 40, 24, 0); /* 10:00 to 16:00 */
    bench_judge_all(b, BB_CHECK_ZERO);
    cr_assert_eq(b->findings.count, 2);
    /* 13:00 was used in three of the four Thursdays: enough; in two: not */
    b->rows[0].used_hours &= ~(1u << 13);
    bench_judge_all(b, BB_CHECK_ZERO);
    cr_assert_eq(b->findings.count, 2);
    b->rows[7].used_hours &= ~(1u << 13);
    bench_judge_all(b, BB_CHECK_ZERO);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_runs, zero_is_no_alarm_where_zeros_are_not_rare) {
    const int64_t margin = 2500000; /* of a quarter of an hour */
    struct check_bench *b = used_home();

    set(b, 40, 24, 0);
    /* 28 days may have four (2 + 28 / 10) with a zero at any time */
    for (int i = 0; i < 4; i++)
        b->rows[i].least = margin;
    b->rows[4].least = margin + 1;
    bench_judge_all(b, BB_CHECK_ZERO);
    cr_assert_eq(b->findings.count, 2);
    b->rows[4].least = margin;
    bench_judge_all(b, BB_CHECK_ZERO);
    bench_expect_silence(b);
    /* of few days fewer than half */
    b->stat.days = &b->rows[4];
    b->stat.count = 3;
    bench_judge_all(b, BB_CHECK_ZERO);
    cr_assert_eq(b->findings.count, 2);
    b->stat.count = 2;
    bench_judge_all(b, BB_CHECK_ZERO);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_runs, zero_speaks_after_one_day_and_not_before) {
    struct check_bench *b = used_home();

    set(b, 40, 24, 0);
    b->stat.days = &b->rows[27];
    b->stat.count = 1;
    bench_judge_all(b, BB_CHECK_ZERO);
    cr_assert_eq(b->findings.count, 2);
    b->rows[27].seen_hours = b->rows[27].used_hours = 0xfff; /* the afternoon was not seen */
    bench_judge_all(b, BB_CHECK_ZERO);
    bench_expect_silence(b);
    b->stat.count = 0;
    bench_judge_all(b, BB_CHECK_ZERO);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_runs, zero_over_midnight_is_judged_by_the_days_before_each) {
    struct check_bench *b = used_home();

    bench_fill(b, A_DAY, 15, 96, 100);
    set(b, 84, 24, 0); /* 21:00 to 03:00 */
    bench_judge_all(b, BB_CHECK_ZERO);
    bench_expect_marked(b, BB_CHECK_ZERO, 84, 108);
    cr_assert_eq(b->findings.count, 3);
    bench_expect(b, 0, 95, false, 12, 3 * (int64_t)BB_HOUR_MS, A_DAY - 180, A_DAY);
    bench_expect(b, 1, 107, true, 24, 6 * (int64_t)BB_HOUR_MS, A_DAY - 180, A_DAY + 180);
    bench_expect(b, 2, 107, false, 12, 3 * (int64_t)BB_HOUR_MS, A_DAY, A_DAY + 180);
    /* the row of the first day says nothing of itself, and nothing of what it reaches into */
    bench_row(b, BENCH_DAY, 500)->used_hours = 0;
    bench_judge(b, BB_CHECK_ZERO, 84, 96);
    bench_expect_marked(b, BB_CHECK_ZERO, 84, 96);
    bench_free(b);
}

Test(checks_runs, zero_is_silent_on_long_intervals_and_two_ways) {
    struct check_bench *b = intervals();

    bench_rows(b, BENCH_DAY - 28, BENCH_DAY - 1, 500);
    bench_fill(b, 0, 60, 12, 0);
    bench_judge_all(b, BB_CHECK_ZERO);
    bench_expect_marked(b, BB_CHECK_ZERO, 0, 12);
    b->channel.one_way = false;
    bench_judge_all(b, BB_CHECK_ZERO);
    bench_expect_silence(b);
    b->channel.one_way = true;
    b->window.count = 0;
    bench_fill(b, 0, 61, 12, 0);
    bench_judge_all(b, BB_CHECK_ZERO);
    bench_expect_silence(b);
    bench_free(b);
}

/* ---- leak */

static struct check_bench *water_register(void) {
    return bench_new(BB_KIND_REGISTER, BB_COMMODITY_WATER);
}

/* An hourly register that rises by so many litres an hour. */
static void rise(struct check_bench *b, int from_hour, int count, int64_t litres) {
    int64_t level = b->window.count ? b->points[b->window.count - 1].value.mantissa : 5000;

    for (int i = 0; i < count; i++)
        bench_put(b, (from_hour + i) * 60, (from_hour + i) * 60, level += litres);
}

Test(checks_runs, leak_is_a_day_without_an_hour_of_rest) {
    struct check_bench *b = water_register();

    rise(b, 1, 1, 0);
    rise(b, 2, 23, 12); /* 01:00 to 24:00 */
    rise(b, 25, 1, 0);
    bench_judge_all(b, BB_CHECK_LEAK);
    bench_expect_silence(b);
    b->points[24].value.mantissa += 7;
    rise(b, 26, 2, 0);
    bench_judge_all(b, BB_CHECK_LEAK);
    /* the first reading only begins it */
    bench_expect_marked(b, BB_CHECK_LEAK, 1, 25);
    cr_assert_eq(b->findings.count, 3);
    bench_expect(b, 0, 23, false, 12000, 23 * (int64_t)BB_HOUR_MS, 60, A_DAY);
    bench_expect(b, 1, 24, true, 7000, 24 * (int64_t)BB_HOUR_MS, 60, A_DAY + 60);
    bench_expect(b, 2, 24, false, 7000, (int64_t)BB_HOUR_MS, A_DAY, A_DAY + 60);
    bench_free(b);
}

Test(checks_runs, leak_wants_half_a_litre_an_hour_and_readings_three_hours_apart) {
    struct check_bench *b = water_register();

    for (int hour = 0; hour <= 24; hour += 2) /* 1 L in two hours */
        bench_put(b, hour * 60, hour * 60, 5000 + hour / 2);
    bench_judge_all(b, BB_CHECK_LEAK);
    cr_assert_eq(b->findings.count, 2);
    bench_expect(b, 0, 12, true, 500, 24 * (int64_t)BB_HOUR_MS, 0, A_DAY);
    b->pipeline.check[BB_CHECK_LEAK].parameter[1] = 501;
    bench_judge_all(b, BB_CHECK_LEAK);
    bench_expect_silence(b);
    b->window.count = 0;
    for (int hour = 0; hour <= 24; hour += 3)
        bench_put(b, hour * 60, hour * 60, 5000 + 2 * hour);
    bench_judge_all(b, BB_CHECK_LEAK);
    cr_assert_eq(b->findings.count, 2);
    b->points[4].start_ms = b->points[4].end_ms += 1; /* 3 h and a millisecond */
    bench_judge_all(b, BB_CHECK_LEAK);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_runs, leak_is_neither_raised_nor_cleared_by_estimates) {
    struct check_bench *b = water_register();

    rise(b, 0, 27, 12);
    bench_judge_all(b, BB_CHECK_LEAK);
    cr_assert_eq(b->findings.count, 3);
    b->points[12].value.mantissa = b->points[11].value.mantissa; /* it stands still */
    bench_judge_all(b, BB_CHECK_LEAK);
    bench_expect_silence(b);
    bench_attribute(b, &b->points[12])->quality.state = BB_STATE_ESTIMATED;
    bench_judge_all(b, BB_CHECK_LEAK);
    cr_assert_eq(b->findings.count, 3);
    cr_assert_eq(b->points[12].checks, 0);
    bench_free(b);
}

Test(checks_runs, leak_ends_where_a_register_falls) {
    struct check_bench *b = water_register();

    rise(b, 0, 20, 12);
    rise(b, 20, 1, -100);
    rise(b, 21, 20, 12);
    bench_judge_all(b, BB_CHECK_LEAK);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_runs, leak_of_intervals_in_litres) {
    struct check_bench *b = bench_new(BB_KIND_INTERVAL, BB_COMMODITY_WATER);

    b->plain.unit = b->channel.derived_unit = b->channel.metered_unit = BB_UNIT_L;
    bench_fill(b, 0, 30, 48, 250); /* 0.250 L in half an hour */
    bench_judge_all(b, BB_CHECK_LEAK);
    bench_expect_marked(b, BB_CHECK_LEAK, 0, 48);
    bench_expect(b, 0, 47, true, 500, A_DAY * (int64_t)BB_MINUTE_MS, 0, A_DAY);
    b->points[30].value.mantissa = 249;
    bench_judge_all(b, BB_CHECK_LEAK);
    bench_expect_silence(b);
    b->points[30].value.mantissa = 250;
    b->channel.commodity = BB_COMMODITY_HEAT;
    bench_judge_all(b, BB_CHECK_LEAK);
    bench_expect_silence(b);
    bench_free(b);
}

/* ---- prolonged */

/* Rows of days with estimates alone, after one with a measured value; then two days of estimates,
 * four a day. */
static struct check_bench *estimated(int days) {
    struct check_bench *b = intervals();

    bench_row(b, BENCH_DAY - days - 1, 100);
    for (int32_t day = BENCH_DAY - days; day < BENCH_DAY; day++)
        bench_row(b, day, 100)->flags = BB_STAT_COMPLETE;
    bench_fill(b, 0, 360, 8, 100);
    b->plain.quality.state = BB_STATE_ESTIMATED;
    return b;
}

Test(checks_runs, prolonged_is_the_seventh_day_of_estimates) {
    struct check_bench *b = estimated(6);

    bench_judge(b, BB_CHECK_PROLONGED, 0, 4);
    bench_expect_marked(b, BB_CHECK_PROLONGED, 0, 4);
    cr_assert_eq(b->findings.count, 2);
    bench_expect(b, 0, 0, true, 7, 0, -6 * A_DAY, 360);
    bench_expect(b, 1, 3, false, 7, 0, 0, A_DAY);
    bench_free(b);
    b = estimated(5);
    bench_judge(b, BB_CHECK_PROLONGED, 0, 4);
    bench_expect_silence(b);
    bench_free(b);
    b = estimated(7); /* on the eighth it has been told */
    bench_judge(b, BB_CHECK_PROLONGED, 0, 4);
    cr_assert_eq(b->findings.count, 1);
    bench_expect(b, 0, 3, false, 8, 0, 0, A_DAY);
    bench_free(b);
}

Test(checks_runs, prolonged_ends_with_a_measured_value) {
    struct check_bench *b = estimated(6);

    bench_attribute(b, &b->points[2])->quality.state = BB_STATE_MEASURED;
    bench_judge(b, BB_CHECK_PROLONGED, 0, 4);
    bench_expect_marked(b, BB_CHECK_PROLONGED, 0, 2);
    cr_assert_eq(b->findings.count, 2);
    bench_expect(b, 1, 1, false, 7, 0, 0, 720);
    /* what is judged alone sees its day */
    bench_judge(b, BB_CHECK_PROLONGED, 3, 4);
    bench_expect_silence(b);
    bench_judge(b, BB_CHECK_PROLONGED, 1, 2);
    cr_assert_eq(b->findings.count, 1);
    bench_expect(b, 0, 1, false, 7, 0, 0, 720);
    /* a substitute is final or says nothing */
    bench_attribute(b, &b->points[2])->quality.state = BB_STATE_SUBSTITUTED;
    bench_judge(b, BB_CHECK_PROLONGED, 3, 4);
    bench_expect_marked(b, BB_CHECK_PROLONGED, 3, 4);
    bench_attribute(b, &b->points[2])->quality.marks = BB_MARK_FINAL;
    bench_judge(b, BB_CHECK_PROLONGED, 3, 4);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_runs, prolonged_counts_days_without_values_too) {
    struct check_bench *b = intervals();

    bench_row(b, BENCH_DAY - 9, 100);
    bench_row(b, BENCH_DAY - 5, 100)->flags = 0;
    bench_fill(b, 0, 360, 4, 100);
    b->plain.quality.state = BB_STATE_ESTIMATED;
    bench_judge(b, BB_CHECK_PROLONGED, 0, 4);
    cr_assert_eq(b->findings.count, 2);
    bench_expect(b, 0, 0, true, 9, 0, -8 * A_DAY, 360); /* the fourth day had the last values */
    bench_free(b);
}

Test(checks_runs, prolonged_from_the_first_day_known) {
    struct check_bench *b = estimated(6);

    b->stat.days = &b->rows[1]; /* nothing measured is known */
    b->stat.count = 6;
    bench_judge(b, BB_CHECK_PROLONGED, 0, 4);
    cr_assert_eq(b->findings.count, 2);
    b->stat.days = &b->rows[2];
    b->stat.count = 5;
    bench_judge(b, BB_CHECK_PROLONGED, 0, 4);
    bench_expect_silence(b);
    bench_free(b);
}
