/* Avro: types to values and times, framing, container files, arrays of readings. */
#include "support/avro_body.h"
#include "support/text_decode.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#define TIME 1772323200000 /* 2026-03-01T00:00:00Z */
#define AT   "2026-03-01T00:00:00Z,2026-03-01T00:00:00Z"

static struct decode_dump dump;
static struct bb_buffer body, file;
static char map[4096];

static void set_up(void) {
    bb_buffer_init(&body, 4 << 20);
    bb_buffer_init(&file, 4 << 20);
}

static void release(void) {
    decode_dump_release(&dump);
    bb_buffer_release(&body);
    bb_buffer_release(&file);
}

TestSuite(avro, .init = set_up, .fini = release);

#define ASSERT_STATUS(wanted)   cr_assert_eq(dump.status, wanted, "%s", dump.error.text)
#define ASSERT_REFUSED(text)    cr_assert_str_eq(text_decode_refusals(&dump), text)
#define ASSERT_READING(n, text) cr_assert_str_eq(decode_dump_line(&dump.readings, n), text)

static void decode_with(const char *yaml, struct bb_span bytes) {
    struct text_decode how = {.format = &bb_format_avro, .map = yaml, .kind = BB_KIND_GAUGE};

    decode_dump_release(&dump);
    text_decode(&dump, &how, bytes);
    struct decode_dump whole = dump; /* and in pieces: the same */
    dump = (struct decode_dump){0};
    how.piece = 3;
    text_decode(&dump, &how, bytes);
    cr_assert_eq(whole.status, dump.status);
    cr_assert_eq(whole.reading_count, dump.reading_count);
    cr_assert_eq(whole.refusal_count, dump.refusal_count);
    for (size_t i = 0; i < whole.reading_count; i++) {
        char line[512];
        snprintf(line, sizeof line, "%s", decode_dump_line(&whole.readings, i));
        ASSERT_READING(i, line);
    }
    decode_dump_release(&whole);
}

/* The body as raw data of a record whose fields are given, which is then empty again. */
static void decode(const char *fields) {
    snprintf(
        map, sizeof map,
        "format: avro\navro:\n  schema: '{\"type\":\"record\",\"name\":\"R\",\"fields\":[%s]}'\n",
        fields);
    decode_with(map, bb_buffer_span(&body));
    bb_buffer_clear(&body);
}

#define METER_AND_TIME                                                                             \
    "{\"name\":\"meter\",\"type\":\"string\"},{\"name\":\"channel\",\"type\":\"string\"},"         \
    "{\"name\":\"time\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}}"

static void put_meter_and_time(void) {
    avro_text(&body, "A");
    avro_text(&body, "e");
    avro_long(&body, TIME);
}

/* ---- values ---- */

