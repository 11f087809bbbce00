/* Map files: what they can say, and what is said when they are wrong. */
#include "support/text_decode.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct decode_dump dump;
static struct text_decode how;

static void set_up(void) {
    how = (struct text_decode){0};
}

static void release(void) {
    decode_dump_release(&dump);
}

static void decode(const char *map, const char *text) {
    decode_dump_release(&dump);
    how.map = map;
    text_decode(&dump, &how, bb_span_of(text));
}

TestSuite(map, .init = set_up, .fini = release);

#define ASSERT_STATUS(wanted) cr_assert_eq(dump.status, wanted, "%s", dump.error.text)
#define ASSERT_REFUSED(text)                                                                       \
    cr_assert_str_eq(text_decode_refusals(&dump), text, "%s: %s", text, dump.refusals.data)
#define ASSERT_READING(n, text) cr_assert_str_eq(decode_dump_line(&dump.readings, n), text)

/* ---- the shape of a file ---- */

Test(map, columns_are_renamed_and_the_file_described) {
    decode(
        "format: csv\ndelimiter: \";\"\ndecimal: \",\"\nskip_rows: 2\nkind: interval\n"
        "interval: 15m\nunit: kWh\n"
        "columns: {usage_point: Zaehlpunkt, channel: Kanal, value: Wert, quality: Status}\n"
        "timestamp: {column: Zeit, format: \"%d.%m.%Y %H:%M\", label: start}\n"
        "zone: Europe/Berlin\nqualities: {W: measured, E: estimated, F: \"substituted|final\"}\n",
        "Export vom 1.3.\n;;;\nZaehlpunkt;Kanal;Zeit;Wert;Status\n"
        "DE001;A+;01.03.2026 00:00;1,250;W\nDE001;A+;01.03.2026 00:15;0,5;F\n"
        "DE001;A+;31.02.2026 00:15;0,5;W\nDE001;A+;01.03.2026 00:30;0.5;W\n"
        "DE001;A+;01.03.2026 00:30;0,5;Q\n");
    ASSERT_STATUS(0);
    ASSERT_REFUSED("6:1006 7:1005 8:1021");
    ASSERT_READING(0, "DE001,A+,interval,900,2026-02-28T23:00:00Z,2026-02-28T23:15:00Z,1.250,kWh,"
                      "measured|source:W,-,4");
    cr_assert(strstr(decode_dump_line(&dump.readings, 1), "substituted|final|source:F"));
}

Test(map, a_file_without_header_has_named_or_numbered_columns) {
    static const char *const maps[] = {
        "names: [meter, channel, time, value]\nkind: gauge\nunit: W\n",
        ("header: false\nkind: gauge\nunit: W\nusage_point: {column: 1}\n"
         "columns: {channel: 2, value: \"4\"}\ntimestamp: {column: 3}\n"),
        "header: true\nnames: [meter, channel, time, value]\nkind: gauge\nunit: W\n",
    };
    static const char *const texts[] = {"A,p,2026-03-01T00:00:00Z,5\n",
                                        "A,p,2026-03-01T00:00:00Z,5\n",
                                        "what,ever,stands,here\nA,p,2026-03-01T00:00:00Z,5\n"};

    for (size_t i = 0; i < 3; i++) {
        char reading[128];
        decode(maps[i], texts[i]);
        ASSERT_STATUS(0);
        snprintf(reading, sizeof reading,
                 "A,p,gauge,0,2026-03-01T00:00:00Z,2026-03-01T00:00:00Z,5,W,measured,-,%d",
                 i == 2 ? 2 : 1);
        ASSERT_READING(0, reading);
    }
}

Test(map, a_first_row_that_comes_in_pieces_still_tells_how_many_columns_there_are) {
    for (how.piece = 0; how.piece < 8; how.piece++) {
        decode("header: false\nkind: gauge\nunit: W\nusage_point: {column: 1}\n"
               "columns: {channel: 2, value: 4}\ntimestamp: {column: 3}\n",
               "\"A\"x,\n\"B b\",\"p\",\"2026-03-01T00:00:00Z\",\"5\"\n");
        ASSERT_STATUS(0);
        ASSERT_REFUSED("1:1004");
        cr_assert_eq(dump.reading_count, 1);
    }
}

