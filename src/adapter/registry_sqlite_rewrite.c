/* Texts of the registry overwritten, for erasures: see embedded.h.
 *
 * All rows change in one transaction. Then the file is written anew (VACUUM) and the write-ahead log cut to nothing, so that
 * neither free pages nor pages of before hold what was there.
 */
#include <stdlib.h>

#include "adapter/registry_sqlite_internal.h"

struct rewriting {
    struct registry_sqlite *registry;
    const struct bb_registry_rewrite *how;
    void *context;
    char *bytes; /* the text at hand, as it may be changed */
    size_t capacity;
    uint64_t changed;
    struct bb_error *error;
};

static const char doing[] = "erasing";

static int copy(struct rewriting *r, struct bb_span from) {
    if (from.size > r->capacity) {
        char *grown = realloc(r->bytes, from.size);
        if (!grown)
            return BB_FAIL(r->error, BB_E_NO_MEMORY, "no memory for a text of the registry");
        r->bytes = grown;
        r->capacity = from.size;
    }
    if (from.size > 0)
        memcpy(r->bytes, from.data, from.size);
    return 0;
}

static struct registry_sql prepare(struct rewriting *r, const char *text) {
    struct registry_sql sql = {.registry = r->registry};

    sql.result = sqlite3_prepare_v2(r->registry->db, text, -1, &sql.statement, NULL);
    return sql;
}

static int finish(struct rewriting *r, struct registry_sql *sql, int result) {
    int failed = bb_registry_sql_end(sql, doing, r->error);

    sqlite3_finalize(sql->statement);
    return result < 0 ? result : failed;
}

/* ---- master data */

struct version {
    int64_t kind, recorded_ms;
    struct bb_span tenant, name;
};

static int put_version(struct rewriting *r, const struct version *v, struct bb_span body) {
    struct registry_sql sql = prepare(r, "UPDATE master_version SET body = ?5 WHERE kind = ?1 AND "
                                         "tenant = ?2 AND name = ?3 AND recorded_ms = ?4");

    bb_registry_sql_integer(&sql, v->kind);
    bb_registry_sql_text(&sql, v->tenant);
    bb_registry_sql_text(&sql, v->name);
    bb_registry_sql_integer(&sql, v->recorded_ms);
    bb_registry_sql_bytes(&sql, body);
    (void)bb_registry_sql_step(&sql);
    return finish(r, &sql, 0);
}

/* Versions of an entry come in the order of their time: what is put last is current. */
static int change_version(struct rewriting *r, const struct version *v, struct bb_span stored) {
    struct bb_master master;
    int result = copy(r, stored);

    if (result)
        return result;
    int did = r->how->master(r->context, v->recorded_ms, r->bytes, stored.size, r->error);
    if (did <= 0)
        return did;
    r->changed++;
    const struct bb_span body = {r->bytes, stored.size};
    result = put_version(r, v, body);
    bb_arena_reset(&r->registry->scratch);
    if (!result)
        result = bb_master_decode(body, &r->registry->scratch, &master, r->error);
    return result ? result
                  : bb_registry_sqlite_put_if_current(r->registry, &master, v->recorded_ms, body,
                                                      r->error);
}

static int change_masters(struct rewriting *r) {
    struct registry_sql sql = prepare(r, "SELECT kind, tenant, name, recorded_ms, body FROM "
                                         "master_version ORDER BY kind, tenant, name, recorded_ms");
    int result = 0;

    while (result == 0 && bb_registry_sql_step(&sql)) {
        const struct version v = {.kind = bb_registry_row_integer(&sql, 0),
                                  .tenant = bb_registry_row_text(&sql, 1),
                                  .name = bb_registry_row_text(&sql, 2),
                                  .recorded_ms = bb_registry_row_integer(&sql, 3)};
        result = change_version(r, &v, bb_registry_row_bytes(&sql, 4));
    }
    return finish(r, &sql, result);
}

/* ---- sources of exceptions */

static int put_text(struct rewriting *r, const char *update, int64_t row, int64_t part,
                    size_t size) {
    struct registry_sql sql = prepare(r, update);

    bb_registry_sql_integer(&sql, row);
    bb_registry_sql_integer(&sql, part);
    bb_registry_sql_text(&sql, (struct bb_span){r->bytes, size});
    (void)bb_registry_sql_step(&sql);
    r->changed++;
    return finish(r, &sql, 0);
}

