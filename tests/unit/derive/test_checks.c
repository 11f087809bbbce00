/* Each check at each of its edges. */
#include <criterion/criterion.h>

#include <inttypes.h>

#include "derive/check.h"
#include "model/unit.h"

enum { POINTS_MAX = 16 };

static const int64_t base = 20200 * (int64_t)BB_DAY_MS;

struct bench { /* a channel and a few points */
    struct bb_channel channel;
    struct bb_pipeline pipeline;
    struct bb_arena arena;
    struct bb_attribute attributes[POINTS_MAX];
    struct bb_point points[POINTS_MAX];
    struct bb_window window;
    struct bb_finding_list findings;
};

static void bench_init(struct bench *b) {
    memset(b, 0, sizeof *b);
    bb_arena_init(&b->arena, 4096, 1 << 20);
    bb_pipeline_defaults(&b->pipeline);
    b->channel = (struct bb_channel){.kind = BB_KIND_INTERVAL,
                                     .derived_unit = BB_UNIT_KWH,
                                     .metered_unit = BB_UNIT_KWH,
                                     .one_way = true,
                                     .interval_s = 900,
                                     .pipeline = &b->pipeline};
    b->window = (struct bb_window){.points = b->points, .capacity = POINTS_MAX};
    b->findings = (struct bb_finding_list){.arena = &b->arena};
}

static void bench_release(struct bench *b) {
    bb_arena_release(&b->arena);
}

/* A clean reading over (start, end] minutes after the base. */
static struct bb_point *put(struct bench *b, int start_minute, int end_minute) {
    size_t i = b->window.count;
    struct bb_point p = {.start_ms = base + start_minute * (int64_t)BB_MINUTE_MS,
                         .end_ms = base + end_minute * (int64_t)BB_MINUTE_MS,
                         .value = {1000, -3},
                         .attribute = &b->attributes[i],
                         .recorded_ms = base + BB_DAY_MS,
                         .usable = true};

    b->attributes[i] = (struct bb_attribute){.length_s = (uint32_t)(end_minute - start_minute) * 60,
                                             .unit = BB_UNIT_KWH,
                                             .exponent = -3};
    cr_assert(bb_window_put(&b->window, &p));
    return &b->points[i];
}

static void make_missing(struct bench *b, struct bb_point *p) {
    b->attributes[p - b->points].quality.state = BB_STATE_MISSING;
    p->usable = false;
}

/* Judge points [first, count) with one check. */
static void judge(struct bench *b, enum bb_check check, size_t first) {
    struct bb_check_context context = {&b->channel,     b->pipeline.check[check].parameter,
                                       &b->window,      first,
                                       b->window.count, &b->findings};
    bb_checks[check].run(&context);
}

static void expect(const struct bench *b, size_t i, enum bb_check check, size_t point, bool hard,
                   int64_t a, int64_t value_b) {
    cr_assert_lt(i, b->findings.count, "finding %zu is missing", i);
    const struct bb_finding *f = &b->findings.items[i];
    cr_assert_eq(f->check, check);
    cr_assert_eq(f->at_ms, b->points[point].end_ms);
    cr_assert_eq(f->hard, hard);
    cr_assert(f->a == a && f->b == value_b,
              "%s: evidence %" PRId64 " and %" PRId64 ", not %" PRId64 " and %" PRId64,
              bb_check_name((int)check), f->a, f->b, a, value_b);
    cr_assert(b->points[point].checks & 1u << check, "the point is not marked");
}

static void expect_silence(const struct bench *b) {
    cr_assert_eq(b->findings.count, 0, "%zu findings, the first a %s", b->findings.count,
                 bb_check_name(b->findings.items ? b->findings.items[0].check : 0));
    for (size_t i = 0; i < b->window.count; i++)
        cr_assert_eq(b->points[i].checks, 0);
}

/* ---- gap */

