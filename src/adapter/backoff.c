/* Waiting before the next attempt: see backoff.h. */
#include "adapter/backoff.h"

#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { FIRST_MS = 100, LONGEST_MS = 30000, TOTAL_MS = 120000, SLICE_MS = 50 };

static uint32_t or_default(uint32_t value, uint32_t instead) {
    return value ? value : instead;
}

void bb_backoff_init(struct bb_backoff *backoff, const struct bb_sink_patience *patience) {
    *backoff = (struct bb_backoff){
        .patience = {.first_ms = or_default(patience->first_ms, FIRST_MS),
                     .longest_ms = or_default(patience->longest_ms, LONGEST_MS),
                     .total_ms = or_default(patience->total_ms, TOTAL_MS),
                     .stop = patience->stop}};
    /* Processes that began together shall not wait alike. */
    bb_random_seed(&backoff->random, (uint64_t)bb_monotonic_ns() ^ (uint64_t)getpid() << 32);
    bb_backoff_begin(backoff);
}

void bb_backoff_begin(struct bb_backoff *backoff) {
    backoff->attempt = 0;
    backoff->begun_ns = bb_monotonic_ns();
}

int64_t bb_backoff_next_ms(struct bb_backoff *backoff, int64_t asked_ms) {
    const struct bb_sink_patience *p = &backoff->patience;
    int64_t gone_ms = (bb_monotonic_ns() - backoff->begun_ns) / 1000000;
    uint32_t doublings = backoff->attempt < 20 ? backoff->attempt : 20;
    uint64_t step = (uint64_t)p->first_ms << doublings;

    if (step > p->longest_ms)
        step = p->longest_ms;
    backoff->attempt++;
    int64_t wait_ms = (int64_t)(step / 2 + bb_random_below(&backoff->random, step / 2 + 1));
    if (wait_ms < asked_ms)
        wait_ms = asked_ms;
    return gone_ms + wait_ms > p->total_ms ? -1 : wait_ms;
}

bool bb_backoff_wait(struct bb_backoff *backoff, int64_t asked_ms) {
    int64_t wait_ms = bb_backoff_next_ms(backoff, asked_ms);
    atomic_bool *stop = backoff->patience.stop;

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
