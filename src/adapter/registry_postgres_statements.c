/* What the registry asks PostgreSQL again and again: prepared on every connection `main`. See
 * registry_postgres_internal.h. A statement's name says what could not be done when it fails. */
#include "adapter/registry_postgres_internal.h"

const struct bb_postgres_statement bb_registry_statements[REGISTRY_STATEMENTS] = {
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
    [REGISTRY_LETTER_PUT] = {"project a dead letter",
                             "INSERT INTO dead_letter VALUES ($1::bigint, $2::bigint, $3::text, "
                             "$4::bigint, $5::bytea) ON CONFLICT DO NOTHING"},
    [REGISTRY_BOOKMARK_GET] = {"read a bookmark",
                               "SELECT sequence FROM bookmark "
                               "WHERE label = $1::text AND partition = $2::bigint"},
    [REGISTRY_BOOKMARK_MOVE] =
        {"move a bookmark",
         "INSERT INTO bookmark AS b SELECT $1::text, $2::bigint, $4::bigint "
         "WHERE $3::bigint = 0 OR EXISTS (SELECT 1 FROM bookmark "
         "WHERE label = $1::text AND partition = $2::bigint) ON CONFLICT (label, partition) "
         "DO UPDATE SET sequence = excluded.sequence WHERE b.sequence = $3::bigint "
         "RETURNING sequence"},
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
                                  "SELECT " BB_REGISTRY_USAGE_POINT_COLUMNS " FROM usage_point u "
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
