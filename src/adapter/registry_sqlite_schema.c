/* The registry's tables, and the versions of them: see registry_sqlite_internal.h.
 *
 * The file is meant to be opened with sqlite3 by people, too: tables hold ids and milliseconds, the
 * views `list_...` say the same in words and UTC. A tenant, a usage point and a channel are known by
 * their names, as everywhere in busbar; rows of one usage point lie beside each other.
 *
 *   master_version     every version of every entry, packed          <- BB_OUTBOX_MASTER
 *   tenant, usage_point, tag, installation: the current one, in columns
 *   channel                                                           <- BB_OUTBOX_CHANNEL
 *   exception, exception_history                                      <- BB_OUTBOX_EXCEPTION_*
 *   dead_letter                                                       <- BB_OUTBOX_DEAD_LETTER
 *   partition_position what of each partition's outbox is in here
 *   api_key, audit, bookmark: not from the outboxes: this is their only place
 */
#include "adapter/registry_sqlite_internal.h"

#include <stdio.h>

#include "adapter/registry_row_internal.h"

enum { SCHEMA_VERSION = BB_REGISTRY_SQLITE_FORMAT };

static const char schema[] =
    "CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;"
    "CREATE TABLE partition_position ("
    "  partition INTEGER PRIMARY KEY,"
    "  sequence INTEGER NOT NULL) STRICT;"

    /* the words for ids, for the views */
    "CREATE TABLE kind_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;"
    "CREATE TABLE commodity_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;"
    "CREATE TABLE unit_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;"
    "CREATE TABLE check_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;"

    "CREATE TABLE master_version ("
    "  kind INTEGER NOT NULL," /* 1 usage point, 2 tenant, 3 calendar, 4 profile */
    "  tenant TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  recorded_ms INTEGER NOT NULL,"
    "  body BLOB NOT NULL,"
    "  PRIMARY KEY (kind, tenant, name, recorded_ms)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE tenant ("
    "  name TEXT PRIMARY KEY,"
    "  zone TEXT NOT NULL DEFAULT '') STRICT, WITHOUT ROWID;"
    "CREATE TABLE usage_point ("
    "  tenant TEXT NOT NULL REFERENCES tenant (name),"
    "  name TEXT NOT NULL,"
    "  commodity INTEGER NOT NULL DEFAULT 0,"
    "  zone TEXT NOT NULL DEFAULT '',"
    "  calendar TEXT NOT NULL DEFAULT '',"
    "  customer TEXT NOT NULL DEFAULT '',"
    "  grid_area TEXT NOT NULL DEFAULT '',"
    "  tariff TEXT NOT NULL DEFAULT '',"
    "  PRIMARY KEY (tenant, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE tag ("
    "  tenant TEXT NOT NULL,"
    "  usage_point TEXT NOT NULL,"
    "  key TEXT NOT NULL,"
    "  value TEXT NOT NULL,"
    "  PRIMARY KEY (tenant, usage_point, key),"
    "  FOREIGN KEY (tenant, usage_point) REFERENCES usage_point (tenant, name))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE installation ("
    "  tenant TEXT NOT NULL,"
    "  usage_point TEXT NOT NULL,"
    "  from_ms INTEGER NOT NULL,"
    "  device TEXT NOT NULL,"
    "  to_ms INTEGER," /* NULL: still there */
    "  multiplier TEXT NOT NULL,"
    "  dials INTEGER NOT NULL," /* 0: unknown */
    "  reason TEXT NOT NULL,"
    "  PRIMARY KEY (tenant, usage_point, from_ms, device),"
    "  FOREIGN KEY (tenant, usage_point) REFERENCES usage_point (tenant, name))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE INDEX installation_by_device ON installation (tenant, device);"

    "CREATE TABLE channel ("
    "  tenant TEXT NOT NULL,"
    "  usage_point TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  obis TEXT NOT NULL,"
    "  zone TEXT NOT NULL,"
    "  kind INTEGER NOT NULL,"
    "  commodity INTEGER NOT NULL,"
    "  unit INTEGER NOT NULL,"         /* of the readings as first told */
    "  derived_unit INTEGER NOT NULL," /* of the derived lanes; -1: unknown */
    "  interval_s INTEGER NOT NULL,"
    "  one_way INTEGER NOT NULL,"
    "  day_start_s INTEGER NOT NULL,"
    "  partition INTEGER NOT NULL,"
    "  number INTEGER NOT NULL," /* in the partition's store */
    "  PRIMARY KEY (tenant, usage_point, name),"
    "  FOREIGN KEY (tenant, usage_point) REFERENCES usage_point (tenant, name))"
    "  STRICT, WITHOUT ROWID;"

    "CREATE TABLE exception ("
    "  id INTEGER PRIMARY KEY,"
    "  tenant TEXT NOT NULL,"
    "  usage_point TEXT NOT NULL,"
    "  channel TEXT NOT NULL,"
    "  from_ms INTEGER NOT NULL,"
    "  check_id INTEGER NOT NULL,"
    "  to_ms INTEGER NOT NULL,"
    "  a INTEGER NOT NULL," /* evidence, times 10^exponent */
    "  b INTEGER NOT NULL,"
    "  exponent INTEGER NOT NULL,"
    "  opened_ms INTEGER NOT NULL,"         /* the first time */
    "  closed_ms INTEGER,"                  /* NULL: open */
    "  opened_by TEXT NOT NULL DEFAULT ''," /* the source that caused it, at opened_ms */
    "  closed_by TEXT NOT NULL DEFAULT '',"
    "  UNIQUE (tenant, usage_point, channel, from_ms, check_id),"
    "  FOREIGN KEY (tenant, usage_point) REFERENCES usage_point (tenant, name)) STRICT;"
    "CREATE INDEX exception_open ON exception (tenant, usage_point, channel, from_ms, check_id)"
    "  WHERE closed_ms IS NULL;"
    "CREATE TABLE exception_history ("
    "  exception INTEGER NOT NULL REFERENCES exception (id),"
    "  ordinal INTEGER NOT NULL,"
    "  recorded_ms INTEGER NOT NULL,"
    "  happening TEXT NOT NULL CHECK (happening IN ('opened', 'closed')),"
    "  source TEXT NOT NULL DEFAULT '',"
    "  PRIMARY KEY (exception, ordinal)) STRICT, WITHOUT ROWID;";

