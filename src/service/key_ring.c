/* The key ring: see key_ring.h. */
#include "service/key_ring.h"

#include "base/clock.h"
#include "base/list.h"
#include "service/engines.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEYS_MAX = 1 << 16 };
#define FRESH_NS 1000000000LL

struct kept_key {
    struct bb_key_hash hash;
    struct bb_key_holder holder;
    int64_t expires_ms;
    bool revoked;
};

struct bb_key_ring {
    pthread_mutex_t lock; /* guards all below */
    struct bb_registry *registry;
    uint64_t changes; /* of the registry, when it was read last */
    int64_t looked_ns;
    bool is_read;
    struct kept_key *keys;
    size_t count, capacity;
};

int bb_key_ring_open(const char *directory, const struct bb_config *config,
                     struct bb_key_ring **out, struct bb_error *error) {
    const struct bb_engine_needs needs = {
        .directory = directory, .config = config, .read_only = true};
    struct bb_key_ring *ring = calloc(1, sizeof *ring);

    if (!ring)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the ring of keys");
    int result = bb_engine_registry_open(&needs, &ring->registry, error);
    if (result) {
        free(ring);
        return result;
    }
    pthread_mutex_init(&ring->lock, NULL);
    *out = ring;
    return 0;
}

void bb_key_ring_close(struct bb_key_ring *ring) {
    if (!ring)
        return;
    ring->registry->ops->close(ring->registry);
    pthread_mutex_destroy(&ring->lock);
    free(ring->keys);
    free(ring);
}

/* ---- reading the registry, under the lock */

static void copy_text(struct bb_span from, char *to, size_t room) {
    size_t size = from.size < room - 1 ? from.size : room - 1;

    if (size > 0) /* of an empty text the data may be NULL */
        memcpy(to, from.data, size);
    to[size] = '\0';
}

static int keep(void *context, const struct bb_registry_key *row) {
    struct bb_key_ring *ring = context;
    struct kept_key key = {.expires_ms = row->expires_ms,
                           .revoked = row->revoked_ms != BB_TIME_NONE,
                           .holder = {.role = (enum bb_role)row->role}};

    if (row->hash.size != BB_KEY_HASH_BYTES || row->role >= BB_ROLE_COUNT)
        return 0; /* of a later busbar: it lets nobody in */
    if (ring->count == KEYS_MAX ||
        !bb_list_room(&ring->keys, ring->count, &ring->capacity, sizeof *ring->keys))
        return 1;
    memcpy(key.hash.bytes, row->hash.data, BB_KEY_HASH_BYTES);
    copy_text(row->tenant, key.holder.tenant, sizeof key.holder.tenant);
    copy_text(row->id, key.holder.id, sizeof key.holder.id);
    copy_text(row->label, key.holder.label, sizeof key.holder.label);
    ring->keys[ring->count++] = key;
    return 0;
}

/* What cannot be read now stays as it was. */
static void look(struct bb_key_ring *ring) {
    struct bb_error ignored;
    uint64_t changes;

    ring->looked_ns = bb_monotonic_ns();
    if (ring->registry->ops->changes(ring->registry, &changes, &ignored) != 0 ||
        (ring->is_read && changes == ring->changes))
        return;
    size_t before = ring->count;
    ring->count = 0;
    if (ring->registry->ops->key_list(ring->registry, keep, ring, &ignored) != 0) {
        ring->count = before;
        return;
    }
    ring->changes = changes;
    ring->is_read = true;
}

static void look_if_due(struct bb_key_ring *ring) {
    if (!ring->is_read || bb_monotonic_ns() - ring->looked_ns >= FRESH_NS)
        look(ring);
}

/* ---- asking */

bool bb_key_ring_has_keys(struct bb_key_ring *ring) {
    pthread_mutex_lock(&ring->lock);
    look_if_due(ring);
    bool has = ring->count > 0;
    pthread_mutex_unlock(&ring->lock);
    return has;
}

/* In the same time wherever they differ. */
static bool equal_hashes(const struct bb_key_hash *a, const struct bb_key_hash *b) {
    unsigned char differs = 0;

    for (size_t i = 0; i < BB_KEY_HASH_BYTES; i++)
        differs |= (unsigned char)(a->bytes[i] ^ b->bytes[i]);
    return differs == 0;
}

static const struct kept_key *find(const struct bb_key_ring *ring, const struct bb_key_hash *hash) {
    for (size_t i = 0; i < ring->count; i++)
        if (equal_hashes(&ring->keys[i].hash, hash))
            return &ring->keys[i];
    return NULL;
}

int bb_key_ring_find(struct bb_key_ring *ring, struct bb_span text, int64_t now_ms,
                     struct bb_key_holder *out, struct bb_error *error) {
    enum bb_role role;
    struct bb_span id;

    if (!bb_key_parse(text, &role, &id))
        return BB_FAIL(error, BB_E_KEY_REFUSED, "this is no key of busbar's, or it is mistyped");
    struct bb_key_hash hash = bb_key_hash(text);
    pthread_mutex_lock(&ring->lock);
    look_if_due(ring);
    const struct kept_key *key = find(ring, &hash);
    if (!key) { /* it may have been made a moment ago */
        look(ring);
        key = find(ring, &hash);
    }
    struct kept_key found = key ? *key : (struct kept_key){.revoked = true};
    pthread_mutex_unlock(&ring->lock);
    if (!key)
        return BB_FAIL(error, BB_E_KEY_REFUSED, "this key is unknown");
    if (found.revoked)
        return BB_FAIL(error, BB_E_KEY_REFUSED, "this key was revoked");
    if (found.expires_ms != BB_TIME_NONE && now_ms >= found.expires_ms)
        return BB_FAIL(error, BB_E_KEY_REFUSED, "this key has expired");
    *out = found.holder;
    return 0;
}
