/* Estimation and the lane vee: which gaps get rows, what stands in them, what gives way. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>

#include "derive/estimate.h"
#include "derive/vee.h"
#include "model/unit.h"

enum { POINTS_MAX = 32, ROWS_MAX = 8000 };

static const int64_t base = 20200 * (int64_t)BB_DAY_MS;

struct bench {
    struct bb_channel channel;
    struct bb_pipeline pipeline;
    struct bb_arena arena;
    struct bb_attribute attributes[POINTS_MAX];
    struct bb_point points[POINTS_MAX], rows[ROWS_MAX];
    struct bb_window raw, vee;
    int64_t level[POINTS_MAX];
    struct bb_finding_list findings;
    struct bb_error error;
};

static struct bench *bench_new(void) {
    struct bench *b = calloc(1, sizeof *b);

    bb_arena_init(&b->arena, 1 << 20, 64 << 20);
    bb_pipeline_defaults(&b->pipeline);
    b->channel = (struct bb_channel){.kind = BB_KIND_INTERVAL,
                                     .derived_unit = BB_UNIT_KWH,
                                     .metered_unit = BB_UNIT_KWH,
                                     .interval_s = 900,
                                     .calendar = {.zone = bb_zone_utc()},
                                     .pipeline = &b->pipeline};
    b->raw = (struct bb_window){.points = b->points, .capacity = POINTS_MAX};
    b->vee = (struct bb_window){.points = b->rows, .capacity = ROWS_MAX};
    b->findings = (struct bb_finding_list){.arena = &b->arena};
    return b;
}

static void bench_free(struct bench *b) {
    bb_arena_release(&b->arena);
    free(b);
}

/* A reading over (start, end] minutes; state MISSING: no value. */
static void put(struct bench *b, int start_minute, int end_minute, int64_t mantissa, int exponent,
                int unit, int state) {
    size_t i = b->raw.count;

    b->attributes[i] = (struct bb_attribute){.quality = {.state = (uint8_t)state},
                                             .length_s = (uint32_t)(end_minute - start_minute) * 60,
                                             .unit = (uint8_t)unit,
                                             .exponent = (int8_t)exponent};
    struct bb_point p = {.start_ms = base + start_minute * (int64_t)BB_MINUTE_MS,
                         .end_ms = base + end_minute * (int64_t)BB_MINUTE_MS,
                         .value = {mantissa, (int8_t)exponent},
                         .attribute = &b->attributes[i],
                         .recorded_ms = base + 100 * (int64_t)BB_DAY_MS,
                         .usable = bb_attribute_usable(&b->channel, &b->attributes[i])};
    cr_assert(bb_window_put(&b->raw, &p));
}

static void measured(struct bench *b, int start_minute, int64_t mantissa, int exponent) {
    put(b, start_minute, start_minute + 15, mantissa, exponent, BB_UNIT_KWH, BB_STATE_MEASURED);
}

static const struct bb_stat no_days;
static const struct bb_total_list no_totals;

/* Points [0, last) with nothing known of the past. */
static int judge_until(struct bench *b, size_t last) {
    struct bb_vee_aid aid = {
        .level = b->level, .stat = &no_days, .totals = &no_totals, .past = &b->raw};

    b->vee.count = b->findings.count = 0;
    bb_window_levels(&b->channel, &b->raw, b->level);
    return bb_vee_judge(&b->channel, &b->raw, 0, last, &aid, &b->arena, &b->vee, &b->findings,
                        &b->error);
}

static void judge(struct bench *b) {
    cr_assert_eq(judge_until(b, b->raw.count), 0);
}

static size_t gap_rows(const struct bench *b) {
    struct bb_vee_gap gap;
    size_t rows = 0;

    for (size_t at = 0; bb_vee_next_gap(&b->channel, &b->raw, &at, b->raw.count, &gap);)
        rows += gap.count;
    return rows;
}

