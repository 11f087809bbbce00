/* NDJSON and arrays of objects: strict JSON, keys in any order, known forms and strangers alike. */
#include "base/random.h"
#include "codec/json_scan_internal.h"
#include "support/text_decode.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct decode_dump dump;
static struct text_decode how;

static void set_up(void) {
    how = (struct text_decode){.format = &bb_format_ndjson, .interval_s = 900};
}

static void release(void) {
    decode_dump_release(&dump);
}

static void decode(const char *text) {
    decode_dump_release(&dump);
    text_decode(&dump, &how, bb_span_of(text));
}

TestSuite(ndjson, .init = set_up, .fini = release);

#define ASSERT_STATUS(wanted)   cr_assert_eq(dump.status, wanted, "%s", dump.error.text)
#define ASSERT_REFUSED(text)    cr_assert_str_eq(text_decode_refusals(&dump), text)
#define ASSERT_READING(n, text) cr_assert_str_eq(decode_dump_line(&dump.readings, n), text)
#define LINE                                                                                       \
    "{\"usage_point\":\"A\",\"channel\":\"1.8.0\",\"timestamp\":\"2026-03-01T00:15:00Z\","         \
    "\"value\":1.50,\"unit\":\"kWh\"}"
#define A_READING                                                                                  \
    "A,1.8.0,register,900,2026-03-01T00:15:00Z,2026-03-01T00:15:00Z,1.50,kWh,measured,-,1"

Test(ndjson, an_object_is_a_reading_in_any_writing) {
    static const char *const texts[] = {
        LINE,
        LINE "\n",
        LINE " \r\n\n",
        "\xEF\xBB\xBF" LINE,
        "{ \"meter\" : \"A\" , \"register\":\"1.8.0\",\"time\":\"2026-03-01T01:15:00+01:00\","
        "\"value\":\"1.50\" ,\"unit\":\"KWH\" }",
        "{\"value\":1.50,\"unit\":\"kWh\",\"ean\":\"A\",\"obis\":\"1.8.0\","
        "\"end\":\"2026-03-01T00:15:00Z\",\"extra\":{\"a\":[1,{\"b\":null}],\"c\":\"\\u00e9\"}}",
        "{\"usage_point\":\"\\u0041\",\"channel\":\"1\\u002e8.0\",\"time\":\"2026-03-01T00:15:00Z\","
        "\"value\":1.50,\"unit\":\"k\\u0057h\",\"quality\":null,\"kind\":\"\"}",
        "[" LINE "]",
        " [\n" LINE "\n]\n",
        "{\"meter\":\"X\",\"usage_point\":\"A\",\"channel\":\"1.8.0\",\"timestamp\":"
        "\"2026-03-01T00:15:00Z\",\"value\":1.50,\"unit\":\"kWh\"}",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        decode(texts[i]);
        cr_assert_eq(dump.status, 0, "case %zu: %s", i, dump.error.text);
        cr_assert_eq(dump.refusal_count, 0, "case %zu: %s", i, dump.refusals.data);
        ASSERT_READING(0, A_READING);
        cr_assert_eq(dump.reading_count, 1);
    }
}

Test(ndjson, names_may_be_numbers_and_null_is_missing) {
    decode("{\"ean\":871685900012345678,\"obis\":\"1.29.0\",\"time\":\"2026-03-01T00:15:00Z\","
           "\"value\":null,\"unit\":\"kWh\",\"quality\":\"missing\"}");
    ASSERT_REFUSED("");
    ASSERT_READING(0, "871685900012345678,1.29.0,interval,900,2026-03-01T00:00:00Z,"
                      "2026-03-01T00:15:00Z,,kWh,missing,-,1");
}