Test(checks, gap_speaks_where_it_ends) {
    struct bench b;

    bench_init(&b);
    put(&b, 0, 15);
    put(&b, 15, 30);
    put(&b, 45, 60); /* one is missing */
    put(&b, 60, 75);
    put(&b, 76, 91); /* a minute is missing */
    judge(&b, BB_CHECK_GAP, 0);
    cr_assert_eq(b.findings.count, 2);
    expect(&b, 0, BB_CHECK_GAP, 2, true, 1, 15 * BB_MINUTE_MS);
    cr_assert_eq(b.findings.items[0].from_ms, b.points[1].end_ms);
    cr_assert_eq(b.findings.items[0].to_ms, b.points[2].start_ms);
    expect(&b, 1, BB_CHECK_GAP, 4, true, 0, BB_MINUTE_MS);
    bench_release(&b);
}

Test(checks, gap_looks_back_at_the_reading_before_the_judged_ones) {
    struct bench b;

    bench_init(&b);
    put(&b, 0, 15);
    put(&b, 30, 45);
    judge(&b, BB_CHECK_GAP, 1);
    expect(&b, 0, BB_CHECK_GAP, 1, true, 1, 15 * BB_MINUTE_MS);
    bench_release(&b);
    bench_init(&b);
    put(&b, 30, 45);
    judge(&b, BB_CHECK_GAP, 0);
    expect_silence(&b); /* nothing is before the first */
    bench_release(&b);
}

Test(checks, rows_without_value_are_part_of_the_gap) {
    struct bench b;

    bench_init(&b);
    put(&b, 0, 15);
    make_missing(&b, put(&b, 15, 30));
    make_missing(&b, put(&b, 30, 45));
    put(&b, 45, 60);
    make_missing(&b, put(&b, 60, 75)); /* no reading behind it: no gap yet */
    judge(&b, BB_CHECK_GAP, 0);
    cr_assert_eq(b.findings.count, 1);
    expect(&b, 0, BB_CHECK_GAP, 3, true, 2, 30 * BB_MINUTE_MS);
    bench_release(&b);
}

Test(checks, readings_that_touch_or_overlap_have_no_gap) {
    struct bench b;

    bench_init(&b);
    put(&b, 0, 15);
    put(&b, 15, 30);
    put(&b, 20, 40);
    judge(&b, BB_CHECK_GAP, 0);
    expect_silence(&b);
    bench_release(&b);
}

/* ---- overlap */

Test(checks, overlap_begins_a_millisecond_early) {
    struct bench b;

    bench_init(&b);
    put(&b, 0, 15);
    put(&b, 15, 30);
    put(&b, 30, 45)->start_ms -= 1;
    judge(&b, BB_CHECK_OVERLAP, 0);
    cr_assert_eq(b.findings.count, 1);
    expect(&b, 0, BB_CHECK_OVERLAP, 2, true, 1, 0);
    bench_release(&b);
}

Test(checks, overlap_with_a_row_without_value_is_none) {
    struct bench b;

    bench_init(&b);
    put(&b, 0, 15);
    make_missing(&b, put(&b, 10, 20));
    put(&b, 15, 30);
    judge(&b, BB_CHECK_OVERLAP, 0);
    expect_silence(&b);
    bench_release(&b);
}

/* ---- duplicate, interval size, unit, negative, time */

Test(checks, duplicate_counts_rivals) {
    struct bench b;

    bench_init(&b);
    put(&b, 0, 15);
    put(&b, 15, 30)->rivals = 2;
    judge(&b, BB_CHECK_DUPLICATE, 0);
    cr_assert_eq(b.findings.count, 1);
    expect(&b, 0, BB_CHECK_DUPLICATE, 1, false, 2, 0);
    bench_release(&b);
}

Test(checks, interval_size_wants_the_nominal_length) {
    struct bench b;

    bench_init(&b);
    put(&b, 0, 15);
    put(&b, 15, 45);
    put(&b, 45, 59);
    judge(&b, BB_CHECK_INTERVAL_SIZE, 0);
    cr_assert_eq(b.findings.count, 2);
    expect(&b, 0, BB_CHECK_INTERVAL_SIZE, 1, false, 1800, 900);
    expect(&b, 1, BB_CHECK_INTERVAL_SIZE, 2, false, 840, 900);
    bench_release(&b);
    bench_init(&b);
    b.channel.interval_s = 0; /* nothing is nominal */
    put(&b, 0, 7);
    judge(&b, BB_CHECK_INTERVAL_SIZE, 0);
    expect_silence(&b);
    bench_release(&b);
}

