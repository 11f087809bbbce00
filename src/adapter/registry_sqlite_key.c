/* API keys in the registry: see port/registry.h. */
#include "adapter/registry_sqlite_internal.h"

int bb_registry_sqlite_key_put(struct bb_registry *base, const struct bb_registry_key *key,
                               struct bb_error *error) {
    struct registry_sql sql = bb_registry_sql(registry_sqlite_of(base), REGISTRY_KEY_PUT);

    bb_registry_sql_text(&sql, key->tenant);
    bb_registry_sql_text(&sql, key->id);
    bb_registry_sql_text(&sql, key->label);
    bb_registry_sql_integer(&sql, key->role);
    bb_registry_sql_bytes(&sql, key->hash);
    bb_registry_sql_integer(&sql, key->created_ms);
    bb_registry_sql_time(&sql, key->expires_ms);
    bb_registry_sql_time(&sql, key->revoked_ms);
    return bb_registry_sql_run(&sql, "keeping a key", error);
}

int bb_registry_sqlite_has_table(struct registry_sqlite *registry, const char *name, bool *has,
                                 struct bb_error *error) {
    struct registry_sql sql = {.registry = registry};

    sql.result = sqlite3_prepare_v2(registry->db,
                                    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = "
                                    "?1",
                                    -1, &sql.statement, NULL);
    bb_registry_sql_text(&sql, bb_span_of(name));
    *has = bb_registry_sql_step(&sql);
    int failed = bb_registry_sql_end(&sql, "looking for a table", error);
    sqlite3_finalize(sql.statement);
    return failed;
}

int bb_registry_sqlite_key_list(struct bb_registry *base, bb_registry_key_visit *visit,
                                void *context, struct bb_error *error) {
    struct registry_sql sql = {.registry = registry_sqlite_of(base)};
    bool has = false;
    int answer = bb_registry_sqlite_has_table(sql.registry, "api_key", &has, error);

    if (answer || !has)
        return answer;
    sql.result = sqlite3_prepare_v2(sql.registry->db,
                                    "SELECT tenant, id, label, role, hash, created_ms, expires_ms, "
                                    "revoked_ms FROM api_key ORDER BY tenant, id",
                                    -1, &sql.statement, NULL);
    while (answer == 0 && bb_registry_sql_step(&sql)) {
        const struct bb_registry_key row = {.tenant = bb_registry_row_text(&sql, 0),
                                            .id = bb_registry_row_text(&sql, 1),
                                            .label = bb_registry_row_text(&sql, 2),
                                            .role = (uint8_t)bb_registry_row_integer(&sql, 3),
                                            .hash = bb_registry_row_bytes(&sql, 4),
                                            .created_ms = bb_registry_row_integer(&sql, 5),
                                            .expires_ms = bb_registry_row_time(&sql, 6),
                                            .revoked_ms = bb_registry_row_time(&sql, 7)};
        answer = visit(context, &row);
    }
    int failed = bb_registry_sql_end(&sql, "listing keys", error);
    sqlite3_finalize(sql.statement);
    return answer < 0 ? answer : failed;
}

/* SQLite's own count of what other connections have committed. */
int bb_registry_sqlite_changes(struct bb_registry *base, uint64_t *number, struct bb_error *error) {
    struct registry_sql sql = bb_registry_sql(registry_sqlite_of(base), REGISTRY_CHANGES);

    *number = bb_registry_sql_step(&sql) ? (uint64_t)bb_registry_row_integer(&sql, 0) : 0;
    return bb_registry_sql_end(&sql, "looking for changes", error);
}
