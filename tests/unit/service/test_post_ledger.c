/* Rounds of posts: what is decided counts, with its keys, exactly when all of its frames are there. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <unistd.h>

#include "service/feed.h"
#include "service/ledger.h"
#include "service/letter_log.h"
#include "support/log_folder.h"

enum { PARTITIONS = 2, NOW_MS = 1000000 };

struct world {
    char folder[LOG_FOLDER_SIZE];
    struct bb_log *log;
    struct bb_ledger ledger;
    struct bb_error error;
};

static void reopen(struct world *w) {
    if (w->log) {
        bb_ledger_close(&w->ledger);
        w->log->ops->close(w->log);
    }
    w->log = log_folder_open(w->folder, 0);
    cr_assert_eq(bb_ledger_open(&w->ledger, w->log, &w->error), 0, "%s", w->error.text);
}

static void begin(struct world *w) {
    *w = (struct world){0};
    log_folder_make(w->folder);
    reopen(w);
}

static void end(struct world *w) {
    bb_ledger_close(&w->ledger);
    w->log->ops->close(w->log);
    log_folder_remove(w->folder);
}

static int64_t now_ms(void) {
    return bb_clock_now_ms(bb_clock_system());
}

static struct bb_post_note note_of(const char *key, uint64_t body) {
    return (struct bb_post_note){.tenant = BB_SPAN("default"),
                                 .key = bb_span_of(key),
                                 .body = {body, body},
                                 .status = 207,
                                 .readings = 4,
                                 .duplicate = 1,
                                 .rejected = 2,
                                 .details = BB_SPAN("[1,2]")};
}

static int note(struct world *w, struct bb_round *round, const char *key, uint64_t body) {
    const struct bb_post_note n = note_of(key, body);
    return bb_post_ledger_note(&w->ledger, round, &n, now_ms(), &w->error);
}

/* A round with a frame in each partition and one key; decided and durable. */
static struct bb_round *decide(struct world *w, const char *key) {
    struct bb_round *round = bb_round_new(&w->ledger, now_ms());

    cr_assert_not_null(round);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        cr_assert_eq(bb_round_append(&w->ledger, round, p, BB_SPAN("frame"), 3, &w->error), 0);
    cr_assert_eq(note(w, round, key, 7), BB_POST_KEY_NEW);
    cr_assert_eq(bb_post_ledger_decide(&w->ledger, round, &w->error), 0);
    cr_assert_eq(w->log->ops->sync(w->log, &w->error), 0);
    return round;
}

/* Frames that count in a partition, as a worker is given them. */
static uint64_t count_fed(struct world *w, uint32_t partition) {
    struct bb_log_record record;
    struct bb_feed feed;
    uint64_t count = 0;

    cr_assert_eq(bb_feed_open(&feed, w->log, partition, (struct bb_position){0}, &w->error), 0);
    while (bb_feed_next(&feed, &record, &w->error) == BB_FEED_RECORD)
        count++;
    bb_feed_close(&feed);
    return count;
}

static void expect_recalled(struct world *w, const char *key) {
    struct bb_post_note n;
    struct bb_buffer memory;

    bb_buffer_init(&memory, 1 << 20);
    cr_assert_eq(bb_post_ledger_recall(&w->ledger, BB_SPAN("default"), bb_span_of(key), &n, &memory,
                                       &w->error),
                 0, "%s", w->error.text);
    cr_expect(bb_span_equal(n.key, bb_span_of(key)));
    cr_expect(bb_span_equal(n.details, BB_SPAN("[1,2]")));
    cr_expect_eq(n.status, 207);
    cr_expect_eq(n.readings, 4);
    cr_expect_eq(n.duplicate, 1);
    cr_expect_eq(n.rejected, 2);
    bb_buffer_release(&memory);
}

Test(post_ledger, a_round_counts_when_it_is_marked) {
    struct world w;

    begin(&w);
    struct bb_round *round = decide(&w, "k");
    cr_expect_eq(count_fed(&w, 0), 0);
    cr_assert_eq(bb_post_ledger_mark(&w.ledger, round, NULL, &w.error), 0);
    cr_assert_eq(w.log->ops->sync(w.log, &w.error), 0);
    cr_expect_eq(count_fed(&w, 0), 1);
    cr_expect_eq(count_fed(&w, 1), 1);
    expect_recalled(&w, "k");
    bb_round_free(round);
    end(&w);
}

