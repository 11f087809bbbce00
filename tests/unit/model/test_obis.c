/* OBIS codes, kinds and commodities. */
#include <criterion/criterion.h>

#include "model/obis.h"

static struct bb_obis parsed(const char *text) {
    struct bb_obis code;
    cr_assert(bb_obis_parse(bb_span_of(text), &code), "\"%s\" is refused", text);
    return code;
}

static void expect_canonical(const char *text, const char *expected) {
    struct bb_obis code = parsed(text);
    char buffer[BB_OBIS_TEXT_MAX];
    size_t size = bb_obis_format(&code, buffer);
    cr_assert(strcmp(buffer, expected) == 0 && size == strlen(expected),
              "\"%s\": \"%s\", not \"%s\"", text, buffer, expected);
}

Test(obis, forms) {
    expect_canonical("1-0:1.8.0", "1-0:1.8.0");
    expect_canonical("1-0:1.8.0*255", "1-0:1.8.0");
    expect_canonical("1-0:1.8.0.255", "1-0:1.8.0");
    expect_canonical("1.0.1.8.0.255", "1-0:1.8.0");
    expect_canonical("1-0:01.08.00*01", "1-0:1.8.0*1");
    expect_canonical("0100010800FF", "1-0:1.8.0");
    expect_canonical("0100010800ff", "1-0:1.8.0");
    expect_canonical("010063610001", "1-0:99.97.0*1");
    expect_canonical("1.8.0", "1.8.0");
    expect_canonical("1.8.0*255", "1.8.0");
    expect_canonical("1.8.0*3", "1.8.0*3");
    expect_canonical("255-255:255.255.255*254", "255-255:255.255.255*254");

    struct bb_obis code = parsed("1.8.0");
    cr_assert(code.a == BB_OBIS_ANY && code.b == BB_OBIS_ANY && code.c == 1 && code.d == 8 &&
              code.e == 0 && code.f == BB_OBIS_ANY);
}

Test(obis, what_is_none) {
    static const char *const texts[] = {
        "",
        "1",
        "1.8",
        "1.8.",
        "1.8.0.",
        "1.8.0*",
        "1.8.0.255",
        "1-0:1.8",
        "1-0:1.8.",
        "1-0:1.8.0*256",
        "1-256:1.8.0",
        "1.8.0 ",
        " 1.8.0",
        "1-0.1.8.0",
        "1:0-1.8.0",
        "0:1.8.0",
        "1-1.8.0",
        "1-0:1.8.0*1*1",
        "a.b.c",
        "E1",
        "energy",
        "0100010800F",
        "0100010800FG",
        "0001.8.0",
        "1-0:1.8.0.1.2",
        "1-0:-1.8.0",
        "1..8.0",
        "1.8.0.0.0",
        "1.2.3.4.5.6.7",
        "300.1.1.1.1.1",
    };
    struct bb_obis code;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_assert(!bb_obis_parse(bb_span_of(texts[i]), &code), "\"%s\"", texts[i]);
    cr_assert(!bb_obis_parse((struct bb_span){NULL, 0}, &code));
    cr_assert(!bb_obis_parse((struct bb_span){"1.8.0\0"
                                              "1\0"
                                              "2",
                                              9},
                             &code));
}

/* Every byte string of a small alphabet is either refused or survives its canonical text. */
Test(obis, canonical_text_means_the_same) {
    for (int a = -1; a <= 255; a += 32)
        for (int c = 0; c <= 255; c += 17)
            for (int f = -1; f <= 255; f += 64) {
                struct bb_obis code = {(int16_t)a, (int16_t)a, (int16_t)c,
                                       (int16_t)c, 0,          (int16_t)f};
                char buffer[BB_OBIS_TEXT_MAX];
                bb_obis_format(&code, buffer);
                struct bb_obis back = parsed(buffer);
                cr_assert(bb_obis_match(&code, &back) && back.c == c && back.a == a, "%s", buffer);
            }
}

