/* The router: splits decoded batches by partition and cuts them into frames. Where the frames go (the log, or
 * the memory of a post) is its target's. */
#ifndef BB_SERVICE_ROUTER_H
#define BB_SERVICE_ROUTER_H

#include "model/batch.h"
#include "model/frame.h"

/* Takes the encoded frames, in order per partition. */
struct bb_router_target {
    uint32_t partitions;
    int64_t received_ms; /* of all readings */
    int (*take)(void *context, uint32_t partition, struct bb_span frame, uint32_t readings,
                struct bb_error *error);
    void *context;
};

struct bb_router_part; /* the frame being filled of one partition */

struct bb_router {
    struct bb_router_target target;
    struct bb_span tenant, source;
    struct bb_buffer source_name; /* a copy: its giver's may change before the last frame is cut */
    const struct bb_series_table *table;
    struct bb_router_part *parts;
    struct bb_route *routes; /* per series of the table */
    uint32_t route_count, route_capacity;
    uint32_t frame_readings; /* the most that a frame has */
    uint64_t readings;
    struct bb_arena scratch;
    struct bb_buffer body;
};

int bb_router_init(struct bb_router *router, const struct bb_router_target *target,
                   struct bb_span tenant, const struct bb_series_table *table,
                   struct bb_error *error) BB_MUST_USE;
/* For another run over the same table, as it is or just cleared, in the memory it has; as many partitions. What
 * is left in the frames is forgotten. */
int bb_router_restart(struct bb_router *router, const struct bb_router_target *target,
                      struct bb_span tenant, struct bb_error *error) BB_MUST_USE;
void bb_router_release(struct bb_router *router);
/* The member of the file that readings come from, for people (copied); starts new frames. */
int bb_router_source(struct bb_router *router, struct bb_span source, struct bb_error *error)
    BB_MUST_USE;
int bb_router_add(struct bb_router *router, const struct bb_batch *batch, struct bb_error *error)
    BB_MUST_USE;
/* Append what is left in the frames. */
int bb_router_flush(struct bb_router *router, struct bb_error *error) BB_MUST_USE;

#endif
