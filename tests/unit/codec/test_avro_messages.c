/* Avro messages one by one, as a consumer of a queue gets them: schemas by id, what is parked, what is damaged. */
#include "codec/avro.h"
#include "codec/map.h"
#include "support/avro_body.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define TIME 1772323200000 /* 2026-03-01T00:00:00Z */

static const char schema_7[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"meter\",\"type\":\"string\"},{\"name\":"
    "\"channel\",\"type\":\"string\"},{\"name\":\"time\",\"type\":{\"type\":\"long\",\"logicalType\":"
    "\"timestamp-millis\"}},{\"name\":\"value\",\"type\":\"string\"}]}";

static struct seen {
    uint64_t readings, refused, asked;
    int64_t sum, last_line;
    enum bb_error_code code;
    char text[200];
    bool registry_down;
} seen;
static struct bb_series_table table;
static struct bb_avro_messages *messages;
static struct bb_map *map;
static struct bb_buffer body;

static int take_batch(void *context, struct bb_batch *batch, struct bb_error *error) {
    (void)context;
    (void)error;
    for (uint32_t i = 0; i < batch->count; i++) {
        seen.sum += batch->mantissa[i];
        seen.last_line = batch->line[i];
    }
    seen.readings += batch->count;
    return 0;
}

static int take_refusal(void *context, const struct bb_error *reason, struct bb_error *error) {
    (void)context;
    (void)error;
    seen.refused++;
    seen.code = reason->code;
    seen.last_line = (int64_t)reason->line;
    snprintf(seen.text, sizeof seen.text, "%s", reason->text);
    return 0;
}

/* 7 is a schema, 8 is none, 9 cannot be used, others are not known. */
static int find(void *context, uint32_t id, struct bb_span *json, struct bb_error *error) {
    (void)context;
    seen.asked++;
    if (seen.registry_down) {
        int failure = BB_FAIL(error, BB_E_FETCH, "it does not answer");
        error->retriable = true;
        return failure;
    }
    *json = id == 7 ? bb_span_of(schema_7) : id == 8 ? BB_SPAN("{") : BB_SPAN("[\"int\"]");
    return id >= 7 && id <= 8 ? BB_SCHEMA_FOUND : BB_SCHEMA_UNKNOWN;
}

static struct bb_schema_lookup lookup = {find, NULL};
static struct bb_decode_sink sink = {take_batch, take_refusal, NULL, NULL};
static struct bb_decode_options options;

static void set_up_with(const char *yaml) {
    struct bb_error error;

    seen = (struct seen){0};
    bb_series_table_init(&table, 64 << 20);
    bb_buffer_init(&body, 1 << 20);
    if (yaml)
        cr_assert_eq(bb_map_parse(bb_span_of(yaml), "map", &map, &error), 0, "%s", error.text);
    options = (struct bb_decode_options){.map = map,
                                         .source = "topic",
                                         .kind = BB_KIND_GAUGE,
                                         .received_ms = INT64_C(1893456000000),
                                         .schemas = &lookup};
    cr_assert_eq(bb_avro_messages_new(&options, &table, &sink, &messages, &error), 0);
}

static void release(void) {
    bb_avro_messages_free(messages);
    bb_series_table_release(&table);
    bb_map_free(map);
    bb_buffer_release(&body);
}

TestSuite(avro_messages, .fini = release);

/* The message in memory of just its size, so that a tool that watches memory sees each byte too far. */
static int put(struct bb_span value, uint64_t line) {
    struct bb_error error = {0};
    char *exact = malloc(value.size + 1);

    memcpy(exact, value.data, value.size);
    char *shrunk = realloc(exact, value.size ? value.size : 1);
    int result = bb_avro_messages_put(messages, (struct bb_span){shrunk, value.size}, line, &error);
    if (result == 0)
        cr_assert_eq(bb_avro_messages_settle(messages, &error), 0);
    else
        cr_assert(error.retriable);
    free(shrunk);
    return result;
}

static void make(uint32_t id, const char *value) {
    bb_buffer_clear(&body);
    for (int i = 3; i >= -1; i--)
        bb_buffer_append_byte(&body, i == 3 ? 0 : (uint8_t)(id >> (8 * (i + 1))));
    avro_text(&body, "A");
    avro_text(&body, "e");
    avro_long(&body, TIME);
    avro_text(&body, value);
}

static void finish(void) {
    struct bb_error error;
    cr_assert_eq(bb_avro_messages_finish(messages, &error), 0);
}

Test(avro_messages, schemas_are_asked_for_once) {
    set_up_with(NULL);
    for (uint64_t line = 1; line <= 100; line++) {
        make(7, "12");
        cr_assert_eq(put(bb_buffer_span(&body), line), 0);
    }
    finish();
    cr_assert_eq(seen.readings, 100);
    cr_assert_eq(seen.sum, 1200);
    cr_assert_eq(seen.asked, 1);
    cr_assert_eq(seen.last_line, 100);
}

/* The rest goes on; the id is asked for again when it comes again. */
Test(avro_messages, unknown_ids_are_refused_with_their_own_code) {
    set_up_with(NULL);
    make(4000000000, "1");
    cr_assert_eq(put(bb_buffer_span(&body), 1), 0);
    cr_assert_eq(seen.code, BB_E_AVRO_SCHEMA_UNKNOWN);
    cr_assert(strstr(seen.text, "4000000000"), "%s", seen.text);
    cr_assert_eq(seen.last_line, 1);
    cr_assert_eq(put(bb_buffer_span(&body), 2), 0);
    cr_assert_eq(seen.asked, 2);
    make(7, "1");
    cr_assert_eq(put(bb_buffer_span(&body), 3), 0);
    finish();
    cr_assert_eq(seen.readings, 1);
    cr_assert_eq(seen.refused, 2);
}

Test(avro_messages, a_registry_that_is_down_takes_nothing) {
    set_up_with(NULL);
    make(7, "1");
    seen.registry_down = true;
    cr_assert_eq(put(bb_buffer_span(&body), 1), -BB_E_FETCH);
    seen.registry_down = false;
    cr_assert_eq(put(bb_buffer_span(&body), 1), 0);
    finish();
    cr_assert_eq(seen.readings, 1);
    cr_assert_eq(seen.refused, 0);
}

Test(avro_messages, a_schema_that_is_none_is_parsed_once) {
    set_up_with(NULL);
    for (int i = 0; i < 3; i++) {
        make(8, "1");
        cr_assert_eq(put(bb_buffer_span(&body), 1), 0);
        cr_assert_eq(seen.code, BB_E_AVRO_SCHEMA);
    }
    cr_assert_eq(seen.asked, 1);
    cr_assert_eq(seen.refused, 3);
}

/* Cut off anywhere, or too long: nothing of it counts. */
Test(avro_messages, every_prefix_is_refused) {
    set_up_with(NULL);
    make(7, "12.5");
    size_t whole = body.size;
    for (size_t size = 0; size < whole; size++) {
        uint64_t before = seen.refused;
        cr_assert_eq(put((struct bb_span){body.data, size}, size + 1), 0);
        cr_assert_eq(seen.refused, before + 1, "%zu", size);
    }
    bb_buffer_append_byte(&body, 0);
    cr_assert_eq(put(bb_buffer_span(&body), 99), 0);
    cr_assert_eq(seen.code, BB_E_AVRO_DATA);
    cr_assert(strstr(seen.text, "1 bytes follow"), "%s", seen.text);
    finish();
    cr_assert_eq(seen.readings, 0);
}

/* Numbers that do not end, lengths and counts beyond reason, depth without end. */
Test(avro_messages, malformed_bytes_are_refused) {
    static const struct bb_span cases[] = {
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* a length of more than 64 bits */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},     /* the most negative length */
        {"\x01", 1},                                          /* length -1 */
        {"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},     /* the largest length */
        {"\xfe\xff\xff\x0f", 4},                              /* 16 MiB that are not there */
        {"\x02"
         "A\x04",
         3}, /* branch 2 of 2 */
        {"\x02"
         "A\x01",
         3}, /* branch -1 */
        {"\x02"
         "A\0\x02",
         4}, /* block of one, then nothing */
        {"\x02"
         "A\0\x01\x01",
         5}, /* block of -1 items in -1 bytes */
        {"\x02"
         "A\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02",
         14}, /* block of -2^63 items */
        {"\x02"
         "A\0\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
         13}, /* 2^63 - 1 items */
        {"\x02"
         "A\0\0\xfe\xff\xff\xff\x0f",
         9}, /* as many doubles */
        {"\x02"
         "A\0\0\0\x02",
         6}, /* a boolean of 2 */
    };
    set_up_with(
        "format: avro\ncolumns: {quality: flag}\navro:\n  schema: '{\"type\":\"record\",\"name\":\"R\","
        "\"fields\":[{\"name\":\"meter\",\"type\":\"string\"},{\"name\":\"next\",\"type\":[{\"type\":"
        "\"array\",\"items\":{\"type\":\"map\",\"values\":\"R\"}},\"null\"]},{\"name\":\"d\",\"type\":"
        "{\"type\":\"array\",\"items\":\"double\"}},{\"name\":\"flag\",\"type\":\"boolean\"}]}'\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        seen.code = BB_OK;
        cr_assert_eq(put(cases[i], i + 1), 0);
        cr_expect_eq(seen.code, BB_E_AVRO_DATA, "%zu: %d %s", i, seen.code, seen.text);
    }
    bb_buffer_clear(&body);
    for (int i = 0; i < 1000; i++) { /* each holds the next */
        avro_text(&body, "A");
        avro_long(&body, 0);
        avro_long(&body, 1);
        avro_long(&body, 1);
        avro_text(&body, "k");
    }
    cr_assert_eq(put(bb_buffer_span(&body), 1), 0);
    cr_assert(strstr(seen.text, "nested deeper"), "%s", seen.text);
}

/* Items of no bytes cost nothing, however many a message says there are. */
Test(avro_messages, endless_nothings_take_no_time) {
    set_up_with(
        "format: avro\navro:\n  schema: '{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"n\","
        "\"type\":{\"type\":\"array\",\"items\":\"null\"}}]}'\n");
    avro_long(&body, INT64_MAX);
    avro_long(&body, 0);
    cr_assert_eq(put(bb_buffer_span(&body), 1), 0);
    cr_assert_eq(seen.code, BB_E_FIELD_MISSING);
}

/* What is wrong with the second reading of an array is found before the first one counts. */
Test(avro_messages, an_array_counts_whole_or_not_at_all) {
    static const char yaml[] =
        "format: avro\ntimestamp: {column: l.t}\ncolumns: {value: l.v, channel: l.c}\navro:\n  schema: '"
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"meter\",\"type\":\"string\"},{\"name\":"
        "\"l\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"I\",\"fields\":[{\"name\":"
        "\"t\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},{\"name\":\"skip\",\"type\":"
        "{\"type\":\"array\",\"items\":\"long\"}},{\"name\":\"c\",\"type\":{\"type\":\"enum\",\"name\":\"E\","
        "\"symbols\":[\"a\"]}},{\"name\":\"v\",\"type\":\"int\"}]}}}]}'\n";
    set_up_with(yaml);
    for (int wrong = 0; wrong < 3; wrong++) {
        bb_buffer_clear(&body);
        avro_text(&body, "A");
        avro_long(&body, 2);
        for (int i = 0; i < 2; i++) {
            avro_long(&body, TIME + i);
            avro_long(&body, -1);
            avro_long(&body, i && wrong == 1 ? 60 : 1); /* bytes of the block of one */
            avro_long(&body, 3);
            avro_long(&body, 0);
            avro_long(&body, i && wrong == 2 ? 1 : 0); /* the symbol */
            avro_long(&body, 7);
        }
        avro_long(&body, 0);
        cr_assert_eq(put(bb_buffer_span(&body), 1), 0);
        finish();
        cr_assert_eq(seen.readings, 2, "%d: %s", wrong, seen.text);
        cr_assert_eq(seen.refused, (uint64_t)wrong);
    }
}

/* Naive producers send a whole file as each message. */
Test(avro_messages, a_container_may_be_a_message) {
    struct bb_buffer file;

    set_up_with(NULL);
    make(7, "3");
    bb_buffer_init(&file, 1 << 20);
    avro_header(&file, schema_7, NULL);
    avro_block(&file, 1, (struct bb_span){body.data + 5, body.size - 5});
    for (int i = 0; i < 3; i++)
        cr_assert_eq(put(bb_buffer_span(&file), (uint64_t)i + 1), 0);
    cr_assert_eq(put((struct bb_span){file.data, file.size - 1}, 4), 0);
    bb_buffer_release(&file);
    finish();
    cr_assert_eq(seen.readings, 3);
    cr_assert_eq(seen.refused, 1);
    cr_assert_eq(seen.code, BB_E_AVRO_DATA);
}

/* The record that tutorials of Avro and Kafka send, raw; its number serves as the time here. A map says what is
 * what. */
Test(avro_messages, a_record_of_no_meter) {
    set_up_with(
        "format: avro\nusage_point: {column: name}\ntimestamp: {epoch_s: id}\n"
        "columns: {value: favorite_number}\nchannels: [{name: favorite, kind: gauge}]\navro:\n  schema: '"
        "{\"namespace\":\"example.avro\",\"type\":\"record\",\"name\":\"User\",\"fields\":[{\"name\":"
        "\"id\",\"type\":\"int\"},{\"name\":\"name\",\"type\":\"string\"},{\"name\":"
        "\"favorite_number\",\"type\":[\"int\",\"null\"]},{\"name\":\"favorite_color\",\"type\":"
        "[\"string\",\"null\"]}]}'\n");
    bb_buffer_clear(&body);
    avro_long(&body, TIME / 1000);
    avro_text(&body, "abcdefghij");
    avro_long(&body, 0);
    avro_long(&body, 42);
    avro_long(&body, 0);
    avro_text(&body, "red");
    cr_assert_eq(put(bb_buffer_span(&body), 1), 0);
    finish();
    cr_assert_eq(seen.refused, 0, "%s", seen.text);
    cr_assert_eq(seen.readings, 1);
    cr_assert_eq(seen.sum, 42);
    cr_assert(bb_span_equal(table.items[0].usage_point, BB_SPAN("abcdefghij")));
}
