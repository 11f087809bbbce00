/* CSV by busbar's own conventions: what is read, what is refused, and that the short way of a plain
 * reading and the long way of any other say the same. */
#include "base/random.h"
#include "model/unit.h"
#include "support/text_decode.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct decode_dump dump;
static struct text_decode how;

static void set_up(void) {
    how = (struct text_decode){.format = &bb_format_csv, .interval_s = 900};
}

static void release(void) {
    decode_dump_release(&dump);
}

static void decode(const char *text) {
    decode_dump_release(&dump);
    text_decode(&dump, &how, bb_span_of(text));
}

TestSuite(csv, .init = set_up, .fini = release);

#define HEADER                  "usage_point,channel,timestamp,value,unit\n"
#define ASSERT_STATUS(wanted)   cr_assert_eq(dump.status, wanted, "%s", dump.error.text)
#define ASSERT_REFUSED(text)    cr_assert_str_eq(text_decode_refusals(&dump), text)
#define ASSERT_READING(n, text) cr_assert_str_eq(decode_dump_line(&dump.readings, n), text)
#define A_READING                                                                                  \
    "A,1.8.0,register,900,2026-03-01T00:15:00Z,2026-03-01T00:15:00Z,1.50,kWh,measured,-,2"

Test(csv, values_are_kept_as_sent) {
    decode(HEADER "A,1.8.0,2026-03-01T00:15:00Z,1.50,kWh\n"
                  "A,1.29.0,2026-03-01T00:15:00+01:00,-0.050,Wh\n");
    ASSERT_STATUS(0);
    ASSERT_REFUSED("");
    ASSERT_READING(0, A_READING);
    ASSERT_READING(1, "A,1.29.0,interval,900,2026-02-28T23:00:00Z,2026-02-28T23:15:00Z,-0.050,Wh,"
                      "measured,-,3");
}

Test(csv, columns_are_found_by_any_of_their_names) {
    static const char *const texts[] = {
        "meter,register,time,value,unit\nA,1.8.0,2026-03-01T00:15:00Z,1.50,kWh\n",
        "Unit;VALUE;end;obis;EAN\nkWh;1.50;2026-03-01T00:15:00Z;1.8.0;A\n",
        "Usage Point\tchannel\tTimestamp\tvalue\tunit\nA\t1.8.0\t2026-03-01 00:15Z\t1.50\tkWh",
        "\xEF\xBB\xBFnmi,channel,timestamp,value,unit\r\nA,1.8.0,2026-03-01T00:15:00Z,1.50,kWh\r\n",
        ("other,\"mpan\",\"channel\",timestamp,value,unit\n"
         "\"x,\"\"y\",\"A\",1.8.0,\"2026-03-01T00:15:00Z\" ,1.50,kWh\n"),
        "usage_point , channel, timestamp ,value, unit\n A,1.8.0 , 2026-03-01T00:15:00Z, 1.50 ,kWh\n",
        "usage_point,device,channel,timestamp,value,unit\nA,D,1.8.0,2026-03-01T00:15:00Z,1.50,kWh",
        "usage_point;channel;timestamp;value;unit\nA;1.8.0;2026-03-01T00:15:00Z;1,50;kWh\n",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        decode(texts[i]);
        cr_assert_eq(dump.status, 0, "case %zu: %s", i, dump.error.text);
        cr_assert_eq(dump.refusal_count, 0, "case %zu: %s", i, dump.refusals.data);
        ASSERT_READING(0, A_READING);
    }
}

Test(csv, any_pieces_give_the_same) {
    static const char text[] = HEADER "A,1.8.0,2026-03-01T00:15:00Z,1.50,kWh\r\n\r\n"
                                      "\"A \"\"b\",\"1.8.0\",2026-03-01T00:15:00Z,2,\"kWh\"\n"
                                      "A,1.8.0,bad,1,kWh\n\"A\n\nB\",1.8.0,x,1,kWh\n"
                                      "C,1.8.0,2026-03-01T00:15:00Z,1,\"kWh";
    char *readings = NULL, *refusals = NULL;

    for (how.piece = 0; how.piece < 9; how.piece++) {
        decode(text);
        ASSERT_STATUS(0);
        if (!readings) {
            ASSERT_REFUSED("5:1006 6:1006 9:1004");
            cr_assert_eq(dump.reading_count, 2);
            readings = strdup(dump.readings.data);
            refusals = strdup(dump.refusals.data);
        }
        cr_expect_str_eq(dump.readings.data, readings, "pieces of %zu", how.piece);
        cr_expect_str_eq(dump.refusals.data, refusals, "pieces of %zu", how.piece);
    }
    free(readings);
    free(refusals);
}

