/* The port "assignment": which partitions this worker derives, while others come and go.
 *
 *   poll ── GAINED ──► claim in the store, seek to its position
 *        ── REVOKED ─► commit what was gathered, drop the partitions, then `release`: others wait for that
 *        ── LOST ────► drop them: others have them already, and what this worker still commits is fenced
 *        ── QUIET ───► go on
 *
 * It says who should work on what, never who may: that is the claim in the store (port/store.h). So nothing is wrong when two
 * workers believe to have a partition, and positions come from the store, not from here.
 *
 * What an adapter owes:
 *  - While workers stay, each partition is with exactly one of them; partitions that need not move stay where they are.
 *  - A worker that dies is found out, and its partitions go to others; one that leaves hands them on at once.
 *  - A worker that polls at least once in five minutes keeps what it has.
 *  - `hint` is for people and scalers that look at lag from outside. Nothing is read from there.
 *
 * Thread rule: one thread.
 */
#ifndef BB_PORT_ASSIGNMENT_H
#define BB_PORT_ASSIGNMENT_H

#include "base/error.h"

enum bb_assignment_outcome {
    BB_ASSIGNMENT_QUIET = 0,
    BB_ASSIGNMENT_GAINED = 1,
    BB_ASSIGNMENT_REVOKED = 2,
    BB_ASSIGNMENT_LOST = 3
};

struct bb_assignment;

struct bb_assignment_ops {
    const char *name;
    /* Leave, if need be, and free. */
    void (*close)(struct bb_assignment *assignment);
    /* Wait at most timeout_ms for a change, one at a time. `partitions` is borrowed until the next call. After REVOKED the next
     * call is `release`, or what was revoked counts as released. */
    int (*poll)(struct bb_assignment *assignment, int timeout_ms, const uint32_t **partitions,
                size_t *count, struct bb_error *error);
    /* What REVOKED named is committed and dropped here. */
    int (*release)(struct bb_assignment *assignment, struct bb_error *error);
    /* The worker's position in a partition that it has; kept and told now and then, at once by `release` and `leave`. */
    int (*hint)(struct bb_assignment *assignment, uint32_t partition, uint64_t offset,
                struct bb_error *error);
    /* Give everything up; afterwards there is only `close`. */
    int (*leave)(struct bb_assignment *assignment, struct bb_error *error);
};

/* Adapters embed this first. */
struct bb_assignment {
    const struct bb_assignment_ops *ops;
};

#endif
