/* Waiting for derivation, and how far it is behind: one thread that looks at the partitions' positions.
 *
 *   log ends ── minus ── positions in the store = backlog: its age decides whether posts are taken (refusing_internal.h)
 *   positions ── past ── the marks of a post = derived: who waits for it is told
 */
#ifndef BB_HTTP_WAIT_INTERNAL_H
#define BB_HTTP_WAIT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/burn_internal.h"
#include "http/rate_internal.h"
#include "http/refusing_internal.h"
#include "service/plant.h"

struct bb_http_server;
struct bb_http_call;
struct bb_http_waiter;

/* `plant`: where it was derived, open for reading; NULL: it was not, in the time there was. */
typedef void bb_http_derived(void *context, struct bb_plant *plant);

/* How far a partition is behind. */
struct bb_http_lag {
    _Atomic uint64_t readings; /* not derived */
    _Atomic uint64_t changes;  /* derived, and not in the registry's lists; counted up to a limit */
    _Atomic int64_t since_ms;  /* monotonic: when such changes were first seen; 0: there are none */
};

struct bb_http_watcher {
    const char *data, *config_path;
    const struct bb_logger *logger;
    pthread_t thread;
    void (*alive)(void); /* after a look that saw all; NULL: nobody asks */
    uint32_t partitions;
    struct bb_http_lag *lags; /* per partition */
    struct bb_plant plant;    /* the thread's, once it is open */
    bool is_open;
    bool running;
    pthread_mutex_t lock; /* guards the next three */
    pthread_cond_t work;
    struct bb_http_waiter *first;
    bool stop, gives_up;
    struct bb_http_refusing refusing; /* its limit stands before the start */
    _Atomic uint64_t lag_readings;
    _Atomic uint64_t
        stamp; /* of what is derived and listed: another one when that is more; 0: not looked yet */
    _Atomic int away;     /* the error code of the last look that did not see all; 0: it did */
    _Atomic int log_away; /* the same of the log alone */
    struct bb_rate rate;  /* of readings in the log; has a lock of its own */
    struct bb_burn burn;  /* of error budgets; likewise */
};

/* The first look is over when this returns, so that whoever asks meets the truth. */
int bb_http_watcher_start(struct bb_http_watcher *watcher, const char *data,
                          const char *config_path, uint32_t partitions,
                          const struct bb_logger *logger, struct bb_error *error) BB_MUST_USE;
/* Whoever waits, now or later, is told that it did not come to be: the server ends. */
void bb_http_watcher_give_up(struct bb_http_watcher *watcher);
void bb_http_watcher_stop(struct bb_http_watcher *watcher);

/* Call `told` once every partition p has been derived up to ends[p] and the registry follows, or until_ms
 * (monotonic) is over. On the watcher's thread. */
void bb_http_wait_derived(struct bb_http_server *server, const uint64_t *ends, int64_t until_ms,
                          bb_http_derived *told, void *context);

#endif