Test(csv, bad_lines_are_refused_with_their_code_and_the_rest_is_read) {
    static const struct {
        const char *line;
        int code;
    } cases[] = {
        {"A,1.8.0,2026-03-01T00:15:00Z,NaN,kWh", BB_E_VALUE},
        {"A,1.8.0,2026-03-01T00:15:00Z,NA,kWh", BB_E_VALUE},
        {"A,1.8.0,2026-03-01T00:15:00Z,1e999,kWh", BB_E_VALUE},
        {"A,1.8.0,2026-03-01T00:15:00Z,0x10,kWh", BB_E_VALUE},
        {"A,1.8.0,2026-03-01T00:15:00Z,1.2.3,kWh", BB_E_VALUE},
        {"A,1.8.0,2026-03-01T00:15:00Z,--1,kWh", BB_E_VALUE},
        {"A,1.8.0,2026-03-01T00:15:00Z,1234567890123456789,kWh", BB_E_VALUE},
        {"A,1.8.0,2026-03-01T00:15:00Z,\"1,5\",kWh", BB_E_VALUE},
        {"A,1.8.0,2026-02-31T00:15:00Z,1,kWh", BB_E_TIME},
        {"A,1.8.0,2026-13-01T00:15:00Z,1,kWh", BB_E_TIME},
        {"A,1.8.0,2026-03-01T00:61:00Z,1,kWh", BB_E_TIME},
        {"A,1.8.0,2026-03-01T25:00:00Z,1,kWh", BB_E_TIME},
        {"A,1.8.0,01.03.2026,1,kWh", BB_E_TIME},
        {"A,1.8.0,1980-03-01T00:00:00Z,1,kWh", BB_E_TIME_RANGE},
        {"A,1.8.0,2031-03-01T00:00:00Z,1,kWh", BB_E_TIME_RANGE},
        {"A,1.8.0,2026-03-01T00:15:00Z,1,kWhh", BB_E_UNIT_UNKNOWN},
        {",1.8.0,2026-03-01T00:15:00Z,1,kWh", BB_E_FIELD_MISSING},
        {"A,,2026-03-01T00:15:00Z,1,kWh", BB_E_FIELD_MISSING},
        {"A,1.8.0,,1,kWh", BB_E_FIELD_MISSING},
        {"A,1.8.0,2026-03-01T00:15:00Z,1", BB_E_SYNTAX},
        {"A,1.8.0,2026-03-01T00:15:00Z,1,kWh,x", BB_E_SYNTAX},
        {"\"A\"x,1.8.0,2026-03-01T00:15:00Z,1,kWh", BB_E_SYNTAX},
        {"\xff,1.8.0,2026-03-01T00:15:00Z,1,kWh", BB_E_ENCODING},
        {"\xc0\x80,1.8.0,2026-03-01T00:15:00Z,1,kWh", BB_E_ENCODING},
        {"A\tB,1.8.0,2026-03-01T00:15:00Z,1,kWh", BB_E_NAME},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512], refused[32];
        snprintf(text, sizeof text,
                 HEADER "A,1.8.0,2026-03-01T00:00:00Z,1,kWh\n%s\n"
                        "A,1.8.0,2026-03-01T00:30:00Z,3,kWh\n",
                 cases[i].line);
        decode(text);
        snprintf(refused, sizeof refused, "3:%d", cases[i].code);
        cr_expect_eq(dump.status, 0, "%s", cases[i].line);
        cr_expect_str_eq(text_decode_refusals(&dump), refused, "%s: %s", cases[i].line,
                         dump.refusals.data);
        cr_expect_eq(dump.reading_count, 2, "%s", cases[i].line);
    }
}

