/* Readings per second over the last minute, from a total that is noted now and then.
 *
 * One lock inside: noted by the watcher, asked by handlers.
 */
#ifndef BB_HTTP_RATE_INTERNAL_H
#define BB_HTTP_RATE_INTERNAL_H

#include <pthread.h>
#include <stdint.h>

enum { BB_RATE_SAMPLES = 64, BB_RATE_SECOND_MS = 1000, BB_RATE_MINUTE_MS = 60000 };

struct bb_rate {
    pthread_mutex_t lock; /* guards the rest */
    struct {
        int64_t at_ms; /* monotonic */
        uint64_t total;
    } samples[BB_RATE_SAMPLES]; /* a ring, at most one a second */
    uint64_t count;             /* ever noted */
    uint64_t total;             /* the latest */
    int64_t at_ms;
};

void bb_rate_init(struct bb_rate *rate);
void bb_rate_release(struct bb_rate *rate);
void bb_rate_note(struct bb_rate *rate, int64_t now_ms, uint64_t total);
/* Over the last minute, or as long as notes go back; `total`: the latest. */
double bb_rate_per_second(struct bb_rate *rate, uint64_t *total);

#endif
