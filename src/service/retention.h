/* Retention: what everybody who reads the log is past, and is older than `log.retention`, is given up; where the log is
 * larger than `log.size`, also what is older than an hour, the oldest first.
 *
 *   first kept ──── a segment ────┬──── a segment ────┬─ ... ──► end
 *                                 │                   └─ the worker's position, or the first frame of
 *        given up: all of it lies │                      a file whose commit he has still to read
 *        below, and is older      │
 *
 * Who reads a data partition: the worker, from its position on, and from there back into the frames of files that
 * are committed behind it. Nobody else: values, stories and who told them are in the store, and a backup takes
 * them from there. The partition of the ledger is kept whole: it knows which files and Idempotency-Keys came.
 *
 * Frames that nothing names yet (a post that is being decided, a file that is being read) are younger than any
 * retention that may be set. While a backup copies, nothing is given up: it holds the outboxes (port/store.h).
 */
#ifndef BB_SERVICE_RETENTION_H
#define BB_SERVICE_RETENTION_H

#include "base/clock.h"
#include "service/plant.h"

enum bb_retention_outcome {
    BB_RETENTION_DONE = 0,
    BB_RETENTION_HELD =
        1, /* a backup is made: nothing was given up, nor would be in other partitions */
    BB_RETENTION_BEHIND = 2 /* the worker is far behind: nothing was given up */
};

/* One data partition. *bytes: how much was given up. On the thread that appends. */
int bb_retention_apply(struct bb_plant *plant, uint32_t partition, struct bb_clock clock,
                       uint64_t *bytes, struct bb_error *error) BB_MUST_USE;
/* All of them. */
int bb_retention_apply_all(struct bb_plant *plant, struct bb_clock clock, uint64_t *bytes,
                           struct bb_error *error) BB_MUST_USE;

#endif
