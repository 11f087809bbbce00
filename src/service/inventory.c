/* The inventory: see inventory.h. Entries come by usage point; what is listed otherwise is collected and sorted. */
#include "service/inventory.h"

#include "base/list.h"

#include <stdlib.h>

enum { ARENA_CHUNK_BYTES = 256 << 10 };
static const size_t arena_limit_bytes = (size_t)1 << 30;

static bool holds_at(const struct bb_master_installation *installation, int64_t at_ms) {
    return at_ms == BB_TIME_NONE ||
           (installation->from_ms <= at_ms &&
            (installation->to_ms == BB_TIME_NONE || at_ms < installation->to_ms));
}

/* ---- installations */

struct telling {
    const struct bb_inventory *asked;
    bb_inventory_installation_visit *visit;
    void *context;
};

/* A bb_registry_master_visit. */
static int tell_entry(void *context, int64_t recorded_ms, const struct bb_master *master) {
    const struct telling *t = context;
    const struct bb_master_usage_point *up = &master->usage_point;
    int result = 0;

    (void)recorded_ms;
    for (uint32_t i = 0; !result && i < up->installation_count; i++) {
        const struct bb_inventory_installation row = {up->name, &up->installations[i]};
        if ((t->asked->device.size == 0 ||
             bb_span_equal(t->asked->device, row.installation->device)) &&
            holds_at(row.installation, t->asked->at_ms))
            result = t->visit(t->context, &row);
    }
    return result;
}

int bb_inventory_installations(struct bb_plant *plant, const struct bb_inventory *asked,
                               bb_inventory_installation_visit *visit, void *context,
                               struct bb_error *error) {
    struct bb_registry *registry = plant->registry;
    struct telling telling = {asked, visit, context};
    struct bb_master entry = {.kind = BB_MASTER_USAGE_POINT};
    struct bb_arena arena;
    int result;

    if (asked->usage_point.size == 0) {
        result = registry->ops->kind_list(registry, asked->tenant, BB_MASTER_USAGE_POINT,
                                          asked->as_of_ms, tell_entry, &telling, error);
        return result < 0 ? result : 0;
    }
    bb_arena_init(&arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    result = registry->ops->master_get(registry, BB_MASTER_USAGE_POINT, asked->tenant,
                                       asked->usage_point, asked->as_of_ms, &arena, &entry, error);
    if (result == BB_FOUND)
        result = tell_entry(&telling, 0, &entry);
    bb_arena_release(&arena);
    return result < 0 ? result : 0;
}

/* ---- what is sorted */

struct item { /* of a device, or of a customer */
    struct bb_span name, usage_point;
    int64_t from_ms, to_ms;
};

struct collection {
    struct item *items;
    size_t count, capacity;
    struct bb_arena arena;
};

static bool collect(struct collection *c, struct bb_span name, struct bb_span usage_point,
                    int64_t from_ms, int64_t to_ms) {
    if (!bb_list_room(&c->items, c->count, &c->capacity, sizeof *c->items))
        return false;
    struct item *item = &c->items[c->count++];
    *item = (struct item){bb_arena_copy(&c->arena, name), bb_arena_copy(&c->arena, usage_point),
                          from_ms, to_ms};
    return item->name.data && item->usage_point.data;
}

static void collection_release(struct collection *c) {
    free(c->items);
    bb_arena_release(&c->arena);
}

/* A device's installations in the order of time. */
static int compare_items(const void *left, const void *right) {
    const struct item *a = left, *b = right;
    int order = bb_span_compare(a->name, b->name);

    if (order == 0)
        order = (a->from_ms > b->from_ms) - (a->from_ms < b->from_ms);
    return order ? order : bb_span_compare(a->usage_point, b->usage_point);
}

/* How many of them, from the i-th on, have the i-th's name. */
static size_t count_alike(const struct collection *c, size_t i) {
    size_t end = i + 1;

    while (end < c->count && bb_span_equal(c->items[end].name, c->items[i].name))
        end++;
    return end - i;
}

static int end_collecting(struct collection *c, int result, struct bb_error *error) {
    if (result == -BB_E_NO_MEMORY)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the inventory of a tenant");
    if (result >= 0 && c->count > 0)
        qsort(c->items, c->count, sizeof c->items[0], compare_items);
    return result < 0 ? result : 0;
}

/* ---- devices */

/* A bb_inventory_installation_visit. */
static int take_installation(void *context, const struct bb_inventory_installation *row) {
    const struct bb_master_installation *i = row->installation;

    return collect(context, i->device, row->usage_point, i->from_ms, i->to_ms) ? 0
                                                                               : -BB_E_NO_MEMORY;
}

int bb_inventory_devices(struct bb_plant *plant, const struct bb_inventory *asked,
                         bb_inventory_device_visit *visit, void *context, struct bb_error *error) {
    struct collection c = {.items = NULL};

    bb_arena_init(&c.arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    int result = end_collecting(
        &c, bb_inventory_installations(plant, asked, take_installation, &c, error), error);
    for (size_t i = 0, alike; !result && i < c.count; i += alike) {
        alike = count_alike(&c, i);
        const struct item *last = &c.items[i + alike - 1];
        const struct bb_inventory_device row = {last->name, last->usage_point, last->from_ms,
                                                last->to_ms, (uint32_t)alike};
        result = visit(context, &row);
    }
    collection_release(&c);
    return result < 0 ? result : 0;
}

/* ---- customers */

/* A bb_registry_master_visit. */
static int take_customer(void *context, int64_t recorded_ms, const struct bb_master *master) {
    const struct bb_master_usage_point *up = &master->usage_point;

    (void)recorded_ms;
    return up->customer.size == 0 || collect(context, up->customer, up->name, 0, 0)
               ? 0
               : -BB_E_NO_MEMORY;
}

int bb_inventory_customers(struct bb_plant *plant, const struct bb_inventory *asked,
                           bb_inventory_customer_visit *visit, void *context,
                           struct bb_error *error) {
    struct bb_registry *registry = plant->registry;
    struct collection c = {.items = NULL};

    bb_arena_init(&c.arena, ARENA_CHUNK_BYTES, arena_limit_bytes);
    int result = end_collecting(&c,
                                registry->ops->kind_list(registry, asked->tenant,
                                                         BB_MASTER_USAGE_POINT, asked->as_of_ms,
                                                         take_customer, &c, error),
                                error);
    for (size_t i = 0, alike; !result && i < c.count; i += alike) {
        alike = count_alike(&c, i);
        const struct bb_inventory_customer row = {c.items[i].name, (uint32_t)alike};
        result = visit(context, &row);
    }
    collection_release(&c);
    return result < 0 ? result : 0;
}