Test(csv, a_name_may_not_hold_nul_and_not_be_too_long) {
    char text[600];
    int size = snprintf(text, sizeof text, HEADER "A");

    text[size] = '\0';
    size += 1 + snprintf(text + size + 1, sizeof text - 100, ",1.8.0,2026-03-01T00:00:00Z,1,kWh\n");
    size += snprintf(text + size, sizeof text - (size_t)size,
                     "%0201d,1.8.0,2026-03-01T00:00:00Z,1,kWh\n"
                     "%0200d,1.8.0,2026-03-01T00:00:00Z,1,kWh\n",
                     7, 7);
    text_decode(&dump, &how, (struct bb_span){text, (size_t)size});
    ASSERT_REFUSED("2:1016 3:1022");
    cr_assert_eq(dump.reading_count, 1);
}

Test(csv, an_empty_value_is_missing) {
    decode(HEADER "A,1.8.0,2026-03-01T00:15:00Z,,kWh\nA,1.8.0,2026-03-01T00:30:00Z, ,kWh\n");
    ASSERT_REFUSED("");
    ASSERT_READING(0, "A,1.8.0,register,900,2026-03-01T00:15:00Z,2026-03-01T00:15:00Z,,kWh,"
                      "missing,-,2");
    cr_assert_eq(dump.reading_count, 2);
}

Test(csv, a_unit_that_nobody_says_is_none_and_marked) {
    decode("meter,channel,time,value\nA,1.8.0,2026-03-01T00:15:00Z,5\n");
    ASSERT_READING(0, "A,1.8.0,register,900,2026-03-01T00:15:00Z,2026-03-01T00:15:00Z,5,1,"
                      "measured|unit_assumed,-,2");
}

static void know_liters(void *context, struct bb_series *series) {
    (void)context;
    if (bb_span_equal(series->channel, BB_SPAN("volume"))) {
        series->kind = BB_KIND_REGISTER;
        series->unit = BB_UNIT_L;
        series->interval_s = 3600;
        series->commodity = BB_COMMODITY_WATER;
    }
}

Test(csv, the_registry_answers_what_is_open_and_no_more) {
    how.interval_s = 0;
    how.resolve = know_liters;
    decode("meter,channel,time,value,unit\nA,volume,2026-03-01T00:15:00Z,5,\n"
           "A,volume,2026-03-01T00:30:00Z,6,m3\nA,volume,2026-03-01T00:45:00Z,7,\n");
    ASSERT_REFUSED("");
    ASSERT_READING(0, "A,volume,register,3600,2026-03-01T00:15:00Z,2026-03-01T00:15:00Z,5,L,"
                      "measured,-,2");
    ASSERT_READING(1, "A,volume,register,3600,2026-03-01T00:30:00Z,2026-03-01T00:30:00Z,6,m³,"
                      "measured,-,3");
    ASSERT_READING(2, "A,volume,register,3600,2026-03-01T00:45:00Z,2026-03-01T00:45:00Z,7,L,"
                      "measured,-,4");
}

Test(csv, columns_of_a_reading_win_over_everybody) {
    how.kind = BB_KIND_GAUGE;
    decode("meter,channel,time,value,unit,kind,interval,quality,issued\n"
           "A,x,2026-03-01T01:00:00Z,5,W,,,,\n"
           "A,x,2026-03-01T02:00:00Z,5,kWh,interval,1h,estimated|suspect,2026-03-02T00:00:00Z\n"
           "A,x,2026-03-01T03:00:00Z,5,kWh,register,PT30M,final,\n"
           "A,x,2026-03-01T04:00:00Z,5,kWh,other,,,\nA,x,2026-03-01T04:00:00Z,5,kWh,,1x,,\n"
           "A,x,2026-03-01T04:00:00Z,5,kWh,,,perhaps,\nA,x,2026-03-01T04:00:00Z,5,kWh,,,missing,\n"
           "A,x,2026-03-01T04:00:00Z,,kWh,,,missing,\nA,x,2026-03-01T04:00:00Z,5,kWh,,,,never\n");
    ASSERT_REFUSED("5:1011 6:1012 7:1021 8:1021 10:1006");
    ASSERT_READING(0, "A,x,gauge,900,2026-03-01T01:00:00Z,2026-03-01T01:00:00Z,5,W,measured,-,2");
    ASSERT_READING(1, "A,x,interval,3600,2026-03-01T01:00:00Z,2026-03-01T02:00:00Z,5,kWh,"
                      "estimated|suspect,2026-03-02T00:00:00Z,3");
    ASSERT_READING(2, "A,x,register,1800,2026-03-01T03:00:00Z,2026-03-01T03:00:00Z,5,kWh,"
                      "measured|final,-,4");
    ASSERT_READING(3, "A,x,gauge,900,2026-03-01T04:00:00Z,2026-03-01T04:00:00Z,,kWh,missing,-,9");
}

