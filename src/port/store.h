/* The port "store": blocks, names, outbox and position of each partition, changed together or not
 * at all.
 *
 * What an adapter owes:
 *  - `commit` applies everything of a bb_commit in one durable transaction, and only when the
 *    partition's epoch and position are still those the caller gives (compare-and-swap).
 *  - `claim` raises the epoch durably; the older holder's next commit is fenced. A holder that is
 *    stopped inside a transaction is ended, so that a claim never waits for ever.
 *  - A view is one consistent state; a span from a `_get` is borrowed until the view ends, one given
 *    to a visitor until the visitor returns. Visitors may call `_get`. No view is open on the thread
 *    that commits the same partition.
 *  - While the outboxes are held nothing is forgotten of them, so that a copy of the store still has
 *    every record that an earlier copy of the registry lacks. A hold ends with its process.
 *  - After a negative `commit` its outcome is unknown: the position tells. `to` differs from `from`.
 *  - Blocks are opaque bytes here; keys order them.
 */
#ifndef BB_PORT_STORE_H
#define BB_PORT_STORE_H

#include "base/error.h"
#include "base/span.h"
#include "model/block.h"
#include "port/copy.h"

/* Where a worker stands in its partition of the log. `inner` is 0 outside a file; inside one,
 * `offset` is that of the file's commit record and `inner` the offset of its next frame. */
struct bb_position {
    uint64_t offset;
    uint64_t inner;
};
static inline bool bb_position_equal(struct bb_position a, struct bb_position b) {
    return a.offset == b.offset && a.inner == b.inner;
}

struct bb_claim {
    uint64_t epoch;
    struct bb_position position;
};

struct bb_block_key {
    uint32_t channel; /* number of the channel in its partition's store */
    int32_t span;     /* bb_lane_span_of */
    uint8_t lane;
};

/* Order of keys in a commit: lane, span, channel. */
static inline int bb_block_key_compare(const struct bb_block_key *a, const struct bb_block_key *b) {
    if (a->lane != b->lane)
        return a->lane < b->lane ? -1 : 1;
    if (a->span != b->span)
        return a->span < b->span ? -1 : 1;
    return (a->channel > b->channel) - (a->channel < b->channel);
}

/* Small named values beside the blocks. Stored ids: append only. */
enum bb_name_kind {
    BB_NAME_CHANNEL = 0, /* tenant 0 usage point 0 channel -> service/channel_record.h */
    BB_NAME_CHANNEL_ID,  /* channel number, 4 bytes big-endian -> the name of kind CHANNEL */
    BB_NAME_COVERAGE,    /* channel number, 4 bytes big-endian -> UTC days that hold raw values */
    BB_NAME_USAGE_POINT, /* tenant 0 usage point -> master data (model/master.h) */
    BB_NAME_TENANT,      /* tenant -> master data */
    BB_NAME_CALENDAR,    /* tenant 0 calendar -> master data */
    BB_NAME_SOURCE,      /* received_ms, 8 bytes big-endian -> source name of what came then */
    BB_NAME_META,        /* counters and the like */
    BB_NAME_TICK,        /* tenant 0 tick, 8 bytes big-endian -> received_ms, 8 bytes big-endian */
    BB_NAME_PROFILE,     /* tenant 0 profile -> master data */
    BB_NAME_GROUP,       /* tenant 0 group -> master data */
    BB_NAME_RULES,       /* tenant -> master data: its rules */
    BB_NAME_ARCHIVE,     /* what is in archived files (codec/archive_place.h) */
    BB_NAME_KIND_COUNT
};
enum { BB_NAME_KEY_MAX = 480 }; /* bytes */

struct bb_name_key {
    enum bb_name_kind kind;
    struct bb_span name;
};

struct bb_block_change {
    struct bb_block_key key;
    struct bb_span packed; /* empty: delete */
    bool
        is_new; /* whoever writes it found none: an adapter may be the faster for it, and is right without */
};

struct bb_name_change {
    enum bb_name_kind kind;
    struct bb_span name;
    struct bb_span value; /* empty: delete */
};

struct bb_commit {
    uint64_t epoch;
    struct bb_position from, to;
    const struct bb_block_change *blocks; /* ascending by key, no key twice */
    size_t block_count;
    const struct bb_name_change *names; /* ascending by (kind, name), no name twice */
    size_t name_count;
    const struct bb_span *outbox; /* get consecutive sequence numbers from 1 on */
    size_t outbox_count;
};

