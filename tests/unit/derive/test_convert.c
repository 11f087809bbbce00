/* Units are converted as fractions: exactly where digits allow, else to the nearest. */
#include <criterion/criterion.h>

#include <inttypes.h>

#include "base/random.h"
#include "derive/point.h"
#include "model/unit.h"
#include "support/seeds.h"

static void expect(int64_t mantissa, int exponent, int from, int to, int64_t expected,
                   int expected_exponent, bool expected_rounded) {
    struct bb_decimal out, in = {mantissa, (int8_t)exponent};
    bool rounded;

    cr_assert(bb_convert(in, from, to, &out, &rounded), "%" PRId64 "e%d %s to %s", mantissa,
              exponent, bb_unit_symbol(from), bb_unit_symbol(to));
    cr_assert(out.mantissa == expected && out.exponent == expected_exponent &&
                  rounded == expected_rounded,
              "%" PRId64 "e%d %s is %" PRId64 "e%d %s%s, not %" PRId64 "e%d", mantissa, exponent,
              bb_unit_symbol(from), out.mantissa, out.exponent, bb_unit_symbol(to),
              rounded ? " rounded" : "", expected, expected_exponent);
}

Test(convert, known_values) {
    expect(150, -2, BB_UNIT_KWH, BB_UNIT_KWH, 150, -2, false); /* as sent, zeros and all */
    expect(1500, 0, BB_UNIT_WH, BB_UNIT_KWH, 15, -1, false);
    expect(1501, 0, BB_UNIT_WH, BB_UNIT_KWH, 1501, -3, false);
    expect(2, 0, BB_UNIT_MWH, BB_UNIT_KWH, 2000, 0, false);
    expect(-1234, -1, BB_UNIT_L, BB_UNIT_M3, -1234, -4, false);
    expect(36, 0, BB_UNIT_MJ, BB_UNIT_KWH, 10, 0, false);
    expect(9, 0, BB_UNIT_MJ, BB_UNIT_KWH, 25, -1, false);
    expect(1, 0, BB_UNIT_MJ, BB_UNIT_KWH, 277777778, -9, true); /* 0.2777… */
    expect(1, -3, BB_UNIT_MJ, BB_UNIT_KWH, 277778, -9, true);
    expect(1, -9, BB_UNIT_MJ, BB_UNIT_KWH, 0, -9, true); /* not finer than 10^-9 */
    expect(0, -3, BB_UNIT_MJ, BB_UNIT_KWH, 0, -3, false);
    expect(1, 0, BB_UNIT_BAR, BB_UNIT_KPA, 100, 0, false);
}

/* A gallon is 0.003785411784 m3, a kilojoule 1/3600 kWh. */
Test(convert, what_does_not_end_has_nine_decimals) {
    expect(1, 0, BB_UNIT_GAL, BB_UNIT_M3, 3785412, -9, true);
    expect(375, -2, BB_UNIT_FT3, BB_UNIT_M3, 106188175, -9, true); /* 0.10618817472 */
    expect(125, 0, BB_UNIT_GAL, BB_UNIT_M3, 473176473, -9, false); /* it ends there */
    expect(1000, 0, BB_UNIT_GAL, BB_UNIT_L, 3785411784, -6, false);
    expect(1, 0, BB_UNIT_KJ, BB_UNIT_KWH, 277778, -9, true);
    expect(900001, 0, BB_UNIT_J, BB_UNIT_KWH, 250000278, -9, true);
    expect(-7, 0, BB_UNIT_GAL, BB_UNIT_FT3, -935763889, -9, true); /* 231/1728 of it */
    /* 231 million gallons are 874430.122104 m3: 18 digits hold all nine decimals, and more */
    expect(231000000, 0, BB_UNIT_GAL, BB_UNIT_M3, 874430122104, -6, false);
    /* 34293552503.429355277... kWh: 18 digits hold seven */
    expect(123456789012345679, 0, BB_UNIT_J, BB_UNIT_KWH, 342935525034293553, -7, true);
}

