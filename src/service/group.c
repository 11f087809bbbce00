/* Groups and their members: see group.h.
 *
 *   master entries ─► name, does it hold? (memory: the names) ─┐
 *   the list of usage points, by name too ────────────────────►┴─► members, by name
 */
#include "service/group.h"

#include "service/known.h"

enum { NAMES_CHUNK_BYTES = 64 << 10 };
static const size_t names_limit_bytes = (size_t)1 << 30;

int bb_group_find(struct bb_plant *plant, struct bb_span tenant, struct bb_span name,
                  struct bb_span narrowed, int64_t as_of_ms, struct bb_arena *arena,
                  struct bb_group *out, struct bb_error *error) {
    struct bb_registry *registry = plant->registry;
    int result = 0;

    *out = (struct bb_group){
        .entry = {.tenant = tenant, .name = name}, .narrowed = narrowed, .as_of_ms = as_of_ms};
    if (!bb_span_equal(name, BB_SPAN("-"))) {
        struct bb_master entry;
        result = registry->ops->master_get(registry, BB_MASTER_GROUP, tenant, name, as_of_ms, arena,
                                           &entry, error);
        if (result == BB_ABSENT)
            result = BB_FAIL(error, BB_E_GROUP_UNKNOWN, "there is no group \"%.*s\"%s",
                             BB_SPAN_ARGS(name), as_of_ms == BB_TIME_NONE ? "" : " then");
        if (result)
            return result;
        out->entry = entry.group;
        result = bb_expression_parse(out->entry.expression, arena, &out->holds[0], error);
    }
    if (!result && narrowed.size > 0)
        result = bb_expression_parse(narrowed, arena, &out->holds[1], error);
    return result;
}

static bool is_member(const struct bb_group *group, const struct bb_master_usage_point *up) {
    for (int i = 0; i < 2; i++)
        if (group->holds[i] && !bb_expression_holds(group->holds[i], up))
            return false;
    return true;
}

struct known_name {
    struct bb_span name;
    bool holds;
};

struct members {
    const struct bb_group *group;
    struct known_name *items; /* of master entries, by name */
    size_t count, capacity, next;
    struct bb_arena arena;
    bb_registry_usage_point_visit *visit;
    void *context;
};

/* A bb_registry_master_visit. */
static int take_entry(void *context, int64_t recorded_ms, const struct bb_master *master) {
    struct members *m = context;

    (void)recorded_ms;
    if (m->count == m->capacity) {
        size_t capacity = m->capacity ? m->capacity * 2 : 256;
        struct known_name *items = bb_arena_take_array(&m->arena, capacity, sizeof *items);
        if (!items)
            return -BB_E_NO_MEMORY;
        if (m->count)
            memcpy(items, m->items, m->count * sizeof *items);
        m->items = items;
        m->capacity = capacity;
    }
    struct known_name *item = &m->items[m->count++];
    *item = (struct known_name){bb_arena_copy(&m->arena, master->usage_point.name),
                                is_member(m->group, &master->usage_point)};
    return item->name.data ? 0 : -BB_E_NO_MEMORY;
}

/* Rows come by name. A bb_registry_usage_point_visit. */
static int take_row(void *context, const struct bb_registry_usage_point *row) {
    struct members *m = context;
    const struct bb_master_usage_point told = {
        .name = row->name, .zone = row->zone, .commodity = row->commodity};

    while (m->next < m->count && bb_span_compare(m->items[m->next].name, row->name) < 0)
        m->next++;
    bool has_entry = m->next < m->count && bb_span_equal(m->items[m->next].name, row->name);
    bool holds = has_entry ? m->items[m->next].holds : is_member(m->group, &told);
    return holds ? m->visit(m->context, row) : 0;
}

int bb_group_members(struct bb_plant *plant, const struct bb_group *group,
                     bb_registry_usage_point_visit *visit, void *context, struct bb_error *error) {
    struct bb_registry *registry = plant->registry;
    struct members m = {.group = group, .visit = visit, .context = context};

    bb_arena_init(&m.arena, NAMES_CHUNK_BYTES, names_limit_bytes);
    int result = registry->ops->kind_list(registry, group->entry.tenant, BB_MASTER_USAGE_POINT,
                                          group->as_of_ms, take_entry, &m, error);
    if (result == -BB_E_NO_MEMORY)
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the usage points of a tenant");
    if (result >= 0)
        result = bb_known_usage_points(plant, group->entry.tenant, BB_SPAN(""), group->as_of_ms,
                                       take_row, &m, error);
    bb_arena_release(&m.arena);
    return result < 0 ? result : 0;
}
