/* Checks of one reading or two at each of their edges: jump, inactive, late, and time as far as it
 * looks at the moment of issue. */
#include <criterion/criterion.h>

#include "model/unit.h"
#include "support/check_bench.h"

static struct check_bench *intervals(void) {
    return bench_new(BB_KIND_INTERVAL, BB_COMMODITY_ELECTRICITY);
}

/* ---- jump */

Test(checks_single, jump_is_five_times_the_value_before) {
    struct check_bench *b = intervals();

    bench_put(b, 0, 15, 100);
    bench_put(b, 15, 30, 600); /* by 500 % */
    bench_put(b, 30, 45, 9999)->usable = false;
    bench_put(b, 45, 60, 3601);
    bench_put(b, 60, 75, 1); /* down is never more than all of it */
    bench_put(b, 75, 90, 0);
    bench_put(b, 90, 105, 5000); /* from nothing */
    bench_judge_all(b, BB_CHECK_JUMP);
    cr_assert_eq(b->findings.count, 1);
    bench_expect(b, 0, 3, false, 3601, 600, 60, 60);
    bench_judge(b, BB_CHECK_JUMP, 3, 4); /* it looks back past the row without value */
    cr_assert_eq(b->findings.count, 1);
    bench_judge(b, BB_CHECK_JUMP, 0, 1);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_single, jump_through_zero) {
    struct check_bench *b = intervals();

    bench_put(b, 0, 15, -100);
    bench_put(b, 15, 30, 400);
    bench_put(b, 30, 45, -1601);
    bench_judge_all(b, BB_CHECK_JUMP);
    cr_assert_eq(b->findings.count, 1);
    bench_expect(b, 0, 2, false, -1601, 400, 45, 45);
    bench_free(b);
}

/* ---- inactive */

/* Installed until minute 60 and from minute 120 on. */
static const struct bb_installation installed[] = {
    {.from_ms = BENCH_DAY * (int64_t)BB_DAY_MS - BB_DAY_MS,
     .to_ms = BENCH_DAY * (int64_t)BB_DAY_MS + 60 * BB_MINUTE_MS,
     .factor = {1, 0}},
    {.from_ms = BENCH_DAY * (int64_t)BB_DAY_MS + 120 * BB_MINUTE_MS,
     .to_ms = BB_TIME_NONE,
     .factor = {1, 0}}};

Test(checks_single, inactive_is_use_between_installations) {
    struct check_bench *b = intervals();

    b->channel.installations = installed;
    b->channel.installation_count = 2;
    bench_fill(b, 0, 15, 12, 100); /* to minute 180 */
    bench_judge_all(b, BB_CHECK_INACTIVE);
    bench_expect_marked(b, BB_CHECK_INACTIVE, 4, 8);
    cr_assert_eq(b->findings.count, 1);
    bench_expect(b, 0, 4, true, 100, 0, 60, 75);
    bench_judge(b, BB_CHECK_INACTIVE, 5, 12); /* it was told before */
    bench_expect_marked(b, BB_CHECK_INACTIVE, 5, 8);
    cr_assert_eq(b->findings.count, 0);
    for (int i = 4; i < 8; i++)
        b->points[i].value.mantissa = 10; /* 0.010 kWh are no use, 0.011 are */
    bench_judge_all(b, BB_CHECK_INACTIVE);
    bench_expect_silence(b);
    b->points[6].value.mantissa = 11;
    bench_judge_all(b, BB_CHECK_INACTIVE);
    cr_assert_eq(b->findings.count, 1);
    bench_expect(b, 0, 6, true, 11, 0, 90, 105);
    bench_free(b);
}

Test(checks_single, inactive_lies_wholly_outside_and_needs_master_data) {
    struct check_bench *b = intervals();

    b->channel.installations = installed;
    b->channel.installation_count = 2;
    bench_put(b, 45, 75, 100);
    bench_put(b, 105, 135, 100);
    bench_put(b, -24 * 60 - 15, -24 * 60, 100);
    bench_judge(b, BB_CHECK_INACTIVE, 0, 2);
    bench_expect_silence(b);
    bench_judge(b, BB_CHECK_INACTIVE, 2, 3); /* before the first one */
    cr_assert_eq(b->findings.count, 1);
    b->channel.installation_count = 0;
    bench_judge_all(b, BB_CHECK_INACTIVE);
    bench_expect_silence(b);
    bench_free(b);
}

