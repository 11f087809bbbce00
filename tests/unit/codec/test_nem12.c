/* NEM12 and NEM13: what a file says is what comes out, and what breaks a rule is named by its line.
 *
 * Days of four six-hour intervals keep the texts short; the real files of the market are in
 * tests/e2e/test_nem12_files.py.
 */
#include "support/decode_dump.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define HEADER_12 "100,NEM12,202603020000,MDP1,RETAILER\n"
#define HEADER_13 "100,NEM13,202603020000,MDP1,RETAILER\n"
#define CHANNEL   "200,NMI0000001,E1B1,1,E1,N1,METER1,kWh,360,\n"
#define DAY       "300,20260301,1.50,0,.25,100,A,,,20260302010203,\n"
#define END       "900\n"

static struct decode_dump dump;

static void decode_piecewise(const char *text, size_t piece) {
    struct decode_source source = {bb_span_of(text), piece};

    decode_dump_run(&dump, &bb_format_nem12, decode_source_input(&source), "file.csv");
}

static void decode(const char *text) {
    decode_piecewise(text, 0);
}

static void release(void) {
    decode_dump_release(&dump);
}

/* The refusals as "line:code line:code". */
static const char *refusals(void) {
    static char text[512];
    size_t used = 0;
    uint64_t line;
    int code;

    text[0] = '\0';
    for (size_t i = 0; i < dump.refusal_count; i++)
        if (sscanf(decode_dump_line(&dump.refusals, i), "%" SCNu64 " BB-%d", &line, &code) == 2)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRIu64 ":%d",
                                     used ? " " : "", line, code);
    return text;
}

#define ASSERT_READING(n, text) cr_assert_str_eq(decode_dump_line(&dump.readings, (n)), (text))

Test(nem12, a_day_is_its_values_as_sent_in_market_time, .fini = release) {
    decode(HEADER_12 CHANNEL DAY END);
    cr_assert_eq(dump.status, 0, "%s", dump.error.text);
    cr_assert_eq(dump.refusal_count, 0);
    cr_assert_eq(dump.reading_count, 4);
    ASSERT_READING(0, "NMI0000001,E1,interval,21600,2026-02-28T14:00:00Z,2026-02-28T20:00:00Z,1.50,"
                      "kWh,measured,2026-03-01T15:02:03Z,3");
    ASSERT_READING(1, "NMI0000001,E1,interval,21600,2026-02-28T20:00:00Z,2026-03-01T02:00:00Z,0,"
                      "kWh,measured,2026-03-01T15:02:03Z,3");
    ASSERT_READING(2, "NMI0000001,E1,interval,21600,2026-03-01T02:00:00Z,2026-03-01T08:00:00Z,0.25,"
                      "kWh,measured,2026-03-01T15:02:03Z,3");
    ASSERT_READING(3, "NMI0000001,E1,interval,21600,2026-03-01T08:00:00Z,2026-03-01T14:00:00Z,100,"
                      "kWh,measured,2026-03-01T15:02:03Z,3");
}

Test(nem12, a_series_says_what_the_format_knows) {
    static const struct {
        const char *suffix, *obis;
    } cases[] = {{"E1", "1-1:1.29.0"}, {"B1", "1-1:2.29.0"}, {"Q2", "1-1:3.29.0"},
                 {"K1", "1-1:4.29.0"}, {"V1", ""},           {"Z9", ""}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, HEADER_12 "200,NMI1,,,%s,,,kWh,360,\n" DAY END,
                 cases[i].suffix);
        decode(text);
        cr_assert_eq(dump.table.count, 1);
        const struct bb_series *series = &dump.table.items[0];
        cr_expect(bb_span_equal(series->obis, bb_span_of(cases[i].obis)), "%s", cases[i].suffix);
        cr_expect(bb_span_equal(series->zone, BB_SPAN("+10:00")));
        cr_expect_eq(series->commodity, BB_COMMODITY_ELECTRICITY);
        cr_expect_eq(series->kind, BB_KIND_INTERVAL);
        cr_expect_eq(series->interval_s, 21600);
        decode_dump_release(&dump);
    }
}

