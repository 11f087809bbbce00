/* Checks against the days before at each of their edges: high, low, spike; and outlier, which looks
 * at the weeks before itself. */
#include <criterion/criterion.h>

#include "model/unit.h"
#include "support/check_bench.h"

static struct check_bench *intervals(void) {
    return bench_new(BB_KIND_INTERVAL, BB_COMMODITY_ELECTRICITY);
}

static int minute_of(const struct check_bench *b, size_t i) {
    return (int)((b->points[i].end_ms - bench_minute(0)) / BB_MINUTE_MS);
}

/* A point's own finding. */
static void expect_at(const struct check_bench *b, size_t i, size_t point, bool hard, int64_t a,
                      int64_t value_b) {
    bench_expect(b, i, point, hard, a, value_b, minute_of(b, point), minute_of(b, point));
    cr_assert_eq(b->findings.items[i].exponent, b->points[point].value.exponent);
}

/* ---- high */

Test(checks_trailing, high_is_three_times_the_usual) {
    struct check_bench *b = intervals();

    bench_rows(b, BENCH_DAY - 21, BENCH_DAY - 1, 500);
    bench_put(b, 0, 15, 1500);
    bench_put(b, 15, 30, 1501);
    bench_put(b, 30, 45, 99999)->usable = false;
    bench_judge_all(b, BB_CHECK_HIGH);
    cr_assert_eq(b->findings.count, 1);
    expect_at(b, 0, 1, true, 1501, 1500);
    b->stat.count = 20; /* days are too few: ten times as much */
    bench_judge_all(b, BB_CHECK_HIGH);
    bench_expect_silence(b);
    bench_put(b, 45, 60, 15000);
    bench_put(b, 60, 75, 15001);
    bench_judge_all(b, BB_CHECK_HIGH);
    cr_assert_eq(b->findings.count, 1);
    expect_at(b, 0, 4, true, 15001, 15000);
    b->stat.count = 2; /* from the second on */
    bench_judge_all(b, BB_CHECK_HIGH);
    cr_assert_eq(b->findings.count, 1);
    b->rows[1].least = 100 * INT64_C(1000000); /* on which nothing happened */
    bench_judge_all(b, BB_CHECK_HIGH);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_trailing, high_evidence_is_in_the_unit_as_sent) {
    struct check_bench *b = intervals();

    bench_rows(b, BENCH_DAY - 21, BENCH_DAY - 1, 500);
    struct bb_point *p = bench_put(b, 0, 15, 15010);
    struct bb_attribute *wh = bench_attribute(b, p);
    wh->unit = BB_UNIT_WH;
    wh->exponent = -1;
    p->value.exponent = -1; /* 1501.0 Wh */
    bench_judge_all(b, BB_CHECK_HIGH);
    cr_assert_eq(b->findings.count, 1);
    expect_at(b, 0, 0, true, 15010, 15000);
    bench_free(b);
}

Test(checks_trailing, high_by_each_days_own_past) {
    struct check_bench *b = intervals();

    bench_rows(b, BENCH_DAY - 21, BENCH_DAY - 1, 500);
    bench_row(b, BENCH_DAY, 600); /* its greatest counts from tomorrow on */
    bench_put(b, 0, 15, 1501);
    bench_put(b, 24 * 60 - 15, 24 * 60, 1501); /* until midnight it is today */
    bench_put(b, 24 * 60, 24 * 60 + 15, 1501);
    bench_judge_all(b, BB_CHECK_HIGH);
    cr_assert_eq(b->findings.count, 2);
    expect_at(b, 0, 0, true, 1501, 1500);
    expect_at(b, 1, 1, true, 1501, 1500);
    bench_free(b);
}

