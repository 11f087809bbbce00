/* Sums of a group: exact, whatever the order; units converted once. */
#include "service/group_sum.h"

#include "base/random.h"
#include "model/unit.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct bb_quality measured = {.state = BB_STATE_MEASURED};
static const struct bb_quality estimated = {.state = BB_STATE_ESTIMATED};
static const struct bb_quality missing = {.state = BB_STATE_MISSING};

static struct bb_query_row row(int64_t end_ms, int64_t mantissa, int exponent, int unit) {
    return (struct bb_query_row){.lane = BB_LANE_DAY,
                                 .start_ms = end_ms - 1000,
                                 .end_ms = end_ms,
                                 .has_value = true,
                                 .value = {mantissa, (int8_t)exponent},
                                 .unit = unit,
                                 .quality = &measured,
                                 .measured_ms = 1000};
}

static void add(struct bb_group_sums *sums, const char *channel, const struct bb_query_row *r) {
    struct bb_error error = {0};
    uint32_t series;

    cr_assert_eq(bb_group_sums_series(sums, bb_span_of(channel), BB_COMMODITY_ELECTRICITY,
                                      BB_KIND_INTERVAL, r->unit, &series, &error),
                 0);
    sums->series[series].of++;
    cr_assert_eq(bb_group_sums_add(sums, series, r, &error), 0, "%s", error.text);
}

struct told {
    struct bb_buffer text;
    struct bb_group_row rows[8];
    size_t count;
};

static int take(void *context, const struct bb_group_row *r) {
    struct told *told = context;
    char sum[BB_WIDE_TEXT_MAX], mean[BB_WIDE_TEXT_MAX], min[BB_WIDE_TEXT_MAX],
        max[BB_WIDE_TEXT_MAX];

    bb_wide_format(r->sum.mantissa, r->sum.exponent, sum);
    bb_wide_format(r->mean.mantissa, r->mean.exponent, mean);
    bb_wide_format(r->min.mantissa, r->min.exponent, min);
    bb_wide_format(r->max.mantissa, r->max.exponent, max);
    bb_buffer_format(&told->text, "%.*s %d: %s %s %s..%s %s %u/%u\n", BB_SPAN_ARGS(r->channel),
                     (int)(r->end_ms / 1000), r->members ? sum : "-", r->members ? mean : "-",
                     r->members ? min : "-", r->members ? max : "-", bb_unit_symbol(r->unit),
                     r->members, r->of);
    if (told->count < 8)
        told->rows[told->count++] = *r;
    return 0;
}

static void tell(struct bb_group_sums *sums, struct told *told) {
    struct bb_error error = {0};

    *told = (struct told){.count = 0};
    bb_buffer_init(&told->text, 1 << 20);
    cr_assert_eq(bb_group_sums_tell(sums, BB_LANE_DAY, take, told, &error), 0, "%s", error.text);
    bb_buffer_append_byte(&told->text, '\0');
}

#define EXPECT_TOLD(sums, expected)                                                                \
    do {                                                                                           \
        struct told told;                                                                          \
        tell(&(sums), &told);                                                                      \
        cr_expect_str_eq(told.text.data, expected);                                                \
        bb_buffer_release(&told.text);                                                             \
    } while (0)

Test(group_sum, adds_digits_of_all_lengths) {
    struct bb_group_sums sums;
    struct bb_query_row rows[] = {row(2000, 1, 0, BB_UNIT_KWH), row(2000, 25, -2, BB_UNIT_KWH),
                                  row(2000, -3, -9, BB_UNIT_KWH), row(1000, 7, 2, BB_UNIT_KWH)};

    bb_group_sums_init(&sums);
    for (size_t i = 0; i < 4; i++)
        add(&sums, "load", &rows[i]);
    EXPECT_TOLD(sums, "load 1: 700 700 700..700 kWh 1/4\n"
                      "load 2: 1.249999997 0.416666665667 -0.000000003..1 kWh 3/4\n");
    bb_group_sums_release(&sums);
}

Test(group_sum, converts_units_once) {
    struct bb_group_sums sums;
    struct bb_query_row rows[] = {row(1000, 1, 0, BB_UNIT_MJ), row(1000, 1, 0, BB_UNIT_MJ),
                                  row(1000, 1, 0, BB_UNIT_MJ), row(1000, 2, 0, BB_UNIT_MWH),
                                  row(1000, 5, 0, BB_UNIT_WH)};

    bb_group_sums_init(&sums);
    for (size_t i = 0; i < 5; i++)
        add(&sums, "heat", &rows[i]);
    /* 3 MJ are 5/6 kWh: rounded as one, not as three times 5/18 */
    EXPECT_TOLD(sums, "heat 1: 2000.838333333 400.1676666666 0.005..2000 kWh 5/5\n");
    bb_group_sums_release(&sums);

    bb_group_sums_init(&sums);
    add(&sums, "heat", &rows[0]);
    add(&sums, "heat", &rows[1]);
    EXPECT_TOLD(sums, "heat 1: 2 1 1..1 MJ 2/2\n"); /* one unit stays as it is */
    bb_group_sums_release(&sums);
}