Test(nem12, every_quality_method_has_its_state) {
    static const struct {
        const char *tail, *quality;
    } cases[] = {
        {"A,,,,", "measured"},
        {"A,89,Time Reset Occurred,,", "measured|source:A 89"},
        {"E52,,,,", "estimated|source:E52"},
        {"E56,77,Estimation Forecast,,", "estimated|source:E56 77"},
        {"F14,79,,,", "substituted|final|source:F14 79"},
        {"S14,,,,", "substituted|source:S14"},
        {"S,,,,", "substituted|source:S"},
        {"N,,,,", "missing"},
        {"N,43,,,", "missing|source:N 43"},
        {" A ,,,,", "measured"},
        {"A", "measured"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512], want[256];
        snprintf(text, sizeof text, HEADER_12 CHANNEL "300,20260301,1,2,3,4,%s\n" END,
                 cases[i].tail);
        snprintf(want, sizeof want, ",kWh,%s,-,3", cases[i].quality);
        decode(text);
        cr_expect_eq(dump.reading_count, 4, "%s: %s", cases[i].tail, refusals());
        const char *line = decode_dump_line(&dump.readings, 0);
        cr_expect(bb_span_ends_with(bb_span_of(line), bb_span_of(want)), "%s: %s", cases[i].tail,
                  line);
        decode_dump_release(&dump);
    }
}

Test(nem12, a_missing_interval_has_no_value_whatever_was_written, .fini = release) {
    decode(HEADER_12 CHANNEL "300,20260301,9,,0.0,7,N,,,,\n" END);
    cr_assert_str_eq(refusals(), "");
    ASSERT_READING(0, "NMI0000001,E1,interval,21600,2026-02-28T14:00:00Z,2026-02-28T20:00:00Z,,kWh,"
                      "missing,-,3");
    ASSERT_READING(3, "NMI0000001,E1,interval,21600,2026-03-01T08:00:00Z,2026-03-01T14:00:00Z,,kWh,"
                      "missing,-,3");
}

Test(nem12, records_400_give_each_part_its_quality, .fini = release) {
    decode(HEADER_12 CHANNEL "300,20260301,1,2,,4,V,,,20260302010203,\n"
                             "400,1,1,A,,\n400,2,2,F14,76,Communications Fault\n400,3,3,N,,\n"
                             "400,4,4,E52,,\n500,O,S01,20260301000000,123.4\n" DAY END);
    cr_assert_str_eq(refusals(), "");
    cr_assert_eq(dump.reading_count, 8);
    ASSERT_READING(1, "NMI0000001,E1,interval,21600,2026-02-28T20:00:00Z,2026-03-01T02:00:00Z,2,"
                      "kWh,substituted|final|source:F14 76,2026-03-01T15:02:03Z,3");
    ASSERT_READING(2, "NMI0000001,E1,interval,21600,2026-03-01T02:00:00Z,2026-03-01T08:00:00Z,,"
                      "kWh,missing,2026-03-01T15:02:03Z,3");
    ASSERT_READING(3, "NMI0000001,E1,interval,21600,2026-03-01T08:00:00Z,2026-03-01T14:00:00Z,4,"
                      "kWh,estimated|source:E52,2026-03-01T15:02:03Z,3");
}

/* Lines 3.. of a NEM12 file whose line 2 is CHANNEL: which are refused, and what is left. */
struct refusal_case {
    const char *body, *refusals;
    uint64_t readings;
};

static void check_refusals(const char *before, const struct refusal_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char text[4096];
        snprintf(text, sizeof text, "%s%s" END, before, cases[i].body);
        decode(text);
        cr_expect_eq(dump.status, 0, "%s%s", cases[i].body, dump.error.text);
        cr_expect_str_eq(refusals(), cases[i].refusals, "%s: %s, not %s\n%s", cases[i].body,
                         refusals(), cases[i].refusals, dump.refusals.data);
        cr_expect_eq(dump.reading_count, cases[i].readings, "%s: %" PRIu64 " readings",
                     cases[i].body, dump.reading_count);
        decode_dump_release(&dump);
    }
}
#define CHECK_REFUSALS(before, cases)                                                              \
    check_refusals((before), (cases), sizeof(cases) / sizeof(cases)[0])

