/* The port "sink": one suite, every adapter.
 *
 * A world of values changes; its records are told, and in the end the other system has to hold what the world holds, whatever
 * happened on the way. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "contract/sink_fixture.h"

static void with(const struct sink_subject *subject, void (*promise)(struct sink_fixture *f)) {
    struct sink_fixture f;

    sink_fixture_init(&f, subject);
    promise(&f);
    sink_fixture_release(&f);
}

/* A test of each adapter, so that one that cannot be had here is skipped by name. */
#define EACH_SINK(promise)                                                                         \
    Test(sink_memory, promise, .timeout = 200) {                                                   \
        with(&sink_memory_subject, promise);                                                       \
    }                                                                                              \
    Test(sink_webhook, promise, .timeout = 200) {                                                  \
        with(&sink_webhook_subject, promise);                                                      \
    }                                                                                              \
    Test(sink_redshift, promise, .timeout = 200) {                                                 \
        with(&sink_redshift_subject, promise);                                                     \
    }                                                                                              \
    Test(sink_kafka, promise, .timeout = 200) {                                                    \
        with(&sink_kafka_subject, promise);                                                        \
    }                                                                                              \
    Test(sink_dynamodb, promise, .timeout = 200) {                                                 \
        with(&sink_dynamodb_subject, promise);                                                     \
    }

static void tells_all(struct sink_fixture *f) {
    sink_expect_position(f, 0, 0);
    sink_make(f, 300);
    cr_expect_eq(sink_deliver(f, 64), 0, "%s: %s", f->subject->name, f->error.text);
    sink_expect_position(f, 0, 300);
    sink_expect_world(f, "all at once");
    sink_reopen(f, 0);
    sink_expect_position(f, 0, 300);
    sink_make(f, 100);
    sink_deliver(f, 1000);
    sink_expect_world(f, "after it was opened anew");
}

EACH_SINK(tells_all)

static void counts_partitions_apart(struct sink_fixture *f) {
    const struct bb_sink_ops *ops = f->sinks[0]->ops;
    uint64_t at = 9;

    sink_make(f, 20);
    sink_deliver(f, 20);
    cr_assert_eq(ops->position(f->sinks[0], 2, &at, &f->error), 0, "%s", f->error.text);
    cr_expect_eq(at, 0, "%s", f->subject->name);
    sink_expect_position(f, 0, 20);
}

EACH_SINK(counts_partitions_apart)

static void moves_on_behind_what_it_does_not_use(struct sink_fixture *f) {
    struct bb_outbox_record records[30];

    for (size_t i = 0; i < 30; i++)
        do
            records[i] = change_world_other(&f->world, 1000 + (int64_t)i);
        while (records[i].kind != BB_OUTBOX_CHANGED);
    cr_assert_eq(f->sinks[0]->ops->apply(f->sinks[0], 1, 0, records, 30, &f->error), 0, "%s",
                 f->error.text);
    sink_expect_position(f, 0, 30);
    sink_expect_world(f, "nothing of use");
}

EACH_SINK(moves_on_behind_what_it_does_not_use)

static void says_when_it_stands_elsewhere(struct sink_fixture *f) {
    sink_make(f, 40);
    cr_assert_eq(sink_apply(f, 0, 0, 20), BB_SINK_DONE, "%s", f->error.text);
    cr_expect_eq(sink_apply(f, 0, 0, 20), BB_SINK_MOVED, "%s: a call repeated", f->subject->name);
    cr_expect_eq(sink_apply(f, 0, 30, 10), BB_SINK_MOVED, "%s: a gap", f->subject->name);
    sink_expect_position(f, 0, 20);
    cr_assert_eq(sink_apply(f, 0, 20, 20), BB_SINK_DONE, "%s", f->error.text);
    sink_expect_world(f, "after calls that were too early and too late");
}

EACH_SINK(says_when_it_stands_elsewhere)

/* The older one was stopped, and goes on later as if nothing had been. */
static void two_do_no_harm(struct sink_fixture *f) {
    sink_make(f, 90);
    cr_assert_eq(sink_apply(f, 0, 0, 30), BB_SINK_DONE, "%s", f->error.text);
    sink_reopen(f, 1);
    sink_expect_position(f, 1, 30);
    cr_assert_eq(sink_apply(f, 1, 30, 30), BB_SINK_DONE, "%s", f->error.text);
    cr_expect_eq(sink_apply(f, 0, 30, 30), BB_SINK_MOVED, "%s: told twice", f->subject->name);
    sink_expect_position(f, 0, 60);
    cr_assert_eq(sink_apply(f, 0, 60, 30), BB_SINK_DONE, "%s", f->error.text);
    cr_expect_eq(sink_apply(f, 1, 60, 30), BB_SINK_MOVED, "%s: told twice", f->subject->name);
    sink_expect_position(f, 1, 90);
    sink_expect_world(f, "of two");
}

