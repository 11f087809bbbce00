/* Changes as Avro: what is written is what the published schema says. */
#include "codec/avro_write.h"

#include "codec/avro_schema_internal.h"
#include "support/avro_body.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static struct bb_buffer out, wanted;

static void set_up(void) {
    bb_buffer_init(&out, 1 << 24);
    bb_buffer_init(&wanted, 1 << 24);
}

static void release(void) {
    bb_buffer_release(&out);
    bb_buffer_release(&wanted);
}

TestSuite(avro_write, .init = set_up, .fini = release);

static const struct bb_span marks[] = {{"estimated", 9}, {"suspect", 7}, {"final", 5}};

static struct bb_avro_change make(int64_t n) {
    return (struct bb_avro_change){
        .tenant = BB_SPAN("demo"),
        .usage_point = BB_SPAN("871685900012345678"),
        .channel = BB_SPAN("1-1:1.29.0 \xc3\xa9"),
        .lane = BB_SPAN("vee"),
        .start_ms = 1772323200000 + n * 900000,
        .end_ms = 1772324100000 + n * 900000,
        .has_old = n % 3 != 0,
        .has_new = n % 5 != 0,
        .old_value = {n * 1000003 % 1000 - 500, -2},
        .new_value = {n % 2 ? INT64_C(-999999999999999999) : 1500, (int8_t)(n % 7 - 6)},
        .unit = BB_SPAN("kWh"),
        .quality = marks,
        .quality_count = (uint32_t)(n % 4),
        .recorded_ms = 1772330000123,
        .why = n % 2 ? BB_SPAN("file readings.csv") : BB_SPAN(""),
        .sequence = n == 4 ? INT64_MIN : n * n * 1000003,
    };
}

Test(avro_write, single_objects_and_messages_with_an_id) {
    struct bb_avro_change change = make(2);
    uint64_t fingerprint = BB_AVRO_CHANGE_FINGERPRINT;

    avro_text(&wanted, "demo");
    avro_text(&wanted, "871685900012345678");
    avro_text(&wanted, "1-1:1.29.0 \xc3\xa9");
    avro_text(&wanted, "vee");
    avro_long(&wanted, 1772323200000 + 1800000);
    avro_long(&wanted, 1772324100000 + 1800000);
    avro_long(&wanted, 1);
    avro_text(&wanted, "-4.94");
    avro_long(&wanted, 1);
    avro_text(&wanted, "0.1500");
    avro_text(&wanted, "kWh");
    avro_long(&wanted, 2);
    avro_text(&wanted, "estimated");
    avro_text(&wanted, "suspect");
    avro_long(&wanted, 0);
    avro_long(&wanted, 1772330000123);
    avro_text(&wanted, "");
    avro_long(&wanted, 4000012);

    bb_avro_write_single(&change, &out);
    cr_assert_eq(out.size, 10 + wanted.size);
    cr_assert_eq((uint8_t)out.data[0], 0xc3);
    cr_assert_eq(out.data[1], 1);
    for (int i = 0; i < 8; i++)
        cr_assert_eq((uint8_t)out.data[2 + i], (uint8_t)(fingerprint >> (8 * i)));
    cr_assert_eq(memcmp(out.data + 10, wanted.data, wanted.size), 0);

    bb_buffer_clear(&out);
    bb_avro_write_confluent(&change, 0x01020304, &out);
    cr_assert_eq(out.size, 5 + wanted.size);
    cr_assert_eq(memcmp(out.data, "\0\1\2\3\4", 5), 0);
    cr_assert_eq(memcmp(out.data + 5, wanted.data, wanted.size), 0);
}

Test(avro_write, the_fingerprint_is_the_schema_s) {
    struct bb_avro_schema *schema;
    struct bb_error error;

    cr_assert_eq(bb_avro_schema_parse(bb_span_of(bb_avro_change_schema), &schema, &error), 0, "%s",
                 error.text);
    cr_assert_eq(schema->fingerprint, BB_AVRO_CHANGE_FINGERPRINT, "%016" PRIx64,
                 schema->fingerprint);
    bb_avro_schema_free(schema);
}

Test(avro_write, no_room_is_told) {
    struct bb_avro_change change = make(1);
    struct bb_buffer small;

    bb_buffer_init(&small, 60);
    bb_avro_write_single(&change, &small);
    cr_assert(small.overflow);
    bb_buffer_release(&small);
}

static void put_value(bool has, struct bb_decimal value) {
    char text[BB_DECIMAL_TEXT_MAX];

    if (has)
        bb_decimal_format(value, false, text);
    bb_buffer_format(&wanted, "%s%s%s,", has ? "\"" : "", has ? text : "null", has ? "\"" : "");
}

/* For a reader that is not ours (tests/e2e/test_avro.py): messages, and what they say as lines of JSON. */
Test(avro_write, changes_for_another_reader) {
    const char *path = getenv("BUSBAR_AVRO_CHANGES");

    for (int64_t n = 0; n < 200; n++) {
        struct bb_avro_change change = make(n);
        bb_avro_write_single(&change, &out);
        bb_buffer_format(&wanted, "[%" PRId64 ",%" PRId64 ",", change.start_ms, change.end_ms);
        put_value(change.has_old, change.old_value);
        put_value(change.has_new, change.new_value);
        bb_buffer_format(&wanted, "%u,\"%.*s\",%" PRId64 "]\n", change.quality_count,
                         BB_SPAN_ARGS(change.why), change.sequence);
    }
    cr_assert(!out.overflow && !wanted.overflow);
    if (!path)
        return;
    char name[4096];
    snprintf(name, sizeof name, "%s.json", path);
    FILE *messages = fopen(path, "w"), *lines = fopen(name, "w");
    cr_assert(messages && lines);
    cr_assert_eq(fwrite(out.data, 1, out.size, messages), out.size);
    cr_assert_eq(fwrite(wanted.data, 1, wanted.size, lines), wanted.size);
    cr_assert_eq(fclose(messages) | fclose(lines), 0);
}
