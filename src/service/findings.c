/* Findings: see findings.h. A block without findings costs its unpacking; a name is looked up only
 * for those that have some. */
#include "service/findings.h"

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
    for (uint32_t i = 0; result == 0 && i < block.finding_count; i++) {
        row.finding = &block.findings[i];
        if (scan->asked->check >= 0 && row.finding->check != scan->asked->check)
            continue;
        row.quality = quality_at(&block, row.finding->at_ms);
        result = scan->visit(scan->context, &row);
    }
    return result;
}

int bb_findings_run(struct bb_plant *plant, const struct bb_findings *asked,
                    bb_findings_visit *visit, void *context, struct bb_error *error) {
    const struct bb_store_ops *ops = plant->store->ops;
    struct scan scan = {
        .plant = plant, .asked = asked, .error = error, .visit = visit, .context = context};
    int result = 0;

    bb_arena_init(&scan.arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    for (uint32_t partition = 0; result == 0 && partition < plant->store->partitions; partition++) {
        result = ops->view_begin(plant->store, partition, &scan.view, error);
        if (result)
            break;
        result = ops->block_scan(scan.view, BB_LANE_VEE, INT32_MIN, INT32_MAX, scan_block, &scan,
                                 error);
        ops->view_end(scan.view);
    }
    bb_arena_release(&scan.arena);
    return result;
}
