/* Waiting before something is tried again: base/backoff.h says how long; as long as the other side asked for; and no longer
 * than patience lasts. */
#ifndef BB_ADAPTER_RETRY_H
#define BB_ADAPTER_RETRY_H

#include "adapter/sinks.h"
#include "base/random.h"

struct bb_retry {
    struct bb_sink_patience patience; /* zeroes replaced */
    struct bb_random random;
    uint32_t failures;
    int64_t begun_ns;
};

void bb_retry_init(struct bb_retry *retry, const struct bb_sink_patience *patience);
/* Something new is tried. */
void bb_retry_begin(struct bb_retry *retry);
/* Waits, at least `asked_ms` (0: nothing was asked for). False: patience would be over, or it was to stop meanwhile. */
bool bb_retry_wait(struct bb_retry *retry, int64_t asked_ms) BB_MUST_USE;

#endif
