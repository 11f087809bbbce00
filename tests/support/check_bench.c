/* A bench for checks: see check_bench.h. */
#include "support/check_bench.h"

#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdlib.h>

#include "model/unit.h"

struct check_bench *bench_new(enum bb_kind kind, enum bb_commodity commodity) {
    struct check_bench *b = calloc(1, sizeof *b);
    enum bb_unit unit = commodity == BB_COMMODITY_WATER ? BB_UNIT_M3 : BB_UNIT_KWH;

    cr_assert(b, "no memory");
    bb_arena_init(&b->arena, 1 << 16, 64 << 20);
    bb_pipeline_defaults(&b->pipeline);
    b->channel = (struct bb_channel){.kind = (uint8_t)kind,
                                     .derived_unit = (uint8_t)unit,
                                     .metered_unit = (uint8_t)unit,
                                     .commodity = (uint8_t)commodity,
                                     .one_way = true,
                                     .pipeline = &b->pipeline};
    b->plain = (struct bb_attribute){.unit = (uint8_t)unit, .exponent = -3};
    b->window = (struct bb_window){.points = b->points, .capacity = BENCH_POINTS};
    b->stat = (struct bb_stat){b->rows, 0};
    return b;
}

void bench_free(struct check_bench *b) {
    bb_arena_release(&b->arena);
    free(b);
}

struct bb_point *bench_put(struct check_bench *b, int from_minute, int to_minute,
                           int64_t mantissa) {
    struct bb_point p = {.start_ms = bench_minute(from_minute),
                         .end_ms = bench_minute(to_minute),
                         .value = {mantissa, -3},
                         .attribute = &b->plain,
                         .recorded_ms = bench_minute(to_minute),
                         .usable = true};

    cr_assert(bb_window_put(&b->window, &p), "the bench is full");
    return &b->points[b->window.count - 1];
}

void bench_fill(struct check_bench *b, int from_minute, int length, int count, int64_t mantissa) {
    for (int i = 0; i < count; i++)
        bench_put(b, from_minute + i * length, from_minute + (i + 1) * length, mantissa);
}

struct bb_attribute *bench_attribute(struct check_bench *b, struct bb_point *point) {
    struct bb_attribute *a = bb_arena_take(&b->arena, sizeof *a);

    cr_assert(a, "no memory");
    *a = *point->attribute;
    point->attribute = a;
    return a;
}

struct bb_stat_day *bench_row(struct check_bench *b, int32_t day, int64_t greatest) {
    struct bb_stat_day *row = &b->rows[b->stat.count++];

    cr_assert(b->stat.count <= BENCH_ROWS, "the bench is full");
    *row = (struct bb_stat_day){.day = day,
                                .count = 96,
                                .least = 11 * 1000000,
                                .seen_hours = 0xffffff,
                                .used_hours = 0xffffff,
                                .flags = BB_STAT_COMPLETE | BB_STAT_MEASURED | BB_STAT_SOUND |
                                         BB_STAT_SOME_MEASURED};
    for (int i = 0; i < BB_STAT_TOPS; i++)
        row->top[i] = greatest * 1000000;
    return row;
}

void bench_rows(struct check_bench *b, int32_t first, int32_t last, int64_t greatest) {
    for (int32_t day = first; day <= last; day++)
        bench_row(b, day, greatest);
}

void bench_judge(struct check_bench *b, enum bb_check check, size_t first, size_t last) {
    b->findings = (struct bb_finding_list){.arena = &b->arena};
    for (size_t i = 0; i < b->window.count; i++) {
        b->points[i].checks = 0;
        b->level[i] = b->points[i].usable ? bb_point_level(&b->channel, &b->points[i]) : 0;
    }
    struct bb_check_context context = {.channel = &b->channel,
                                       .parameter = b->pipeline.check[check].parameter,
                                       .window = &b->window,
                                       .first = first,
                                       .last = last,
                                       .findings = &b->findings,
                                       .level = b->level,
                                       .stat = &b->stat};
    bb_checks[check].run(&context);
    cr_assert_not(b->findings.overflow);
}

void bench_judge_all(struct check_bench *b, enum bb_check check) {
    bench_judge(b, check, 0, b->window.count);
}

void bench_expect(const struct check_bench *b, size_t i, size_t point, bool hard, int64_t a,
                  int64_t value_b, int from_minute, int to_minute) {
    cr_assert_lt(i, b->findings.count, "finding %zu is missing", i);
    const struct bb_finding *f = &b->findings.items[i];
    cr_assert_eq(f->at_ms, b->points[point].end_ms, "finding %zu is at minute %" PRId64, i,
                 (f->at_ms - bench_minute(0)) / BB_MINUTE_MS);
    cr_assert_eq(f->hard, hard, "finding %zu", i);
    cr_assert(f->a == a && f->b == value_b,
              "finding %zu: evidence %" PRId64 " and %" PRId64 ", not %" PRId64 " and %" PRId64, i,
              f->a, f->b, a, value_b);
    cr_assert(f->from_ms == bench_minute(from_minute) && f->to_ms == bench_minute(to_minute),
              "finding %zu: from minute %" PRId64 " to %" PRId64, i,
              (f->from_ms - bench_minute(0)) / BB_MINUTE_MS,
              (f->to_ms - bench_minute(0)) / BB_MINUTE_MS);
    cr_assert(b->points[point].checks & 1u << f->check, "the point is not marked");
}

void bench_expect_marked(const struct check_bench *b, enum bb_check check, size_t first,
                         size_t last) {
    for (size_t i = 0; i < b->window.count; i++)
        cr_assert_eq(b->points[i].checks, i >= first && i < last ? 1u << check : 0u,
                     "point %zu: checks %x", i, b->points[i].checks);
}

void bench_expect_silence(const struct check_bench *b) {
    cr_assert_eq(b->findings.count, 0, "%zu findings", b->findings.count);
    bench_expect_marked(b, BB_CHECK_GAP, 0, 0);
}