Test(avro, values_of_each_type) {
    static const struct {
        const char *type;
        struct bb_span bytes;
        const char *value;
    } cases[] = {
        {"\"int\"", {"\x0f", 1}, "-8"},
        {"\"long\"", {"\x80\x80\x80\x80\x80\x40", 6}, "1099511627776"},
        {"\"double\"", {"\x9a\x99\x99\x99\x99\x99\xb9\x3f", 8}, "0.1"},
        {"\"double\"", {"\0\0\0\0\0\0\0\x80", 8}, "0"},
        {"\"double\"", {"\0\0\0\0\0\x70\x97\x40", 8}, "1500"},
        {"\"double\"", {"\x5c\x8f\xc2\xf5\x28\x5c\x1f\xc0", 8}, "-7.84"},
        {"\"float\"", {"\xcd\xcc\xcc\x3d", 4}, "0.1"},
        {"\"float\"", {"\0\0\x80\x4b", 4}, "16777216"},
        {"\"string\"",
         {"\x0a"
          "12.50",
          6},
         "12.50"},
        {"\"bytes\"",
         {"\x0a"
          "12.50",
          6},
         "12.50"},
        {"[\"null\",\"double\"]", {"\x02\0\0\0\0\0\0\x08\x40", 9}, "3"},
        {"[\"double\",\"null\"]", {"\0\0\0\0\0\0\0\x08\x40", 9}, "3"},
        {"[\"string\",\"null\",\"int\"]", {"\x04\x06", 2}, "3"},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}",
         {"\x04\x30\x39", 3},
         "123.45"},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}",
         {"\x02\xff", 2},
         "-0.01"},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":3}",
         {"\x04\x05\xdc", 3},
         "1.500"},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9}", {"\0", 1}, "0"},
        {"{\"type\":\"fixed\",\"name\":\"D\",\"size\":4,\"logicalType\":\"decimal\",\"precision\":9,"
         "\"scale\":1}",
         {"\xff\xff\xff\x85", 4},
         "-12.3"},
        {"{\"type\":\"fixed\",\"name\":\"D\",\"size\":12,\"logicalType\":\"decimal\",\"precision\":20,"
         "\"scale\":1}",
         {"\0\0\0\0\0\0\0\0\0\0\0\x7b", 12},
         "12.3"},
        {"{\"type\":\"fixed\",\"name\":\"T\",\"size\":3}", {"1.5", 3}, "1.5"},
        {"{\"type\":\"int\",\"logicalType\":\"no such thing\"}", {"\x02", 1}, "1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char fields[1000], wanted[200];
        snprintf(fields, sizeof fields, METER_AND_TIME ",{\"name\":\"value\",\"type\":%s}",
                 cases[i].type);
        put_meter_and_time();
        bb_buffer_append_span(&body, cases[i].bytes);
        decode(fields);
        ASSERT_STATUS(0);
        cr_expect_str_eq(text_decode_refusals(&dump), "", "%s: %s", cases[i].type,
                         decode_dump_line(&dump.refusals, 0));
        snprintf(wanted, sizeof wanted, "A,e,gauge,0," AT ",%s,1,measured|unit_assumed,-,1",
                 cases[i].value);
        cr_expect_str_eq(decode_dump_line(&dump.readings, 0), wanted, "%s", cases[i].type);
    }
}

