/* Estimators: numbers worked out by hand, and what holds of any gap. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdlib.h>

#include "base/random.h"
#include "derive/estimate.h"
#include "support/seeds.h"

enum { QUARTERS_OF_62_DAYS = 62 * 96, INTERVALS_MAX = QUARTERS_OF_62_DAYS };
static const int64_t unit = 1000000000; /* one of the derived unit as a level */
static const int64_t base = 20200 * (int64_t)BB_DAY_MS;

struct bench { /* a gap and room for its estimate */
    struct bb_channel channel;
    struct bb_pipeline pipeline;
    struct bb_arena arena;
    struct bb_gap gap;
    int64_t like[(INTERVALS_MAX + 2) * BB_LIKE_MAX];
    bb_wide calm[(INTERVALS_MAX + 2) * BB_LIKE_MAX]; /* alone, unless a test says otherwise */
    uint8_t like_count[INTERVALS_MAX + 2];
    bb_wide weight[INTERVALS_MAX];
    struct bb_decimal value[INTERVALS_MAX];
    int64_t band[INTERVALS_MAX];
    struct bb_estimate out;
};

/* n quarter-hours are missing; nothing else is known. */
static struct bench *bench_new(size_t n, int exponent) {
    struct bench *b = calloc(1, sizeof *b);

    bb_arena_init(&b->arena, 1 << 20, 64 << 20);
    bb_pipeline_defaults(&b->pipeline);
    b->channel = (struct bb_channel){.kind = BB_KIND_INTERVAL, .pipeline = &b->pipeline};
    b->gap = (struct bb_gap){.channel = &b->channel,
                             .from_ms = base,
                             .to_ms = base + (int64_t)n * 15 * BB_MINUTE_MS,
                             .intervals = n,
                             .exponent = exponent};
    b->out = (struct bb_estimate){b->value, b->band};
    return b;
}

static void bench_free(struct bench *b) {
    bb_arena_release(&b->arena);
    free(b);
}

static void put_likes(struct bench *b, size_t slot, size_t count, const int64_t *level) {
    b->gap.like = b->like;
    b->gap.calm = b->calm;
    b->gap.like_count = b->like_count;
    b->like_count[slot] = (uint8_t)count;
    for (size_t j = 0; j < count; j++)
        b->calm[slot * BB_LIKE_MAX + j] = (bb_wide)level[j] * BB_LIKE_SIXTHS;
    memcpy(&b->like[slot * BB_LIKE_MAX], level, count * sizeof *level);
}

static void put_total(struct bench *b, bb_wide total) {
    b->gap.has_total = true;
    b->gap.total = total;
}

static enum bb_method fill(struct bench *b, enum bb_method method) {
    for (size_t i = 0; i < bb_estimator_count; i++)
        if (bb_estimators[i].method == method)
            return bb_estimators[i].fill(&b->gap, b->pipeline.estimate[method].parameter, &b->arena,
                                         &b->out);
    cr_assert_fail("no row for %s", bb_method_name((int)method));
    return BB_METHOD_NONE;
}

static void expect_values(const struct bench *b, size_t count, const int64_t *mantissa) {
    cr_assert_eq(count, b->gap.intervals);
    for (size_t i = 0; i < count; i++)
        cr_assert(b->value[i].mantissa == mantissa[i] && b->value[i].exponent == b->gap.exponent,
                  "%zu: %" PRId64 "e%d, not %" PRId64, i, b->value[i].mantissa,
                  b->value[i].exponent, mantissa[i]);
}

static void expect_band(const struct bench *b, int64_t band) {
    for (size_t i = 0; i < b->gap.intervals; i++)
        cr_assert_eq(b->band[i], band, "%zu: band %" PRId64 ", not %" PRId64, i, b->band[i], band);
}

#define VALUES(b, ...)                                                                             \
    expect_values(b, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})
