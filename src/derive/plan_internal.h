/* What the two halves of a plan share: plan.c finds what is touched, plan_compute.c works it out. */
#ifndef BB_DERIVE_PLAN_INTERNAL_H
#define BB_DERIVE_PLAN_INTERNAL_H

#include "derive/plan.h"

struct bb_plan_slot {
    struct bb_plan_key key;
    bool known; /* supplied, or known to be absent */
    bool present;
    bool merged;           /* raw: readings were merged into `block` */
    bool need_history;     /* raw: merging waits for the history block */
    struct bb_span packed; /* as stored */
    struct bb_block block; /* as stored, or as merged */
};

/* The slot of a block, made when it is new; NULL when memory is out (plan->failed_memory). */
struct bb_plan_slot *bb_plan_slot_at(struct bb_plan *plan, uint8_t lane, int32_t span);

/* A known slot, or NULL after adding it to plan->needs. Uncovered raw days are known at once. */
struct bb_plan_slot *bb_plan_want(struct bb_plan *plan, uint8_t lane, int32_t span);

/* Pack a block and add it to the writes unless it equals what is stored; count 0 and no findings:
 * a deletion. */
int bb_plan_write_block(struct bb_plan *plan, struct bb_plan_slot *slot,
                        const struct bb_block *block, struct bb_error *error) BB_MUST_USE;

/* Judge, periodise, write: every needed block is known. */
int bb_plan_compute(struct bb_plan *plan, struct bb_error *error) BB_MUST_USE;

static inline int32_t bb_utc_day_of(int64_t t) {
    return bb_lane_span_of(BB_LANE_RAW, t);
}

#endif
