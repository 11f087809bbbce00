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
    expect(1500, 0, BB_UNIT_WH, BB_UNIT_KWH, 1500, -3, false); /* as fine as it was sent */
    expect(4, 5, BB_UNIT_L, BB_UNIT_M3, 4, 2, false);
    expect(0, 0, BB_UNIT_L, BB_UNIT_M3, 0, -3, false);
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
    expect(30000000000000004, -17, BB_UNIT_WH, BB_UNIT_KWH, 30000000000000004, -20, false);
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

/* ---- values of points ------------------------------------------------------------------------ */

enum { INSTALLATIONS_MAX = 3 };

struct metering { /* a channel, and what is installed */
    struct bb_channel channel;
    struct bb_installation installations[INSTALLATIONS_MAX];
};

static struct metering interval_meter(int metered, int derived) {
    return (struct metering){.channel = {.kind = BB_KIND_INTERVAL,
                                         .metered_unit = (uint8_t)metered,
                                         .derived_unit = (uint8_t)derived}};
}

/* One more installation, from the end of the one before (the first: from 0) to `to_ms`. */
static void install(struct metering *m, int64_t to_ms, int64_t mantissa, int exponent) {
    uint32_t n = m->channel.installation_count++;

    cr_assert_lt(n, INSTALLATIONS_MAX);
    m->installations[n] = (struct bb_installation){.from_ms = n ? m->installations[n - 1].to_ms : 0,
                                                   .to_ms = to_ms,
                                                   .factor = {mantissa, (int8_t)exponent}};
}

static struct bb_point point_at(struct bb_attribute *a, int64_t mantissa, int exponent, int unit,
                                int64_t end_ms) {
    *a = (struct bb_attribute){.unit = (uint8_t)unit, .exponent = (int8_t)exponent};
    return (struct bb_point){.start_ms = end_ms - 900000,
                             .end_ms = end_ms,
                             .value = {mantissa, (int8_t)exponent},
                             .attribute = a,
                             .usable = true};
}

static void expect_value(struct metering *m, int64_t mantissa, int exponent, int unit,
                         int64_t end_ms, int64_t expected, int expected_exponent,
                         bool expected_rounded) {
    struct bb_attribute a;
    struct bb_point p = point_at(&a, mantissa, exponent, unit, end_ms);
    struct bb_decimal out;
    bool rounded;

    m->channel.installations = m->installations;
    cr_assert(bb_point_value(&m->channel, &p, &out, &rounded), "%" PRId64 "e%d %s", mantissa,
              exponent, bb_unit_symbol(unit));
    cr_assert(out.mantissa == expected && out.exponent == expected_exponent &&
                  rounded == expected_rounded,
              "%" PRId64 "e%d %s is %" PRId64 "e%d%s, not %" PRId64 "e%d", mantissa, exponent,
              bb_unit_symbol(unit), out.mantissa, out.exponent, rounded ? " rounded" : "", expected,
              expected_exponent);
}

static void expect_no_value(struct metering *m, int64_t mantissa, int exponent, int unit,
                            int64_t end_ms) {
    struct bb_attribute a;
    struct bb_point p = point_at(&a, mantissa, exponent, unit, end_ms);
    struct bb_decimal out;
    bool rounded;

    m->channel.installations = m->installations;
    cr_assert_not(bb_point_value(&m->channel, &p, &out, &rounded), "%" PRId64 "e%d %s", mantissa,
                  exponent, bb_unit_symbol(unit));
    cr_assert_eq(bb_point_level(&m->channel, &p), 0);
}

static int64_t level(struct metering *m, int64_t mantissa, int exponent, int unit, int64_t end_ms) {
    struct bb_attribute a;
    struct bb_point p = point_at(&a, mantissa, exponent, unit, end_ms);

    m->channel.installations = m->installations;
    return bb_point_level(&m->channel, &p);
}

