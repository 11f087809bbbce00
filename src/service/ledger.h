/* The ledger of files, kept in the log's control partition.
 *
 *   BEGUN(file)  frames are being appended     DECIDED(file)  the file counts: all or nothing
 *   DONE(file)   every partition is marked     ABANDONED(file) it never will
 *
 * DECIDED is the one moment at which a file comes to count. Marking the partitions (FILE_COMMIT)
 * follows; whoever opens the log for appending completes a decided file that is not done, so that a
 * crash between two marks cannot leave half a file visible for good.
 *
 * A file is known by the hash of its bytes and of the way of reading it. All of the ledger is held
 * in memory by the appender: some 200 bytes a file.
 */
#ifndef BB_SERVICE_LEDGER_H
#define BB_SERVICE_LEDGER_H

#include "base/arena.h"
#include "port/log.h"

struct bb_ledger_part { /* of a file, per data partition */
    uint64_t first_offset, frames, readings;
};

enum bb_file_state { BB_FILE_BEGUN, BB_FILE_DECIDED, BB_FILE_DONE, BB_FILE_ABANDONED };

struct bb_ledger_file {
    struct bb_content_hash hash;
    uint64_t file_id;
    int64_t received_ms;
    struct bb_span name;
    enum bb_file_state state;
    uint64_t readings;
    struct bb_ledger_part *parts; /* log->partitions of them */
};

struct bb_ledger {
    struct bb_log *log;
    struct bb_span maker;
    struct bb_arena arena;
    struct bb_ledger_file **files; /* in the order of their beginning */
    size_t count, capacity;
    int64_t last_received_ms;
};

/* Read the control partition; complete what was decided and is not done. The log is open for
 * appending. `maker` (borrowed) names this version of busbar: files that another one began and did not
 * decide are abandoned. */
int bb_ledger_open(struct bb_ledger *ledger, struct bb_log *log, struct bb_span maker,
                   struct bb_error *error) BB_MUST_USE;
void bb_ledger_close(struct bb_ledger *ledger);

/* The latest entry of this content that is begun, decided or done; NULL when there is none. */
struct bb_ledger_file *bb_ledger_find(const struct bb_ledger *ledger, struct bb_content_hash hash);

/* Begin a file: its received time is later than that of every file before it. */
int bb_ledger_begin(struct bb_ledger *ledger, struct bb_content_hash hash, struct bb_span name,
                    int64_t now_ms, struct bb_ledger_file **out, struct bb_error *error)
    BB_MUST_USE;
/* Frames are durable: decide, mark every partition, done. */
int bb_ledger_decide(struct bb_ledger *ledger, struct bb_ledger_file *file, struct bb_error *error)
    BB_MUST_USE;
int bb_ledger_abandon(struct bb_ledger *ledger, struct bb_ledger_file *file, struct bb_error *error)
    BB_MUST_USE;

#endif
