/* The blocks that a view has read already, by key: an open-addressing table whose slots hold the keys. It is asked several times
 * for each block of a commit, so that it is small, and the spans of a channel stand side by side. One thread.
 */
#include <stdlib.h>

#include "adapter/store_postgres_internal.h"
#include "base/hash.h"

enum { CAPACITY_FIRST = 64, NEIGHBOURS = 8 };

/* Spans of a channel in one lane, eight by eight. */
static size_t home_of(const struct bb_block_key *key, size_t capacity) {
    const uint32_t span = (uint32_t)key->span;
    const uint64_t group = (uint64_t)key->channel << 32 | (span / NEIGHBOURS) << 4 | key->lane;

    return (bb_hash_mix(group) * NEIGHBOURS + span % NEIGHBOURS) & (capacity - 1);
}

static struct bb_store_block_slot *place_of(struct bb_store_block_slot *slots, size_t capacity,
                                            const struct bb_block_key *key) {
    size_t at = home_of(key, capacity);

    while (slots[at].state != BB_STORE_BLOCK_UNKNOWN &&
           !(slots[at].channel == key->channel && slots[at].span == key->span &&
             slots[at].lane == key->lane))
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

const struct bb_store_block_slot *bb_store_blocks_find(const struct bb_store_blocks *blocks,
                                                       const struct bb_block_key *key) {
    if (blocks->count == 0)
        return NULL;
    const struct bb_store_block_slot *slot = place_of(blocks->slots, blocks->capacity, key);
    return slot->state != BB_STORE_BLOCK_UNKNOWN ? slot : NULL;
}

/* At most half of the slots are taken. */
static bool grow(struct bb_store_blocks *blocks) {
    size_t capacity = blocks->capacity ? blocks->capacity * 2 : CAPACITY_FIRST;
    struct bb_store_block_slot *slots;

    if (blocks->count * 2 < blocks->capacity)
        return true;
    slots = calloc(capacity, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < blocks->capacity; i++) {
        const struct bb_store_block_slot *slot = &blocks->slots[i];
        const struct bb_block_key key = {slot->channel, slot->span, slot->lane};
        if (slot->state != BB_STORE_BLOCK_UNKNOWN)
            *place_of(slots, capacity, &key) = *slot;
    }
    free(blocks->slots);
    blocks->slots = slots;
    blocks->capacity = capacity;
    return true;
}

struct bb_store_block_slot *bb_store_blocks_note(struct bb_store_blocks *blocks,
                                                 const struct bb_block_key *key, bool *is_new) {
    if (!grow(blocks))
        return NULL;
    struct bb_store_block_slot *slot = place_of(blocks->slots, blocks->capacity, key);
    *is_new = slot->state == BB_STORE_BLOCK_UNKNOWN;
    if (*is_new) {
        *slot = (struct bb_store_block_slot){.channel = key->channel,
                                             .span = key->span,
                                             .lane = key->lane,
                                             .state = BB_STORE_BLOCK_ABSENT};
        blocks->count++;
    }
    return slot;
}

bool bb_store_blocks_fill(struct bb_store_blocks *blocks, struct bb_store_block_slot *slot,
                          struct bb_span value) {
    const struct bb_span copy = bb_arena_copy(blocks->arena, value);

    BB_ASSERT(value.size <= UINT32_MAX);
    if (!copy.data)
        return false;
    slot->data = copy.data;
    slot->size = (uint32_t)value.size;
    slot->state = BB_STORE_BLOCK_FOUND;
    blocks->value_bytes += value.size;
    return true;
}

void bb_store_blocks_forget(struct bb_store_blocks *blocks) {
    if (blocks->count > 0)
        memset(blocks->slots, 0, blocks->capacity * sizeof blocks->slots[0]);
    blocks->count = 0;
}

void bb_store_blocks_release(struct bb_store_blocks *blocks) {
    free(blocks->slots);
    *blocks = (struct bb_store_blocks){.arena = NULL};
}
