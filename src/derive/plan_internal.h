/* What the parts of a plan share.
 *
 *   plan.c          slots and needs, merging, the phases
 *   plan_reach.c    how far a change reaches, and what must be known for that
 *   plan_work.c     the readings in the window: points, levels, statistics, registers beside
 *   plan_rules.c    customers' rules: what they are asked, what comes of their answers
 *   plan_like.c     like days of the gaps
 *   plan_compute.c  judge, periodise, write
 */
#ifndef BB_DERIVE_PLAN_INTERNAL_H
#define BB_DERIVE_PLAN_INTERNAL_H

#include "derive/like.h"
#include "derive/plan.h"
#include "derive/register.h"

/* What the readings in the window come to. */
struct bb_plan_work {
    struct bb_window raw, vee, rows; /* rows: of the period lane at hand */
    struct bb_window sight;          /* with rules: the points of (look_from, look_to] as judged */
    int64_t *level;                  /* of raw */
    struct bb_stat stat; /* of the days before and in the window, changed ones included */
    struct bb_total_list totals;
    struct bb_meter *meters;            /* by companion */
    struct bb_rule_beside *sent, *seen; /* by beside: raw, and of the lane vee */
    struct bb_window past;              /* raw points of like days, too; empty without gaps */
    size_t gap_rows;
    struct bb_finding_list findings;
    size_t judged_count; /* points of vee up to judge_to */
    const struct bb_block **overlays;
    size_t overlay_count, overlay_rows;
};

struct bb_plan_slot {
    struct bb_plan_key key;
    bool known; /* supplied, or known to be absent */
    bool present;
    bool merged;           /* raw: readings were merged into `block` */
    bool need_history;     /* raw: merging waits for the history block */
    struct bb_span packed; /* as stored */
    struct bb_block block; /* as stored, or as merged */
    struct bb_stat stat;   /* lane stat: as stored */
};

/* The slot of a block, made when it is new; NULL when memory is out (plan->failed_memory). */
struct bb_plan_slot *bb_plan_slot_at(struct bb_plan *plan, struct bb_plan_key key);

/* A known slot, or NULL after adding it to plan->needs. What coverage knows to be absent is known at
 * once. */
struct bb_plan_slot *bb_plan_want(struct bb_plan *plan, struct bb_plan_key key);
static inline struct bb_plan_slot *bb_plan_want_own(struct bb_plan *plan, uint8_t lane,
                                                    int32_t span) {
    return bb_plan_want(plan, (struct bb_plan_key){lane, 0, span});
}

/* The next known slot of a lane with span in [first, last], from index *at on; NULL: no more. */
struct bb_plan_slot *bb_plan_next(const struct bb_plan *plan, uint8_t companion, uint8_t lane,
                                  int32_t first, int32_t last, size_t *at);

/* The channel at hand, a companion of it, or one that its rules look at. */
static inline uint8_t bb_plan_beside(const struct bb_plan *plan, size_t beside) {
    return (uint8_t)(plan->input.companion_count + 1 + beside);
}
static inline const struct bb_beside *bb_plan_is_beside(const struct bb_plan *plan,
                                                        uint8_t companion) {
    return companion > plan->input.companion_count
               ? &plan->input.besides[companion - 1 - plan->input.companion_count]
               : NULL;
}
static inline const struct bb_channel *bb_plan_channel(const struct bb_plan *plan,
                                                       uint8_t companion) {
    const struct bb_beside *beside = bb_plan_is_beside(plan, companion);

    return companion == 0 ? plan->input.channel
           : beside       ? beside->channel
                          : plan->input.companions[companion - 1].channel;
}
static inline const struct bb_coverage *bb_plan_coverage(const struct bb_plan *plan,
                                                         uint8_t companion) {
    const struct bb_beside *beside = bb_plan_is_beside(plan, companion);

    return companion == 0 ? plan->input.coverage
           : beside       ? beside->coverage
                          : plan->input.companions[companion - 1].coverage;
}

/* A list of `size`-byte items that grows in the plan's arena; NULL when memory is out. */
void *bb_plan_grow(struct bb_plan *plan, void *items, size_t *capacity, size_t size);

/* Pack a block and add it to the writes unless it equals what is stored; count 0 and no findings:
 * a deletion. */
int bb_plan_write_block(struct bb_plan *plan, struct bb_plan_slot *slot,
                        const struct bb_block *block, struct bb_error *error) BB_MUST_USE;
/* The same for what was appended to plan->out from `offset` on. */
int bb_plan_write_packed(struct bb_plan *plan, struct bb_plan_slot *slot, size_t offset,
                         struct bb_error *error) BB_MUST_USE;

/* Ask for the statistics of the months that changed, make the new rows, see how far they reach. */
int bb_plan_stat(struct bb_plan *plan, struct bb_error *error) BB_MUST_USE;
/* Ask for everything that judging and periodising will read. */
void bb_plan_reach(struct bb_plan *plan);
/* Every block of the reach is known: make the window. */
int bb_plan_gather(struct bb_plan *plan, struct bb_error *error) BB_MUST_USE;
/* Find the gaps that will be judged, choose their like days, ask for those. */
int bb_plan_like(struct bb_plan *plan, struct bb_error *error) BB_MUST_USE;
/* Judge: every needed block is known. BB_PLAN_NEED: the judged stretch was too short (plan->read_ahead has
 * grown). */
int bb_plan_judge(struct bb_plan *plan, struct bb_error *error) BB_MUST_USE;
/* Periodise what was judged, write what differs. */
int bb_plan_finish(struct bb_plan *plan, struct bb_error *error) BB_MUST_USE;

/* Ask the channel's rules that see values as sent (raw), or those behind the estimates, one after the other.
 * BB_PLAN_ASK: plan->ask waits for its answer. */
int bb_plan_rules(struct bb_plan *plan, bool raw, struct bb_error *error) BB_MUST_USE;
/* Write the lane `rules` of the judged days. */
int bb_plan_write_said(struct bb_plan *plan, struct bb_error *error) BB_MUST_USE;
static inline bool bb_plan_judged(const struct bb_plan *plan, int64_t t) {
    return t > plan->judge_from && t <= plan->judge_to;
}

bool bb_plan_window(struct bb_plan *plan, struct bb_window *window, size_t capacity);

#endif
