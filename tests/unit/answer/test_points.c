/* Fewer points: buckets keep every peak and every gap, and lie where they lie wherever a window begins. */
#include <criterion/criterion.h>

#include "answer/points.h"

enum { QUARTER_MS = 15 * BB_MINUTE_MS };
static const int64_t midnight = 1772323200000; /* 2026-03-01T00:00:00Z */

static const struct bb_quality measured = {.state = BB_STATE_MEASURED};
static const struct bb_quality missing = {.state = BB_STATE_MISSING};
static const struct bb_quality estimated = {.state = BB_STATE_ESTIMATED,
                                            .method = BB_METHOD_LINEAR};

static struct bb_query_row interval(int64_t at, int64_t value, const struct bb_quality *quality) {
    return (struct bb_query_row){.start_ms = midnight + at * QUARTER_MS,
                                 .end_ms = midnight + (at + 1) * QUARTER_MS,
                                 .has_value = quality->state != BB_STATE_MISSING,
                                 .value = {value, -3},
                                 .quality = quality};
}

static struct bb_points fill(size_t wanted, int64_t from, int64_t to) {
    struct bb_points points;

    cr_assert(bb_points_init(&points, wanted));
    for (int64_t i = from; i < to; i++) {
        struct bb_query_row row = interval(i, i * 7 % 96, &measured);
        bb_points_add(&points, &row);
    }
    return points;
}

Test(points, as_many_rows_as_points_stay_rows) {
    struct bb_points points = fill(96, 0, 96);

    cr_assert_eq(points.count, 96);
    cr_expect_eq(points.items[5].start_ms, midnight + 5 * QUARTER_MS);
    cr_expect_eq(points.items[5].end_ms, midnight + 6 * QUARTER_MS);
    cr_expect_eq(points.items[5].min.mantissa, 35);
    cr_expect_eq(points.items[5].last.mantissa, 35);
    cr_expect_eq(points.items[5].count, 1);
    bb_points_release(&points);
}

Test(points, one_row_more_makes_buckets_of_the_next_length) {
    struct bb_points points = fill(95, 0, 96);

    cr_assert_eq(points.length_ms, 30 * BB_MINUTE_MS);
    cr_assert_eq(points.count, 48);
    /* rows 10 and 11: 70, 77 */
    cr_expect_eq(points.items[5].start_ms, midnight + 10 * QUARTER_MS);
    cr_expect_eq(points.items[5].end_ms, midnight + 12 * QUARTER_MS);
    cr_expect_eq(points.items[5].min.mantissa, 70);
    cr_expect_eq(points.items[5].max.mantissa, 77);
    cr_expect_eq(points.items[5].last.mantissa, 77);
    cr_expect_eq(points.items[5].count, 2);
    bb_points_release(&points);
}

Test(points, never_more_than_wanted_and_nothing_is_lost) {
    for (size_t wanted = 1; wanted < 200; wanted += 13) {
        struct bb_points points = fill(wanted, -1000, 5000);
        uint64_t count = 0;
        int64_t most = 0;
        cr_expect_leq(points.count, wanted, "%zu of %zu", points.count, wanted);
        for (size_t i = 0; i < points.count; i++) {
            count += points.items[i].count;
            most = points.items[i].max.mantissa > most ? points.items[i].max.mantissa : most;
        }
        cr_expect_eq(count, 6000);
        cr_expect_eq(most, 95);
        bb_points_release(&points);
    }
}

/* A chart that is dragged sees the same buckets. */
Test(points, buckets_do_not_depend_on_where_a_window_begins) {
    struct bb_points a = fill(100, 0, 960), b = fill(100, 8, 960);

    cr_assert_eq(a.length_ms, b.length_ms);
    size_t gone = a.count - b.count;
    for (size_t i = 1; i < b.count; i++) {
        cr_expect_eq(a.items[i + gone].end_ms, b.items[i].end_ms);
        cr_expect_eq(a.items[i + gone].max.mantissa, b.items[i].max.mantissa);
    }
    bb_points_release(&a);
    bb_points_release(&b);
}

Test(points, the_worst_quality_and_gaps_are_kept) {
    struct bb_points points;

    cr_assert(bb_points_init(&points, 1));
    const struct bb_quality *const qualities[] = {&measured, &estimated, &missing, &measured};
    for (int64_t i = 0; i < 4; i++) {
        struct bb_query_row row = interval(i, 10 + i, qualities[i]);
        bb_points_add(&points, &row);
    }
    cr_assert_eq(points.count, 1);
    cr_expect_eq(points.items[0].quality.state, BB_STATE_MISSING);
    cr_expect_eq(points.items[0].count, 3);
    cr_expect_eq(points.items[0].min.mantissa, 10);
    cr_expect_eq(points.items[0].max.mantissa, 13);
    bb_points_release(&points);
}

Test(points, a_bucket_of_gaps_alone_has_no_value) {
    struct bb_points points;

    cr_assert(bb_points_init(&points, 1));
    for (int64_t i = 0; i < 3; i++) {
        struct bb_query_row row = interval(i, 0, &missing);
        bb_points_add(&points, &row);
    }
    cr_expect_eq(points.items[0].count, 0);
    bb_points_release(&points);
}

/* The reading at midnight is of the day that begins; the interval that ends there of the one before. */
Test(points, instants_belong_to_the_bucket_they_begin) {
    struct bb_points points;

    cr_assert(bb_points_init(&points, 2));
    for (int64_t hour = 0; hour < 48; hour++) {
        struct bb_query_row row = {.start_ms = midnight + hour * BB_HOUR_MS,
                                   .end_ms = midnight + hour * BB_HOUR_MS,
                                   .has_value = true,
                                   .value = {hour, 0},
                                   .quality = &measured};
        bb_points_add(&points, &row);
    }
    cr_assert_eq(points.count, 2);
    cr_expect_eq(points.items[0].count, 24);
    cr_expect_eq(points.items[1].start_ms, midnight + BB_DAY_MS);
    bb_points_release(&points);
}

Test(points, periods_of_gauges_bring_their_range) {
    struct bb_points points;
    struct bb_query_row row = interval(0, 5, &measured);

    row.has_range = true;
    row.min = (struct bb_decimal){-2, 0};
    row.max = (struct bb_decimal){3, 1};
    cr_assert(bb_points_init(&points, 4));
    bb_points_add(&points, &row);
    cr_expect_eq(points.items[0].min.mantissa, -2);
    cr_expect_eq(points.items[0].max.mantissa, 3);
    cr_expect_eq(points.items[0].last.mantissa, 5);
    bb_points_release(&points);
}

Test(points, decimals_are_ordered_as_numbers) {
    static const struct {
        struct bb_decimal a, b;
        int order;
    } cases[] = {
        {{150, -2}, {15, -1}, 0},
        {{1, 0}, {999, -3}, 1},
        {{-1, 0}, {-999, -3}, -1},
        {{0, 5}, {0, -5}, 0},
        {{0, 0}, {-1, -24}, 1},
        {{1, -24}, {0, 18}, 1},
        {{5, -24}, {5, 18}, -1},
        {{-5, -24}, {-5, 18}, 1},
        {{5, 18}, {5, -24}, 1},
        {{-1, 18}, {1, -24}, -1},
        {{999999999999999999, -18}, {1, 0}, -1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(bb_decimal_order(cases[i].a, cases[i].b), cases[i].order, "case %zu", i);
}