Test(avro, doubles_are_the_shortest_decimals) {
    static const struct {
        double value;
        const char *text;
    } cases[] = {{1.0 / 3, "0.3333333333333333"}, {0.1 + 0.2, "0.30000000000000004"},
                 {1e20, "100000000000000000000"}, {-123456.789, "-123456.789"},
                 {999999999.25, "999999999.25"},  {1e-7, "0.0000001"},
                 {0.000001, "0.000001"},          {4.35, "4.35"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char wanted[200];
        put_meter_and_time();
        avro_double(&body, cases[i].value);
        decode(METER_AND_TIME ",{\"name\":\"value\",\"type\":\"double\"}");
        snprintf(wanted, sizeof wanted, "A,e,gauge,0," AT ",%s,1,measured|unit_assumed,-,1",
                 cases[i].text);
        ASSERT_READING(0, wanted);
    }
}

Test(avro, floats_are_the_shortest_decimals_of_floats) {
    static const struct {
        float value;
        const char *text;
    } cases[] = {{0.3f, "0.3"},           {16777216.0f, "16777216"}, {1e9f, "1000000000"},
                 {-3.14159f, "-3.14159"}, {1.0f / 3, "0.33333334"},  {0.0f, "0"},
                 {123456.7f, "123456.7"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char wanted[200];
        put_meter_and_time();
        avro_float(&body, cases[i].value);
        decode(METER_AND_TIME ",{\"name\":\"value\",\"type\":\"float\"}");
        snprintf(wanted, sizeof wanted, "A,e,gauge,0," AT ",%s,1,measured|unit_assumed,-,1",
                 cases[i].text);
        ASSERT_READING(0, wanted);
    }
}

/* One reading is refused, those around it stand. */
Test(avro, values_that_cannot_be_kept_are_refused_one_by_one) {
    static const double values[] = {1, NAN, INFINITY, 1e300, 2};

    for (size_t i = 0; i < 5; i++) {
        put_meter_and_time();
        avro_double(&body, values[i]);
    }
    decode(METER_AND_TIME ",{\"name\":\"value\",\"type\":\"double\"}");
    ASSERT_STATUS(0);
    ASSERT_REFUSED("2:1005 3:1005 4:1005");
    cr_assert_eq(dump.reading_count, 2);

    put_meter_and_time();
    avro_long(&body, INT64_MIN);
    put_meter_and_time();
    avro_long(&body, 999999999999999999);
    decode(METER_AND_TIME ",{\"name\":\"value\",\"type\":\"long\"}");
    ASSERT_REFUSED("1:1005");
    ASSERT_READING(0, "A,e,gauge,0," AT ",999999999999999999,1,measured|unit_assumed,-,2");

    put_meter_and_time();
    bb_buffer_append_byte(&body, 1);
    decode(METER_AND_TIME ",{\"name\":\"value\",\"type\":\"boolean\"}");
    ASSERT_REFUSED("1:1005");

    put_meter_and_time(); /* 2^64 and 10^20: the one has 20 digits, the other one */
    avro_bytes(&body, (struct bb_span){"\x01\0\0\0\0\0\0\0\0", 9});
    put_meter_and_time();
    avro_bytes(&body, (struct bb_span){"\x05\x6b\xc7\x5e\x2d\x63\x10\0\0", 9});
    decode(METER_AND_TIME
           ",{\"name\":\"value\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\","
           "\"precision\":30,\"scale\":4}}");
    ASSERT_REFUSED("1:1005");
    cr_assert(strstr(decode_dump_line(&dump.refusals, 0), "1844674407370955.1616"), "%s",
              decode_dump_line(&dump.refusals, 0));
    cr_assert_eq(dump.reading_count, 1);
}

Test(avro, null_is_a_missing_value) {
    put_meter_and_time();
    avro_long(&body, 0);
    put_meter_and_time();
    avro_long(&body, 1);
    avro_double(&body, 4);
    put_meter_and_time();
    avro_long(&body, 0);
    decode(METER_AND_TIME ",{\"name\":\"value\",\"type\":[\"null\",\"double\"]}");
    ASSERT_STATUS(0);
    ASSERT_REFUSED("");
    ASSERT_READING(0, "A,e,gauge,0," AT ",,1,missing|unit_assumed,-,1");
    ASSERT_READING(1, "A,e,gauge,0," AT ",4,1,measured|unit_assumed,-,2");
    ASSERT_READING(2, "A,e,gauge,0," AT ",,1,missing|unit_assumed,-,3");
}

Test(avro, numbers_that_the_map_lists_are_missing) {
    const char *yaml =
        "format: avro\nmissing: ['-999']\navro:\n  schema: '{\"type\":\"record\",\"name\":"
        "\"R\",\"fields\":[" METER_AND_TIME ",{\"name\":\"value\",\"type\":\"double\"}]}'\n";
    put_meter_and_time();
    avro_double(&body, -999);
    put_meter_and_time();
    avro_double(&body, -998);
    decode_with(yaml, bb_buffer_span(&body));
    ASSERT_READING(0, "A,e,gauge,0," AT ",,1,missing|unit_assumed,-,1");
    ASSERT_READING(1, "A,e,gauge,0," AT ",-998,1,measured|unit_assumed,-,2");
}

/* ---- times ---- */

Test(avro, times_of_each_logical_type) {
    static const struct {
        const char *type;
        int64_t number;
        const char *at;
    } cases[] = {
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", TIME + 1,
         "2026-03-01T00:00:00.001Z"},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", TIME * 1000 + 1999,
         "2026-03-01T00:00:00.001Z"},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\"}", TIME * 1000000,
         "2026-03-01T00:00:00Z"},
        {"{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}", TIME,
         "2026-02-28T23:00:00Z"},
        {"{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}", TIME * 1000,
         "2026-02-28T23:00:00Z"},
        {"{\"type\":\"int\",\"logicalType\":\"date\"}", 20513, "2026-02-28T23:00:00Z"},
        {"[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}]", TIME,
         "2026-03-01T00:00:00Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char wanted[200];
        snprintf(
            map, sizeof map,
            "format: avro\nzone: Europe/Amsterdam\navro:\n  schema: '{\"type\":\"record\",\"name\":\"R\","
            "\"fields\":[{\"name\":\"meter\",\"type\":\"string\"},{\"name\":\"channel\",\"type\":"
            "\"string\"},{\"name\":\"time\",\"type\":%s},{\"name\":\"value\",\"type\":\"int\"}]}'\n",
            cases[i].type);
        bb_buffer_clear(&body);
        avro_text(&body, "A");
        avro_text(&body, "e");
        if (cases[i].type[0] == '[')
            avro_long(&body, 1);
        avro_long(&body, cases[i].number);
        avro_long(&body, 7);
        decode_with(map, bb_buffer_span(&body));
        snprintf(wanted, sizeof wanted, "A,e,gauge,0,%s,%s,7,1,measured|unit_assumed,-,1",
                 cases[i].at, cases[i].at);
        cr_expect_str_eq(decode_dump_line(&dump.readings, 0), wanted, "%s: %s", cases[i].type,
                         decode_dump_line(&dump.refusals, 0));
    }
}

