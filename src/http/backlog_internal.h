/* Whether posts are refused because readings wait too long to be derived (429), and what is said of it in the log: a line
 * when that begins and a line when it is over, however many posts were refused in between. Over it is when nothing has
 * waited too long for a while, as a plant at its limit crosses it again and again.
 */
#ifndef BB_HTTP_BACKLOG_INTERNAL_H
#define BB_HTTP_BACKLOG_INTERNAL_H

#include "base/log_line.h"

#include <stdatomic.h>

struct bb_http_call;

enum { BB_HTTP_BACKLOG_CALM_MS = 30000 };

struct bb_http_backlog {
    int64_t limit_ms;         /* for how long the oldest reading may wait */
    _Atomic int64_t age_ms;   /* of the oldest reading that is not derived; 0: there is none */
    _Atomic uint64_t refused; /* posts, since it began */
    /* the watcher's: */
    bool is_told;     /* that it began */
    int64_t since_ms; /* monotonic: when it began */
    int64_t last_ms;  /* monotonic: when it was last so */
};

/* What the watcher saw. */
void bb_http_backlog_note(struct bb_http_backlog *backlog, int64_t age_ms, int64_t now_ms,
                          const struct bb_logger *logger);
/* 0, or -BB_E_BACKLOG with a Retry-After. */
int bb_http_backlog_check(struct bb_http_call *call, struct bb_error *error) BB_MUST_USE;

#endif