Test(checks_single, inactive_registers_rise) {
    struct check_bench *b = bench_new(BB_KIND_REGISTER, BB_COMMODITY_ELECTRICITY);

    b->channel.installations = installed;
    b->channel.installation_count = 2;
    bench_put(b, 45, 45, 1000);
    bench_put(b, 61, 61, 1050); /* as far as it was installed */
    bench_put(b, 75, 75, 1060); /* 0.010 kWh */
    bench_put(b, 90, 90, 1071);
    bench_put(b, 105, 105, 1090);
    bench_put(b, 150, 150, 2000);
    bench_judge_all(b, BB_CHECK_INACTIVE);
    bench_expect_marked(b, BB_CHECK_INACTIVE, 3, 5);
    cr_assert_eq(b->findings.count, 1);
    bench_expect(b, 0, 3, true, 11, 0, 75, 90);
    bench_free(b);
}

/* ---- late, time */

static struct bb_point *told(struct check_bench *b, int minute, int64_t issued_behind_ms,
                             int64_t recorded_behind_ms) {
    struct bb_point *p = bench_put(b, minute - 15, minute, 100);

    p->late_ms = issued_behind_ms;
    p->recorded_ms = p->end_ms + recorded_behind_ms;
    return p;
}

Test(checks_single, late_is_a_day_behind) {
    struct check_bench *b = intervals();

    told(b, 15, BB_DAY_MS, 2 * (int64_t)BB_DAY_MS);
    told(b, 30, BB_DAY_MS + 1, 2 * (int64_t)BB_DAY_MS);
    told(b, 45, 0, 2 * (int64_t)BB_DAY_MS);         /* nobody says when it left */
    told(b, 60, 9 * (int64_t)BB_DAY_MS, BB_DAY_MS); /* corrected, but known in time */
    bench_judge_all(b, BB_CHECK_LATE);
    cr_assert_eq(b->findings.count, 1);
    bench_expect(b, 0, 1, false, BB_DAY_MS + 1, 2 * (int64_t)BB_DAY_MS, 30, 30);
    bench_free(b);
}

Test(checks_single, time_ahead_of_its_issue) {
    struct check_bench *b = intervals();
    const int64_t minutes_5 = 5 * (int64_t)BB_MINUTE_MS;

    told(b, 15, -minutes_5, BB_DAY_MS);
    told(b, 30, -minutes_5 - 1, BB_DAY_MS);
    told(b, 45, 1, -minutes_5 - 2);
    told(b, 60, 0, BB_DAY_MS);
    told(b, 75, -minutes_5 - 3, -minutes_5 - 2);
    bench_judge_all(b, BB_CHECK_TIME);
    cr_assert_eq(b->findings.count, 3);
    bench_expect(b, 0, 1, false, minutes_5 + 1, 0, 30, 30);
    bench_expect(b, 1, 2, false, minutes_5 + 2, 0, 45, 45);
    bench_expect(b, 2, 4, false, minutes_5 + 3, 0, 75, 75);
    bench_free(b);
}

Test(checks_single, late_is_told_by_an_issue_of_the_senders_own) {
    struct check_bench *b = intervals();
    struct bb_block raw;

    cr_assert(bb_block_init(&raw, BB_LANE_RAW, 2, &b->arena));
    raw.attributes.items = &b->plain;
    raw.attributes.count = 1;
    raw.count = 2;
    for (int i = 0; i < 2; i++) {
        raw.end_ms[i] = bench_minute(i + 1);
        raw.mantissa[i] = 1;
        raw.attribute[i] = raw.rivals[i] = raw.origin[i] = 0;
        raw.recorded_ms[i] = raw.received_ms[i] = bench_minute(30);
        raw.issued_ms[i] = bench_minute(i == 0 ? 30 : 20);
    }
    cr_assert(bb_window_add_raw(&b->window, &b->channel, &raw, bench_minute(0), bench_minute(9)));
    cr_assert_eq(b->points[0].late_ms, 0);
    cr_assert_eq(b->points[1].late_ms, 18 * (int64_t)BB_MINUTE_MS);
    bench_free(b);
}

/* ---- evidence */

Test(checks_single, levels_as_mantissas_of_a_point) {
    struct check_bench *b = intervals();
    struct bb_point *p = bench_put(b, 0, 15, 5);

    cr_assert_eq(bb_mantissa_of_level(&b->channel, p, INT64_C(1234567890)), 1234);
    cr_assert_eq(bb_mantissa_of_level(&b->channel, p, -INT64_C(1999999)), -1);
    p->value.exponent = -12;
    cr_assert_eq(bb_mantissa_of_level(&b->channel, p, 7), 7000);
    cr_assert_eq(bb_mantissa_of_level(&b->channel, p, INT64_MAX), INT64_MAX, "it does not fit");
    bench_attribute(b, p)->unit = BB_UNIT_M3; /* another dimension has no such mantissa */
    cr_assert_eq(bb_mantissa_of_level(&b->channel, p, 7), 0);
    bench_free(b);
}
