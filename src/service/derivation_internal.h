/* What the parts of a derivation share.
 *
 *   derivation.c            the commit: all slots in turn, blocks and names in the store's order
 *   derivation_expect.c     what will be asked for, said ahead
 *   derivation_channel.c    one channel: its plans, what they need and what they make
 *   derivation_others.c     what it looks at beside itself, and who looks at it
 *   derivation_exception.c  what they say of its exceptions, all in all
 *   derivation_values.c     which of its values are others than before, for the change feed
 *   derivation_master.c     master data and ticks: which channels they bear on
 */
#ifndef BB_SERVICE_DERIVATION_INTERNAL_H
#define BB_SERVICE_DERIVATION_INTERNAL_H

#include "service/besides.h"
#include "service/derivation.h"

struct bb_derivation_work {
    struct bb_derivation *d;
    struct bb_store_view *view;
    struct bb_gather *gather; /* its sources by received time */
    struct bb_channel_table *channels;
    const uint32_t *fresh; /* slots that are new in this commit, by key */
    size_t fresh_count;
    struct bb_siblings siblings;
    struct bb_span tick_tenant;             /* whose latest tick is known */
    int64_t tenant_tick_ms, stored_tick_ms; /* with those of this commit; before it */
    /* Of the channel at hand. */
    uint32_t number;
    struct bb_channel_slot *slot; /* valid until the table grows */
    struct bb_coverage coverage;
    bool coverage_changed;
    int64_t tick_ms;     /* its tenant's */
    int64_t recorded_ms; /* the latest received time among what caused this */
    int64_t judged_from,
        judged_to; /* what its plans judged, all in all; of several not without holes */
    uint32_t plan_count;
    uint32_t companion_slots[BB_METERS_MAX];
    struct bb_coverage companion_coverages[BB_METERS_MAX];
    struct bb_companion companions[BB_METERS_MAX];
    size_t companion_count;
    uint32_t beside_slots[BB_BESIDES_MAX];
    struct bb_coverage beside_coverages[BB_BESIDES_MAX];
    struct bb_beside besides[BB_BESIDES_MAX];
    size_t beside_count;
    const struct bb_master_usage_point
        *usage_point; /* whose master data is known; NULL: nobody's */
};

static inline int bb_derivation_no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the blocks of a commit");
}

/* The channel follows what was received then. */
static inline void bb_derivation_note_cause(struct bb_channel_slot *slot, int64_t received_ms) {
    if (received_ms > slot->cause_ms)
        slot->cause_ms = received_ms;
}

static inline void bb_big_endian(uint64_t v, size_t size, char *out) {
    for (size_t i = 0; i < size; i++)
        out[i] = (char)(v >> (8 * (size - 1 - i)));
}

/* Names and values are copied into the arena. */
int bb_derivation_put_name(struct bb_derivation *d, enum bb_name_kind kind, struct bb_span name,
                           struct bb_span value, struct bb_error *error) BB_MUST_USE;
int bb_derivation_put_outbox(struct bb_derivation *d, const struct bb_outbox_record *record,
                             struct bb_error *error) BB_MUST_USE;

/* What a plan of the channel at hand opened and closed, kept until its last plan; then what is left of it goes
 * to the outbox. */
int bb_derivation_note_exceptions(struct bb_derivation_work *w, const struct bb_plan_input *input,
                                  const struct bb_plan *plan, struct bb_error *error) BB_MUST_USE;
int bb_derivation_tell_exceptions(struct bb_derivation_work *w, struct bb_error *error) BB_MUST_USE;

/* The rows of lanes that somebody follows which are others than before, to the outbox. */
int bb_derivation_tell_values(struct bb_derivation_work *w, struct bb_error *error) BB_MUST_USE;
/* A block of the channel at hand, or of one beside it, as this derivation made it, or as the store has it; empty: there is
 * none. */
int bb_derivation_fetch(struct bb_derivation_work *w, struct bb_plan_key key,
                        struct bb_span *packed, struct bb_error *error) BB_MUST_USE;

/* The slots of a commit are derived in rounds. Who looks at others comes behind them: intervals at the registers that they stand
 * beside, and last the channels whose rules look at other ones. */
enum bb_derivation_round { BB_ROUND_FIRST, BB_ROUND_INTERVALS, BB_ROUND_LOOKING };
enum bb_derivation_round bb_derivation_round_of(const struct bb_channel_slot *slot);

/* Tell the store what the slots of a round will ask for, from `slot` on, up to *until. */
int bb_derivation_expect(struct bb_derivation_work *w, enum bb_derivation_round round,
                         uint32_t slot, uint32_t told_slots, uint32_t *until,
                         struct bb_error *error) BB_MUST_USE;

/* Master data of the usage point at hand, into *up and w->usage_point. */
int bb_derivation_usage_point(struct bb_derivation_work *w, struct bb_master *up,
                              struct bb_error *error) BB_MUST_USE;
/* The coverage of a slot's channel as this commit has made it, or as stored. */
int bb_derivation_coverage(struct bb_derivation_work *w, const struct bb_channel_slot *slot,
                           struct bb_coverage *coverage, struct bb_error *error) BB_MUST_USE;
/* The registers beside the channel at hand, and the channels at which its rules look. */
int bb_derivation_load_others(struct bb_derivation_work *w, struct bb_error *error) BB_MUST_USE;
/* The channel at hand was derived: those that look at it must follow. */
int bb_derivation_force_others(struct bb_derivation_work *w, struct bb_error *error) BB_MUST_USE;

/* Derive one channel: its readings, and again what has to follow. */
int bb_derivation_channel(struct bb_derivation_work *w, uint32_t number,
                          const struct bb_gather_piece *pieces, size_t piece_count,
                          struct bb_error *error) BB_MUST_USE;
/* An interval channel came to be, or became what it is: others of its usage point may claim the same
 * registers, and then nobody has them. They follow. */
int bb_derivation_follow_interval(struct bb_derivation_work *w, uint32_t number,
                                  struct bb_error *error) BB_MUST_USE;
/* A channel came to be, or became what it is: channels whose rules look at others may mean another one than they did, at
 * all times. */
int bb_derivation_follow_looking(struct bb_derivation_work *w, uint32_t number,
                                 struct bb_error *error) BB_MUST_USE;
/* Each entry is written, and every channel it may bear on is resolved anew. */
int bb_derivation_masters(struct bb_derivation_work *w, struct bb_error *error) BB_MUST_USE;

/* Ticks are written, and every channel of their tenants is met. */
int bb_derivation_ticks(struct bb_derivation_work *w, struct bb_error *error) BB_MUST_USE;
/* The latest tick of a tenant, that of this commit or the store's; 0: none. */
int bb_derivation_tick_of(struct bb_derivation_work *w, struct bb_span tenant, int64_t *tick_ms,
                          struct bb_error *error) BB_MUST_USE;

#endif