Test(nem12, a_day_has_exactly_its_intervals) {
    static const struct refusal_case cases[] = {
        {"300,20260301,1,2,3,A,,,,\n" DAY, "3:1017", 4},
        {"300,20260301,1,2,3,4,5,A,,,,\n" DAY, "3:1017", 4},
        {"300,20260301,1,2,3,4,5,6,7,8,A,,,,\n" DAY, "3:1017", 4},
        {"300,20260301,A,,,,\n" DAY, "3:1017", 4},
        {"300,20260301,\n" DAY, "3:1017", 4},
        {"300,20260301\n" DAY, "3:1017", 4},
        {"300,20260301,1,2,3,\n4,A,,,,\n" DAY, "3:1017 4:1004", 4}, /* folded */
        {"300,20260301,1,2,3,4\n" DAY, "3:1009", 4},                /* cut off */
        {"300,20260301,1,2,3,4,\n" DAY, "3:1009", 4},
        {"300,20260301,1,2,3,4,,,,20260302010203,\n" DAY, "3:1009", 4},
    };
    CHECK_REFUSALS(HEADER_12 CHANNEL, cases);
}

Test(nem12, values_are_plain_decimals_of_at_most_18_digits) {
    static const struct refusal_case cases[] = {
        {"300,20260301,-1,2,3,4,A,,,,\n", "3:1005", 0},
        {"300,20260301,1,2,3,-0.5,A,,,,\n", "3:1005", 0},
        {"300,20260301,1,2e3,3,4,A,,,,\n", "3:1005", 0},
        {"300,20260301,1,2,3E-1,4,A,,,,\n", "3:1005", 0},
        {"300,20260301,1,x,3,4,A,,,,\n", "3:1005", 0},
        {"300,20260301,1,1.2.3,3,4,A,,,,\n", "3:1005", 0},
        {"300,20260301,1,.,3,4,A,,,,\n", "3:1005", 0},
        {"300,20260301,1,NaN,3,4,A,,,,\n", "3:1005", 0},
        {"300,20260301,1,2 3,3,4,A,,,,\n", "3:1005", 0},
        {"300,20260301,1,,3,4,A,,,,\n", "3:1009", 0},
        {"300,20260301,1234567890123456789,2,3,4,A,,,,\n", "3:1005", 0},
        {"300,20260301,0.1234567890123456789,2,3,4,A,,,,\n", "3:1005", 0},
        {"300,20260301,123456789012345678,.123456789012345678,0000000000000000000001,4.,A,,,,\n",
         "", 4},
        {"300,20260301, 1 , 2.5,3\t,4,A,,,,\n", "", 4},
    };
    CHECK_REFUSALS(HEADER_12 CHANNEL, cases);
}

Test(nem12, quality_is_known_or_the_line_refused) {
    static const struct refusal_case cases[] = {
        {"300,20260301,1,2,3,4,X,,,,\n", "3:1021", 0},
        {"300,20260301,1,2,3,4,A14,,,,\n", "3:1021", 0},
        {"300,20260301,1,2,3,4,S1,,,,\n", "3:1021", 0},
        {"300,20260301,1,2,3,4,a,,,,\n", "3:1021", 0},
        {"300,20260301,1,2,3,4,A,a reason as long as this one,,,\n", "3:1021", 0},
    };
    CHECK_REFUSALS(HEADER_12 CHANNEL, cases);
}