Test(csv, a_start_and_a_length_are_an_end) {
    decode("meter,channel,start,value,unit\nA,1.29.0,2026-03-01T00:15:00Z,5,kWh\n"
           "A,1.29.0,2026-03-01T00:30:00Z,6,kWh\nA,1.8.0,2026-03-01T00:30:00Z,7,kWh\n");
    ASSERT_READING(0, "A,1.29.0,interval,900,2026-03-01T00:15:00Z,2026-03-01T00:30:00Z,5,kWh,"
                      "measured,-,2");
    ASSERT_READING(1, "A,1.29.0,interval,900,2026-03-01T00:30:00Z,2026-03-01T00:45:00Z,6,kWh,"
                      "measured,-,3");
    ASSERT_READING(2, "A,1.8.0,register,900,2026-03-01T00:30:00Z,2026-03-01T00:30:00Z,7,kWh,"
                      "measured,-,4");
}

Test(csv, both_ends_need_no_length) {
    how.interval_s = 0;
    decode("meter,channel,start,end,value,unit\n"
           "A,energy,2026-03-01T00:00:00Z,2026-03-01T00:30:00Z,5,kWh\n"
           "A,energy,2026-03-01T00:30:00Z,2026-03-01T01:30:00Z,6,kWh\n"
           "A,energy,2026-03-01T00:30:00Z,2026-03-01T00:30:00Z,6,kWh\n");
    ASSERT_STATUS(0);
    ASSERT_REFUSED("4:1006");
    ASSERT_READING(0, "A,energy,interval,1800,2026-03-01T00:00:00Z,2026-03-01T00:30:00Z,5,kWh,"
                      "measured,-,2");
    ASSERT_READING(1, "A,energy,interval,1800,2026-03-01T00:30:00Z,2026-03-01T01:30:00Z,6,kWh,"
                      "measured,-,3");
}

/* ---- local times ---- */

#define LOCAL "meter,channel,time,value,unit\n"

Test(csv, a_local_time_without_a_zone_refuses_the_file) {
    decode(LOCAL "A,1.8.0,2026-03-01T00:15:00Z,5,kWh\nA,1.8.0,2026-03-01T00:30:00,5,kWh\n");
    ASSERT_STATUS(-(int)BB_E_TIME_ZONE_MISSING);
    cr_assert_eq(dump.error.line, 3);
}

Test(csv, a_zone_makes_local_times_moments) {
    how.zone = "Europe/Amsterdam";
    decode("meter,channel,time,value,unit,zone\nA,1.8.0,2026-03-01T00:15:00,5,kWh,\n"
           "A,1.8.0,2026-07-01 00:15,5,kWh,\nB,1.8.0,2026-07-01T00:15:00,5,kWh,Asia/Kolkata\n"
           "B,1.8.0,2026-07-01T00:15:00,5,kWh,Mars/Olympus\n");
    ASSERT_STATUS(0);
    ASSERT_REFUSED("5:2006");
    ASSERT_READING(0, "A,1.8.0,register,900,2026-02-28T23:15:00Z,2026-02-28T23:15:00Z,5,kWh,"
                      "measured,-,2");
    ASSERT_READING(1, "A,1.8.0,register,900,2026-06-30T22:15:00Z,2026-06-30T22:15:00Z,5,kWh,"
                      "measured,-,3");
    ASSERT_READING(2, "B,1.8.0,register,900,2026-06-30T18:45:00Z,2026-06-30T18:45:00Z,5,kWh,"
                      "measured,-,4");
}

Test(csv, a_skipped_local_time_is_refused) {
    how.zone = "Europe/Amsterdam";
    decode(LOCAL "A,1.8.0,2026-03-29T01:59:00,1,kWh\nA,1.8.0,2026-03-29T02:00:00,2,kWh\n"
                 "A,1.8.0,2026-03-29T02:59:59,3,kWh\nA,1.8.0,2026-03-29T03:00:00,4,kWh\n");
    ASSERT_STATUS(0);
    ASSERT_REFUSED("3:1006 4:1006");
    ASSERT_READING(1, "A,1.8.0,register,900,2026-03-29T01:00:00Z,2026-03-29T01:00:00Z,4,kWh,"
                      "measured,-,5");
}

