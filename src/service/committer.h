/* The committer: the one thread that owns the log while a server runs.
 *
 * The log has one appender, and a sync costs the same for one post as for a thousand. So everything that
 * is to be appended comes here; what came while a sync was under way goes into the next one together:
 *
 *   decoders ─► posts ──┐
 *   edits, ticks ─► work ├─► append all ─► sync ─► tell each ─► the next round
 *   large posts ─► work ┘
 *
 * Submitting is for any thread; everything else about the plant's log and ledger is this thread's alone.
 */
#ifndef BB_SERVICE_COMMITTER_H
#define BB_SERVICE_COMMITTER_H

#include "service/plant.h"

struct bb_committer;

/* The plant is open for appending, and the committer's until it is stopped. */
int bb_committer_start(struct bb_plant *plant, struct bb_committer **out, struct bb_error *error)
    BB_MUST_USE;
/* After all that was submitted is done. NULL does nothing. */
void bb_committer_stop(struct bb_committer *committer);
/* False once the log failed: nothing will be durable any more. */
bool bb_committer_is_well(struct bb_committer *committer);

/* Run `work` on the committer's thread, after what was submitted before, and wait for it. What it
 * appended is durable when this returns 0. */
int bb_committer_run(struct bb_committer *committer,
                     int (*work)(struct bb_plant *plant, void *context, struct bb_error *error),
                     void *context, struct bb_error *error) BB_MUST_USE;

#endif
