/* Names read at once: see name_library.h. */
#include "service/name_library.h"

#include <stdlib.h>

#include "base/hash.h"

enum { ARENA_CHUNK_BYTES = 256 << 10, SLOTS_FIRST = 1024 };

struct bb_name_library_entry {
    uint64_t hash;
    enum bb_name_kind kind;
    struct bb_span name, value; /* name.data NULL: free */
};

struct reading {
    struct bb_name_library *library;
    enum bb_name_kind kind;
};

void bb_name_library_init(struct bb_name_library *l, size_t limit_bytes) {
    *l = (struct bb_name_library){.is_whole = true};
    bb_arena_init(&l->arena, ARENA_CHUNK_BYTES, limit_bytes);
}

void bb_name_library_release(struct bb_name_library *l) {
    free(l->slots);
    bb_arena_release(&l->arena);
    *l = (struct bb_name_library){0};
}

static uint64_t hash_of(enum bb_name_kind kind, struct bb_span name) {
    return bb_hash(name) + (uint64_t)kind * 0x9E3779B97F4A7C15;
}

/* The name's slot, or the free one where it belongs. */
static struct bb_name_library_entry *slot_of(const struct bb_name_library *l, uint64_t hash,
                                             enum bb_name_kind kind, struct bb_span name) {
    size_t at = hash & (l->slot_count - 1);

    while (l->slots[at].name.data && (l->slots[at].hash != hash || l->slots[at].kind != kind ||
                                      !bb_span_equal(l->slots[at].name, name)))
        at = (at + 1) & (l->slot_count - 1);
    return &l->slots[at];
}

static bool make_room(struct bb_name_library *l) {
    struct bb_name_library old = *l;

    if (l->count * 2 < l->slot_count)
        return true;
    l->slot_count = old.slot_count ? old.slot_count * 2 : SLOTS_FIRST;
    l->slots = calloc(l->slot_count, sizeof l->slots[0]);
    if (!l->slots) {
        *l = old;
        return false;
    }
    for (size_t i = 0; i < old.slot_count; i++)
        if (old.slots[i].name.data)
            *slot_of(l, old.slots[i].hash, old.slots[i].kind, old.slots[i].name) = old.slots[i];
    free(old.slots);
    return true;
}

/* 1: no room for all. */
static int keep(void *context, struct bb_span name, struct bb_span value) {
    const struct reading *r = context;
    struct bb_name_library *l = r->library;
    struct bb_name_library_entry entry = {.hash = hash_of(r->kind, name),
                                          .kind = r->kind,
                                          .name = bb_arena_copy(&l->arena, name),
                                          .value = bb_arena_copy(&l->arena, value)};

    if (!entry.name.data || !entry.value.data || !make_room(l))
        return 1;
    *slot_of(l, entry.hash, entry.kind, entry.name) = entry;
    l->count++;
    return 0;
}

int bb_name_library_read(struct bb_name_library *l, struct bb_store *store,
                         struct bb_store_view *view, enum bb_name_kind kind, struct bb_span prefix,
                         struct bb_error *error) {
    struct reading r = {l, kind};
    int result = l->is_whole ? store->ops->name_scan(view, kind, prefix, keep, &r, error) : 1;

    if (result == 0)
        return 0;
    free(l->slots);
    l->slots = NULL;
    l->slot_count = l->count = 0;
    l->is_whole = false;
    bb_arena_reset(&l->arena);
    return result < 0 ? result : 0;
}

int bb_name_library_get(const struct bb_name_library *l, enum bb_name_kind kind,
                        struct bb_span name, struct bb_span *value) {
    if (l->slot_count == 0)
        return BB_ABSENT;
    const struct bb_name_library_entry *entry = slot_of(l, hash_of(kind, name), kind, name);
    if (!entry->name.data)
        return BB_ABSENT;
    *value = entry->value;
    return BB_FOUND;
}
