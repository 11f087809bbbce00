/* Side inputs: what is read, what is refused and where, and how much of it. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "model/timestamp.h"
#include "service/rules_side.h"

static int parse(const char *text, struct bb_rules_side_file *side, struct bb_error *error) {
    return bb_rules_side_parse(bb_span_of(text), "t.csv", side, error);
}

static const struct {
    const char *text;
    size_t count;
    double last; /* NaN: nothing */
} fine[] = {{"", 0, 0},
            {"time,value\n", 0, 0},
            {"2026-03-01T00:00:00Z,1.5", 1, 1.5},
            {"2026-03-01T00:00:00Z,1\r\n2026-03-01T02:00:00+01:30,-2e3\r\n", 2, -2000},
            {"zeit,wert\n\n 2026-03-01T00:00:00Z , 4 \n\n", 1, 4},
            {"2026-03-01T00:00:00Z,1\n2026-03-01T00:00:00.001Z,\n", 2, (double)NAN}};

Test(rules_side, a_series_of_times_and_values) {
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        struct bb_rules_side_file side;
        struct bb_error error;
        int64_t before = INT64_MIN;
        cr_expect_eq(parse(fine[i].text, &side, &error), 0, "%zu: %s", i, error.text);
        cr_expect_eq(side.count, fine[i].count, "%zu: %zu", i, side.count);
        for (size_t k = 0; k < side.count; k++) {
            cr_expect_gt(side.ts_ms[k], before);
            before = side.ts_ms[k];
        }
        if (side.count > 0) {
            double last = side.value[side.count - 1];
            cr_expect(isnan(fine[i].last) ? isnan(last) : last == fine[i].last, "%zu: %g", i, last);
        }
        bb_rules_side_release(&side);
    }
}

Test(rules_side, what_it_refuses_has_its_line) {
    static const struct {
        const char *text;
        uint64_t line;
    } rows[] = {{"2026-03-01T00:00:00Z,1\n2026-03-01T00:00:00Z,1\n", 2},
                {"2026-03-01T00:00:00Z,1\n\n2026-02-01T00:00:00Z,1\n", 3},
                {"2026-03-01T00:00:00Z,inf\n", 1},
                {"2026-03-01T00:00:00Z,0x10\n", 1},
                {"2026-03-01T00:00:00Z,1234567890123456789\n", 1},
                {"time,value\nlater,1\n", 2},
                {"time,value\n2026-03-01T00:00:00,1\n", 2},
                {"time,value\n2026-02-30T00:00:00Z,1\n", 2},
                {"one\n", 1}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bb_rules_side_file side;
        struct bb_error error;
        cr_expect_eq(parse(rows[i].text, &side, &error), -BB_E_RULE_SIDE, "%zu", i);
        cr_expect_eq(error.line, rows[i].line, "%zu: line %llu", i, (unsigned long long)error.line);
        bb_rules_side_release(&side);
    }
}

Test(rules_side, its_text_is_kept) {
    struct bb_rules_side_file side;
    struct bb_error error;

    cr_assert_eq(parse("t,v\n2026-03-01T00:00:00Z,1\n", &side, &error), 0);
    cr_assert(bb_span_equal((struct bb_span){side.text, side.text_size},
                            BB_SPAN("t,v\n2026-03-01T00:00:00Z,1\n")));
    bb_rules_side_release(&side);
}

Test(rules_side, as_many_values_as_there_may_be, .timeout = 60) {
    struct bb_rules_side_file side;
    struct bb_buffer text;
    struct bb_error error;
    char time[BB_TIME_TEXT_MAX];

    bb_buffer_init(&text, (size_t)BB_RULES_SIDE_BYTES_MAX * 2);
    for (int i = 0; i <= BB_RULES_SIDE_ROWS_MAX; i++) {
        if (i == BB_RULES_SIDE_ROWS_MAX) { /* so many are fine */
            cr_assert_eq(bb_rules_side_parse(bb_buffer_span(&text), "t.csv", &side, &error), 0,
                         "%s", error.text);
            cr_assert_eq(side.count, BB_RULES_SIDE_ROWS_MAX);
            bb_rules_side_release(&side);
        }
        bb_time_format_utc(i * (int64_t)BB_MINUTE_MS, time);
        bb_buffer_format(&text, "%s,%d\n", time, i % 10);
    }
    cr_assert_eq(bb_rules_side_parse(bb_buffer_span(&text), "t.csv", &side, &error),
                 -BB_E_RULE_SIDE);
    cr_assert_eq(error.line, BB_RULES_SIDE_ROWS_MAX + 1);
    bb_rules_side_release(&side);
    bb_buffer_release(&text);
}

/* A file that is too large is refused without being read whole; what is no file, without waiting for it. */
Test(rules_side, files_that_are_no_side_input, .timeout = 60) {
    char path[] = "/tmp/busbar-side-XXXXXX";
    struct bb_rules_side_file side;
    struct bb_error error;
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(ftruncate(fd, (off_t)1 << 40), 0);
    cr_assert_eq(bb_rules_side_read(path, &side, &error), -BB_E_RULE_SIDE);
    cr_assert(strstr(error.text, "64 MiB"), "%s", error.text);
    bb_rules_side_release(&side);
    close(fd);
    unlink(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(bb_rules_side_read(path, &side, &error), -BB_E_INPUT_UNREADABLE);
    bb_rules_side_release(&side);
    unlink(path);
    cr_assert_eq(bb_rules_side_read(path, &side, &error), -BB_E_INPUT_UNREADABLE);
    bb_rules_side_release(&side);
    cr_assert_eq(bb_rules_side_read("/dev/zero", &side, &error), -BB_E_INPUT_UNREADABLE);
    bb_rules_side_release(&side);
}