#define LIKES(b, slot, ...)                                                                        \
    put_likes(b, slot, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

/* ---- bands */

Test(estimate, the_band_is_the_conformal_quantile) {
    int64_t error[100];

    for (size_t count = 0; count <= 100; count++) {
        for (size_t i = 0; i < count; i++)
            error[i] = (int64_t)((i * 37 + 11) % count); /* 0 .. count - 1 in some order */
        int64_t band = bb_estimate_band(error, count);
        if (count < 9)
            cr_assert_eq(band, BB_BAND_UNKNOWN, "%zu errors", count);
        else if (count % 37)
            cr_assert_eq(band, (9 * (int64_t)(count + 1) + 9) / 10 - 1, "%zu errors", count);
    }
    int64_t nine[] = {5, 1, 9, 2, 8, 3, 7, 4, 6}, ten[] = {5, 1, 9, 2, 8, 3, 7, 4, 6, 100};
    int64_t nineteen[19];
    for (int i = 0; i < 19; i++)
        nineteen[i] = 19 - i;
    cr_assert_eq(bb_estimate_band(nine, 9), 9);       /* ceil(9.0) = 9th */
    cr_assert_eq(bb_estimate_band(ten, 10), 100);     /* ceil(9.9) = 10th */
    cr_assert_eq(bb_estimate_band(nineteen, 19), 18); /* ceil(18.0) = 18th */
}

/* ---- spread */

Test(estimate, parts_are_rounded_running_shares) {
    bb_wide part[4];

    bb_estimate_spread(10, (bb_wide[]){1, 1, 1}, 3, part); /* 3.33 6.67 10 */
    cr_assert(part[0] == 3 && part[1] == 4 && part[2] == 3);
    bb_estimate_spread(10, (bb_wide[]){1, 3, 0, 4}, 4, part); /* 1.25 5 5 10 */
    cr_assert(part[0] == 1 && part[1] == 4 && part[2] == 0 && part[3] == 5);
    bb_estimate_spread(1, (bb_wide[]){1, 1}, 2, part); /* 0.5, half to even: 0 */
    cr_assert(part[0] == 0 && part[1] == 1);
    bb_estimate_spread(3, (bb_wide[]){1, 1}, 2, part); /* 1.5: 2 */
    cr_assert(part[0] == 2 && part[1] == 1);
    bb_estimate_spread(-10, (bb_wide[]){1, 1, 1}, 3, part);
    cr_assert(part[0] == -3 && part[1] == -4 && part[2] == -3);
    bb_estimate_spread(0, (bb_wide[]){1, 2}, 2, part);
    cr_assert(part[0] == 0 && part[1] == 0);
}

/* Whatever the sizes: exact in sum, never below zero, never a whole unit off its share. */
Test(estimate, parts_sum_to_the_total_and_keep_to_their_shares) {
    static bb_wide share[200], larger[200], part[200], again[200];
    struct seeds seeds = seeds_of_run(300, 20000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        bb_random_seed(&r, seed);
        size_t count = 1 + bb_random_below(&r, 200);
        int total_bits = (int)bb_random_below(&r, 61), share_bits = (int)bb_random_below(&r, 52);
        bb_wide total = (bb_wide)bb_random_below(&r, (uint64_t)1 << total_bits), whole = 0, sum = 0;
        for (size_t i = 0; i < count; i++) {
            share[i] = (bb_wide)bb_random_below(&r, (uint64_t)1 << share_bits);
            share[i] += i == 0; /* never all zero */
            whole += share[i];
            larger[i] = share[i] << 64; /* the same proportions, products beyond 128 bits */
        }
        bb_estimate_spread(total, share, count, part);
        bb_estimate_spread(total, larger, count, again);
        for (size_t i = 0; i < count; i++) {
            sum += part[i];
            bb_wide off = part[i] * whole - total * share[i];
            cr_assert(part[i] >= 0 && off <= whole && -off <= whole && again[i] == part[i],
                      "part %zu of %zu" SEED_LINE("unit_derive", "estimate/parts*"), i, count,
                      SEED_ARG(seed));
        }
        cr_assert(sum == total, "not the whole" SEED_LINE("unit_derive", "estimate/parts*"),
                  SEED_ARG(seed));
    }
}

Test(estimate, the_largest_totals_are_spread_exactly) {
    static bb_wide share[INTERVALS_MAX], part[INTERVALS_MAX];
    bb_wide total = (bb_wide)999999999999999999 * INTERVALS_MAX, sum = 0;

    for (size_t i = 0; i < INTERVALS_MAX; i++)
        share[i] = INT64_MAX - 1 - (bb_wide)i;
    bb_estimate_spread(total, share, INTERVALS_MAX, part);
    for (size_t i = 0; i < INTERVALS_MAX; i++) {
        cr_assert(part[i] > 0 && (i == 0 || part[i] <= part[i - 1] + 1));
        sum += part[i];
    }
    cr_assert(sum == total);
}

/* ---- linear */

Test(estimate, a_line_and_how_well_it_did_on_like_days) {
    struct bench *b = bench_new(3, -3);

    b->gap.before = (struct bb_decimal){10, -1};
    b->gap.after = (struct bb_decimal){20, -1};
    /* Lines 0 .. 4, 10 .. 2 and 1 .. 1; the errors: 0 .1 .2, .3 .4 .5, .6 .7 .8000001 */
    LIKES(b, 0, 0, 10 * unit, unit);
    LIKES(b, 1, unit, 8 * unit + 300000000, 400000000);
    LIKES(b, 2, 2 * unit + 100000000, 5 * unit + 600000000, 1700000000);
    LIKES(b, 3, 3 * unit - 200000000, 4 * unit + 500000000, 199999900);
    LIKES(b, 4, 4 * unit, 2 * unit, unit);
    cr_assert_eq(fill(b, BB_METHOD_LINEAR), BB_METHOD_LINEAR);
    VALUES(b, 1250, 1500, 1750);
    expect_band(b, 801);  /* nine errors: the greatest, rounded up */
    b->like_count[2] = 2; /* two whole days are six errors */
    cr_assert_eq(fill(b, BB_METHOD_LINEAR), BB_METHOD_LINEAR);
    expect_band(b, BB_BAND_UNKNOWN);
    bench_free(b);
}

Test(estimate, a_line_over_one_interval_learns_from_six_days_too_little) {
    struct bench *b = bench_new(1, -3);

    b->gap.before = (struct bb_decimal){1, -3};
    b->gap.after = (struct bb_decimal){2, -3};
    for (size_t slot = 0; slot < 3; slot++)
        LIKES(b, slot, 1, 1, 1, 1, 1, 1);
    cr_assert_eq(fill(b, BB_METHOD_LINEAR), BB_METHOD_LINEAR);
    VALUES(b, 2); /* 1.5 to even */
    expect_band(b, BB_BAND_UNKNOWN);
    bench_free(b);
}

Test(estimate, an_error_that_is_not_known_is_the_greatest) {
    struct bench *b = bench_new(2, -3);

    for (size_t slot = 0; slot < 4; slot++)
        LIKES(b, slot, 1, 1, 1, 1, 1, 1);
    cr_assert_eq(fill(b, BB_METHOD_LINEAR), BB_METHOD_LINEAR);
    expect_band(b, 0);
    b->like[5] =
        INT64_MAX; /* the end of the scale: two of the 12 errors; the 12th smallest counts */
    cr_assert_eq(fill(b, BB_METHOD_LINEAR), BB_METHOD_LINEAR);
    expect_band(b, BB_BAND_UNKNOWN);
    bench_free(b);
}

Test(estimate, a_long_gap_is_no_line) {
    struct bench *b = bench_new(8, -3);

    b->gap.before = b->gap.after = (struct bb_decimal){1, 0};
    cr_assert_eq(fill(b, BB_METHOD_LINEAR), BB_METHOD_LINEAR);
    b->gap.cut = true; /* its ends are not the gap's */
    cr_assert_eq(fill(b, BB_METHOD_LINEAR), BB_METHOD_NONE);
    b->gap.cut = false;
    b->gap.to_ms++;
    cr_assert_eq(fill(b, BB_METHOD_LINEAR), BB_METHOD_NONE);
    bench_free(b);
}

/* ---- like days */

Test(estimate, the_mean_of_the_latest_like_days) {
    struct bench *b = bench_new(3, -3);

    LIKES(b, 1, 1 * unit, 2 * unit, 4 * unit, 100 * unit); /* the fourth is not averaged: 7 / 3 */
    LIKES(b, 2, 2000000, 3000000);                         /* 0.0025: half to even */
    LIKES(b, 3, -1500000);                                 /* -0.0015 */
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_AVERAGE_LIKE_DAY);
    VALUES(b, 2333, 2, -2);
    b->pipeline.estimate[BB_METHOD_LIKE_DAY].parameter[0] = 1;
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_LIKE_DAY);
    VALUES(b, 1000, 2, -2);
    expect_band(b, BB_BAND_UNKNOWN);
    b->like_count[2] = 0; /* one slot without a like day: not this method */
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_NONE);
    bench_free(b);
}

