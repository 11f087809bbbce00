/* Acceptance: what a person has looked at is neither suspect nor an exception. */
#include <criterion/criterion.h>

#include "derive/acceptance.h"
#include "model/unit.h"

enum { POINTS_MAX = 8, MINUTE = BB_MINUTE_MS };

struct bench {
    struct bb_arena arena;
    struct bb_point points[POINTS_MAX];
    struct bb_attribute attributes[POINTS_MAX];
    struct bb_window window;
    struct bb_finding_list findings;
};

static void bench_init(struct bench *b) {
    memset(b, 0, sizeof *b);
    bb_arena_init(&b->arena, 1 << 12, 1 << 20);
    b->window = (struct bb_window){.points = b->points, .capacity = POINTS_MAX};
    b->findings.arena = &b->arena;
}

/* The row (start, end] in minutes. */
static struct bb_point *row(struct bench *b, int start, int end, uint8_t state, uint16_t marks) {
    size_t i = b->window.count++;

    b->attributes[i].quality = (struct bb_quality){.state = state, .marks = marks};
    b->points[i] = (struct bb_point){.start_ms = start * MINUTE,
                                     .end_ms = end * MINUTE,
                                     .attribute = &b->attributes[i],
                                     .usable = state != BB_STATE_MISSING};
    return &b->points[i];
}

static void found(struct bench *b, enum bb_check check, int at, int from, int to) {
    struct bb_finding f = {.at_ms = at * MINUTE,
                           .from_ms = from * MINUTE,
                           .to_ms = to * MINUTE,
                           .check = (uint8_t)check,
                           .hard = true};
    bb_finding_add(&b->findings, &f);
}

Test(acceptance, a_persons_value_is_neither_suspect_nor_an_exception) {
    static const struct {
        uint8_t state;
        uint16_t marks;
        bool person;
    } rows[] = {{BB_STATE_MEASURED, 0, false},
                {BB_STATE_MEASURED, BB_MARK_FINAL, false},
                {BB_STATE_MEASURED, BB_MARK_ACCEPTED, true},
                {BB_STATE_EDITED, 0, true}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench b;
        bench_init(&b);
        row(&b, 0, 15, BB_STATE_MEASURED, 0);
        struct bb_point *p = row(&b, 10, 30, rows[i].state, rows[i].marks);
        p->checks = 1u << BB_CHECK_OVERLAP | 1u << BB_CHECK_TIME;
        found(&b, BB_CHECK_OVERLAP, 30, 30, 30);
        found(&b, BB_CHECK_OVERLAP, 15, 15, 15); /* of the other one */
        bb_acceptance_apply(&b.window, 0, b.window.count, &b.findings);
        cr_assert_eq(b.findings.items[0].hard, !rows[i].person, "row %zu", i);
        cr_assert(b.findings.items[1].hard, "row %zu", i);
        cr_assert_eq(b.findings.count, 2, "evidence is kept");
        cr_assert_eq(p->checks,
                     1u << BB_CHECK_TIME | (rows[i].person ? 0 : 1u << BB_CHECK_OVERLAP));
        bb_arena_release(&b.arena);
    }
}

Test(acceptance, checks_say_nothing_of_a_row_that_says_there_is_none) {
    static const struct {
        uint16_t marks;
        bool person;
    } rows[] = {{0, false}, {BB_MARK_ACCEPTED, true}, {BB_MARK_WITHDRAWN, true}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench b;
        bench_init(&b);
        struct bb_point *p = row(&b, 0, 60, BB_STATE_MISSING, rows[i].marks);
        row(&b, 60, 75, BB_STATE_MEASURED, 0);
        p->checks = 1u << BB_CHECK_INTERVAL_SIZE;
        found(&b, BB_CHECK_INTERVAL_SIZE, 60, 60, 60);
        found(&b, BB_CHECK_TIME, 75, 75, 75);
        bb_acceptance_apply(&b.window, 0, 2, &b.findings);
        cr_assert_eq(b.findings.count, rows[i].person ? 1 : 2);
        cr_assert_eq(b.findings.items[b.findings.count - 1].check, BB_CHECK_TIME);
        cr_assert_eq(p->checks, rows[i].person ? 0 : 1u << BB_CHECK_INTERVAL_SIZE);
        bb_arena_release(&b.arena);
    }
}

/* A gap (60, 240] between two readings, and what a person said of it: stretches in minutes. */
static bool gap_is_hard(const int (*said)[2], size_t count, uint16_t marks) {
    struct bench b;

    bench_init(&b);
    row(&b, 45, 60, BB_STATE_MEASURED, 0);
    for (size_t i = 0; i < count; i++)
        row(&b, said[i][0], said[i][1], BB_STATE_MISSING, marks);
    size_t at = b.window.count;
    row(&b, 240, 255, BB_STATE_EDITED, 0); /* an edit says nothing of what is before it */
    found(&b, BB_CHECK_GAP, 255, 60, 240);
    bb_acceptance_apply(&b.window, at, at + 1, &b.findings);
    bool hard = b.findings.items[0].hard;
    bb_arena_release(&b.arena);
    return hard;
}

Test(acceptance, a_gap_is_accepted_when_all_of_it_is) {
    static const int whole[][2] = {{60, 240}}, halves[][2] = {{60, 100}, {100, 240}},
                     hole[][2] = {{60, 100}, {115, 240}}, early[][2] = {{60, 225}},
                     late[][2] = {{75, 240}}, nested[][2] = {{90, 120}, {60, 240}},
                     beyond[][2] = {{0, 240}};

    cr_assert(gap_is_hard(NULL, 0, 0));
    cr_assert_not(gap_is_hard(whole, 1, BB_MARK_ACCEPTED));
    cr_assert(gap_is_hard(whole, 1, 0), "a source that says so does not accept it");
    cr_assert(gap_is_hard(whole, 1, BB_MARK_WITHDRAWN));
    cr_assert_not(gap_is_hard(halves, 2, BB_MARK_ACCEPTED));
    cr_assert(gap_is_hard(hole, 2, BB_MARK_ACCEPTED));
    cr_assert(gap_is_hard(early, 1, BB_MARK_ACCEPTED));
    cr_assert(gap_is_hard(late, 1, BB_MARK_ACCEPTED));
    cr_assert_not(gap_is_hard(nested, 2, BB_MARK_ACCEPTED));
    cr_assert_not(gap_is_hard(beyond, 1, BB_MARK_ACCEPTED));
}
