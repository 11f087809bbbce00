/* Decimals: what is kept exactly, what is refused and under which name. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "model/decimal.h"

static struct bb_decimal parsed(const char *text, char point) {
    struct bb_decimal value = {-1, -1};
    enum bb_decimal_outcome outcome = bb_decimal_parse(bb_span_of(text), point, &value);
    cr_assert_eq(outcome, BB_DECIMAL_OK, "\"%s\": outcome %d", text, (int)outcome);
    return value;
}

static void expect(const char *text, char point, int64_t mantissa, int exponent) {
    struct bb_decimal value = parsed(text, point);
    cr_assert(value.mantissa == mantissa && value.exponent == exponent,
              "\"%s\": %" PRId64 "e%d, not %" PRId64 "e%d", text, value.mantissa, value.exponent,
              mantissa, exponent);
}

static void expect_refused(const char *text, char point, enum bb_decimal_outcome expected) {
    struct bb_decimal value;
    enum bb_decimal_outcome outcome = bb_decimal_parse(bb_span_of(text), point, &value);
    cr_assert_eq(outcome, expected, "\"%s\": outcome %d, not %d", text, (int)outcome,
                 (int)expected);
}

Test(decimal, keeps_what_was_sent) {
    expect("0", '.', 0, 0);
    expect("7", '.', 7, 0);
    expect("1.50", '.', 150, -2);
    expect("0.123", '.', 123, -3);
    expect("123456.789", '.', 123456789, -3);
    expect("-12.5", '.', -125, -1);
    expect("+12.5", '.', 125, -1);
    expect(".5", '.', 5, -1);
    expect("5.", '.', 5, 0);
    expect("84211,3", ',', 842113, -1);
    expect("12345678", '.', 12345678, 0);
    expect("1234567.8", '.', 12345678, -1);
    expect(".12345678", '.', 12345678, -8);
    expect("12345678.", '.', 12345678, 0);
    expect("1.2345678901234", '.', 12345678901234, -13);
    expect("999999999999999999", '.', 999999999999999999, 0);
    expect("-999999999999999999", '.', -999999999999999999, 0);
    expect("0.000000000000000001", '.', 1, -18);
}

Test(decimal, zero_has_no_sign) {
    expect("-0", '.', 0, 0);
}

Test(decimal, leading_zeros_do_not_count) {
    expect("000000000000000000000001.5", '.', 15, -1);
    expect("00000000000000000000000000000000000000000000", '.', 0, 0);
}

Test(decimal, exponents_move_the_point) {
    expect("1.5e3", '.', 15, 2);
    expect("1.5E+3", '.', 15, 2);
    expect("25e-1", '.', 25, -1);
    expect("1e18", '.', 1, 18);
    expect("1.0e19", '.', 10, 18);
    expect("1e0000000000000000000000000000001", '.', 1, 1);
    expect("0.00000000000000000000012e20", '.', 12, -3);
}

Test(decimal, what_is_no_number_is_syntax) {
    static const char *const texts[] = {
        "",
        "-",
        "+",
        ".",
        "-.",
        "e5",
        ".e5",
        "1e",
        "1e+",
        "1ex",
        "NaN",
        "nan",
        "inf",
        "-inf",
        "0x10",
        "1,5",
        "1..2",
        "1.2.3",
        "1.2.",
        "--1",
        "+-1",
        " 1",
        "1 ",
        "1 000",
        "1e5.0",
        "1_000",
        "12a",
        "a12",
        "12/",
        "1:2",
        "１",
        "1e5e5",
        "\xff",
        "1\xb7",
        "1234567890123456789x",
        "12345678x",
        "1e999x",
        "123456789.1234.",
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        "1-",
        "5-3",
        "1e--3",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_refused(texts[i], '.', BB_DECIMAL_SYNTAX);
    expect_refused("1.5", ',', BB_DECIMAL_SYNTAX);
    expect_refused("1234567890.5", ',', BB_DECIMAL_SYNTAX);

    struct bb_decimal value;
    cr_assert_eq(bb_decimal_parse((struct bb_span){"1\0", 2}, '.', &value), BB_DECIMAL_SYNTAX);
    cr_assert_eq(bb_decimal_parse((struct bb_span){NULL, 0}, '.', &value), BB_DECIMAL_SYNTAX);
}

Test(decimal, too_many_digits_are_refused_not_rounded) {
    expect_refused("1234567890123456789", '.', BB_DECIMAL_TOO_LONG);
    expect_refused("1000000000000000000", '.', BB_DECIMAL_TOO_LONG);
    expect_refused("99999999999999999999999999999999999999999", '.', BB_DECIMAL_TOO_LONG);
    expect_refused("1.0000000000000000000", '.', BB_DECIMAL_TOO_LONG);
}

Test(decimal, exponents_beyond_the_range_are_refused) {
    expect_refused("1e999", '.', BB_DECIMAL_OUT_OF_RANGE);
    expect_refused("1e19", '.', BB_DECIMAL_OUT_OF_RANGE);
    expect_refused("1e-25", '.', BB_DECIMAL_OUT_OF_RANGE);
    expect_refused("0.0000000000000000000000001", '.', BB_DECIMAL_OUT_OF_RANGE);
    expect_refused("1e99999999999999999999999999", '.', BB_DECIMAL_OUT_OF_RANGE);
    expect_refused("1e-99999999999999999999999999", '.', BB_DECIMAL_OUT_OF_RANGE);
}

/* Every mantissa and exponent comes back from its plain text, whatever its length, and nothing is
 * read beside the text (each stands alone in memory of its size). */