Test(map, blanks_in_any_number_can_delimit) {
    decode("delimiter: space\ntimestamp: {epoch_s: Time}\nusage_point: {value: X}\n"
           "channels: [{column: Flow rate, name: flow, kind: gauge, unit: L/h}]\n",
           "Time  \"Flow rate\" \"End time\"\n 1772323200   12.0\t7 \n1772323260 \"13\" \n"
           "1772323200.5 14 x\r\n1772323200.0005 14 x\n");
    ASSERT_STATUS(0);
    ASSERT_REFUSED("3:1004 5:1006");
    ASSERT_READING(0, "X,flow,gauge,0,2026-03-01T00:00:00Z,2026-03-01T00:00:00Z,12.0,L/h,"
                      "measured,-,2");
    ASSERT_READING(1, "X,flow,gauge,0,2026-03-01T00:00:00.500Z,2026-03-01T00:00:00.500Z,14,L/h,"
                      "measured,-,4");
}

Test(map, missing_values_are_those_that_are_listed) {
    static const char text[] = "meter,channel,time,value\nA,x,2026-03-01T00:00:00Z,NA\n"
                               "A,x,2026-03-01T01:00:00Z,-999\nA,x,2026-03-01T02:00:00Z,\n"
                               "A,x,2026-03-01T03:00:00Z,nan\nA,x,2026-03-01T04:00:00Z,4\n";

    decode("kind: gauge\nunit: W\nmissing: [NA, \"-999\", NaN]\n", text);
    ASSERT_REFUSED("4:1005");
    cr_assert(strstr(decode_dump_line(&dump.readings, 0), ",,W,missing"));
    cr_assert(strstr(decode_dump_line(&dump.readings, 1), ",,W,missing"));
    cr_assert(strstr(decode_dump_line(&dump.readings, 2), ",,W,missing"));
    cr_assert(strstr(decode_dump_line(&dump.readings, 3), ",4,W,measured"));
    decode("kind: gauge\nunit: W\nmissing: [\"\"]\n", text);
    ASSERT_REFUSED("2:1005 5:1005");
}

/* ---- times ---- */

#define TIMES(how)                                                                                 \
    "kind: register\nunit: L\nusage_point: {value: X}\nzone: Europe/Madrid\n"                      \
    "timestamp: " how "\ncolumns: {channel: c, value: v}\n"
#define AT_NINE "X,a,register,0,2026-07-01T09:00:00Z,2026-07-01T09:00:00Z,1,L,measured,-,2"

Test(map, times_are_written_in_many_ways) {
    static const struct {
        const char *map, *text;
    } cases[] = {
        {TIMES("{column: t}"), "t,c,v\n2026-07-01T09:00:00Z,a,1\n"},
        {TIMES("{column: t}"), "t,c,v\n2026-07-01 11:00:00,a,1\n"},
        {TIMES("{column: t, format: rfc3339}"), "t,c,v\n2026-07-01T11:00,a,1\n"},
        {TIMES("{column: t, format: \"%d/%m/%Y %H:%M:%S\"}"), "t,c,v\n01/07/2026 11:00:00,a,1\n"},
        {TIMES("{column: t, format: \"%Y%m%d%H%M%z\"}"), "t,c,v\n202607011000+0100,a,1\n"},
        {TIMES("{epoch_s: t}"), "t,c,v\n1782896400,a,1\n"},
        {TIMES("{epoch_ms: t}"), "t,c,v\n1782896400000,a,1\n"},
        {TIMES("{column: t, format: epoch_ms}"), "t,c,v\n1782896400000,a,1\n"},
        {TIMES("{column: t, format: epoch_s}"), "t,c,v\n1.7828964e9,a,1\n"},
        {TIMES("{date: d, time: t}"), "d,t,c,v\n2026-07-01,11:00:00,a,1\n"},
        {TIMES("{date: d, time: t, format: \"%d.%m.%y %I:%M %p\"}"),
         "t,d,c,v\n11:00 AM,01.07.26,a,1\n"},
        {TIMES("{start: t}"), "t,c,v\n2026-07-01T11:00:00,a,1\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        decode(cases[i].map, cases[i].text);
        cr_assert_eq(dump.status, 0, "case %zu: %s", i, dump.error.text);
        cr_assert_eq(dump.refusal_count, 0, "case %zu: %s", i, dump.refusals.data);
        cr_expect_str_eq(decode_dump_line(&dump.readings, 0), AT_NINE, "case %zu", i);
    }
}

#define DAILY(interval, label)                                                                     \
    "zone: America/Chicago\nusage_point: {value: X}\ntimestamp: {column: t, label: " label "}\n"   \
    "channels: [{column: v, name: e, kind: interval, unit: kWh, interval: " interval "}]\n"

/* The lengths in hours of the readings. */
static const char *lengths(void) {
    static char text[256];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < dump.reading_count; i++) {
        char line[1024], *field = line;
        int64_t start = 0, end = 0;
        snprintf(line, sizeof line, "%s", decode_dump_line(&dump.readings, i));
        for (int k = 0; k < 4; k++)
            field = strchr(field, ',') + 1;
        char *other = strchr(field, ',') + 1;
        cr_assert_eq(
            bb_time_parse_rfc3339((struct bb_span){field, (size_t)(other - field - 1)}, &start),
            BB_TIME_OK);
        cr_assert_eq(bb_time_parse_rfc3339((struct bb_span){other, strcspn(other, ",")}, &end),
                     BB_TIME_OK);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d", used ? " " : "",
                                 (int)((end - start) / BB_HOUR_MS));
    }
    return text;
}

