/* API keys, the audit log and bookmarks of the registry in memory. */
#include "adapter/registry_memory_internal.h"

int bb_registry_memory_key_put(struct bb_registry *base, const struct bb_registry_key *key,
                               struct bb_error *error) {
    struct registry_memory *r = registry_memory_of(base);
    struct bb_registry_key *known = sorted_find(&r->keys, key);
    struct bb_registry_key row = *key;
    bool full = false;

    row.label = bb_registry_memory_keep(r, key->label, &full);
    if (!known) {
        row.tenant = bb_registry_memory_keep(r, key->tenant, &full);
        row.id = bb_registry_memory_keep(r, key->id, &full);
        row.hash = bb_registry_memory_keep(r, key->hash, &full);
    }
    if (full || (!known && !sorted_insert(&r->keys, &row)))
        return bb_registry_memory_full(error);
    if (known) {
        known->label = row.label;
        known->expires_ms = row.expires_ms;
        known->revoked_ms = row.revoked_ms;
    }
    r->changes++;
    return 0;
}

int bb_registry_memory_key_list(struct bb_registry *base, bb_registry_key_visit *visit,
                                void *context, struct bb_error *error) {
    const struct registry_memory *r = registry_memory_of(base);
    int answer = 0;

    (void)error;
    for (size_t i = 0; answer == 0 && i < r->keys.count; i++)
        answer = visit(context, sorted_at(&r->keys, i));
    return registry_memory_ended(answer);
}

int bb_registry_memory_audit_put(struct bb_registry *base, const struct bb_registry_audit *row,
                                 const struct bb_registry_key *key, struct bb_error *error) {
    struct registry_memory *r = registry_memory_of(base);

    if (row->sequence != r->audit.count + 1)
        return BB_AUDIT_TAKEN;
    int result = key ? bb_registry_memory_key_put(base, key, error) : 0;
    if (!result && !bb_audit_table_add(&r->audit, row, &r->texts))
        result = bb_registry_memory_full(error);
    r->changes++;
    return result;
}

int bb_registry_memory_audit_walk(struct bb_registry *base, uint64_t after,
                                  bb_registry_audit_visit *visit, void *context,
                                  struct bb_error *error) {
    (void)error;
    return bb_audit_table_walk(&registry_memory_of(base)->audit, after, visit, context);
}

int bb_registry_memory_audit_last(struct bb_registry *base, struct bb_arena *arena,
                                  struct bb_registry_audit *out, struct bb_error *error) {
    const struct bb_audit_table *audit = &registry_memory_of(base)->audit;

    (void)arena;
    (void)error;
    if (audit->count == 0)
        return BB_ABSENT;
    *out = audit->items[audit->count - 1];
    return BB_FOUND;
}

int bb_registry_memory_audit_list(struct bb_registry *base,
                                  const struct bb_registry_audit_question *question,
                                  bb_registry_audit_visit *visit, void *context,
                                  struct bb_error *error) {
    (void)error;
    return bb_audit_table_list(&registry_memory_of(base)->audit, question, visit, context);
}

int bb_registry_memory_bookmark_get(struct bb_registry *base, struct bb_span label,
                                    uint32_t partition, uint64_t *sequence,
                                    struct bb_error *error) {
    const struct bookmark_row wanted = {.label = label, .partition = partition};
    const struct bookmark_row *row = sorted_find(&registry_memory_of(base)->bookmarks, &wanted);

    (void)error;
    *sequence = row ? row->sequence : 0;
    return 0;
}

int bb_registry_memory_bookmark_move(struct bb_registry *base, struct bb_span label,
                                     uint32_t partition, uint64_t from, uint64_t to,
                                     struct bb_error *error) {
    struct registry_memory *r = registry_memory_of(base);
    struct bookmark_row wanted = {.label = label, .partition = partition, .sequence = to};
    struct bookmark_row *row = sorted_find(&r->bookmarks, &wanted);
    bool full = false;

    if (from != (row ? row->sequence : 0))
        return 1;
    if (row) {
        row->sequence = to;
        return 0;
    }
    wanted.label = bb_registry_memory_keep(r, label, &full);
    return full || !sorted_insert(&r->bookmarks, &wanted) ? bb_registry_memory_full(error) : 0;
}