#define UTC(column)      "strftime('%Y-%m-%dT%H:%M:%SZ', " column " / 1000, 'unixepoch')"
#define EVIDENCE(column) "CAST(" column " || 'e' || exponent AS REAL)"

static const char views[] =
    "CREATE VIEW list_usage_points AS SELECT tenant, u.name AS usage_point, n.name AS commodity,"
    "  zone, calendar, customer, grid_area, tariff,"
    "  (SELECT group_concat(key || '=' || value, ' ') FROM tag t"
    "    WHERE t.tenant = u.tenant AND t.usage_point = u.name) AS tags,"
    "  (SELECT count(*) FROM channel c"
    "    WHERE c.tenant = u.tenant AND c.usage_point = u.name) AS channels"
    "  FROM usage_point u LEFT JOIN commodity_name n ON n.id = commodity;"

    "CREATE VIEW list_installations AS SELECT tenant, usage_point, device,"
    "  " UTC("from_ms") " AS \"from\", " UTC(
        "to_ms") " AS \"to\", multiplier, dials, reason"
                 "  FROM installation;"

                 "CREATE VIEW list_channels AS SELECT tenant, usage_point, channel.name AS channel, obis,"
                 "  k.name AS kind, c.name AS commodity, u.name AS unit, d.name AS derived_unit,"
                 "  nullif(interval_s, 0) AS interval_s, one_way, zone, partition, number"
                 "  FROM channel LEFT JOIN kind_name k ON k.id = kind"
                 "  LEFT JOIN commodity_name c ON c.id = commodity LEFT JOIN unit_name u ON u.id = unit"
                 "  LEFT JOIN unit_name d ON d.id = derived_unit;"

                 "CREATE VIEW list_exceptions AS SELECT exception.id, tenant, usage_point, channel,"
                 "  n.name AS \"check\", " UTC("from_ms") " AS \"from\", " UTC(
                     "to_ms") " AS \"to\","
                              "  " EVIDENCE("a") " AS a, " EVIDENCE(
                                  "b") " AS b,"
                                       "  " UTC("opened_ms") " AS opened, " UTC(
                                           "closed_ms") " AS closed, opened_by, closed_by"
                                                        "  FROM exception LEFT JOIN check_name n ON n.id = check_id;"

                                                        "CREATE VIEW list_exception_history AS SELECT exception, " UTC(
                                                            "recorded_ms") " AS recorded,"
                                                                           "  happening, source FROM exception_history;"

                                                                           "CREATE VIEW list_master_versions AS SELECT"
                                                                           "  CASE kind WHEN 1 THEN 'usage point' WHEN 2 THEN 'tenant' WHEN 3 THEN 'calendar' WHEN 4 THEN 'profile' END AS kind,"
                                                                           "  tenant, name, " UTC(
                                                                               "recorded_ms") " AS recorded, length(body) AS bytes"
                                                                                              "  FROM master_version;";

