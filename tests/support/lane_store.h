/* The lanes of one channel in memory, fed by plans: what the service does, without the service. */
#ifndef BB_TESTS_SUPPORT_LANE_STORE_H
#define BB_TESTS_SUPPORT_LANE_STORE_H

#include "derive/plan.h"
#include "support/channel_case.h"

struct lane_entry {
    struct bb_plan_key key;
    char *packed;
    size_t size;
};

struct lane_store {
    const struct bb_channel *channel;
    struct lane_entry *entries; /* ascending by key */
    size_t count, capacity;
    struct bb_finding *open; /* exceptions: opened and not closed */
    size_t open_count, open_capacity;
    struct bb_buffer coverage;
    struct bb_merge_counts counts;
    size_t writes; /* of the last feed */
};

void lane_store_init(struct lane_store *s, const struct bb_channel *channel);
void lane_store_release(struct lane_store *s);

/* Merge and derive some tellings, at most BB_PLAN_DAYS_MAX days to a plan. */
void lane_store_feed(struct lane_store *s, const struct telling *tellings, size_t count);
/* Derive (from, to] again. */
void lane_store_force(struct lane_store *s, int64_t from_ms, int64_t to_ms);

/* The packed block, empty when there is none. */
struct bb_span lane_store_get(const struct lane_store *s, uint8_t lane, int32_t span);

#endif