Test(convert, an_interval_times_its_multiplier) {
    struct metering m = interval_meter(BB_UNIT_KWH, BB_UNIT_KWH);

    cr_assert_not(bb_channel_has_factor(&m.channel));
    expect_value(&m, 125, -3, BB_UNIT_KWH, 900000, 125, -3, false);
    install(&m, 1000000, 1, 0);
    m.channel.installations = m.installations;
    cr_assert_not(bb_channel_has_factor(&m.channel));
    install(&m, 2000000, 40, 0);
    cr_assert(bb_channel_has_factor(&m.channel));
    expect_value(&m, 125, -3, BB_UNIT_KWH, 900000, 125, -3, false);
    /* What ends with an installation was counted by it. */
    expect_value(&m, 125, -3, BB_UNIT_KWH, 1000000, 125, -3, false);
    expect_value(&m, 125, -3, BB_UNIT_KWH, 1000001, 5000, -3, false);
    expect_value(&m, 125, -3, BB_UNIT_KWH, 2000000, 5000, -3, false);
    expect_value(&m, -125, -3, BB_UNIT_KWH, 2000000, -5000, -3, false);
    /* Before all of them the first one's holds, behind them the last one's. */
    expect_value(&m, 125, -3, BB_UNIT_KWH, 2000001, 5000, -3, false);
    expect_value(&m, 125, -3, BB_UNIT_KWH, 0, 125, -3, false);
    /* 1501 Wh × 40 = 60.04 kWh */
    expect_value(&m, 1501, 0, BB_UNIT_WH, 1900000, 6004, -2, false);
    expect_no_value(&m, 1, 0, BB_UNIT_M3, 1900000);
}

Test(convert, readings_stay_as_the_device_shows_them) {
    struct metering m = interval_meter(BB_UNIT_KWH, BB_UNIT_KWH);

    install(&m, BB_TIME_NONE, 40, 0);
    for (uint8_t kind = BB_KIND_REGISTER; kind <= BB_KIND_GAUGE; kind++) {
        m.channel.kind = kind;
        cr_assert_not(bb_channel_has_factor(&m.channel));
        expect_value(&m, 1500, 0, BB_UNIT_WH, 900000, 1500, -3, false);
        cr_assert_eq(level(&m, 1500, 0, BB_UNIT_WH, 900000), 1500000000);
    }
    m = interval_meter(BB_UNIT_M3, BB_UNIT_KWH); /* a gas register: m³, whatever its days are in */
    install(&m, BB_TIME_NONE, 1064, -2);
    m.channel.kind = BB_KIND_REGISTER;
    expect_value(&m, 1500, 0, BB_UNIT_L, 900000, 1500, -3, false);
}

/* 11.2 kWh/m³ × 0.95 = 10.64; 12.345 m³ are 131.3508 kWh. */
Test(convert, gas_becomes_energy) {
    struct metering m = interval_meter(BB_UNIT_M3, BB_UNIT_KWH);

    m.channel.installations = m.installations;
    cr_assert(bb_channel_has_factor(&m.channel));
    expect_no_value(&m, 12345, -3, BB_UNIT_M3, 900000); /* nobody knows what it is worth */
    install(&m, 1000000, 1064, -2);
    expect_value(&m, 12345, -3, BB_UNIT_M3, 900000, 13135080, -5, false);
    expect_value(&m, 12345, 0, BB_UNIT_L, 900000, 1313508, -4, false);
    expect_no_value(&m, 12345, -3, BB_UNIT_KWH, 900000);
    expect_value(&m, 12345, -3, BB_UNIT_M3, 1000001, 13135080, -5, false);
    m.channel.derived_unit = BB_UNIT_MJ; /* × 3.6 */
    expect_value(&m, 12345, -3, BB_UNIT_M3, 900000, 47286288, -5, false);
    m.channel.derived_unit = BB_UNIT_WH;
    expect_value(&m, 12345, -3, BB_UNIT_M3, 900000, INT64_C(13135080000), -5, false);
}

