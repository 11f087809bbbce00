/* Carrying out an archive order: the worker's side, between two commits.
 *
 *   blocks of the lane and month in the store ─┐
 *   what the older file holds and nobody has   ├─► a new file per tenant ─► read back ─► ONE commit:
 *   brought back                              ─┘                            those blocks go, the file's place is
 *                                                                           noted, the position moves
 *
 * Killed anywhere before the commit it has done nothing but leave a file that nothing names; the next order for the
 * same month sweeps it. A worker who was fenced meanwhile commits nothing, so its file is never named either. The
 * older file is kept for archive.grace, for who has an older view open, and swept by a later order of the partition.
 */
#ifndef BB_SERVICE_ARCHIVE_RUN_H
#define BB_SERVICE_ARCHIVE_RUN_H

#include "service/archive_order.h"

struct bb_archive_run; /* what an order has made, until its commit */

struct bb_archive_task {
    struct bb_plant *plant;
    uint32_t partition;
    uint64_t epoch, offset; /* of the worker; where the order stands */
    struct bb_archive_order order;
    const volatile bool *stop; /* set: give it up */
    int64_t now_ms;
};

enum bb_archive_outcome {
    BB_ARCHIVE_MADE = 0,
    BB_ARCHIVE_NOTHING = 1, /* to do: the position moves alone */
    BB_ARCHIVE_STOPPED = 2  /* nothing may be committed */
};

/* Write the files and fill blocks and names of `commit`, for the plant's `hot` store; they live until release. */
int bb_archive_run(const struct bb_archive_task *task, struct bb_archive_run **out,
                   struct bb_commit *commit, struct bb_error *error) BB_MUST_USE;
/* Behind its commit: what nothing names any more is removed, as far as it can be. */
void bb_archive_run_sweep(struct bb_archive_run *run);
void bb_archive_run_counts(const struct bb_archive_run *run, uint64_t *files, uint64_t *blocks);
void bb_archive_run_release(struct bb_archive_run *run);

#endif