Test(nem12, parts_cover_a_day_without_gap_or_overlap) {
#define VARIES "300,20260301,1,2,3,4,V,,,,\n"
    static const struct refusal_case cases[] = {
        {VARIES "400,1,2,A,,\n400,3,4,S14,,\n" DAY, "", 8},
        {VARIES DAY, "3:1017", 4},
        {VARIES "400,1,2,A,,\n" DAY, "3:1017", 4},
        {VARIES "400,2,4,A,,\n" DAY, "4:1017", 4},
        {VARIES "400,1,2,A,,\n400,2,4,A,,\n" DAY, "5:1017", 4},
        {VARIES "400,1,2,A,,\n400,4,4,A,,\n" DAY, "5:1017", 4},
        {VARIES "400,1,5,A,,\n" DAY, "4:1017", 4},
        {VARIES "400,0,4,A,,\n" DAY, "4:1017", 4},
        {VARIES "400,2,1,A,,\n" DAY, "4:1017", 4},
        {VARIES "400,1,4,A,,\n400,5,8,A,,\n" DAY, "5:1017", 4},
        {VARIES "400,one,4,A,,\n" DAY, "4:1004", 4},
        {VARIES "400,1,-4,A,,\n" DAY, "4:1004", 4},
        {VARIES "400,1\n" DAY, "4:1004", 4},
        {VARIES "400,1,4,V,,\n" DAY, "4:1021", 4},
        {VARIES "400,1,4,Q,,\n" DAY, "4:1021", 4},
        {VARIES "400,1,2,Q,,\n400,3,4,A,,\n500,O,,,\n" DAY, "4:1021", 4},
        {"300,20260301,1,,3,4,V,,,,\n400,1,1,N,,\n400,2,4,A,,\n" DAY, "5:1009", 4},
        {DAY "400,1,4,A,,\n", "4:1018", 4},
        {VARIES "500,O,,,\n400,1,4,A,,\n", "3:1017", 0},
        {VARIES, "3:1017", 0},
    };
    CHECK_REFUSALS(HEADER_12 CHANNEL, cases);
}

Test(nem12, a_refused_channel_takes_its_days_with_it) {
    static const struct refusal_case cases[] = {
        {"200,NMI1,,,E1,,,kWh,7,\n" DAY "300,20260302,1,2,3,4,V,,,,\n400,1,4,A,,\n500,O,,,\n",
         "2:1004 3:1018 4:1018", 0},
        {"200,NMI1,,,E1,,,kWh,0,\n" DAY CHANNEL DAY, "2:1004 3:1018", 4},
        {"200,NMI1,,,E1,,,kWh,1441,\n" DAY, "2:1004 3:1018", 0},
        {"200,NMI1,,,E1,,,kWh,,\n" DAY, "2:1009 3:1018", 0},
        {"200,NMI1,,,E1,,,kWh\n" DAY, "2:1009 3:1018", 0},
        {"200,NMI1,,,E1,,,kWh,half an hour,\n" DAY, "2:1004 3:1018", 0},
        {"200,,,,E1,,,kWh,360,\n" DAY, "2:1009 3:1018", 0},
        {"200,NMI1,,,,,,kWh,360,\n" DAY, "2:1009 3:1018", 0},
        {"200,N\x01I1,,,E1,,,kWh,360,\n" DAY, "2:1022 3:1018", 0},
    };
    CHECK_REFUSALS(HEADER_12, cases);
}

Test(nem12, every_length_that_divides_a_day_is_taken) {
    static char text[32 << 10];

    for (int minutes = 1; minutes <= 1440; minutes++) {
        if (1440 % minutes != 0)
            continue;
        size_t used = (size_t)snprintf(text, sizeof text,
                                       HEADER_12 "200,N,,,E1,,,kWh,%d\n300,20260301", minutes);
        for (int i = 0; i < 1440 / minutes; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, ",%d.%d", i, i % 10);
        snprintf(text + used, sizeof text - used, ",A\n" END);
        decode(text);
        cr_expect_eq(dump.reading_count, (uint64_t)(1440 / minutes), "%d: %s", minutes, refusals());
        decode_dump_release(&dump);
    }
}

Test(nem12, units_go_by_their_aliases_and_none_is_marked) {
    static const struct {
        const char *unit, *shown;
    } cases[] = {
        {"KWH", "kWh,measured"},           {"kwh", "kWh,measured"}, {"kVArh", "kvarh,measured"},
        {"VArh", "varh,measured"},         {"Wh", "Wh,measured"},   {"", "1,measured|unit_assumed"},
        {"pf", "1,measured|unit_assumed"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512], want[64];
        snprintf(text, sizeof text, HEADER_12 "200,NMI1,,,E1,,,%s,360,\n" DAY END, cases[i].unit);
        snprintf(want, sizeof want, ",1.50,%s,", cases[i].shown);
        decode(text);
        const char *line = decode_dump_line(&dump.readings, 0);
        cr_expect(strstr(line, want), "%s: %s", cases[i].unit, line);
        decode_dump_release(&dump);
    }
}