Test(group_sum, what_cannot_be_converted_stays_apart) {
    struct bb_group_sums sums;
    struct bb_query_row rows[] = {row(1000, 20, 0, BB_UNIT_CELSIUS),
                                  row(1000, 68, 0, BB_UNIT_FAHRENHEIT),
                                  row(1000, 5, 0, BB_UNIT_KWH)};

    bb_group_sums_init(&sums);
    for (size_t i = 0; i < 3; i++)
        add(&sums, "x", &rows[i]);
    EXPECT_TOLD(sums, "x 1: 5 5 5..5 kWh 1/1\n"
                      "x 1: 20 20 20..20 °C 1/1\n"
                      "x 1: 68 68 68..68 °F 1/1\n");
    bb_group_sums_release(&sums);
}

Test(group_sum, counts_what_is_there) {
    struct bb_group_sums sums;
    struct bb_query_row good = row(1000, 4, 0, BB_UNIT_KWH), guessed = row(1000, 6, 0, BB_UNIT_KWH),
                        none = row(1000, 0, 0, BB_UNIT_KWH);
    struct told told;

    guessed.quality = &estimated;
    guessed.measured_ms = 500;
    none.quality = &missing;
    none.has_value = false;
    none.measured_ms = 0;
    bb_group_sums_init(&sums);
    add(&sums, "load", &good);
    add(&sums, "load", &none);
    add(&sums, "load", &guessed);
    tell(&sums, &told);
    cr_assert_eq(told.count, 1);
    cr_expect_eq(told.rows[0].members, 2);
    cr_expect_eq(told.rows[0].missing, 1);
    cr_expect_eq(told.rows[0].of, 3);
    cr_expect_eq(told.rows[0].estimated, 1);
    cr_expect_eq(told.rows[0].measured, 500);
    cr_expect_eq(told.rows[0].quality.state, BB_STATE_MISSING);
    bb_buffer_release(&told.text);
    bb_group_sums_release(&sums);
}

/* The same rows in any order give the same text. */
Test(group_sum, order_does_not_matter) {
    enum { ROWS = 300, ROUNDS = 20 };
    static const int units[] = {BB_UNIT_KWH, BB_UNIT_WH, BB_UNIT_MJ};
    static const char *const channels[] = {"a", "b"};
    struct bb_random random;
    struct bb_query_row rows[ROWS];
    struct told first, next;

    bb_random_seed(&random, 7);
    for (int i = 0; i < ROWS; i++)
        rows[i] = row((int64_t)(1 + bb_random_below(&random, 3)) * 1000,
                      (int64_t)bb_random_below(&random, 2000000) - 1000000,
                      -(int)bb_random_below(&random, 7), units[bb_random_below(&random, 3)]);
    for (int round = 0; round < ROUNDS; round++) {
        struct bb_group_sums sums;
        bb_group_sums_init(&sums);
        for (int i = 0; i < ROWS; i++)
            add(&sums, channels[rows[i].value.mantissa & 1], &rows[i]);
        tell(&sums, round ? &next : &first);
        if (round) {
            cr_expect_str_eq(first.text.data, next.text.data);
            bb_buffer_release(&next.text);
        }
        bb_group_sums_release(&sums);
        for (int i = ROWS - 1; i > 0; i--) {
            int j = (int)bb_random_below(&random, (uint64_t)i + 1);
            struct bb_query_row kept = rows[i];
            rows[i] = rows[j];
            rows[j] = kept;
        }
    }
    bb_buffer_release(&first.text);
}

Test(group_sum, more_periods_than_there_is_room_for_are_refused) {
    struct bb_group_sums sums;
    struct bb_error error = {0};
    uint32_t series;
    int result = 0;

    bb_group_sums_init(&sums);
    cr_assert_eq(bb_group_sums_series(&sums, BB_SPAN("x"), 0, BB_KIND_INTERVAL, BB_UNIT_KWH,
                                      &series, &error),
                 0);
    int64_t i = 0;
    for (; !result && i <= BB_GROUP_PERIODS_MAX; i++) {
        struct bb_query_row r = row((i + 1) * 1000, 1, 0, BB_UNIT_KWH);
        result = bb_group_sums_add(&sums, series, &r, &error);
    }
    cr_expect_eq(result, -BB_E_ANSWER_TOO_LARGE);
    cr_expect_eq(i, BB_GROUP_PERIODS_MAX + 1);
    bb_group_sums_release(&sums);
}

Test(group_sum, a_sum_that_does_not_fit_is_told) {
    struct bb_number a = {1, 18}, b = {1, -24}, sum;

    cr_expect_not(bb_number_add(a, b, &sum)); /* 10^42 parts */
    cr_expect_gt(bb_number_order(a, b), 0);
    cr_expect_lt(bb_number_order(b, a), 0);
    cr_expect_lt(bb_number_order((struct bb_number){-1, 18}, b), 0);
    cr_expect_eq(bb_number_order((struct bb_number){10, -1}, (struct bb_number){1, 0}), 0);
    cr_expect(bb_number_add((struct bb_number){0, 18}, b, &sum));
}
