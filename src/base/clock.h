/* Time as a parameter: code that needs "now" is given a clock, so that tests and the simulator
 * hold it in their hand. Milliseconds UTC since 1970 (wall), nanoseconds (monotonic). */
#ifndef BB_BASE_CLOCK_H
#define BB_BASE_CLOCK_H

#include <stdint.h>

struct bb_clock {
    int64_t (*now_ms)(void *context);
    void *context;
};

/* The system's clock. */
struct bb_clock bb_clock_system(void);
/* A clock that stands at *now_ms until its owner moves it. */
struct bb_clock bb_clock_manual(int64_t *now_ms);

static inline int64_t bb_clock_now_ms(struct bb_clock clock) {
    return clock.now_ms(clock.context);
}

/* For measuring durations only. */
int64_t bb_monotonic_ns(void);

#endif