Test(avro, times_as_texts_and_as_numbers_that_the_map_explains) {
    const char *with =
        "format: avro\ntimestamp: {epoch_s: time}\navro:\n  schema: '{\"type\":\"record\","
        "\"name\":\"R\",\"fields\":[{\"name\":\"meter\",\"type\":\"string\"},{\"name\":"
        "\"channel\",\"type\":\"string\"},{\"name\":\"time\",\"type\":%s},{\"name\":"
        "\"value\",\"type\":\"int\"}]}'\n";
    snprintf(map, sizeof map, with, "\"long\"");
    avro_text(&body, "A");
    avro_text(&body, "e");
    avro_long(&body, TIME / 1000);
    avro_long(&body, 7);
    decode_with(map, bb_buffer_span(&body));
    ASSERT_READING(0, "A,e,gauge,0," AT ",7,1,measured|unit_assumed,-,1");

    snprintf(map, sizeof map, with, "\"double\"");
    bb_buffer_clear(&body);
    avro_text(&body, "A");
    avro_text(&body, "e");
    avro_double(&body, (double)TIME / 1000 + 0.25);
    avro_long(&body, 7);
    decode_with(map, bb_buffer_span(&body));
    ASSERT_READING(0, "A,e,gauge,0,2026-03-01T00:00:00.250Z,2026-03-01T00:00:00.250Z,7,1,"
                      "measured|unit_assumed,-,1");

    bb_buffer_clear(&body);
    avro_text(&body, "A");
    avro_text(&body, "e");
    avro_text(&body, "2026-03-01T00:00:00Z");
    avro_long(&body, 7);
    decode("{\"name\":\"meter\",\"type\":\"string\"},{\"name\":\"channel\",\"type\":\"string\"},"
           "{\"name\":\"time\",\"type\":\"string\"},{\"name\":\"value\",\"type\":\"int\"}");
    ASSERT_READING(0, "A,e,gauge,0," AT ",7,1,measured|unit_assumed,-,1");
}

/* What a plain number counts is never guessed; local times need a zone; the far future is far. */
Test(avro, times_that_are_none_are_refused) {
    avro_text(&body, "A");
    avro_text(&body, "e");
    avro_long(&body, TIME);
    avro_long(&body, 7);
    decode("{\"name\":\"meter\",\"type\":\"string\"},{\"name\":\"channel\",\"type\":\"string\"},"
           "{\"name\":\"time\",\"type\":\"long\"},{\"name\":\"value\",\"type\":\"int\"}");
    ASSERT_REFUSED("1:1006");

    avro_text(&body, "A");
    avro_text(&body, "e");
    avro_long(&body, TIME);
    avro_long(&body, 7);
    decode(
        "{\"name\":\"meter\",\"type\":\"string\"},{\"name\":\"channel\",\"type\":\"string\"},"
        "{\"name\":\"time\",\"type\":{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}},"
        "{\"name\":\"value\",\"type\":\"int\"}");
    ASSERT_STATUS(-BB_E_TIME_ZONE_MISSING);
    cr_assert(strstr(dump.error.text, "2026-03-01T00:00:00\""), "%s", dump.error.text);

    static const int64_t beyond[] = {INT64_MAX, INT64_MIN, 0, 1999999999999};
    for (int i = 0; i < 4; i++) {
        avro_text(&body, "A");
        avro_text(&body, "e");
        avro_long(&body, beyond[i]);
        avro_long(&body, 7);
    }
    decode(METER_AND_TIME ",{\"name\":\"value\",\"type\":\"int\"}");
    ASSERT_REFUSED("1:1006 2:1006 3:1008 4:1008");
}

