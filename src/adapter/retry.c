/* Waiting before the next attempt: see retry.h. */
#include "adapter/retry.h"

#include <time.h>

#include "base/backoff.h"

enum { FIRST_MS = 100, LONGEST_MS = 30000, TOTAL_MS = 120000, SLICE_MS = 50 };

static uint32_t or_default(uint32_t value, uint32_t instead) {
    return value ? value : instead;
}

void bb_retry_init(struct bb_retry *retry, const struct bb_sink_patience *patience) {
    *retry = (struct bb_retry){
        .patience = {.first_ms = or_default(patience->first_ms, FIRST_MS),
                     .longest_ms = or_default(patience->longest_ms, LONGEST_MS),
                     .total_ms = or_default(patience->total_ms, TOTAL_MS),
                     .stop = patience->stop}};
    bb_backoff_seed(&retry->random);
    bb_retry_begin(retry);
}

void bb_retry_begin(struct bb_retry *retry) {
    retry->failures = 0;
    retry->begun_ns = bb_monotonic_ns();
}

/* -1: patience is over. */
static int64_t next_ms(struct bb_retry *retry, int64_t asked_ms) {
    const struct bb_sink_patience *p = &retry->patience;
    int64_t gone_ms = (bb_monotonic_ns() - retry->begun_ns) / 1000000;
    int64_t wait_ms = bb_backoff_ms(++retry->failures, p->first_ms, p->longest_ms, &retry->random);

    if (wait_ms < asked_ms)
        wait_ms = asked_ms;
    return gone_ms + wait_ms > p->total_ms ? -1 : wait_ms;
}

bool bb_retry_wait(struct bb_retry *retry, int64_t asked_ms) {
    int64_t wait_ms = next_ms(retry, asked_ms);
    atomic_bool *stop = retry->patience.stop;

    if (wait_ms < 0)
        return false;
    while (wait_ms > 0 && !(stop && atomic_load(stop))) {
        int64_t slice_ms = wait_ms < SLICE_MS ? wait_ms : SLICE_MS;
        struct timespec slice = {.tv_sec = 0, .tv_nsec = (long)slice_ms * 1000000};
        nanosleep(&slice, NULL);
        wait_ms -= slice_ms;
    }
    return !(stop && atomic_load(stop));
}