Test(estimate, a_single_like_day_is_taken_with_what_stands_beside) {
    struct bench *b = bench_new(2, -3);

    LIKES(b, 1, 3 * unit);
    LIKES(b, 2, 5 * unit, 1 * unit);
    b->calm[1 * BB_LIKE_MAX] = 4 * unit * 6;      /* 3 and 5 */
    b->calm[2 * BB_LIKE_MAX] = 11 * unit * 6 / 3; /* 3, 5 and 3 */
    b->pipeline.estimate[BB_METHOD_LIKE_DAY].parameter[0] = 1;
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_LIKE_DAY);
    VALUES(b, 4000, 3667);
    b->pipeline.estimate[BB_METHOD_LIKE_DAY].parameter[0] = 3; /* two days need no neighbours */
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_AVERAGE_LIKE_DAY);
    VALUES(b, 4000, 3000);
    bench_free(b);
}

/* Slot 1: |7 - 13/3|, |4 - 13/3|, |4 - 5|, |5 - 5|, |5 - 5|; slot 2: 0 0 1 1.5 3. Ten errors: the
 * tenth, 3. */
static struct bench *bench_of_bands(void) {
    struct bench *b = bench_new(2, -3);

    LIKES(b, 1, 7 * unit, 4 * unit, 4 * unit, 5 * unit, 5 * unit, 5 * unit);
    LIKES(b, 2, 7 * unit, 7 * unit, 7 * unit, 7 * unit, 7 * unit, 10 * unit);
    return b;
}

