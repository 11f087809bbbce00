/* Log lines, as text and as JSON. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log_line.h"

static const int64_t now_ms = 1772323200123; /* 2026-03-01T00:00:00.123Z */

static void expect_line(enum bb_log_format format, const char *message,
                        const struct bb_log_field *fields, size_t count, const char *wanted) {
    struct bb_buffer out;

    bb_buffer_init(&out, 1 << 16);
    bb_log_line_format(format, now_ms, BB_LOG_WARNING, message, fields, count, &out);
    bb_buffer_append_byte(&out, '\0');
    cr_expect_str_eq(out.data, wanted);
    bb_buffer_release(&out);
}

Test(log_line, text_is_a_line_of_words) {
    const struct bb_log_field fields[] = {
        bb_field_text("file", "p0003/0.seg"), bb_field_number("bytes", -812),
        bb_field_text("why", "torn tail \"here\"\n"), bb_field_text("empty", "")};

    expect_line(
        BB_LOG_TEXT, "the log's tail was cut", fields, 4,
        "2026-03-01T00:00:00.123Z warning the log's tail was cut file=p0003/0.seg bytes=-812 "
        "why=\"torn tail \\\"here\\\"\\n\" empty=\"\"\n");
}

Test(log_line, a_message_never_spans_lines) {
    expect_line(BB_LOG_TEXT, "two\nlines", NULL, 0,
                "2026-03-01T00:00:00.123Z warning two\\nlines\n");
}

Test(log_line, json_is_one_object) {
    const struct bb_log_field fields[] = {bb_field_text("file", "a b"),
                                          bb_field_number("bytes", 812)};

    expect_line(BB_LOG_JSON, "cut", fields, 2,
                "{\"time\":\"2026-03-01T00:00:00.123Z\",\"level\":\"warning\",\"message\":\"cut\","
                "\"file\":\"a b\",\"bytes\":812}\n");
}

/* What a logger writes to a pipe. */
static void written(const struct bb_logger *base, const struct bb_error *error, char *text,
                    size_t size) {
    struct bb_logger logger = *base;
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    logger.fd = ends[1];
    if (error)
        bb_log_error(&logger, error);
    else
        bb_log_line(&logger, BB_LOG_INFO, "hello", NULL, 0);
    close(ends[1]);
    ssize_t got = read(ends[0], text, size - 1);
    cr_assert_geq(got, 0);
    text[got] = '\0';
    close(ends[0]);
}

Test(log_line, errors_are_sentences_or_objects) {
    int64_t clock_ms = now_ms;
    struct bb_logger logger = {.clock = bb_clock_manual(&clock_ms)};
    struct bb_error error = {0};
    char text[1024];

    (void)BB_FAIL(&error, BB_E_VALUE, "NaN is not a number");
    bb_error_locate(&error, "day.csv", 412);
    written(&logger, &error, text, sizeof text);
    cr_expect_str_eq(text, "error BB-1005: NaN is not a number · day.csv line 412 · busbar explain "
                           "BB-1005\n");
    logger.format = BB_LOG_JSON;
    written(&logger, &error, text, sizeof text);
    cr_expect_str_eq(text, "{\"time\":\"2026-03-01T00:00:00.123Z\",\"level\":\"error\",\"message\":"
                           "\"NaN is not a number\",\"code\":\"BB-1005\",\"file\":\"day.csv\","
                           "\"line\":412}\n");
}

Test(log_line, what_is_below_the_level_is_passed_over) {
    int64_t clock_ms = now_ms;
    struct bb_logger logger = {.clock = bb_clock_manual(&clock_ms), .least = BB_LOG_WARNING};
    char text[256];

    written(&logger, NULL, text, sizeof text);
    cr_expect_str_empty(text);
}
