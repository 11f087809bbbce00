/* Trailing statistics over rows worked out by hand, and the selection they are made with. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdlib.h>

#include "base/random.h"
#include "derive/median.h"
#include "support/check_bench.h"
#include "support/seeds.h"

/* A lively row whose eight greatest levels are this one and those below it by one each. */
static struct bb_stat_day *row(struct check_bench *b, int32_t day, int64_t greatest) {
    struct bb_stat_day *r = bench_row(b, day, 0);

    for (int i = 0; i < BB_STAT_TOPS; i++)
        r->top[i] = greatest - i;
    r->least = 1;
    return r;
}

static struct check_bench *intervals(void) {
    return bench_new(BB_KIND_INTERVAL, BB_COMMODITY_ELECTRICITY);
}

Test(trailing, rows_before_a_day) {
    struct check_bench *b = intervals();
    size_t first;

    cr_assert_eq(bb_stat_before(&b->stat, 100, 60, &first), 0);
    row(b, 39, 1);
    row(b, 40, 1);
    row(b, 70, 1);
    row(b, 99, 1);
    row(b, 100, 1);
    cr_assert_eq(bb_stat_before(&b->stat, 100, 60, &first), 3);
    cr_assert_eq(first, 1);
    cr_assert_eq(bb_stat_before(&b->stat, 39, 60, &first), 0);
    cr_assert_eq(bb_stat_before(&b->stat, 170, 60, &first), 0);
    cr_assert_eq(bb_trailing_count(&b->stat, 100, 60), 3 * 96);
    bench_free(b);
}

/* ---- high */

Test(trailing, high_is_the_nearest_rank) {
    struct check_bench *b = intervals();
    int64_t level;

    /* 10 days of 96: n = 960, 0.1 % of which is less than one: the greatest */
    for (int32_t day = 90; day < 100; day++)
        row(b, day, 1000 + day);
    cr_assert(bb_trailing_high(&b->stat, 100, 60, 10, &level));
    cr_assert_eq(level, 1099);
    /* n = 2009 with 1145 on one of them: two values may exceed it, the third greatest does not */
    b->rows[0].count += 1049;
    cr_assert(bb_trailing_high(&b->stat, 100, 60, 10, &level));
    cr_assert_eq(level, 1098, "1099, 1098 and 1098 are the greatest: %" PRId64, level);
    bench_free(b);
}

Test(trailing, high_wants_enough_days) {
    struct check_bench *b = intervals();
    int64_t level;

    for (int32_t day = 90; day < 100; day++)
        row(b, day, 1000);
    cr_assert_not(bb_trailing_high(&b->stat, 99, 60, 10, &level), "nine days");
    cr_assert(bb_trailing_high(&b->stat, 100, 60, 10, &level));
    cr_assert_eq(level, 1000);
    b->rows[3].top[0] = INT64_MIN; /* a day without values */
    cr_assert_not(bb_trailing_high(&b->stat, 100, 60, 10, &level));
    bench_free(b);
}

Test(trailing, two_days_of_wrong_readings_do_not_speak_and_three_do) {
    struct check_bench *b = intervals();
    int64_t level;

    for (int32_t day = 90; day < 100; day++)
        row(b, day, 1000);
    b->rows[4].top[0] = 10000; /* ten times the third greatest speaks */
    cr_assert(bb_trailing_high(&b->stat, 100, 60, 10, &level) && level == 10000);
    b->rows[4].top[0] = 10001; /* more does not */
    cr_assert_not(bb_trailing_high(&b->stat, 100, 60, 10, &level));
    cr_assert(bb_trailing_high(&b->stat, 100, 60, 9, &level) && level == 1000);
    b->rows[7].top[0] = 20000;
    cr_assert(bb_trailing_high(&b->stat, 100, 60, 8, &level) && level == 1000);
    b->rows[8].top[0] = 15000; /* three days: it is use */
    cr_assert(bb_trailing_high(&b->stat, 100, 60, 10, &level) && level == 20000);
    bench_free(b);
}

Test(trailing, of_few_days_the_middle_one_tells_which_are_plain) {
    /* the greatest levels of some days; the greatest that speaks */
    static const int64_t cases[][6] = {{50000, 0},
                                       {50000, 1, 0},
                                       {50000, 100, 1, 0},
                                       {50000, 100, 1, 1, 0},
                                       {50000, 40000, 100, 1, 1, 0}};
    static const int64_t expected[] = {50000, 50000, 100, 100, 100};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct check_bench *b = intervals();
        int64_t level;
        for (int k = 0; cases[i][k]; k++)
            row(b, 90 + k, cases[i][k]);
        cr_assert(bb_trailing_top(&b->stat, 100, 60, 1, &level));
        cr_assert_eq(level, expected[i], "case %zu: %" PRId64, i, level);
        bench_free(b);
    }
}