static const struct bb_point *row_to(const struct bench *b, int end_minute) {
    for (size_t i = 0; i < b->vee.count; i++)
        if (b->vee.points[i].end_ms == base + end_minute * (int64_t)BB_MINUTE_MS)
            return &b->vee.points[i];
    cr_assert_fail("there is no row to minute %d", end_minute);
    return NULL;
}

static void expect_value(const struct bench *b, int end_minute, int64_t mantissa, int exponent,
                         int state) {
    const struct bb_point *p = row_to(b, end_minute);

    cr_assert(p->usable && p->attribute->quality.state == state, "minute %d is %s", end_minute,
              bb_state_name(p->attribute->quality.state));
    cr_assert(bb_decimal_equal(p->value, (struct bb_decimal){mantissa, (int8_t)exponent}),
              "minute %d: %" PRId64 "e%d, not %" PRId64 "e%d", end_minute, p->value.mantissa,
              p->value.exponent, mantissa, exponent);
}

static void expect_missing(const struct bench *b, int end_minute) {
    const struct bb_point *p = row_to(b, end_minute);

    cr_assert(!p->usable && p->attribute->quality.state == BB_STATE_MISSING && p->overlay);
}

/* ---- linear */

Test(vee, a_line_between_the_ends) {
    struct bench *b = bench_new();

    measured(b, 0, 1000, -3);
    measured(b, 60, 2000, -3);
    judge(b);
    cr_assert_eq(b->vee.count, 5);
    expect_value(b, 30, 1250, -3, BB_STATE_ESTIMATED);
    expect_value(b, 45, 1500, -3, BB_STATE_ESTIMATED);
    expect_value(b, 60, 1750, -3, BB_STATE_ESTIMATED);
    const struct bb_quality *q = &row_to(b, 45)->attribute->quality;
    cr_assert(q->method == BB_METHOD_LINEAR && q->checks == 1u << BB_CHECK_GAP);
    cr_assert(row_to(b, 45)->overlay && !row_to(b, 15)->overlay);
    cr_assert(row_to(b, 75)->checks == 1u << BB_CHECK_GAP, "the reading that ends it is marked");
    cr_assert_eq(b->findings.count, 1);
    cr_assert_not(b->findings.items[0].hard, "a gap that was filled opens no exception");
    bench_free(b);
}

/* Three missing quarters between 00:15 and 01:00; registers were read at 00:00, 00:30 and 01:15, so that
 * without a line two parts are filled: 1 to 00:30, and of 8 to 01:15 what 2 told lack. */
Test(vee, an_account_of_an_estimate) {
    struct bench *b = bench_new();
    struct bb_vee_account account = {.at_ms = base + 60 * (int64_t)BB_MINUTE_MS};
    const bb_wide one = (bb_wide)bb_power_of_ten[-BB_TOTAL_EXPONENT];
    struct bb_total items[] = {
        {base, base + 30 * (int64_t)BB_MINUTE_MS, 2 * one, one},
        {base + 30 * (int64_t)BB_MINUTE_MS, base + 75 * (int64_t)BB_MINUTE_MS, 8 * one, one}};
    struct bb_total_list totals = {items, 2};
    struct bb_vee_aid aid = {.level = b->level,
                             .stat = &no_days,
                             .totals = &totals,
                             .past = &b->raw,
                             .account = &account};

    measured(b, 0, 1000, -3);
    measured(b, 60, 2000, -3);
    bb_window_levels(&b->channel, &b->raw, b->level);
    cr_assert_eq(
        bb_vee_judge(&b->channel, &b->raw, 0, 2, &aid, &b->arena, &b->vee, &b->findings, &b->error),
        0);
    cr_assert(account.known && account.method == BB_METHOD_LINEAR && account.gap.intervals == 3);
    b->pipeline.estimate[BB_METHOD_LINEAR].on = false;
    b->vee.count = b->findings.count = 0;
    account.known = false;
    cr_assert_eq(
        bb_vee_judge(&b->channel, &b->raw, 0, 2, &aid, &b->arena, &b->vee, &b->findings, &b->error),
        0);
    cr_assert(account.known && account.method == BB_METHOD_FLAT);
    cr_assert_eq(account.gap.from_ms, base + 30 * (int64_t)BB_MINUTE_MS);
    cr_assert_eq(account.gap.intervals, 2);
    cr_assert_eq(account.step_ms, 15 * BB_MINUTE_MS);
    cr_assert(account.gap.has_total && account.gap.total == 6000000, "x 10^%d",
              account.gap.exponent);
    cr_assert_eq(account.around.to_ms, base + 75 * (int64_t)BB_MINUTE_MS);
    cr_assert(account.told.amount == 2 * one && account.told.values == 1);
    expect_value(b, 60, 3000000, -6, BB_STATE_ESTIMATED);
    expect_value(b, 30, 1000000, -6, BB_STATE_ESTIMATED);
    account = (struct bb_vee_account){.at_ms = base + 75 * (int64_t)BB_MINUTE_MS};
    b->vee.count = b->findings.count = 0;
    cr_assert_eq(
        bb_vee_judge(&b->channel, &b->raw, 0, 2, &aid, &b->arena, &b->vee, &b->findings, &b->error),
        0);
    cr_assert_not(account.known, "it was told");
    bench_free(b);
}

