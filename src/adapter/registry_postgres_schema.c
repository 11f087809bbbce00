/* The registry's tables in PostgreSQL: see registry_postgres_internal.h.
 *
 * The tables and views of registry_sqlite_schema.c, told once more: who knows one knows the other. Texts have
 * the order of their bytes. What differs:
 *
 *   foreign keys   none: what a projection puts hangs together, as it puts all of it in one transaction, and looking once
 *                  more, row by row, took half of its time
 *   words          a generated column of master_version: what a search looks at
 *   exception_id   a sequence, so that two partitions need not wait for each other
 *   change_count   raised by what neither a position nor the audit log tells of
 */
#include "adapter/registry_postgres_internal.h"

#include <stdio.h>

#include "adapter/registry_row_internal.h"

#define TEXT "text COLLATE \"C\" NOT NULL"

#define EVIDENCE(column) "(" column " || 'e' || exponent)::double precision"

/* clang-format off: one column to a line */
static const char step_1[] =
    "CREATE TABLE partition_position ("
    "  partition bigint PRIMARY KEY,"
    "  sequence bigint NOT NULL) WITH (fillfactor = 50);"
    "CREATE TABLE bookmark ("
    "  label " TEXT ","
    "  partition bigint NOT NULL,"
    "  sequence bigint NOT NULL,"
    "  PRIMARY KEY (label, partition)) WITH (fillfactor = 50);"
    "CREATE TABLE dead_letter ("
    "  partition bigint NOT NULL,"
    "  offset_ bigint NOT NULL,"
    "  tenant " TEXT ","
    "  recorded_ms bigint NOT NULL,"
    "  body bytea NOT NULL,"
    "  PRIMARY KEY (partition, offset_));"
    "CREATE TABLE change_count (number bigint NOT NULL);"
    "INSERT INTO change_count VALUES (0);"

    "CREATE TABLE kind_name (id int PRIMARY KEY, name text NOT NULL);"
    "CREATE TABLE commodity_name (id int PRIMARY KEY, name text NOT NULL);"
    "CREATE TABLE unit_name (id int PRIMARY KEY, name text NOT NULL);"
    "CREATE TABLE check_name (id int PRIMARY KEY, name text NOT NULL);"

    "CREATE TABLE master_version ("
    "  kind smallint NOT NULL,"
    "  tenant " TEXT ","
    "  name " TEXT ","
    "  recorded_ms bigint NOT NULL,"
    "  body bytea NOT NULL,"
    "  words text COLLATE \"C\" GENERATED ALWAYS AS"
    "    (CASE kind WHEN 1 THEN lower(encode(body, 'escape') COLLATE \"C\") END) STORED,"
    "  PRIMARY KEY (kind, tenant, name, recorded_ms));"

    "CREATE TABLE tenant ("
    "  name text COLLATE \"C\" PRIMARY KEY,"
    "  zone " TEXT " DEFAULT '');"
    "CREATE TABLE usage_point ("
    "  tenant " TEXT ","
    "  name " TEXT ","
    "  commodity smallint NOT NULL DEFAULT 0,"
    "  zone " TEXT " DEFAULT '',"
    "  calendar " TEXT " DEFAULT '',"
    "  customer " TEXT " DEFAULT '',"
    "  grid_area " TEXT " DEFAULT '',"
    "  tariff " TEXT " DEFAULT '',"
    "  PRIMARY KEY (tenant, name));"
    "CREATE TABLE tag ("
    "  tenant " TEXT ","
    "  usage_point " TEXT ","
    "  key " TEXT ","
    "  value " TEXT ","
    "  PRIMARY KEY (tenant, usage_point, key));"
    "CREATE TABLE installation ("
    "  tenant " TEXT ","
    "  usage_point " TEXT ","
    "  from_ms bigint NOT NULL,"
    "  device " TEXT ","
    "  to_ms bigint,"
    "  multiplier text NOT NULL,"
    "  dials smallint NOT NULL,"
    "  reason text NOT NULL,"
    "  PRIMARY KEY (tenant, usage_point, from_ms, device));"
    "CREATE INDEX installation_by_device ON installation (tenant, device);"

    "CREATE TABLE channel ("
    "  tenant " TEXT ","
    "  usage_point " TEXT ","
    "  name " TEXT ","
    "  obis " TEXT ","
    "  zone " TEXT ","
    "  kind smallint NOT NULL,"
    "  commodity smallint NOT NULL,"
    "  unit smallint NOT NULL,"
    "  derived_unit smallint NOT NULL,"
    "  interval_s bigint NOT NULL,"
    "  one_way smallint NOT NULL,"
    "  day_start_s int NOT NULL,"
    "  partition bigint NOT NULL,"
    "  number bigint NOT NULL,"
    "  PRIMARY KEY (tenant, usage_point, name));"

    "CREATE SEQUENCE exception_id;"
    "CREATE TABLE exception ("
    "  id bigint PRIMARY KEY,"
    "  tenant " TEXT ","
    "  usage_point " TEXT ","
    "  channel " TEXT ","
    "  from_ms bigint NOT NULL,"
    "  check_id smallint NOT NULL,"
    "  to_ms bigint NOT NULL,"
    "  a bigint NOT NULL,"
    "  b bigint NOT NULL,"
    "  exponent smallint NOT NULL,"
    "  opened_ms bigint NOT NULL,"
    "  closed_ms bigint,"
    "  opened_by text NOT NULL DEFAULT '',"
    "  closed_by text NOT NULL DEFAULT '',"
    "  UNIQUE (tenant, usage_point, channel, from_ms, check_id));"
    "CREATE INDEX exception_open ON exception (tenant, usage_point, channel, from_ms, check_id)"
    "  WHERE closed_ms IS NULL;"
    "CREATE TABLE exception_history ("
    "  exception bigint NOT NULL,"
    "  ordinal int NOT NULL,"
    "  recorded_ms bigint NOT NULL,"
    "  happening text NOT NULL CHECK (happening IN ('opened', 'closed')),"
    "  source text NOT NULL DEFAULT '',"
    "  PRIMARY KEY (exception, ordinal));"

    "CREATE TABLE api_key ("
    "  tenant " TEXT ","
    "  id " TEXT ","
    "  label text NOT NULL,"
    "  role smallint NOT NULL,"
    "  hash bytea NOT NULL,"
    "  created_ms bigint NOT NULL,"
    "  expires_ms bigint,"
    "  revoked_ms bigint,"
    "  PRIMARY KEY (tenant, id));"
    "CREATE TABLE audit ("
    "  sequence bigint PRIMARY KEY,"
    "  about bigint NOT NULL,"
    "  at_ms bigint NOT NULL,"
    "  tenant " TEXT ","
    "  who text NOT NULL,"
    "  credential text NOT NULL,"
    "  origin text NOT NULL,"
    "  verb text NOT NULL,"
    "  subject text NOT NULL,"
    "  reason text NOT NULL,"
    "  request text NOT NULL,"
    "  outcome smallint NOT NULL,"
    "  code int NOT NULL,"
    "  salt bytea,"
    "  texts_hash bytea NOT NULL,"
    "  chain bytea NOT NULL);"
    "CREATE INDEX audit_outcome ON audit (about) WHERE about > 0;"
    "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
    "  BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$;"
    "CREATE TRIGGER audit_is_kept BEFORE DELETE OR TRUNCATE ON audit"
    "  EXECUTE FUNCTION audit_refuse('the audit log is kept');"
    "CREATE TRIGGER audit_stands BEFORE UPDATE ON audit FOR EACH ROW"
    "  WHEN (new.salt IS NOT NULL OR new.chain <> old.chain)"
    "  EXECUTE FUNCTION audit_refuse('the audit log stands');"

    "CREATE FUNCTION utc(ms bigint) RETURNS text LANGUAGE sql STABLE AS $$ SELECT CASE"
    "  WHEN ms BETWEEN -62135596800000 AND 253402300799999 THEN"
    "  to_char(to_timestamp(ms / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    "  END $$;"

    "CREATE VIEW list_usage_points AS SELECT tenant, u.name AS usage_point, n.name AS commodity,"
    "  zone, calendar, customer, grid_area, tariff,"
    "  (SELECT string_agg(key || '=' || value, ' ' ORDER BY key) FROM tag t"
    "    WHERE t.tenant = u.tenant AND t.usage_point = u.name) AS tags,"
    "  (SELECT count(*) FROM channel c"
    "    WHERE c.tenant = u.tenant AND c.usage_point = u.name) AS channels"
    "  FROM usage_point u LEFT JOIN commodity_name n ON n.id = commodity;"

    "CREATE VIEW list_installations AS SELECT tenant, usage_point, device,"
    "  utc(from_ms) AS \"from\", utc(to_ms) AS \"to\", multiplier, dials, reason"
    "  FROM installation;"

    "CREATE VIEW list_channels AS SELECT tenant, usage_point, channel.name AS channel, obis,"
    "  k.name AS kind, c.name AS commodity, u.name AS unit, d.name AS derived_unit,"
    "  nullif(interval_s, 0) AS interval_s, one_way, zone, partition, number"
    "  FROM channel LEFT JOIN kind_name k ON k.id = kind"
    "  LEFT JOIN commodity_name c ON c.id = commodity LEFT JOIN unit_name u ON u.id = unit"
    "  LEFT JOIN unit_name d ON d.id = derived_unit;"

    "CREATE VIEW list_exceptions AS SELECT exception.id, tenant, usage_point, channel,"
    "  n.name AS \"check\", utc(from_ms) AS \"from\", utc(to_ms) AS \"to\","
    "  " EVIDENCE("a") " AS a, " EVIDENCE(
        "b") " AS b,"
             "  utc(opened_ms) AS opened, utc(closed_ms) AS closed, opened_by, closed_by"
             "  FROM exception LEFT JOIN check_name n ON n.id = check_id;"

             "CREATE VIEW list_exception_history AS SELECT exception, utc(recorded_ms) AS recorded,"
             "  happening, source FROM exception_history;"

             "CREATE VIEW list_master_versions AS SELECT CASE kind WHEN 1 THEN 'usage point'"
             "  WHEN 2 THEN 'tenant' WHEN 3 THEN 'calendar' WHEN 4 THEN 'profile' WHEN 5 THEN 'group'"
             "  WHEN 6 THEN 'rules' END AS kind,"
             "  tenant, name, utc(recorded_ms) AS recorded, length(body) AS bytes FROM master_version";