Test(avro, a_date_and_a_time_of_day) {
    const char *yaml =
        "format: avro\nzone: Europe/Amsterdam\ntimestamp: {date: d, time: c}\navro:\n  schema: '"
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"meter\",\"type\":"
        "\"string\"},{\"name\":\"channel\",\"type\":\"string\"},{\"name\":\"d\",\"type\":"
        "{\"type\":\"int\",\"logicalType\":\"date\"}},{\"name\":\"c\",\"type\":{\"type\":"
        "\"long\",\"logicalType\":\"time-micros\"}},{\"name\":\"value\",\"type\":\"int\"}]}'\n";
    avro_text(&body, "A");
    avro_text(&body, "e");
    avro_long(&body, 20513);
    avro_long(&body, 3600000000);
    avro_long(&body, 7);
    decode_with(yaml, bb_buffer_span(&body));
    ASSERT_STATUS(0);
    ASSERT_READING(0, "A,e,gauge,0," AT ",7,1,measured|unit_assumed,-,1");
}

/* ---- names, words, structure ---- */

Test(avro, fields_in_records_maps_enums_and_fixed) {
    const char *yaml =
        "format: avro\nusage_point: {column: tags.mu.id}\ncolumns: {channel: what, value: v.x, unit: v.u, "
        "quality: q, issued: i}\ntimestamp: {column: v.at}\navro:\n  schema: '{\"type\":\"record\",\"name\":"
        "\"R\",\"fields\":[{\"name\":\"skip\",\"type\":[\"null\",{\"type\":\"map\",\"values\":{\"type\":"
        "\"array\",\"items\":\"string\"}}]},{\"name\":\"v\",\"type\":{\"type\":\"record\",\"name\":\"V\","
        "\"fields\":[{\"name\":\"x\",\"type\":\"double\"},{\"name\":\"none\",\"type\":\"null\"},"
        "{\"name\":\"u\",\"type\":{\"type\":\"enum\",\"name\":\"U\",\"symbols\":[\"L\",\"kWh\"]}},"
        "{\"name\":\"at\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}}]}},"
        "{\"name\":\"tags\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},{\"name\":\"what\",\"type\":"
        "{\"type\":\"fixed\",\"name\":\"F\",\"size\":5}},{\"name\":\"q\",\"type\":[\"null\",\"string\"]},"
        "{\"name\":\"i\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
        "{\"name\":\"more\",\"type\":{\"type\":\"array\",\"items\":\"V\"}}]}'\n";
    for (int i = 0; i < 2; i++) {
        avro_long(&body, 1); /* skip: one key, whose array says its length in bytes */
        avro_long(&body, 1);
        avro_text(&body, "k");
        avro_long(&body, -2);
        avro_long(&body, 4);
        avro_text(&body, "a");
        avro_text(&body, "b");
        avro_long(&body, 0);
        avro_long(&body, 0);
        avro_double(&body, 1.5); /* v */
        avro_long(&body, 1);
        avro_long(&body, TIME);
        avro_long(&body, 2); /* tags */
        avro_text(&body, "other");
        avro_text(&body, "x");
        avro_text(&body, "mu.id");
        avro_text(&body, i ? "B" : "A");
        avro_long(&body, 0);
        bb_buffer_append_span(&body, BB_SPAN("1.8.0"));
        if (i) {
            avro_long(&body, 1);
            avro_text(&body, "estimated|final");
        } else {
            avro_long(&body, 0);
        }
        avro_long(&body, TIME + 1000);
        avro_long(&body, 1);
        avro_double(&body, 0);
        avro_long(&body, 0);
        avro_long(&body, 0);
        avro_long(&body, 0);
    }
    decode_with(yaml, bb_buffer_span(&body));
    ASSERT_STATUS(0);
    ASSERT_REFUSED("");
    ASSERT_READING(0, "A,1.8.0,gauge,0," AT ",1.5,kWh,measured,2026-03-01T00:00:01Z,1");
    ASSERT_READING(1, "B,1.8.0,gauge,0," AT ",1.5,kWh,estimated|final,2026-03-01T00:00:01Z,2");
}