Test(trailing, a_home_that_is_left_alone_says_little) {
    struct check_bench *b = intervals();

    row(b, 90, 1000)->least = 200; /* five times */
    row(b, 91, 1000)->least = 199;
    row(b, 92, 1000)->least = 0;    /* panels: the least says nothing */
    row(b, 93, 1000)->top[7] = 500; /* lively by its least level in any case */
    b->rows[3].least = -5;
    cr_assert_eq(bb_trailing_days(&b->stat, 94), 1);
    b->rows[3].top[7] = 499; /* more than twice the eighth greatest */
    cr_assert_eq(bb_trailing_days(&b->stat, 94), 2);
    b->rows[3].top[7] = INT64_MIN; /* fewer than eight readings */
    cr_assert_eq(bb_trailing_days(&b->stat, 94), 1);
    for (int32_t day = 94; day < 117; day++)
        row(b, day, 1000)->least = 500;
    cr_assert_eq(bb_trailing_days(&b->stat, 117), 1);
    row(b, 117, 1000)->least = 500; /* the twenty-eighth */
    cr_assert_eq(bb_trailing_days(&b->stat, 118), 28);
    bench_free(b);
}

Test(trailing, high_of_many_values_by_any_rank) {
    struct check_bench *b = intervals();
    int64_t level;

    for (int32_t day = 90; day < 100; day++)
        row(b, day, 1000 + 10 * day)->count = 1600;
    /* 16,000: rank 17; 99: 1990 to 1983, 98: 1980 to 1973, then 1970 */
    cr_assert(bb_trailing_high(&b->stat, 100, 60, 10, &level));
    cr_assert_eq(level, 1970, "%" PRId64, level);
    for (int i = 0; i < 10; i++)
        b->rows[i].count = 1599; /* rank 16 */
    cr_assert(bb_trailing_high(&b->stat, 100, 60, 10, &level));
    cr_assert_eq(level, 1973, "%" PRId64, level);
    for (int i = 0; i < 10; i++)
        b->rows[i].count = 86400; /* beyond the eighty that are kept: the least of them */
    cr_assert(bb_trailing_high(&b->stat, 100, 60, 10, &level));
    cr_assert_eq(level, 1893, "%" PRId64, level);
    bench_free(b);
}

Test(trailing, days_below_zero_are_plain_as_far_above_the_usual) {
    struct check_bench *b = intervals();
    int64_t level;

    for (int32_t day = 90; day < 100; day++)
        row(b, day, -10);
    b->rows[0].top[0] = 80; /* -10 + 9 x 10 */
    cr_assert(bb_trailing_top(&b->stat, 100, 60, 1, &level));
    cr_assert_eq(level, 80);
    b->rows[0].top[0] = 81;
    cr_assert(bb_trailing_top(&b->stat, 100, 60, 1, &level));
    cr_assert_eq(level, -10);
    bench_free(b);
}

/* ---- top, least */

Test(trailing, tops_by_rank) {
    struct check_bench *b = intervals();
    int64_t level;

    cr_assert_not(bb_trailing_top(&b->stat, 100, 60, 1, &level));
    row(b, 98, 50);  /* 50 49 48 ... */
    row(b, 99, 100); /* 100 99 98 ... 93 */
    const int64_t expected[] = {100, 99, 98, 97, 96, 95, 94, 93, 50, 49};
    for (size_t rank = 1; rank <= 10; rank++) {
        cr_assert(bb_trailing_top(&b->stat, 100, 60, rank, &level));
        cr_assert_eq(level, expected[rank - 1], "rank %zu: %" PRId64, rank, level);
    }
    cr_assert(bb_trailing_top(&b->stat, 100, 60, 16, &level) && level == 43);
    cr_assert_not(bb_trailing_top(&b->stat, 100, 60, 17, &level));
    cr_assert_not(bb_trailing_top(&b->stat, 100, 60, 0, &level));
    cr_assert(bb_trailing_top(&b->stat, 99, 60, 1, &level) && level == 50);
    bench_free(b);
}

