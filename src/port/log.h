/* The port "log": partitioned, ordered, replayable records, with an identity of its own.
 *
 * What an adapter owes:
 *  - A record that `sync` has answered for is durable, as the adapter states it (on disk; replicated),
 *    until retention. A failed sync is
 *    fatal: the log object refuses everything afterwards, and nothing is retried.
 *  - Readers see durable records only, whole, in the order of their offsets, in any process.
 *  - One appender: a second one is refused with -BB_E_LOCKED, or the first one's next sync fails with it.
 *  - At open the tail that was never acknowledged may be cut (and is reported); a damaged record
 *    below what is known to be durable is -BB_E_LOG_CORRUPT and is never cut.
 *  - Offsets are opaque, ascending; `next_offset` of a record is where the next one is looked for.
 *
 * Besides its data partitions 0..partitions-1 a log has one control partition (number
 * `partitions`) for the ledger of files.
 *
 * A file's readings are invisible until its commit: FILE_FRAME records are passed over, and the
 * partition's FILE_COMMIT record, which names them, makes them count (service/feed.h).
 *
 * Thread rule: append and sync on the owner's thread; each reader belongs to one thread.
 */
#ifndef BB_PORT_LOG_H
#define BB_PORT_LOG_H

#include "base/error.h"
#include "base/hash.h"
#include "base/span.h"
#include "port/copy.h"

/* Stored ids: append only. */
enum bb_record_kind {
    BB_RECORD_FRAME = 1,       /* readings (model/frame.h), visible at once */
    BB_RECORD_FILE_FRAME = 2,  /* readings of the file `file_id` */
    BB_RECORD_FILE_COMMIT = 3, /* in a data partition: the frames of `file_id` count from here */
    BB_RECORD_MASTER = 4,      /* master data (model/master.h) */
    BB_RECORD_FILE_BEGIN = 5,  /* control partition: see service/ledger.h for these three */
    BB_RECORD_FILE_DECIDED = 6,
    BB_RECORD_FILE_DONE = 7,
    BB_RECORD_FILE_ABANDONED = 8,
    BB_RECORD_TICK = 9,   /* in every data partition: time has come so far (service/tick.h) */
    BB_RECORD_POSTS = 10, /* control partition: see service/post_ledger.h for these three */
    BB_RECORD_POSTS_DONE = 11,
    BB_RECORD_POSTS_ABANDONED = 12,
    BB_RECORD_DEAD_LETTER = 13, /* control partition: see service/letter_log.h for these two */
    BB_RECORD_DEAD_LETTER_CLOSED = 14,
    BB_RECORD_ARCHIVE = 15 /* in data partitions: old blocks may go (service/archive_order.h) */
};

struct bb_log_record {
    uint8_t kind;
    uint32_t readings; /* that this record makes visible; counts for the backlog */
    uint64_t file_id;  /* 0: none */
    int64_t received_ms;
    struct bb_span body;  /* on reading: borrowed until the reader's next call */
    uint64_t offset;      /* set by the log */
    uint64_t next_offset; /* set by the log */
};

struct bb_log_end {
    uint64_t first_offset; /* oldest record kept */
    uint64_t offset;       /* one past the last durable record */
    uint64_t readings;     /* made visible by all records ever before `offset` */
};

struct bb_log_backlog {
    struct bb_log_end end;
    uint64_t lag_readings; /* visible and not yet processed */
    int64_t oldest_ms;     /* received time of the oldest unprocessed record; 0: none */
};

/* Of one record's body: every adapter takes so much, and nobody appends more. */
enum { BB_LOG_BODY_BYTES = 16 << 20 };

struct bb_log;
struct bb_log_reader;

enum bb_log_read_outcome { BB_LOG_RECORD = 0, BB_LOG_END = 1 };

struct bb_log_ops {
    const char *name;
    void (*close)(struct bb_log *log);
    /* Append; visible to readers at the latest after the next sync. Sets record->offset and next_offset: the one appender
     * knows where its record will stand. An adapter that hears it from elsewhere verifies it before `sync` answers; what
     * stands elsewhere was preceded by another appender's: -BB_E_LOCKED, and the log is poisoned. */
    int (*append)(struct bb_log *log, uint32_t partition, struct bb_log_record *record,
                  struct bb_error *error);
    /* Make everything appended so far durable. `sync_begin` starts it on the log's own thread and
     * returns at once (adapters may do nothing); `sync` waits until all is durable. */
    int (*sync_begin)(struct bb_log *log, struct bb_error *error);
    int (*sync)(struct bb_log *log, struct bb_error *error);
    int (*end)(struct bb_log *log, uint32_t partition, struct bb_log_end *out,
               struct bb_error *error);
    /* Without joining any group: a question of two numbers. */
    int (*backlog)(struct bb_log *log, uint32_t partition, uint64_t position,
                   struct bb_log_backlog *out, struct bb_error *error);
    int (*reader_open)(struct bb_log *log, uint32_t partition, struct bb_log_reader **out,
                       struct bb_error *error);
    void (*reader_close)(struct bb_log_reader *reader);
    /* The first record at or behind `offset` (there may be gaps); BB_LOG_END when nothing durable is there yet. An
     * offset older than what is kept, or inside a record (where offsets count bytes), is -BB_E_LOG_CORRUPT. */
    int (*read)(struct bb_log_reader *reader, uint64_t offset, struct bb_log_record *out,
                struct bb_error *error);
    /* Wait until any partition has grown since the last call (or since open), at most timeout_ms.
     * 0 grown, 1 timed out. */
    int (*wait)(struct bb_log *log, int timeout_ms, struct bb_error *error);
    /* Give up whole segments whose records all lie below `offset` and are older than `before_ms`.
     */
    int (*trim)(struct bb_log *log, uint32_t partition, uint64_t offset, int64_t before_ms,
                struct bb_error *error);
    /* Read everything and verify checksums: `busbar check --deep`. */
    int (*verify)(struct bb_log *log, uint32_t partition, uint64_t *records,
                  struct bb_error *error);
    /* Copy what stands below `upto` into `folder`: a log of the same identity that ends there.
     * `upto` has one `end` for every partition, the control partition too, all of one moment
     * (service/cut.h). What is trimmed meanwhile may be missing at the copy's beginning.
     * enum bb_copy_outcome; see port/copy.h. */
    int (*copy)(struct bb_log *log, const struct bb_log_end *upto, const char *folder,
                struct bb_error *error);
};

/* Adapters embed this first. */
struct bb_log {
    const struct bb_log_ops *ops;
    uint64_t identity; /* random, made once with the log */
    uint32_t partitions;
};

#endif
