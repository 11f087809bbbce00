/* The derive worker: takes the log's records into the store's blocks, exactly once.
 *
 * Per partition: claim in the store, gather readings from the position on, merge and derive channel
 * by channel, commit blocks, history, outbox and position in one transaction. A worker holds
 * nothing that the log and the store do not have; it may be killed at any moment.
 */
#ifndef BB_SERVICE_WORKER_H
#define BB_SERVICE_WORKER_H

#include "base/clock.h"
#include "service/deliver.h"
#include "service/plant.h"
#include "service/progress.h"

struct bb_worker_counts {
    uint64_t readings;  /* taken from the log */
    uint64_t added;     /* a value for a time that had none */
    uint64_t duplicate; /* told before, equal in value and quality */
    uint64_t changed;   /* another value for a time that had one, winner or not */
    uint64_t exceptions_opened, exceptions_closed;
    uint64_t commits, blocks;
    uint64_t fenced; /* partitions lost to another worker */
    uint64_t archived_files, archived_blocks;
    uint64_t archive_failures; /* orders that were passed over */
    uint64_t passed;           /* records that could not be derived */
};

struct bb_worker;

/* All partitions of the plant (or its share) are claimed when first touched. */
int bb_worker_open(struct bb_plant *plant, struct bb_worker **out, struct bb_error *error)
    BB_MUST_USE;
/* Its share: by partition, whether it is. Looked at by each drain, which drops what is not among them any more and claims what
 * has come; the caller's, and may change between two drains. NULL, as at first: all of them. */
void bb_worker_share(struct bb_worker *worker, const bool *mine);
/* Where it stands in a partition that it has claimed; false: it has not. */
bool bb_worker_position(const struct bb_worker *worker, uint32_t partition,
                        struct bb_position *out);
/* Once *stop is set a drain takes no more from the log: it commits what it has, and returns. Before the first drain. */
void bb_worker_stop_at(struct bb_worker *worker, const volatile bool *stop);
/* In live drains, commit a partition's portion of at least so many blocks on a thread of its own while the next partition's is
 * gathered and derived; all is settled when the drain returns. It takes the memory of two portions. 0, as at first: never. */
void bb_worker_commit_aside(struct bb_worker *worker, size_t least_blocks);
void bb_worker_close(struct bb_worker *worker);
const struct bb_worker_counts *bb_worker_counts(const struct bb_worker *worker);

/* Why an archive order was passed over, told once; NULL: none was since the last call. What it was about stays in the
 * store, and a later order does it. */
const struct bb_error *bb_worker_archive_trouble(struct bb_worker *worker);

/* A frame of readings that cannot be derived, for a reason that trying again does not change, does not stop its partition: what was
 * gathered is halved until that record is alone; the commit that passes over it tells of it (BB_OUTBOX_DEAD_LETTER, model/letter.h).
 * Master data and ticks concern every channel of their tenant: they are not passed over.
 *
 * A damaged record stops its partition: what stands before it counts, nothing behind it does, and the other partitions
 * go on (docs/decisions/damaged-records.md). Told once a minute and partition. */
/* What the last live drain took, or would have taken for all partitions of the share: see pace.h. */
int64_t bb_worker_round_ms(const struct bb_worker *worker);

enum bb_worker_outcome { BB_WORKER_DRAINED = 0, BB_WORKER_DAMAGED = 1, BB_WORKER_MORE = 2 };

/* Do all there is to do now, committing when the backlog is gone or the memory limit is reached.
 * Returns when every partition's backlog is empty, also those that another worker has taken over.
 * `live`: commits after the freshness limit too, and does one round with a commit for each partition, not waiting for others
 * (one that takes unexpectedly long is broken off: the partitions left come first the next time);
 * BB_WORKER_MORE: there was more to do.
 * Damage is -BB_E_LOG_CORRUPT after all others are done; when live, BB_WORKER_DAMAGED with its error. */
int bb_worker_drain(struct bb_worker *worker, bool live, const struct bb_progress_watch *watch,
                    struct bb_error *error) BB_MUST_USE;

#endif