Test(convert, a_factor_of_one_still_changes_the_unit) {
    struct metering m = interval_meter(BB_UNIT_M3, BB_UNIT_KWH);

    install(&m, BB_TIME_NONE, 1, 0);
    m.channel.installations = m.installations;
    cr_assert(bb_channel_has_factor(&m.channel));
    expect_value(&m, 12345, -3, BB_UNIT_M3, 900000, 12345, -3, false);
}

Test(convert, what_has_too_many_digits_is_rounded) {
    struct metering m = interval_meter(BB_UNIT_KWH, BB_UNIT_KWH);

    /* 123456789.123 × 0.333333333333333333 = 41152263.040999999958847736… */
    install(&m, BB_TIME_NONE, 333333333333333333, -18);
    expect_value(&m, 123456789123, -3, BB_UNIT_KWH, 1, 41152263041000000, -9, true);
    /* 1234567.891 × 1.0000000005 = 1234567.8916172839455 */
    m.installations[0].factor = (struct bb_decimal){10000000005, -10};
    expect_value(&m, 1234567891, -3, BB_UNIT_KWH, 1, 1234567891617284, -9, true);
    expect_value(&m, -1234567891, -3, BB_UNIT_KWH, 1, -1234567891617284, -9, true);
    /* 0.999999999999999999 MWh × 0.000999999999999999999 = 0.999999999999999998 kWh and 10^-36 */
    m.installations[0].factor = (struct bb_decimal){999999999999999999, -21};
    expect_value(&m, 999999999999999999, -18, BB_UNIT_MWH, 1, 999999999999999998, -18, true);
    expect_value(&m, -999999999999999999, -18, BB_UNIT_MWH, 1, -999999999999999998, -18, true);
    /* zeros are no digits: 10^17 × 10^6 */
    m.installations[0].factor = (struct bb_decimal){1000000, 0};
    expect_value(&m, 100000000000000000, 0, BB_UNIT_KWH, 1, 100000000000000000, 6, false);
    m.installations[0].factor = (struct bb_decimal){999999999999999999, 0};
    struct bb_attribute a;
    struct bb_point p = point_at(&a, 999999999999999999, 0, BB_UNIT_KWH, 1);
    struct bb_decimal out;
    bool rounded;
    cr_assert_not(bb_point_value(&m.channel, &p, &out, &rounded), "36 digits");
}

Test(convert, levels) {
    struct metering m = interval_meter(BB_UNIT_KWH, BB_UNIT_KWH);

    cr_assert_eq(level(&m, 125, -3, BB_UNIT_KWH, 1), 125000000);
    cr_assert_eq(level(&m, -125, -3, BB_UNIT_KWH, 1), -125000000);
    cr_assert_eq(level(&m, 1501, 0, BB_UNIT_WH, 1), 1501000000);
    cr_assert_eq(level(&m, 1, 0, BB_UNIT_MJ, 1), 277777777, "towards zero");
    cr_assert_eq(level(&m, -1, 0, BB_UNIT_MJ, 1), -277777777);
    cr_assert_eq(level(&m, 19, -10, BB_UNIT_KWH, 1), 1);
    cr_assert_eq(level(&m, -19, -10, BB_UNIT_KWH, 1), -1);
    cr_assert_eq(level(&m, 999999999999999999, -24, BB_UNIT_KWH, 1), 999);
    cr_assert_eq(level(&m, 10000000000, 0, BB_UNIT_KWH, 1), INT64_MAX, "saturated");
    cr_assert_eq(level(&m, -1, 18, BB_UNIT_MWH, 1), -INT64_MAX);
    cr_assert_eq(level(&m, 0, 18, BB_UNIT_MWH, 1), 0);
    cr_assert_eq(level(&m, 1, 0, BB_UNIT_M3, 1), 0);
    install(&m, BB_TIME_NONE, 40, 0);
    cr_assert_eq(level(&m, 125, -3, BB_UNIT_KWH, 1), 5000000000);
    cr_assert_eq(level(&m, 1501, 0, BB_UNIT_WH, 1), INT64_C(60040000000));
    cr_assert_eq(level(&m, -300000000, 0, BB_UNIT_KWH, 1), -INT64_MAX);
    m.installations[0].factor = (struct bb_decimal){999999999999999999, -24};
    cr_assert_eq(level(&m, 999999999999999999, -24, BB_UNIT_KWH, 1), 0);
    cr_assert_eq(level(&m, 999999999999999999, -12, BB_UNIT_KWH, 1), 999999999, "one less a bit");
    struct metering gas = interval_meter(BB_UNIT_M3, BB_UNIT_MJ);
    install(&gas, BB_TIME_NONE, 1064, -2);
    cr_assert_eq(level(&gas, 12345, 0, BB_UNIT_L, 1), INT64_C(472862880000));
}

