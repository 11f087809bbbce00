/* A sink with a fault in it: every call is counted, and the one that the plan names fails, either before it did anything or
 * after it did all of it (the answer that was lost on the way). Owns neither the sink inside nor the plan. */
#include "adapter/fault.h"
#include "adapter/sinks.h"

#include <stdlib.h>

struct sink_fault {
    struct bb_sink base;
    struct bb_sink_ops ops; /* the name and the guarantee are those of the sink inside */
    struct bb_sink *inner;
    struct bb_fault_plan *plan;
};

static struct sink_fault *fault_of(struct bb_sink *sink) {
    return (struct sink_fault *)sink;
}

/* `operation` of the sink inside, under the plan. */
#define UNDER_PLAN(operation, ...)                                                                 \
    struct sink_fault *fault = fault_of(base);                                                     \
    BB_FAULT_RETURN(fault->plan, !fault->plan->sticky, #operation, error,                          \
                    fault->inner->ops->operation(fault->inner, __VA_ARGS__))

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
