/* Findings: see findings.h. A block without findings costs its unpacking; a name is looked up only
 * for those that have some. */
#include "service/findings.h"
#include "service/query_internal.h"

enum { ARENA_CHUNK_BYTES = 256 << 10 };
static const size_t arena_limit_bytes = (size_t)1 << 30;

struct scan {
    struct bb_plant *plant;
    const struct bb_findings *asked;
    struct bb_store_view *view;
    struct bb_arena arena; /* of one block */
    struct bb_error *error;
    bb_findings_visit *visit;
    void *context;
};

/* The part of a channel's key up to the next 0. */
static struct bb_span take_part(struct bb_span *key) {
    const char *end = memchr(key->data, '\0', key->size);
    struct bb_span part = {key->data, end ? (size_t)(end - key->data) : key->size};
    size_t taken = part.size + (end != NULL);

    *key = (struct bb_span){key->data + taken, key->size - taken};
    return part;
}

/* BB_FOUND, or BB_ABSENT when the channel is not asked for. */
static int name_channel(struct scan *scan, uint32_t number, struct bb_findings_row *row) {
    const struct bb_findings *asked = scan->asked;
    struct bb_span key;
    char id[4];

    for (int i = 0; i < 4; i++)
        id[i] = (char)(number >> (8 * (3 - i)));
    int result = scan->plant->store->ops->name_get(
        scan->view, BB_NAME_CHANNEL_ID, (struct bb_span){id, sizeof id}, &key, scan->error);
    if (result == BB_ABSENT)
        return BB_FAIL(scan->error, BB_E_STORE_CORRUPT, "the store does not know channel %u",
                       number);
    if (result < 0)
        return result;
    struct bb_span tenant = take_part(&key);
    row->usage_point = take_part(&key);
    row->channel = key;
    return bb_span_equal(tenant, asked->tenant) &&
                   (asked->usage_point.size == 0 ||
                    bb_span_equal(row->usage_point, asked->usage_point))
               ? BB_FOUND
               : BB_ABSENT;
}

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

static int tell_block(struct scan *scan, const struct bb_block *block,
                      struct bb_findings_row *row) {
    int result = 0;

    for (uint32_t i = 0; result == 0 && i < block->finding_count; i++) {
        row->finding = &block->findings[i];
        if (scan->asked->check >= 0 && row->finding->check != scan->asked->check)
            continue;
        row->quality = quality_at(block, row->finding->at_ms);
        result = scan->visit(scan->context, row);
    }
    return result;
}

/* ---- as they stand */

static int scan_block(void *context, const struct bb_block_key *key, struct bb_span packed) {
    struct scan *scan = context;
    struct bb_findings_row row;
    struct bb_block block;

    bb_arena_reset(&scan->arena);
    int result = bb_block_unpack(packed, &scan->arena, &block, scan->error);
    if (result || block.finding_count == 0)
        return result;
    result = name_channel(scan, key->channel, &row);
    if (result)
        return result < 0 ? result : 0;
    return tell_block(scan, &block, &row);
}

static int tell_stored(struct scan *scan) {
    struct bb_store *store = scan->plant->store;
    int result = 0;

    for (uint32_t partition = 0; result == 0 && partition < store->partitions; partition++) {
        result = store->ops->view_begin(store, partition, &scan->view, scan->error);
        if (result)
            break;
        result = store->ops->block_scan(scan->view, BB_LANE_VEE, INT32_MIN, INT32_MAX, scan_block,
                                        scan, scan->error);
        store->ops->view_end(scan->view);
    }
    return result;
}

/* ---- as they were */

static int tell_plan(struct scan *scan, const struct bb_query_channel *c,
                     const struct bb_plan *plan) {
    struct bb_findings_row row = {.usage_point = c->usage_point, .channel = c->name};
    int result = 0;

    for (size_t i = 0; result == 0 && i < plan->write_count; i++) {
        const struct bb_plan_write *write = &plan->writes[i];
        struct bb_block block;
        if (write->key.lane != BB_LANE_VEE || write->size == 0)
            continue;
        bb_arena_reset(&scan->arena);
        result = bb_block_unpack((struct bb_span){plan->out->data + write->offset, write->size},
                                 &scan->arena, &block, scan->error);
        if (!result)
            result = tell_block(scan, &block, &row);
    }
    return result;
}

/* A bb_query_act. */
static int tell_channel(struct bb_query_channel *c, void *context, struct bb_error *error) {
    struct scan *scan = context;
    struct bb_buffer out;
    struct bb_plan plan;

    bb_buffer_init(&out, BB_BLOCK_MAX_BYTES);
    int result = bb_query_make(c, &plan, &out, error);
    if (result == BB_ABSENT)
        result = 0;
    else if (!result)
        result = tell_plan(scan, c, &plan);
    bb_buffer_release(&out);
    return result;
}

static int tell_made(struct scan *scan) {
    const struct bb_query query = {.tenant = scan->asked->tenant,
                                   .usage_point = scan->asked->usage_point,
                                   .lane = BB_LANE_VEE,
                                   .from_ms = BB_TIME_NONE,
                                   .to_ms = BB_TIME_NONE,
                                   .as_of_ms = scan->asked->as_of_ms};

    return bb_query_every(scan->plant, &query, BB_SPAN(""), tell_channel, scan, scan->error);
}

int bb_findings_run(struct bb_plant *plant, const struct bb_findings *asked,
                    bb_findings_visit *visit, void *context, struct bb_error *error) {
    struct scan scan = {
        .plant = plant, .asked = asked, .error = error, .visit = visit, .context = context};

    bb_arena_init(&scan.arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    int result = asked->as_of_ms == BB_TIME_NONE ? tell_stored(&scan) : tell_made(&scan);
    bb_arena_release(&scan.arena);
    return result;
}