/* What later versions of busbar added without changing what was there: made at the next open. */
static const char additions[] = "CREATE TABLE IF NOT EXISTS dead_letter ("
                                "  partition INTEGER NOT NULL,"
                                "  offset INTEGER NOT NULL," /* of the record in the log */
                                "  tenant TEXT NOT NULL,"
                                "  recorded_ms INTEGER NOT NULL,"
                                "  body BLOB NOT NULL,"
                                "  PRIMARY KEY (partition, offset)) STRICT, WITHOUT ROWID;"
                                "CREATE TABLE IF NOT EXISTS bookmark ("
                                "  label TEXT NOT NULL," /* of a sink: what of an outbox it has */
                                "  partition INTEGER NOT NULL,"
                                "  sequence INTEGER NOT NULL,"
                                "  PRIMARY KEY (label, partition)) STRICT, WITHOUT ROWID;"
                                "CREATE TABLE IF NOT EXISTS api_key ("
                                "  tenant TEXT NOT NULL,"
                                "  id TEXT NOT NULL,"
                                "  label TEXT NOT NULL,"
                                "  role INTEGER NOT NULL," /* service/api_key.h */
                                "  hash BLOB NOT NULL,"    /* SHA-256 of the key */
                                "  created_ms INTEGER NOT NULL,"
                                "  expires_ms INTEGER," /* NULL: never */
                                "  revoked_ms INTEGER,"
                                "  PRIMARY KEY (tenant, id)) STRICT, WITHOUT ROWID;"
                                "CREATE TABLE IF NOT EXISTS audit ("
                                "  sequence INTEGER PRIMARY KEY,"
                                "  about INTEGER NOT NULL,"
                                "  at_ms INTEGER NOT NULL,"
                                "  tenant TEXT NOT NULL,"
                                "  who TEXT NOT NULL,"
                                "  credential TEXT NOT NULL,"
                                "  origin TEXT NOT NULL,"
                                "  verb TEXT NOT NULL,"
                                "  subject TEXT NOT NULL,"
                                "  reason TEXT NOT NULL,"
                                "  request TEXT NOT NULL,"
                                "  outcome INTEGER NOT NULL,"
                                "  code INTEGER NOT NULL,"
                                "  salt BLOB," /* NULL: subject and reason were erased */
                                "  texts_hash BLOB NOT NULL,"
                                "  chain BLOB NOT NULL) STRICT;"
                                "CREATE INDEX IF NOT EXISTS audit_outcome ON audit (about)"
                                "  WHERE about > 0;"
                                /* a mistake is refused here, malice is told by the chain */
                                "CREATE TRIGGER IF NOT EXISTS audit_is_kept BEFORE DELETE ON audit "
                                "BEGIN SELECT RAISE(ABORT, 'the audit log is kept'); END;"
                                "CREATE TRIGGER IF NOT EXISTS audit_stands BEFORE UPDATE ON audit "
                                "WHEN new.salt IS NOT NULL OR new.chain <> old.chain "
                                "BEGIN SELECT RAISE(ABORT, 'the audit log stands'); END;";

/* The single number that a query answers; `absent` when there is no row. */
static int ask_number(struct registry_sqlite *registry, const char *query, int64_t absent,
                      int64_t *number, struct bb_error *error) {
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(registry->db, query, -1, &statement, NULL);

    *number = absent;
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
        if (result == SQLITE_ROW)
            *number = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return bb_registry_sqlite_fail(registry, result, "reading the schema's version", error);
    return 0;
}