static bool matches(const char *pattern, const char *text) {
    struct bb_obis a = parsed(pattern), b = parsed(text);
    return bb_obis_match(&a, &b);
}

Test(obis, patterns) {
    cr_assert(matches("1.8.0", "1-0:1.8.0"));
    cr_assert(matches("1.8.0", "1-1:1.8.0*255"));
    cr_assert(matches("1-0:1.8.0", "1-0:1.8.0*255"));
    cr_assert(matches("1-0:1.8.0*255", "1-0:1.8.0"));
    cr_assert(!matches("1-0:1.8.0", "1-1:1.8.0"));
    cr_assert(!matches("1.8.0", "1-0:1.8.1"));
    cr_assert(!matches("1.8.0", "1-0:1.8.0*1"), "an old billing period is not the present value");
    cr_assert(matches("1.8.0*1", "1-0:1.8.0*1"));
}

Test(obis, meaning) {
    static const struct {
        const char *text;
        enum bb_kind kind;
        enum bb_commodity commodity;
        bool one_way;
    } rows[] = {
        {"1-0:1.8.0", BB_KIND_REGISTER, BB_COMMODITY_ELECTRICITY, true},
        {"1-1:2.29.0", BB_KIND_INTERVAL, BB_COMMODITY_ELECTRICITY, true},
        {"1-0:16.7.0", BB_KIND_GAUGE, BB_COMMODITY_ELECTRICITY, false},
        {"1-0:32.7.0", BB_KIND_GAUGE, BB_COMMODITY_ELECTRICITY, false},
        {"6-0:1.8.0", BB_KIND_REGISTER, BB_COMMODITY_HEAT, true},
        {"6-0:10.7.0", BB_KIND_GAUGE, BB_COMMODITY_HEAT, false},
        {"5-0:1.8.0", BB_KIND_REGISTER, BB_COMMODITY_COOLING, true},
        {"7-0:3.8.0", BB_KIND_REGISTER, BB_COMMODITY_GAS, true},
        {"7-0:41.7.0", BB_KIND_GAUGE, BB_COMMODITY_GAS, false},
        {"8-0:1.0.0", BB_KIND_UNKNOWN, BB_COMMODITY_WATER, true},
        {"9-0:2.7.0", BB_KIND_GAUGE, BB_COMMODITY_WATER, false},
        {"1.8.0", BB_KIND_REGISTER, BB_COMMODITY_UNKNOWN, false},
        {"0-0:96.1.0", BB_KIND_UNKNOWN, BB_COMMODITY_UNKNOWN, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bb_obis code = parsed(rows[i].text);
        cr_assert_eq((int)bb_obis_kind(&code), (int)rows[i].kind, "%s", rows[i].text);
        cr_assert_eq((int)bb_obis_commodity(&code), (int)rows[i].commodity, "%s", rows[i].text);
        cr_assert_eq(bb_obis_one_way(&code), rows[i].one_way, "%s", rows[i].text);
    }
}

Test(kind, names_of_kinds_and_commodities) {
    for (int kind = 1; kind < BB_KIND_COUNT; kind++)
        cr_assert_eq(bb_kind_find(bb_span_of(bb_kind_name(kind))), kind);
    for (int commodity = 1; commodity < BB_COMMODITY_COUNT; commodity++)
        cr_assert_eq(bb_commodity_find(bb_span_of(bb_commodity_name(commodity))), commodity);
    cr_assert_eq(bb_kind_find(BB_SPAN("Register")), BB_KIND_REGISTER);
    cr_assert_eq(bb_kind_find(BB_SPAN("unknown")), -1);
    cr_assert_eq(bb_kind_find(BB_SPAN("")), -1);
    cr_assert_eq(bb_commodity_find(BB_SPAN("WATER")), BB_COMMODITY_WATER);
    cr_assert_eq(bb_commodity_find(BB_SPAN("beer")), -1);
    cr_assert_str_eq(bb_kind_name(-5), "unknown");
    cr_assert_str_eq(bb_commodity_name(1000), "unknown");
}