/* The moments of some local times of one meter around the repeated hour of 2026-10-25, as "hh:mm"
 * UTC; '?' behind those that are marked ambiguous. */
static const char *moments(const char *const *times, size_t count) {
    static char text[512];
    size_t used = (size_t)snprintf(text, sizeof text, LOCAL);

    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "A,1.8.0,2026-10-25T%s,%zu,kWh\n",
                                 times[i], i);
    how.zone = "Europe/Amsterdam";
    decode(text);
    cr_assert_eq(dump.refusal_count, 0);
    cr_assert_eq(dump.reading_count, count);
    used = 0;
    for (size_t i = 0; i < count; i++) {
        const char *line = decode_dump_line(&dump.readings, i);
        const char *time = strchr(line, 'T') + 1;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.5s%s", i > 0 ? " " : "",
                                 time, strstr(line, "ambiguous") ? "?" : "");
    }
    return text;
}

Test(csv, the_order_of_rows_settles_the_repeated_hour) {
    static const struct {
        const char *times[8];
        const char *moments;
    } cases[] = {
        /* quarter-hours, both passes */
        {{"01:30", "02:00", "02:30", "02:00", "02:30", "03:00"},
         "23:30 00:00 00:30 01:00 01:30 02:00"},
        /* hourly: the repetition looks equal */
        {{"01:11", "02:11", "02:11", "03:11"}, "23:11 00:11 01:11 02:11"},
        /* hourly and drifting by a second: a guess, and said so */
        {{"00:11:24", "01:11:25", "02:11:25", "02:11:26", "03:11:26"},
         "22:11 23:11 00:11 01:11? 02:11"},
        /* newest first */
        {{"03:30", "02:30", "02:00", "02:30", "02:00", "01:30"},
         "02:30 01:30 01:00 00:30 00:00 23:30"},
        /* nothing before: a guess until the clock steps back */
        {{"02:00", "02:30", "02:00", "02:30"}, "00:00? 00:30? 01:00 01:30"},
        /* a hole in front: a guess */
        {{"00:00", "02:30", "03:00"}, "22:00 00:30? 02:00"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t count = 0;
        while (count < 8 && cases[i].times[count])
            count++;
        cr_expect_str_eq(moments(cases[i].times, count), cases[i].moments, "case %zu", i);
    }
}

Test(csv, each_meter_has_its_own_clock) {
    how.zone = "Europe/Amsterdam";
    decode(LOCAL "A,1.8.0,2026-10-25T01:30,1,kWh\nB,1.8.0,2026-10-25T01:30,1,kWh\n"
                 "A,1.8.0,2026-10-25T02:00,1,kWh\nB,1.8.0,2026-10-25T02:00,1,kWh\n"
                 "A,1.8.0,2026-10-25T02:00,1,kWh\nB,1.8.0,2026-10-25T02:00,1,kWh\n");
    ASSERT_READING(3, "B,1.8.0,register,900,2026-10-25T00:00:00Z,2026-10-25T00:00:00Z,1,kWh,"
                      "measured,-,5");
    ASSERT_READING(5, "B,1.8.0,register,900,2026-10-25T01:00:00Z,2026-10-25T01:00:00Z,1,kWh,"
                      "measured,-,7");
}

/* ---- whole files ---- */

Test(csv, files_that_cannot_be_read_as_a_whole_say_why) {
    static const struct {
        const char *text;
        int code;
        uint64_t line;
        const char *says;
    } cases[] = {
        {"", BB_E_INPUT_EMPTY, 0, ""},
        {" \n\r\n\n", BB_E_INPUT_EMPTY, 0, ""},
        {"\nmeter,channel,value\nA,1.8.0,1\n", BB_E_COLUMN_UNKNOWN, 2, "timestamp"},
        {"meter,time,value\nA,1.8.0,1\n", BB_E_COLUMN_UNKNOWN, 1, "channel (or register, obis)"},
        {"a,b,c\n1,2,3\n", BB_E_COLUMN_UNKNOWN, 1, "a, b, c"},
        {"meter,ean,channel,time,value\n", BB_E_SYNTAX, 1, "\"meter\" and \"ean\""},
        {"meter,channel,time,value,value\n", BB_E_SYNTAX, 1, "two columns"},
        {"meter,channel,time,value\nA,x,2026-03-01T00:00:00Z,1\n", BB_E_KIND_UNKNOWN, 2,
         "--kind register"},
        {"meter,channel,time,value,kind\nA,x,2026-03-01T00:00:00Z,1,interval\n",
         BB_E_INTERVAL_UNKNOWN, 2, "--interval 15m"},
    };

    how.interval_s = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        decode(cases[i].text);
        cr_expect_eq(dump.status, -cases[i].code, "case %zu: %d %s", i, dump.status,
                     dump.error.text);
        cr_expect_eq(dump.error.line, cases[i].line, "case %zu", i);
        cr_expect(strstr(dump.error.text, cases[i].says), "case %zu: %s", i, dump.error.text);
    }
}