Test(trailing, least_of_the_plain_days) {
    struct check_bench *b = intervals();
    int64_t level;

    for (int32_t day = 90; day < 100; day++)
        row(b, day, 10)->least = -20;
    cr_assert_not(bb_trailing_least(&b->stat, 99, 60, 10, &level));
    b->rows[2].least = -200; /* ten times the median */
    cr_assert(bb_trailing_least(&b->stat, 100, 60, 10, &level) && level == -200);
    b->rows[2].least = -201; /* a wrong reading */
    cr_assert(bb_trailing_least(&b->stat, 100, 60, 10, &level) && level == -20);
    b->rows[3].least = -30;
    b->rows[3].top[0] = 101; /* not plain */
    cr_assert(bb_trailing_least(&b->stat, 100, 60, 9, &level) && level == -20);
    cr_assert_not(bb_trailing_least(&b->stat, 100, 60, 10, &level));
    bench_free(b);
}

/* ---- usual */

Test(trailing, usual_hours_by_weekday_once_three_are_known) {
    struct check_bench *b = intervals();

    for (int32_t day = 79; day < 100; day++) { /* 79, 86 and 93 are of the weekday of 100 */
        struct bb_stat_day *r = row(b, day, 1);
        r->seen_hours = 1u << 12 | 1u << 3;
        r->used_hours = day % 7 == 100 % 7 ? 1u << 3 : 1u << 12;
    }
    struct bb_usual noon = bb_trailing_usual(&b->stat, 100, 12, 60, 3);
    cr_assert(noon.seen == 3 && noon.used == 0);
    struct bb_usual night = bb_trailing_usual(&b->stat, 100, 3, 60, 3);
    cr_assert(night.seen == 3 && night.used == 3);
    noon = bb_trailing_usual(&b->stat, 99, 12, 60, 3); /* 78 is not known: two weeks, so all days */
    cr_assert(noon.seen == 20 && noon.used == 17, "%u of %u", noon.used, noon.seen);
    struct bb_usual unseen = bb_trailing_usual(&b->stat, 100, 13, 60, 3);
    cr_assert(unseen.seen == 0 && unseen.used == 0);
    b->rows[20].used_hours = 1u << 13; /* used but not seen cannot be: it counts for nothing */
    unseen = bb_trailing_usual(&b->stat, 100, 13, 60, 3);
    cr_assert(unseen.seen == 0 && unseen.used == 0);
    bench_free(b);
}

/* ---- registers */

static void last(struct check_bench *b, int32_t day, int hour, int64_t level) {
    struct bb_stat_day *r = row(b, day, 0);

    r->last_ms = day * (int64_t)BB_DAY_MS + hour * (int64_t)BB_HOUR_MS;
    r->last_level = level;
}

Test(trailing, daily_advance_over_the_time_it_took) {
    struct check_bench *b = bench_new(BB_KIND_REGISTER, BB_COMMODITY_WATER);
    int64_t level;

    last(b, 90, 24, 1000);
    last(b, 91, 24, 1300); /* 300 in a day */
    last(b, 93, 12, 1450); /* 150 in a day and a half */
    cr_assert_not(bb_trailing_daily(&b->stat, 100, 60, &level), "one of two may be an exchange");
    last(b, 94, 0, 1525); /* 75 in half a day */
    cr_assert(bb_trailing_daily(&b->stat, 100, 60, &level));
    cr_assert_eq(level, 525 / 3, "%" PRId64, level);
    bench_free(b);
}

Test(trailing, daily_advance_without_falls_and_leaps) {
    struct check_bench *b = bench_new(BB_KIND_REGISTER, BB_COMMODITY_WATER);
    int64_t level;

    last(b, 90, 24, 1000);
    last(b, 91, 24, 1100);
    last(b, 92, 24, 50); /* exchanged */
    last(b, 93, 24, 150);
    last(b, 94, 24, 250);
    last(b, 95, 24, 1250); /* ten times the median of 100 counts */
    cr_assert(bb_trailing_daily(&b->stat, 100, 60, &level));
    cr_assert_eq(level, (100 + 100 + 100 + 1000) / 4);
    b->rows[5].last_level = 1251; /* more does not */
    cr_assert(bb_trailing_daily(&b->stat, 100, 60, &level));
    cr_assert_eq(level, 100);
    b->rows[3].count = 0; /* a day without readings is passed over: 50 to 250 in two days */
    cr_assert(bb_trailing_daily(&b->stat, 100, 60, &level));
    cr_assert_eq(level, 100);
    bench_free(b);
}