Test(decimal, text_and_back) {
    const uint64_t seed = 20260301;
    struct bb_random r;
    char text[BB_DECIMAL_TEXT_MAX];

    bb_random_seed(&r, seed);
    for (int i = 0; i < 200000; i++) {
        int64_t limit = bb_power_of_ten[1 + bb_random_below(&r, 18)];
        struct bb_decimal value = {(int64_t)bb_random_below(&r, (uint64_t)limit),
                                   (int8_t) - (int)bb_random_below(&r, 19)};
        if (bb_random_below(&r, 2))
            value.mantissa = -value.mantissa;
        size_t size = bb_decimal_format(value, false, text);
        cr_assert_eq(size, strlen(text));

        char *alone = malloc(size);
        struct bb_decimal back;
        memcpy(alone, text, size);
        enum bb_decimal_outcome outcome = bb_decimal_parse((struct bb_span){alone, size}, '.',
                                                           &back);
        free(alone);
        cr_assert(outcome == BB_DECIMAL_OK && back.mantissa == value.mantissa &&
                      back.exponent == value.exponent,
                  "seed %" PRIu64 " round %d: \"%s\" is %" PRId64 "e%d, not %" PRId64 "e%d", seed,
                  i, text, back.mantissa, back.exponent, value.mantissa, value.exponent);
    }
}

/* The fast path and the definition agree on any text: leading zeros force the slow path. */
Test(decimal, short_and_long_texts_agree) {
    static const char letters[] = "00112233445566778899....,-+eE x/:\xb2";
    const uint64_t seed = 77;
    struct bb_random r;

    bb_random_seed(&r, seed);
    for (int i = 0; i < 300000; i++) {
        char text[40] = "0000000000000000000000"; /* 22 */
        size_t size = bb_random_below(&r, 16);
        for (size_t k = 0; k < size; k++)
            text[22 + k] = letters[bb_random_below(&r, sizeof letters - 1)];

        struct bb_decimal quick = {0, 0}, slow = {0, 0};
        enum bb_decimal_outcome a = bb_decimal_parse((struct bb_span){text + 22, size}, '.',
                                                     &quick);
        if (size == 0 || text[22] == '-' || text[22] == '+' || text[22] == 'e' || text[22] == 'E' ||
            (text[22] == '.' && (size == 1 || text[23] == 'e' || text[23] == 'E')))
            continue; /* zeros in front make these another number */
        enum bb_decimal_outcome b = bb_decimal_parse((struct bb_span){text, 22 + size}, '.', &slow);
        cr_assert(a == b && quick.mantissa == slow.mantissa && quick.exponent == slow.exponent,
                  "seed %" PRIu64 " round %d: \"%.*s\": %d %" PRId64 "e%d, %d %" PRId64 "e%d", seed,
                  i, (int)size, text + 22, (int)a, quick.mantissa, quick.exponent, (int)b,
                  slow.mantissa, slow.exponent);
    }
}

static void expect_text(int64_t mantissa, int exponent, bool trim, const char *expected) {
    char text[BB_DECIMAL_TEXT_MAX];
    size_t size = bb_decimal_format((struct bb_decimal){mantissa, (int8_t)exponent}, trim, text);
    cr_assert(strcmp(text, expected) == 0 && size == strlen(expected), "\"%s\", not \"%s\"", text,
              expected);
}

