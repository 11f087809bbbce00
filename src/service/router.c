/* The router: see router.h. */
#include "service/router.h"

#include "model/master.h"
#include "port/log.h"

#include <stdlib.h>

enum {
    READINGS_HELD = 1 << 20,      /* at most, in the frames of all partitions */
    FRAME_READINGS_MIN = 1 << 14, /* a frame that fits the cache */
    READINGS_PER_SERIES = 8,      /* but one in which a name is worth its bytes may be larger */
    FRAME_LIMIT_BYTES = 64 << 20,
    /* Half of a body (port/log.h) is for names and qualities; readings of a whole frame need less than the other. */
    FRAME_TEXT_BYTES = BB_LOG_BODY_BYTES / 2,
    SERIES_COST_BYTES = 32,
    ATTRIBUTE_COST_BYTES = 256,
    SCRATCH_CHUNK_BYTES = 1 << 20,
    SOURCE_LIMIT_BYTES = 1 << 16
};

/* Where the readings of one series go. `frame` says for which frame `index` holds. */
struct bb_route {
    uint32_t partition;
    uint32_t index;
    uint64_t frame;
};

struct bb_router_part {
    struct bb_frame_row *rows; /* router->frame_readings; those after `count` are free */
    uint32_t count;
    bool has_issued;
    struct bb_attribute_set attributes;
    uint32_t batch_attribute, attribute; /* of the reading before: an index there is one here */
    struct bb_series *series;
    uint32_t series_count, series_capacity;
    uint64_t series_bytes; /* about, in the frame */
    uint64_t frame; /* number of the frame being filled, over all partitions: never repeats */
};

static int set_tenant(struct bb_router *r, struct bb_span tenant, struct bb_error *error) {
    r->tenant = tenant;
    if (tenant.size > 0 && tenant.size <= BB_MASTER_TENANT_MAX)
        return 0;
    return BB_FAIL(error, BB_E_NAME, "the tenant's name has %zu bytes; allowed are 1 to %d",
                   tenant.size, BB_MASTER_TENANT_MAX);
}

int bb_router_init(struct bb_router *r, const struct bb_router_target *target,
                   struct bb_span tenant, const struct bb_series_table *table,
                   struct bb_error *error) {
    uint32_t share = READINGS_HELD / target->partitions;
    *r = (struct bb_router){.target = *target,
                            .table = table,
                            .frame_readings = share < FRAME_READINGS_MIN ? FRAME_READINGS_MIN
                                              : share > BB_FRAME_READINGS_MAX
                                                  ? BB_FRAME_READINGS_MAX
                                                  : share};
    bb_arena_init(&r->scratch, SCRATCH_CHUNK_BYTES, FRAME_LIMIT_BYTES);
    bb_buffer_init(&r->body, FRAME_LIMIT_BYTES);
    bb_buffer_init(&r->source_name, SOURCE_LIMIT_BYTES);
    r->parts = calloc(target->partitions, sizeof r->parts[0]);
    bool room = r->parts != NULL;
    for (uint32_t p = 0; room && p < target->partitions; p++) {
        r->parts[p].rows = malloc(r->frame_readings * sizeof r->parts[p].rows[0]);
        r->parts[p].frame = p + 1;
        room = r->parts[p].rows != NULL;
    }
    int result = room ? set_tenant(r, tenant, error)
                      : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the frames of a file");
    if (result)
        bb_router_release(r);
    return result;
}

/* The next frame of this partition: no series is in its dictionary yet. */
static void begin_frame(struct bb_router *r, struct bb_router_part *part) {
    part->count = 0;
    part->series_count = 0;
    part->series_bytes = 0;
    part->has_issued = false;
    part->batch_attribute = UINT32_MAX;
    part->frame += r->target.partitions;
    bb_attribute_set_clear(&part->attributes);
}

int bb_router_restart(struct bb_router *r, const struct bb_router_target *target,
                      struct bb_span tenant, struct bb_error *error) {
    BB_ASSERT(target->partitions == r->target.partitions);
    r->target = *target;
    r->readings = 0;
    if (r->table->count < r->route_count) /* cleared: the routes were those of other series */
        r->route_count = 0;
    for (uint32_t p = 0; p < target->partitions; p++)
        begin_frame(r, &r->parts[p]);
    return set_tenant(r, tenant, error);
}

void bb_router_release(struct bb_router *r) {
    for (uint32_t p = 0; r->parts && p < r->target.partitions; p++) {
        free(r->parts[p].rows);
        free(r->parts[p].series);
        bb_attribute_set_release(&r->parts[p].attributes);
    }
    free(r->parts);
    free(r->routes);
    bb_arena_release(&r->scratch);
    bb_buffer_release(&r->body);
    bb_buffer_release(&r->source_name);
    *r = (struct bb_router){0};
}

static int hand_on_frame(struct bb_router *r, uint32_t p, struct bb_error *error) {
    struct bb_router_part *part = &r->parts[p];
    struct bb_frame frame = {.tenant = r->tenant,
                             .source = r->source,
                             .received_ms = r->target.received_ms,
                             .series_count = part->series_count,
                             .series = part->series,
                             .attributes = part->attributes.items,
                             .attribute_count = part->attributes.count};

    bb_arena_reset(&r->scratch);
    bb_buffer_clear(&r->body);
    if (!bb_frame_set_rows(&frame, part->rows, part->count, &r->scratch))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a frame");
    if (!part->has_issued)
        frame.issued_ms = NULL;
    int result = bb_frame_encode(&frame, &r->scratch, &r->body, error);
    if (result)
        return result;
    return r->target.take(r->target.context, p, bb_buffer_span(&r->body), part->count, error);
}