static int write_words(struct registry_sqlite *registry, const struct bb_registry_vocabulary *words,
                       struct bb_error *error) {
    sqlite3_stmt *put = NULL;
    char insert[80];

    snprintf(insert, sizeof insert, "INSERT OR REPLACE INTO %s VALUES (?1, ?2)", words->table);
    int result = sqlite3_prepare_v2(registry->db, insert, -1, &put, NULL);

    for (int id = 0; result == SQLITE_OK && id < words->count; id++) {
        sqlite3_bind_int(put, 1, id);
        sqlite3_bind_text(put, 2, words->name(id), -1, SQLITE_STATIC);
        if (sqlite3_step(put) != SQLITE_DONE)
            result = sqlite3_extended_errcode(registry->db);
        sqlite3_reset(put);
    }
    sqlite3_finalize(put);
    if (result != SQLITE_OK)
        return bb_registry_sqlite_fail(registry, result, "writing the names of ids", error);
    return 0;
}

static int write_missing_words(struct registry_sqlite *registry, struct bb_error *error) {
    int failed = 0;

    for (size_t i = 0; !failed && i < BB_REGISTRY_VOCABULARIES; i++) {
        const struct bb_registry_vocabulary *words = &bb_registry_vocabularies[i];
        int64_t count = 0;
        char query[80];
        snprintf(query, sizeof query, "SELECT count(*) FROM %s", words->table);
        failed = ask_number(registry, query, 0, &count, error);
        if (!failed && count < words->count)
            failed = write_words(registry, words, error);
    }
    return failed;
}

enum schema_state { SCHEMA_READY = 0, SCHEMA_ABSENT = 1 };

/* A file that is not ours, or of another version, is left as it is. */
static int check_version(struct registry_sqlite *registry, struct bb_error *error) {
    int64_t tables = 0, ours = 0, version = 0;
    int failed = ask_number(registry, "SELECT count(*) FROM sqlite_schema", 0, &tables, error);

    if (failed || tables == 0)
        return failed ? failed : SCHEMA_ABSENT;
    failed = ask_number(registry,
                        "SELECT count(*) FROM sqlite_schema "
                        "WHERE type = 'table' AND name = 'schema_version'",
                        0, &ours, error);
    if (failed)
        return failed;
    if (!ours)
        return BB_FAIL(error, BB_E_VERSION, "%s is a database, but not busbar's registry",
                       registry->path);
    failed = ask_number(registry, "SELECT max(version) FROM schema_version", 0, &version, error);
    if (failed)
        return failed;
    if (version != SCHEMA_VERSION)
        return BB_FAIL(error, BB_E_VERSION,
                       "the registry %s has schema version %lld; this busbar reads and writes "
                       "version %d",
                       registry->path, (long long)version, SCHEMA_VERSION);
    return SCHEMA_READY;
}

/* Inside a transaction that holds the write lock: another process may have been first. */
static int create(struct registry_sqlite *registry, struct bb_error *error) {
    int state = check_version(registry, error);

    if (state != SCHEMA_ABSENT)
        return state;
    int failed = bb_registry_sqlite_execute(registry, schema, "making the tables", error);
    if (!failed)
        failed = bb_registry_sqlite_execute(registry, additions, "making the tables", error);
    if (!failed)
        failed = bb_registry_sqlite_execute(registry, views, "making the views", error);
    if (!failed) {
        char insert[80];
        snprintf(insert, sizeof insert, "INSERT INTO schema_version VALUES (%d)", SCHEMA_VERSION);
        failed = bb_registry_sqlite_execute(registry, insert, "writing the schema's version",
                                            error);
    }
    return failed;
}

int bb_registry_sqlite_schema_open(struct registry_sqlite *registry, bool read_only,
                                   struct bb_error *error) {
    int state = check_version(registry, error);

    if (state < 0 || (read_only && state == SCHEMA_READY))
        return state;
    if (read_only)
        return BB_FAIL(error, BB_E_DATA_MISSING, "the registry %s is empty", registry->path);
    if (state == SCHEMA_READY) {
        state = bb_registry_sqlite_execute(registry, additions, "making a table", error);
        return state ? state : write_missing_words(registry, error);
    }
    state = bb_registry_sqlite_execute(registry, "BEGIN IMMEDIATE", "opening", error);
    if (state)
        return state;
    state = create(registry, error);
    if (!state)
        state = write_missing_words(registry, error);
    if (!state)
        state = bb_registry_sqlite_execute(registry, "COMMIT", "making the tables", error);
    if (state)
        sqlite3_exec(registry->db, "ROLLBACK", NULL, NULL, NULL);
    return state;
}
