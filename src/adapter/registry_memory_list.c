/* Lists of the registry in memory. */
#include "adapter/registry_memory_internal.h"

static bool wanted(struct bb_span filter, struct bb_span value) {
    return filter.size == 0 || bb_span_equal(filter, value);
}

/* `kind` 0: of all. */
static int list_masters(struct bb_registry *base, struct bb_span tenant, int kind, int64_t as_of_ms,
                        bb_registry_master_visit *visit, void *context, struct bb_error *error) {
    const struct registry_memory *r = registry_memory_of(base);
    int64_t until = as_of_ms == BB_TIME_NONE ? INT64_MAX : as_of_ms;
    struct bb_arena arena;
    int answer = 0;

    bb_arena_init(&arena, REGISTRY_MEMORY_CHUNK_BYTES, REGISTRY_MEMORY_SCRATCH_LIMIT_BYTES);
    for (size_t i = 0; answer == 0 && i < r->masters.count; i++) {
        const struct master_row *row = sorted_at(&r->masters, i);
        struct bb_master master;
        if (!wanted(tenant, row->tenant) || (kind && kind != (int)row->kind) ||
            bb_registry_memory_version_at(r, *row, until) != row)
            continue;
        bb_arena_reset(&arena);
        answer = bb_master_decode(row->body, &arena, &master, error);
        if (answer == 0)
            answer = visit(context, row->recorded_ms, &master);
    }
    bb_arena_release(&arena);
    return registry_memory_ended(answer);
}

int bb_registry_memory_master_list(struct bb_registry *base, struct bb_span tenant,
                                   int64_t as_of_ms, bb_registry_master_visit *visit, void *context,
                                   struct bb_error *error) {
    return list_masters(base, tenant, 0, as_of_ms, visit, context, error);
}

int bb_registry_memory_kind_list(struct bb_registry *base, struct bb_span tenant,
                                 enum bb_master_kind kind, int64_t as_of_ms,
                                 bb_registry_master_visit *visit, void *context,
                                 struct bb_error *error) {
    return list_masters(base, tenant, (int)kind, as_of_ms, visit, context, error);
}

int bb_registry_memory_version_list(struct bb_registry *base, struct bb_span tenant,
                                    bb_registry_master_visit *visit, void *context,
                                    struct bb_error *error) {
    const struct registry_memory *r = registry_memory_of(base);
    struct bb_arena arena;
    int answer = 0;

    bb_arena_init(&arena, REGISTRY_MEMORY_CHUNK_BYTES, REGISTRY_MEMORY_SCRATCH_LIMIT_BYTES);
    for (size_t i = 0; answer == 0 && i < r->masters.count; i++) {
        const struct master_row *row = sorted_at(&r->masters, i);
        struct bb_master master;
        if (!wanted(tenant, row->tenant))
            continue;
        bb_arena_reset(&arena);
        answer = bb_master_decode(row->body, &arena, &master, error);
        if (answer == 0)
            answer = visit(context, row->recorded_ms, &master);
    }
    bb_arena_release(&arena);
    return registry_memory_ended(answer);
}

/* What its master entry does not say, a usage point's channels do: see registry_sqlite_list.c. */
static void complete_from_channels(const struct registry_memory *r,
                                   struct bb_registry_usage_point *row) {
    struct bb_registry_channel key = {.tenant = row->tenant, .usage_point = row->name};
    struct bb_span zone = {NULL, 0};
    uint8_t commodity = BB_COMMODITY_UNKNOWN;
    bool found;

    for (size_t at = sorted_search(&r->channels, &key, &found); at < r->channels.count; at++) {
        const struct bb_registry_channel *channel = sorted_at(&r->channels, at);
        if (!bb_span_equal(channel->tenant, row->tenant) ||
            !bb_span_equal(channel->usage_point, row->name))
            break;
        if (row->channels++ == 0 || bb_span_compare(channel->zone, zone) < 0)
            zone = channel->zone;
        if (channel->commodity > commodity)
            commodity = channel->commodity;
    }
    if (row->zone.size == 0)
        row->zone = zone;
    if (row->commodity == BB_COMMODITY_UNKNOWN)
        row->commodity = commodity;
}

int bb_registry_memory_usage_point_list(struct bb_registry *base, struct bb_span tenant,
                                        struct bb_span usage_point,
                                        bb_registry_usage_point_visit *visit, void *context,
                                        struct bb_error *error) {
    const struct registry_memory *r = registry_memory_of(base);
    struct bb_arena arena;
    int answer = 0;

    bb_arena_init(&arena, REGISTRY_MEMORY_CHUNK_BYTES, REGISTRY_MEMORY_SCRATCH_LIMIT_BYTES);
    for (size_t i = 0; answer == 0 && i < r->usage_points.count; i++) {
        const struct usage_point_row *known = sorted_at(&r->usage_points, i);
        struct bb_registry_usage_point row = {.tenant = known->tenant, .name = known->name};
        struct bb_master_usage_point up;
        if (!wanted(tenant, known->tenant) || !wanted(usage_point, known->name))
            continue;
        bb_arena_reset(&arena);
        answer = bb_registry_usage_point(base, known->tenant, known->name, BB_TIME_NONE, &arena,
                                         &up, error);
        if (answer < 0)
            break;
        if (answer == 0) {
            row.zone = up.zone;
            row.calendar = up.calendar;
            row.customer = up.customer;
            row.commodity = up.commodity;
        }
        complete_from_channels(r, &row);
        answer = visit(context, &row);
    }
    bb_arena_release(&arena);
    return registry_memory_ended(answer);
}

