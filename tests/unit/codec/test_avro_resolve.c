/* Avro schema resolution: what was written by one schema and is read by another. */
#include "support/avro_body.h"
#include "support/text_decode.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define TIME 1772323200000 /* 2026-03-01T00:00:00Z */
#define AT   "2026-03-01T00:00:00Z,2026-03-01T00:00:00Z"
#define ENDS ",1,measured|unit_assumed,-,1"

static struct decode_dump dump;
static struct bb_buffer body;

static void set_up(void) {
    bb_buffer_init(&body, 1 << 20);
}

static void release(void) {
    decode_dump_release(&dump);
    bb_buffer_release(&body);
}

TestSuite(avro_resolve, .init = set_up, .fini = release);

#define ASSERT_REFUSED(text)    cr_assert_str_eq(text_decode_refusals(&dump), text)
#define ASSERT_READING(n, text) cr_assert_str_eq(decode_dump_line(&dump.readings, n), text)

/* The body, and then it is empty. `more` stands in the map beside `avro:`. */
static void decode(const char *more, const char *writer, const char *reader) {
    char map[6000];
    struct text_decode how = {.format = &bb_format_avro, .map = map, .kind = BB_KIND_GAUGE};

    snprintf(map, sizeof map, "format: avro\n%savro:\n  schema: '%s'\n  reader: '%s'\n", more,
             writer, reader);
    decode_dump_release(&dump);
    text_decode(&dump, &how, bb_buffer_span(&body));
    bb_buffer_clear(&body);
}

#define KEYS                                                                                       \
    "{\"name\":\"meter\",\"type\":\"string\"},{\"name\":\"channel\",\"type\":\"string\"},"         \
    "{\"name\":\"time\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}}"
#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"

static void put_keys(void) {
    avro_text(&body, "A");
    avro_text(&body, "e");
    avro_long(&body, TIME);
}

/* Digits are those that were written: a float of 0.1 read as a double is 0.1. */
Test(avro_resolve, promotions) {
    static const struct {
        const char *wrote, *reads;
        struct bb_span bytes;
        const char *value; /* NULL: that is none */
    } cases[] = {
        {"\"int\"", "\"long\"", {"\x06", 1}, "3"},
        {"\"int\"", "\"float\"", {"\x06", 1}, "3"},
        {"\"int\"", "\"double\"", {"\x06", 1}, "3"},
        {"\"long\"", "\"float\"", {"\x82\x80\x80\x10", 4}, "16777217"},
        {"\"long\"", "\"double\"", {"\x06", 1}, "3"},
        {"\"float\"", "\"double\"", {"\xcd\xcc\xcc\x3d", 4}, "0.1"},
        {"\"string\"",
         "\"bytes\"",
         {"\x06"
          "1.5",
          4},
         "1.5"},
        {"\"bytes\"",
         "\"string\"",
         {"\x06"
          "1.5",
          4},
         "1.5"},
        {"\"int\"", "[\"null\",\"string\",\"double\"]", {"\x06", 1}, "3"},
        {"[\"null\",\"int\"]", "[\"null\",\"long\"]", {"\x02\x06", 2}, "3"},
        {"[\"null\",\"int\"]", "\"long\"", {"\x02\x06", 2}, "3"},
        {"\"bytes\"",
         "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":5,\"scale\":1}",
         {"\x02\x0f", 2},
         "1.5"},
        {"\"long\"", "\"int\"", {"\x06", 1}, NULL},
        {"\"double\"", "\"float\"", {"\0\0\0\0\0\0\0\0", 8}, NULL},
        {"\"int\"", "\"string\"", {"\x06", 1}, NULL},
        {"\"boolean\"", "\"int\"", {"\1", 1}, NULL},
        {"\"int\"", "[\"null\",\"string\"]", {"\x06", 1}, NULL},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}",
         "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}",
         {"1", 1},
         NULL},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}",
         "{\"type\":\"fixed\",\"name\":\"G\",\"size\":1}",
         {"1", 1},
         NULL},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":5,\"scale\":2}",
         "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":5,\"scale\":1}",
         {"\x02\x0f", 2},
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char writer[1500], reader[1500], wanted[100];
        snprintf(writer, sizeof writer, RECORD(KEYS ",{\"name\":\"value\",\"type\":%s}"),
                 cases[i].wrote);
        snprintf(reader, sizeof reader, RECORD(KEYS ",{\"name\":\"value\",\"type\":%s}"),
                 cases[i].reads);
        put_keys();
        bb_buffer_append_span(&body, cases[i].bytes);
        decode("", writer, reader);
        snprintf(wanted, sizeof wanted, "A,e,gauge,0," AT ",%s" ENDS, cases[i].value);
        if (cases[i].value)
            cr_expect_str_eq(decode_dump_line(&dump.readings, 0), wanted, "%s as %s: %s",
                             cases[i].wrote, cases[i].reads, decode_dump_line(&dump.refusals, 0));
        else
            cr_expect_str_eq(text_decode_refusals(&dump), "1:1026", "%s as %s", cases[i].wrote,
                             cases[i].reads);
    }
}

