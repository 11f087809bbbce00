/* The last lines of a log, kept in memory for whoever asks for them while the program runs.
 *
 *   server ──┐                               ┌── worker
 *            ├─► lines │ decisions in memory ─┤       one mapping of fixed size, 512 KiB; one lock
 *            └── who asks reads               └── worker
 *
 * A server shares its tail with the workers it starts (bb_log_tail_share, bb_log_tail_join), so that what a worker said
 * last outlives it. Decisions (lines with a field `decision`: what busbar did by itself, and why) are rare and
 * lie apart, so that many other lines do not push them out, nor they the others. A line is kept as the members of its
 * JSON object, whatever the format on stderr; one that is too long has its texts cut, so that it stays JSON.
 *
 * Any thread of any process that has the mapping. A process that is killed while it writes leaves the line out that it
 * wrote, and the lock to the next one; for one that is stopped then nobody waits longer than a second:
 * meanwhile nothing is kept, and nothing is told.
 */
#ifndef BB_BASE_LOG_TAIL_H
#define BB_BASE_LOG_TAIL_H

#include "base/log_line.h"

enum { BB_LOG_TAIL_LINES = 256, BB_LOG_TAIL_BYTES = 1000 };

struct bb_log_tail_line {
    uint64_t serial; /* from 1, in the order in which lines were said; 0: there is none */
    int32_t process; /* that said it */
    uint16_t level;  /* enum bb_log_level */
    uint16_t size;
    char members[BB_LOG_TAIL_BYTES]; /* "time":"...","level":"info","message":"...",... */
};

/* Room for lines in memory that children can map, until the process ends; *fd: for them. NULL: there is no memory. */
struct bb_log_tail *bb_log_tail_share(int *fd);
/* The tail of the process that gave `fd`, which is closed: what this one starts has no use for it. NULL: it is no such memory. */
struct bb_log_tail *bb_log_tail_join(int fd);

void bb_log_tail_put(struct bb_log_tail *tail, int64_t now_ms, enum bb_log_level level,
                     const char *message, const struct bb_log_field *fields, size_t field_count);

/* The serial of the newest line; 0: there is none. */
uint64_t bb_log_tail_newest(struct bb_log_tail *tail);
/* The newest line before the one with this serial (UINT64_MAX: of all) that is of `least` or above, and a decision if
 * only those are wanted. False: there is none, any more. */
bool bb_log_tail_before(struct bb_log_tail *tail, uint64_t serial, enum bb_log_level least,
                        bool decisions_only, struct bb_log_tail_line *out);

#endif
