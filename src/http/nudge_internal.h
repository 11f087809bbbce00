/* Nudges for the threads that read sockets.
 *
 * libmicrohttpd takes 128 events from the kernel at a time, and as long as it gets just as many it asks for more
 * before it looks at them; that question waits, like any other, until something happens. So a burst of exactly 128
 * requests (or 256, ...) would lie there until the next one comes, which on a quiet server may be minutes. A
 * connection that ends as soon as it begins is something that happens: each thread gets one twenty times a second,
 * which costs some 0.1 % of a core.
 */
#ifndef BB_HTTP_NUDGE_INTERNAL_H
#define BB_HTTP_NUDGE_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>

enum { BB_HTTP_NUDGED_MAX = 2 };

struct bb_http_nudger {
    struct {
        struct MHD_Daemon *daemon;
        unsigned threads;
    } nudged[BB_HTTP_NUDGED_MAX];
    int count;
    pthread_mutex_t lock; /* guards `stop` */
    pthread_cond_t end;
    pthread_t thread;
    bool stop, running;
};

/* Before it is started. */
void bb_http_nudger_add(struct bb_http_nudger *nudger, struct MHD_Daemon *daemon, unsigned threads);
bool bb_http_nudger_start(struct bb_http_nudger *nudger);
/* Before the daemons are. */
void bb_http_nudger_stop(struct bb_http_nudger *nudger);

#endif