/* Rows of: key, key, tenant, usage point, time, source. */
static const struct {
    const char *select, *update;
} sources[] = {
    {"SELECT id, 0, tenant, usage_point, opened_ms, opened_by FROM exception WHERE opened_by <> ''",
     "UPDATE exception SET opened_by = ?3 WHERE id = ?1 AND ?2 = 0"},
    {"SELECT id, 0, tenant, usage_point, closed_ms, closed_by FROM exception WHERE closed_by <> ''",
     "UPDATE exception SET closed_by = ?3 WHERE id = ?1 AND ?2 = 0"},
    {"SELECT exception, ordinal, tenant, usage_point, recorded_ms, source FROM exception_history "
     "JOIN exception ON exception.id = exception_history.exception WHERE source <> ''",
     "UPDATE exception_history SET source = ?3 WHERE exception = ?1 AND ordinal = ?2"},
};

static int change_sources(struct rewriting *r, size_t which) {
    struct registry_sql sql = prepare(r, sources[which].select);
    int result = 0;

    while (result == 0 && bb_registry_sql_step(&sql)) {
        struct bb_span text = bb_registry_row_text(&sql, 5);
        result = copy(r, text);
        if (result)
            break;
        const struct bb_registry_source source = {.tenant = bb_registry_row_text(&sql, 2),
                                                  .usage_point = bb_registry_row_text(&sql, 3),
                                                  .exception = bb_registry_row_integer(&sql, 0),
                                                  .recorded_ms = bb_registry_row_integer(&sql, 4)};
        if (r->how->source(r->context, &source, r->bytes, text.size))
            result = put_text(r, sources[which].update, bb_registry_row_integer(&sql, 0),
                              bb_registry_row_integer(&sql, 1), text.size);
    }
    return finish(r, &sql, result);
}

/* ---- the audit log: its triggers and its chain allow that texts go */

static int change_audit(void *context, const struct bb_registry_audit *row) {
    struct rewriting *r = context;

    int goes = row->salt.size > 0 ? r->how->audit(r->context, row) : 0;
    if (goes == 0)
        return 0;
    struct registry_sql sql = prepare(
        r, "UPDATE audit SET subject = CASE ?2 WHEN 2 THEN 'erased' ELSE subject END, "
           "reason = 'erased', salt = NULL WHERE sequence = ?1");
    bb_registry_sql_integer(&sql, (int64_t)row->sequence);
    bb_registry_sql_integer(&sql, goes);
    (void)bb_registry_sql_step(&sql);
    r->changed++;
    return finish(r, &sql, 0);
}

static int change_all(struct rewriting *r) {
    int result = change_masters(r);

    for (size_t i = 0; !result && i < sizeof sources / sizeof sources[0]; i++)
        result = change_sources(r, i);
    return result ? result
                  : bb_registry_sqlite_audit_walk(&r->registry->base, 0, change_audit, r, r->error);
}

int bb_registry_sqlite_rewrite(struct bb_registry *base, const struct bb_registry_rewrite *how,
                               void *context, uint64_t *changed, struct bb_error *error) {
    struct rewriting r = {
        .registry = registry_sqlite_of(base), .how = how, .context = context, .error = error};
    int result = bb_registry_sqlite_execute(r.registry, "BEGIN IMMEDIATE", doing, error);

    if (result)
        return result;
    result = change_all(&r);
    if (!result)
        result = bb_registry_sqlite_execute(r.registry, "COMMIT", doing, error);
    if (result)
        sqlite3_exec(r.registry->db, "ROLLBACK", NULL, NULL, NULL);
    free(r.bytes);
    *changed = r.changed;
    return result;
}

int bb_registry_sqlite_compact(struct bb_registry *base, struct bb_error *error) {
    struct registry_sqlite *registry = registry_sqlite_of(base);
    int result = bb_registry_sqlite_execute(registry, "VACUUM", doing, error);
    int left = 0, done = 0;

    if (result)
        return result;
    int code = sqlite3_wal_checkpoint_v2(registry->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &left,
                                         &done);
    return code == SQLITE_OK ? 0 : bb_registry_sqlite_fail(registry, code, doing, error);
}
