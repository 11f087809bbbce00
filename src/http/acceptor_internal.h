/* The acceptor: one thread that takes connections from the listening sockets and gives them to libmicrohttpd.
 *
 * libmicrohttpd could accept by itself, but not be told to stop it: MHD_quiesce_daemon and the thread that reads
 * sockets may both take the listening socket out of the epoll set, and whoever comes second aborts the process. Here
 * a door is closed by whoever wants it closed.
 *
 * A door that has let in as many as it may leaves the rest waiting with the kernel.
 *
 * Nudges. libmicrohttpd takes 128 events from the kernel at a time, and as long as it gets just as many it asks for
 * more before it looks at them; that question waits, like any other, until something happens. So a burst of exactly
 * 128 requests (or 256, ...) would lie there until the next one comes, which on a quiet server may be minutes. A
 * connection that ends as soon as it begins is something that happens: each thread gets one twenty times a second,
 * which costs some 0.1 % of a core.
 */
#ifndef BB_HTTP_ACCEPTOR_INTERNAL_H
#define BB_HTTP_ACCEPTOR_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { BB_HTTP_DOORS_MAX = 2 };

struct bb_http_door {
    struct MHD_Daemon *daemon; /* with MHD_USE_NO_LISTEN_SOCKET */
    unsigned threads;
    int fd; /* listens, does not block; the acceptor's */
    int64_t limit;
    _Atomic int64_t inside; /* let in, and not yet closed; nudges too */
};

struct bb_http_acceptor {
    struct bb_http_door doors[BB_HTTP_DOORS_MAX];
    int count;
    int wake; /* eventfd */
    atomic_bool closed, stop;
    pthread_t thread;
    bool running;
};

/* Before it is started. `threads` of the daemon's pool; `limit`: connections at a time. */
struct bb_http_door *bb_http_acceptor_add(struct bb_http_acceptor *acceptor,
                                          struct MHD_Daemon *daemon, unsigned threads, int fd,
                                          int64_t limit);
bool bb_http_acceptor_start(struct bb_http_acceptor *acceptor);
/* A connection that came in by the door is closed. Any thread. */
void bb_http_door_left(struct bb_http_door *door);
/* Whoever comes from now on is refused; who is inside stays. Any thread, any number of times. */
void bb_http_acceptor_close(struct bb_http_acceptor *acceptor);
/* Before the daemons are stopped. */
void bb_http_acceptor_stop(struct bb_http_acceptor *acceptor);

#endif
