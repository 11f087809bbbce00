/* Retention: what is given up, and what stays because somebody has still to read it. */
#include <criterion/criterion.h>

#include "service/feed.h"
#include "service/retention.h"
#include "support/log_folder.h"

enum { SEGMENT_BYTES = 4096, BODY_BYTES = 1000, HOUR_MS = 3600000 };
static int64_t now_ms = 100 * (int64_t)HOUR_MS;

struct world {
    char folder[LOG_FOLDER_SIZE];
    struct bb_plant plant;
    struct bb_claim claim;
    struct bb_error error;
};

static void begin(struct world *w) {
    *w = (struct world){.plant.config.log_retention_ms = HOUR_MS};
    log_folder_make(w->folder);
    w->plant.log = log_folder_open(w->folder, SEGMENT_BYTES);
    cr_assert_eq(bb_store_memory_open(w->plant.log->partitions, &w->plant.store, &w->error), 0);
    cr_assert_eq(
        w->plant.store->ops->claim(w->plant.store, 0, w->plant.log->identity, &w->claim, &w->error),
        0);
}

static void end(struct world *w) {
    w->plant.store->ops->close(w->plant.store);
    w->plant.log->ops->close(w->plant.log);
    log_folder_remove(w->folder);
}

/* Records of one kind, `hours` old; returns where the first one stands. */
static uint64_t append(struct world *w, enum bb_record_kind kind, int count, int hours) {
    static char body[BODY_BYTES];
    uint64_t first = 0;

    for (int i = 0; i < count; i++) {
        struct bb_log_record record = {.kind = (uint8_t)kind,
                                       .file_id = 7,
                                       .received_ms = now_ms - hours * (int64_t)HOUR_MS,
                                       .body = {body, sizeof body}};
        cr_assert_eq(w->plant.log->ops->append(w->plant.log, 0, &record, &w->error), 0);
        first = i == 0 ? record.offset : first;
    }
    return first;
}

static void append_commit(struct world *w, uint64_t first_offset, int frames, int hours) {
    const struct bb_file_commit commit = {first_offset, (uint64_t)frames, 1};
    struct bb_buffer body;

    bb_buffer_init(&body, 1000);
    bb_file_commit_encode(&commit, &body);
    struct bb_log_record record = {.kind = BB_RECORD_FILE_COMMIT,
                                   .file_id = 7,
                                   .received_ms = now_ms - hours * (int64_t)HOUR_MS,
                                   .body = bb_buffer_span(&body)};
    cr_assert_eq(w->plant.log->ops->append(w->plant.log, 0, &record, &w->error), 0);
    bb_buffer_release(&body);
}

static struct bb_log_end sync_and_end(struct world *w) {
    struct bb_log_end at;

    cr_assert_eq(w->plant.log->ops->sync(w->plant.log, &w->error), 0);
    cr_assert_eq(w->plant.log->ops->end(w->plant.log, 0, &at, &w->error), 0);
    return at;
}

/* The worker has come so far. */
static void derive_to(struct world *w, uint64_t offset) {
    const struct bb_commit commit = {
        .epoch = w->claim.epoch, .from = w->claim.position, .to = {offset, 0}};

    cr_assert_eq(w->plant.store->ops->commit(w->plant.store, 0, &commit, &w->error), 0);
    w->claim.position = commit.to;
}

static int apply(struct world *w, uint64_t *bytes) {
    return bb_retention_apply(&w->plant, 0, bb_clock_manual(&now_ms), bytes, &w->error);
}

Test(retention, gives_up_what_is_old_and_read) {
    struct world w;
    uint64_t bytes;

    begin(&w);
    append(&w, BB_RECORD_FRAME, 20, 2);
    struct bb_log_end at = sync_and_end(&w);
    cr_assert_eq(apply(&w, &bytes), BB_RETENTION_DONE);
    cr_assert_eq(bytes, 0, "nobody has read it");
    derive_to(&w, at.offset);
    cr_assert_eq(apply(&w, &bytes), BB_RETENTION_DONE);
    cr_assert_gt(bytes, 0);
    cr_assert_eq(sync_and_end(&w).first_offset, at.first_offset + bytes);
    cr_assert_eq(sync_and_end(&w).offset, at.offset);
    end(&w);
}

Test(retention, keeps_what_is_young) {
    struct world w;
    uint64_t bytes;

    begin(&w);
    append(&w, BB_RECORD_FRAME, 20, 0);
    derive_to(&w, sync_and_end(&w).offset);
    cr_assert_eq(apply(&w, &bytes), BB_RETENTION_DONE);
    cr_assert_eq(bytes, 0);
    end(&w);
}