EACH_SINK(two_do_no_harm)

/* The partition went to another one and comes back, without a word in between. */
static void goes_on_where_another_one_stopped(struct sink_fixture *f) {
    sink_make(f, 90);
    cr_assert_eq(sink_apply(f, 0, 0, 30), BB_SINK_DONE, "%s", f->error.text);
    sink_reopen(f, 1);
    cr_assert_eq(sink_apply(f, 1, 30, 30), BB_SINK_DONE, "%s", f->error.text);
    cr_expect_eq(sink_deliver(f, 30), 0, "%s: %s", f->subject->name, f->error.text);
    sink_expect_position(f, 0, 90);
    sink_expect_world(f, "of one, another one, and the one again");
}

EACH_SINK(goes_on_where_another_one_stopped)

static void survives_cuts(struct sink_fixture *f) {
    if (f->subject->bytes_of_apply == 0)
        return;
    for (int i = 0; i < 25; i++) {
        sink_make(f, 12);
        cut_proxy_arm(f->proxy, bb_random_below(&f->world.random, f->subject->bytes_of_apply));
        sink_deliver(f, 6);
    }
    cr_expect_geq(cut_proxy_cuts(f->proxy), 10, "%s: the plan never came to pass",
                  f->subject->name);
    sink_expect_position(f, 0, f->count);
    sink_expect_world(f, "after cuts");
}

EACH_SINK(survives_cuts)

/* Those without a bookmark never ask it, and pass. */
static void survives_lost_bookmarks(struct sink_fixture *f) {
    for (uint64_t i = 0; i < 10; i++) {
        sink_make(f, 20);
        f->bookmarks.plan = (struct bb_fault_plan){.fail_at = 1 + i % 3, .before = i % 2};
        sink_deliver(f, 10);
    }
    sink_expect_position(f, 0, f->count);
    sink_expect_world(f, "after bookmarks were lost");
}

EACH_SINK(survives_lost_bookmarks)

/* The decorator over each of them: a call that fails before or after it was done. */
static void survives_planned_faults(struct sink_fixture *f) {
    struct bb_fault_plan plan = {.code = BB_E_SINK_AWAY};
    struct bb_sink *inner = f->sinks[0], *fault = bb_sink_fault_wrap(inner, &plan);
    uint64_t at = 0;

    sink_make(f, 60);
    for (uint64_t n = 1; at < f->count; n++) {
        plan = (struct bb_fault_plan){
            .code = BB_E_SINK_AWAY, .fail_at = n % 4, .before = n % 8 < 4};
        int result = fault->ops->position(fault, 1, &at, &f->error);
        if (result == 0 && at < f->count)
            result = fault->ops->apply(fault, 1, at, f->records + at,
                                       f->count - at < 10 ? f->count - at : 10, &f->error);
        cr_assert(result >= 0 || (f->error.retriable && f->error.code == BB_E_SINK_AWAY), "%s: %s",
                  f->subject->name, f->error.text);
        cr_assert_lt(n, 100);
        at = 0;
        cr_assert_eq(inner->ops->position(inner, 1, &at, &f->error), 0);
    }
    fault->ops->close(fault);
    sink_expect_world(f, "after planned faults");
}

EACH_SINK(survives_planned_faults)

static void takes_ten_thousand(struct sink_fixture *f) {
    sink_make(f, 10000);
    cr_expect_eq(sink_deliver(f, 4096), 0, "%s: %s", f->subject->name, f->error.text);
    sink_expect_position(f, 0, 10000);
    sink_expect_world(f, "10,000 records");
}

EACH_SINK(takes_ten_thousand)

static void names_what_it_cannot_read(struct sink_fixture *f) {
    sink_make(f, 10);
    while (f->records[4].kind != BB_OUTBOX_VALUES)
        f->records[4] = change_world_step(&f->world, 5);
    struct bb_outbox_record whole = f->records[4];
    f->records[4].body.size -= 3;
    cr_assert_lt(sink_apply(f, 0, 0, 10), 0, "%s", f->subject->name);
    cr_expect_not(f->error.retriable, "%s: %s", f->subject->name, f->error.text);
    cr_expect(strstr(f->error.source, "record 5 of partition 1") != NULL, "%s: %s | %s",
              f->subject->name, f->error.text, f->error.source);
    f->records[4] = whole;
    sink_deliver(f, 10);
    sink_expect_world(f, "after it was mended");
}

EACH_SINK(names_what_it_cannot_read)

static void checks(struct sink_fixture *f) {
    cr_expect_eq(f->sinks[0]->ops->check(f->sinks[0], &f->error), 0, "%s: %s", f->subject->name,
                 f->error.text);
    sink_expect_position(f, 0, 0);
    sink_expect_world(f, "a look changes nothing");
}

