/* Bytes overwritten in the log's segments and in the store's files: all else stays as it was. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/embedded.h"
#include "support/log_folder.h"
#include "support/store_steps.h"

static char folder[LOG_FOLDER_SIZE];
static struct bb_error error;

static void begin(void) {
    log_folder_make(folder);
}

static void end(void) {
    log_folder_remove(folder);
}

TestSuite(rewrite, .init = begin, .fini = end);

/* ---- the log */

enum { RECORDS = 200, SEGMENT_BYTES = 2048 };

static void append_text(struct bb_log *log, const char *text) {
    struct bb_log_record record = {
        .kind = BB_RECORD_FRAME, .readings = 1, .received_ms = 7, .body = bb_span_of(text)};

    cr_assert_eq(log->ops->append(log, 0, &record, &error), 0);
}

static void fill_log(struct bb_log *log, int from) {
    char text[64];

    for (int i = from; i < from + RECORDS; i++) {
        snprintf(text, sizeof text, "record %d%s", i, i % 10 == 3 ? " of Jansen" : "");
        append_text(log, text);
    }
    cr_assert_eq(log->ops->sync(log, &error), 0);
}

static int blank_name(void *context, const struct bb_log_record *record, char *body,
                      struct bb_error *unused) {
    char *at = memmem(body, record->body.size, "Jansen", 6);

    (void)unused;
    ++*(int *)context;
    if (at)
        memset(at, '-', 6);
    return at != NULL;
}

/* All records in their order; how many hold the text. */
static int read_log(struct bb_log *log, struct bb_log_reader *reader, uint64_t *at, int *count,
                    const char *text) {
    struct bb_log_record record;
    int found = 0, result;

    while ((result = log->ops->read(reader, *at, &record, &error)) == BB_LOG_RECORD) {
        found += memmem(record.body.data, record.body.size, text, strlen(text)) != NULL;
        *at = record.next_offset;
        ++*count;
    }
    cr_assert_eq(result, BB_LOG_END, "%s", error.text);
    return found;
}

static bool is_in_files(const char *text) {
    char command[256];

    snprintf(command, sizeof command, "grep -rqa '%s' %s", text, folder);
    return system(command) == 0;
}

Test(rewrite, records_keep_their_places) {
    struct bb_log *log = log_folder_open(folder, SEGMENT_BYTES);
    struct bb_log_reader *early, *late;
    uint64_t changed, at = 0, from = 0, records;
    int seen = 0, early_count = 0, late_count = 0;

    fill_log(log, 0);
    struct bb_log_end before = log_end(log, 0);
    cr_assert_eq(log->ops->reader_open(log, 0, &early, &error), 0);
    struct bb_log_record first;
    cr_assert_eq(log->ops->read(early, 0, &first, &error),
                 BB_LOG_RECORD); /* has the old file open */
    cr_assert_eq(bb_log_embedded_rewrite(log, 0, blank_name, &seen, &changed, &error), 0, "%s",
                 error.text);
    cr_expect_eq(changed, RECORDS / 10);
    cr_expect_geq(seen, RECORDS);
    cr_expect_not(is_in_files("Jansen"));
    cr_expect_eq(log_end(log, 0).offset, before.offset);
    cr_expect_eq(log_end(log, 0).readings, before.readings);
    fill_log(log, RECORDS);
    (void)read_log(log, early, &at, &early_count, "Jansen");
    cr_expect_eq(early_count, 2 * RECORDS, "a reader that was there goes on to the end");
    cr_assert_eq(log->ops->reader_open(log, 0, &late, &error), 0);
    cr_expect_eq(read_log(log, late, &from, &late_count, " of ------"), RECORDS / 10);
    cr_expect_eq(late_count, 2 * RECORDS);
    cr_expect_eq(log->ops->verify(log, 0, &records, &error), 0, "%s", error.text);
    log->ops->reader_close(early);
    log->ops->reader_close(late);
    log->ops->close(log);

    log = log_folder_open(folder, SEGMENT_BYTES);
    cr_expect_eq(log_end(log, 0).readings, 2 * RECORDS);
    cr_assert_eq(bb_log_embedded_rewrite(log, 0, blank_name, &seen, &changed, &error), 0);
    cr_expect_eq(changed, RECORDS / 10, "those that came since");
    cr_assert_eq(bb_log_embedded_rewrite(log, 0, blank_name, &seen, &changed, &error), 0);
    cr_expect_eq(changed, 0);
    log->ops->close(log);
}

Test(rewrite, what_a_killed_one_left_is_no_segment) {
    struct bb_log *log = log_folder_open(folder, SEGMENT_BYTES);
    char file[LOG_FILE_SIZE], left[LOG_FILE_SIZE + 8];
    uint64_t changed, records;
    int seen = 0;

    fill_log(log, 0);
    log->ops->close(log);
    log_folder_segment(folder, 0, 0, file);
    snprintf(left, sizeof left, "%s.new", file);
    log_file_store(left, "half of Jansen", 14);
    log = log_folder_open(folder, SEGMENT_BYTES);
    cr_expect_eq(log->ops->verify(log, 0, &records, &error), 0, "%s", error.text);
    cr_expect_eq(records, RECORDS);
    cr_assert_eq(bb_log_embedded_rewrite(log, 0, blank_name, &seen, &changed, &error), 0);
    cr_expect_not(log_file_exists(left));
    cr_expect_not(is_in_files("Jansen"));
    log->ops->close(log);
}

static int fail_at_once(void *context, const struct bb_log_record *record, char *body,
                        struct bb_error *out) {
    (void)record;
    (void)body;
    return ++*(int *)context < RECORDS / 2 ? 0 : BB_FAIL(out, BB_E_LOG_CORRUPT, "no further");
}

