/* Links: every connection with what it is at and since when, and the deadlines for it.
 *
 * libmicrohttpd has a limit for silence, which a client that sends a byte now and then never reaches. Here a
 * request's head has a deadline as a whole and its body a least pace, so that thousands of such clients hold
 * nothing but a socket each, and that not for long.
 *
 * A client that closes his half in the middle of a request is not always noticed by it either, and may disturb others
 * of the same thread: once a second it is felt whether there is an end behind what was read.
 */
#ifndef BB_HTTP_LINK_INTERNAL_H
#define BB_HTTP_LINK_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum bb_http_phase {
    BB_LINK_IDLE = 0, /* between requests, or before the first one's first line */
    BB_LINK_HEAD,
    BB_LINK_BODY,
    BB_LINK_WORK, /* a handler has it, or the answer is on its way */
    BB_LINK_PHASES
};

struct bb_http_link {
    struct bb_http_link *before, *after;
    int fd;
    bool tls;
    bool cut;              /* told to end; under the list's lock */
    int64_t felt_ms;       /* when it was last looked whether the client is there; likewise */
    _Atomic int phase;     /* enum bb_http_phase; written by the connection's thread */
    _Atomic int64_t since; /* ms, monotonic */
    _Atomic uint64_t body_bytes;
};

struct bb_http_links {
    pthread_mutex_t lock; /* guards the list: a link in it has an open socket */
    pthread_cond_t end;
    struct bb_http_link *first;
    uint32_t count;
    bool stop, running;
    pthread_t thread;
    int64_t idle_ms, head_ms, body_ms; /* body: before its pace is looked at */
    int64_t body_bytes_per_second;
};

bool bb_http_links_start(struct bb_http_links *links);
void bb_http_links_stop(struct bb_http_links *links);
/* NULL: no memory; the connection lives without deadlines. */
struct bb_http_link *bb_http_link_add(struct bb_http_links *links, int fd, bool tls);
void bb_http_link_remove(struct bb_http_links *links, struct bb_http_link *link);
void bb_http_link_enter(struct bb_http_link *link, enum bb_http_phase phase);

/* How long a link in this phase, with so many bytes of body, may take: pure. INT64_MAX: for ever. */
int64_t bb_http_link_limit_ms(const struct bb_http_links *links, enum bb_http_phase phase,
                              uint64_t body_bytes);

#endif
