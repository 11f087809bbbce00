/* The committer: the one thread that owns the log while a server runs.
 *
 * The log has one appender, and a sync costs the same for one post as for a thousand. So everything that
 * is to be appended comes here, and what came while a sync was under way goes into the next one together:
 *
 *   decoders ─► posts ───┐
 *   edits, ticks ─► work ├─► append all ─► sync ─► tell each ─► marks ─► the next round
 *   large posts ─► work ─┘
 *
 * Submitting is for any thread; everything else about the plant's log and ledger is this thread's alone.
 */
#ifndef BB_SERVICE_COMMITTER_H
#define BB_SERVICE_COMMITTER_H

#include "service/plant.h"

struct bb_committer;
struct bb_post;

/* The plant is open for appending, and the committer's until it is stopped. */
int bb_committer_start(struct bb_plant *plant, struct bb_committer **out, struct bb_error *error)
    BB_MUST_USE;
/* After all that was submitted is done. NULL does nothing. */
void bb_committer_stop(struct bb_committer *committer);
/* False once the log failed: nothing will be durable any more. */
bool bb_committer_is_well(struct bb_committer *committer);

/* A received time for what `source` tells now. It is later than that of all that has been answered, and no
 * other source has the same: it names the source in the stories of values. Posts of one source that go into one
 * round share theirs. */
int64_t bb_committer_receive(struct bb_committer *committer, struct bb_span source, int64_t now_ms);

/* Hand over a decoded post. It is the committer's until it calls post->done. */
void bb_committer_submit(struct bb_committer *committer, struct bb_post *post);

/* Run `work` on the committer's thread and wait for it. What it appended is durable when `run` returns 0;
 * `append` does not wait for that. */
typedef int bb_committer_work(struct bb_plant *plant, void *context, struct bb_error *error);
int bb_committer_run(struct bb_committer *committer, bb_committer_work *work, void *context,
                     struct bb_error *error) BB_MUST_USE;
int bb_committer_append(struct bb_committer *committer, bb_committer_work *work, void *context,
                        struct bb_error *error) BB_MUST_USE;

#endif
