/* The frames of a file on their way from the router to the log: invisible until the ledger decides. */
#ifndef BB_SERVICE_FILE_FRAMES_H
#define BB_SERVICE_FILE_FRAMES_H

#include "service/ledger.h"
#include "service/router.h"

struct bb_file_frames {
    struct bb_log *log;
    struct bb_ledger_file *file; /* gets the counts of its parts */
    uint64_t unsynced_bytes;
};

/* Nothing of the file is in the log yet. `frames` outlives the router. Log's owner's thread. */
struct bb_router_target bb_file_frames_begin(struct bb_file_frames *frames, struct bb_log *log,
                                             struct bb_ledger_file *file);

#endif
