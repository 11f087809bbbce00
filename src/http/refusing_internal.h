/* While the plant takes nothing, whoever sends: readings wait too long to be derived (429), or the disk is full (507); and what
 * the log says of that: a line when it begins and a line when it is over, however many were refused in between.
 *
 *   age of the backlog > limit ──────────────┐
 *   last answer about room was "full" ───────┴─► begins ─► has not been so for half a minute ─► is over
 *
 * Not at once, as a plant at its limit crosses it again and again. Answers are counted by any thread, the watcher looks.
 */
#ifndef BB_HTTP_REFUSING_INTERNAL_H
#define BB_HTTP_REFUSING_INTERNAL_H

#include "base/log_line.h"

#include <stdatomic.h>

struct bb_http_call;

enum { BB_HTTP_CALM_MS = 30000 };
enum bb_http_cause { BB_HTTP_BEHIND = 0, BB_HTTP_DISK_FULL, BB_HTTP_CAUSES };

struct bb_http_refusing {
    int64_t limit_ms;       /* for how long the oldest reading may wait */
    _Atomic int64_t age_ms; /* of the oldest reading that is not derived; 0: there is none */
    atomic_bool is_full;    /* nothing found room on the disk since something did not */
    struct bb_http_spell {
        _Atomic uint64_t refused; /* since it began */
        bool is_told;             /* that it began; this and below are the watcher's */
        int64_t since_ms;         /* monotonic: when it began */
        int64_t last_ms;          /* monotonic: when it was last so */
    } spells[BB_HTTP_CAUSES];
};

/* A request was refused with this error, or something was made durable (BB_OK). */
void bb_http_refusing_count(struct bb_http_refusing *refusing, enum bb_error_code code);
/* A few times a second. */
void bb_http_refusing_look(struct bb_http_refusing *refusing, int64_t now_ms,
                           const struct bb_logger *logger);

/* 0, or -BB_E_BACKLOG with a Retry-After. */
int bb_http_backlog_check(struct bb_http_call *call, struct bb_error *error) BB_MUST_USE;

#endif
