/* The names of a partition's channels: see channel_names.h. */
#include "service/channel_names.h"

#include "base/hash.h"

#include <stdlib.h>

enum {
    ARENA_CHUNK_BYTES = 64 << 10,
    ARENA_LIMIT_BYTES = 1 << 30,
    CAPACITY_FIRST = 256,
    GROUP = 16 /* names that are looked up by hash at once */
};

void bb_channel_names_init(struct bb_channel_names *n) {
    *n = (struct bb_channel_names){0};
    bb_arena_init(&n->arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
}

void bb_channel_names_release(struct bb_channel_names *n) {
    free(n->items);
    free(n->after);
    free(n->index);
    bb_arena_release(&n->arena);
    *n = (struct bb_channel_names){0};
}

size_t bb_channel_names_bytes(const struct bb_channel_names *n) {
    return n->arena.total_bytes + n->capacity * (sizeof n->items[0] + sizeof n->after[0]) +
           n->index_size * sizeof n->index[0];
}

struct bb_span bb_channel_names_key(const struct bb_channel_names *n, uint32_t number) {
    const struct bb_channel_names_item *name = &n->items[number];

    return (struct bb_span){name->key, (size_t)name->tenant_size + name->usage_point_size +
                                           name->channel_size + 2};
}

/* ---- by hash */

static uint64_t hash_of(struct bb_span tenant, struct bb_span usage_point, struct bb_span channel) {
    return bb_hash_seeded(tenant, bb_series_hash(usage_point, channel));
}

static uint64_t hash_of_item(const struct bb_channel_names_item *name) {
    const char *usage_point = name->key + name->tenant_size + 1;

    return hash_of((struct bb_span){name->key, name->tenant_size},
                   (struct bb_span){usage_point, name->usage_point_size},
                   (struct bb_span){usage_point + name->usage_point_size + 1, name->channel_size});
}

static void put_index(uint64_t *index, uint32_t size, uint64_t hash, uint32_t number) {
    uint32_t at = (uint32_t)hash & (size - 1);

    while (index[at] != 0)
        at = (at + 1) & (size - 1);
    index[at] = (hash & 0xffffffff00000000ULL) | (number + 1);
}

/* The usage point differs most. */
static bool is(const struct bb_channel_names_item *name, struct bb_span tenant,
               const struct bb_series *series) {
    if (name->usage_point_size != series->usage_point.size ||
        name->channel_size != series->channel.size || name->tenant_size != tenant.size)
        return false;
    const char *usage_point = name->key + name->tenant_size + 1;
    return memcmp(usage_point, series->usage_point.data, name->usage_point_size) == 0 &&
           memcmp(usage_point + name->usage_point_size + 1, series->channel.data,
                  name->channel_size) == 0 &&
           memcmp(name->key, tenant.data, name->tenant_size) == 0;
}

static uint32_t find_hashed(const struct bb_channel_names *n, uint64_t hash, struct bb_span tenant,
                            const struct bb_series *series) {
    uint32_t mask = n->index_size - 1;

    for (uint32_t at = (uint32_t)hash & mask; n->index[at] != 0; at = (at + 1) & mask) {
        uint32_t number = (uint32_t)n->index[at] - 1;
        if ((n->index[at] ^ hash) >> 32 == 0 && is(&n->items[number], tenant, series))
            return number;
    }
    return BB_CHANNEL_NONE;
}

uint32_t bb_channel_names_find(const struct bb_channel_names *n, struct bb_span tenant,
                               const struct bb_series *series) {
    return n->count == 0 ? BB_CHANNEL_NONE
                         : find_hashed(n, hash_of(tenant, series->usage_point, series->channel),
                                       tenant, series);
}

/* A plant's channels do not fit the caches: what the lookups will read is fetched for all of them, one step at a time. */
static void find_group(const struct bb_channel_names *n, struct bb_span tenant,
                       const struct bb_series *series, uint32_t count, uint32_t *out) {
    const struct bb_channel_names_item *likely[GROUP];
    const uint32_t mask = n->index_size - 1;
    uint64_t hashes[GROUP];

    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = hash_of(tenant, series[i].usage_point, series[i].channel);
        __builtin_prefetch(&n->index[(uint32_t)hashes[i] & mask]);
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t number = (uint32_t)n->index[(uint32_t)hashes[i] & mask];
        likely[i] = &n->items[number > 0 ? number - 1 : 0];
        __builtin_prefetch(likely[i]);
    }
    for (uint32_t i = 0; i < count; i++)
        __builtin_prefetch(likely[i]->key);
    for (uint32_t i = 0; i < count; i++)
        out[i] = find_hashed(n, hashes[i], tenant, &series[i]);
}

/* ---- in the order of last time */

static void follow(struct bb_channel_names *n, uint32_t number) {
    n->after[n->last] = number;
    n->last = number;
}

void bb_channel_names_find_all(struct bb_channel_names *n, struct bb_span tenant,
                               const struct bb_series *series, uint32_t count, uint32_t *out) {
    for (uint32_t i = 0; i < count && n->count == 0; i++)
        out[i] = BB_CHANNEL_NONE;
    for (uint32_t i = 0; i < count && n->count > 0;) {
        const uint32_t guess = n->after[n->last];
        if (guess < n->count && is(&n->items[guess], tenant, &series[i])) {
            out[i++] = n->last = guess;
            continue;
        }
        const uint32_t group = count - i < GROUP ? count - i : GROUP;
        find_group(n, tenant, series + i, group, out + i);
        for (uint32_t end = i + group; i < end; i++)
            if (out[i] != BB_CHANNEL_NONE)
                follow(n, out[i]);
    }
}

/* ---- more of them */

static bool grow(struct bb_channel_names *n) {
    const uint32_t capacity = n->capacity ? n->capacity * 2 : CAPACITY_FIRST;
    const uint32_t index_size = capacity * 2;

    if (n->capacity > UINT32_MAX / 8)
        return false;
    struct bb_channel_names_item *items = realloc(n->items, capacity * sizeof *items);
    n->items = items ? items : n->items;
    uint32_t *after = realloc(n->after, capacity * sizeof *after);
    n->after = after ? after : n->after;
    uint64_t *index = calloc(index_size, sizeof *index);
    if (!items || !after || !index) {
        free(index);
        return false;
    }
    free(n->index);
    n->index = index;
    n->index_size = index_size;
    n->capacity = capacity;
    for (uint32_t i = 0; i < n->count; i++)
        put_index(index, index_size, hash_of_item(&items[i]), i);
    return true;
}

bool bb_channel_names_add(struct bb_channel_names *n, struct bb_span tenant,
                          const struct bb_series *series) {
    const struct bb_span usage_point = series->usage_point, channel = series->channel;

    if (n->count == n->capacity && !grow(n))
        return false;
    char *key = bb_arena_take(&n->arena, tenant.size + usage_point.size + channel.size + 2);
    if (!key)
        return false;
    char *at = key;
    memcpy(at, tenant.data, tenant.size);
    at += tenant.size;
    *at++ = '\0';
    memcpy(at, usage_point.data, usage_point.size);
    at += usage_point.size;
    *at++ = '\0';
    memcpy(at, channel.data, channel.size);
    n->items[n->count] = (struct bb_channel_names_item){
        key, (uint16_t)tenant.size, (uint16_t)usage_point.size, (uint16_t)channel.size};
    n->after[n->count] = n->count + 1;
    put_index(n->index, n->index_size, hash_of(tenant, usage_point, channel), n->count);
    n->count++;
    return true;
}
