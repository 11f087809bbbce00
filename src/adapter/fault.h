/* Faults by plan: what the decorators (bb_log_fault_wrap, bb_store_fault_wrap, ...) do to a port. They are the same port, but the
 * N-th call that may fail does: either before it did anything, or after it did all of it (the answer that was lost on the
 * way). A decorator owns neither what is inside nor the plan; the plan may be changed between calls. It is counted without a lock:
 * all calls come from one thread.
 */
#ifndef BB_ADAPTER_FAULT_H
#define BB_ADAPTER_FAULT_H

#include <stdint.h>

#include "base/error.h"

struct bb_fault_plan {
    uint64_t fail_at;        /* 1-based index among counted calls; 0: never */
    uint64_t calls;          /* counted so far (all ops that may fail) */
    enum bb_error_code code; /* what the failed call reports */
    bool before;             /* fail without doing; else do, then report failure */
    bool sticky;             /* every later call fails too */
};

/* ---- for the decorators */

enum bb_fault_fate { BB_GOES_WELL = 0, BB_FAILS_BEFORE, BB_FAILS_AFTER };
/* Counts a call. */
enum bb_fault_fate bb_fault_next(struct bb_fault_plan *plan);
/* The planned error of the call that was counted last. `retriable`: as the port has it for what may pass. */
int bb_fault_fail(const struct bb_fault_plan *plan, bool retriable, const char *operation,
                  struct bb_error *error) BB_MUST_USE;

/* Returns what `call` does, or the planned error; an error of its own goes first. */
#define BB_FAULT_RETURN(plan, retriable, operation, error, call)                                   \
    do {                                                                                           \
        const enum bb_fault_fate fate_ = bb_fault_next(plan);                                      \
        if (fate_ == BB_FAILS_BEFORE)                                                              \
            return bb_fault_fail((plan), (retriable), (operation), (error));                       \
        const int result_ = (call);                                                                \
        return fate_ == BB_FAILS_AFTER && result_ >= 0                                             \
                   ? bb_fault_fail((plan), (retriable), (operation), (error))                      \
                   : result_;                                                                      \
    } while (0)

#endif