Test(map, days_and_months_are_those_of_the_zone) {
    static const char starts[] = "t,v\n2026-03-07T00:00:00-06:00,1\n2026-03-08T00:00:00-06:00,2\n"
                                 "2026-03-09T00:00:00-05:00,3\n2026-11-01T00:00:00-05:00,4\n";
    static const char ends[] = "t,v\n2026-03-08T00:00:00,1\n2026-03-09T00:00:00,2\n"
                               "2026-03-10T00:00:00,3\n2026-11-02T00:00:00,4\n";

    decode(DAILY("1d", "start"), starts);
    cr_expect_str_eq(lengths(), "24 23 24 25");
    decode(DAILY("day", "end"), ends);
    cr_expect_str_eq(lengths(), "24 23 24 25");
    decode(DAILY("24h", "start"), starts);
    cr_expect_str_eq(lengths(), "24 24 24 24");
    decode(DAILY("month", "start"),
           "t,v\n2026-02-01T00:00:00,1\n2026-03-01T00:00:00,2\n2026-11-01T00:00:00,3\n");
    cr_expect_str_eq(lengths(), "672 743 721");
    decode(DAILY("year", "end"), "t,v\n2025-01-01T00:00:00,1\n2026-01-01T00:00:00,1\n");
    cr_expect_str_eq(lengths(), "8784 8760");
    decode(DAILY("week", "end"), "t,v\n2026-03-09T00:00:00,1\n");
    cr_expect_str_eq(lengths(), "167");
}

Test(map, events_have_a_start_and_an_end) {
    decode("timestamp: {start: from, end: to, format: epoch_s}\nusage_point: {value: X}\n"
           "channels: [{column: v, name: volume, kind: interval, unit: L}]\n",
           "from,v,to\n1772323200,12.0,1772323560\n1772323200,12.0,1772323200\n");
    ASSERT_STATUS(0);
    ASSERT_REFUSED("3:1006");
    ASSERT_READING(0, "X,volume,interval,360,2026-03-01T00:00:00Z,2026-03-01T00:06:00Z,12.0,L,"
                      "measured,-,2");
}

/* ---- whose readings ---- */