Test(estimate, like_days_run_against_the_like_days_behind_them) {
    struct bench *b = bench_of_bands();

    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_AVERAGE_LIKE_DAY);
    VALUES(b, 5000, 7000);
    expect_band(b, 3000);
    LIKES(b, 2, 7 * unit, 7 * unit, 7 * unit, 7 * unit, 7 * unit, 7 * unit); /* then 7 - 13/3 is */
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_AVERAGE_LIKE_DAY);
    expect_band(b, 2667);
    b->like_count[1] = 5; /* nine errors */
    fill(b, BB_METHOD_LIKE_DAY);
    expect_band(b, 2667);
    b->like_count[1] = 4; /* eight */
    fill(b, BB_METHOD_LIKE_DAY);
    expect_band(b, BB_BAND_UNKNOWN);
    bench_free(b);
}

Test(estimate, like_days_are_scaled_to_the_registers_and_so_is_the_band) {
    struct bench *b = bench_of_bands();

    put_total(b, 6000); /* half of 5 + 7 */
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_AVERAGE_LIKE_DAY_SCALED);
    VALUES(b, 2500, 3500);
    expect_band(b, 1500);
    put_total(b, 10000); /* 10 × 5 / 12 = 4.1667; 3 × 10 / 12 */
    fill(b, BB_METHOD_LIKE_DAY);
    VALUES(b, 4167, 5833);
    expect_band(b, 2500);
    put_total(b, 10001); /* 2.50025 rounded up */
    fill(b, BB_METHOD_LIKE_DAY);
    expect_band(b, 2501);
    b->pipeline.estimate[BB_METHOD_LIKE_DAY].parameter[0] = 1;
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_LIKE_DAY_SCALED);
    put_total(b, 0);
    fill(b, BB_METHOD_LIKE_DAY);
    VALUES(b, 0, 0);
    bench_free(b);
}

/* Means that are no whole levels lose nothing on the way to the share: 1/3 and 2/3 of 3 are 1 and 2. */
Test(estimate, a_mean_is_rounded_once) {
    struct bench *b = bench_new(2, 0);

    LIKES(b, 1, 0, 0, 1);
    LIKES(b, 2, 1, 0, 1);
    put_total(b, 3);
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_AVERAGE_LIKE_DAY_SCALED);
    VALUES(b, 1, 2);
    bench_free(b);
}

Test(estimate, what_cannot_be_scaled_is_not) {
    struct bench *b = bench_new(2, -3);

    LIKES(b, 1, 5 * unit);
    LIKES(b, 2, -4 * unit);
    put_total(b, 100000);
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_LIKE_DAY, "1 of 5 - 4 says nothing of 100");
    VALUES(b, 5000, -4000);
    LIKES(b, 2, 4 * unit);
    put_total(b, -1);
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_LIKE_DAY, "a total below zero");
    VALUES(b, 5000, 4000);
    LIKES(b, 1, 0);
    LIKES(b, 2, 0);
    put_total(b, 5);
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_LIKE_DAY, "nothing has no proportions");
    VALUES(b, 0, 0);
    bench_free(b);
}

