/* Units: the spellings that are understood and the exact factors between them. */
#include <criterion/criterion.h>

#include <inttypes.h>

#include "model/unit.h"

static void expect_unit(const char *text, int unit) {
    int found = bb_unit_find(bb_span_of(text));
    cr_assert_eq(found, unit, "\"%s\" is %d, not %d", text, found, unit);
}

static void expect_ratio(int from, int to, int64_t numerator, int64_t denominator) {
    int64_t n, d;
    cr_assert(bb_unit_ratio(from, to, &n, &d));
    cr_assert(n == numerator && d == denominator,
              "%s to %s: %" PRId64 "/%" PRId64 ", not %" PRId64 "/%" PRId64, bb_unit_symbol(from),
              bb_unit_symbol(to), n, d, numerator, denominator);
    cr_assert(bb_unit_ratio(to, from, &n, &d));
    cr_assert(d == numerator && n == denominator, "and back");
}

Test(unit, every_symbol_finds_its_unit) {
    for (int unit = 0; unit < BB_UNIT_COUNT; unit++) {
        cr_assert_not_null(bb_unit_symbol(unit), "unit %d has no row", unit);
        expect_unit(bb_unit_symbol(unit), unit);
    }
}

Test(unit, case_and_blanks_do_not_matter) {
    expect_unit("KWH", BB_UNIT_KWH);
    expect_unit("kwh", BB_UNIT_KWH);
    expect_unit(" k W h ", BB_UNIT_KWH);
    expect_unit("kVARh", BB_UNIT_KVARH);
    expect_unit("M3", BB_UNIT_M3);
    expect_unit("m³", BB_UNIT_M3);
    expect_unit("M³/H", BB_UNIT_M3_H);
    expect_unit("CBM", BB_UNIT_M3);
    expect_unit("kl", BB_UNIT_KL);
    expect_unit("US gallon", BB_UNIT_GAL);
    expect_unit("cf", BB_UNIT_FT3);
    expect_unit("C", BB_UNIT_CELSIUS);
    expect_unit("°F", BB_UNIT_FAHRENHEIT);
    expect_unit("m3*K", BB_UNIT_M3K);
    expect_unit("Therms", BB_UNIT_THERM);
    expect_unit("none", BB_UNIT_NONE);
}

Test(unit, unknown_units_are_unknown) {
    static const char *const texts[] = {"",
                                        " ",
                                        "kW/h",
                                        "kWhh",
                                        "Btu",
                                        "TWh",
                                        "kWh2",
                                        "k\0Wh",
                                        "m",
                                        "³",
                                        "%",
                                        "\xff\xff",
                                        "aVeryLongUnitThatNobodyHasEverSeen"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_unit(texts[i], -1);
    cr_assert_eq(bb_unit_find((struct bb_span){"kWh\0", 4}), -1);
    cr_assert_eq(bb_unit_find((struct bb_span){NULL, 0}), -1);
}

Test(unit, factors_are_exact) {
    expect_ratio(BB_UNIT_WH, BB_UNIT_KWH, 1, 1000);
    expect_ratio(BB_UNIT_KWH, BB_UNIT_J, 3600000, 1);
    expect_ratio(BB_UNIT_GJ, BB_UNIT_KWH, 2500, 9);
    expect_ratio(BB_UNIT_MWH, BB_UNIT_MJ, 3600, 1);
    expect_ratio(BB_UNIT_THERM, BB_UNIT_J, 105505585262 / 2, 500);
    expect_ratio(BB_UNIT_KVARH, BB_UNIT_VARH, 1000, 1);
    expect_ratio(BB_UNIT_L, BB_UNIT_M3, 1, 1000);
    expect_ratio(BB_UNIT_KL, BB_UNIT_M3, 1, 1);
    expect_ratio(BB_UNIT_GAL, BB_UNIT_L, 473176473, 125000000);
    expect_ratio(BB_UNIT_CCF, BB_UNIT_FT3, 100, 1);
    expect_ratio(BB_UNIT_L_S, BB_UNIT_M3_H, 18, 5);
    expect_ratio(BB_UNIT_BAR, BB_UNIT_KPA, 100, 1);
    expect_ratio(BB_UNIT_NONE, BB_UNIT_NONE, 1, 1);
    expect_ratio(BB_UNIT_CELSIUS, BB_UNIT_CELSIUS, 1, 1);
}

/* 3.785411784 L, 28.316846592 L, 105.505585262 MJ, as numbers rather than as fractions */
Test(unit, legal_definitions) {
    int64_t n, d;
    struct bb_decimal out;

    cr_assert(bb_unit_ratio(BB_UNIT_GAL, BB_UNIT_L, &n, &d));
    cr_assert(bb_wide_to_decimal((bb_wide)n * 1000000000 / d, -9, -9, &out));
    cr_assert_eq(out.mantissa, 3785411784);
    cr_assert(bb_unit_ratio(BB_UNIT_FT3, BB_UNIT_L, &n, &d));
    cr_assert_eq((int64_t)((bb_wide)n * 1000000000 / d), 28316846592);
    cr_assert(bb_unit_ratio(BB_UNIT_THERM, BB_UNIT_MJ, &n, &d));
    cr_assert_eq((int64_t)((bb_wide)n * 1000000000 / d), 105505585262);
}

/* Any two units either share a dimension and convert there and back, or do not convert. */
Test(unit, ratios_exist_within_a_dimension_only) {
    for (int a = 0; a < BB_UNIT_COUNT; a++)
        for (int b = 0; b < BB_UNIT_COUNT; b++) {
            int64_t n, d, back_n, back_d;
            bool same = bb_unit_dimension(a) == bb_unit_dimension(b);
            bool expected = a == b || (same && bb_unit_dimension(a) != BB_DIMENSION_TEMPERATURE);
            cr_assert_eq(bb_unit_ratio(a, b, &n, &d), expected, "%s %s", bb_unit_symbol(a),
                         bb_unit_symbol(b));
            if (!expected)
                continue;
            cr_assert(n > 0 && d > 0);
            cr_assert(bb_unit_ratio(b, a, &back_n, &back_d));
            cr_assert(n == back_d && d == back_n);
        }
}

Test(unit, every_dimension_has_a_canonical_unit_of_its_own) {
    for (int dimension = 0; dimension < BB_DIMENSION_COUNT; dimension++)
        cr_assert_eq((int)bb_unit_dimension((int)bb_unit_canonical((enum bb_dimension)dimension)),
                     dimension);
    cr_assert_eq((int)bb_unit_canonical(BB_DIMENSION_ENERGY), BB_UNIT_KWH);
    cr_assert_eq((int)bb_unit_canonical(BB_DIMENSION_VOLUME), BB_UNIT_M3);
}
