/* Every channel of a tenant, usage point by usage point: for what is asked of all of them. */
#include "service/query_internal.h"

enum { NAMES_CHUNK_BYTES = 64 << 10 };
static const size_t names_limit_bytes = (size_t)1 << 30;

struct names { /* of usage points */
    struct bb_span first;
    struct bb_span *items;
    size_t count, capacity;
    struct bb_arena arena;
};

/* Channels come by usage point. A bb_registry_channel_visit. */
static int take_name(void *context, const struct bb_registry_channel *row) {
    struct names *n = context;

    if (bb_span_compare(row->usage_point, n->first) < 0)
        return 0;
    if (n->count > 0 && bb_span_equal(n->items[n->count - 1], row->usage_point))
        return 0;
    if (n->count == n->capacity) {
        size_t capacity = n->capacity ? n->capacity * 2 : 256;
        struct bb_span *items = bb_arena_take_array(&n->arena, capacity, sizeof *items);
        if (!items)
            return -BB_E_NO_MEMORY;
        if (n->count)
            memcpy(items, n->items, n->count * sizeof *items);
        n->items = items;
        n->capacity = capacity;
    }
    n->items[n->count] = bb_arena_copy(&n->arena, row->usage_point);
    return n->items[n->count++].data ? 0 : -BB_E_NO_MEMORY;
}

static int find_names(struct bb_plant *plant, const struct bb_query *query, struct names *names,
                      struct bb_error *error) {
    int result = plant->registry->ops->channel_list(plant->registry, query->tenant,
                                                    query->usage_point, take_name, names, error);
    if (result == -BB_E_NO_MEMORY)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the usage points of a tenant");
    return result < 0 ? result : 0;
}

struct round { /* who acts, and whether that is enough */
    bb_query_act *act;
    void *context;
    bool stopped;
};

static int act_once(struct bb_query_channel *c, void *context, struct bb_error *error) {
    struct round *round = context;
    int result = round->act(c, round->context, error);

    round->stopped = result > 0;
    return result;
}

int bb_query_every(struct bb_plant *plant, const struct bb_query *query, struct bb_span first,
                   bb_query_act *act, void *context, struct bb_error *error) {
    struct round round = {.act = act, .context = context};
    struct names names = {.first = first};

    bb_arena_init(&names.arena, NAMES_CHUNK_BYTES, names_limit_bytes);
    int result = find_names(plant, query, &names, error);
    for (size_t i = 0; !result && !round.stopped && i < names.count; i++) {
        struct bb_query one = *query;
        one.usage_point = names.items[i];
        result = bb_query_channels(plant, &one, act_once, &round, error);
    }
    bb_arena_release(&names.arena);
    return result ? result : round.stopped;
}