Test(decimal, plain_text) {
    expect_text(50, -3, false, "0.050");
    expect_text(50, -3, true, "0.05");
    expect_text(12, 2, false, "1200");
    expect_text(1200, -2, true, "12");
    expect_text(-5, -1, true, "-0.5");
    expect_text(0, -3, false, "0.000");
    expect_text(0, -3, true, "0");
    expect_text(0, 5, true, "0");
    expect_text(100, 0, true, "100");
    expect_text(999999999999999999, 18, false, "999999999999999999000000000000000000");
    expect_text(INT64_MIN, -18, false, "-9.223372036854775808");
}

Test(decimal, division_rounds_half_to_even) {
    cr_assert(bb_wide_divide_round(5, 2) == 2);
    cr_assert(bb_wide_divide_round(7, 2) == 4);
    cr_assert(bb_wide_divide_round(-5, 2) == -2);
    cr_assert(bb_wide_divide_round(-7, 2) == -4);
    cr_assert(bb_wide_divide_round(8, 3) == 3);
    cr_assert(bb_wide_divide_round(-8, 3) == -3);
    cr_assert(bb_wide_divide_round(1, 3) == 0);
    bb_wide huge = (((bb_wide)1 << 126) - 1) * 2 + 1; /* the largest there is */
    cr_assert(bb_wide_divide_round(huge, huge) == 1);
    cr_assert(bb_wide_divide_round(huge - 1, huge) == 1);
    cr_assert(bb_wide_divide_round(-huge, huge) == -1);
}

Test(decimal, sums_come_back_to_18_digits_or_not_at_all) {
    struct bb_decimal out;

    cr_assert(bb_wide_to_decimal(12345, -3, -2, &out));
    cr_assert(out.mantissa == 1234 && out.exponent == -2, "half to even");
    cr_assert(bb_wide_to_decimal(12355, -3, -2, &out));
    cr_assert_eq(out.mantissa, 1236);
    cr_assert(bb_wide_to_decimal(5, 2, -3, &out));
    cr_assert(out.mantissa == 500000 && out.exponent == -3);
    cr_assert(bb_wide_to_decimal((bb_wide)bb_power_of_ten[18] * bb_power_of_ten[18], -36, 0, &out));
    cr_assert(out.mantissa == 1 && out.exponent == 0);
    cr_assert(bb_wide_to_decimal(0, 100, -18, &out));
    cr_assert_eq(out.mantissa, 0);
    cr_assert(bb_wide_to_decimal(((bb_wide)1 << 120), -100, 0, &out));
    cr_assert_eq(out.mantissa, 0);
    cr_assert(!bb_wide_to_decimal(bb_power_of_ten[18], 0, 0, &out));
    cr_assert(!bb_wide_to_decimal(-bb_power_of_ten[18], 0, 0, &out));
    cr_assert(bb_wide_to_decimal(bb_power_of_ten[18] - 1, 0, 0, &out));
    cr_assert(!bb_wide_to_decimal(1, 1, -17, &out), "18 places up make 19 digits");
    cr_assert(!bb_wide_to_decimal(1, 0, 19, &out));
    cr_assert(bb_decimal_widen(7, 18, -18) ==
              (bb_wide)7 * bb_power_of_ten[18] * bb_power_of_ten[18]);
}

Test(decimal, equal_as_numbers) {
    cr_assert(bb_decimal_equal((struct bb_decimal){150, -2}, (struct bb_decimal){15, -1}));
    cr_assert(bb_decimal_equal((struct bb_decimal){0, -2}, (struct bb_decimal){0, 18}));
    cr_assert(
        bb_decimal_equal((struct bb_decimal){1, 18}, (struct bb_decimal){bb_power_of_ten[18], 0}));
    cr_assert(!bb_decimal_equal((struct bb_decimal){1, 18}, (struct bb_decimal){1, -18}));
    cr_assert(!bb_decimal_equal((struct bb_decimal){150, -2}, (struct bb_decimal){151, -2}));
    cr_assert(
        !bb_decimal_equal((struct bb_decimal){INT64_MAX, 18}, (struct bb_decimal){INT64_MAX, -18}));
    cr_assert(!bb_decimal_equal((struct bb_decimal){0, 18}, (struct bb_decimal){1, -18}));
}

Test(decimal, to_double) {
    cr_assert_eq(bb_decimal_to_double((struct bb_decimal){123, -3}), 0.123);
    cr_assert_eq(bb_decimal_to_double((struct bb_decimal){-12, 2}), -1200.0);
}