Test(nem12, records_stand_in_their_order) {
    static const struct refusal_case cases[] = {
        {HEADER_12 DAY CHANNEL DAY, "2:1018", 4},
        {HEADER_12 "400,1,4,A,,\n" CHANNEL DAY, "2:1018", 4},
        {HEADER_12 "500,O,,,\n" CHANNEL DAY, "2:1018", 4},
        {HEADER_12 CHANNEL "500,O,,,\n" DAY, "3:1018", 4},
        {HEADER_12 CHANNEL CHANNEL DAY, "", 4}, /* a channel without days says nothing wrong */
        {HEADER_12 CHANNEL DAY HEADER_12 CHANNEL DAY, "4:1018", 8},
        {HEADER_12 CHANNEL DAY "123,what\n" DAY, "4:1004", 8},
        {HEADER_12 CHANNEL DAY "3000,20260301\n" DAY, "4:1004", 8},
        {HEADER_12 CHANNEL DAY "\n  \r\n,,,,,\n" DAY, "", 8},
        {HEADER_13 CHANNEL DAY, "2:1018 3:1018", 0},
        {HEADER_12 "250,x\n" CHANNEL DAY, "2:1018", 4},
        {HEADER_12 "550,N,,,\n" CHANNEL DAY, "2:1018", 4},
        {HEADER_12 CHANNEL DAY END HEADER_12 CHANNEL DAY, "", 8}, /* joined files */
        {HEADER_12 CHANNEL DAY END CHANNEL DAY, "5:1018", 8},
        {HEADER_12 CHANNEL DAY END DAY, "5:1018 6:1018", 4},
        {CHANNEL DAY, "1:1018", 4},
        {"\n" CHANNEL DAY, "2:1018", 4},
        {DAY CHANNEL DAY, "1:1018 2:1018", 4},
    };
    CHECK_REFUSALS("", cases);
}

Test(nem12, a_file_without_its_trailer_is_not_complete, .fini = release) {
    decode(HEADER_12 CHANNEL DAY);
    cr_assert_eq(dump.status, 0);
    cr_assert_str_eq(refusals(), "3:1018");
    cr_assert_eq(dump.reading_count, 4);
}

Test(nem12, a_file_without_readings_is_refused, .fini = release) {
    decode(HEADER_12 END);
    cr_assert_eq(dump.status, -BB_E_INPUT_EMPTY);
    cr_assert_str_eq(dump.error.source, "file.csv");
    cr_assert_eq(dump.error.line, 2);
}

Test(nem12, a_header_of_another_kind_ends_the_run, .fini = release) {
    decode("100,NEM14,202603020000,MDP1,RETAILER\n" CHANNEL DAY END);
    cr_assert_eq(dump.status, -BB_E_FORMAT_UNKNOWN);
    cr_assert_eq(dump.error.line, 1);
    cr_assert_eq(dump.reading_count, 0);
}

Test(nem12, dates_are_of_the_calendar_and_of_our_time) {
#define REST ",1,2,3,4,A,,,,\n"
    static const struct refusal_case cases[] = {
        {"300,20260229" REST, "3:1006", 0},    {"300,20240229" REST, "", 4},
        {"300,20261301" REST, "3:1006", 0},    {"300,2026030" REST, "3:1006", 0},
        {"300,202603011" REST, "3:1006", 0},   {"300,2026-3-1" REST, "3:1006", 0},
        {"300,,1,2,3,4,A,,,,\n", "3:1006", 0}, {"300,19891231" REST, "3:1008", 0},
        {"300,19900102" REST, "", 4},          {"300,20300102" REST, "", 4},
        {"300,20300103" REST, "3:1008", 0}, /* its last interval ends 62 h ahead */
    };
    CHECK_REFUSALS(HEADER_12 CHANNEL, cases);
}

Test(nem12, the_version_is_update_time_else_load_time_else_none) {
    static const struct {
        const char *tail, *issued;
    } cases[] = {
        {",20260302100000,20260303100000", ",2026-03-02T00:00:00Z,3"},
        {",,20260303100000", ",2026-03-03T00:00:00Z,3"},
        {", 20260302100000", ",2026-03-02T00:00:00Z,3"},
        {",200", ",-,3"}, /* cut short, as in AEMO's own example */
        {",20261302100000", ",-,3"},
        {"", ",-,3"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, HEADER_12 CHANNEL "300,20260301,1,2,3,4,A,,%s\n" END,
                 cases[i].tail);
        decode(text);
        const char *line = decode_dump_line(&dump.readings, 0);
        cr_expect(bb_span_ends_with(bb_span_of(line), bb_span_of(cases[i].issued)), "%s: %s",
                  cases[i].tail, line);
        decode_dump_release(&dump);
    }
}