Test(rewrite, a_failure_changes_nothing) {
    struct bb_log *log = log_folder_open(folder, SEGMENT_BYTES);
    uint64_t changed, records;
    int seen = 0;

    fill_log(log, 0);
    cr_expect_eq(bb_log_embedded_rewrite(log, 0, fail_at_once, &seen, &changed, &error),
                 -BB_E_LOG_CORRUPT);
    cr_expect(is_in_files("Jansen"));
    cr_expect_eq(log->ops->verify(log, 0, &records, &error), 0);
    fill_log(log, RECORDS);
    log->ops->close(log);
}

/* ---- the store */

enum { STEPS = 20 };

static struct bb_store *open_store(void) {
    const struct bb_store_lmdb_options options = {.partitions = 2};
    struct bb_store *store;

    cr_assert_eq(bb_store_lmdb_open(folder, &options, &store, &error), 0, "%s", error.text);
    return store;
}

static void put_source(struct bb_store *store, struct bb_claim *claim, const char *text) {
    const struct bb_name_change name = {BB_NAME_SOURCE, BB_SPAN("12345678"), bb_span_of(text)};
    const struct bb_commit commit = {.epoch = claim->epoch,
                                     .from = claim->position,
                                     .to = {claim->position.offset + 1, 0},
                                     .names = &name,
                                     .name_count = 1};

    cr_assert_eq(store->ops->commit(store, 0, &commit, &error), BB_COMMIT_DONE);
    claim->position = commit.to;
}

static int blank_value(void *context, enum bb_store_part part, struct bb_span key, char *value,
                       size_t size, struct bb_error *unused) {
    char *at = memmem(value, size, "Jansen", 6);

    (void)context;
    (void)unused;
    if (!at)
        return 0;
    cr_expect_eq(part, BB_STORE_PART_SOURCE);
    cr_expect(bb_span_equal(key, BB_SPAN("12345678")));
    memset(at, '-', 6);
    return 1;
}

Test(rewrite, a_store_shows_what_it_showed) {
    struct bb_store *store = open_store();
    struct bb_store_view *view;
    struct bb_claim claim, again;
    struct bb_span value;
    uint64_t changed;

    cr_assert_eq(store->ops->claim(store, 0, STORE_STEP_LOG, &claim, &error), 0);
    for (int i = 0; i < STEPS; i++)
        cr_assert_eq(store_step(store, 0, &claim, &error), BB_COMMIT_DONE);
    put_source(store, &claim, "a file of Jansen");
    store->ops->close(store);
    cr_expect(is_in_files("Jansen"));
    cr_assert_eq(bb_store_lmdb_rewrite(folder, 2, blank_value, NULL, &changed, &error), 0, "%s",
                 error.text);
    cr_expect_eq(changed, 1);
    cr_expect_not(is_in_files("Jansen"));

    store = open_store();
    cr_assert_eq(store->ops->view_begin(store, 0, &view, &error), 0);
    cr_assert_eq(store->ops->name_get(view, BB_NAME_SOURCE, BB_SPAN("12345678"), &value, &error),
                 BB_FOUND);
    cr_expect(bb_span_equal(value, BB_SPAN("a file of ------")));
    store->ops->view_end(view);
    cr_assert_eq(store->ops->claim(store, 0, STORE_STEP_LOG, &again, &error), 0);
    cr_expect_eq(again.epoch, claim.epoch + 1);
    cr_expect_eq(again.position.offset, claim.position.offset);
    store->ops->close(store);
}

Test(rewrite, a_store_of_steps_is_the_same) {
    struct bb_store *store = open_store();
    struct bb_claim claim;
    uint64_t number, changed;

    cr_assert_eq(store->ops->claim(store, 1, STORE_STEP_LOG, &claim, &error), 0);
    for (int i = 0; i < STEPS; i++)
        cr_assert_eq(store_step(store, 1, &claim, &error), BB_COMMIT_DONE);
    store->ops->close(store);
    cr_assert_eq(bb_store_lmdb_rewrite(folder, 2, blank_value, NULL, &changed, &error), 0);
    store = open_store();
    const char *wrong = store_steps_look(store, 1, &number);
    cr_expect_null(wrong, "%s", wrong);
    cr_expect_eq(number, STEPS);
    cr_assert_eq(store->ops->claim(store, 1, STORE_STEP_LOG, &claim, &error), 0);
    cr_expect_eq(store_step(store, 1, &claim, &error), BB_COMMIT_DONE, "it goes on");
    store->ops->close(store);
}

static int hold_open(struct store_child *self, const char *directory) {
    const struct bb_store_lmdb_options options = {.partitions = 2};
    struct bb_store *store;
    struct bb_claim claim;
    struct bb_error failed;

    if (bb_store_lmdb_open(directory, &options, &store, &failed) != 0 ||
        store->ops->claim(store, 0, STORE_STEP_LOG, &claim, &failed) != 0)
        return 1;
    store_child_say(self, 'o');
    (void)store_child_hear(self);
    store->ops->close(store);
    return 0;
}

Test(rewrite, not_while_another_process_has_the_store_open) {
    struct store_child child;
    uint64_t changed;

    store_child_start(&child, hold_open, folder);
    cr_assert_eq(store_child_hear(&child), 'o');
    cr_expect_eq(bb_store_lmdb_rewrite(folder, 2, blank_value, NULL, &changed, &error),
                 -BB_E_LOCKED);
    store_child_say(&child, 'e');
    cr_expect_eq(store_child_end(&child), 0);
    cr_expect_eq(bb_store_lmdb_rewrite(folder, 2, blank_value, NULL, &changed, &error), 0);
}