/* Fields are found by name or by the reader's alias, in any order; what the reader lacks is passed over. */
Test(avro_resolve, fields_by_name_and_alias) {
    avro_double(&body, 1.5);
    avro_text(&body, "gone");
    put_keys();
    decode(
        "",
        RECORD(
            "{\"name\":\"energy\",\"type\":\"double\"},{\"name\":\"unit\",\"type\":\"string\"}," KEYS),
        RECORD(KEYS ",{\"name\":\"value\",\"aliases\":[\"x\",\"energy\"],\"type\":\"double\"}"));
    ASSERT_REFUSED("");
    ASSERT_READING(0, "A,e,gauge,0," AT ",1.5" ENDS);
}

Test(avro_resolve, defaults_of_every_type) {
    static const struct {
        const char *field, *wanted;
    } cases[] = {
        {"{\"name\":\"unit\",\"type\":\"string\",\"default\":\"kWh\"}", "5,kWh,measured,-,1"},
        {"{\"name\":\"unit\",\"type\":{\"type\":\"enum\",\"name\":\"U\",\"symbols\":[\"L\",\"kWh\"]},"
         "\"default\":\"kWh\"}",
         "5,kWh,measured,-,1"},
        {"{\"name\":\"unit\",\"type\":{\"type\":\"fixed\",\"name\":\"U\",\"size\":1},\"default\":\"L\"}",
         "5,L,measured,-,1"},
        {"{\"name\":\"unit\",\"type\":\"bytes\",\"default\":\"kWh\"}", "5,kWh,measured,-,1"},
        {"{\"name\":\"unit\",\"type\":[\"null\",\"string\"],\"default\":null}",
         "5,1,measured|unit_assumed,-,1"},
        {"{\"name\":\"unit\",\"type\":[\"string\",\"null\"],\"default\":\"kWh\"}",
         "5,kWh,measured,-,1"},
        {"{\"name\":\"issued\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"},"
         "\"default\":1772323200000}",
         "5,1,measured|unit_assumed,2026-03-01T00:00:00Z,1"},
        {"{\"name\":\"nobody\",\"type\":{\"type\":\"map\",\"values\":\"int\"},\"default\":{\"a\":1}}",
         "5,1,measured|unit_assumed,-,1"},
        {"{\"name\":\"nobody\",\"type\":{\"type\":\"array\",\"items\":\"float\"},\"default\":[1,2]}",
         "5,1,measured|unit_assumed,-,1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char reader[1500], wanted[200];
        snprintf(reader, sizeof reader, RECORD(KEYS ",{\"name\":\"value\",\"type\":\"int\"},%s"),
                 cases[i].field);
        put_keys();
        avro_long(&body, 5);
        decode("", RECORD(KEYS ",{\"name\":\"value\",\"type\":\"int\"}"), reader);
        snprintf(wanted, sizeof wanted, "A,e,gauge,0," AT ",%s", cases[i].wanted);
        cr_expect_str_eq(decode_dump_line(&dump.readings, 0), wanted, "%s: %s", cases[i].field,
                         decode_dump_line(&dump.refusals, 0));
    }
}

Test(avro_resolve, default_values_are_exact) {
    static const struct {
        const char *field, *value;
    } cases[] = {
        {"\"double\",\"default\":0.1", "0.1"},
        {"\"float\",\"default\":0.1", "0.1"},
        {"\"long\",\"default\":-12", "-12"},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":2},"
         "\"default\":\"\\u00ff\\u0001\"",
         "-2.55"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char reader[1500], wanted[200];
        snprintf(reader, sizeof reader, RECORD(KEYS ",{\"name\":\"value\",\"type\":%s}"),
                 cases[i].field);
        put_keys();
        decode("", RECORD(KEYS), reader);
        snprintf(wanted, sizeof wanted, "A,e,gauge,0," AT ",%s" ENDS, cases[i].value);
        cr_expect_str_eq(decode_dump_line(&dump.readings, 0), wanted, "%s: %s", cases[i].field,
                         decode_dump_line(&dump.refusals, 0));
    }
}

Test(avro_resolve, what_is_lacking_has_no_value) {
    put_keys();
    decode("", RECORD(KEYS), RECORD(KEYS ",{\"name\":\"value\",\"type\":\"int\"}"));
    ASSERT_REFUSED("1:1026");
    cr_assert(strstr(decode_dump_line(&dump.refusals, 0), "\"value\""));

    put_keys(); /* and a default that is none */
    decode("", RECORD(KEYS),
           RECORD(KEYS ",{\"name\":\"value\",\"type\":\"int\",\"default\":\"x\"}"));
    ASSERT_REFUSED("1:1024");
}

