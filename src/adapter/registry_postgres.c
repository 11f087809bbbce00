/* The registry in PostgreSQL: open, statements, lookups. See registry_postgres_internal.h for the other files.
 *
 * What is asked again and again is prepared; its name says what cannot be done when it fails.
 */
#include "adapter/registry_postgres_internal.h"

#include <stdlib.h>

#include "adapter/postgres_text.h"
#include "port/store.h"

enum {
    SCRATCH_CHUNK_BYTES = 64 << 10,
    SCRATCH_LIMIT_BYTES = 64 << 20,
    BATCH_LIMIT_BYTES = 1 << 28
};

#define USAGE_POINT_COLUMNS                                                                        \
    "u.tenant, u.name, coalesce(nullif(u.zone, ''), min(c.zone), ''), u.calendar, u.customer, "    \
    "coalesce(nullif(u.commodity, 0), max(c.commodity), 0), count(c.name)"

static const struct bb_postgres_statement statements[REGISTRY_STATEMENTS] = {
    [REGISTRY_BEGIN] = {"begin a transaction", "BEGIN"},
    [REGISTRY_COMMIT] = {"commit", "COMMIT"},
    [REGISTRY_POSITION_GET] = {"read a position", "SELECT sequence FROM partition_position "
                                                  "WHERE partition = $1::bigint"},
    /* partition, from, to. A row that is not there yet stands at 0. */
    [REGISTRY_POSITION_MOVE] = {"move a position",
                                "INSERT INTO partition_position AS p SELECT $1::bigint, $3::bigint "
                                "WHERE $2::bigint = 0 OR EXISTS (SELECT 1 FROM partition_position "
                                "WHERE partition = $1::bigint) ON CONFLICT (partition) "
                                "DO UPDATE SET sequence = excluded.sequence "
                                "WHERE p.sequence = $2::bigint RETURNING sequence"},
    [REGISTRY_MASTER_GET] = {"read master data",
                             "SELECT body FROM master_version WHERE kind = $1::smallint "
                             "AND tenant = $2::text AND name = $3::text "
                             "AND recorded_ms <= $4::bigint ORDER BY recorded_ms DESC LIMIT 1"},
    [REGISTRY_TENANTS_ENSURE] = {"project tenants",
                                 "INSERT INTO tenant (name) SELECT * FROM unnest($1::text[]) "
                                 "ON CONFLICT DO NOTHING"},
    [REGISTRY_TENANTS_LOCK] = {"lock tenants", "SELECT count(*) FROM (SELECT 1 FROM tenant "
                                               "WHERE name = ANY ($1::text[]) "
                                               "ORDER BY name FOR NO KEY UPDATE) AS locked"},
    [REGISTRY_USAGE_POINTS_ENSURE] = {"project usage points",
                                      "INSERT INTO usage_point (tenant, name) "
                                      "SELECT * FROM unnest($1::text[], $2::text[]) "
                                      "ON CONFLICT DO NOTHING"},
    /* Numbers of those that are newly the version recorded last. What the batch itself puts is not seen here. */
    [REGISTRY_VERSIONS_PUT] =
        {"project master data",
         "WITH told AS (SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[], $4::bigint[], "
         "$5::bytea[]) WITH ORDINALITY AS t (kind, tenant, name, recorded_ms, body, number)), "
         "put AS (INSERT INTO master_version AS m (kind, tenant, name, recorded_ms, body) "
         "SELECT kind, tenant, name, recorded_ms, body FROM told ORDER BY number "
         "ON CONFLICT (kind, tenant, name, recorded_ms) DO UPDATE SET body = excluded.body "
         "WHERE excluded.body > m.body RETURNING kind, tenant, name, recorded_ms) "
         "SELECT number FROM told JOIN put USING (kind, tenant, name, recorded_ms) "
         "WHERE kind <= 2 AND NOT EXISTS (SELECT 1 FROM master_version AS v "
         "WHERE v.kind = told.kind AND v.tenant = told.tenant AND v.name = told.name "
         "AND v.recorded_ms > told.recorded_ms)"},
    /* Those that will be added draw their ids here, in their order. */
    [REGISTRY_EXCEPTIONS_KNOWN] =
        {"look up exceptions",
         "SELECT number, coalesce(id, CASE WHEN opens THEN nextval('exception_id') ELSE 0 END), "
         "id IS NOT NULL, is_open, ordinal FROM (SELECT number, opens = 1 AS opens, e.id, "
         "e.id IS NOT NULL AND e.closed_ms IS NULL AS is_open, "
         "(SELECT coalesce(max(ordinal), 0) FROM exception_history WHERE exception = e.id) AS ordinal "
         "FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::smallint[], "
         "$6::smallint[]) WITH ORDINALITY "
         "AS t (tenant, usage_point, channel, from_ms, check_id, opens, number) "
         "LEFT JOIN exception AS e USING (tenant, usage_point, channel, from_ms, check_id) "
         "ORDER BY number) AS known"},
    [REGISTRY_TENANTS_PUT] = {"project zones of tenants",
                              "UPDATE tenant SET zone = t.zone FROM "
                              "unnest($1::text[], $2::text[]) AS t (name, zone) "
                              "WHERE tenant.name = t.name"},
    [REGISTRY_USAGE_POINTS_PUT] =
        {"project entries of usage points",
         "INSERT INTO usage_point "
         "(tenant, name, commodity, zone, calendar, customer, grid_area, tariff) "
         "SELECT * FROM unnest($1::text[], $2::text[], $3::smallint[], $4::text[], $5::text[], "
         "$6::text[], $7::text[], $8::text[]) ON CONFLICT (tenant, name) DO UPDATE SET "
         "commodity = excluded.commodity, zone = excluded.zone, calendar = excluded.calendar, "
         "customer = excluded.customer, grid_area = excluded.grid_area, tariff = excluded.tariff"},
    [REGISTRY_TAGS_CLEAR] = {"clear tags", "DELETE FROM tag USING unnest($1::text[], $2::text[]) "
                                           "AS t (tenant, usage_point) WHERE tag.tenant = t.tenant "
                                           "AND tag.usage_point = t.usage_point"},
    [REGISTRY_TAGS_PUT] =
        {"project tags",
         "INSERT INTO tag (tenant, usage_point, key, value) "
         "SELECT DISTINCT ON (tenant, usage_point, key) tenant, usage_point, key, value "
         "FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY "
         "AS t (tenant, usage_point, key, value, number) "
         "ORDER BY tenant, usage_point, key, number DESC"},
    [REGISTRY_INSTALLATIONS_CLEAR] = {"clear installations",
                                      "DELETE FROM installation USING "
                                      "unnest($1::text[], $2::text[]) AS t (tenant, usage_point) "
                                      "WHERE installation.tenant = t.tenant "
                                      "AND installation.usage_point = t.usage_point"},
    [REGISTRY_INSTALLATIONS_PUT] =
        {"project installations",
         "INSERT INTO installation "
         "(tenant, usage_point, from_ms, device, to_ms, multiplier, dials, reason) "
         "SELECT DISTINCT ON (tenant, usage_point, from_ms, device) "
         "tenant, usage_point, from_ms, device, to_ms, multiplier, dials, reason "
         "FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], "
         "$7::smallint[], $8::text[]) WITH ORDINALITY AS t "
         "(tenant, usage_point, from_ms, device, to_ms, multiplier, dials, reason, number) "
         "ORDER BY tenant, usage_point, from_ms, device, number DESC"},
    [REGISTRY_CHANNELS_PUT] =
        {"project channels",
         "INSERT INTO channel (tenant, usage_point, name, obis, zone, kind, commodity, unit, "
         "derived_unit, interval_s, one_way, day_start_s, partition, number) "
         "SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], "
         "$6::smallint[], $7::smallint[], $8::smallint[], $9::smallint[], $10::bigint[], "
         "$11::int[], $12::int[], $13::bigint[], $14::bigint[]) "
         "ON CONFLICT (tenant, usage_point, name) DO UPDATE SET "
         "obis = excluded.obis, zone = excluded.zone, kind = excluded.kind, "
         "commodity = excluded.commodity, unit = excluded.unit, "
         "derived_unit = excluded.derived_unit, interval_s = excluded.interval_s, "
         "one_way = excluded.one_way, day_start_s = excluded.day_start_s, "
         "partition = excluded.partition, number = excluded.number"},
    [REGISTRY_EXCEPTIONS_ADD] =
        {"project exceptions",
         "INSERT INTO exception (id, tenant, usage_point, channel, from_ms, check_id, to_ms, a, b, "
         "exponent, opened_ms, opened_by, closed_ms, closed_by) "
         "SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], "
         "$6::smallint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::smallint[], "
         "$11::bigint[], $12::text[], $13::bigint[], $14::text[])"},
    [REGISTRY_EXCEPTIONS_CHANGE] =
        {"project changes of exceptions",
         "UPDATE exception AS e SET to_ms = coalesce(t.to_ms, e.to_ms), a = coalesce(t.a, e.a), "
         "b = coalesce(t.b, e.b), exponent = coalesce(t.exponent, e.exponent), "
         "closed_ms = t.closed_ms, closed_by = t.closed_by "
         "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], "
         "$6::bigint[], $7::text[]) AS t (id, to_ms, a, b, exponent, closed_ms, closed_by) "
         "WHERE e.id = t.id"},
    [REGISTRY_HISTORY_ADD] = {"project the history of exceptions",
                              "INSERT INTO exception_history "
                              "(exception, ordinal, recorded_ms, happening, source) "
                              "SELECT * FROM unnest($1::bigint[], $2::int[], $3::bigint[], "
                              "$4::text[], $5::text[])"},
    [REGISTRY_ONE_USAGE_POINT] = {"look up a usage point",
                                  "SELECT " USAGE_POINT_COLUMNS " FROM usage_point u "
                                  "LEFT JOIN channel c "
                                  "ON c.tenant = u.tenant AND c.usage_point = u.name "
                                  "WHERE u.tenant = $1::text AND u.name = $2::text "
                                  "GROUP BY u.tenant, u.name"},
    [REGISTRY_CHANNELS_OF_ONE] =
        {"look up channels",
         "SELECT tenant, usage_point, name, obis, zone, kind, commodity, unit, interval_s, "
         "partition, number, derived_unit FROM channel "
         "WHERE tenant = $1::text AND usage_point = $2::text ORDER BY name"},
    [REGISTRY_KEY_PUT] =
        {"keep a key",
         "INSERT INTO api_key "
         "(tenant, id, label, role, hash, created_ms, expires_ms, revoked_ms) "
         "VALUES ($1::text, $2::text, $3::text, $4::smallint, $5::bytea, $6::bigint, $7::bigint, "
         "$8::bigint) ON CONFLICT (tenant, id) DO UPDATE SET label = excluded.label, "
         "expires_ms = excluded.expires_ms, revoked_ms = excluded.revoked_ms"},
    [REGISTRY_CHANGED] = {"count a change", "UPDATE change_count SET number = number + 1"},
    /* Whatever writes raises one of these, in its transaction. */
    [REGISTRY_CHANGES] = {"look for changes",
                          "SELECT (SELECT coalesce(sum(sequence), 0)::bigint FROM "
                          "partition_position) + (SELECT coalesce(max(sequence), 0) FROM audit) + "
                          "(SELECT number FROM change_count)"},
    /* A sequence that somebody else is about to take is waited for. */
    [REGISTRY_AUDIT_PUT] =
        {"keep an entry of the audit log",
         "INSERT INTO audit (sequence, about, at_ms, tenant, who, credential, origin, verb, "
         "subject, reason, request, outcome, code, salt, texts_hash, chain) "
         "SELECT $1::bigint, $2::bigint, $3::bigint, $4::text, $5::text, $6::text, $7::text, "
         "$8::text, $9::text, $10::text, $11::text, $12::smallint, $13::int, $14::bytea, "
         "$15::bytea, $16::bytea "
         "WHERE $1::bigint = (SELECT coalesce(max(sequence), 0) + 1 FROM audit) "
         "ON CONFLICT (sequence) DO NOTHING RETURNING sequence"},
    [REGISTRY_AUDIT_GET] = {"look up an entry of the audit log",
                            "SELECT salt, texts_hash, chain FROM audit "
                            "WHERE sequence = $1::bigint"},
    [REGISTRY_AUDIT_LAST] =
        {"read the last entry of the audit log",
         "SELECT sequence, about, at_ms, tenant, who, credential, origin, verb, subject, reason, "
         "request, outcome, code, salt, texts_hash, chain FROM audit "
         "ORDER BY sequence DESC LIMIT 1"},
};

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
    .master_get = master_get,
    .master_list = bb_registry_postgres_master_list,
    .kind_list = bb_registry_postgres_kind_list,
    .version_list = bb_registry_postgres_version_list,
    .usage_point_list = bb_registry_postgres_usage_point_list,
    .usage_point_search = bb_registry_postgres_usage_point_search,
    .channel_list = bb_registry_postgres_channel_list,
    .exception_list = bb_registry_postgres_exception_list,
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
                                                .read_only = registry->read_only};
    int failed = bb_postgres_open(&options, &registry->main, error);

    if (!failed)
        failed = bb_registry_postgres_schema_open(registry, error);
    return failed ? failed
                  : bb_postgres_prepare(registry->main, statements, REGISTRY_STATEMENTS, error);
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
