/* JSON as it is written: commas, escapes, numbers, and text that is not UTF-8. */
#include <criterion/criterion.h>
#include <math.h>

#include "base/json_write.h"

static struct bb_buffer out;

static void begin(void) {
    bb_buffer_init(&out, 1 << 16);
}

static void end(void) {
    bb_buffer_release(&out);
}

TestSuite(json_write, .init = begin, .fini = end);

static void expect(const char *wanted) {
    bb_buffer_append_byte(&out, '\0');
    cr_expect_str_eq(out.data, wanted);
    bb_buffer_clear(&out);
}

static void expect_text(struct bb_span text, const char *wanted) {
    bb_json_append_text(&out, text);
    expect(wanted);
}

Test(json_write, puts_commas_where_they_belong) {
    struct bb_json json;

    bb_json_init(&json, &out);
    bb_json_object_begin(&json);
    bb_json_put_u64(&json, "files", 3);
    bb_json_key(&json, "errors");
    bb_json_array_begin(&json);
    bb_json_object_begin(&json);
    bb_json_object_end(&json);
    bb_json_null(&json);
    bb_json_array_begin(&json);
    bb_json_array_end(&json);
    bb_json_bool(&json, true);
    bb_json_array_end(&json);
    bb_json_put_i64(&json, "balance", INT64_MIN);
    bb_json_put_text(&json, "name", BB_SPAN("day.csv"));
    bb_json_object_end(&json);
    expect("{\"files\":3,\"errors\":[{},null,[],true],\"balance\":-9223372036854775808,"
           "\"name\":\"day.csv\"}");
}

Test(json_write, members_that_are_json_already) {
    struct bb_json json;

    bb_json_init(&json, &out);
    bb_json_object_begin(&json);
    bb_json_raw_members(&json, BB_SPAN("\"a\":1,\"b\":[2]"));
    bb_json_put_u64(&json, "c", 3);
    bb_json_raw_members(&json, BB_SPAN("\"d\":4"));
    bb_json_object_end(&json);
    expect("{\"a\":1,\"b\":[2],\"c\":3,\"d\":4}");
}

Test(json_write, siblings_after_a_nested_container_get_their_comma) {
    struct bb_json json;

    bb_json_init(&json, &out);
    bb_json_array_begin(&json);
    for (int i = 0; i < 2; i++) {
        bb_json_array_begin(&json);
        bb_json_i64(&json, i);
        bb_json_array_end(&json);
    }
    bb_json_array_end(&json);
    expect("[[0],[1]]");
}

Test(json_write, escapes_what_json_cannot_hold) {
    expect_text(BB_SPAN("a\"b\\c/d"), "a\\\"b\\\\c/d");
    expect_text(BB_SPAN("\b\f\n\r\t"), "\\b\\f\\n\\r\\t");
    expect_text(BB_SPAN("\x01\x1f\x7f"), "\\u0001\\u001f\\u007f");
    expect_text((struct bb_span){"a\0b", 3}, "a\\u0000b");
    expect_text(BB_SPAN("a\xc2\x80z\xc2\x9f\xc2\xa0"), "a\\u0080z\\u009f\xc2\xa0");
    expect_text(BB_SPAN("\xef\xbf\xbd\xef\xbf\xbe\xef\xbf\xbf!"), "\xef\xbf\xbd\\ufffe\\uffff!");
    expect_text(BB_SPAN(""), "");
}

Test(json_write, keeps_utf8_and_replaces_what_is_none) {
    expect_text(BB_SPAN("m³ · 電力 · \xf0\x9f\x92\xa7"), "m³ · 電力 · \xf0\x9f\x92\xa7");
    expect_text(BB_SPAN("\xff"), "\xef\xbf\xbd");
    expect_text(BB_SPAN("a\xc3"), "a\xef\xbf\xbd");               /* cut off */
    expect_text(BB_SPAN("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd"); /* overlong */
    expect_text(BB_SPAN("\xe0\x80\xaf"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    expect_text(BB_SPAN("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* surrogate */
    expect_text(BB_SPAN("\xf4\x90\x80\x80"),
                "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* past U+10FFFF */
}

Test(json_write, doubles_read_back_as_themselves) {
    const double numbers[] = {0.1, 1.0 / 3, 1e300, 5e-324, 2.9, 934000.25, -0.0};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct bb_json json;
        bb_json_init(&json, &out);
        bb_json_double(&json, numbers[i]);
        bb_buffer_append_byte(&out, '\0');
        cr_expect_eq(strtod(out.data, NULL), numbers[i], "%s", out.data);
        bb_buffer_clear(&out);
    }
    struct bb_json json;
    bb_json_init(&json, &out);
    bb_json_double(&json, 0.1);
    expect("0.1");
    bb_json_init(&json, &out);
    bb_json_double(&json, NAN);
    expect("null");
    bb_json_init(&json, &out);
    bb_json_double(&json, INFINITY);
    expect("null");
}