Test(estimate, like_days_close_seven_days_and_no_more) {
    struct bench *b = bench_new(7 * 96, -3);

    for (size_t slot = 0; slot < b->gap.intervals + 2; slot++)
        LIKES(b, slot, unit, unit, unit);
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_AVERAGE_LIKE_DAY);
    expect_band(b, 0);
    b->gap.to_ms++;
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_NONE);
    bench_free(b);
}

/* ---- profile and flat */

Test(estimate, a_profile_has_a_shape_and_no_scale) {
    struct bench *b = bench_new(4, -3);

    memcpy(b->weight, (bb_wide[]){2, 6, 0, 8}, 4 * sizeof b->weight[0]);
    b->gap.weight = b->weight;
    cr_assert_eq(fill(b, BB_METHOD_PROFILE), BB_METHOD_NONE, "without registers");
    put_total(b, 10);
    cr_assert_eq(fill(b, BB_METHOD_PROFILE), BB_METHOD_PROFILE);
    VALUES(b, 1, 4, 0, 5); /* 1.25 5 5 10 */
    expect_band(b, BB_BAND_UNKNOWN);
    memcpy(b->weight, (bb_wide[]){INT64_MAX / 4, INT64_MAX / 4 * 3, 0, INT64_MAX / 4 * 4},
           4 * sizeof b->weight[0]);
    fill(b, BB_METHOD_PROFILE);
    VALUES(b, 1, 4, 0, 5);
    put_total(b, -1);
    cr_assert_eq(fill(b, BB_METHOD_PROFILE), BB_METHOD_NONE, "a total below zero");
    memset(b->weight, 0, 4 * sizeof b->weight[0]);
    put_total(b, 10);
    cr_assert_eq(fill(b, BB_METHOD_PROFILE), BB_METHOD_NONE, "a profile of zeros");
    b->gap.weight = NULL;
    cr_assert_eq(fill(b, BB_METHOD_PROFILE), BB_METHOD_NONE, "no profile");
    bench_free(b);
}

/* Three quarters, 6 kWh. On three like days the homes used 1, 2, 3 (of 6), 2, 2, 2 and 0, 3, 9 (of 12): an even
 * spread would have been off by 1, 0, 1; nothing; and 4, 1, 5, which of half the use are 2, 0.5, 2.5. */
Test(estimate, a_flat_band_is_what_even_days_were_off_by) {
    struct bench *b = bench_new(3, -3);

    put_likes(b, 1, 3, (int64_t[]){1 * unit, 2 * unit, 0});
    put_likes(b, 2, 3, (int64_t[]){2 * unit, 2 * unit, 3 * unit});
    put_likes(b, 3, 3, (int64_t[]){3 * unit, 2 * unit, 9 * unit});
    put_total(b, 6000);
    cr_assert_eq(fill(b, BB_METHOD_FLAT), BB_METHOD_FLAT);
    expect_values(b, 3, (int64_t[]){2000, 2000, 2000});
    for (size_t i = 0; i < 3; i++) /* the ninth of nine errors */
        cr_assert_eq(b->band[i], 2500, "%" PRId64, b->band[i]);
    bench_free(b);
}

Test(estimate, a_profile_that_fits_has_no_error) {
    struct bench *b = bench_new(3, -3);

    for (size_t slot = 1; slot <= 3; slot++) {
        put_likes(
            b, slot, 3,
            (int64_t[]){(int64_t)slot * unit, (int64_t)slot * 5 * unit, (int64_t)slot * unit / 2});
        b->weight[slot - 1] = (bb_wide)slot;
    }
    b->gap.weight = b->weight;
    put_total(b, 600);
    cr_assert_eq(fill(b, BB_METHOD_PROFILE), BB_METHOD_PROFILE);
    expect_values(b, 3, (int64_t[]){100, 200, 300});
    cr_assert_eq(b->band[0], 0, "%" PRId64, b->band[0]);
    bench_free(b);
}

