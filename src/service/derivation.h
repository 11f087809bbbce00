/* Derivation: from what was gathered to everything one commit writes.
 *
 * Channel by channel: cut its readings into plans, fetch the blocks they need from the view (or from
 * what this derivation has just made), and collect blocks, names and outbox records in the order
 * that the store wants.
 */
#ifndef BB_SERVICE_DERIVATION_H
#define BB_SERVICE_DERIVATION_H

#include "derive/plan.h"
#include "service/gather.h"

struct bb_output { /* a block to write */
    struct bb_block_key key;
    uint32_t order;      /* a later one of the same key wins */
    size_t offset, size; /* in `packed`; size 0: delete */
    bool is_new;         /* the store has none */
};

struct bb_exception_event { /* a hard finding came, or went */
    struct bb_finding finding;
    int64_t cause_ms; /* when what caused it was received */
    uint32_t number;  /* in the order of the plans */
    bool opened;
};

struct bb_derivation {
    struct bb_store *store;
    struct bb_arena plan;    /* of the channel at hand */
    struct bb_arena arena;   /* until the commit */
    struct bb_buffer packed; /* of all blocks */
    struct bb_output *outputs;
    size_t output_count, output_capacity;
    struct bb_exception_event *events; /* of the channel at hand */
    size_t event_count, event_capacity;
    struct bb_name_change *names;
    size_t name_count, name_capacity;
    struct bb_span *outbox;
    size_t outbox_count, outbox_capacity;
    struct bb_block_change *changes;
    size_t change_capacity;
    struct bb_block_key *expected; /* derivation_expect.c */
    size_t expected_capacity;
    struct bb_name_key *expected_names;
    size_t expected_name_capacity;
    /* Of the change feed (derivation_values.c). */
    struct bb_arena values;
    struct bb_attribute_set value_attributes;
    struct bb_buffer value_change;
    int32_t *told_spans;
    size_t told_span_capacity;
    struct bb_merge_counts counts;
    uint64_t opened, closed;
};

void bb_derivation_init(struct bb_derivation *d, struct bb_store *store);
void bb_derivation_release(struct bb_derivation *d);
void bb_derivation_clear(struct bb_derivation *d);

/* Work out all of it, after bb_gather_sort. On success `out` lists blocks, names and outbox in the
 * store's order; its claim and positions are the caller's to fill. */
int bb_derivation_run(struct bb_derivation *d, struct bb_gather *gather,
                      struct bb_channel_table *channels, struct bb_store_view *view,
                      struct bb_commit *out, struct bb_error *error) BB_MUST_USE;

#endif
