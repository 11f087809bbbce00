/* Findings: see findings.h. */
#include "service/findings.h"
#include "service/query_internal.h"

#include <stdlib.h>

enum { ARENA_CHUNK_BYTES = 256 << 10 };
static const size_t arena_limit_bytes = (size_t)1 << 30;

struct scan {
    struct bb_plant *plant;
    const struct bb_findings *asked;
    struct bb_arena arena; /* of one block as it was */
    bb_findings_visit *visit;
    void *context;
};

/* The quality of the row that ends at `at_ms`. */
static const struct bb_quality *quality_at(const struct bb_block *block, int64_t at_ms) {
    uint32_t low = 0, high = block->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (block->end_ms[middle] < at_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low < block->count && block->end_ms[low] == at_ms
               ? &block->attributes.items[block->attribute[low]].quality
               : NULL;
}

static int order_of(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

int bb_finding_order(const struct bb_finding *a, const struct bb_finding *b) {
    int order = order_of(a->at_ms, b->at_ms);

    order = order ? order : order_of(a->check, b->check);
    order = order ? order : order_of(a->from_ms, b->from_ms);
    order = order ? order : order_of(a->to_ms, b->to_ms);
    order = order ? order : order_of(a->a, b->a);
    return order ? order : order_of(a->b, b->b);
}

static int compare_findings(const void *left, const void *right) {
    return bb_finding_order(left, right);
}

static bool is_asked(const struct bb_findings *asked, const struct bb_finding *finding) {
    return (asked->check < 0 || finding->check == asked->check) &&
           (asked->from_ms == BB_TIME_NONE || finding->at_ms > asked->from_ms) &&
           (asked->to_ms == BB_TIME_NONE || finding->at_ms <= asked->to_ms);
}

static int tell_block(struct scan *scan, const struct bb_query_channel *c, struct bb_block *block) {
    struct bb_findings_row row = {.usage_point = c->usage_point, .channel = c->name};
    int result = 0;

    if (block->finding_count > 0)
        qsort(block->findings, block->finding_count, sizeof block->findings[0], compare_findings);
    for (uint32_t i = 0; result == 0 && i < block->finding_count; i++) {
        row.finding = &block->findings[i];
        if (!is_asked(scan->asked, row.finding))
            continue;
        row.quality = quality_at(block, row.finding->at_ms);
        result = scan->visit(scan->context, &row);
    }
    return result;
}

/* ---- as they stand */

static int tell_stored(struct scan *scan, struct bb_query_channel *c, struct bb_error *error) {
    int result = 0;

    for (int32_t day = bb_query_vee_day(c, BB_DAY_NONE); !result && day != BB_DAY_NONE;
         day = bb_query_vee_day(c, day + 1)) {
        struct bb_block overlay;
        result = bb_query_block(c, BB_LANE_VEE, day, &overlay, error);
        if (!result)
            result = tell_block(scan, c, &overlay);
    }
    return result;
}

/* ---- as they were */

static int tell_plan(struct scan *scan, const struct bb_query_channel *c,
                     const struct bb_plan *plan, struct bb_error *error) {
    int result = 0;

    for (size_t i = 0; result == 0 && i < plan->write_count; i++) {
        const struct bb_plan_write *write = &plan->writes[i];
        struct bb_block block;
        if (write->key.lane != BB_LANE_VEE || write->size == 0)
            continue;
        bb_arena_reset(&scan->arena);
        result = bb_block_unpack((struct bb_span){plan->out->data + write->offset, write->size},
                                 &scan->arena, &block, error);
        if (!result)
            result = tell_block(scan, c, &block);
    }
    return result;
}

static int tell_made(struct scan *scan, struct bb_query_channel *c, struct bb_error *error) {
    struct bb_buffer out;
    struct bb_plan plan;

    bb_buffer_init(&out, BB_BLOCK_MAX_BYTES);
    int result = bb_query_make(c, &plan, &out, error);
    if (result == BB_ABSENT)
        result = 0;
    else if (!result)
        result = tell_plan(scan, c, &plan, error);
    bb_buffer_release(&out);
    return result;
}

/* A bb_query_act. */
static int tell_channel(struct bb_query_channel *c, void *context, struct bb_error *error) {
    struct scan *scan = context;

    if (scan->asked->first.size > 0 && bb_span_equal(c->usage_point, scan->asked->first) &&
        bb_span_compare(c->name, scan->asked->first_channel) < 0)
        return 0;
    return scan->asked->as_of_ms == BB_TIME_NONE ? tell_stored(scan, c, error)
                                                 : tell_made(scan, c, error);
}

int bb_findings_run(struct bb_plant *plant, const struct bb_findings *asked,
                    bb_findings_visit *visit, void *context, struct bb_error *error) {
    /* the first row's day is that of the moment; a day more does no harm, it is looked at again */
    const struct bb_query query = {.tenant = asked->tenant,
                                   .usage_point = asked->usage_point,
                                   .lane = BB_LANE_VEE,
                                   .from_ms = asked->from_ms,
                                   .to_ms = asked->to_ms,
                                   .as_of_ms = asked->as_of_ms};
    struct scan scan = {.plant = plant, .asked = asked, .visit = visit, .context = context};

    bb_arena_init(&scan.arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    int result = bb_query_every(plant, &query, asked->first, tell_channel, &scan, error);
    bb_arena_release(&scan.arena);
    return result;
}