Test(estimate, a_spread_without_nine_errors_has_no_band) {
    struct bench *b = bench_new(3, -3);

    for (size_t slot = 1; slot <= 3; slot++)
        put_likes(b, slot, slot == 2 ? 2 : 3, (int64_t[]){unit, unit, unit});
    put_total(b, 600);
    cr_assert_eq(fill(b, BB_METHOD_FLAT), BB_METHOD_FLAT);
    cr_assert_eq(b->band[0], BB_BAND_UNKNOWN);
    bench_free(b);
}

Test(estimate, flat_is_the_total_and_nothing_else) {
    struct bench *b = bench_new(3, -3);

    cr_assert_eq(fill(b, BB_METHOD_FLAT), BB_METHOD_NONE);
    put_total(b, 10);
    cr_assert_eq(fill(b, BB_METHOD_FLAT), BB_METHOD_FLAT);
    VALUES(b, 3, 4, 3);
    expect_band(b, BB_BAND_UNKNOWN);
    put_total(b, -10);
    cr_assert_eq(fill(b, BB_METHOD_FLAT), BB_METHOD_NONE);
    put_total(b, 0);
    cr_assert_eq(fill(b, BB_METHOD_FLAT), BB_METHOD_FLAT);
    VALUES(b, 0, 0, 0);
    bench_free(b);
}

Test(estimate, less_than_a_digit_each_is_spread_over_62_days) {
    struct bench *b = bench_new(QUARTERS_OF_62_DAYS, -3);
    int64_t sum = 0;

    put_total(b, 3000); /* 0.504 digits each: were each rounded, the last would pay 2,951 */
    cr_assert_eq(fill(b, BB_METHOD_FLAT), BB_METHOD_FLAT);
    for (size_t i = 0; i < b->gap.intervals; i++) {
        cr_assert(b->value[i].mantissa == 0 || b->value[i].mantissa == 1);
        sum += b->value[i].mantissa;
    }
    cr_assert_eq(sum, 3000);
    bench_free(b);
}

Test(estimate, one_interval_takes_all) {
    struct bench *b = bench_new(1, -3);

    put_total(b, 12345);
    cr_assert_eq(fill(b, BB_METHOD_FLAT), BB_METHOD_FLAT);
    VALUES(b, 12345);
    b->weight[0] = 7;
    b->gap.weight = b->weight;
    cr_assert_eq(fill(b, BB_METHOD_PROFILE), BB_METHOD_PROFILE);
    VALUES(b, 12345);
    LIKES(b, 1, 1, 5);
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_AVERAGE_LIKE_DAY_SCALED);
    VALUES(b, 12345);
    bench_free(b);
}

/* ---- the order, and the limits */

Test(estimate, the_first_that_can_does) {
    struct bench *b = bench_new(8, -3);

    cr_assert_eq(bb_estimators[0].method, BB_METHOD_LINEAR);
    cr_assert_eq(bb_estimators[1].method, BB_METHOD_LIKE_DAY);
    cr_assert_eq(bb_estimators[2].method, BB_METHOD_PROFILE);
    cr_assert_eq(bb_estimators[3].method, BB_METHOD_FLAT);
    for (size_t slot = 0; slot < 10; slot++)
        LIKES(b, slot, unit);
    b->gap.weight = b->weight;
    b->weight[3] = 1;
    put_total(b, 5);
    cr_assert_eq(bb_estimate(&b->gap, &b->arena, &b->out), BB_METHOD_LINEAR);
    b->gap.to_ms++;
    cr_assert_eq(bb_estimate(&b->gap, &b->arena, &b->out), BB_METHOD_LIKE_DAY_SCALED);
    b->like_count[8] = 0;
    cr_assert_eq(bb_estimate(&b->gap, &b->arena, &b->out), BB_METHOD_PROFILE);
    b->pipeline.estimate[BB_METHOD_PROFILE].on = false;
    cr_assert_eq(bb_estimate(&b->gap, &b->arena, &b->out), BB_METHOD_FLAT);
    b->gap.has_total = false;
    cr_assert_eq(bb_estimate(&b->gap, &b->arena, &b->out), BB_METHOD_NONE);
    bench_free(b);
}