Test(vee, thirds_are_rounded_at_the_derived_exponent) {
    struct bench *b = bench_new();

    measured(b, 0, 0, 0);
    measured(b, 45, 1, 0); /* two missing: 1/3, 2/3 */
    judge(b);
    expect_value(b, 30, 333, -3, BB_STATE_ESTIMATED);
    expect_value(b, 45, 667, -3, BB_STATE_ESTIMATED);
    bench_free(b);
    b = bench_new();
    measured(b, 0, 10, -1);
    measured(b, 45, 2, 0); /* the finer end counts: 10^-4 */
    judge(b);
    expect_value(b, 30, 13333, -4, BB_STATE_ESTIMATED);
    expect_value(b, 45, 16667, -4, BB_STATE_ESTIMATED);
    bench_free(b);
}

/* An hour of 8 kWh, two quarters missing, a quarter of 1 kWh: the line begins at 2 kWh a quarter. */
Test(vee, a_line_from_an_interval_of_another_length_begins_at_its_share) {
    struct bench *b = bench_new();

    put(b, 0, 60, 8, 0, BB_UNIT_KWH, BB_STATE_MEASURED);
    measured(b, 90, 1, 0);
    judge(b);
    expect_value(b, 75, 1667, -3, BB_STATE_ESTIMATED);
    expect_value(b, 90, 1333, -3, BB_STATE_ESTIMATED);
    bench_free(b);
}

Test(vee, a_line_may_fall_and_cross_zero) {
    struct bench *b = bench_new();

    measured(b, 0, 10, 0);
    measured(b, 45, -5, 0);
    judge(b);
    expect_value(b, 30, 5, 0, BB_STATE_ESTIMATED);
    expect_value(b, 45, 0, 0, BB_STATE_ESTIMATED);
    bench_free(b);
}

Test(vee, two_hours_are_filled_and_not_a_quarter_more) {
    struct bench *b = bench_new();

    measured(b, 0, 1, 0);
    measured(b, 15 + 120, 1, 0);
    judge(b);
    cr_assert_eq(b->vee.count, 2 + 8);
    expect_value(b, 120, 1, 0, BB_STATE_ESTIMATED);
    bench_free(b);
    b = bench_new();
    measured(b, 0, 1, 0);
    measured(b, 15 + 135, 1, 0);
    judge(b);
    cr_assert_eq(b->vee.count, 2 + 9);
    expect_missing(b, 120);
    cr_assert(b->findings.count == 1 && b->findings.items[0].hard, "an exception stays open");
    bench_free(b);
}