Test(checks, unit_speaks_of_other_dimensions_only) {
    struct bench b;

    bench_init(&b);
    put(&b, 0, 15);
    b.attributes[put(&b, 15, 30) - b.points].unit = BB_UNIT_WH;
    struct bb_point *wrong = put(&b, 30, 45);
    b.attributes[wrong - b.points].unit = BB_UNIT_M3;
    wrong->usable = false;
    struct bb_point *missing = put(&b, 45, 60); /* what is missing has no unit to be wrong */
    b.attributes[missing - b.points].unit = BB_UNIT_M3;
    make_missing(&b, missing);
    judge(&b, BB_CHECK_UNIT, 0);
    cr_assert_eq(b.findings.count, 1);
    expect(&b, 0, BB_CHECK_UNIT, 2, true, BB_UNIT_M3, BB_UNIT_KWH);
    bench_release(&b);
}

Test(checks, negative_is_below_zero_where_flow_has_one_direction) {
    struct bench b;

    bench_init(&b);
    put(&b, 0, 15)->value.mantissa = 0;
    put(&b, 15, 30)->value.mantissa = -1;
    put(&b, 30, 45);
    judge(&b, BB_CHECK_NEGATIVE, 0);
    cr_assert_eq(b.findings.count, 1);
    expect(&b, 0, BB_CHECK_NEGATIVE, 1, true, -1, 0);
    cr_assert_eq(b.findings.items[0].exponent, -3);
    bench_release(&b);
    bench_init(&b);
    b.channel.one_way = false;
    put(&b, 0, 15)->value.mantissa = -1;
    judge(&b, BB_CHECK_NEGATIVE, 0);
    expect_silence(&b);
    bench_release(&b);
}

Test(checks, time_tolerates_five_minutes) {
    struct bench b;

    bench_init(&b);
    put(&b, 0, 15)->recorded_ms = base + 10 * BB_MINUTE_MS;
    put(&b, 15, 30)->recorded_ms = base + 25 * BB_MINUTE_MS - 1;
    put(&b, 30, 45)->recorded_ms = base + BB_DAY_MS;
    judge(&b, BB_CHECK_TIME, 0);
    cr_assert_eq(b.findings.count, 1);
    expect(&b, 0, BB_CHECK_TIME, 1, false, 5 * BB_MINUTE_MS + 1, 0);
    bench_release(&b);
}

/* ---- the table */

Test(checks, the_table_is_whole) {
    for (int i = 0; i < BB_CHECK_COUNT; i++) {
        bool runs = bb_checks[i].run || i == BB_CHECK_REGISTER || /* which has marks to give */
                    i == BB_CHECK_RULE;
        cr_assert(runs && bb_checks[i].kinds && bb_checks[i].evidence, "%s", bb_check_name(i));
        cr_assert_str_eq(bb_checks[i].name, bb_check_name(i));
        if (i == BB_CHECK_RULE) /* nothing to configure: it is deployed */
            continue;
        cr_assert_str_eq(bb_check_steps[i].name, bb_check_name(i));
        for (int k = 0; bb_check_steps[i].parameters[k].name; k++) {
            const struct bb_parameter_row *p = &bb_check_steps[i].parameters[k];
            cr_assert(p->min <= p->initial && p->initial <= p->max && k < BB_PARAMETERS_MAX);
        }
    }
}

Test(checks, findings_without_memory_are_noticed) {
    struct bench b;
    struct bb_finding f = {.check = BB_CHECK_GAP};

    bench_init(&b);
    bb_arena_release(&b.arena);
    bb_arena_init(&b.arena, 64, 64);
    bb_finding_add(&b.findings, &f);
    cr_assert(b.findings.overflow && b.findings.count == 0);
    bench_release(&b);
}