Test(avro, uuids_and_numbers_are_names) {
    avro_bytes(&body,
               (struct bb_span){"\0", 0}); /* an empty text in front, so that nothing begins at 0 */
    bb_buffer_append_span(
        &body,
        (struct bb_span){"\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\0", 16});
    avro_long(&body, 42);
    avro_long(&body, TIME);
    avro_long(&body, 7);
    decode(
        "{\"name\":\"note\",\"type\":\"string\"},{\"name\":\"meter\",\"type\":{\"type\":\"fixed\",\"name\":"
        "\"I\",\"size\":16,\"logicalType\":\"uuid\"}},{\"name\":\"channel\",\"type\":\"int\"},{\"name\":"
        "\"time\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},{\"name\":\"value\","
        "\"type\":\"int\"}");
    ASSERT_REFUSED("");
    ASSERT_READING(0, "123e4567-e89b-12d3-a456-426614174000,42,gauge,0," AT
                      ",7,1,measured|unit_assumed,-,1");
}

Test(avro, wide_messages_and_branches_that_lack_a_channel) {
    const char *yaml =
        "format: avro\nchannels: [{column: p.power, name: power, unit: W}, {column: t, name: "
        "temp}]\navro:\n  schema: '{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":"
        "\"meter\",\"type\":\"string\"},{\"name\":\"time\",\"type\":{\"type\":\"long\","
        "\"logicalType\":\"timestamp-millis\"}},{\"name\":\"p\",\"type\":[\"null\",{\"type\":"
        "\"record\",\"name\":\"P\",\"fields\":[{\"name\":\"power\",\"type\":\"int\"}]}]},"
        "{\"name\":\"t\",\"type\":\"double\"}]}'\n";
    avro_text(&body, "A");
    avro_long(&body, TIME);
    avro_long(&body, 1);
    avro_long(&body, 230);
    avro_double(&body, 20.5);
    avro_text(&body, "A");
    avro_long(&body, TIME);
    avro_long(&body, 0);
    avro_double(&body, 21);
    decode_with(yaml, bb_buffer_span(&body));
    ASSERT_REFUSED("");
    cr_assert_eq(dump.reading_count, 3);
    ASSERT_READING(0, "A,power,gauge,0," AT ",230,W,measured,-,1");
    ASSERT_READING(1, "A,temp,gauge,0," AT ",20.5,1,measured|unit_assumed,-,1");
    ASSERT_READING(2, "A,temp,gauge,0," AT ",21,1,measured|unit_assumed,-,2");
}

Test(avro, every_other_number_is_a_channel) {
    const char *yaml =
        "format: avro\nchannels: [{column: '*'}]\navro:\n  schema: '{\"type\":\"record\","
        "\"name\":\"R\",\"fields\":[" METER_AND_TIME ",{\"name\":\"power\",\"type\":[\"null\","
        "\"float\"]},{\"name\":\"note\",\"type\":\"string\"},{\"name\":\"heat\",\"type\":"
        "\"long\"}]}'\n";
    put_meter_and_time();
    avro_long(&body, 1);
    avro_float(&body, 0.5f);
    avro_text(&body, "n");
    avro_long(&body, 9);
    decode_with(yaml, bb_buffer_span(&body));
    ASSERT_REFUSED("");
    cr_assert_eq(dump.reading_count, 2);
    ASSERT_READING(0, "A,power,gauge,0," AT ",0.5,1,measured|unit_assumed,-,1");
    ASSERT_READING(1, "A,heat,gauge,0," AT ",9,1,measured|unit_assumed,-,1");
}

Test(avro, two_fields_that_mean_the_same_need_a_map) {
    const char *fields =
        "{\"name\":\"meter\",\"type\":\"string\"},{\"name\":\"ean\",\"type\":\"string\"}";

    avro_text(&body, "A");
    avro_text(&body, "B");
    decode(fields);
    ASSERT_REFUSED("1:1024");
    cr_assert(strstr(decode_dump_line(&dump.refusals, 0), "\"meter\" and \"ean\""), "%s",
              decode_dump_line(&dump.refusals, 0));
}

/* ---- arrays of readings ---- */

#define ITEMS                                                                                                 \
    "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"I\",\"fields\":[{\"name\":\"t\",\"type\":" \
    "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},{\"name\":\"v\",\"type\":\"double\"}]}}"
static const char envelope[] =
    "format: avro\nchannels: [{name: e, unit: kWh}]\ntimestamp: {column: readings.t}\n"
    "columns: {value: readings.v}\navro:\n  schema: '{\"type\":\"record\",\"name\":\"R\",\"fields\":["
    "{\"name\":\"readings\",\"type\":[\"null\"," ITEMS
    "]},{\"name\":\"meter\",\"type\":\"string\"}]}'\n";

