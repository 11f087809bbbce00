/* Readings per second: see rate_internal.h. */
#include "http/rate_internal.h"

#include <string.h>

void bb_rate_init(struct bb_rate *rate) {
    memset(rate, 0, sizeof *rate);
    pthread_mutex_init(&rate->lock, NULL);
}

void bb_rate_release(struct bb_rate *rate) {
    pthread_mutex_destroy(&rate->lock);
}

void bb_rate_note(struct bb_rate *rate, int64_t now_ms, uint64_t total) {
    pthread_mutex_lock(&rate->lock);
    uint64_t last = rate->count > 0 ? (rate->count - 1) % BB_RATE_SAMPLES : 0;
    if (rate->count == 0 || now_ms - rate->samples[last].at_ms >= BB_RATE_SECOND_MS) {
        uint64_t at = rate->count++ % BB_RATE_SAMPLES;
        rate->samples[at].at_ms = now_ms;
        rate->samples[at].total = total;
    }
    rate->total = total;
    rate->at_ms = now_ms;
    pthread_mutex_unlock(&rate->lock);
}

double bb_rate_per_second(struct bb_rate *rate, uint64_t *total) {
    double result = 0;

    pthread_mutex_lock(&rate->lock);
    uint64_t kept = rate->count < BB_RATE_SAMPLES ? rate->count : BB_RATE_SAMPLES;
    for (uint64_t back = kept; back > 0; back--) { /* the oldest of the minute */
        uint64_t at = (rate->count - back) % BB_RATE_SAMPLES;
        int64_t since_ms = rate->at_ms - rate->samples[at].at_ms;
        if (since_ms > BB_RATE_MINUTE_MS)
            continue;
        if (since_ms > 0)
            result = (double)(rate->total - rate->samples[at].total) * 1000 / (double)since_ms;
        break;
    }
    *total = rate->total;
    pthread_mutex_unlock(&rate->lock);
    return result;
}