Test(decimal, a_double_becomes_the_shortest_decimal_that_reads_back) {
    static const struct {
        double value;
        int64_t mantissa;
        int exponent;
    } cases[] = {
        {0.0, 0, 0},
        {-0.0, 0, 0},
        {0.1, 1, -1},
        {-12.5, -125, -1},
        {1200, 1200, 0},
        {84211.3, 842113, -1},
        {123456789012345.0, 123456789012345, 0},
        {9007199254740993.0, 9007199254740992, 0},
        {1e15, 1, 15},
        {1e22, 10000, 18},
        {1e35, INT64_C(100000000000000000), 18},
        {1.0 / 3, INT64_C(3333333333333333), -16},
        {0.1 + 0.2, INT64_C(30000000000000004), -17},
        {1e-24, 1, -24},
        {2.2204460492503131e-16, INT64_C(0), 99}, /* its last digit lies beyond 10^-24 */
        {1e36, 0, 99},
        {1e300, 0, 99},
        {5e-324, 0, 99},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bb_decimal found = {-1, -1};
        enum bb_decimal_outcome outcome = bb_decimal_of_double(cases[i].value, &found);
        if (cases[i].exponent == 99) {
            cr_expect_eq(outcome, BB_DECIMAL_OUT_OF_RANGE, "%.17g", cases[i].value);
            continue;
        }
        cr_expect_eq(outcome, BB_DECIMAL_OK, "%.17g", cases[i].value);
        cr_expect(found.mantissa == cases[i].mantissa && found.exponent == cases[i].exponent,
                  "%.17g: %" PRId64 "e%d", cases[i].value, found.mantissa, found.exponent);
    }
    struct bb_decimal ignored;
    cr_expect_eq(bb_decimal_of_double(NAN, &ignored), BB_DECIMAL_SYNTAX);
    cr_expect_eq(bb_decimal_of_double(-INFINITY, &ignored), BB_DECIMAL_SYNTAX);
}

/* Any double of a meter's size, however it came about: reads back, and no shorter text does. */
Test(decimal, doubles_read_back) {
    struct bb_random random;

    bb_random_seed(&random, 7);
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = bb_random_next(&random);
        int scale = (int)bb_random_below(&random, 20) - 6;
        double value = i % 2 ? (double)(int64_t)(bits >> 20) / pow(10, scale)
                             : ldexp((double)(bits >> 11), -(int)bb_random_below(&random, 60));
        struct bb_decimal found;
        char text[64], shorter[64];
        if (bb_decimal_of_double(value, &found) != BB_DECIMAL_OK)
            continue;
        snprintf(text, sizeof text, "%" PRId64 "e%d", found.mantissa, found.exponent);
        cr_assert_eq(strtod(text, NULL), value, "%.17g became %s", value, text);
        int digits = 0;
        int64_t left = found.mantissa;
        while (left != 0 && left % 10 == 0)
            left /= 10;
        for (; left != 0; left /= 10)
            digits++;
        if (digits > 1) {
            snprintf(shorter, sizeof shorter, "%.*e", digits - 2, value);
            cr_assert_neq(strtod(shorter, NULL), value, "%.17g became %s, %s is shorter", value,
                          text, shorter);
        }
    }
}

static void expect_wide(bb_wide value, int exponent, const char *expected) {
    char text[BB_WIDE_TEXT_MAX];
    size_t size = bb_wide_format(value, exponent, text);

    cr_expect_str_eq(text, expected);
    cr_expect_eq(size, strlen(expected));
}

Test(decimal, sums_of_any_length_are_printed) {
    const bb_wide most = (bb_wide)(((unsigned __int128)1 << 127) - 1);

    expect_wide(0, 0, "0");
    expect_wide(0, -24, "0");
    expect_wide(0, 18, "0");
    expect_wide(-1, -3, "-0.001");
    expect_wide(1500, -3, "1.5");
    expect_wide(1500, 2, "150000");
    expect_wide(most, 0, "170141183460469231731687303715884105727");
    expect_wide(-most - 1, -24, "-170141183460469.231731687303715884105728");
    expect_wide(most, 18, "170141183460469231731687303715884105727000000000000000000");
}

Test(decimal, order_is_that_of_numbers) {
    static const struct bb_decimal ascending[] = {{-2, 18}, {-2, 0},  {-19, -1}, {-1, -24},
                                                  {0, 5},   {1, -24}, {19, -1},  {2, 0},
                                                  {21, -1}, {1, 18}};
    enum { COUNT = sizeof ascending / sizeof ascending[0] };

    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++) {
            int order = bb_decimal_order(ascending[i], ascending[j]);
            cr_expect_eq((order > 0) - (order < 0), (i > j) - (i < j), "%d %d", i, j);
        }
    cr_expect_eq(bb_decimal_order((struct bb_decimal){150, -2}, (struct bb_decimal){15, -1}), 0);
}
