/* The feed of dead letters: those of rounds that count, each once, in the order in which they began to count. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "adapter/embedded.h"
#include "service/letter_feed.h"

enum { PARTITIONS = 2 };

struct world {
    struct bb_log *log;
    struct bb_letter_feed *feed;
    uint64_t at; /* the follower's position */
    struct bb_error error;
};

static void reopen(struct world *w) {
    bb_letter_feed_close(w->feed);
    cr_assert_eq(bb_letter_feed_open(w->log, &w->feed, &w->error), 0, "%s", w->error.text);
}

static void begin(struct world *w) {
    *w = (struct world){0};
    cr_assert_eq(bb_log_memory_open(PARTITIONS, &w->log, &w->error), 0);
    reopen(w);
}

static void end(struct world *w) {
    bb_letter_feed_close(w->feed);
    w->log->ops->close(w->log);
}

static void append(struct world *w, enum bb_record_kind kind, uint64_t round, struct bb_span body) {
    struct bb_log_record record = {
        .kind = (uint8_t)kind, .file_id = round, .received_ms = 7, .body = body};

    cr_assert_eq(w->log->ops->append(w->log, PARTITIONS, &record, &w->error), 0);
    cr_assert_eq(w->log->ops->sync(w->log, &w->error), 0);
}

/* round 0: it counts at once. */
static void letter(struct world *w, uint64_t round, const char *reason) {
    const struct bb_letter letter = {.source = BB_SPAN("kafka"), .reason = bb_span_of(reason)};
    struct bb_buffer body;

    bb_buffer_init(&body, 1 << 16);
    bb_letter_encode(&letter, &body);
    append(w, BB_RECORD_DEAD_LETTER, round, bb_buffer_span(&body));
    bb_buffer_release(&body);
}

static void counts(struct world *w, uint64_t round) {
    append(w, BB_RECORD_POSTS, round, BB_SPAN("keys"));
}

/* The reasons of all that is told from where the follower stands, which moves behind it. */
static void expect_told(struct world *w, const char *expected) {
    struct bb_letter_batch batch;
    char told[256] = "";

    do {
        cr_assert_eq(bb_letter_feed_next(w->feed, w->at, &batch, &w->error), 0, "%s",
                     w->error.text);
        for (size_t i = 0; i < batch.count; i++) {
            const struct bb_span reason = batch.letters[i].reason;
            cr_expect_eq(batch.letters[i].received_ms, 7);
            snprintf(told + strlen(told), sizeof told - strlen(told), "%.*s ", (int)reason.size,
                     reason.data);
        }
        cr_assert(batch.count == 0 ? batch.to == w->at : batch.to > w->at);
        w->at = batch.to;
    } while (batch.count > 0);
    cr_expect_str_eq(told, expected);
}

Test(letter_feed, a_letter_is_told_when_its_round_counts) {
    struct world w;

    begin(&w);
    expect_told(&w, "");
    letter(&w, 1, "a");
    letter(&w, 1, "b");
    expect_told(&w, "");
    counts(&w, 1);
    expect_told(&w, "a b ");
    expect_told(&w, "");
    counts(&w, 1); /* marked once more, after a crash */
    expect_told(&w, "");
    letter(&w, 0, "c");
    expect_told(&w, "c ");
    end(&w);
}

Test(letter_feed, rounds_are_told_in_the_order_in_which_they_count) {
    struct world w;

    begin(&w);
    letter(&w, 1, "a");
    letter(&w, 2, "b");
    letter(&w, 3, "never");
    letter(&w, 1, "c");
    append(&w, BB_RECORD_POSTS_ABANDONED, 3, BB_SPAN(""));
    counts(&w, 2);
    counts(&w, 3); /* cannot be */
    counts(&w, 1);
    expect_told(&w, "b a c ");
    end(&w);
}

/* A letter that stands before the position, but began to count behind it, is still told, by a feed that is opened there, too. */
Test(letter_feed, who_comes_back_misses_nothing_and_is_told_nothing_twice) {
    struct world w;

    begin(&w);
    letter(&w, 1, "late");
    letter(&w, 2, "a");
    letter(&w, 0, "b");
    counts(&w, 2);
    expect_told(&w, "b a ");
    reopen(&w);
    expect_told(&w, "");
    counts(&w, 1);
    letter(&w, 4, "c");
    counts(&w, 4);
    reopen(&w);
    expect_told(&w, "late c ");
    w.at = 0; /* a sink that was made anew */
    expect_told(&w, "b a late c ");
    end(&w);
}

Test(letter_feed, batches_hold_whole_rounds) {
    struct world w;
    struct bb_letter_batch batch;
    size_t told = 0, batches = 0;

    begin(&w);
    for (uint64_t round = 1; round <= 5; round++) {
        for (int i = 0; i < 300; i++)
            letter(&w, round, "x");
        counts(&w, round);
    }
    do {
        cr_assert_eq(bb_letter_feed_next(w.feed, w.at, &batch, &w.error), 0);
        cr_expect_eq(batch.count % 300, 0, "%zu", batch.count);
        told += batch.count;
        w.at = batch.to;
        batches += batch.count > 0;
    } while (batch.count > 0);
    cr_expect_eq(told, 1500);
    cr_expect_geq(batches, 2, "bounded");
    end(&w);
}

Test(letter_feed, what_is_damaged_is_an_error_each_time) {
    struct world w;
    struct bb_letter_batch batch;

    begin(&w);
    letter(&w, 0, "a");
    append(&w, BB_RECORD_DEAD_LETTER, 0, BB_SPAN("?"));
    for (int i = 0; i < 2; i++)
        cr_expect_eq(bb_letter_feed_next(w.feed, 0, &batch, &w.error), -(int)BB_E_LOG_CORRUPT);
    end(&w);
}