/* clang-format on */

static const char *const steps[] = {step_1};

/* ---- the words for ids */

static int count_words(struct bb_postgres *pg, const struct bb_registry_vocabulary *words,
                       int *count, struct bb_error *error) {
    char sql[80];
    PGresult *result;

    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", words->table);
    int failed = bb_postgres_ask(pg, sql, NULL, &result, error);
    if (failed)
        return failed;
    *count = (int)bb_postgres_number(result, 0, 0);
    PQclear(result);
    return 0;
}

static int write_word(struct bb_postgres *pg, const struct bb_registry_vocabulary *words, int id,
                      struct bb_error *error) {
    struct bb_postgres_parameters p = {0};
    char sql[160];

    snprintf(sql, sizeof sql,
             "INSERT INTO %s VALUES ($1::int, $2::text) "
             "ON CONFLICT (id) DO UPDATE SET name = excluded.name",
             words->table);
    bb_postgres_put_int32(&p, id);
    bb_postgres_put_span(&p, bb_span_of(words->name(id)));
    return bb_postgres_ask(pg, sql, &p, NULL, error);
}

static int write_missing_words(struct bb_postgres *pg, struct bb_error *error) {
    int failed = 0;

    for (size_t i = 0; !failed && i < BB_REGISTRY_VOCABULARIES; i++) {
        const struct bb_registry_vocabulary *words = &bb_registry_vocabularies[i];
        int known = 0;
        failed = count_words(pg, words, &known, error);
        for (int id = 0; !failed && known < words->count && id < words->count; id++)
            failed = write_word(pg, words, id, error);
    }
    return failed;
}

int bb_registry_postgres_schema_open(struct registry_postgres *registry, struct bb_error *error) {
    _Static_assert(sizeof steps / sizeof steps[0] == BB_REGISTRY_POSTGRES_FORMAT,
                   "a step for each version");
    int failed = bb_postgres_migrate(registry->main, "registry", steps, BB_REGISTRY_POSTGRES_FORMAT,
                                     error);

    return failed || registry->read_only ? failed : write_missing_words(registry->main, error);
}