Test(vee, the_limit_and_the_check_can_be_set) {
    struct bench *b = bench_new();

    b->pipeline.estimate[BB_METHOD_LINEAR].parameter[0] = 0;
    measured(b, 0, 1, 0);
    measured(b, 30, 1, 0);
    judge(b);
    expect_missing(b, 30);
    b->pipeline.estimate[BB_METHOD_LINEAR].parameter[0] = BB_HOUR_MS;
    b->pipeline.estimate[BB_METHOD_LINEAR].on = false;
    judge(b);
    expect_missing(b, 30);
    b->pipeline.check[BB_CHECK_GAP].on = false;
    b->points[1].checks = 0;
    judge(b);
    cr_assert_eq(b->vee.count, 2, "without the check there are no rows");
    cr_assert_eq(b->findings.count, 0);
    bench_free(b);
}

/* ---- which gaps get rows */

Test(vee, two_months_get_rows_and_not_a_quarter_more) {
    const int months = BB_GAP_ROWS_DAYS * 24 * 60;
    struct bench *b = bench_new();

    measured(b, 0, 1, 0);
    measured(b, 15 + months, 1, 0);
    judge(b);
    cr_assert_eq(b->vee.count, 2 + BB_GAP_ROWS_DAYS * 96);
    cr_assert_eq(gap_rows(b), BB_GAP_ROWS_DAYS * 96);
    bench_free(b);
    b = bench_new();
    measured(b, 0, 1, 0);
    measured(b, 30 + months, 1, 0);
    judge(b);
    cr_assert_eq(b->vee.count, 2);
    cr_assert(b->findings.count == 1 && b->findings.items[0].hard);
    cr_assert_eq(b->findings.items[0].b, (months + 15) * (int64_t)BB_MINUTE_MS);
    bench_free(b);
}

Test(vee, a_gap_that_is_no_whole_number_of_intervals_gets_no_rows) {
    struct bench *b = bench_new();

    measured(b, 0, 1, 0);
    measured(b, 35, 1, 0);
    judge(b);
    cr_assert_eq(b->vee.count, 2);
    cr_assert(b->findings.items[0].hard);
    bench_free(b);
}

Test(vee, the_interval_that_ends_a_gap_cuts_it) {
    struct bench *b = bench_new();

    measured(b, 0, 1, 0);
    put(b, 45, 60, 1, 0, BB_UNIT_KWH, BB_STATE_MEASURED);
    put(b, 120, 150, 2, 0, BB_UNIT_KWH, BB_STATE_MEASURED); /* half an hour */
    judge(b);
    cr_assert_eq(b->vee.count, 3 + 2 + 2);
    expect_value(b, 90, 2000, -3, BB_STATE_ESTIMATED); /* 1 kWh a quarter is as much */
    bench_free(b);
}

Test(vee, registers_and_gauges_have_no_gaps) {
    struct bench *b = bench_new();

    b->channel.kind = BB_KIND_GAUGE;
    measured(b, 0, 1, 0);
    measured(b, 60, 1, 0);
    judge(b);
    cr_assert_eq(b->vee.count, 2);
    bench_free(b);
}

/* ---- rows that were told without a value */

Test(vee, rows_of_the_gap_stand_where_missing_rows_were) {
    struct bench *b = bench_new();

    measured(b, 0, 4, 0);
    put(b, 15, 30, 0, 0, BB_UNIT_KWH, BB_STATE_MISSING);
    put(b, 30, 45, 7, 0, BB_UNIT_M3, BB_STATE_MEASURED); /* of another dimension */
    measured(b, 45, 1, 0);
    judge(b);
    cr_assert_eq(b->vee.count, 4);
    expect_value(b, 30, 3, 0, BB_STATE_ESTIMATED);
    expect_value(b, 45, 2, 0, BB_STATE_ESTIMATED);
    bench_free(b);
}