Test(ndjson, bad_lines_are_refused_and_the_rest_is_read) {
    static const struct {
        const char *line;
        int code;
    } cases[] = {
        {"x", BB_E_SYNTAX},
        {"[" LINE "]", BB_E_SYNTAX}, /* an array is one for the whole file */
        {"{}x", BB_E_SYNTAX},
        {LINE ",", BB_E_SYNTAX},
        {LINE LINE, BB_E_SYNTAX},
        {"{\"usage_point\":\"A\"", BB_E_SYNTAX},
        {"{\"usage_point\":\"A", BB_E_SYNTAX},
        {"{\"usage_point\":\"A\",}", BB_E_SYNTAX},
        {"{\"usage_point\" \"A\"}", BB_E_SYNTAX},
        {"{usage_point:\"A\"}", BB_E_SYNTAX},
        {"{\"usage_point\":\"A\t\"}", BB_E_SYNTAX},
        {"{\"usage_point\":\"\\x\"}", BB_E_SYNTAX},
        {"{\"usage_point\":\"\\u12g4\"}", BB_E_SYNTAX},
        {"{\"usage_point\":\"\\ud800\"}", BB_E_SYNTAX},
        {"{\"value\":01}", BB_E_SYNTAX},
        {"{\"value\":1.}", BB_E_SYNTAX},
        {"{\"value\":.5}", BB_E_SYNTAX},
        {"{\"value\":+1}", BB_E_SYNTAX},
        {"{\"value\":NaN}", BB_E_SYNTAX},
        {"{\"value\":-}", BB_E_SYNTAX},
        {"{\"value\":1,\"value\":2}", BB_E_SYNTAX},
        {"{\"meter\":\"A\",\"ean\":\"A\"}", BB_E_SYNTAX},
        {"{}", BB_E_FIELD_MISSING},
        {"{\"usage_point\":\"A\",\"channel\":\"1.8.0\",\"timestamp\":\"2026-03-01T00:15:00Z\"}",
         BB_E_FIELD_MISSING},
        {"{\"usage_point\":\"A\",\"channel\":null,\"timestamp\":\"2026-03-01T00:15:00Z\","
         "\"value\":1}",
         BB_E_FIELD_MISSING},
        {"{\"usage_point\":\"A\",\"channel\":\"1.8.0\",\"timestamp\":\"2026-03-01T00:15:00Z\","
         "\"value\":true}",
         BB_E_VALUE},
        {"{\"usage_point\":\"A\",\"channel\":\"1.8.0\",\"timestamp\":\"2026-03-01T00:15:00Z\","
         "\"value\":[1]}",
         BB_E_VALUE},
        {"{\"usage_point\":\"A\",\"channel\":\"1.8.0\",\"timestamp\":\"2026-03-01T00:15:00Z\","
         "\"value\":\"1,5\"}",
         BB_E_VALUE},
        {"{\"usage_point\":\"A\",\"channel\":\"1.8.0\",\"timestamp\":\"2026-03-01T00:15:00Z\","
         "\"value\":1e999}",
         BB_E_VALUE},
        {"{\"usage_point\":{\"a\":1},\"channel\":\"1.8.0\",\"timestamp\":\"2026-03-01T00:15:00Z\","
         "\"value\":1}",
         BB_E_SYNTAX},
        {"{\"usage_point\":\"A\",\"channel\":\"1.8.0\",\"timestamp\":1772323200,\"value\":1}",
         BB_E_TIME},
        {"{\"usage_point\":\"A\\u0000\",\"channel\":\"1.8.0\",\"timestamp\":"
         "\"2026-03-01T00:15:00Z\",\"value\":1}",
         BB_E_ENCODING},
        {"{\"usage_point\":\"A\xff\",\"channel\":\"1.8.0\",\"timestamp\":"
         "\"2026-03-01T00:15:00Z\",\"value\":1}",
         BB_E_ENCODING},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024], refused[32];
        snprintf(text, sizeof text, LINE "\n%s\n" LINE "\n", cases[i].line);
        decode(text);
        snprintf(refused, sizeof refused, "2:%d", cases[i].code);
        cr_expect_eq(dump.status, 0, "%s", cases[i].line);
        cr_expect_str_eq(text_decode_refusals(&dump), refused, "%s: %s", cases[i].line,
                         dump.refusals.data);
        cr_expect_eq(dump.reading_count, 2, "%s", cases[i].line);
    }
}

Test(ndjson, values_are_nested_only_so_deep) {
    char text[2048] = "{\"a\":";

    memset(text + 5, '[', 1000);
    text[1005] = '\0';
    decode(text);
    ASSERT_REFUSED("1:1004");
    cr_assert(strstr(dump.refusals.data, "deep"));
}

