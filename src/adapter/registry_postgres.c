/* The registry in PostgreSQL: open, close, lookups. See registry_postgres_internal.h for the other files. */
#include "adapter/registry_postgres_internal.h"

#include <stdlib.h>

#include "port/store.h"

enum {
    SCRATCH_CHUNK_BYTES = 64 << 10,
    SCRATCH_LIMIT_BYTES = 64 << 20,
    BATCH_LIMIT_BYTES = 1 << 28
};

int bb_registry_postgres_refuse(const struct registry_postgres *registry, struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_PERMISSION, "the registry in schema %s is open for reading",
                   registry->schema);
}

int bb_registry_postgres_run(struct registry_postgres *registry, enum registry_statement which,
                             bool with, PGresult **out, struct bb_error *error) {
    struct registry_columns *c = &registry->columns;
    int failed = c->full ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a text of the registry")
                         : 0;

    for (int tries = 0; !failed && tries < 2; tries++) {
        failed = bb_postgres_ready(registry->main, error);
        if (!failed)
            failed = bb_postgres_call(registry->main, which, with ? &c->parameters : NULL, out,
                                      error);
        if (!registry_is_lost(failed))
            return failed;
        registry->losses++;
        failed = tries == 0 ? 0 : failed;
    }
    return failed;
}

/* ---- lookups */

static int position(struct bb_registry *base, uint32_t partition, uint64_t *sequence,
                    struct bb_error *error) {
    struct registry_postgres *registry = registry_postgres_of(base);
    struct registry_columns *c = bb_registry_columns_values(&registry->columns);
    PGresult *result;

    bb_postgres_put_int64(&c->parameters, partition);
    int failed = bb_registry_postgres_run(registry, REGISTRY_POSITION_GET, true, &result, error);
    if (failed)
        return failed;
    *sequence = PQntuples(result) > 0 ? (uint64_t)bb_postgres_number(result, 0, 0) : 0;
    PQclear(result);
    return 0;
}

static int master_get(struct bb_registry *base, enum bb_master_kind kind, struct bb_span tenant,
                      struct bb_span name, int64_t as_of_ms, struct bb_arena *arena,
                      struct bb_master *out, struct bb_error *error) {
    struct registry_postgres *registry = registry_postgres_of(base);
    struct registry_columns *c = bb_registry_columns_values(&registry->columns);
    struct bb_span body = {NULL, 0};
    PGresult *result;

    bb_postgres_put_int16(&c->parameters, (int16_t)kind);
    bb_registry_value_text(c, tenant);
    bb_registry_value_text(c, name);
    bb_postgres_put_int64(&c->parameters, as_of_ms == BB_TIME_NONE ? INT64_MAX : as_of_ms);
    int failed = bb_registry_postgres_run(registry, REGISTRY_MASTER_GET, true, &result, error);
    if (failed)
        return failed;
    bool found = PQntuples(result) > 0;
    if (found)
        body = bb_arena_copy(arena, bb_postgres_span(result, 0, 0));
    PQclear(result);
    if (!found)
        return BB_ABSENT;
    if (!body.data)
        return BB_FAIL(error, BB_E_NO_MEMORY, "master data of '%.*s' does not fit the memory",
                       BB_SPAN_ARGS(name));
    return bb_master_decode(body, arena, out, error);
}

static int changes(struct bb_registry *base, uint64_t *number, struct bb_error *error) {
    struct registry_postgres *registry = registry_postgres_of(base);
    PGresult *result;

    bb_registry_columns_values(&registry->columns);
    int failed = bb_registry_postgres_run(registry, REGISTRY_CHANGES, false, &result, error);
    if (failed)
        return failed;
    *number = (uint64_t)bb_postgres_number(result, 0, 0);
    PQclear(result);
    return 0;
}

/* pg_dump and the server's own backups copy it, consistent with the other tables of the database. */
static int copy(struct bb_registry *base, const char *path, struct bb_error *error) {
    (void)base, (void)path, (void)error;
    return BB_COPY_ELSEWHERE;
}

/* ---- bookmarks */

static int bookmark_get(struct bb_registry *base, struct bb_span label, uint32_t partition,
                        uint64_t *sequence, struct bb_error *error) {
    struct registry_postgres *registry = registry_postgres_of(base);
    struct registry_columns *c = bb_registry_columns_values(&registry->columns);
    PGresult *result;

    bb_registry_value_text(c, label);
    bb_postgres_put_int64(&c->parameters, partition);
    int failed = bb_registry_postgres_run(registry, REGISTRY_BOOKMARK_GET, true, &result, error);
    if (failed)
        return failed;
    *sequence = PQntuples(result) > 0 ? (uint64_t)bb_postgres_number(result, 0, 0) : 0;
    PQclear(result);
    return 0;
}

