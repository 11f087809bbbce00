/* The feed: what counts, in order, and the same rest from wherever it is taken up again. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

#include "adapter/embedded.h"
#include "base/random.h"
#include "service/feed.h"
#include "support/seeds.h"

enum { RECORDS_MAX = 400, FILES = 3, NUMBER_BYTES = 4, LARGE = 1 << 20 };

struct scene { /* a log of one partition, and what a feed must hand on of it */
    struct bb_log *log;
    struct bb_random r;
    uint32_t next; /* every record of readings has a number of its own for a body */
    uint32_t expected[RECORDS_MAX];
    size_t count;
    struct open_file {
        uint64_t id, first_offset;
        uint32_t frames[RECORDS_MAX];
        uint32_t count;
    } files[FILES];
    uint64_t file_id;
    bool has_large; /* one in four bodies is so large that a feed keeps few of them */
    struct bb_error error;
};

static uint64_t append(struct scene *s, uint8_t kind, uint64_t file_id, struct bb_span body) {
    struct bb_log_record record = {
        .kind = kind, .file_id = file_id, .received_ms = 5, .body = body};

    cr_assert_eq(s->log->ops->append(s->log, 0, &record, &s->error), 0);
    return record.offset;
}

static uint64_t append_number(struct scene *s, uint8_t kind, uint64_t file_id) {
    static char body[LARGE];
    uint32_t number = s->next++;
    bool is_large = s->has_large && bb_random_below(&s->r, 4) == 0;

    memcpy(body, &number, NUMBER_BYTES);
    return append(s, kind, file_id, (struct bb_span){body, is_large ? LARGE : NUMBER_BYTES});
}

static void append_commit(struct scene *s, struct open_file *f) {
    struct bb_buffer body;

    bb_buffer_init(&body, 100);
    bb_file_commit_encode(&(struct bb_file_commit){f->first_offset, f->count, 1}, &body);
    append(s, BB_RECORD_FILE_COMMIT, f->id, bb_buffer_span(&body));
    bb_buffer_release(&body);
    for (uint32_t i = 0; i < f->count; i++)
        s->expected[s->count++] = f->frames[i];
}

/* Some record: of a file, for itself, master data, or one that nobody knows. */
static void append_some(struct scene *s) {
    struct open_file *f = &s->files[bb_random_below(&s->r, FILES)];

    switch (bb_random_below(&s->r, 8)) {
    case 0:
    case 1:
        s->expected[s->count++] = s->next;
        append_number(s, BB_RECORD_FRAME, 0);
        break;
    case 2:
        s->expected[s->count++] = s->next;
        append_number(s, BB_RECORD_MASTER, 0);
        break;
    case 3:
        if (f->id == 0)
            break;
        append_commit(s, f);
        if (bb_random_below(&s->r, 3) > 0) /* else it is marked again later, as after a crash */
            *f = (struct open_file){0};
        break;
    case 4: append_number(s, 200, 0); break;
    default:
        if (f->id == 0)
            f->id = ++s->file_id;
        f->frames[f->count] = s->next;
        uint64_t offset = append_number(s, BB_RECORD_FILE_FRAME, f->id);
        if (f->count++ == 0)
            f->first_offset = offset;
    }
}

static void expect_rest(struct scene *s, struct bb_position position, size_t at, uint64_t seed,
                        struct bb_position *behind) {
    struct bb_log_record record;
    struct bb_feed feed;
    uint32_t number;

    cr_assert_eq(bb_feed_open(&feed, s->log, 0, position, &s->error), 0);
    for (size_t i = at; i < s->count; i++) {
        cr_assert_eq(bb_feed_next(&feed, &record, &s->error), BB_FEED_RECORD, "%s", s->error.text);
        memcpy(&number, record.body.data, NUMBER_BYTES);
        cr_assert_eq(number, s->expected[i],
                     "from %zu on, record %zu is %u, not %u" SEED_LINE("unit_service", "feed/*"),
                     at, i, number, s->expected[i], SEED_ARG(seed));
        if (behind)
            behind[i] = feed.position;
    }
    for (int i = 0; i < 2; i++)
        cr_assert_eq(bb_feed_next(&feed, &record, &s->error), BB_FEED_END);
    cr_assert_eq(feed.position.inner, 0);
    bb_feed_close(&feed);
    bb_feed_close(&feed);
}

