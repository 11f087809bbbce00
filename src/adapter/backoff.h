/* Waiting before something is tried again: twice as long each time, with jitter, so that many that were refused together do
 * not come back together; as long as the other side asked for; and no longer than patience lasts. */
#ifndef BB_ADAPTER_BACKOFF_H
#define BB_ADAPTER_BACKOFF_H

#include "adapter/sinks.h"
#include "base/random.h"

struct bb_backoff {
    struct bb_sink_patience patience; /* zeroes replaced */
    struct bb_random random;
    uint32_t attempt;
    int64_t begun_ns;
};

void bb_backoff_init(struct bb_backoff *backoff, const struct bb_sink_patience *patience);
/* Something new is tried. */
void bb_backoff_begin(struct bb_backoff *backoff);
/* How long to wait now: between half and all of the doubled time, at least `asked_ms` (0: nothing was asked for).
 * -1: patience is over. */
int64_t bb_backoff_next_ms(struct bb_backoff *backoff, int64_t asked_ms);
/* Waits for that long. False: patience is over, or it was to stop meanwhile. */
bool bb_backoff_wait(struct bb_backoff *backoff, int64_t asked_ms) BB_MUST_USE;

#endif
