/* What people tell: the texts that say who and why, and the words of a story. */
#include <criterion/criterion.h>

#include "model/unit.h"
#include "service/person.h"
#include "service/story_internal.h"

static struct bb_person person(const char *name, const char *reason) {
    return (struct bb_person){bb_span_of(name), bb_span_of(reason)};
}

static void expect_source(enum bb_person_act act, const char *name, const char *reason,
                          int64_t exception, const char *expected) {
    struct bb_person told = person(name, reason), heard;
    enum bb_person_act heard_act;
    struct bb_buffer out;
    struct bb_error error;

    bb_buffer_init(&out, 4096);
    cr_assert_eq(bb_person_source_format(act, &told, exception, &out, &error), 0, "%s", error.text);
    cr_assert(bb_span_equal(bb_buffer_span(&out), bb_span_of(expected)), "\"%.*s\", not \"%s\"",
              BB_SPAN_ARGS(bb_buffer_span(&out)), expected);
    cr_assert(bb_person_source_parse(bb_buffer_span(&out), &heard_act, &heard));
    cr_assert_eq(heard_act, act);
    cr_assert(bb_span_equal(heard.name, bb_span_trim(told.name)));
    cr_assert(bb_span_starts_with(heard.reason, bb_span_trim(told.reason)));
    bb_buffer_release(&out);
}

Test(person, a_source_says_who_and_why) {
    expect_source(BB_PERSON_EDIT, "Mo", "read off", 0, "edit by Mo: read off");
    expect_source(BB_PERSON_WITHDRAW, "Mo van Dam", "no: wrong", 0,
                  "withdraw by Mo van Dam: no: wrong");
    expect_source(BB_PERSON_ACCEPT, " Mo ", " fine ", 17, "accept by Mo: fine (exception 17)");
    expect_source(BB_PERSON_ESTIMATE, "Zoë", "x", 1, "estimate by Zoë: x (exception 1)");
}

static void expect_refused(const char *name, const char *reason) {
    struct bb_person told = person(name, reason);
    struct bb_buffer out;
    struct bb_error error;

    bb_buffer_init(&out, 4096);
    cr_assert_eq(bb_person_source_format(BB_PERSON_EDIT, &told, 0, &out, &error), -BB_E_USAGE,
                 "\"%s\" \"%s\"", name, reason);
    bb_buffer_release(&out);
}

Test(person, names_and_reasons_have_bounds) {
    char long_name[BB_PERSON_NAME_MAX + 2], long_reason[BB_PERSON_REASON_MAX + 2];

    memset(long_name, 'n', sizeof long_name);
    memset(long_reason, 'r', sizeof long_reason);
    long_name[sizeof long_name - 1] = long_reason[sizeof long_reason - 1] = '\0';
    expect_refused("", "x");
    expect_refused("Mo", " \t");
    expect_refused("M:o", "x");
    expect_refused("Mo", "a\nb");
    expect_refused("M\x7fo", "x");
    expect_refused(long_name, "x");
    expect_refused("Mo", long_reason);
    long_name[BB_PERSON_NAME_MAX] = long_reason[BB_PERSON_REASON_MAX] = '\0';
    struct bb_person told = person(long_name, long_reason);
    struct bb_buffer out;
    struct bb_error error;
    bb_buffer_init(&out, 4096);
    cr_assert_eq(bb_person_source_format(BB_PERSON_EDIT, &told, 0, &out, &error), 0);
    bb_buffer_release(&out);
}

Test(person, files_are_nobody) {
    static const char *const names[] = {"",
                                        "day.csv",
                                        "edit",
                                        "edit by ",
                                        "edit by Mo",
                                        "edit by Mo:",
                                        "edit by :x",
                                        "edit by Mo:hm",
                                        "editor by Mo: x",
                                        "delete by Mo: x"};
    enum bb_person_act act;
    struct bb_person who;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_assert_not(bb_person_source_parse(bb_span_of(names[i]), &act, &who), "%s", names[i]);
}

Test(person, the_state_of_an_exception) {
    static const struct {
        int64_t closed_ms;
        const char *closed_by, *state, *name;
    } rows[] = {{BB_TIME_NONE, "", "open", ""},
                {5, "day.csv", "resolved", ""},
                {5, "", "resolved", ""},
                {5, "edit by Mo: x", "edited", "Mo"},
                {5, "accept by Mo: x (exception 1)", "accepted", "Mo"},
                {5, "estimate by Mo: x (exception 1)", "estimated", "Mo"},
                {5, "withdraw by Mo: x", "resolved", "Mo"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bb_registry_exception row = {.closed_ms = rows[i].closed_ms,
                                            .closed_by = bb_span_of(rows[i].closed_by)};
        struct bb_person who;
        cr_assert_str_eq(bb_person_exception_state(&row, &who), rows[i].state);
        cr_assert(bb_span_equal(who.name, bb_span_of(rows[i].name)));
    }
}

/* ---- the words of a story */

static struct bb_story_version version(uint8_t state, uint16_t marks, int64_t received_ms,
                                       int64_t issued_ms, int64_t line) {
    return (struct bb_story_version){.told.quality = {.state = state, .marks = marks},
                                     .recorded_ms = received_ms,
                                     .received_ms = received_ms,
                                     .issued_ms = issued_ms,
                                     .line = line};
}

Test(story, why_a_version_does_not_stand) {
    enum { M = BB_STATE_MEASURED, E = BB_STATE_EDITED, NO = BB_STATE_MISSING };
    const int64_t none = BB_TIME_NONE;
    const struct {
        struct bb_story_version loser, winner, other;
        const char *why;
    } rows[] = {
        {version(M, 0, 1, none, 1), version(M, 0, 2, none, 1), version(M, 0, 0, none, 1),
         "came earlier"},
        {version(M, 0, 2, 5, 1), version(M, 0, 1, 9, 1), version(M, 0, 0, none, 1),
         "its sender's version is older"},
        {version(M, 0, 1, none, 1), version(M, 0, 1, none, 2), version(M, 0, 0, none, 1),
         "stands earlier in the same delivery"},
        {version(M, 0, 9, none, 1), version(E, 0, 2, none, 2), version(M, 0, 0, none, 1),
         "a person's word stands over what sources tell"},
        {version(M, 0, 9, none, 1), version(M, BB_MARK_FINAL, 2, none, 2),
         version(M, 0, 0, none, 1), "gives way to a final value"},
        {version(E, 0, 2, none, 1), version(M, 0, 1, none, 1),
         version(NO, BB_MARK_WITHDRAWN, 3, none, 1), "was withdrawn"},
        {version(NO, BB_MARK_WITHDRAWN, 3, none, 1), version(M, 0, 1, none, 1),
         version(E, 0, 2, none, 1), "takes back what people told before"},
        {version(NO, BB_MARK_ACCEPTED, 2, none, 1), version(M, 0, 3, none, 1),
         version(M, 0, 1, none, 1), "gave way to a value that nobody had told then"},
        {version(M, 0, 1, 99, 1), version(M, 0, 3, none, 1),
         version(NO, BB_MARK_ACCEPTED, 2, none, 1), "was set aside by a person"},
        {version(E, 0, 2, none, 1), version(E, 0, 3, none, 1),
         version(NO, BB_MARK_WITHDRAWN, 1, none, 1), "came earlier"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bb_story_version versions[] = {rows[i].loser, rows[i].winner, rows[i].other};
        cr_assert_str_eq(bb_story_why(versions, 3, 0, 1), rows[i].why, "row %zu: %s, not %s", i,
                         bb_story_why(versions, 3, 0, 1), rows[i].why);
    }
}