int bb_registry_memory_usage_point_search(struct bb_registry *base, struct bb_span tenant,
                                          const struct bb_span *words, size_t word_count,
                                          struct bb_span after, int64_t as_of_ms,
                                          bb_registry_search_visit *visit, void *context,
                                          struct bb_error *error) {
    const struct registry_memory *r = registry_memory_of(base);
    int64_t until = as_of_ms == BB_TIME_NONE ? INT64_MAX : as_of_ms;
    struct bb_arena arena;
    int answer = 0;

    bb_arena_init(&arena, REGISTRY_MEMORY_CHUNK_BYTES, REGISTRY_MEMORY_SCRATCH_LIMIT_BYTES);
    for (size_t i = 0; answer == 0 && i < r->usage_points.count; i++) {
        const struct usage_point_row *known = sorted_at(&r->usage_points, i);
        struct master_row entry = {
            .kind = BB_MASTER_USAGE_POINT, .tenant = known->tenant, .name = known->name};
        struct bb_master master;
        if (!bb_span_equal(tenant, known->tenant) || bb_span_compare(known->name, after) <= 0)
            continue;
        const struct master_row *row = bb_registry_memory_version_at(r, entry, until);
        if (!bb_master_may_hold(row ? row->body : known->name, words, word_count))
            continue;
        bb_arena_reset(&arena);
        if (row)
            answer = bb_master_decode(row->body, &arena, &master, error);
        if (answer == 0)
            answer = visit(context, known->name, row ? &master.usage_point : NULL);
    }
    bb_arena_release(&arena);
    return registry_memory_ended(answer);
}

int bb_registry_memory_channel_list(struct bb_registry *base, struct bb_span tenant,
                                    struct bb_span usage_point, bb_registry_channel_visit *visit,
                                    void *context, struct bb_error *error) {
    const struct registry_memory *r = registry_memory_of(base);
    int answer = 0;

    (void)error;
    for (size_t i = 0; answer == 0 && i < r->channels.count; i++) {
        const struct bb_registry_channel *row = sorted_at(&r->channels, i);
        if (wanted(tenant, row->tenant) && wanted(usage_point, row->usage_point))
            answer = visit(context, row);
    }
    return registry_memory_ended(answer);
}

/* The exception as it was then: see registry_sqlite_list.c. False: nobody had heard of it. */
static bool exception_as_of(const struct registry_memory *r, int64_t as_of_ms,
                            struct bb_registry_exception *row) {
    if (as_of_ms == BB_TIME_NONE)
        return true;
    if (row->opened_ms > as_of_ms)
        return false;
    for (size_t at = bb_registry_memory_happenings_end(r, row->id); at > 0; at--) {
        const struct happening_row *last = sorted_at(&r->happenings, at - 1);
        if (last->exception != row->id)
            return false;
        if (last->recorded_ms > as_of_ms)
            continue;
        row->closed_ms = last->closed ? last->recorded_ms : BB_TIME_NONE;
        row->closed_by = last->source;
        return true;
    }
    return false;
}

int bb_registry_memory_exception_list(struct bb_registry *base, struct bb_span tenant,
                                      bool open_only, int64_t as_of_ms,
                                      bb_registry_exception_visit *visit, void *context,
                                      struct bb_error *error) {
    const struct registry_memory *r = registry_memory_of(base);
    int answer = 0;

    (void)error;
    for (size_t i = 0; answer == 0 && i < r->exceptions.count; i++) {
        struct bb_registry_exception row = *(const struct bb_registry_exception *)sorted_at(
            &r->exceptions, i);
        if (wanted(tenant, row.tenant) && exception_as_of(r, as_of_ms, &row) &&
            (!open_only || row.closed_ms == BB_TIME_NONE))
            answer = visit(context, &row);
    }
    return registry_memory_ended(answer);
}

int bb_registry_memory_letter_list(struct bb_registry *base, struct bb_span tenant,
                                   bb_registry_letter_visit *visit, void *context,
                                   struct bb_error *error) {
    const struct registry_memory *r = registry_memory_of(base);
    int answer = 0;

    (void)error;
    for (size_t i = 0; answer == 0 && i < r->letters.count; i++) {
        const struct bb_registry_letter *row = sorted_at(&r->letters, i);
        if (wanted(tenant, row->tenant))
            answer = visit(context, row);
    }
    return registry_memory_ended(answer);
}

int bb_registry_memory_tenant_list(struct bb_registry *base,
                                   int (*visit)(void *context, struct bb_span name,
                                                struct bb_span zone),
                                   void *context, struct bb_error *error) {
    const struct registry_memory *r = registry_memory_of(base);
    struct bb_arena arena;
    int answer = 0;

    bb_arena_init(&arena, REGISTRY_MEMORY_CHUNK_BYTES, REGISTRY_MEMORY_SCRATCH_LIMIT_BYTES);
    for (size_t i = 0; answer == 0 && i < r->tenants.count; i++) {
        const struct tenant_row *row = sorted_at(&r->tenants, i);
        struct bb_master entry;
        bb_arena_reset(&arena);
        answer = bb_registry_memory_master_get(base, BB_MASTER_TENANT, row->name, row->name,
                                               BB_TIME_NONE, &arena, &entry, error);
        if (answer >= 0)
            answer = visit(context, row->name, answer == 0 ? entry.tenant.zone : BB_SPAN(""));
    }
    bb_arena_release(&arena);
    return registry_memory_ended(answer);
}