Test(ndjson, objects_of_an_array_are_counted) {
    decode("[" LINE ",\n{\"value\":1,},\n7,\"x\"," LINE "]");
    ASSERT_STATUS(0);
    ASSERT_REFUSED("2:1004 3:1004 4:1004");
    ASSERT_READING(1, "A,1.8.0,register,900,2026-03-01T00:15:00Z,2026-03-01T00:15:00Z,1.50,kWh,"
                      "measured,-,5");
}

Test(ndjson, an_array_must_be_whole) {
    static const char *const texts[] = {"[" LINE,
                                        "[" LINE ",",
                                        "[" LINE "]]",
                                        "[" LINE "][" LINE "]",
                                        "[" LINE " " LINE "]",
                                        "[" LINE "]" LINE,
                                        "[" LINE ",]",
                                        "[" LINE ",{\"a\":1",
                                        "[",
                                        "[" LINE ",1,,2]"};

    for (how.piece = 0; how.piece < 5; how.piece++)
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            decode(texts[i]);
            cr_expect_eq(dump.status, -(int)BB_E_SYNTAX, "%s in pieces of %zu", texts[i],
                         how.piece);
        }
    decode("[]");
    ASSERT_STATUS(0);
    decode(" \n ");
    ASSERT_STATUS(-(int)BB_E_INPUT_EMPTY);
}

Test(ndjson, any_pieces_give_the_same) {
    static const char *const texts[] = {
        LINE "\n\n" LINE "\n{\"bad\n" LINE "\r\nbad\n" LINE,
        "[" LINE "," LINE ",\n{\"value\":1,},7," LINE " , " LINE "\n]\n",
        "[[88888888888],\"text\"," LINE "]", /* pieces of 7: the first ends with a stretch */
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *first = NULL;
        for (how.piece = 0; how.piece < 12; how.piece++) {
            char both[4096];
            decode(texts[i]);
            ASSERT_STATUS(0);
            cr_assert_eq(dump.refusal_count, 2);
            snprintf(both, sizeof both, "%s%s", dump.readings.data, dump.refusals.data);
            if (first)
                cr_expect_str_eq(both, first, "pieces of %zu", how.piece);
            else
                first = strdup(both);
        }
        free(first);
    }
}

/* ---- forms ---- */

/* Lines of several writers, of which each keeps its form; `padded` lines have blanks around, in
 * varying number, so that none has the form of another. */
static char *random_lines(uint64_t seed, bool padded) {
    static const char *const forms[] = {
        "{\"usage_point\":\"M%u\",\"channel\":\"1.8.0\",\"timestamp\":\"%s\",\"value\":%s,"
        "\"unit\":\"kWh\"%s}\n",
        "{\"meter\":\"%u\", \"channel\": \"1.29.0\", \"time\": \"%s\", \"value\": \"%s\"%s}\n",
        "{\"device\":\"D\\u0031%u\",\"register\":\"1.8.0\",\"note\":[1,2],\"end\":\"%s\","
        "\"value\":%s,\"quality\":\"estimated\"%s}\n",
        "{\"x\":null,\"ean\":%u,\"obis\":\"2.8.0\",\"start\":\"%s\",\"value\":%s,\"unit\":\"Wh\"%s}"
        "\n",
        "{\"a\":{\"b\":1},\"nmi\":\"N\xc3\xa9%u\",\"channel\":\"1.8.0\",\"time\":\"%s\",\"value\":%s"
        "%s}\n",
        "{\"usage_point\":\"%u\",\"channel\":\"1.8.0\",\"timestamp\":\"%s\",\"value\":%s,\"t\":12"
        "%s}\n",
    };
    static const char *const values[] = {"0.123",         "12",  "-1.5", "null",
                                         "123456789.123", "1e2", "0",    "1000000"};
    enum { LINES = 300, LINE_BYTES = 200 };
    char *text = malloc(LINES * LINE_BYTES), *at = text, time[40], blanks[24] = "";
    struct bb_random random;

    bb_random_seed(&random, seed);
    for (int i = 0; i < LINES; i++) {
        unsigned form = (unsigned)bb_random_below(&random, bb_random_below(&random, 4) ? 2 : 6);
        snprintf(time, sizeof time, "2026-03-%02uT%02u:15:00Z",
                 (unsigned)bb_random_below(&random, 33), (unsigned)bb_random_below(&random, 24));
        if (padded)
            snprintf(blanks, sizeof blanks, "%*s", 1 + i % 20, "");
        at += snprintf(at, LINE_BYTES, forms[form], (unsigned)bb_random_below(&random, 1000), time,
                       values[bb_random_below(&random, 8)], blanks);
    }
    return text;
}

