/* The names that a view has read already: an open-addressing table over bytes in the view's arena. One thread. */
#include <stdlib.h>

#include "adapter/store_postgres_internal.h"
#include "base/hash.h"

enum { CAPACITY_FIRST = 64 };

struct bb_span bb_store_name_key(enum bb_name_kind kind, struct bb_span name,
                                 char bytes[BB_STORE_NAME_MAX]) {
    BB_ASSERT(name.size <= BB_NAME_KEY_MAX);
    bytes[0] = (char)kind;
    if (name.size > 0)
        memcpy(bytes + 1, name.data, name.size);
    return (struct bb_span){bytes, 1 + name.size};
}

static struct bb_store_name_slot *place_of(struct bb_store_name_slot *slots, size_t capacity,
                                           uint64_t hash, struct bb_span key) {
    size_t at = hash & (capacity - 1);

    while (slots[at].key.data && !(slots[at].hash == hash && bb_span_equal(slots[at].key, key)))
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

const struct bb_store_name_slot *bb_store_names_find(const struct bb_store_names *names,
                                                     struct bb_span key) {
    if (names->count == 0)
        return NULL;
    const struct bb_store_name_slot *slot = place_of(names->slots, names->capacity, bb_hash(key),
                                                     key);
    return slot->key.data ? slot : NULL;
}

/* At most half of the slots are taken. */
static bool grow(struct bb_store_names *names) {
    size_t capacity = names->capacity ? names->capacity * 2 : CAPACITY_FIRST;
    struct bb_store_name_slot *slots;

    if (names->count * 2 < names->capacity)
        return true;
    slots = calloc(capacity, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < names->capacity; i++)
        if (names->slots[i].key.data)
            *place_of(slots, capacity, names->slots[i].hash, names->slots[i].key) = names->slots[i];
    free(names->slots);
    names->slots = slots;
    names->capacity = capacity;
    return true;
}

const struct bb_store_name_slot *bb_store_names_put(struct bb_store_names *names,
                                                    struct bb_span key,
                                                    const struct bb_span *value) {
    struct bb_store_name_slot new = {.hash = bb_hash(key), .found = value != NULL};

    if (!grow(names))
        return NULL;
    struct bb_store_name_slot *slot = place_of(names->slots, names->capacity, new.hash, key);
    if (slot->key.data)
        return slot;
    new.key = bb_arena_copy(names->arena, key);
    new.value = value ? bb_arena_copy(names->arena, *value) : (struct bb_span){NULL, 0};
    if (!new.key.data || (value && !new.value.data))
        return NULL;
    *slot = new;
    names->count++;
    names->value_bytes += new.value.size;
    return slot;
}

void bb_store_names_forget(struct bb_store_names *names) {
    if (names->count > 0)
        memset(names->slots, 0, names->capacity * sizeof names->slots[0]);
    names->count = 0;
}

void bb_store_names_release(struct bb_store_names *names) {
    free(names->slots);
    *names = (struct bb_store_names){.arena = NULL};
}