enum bb_commit_outcome {
    BB_COMMIT_DONE = 0,
    BB_COMMIT_FENCED = 1, /* a higher epoch: drop the partition */
    BB_COMMIT_MOVED = 2   /* same epoch, another position: read it again and go on from there */
};

enum bb_found { BB_FOUND = 0, BB_ABSENT = 1 };

struct bb_store;
struct bb_store_view;
struct bb_store_hold;

/* Visitors return 0 to go on, 1 to stop, negative to fail. */
typedef int bb_block_visit(void *context, const struct bb_block_key *key, struct bb_span packed);
typedef int bb_name_visit(void *context, struct bb_span name, struct bb_span value);
typedef int bb_outbox_visit(void *context, uint64_t sequence, struct bb_span record);

struct
    bb_store_hint { /* what will be asked for next with `block_get` and `name_get`, in any order */
    const struct bb_block_key *blocks;
    size_t block_count;
    const struct bb_name_key *names;
    size_t name_count;
    bool
        moves_on; /* hardly anything that earlier hints named is asked for any more: it may be forgotten */
};

struct bb_store_ops {
    const char *name;
    void (*close)(struct bb_store *store);
    /* -BB_E_LOG_IDENTITY when the partition's position was made with another log. */
    int (*claim)(struct bb_store *store, uint32_t partition, uint64_t log_identity,
                 struct bb_claim *out, struct bb_error *error);
    int (*commit)(struct bb_store *store, uint32_t partition, const struct bb_commit *commit,
                  struct bb_error *error);
    int (*view_begin)(struct bb_store *store, uint32_t partition, struct bb_store_view **out,
                      struct bb_error *error);
    void (*view_end)(struct bb_store_view *view);
    /* The partition's claim as last committed (epoch 0: never claimed). */
    int (*position)(struct bb_store_view *view, struct bb_claim *out, struct bb_error *error);
    int (*block_get)(struct bb_store_view *view, const struct bb_block_key *key,
                     struct bb_span *packed, struct bb_error *error);
    /* An adapter over a network fetches together what a hint names, and keeps it, also that it is absent. NULL: it has no use
     * for hints. */
    int (*expect)(struct bb_store_view *view, const struct bb_store_hint *hint,
                  struct bb_error *error);
    /* All blocks of a lane with span in [first, last], in key order. */
    int (*block_scan)(struct bb_store_view *view, uint8_t lane, int32_t first, int32_t last,
                      bb_block_visit *visit, void *context, struct bb_error *error);
    int (*name_get)(struct bb_store_view *view, enum bb_name_kind kind, struct bb_span name,
                    struct bb_span *value, struct bb_error *error);
    /* Names that begin with `prefix`, in byte order. */
    int (*name_scan)(struct bb_store_view *view, enum bb_name_kind kind, struct bb_span prefix,
                     bb_name_visit *visit, void *context, struct bb_error *error);
    /* Records with a sequence number above `after`, in order. */
    int (*outbox_scan)(struct bb_store_view *view, uint64_t after, bb_outbox_visit *visit,
                       void *context, struct bb_error *error);
    /* Forget records up to `upto` (every reader has them); while they are held, nothing. */
    int (*outbox_trim)(struct bb_store *store, uint32_t partition, uint64_t upto,
                       struct bb_error *error);
    /* Keep every partition's outbox records, also those still to come, until the hold is released.
     * One hold at a time: -BB_E_LOCKED, retriable, while another one is there. */
    int (*outbox_hold)(struct bb_store *store, struct bb_store_hold **out, struct bb_error *error);
    void (*outbox_release)(struct bb_store_hold *hold);
    /* Copy the partition as last committed into the store in `folder`, which is there; a partition
     * that nobody has written yet leaves nothing. enum bb_copy_outcome; see port/copy.h. */
    int (*copy)(struct bb_store *store, uint32_t partition, const char *folder,
                struct bb_error *error);
    /* Bytes in use on disk (pages that hold data, and the whole file). */
    int (*size)(struct bb_store *store, uint32_t partition, uint64_t *used_bytes,
                uint64_t *file_bytes, struct bb_error *error);
};

/* Adapters embed this first. */
struct bb_store {
    const struct bb_store_ops *ops;
    uint32_t partitions;
};

#endif