Test(ndjson, known_forms_say_what_strangers_say) {
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct decode_dump other;
        char *text = random_lines(seed, false);
        decode(text);
        free(text);
        text = random_lines(seed, true);
        text_decode(&other, &how, bb_span_of(text));
        free(text);
        cr_expect_str_eq(dump.readings.data, other.readings.data, "seed %d", (int)seed);
        cr_expect_str_eq(dump.refusals.data, other.refusals.data, "seed %d", (int)seed);
        cr_expect_eq(dump.reading_count + dump.refusal_count, 300);
        cr_expect_gt(dump.reading_count, 200);
        decode_dump_release(&other);
    }
}

Test(ndjson, a_line_that_nearly_has_the_form_is_read_on_its_own) {
    decode(LINE
           "\n" LINE "\n"
           "{\"usage_point\":\"A\",\"channel\":\"1.8.0\",\"timestamp\":\"2026-03-01T00:15:00Z\","
           "\"valuf\":1.50,\"unit\":\"kWh\"}\n"
           "{\"usage_point\":\"B\\\"\",\"channel\":\"1.8.0\",\"timestamp\":"
           "\"2026-03-01T00:15:00Z\",\"value\":1.50,\"unit\":\"kWh\"}\n"
           "{\"usage_point\":\"A\",\"channel\":\"1.8.0\",\"timestamp\":\"2026-03-01T00:15:00Z\","
           "\"value\":00.5,\"unit\":\"kWh\"}\n"
           "{\"usage_point\":\"A\",\"channel\":\"1.8.0\",\"timestamp\":\"2026-03-01T00:15:00Z\","
           "\"value\":1.5e1,\"unit\":\"kWh\"}\n"
           "{\"usage_point\":\"A\",\"channel\":\"1.8.0\",\"timestamp\":\"2026-03-01T00:15:00Z\","
           "\"value\":\"1.50\",\"unit\":\"kWh\"}\n" LINE "x\n" LINE "\n");
    ASSERT_STATUS(0);
    ASSERT_REFUSED("3:1009 5:1004 8:1004");
    ASSERT_READING(2, "B\",1.8.0,register,900,2026-03-01T00:15:00Z,2026-03-01T00:15:00Z,1.50,kWh,"
                      "measured,-,4");
    ASSERT_READING(3, "A,1.8.0,register,900,2026-03-01T00:15:00Z,2026-03-01T00:15:00Z,15,kWh,"
                      "measured,-,6");
    cr_assert_eq(dump.reading_count, 6);
}

/* ---- the scanner itself ---- */

