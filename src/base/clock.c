/* Clocks: see clock.h. The only place that asks the system for the time. */
#include "base/clock.h"

#include <time.h>

static int64_t system_now_ms(void *context) {
    struct timespec t;

    (void)context;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t manual_now_ms(void *context) {
    return *(const int64_t *)context;
}

struct bb_clock bb_clock_system(void) {
    return (struct bb_clock){system_now_ms, 0};
}

struct bb_clock bb_clock_manual(int64_t *now_ms) {
    return (struct bb_clock){manual_now_ms, now_ms};
}

int64_t bb_monotonic_ns(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
