/* The feed: see feed.h. */
#include "service/feed.h"

#include "base/varint.h"
#include "model/attribute_pack.h"

enum { COMMIT_VERSION = 1 };

void bb_file_commit_encode(const struct bb_file_commit *commit, struct bb_buffer *out) {
    bb_buffer_append_byte(out, COMMIT_VERSION);
    bb_put_varint(out, commit->first_offset);
    bb_put_varint(out, commit->frames);
    bb_put_varint(out, commit->readings);
}

int bb_file_commit_decode(struct bb_span body, struct bb_file_commit *out, struct bb_error *error) {
    struct bb_cursor in = bb_cursor_over(body);
    uint8_t version = bb_cursor_byte(&in);

    out->first_offset = bb_cursor_varint(&in);
    out->frames = bb_cursor_varint(&in);
    out->readings = bb_cursor_varint(&in);
    if (version != 0 && version != COMMIT_VERSION)
        return BB_FAIL_VERSION(error, "a file's commit record", version, COMMIT_VERSION);
    if (in.failed || version == 0)
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "a file's commit record is damaged");
    return 0;
}

int bb_feed_open(struct bb_feed *feed, struct bb_log *log, uint32_t partition,
                 struct bb_position position, struct bb_error *error) {
    *feed = (struct bb_feed){.log = log, .position = position};
    int result = log->ops->reader_open(log, partition, &feed->outer, error);
    if (!result)
        result = log->ops->reader_open(log, partition, &feed->inner, error);
    if (result)
        bb_feed_close(feed);
    return result;
}

void bb_feed_close(struct bb_feed *feed) {
    if (!feed->log)
        return;
    if (feed->outer)
        feed->log->ops->reader_close(feed->outer);
    if (feed->inner)
        feed->log->ops->reader_close(feed->inner);
    *feed = (struct bb_feed){0};
}

/* The next frame of the file whose commit stands at position.offset; BB_FEED_END behind the last. */
static int next_of_file(struct bb_feed *feed, struct bb_log_record *out, struct bb_error *error) {
    while (feed->position.inner < feed->commit.offset) {
        int result = feed->log->ops->read(feed->inner, feed->position.inner, out, error);
        if (result < 0)
            return result;
        if (result == BB_LOG_END)
            return BB_FAIL(error, BB_E_LOG_CORRUPT, "the log ends inside a committed file");
        feed->position.inner = out->next_offset;
        if (out->kind == BB_RECORD_FILE_FRAME && out->file_id == feed->commit.file_id)
            return BB_FEED_RECORD;
    }
    feed->position = (struct bb_position){feed->commit.next_offset, 0};
    feed->commit_known = false;
    return BB_FEED_END;
}

/* Begin (or, after a restart, go on with) the file whose commit record is `record`. */
static int enter_file(struct bb_feed *feed, const struct bb_log_record *record,
                      struct bb_error *error) {
    struct bb_file_commit commit;
    int result = bb_file_commit_decode(record->body, &commit, error);

    if (result)
        return result;
    feed->commit = *record;
    feed->commit_known = true;
    /* A file may begin at offset 0; inner 0 means "not inside", and no frame ends before 1. */
    if (feed->position.inner == 0)
        feed->position.inner = commit.first_offset;
    return 0;
}

int bb_feed_next(struct bb_feed *feed, struct bb_log_record *out, struct bb_error *error) {
    for (;;) {
        int result;
        if (feed->commit_known) {
            result = next_of_file(feed, out, error);
            if (result != BB_FEED_END)
                return result;
        }
        result = feed->log->ops->read(feed->outer, feed->position.offset, out, error);
        if (result < 0)
            return result;
        if (result == BB_LOG_END)
            return BB_FEED_END;
        if (out->kind == BB_RECORD_FILE_COMMIT) {
            result = enter_file(feed, out, error);
            if (result)
                return result;
            continue;
        }
        feed->position = (struct bb_position){out->next_offset, 0};
        if (out->kind == BB_RECORD_FRAME || out->kind == BB_RECORD_MASTER ||
            out->kind == BB_RECORD_TICK || out->kind == BB_RECORD_ARCHIVE)
            return BB_FEED_RECORD;
    }
}
