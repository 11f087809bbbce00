/* Lines and stretches of a stream: nothing lost, whatever pieces the bytes come in. */
#include "codec/line_reader_internal.h"
#include "support/decode_dump.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const size_t pieces[] = {0, 1, 2, 3, 7, 4096};
enum { PIECES = sizeof pieces / sizeof pieces[0] };

/* All lines joined by '|'. */
static void read_lines(const char *text, size_t size, size_t piece, char *out) {
    struct decode_source source = {{text, size}, piece};
    struct bb_line_reader reader;
    struct bb_error error;
    struct bb_span line;

    cr_assert_eq(bb_line_reader_init(&reader, decode_source_input(&source), &error), 0);
    while (bb_line_reader_next(&reader, &line, &error) == BB_LINE_READ) {
        memcpy(out, line.data, line.size); /* the buffer is far larger than any text here */
        out += line.size;
        *out++ = '|';
    }
    *out = '\0';
    bb_line_reader_release(&reader);
}

Test(line_reader, lines_end_in_any_of_the_usual_ways) {
    static const struct {
        const char *text, *lines;
    } cases[] = {
        {"", ""},
        {"\n", "|"},
        {"a", "a|"},
        {"a\n", "a|"},
        {"a\r\nb", "a|b|"},
        {"a\n\nb\n", "a||b|"},
        {"\r\n\r\n", "||"},
        {"a\rb\n", "a\rb|"},
        {"\xEF\xBB\xBFhead\nx", "head|x|"},
        {"\xEF\xBB", "\xEF\xBB|"},
        {"\xEF\xBB\xBF", ""},
    };
    char lines[256];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t p = 0; p < PIECES; p++) {
            read_lines(cases[i].text, strlen(cases[i].text), pieces[p], lines);
            cr_expect_str_eq(lines, cases[i].lines, "case %zu in pieces of %zu", i, pieces[p]);
        }
}

Test(line_reader, a_line_may_be_longer_than_the_window_but_not_than_16_mib) {
    const size_t longest = BB_LINE_MAX_BYTES;
    char *text = malloc(longest + 2);
    struct bb_line_reader reader;
    struct bb_error error;
    struct bb_span line;

    memset(text, 'x', longest + 1);
    text[longest] = '\n';
    struct decode_source source = {{text, longest + 1}, 0};
    cr_assert_eq(bb_line_reader_init(&reader, decode_source_input(&source), &error), 0);
    cr_assert_eq(bb_line_reader_next(&reader, &line, &error), BB_LINE_READ);
    cr_expect_eq(line.size, longest);
    cr_expect_eq(bb_line_reader_next(&reader, &line, &error), BB_LINE_END);
    bb_line_reader_release(&reader);

    text[longest] = 'x';
    text[longest + 1] = '\n';
    source = (struct decode_source){{text, longest + 2}, 0};
    cr_assert_eq(bb_line_reader_init(&reader, decode_source_input(&source), &error), 0);
    cr_expect_eq(bb_line_reader_next(&reader, &line, &error), -(int)BB_E_LINE_TOO_LONG);
    cr_expect_eq(error.line, 1);
    bb_line_reader_release(&reader);
    free(text);
}

Test(line_reader, stretches_hold_every_byte_once) {
    static const char text[] = "one\ntwo, a longer one\n\nthree\nlast without end";

    for (size_t p = 0; p < PIECES; p++)
        for (size_t leave = 1; leave < 6; leave++) { /* bytes left unused each time */
            struct decode_source source = {{text, sizeof text - 1}, pieces[p]};
            struct bb_line_reader reader;
            struct bb_stretch stretch;
            struct bb_error error;
            char seen[128] = "";
            size_t used = 0, total = 0;
            cr_assert_eq(bb_line_reader_init(&reader, decode_source_input(&source), &error), 0);
            while (bb_line_reader_stretch(&reader, used, &stretch, &error) == BB_LINE_READ) {
                used = stretch.bytes.size;
                if (!stretch.last)
                    used = used > leave ? used - leave : 0;
                memcpy(seen + total, stretch.bytes.data, used);
                total += used;
            }
            cr_expect_eq(total, sizeof text, "an end is added to the last line");
            cr_expect_eq(memcmp(seen, text, sizeof text - 1), 0);
            cr_expect_eq(seen[sizeof text - 1], '\n');
            bb_line_reader_release(&reader);
        }
}

static int fail_to_read(void *context, void *data, size_t capacity, size_t *got,
                        struct bb_error *error) {
    (void)context;
    (void)data;
    (void)capacity;
    *got = 0;
    return BB_FAIL(error, BB_E_CONTAINER, "it ends too early");
}

Test(line_reader, an_error_of_the_input_is_passed_up) {
    struct bb_line_reader reader;
    struct bb_stretch stretch;
    struct bb_error error;
    struct bb_span line;

    cr_assert_eq(bb_line_reader_init(&reader, (struct bb_input){fail_to_read, NULL}, &error), 0);
    cr_expect_eq(bb_line_reader_next(&reader, &line, &error), -(int)BB_E_CONTAINER);
    cr_expect_eq(bb_line_reader_stretch(&reader, 0, &stretch, &error), -(int)BB_E_CONTAINER);
    bb_line_reader_release(&reader);
}