#define READ_250                                                                                   \
    "250,NMI0000002,1141,1,11,11,METER2,E,006342.8,20251005093055,A,,,007654.9,20260107100333,"    \
    "E62,77,,1312.10,kWh,20260407, 20260108100333,20260108091133\n"

Test(nem13, a_record_is_two_reads_and_the_quantity_between, .fini = release) {
    decode(HEADER_13 READ_250 "550,N,,A,\n" END);
    cr_assert_str_eq(refusals(), "");
    cr_assert_eq(dump.reading_count, 3);
    ASSERT_READING(0, "NMI0000002,11.register,register,0,2025-10-04T23:30:55Z,2025-10-04T23:30:55Z,"
                      "6342.8,kWh,measured,2026-01-08T00:03:33Z,2");
    ASSERT_READING(1, "NMI0000002,11.register,register,0,2026-01-07T00:03:33Z,2026-01-07T00:03:33Z,"
                      "7654.9,kWh,estimated|source:E62 77,2026-01-08T00:03:33Z,2");
    ASSERT_READING(2, "NMI0000002,11,interval,0,2025-10-04T23:30:55Z,2026-01-07T00:03:33Z,1312.10,"
                      "kWh,estimated|source:E62 77,2026-01-08T00:03:33Z,2");
    cr_assert(bb_span_equal(dump.table.items[0].zone, BB_SPAN("+10:00")));
}

#define READ_OF(previous, current, quantity, unit)                                                 \
    "250,NMI2,11,1,11,11,M,E," previous "," current "," quantity "," unit ",,20260108100333,\n"
#define PREVIOUS "100,20251005093055,A,,"
#define CURRENT  "120,20260107100333,A,,"

Test(nem13, a_broken_record_is_refused_whole) {
    static const struct refusal_case cases[] = {
        {READ_OF(PREVIOUS, CURRENT, "20", "KWH"), "", 3},
        {READ_OF(PREVIOUS, CURRENT, "-20", "KWH"), "", 3}, /* export counted as negative */
        {READ_OF(PREVIOUS, CURRENT, "20", ""), "", 3},
        {READ_OF(PREVIOUS, ",20260107100333,N,,", "", "KWH"), "", 3},
        {READ_OF(CURRENT, PREVIOUS, "20", "KWH"), "2:1006", 0},
        {READ_OF(PREVIOUS, PREVIOUS, "20", "KWH"), "2:1006", 0},
        {READ_OF(PREVIOUS, CURRENT, "", "KWH"), "2:1009", 0},
        {READ_OF(PREVIOUS, CURRENT, "2e3", "KWH"), "2:1005", 0},
        {READ_OF("x,20251005093055,A,,", CURRENT, "20", "KWH"), "2:1005", 0},
        {READ_OF("100,20251305093055,A,,", CURRENT, "20", "KWH"), "2:1006", 0},
        {READ_OF("100,20251005,A,,", CURRENT, "20", "KWH"), "2:1006", 0},
        {READ_OF("100,20251005093055,V,,", CURRENT, "20", "KWH"), "2:1021", 0},
        {READ_OF("100,20251005093055,,,", CURRENT, "20", "KWH"), "2:1009", 0},
        {READ_OF(PREVIOUS, "120,20310107100333,A,,", "20", "KWH"), "2:1008", 0},
        {"250,,11,1,11,11,M,E," PREVIOUS "," CURRENT ",20,KWH,,,\n", "2:1009", 0},
        {"250,NMI2,11,1,,11,M,E," PREVIOUS "," CURRENT ",20,KWH,,,\n", "2:1009", 0},
        {"250\n", "2:1009", 0},
        {READ_250 "300,20260301,1\n", "3:1018", 3},
    };
    CHECK_REFUSALS(HEADER_13, cases);
}

