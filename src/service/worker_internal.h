/* Inside the derive worker.
 *
 *   worker.c           partitions: claimed, shared, lost; rounds over them
 *   worker_gather.c    records of one partition, until there is a reason to commit
 *   worker_commit.c    a portion: gathered, derived, committed; what came of it
 *
 * A portion may be committed aside, by a thread that does nothing else, while the next partition's is gathered and derived: the
 * store's time and the worker's own then pass together. Until it is settled nothing touches its partition.
 */
#ifndef BB_SERVICE_WORKER_INTERNAL_H
#define BB_SERVICE_WORKER_INTERNAL_H

#include "service/archive_run.h"
#include "service/derivation.h"
#include "service/feed.h"
#include "service/worker.h"

#include <pthread.h>

struct bb_worker_partition {
    bool claimed;
    bool held; /* in the share, when that was looked at last */
    bool lost; /* fenced: another worker is at it */
    int64_t
        damaged_until_ms; /* stands at a damaged record: not looked at again before; 0: does not */
    int64_t lost_since_ms;
    struct bb_claim claim;
    struct bb_claim seen; /* of the other worker, when lost */
    struct bb_feed feed;
    struct bb_channel_table channels;
    size_t most; /* records of a commit, while one of them is looked for; 0: no limit */
    struct bb_error
        poison; /* why the record at claim.position cannot be derived; code BB_OK: it can */
};

/* What one commit takes. */
struct bb_worker_portion {
    uint32_t partition;
    struct bb_store *store;
    struct bb_derivation derivation;
    struct bb_commit commit;
    struct bb_buffer passed; /* the outbox record about one that is passed over, */
    struct bb_span letter;   /* which is `commit.outbox` then */
    bool passes;             /* it is about one that is passed over */
    size_t records;          /* of the log */
    size_t readings;         /* gathered, of them */
    int64_t oldest_ms;       /* received: of those; 0: there are none */
    struct bb_archive_run *archive;
    /* Committed aside. */
    bool is_aside;
    pthread_t thread;
    int result;
    struct bb_error error;
};

struct bb_worker {
    struct bb_plant *plant;
    struct bb_worker_partition *partitions;
    const bool *mine;                     /* its share; NULL: all */
    const volatile bool *stop;            /* set: take no more */
    size_t aside_blocks;                  /* a portion of so many is committed aside; 0: none is */
    struct bb_gather gather;              /* of the portion at hand */
    struct bb_worker_portion portions[2]; /* the one at hand, and one that may be aside */
    int at_hand;
    struct bb_buffer letter; /* the body of portion.passed */
    struct bb_worker_counts counts;
    uint64_t backlog; /* readings, when the drain began */
    int64_t last_watch_ms;
    bool has_order; /* the portion at hand is an archive order's, which stands alone */
    struct bb_archive_order order;
    struct bb_error archive_trouble; /* code BB_OK: none */
    bool archive_told;
    uint32_t round_first; /* the partition with which the next round begins */
    int64_t round_ms;     /* what a round over all partitions of the share takes, by the last one */
    bool has_more;        /* a partition that a live drain did not come to the end of */
    struct bb_error damage; /* the first that this drain has met; code BB_OK: none */
};

static inline int64_t bb_worker_now_ms(void) {
    return bb_monotonic_ns() / 1000000;
}

/* ---- worker.c */

int bb_worker_claim(struct bb_worker *worker, uint32_t partition, struct bb_error *error)
    BB_MUST_USE;
void bb_worker_drop(struct bb_worker_partition *partition);

/* ---- worker_gather.c */

/* Records for the portion at hand, until there is a reason to commit. *more: the log has more. */
int bb_worker_gather(struct bb_worker *worker, struct bb_store_view *view, bool live,
                     const struct bb_progress_watch *watch, bool *more, struct bb_error *error)
    BB_MUST_USE;

/* ---- worker_commit.c */

/* The next portion of a partition, committed, or on its way aside. *more: there may be another one to do. */
int bb_worker_commit(struct bb_worker *worker, uint32_t partition, bool live,
                     const struct bb_progress_watch *watch, bool *more, struct bb_error *error)
    BB_MUST_USE;
/* Until nothing is aside. A failure is that of the portion, whose partition is dropped. */
int bb_worker_settle(struct bb_worker *worker, struct bb_error *error) BB_MUST_USE;

#endif