Test(post_ledger, keys_are_known_and_told_apart) {
    struct world w;

    begin(&w);
    struct bb_round *round = decide(&w, "k"), *next = bb_round_new(&w.ledger, now_ms());
    cr_expect_eq(note(&w, next, "k", 7), BB_POST_KEY_SAME);
    cr_expect_eq(note(&w, next, "k", 8), BB_POST_KEY_OTHER);
    cr_expect_eq(note(&w, next, "l", 8), BB_POST_KEY_NEW);
    cr_expect_eq(note(&w, next, "l", 8), BB_POST_KEY_SAME, "in the same round");
    const struct bb_post_note elsewhere = {
        .tenant = BB_SPAN("other"), .key = BB_SPAN("k"), .body = {9, 9}};
    cr_expect_eq(bb_post_ledger_note(&w.ledger, next, &elsewhere, now_ms(), &w.error),
                 BB_POST_KEY_NEW);
    bb_round_free(round);
    bb_round_free(next);
    end(&w);
}

Test(post_ledger, keys_end_after_seven_days) {
    struct world w;
    const struct bb_post_note other = note_of("k", 8);

    begin(&w);
    struct bb_round *round = decide(&w, "k"), *next = bb_round_new(&w.ledger, now_ms());
    int64_t later = now_ms() + BB_IDEMPOTENCY_MS;
    cr_expect_eq(bb_post_ledger_note(&w.ledger, next, &other, later - 60000, &w.error),
                 BB_POST_KEY_OTHER);
    cr_expect_eq(bb_post_ledger_note(&w.ledger, next, &other, later + 60000, &w.error),
                 BB_POST_KEY_NEW);
    bb_round_free(round);
    bb_round_free(next);
    end(&w);
}

Test(post_ledger, many_keys) {
    struct world w;
    char key[32];

    begin(&w);
    struct bb_round *round = bb_round_new(&w.ledger, now_ms());
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        cr_assert_eq(note(&w, round, key, (uint64_t)i), BB_POST_KEY_NEW);
    }
    cr_assert_eq(bb_post_ledger_decide(&w.ledger, round, &w.error), 0);
    cr_assert_eq(w.log->ops->sync(w.log, &w.error), 0);
    bb_round_free(round);
    reopen(&w);
    round = bb_round_new(&w.ledger, now_ms());
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        cr_assert_eq(note(&w, round, key, (uint64_t)i), BB_POST_KEY_SAME);
    }
    expect_recalled(&w, "key-4321");
    bb_round_free(round);
    end(&w);
}

Test(post_ledger, what_was_decided_is_completed_at_open) {
    struct world w;

    begin(&w);
    bb_round_free(decide(&w, "k"));
    reopen(&w);
    cr_expect_eq(count_fed(&w, 0), 1);
    cr_expect_eq(count_fed(&w, 1), 1);
    expect_recalled(&w, "k");
    struct bb_log_end before = log_end(w.log, 0);
    reopen(&w);
    cr_expect_eq(log_end(w.log, 0).offset, before.offset, "once");
    end(&w);
}

/* A power cut took the last frame of a partition, but not the decision in the control partition. */
static void lose_last_frame(struct world *w, uint32_t partition, uint64_t offset) {
    char file[LOG_FILE_SIZE], tail[LOG_FILE_SIZE];

    bb_ledger_close(&w->ledger);
    w->log->ops->close(w->log);
    w->log = NULL;
    log_folder_segment(w->folder, partition, 0, file);
    cr_assert_eq(truncate(file, (off_t)offset), 0);
    snprintf(tail, sizeof tail, "%s/tail", w->folder);
    unlink(tail); /* nothing had been acknowledged: it did not say so yet */
}

Test(post_ledger, what_lacks_a_frame_never_counts_and_frees_its_keys) {
    static const char *const names[] = {"a", "b", "c"};
    struct world w;

    begin(&w);
    uint64_t before = log_end(w.log, 1).offset;
    bb_round_free(decide(&w, "k"));
    lose_last_frame(&w, 1, before);
    for (uint64_t open = 0; open < 3; open++) {
        reopen(&w);
        cr_expect_eq(count_fed(&w, 0), open);
        cr_expect_eq(count_fed(&w, 1), open);
        struct bb_round *round = bb_round_new(&w.ledger, now_ms());
        cr_expect_eq(note(&w, round, "k", 99), BB_POST_KEY_NEW, "open %d", (int)open);
        bb_post_ledger_forget(&w.ledger);
        bb_round_free(round);
        /* More frames where the lost one was do not make it whole. */
        round = decide(&w, names[open]);
        cr_assert_eq(bb_post_ledger_mark(&w.ledger, round, NULL, &w.error), 0);
        cr_assert_eq(w.log->ops->sync(w.log, &w.error), 0);
        cr_assert_eq(bb_post_ledger_done(&w.ledger, round, &w.error), 0);
        cr_assert_eq(w.log->ops->sync(w.log, &w.error), 0);
        bb_round_free(round);
    }
    end(&w);
}