/* A value with its factor against the same product written out in 128 bits. */
Test(convert, every_amount_is_exact_or_nearest) {
    static const int volumes[] = {BB_UNIT_L, BB_UNIT_M3, BB_UNIT_KL};
    static const int energies[] = {BB_UNIT_WH, BB_UNIT_KWH, BB_UNIT_MWH, BB_UNIT_MJ, BB_UNIT_GJ};
    struct seeds seeds = seeds_of_run(20000, 2000000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++) {
        struct bb_random r;
        int64_t up, down, more_up, more_down;
        struct bb_attribute a;
        struct bb_decimal out;
        bool rounded;

        bb_random_seed(&r, seed);
        struct metering m = interval_meter(BB_UNIT_M3, energies[bb_random_below(&r, 5)]);
        install(&m, BB_TIME_NONE, 1 + (int64_t)bb_random_below(&r, 1000000),
                -(int)bb_random_below(&r, 7));
        m.channel.installations = m.installations;
        int unit = volumes[bb_random_below(&r, 3)];
        struct bb_point p = point_at(&a, (int64_t)bb_random_below(&r, 2000000) - 1000000,
                                     -(int)bb_random_below(&r, 7), unit, 1);
        cr_assert(bb_unit_ratio(unit, BB_UNIT_M3, &up, &down));
        cr_assert(bb_unit_ratio(BB_UNIT_KWH, m.channel.derived_unit, &more_up, &more_down));
        cr_assert(bb_point_value(&m.channel, &p, &out, &rounded));
        struct bb_decimal factor = m.installations[0].factor;
        int sent = p.value.exponent + factor.exponent;
        int finest = sent < out.exponent ? sent : out.exponent;
        bb_wide exact = (bb_wide)p.value.mantissa * factor.mantissa * up * more_up *
                        power(sent - finest);
        bb_wide got = (bb_wide)out.mantissa * down * more_down * power(out.exponent - finest);
        bb_wide unit_of_got = (bb_wide)down * more_down * power(out.exponent - finest);
        bb_wide error = exact > got ? exact - got : got - exact;
        cr_assert(rounded ? 2 * error <= unit_of_got : error == 0,
                  "%" PRId64 "e%d × %" PRId64 "e%d is not %" PRId64
                  "e%d" SEED_LINE("unit_derive", "convert/*"),
                  p.value.mantissa, p.value.exponent, factor.mantissa, factor.exponent,
                  out.mantissa, out.exponent, SEED_ARG(seed));
        /* the level is the same amount in 10^-9, towards zero */
        bb_wide scale = power(sent + 9 > 0 ? sent + 9 : 0),
                shrink = power(sent < -9 ? -9 - sent : 0);
        bb_wide wanted = (bb_wide)p.value.mantissa * factor.mantissa * up * more_up * scale /
                         ((bb_wide)down * more_down * shrink);
        wanted = wanted > INT64_MAX ? INT64_MAX : wanted < -INT64_MAX ? -INT64_MAX : wanted;
        cr_assert(bb_point_level(&m.channel, &p) == (int64_t)wanted,
                  "level %" PRId64 SEED_LINE("unit_derive", "convert/*"),
                  bb_point_level(&m.channel, &p), SEED_ARG(seed));
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