Test(csv, a_header_alone_is_an_empty_table) {
    decode(HEADER);
    ASSERT_STATUS(0);
    cr_assert_eq(dump.reading_count, 0);
}

Test(csv, the_first_decimal_point_of_a_file_is_that_of_all) {
    decode("meter;channel;time;value;unit\nA;1.8.0;2026-03-01T00:00:00Z;1000;kWh\n"
           "A;1.8.0;2026-03-01T01:00:00Z;1000,5;kWh\nA;1.8.0;2026-03-01T02:00:00Z;1.001;kWh\n"
           "A;1.8.0;2026-03-01T03:00:00Z;1.001,5;kWh\nA;1.8.0;2026-03-01T03:00:00Z;1001,75;kWh\n");
    ASSERT_REFUSED("4:1005 5:1005");
    cr_assert(strstr(dump.refusals.data, "since line 3"));
    cr_assert_eq(dump.reading_count, 3);
}

Test(csv, quoted_texts_hold_anything) {
    decode("meter,channel,time,value,unit,note\n"
           "\"A,\"\"1\"\"\",1.8.0,2026-03-01T00:15:00Z,5,kWh,\"two\nlines, \"\"x\"\"\"\n"
           "B,1.8.0,2026-03-01T00:15:00Z,\"6\",\"kWh\",\r\n");
    ASSERT_REFUSED("");
    ASSERT_READING(0, "A,\"1\",1.8.0,register,900,2026-03-01T00:15:00Z,2026-03-01T00:15:00Z,5,kWh,"
                      "measured,-,2");
    ASSERT_READING(1, "B,1.8.0,register,900,2026-03-01T00:15:00Z,2026-03-01T00:15:00Z,6,kWh,"
                      "measured,-,4");
}

Test(csv, one_stray_quote_costs_one_line) {
    decode(HEADER "A,1.8.0,2026-03-01T00:15:00Z,\"5,kWh\nA,1.8.0,2026-03-01T00:30:00Z,6,kWh\n"
                  "A,1.8.0,2026-03-01T00:45:00Z,7,kWh\n");
    ASSERT_REFUSED("2:1004");
    cr_assert_eq(dump.reading_count, 2);
}

Test(csv, a_line_longer_than_16_mib_ends_the_file) {
    const size_t size = 17 << 20;
    char *text = malloc(size);

    memset(text, 'x', size);
    memcpy(text, HEADER, sizeof HEADER - 1);
    text_decode(&dump, &how, (struct bb_span){text, size});
    free(text);
    ASSERT_STATUS(-(int)BB_E_LINE_TOO_LONG);
    cr_assert_eq(dump.error.line, 2);
}

Test(csv, a_million_bad_lines_are_enough, .timeout = 60) {
    const size_t size = sizeof HEADER + 4 * 1000010;
    char *text = malloc(size), *at = text + sizeof HEADER - 1;

    memcpy(text, HEADER, sizeof HEADER - 1);
    for (size_t i = 0; i < 1000010; i++, at += 4)
        memcpy(at, "a,b\n", 4);
    text_decode(&dump, &how, (struct bb_span){text, (size_t)(at - text)});
    free(text);
    ASSERT_STATUS(-(int)BB_E_TOO_MANY_ERRORS);
    cr_assert_eq(dump.refusal_count, 1000000);
}

/* ---- the short way and the long way ---- */

