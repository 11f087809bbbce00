/* A sink with a fault in it: every call is counted, and the one that the plan names fails, either before it did anything or
 * after it did all of it (the answer that was lost on the way). Owns neither the sink inside nor the plan. */
#include "adapter/sinks.h"

#include <stdlib.h>

struct sink_fault {
    struct bb_sink base;
    struct bb_sink_ops ops; /* the name and the guarantee are those of the sink inside */
    struct bb_sink *inner;
    struct bb_fault_plan *plan;
};

enum fate { GOES_WELL, FAILS_BEFORE, FAILS_AFTER };

static struct sink_fault *fault_of(struct bb_sink *sink) {
    return (struct sink_fault *)sink;
}

static enum fate next_fate(struct bb_fault_plan *plan) {
    uint64_t call = ++plan->calls;
    bool fails = plan->fail_at != 0 &&
                 (call == plan->fail_at || (plan->sticky && call > plan->fail_at));

    if (!fails)
        return GOES_WELL;
    return plan->before ? FAILS_BEFORE : FAILS_AFTER;
}

static int fail(const struct sink_fault *fault, const char *operation, struct bb_error *error) {
    int result = BB_FAIL(error, fault->plan->code, "planned fault: call %llu of the sink (%s)",
                         (unsigned long long)fault->plan->calls, operation);
    error->retriable = !fault->plan->sticky;
    return result;
}

/* `operation` of the sink inside, under the plan. A call that failed by itself stays as it is. */
#define UNDER_PLAN(operation, ...)                                                                 \
    struct sink_fault *fault = fault_of(base);                                                     \
    enum fate fate = next_fate(fault->plan);                                                       \
    if (fate == FAILS_BEFORE)                                                                      \
        return fail(fault, #operation, error);                                                     \
    int result = fault->inner->ops->operation(fault->inner, __VA_ARGS__);                          \
    return fate == FAILS_AFTER && result >= 0 ? fail(fault, #operation, error) : result

static void fault_close(struct bb_sink *base) {
    free(base);
}

static int fault_position(struct bb_sink *base, uint32_t partition, uint64_t *sequence,
                          struct bb_error *error) {
    UNDER_PLAN(position, partition, sequence, error);
}

static int fault_apply(struct bb_sink *base, uint32_t partition, uint64_t from,
                       const struct bb_outbox_record *records, size_t count,
                       struct bb_error *error) {
    UNDER_PLAN(apply, partition, from, records, count, error);
}

static int fault_check(struct bb_sink *base, struct bb_error *error) {
    UNDER_PLAN(check, error);
}

static int fault_letter_position(struct bb_sink *base, uint64_t *offset, struct bb_error *error) {
    UNDER_PLAN(letter_position, offset, error);
}

static int fault_apply_letters(struct bb_sink *base, uint64_t from, uint64_t to,
                               const struct bb_letter *letters, size_t count,
                               struct bb_error *error) {
    UNDER_PLAN(apply_letters, from, to, letters, count, error);
}

struct bb_sink *bb_sink_fault_wrap(struct bb_sink *inner, struct bb_fault_plan *plan) {
    struct sink_fault *fault = calloc(1, sizeof *fault);

    if (!fault)
        return NULL;
    fault->ops = (struct bb_sink_ops){.name = inner->ops->name,
                                      .guarantee = inner->ops->guarantee,
                                      .close = fault_close,
                                      .position = fault_position,
                                      .apply = fault_apply,
                                      .check = fault_check};
    if (inner->ops->apply_letters) {
        fault->ops.letter_position = fault_letter_position;
        fault->ops.apply_letters = fault_apply_letters;
    }
    fault->base = (struct bb_sink){&fault->ops, inner->label};
    fault->inner = inner;
    fault->plan = plan;
    return &fault->base;
}
