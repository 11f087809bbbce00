/* What a plant shows, as one hash per partition: see backup_content.h. */
#include "service/backup_content.h"

#include "derive/packed.h"

#include <inttypes.h>
#include <stdlib.h>

enum { BLOCK_ARENA_BYTES = 1 << 20, BLOCK_ARENA_LIMIT = 1 << 30 };

struct look { /* at one partition */
    uint32_t partition;
    struct bb_backup_part *part;
    struct bb_backup_hasher *hasher;
    struct bb_arena arena; /* of one block */
    struct bb_error *error;
};

/* A text with its length before it, so that no two lists of texts run together alike. */
static void hash_text(struct look *look, struct bb_span text) {
    uint64_t size = text.size;

    bb_backup_hash_add(look->hasher, &size, sizeof size);
    bb_backup_hash_add(look->hasher, text.data, text.size);
}

static int look_at_block(void *context, const struct bb_block_key *key, struct bb_span packed) {
    struct look *look = context;
    struct bb_error why;
    const uint64_t place[3] = {key->lane, (uint64_t)(int64_t)key->span, key->channel};

    bb_arena_reset(&look->arena);
    look->part->blocks++;
    bb_backup_hash_add(look->hasher, place, sizeof place);
    hash_text(look, packed);
    int result = bb_packed_verify(key->lane, packed, &look->arena, &why);
    if (result >= 0)
        return 0;
    return BB_FAIL(look->error, why.code,
                   "partition %" PRIu32 " channel %" PRIu32 " lane %s span %" PRId32 ": %.300s",
                   look->partition, key->channel, bb_lanes[key->lane].name, key->span, why.text);
}

static int look_at_name(void *context, struct bb_span name, struct bb_span value) {
    hash_text(context, name);
    hash_text(context, value);
    return 0;
}

static int look_at_outbox(void *context, uint64_t sequence, struct bb_span record) {
    struct look *look = context;

    bb_backup_hash_add(look->hasher, &sequence, sizeof sequence);
    hash_text(look, record);
    return 0;
}

/* The first record that the registry has not seen follows the last one that it has. */
static int check_sequence(void *context, uint64_t sequence, struct bb_span record) {
    struct look *look = context;

    (void)record;
    if (sequence == look->part->registry + 1)
        return 1;
    return BB_FAIL(look->error, BB_E_BACKUP_DAMAGED,
                   "the registry stands at record %" PRIu64 " of partition %" PRIu32
                   ", and the store has none before %" PRIu64,
                   look->part->registry, look->partition, sequence);
}

static int look_at_view(struct look *look, const struct bb_store_ops *ops,
                        struct bb_store_view *view) {
    int result = ops->position(view, &look->part->store, look->error);

    for (uint8_t lane = 0; result >= 0 && lane < BB_LANE_COUNT; lane++)
        result = ops->block_scan(view, lane, INT32_MIN, INT32_MAX, look_at_block, look,
                                 look->error);
    for (int kind = 0; result >= 0 && kind < BB_NAME_KIND_COUNT; kind++) {
        bb_backup_hash_add(look->hasher, &kind, sizeof kind);
        result = ops->name_scan(view, (enum bb_name_kind)kind, BB_SPAN(""), look_at_name, look,
                                look->error);
    }
    if (result >= 0)
        result = ops->outbox_scan(view, 0, look_at_outbox, look, look->error);
    if (result >= 0)
        result = ops->outbox_scan(view, look->part->registry, check_sequence, look, look->error);
    return result < 0 ? result : 0;
}

static int look_at_store(struct bb_plant *plant, struct look *look) {
    const struct bb_store_ops *ops = plant->store->ops;
    struct bb_store_view *view = NULL;

    bb_backup_hash_begin(look->hasher);
    int result = ops->view_begin(plant->store, look->partition, &view, look->error);
    if (result < 0)
        return result;
    result = look_at_view(look, ops, view);
    ops->view_end(view);
    look->part->content = bb_backup_hash_end(look->hasher);
    if (result == 0 && look->part->store.position.offset > look->part->log.offset)
        result = BB_FAIL(look->error, BB_E_BACKUP_DAMAGED,
                         "the store of partition %" PRIu32 " stands at %" PRIu64
                         ", and its log ends at %" PRIu64,
                         look->partition, look->part->store.position.offset,
                         look->part->log.offset);
    if (result == 0 && look->part->store.position.offset < look->part->log.first_offset) {
        result = BB_FAIL(look->error, BB_E_BACKUP_DAMAGED,
                         "the store of partition %" PRIu32 " stands at %" PRIu64
                         ", and its log keeps nothing before %" PRIu64,
                         look->partition, look->part->store.position.offset,
                         look->part->log.first_offset);
        look->error->retriable = true; /* the log was trimmed while it was copied */
    }
    return result;
}

static int look_at_partition(struct bb_plant *plant, struct look *look) {
    struct bb_log *log = plant->log;
    uint64_t records;
    int result = log->ops->end(log, look->partition, &look->part->log, look->error);

    if (result >= 0)
        result = log->ops->verify(log, look->partition, &records, look->error);
    if (result < 0 || look->partition == log->partitions)
        return result;
    result = plant->registry->ops->position(plant->registry, look->partition, &look->part->registry,
                                            look->error);
    return result < 0 ? result : look_at_store(plant, look);
}

int bb_backup_content(struct bb_plant *plant, struct bb_backup_part *parts,
                      struct bb_error *error) {
    struct look look = {.hasher = aligned_alloc(64, sizeof *look.hasher), .error = error};
    int result = 0;

    if (!look.hasher)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to look at a plant");
    bb_arena_init(&look.arena, BLOCK_ARENA_BYTES, BLOCK_ARENA_LIMIT);
    for (uint32_t p = 0; result >= 0 && p <= plant->log->partitions; p++) {
        parts[p] = (struct bb_backup_part){.blocks = 0};
        look.partition = p;
        look.part = &parts[p];
        result = look_at_partition(plant, &look);
    }
    bb_arena_release(&look.arena);
    free(look.hasher);
    return result < 0 ? result : 0;
}
