/* Times: every text form, what is refused, and the calendar behind it. */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/random.h"
#include "model/timestamp.h"

/* 2026-03-01T00:15:00Z */
static const int64_t quarter = 1772324100000;

static void expect_time(const char *text, enum bb_time_outcome outcome, int64_t ms) {
    int64_t got = -1;
    size_t size = strlen(text);
    char *alone = malloc(size + 1); /* nothing may be read beside the text */
    memcpy(alone, text, size);
    enum bb_time_outcome is = bb_time_parse_rfc3339((struct bb_span){alone, size}, &got);
    free(alone);
    cr_assert(is == outcome && (is == BB_TIME_SYNTAX || got == ms),
              "\"%s\": %d %" PRId64 ", not %d %" PRId64, text, (int)is, got, (int)outcome, ms);
}

Test(timestamp, rfc3339) {
    expect_time("2026-03-01T00:15:00Z", BB_TIME_OK, quarter);
    expect_time("2026-03-01t00:15:00z", BB_TIME_OK, quarter);
    expect_time("2026-03-01 00:15:00Z", BB_TIME_OK, quarter);
    expect_time("2026-03-01T01:15:00+01:00", BB_TIME_OK, quarter);
    expect_time("2026-02-28T18:15:00-0600", BB_TIME_OK, quarter);
    expect_time("2026-03-01 10:15:00+10", BB_TIME_OK, quarter);
    expect_time("2026-03-01T00:15Z", BB_TIME_OK, quarter);
    expect_time("2026-03-01T01:15+01:00", BB_TIME_OK, quarter);
    expect_time("2026-03-01T00:15:00.5Z", BB_TIME_OK, quarter + 500);
    expect_time("2026-03-01T00:15:00.123Z", BB_TIME_OK, quarter + 123);
    expect_time("2026-03-01T00:15:00.123000000Z", BB_TIME_OK, quarter + 123);
    expect_time("2026-03-01T00:15:00,25-00:00", BB_TIME_OK, quarter + 250);
    expect_time("2026-03-01T00:15:00", BB_TIME_LOCAL, quarter);
    expect_time("2026-03-01 00:15", BB_TIME_LOCAL, quarter);
    expect_time("2026-03-01T00:15:00.001", BB_TIME_LOCAL, quarter + 1);
    expect_time("2026-03-01", BB_TIME_LOCAL, quarter - 15 * BB_MINUTE_MS);
    expect_time("2026-02-28T24:00:00Z", BB_TIME_OK, quarter - 15 * BB_MINUTE_MS);
    expect_time("2026-02-28T24:00", BB_TIME_LOCAL, quarter - 15 * BB_MINUTE_MS);
    expect_time("1970-01-01T00:00:00Z", BB_TIME_OK, 0);
    expect_time("1969-12-31T23:59:59.999Z", BB_TIME_OK, -1);
    expect_time("2024-02-29T00:00:00Z", BB_TIME_OK, 1709164800000);
    expect_time("2000-02-29T00:00:00Z", BB_TIME_OK, 951782400000);
    expect_time("0000-01-01T00:00:00Z", BB_TIME_OK, -62167219200000);
    expect_time("9999-12-31T23:59:59Z", BB_TIME_OK, 253402300799000);
}

