/* What the parts of a query share: query.c finds channels, query_lane.c reads their lanes. */
#ifndef BB_SERVICE_QUERY_INTERNAL_H
#define BB_SERVICE_QUERY_INTERNAL_H

#include "derive/coverage.h"
#include "derive/point.h"
#include "service/channel_table.h"
#include "service/query.h"

struct bb_query_channel { /* one channel while it is read */
    struct bb_plant *plant;
    const struct bb_query *query;
    struct bb_store_view *view;
    struct bb_span usage_point, name;
    struct bb_channel_record record;
    struct bb_channel channel;
    struct bb_coverage coverage;
    struct bb_arena *arena; /* of this channel */
    bb_query_visit *visit;
    void *context;
    uint64_t *left; /* rows that may still be told; UINT64_MAX: no limit */
};

/* Tell the channel's rows of the asked lane. 0, 1 when the visitor or the limit stopped it. */
int bb_query_lane(struct bb_query_channel *c, struct bb_error *error) BB_MUST_USE;

#endif