Test(estimate, what_does_not_fit_is_declined) {
    struct bench *b = bench_new(1, -3);

    b->gap.before = b->gap.after = (struct bb_decimal){999999999999999999, 0};
    cr_assert_eq(fill(b, BB_METHOD_LINEAR), BB_METHOD_NONE);
    LIKES(b, 1, INT64_MAX);
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_NONE, "the end of the scale");
    LIKES(b, 1, INT64_MAX - 1, INT64_MAX - 1, INT64_MAX - 1);
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_AVERAGE_LIKE_DAY);
    VALUES(b, 9223372036855); /* 9,223,372,036.854... */
    b->gap.exponent = BB_DECIMAL_MIN_EXPONENT;
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_NONE);
    LIKES(b, 1, 0, 1);
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_AVERAGE_LIKE_DAY);
    VALUES(b, 500000000000000); /* half a 10^-9 */
    b->gap.exponent = BB_DECIMAL_MAX_EXPONENT;
    cr_assert_eq(fill(b, BB_METHOD_LIKE_DAY), BB_METHOD_AVERAGE_LIKE_DAY);
    VALUES(b, 0);
    put_total(b, (bb_wide)1 << 120);
    cr_assert_eq(fill(b, BB_METHOD_FLAT), BB_METHOD_NONE);
    bench_free(b);
}

/* What lies beyond the known like days, in the estimate's own memory or in the arena counts for
 * nothing; scaled estimates sum to the total; no band is below unknown. */
Test(estimate, nothing_but_the_gap_matters) {
    static struct bb_decimal first[64];
    static int64_t first_band[64];
    struct seeds seeds = seeds_of_run(200, 5000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        bb_random_seed(&r, seed);
        size_t n = 1 + bb_random_below(&r, 64);
        struct bench *b = bench_new(n, -(int)bb_random_below(&r, 10));
        enum bb_method method = BB_METHOD_NONE;
        b->gap.before = (struct bb_decimal){(int64_t)bb_random_below(&r, 1000000), -3};
        b->gap.after = (struct bb_decimal){(int64_t)bb_random_below(&r, 1000000), -3};
        b->gap.exponent = b->gap.exponent < -3 ? b->gap.exponent : -3;
        b->gap.like = b->like;
        b->gap.calm = b->calm;
        b->gap.like_count = b->like_count;
        for (size_t slot = 0; slot < n + 2; slot++) {
            b->like_count[slot] = (uint8_t)(1 + bb_random_below(&r, BB_LIKE_MAX));
            for (size_t j = 0; j < b->like_count[slot]; j++)
                b->calm[slot * BB_LIKE_MAX + j] = b->like[slot * BB_LIKE_MAX + j] =
                    (int64_t)bb_random_below(&r, 100000000000);
        }
        if (bb_random_below(&r, 2))
            put_total(b, (bb_wide)bb_random_below(&r, 1000000000));
        for (int round = 0; round < 2; round++) {
            memset(b->value, (int)bb_random_below(&r, 256), sizeof b->value);
            memset(b->band, (int)bb_random_below(&r, 256), sizeof b->band);
            for (size_t slot = 0; slot < n + 2; slot++)
                for (size_t j = b->like_count[slot]; j < BB_LIKE_MAX; j++)
                    b->calm[slot * BB_LIKE_MAX + j] = b->like[slot * BB_LIKE_MAX + j] =
                        (int64_t)bb_random_next(&r);
            enum bb_method now = bb_estimate(&b->gap, &b->arena, &b->out);
            cr_assert_neq(now, BB_METHOD_NONE);
            bb_wide sum = 0;
            for (size_t i = 0; i < n; i++) {
                cr_assert(
                    round == 0 ||
                        (now == method && b->value[i].mantissa == first[i].mantissa &&
                         b->value[i].exponent == first[i].exponent && b->band[i] == first_band[i]),
                    "another answer" SEED_LINE("unit_derive", "estimate/nothing*"), SEED_ARG(seed));
                cr_assert_geq(b->band[i], BB_BAND_UNKNOWN);
                sum += b->value[i].mantissa;
                first[i] = b->value[i];
                first_band[i] = b->band[i];
            }
            if (now == BB_METHOD_LIKE_DAY_SCALED || now == BB_METHOD_AVERAGE_LIKE_DAY_SCALED)
                cr_assert(sum == b->gap.total,
                          "not the total" SEED_LINE("unit_derive", "estimate/nothing*"),
                          SEED_ARG(seed));
            method = now;
        }
        bench_free(b);
    }
}
