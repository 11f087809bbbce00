/* Versions of the tables: see postgres_internal.h.
 *
 *   schema_version (part, version, since)    one row for the store, one for the registry
 *
 * A step is SQL that takes the tables from one version to the next; it is never changed once it was released. Two
 * processes that start at once: an advisory lock lets one at a time look and change.
 */
#include "adapter/postgres_binary.h"

#include <stdio.h>
#include <stdlib.h>

/* As one statement, so that a failure leaves nothing half made. */
static int step_apply(struct bb_postgres *pg, const char *part, const char *step, int version,
                      struct bb_error *error) {
    struct bb_buffer sql;

    bb_buffer_init(&sql, 1 << 20);
    bb_buffer_format(
        &sql,
        "BEGIN; %s; INSERT INTO schema_version (part, version) VALUES ('%s', %d)"
        " ON CONFLICT (part) DO UPDATE SET version = excluded.version, since = now(); COMMIT",
        step, part, version);
    bb_buffer_append_byte(&sql, 0);
    int result = sql.overflow ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory to make tables")
                              : bb_postgres_execute(pg, sql.data, NULL, error);
    bb_buffer_release(&sql);
    return result;
}

/* 0: no table of ours is there yet. */
static int version_read(struct bb_postgres *pg, const char *part, int *version,
                        struct bb_error *error) {
    char sql[160];
    struct bb_postgres_parameters schema = {.count = 0};
    PGresult *result;

    *version = 0;
    bb_postgres_put_span(&schema, bb_span_of(pg->options.schema));
    int failed = bb_postgres_ask(
        pg,
        "SELECT to_regclass('schema_version') IS NOT NULL AND"
        " current_schema IS NOT NULL, EXISTS (SELECT FROM pg_namespace"
        " WHERE nspname = $1::text AND NOT has_schema_privilege(oid, 'USAGE'))",
        &schema, &result, error);
    if (failed != 0)
        return failed;
    bool is_there = bb_postgres_number(result, 0, 0), is_closed = bb_postgres_number(result, 0, 1);
    PQclear(result);
    if (is_closed) /* else it would look as if nothing were in it */
        return BB_FAIL(error, BB_E_NO_PERMISSION,
                       "this database user may not use schema %s (GRANT USAGE ON SCHEMA)",
                       pg->options.schema);
    if (!is_there)
        return 0;
    snprintf(sql, sizeof sql, "SELECT version FROM schema_version WHERE part = '%s'", part);
    failed = bb_postgres_execute(pg, sql, &result, error);
    if (failed != 0)
        return failed;
    if (PQntuples(result) > 0)
        *version = (int)strtol(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return 0;
}

static int refuse_later(const struct bb_postgres *pg, const char *part, int version, int known,
                        struct bb_error *error) {
    return BB_FAIL(
        error, BB_E_DATABASE_SCHEMA,
        "the tables of the %s in schema %s have version %d, and this busbar knows versions up to %d",
        part, pg->options.schema, version, known);
}

static int check_only(const struct bb_postgres *pg, const char *part, int version, int known,
                      struct bb_error *error) {
    if (version == 0)
        return BB_FAIL(error, BB_E_DATA_MISSING, "there is no %s in schema %s", part,
                       pg->options.schema);
    if (version < known)
        return BB_FAIL(
            error, BB_E_DATABASE_SCHEMA,
            "the tables of the %s in schema %s have version %d; whoever writes brings them to version %d "
            "when it starts",
            part, pg->options.schema, version, known);
    return 0;
}

static int steps_apply(struct bb_postgres *pg, const char *part, const char *const *steps,
                       int version, int count, struct bb_error *error) {
    static const char table[] = "CREATE TABLE IF NOT EXISTS schema_version (part text PRIMARY KEY,"
                                " version int NOT NULL, since timestamptz NOT NULL DEFAULT now())";
    int result = 0;

    if (version == 0) { /* whoever may not make schemas may have been given one */
        char *schema = PQescapeIdentifier(pg->connection, pg->options.schema,
                                          strlen(pg->options.schema));
        char sql[300];
        snprintf(sql, sizeof sql, "CREATE SCHEMA IF NOT EXISTS %s", schema ? schema : "");
        PQfreemem(schema);
        PGresult *there;
        result = bb_postgres_execute(pg, "SELECT current_schema IS NOT NULL", &there, error);
        if (result != 0)
            return result;
        bool is_there = PQgetvalue(there, 0, 0)[0] == 't';
        PQclear(there);
        if (!is_there)
            result = bb_postgres_execute(pg, sql, NULL, error);
        if (result == 0)
            result = bb_postgres_execute(pg, table, NULL, error);
    }
    for (; result == 0 && version < count; version++)
        result = step_apply(pg, part, steps[version], version + 1, error);
    return result;
}

int bb_postgres_migrate(struct bb_postgres *pg, const char *part, const char *const *steps,
                        int count, struct bb_error *error) {
    /* The lock is of the session: steps are transactions of their own. It is the same for all parts of a schema. */
    static const char lock[] =
        "SELECT pg_advisory_lock(hashtextextended('busbar ' || current_setting('search_path'), 7))";
    static const char unlock[] = "SELECT pg_advisory_unlock_all()";
    struct bb_error ignored;
    int version, result = bb_postgres_ready(pg, error);

    if (result == 0)
        result = version_read(pg, part, &version, error);
    if (result == 0 && version > count)
        result = refuse_later(pg, part, version, count, error);
    if (result != 0 || version == count)
        return result;
    if (pg->options.read_only)
        return check_only(pg, part, version, count, error);
    result = bb_postgres_execute(pg, lock, NULL, error);
    if (result != 0)
        return result;
    result = version_read(pg, part, &version, error); /* somebody may have been first */
    if (result == 0 && version > count)
        result = refuse_later(pg, part, version, count, error);
    if (result == 0)
        result = steps_apply(pg, part, steps, version, count, error);
    bb_postgres_rollback(pg);
    if (!bb_postgres_is_lost(pg) && bb_postgres_execute(pg, unlock, NULL, &ignored) != 0)
        bb_postgres_drop(pg);
    return result;
}