static int cut_frame(struct bb_router *r, uint32_t p, struct bb_error *error) {
    struct bb_router_part *part = &r->parts[p];
    if (part->count == 0)
        return 0;
    int result = hand_on_frame(r, p, error);
    begin_frame(r, part);
    return result;
}

int bb_router_flush(struct bb_router *r, struct bb_error *error) {
    int result = 0;

    for (uint32_t p = 0; !result && p < r->target.partitions; p++)
        result = cut_frame(r, p, error);
    return result;
}

int bb_router_source(struct bb_router *r, struct bb_span source, struct bb_error *error) {
    int result = bb_router_flush(r, error);

    bb_buffer_clear(&r->source_name);
    bb_buffer_append_span(&r->source_name, source);
    if (!result && r->source_name.overflow)
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the name of a source");
    r->source = bb_buffer_span(&r->source_name);
    return result;
}

/* Routes of the series that the table has got since the last batch. */
static bool extend_routes(struct bb_router *r) {
    uint32_t count = r->table->count;

    if (count > r->route_capacity) {
        uint32_t capacity = count + count / 2 + 64;
        struct bb_route *routes = realloc(r->routes, capacity * sizeof *routes);
        if (!routes)
            return false;
        r->routes = routes;
        r->route_capacity = capacity;
    }
    for (uint32_t i = r->route_count; i < count; i++)
        r->routes[i] = (struct bb_route){
            .partition = (uint32_t)(bb_usage_point_hash(r->table->items[i].usage_point) %
                                    r->target.partitions)};
    r->route_count = count;
    return true;
}

/* The series joins the dictionary of the frame being filled. */
static bool add_series(struct bb_router *r, struct bb_router_part *part, uint32_t series) {
    if (part->series_count == part->series_capacity) {
        uint32_t capacity = part->series_capacity ? part->series_capacity * 2 : 64;
        struct bb_series *items = realloc(part->series, capacity * sizeof *items);
        if (!items)
            return false;
        part->series = items;
        part->series_capacity = capacity;
    }
    r->routes[series].frame = part->frame;
    r->routes[series].index = part->series_count;
    const struct bb_series *added = &r->table->items[series];
    part->series[part->series_count++] = *added;
    part->series_bytes += SERIES_COST_BYTES + added->usage_point.size + added->channel.size +
                          added->zone.size + added->obis.size;
    return true;
}

/* The attribute joins the dictionary of the frame being filled. */
static bool add_attribute(struct bb_router_part *part, const struct bb_batch *batch,
                          uint32_t attribute) {
    part->batch_attribute = attribute;
    part->attribute = bb_attribute_set_index(&part->attributes,
                                             &batch->attributes.items[attribute]);
    return part->attribute != UINT32_MAX;
}

static bool add_reading(struct bb_router *r, const struct bb_batch *batch, uint32_t i,
                        struct bb_router_part *part) {
    const struct bb_route *route = &r->routes[batch->series[i]];

    if (route->frame != part->frame && !add_series(r, part, batch->series[i]))
        return false;
    if (batch->attribute[i] != part->batch_attribute &&
        !add_attribute(part, batch, batch->attribute[i]))
        return false;
    bool issued = batch->has_issued && batch->issued_ms[i] != BB_TIME_NONE;
    part->has_issued |= issued;
    part->rows[part->count++] = (struct bb_frame_row){.end_ms = batch->end_ms[i],
                                                      .mantissa = batch->mantissa[i],
                                                      .line = batch->line[i],
                                                      .issued_ms = issued ? batch->issued_ms[i]
                                                                          : r->target.received_ms,
                                                      .series = route->index,
                                                      .attribute = part->attribute};
    return true;
}

static bool is_full(const struct bb_router *r, const struct bb_router_part *part) {
    if (part->count < FRAME_READINGS_MIN)
        return false;
    uint64_t text_bytes = part->series_bytes +
                          part->attributes.count * (uint64_t)ATTRIBUTE_COST_BYTES;
    return part->count >= r->frame_readings ||
           part->count >= READINGS_PER_SERIES * (uint64_t)part->series_count ||
           text_bytes >= FRAME_TEXT_BYTES;
}

int bb_router_add(struct bb_router *r, const struct bb_batch *batch, struct bb_error *error) {
    enum { AHEAD = 16 }; /* routes are looked up in memory order of nothing: fetch them early */

    if (!extend_routes(r))
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %u series", r->table->count);
    for (uint32_t p = 0; p < r->target.partitions; p++)
        r->parts[p].batch_attribute = UINT32_MAX; /* each batch has a dictionary of its own */
    for (uint32_t i = 0; i < batch->count; i++) {
        if (i + AHEAD < batch->count)
            __builtin_prefetch(&r->routes[batch->series[i + AHEAD]]);
        uint32_t p = r->routes[batch->series[i]].partition;
        if (!add_reading(r, batch, i, &r->parts[p]))
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a frame");
        if (is_full(r, &r->parts[p])) {
            int result = cut_frame(r, p, error);
            if (result)
                return result;
        }
    }
    r->readings += batch->count;
    return 0;
}