Test(nem13, a_file_without_header_is_named_by_its_records, .fini = release) {
    decode(READ_250 READ_250 END);
    cr_assert_str_eq(refusals(), "1:1018");
    cr_assert_eq(dump.reading_count, 6);
}

Test(nem12, pieces_of_any_size_give_the_same) {
    static const char text[] = "\xef\xbb\xbf" HEADER_12 CHANNEL DAY "300,20260302,1,2,3,4,V\r\n"
                               "400,1,3,A\r\n400,4,4,S14,1,x\r\n\r\n" DAY "900";
    static char want[8192];

    decode(text);
    snprintf(want, sizeof want, "%s", dump.readings.data);
    cr_assert_eq(dump.reading_count, 12);
    decode_dump_release(&dump);
    for (size_t piece = 1; piece < 40; piece++) {
        decode_piecewise(text, piece);
        cr_assert_str_eq(dump.readings.data, want, "pieces of %zu", piece);
        cr_assert_str_eq(refusals(), "");
        decode_dump_release(&dump);
    }
}

Test(nem12, days_cross_batches, .fini = release) {
    static char text[1 << 20];
    size_t used = (size_t)snprintf(text, sizeof text, HEADER_12 "200,N,,,E1,,,kWh,1\n");
    const int days = 100;

    for (int day = 0; day < days; day++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "300,2026%02d%02d", 1 + day / 28,
                                 1 + day % 28);
        for (int i = 0; i < 1440; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, i % 2 ? ",%d" : ",.%d",
                                     i % 10);
        used += (size_t)snprintf(text + used, sizeof text - used, ",A,,,20260601000000\n");
    }
    snprintf(text + used, sizeof text - used, END);
    decode(text);
    cr_assert_eq(dump.reading_count, (uint64_t)days * 1440, "%s", refusals());
    cr_assert_eq(dump.batch_count, 3);
    /* The reading on either side of a full batch. */
    cr_assert(strstr(decode_dump_line(&dump.readings, BB_BATCH_CAPACITY - 1), ",5,kWh"));
    cr_assert(strstr(decode_dump_line(&dump.readings, BB_BATCH_CAPACITY), ",0.6,kWh"));
}

static int fail_batch(void *context, struct bb_batch *batch, struct bb_error *error) {
    (void)context;
    (void)batch;
    return BB_FAIL(error, BB_E_DISK_FULL, "full");
}

static int fail_reject(void *context, const struct bb_error *reason, struct bb_error *error) {
    (void)context;
    (void)reason;
    return BB_FAIL(error, BB_E_TOO_MANY_ERRORS, "enough");
}

Test(nem12, what_the_sink_says_ends_the_run) {
    struct bb_decode_sink sink = {fail_batch, fail_reject, NULL};
    struct bb_decode_options options = {.source = "x", .received_ms = INT64_C(1893456000000)};
    struct bb_series_table table;
    struct bb_error error;

    bb_series_table_init(&table, 1 << 20);
    struct decode_source good = {BB_SPAN(HEADER_12 CHANNEL DAY END), 0};
    cr_expect_eq(
        bb_format_nem12.decode(decode_source_input(&good), &options, &table, &sink, &error),
        -BB_E_DISK_FULL);
    struct decode_source bad = {BB_SPAN(HEADER_12 CHANNEL "300\n300\n" END), 0};
    cr_expect_eq(bb_format_nem12.decode(decode_source_input(&bad), &options, &table, &sink, &error),
                 -BB_E_TOO_MANY_ERRORS);
    bb_series_table_release(&table);
}

Test(nem12, refusals_name_file_line_and_what_is_allowed, .fini = release) {
    decode(HEADER_12 CHANNEL
           "300,20260301,1,2,A,,,,\n300,20260301,1,2,3,4,V,,,,\n400,2,4,A,,\n" END);
    cr_assert_str_eq(decode_dump_line(&dump.refusals, 1),
                     "5 BB-1017 the 400 record covers intervals 2 to 4; the next part begins at 1 "
                     "and the day ends at 4 (the day of line 4 is refused)");
    cr_assert_str_eq(decode_dump_line(&dump.refusals, 0),
                     "3 BB-1017 the 300 record has 2 values; intervals of 360 minutes (200 record, "
                     "line 2) need exactly 4, all in one line");
}