Test(trailing, daily_advance_of_great_registers_does_not_wrap) {
    struct check_bench *b = bench_new(BB_KIND_REGISTER, BB_COMMODITY_WATER);
    int64_t level;

    last(b, 90, 1, -INT64_MAX);
    last(b, 91, 1, INT64_MAX);
    last(b, 92, 1, INT64_MAX);
    last(b, 93, 1, -INT64_MAX);
    last(b, 94, 1, INT64_MAX);
    cr_assert(bb_trailing_daily(&b->stat, 100, 60, &level));
    cr_assert(level == INT64_MAX, "%" PRId64, level);
    bench_free(b);
}

/* Made of readings, packed and unpacked again: 48 a day, whatever the hour of the last one. */
Test(trailing, daily_advance_of_days_as_they_are_stored) {
    static const int hours[] = {24, 1, 23, 12};
    struct bb_pipeline pipeline;
    struct bb_channel channel = {.kind = BB_KIND_REGISTER, .pipeline = &pipeline};
    struct bb_stat_day days[4];
    struct bb_stat stored;
    struct bb_buffer packed;
    struct bb_arena arena;
    struct bb_error error;
    int64_t level;

    bb_arena_init(&arena, 1 << 16, 1 << 20);
    bb_buffer_init(&packed, 1 << 20);
    bb_pipeline_defaults(&pipeline);
    for (int32_t i = 0; i < 4; i++) {
        struct bb_attribute attribute = {.exponent = BB_LEVEL_EXPONENT};
        struct bb_block raw;
        cr_assert(bb_block_init(&raw, BB_LANE_RAW, 1, &arena));
        raw.attributes = (struct bb_attribute_set){
            .items = &attribute, .count = 1, .borrowed = true};
        raw.count = 1;
        raw.end_ms[0] = (90 + i) * (int64_t)BB_DAY_MS + hours[i] * (int64_t)BB_HOUR_MS;
        raw.mantissa[0] = raw.end_ms[0] * 2 / BB_HOUR_MS; /* 48 a day */
        raw.attribute[0] = raw.rivals[0] = 0;
        bb_stat_of_day(&channel, 90 + i, &raw, &days[i]);
    }
    cr_assert_eq(bb_stat_pack(days, 4, &arena, &packed, &error), 0);
    cr_assert_eq(bb_stat_unpack(bb_buffer_span(&packed), &arena, &stored, &error), 0);
    cr_assert_eq(stored.count, 4);
    for (size_t i = 0; i < 4; i++)
        cr_assert(bb_stat_equal(&stored.days[i], &days[i]), "row %zu", i);
    cr_assert(bb_trailing_daily(&stored, 100, 60, &level));
    cr_assert_eq(level, 48, "%" PRId64, level);
    bb_buffer_release(&packed);
    bb_arena_release(&arena);
}

/* ---- selection */

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

Test(trailing, selection_agrees_with_sorting) {
    struct seeds seeds = seeds_of_run(20, 2000);
    int64_t values[64], sorted[64], copy[64];

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random random;
        bb_random_seed(&random, seed);
        size_t n = 1 + (size_t)bb_random_below(&random, 64);
        uint64_t range = 1 + bb_random_below(&random, seed % 2 ? 5 : UINT64_MAX);
        for (size_t i = 0; i < n; i++)
            sorted[i] = values[i] = (int64_t)bb_random_below(&random, range);
        qsort(sorted, n, sizeof *sorted, by_value);
        for (size_t k = 0; k < n; k++) {
            memcpy(copy, values, sizeof copy);
            cr_assert_eq(bb_select(copy, n, k), sorted[k],
                         "rank %zu of %zu" SEED_LINE("unit_derive", "trailing/selection*"), k, n,
                         SEED_ARG(seed));
        }
        int64_t low = sorted[(n - 1) / 2], high = sorted[n / 2];
        __int128 sum = (__int128)low + high; /* rounded down */
        cr_assert_eq(bb_median(values, n), (int64_t)(sum >= 0 ? sum / 2 : -((1 - sum) / 2)),
                     "the median of %zu" SEED_LINE("unit_derive", "trailing/selection*"), n,
                     SEED_ARG(seed));
    }
}

Test(trailing, distances_do_not_wrap) {
    cr_assert_eq(bb_distance(INT64_MIN, INT64_MAX), INT64_MAX);
    cr_assert_eq(bb_distance(3, -4), 7);
    cr_assert_eq(bb_distance(-4, 3), 7);
}