static void put_items(int count) {
    avro_long(&body, -count);
    avro_long(&body, 14 * count);
    for (int i = 0; i < count; i++) {
        avro_long(&body, TIME + i);
        avro_double(&body, i + 0.5);
    }
}

/* What stands behind the array counts for its items as well. */
Test(avro, an_array_inside_a_message_holds_readings) {
    avro_long(&body, 1);
    put_items(40);
    put_items(2);
    avro_long(&body, 0);
    avro_text(&body, "A");
    avro_long(&body, 0); /* null: none */
    avro_text(&body, "B");
    avro_long(&body, 1);
    avro_long(&body, 0); /* empty: none */
    avro_text(&body, "C");
    decode_with(envelope, bb_buffer_span(&body));
    ASSERT_STATUS(0);
    ASSERT_REFUSED("");
    cr_assert_eq(dump.reading_count, 42);
    ASSERT_READING(0, "A,e,gauge,0," AT ",0.5,kWh,measured,-,1");
    ASSERT_READING(
        41, "A,e,gauge,0,2026-03-01T00:00:00.001Z,2026-03-01T00:00:00.001Z,1.5,kWh,measured,-,1");
}

Test(avro, a_message_may_be_an_array) {
    const char *yaml =
        "format: avro\navro:\n  schema: '{\"type\":\"array\",\"items\":{\"type\":\"record\","
        "\"name\":\"R\",\"fields\":[" METER_AND_TIME ",{\"name\":\"value\",\"type\":\"int\"}]}}'\n";
    avro_long(&body, 2);
    for (int i = 0; i < 2; i++) {
        put_meter_and_time();
        avro_long(&body, i);
    }
    avro_long(&body, 0);
    decode_with(yaml, bb_buffer_span(&body));
    ASSERT_REFUSED("");
    cr_assert_eq(dump.reading_count, 2);
    ASSERT_READING(1, "A,e,gauge,0," AT ",1,1,measured|unit_assumed,-,1");
}

/* A message that is cut off leaves none of its readings. */
Test(avro, half_an_array_is_none) {
    avro_long(&body, 1);
    put_items(3);
    for (size_t size = 1; size <= body.size; size++) {
        decode_with(envelope, (struct bb_span){body.data, size});
        cr_assert_eq(dump.reading_count, 0);
        ASSERT_REFUSED("1:1027");
    }
}

/* ---- framing ---- */

static const char simple[] = "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" METER_AND_TIME
                             ",{\"name\":\"value\",\"type\":\"int\"}]}";

static void put_simple(int value) {
    put_meter_and_time();
    avro_long(&body, value);
}

Test(avro, container_files_need_no_map) {
    for (int with = 0; with < 2; with++) {
        bb_buffer_clear(&file);
        avro_header(&file, simple, with ? "null" : NULL);
        for (int block = 0; block < 3; block++) {
            bb_buffer_clear(&body);
            for (int i = 0; i < block; i++)
                put_simple(10 * block + i);
            avro_block(&file, block, bb_buffer_span(&body));
        }
        decode_with(NULL, bb_buffer_span(&file));
        ASSERT_STATUS(0);
        ASSERT_REFUSED("");
        cr_assert_eq(dump.reading_count, 3);
        ASSERT_READING(2, "A,e,gauge,0," AT ",21,1,measured|unit_assumed,-,3");
    }
}

Test(avro, an_empty_container_is_no_error) {
    avro_header(&file, simple, NULL);
    decode_with(NULL, bb_buffer_span(&file));
    ASSERT_STATUS(0);
    cr_assert_eq(dump.reading_count, 0);
}

Test(avro, a_codec_that_is_not_read_is_named) {
    avro_header(&file, simple, "bzip2");
    decode_with(NULL, bb_buffer_span(&file));
    ASSERT_STATUS(-BB_E_AVRO_CODEC);
    cr_assert(strstr(dump.error.text, "\"bzip2\""));
}

