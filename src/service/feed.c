/* The feed: see feed.h. */
#include "service/feed.h"

#include "base/list.h"
#include "base/varint.h"
#include "model/attribute_pack.h"

#include <stdlib.h>

enum { COMMIT_VERSION = 1, KEPT_BYTES = 4 << 20, KEPT_FRAMES = 4096 };

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
    *feed = (struct bb_feed){.log = log,
                             .partition = partition,
                             .position = position,
                             .kept = {.from = position.offset}};
    bb_buffer_init(&feed->kept.bytes, KEPT_BYTES);
    int result = log->ops->reader_open(log, partition, &feed->outer, error);
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
    bb_buffer_release(&feed->kept.bytes);
    free(feed->kept.frames);
    *feed = (struct bb_feed){0};
}

/* ---- frames that were passed over */

static void forget(struct bb_feed_kept *kept, uint64_t from) {
    bb_buffer_clear(&kept->bytes);
    kept->count = kept->next = 0;
    kept->from = from;
}

/* Keep a frame if there is room; else nothing before it is kept any more, nor it if it is too large. */
static void keep(struct bb_feed_kept *kept, const struct bb_log_record *record) {
    if (kept->bytes.size + record->body.size > KEPT_BYTES || kept->count == KEPT_FRAMES)
        forget(kept, record->offset);
    size_t begin = kept->bytes.size;
    bb_buffer_append_span(&kept->bytes, record->body);
    if (kept->bytes.overflow ||
        !bb_list_room(&kept->frames, kept->count, &kept->capacity, sizeof kept->frames[0])) {
        forget(kept, record->next_offset);
        return;
    }
    kept->frames[kept->count++] = (struct bb_feed_frame){*record, begin};
}

static int read_kept(struct bb_feed_kept *kept, uint64_t offset, struct bb_log_record *out) {
    while (kept->next < kept->count && kept->frames[kept->next].record.offset < offset)
        kept->next++;
    if (kept->next == kept->count)
        return BB_LOG_END;
    const struct bb_feed_frame *frame = &kept->frames[kept->next++];
    *out = frame->record;
    out->body.data = kept->bytes.data + frame->begin;
    return BB_LOG_RECORD;
}

/* The file is done; usually nobody else's frames stand between its own. */
static void forget_file(struct bb_feed_kept *kept, const struct bb_log_record *commit) {
    for (size_t i = 0; i < kept->count; i++)
        if (kept->frames[i].record.file_id != commit->file_id)
            return;
    forget(kept, commit->next_offset);
}

/* ---- files */

static int read_again(struct bb_feed *feed, struct bb_log_record *out, struct bb_error *error) {
    const struct bb_log_ops *ops = feed->log->ops;
    int result = feed->inner ? 0
                             : ops->reader_open(feed->log, feed->partition, &feed->inner, error);

    if (!result)
        result = ops->read(feed->inner, feed->position.inner, out, error);
    return result == BB_LOG_END
               ? BB_FAIL(error, BB_E_LOG_CORRUPT, "the log ends inside a committed file")
               : result;
}

/* The next frame of the file whose commit stands at position.offset; BB_FEED_END behind the last. */
static int next_of_file(struct bb_feed *feed, struct bb_log_record *out, struct bb_error *error) {
    while (feed->position.inner < feed->commit.offset) {
        int result = feed->position.inner < feed->kept.from
                         ? read_again(feed, out, error)
                         : read_kept(&feed->kept, feed->position.inner, out);
        if (result < 0)
            return result;
        if (result == BB_LOG_END)
            break;
        feed->position.inner = out->next_offset;
        if (out->kind == BB_RECORD_FILE_FRAME && out->file_id == feed->commit.file_id)
            return BB_FEED_RECORD;
    }
    forget_file(&feed->kept, &feed->commit);
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
    feed->kept.next = 0;
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
        if (out->kind == BB_RECORD_FILE_FRAME)
            keep(&feed->kept, out);
        feed->position = (struct bb_position){out->next_offset, 0};
        if (out->kind == BB_RECORD_FRAME || out->kind == BB_RECORD_MASTER ||
            out->kind == BB_RECORD_TICK || out->kind == BB_RECORD_ARCHIVE)
            return BB_FEED_RECORD;
    }
}
