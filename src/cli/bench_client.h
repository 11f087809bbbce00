/* Clients of a server, for the benchmark of posts: some that post, and a crowd that only takes room.
 *
 * A post is a thousand NDJSON lines: the next thousand meters of one quarter hour, then the next quarter
 * hour. Bodies are made beforehand but for their times, which are written over when a post is sent, so that every
 * post brings new readings and making it takes next to nothing from the machine that is measured.
 *
 * Posts are sent as fast as they are answered, or at a pace of their own. With a pace an answer is timed from the
 * moment at which its post was due, not from that at which it could be sent: a server that stands still for
 * a second is seen by all posts of that second.
 */
#ifndef BB_CLI_BENCH_CLIENT_H
#define BB_CLI_BENCH_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "cli/bench.h"

/* ---- those who post: one thread */

enum { BENCH_POST_LINES = 1000 };

struct bench_posts {
    uint16_t port;
    uint32_t connections;
    double per_second; /* posts; 0: as fast as they are answered */
    double seconds;
    uint64_t *next; /* number of the next post, across runs: no readings come twice */
};

struct bench_posted {
    uint64_t answered, refused; /* 2xx, and all else */
    uint64_t bytes;             /* of bodies that were answered with 2xx */
    double seconds;
    double p50_ms, p99_ms, most_ms;
    char refusal[256]; /* the body of the first one, cut; empty: there is none */
};

int bench_post_run(const struct bench_posts *posts, struct bench_posted *out,
                   struct bb_error *error) BB_MUST_USE;

/* ---- the crowd: connections of which nothing comes, or next to nothing */

enum bench_crowd_kind {
    BENCH_CROWD_IDLE, /* were answered once, and wait */
    BENCH_CROWD_SLOW  /* send a head that never ends, a byte a second; those cut off come again */
};

struct bench_crowd {
    enum bench_crowd_kind kind;
    uint16_t port;
    uint32_t count;
    int *fds; /* -1: cut off */
    pthread_t thread;
    bool has_thread;
    atomic_bool stop;
    _Atomic uint64_t cut_off; /* by the server, so far */
};

/* As many as asked for, or fewer where this process may not open so many: crowd->count says. */
int bench_crowd_open(struct bench_crowd *crowd, enum bench_crowd_kind kind, uint16_t port,
                     uint32_t count, struct bb_error *error) BB_MUST_USE;
void bench_crowd_close(struct bench_crowd *crowd);

#endif
