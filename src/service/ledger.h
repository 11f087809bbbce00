/* The ledger of files, kept in the log's control partition.
 *
 *   BEGUN(file)  frames are being appended     DECIDED(file)  the file counts: all or nothing
 *   DONE(file)   every partition is marked     ABANDONED(file) it never will
 *
 * DECIDED is the one moment at which a file comes to count. Marking the partitions (FILE_COMMIT)
 * follows; whoever opens the log for appending completes a decided file that is not done, so that a
 * crash between two marks cannot leave half a file visible for good.
 *
 * A file is known by the hash of its bytes and of the way of reading it. One that was begun and not
 * decided when its appender ended never counts: it is begun anew, from its first byte. All of the
 * ledger but what was refused of files is held in memory by the appender: some 250 bytes a file.
 */
#ifndef BB_SERVICE_LEDGER_H
#define BB_SERVICE_LEDGER_H

#include "base/arena.h"
#include "base/clock.h"
#include "port/log.h"
#include "service/post_ledger.h"

#include <stdatomic.h>

struct bb_ledger_part { /* of a file, per data partition */
    uint64_t first_offset, frames, readings;
};

enum bb_file_state { BB_FILE_BEGUN, BB_FILE_DECIDED, BB_FILE_DONE, BB_FILE_ABANDONED };

/* What tells most files apart without reading them; all zero: not known (the standard input). */
struct bb_file_look {
    uint64_t bytes;
    uint64_t head; /* hash of the first bytes and of the way of reading */
};

struct bb_ledger_file {
    struct bb_content_hash hash; /* hash and readings are known when it is decided */
    struct bb_file_look look;
    uint64_t file_id;
    int64_t received_ms;
    struct bb_span name;
    enum bb_file_state state;
    bool is_landing; /* begun by this process, and neither decided nor abandoned yet */
    uint64_t readings;
    struct bb_ledger_part *parts; /* log->partitions of them */
    /* What came of it, for people: set by whoever lands it before it is decided or abandoned. */
    struct bb_span tenant; /* empty: not known (written by an earlier version) */
    uint64_t rejected;     /* lines that could not be used */
    struct bb_span
        refusals; /* the first of them, in the lander's words; borrowed, and not kept in memory: */
    uint64_t report_offset; /* the record that has them, in the control partition; 0: none */
};
enum { BB_LEDGER_REFUSALS_MAX = 16 << 10 }; /* bytes */

struct bb_ledger {
    struct bb_log *log;
    struct bb_arena arena;
    struct bb_ledger_file **files; /* in the order of their beginning */
    size_t count, capacity;
    _Atomic int64_t last_received_ms; /* any thread: bb_ledger_receive */
    struct bb_post_ledger posts;
};

/* Read the control partition; complete what was decided and is not done. The log is open for
 * appending. */
int bb_ledger_open(struct bb_ledger *ledger, struct bb_log *log, struct bb_error *error)
    BB_MUST_USE;
/* To look at it: as it stands in the log of a plant that somebody else appends to. */
int bb_ledger_read(struct bb_ledger *ledger, struct bb_log *log, struct bb_error *error)
    BB_MUST_USE;
void bb_ledger_close(struct bb_ledger *ledger);

/* A received time later than every one before it: now, or the next millisecond. Any thread. */
int64_t bb_ledger_receive(struct bb_ledger *ledger, int64_t now_ms);
/* The id of what was received then, and of nothing else. */
uint64_t bb_ledger_file_id(const struct bb_ledger *ledger, int64_t received_ms);
/* Append the marks that make frames visible, in every partition that has some. A mark may be written twice
 * after a crash; merging the same readings twice changes nothing. ends[p]: behind the mark in partition p;
 * NULL: not wanted. */
int bb_ledger_mark_parts(struct bb_ledger *ledger, uint64_t file_id, int64_t received_ms,
                         const struct bb_ledger_part *parts, uint64_t *ends, struct bb_error *error)
    BB_MUST_USE;

/* The latest file of this content that counts; NULL when there is none. */
struct bb_ledger_file *bb_ledger_find(const struct bb_ledger *ledger, struct bb_content_hash hash);
/* Does a file that looks like this count? If not, there is none of the same content, unless it came
 * by the standard input. */
bool bb_ledger_has_look(const struct bb_ledger *ledger, struct bb_file_look look);

/* Begin a file: its received time is later than that of every file before it. */
int bb_ledger_begin(struct bb_ledger *ledger, struct bb_span name, struct bb_file_look look,
                    int64_t now_ms, struct bb_ledger_file **out, struct bb_error *error)
    BB_MUST_USE;
/* Everything was read and appended: make it durable, decide, mark every partition, done. */
int bb_ledger_decide(struct bb_ledger *ledger, struct bb_ledger_file *file,
                     struct bb_content_hash hash, struct bb_error *error) BB_MUST_USE;
int bb_ledger_abandon(struct bb_ledger *ledger, struct bb_ledger_file *file, struct bb_error *error)
    BB_MUST_USE;

/* The texts of a record of a file, borrowed from its body; empty where it has none, or is damaged. */
struct bb_ledger_texts {
    struct bb_span name, tenant, refusals;
};
struct bb_ledger_texts bb_ledger_texts_of(struct bb_span body);
/* The refusals of a file, read back from any process's log by its report_offset; in the arena. */
int bb_ledger_refusals(struct bb_log *log, uint64_t report_offset, struct bb_arena *arena,
                       struct bb_span *out, struct bb_error *error) BB_MUST_USE;

#endif