Test(vee, missing_rows_off_the_grid_stay_in_the_order_of_time) {
    struct bench *b = bench_new();

    measured(b, 0, 4, 0);
    put(b, 22, 37, 0, 0, BB_UNIT_KWH, BB_STATE_MISSING);
    measured(b, 45, 1, 0);
    judge(b);
    cr_assert_eq(b->vee.count, 5);
    for (size_t i = 1; i < b->vee.count; i++)
        cr_assert_lt(b->vee.points[i - 1].end_ms, b->vee.points[i].end_ms);
    bench_free(b);
}

Test(vee, missing_rows_at_the_end_wait) {
    struct bench *b = bench_new();

    measured(b, 0, 4, 0);
    put(b, 15, 30, 0, 0, BB_UNIT_KWH, BB_STATE_MISSING);
    judge(b);
    cr_assert_eq(b->vee.count, 2);
    cr_assert_not(row_to(b, 30)->usable);
    cr_assert_eq(b->findings.count, 0);
    bench_free(b);
}

/* ---- units and marks */

static void judge_silence(struct bench *b, size_t last, int silent_minute) {
    struct bb_vee_aid aid = {.level = b->level,
                             .stat = &no_days,
                             .totals = &no_totals,
                             .past = &b->raw,
                             .silent_to = base + silent_minute * (int64_t)BB_MINUTE_MS};

    b->vee.count = b->findings.count = 0;
    bb_window_levels(&b->channel, &b->raw, b->level);
    cr_assert_eq(bb_vee_judge(&b->channel, &b->raw, 0, last, &aid, &b->arena, &b->vee, &b->findings,
                              &b->error),
                 0);
}

/* Nothing came after 00:15 and it is 01:20. A sender said that 01:00 is missing, and 02:00: both on the grid
 * of what did not come, one of them behind it. */
Test(vee, silence_has_rows_up_to_the_tick_and_missing_readings_behind_it_stay) {
    struct bench *b = bench_new();

    measured(b, 0, 1000, -3);
    put(b, 45, 60, 0, 0, BB_UNIT_KWH, BB_STATE_MISSING);
    put(b, 105, 120, 0, 0, BB_UNIT_KWH, BB_STATE_MISSING);
    for (size_t last = 2; last <= 3; last++) { /* judged up to the tick, or further */
        judge_silence(b, last, 80);
        cr_assert_eq(b->vee.count, last == 2 ? 5 : 6, "%zu rows", b->vee.count);
        for (int minute = 30; minute <= 75; minute += 15)
            expect_missing(b, minute);
        cr_assert(last == 2 || !row_to(b, 120)->overlay, "as it was told");
        cr_assert(b->findings.count == 1 && b->findings.items[0].hard &&
                  b->findings.items[0].at_ms == base + 75 * (int64_t)BB_MINUTE_MS);
    }
    judge_silence(b, 3, 0);
    cr_assert_eq(b->vee.count, 3, "without a tick it may still come");
    measured(b, 180, 1000, -3);
    judge_silence(b, 3, 80);
    cr_assert_eq(b->vee.count, 3, "what follows ends a gap, and another plan knows");
    bench_free(b);
}

Test(vee, ends_are_converted_before_they_are_joined) {
    struct bench *b = bench_new();

    put(b, 0, 15, 1000, 0, BB_UNIT_WH, BB_STATE_MEASURED);
    put(b, 30, 45, 3, -3, BB_UNIT_MWH, BB_STATE_MEASURED);
    judge(b);
    expect_value(b, 30, 2, 0, BB_STATE_ESTIMATED);
    expect_value(b, 15, 1, 0, BB_STATE_MEASURED);
    bench_free(b);
}