EACH_SINK(checks)

/* ---- dead letters ---------------------------------------------------------------------------- */

enum { LETTERS = 40 };

static void make_letters(struct bb_letter *letters, size_t count) {
    for (size_t i = 0; i < count; i++)
        letters[i] = (struct bb_letter){.id = 1000 + i * 7,
                                        .tenant = BB_SPAN("t"),
                                        .source = BB_SPAN("kafka"),
                                        .topic = BB_SPAN("readings"),
                                        .offset = i,
                                        .code = 1016,
                                        .reason = BB_SPAN("no JSON"),
                                        .value = BB_SPAN("\xff\xfe"),
                                        .value_bytes = 2};
}

static int apply_letters(struct sink_fixture *f, size_t i, uint64_t from, uint64_t to) {
    struct bb_letter letters[LETTERS];

    make_letters(letters, LETTERS);
    return f->sinks[i]->ops->apply_letters(f->sinks[i], from, to, letters + from, to - from,
                                           &f->error);
}

static void expect_letters(struct sink_fixture *f, size_t i, uint64_t expected) {
    uint64_t ids[4 * LETTERS], at = UINT64_MAX;

    cr_assert_eq(f->sinks[i]->ops->letter_position(f->sinks[i], &at, &f->error), 0, "%s: %s",
                 f->subject->name, f->error.text);
    cr_expect_eq(at, expected, "%s stands at %llu", f->subject->name, (unsigned long long)at);
    size_t count = f->subject->letters(f, ids, 4 * LETTERS);
    cr_assert_eq(count, expected, "%s: %zu letters", f->subject->name, count);
    for (size_t n = 0; n < count; n++)
        cr_expect_eq(ids[n], 1000 + n * 7, "%s: letter %zu", f->subject->name, n);
}

/* Here a position is the number of letters before it. */
static void tells_letters(struct sink_fixture *f) {
    const struct bb_sink_ops *ops = f->sinks[0]->ops;

    cr_expect_eq(ops->apply_letters != NULL, f->subject->letters != NULL);
    cr_expect_eq(ops->letter_position != NULL, f->subject->letters != NULL);
    if (!f->subject->letters)
        return;
    cr_assert_eq(apply_letters(f, 0, 0, 10), BB_SINK_DONE, "%s", f->error.text);
    cr_expect_eq(apply_letters(f, 0, 0, 10), BB_SINK_MOVED, "%s: repeated", f->subject->name);
    cr_expect_eq(apply_letters(f, 0, 20, 30), BB_SINK_MOVED, "%s: a gap", f->subject->name);
    expect_letters(f, 0, 10);
    sink_make(f, 20);
    sink_deliver(f, 20); /* one does not move the other */
    expect_letters(f, 0, 10);
    sink_expect_position(f, 0, 20);
    sink_reopen(f, 1); /* another process, and then the first one again */
    cr_assert_eq(apply_letters(f, 1, 10, 20), BB_SINK_DONE, "%s", f->error.text);
    cr_expect_eq(apply_letters(f, 0, 10, 20), BB_SINK_MOVED, "%s: told twice", f->subject->name);
    cr_assert_eq(apply_letters(f, 0, 20, 30), BB_SINK_DONE, "%s", f->error.text);
    cr_expect_eq(apply_letters(f, 1, 20, 30), BB_SINK_MOVED, "%s: told twice", f->subject->name);
    expect_letters(f, 1, 30);
    sink_expect_world(f, "letters are no changes");
}

EACH_SINK(tells_letters)

static void tells_letters_under_planned_faults(struct sink_fixture *f) {
    struct bb_fault_plan plan = {.code = BB_E_SINK_AWAY};
    struct bb_sink *inner = f->sinks[0], *fault;
    uint64_t at = 0;

    if (!f->subject->letters)
        return;
    fault = bb_sink_fault_wrap(inner, &plan);
    f->sinks[0] = fault;
    for (uint64_t n = 1; at < LETTERS; n++) {
        plan = (struct bb_fault_plan){
            .code = BB_E_SINK_AWAY, .fail_at = n % 4, .before = n % 8 < 4};
        int result = fault->ops->letter_position(fault, &at, &f->error);
        if (result == 0 && at < LETTERS)
            result = apply_letters(f, 0, at, at + 10 < LETTERS ? at + 10 : LETTERS);
        cr_assert(result >= 0 || f->error.code == BB_E_SINK_AWAY, "%s: %s", f->subject->name,
                  f->error.text);
        cr_assert_lt(n, 100);
        cr_assert_eq(inner->ops->letter_position(inner, &at, &f->error), 0);
    }
    f->sinks[0] = inner;
    fault->ops->close(fault);
    expect_letters(f, 0, LETTERS);
}

EACH_SINK(tells_letters_under_planned_faults)
