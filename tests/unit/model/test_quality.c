/* Quality: its text, what a sender may say, and which of two readings wins. */
#include <criterion/criterion.h>

#include "model/quality.h"

static void expect_text(struct bb_quality quality, const char *expected) {
    struct bb_buffer out;

    bb_buffer_init(&out, 4096);
    bb_quality_format(&quality, &out);
    cr_assert(!out.overflow);
    cr_assert(bb_span_equal(bb_buffer_span(&out), bb_span_of(expected)), "\"%.*s\", not \"%s\"",
              BB_SPAN_ARGS(bb_buffer_span(&out)), expected);
    bb_buffer_release(&out);
}

Test(quality, text) {
    expect_text((struct bb_quality){.state = BB_STATE_MEASURED}, "measured");
    expect_text((struct bb_quality){.state = BB_STATE_SUBSTITUTED, .marks = BB_MARK_FINAL},
                "substituted|final");
    expect_text((struct bb_quality){.state = BB_STATE_ESTIMATED,
                                    .method = BB_METHOD_LINEAR,
                                    .checks = 1 << BB_CHECK_GAP},
                "estimated|method:linear|check:gap");
    expect_text((struct bb_quality){.state = BB_STATE_PARTIAL, .marks = BB_MARK_ESTIMATED},
                "partial|estimated");
    expect_text((struct bb_quality){.marks = BB_MARK_UNIT_ASSUMED | BB_MARK_AMBIGUOUS_TIME},
                "measured|ambiguous_time|unit_assumed");
    expect_text((struct bb_quality){.state = BB_STATE_SUBSTITUTED, .source = "S14 79"},
                "substituted|source:S14 79");
}

/* State, marks, method, checks, source; a source of full length has no zero behind it. */
Test(quality, text_in_full) {
    struct bb_quality quality = {.state = BB_STATE_EDITED,
                                 .method = BB_METHOD_INTERPOLATED,
                                 .marks = BB_MARK_FINAL | BB_MARK_SUSPECT | BB_MARK_ROLLOVER,
                                 .checks = 1 << BB_CHECK_INTERVAL_SIZE | 1 << BB_CHECK_TIME};
    memset(quality.source, 'x', sizeof quality.source);
    expect_text(quality, "edited|final|suspect|rollover|method:interpolated|check:interval_size|"
                         "check:time|source:xxxxxxxxxxxxxxxxxxxx");
}

static struct bb_quality parsed(const char *text) {
    struct bb_quality quality;
    memset(&quality, 0xee, sizeof quality);
    cr_assert(bb_quality_parse(bb_span_of(text), &quality), "\"%s\" is refused", text);
    return quality;
}

Test(quality, what_a_sender_may_say) {
    static const struct bb_quality measured = {.state = BB_STATE_MEASURED};

    cr_assert_arr_eq(&measured, &(struct bb_quality){0}, sizeof measured);
    struct bb_quality quality = parsed("");
    cr_assert_eq(memcmp(&quality, &measured, sizeof quality), 0, "an empty text is measured");
    quality = parsed(" Measured ");
    cr_assert_eq(memcmp(&quality, &measured, sizeof quality), 0);
    quality = parsed("substituted|final");
    cr_assert(quality.state == BB_STATE_SUBSTITUTED && quality.marks == BB_MARK_FINAL);
    quality = parsed("final, suspect");
    cr_assert(quality.state == BB_STATE_MEASURED &&
              quality.marks == (BB_MARK_FINAL | BB_MARK_SUSPECT));
    quality = parsed("suspect|ESTIMATED");
    cr_assert(quality.state == BB_STATE_ESTIMATED && quality.marks == BB_MARK_SUSPECT);
    cr_assert_eq(parsed("missing").state, BB_STATE_MISSING);
    cr_assert_eq(parsed("edited").state, BB_STATE_EDITED);
}

Test(quality, anything_else_is_refused) {
    static const char *const texts[] = {
        "good",           "measured|", "|measured",       "measured||final",
        "rollover",       "partial",   "measured|edited", "check:gap",
        "measured final", ",",         "mea\xff"};
    struct bb_quality quality;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_assert(!bb_quality_parse(bb_span_of(texts[i]), &quality), "\"%s\"", texts[i]);
}

Test(quality, rank) {
    static const struct {
        struct bb_quality quality;
        int rank;
    } rows[] = {
        {{.state = BB_STATE_EDITED}, 3},
        {{.state = BB_STATE_EDITED, .marks = BB_MARK_FINAL}, 3},
        {{.state = BB_STATE_MEASURED, .marks = BB_MARK_FINAL}, 2},
        {{.state = BB_STATE_SUBSTITUTED, .marks = BB_MARK_FINAL}, 2},
        {{.state = BB_STATE_MEASURED}, 1},
        {{.state = BB_STATE_MEASURED, .marks = BB_MARK_SUSPECT}, 1},
        {{.state = BB_STATE_SUBSTITUTED}, 1},
        {{.state = BB_STATE_ESTIMATED}, 0},
        {{.state = BB_STATE_MISSING}, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_assert_eq(bb_quality_rank(&rows[i].quality), rows[i].rank, "row %zu", i);
}

Test(quality, names) {
    for (int check = 0; check < BB_CHECK_COUNT; check++)
        cr_assert_eq(bb_check_find(bb_span_of(bb_check_name(check))), check);
    cr_assert_eq(bb_check_find(BB_SPAN("nothing")), -1);
    cr_assert_str_eq(bb_state_name(BB_STATE_PARTIAL), "partial");
    cr_assert_str_eq(bb_state_name(99), "unknown");
    cr_assert_str_eq(bb_method_name(BB_METHOD_LINEAR), "linear");
}