Test(convert, rounding_is_half_to_even) {
    /* 1 J = 1/3 600 000 kWh: 0.0018 J are half of 10^-9 kWh, 0.0054 J one and a half */
    expect(18, -4, BB_UNIT_J, BB_UNIT_KWH, 0, -9, true);
    expect(54, -4, BB_UNIT_J, BB_UNIT_KWH, 2, -9, true);
    expect(1, -9, BB_UNIT_MJ, BB_UNIT_KWH, 0, -9, true);
}

/* JSON numbers come with 17 digits and more behind the point: as many stay. */
Test(convert, fine_values_are_rounded_and_not_lost) {
    expect(30000000000000004, -17, BB_UNIT_WH, BB_UNIT_KWH, 30000000000000, -17, true);
    expect(123456789012345678, BB_DECIMAL_MIN_EXPONENT, BB_UNIT_L, BB_UNIT_M3, 123456789012346,
           BB_DECIMAL_MIN_EXPONENT, true);
}

Test(convert, what_cannot_be_said_is_refused) {
    struct bb_decimal out;
    bool rounded;

    cr_assert_not(bb_convert((struct bb_decimal){1, 0}, BB_UNIT_KWH, BB_UNIT_M3, &out, &rounded));
    cr_assert_not(bb_convert((struct bb_decimal){1, 0}, BB_UNIT_KWH, BB_UNIT_KW, &out, &rounded));
    cr_assert_not(bb_convert((struct bb_decimal){20, 0}, BB_UNIT_CELSIUS, BB_UNIT_FAHRENHEIT, &out,
                             &rounded));
    cr_assert_not(bb_convert((struct bb_decimal){999999999999999999, 18}, BB_UNIT_MWH, BB_UNIT_WH,
                             &out, &rounded),
                  "more than 18 digits");
}

static bb_wide power(int n) {
    bb_wide p = 1;
    while (n-- > 0)
        p *= 10;
    return p;
}

Test(convert, every_pair_is_exact_or_nearest) {
    struct seeds seeds = seeds_of_run(20000, 2000000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        int64_t up, down;
        struct bb_decimal out;
        bool rounded;

        bb_random_seed(&r, seed);
        int from = (int)bb_random_below(&r, BB_UNIT_COUNT),
            to = (int)bb_random_below(&r, BB_UNIT_COUNT);
        struct bb_decimal in = {(int64_t)bb_random_below(&r, 2000000) - 1000000,
                                (int8_t) - (int)bb_random_below(&r, 7)};
        bool same = bb_unit_ratio(from, to, &up, &down);
        cr_assert_eq(bb_convert(in, from, to, &out, &rounded), same,
                     "%s to %s" SEED_LINE("unit_derive", "convert/*"), bb_unit_symbol(from),
                     bb_unit_symbol(to), SEED_ARG(seed));
        if (!same || up > INT64_C(10000000000) || down > INT64_C(10000000000))
            continue; /* the products below must fit */
        /* in × up / down against out, both × down × 10^-finest */
        int finest = in.exponent < out.exponent ? in.exponent : out.exponent;
        bb_wide exact = (bb_wide)in.mantissa * up * power(in.exponent - finest);
        bb_wide got = (bb_wide)out.mantissa * down * power(out.exponent - finest);
        bb_wide error = exact > got ? exact - got : got - exact;
        cr_assert(rounded ? 2 * error <= (bb_wide)down * power(out.exponent - finest) : error == 0,
                  "%" PRId64 "e%d %s is not %" PRId64
                  "e%d %s" SEED_LINE("unit_derive", "convert/*"),
                  in.mantissa, in.exponent, bb_unit_symbol(from), out.mantissa, out.exponent,
                  bb_unit_symbol(to), SEED_ARG(seed));
        cr_assert(!rounded || out.exponent == BB_CONVERTED_EXPONENT ||
                  out.mantissa >= bb_power_of_ten[17] || out.mantissa <= -bb_power_of_ten[17]);
    }
}

Test(convert, derived_exponents) {
    cr_assert_eq(bb_derived_exponent(0), -3);
    cr_assert_eq(bb_derived_exponent(-3), -6);
    cr_assert_eq(bb_derived_exponent(-6), -9);
    cr_assert_eq(bb_derived_exponent(-8), -9);
    cr_assert_eq(bb_derived_exponent(-12), -12);
    cr_assert_eq(bb_derived_exponent(6), 3);
}