/* The block is lost, the file is not. */
Test(avro, a_damaged_block_costs_itself) {
    avro_header(&file, simple, NULL);
    for (int block = 0; block < 3; block++) {
        bb_buffer_clear(&body);
        put_simple(block);
        put_simple(block);
        if (block == 1)
            body.data[body.size - 1] = (char)0x80; /* its last number does not end */
        avro_block(&file, 2, bb_buffer_span(&body));
    }
    decode_with(NULL, bb_buffer_span(&file));
    ASSERT_STATUS(0);
    ASSERT_REFUSED("4:1027");
    cr_assert_eq(dump.reading_count, 5);
    ASSERT_READING(4, "A,e,gauge,0," AT ",2,1,measured|unit_assumed,-,6");

    bb_buffer_clear(&file);
    avro_header(&file, simple, NULL);
    for (int block = 0; block < 3; block++) {
        bb_buffer_clear(&body);
        put_simple(block);
        avro_block(&file, 1, bb_buffer_span(&body));
        if (block == 1)
            file.data[file.size - 3] ^= 1; /* the marker */
    }
    decode_with(NULL, bb_buffer_span(&file));
    ASSERT_STATUS(0);
    ASSERT_REFUSED("2:1027");
    cr_assert_eq(dump.reading_count, 1, "the block behind the marker that is none is lost with it");
}

Test(avro, a_block_whose_count_is_wrong_is_told) {
    avro_header(&file, simple, NULL);
    put_simple(1);
    put_simple(2);
    avro_block(&file, 1, bb_buffer_span(&body));
    avro_block(&file, 3, bb_buffer_span(&body));
    decode_with(NULL, bb_buffer_span(&file));
    ASSERT_STATUS(0);
    ASSERT_REFUSED("2:1027 4:1027");
}

Test(avro, a_truncated_container_is_told) {
    avro_header(&file, simple, NULL);
    size_t header = file.size;
    put_simple(1);
    avro_block(&file, 1, bb_buffer_span(&body));
    size_t whole = file.size;
    avro_block(&file, 1, bb_buffer_span(&body));
    for (size_t size = 4; size < file.size; size++) {
        decode_with(NULL, (struct bb_span){file.data, size});
        if (size < header)
            ASSERT_STATUS(-BB_E_AVRO_DATA);
        else if (size == header || size == whole)
            ASSERT_REFUSED("");
        else
            ASSERT_REFUSED(size < whole ? "1:1027" : "2:1027");
    }
}

/* The message of Avro's own repository: fingerprint 3df542a2f8e12da9. */
Test(avro, single_objects_name_their_schema) {
    const char *yaml =
        "format: avro\nusage_point: {column: name}\ncolumns: {value: id}\nchannels: [{name: n}]\navro:\n"
        "  framing: single\n  schema: '{\"type\":\"record\",\"namespace\":\"org.apache.avro\",\"name\":"
        "\"TestMessage\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},{\"name\":\"name\",\"type\":"
        "\"string\"},{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}}]}'\n";
    static const char bytes[] = "\xc3\x01\xa9\x2d\xe1\xf8\xa2\x42\xf5\x3d"
                                "\x54\x08"
                                "Bill\x04\x12"
                                "dog_lover\x12"
                                "cat_hater\0";
    decode_with(yaml, (struct bb_span){bytes, sizeof bytes - 1});
    ASSERT_STATUS(0);
    ASSERT_REFUSED("1:1009"); /* it has no time; everything else is understood */
    cr_assert(strstr(decode_dump_line(&dump.refusals, 0), "no timestamp"), "%s",
              decode_dump_line(&dump.refusals, 0));

    decode_with(yaml, (struct bb_span){"\xc3\x01\0\0\0\0\0\0\0\0\x02", 11});
    ASSERT_REFUSED("1:1025");
    decode_with(yaml, (struct bb_span){"\xc3\x02\0\0\0\0\0\0\0\0\x02", 11});
    ASSERT_REFUSED("1:1027");
    decode_with(yaml, (struct bb_span){"\xc3\x01\0\0\0", 5});
    ASSERT_REFUSED("1:1027");
}

Test(avro, raw_bytes_without_a_schema_are_refused) {
    put_simple(1);
    decode_with(NULL, bb_buffer_span(&body));
    ASSERT_STATUS(-BB_E_AVRO_SCHEMA_UNKNOWN);
    decode_with(NULL, (struct bb_span){"", 0});
    ASSERT_STATUS(-BB_E_INPUT_EMPTY);
}
