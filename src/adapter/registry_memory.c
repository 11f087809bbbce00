/* The registry's twin in memory: for the simulator and tests.
 *
 * The same promises as registry_sqlite.c over sorted arrays; texts live in one arena until close.
 */
#include "adapter/registry_memory_internal.h"

#include <stdlib.h>

enum { TEXT_LIMIT_BYTES = 1 << 30 };

/* ---- what the tables are ascending by ---------------------------------------------------------- */

static int compare_positions(const void *left, const void *right) {
    const struct position_row *a = left, *b = right;
    return (a->partition > b->partition) - (a->partition < b->partition);
}

/* The greatest first. */
static int compare_letters(const void *left, const void *right) {
    const struct bb_registry_letter *a = left, *b = right;

    if (a->partition != b->partition)
        return a->partition < b->partition ? 1 : -1;
    return (a->offset < b->offset) - (a->offset > b->offset);
}

static int compare_bookmarks(const void *left, const void *right) {
    const struct bookmark_row *a = left, *b = right;
    int order = bb_span_compare(a->label, b->label);
    return order ? order : (a->partition > b->partition) - (a->partition < b->partition);
}

static int compare_entries(const struct master_row *a, const struct master_row *b) {
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int order = bb_span_compare(a->tenant, b->tenant);
    return order ? order : bb_span_compare(a->name, b->name);
}

static int compare_masters(const void *left, const void *right) {
    const struct master_row *a = left, *b = right;
    int order = compare_entries(a, b);
    return order ? order : (a->recorded_ms > b->recorded_ms) - (a->recorded_ms < b->recorded_ms);
}

static int compare_tenants(const void *left, const void *right) {
    return bb_span_compare(((const struct tenant_row *)left)->name,
                           ((const struct tenant_row *)right)->name);
}

static int compare_usage_points(const void *left, const void *right) {
    const struct usage_point_row *a = left, *b = right;
    int order = bb_span_compare(a->tenant, b->tenant);
    return order ? order : bb_span_compare(a->name, b->name);
}

static int compare_channels(const void *left, const void *right) {
    const struct bb_registry_channel *a = left, *b = right;
    int order = bb_span_compare(a->tenant, b->tenant);
    if (order == 0)
        order = bb_span_compare(a->usage_point, b->usage_point);
    return order ? order : bb_span_compare(a->channel, b->channel);
}

static int compare_exceptions(const void *left, const void *right) {
    const struct bb_registry_exception *a = left, *b = right;
    int order = bb_span_compare(a->tenant, b->tenant);
    if (order == 0)
        order = bb_span_compare(a->usage_point, b->usage_point);
    if (order == 0)
        order = bb_span_compare(a->channel, b->channel);
    if (order == 0)
        order = (a->from_ms > b->from_ms) - (a->from_ms < b->from_ms);
    return order ? order : (a->check > b->check) - (a->check < b->check);
}