Test(checks_trailing, high_is_what_a_connection_cannot_carry) {
    struct check_bench *b = intervals();

    b->channel.capacity = 20 * INT64_C(1000000000); /* 20 kWh an hour: 5 kWh a quarter */
    bench_put(b, 0, 15, 5000);
    bench_put(b, 15, 30, 5001);
    bench_put(b, 30, 90, 20000);
    bench_judge_all(b, BB_CHECK_HIGH);
    cr_assert_eq(b->findings.count, 1);
    expect_at(b, 0, 1, true, 5001, 5000);
    b->channel.kind = BB_KIND_GAUGE; /* of which it says nothing */
    bench_judge_all(b, BB_CHECK_HIGH);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_trailing, high_of_nothing_is_no_limit) {
    struct check_bench *b = intervals();

    bench_rows(b, BENCH_DAY - 21, BENCH_DAY - 1, 0);
    bench_put(b, 0, 15, 100);
    bench_judge_all(b, BB_CHECK_HIGH);
    bench_expect_silence(b);
    bench_free(b);
    b = bench_new(BB_KIND_GAUGE, BB_COMMODITY_OTHER);
    b->plain.unit = b->channel.metered_unit = b->channel.derived_unit = BB_UNIT_CELSIUS;
    bench_rows(b, BENCH_DAY - 21, BENCH_DAY - 1, 500);
    bench_put(b, 0, 0, 20000);
    bench_judge_all(b, BB_CHECK_HIGH);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_trailing, high_limits_are_saturated) {
    struct check_bench *b = intervals();

    bench_rows(b, BENCH_DAY - 21, BENCH_DAY - 1, 0);
    for (int i = 0; i < 21; i++)
        b->rows[i].top[0] = INT64_MAX / 2;
    b->channel.capacity = INT64_MAX;
    bench_put(b, 0, 120, INT64_C(999999999999999999));
    bench_judge_all(b, BB_CHECK_HIGH);
    bench_expect_silence(b);
    b->channel.capacity = 0;
    bench_judge_all(b, BB_CHECK_HIGH);
    bench_expect_silence(b);
    bench_free(b);
}

/* ---- low */

Test(checks_trailing, low_is_three_times_the_least) {
    struct check_bench *b = intervals();

    b->channel.one_way = false;
    bench_rows(b, BENCH_DAY - 21, BENCH_DAY - 1, 500);
    for (int i = 0; i < 21; i++)
        b->rows[i].least = -100 * INT64_C(1000000);
    bench_put(b, 0, 15, -300);
    bench_put(b, 15, 30, -301);
    bench_judge_all(b, BB_CHECK_LOW);
    cr_assert_eq(b->findings.count, 1);
    expect_at(b, 0, 1, true, -301, -300);
    b->channel.one_way = true;
    bench_judge_all(b, BB_CHECK_LOW);
    bench_expect_silence(b);
    b->channel.one_way = false;
    b->stat.count = 9;
    bench_judge_all(b, BB_CHECK_LOW);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_trailing, low_is_silent_until_something_was_below_zero) {
    struct check_bench *b = intervals();

    b->channel.one_way = false;
    bench_rows(b, BENCH_DAY - 21, BENCH_DAY - 1, 500); /* the least is 0.011 */
    bench_put(b, 0, 15, -5000);
    bench_judge_all(b, BB_CHECK_LOW);
    bench_expect_silence(b);
    bench_free(b);
}

/* ---- spike */

/* Rows whose greatest values are 100, and five values of 100 around `mantissa`. */
static struct check_bench *around(int64_t mantissa) {
    struct check_bench *b = intervals();

    bench_rows(b, BENCH_DAY - 27, BENCH_DAY - 1, 100);
    bench_fill(b, 0, 15, 2, 50);
    bench_put(b, 30, 45, mantissa);
    bench_fill(b, 45, 15, 2, 50);
    return b;
}

Test(checks_trailing, spike_is_more_than_five_times_above_the_third) {
    struct check_bench *b = around(600);

    bench_judge_all(b, BB_CHECK_SPIKE);
    bench_expect_silence(b);
    b->points[2].value.mantissa = 601;
    bench_judge_all(b, BB_CHECK_SPIKE);
    cr_assert_eq(b->findings.count, 1);
    expect_at(b, 0, 2, true, 601, 100);
    bench_free(b);
}

Test(checks_trailing, two_high_values_are_spikes_and_three_are_use) {
    struct check_bench *b = around(700);

    b->points[3].value.mantissa = 700;
    bench_judge_all(b, BB_CHECK_SPIKE);
    cr_assert_eq(b->findings.count, 2);
    bench_expect_marked(b, BB_CHECK_SPIKE, 2, 4);
    b->points[1].value.mantissa = 117; /* 6 x 117 = 702 */
    bench_judge_all(b, BB_CHECK_SPIKE);
    bench_expect_silence(b);
    b->points[1].value.mantissa = 116;
    bench_judge_all(b, BB_CHECK_SPIKE);
    cr_assert_eq(b->findings.count, 2);
    expect_at(b, 0, 2, true, 700, 116);
    /* one day that had such a value is the second of three */
    b->points[1].value.mantissa = 50;
    b->rows[7].top[0] = 700 * INT64_C(1000000);
    bench_judge_all(b, BB_CHECK_SPIKE);
    bench_expect_silence(b);
    b->points[3].value.mantissa = 50;
    bench_judge_all(b, BB_CHECK_SPIKE);
    cr_assert_eq(b->findings.count, 1);
    bench_free(b);
}