Test(avro_resolve, names_of_records_count_without_namespaces) {
    put_keys();
    avro_long(&body, 5);
    decode("",
           "{\"type\":\"record\",\"name\":\"a.b.R\",\"fields\":[" KEYS
           ",{\"name\":\"value\",\"type\":\"int\"}]}",
           RECORD(KEYS ",{\"name\":\"value\",\"type\":\"int\"}"));
    ASSERT_REFUSED("");
    put_keys();
    avro_long(&body, 5);
    decode("",
           "{\"type\":\"record\",\"name\":\"a.Old\",\"fields\":[" KEYS
           ",{\"name\":\"value\",\"type\":\"int\"}]}",
           "{\"type\":\"record\",\"name\":\"R\",\"aliases\":[\"a.Old\"],\"fields\":[" KEYS
           ",{\"name\":\"value\",\"type\":\"int\"}]}");
    ASSERT_REFUSED("");
    put_keys();
    avro_long(&body, 5);
    decode("",
           "{\"type\":\"record\",\"name\":\"S\",\"fields\":[" KEYS
           ",{\"name\":\"value\",\"type\":\"int\"}]}",
           RECORD(KEYS ",{\"name\":\"value\",\"type\":\"int\"}"));
    ASSERT_REFUSED("1:1026");
}

/* Only a message that holds what has no place is refused; none of an array's readings stand then. */
Test(avro_resolve, branches_and_symbols_without_a_place) {
    const char *writer = RECORD(KEYS
                                ",{\"name\":\"value\",\"type\":[\"null\",\"double\",\"string\"]},"
                                "{\"name\":\"unit\",\"type\":{\"type\":\"enum\",\"name\":\"U\","
                                "\"symbols\":[\"kWh\",\"L\",\"m3\"]}}");
    const char *reader = RECORD(KEYS
                                ",{\"name\":\"value\",\"type\":[\"null\",\"double\"]},{\"name\":"
                                "\"unit\",\"type\":{\"type\":\"enum\",\"name\":\"U\",\"symbols\":"
                                "[\"L\",\"kWh\"]%s}}");
    char with[1500];

    snprintf(with, sizeof with, reader, "");
    put_keys();
    avro_long(&body, 1);
    avro_double(&body, 5);
    avro_long(&body, 0);
    decode("", writer, with);
    ASSERT_READING(0, "A,e,gauge,0," AT ",5,kWh,measured,-,1");
    put_keys();
    avro_long(&body, 2);
    avro_text(&body, "5");
    avro_long(&body, 0);
    decode("", writer, with);
    ASSERT_REFUSED("1:1026");
    put_keys();
    avro_long(&body, 0);
    avro_long(&body, 2);
    decode("", writer, with);
    ASSERT_REFUSED("1:1026");

    snprintf(with, sizeof with, reader, ",\"default\":\"L\"");
    put_keys();
    avro_long(&body, 0);
    avro_long(&body, 2);
    decode("", writer, with);
    ASSERT_READING(0, "A,e,gauge,0," AT ",,L,missing,-,1");

    put_keys();
    avro_long(&body, 2);
    avro_long(&body, 1);
    avro_long(&body, 0);
    avro_long(&body, 0);
    decode("timestamp: {column: time}\ncolumns: {unit: all.u, value: all.v}\n",
           RECORD(KEYS
                  ",{\"name\":\"all\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\","
                  "\"name\":\"I\",\"fields\":[{\"name\":\"v\",\"type\":\"int\"},{\"name\":\"u\","
                  "\"type\":{\"type\":\"enum\",\"name\":\"U\",\"symbols\":[\"L\",\"m3\"]}}]}}}"),
           RECORD(KEYS
                  ",{\"name\":\"all\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\","
                  "\"name\":\"I\",\"fields\":[{\"name\":\"v\",\"type\":\"int\"},{\"name\":\"u\","
                  "\"type\":{\"type\":\"enum\",\"name\":\"U\",\"symbols\":[\"m3\"]}}]}}}"));
    cr_assert_neq(dump.refusal_count, 0);
    cr_assert_eq(dump.reading_count, 0, "the second item has no place: %s",
                 decode_dump_line(&dump.refusals, 0));
}

Test(avro_resolve, a_number_becomes_a_time_by_the_readers_word) {
    avro_text(&body, "A");
    avro_text(&body, "e");
    avro_long(&body, TIME);
    avro_long(&body, 5);
    decode(
        "",
        RECORD(
            "{\"name\":\"meter\",\"type\":\"string\"},{\"name\":\"channel\",\"type\":\"string\"},"
            "{\"name\":\"time\",\"type\":\"long\"},{\"name\":\"value\",\"type\":\"int\"}"),
        RECORD(KEYS ",{\"name\":\"value\",\"type\":\"int\"}"));
    ASSERT_REFUSED("");
    ASSERT_READING(0, "A,e,gauge,0," AT ",5" ENDS);
}
