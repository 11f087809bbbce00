/* What a view has read already, by key: an open-addressing table over bytes in the view's arena. One thread. */
#include <stdlib.h>

#include "adapter/store_postgres_internal.h"
#include "base/hash.h"

enum { CAPACITY_FIRST = 64 };

struct bb_span bb_store_cache_block_key(const struct bb_block_key *key,
                                        char bytes[BB_STORE_CACHE_KEY_MAX]) {
    bytes[0] = 'b';
    bytes[1] = (char)key->lane;
    memcpy(bytes + 2, &key->span, sizeof key->span);
    memcpy(bytes + 2 + sizeof key->span, &key->channel, sizeof key->channel);
    return (struct bb_span){bytes, 2 + sizeof key->span + sizeof key->channel};
}

struct bb_span bb_store_cache_name_key(enum bb_name_kind kind, struct bb_span name,
                                       char bytes[BB_STORE_CACHE_KEY_MAX]) {
    BB_ASSERT(name.size <= BB_NAME_KEY_MAX);
    bytes[0] = 'n';
    bytes[1] = (char)kind;
    if (name.size > 0)
        memcpy(bytes + 2, name.data, name.size);
    return (struct bb_span){bytes, 2 + name.size};
}

static struct bb_store_cache_slot *place_of(struct bb_store_cache_slot *slots, size_t capacity,
                                            uint64_t hash, struct bb_span key) {
    size_t at = hash & (capacity - 1);

    while (slots[at].key.data && !(slots[at].hash == hash && bb_span_equal(slots[at].key, key)))
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

const struct bb_store_cache_slot *bb_store_cache_find(const struct bb_store_cache *cache,
                                                      struct bb_span key) {
    if (cache->count == 0)
        return NULL;
    const struct bb_store_cache_slot *slot = place_of(cache->slots, cache->capacity, bb_hash(key),
                                                      key);
    return slot->key.data ? slot : NULL;
}

/* At most half of the slots are taken. */
static bool grow(struct bb_store_cache *cache) {
    size_t capacity = cache->capacity ? cache->capacity * 2 : CAPACITY_FIRST;
    struct bb_store_cache_slot *slots;

    if (cache->count * 2 < cache->capacity)
        return true;
    slots = calloc(capacity, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < cache->capacity; i++)
        if (cache->slots[i].key.data)
            *place_of(slots, capacity, cache->slots[i].hash, cache->slots[i].key) = cache->slots[i];
    free(cache->slots);
    cache->slots = slots;
    cache->capacity = capacity;
    return true;
}

const struct bb_store_cache_slot *bb_store_cache_put(struct bb_store_cache *cache,
                                                     struct bb_span key,
                                                     const struct bb_span *value) {
    struct bb_store_cache_slot new = {.hash = bb_hash(key), .found = value != NULL};

    if (!grow(cache))
        return NULL;
    struct bb_store_cache_slot *slot = place_of(cache->slots, cache->capacity, new.hash, key);
    if (slot->key.data)
        return slot;
    new.key = bb_arena_copy(cache->arena, key);
    new.value = value ? bb_arena_copy(cache->arena, *value) : (struct bb_span){NULL, 0};
    if (!new.key.data || (value && !new.value.data))
        return NULL;
    *slot = new;
    cache->count++;
    cache->value_bytes += new.value.size;
    return slot;
}

void bb_store_cache_forget(struct bb_store_cache *cache) {
    if (cache->count > 0)
        memset(cache->slots, 0, cache->capacity * sizeof cache->slots[0]);
    cache->count = 0;
}

void bb_store_cache_release(struct bb_store_cache *cache) {
    free(cache->slots);
    *cache = (struct bb_store_cache){.arena = NULL};
}