Test(json_scan, texts_are_translated) {
    static const struct {
        const char *json, *text; /* NULL: refused */
    } cases[] = {
        {"\"\"", ""},
        {"\"plain text of more than sixteen bytes\"", "plain text of more than sixteen bytes"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u20ac\\ud834\\udd1e\\u007f\"", "\xe2\x82\xac\xf0\x9d\x84\x9e\x7f"},
        {"\"a\\u00e9\"", "a\xc3\xa9"},
        {"\"\\ud834\"", NULL},
        {"\"\\udd1e\"", NULL},
        {"\"\\ud834\\u0041\"", NULL},
        {"\"\\u12\"", NULL},
        {"\"\\", NULL},
        {"\"abc", NULL},
        {"\"a\nb\"", NULL},
        {"\"\\'\"", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char padded[128] = "";
        struct bb_arena arena;
        struct bb_cell cell = {0};
        snprintf(padded, sizeof padded - 64, "%s\n", cases[i].json);
        bb_arena_init(&arena, 4096, 1 << 20);
        struct bb_json_scan json = {.at = padded, .one_line = true, .unescaped = &arena};
        bool good = bb_json_scan_value(&json, &cell);
        cr_expect_eq(good, cases[i].text != NULL, "%s", cases[i].json);
        if (good && cases[i].text)
            cr_expect(bb_span_equal(bb_cell_span(cell), bb_span_of(cases[i].text)), "%s",
                      cases[i].json);
        bb_arena_release(&arena);
    }
}

Test(json_scan, the_end_of_a_broken_object_is_found_by_its_brackets) {
    static const char text[] = "{\"a\":[1,{\"}\":\"\\\"]\"}],,} tail";

    cr_expect_eq(bb_json_scan_end(text, text + sizeof text - 1), text + sizeof text - 6);
    cr_expect_null(bb_json_scan_end(text, text + 12));
}

/* ---- what is learnt of series, from run to run */

struct bytes {
    struct bb_span left;
};

static int read_bytes(void *context, void *data, size_t capacity, size_t *got,
                      struct bb_error *error) {
    struct bytes *b = context;

    (void)error;
    *got = b->left.size < capacity ? b->left.size : capacity;
    memcpy(data, b->left.data, *got);
    b->left = (struct bb_span){b->left.data + *got, b->left.size - *got};
    return 0;
}

struct seen {
    uint32_t readings, rejected, asked;
    uint64_t series; /* bit per index */
};

static int see_batch(void *context, struct bb_batch *batch, struct bb_error *error) {
    struct seen *seen = context;

    (void)error;
    seen->readings += batch->count;
    for (uint32_t i = 0; i < batch->count; i++)
        seen->series |= UINT64_C(1) << batch->series[i];
    return 0;
}

static int see_reject(void *context, const struct bb_error *reason, struct bb_error *error) {
    (void)reason;
    (void)error;
    ((struct seen *)context)->rejected++;
    return 0;
}

static void answer_interval(void *context, struct bb_series *series) {
    ((struct seen *)context)->asked++;
    series->kind = BB_KIND_INTERVAL;
    series->interval_s = 900;
}

static struct seen run_with(struct bb_series_memory *memory, struct bb_series_table *table,
                            const char *text) {
    struct seen seen = {0};
    struct bytes bytes = {bb_span_of(text)};
    struct bb_error error;
    const struct bb_decode_options options = {.source = "x",
                                              .received_ms = INT64_C(1893456000000),
                                              .resolve = answer_interval,
                                              .resolve_context = &seen,
                                              .memory = memory};
    const struct bb_decode_sink sink = {see_batch, see_reject, &seen};

    cr_assert_eq(bb_format_ndjson.decode((struct bb_input){read_bytes, &bytes}, &options, table,
                                         &sink, &error),
                 0, "%s", error.text);
    return seen;
}

#define TOLD(up, value)                                                                            \
    "{\"usage_point\":\"" up "\",\"channel\":\"c\",\"timestamp\":\"2026-03-01T00:15:00Z\","        \
    "\"value\":" value ",\"unit\":\"kWh\"}\n"

Test(ndjson, series_are_asked_for_once_while_they_are_remembered) {
    struct bb_series_memory *memory = bb_series_memory_new();
    struct bb_series_table table;
    struct seen seen;

    bb_series_table_init(&table, 1 << 20);
    seen = run_with(memory, &table, TOLD("A", "1") TOLD("B", "2") TOLD("A", "3"));
    cr_expect_eq(seen.readings, 3);
    cr_expect_eq(seen.asked, 2);
    seen = run_with(memory, &table, TOLD("B", "4") TOLD("C", "x") TOLD("C", "5"));
    cr_expect_eq(seen.readings, 2);
    cr_expect_eq(seen.rejected, 1);
    cr_expect_eq(seen.asked, 1, "C alone is new");
    cr_expect_eq(seen.series, 1u << 1 | 1u << 2);
    bb_series_memory_clear(memory);
    bb_series_table_clear(&table);
    seen = run_with(memory, &table, TOLD("B", "6"));
    cr_expect_eq(seen.asked, 1);
    cr_expect_eq(seen.series, 1u << 0);
    bb_series_table_release(&table);
    bb_series_memory_free(memory);
}