/* The worker passed over the frames of a file that did not count yet; its commit, unread, names them. */
Test(retention, keeps_frames_that_a_commit_behind_the_position_names) {
    struct world w;
    uint64_t bytes;

    begin(&w);
    append(&w, BB_RECORD_FRAME, 8, 3);
    uint64_t first = append(&w, BB_RECORD_FILE_FRAME, 12, 3);
    append(&w, BB_RECORD_FRAME, 8, 3);
    uint64_t position = sync_and_end(&w).offset;
    append_commit(&w, first, 12, 2);
    sync_and_end(&w);
    derive_to(&w, position);
    cr_assert_eq(apply(&w, &bytes), BB_RETENTION_DONE);
    cr_assert_gt(bytes, 0, "what lies before the file");
    cr_assert_leq(sync_and_end(&w).first_offset, first);

    struct bb_feed feed;
    struct bb_log_record record;
    int count = 0;
    cr_assert_eq(bb_feed_open(&feed, w.plant.log, 0, w.claim.position, &w.error), 0);
    while (bb_feed_next(&feed, &record, &w.error) == BB_FEED_RECORD)
        count++;
    cr_assert_eq(count, 12, "all of the file is still there: %d", count);
    derive_to(&w, feed.position.offset);
    bb_feed_close(&feed);
    cr_assert_eq(apply(&w, &bytes), BB_RETENTION_DONE);
    cr_assert_gt(bytes, 0, "now it may go");
    cr_assert_gt(sync_and_end(&w).first_offset, first);
    end(&w);
}

/* While a file is landed posts come to count, and the worker passes over what there is of the file. */
Test(retention, keeps_what_there_is_of_a_file_under_way) {
    struct world w;
    uint64_t bytes;

    begin(&w);
    struct bb_ledger_part parts[64] = {{0}};
    struct bb_ledger_file file = {.is_landing = true, .parts = parts}, *files[] = {&file};
    w.plant.ledger.files = files;
    w.plant.ledger.count = 1;
    append(&w, BB_RECORD_FRAME, 8, 3);
    parts[0].first_offset = append(&w, BB_RECORD_FILE_FRAME, 12, 3);
    append(&w, BB_RECORD_FRAME, 8, 3);
    derive_to(&w, sync_and_end(&w).offset);
    cr_assert_eq(apply(&w, &bytes), BB_RETENTION_DONE);
    cr_assert_gt(bytes, 0, "what lies before the file");
    cr_assert_leq(sync_and_end(&w).first_offset, parts[0].first_offset);
    file.is_landing = false;
    cr_assert_eq(apply(&w, &bytes), BB_RETENTION_DONE);
    cr_assert_gt(sync_and_end(&w).first_offset, parts[0].first_offset, "it was given up");
    end(&w);
}

Test(retention, gives_up_what_is_too_much_and_read) {
    enum { MOST_BYTES = 3 * SEGMENT_BYTES };
    struct world w;
    uint64_t bytes;

    begin(&w);
    w.plant.config.log_retention_ms = 1000 * (int64_t)HOUR_MS;
    append(&w, BB_RECORD_FRAME, 40, 2);
    struct bb_log_end at = sync_and_end(&w);
    w.plant.config.log_size_bytes = MOST_BYTES * (int64_t)w.plant.log->partitions;
    cr_assert_eq(apply(&w, &bytes), BB_RETENTION_DONE);
    cr_assert_eq(bytes, 0, "nobody has read it");
    derive_to(&w, at.offset);
    cr_assert_eq(apply(&w, &bytes), BB_RETENTION_DONE);
    cr_assert_gt(bytes, 0);
    uint64_t kept = at.offset - sync_and_end(&w).first_offset;
    cr_assert_geq(kept, MOST_BYTES, "no more than is too much");
    cr_assert_lt(kept, MOST_BYTES + SEGMENT_BYTES);
    append(&w, BB_RECORD_FRAME, 40, 0);
    derive_to(&w, sync_and_end(&w).offset);
    uint64_t before = sync_and_end(&w).first_offset;
    cr_assert_eq(apply(&w, &bytes), BB_RETENTION_DONE);
    cr_assert_leq(before + bytes, at.offset, "what is young stays, however much it is");
    end(&w);
}

Test(retention, waits_for_a_backup) {
    struct world w;
    struct bb_store_hold *hold;
    uint64_t bytes;

    begin(&w);
    append(&w, BB_RECORD_FRAME, 20, 2);
    derive_to(&w, sync_and_end(&w).offset);
    cr_assert_eq(w.plant.store->ops->outbox_hold(w.plant.store, &hold, &w.error), 0);
    cr_assert_eq(apply(&w, &bytes), BB_RETENTION_HELD);
    cr_assert_eq(bytes, 0);
    w.plant.store->ops->outbox_release(hold);
    cr_assert_eq(apply(&w, &bytes), BB_RETENTION_DONE);
    cr_assert_gt(bytes, 0);
    end(&w);
}