static int compare_happenings(const void *left, const void *right) {
    const struct happening_row *a = left, *b = right;
    if (a->exception != b->exception)
        return a->exception < b->exception ? -1 : 1;
    return (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

static int compare_keys(const void *left, const void *right) {
    const struct bb_registry_key *a = left, *b = right;
    int order = bb_span_compare(a->tenant, b->tenant);
    return order ? order : bb_span_compare(a->id, b->id);
}

/* ---- what all share ---------------------------------------------------------------------------- */

int bb_registry_memory_full(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "the registry in memory has no room");
}

struct bb_span bb_registry_memory_keep(struct registry_memory *r, struct bb_span text, bool *full) {
    struct bb_span copy = bb_arena_copy(&r->texts, text);
    *full |= copy.data == NULL;
    return copy;
}

/* ---- an entry of master data ------------------------------------------------------------------- */

/* Versions of an entry lie in order of time. */
const struct master_row *bb_registry_memory_version_at(const struct registry_memory *r,
                                                       struct master_row entry, int64_t as_of_ms) {
    bool found;

    entry.recorded_ms = as_of_ms;
    size_t at = sorted_search(&r->masters, &entry, &found);
    if (!found && at == 0)
        return NULL;
    const struct master_row *row = sorted_at(&r->masters, found ? at : at - 1);
    return compare_entries(row, &entry) == 0 ? row : NULL;
}

int bb_registry_memory_master_get(struct bb_registry *base, enum bb_master_kind kind,
                                  struct bb_span tenant, struct bb_span name, int64_t as_of_ms,
                                  struct bb_arena *arena, struct bb_master *out,
                                  struct bb_error *error) {
    const struct master_row *row = bb_registry_memory_version_at(
        registry_memory_of(base), (struct master_row){.kind = kind, .tenant = tenant, .name = name},
        as_of_ms == BB_TIME_NONE ? INT64_MAX : as_of_ms);

    if (!row)
        return 1;
    struct bb_span body = bb_arena_copy(arena, row->body);
    return body.data ? bb_master_decode(body, arena, out, error) : bb_registry_memory_full(error);
}

static int memory_changes(struct bb_registry *base, uint64_t *number, struct bb_error *error) {
    (void)error;
    *number = registry_memory_of(base)->changes;
    return 0;
}

static int memory_copy(struct bb_registry *base, const char *path, struct bb_error *error) {
    (void)base;
    (void)path;
    (void)error;
    return BB_COPY_ELSEWHERE;
}

/* ---- open and close -------------------------------------------------------------------------- */

static void memory_close(struct bb_registry *base) {
    struct registry_memory *r = registry_memory_of(base);

    if (!r)
        return;
    free(r->positions.items);
    free(r->masters.items);
    free(r->tenants.items);
    free(r->usage_points.items);
    free(r->channels.items);
    free(r->exceptions.items);
    free(r->happenings.items);
    free(r->keys.items);
    free(r->bookmarks.items);
    free(r->letters.items);
    free(r->audit.items);
    bb_arena_release(&r->texts);
    bb_arena_release(&r->scratch);
    free(r);
}

static const struct bb_registry_ops operations = {
    .name = "memory",
    .close = memory_close,
    .position = bb_registry_memory_position,
    .project = bb_registry_memory_project,
    .bookmark_get = bb_registry_memory_bookmark_get,
    .bookmark_move = bb_registry_memory_bookmark_move,
    .master_get = bb_registry_memory_master_get,
    .master_list = bb_registry_memory_master_list,
    .kind_list = bb_registry_memory_kind_list,
    .version_list = bb_registry_memory_version_list,
    .usage_point_list = bb_registry_memory_usage_point_list,
    .usage_point_search = bb_registry_memory_usage_point_search,
    .channel_list = bb_registry_memory_channel_list,
    .exception_list = bb_registry_memory_exception_list,
    .letter_list = bb_registry_memory_letter_list,
    .tenant_list = bb_registry_memory_tenant_list,
    .key_put = bb_registry_memory_key_put,
    .key_list = bb_registry_memory_key_list,
    .audit_put = bb_registry_memory_audit_put,
    .audit_walk = bb_registry_memory_audit_walk,
    .audit_last = bb_registry_memory_audit_last,
    .audit_list = bb_registry_memory_audit_list,
    .changes = memory_changes,
    .copy = memory_copy,
};

int bb_registry_memory_open(struct bb_registry **out, struct bb_error *error) {
    struct registry_memory *r = calloc(1, sizeof *r);

    *out = NULL;
    if (!r)
        return bb_registry_memory_full(error);
    r->base.ops = &operations;
    r->positions = (struct sorted_table){.item_size = sizeof(struct position_row),
                                         .compare = compare_positions};
    r->masters = (struct sorted_table){.item_size = sizeof(struct master_row),
                                       .compare = compare_masters};
    r->tenants = (struct sorted_table){.item_size = sizeof(struct tenant_row),
                                       .compare = compare_tenants};
    r->usage_points = (struct sorted_table){.item_size = sizeof(struct usage_point_row),
                                            .compare = compare_usage_points};
    r->channels = (struct sorted_table){.item_size = sizeof(struct bb_registry_channel),
                                        .compare = compare_channels};
    r->exceptions = (struct sorted_table){.item_size = sizeof(struct bb_registry_exception),
                                          .compare = compare_exceptions};
    r->happenings = (struct sorted_table){.item_size = sizeof(struct happening_row),
                                          .compare = compare_happenings};
    r->keys = (struct sorted_table){.item_size = sizeof(struct bb_registry_key),
                                    .compare = compare_keys};
    r->letters = (struct sorted_table){.item_size = sizeof(struct bb_registry_letter),
                                       .compare = compare_letters};
    r->bookmarks = (struct sorted_table){.item_size = sizeof(struct bookmark_row),
                                         .compare = compare_bookmarks};
    bb_arena_init(&r->texts, REGISTRY_MEMORY_CHUNK_BYTES, TEXT_LIMIT_BYTES);
    bb_arena_init(&r->scratch, REGISTRY_MEMORY_CHUNK_BYTES, REGISTRY_MEMORY_SCRATCH_LIMIT_BYTES);
    *out = &r->base;
    return 0;
}