/* When the answer was lost and the same is done once more, it stands at `to` already: that is the answer, whoever
 * moved it there. */
static int bookmark_move(struct bb_registry *base, struct bb_span label, uint32_t partition,
                         uint64_t from, uint64_t to, struct bb_error *error) {
    struct registry_postgres *registry = registry_postgres_of(base);
    struct registry_columns *c = bb_registry_columns_values(&registry->columns);
    PGresult *result;

    if (registry->read_only)
        return bb_registry_postgres_refuse(registry, error);
    bb_registry_value_text(c, label);
    bb_postgres_put_int64(&c->parameters, partition);
    bb_postgres_put_int64(&c->parameters, (int64_t)from);
    bb_postgres_put_int64(&c->parameters, (int64_t)to);
    const unsigned losses = registry->losses;
    uint64_t stands = from;
    int failed = bb_registry_postgres_run(registry, REGISTRY_BOOKMARK_MOVE, true, &result, error);
    if (failed)
        return failed;
    bool moved = PQntuples(result) > 0;
    PQclear(result);
    if (!moved && registry->losses > losses)
        failed = bookmark_get(base, label, partition, &stands, error);
    return failed ? failed : moved || stands == to ? 0 : 1;
}

/* ---- open and close */

static void registry_close(struct bb_registry *base) {
    struct registry_postgres *registry = registry_postgres_of(base);

    if (!registry)
        return;
    bb_postgres_close(registry->lists);
    bb_postgres_close(registry->main);
    bb_registry_columns_release(&registry->columns);
    bb_arena_release(&registry->batch);
    bb_arena_release(&registry->scratch);
    free(registry->conninfo);
    free(registry->schema);
    free(registry);
}

static const struct bb_registry_ops operations = {
    .name = "postgres",
    .close = registry_close,
    .position = position,
    .project = bb_registry_postgres_project,
    .bookmark_get = bookmark_get,
    .bookmark_move = bookmark_move,
    .master_get = master_get,
    .master_list = bb_registry_postgres_master_list,
    .kind_list = bb_registry_postgres_kind_list,
    .version_list = bb_registry_postgres_version_list,
    .usage_point_list = bb_registry_postgres_usage_point_list,
    .usage_point_search = bb_registry_postgres_usage_point_search,
    .channel_list = bb_registry_postgres_channel_list,
    .exception_list = bb_registry_postgres_exception_list,
    .letter_list = bb_registry_postgres_letter_list,
    .tenant_list = bb_registry_postgres_tenant_list,
    .key_put = bb_registry_postgres_key_put,
    .key_list = bb_registry_postgres_key_list,
    .audit_put = bb_registry_postgres_audit_put,
    .audit_walk = bb_registry_postgres_audit_walk,
    .audit_last = bb_registry_postgres_audit_last,
    .audit_list = bb_registry_postgres_audit_list,
    .changes = changes,
    .copy = copy,
};

static int open_main(struct registry_postgres *registry, struct bb_error *error) {
    const struct bb_postgres_options options = {.conninfo = registry->conninfo,
                                                .schema = registry->schema,
                                                .purpose = "registry",
                                                .session = BB_POSTGRES_BY_INDEX,
                                                .read_only = registry->read_only};
    int failed = bb_postgres_open(&options, &registry->main, error);

    if (!failed)
        failed = bb_registry_postgres_schema_open(registry, error);
    return failed ? failed
                  : bb_postgres_prepare(registry->main, bb_registry_statements, REGISTRY_STATEMENTS,
                                        error);
}

int bb_registry_postgres_open(const struct bb_registry_postgres_options *options,
                              struct bb_registry **out, struct bb_error *error) {
    struct registry_postgres *registry = calloc(1, sizeof *registry);

    *out = NULL;
    if (!registry)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open the registry");
    registry->base.ops = &operations;
    registry->read_only = options->read_only;
    registry->conninfo = strdup(options->conninfo ? options->conninfo : "");
    registry->schema = strdup(options->schema ? options->schema : "busbar");
    bb_registry_columns_init(&registry->columns);
    bb_arena_init(&registry->batch, SCRATCH_CHUNK_BYTES, BATCH_LIMIT_BYTES);
    bb_arena_init(&registry->scratch, SCRATCH_CHUNK_BYTES, SCRATCH_LIMIT_BYTES);
    int failed = registry->conninfo && registry->schema
                     ? open_main(registry, error)
                     : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open the registry");
    if (failed) {
        registry_close(&registry->base);
        return failed;
    }
    *out = &registry->base;
    return 0;
}