Test(timestamp, rfc3339_refuses_the_rest) {
    static const char *const texts[] = {
        "",
        "2026",
        "2026-03",
        "2026-3-1",
        "2026-03-1",
        "26-03-01",
        "2026/03/01",
        "20260301",
        "2026-02-29",
        "2026-02-31",
        "2026-04-31",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-01-32",
        "1900-02-29",
        "2026-03-01T",
        "2026-03-01T00",
        "2026-03-01Z",
        "2026-03-01T00:15:60Z",
        "2026-06-30T23:59:60Z",
        "2026-03-01T00:60:00Z",
        "2026-03-01T25:00:00Z",
        "2026-03-01T24:00:01Z",
        "2026-03-01T24:00:00.001Z",
        "2026-03-01T24:15:00Z",
        "2026-02-29T00:15:00Z",
        "2026-02-31T00:15:00Z",
        "2023-02-29T00:15:00Z",
        "2026-04-31T00:15:00Z",
        "2026-01-32T00:15:00Z",
        "2026-01-00T00:15:00Z",
        "2026-00-01T00:15:00Z",
        "2026-13-01T00:15:00Z",
        "2026-03-01T00:15:00ZZ",
        "2026-03-01T00:15:00 Z",
        "2026-03-01T00:15:00Z ",
        " 2026-03-01T00:15:00Z",
        "2026-03-01X00:15:00Z",
        "2026-03-01T00:15:0Z",
        "2026-03-01T00:15:00.Z",
        "2026-03-01T00:15:00.0001Z",
        "2026-03-01T00:15:00.1239Z",
        "2026-03-01T00:15:00+1",
        "2026-03-01T00:15:00+1:00",
        "2026-03-01T00:15:00+24:00",
        "2026-03-01T00:15:00+01:60",
        "2026-03-01T00:15:00+01:0",
        "2026-03-01T00:15:00+01:00Z",
        "2026-03-01T00:15:00+010",
        "2026-03-01T00-15-00Z",
        "2026-03-01T00:15:aaZ",
        "2o26-03-01T00:15:00Z",
        "2026-03-01T00:1::00Z",
        "2026-03:01T00:15:00Z",
        "-026-03-01T00:15:00Z",
        "2026-03-01T 0:15:00Z",
        "2026-03-01T00:15:00\xc2\xa0",
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        "2026-03-01T00:15:",
        "2026-03-01T00:15:0",
        "2026-03-01T00:15+",
        "2026-03-01T00:15.5Z",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_time(texts[i], BB_TIME_SYNTAX, 0);
    int64_t ms;
    cr_assert_eq(bb_time_parse_rfc3339((struct bb_span){NULL, 0}, &ms), BB_TIME_SYNTAX);
}

/* One wrong byte anywhere in a good time is either refused or is another good time. */
Test(timestamp, rfc3339_one_wrong_byte) {
    static const char good[] = "2026-03-01T00:15:00Z";
    char text[sizeof good], back[BB_TIME_TEXT_MAX];

    for (size_t i = 0; i < sizeof good - 1; i++)
        for (int c = 0; c < 256; c++) {
            int64_t ms;
            memcpy(text, good, sizeof good);
            text[i] = (char)c;
            if (bb_time_parse_rfc3339((struct bb_span){text, sizeof good - 1}, &ms) != BB_TIME_OK)
                continue;
            if (i == 10)
                cr_assert(c == 'T' || c == 't' || c == ' ', "byte %d", c);
            else if (i == 19)
                cr_assert(c == 'Z' || c == 'z', "byte %d", c);
            else
                cr_assert(c == good[i] || (c >= '0' && c <= '9'), "place %zu byte %d", i, c);
            bb_time_format_utc(ms, back);
            text[10] = 'T';
            text[19] = 'Z';
            cr_assert_str_eq(back, text);
        }
}

/* Against the C library, for any second from the year 0 to 9999. */
Test(timestamp, text_and_back_like_the_c_library) {
    const uint64_t seed = 3339;
    struct bb_random r;

    bb_random_seed(&r, seed);
    for (int i = 0; i < 200000; i++) {
        int64_t s = (int64_t)bb_random_below(&r, 315569520000ULL) - 62167219200LL;
        time_t t = (time_t)s;
        struct tm tm;
        char expected[64], text[BB_TIME_TEXT_MAX];
        int64_t back;

        gmtime_r(&t, &tm);
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        size_t size = bb_time_format_utc(s * 1000, text);
        cr_assert(strcmp(text, expected) == 0 && size == 20, "seed %" PRIu64 ": \"%s\", not \"%s\"",
                  seed, text, expected);
        cr_assert(bb_time_parse_rfc3339((struct bb_span){text, size}, &back) == BB_TIME_OK &&
                      back == s * 1000,
                  "seed %" PRIu64 ": %s: %" PRId64, seed, text, back);
    }
}

Test(timestamp, dates_count_through_all_years) {
    int64_t days = bb_days_from_civil(-801, 1, 1);

    for (int year = -801; year <= 2801; year++)
        for (int month = 1; month <= 12; month++)
            for (int day = 1; day <= 31; day++) {
                struct bb_civil civil = {.year = year, .month = (int8_t)month, .day = (int8_t)day};
                if (!bb_civil_valid(&civil))
                    continue;
                cr_assert_eq(bb_days_from_civil(year, month, day), days);
                bb_civil_from_days(days++, &civil);
                cr_assert(civil.year == year && civil.month == month && civil.day == day);
            }
    cr_assert_eq(bb_days_from_civil(1970, 1, 1), 0);
}

Test(timestamp, writing) {
    char text[BB_TIME_TEXT_MAX];

    bb_time_format_utc(quarter + 7, text);
    cr_assert_str_eq(text, "2026-03-01T00:15:00.007Z");
    bb_time_format_utc(-1, text);
    cr_assert_str_eq(text, "1969-12-31T23:59:59.999Z");
    bb_time_format_offset(quarter, 3600, text);
    cr_assert_str_eq(text, "2026-03-01T01:15:00+01:00");
    bb_time_format_offset(quarter, -12600, text);
    cr_assert_str_eq(text, "2026-02-28T20:45:00-03:30");
    bb_time_format_offset(quarter, 0, text);
    cr_assert_str_eq(text, "2026-03-01T00:15:00+00:00");
    /* no time is too odd to be written */
    cr_assert_lt(bb_time_format_utc(INT64_MIN, text), BB_TIME_TEXT_MAX);
    cr_assert_lt(bb_time_format_utc(INT64_MAX, text), BB_TIME_TEXT_MAX);
    cr_assert_lt(bb_time_format_offset(INT64_MAX, 93599, text), BB_TIME_TEXT_MAX);
    cr_assert_lt(bb_time_format_offset(INT64_MIN + BB_DAY_MS + BB_DAY_MS, -93599, text),
                 BB_TIME_TEXT_MAX);
}

static void expect_format(const char *format, const char *text, enum bb_time_outcome outcome,
                          int64_t ms) {
    int64_t got = -1;
    enum bb_time_outcome is = bb_time_parse_format(bb_span_of(format), bb_span_of(text), &got);
    cr_assert(bb_time_format_valid(bb_span_of(format)), "%s", format);
    cr_assert(is == outcome && (is == BB_TIME_SYNTAX || got == ms),
              "\"%s\" as \"%s\": %d %" PRId64 ", not %d %" PRId64, text, format, (int)is, got,
              (int)outcome, ms);
}

Test(timestamp, formats) {
    expect_format("%d/%m/%Y %H:%M:%S", "01/03/2026 00:15:00", BB_TIME_LOCAL, quarter);
    expect_format("%d/%m/%Y %H:%M", "1/3/2026 0:15", BB_TIME_LOCAL, quarter);
    expect_format("%d.%m.%y %H:%M", "01.03.26   00:15", BB_TIME_LOCAL, quarter);
    expect_format("%Y%m%d%H%M", "202603010015", BB_TIME_LOCAL, quarter);
    expect_format("%F %T", "2026-03-01 00:15:00", BB_TIME_LOCAL, quarter);
    expect_format("%FT%T.%f%z", "2026-03-01T01:15:00.500+01:00", BB_TIME_OK, quarter + 500);
    expect_format("%D %H:%M", "03/01/26 00:15", BB_TIME_LOCAL, quarter);
    expect_format("%m/%d/%Y %I:%M %p", "3/1/2026 12:15 am", BB_TIME_LOCAL, quarter);
    expect_format("%m/%d/%Y %I:%M %p", "3/1/2026 12:15 PM", BB_TIME_LOCAL,
                  quarter + 12 * BB_HOUR_MS);
    expect_format("%m/%d/%Y %I:%M%p", "3/1/2026 1:15PM", BB_TIME_LOCAL, quarter + 13 * BB_HOUR_MS);
    expect_format("%e %b %Y %H:%M", " 1 mar 2026 00:15", BB_TIME_LOCAL, quarter);
    expect_format("%d %B %Y %H:%M", "01 March 2026 00:15", BB_TIME_LOCAL, quarter);
    expect_format("%d-%b-%Y %H:%M %Z", "01-MAR-2026 00:15 UTC", BB_TIME_OK, quarter);
    expect_format("%Y %j %H:%M", "2026 060 00:15", BB_TIME_LOCAL, quarter);
    expect_format("%d.%m.%Y %H:%M", "28.02.2026 24:00", BB_TIME_LOCAL, quarter - 15 * BB_MINUTE_MS);
    expect_format("%s", "1772324100", BB_TIME_OK, quarter);
    expect_format("%s.%f", "1772324100.25", BB_TIME_OK, quarter + 250);
    expect_format("%s", "-1", BB_TIME_OK, -1000);
    expect_format("100%% %Y-%m-%d", "100% 2026-03-01", BB_TIME_LOCAL, quarter - 15 * BB_MINUTE_MS);
    expect_format("%H:%M", "00:15", BB_TIME_LOCAL, 15 * BB_MINUTE_MS);
    expect_format("%y", "68", BB_TIME_LOCAL, bb_days_from_civil(2068, 1, 1) * BB_DAY_MS);
    expect_format("%y", "69", BB_TIME_LOCAL, bb_days_from_civil(1969, 1, 1) * BB_DAY_MS);
}

Test(timestamp, formats_refuse_other_texts) {
    expect_format("%d/%m/%Y", "2026-03-01", BB_TIME_SYNTAX, 0);
    expect_format("%d/%m/%Y", "31/02/2026", BB_TIME_SYNTAX, 0);
    expect_format("%d/%m/%Y", "13/13/2026", BB_TIME_SYNTAX, 0);
    expect_format("%d/%m/%Y", "01/03/2026 ", BB_TIME_SYNTAX, 0);
    expect_format("%d/%m/%Y", "01/03/2026x", BB_TIME_SYNTAX, 0);
    expect_format("%d/%m/%Y", "01/03/", BB_TIME_SYNTAX, 0);
    expect_format("%d/%m/%Y", "", BB_TIME_SYNTAX, 0);
    expect_format("%H:%M:%S", "00:15:60", BB_TIME_SYNTAX, 0);
    expect_format("%H:%M", "24:01", BB_TIME_SYNTAX, 0);
    expect_format("%H:%M", "25:00", BB_TIME_SYNTAX, 0);
    expect_format("%I:%M %p", "13:00 PM", BB_TIME_SYNTAX, 0);
    expect_format("%I:%M %p", "00:00 PM", BB_TIME_SYNTAX, 0);
    expect_format("%Y %j", "2026 366", BB_TIME_SYNTAX, 0);
    expect_format("%s", "12345678901234567890", BB_TIME_SYNTAX, 0);
    expect_format("%F %Z", "2026-03-01 CET", BB_TIME_SYNTAX, 0);
    cr_assert(!bb_time_format_valid(BB_SPAN("%Y-%q")));
    cr_assert(!bb_time_format_valid(BB_SPAN("%Y-%")));
    cr_assert(!bb_time_format_valid((struct bb_span){"%\0", 2}));
}

static void expect_duration(const char *text, int64_t ms) {
    int64_t got = -1;
    cr_assert(bb_duration_parse(bb_span_of(text), &got), "\"%s\" is refused", text);
    cr_assert_eq(got, ms, "\"%s\": %" PRId64, text, got);
}

Test(timestamp, durations) {
    expect_duration("15m", 15 * BB_MINUTE_MS);
    expect_duration("1h", BB_HOUR_MS);
    expect_duration("30s", 30 * BB_SECOND_MS);
    expect_duration("1d", BB_DAY_MS);
    expect_duration("500ms", 500);
    expect_duration("900", 900 * BB_SECOND_MS);
    expect_duration("PT15M", 15 * BB_MINUTE_MS);
    expect_duration("PT1H30M", 90 * BB_MINUTE_MS);
    expect_duration("P1D", BB_DAY_MS);
    expect_duration("P1DT12H", 36LL * BB_HOUR_MS);
    expect_duration("1h30m", 90 * BB_MINUTE_MS);
    expect_duration("15min", 15 * BB_MINUTE_MS);
    expect_duration("30d", 30LL * BB_DAY_MS);

    static const char *const refused[] = {
        "",
        "m",
        "-15m",
        "1.5h",
        "15 m",
        "P",
        "PT",
        "P1M",
        "PT1D",
        "P1H",
        "P1",
        "1m1h",
        "1h1h",
        "15x",
        "m15",
        "PT15",
        "1h30",
        "99999999999999999999",
        "9999999999999d",
        "P1DT",
        "PT500ms",
        "15mm",
        "1hm",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        int64_t ms;
        cr_assert(!bb_duration_parse(bb_span_of(refused[i]), &ms), "\"%s\"", refused[i]);
    }
}

Test(timestamp, durations_are_written_in_their_largest_unit) {
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {{15 * BB_MINUTE_MS, "15m"}, {BB_HOUR_MS, "1h"},  {BB_DAY_MS, "1d"},
                {90 * BB_SECOND_MS, "90s"}, {1500, "1500ms"},    {0, "0s"},
                {7LL * BB_DAY_MS, "7d"},    {-BB_HOUR_MS, "-1h"}};
    char text[BB_TIME_TEXT_MAX];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t size = bb_duration_format(rows[i].ms, text);
        cr_assert_str_eq(text, rows[i].text);
        cr_assert_eq(size, strlen(text));
    }
}

Test(timestamp, durations_in_words) {
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "0s"},
        {1665 * (int64_t)BB_MINUTE_MS, "1d 3h 45m"},
        {BB_DAY_MS + BB_MINUTE_MS + BB_SECOND_MS, "1d 1m"}, /* the third unit is the minute */
        {90 * BB_SECOND_MS, "1m 30s"},
        {1500, "1s 500ms"},
        {-15 * BB_MINUTE_MS, "-15m"},
        {7LL * BB_DAY_MS, "7d"},
        {INT64_MIN, "-106751991167d 7h 12m"}};
    char text[BB_TIME_TEXT_MAX];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t size = bb_duration_words(rows[i].ms, text);
        cr_assert_str_eq(text, rows[i].text);
        cr_assert_eq(size, strlen(text));
    }
}