static void try_from_everywhere(uint64_t seed, uint64_t most, bool has_large) {
    struct scene *s = calloc(1, sizeof *s);
    struct bb_position behind[RECORDS_MAX];

    bb_random_seed(&s->r, seed);
    s->has_large = has_large;
    cr_assert_eq(bb_log_memory_open(1, &s->log, &s->error), 0);
    for (uint64_t n = bb_random_below(&s->r, most); n-- > 0;)
        append_some(s);
    cr_assert_eq(s->log->ops->sync(s->log, &s->error), 0);
    expect_rest(s, (struct bb_position){0, 0}, 0, seed, behind);
    for (size_t i = 0; i < s->count; i++)
        expect_rest(s, behind[i], i + 1, seed, NULL);
    s->log->ops->close(s->log);
    free(s);
}

Test(feed, goes_on_from_behind_every_record) {
    struct seeds seeds = seeds_of_run(30, 1000);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++)
        try_from_everywhere(seed, 60, false);
}

/* More than is kept passes by before the files' marks. */
Test(feed, goes_back_for_what_it_does_not_keep) {
    struct seeds seeds = seeds_of_run(5, 100);

    for (uint64_t seed = seeds.first; seed < seeds.end; seed++)
        try_from_everywhere(seed, 90, true);
}

/* ---- what is small is not read again */

static int refuse_reader(struct bb_log *log, uint32_t partition, struct bb_log_reader **out,
                         struct bb_error *error) {
    (void)log, (void)partition, (void)out;
    return BB_FAIL(error, BB_E_BUG, "a second reader");
}

Test(feed, keeps_what_it_passed_over) {
    struct scene *s = calloc(1, sizeof *s);
    struct bb_log_record record;
    struct bb_feed feed;

    cr_assert_eq(bb_log_memory_open(1, &s->log, &s->error), 0);
    for (uint64_t id = 1; id <= 40; id++) {
        struct open_file f = {.id = id};
        for (f.count = 0; f.count < 3; f.count++) {
            f.frames[f.count] = s->next;
            uint64_t offset = append_number(s, BB_RECORD_FILE_FRAME, id);
            f.first_offset = f.count == 0 ? offset : f.first_offset;
        }
        append_commit(s, &f);
    }
    cr_assert_eq(s->log->ops->sync(s->log, &s->error), 0);
    cr_assert_eq(bb_feed_open(&feed, s->log, 0, (struct bb_position){0, 0}, &s->error), 0);
    const struct bb_log_ops *ops = s->log->ops;
    struct bb_log_ops without = *ops;
    without.reader_open = refuse_reader;
    s->log->ops = &without;
    for (size_t i = 0; i < s->count; i++) {
        uint32_t number;
        cr_assert_eq(bb_feed_next(&feed, &record, &s->error), BB_FEED_RECORD, "%s", s->error.text);
        memcpy(&number, record.body.data, NUMBER_BYTES);
        cr_assert_eq(number, s->expected[i]);
    }
    s->log->ops = ops;
    bb_feed_close(&feed);
    s->log->ops->close(s->log);
    free(s);
}

Test(feed, goes_on_when_the_log_grows) {
    struct scene *s = calloc(1, sizeof *s);
    struct bb_log_record record;
    struct bb_feed feed;
    size_t at = 0;

    bb_random_seed(&s->r, 3);
    cr_assert_eq(bb_log_memory_open(1, &s->log, &s->error), 0);
    cr_assert_eq(bb_feed_open(&feed, s->log, 0, (struct bb_position){0, 0}, &s->error), 0);
    for (int n = 0; n < 60; n++) {
        append_some(s);
        cr_assert_eq(s->log->ops->sync(s->log, &s->error), 0);
        while (bb_feed_next(&feed, &record, &s->error) == BB_FEED_RECORD)
            at++;
        cr_assert_eq(at, s->count);
    }
    bb_feed_close(&feed);
    s->log->ops->close(s->log);
    free(s);
}

Test(feed, refuses_a_damaged_mark) {
    struct scene *s = calloc(1, sizeof *s);
    struct bb_log_record record;
    struct bb_feed feed;

    cr_assert_eq(bb_log_memory_open(1, &s->log, &s->error), 0);
    append(s, BB_RECORD_FILE_COMMIT, 1, BB_SPAN("\1"));
    cr_assert_eq(s->log->ops->sync(s->log, &s->error), 0);
    cr_assert_eq(bb_feed_open(&feed, s->log, 0, (struct bb_position){0, 0}, &s->error), 0);
    cr_assert_eq(bb_feed_next(&feed, &record, &s->error), -BB_E_LOG_CORRUPT);
    bb_feed_close(&feed);
    s->log->ops->close(s->log);
    free(s);
}
