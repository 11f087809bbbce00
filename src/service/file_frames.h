/* The frames of a file on their way from the router to the log: invisible until the ledger decides.
 *
 *   router ─► frames ─► the log                                    by whoever owns it
 *   router ─► frames, collected ─► committer's thread ─► the log   while a server runs: posts go between two appends
 */
#ifndef BB_SERVICE_FILE_FRAMES_H
#define BB_SERVICE_FILE_FRAMES_H

#include "service/committer.h"
#include "service/router.h"

struct bb_file_frames {
    struct bb_log *log;             /* NULL: the committer has it */
    struct bb_committer *committer; /* NULL: the caller owns the log */
    struct bb_ledger_file *file;    /* gets the counts of its parts */
    uint64_t unsynced_bytes;
    struct bb_buffer collected; /* for the committer: u32 partition, readings, size; the frame */
};

/* Nothing of the file is in the log yet. `frames` outlives the router, and is released. On the log's owner's thread,
 * or with a committer on any one. */
struct bb_router_target bb_file_frames_begin(struct bb_file_frames *frames, struct bb_log *log,
                                             struct bb_ledger_file *file);
struct bb_router_target bb_file_frames_begin_by(struct bb_file_frames *frames,
                                                struct bb_committer *committer, uint32_t partitions,
                                                struct bb_ledger_file *file);
/* What is collected still goes to the log: after the router's flush. */
int bb_file_frames_flush(struct bb_file_frames *frames, struct bb_error *error) BB_MUST_USE;
void bb_file_frames_release(struct bb_file_frames *frames);

#endif