Test(vee, suspects_are_marked_and_keep_what_the_source_said) {
    struct bench *b = bench_new();

    b->channel.one_way = true;
    put(b, 0, 15, -5, 0, BB_UNIT_WH, BB_STATE_SUBSTITUTED);
    memcpy(b->attributes[0].quality.source, "S14", 3);
    put(b, 15, 30, 7, 0, BB_UNIT_M3, BB_STATE_MEASURED);
    judge(b);
    const struct bb_point *negative = row_to(b, 15), *foreign = row_to(b, 30);
    cr_assert(negative->overlay && negative->attribute->quality.marks == BB_MARK_SUSPECT &&
              negative->attribute->quality.state == BB_STATE_SUBSTITUTED &&
              strcmp(negative->attribute->quality.source, "S14") == 0 &&
              negative->attribute->unit == BB_UNIT_KWH);
    cr_assert(!foreign->usable && foreign->overlay &&
              foreign->attribute->quality.state == BB_STATE_MISSING &&
              foreign->attribute->quality.checks == 1u << BB_CHECK_UNIT);
    cr_assert_eq(b->attributes[0].quality.marks, 0, "raw stays as it was sent");
    bench_free(b);
}

/* A value with too many digits for the derived unit is no value; no gap begins or ends at it. */
Test(vee, a_value_that_does_not_fit_is_missing) {
    struct bench *b = bench_new();

    measured(b, 0, 1, 0);
    put(b, 30, 45, 999999999999999999, 18, BB_UNIT_MWH, BB_STATE_MEASURED);
    measured(b, 60, 1, 0);
    judge(b);
    cr_assert_eq(b->vee.count, 3);
    cr_assert(!row_to(b, 45)->usable && row_to(b, 45)->overlay);
    bench_free(b);
}

/* ---- stored and read again */

static struct bb_block overlay_of(struct bench *b, struct bb_attribute_set *set) {
    struct bb_block block;

    cr_assert(bb_block_init(&block, BB_LANE_VEE, b->vee.count, &b->arena));
    for (size_t i = 0; i < b->vee.count; i++) {
        const struct bb_point *p = &b->vee.points[i];
        if (!p->overlay)
            continue;
        block.end_ms[block.count] = p->end_ms;
        block.mantissa[block.count] = p->value.mantissa;
        block.attribute[block.count++] = bb_attribute_set_index(set, p->attribute);
    }
    block.attributes = *set;
    return block;
}

Test(vee, raw_and_overlay_give_back_what_was_judged) {
    struct bench *b = bench_new();
    struct bb_point again[64];
    struct bb_window restored = {.points = again, .capacity = 64};
    struct bb_attribute_set set = {0};

    measured(b, 0, 4, 0);
    put(b, 15, 30, 0, 0, BB_UNIT_KWH, BB_STATE_MISSING);
    put(b, 45, 60, 1500, 0, BB_UNIT_WH, BB_STATE_MEASURED);
    put(b, 60, 75, 1500, 0, BB_UNIT_WH, BB_STATE_MEASURED);
    put(b, 60, 90, 3, 0, BB_UNIT_M3, BB_STATE_MEASURED);
    put(b, 80, 95, -1, 0, BB_UNIT_KWH, BB_STATE_MEASURED);
    judge(b);
    struct bb_block block = overlay_of(b, &set);
    const struct bb_block *overlay = &block;
    cr_assert_eq(bb_vee_restore(&b->channel, &b->raw, base, INT64_MAX / 2, &overlay, 1, &b->arena,
                                &restored, &b->error),
                 0);
    cr_assert_eq(restored.count, b->vee.count);
    for (size_t i = 0; i < restored.count; i++) {
        const struct bb_point *x = &restored.points[i], *y = &b->vee.points[i];
        cr_assert(x->start_ms == y->start_ms && x->end_ms == y->end_ms && x->usable == y->usable &&
                      x->checks == y->checks &&
                      (!x->usable || bb_decimal_equal(x->value, y->value)) &&
                      x->attribute->quality.state == y->attribute->quality.state,
                  "row %zu", i);
    }
    bb_attribute_set_release(&set);
    bench_free(b);
}

Test(vee, without_room_it_says_so) {
    struct bench *b = bench_new();

    measured(b, 0, 4, 0);
    measured(b, 60, 4, 0);
    b->vee.capacity = 4;
    cr_assert_eq(judge_until(b, 2), -BB_E_NO_MEMORY);
    bench_free(b);
}
