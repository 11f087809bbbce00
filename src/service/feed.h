/* The feed: what derive shall see of a partition of the log, in order, resumable at every record.
 *
 * Frames that stand for themselves are handed on as they come. The frames of a file are passed over
 * until the partition's FILE_COMMIT record, which names where they begin; then they are handed on
 * one by one, and the position says how far inside the file it is.
 *
 *   offset ─► FRAME   FILE_FRAME(f)  FILE_FRAME(f)  FRAME  FILE_COMMIT(f) ─► next
 *             │                                     │      └─► back to f's frames (inner)
 *             └─ handed on                          └─ handed on
 *
 * Sources land small files, whose frames stand right before their commit: what was passed over last
 * is kept, so that going back reads the log again only for large ones.
 */
#ifndef BB_SERVICE_FEED_H
#define BB_SERVICE_FEED_H

#include "base/buffer.h"
#include "port/log.h"
#include "port/store.h"

struct bb_file_commit {    /* body of BB_RECORD_FILE_COMMIT */
    uint64_t first_offset; /* where the file's frames may begin in this partition */
    uint64_t frames;
    uint64_t readings;
};
void bb_file_commit_encode(const struct bb_file_commit *commit, struct bb_buffer *out);
int bb_file_commit_decode(struct bb_span body, struct bb_file_commit *out, struct bb_error *error)
    BB_MUST_USE;

struct bb_feed_frame {
    struct bb_log_record record;
    size_t begin; /* of its body in the bytes kept */
};

struct bb_feed_kept {
    uint64_t from; /* all FILE_FRAMEs between here and where `outer` stands are kept */
    struct bb_feed_frame *frames;
    size_t count, capacity, next; /* `next`: to be looked at for the file at hand */
    struct bb_buffer bytes;
};

struct bb_feed {
    struct bb_log *log;
    uint32_t partition;
    struct bb_log_reader *outer, *inner; /* `inner` once it is needed */
    struct bb_feed_kept kept;
    struct bb_position position; /* behind what was handed on last */
    struct bb_log_record commit; /* the file commit being worked through, when inner != 0 */
    bool commit_known;
};

int bb_feed_open(struct bb_feed *feed, struct bb_log *log, uint32_t partition,
                 struct bb_position position, struct bb_error *error) BB_MUST_USE;
void bb_feed_close(struct bb_feed *feed);

enum bb_feed_outcome { BB_FEED_RECORD = 0, BB_FEED_END = 1 };
/* The next record that counts: kind FRAME (a file's too) or MASTER. Its body is borrowed until the
 * next call. feed->position then stands behind it. */
int bb_feed_next(struct bb_feed *feed, struct bb_log_record *out, struct bb_error *error)
    BB_MUST_USE;

#endif