Test(map, the_meter_may_stand_in_the_name_of_the_file) {
    static const struct {
        const char *source, *meter; /* NULL: refused */
    } cases[] = {
        {"meter_0815.csv", "0815"}, {"/data/in/meter_0815.csv.gz", "0815"},
        {"meter_x.csv.zst", "x"},   {"day.zip/meter_7.csv", "7"},
        {"other.csv", NULL},        {"/meter_1.csv/x", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        how.source = cases[i].source;
        decode("usage_point: {file: \"^meter_(.*)\\\\.csv$\"}\nkind: gauge\nunit: W\n",
               "channel,time,value\nx,2026-03-01T00:00:00Z,1\n");
        if (cases[i].meter)
            cr_expect(bb_span_equal(dump.table.items[0].usage_point, bb_span_of(cases[i].meter)),
                      "%s", cases[i].source);
        else
            cr_expect_eq(dump.status, -(int)BB_E_FIELD_MISSING, "%s", cases[i].source);
    }
}

Test(map, a_wide_file_has_a_column_per_channel) {
    decode(
        "timestamp: {column: t}\ncommodity: electricity\nkind: gauge\n"
        "channels:\n  - {column: P, name: power, unit: kW, quality_column: Pq}\n"
        "  - {column: U, unit_column: Uu}\n  - {column: E, kind: register, unit: kWh, interval: 1h}\n",
        "meter,t,P,Pq,U,Uu,E,rest\nA,2026-03-01T00:00:00Z,1.5,estimated,230,V,1000,x\n"
        "A,2026-03-01T01:00:00Z,bad,,231,V,,x\nA,2026-02-30T01:00:00Z,1,,231,V,,x\n"
        "A,2026-03-01T02:00:00Z,1,,0.4,kV,2,x\n");
    ASSERT_STATUS(0);
    ASSERT_REFUSED("3:1005 4:1006");
    ASSERT_READING(0, "A,power,gauge,0,2026-03-01T00:00:00Z,2026-03-01T00:00:00Z,1.5,kW,"
                      "estimated,-,2");
    ASSERT_READING(1, "A,U,gauge,0,2026-03-01T00:00:00Z,2026-03-01T00:00:00Z,230,V,measured,-,2");
    ASSERT_READING(2, "A,E,register,3600,2026-03-01T00:00:00Z,2026-03-01T00:00:00Z,1000,kWh,"
                      "measured,-,2");
    cr_assert_eq(dump.reading_count, 8);
    cr_assert_eq(dump.table.items[0].commodity, BB_COMMODITY_ELECTRICITY);
}

Test(map, a_wide_file_may_have_a_column_per_meter) {
    decode("timestamp: {column: time}\nmissing: [\"\", NaN]\n"
           "channels: [{column: \"*\", usage_point_from: header, name: power, kind: gauge, "
           "interval: 15m, unit: kW}]\n",
           "time,PQ,\"Wat 1\",quality\n2026-03-01T00:14:00Z,75.5,NaN,2\n");
    ASSERT_STATUS(0);
    ASSERT_READING(0, "PQ,power,gauge,900,2026-03-01T00:14:00Z,2026-03-01T00:14:00Z,75.5,kW,"
                      "measured,-,2");
    ASSERT_READING(1, "Wat 1,power,gauge,900,2026-03-01T00:14:00Z,2026-03-01T00:14:00Z,,kW,"
                      "missing,-,2");
    ASSERT_READING(2, "quality,power,gauge,900,2026-03-01T00:14:00Z,2026-03-01T00:14:00Z,2,kW,"
                      "measured,-,2");
}

Test(map, channels_without_columns_describe_those_that_rows_name) {
    decode("kind: gauge\nunits: {KWHR: kWh}\nchannels:\n"
           "  - {name: A, kind: interval, interval: 30m, multiplier: 40}\n"
           "  - {name: B, unit: kW}\n",
           "meter,channel,time,value,unit\nX,A,2026-03-01T00:30:00Z,1.50,KWHR\n"
           "X,B,2026-03-01T00:30:00Z,2,\nX,C,2026-03-01T00:30:00Z,3,A\n");
    ASSERT_STATUS(0);
    ASSERT_READING(0, "X,A,interval,1800,2026-03-01T00:00:00Z,2026-03-01T00:30:00Z,60.0,kWh,"
                      "measured,-,2");
    ASSERT_READING(1, "X,B,gauge,0,2026-03-01T00:30:00Z,2026-03-01T00:30:00Z,2,kW,measured,-,3");
    ASSERT_READING(2, "X,C,gauge,0,2026-03-01T00:30:00Z,2026-03-01T00:30:00Z,3,A,measured,-,4");
}

Test(map, a_multiplier_is_exact_or_refused) {
    decode("kind: register\nunit: kWh\nmultiplier: 0.001\n",
           "meter,channel,time,value\nX,A,2026-03-01T00:30:00Z,1.50\n"
           "X,A,2026-03-01T00:31:00Z,123456789012345678\nX,A,2026-03-01T00:31:00Z,1e-22\n"
           "X,A,2026-03-01T00:32:00Z,\n");
    ASSERT_REFUSED("4:1005");
    cr_assert(strstr(decode_dump_line(&dump.readings, 0), ",0.00150,kWh"));
    cr_assert(strstr(decode_dump_line(&dump.readings, 1), ",123456789012345.678,kWh"));
    cr_assert(strstr(decode_dump_line(&dump.readings, 2), ",,kWh,missing"));
    decode("kind: register\nunit: kWh\nmultiplier: 25\n",
           "meter,channel,time,value\nX,A,2026-03-01T00:31:00Z,123456789012345678\n");
    ASSERT_REFUSED("2:1005");
}

/* ---- NDJSON ---- */

Test(map, keys_of_objects_are_columns_and_may_be_nested) {
    decode(
        "format: ndjson\ntimestamp: {column: ts}\nusage_point: {column: tags.muid}\nkind: gauge\n"
        "unit: W\nchannels:\n  - {column: \"0100010700FF\"}\n  - {column: \"1.7.0\", name: p}\n"
        "  - {column: data.deep.x, name: x}\n",
        "[{\"ts\":\"2026-03-01T00:00:00Z\",\"tags\":{\"muid\":\"M\",\"other\":1},"
        "\"0100010700FF\":54.004,\"1.7.0\":\"7\",\"data\":{\"deep\":{\"x\":1,\"y\":2}}},"
        "{\"ts\":\"2026-03-01T01:00:00Z\",\"tags\":{\"muid\":\"M\"},\"data\":{\"deep\":3}},"
        "{\"tags\":{\"muid\":\"M\"},\"ts\":\"2026-03-01T01:00:00Z\",\"1.7.0\":null}]");
    ASSERT_STATUS(0);
    ASSERT_REFUSED("2:1009");
    ASSERT_READING(0, "M,0100010700FF,gauge,0,2026-03-01T00:00:00Z,2026-03-01T00:00:00Z,54.004,W,"
                      "measured,-,1");
    ASSERT_READING(1, "M,p,gauge,0,2026-03-01T00:00:00Z,2026-03-01T00:00:00Z,7,W,measured,-,1");
    ASSERT_READING(2, "M,x,gauge,0,2026-03-01T00:00:00Z,2026-03-01T00:00:00Z,1,W,measured,-,1");
    ASSERT_READING(3, "M,p,gauge,0,2026-03-01T01:00:00Z,2026-03-01T01:00:00Z,,W,missing,-,3");
    cr_assert(bb_span_equal(dump.table.items[0].obis, BB_SPAN("1-0:1.7.0")));
}

Test(map, numbers_under_other_keys_are_channels_of_a_wildcard) {
    decode("format: ndjson\ntimestamp: {epoch_s: t}\nchannels: [{column: \"*\", kind: gauge}]\n",
           "{\"meter\":\"A\",\"t\":1772323200,\"u\":230,\"name\":\"kitchen\",\"i\":1.5}\n"
           "{\"t\":1772323260,\"f\":50,\"meter\":\"A\",\"u\":231}\n"
           "{\"t\":1772323320,\"f\":50,\"meter\":\"A\",\"u\":231}\n");
    ASSERT_STATUS(0);
    ASSERT_REFUSED("");
    cr_assert_eq(dump.reading_count, 6);
    cr_assert_eq(dump.table.count, 3);
    ASSERT_READING(0, "A,u,gauge,0,2026-03-01T00:00:00Z,2026-03-01T00:00:00Z,230,1,"
                      "measured|unit_assumed,-,1");
}

/* ---- maps that are wrong ---- */

Test(map, a_wrong_map_says_where_and_what_is_allowed) {
    static const struct {
        const char *yaml;
        uint64_t line;
        const char *says;
    } cases[] = {
        {"", 0, "mapping"},
        {"- a\n", 1, "mapping"},
        {"format: csv\n  bad: [\n", 2, "YAML"},
        {"a: [1, 2\nb: 3\n", 2, "YAML"},
        {"format: csv\n\ndelimeter: \";\"\n", 3, "did you mean delimiter?"},
        {"format: xml\n", 1, "csv, ndjson, avro, lineprotocol or remotewrite"},
        {"format: csv\nformat: csv\n", 2, "twice"},
        {"delimiter: x\n", 1, "space"},
        {"decimal: \";\"\n", 1, "\",\""},
        {"delimiter: \",\"\ndecimal: \",\"\n", 1, "same"},
        {"header: maybe\n", 1, "true or false"},
        {"skip_rows: -1\n", 1, "number"},
        {"names: a\n", 1, "list"},
        {"names: []\n", 1, "at least one"},
        {"zone: Europe/Atlantis\n", 1, "Europe/Amsterdam"},
        {"format: ndjson\nskip_rows: 1\n", 1, "format: csv"},
        {"timestamp: datetime\n", 1, "its keys are: column"},
        {"timestamp: {}\n", 1, "exactly one"},
        {"\ntimestamp: {column: a, epoch_s: b}\n", 2, "exactly one"},
        {"timestamp: {date: a}\n", 1, "go together"},
        {"timestamp: {column: a, label: middle}\n", 1, "start or end"},
        {"timestamp: {column: a, format: \"%Q\"}\n", 1, "directive"},
        {"timestamp: {epoch_s: a, format: \"%Y\"}\n", 1, "no format"},
        {"usage_point: {column: a, value: b}\n", 1, "exactly one"},
        {"usage_point: {file: \"(\"}\n", 1, "regular expression"},
        {"usage_point: {file: \"abc\"}\n", 1, "one group"},
        {"usage_point: {file: \"(a)(b)\"}\n", 1, "one group"},
        {"usage_point: {value: \"\"}\n", 1, "not empty"},
        {"kind: counter\n", 1, "register"},
        {"interval: 5x\n", 1, "15m"},
        {"interval: 0s\n", 1, "15m"},
        {"commodity: beer\n", 1, "water"},
        {"multiplier: 0\n", 1, "not 0"},
        {"multiplier: 1/3\n", 1, "exact decimal"},
        {"missing: NA\n", 1, "list"},
        {"missing: [[a]]\n", 1, "text"},
        {"units: {x: y}\n", 1, "not known"},
        {"qualities:\n  A: measured\n  B: guessed\n", 3, "substituted"},
        {"columns: {usage_point: [a]}\n", 1, "text"},
        {"channels: {column: a}\n", 1, "list"},
        {"channels:\n  - {column: a}\n  - {name: b}\n", 2, "either every"},
        {"channels:\n  - {kind: gauge}\n", 2, "needs a `column:`"},
        {"channels:\n  - {column: \"*\"}\n  - {column: \"*\", name: x}\n", 2, "only one"},
        {"channels: [{column: \"*\", usage_point_from: header}]\n", 1, "needs a `name:`"},
        {"channels: [{column: \"*\", usage_point_from: file}]\n", 1, "header"},
        {"channels: [{name: a, quality_column: q}]\n", 1, "need a `column:`"},
        {"channels: [{column: a}]\ncolumns: {value: b}\n", 1, "leave nothing"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bb_map *map = NULL;
        struct bb_error error = {0};
        int status = bb_map_parse(bb_span_of(cases[i].yaml), "my.yaml", &map, &error);
        cr_expect_eq(status, -(int)BB_E_MAP_INVALID, "%s", cases[i].yaml);
        cr_expect_str_eq(error.source, "my.yaml");
        cr_expect_eq(error.line, cases[i].line, "%s: line %d", cases[i].yaml, (int)error.line);
        cr_expect(strstr(error.text, cases[i].says), "%s: %s", cases[i].yaml, error.text);
    }
}

Test(map, an_unknown_unit_has_its_own_code) {
    struct bb_map *map = NULL;
    struct bb_error error = {0};

    cr_expect_eq(bb_map_parse(BB_SPAN("kind: gauge\nunit: Wx\n"), "my.yaml", &map, &error),
                 -(int)BB_E_UNIT_UNKNOWN);
    cr_expect_eq(error.line, 2);
    cr_expect_eq((int)error.code, (int)BB_E_UNIT_UNKNOWN);
}

Test(map, columns_that_the_map_names_must_be_there) {
    decode("timestamp: {column: when}\nchannels: [{column: v, kind: gauge, unit: W}]\n",
           "meter,time,v\nA,2026-03-01T00:00:00Z,1\n");
    ASSERT_STATUS(-(int)BB_E_COLUMN_UNKNOWN);
    cr_assert(strstr(dump.error.text, "\"when\""), "%s", dump.error.text);
    cr_assert(strstr(dump.error.text, "meter, time, v"));
}

Test(map, files_are_loaded_or_the_path_is_named) {
    char path[] = "/tmp/busbar-map-XXXXXX";
    struct bb_map *map = NULL;
    struct bb_error error = {0};
    int file = mkstemp(path);

    cr_assert_gt(write(file, "format: ndjson\n", 15), 0);
    close(file);
    cr_assert_eq(bb_map_load(path, &map, &error), 0, "%s", error.text);
    cr_expect_eq(bb_map_format(map), &bb_format_ndjson);
    bb_map_free(map);
    unlink(path);
    cr_expect_eq(bb_map_load(path, &map, &error), -(int)BB_E_INPUT_UNREADABLE);
    cr_expect_str_eq(error.source, path);
    bb_map_free(NULL);
}