/* Random rows that are mostly plain; `tail` is an empty column that forbids the short way. */
static char *random_rows(uint64_t seed, bool tail, size_t *size) {
    static const char *const values[] = {
        "0.123", "12.5",           "-3", "", "1e3", "1234567890.12345678", "bad", "00.50", ".5",
        "7.",    "123456789012345"};
    static const char *const units[] = {"kWh", "kWh", "kWh", "Wh", "", "m3", "nix"};
    static const char *const times[] = {"2026-03-0%uT%02u:15:00Z", "2026-03-0%uT%02u:15:00Z",
                                        "2026-02-2%u %02u:00:00Z", "2026-03-0%uT%02u:15:00+01:00",
                                        "2026-03-0%uT%02u:15Z",    "2026-03-3%uT%02u:15:00Z"};
    enum { ROWS = 400, ROW_BYTES = 120, CAPACITY = (ROWS + 1) * ROW_BYTES };
    char *text = malloc(CAPACITY);
    struct bb_random random;
    size_t used = (size_t)snprintf(text, CAPACITY, "meter,channel,time,value,unit%s\n",
                                   tail ? ",commodity" : "");

    bb_random_seed(&random, seed);
    for (int i = 0; i < ROWS; i++) {
        char time[40];
        bool odd = bb_random_below(&random, 8) == 0;
        snprintf(time, sizeof time, times[odd ? bb_random_below(&random, 6) : 0],
                 (unsigned)bb_random_below(&random, 10), (unsigned)bb_random_below(&random, 24));
        used += (size_t)snprintf(text + used, CAPACITY - used, "M%u,%s,%s,%s,%s%s\n",
                                 (unsigned)bb_random_below(&random, 5),
                                 bb_random_below(&random, 2) ? "1.8.0" : "1.29.0", time,
                                 values[bb_random_below(&random, odd ? 11 : 3)],
                                 units[bb_random_below(&random, odd ? 7 : 3)], tail ? "," : "");
    }
    *size = used;
    return text;
}

Test(csv, the_short_way_says_what_the_long_way_says) {
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct decode_dump other;
        size_t size;
        char *text = random_rows(seed, false, &size);
        text_decode(&dump, &how, (struct bb_span){text, size});
        free(text);
        text = random_rows(seed, true, &size);
        text_decode(&other, &how, (struct bb_span){text, size});
        free(text);
        cr_expect_str_eq(dump.readings.data, other.readings.data, "seed %d", (int)seed);
        cr_expect_str_eq(dump.refusals.data, other.refusals.data, "seed %d", (int)seed);
        cr_expect_eq(dump.reading_count + dump.refusal_count, 400);
        cr_expect_gt(dump.reading_count, 200);
        decode_dump_release(&other);
        decode_dump_release(&dump);
    }
}

Test(csv, shuffled_readings_of_many_meters_find_their_series) {
    enum { METERS = 20000, ROWS = 60000, ROW_BYTES = 60, CAPACITY = (ROWS + 1) * ROW_BYTES };
    char *text = malloc(CAPACITY), line[64];
    struct bb_random random;
    size_t used = (size_t)snprintf(text, CAPACITY, HEADER);

    bb_random_seed(&random, 7);
    for (unsigned i = 0; i < ROWS; i++)
        used += (size_t)snprintf(
            text + used, CAPACITY - used, "M%u,1.8.0,2026-03-01T%02u:00:00Z,%u,kWh\n",
            i < METERS ? i : (unsigned)bb_random_below(&random, METERS), i / METERS, i);
    text_decode(&dump, &how, (struct bb_span){text, used});
    ASSERT_REFUSED("");
    cr_assert_eq(dump.table.count, METERS);
    cr_assert_eq(dump.reading_count, ROWS);
    /* Each reading stands with the meter of its own line: look at the text again. */
    const char *row = strchr(text, '\n') + 1, *reading = dump.readings.data;
    for (unsigned i = 0; i < ROWS; i++) {
        size_t name = (size_t)(strchr(row, ',') - row);
        snprintf(line, sizeof line, "%.*s,", (int)name, row);
        cr_assert_eq(strncmp(reading, line, name + 1), 0, "row %u", i);
        row = strchr(row, '\n') + 1;
        reading = strchr(reading, '\n') + 1;
    }
    free(text);
}