Test(post_ledger, received_times_are_never_the_same) {
    struct world w;
    int64_t last = 0;

    begin(&w);
    for (int i = 0; i < 100; i++) {
        int64_t received = bb_ledger_receive(&w.ledger, NOW_MS);
        cr_expect_gt(received, last);
        last = received;
    }
    end(&w);
}

/* ---- foreign sources and their dead letters */

static const struct bb_span stream = {"cluster/topic/0", 15};

/* A round with a frame, a step and a dead letter; decided and durable. */
static struct bb_round *decide_step(struct world *w, uint64_t from, uint64_t to) {
    struct bb_round *round = bb_round_new(&w->ledger, now_ms());
    const struct bb_source_step step = {stream, from, to};
    const struct bb_letter letter = {.tenant = BB_SPAN("default"),
                                     .source = BB_SPAN("kafka"),
                                     .topic = BB_SPAN("topic"),
                                     .offset = to - 1,
                                     .value = BB_SPAN("bytes"),
                                     .value_bytes = 5,
                                     .code = BB_E_SYNTAX,
                                     .reason = BB_SPAN("why")};
    struct bb_buffer letters;
    uint64_t left_out;

    bb_buffer_init(&letters, 1 << 20);
    bb_letter_put(&letter, &letters);
    cr_assert_eq(bb_round_append(&w->ledger, round, 0, BB_SPAN("frame"), 3, &w->error), 0);
    cr_assert_eq(bb_post_ledger_step(&w->ledger, round, &step, 1, &w->error),
                 BB_SOURCE_STEPS_TAKEN);
    cr_assert_eq(bb_letters_append(&w->ledger, round, bb_buffer_span(&letters), 1 << 20, &left_out,
                                   &w->error),
                 0);
    cr_assert_eq(left_out, 0);
    bb_buffer_release(&letters);
    cr_assert_eq(bb_post_ledger_decide(&w->ledger, round, &w->error), 0);
    cr_assert_eq(w->log->ops->sync(w->log, &w->error), 0);
    return round;
}

static int count_letter(void *context, const struct bb_letter *letter) {
    cr_expect(bb_span_equal(letter->value, BB_SPAN("bytes")));
    cr_expect_eq(letter->code, BB_E_SYNTAX);
    (*(int *)context)++;
    return 0;
}

static int count_letters(struct world *w, bool with_closed) {
    const struct bb_letter_question asked = {
        .since_ms = INT64_MIN, .before = UINT64_MAX, .with_closed = with_closed};
    int count = 0;

    cr_assert_eq(bb_letter_list(w->log, NULL, &asked, count_letter, &count, &w->error), 0, "%s",
                 w->error.text);
    return count;
}

static uint64_t stands_at(const struct world *w) {
    return bb_source_place_at(&w->ledger.posts.places, stream);
}

Test(post_ledger, a_source_stands_where_its_last_round_left_it) {
    struct world w;

    begin(&w);
    cr_expect_eq(stands_at(&w), BB_SOURCE_NOWHERE);
    bb_round_free(decide_step(&w, BB_SOURCE_NOWHERE, 5));
    bb_round_free(decide_step(&w, 5, 9));
    cr_expect_eq(stands_at(&w), 9);
    reopen(&w);
    cr_expect_eq(stands_at(&w), 9);
    cr_expect_eq(count_letters(&w, false), 2);
    struct bb_round *round = bb_round_new(&w.ledger, now_ms());
    const struct bb_source_step repeated = {stream, 5, 9}, next = {stream, 9, 10};
    cr_expect_eq(bb_post_ledger_step(&w.ledger, round, &repeated, 1, &w.error),
                 BB_SOURCE_STEPS_MOVED);
    cr_expect_eq(bb_post_ledger_step(&w.ledger, round, &next, 1, &w.error), BB_SOURCE_STEPS_TAKEN);
    cr_expect_eq(bb_post_ledger_step(&w.ledger, round, &next, 1, &w.error), BB_SOURCE_STEPS_MOVED,
                 "also within a round");
    bb_post_ledger_forget(&w.ledger);
    cr_expect_eq(bb_post_ledger_step(&w.ledger, round, &next, 1, &w.error), BB_SOURCE_STEPS_TAKEN,
                 "the round came to nothing");
    bb_round_free(round);
    end(&w);
}