Test(checks_trailing, spike_is_told_by_what_follows) {
    struct check_bench *b = around(700);

    b->window.count = 3;
    bench_judge_all(b, BB_CHECK_SPIKE);
    bench_expect_silence(b);
    b->window.count = 5;
    b->points[3].usable = false; /* the one after does */
    bench_judge_all(b, BB_CHECK_SPIKE);
    cr_assert_eq(b->findings.count, 1);
    b->points[4].usable = false;
    bench_judge_all(b, BB_CHECK_SPIKE);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_trailing, spike_wants_twenty_values_of_the_days_before) {
    struct check_bench *b = around(700);

    b->stat.days = &b->rows[25];
    b->stat.count = 2;
    b->rows[25].count = 9;
    b->rows[26].count = 10;
    bench_judge_all(b, BB_CHECK_SPIKE);
    bench_expect_silence(b);
    b->rows[25].count = 10;
    bench_judge_all(b, BB_CHECK_SPIKE);
    cr_assert_eq(b->findings.count, 1);
    b->rows[25].day = BENCH_DAY - 28; /* too long ago for its values */
    bench_judge_all(b, BB_CHECK_SPIKE);
    bench_expect_silence(b);
    b->rows[26].count = 20;
    bench_judge_all(b, BB_CHECK_SPIKE);
    cr_assert_eq(b->findings.count, 1);
    b->stat.days = &b->rows[26]; /* one day alone */
    b->stat.count = 1;
    bench_judge_all(b, BB_CHECK_SPIKE);
    bench_expect_silence(b);
    b->stat.count = 0;
    bench_judge_all(b, BB_CHECK_SPIKE);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_trailing, spike_over_nothing_is_use) {
    struct check_bench *b = around(700);

    for (int i = 0; i < 27; i++)
        memset(b->rows[i].top, 0, sizeof b->rows[i].top);
    for (int i = 0; i < 5; i++)
        if (i != 2)
            b->points[i].value.mantissa = 0;
    bench_judge_all(b, BB_CHECK_SPIKE);
    bench_expect_silence(b);
    bench_free(b);
}

/* ---- outlier */

/* Eight Thursdays before at noon, 100 to 107; other hours and weekdays stand apart. */
static struct check_bench *thursdays(void) {
    struct check_bench *b = intervals();
    const int noon = 12 * 60;

    for (int week = -8; week < 0; week++) {
        int day = week * 7 * 24 * 60;
        bench_put(b, day + noon - 60, day + noon, 9000);
        bench_put(b, day + noon, day + noon + 60, 108 + week);
        bench_put(b, day + noon + 60, day + noon + 120, 9000);
        bench_put(b, day + 24 * 60 + noon, day + 24 * 60 + noon + 60, 9000);
    }
    bench_put(b, noon, noon + 60, 0);
    return b;
}

Test(checks_trailing, outlier_is_seven_mads_from_the_median) {
    struct check_bench *b = thursdays();
    size_t last = b->window.count - 1;

    /* median of 100 to 107: 103.5; distances 0.5 0.5 1.5 1.5 2.5 2.5 3.5 3.5: MAD 2 */
    const int64_t edges[][2] = {{117, 0}, {118, 1}, {90, 0}, {89, 1}};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        b->points[last].value.mantissa = edges[i][0];
        bench_judge(b, BB_CHECK_OUTLIER, last, last + 1);
        cr_assert_eq(b->findings.count, (size_t)edges[i][1], "%d", (int)edges[i][0]);
        if (edges[i][1])
            expect_at(b, 0, last, false, edges[i][0], 103);
    }
    bench_free(b);
}

Test(checks_trailing, outlier_wants_eight_values_that_differ) {
    struct check_bench *b = thursdays();
    size_t last = b->window.count - 1;

    b->points[last].value.mantissa = 9000;
    bench_judge(b, BB_CHECK_OUTLIER, last, last + 1);
    cr_assert_eq(b->findings.count, 1);
    b->points[1].usable = false; /* the first of the eight */
    bench_judge(b, BB_CHECK_OUTLIER, last, last + 1);
    bench_expect_silence(b);
    b->points[1].usable = true;
    for (size_t i = 0; i < last; i++)
        b->points[i].value.mantissa = 100;
    bench_judge(b, BB_CHECK_OUTLIER, last, last + 1);
    bench_expect_silence(b);
    bench_free(b);
}
