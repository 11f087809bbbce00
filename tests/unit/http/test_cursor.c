/* Cursors: keys in the order of what they stand for, there and back, and no other question's. */
#include <criterion/criterion.h>

#include "http/check_names_internal.h"
#include "http/cursor_internal.h"
#include "model/quality.h"

static struct bb_buffer key_of(const char *text, int64_t number) {
    struct bb_buffer key;

    bb_buffer_init(&key, BB_HTTP_CURSOR_KEY_MAX);
    bb_http_key_text(&key, bb_span_of(text));
    bb_http_key_number(&key, number);
    return key;
}

Test(cursor, keys_are_ordered_like_their_parts) {
    static const struct {
        const char *text;
        int64_t number;
    } ascending[] = {{"", INT64_MIN}, {"", -1},   {"", 0},        {"", 1},        {"A", INT64_MAX},
                     {"A B", -5},     {"A-1", 0}, {"AA", 0},      {"B", -300},    {"B", -2},
                     {"B", 255},      {"B", 256}, {"B", 1 << 30}, {"\xc3\xa9", 0}};

    for (size_t i = 0; i + 1 < sizeof ascending / sizeof ascending[0]; i++) {
        struct bb_buffer a = key_of(ascending[i].text, ascending[i].number);
        struct bb_buffer b = key_of(ascending[i + 1].text, ascending[i + 1].number);
        cr_expect_lt(bb_span_compare(bb_buffer_span(&a), bb_buffer_span(&b)), 0, "%zu", i);
        bb_buffer_release(&a);
        bb_buffer_release(&b);
    }
}

Test(cursor, parts_come_back) {
    struct bb_buffer key = key_of("871685900012345678", -42);
    struct bb_span rest = bb_buffer_span(&key), text;
    int64_t number;

    cr_assert(bb_http_key_take_text(&rest, &text));
    cr_expect(bb_span_equal(text, BB_SPAN("871685900012345678")));
    cr_assert(bb_http_key_take_number(&rest, &number));
    cr_expect_eq(number, -42);
    cr_expect_not(bb_http_key_take_number(&rest, &number));
    cr_expect_not(bb_http_key_take_text(&rest, &text));
    bb_buffer_release(&key);
}

Test(cursor, there_and_back_for_the_same_question_alone) {
    struct bb_arena arena;
    struct bb_buffer text;
    struct bb_span back;

    bb_arena_init(&arena, 1 << 12, 1 << 20);
    bb_buffer_init(&text, 1 << 12);
    for (int64_t size = 0; size < 40; size++) {
        struct bb_buffer key = key_of(&"a name that is long enough"[size % 20], size * 1000003);
        bb_buffer_clear(&text);
        bb_http_cursor_format(7, bb_buffer_span(&key), &text);
        for (size_t i = 0; i < text.size; i++) /* needs no escape in an address */
            cr_expect(strchr("-_", text.data[i]) || (text.data[i] >= '0' && text.data[i] <= 'z'));
        cr_assert(bb_http_cursor_parse(7, bb_buffer_span(&text), &arena, &back));
        cr_expect(bb_span_equal(back, bb_buffer_span(&key)));
        cr_expect_not(bb_http_cursor_parse(8, bb_buffer_span(&text), &arena, &back));
        text.data[3] = text.data[3] == 'A' ? 'B' : 'A';
        cr_expect_not(bb_http_cursor_parse(7, bb_buffer_span(&text), &arena, &back));
        bb_buffer_release(&key);
    }
    bb_buffer_release(&text);
    bb_arena_release(&arena);
}

Test(cursor, what_is_none_is_refused) {
    static const char *const texts[] = {"1", "abc", "!!!!!!!!", "AAAA AAAA", ""};
    struct bb_arena arena;
    struct bb_span back;

    bb_arena_init(&arena, 1 << 12, 1 << 20);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_expect_not(bb_http_cursor_parse(7, bb_span_of(texts[i]), &arena, &back), "%s", texts[i]);
    bb_arena_release(&arena);
}

Test(check_names, are_those_of_the_checks_in_their_order) {
    const char *at = BB_HTTP_CHECK_NAMES;

    for (int check = 0; check < BB_CHECK_COUNT; check++) {
        size_t size = strcspn(at, "|");
        cr_expect(bb_span_equal((struct bb_span){at, size}, bb_span_of(bb_check_name(check))), "%s",
                  bb_check_name(check));
        at += size + (at[size] == '|');
    }
    cr_expect_eq(*at, '\0');
}