/* The decision is durable, a frame of it is not: neither the offsets nor the letters count. */
Test(post_ledger, an_abandoned_round_moves_no_source) {
    struct world w;
    char path[LOG_FOLDER_SIZE + 64];
    struct bb_log_end end_before;

    begin(&w);
    bb_round_free(decide_step(&w, BB_SOURCE_NOWHERE, 5));
    reopen(&w);
    cr_assert_eq(w.log->ops->end(w.log, 0, &end_before, &w.error), 0);
    bb_round_free(decide_step(&w, 5, 9));
    bb_ledger_close(&w.ledger);
    w.log->ops->close(w.log);
    w.log = NULL;
    snprintf(path, sizeof path, "%s/p0000/%020d.seg", w.folder, 0);
    cr_assert_eq(truncate(path, (off_t)end_before.offset), 0);
    snprintf(path, sizeof path, "%s/tail", w.folder);
    (void)unlink(path);
    reopen(&w);
    cr_expect_eq(stands_at(&w), 5);
    cr_expect_eq(count_letters(&w, true), 1);
    bb_round_free(decide_step(&w, 5, 9));
    cr_expect_eq(stands_at(&w), 9);
    cr_expect_eq(count_letters(&w, true), 2);
    end(&w);
}

Test(post_ledger, letters_are_closed_with_a_round_or_at_once) {
    const struct bb_letter_question all = {.since_ms = INT64_MIN, .before = UINT64_MAX};
    struct world w;
    struct bb_letter letter;
    struct bb_arena arena;

    begin(&w);
    bb_round_free(decide_step(&w, BB_SOURCE_NOWHERE, 5));
    bb_arena_init(&arena, 4096, 1 << 20);
    cr_assert_eq(bb_letter_find(w.log, NULL, all.tenant, 0, &arena, &letter, &w.error),
                 BB_LETTER_FOUND);
    cr_assert_eq(bb_letters_close(&w.ledger, NULL, &letter.id, 1, BB_LETTER_DROPPED, BB_SPAN("Kim"),
                                  now_ms(), &w.error),
                 0);
    cr_assert_eq(w.log->ops->sync(w.log, &w.error), 0);
    cr_expect_eq(count_letters(&w, false), 0);
    cr_expect_eq(count_letters(&w, true), 1);
    cr_assert_eq(
        bb_letter_find(w.log, NULL, BB_SPAN("default"), letter.id, &arena, &letter, &w.error),
        BB_LETTER_FOUND);
    cr_expect_eq(letter.state, BB_LETTER_DROPPED);
    cr_expect(bb_span_equal(letter.closed_by, BB_SPAN("Kim")));
    cr_expect_eq(
        bb_letter_find(w.log, NULL, BB_SPAN("other"), letter.id, &arena, &letter, &w.error),
        BB_LETTER_UNKNOWN, "another tenant's");
    bb_arena_release(&arena);
    end(&w);
}

Test(post_ledger, letters_beyond_a_day_are_counted_in_one) {
    const struct bb_letter letter = {.tenant = BB_SPAN("default"),
                                     .topic = BB_SPAN("topic"),
                                     .value = BB_SPAN("bytes"),
                                     .code = BB_E_SYNTAX};
    struct bb_buffer letters;
    uint64_t left_out;
    struct world w;

    begin(&w);
    struct bb_round *round = bb_round_new(&w.ledger, now_ms());
    bb_buffer_init(&letters, 1 << 20);
    for (int i = 0; i < 10; i++)
        bb_letter_put(&letter, &letters);
    cr_assert_eq(bb_letters_append(&w.ledger, round, bb_buffer_span(&letters), letters.size / 2,
                                   &left_out, &w.error),
                 0);
    cr_expect_eq(left_out, 5);
    bb_buffer_release(&letters);
    bb_round_free(round);
    end(&w);
}
