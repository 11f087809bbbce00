/* Faults by plan: see fault.h. */
#include "adapter/fault.h"

enum bb_fault_fate bb_fault_next(struct bb_fault_plan *plan) {
    const uint64_t call = ++plan->calls;
    const bool fails = plan->fail_at != 0 &&
                       (call == plan->fail_at || (plan->sticky && call > plan->fail_at));

    if (!fails)
        return BB_GOES_WELL;
    return plan->before ? BB_FAILS_BEFORE : BB_FAILS_AFTER;
}

int bb_fault_fail(const struct bb_fault_plan *plan, bool retriable, const char *operation,
                  struct bb_error *error) {
    const int result = BB_FAIL(error, plan->code, "planned fault: call %llu (%s), %s",
                               (unsigned long long)plan->calls, operation,
                               plan->before ? "without being done" : "after it was done");

    error->retriable = retriable;
    return result;
}
