/* The audit log in the registry: see port/registry.h. */
#include "adapter/registry_row_internal.h"
#include "adapter/registry_sqlite_internal.h"

#define COLUMNS                                                                                    \
    "a.sequence, a.about, a.at_ms, a.tenant, a.who, a.credential, a.origin, a.verb, a.subject, "   \
    "a.reason, a.request, "

static int put(struct registry_sqlite *registry, const struct bb_registry_audit *row,
               struct bb_error *error) {
    struct registry_sql sql = bb_registry_sql(registry, REGISTRY_AUDIT_PUT);
    const struct bb_span texts[] = {row->tenant, row->who,     row->credential, row->origin,
                                    row->verb,   row->subject, row->reason,     row->request};

    bb_registry_sql_integer(&sql, (int64_t)row->sequence);
    bb_registry_sql_integer(&sql, (int64_t)row->about);
    bb_registry_sql_integer(&sql, row->at_ms);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        bb_registry_sql_text(&sql, texts[i]);
    bb_registry_sql_integer(&sql, row->outcome);
    bb_registry_sql_integer(&sql, row->code);
    bb_registry_sql_bytes(&sql, row->salt);
    bb_registry_sql_bytes(&sql, row->texts_hash);
    bb_registry_sql_bytes(&sql, row->chain);
    int failed = bb_registry_sql_run(&sql, "keeping an entry of the audit log", error);
    if (failed)
        return failed;
    return sqlite3_changes(registry->db) == 1 ? BB_AUDIT_PUT : BB_AUDIT_TAKEN;
}

int bb_registry_sqlite_audit_put(struct bb_registry *base, const struct bb_registry_audit *row,
                                 const struct bb_registry_key *key, struct bb_error *error) {
    struct registry_sqlite *registry = registry_sqlite_of(base);
    int result = bb_registry_sqlite_execute(registry, "BEGIN IMMEDIATE", "auditing", error);

    if (result)
        return result;
    result = put(registry, row, error);
    if (result == BB_AUDIT_PUT && key)
        result = bb_registry_sqlite_key_put(base, key, error);
    if (result == BB_AUDIT_PUT)
        result = bb_registry_sqlite_execute(registry, "COMMIT", "auditing", error);
    if (result)
        sqlite3_exec(registry->db, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

static struct bb_registry_audit read_row(const struct registry_sql *sql) {
    return (struct bb_registry_audit){.sequence = (uint64_t)bb_registry_row_integer(sql, 0),
                                      .about = (uint64_t)bb_registry_row_integer(sql, 1),
                                      .at_ms = bb_registry_row_integer(sql, 2),
                                      .tenant = bb_registry_row_text(sql, 3),
                                      .who = bb_registry_row_text(sql, 4),
                                      .credential = bb_registry_row_text(sql, 5),
                                      .origin = bb_registry_row_text(sql, 6),
                                      .verb = bb_registry_row_text(sql, 7),
                                      .subject = bb_registry_row_text(sql, 8),
                                      .reason = bb_registry_row_text(sql, 9),
                                      .request = bb_registry_row_text(sql, 10),
                                      .outcome = (uint8_t)bb_registry_row_integer(sql, 11),
                                      .code = (uint16_t)bb_registry_row_integer(sql, 12),
                                      .salt = bb_registry_row_bytes(sql, 13),
                                      .texts_hash = bb_registry_row_bytes(sql, 14),
                                      .chain = bb_registry_row_bytes(sql, 15)};
}

/* A statement of this one question; without the table it has no rows. */
static int begin(struct registry_sqlite *registry, const char *text, struct registry_sql *sql,
                 bool *has, struct bb_error *error) {
    int failed = bb_registry_sqlite_has_table(registry, "audit", has, error);

    *sql = (struct registry_sql){.registry = registry};
    if (!failed && *has)
        sql->result = sqlite3_prepare_v2(registry->db, text, -1, &sql->statement, NULL);
    return failed;
}

static int tell(struct registry_sql *sql, bb_registry_audit_visit *visit, void *context,
                struct bb_error *error) {
    int answer = 0;

    while (answer == 0 && bb_registry_sql_step(sql)) {
        const struct bb_registry_audit row = read_row(sql);
        answer = visit(context, &row);
    }
    int failed = bb_registry_sql_end(sql, "reading the audit log", error);
    sqlite3_finalize(sql->statement);
    return answer < 0 ? answer : failed;
}

int bb_registry_sqlite_audit_walk(struct bb_registry *base, uint64_t after,
                                  bb_registry_audit_visit *visit, void *context,
                                  struct bb_error *error) {
    struct registry_sql sql;
    bool has;
    int failed = begin(registry_sqlite_of(base),
                       "SELECT " COLUMNS "a.outcome, a.code, a.salt, a.texts_hash, a.chain "
                       "FROM audit a WHERE a.sequence > ?1 ORDER BY a.sequence",
                       &sql, &has, error);

    if (failed || !has)
        return failed;
    bb_registry_sql_integer(&sql, (int64_t)after);
    return tell(&sql, visit, context, error);
}

struct last {
    struct bb_arena *arena;
    struct bb_registry_audit *out;
    bool found, full;
};

static int keep_last(void *context, const struct bb_registry_audit *row) {
    struct last *last = context;

    last->full = !bb_registry_audit_copy(row, last->arena, last->out);
    last->found = true;
    return 1;
}

int bb_registry_sqlite_audit_last(struct bb_registry *base, struct bb_arena *arena,
                                  struct bb_registry_audit *out, struct bb_error *error) {
    struct last last = {.arena = arena, .out = out};
    struct registry_sql sql;
    bool has;
    int failed = begin(registry_sqlite_of(base),
                       "SELECT " COLUMNS "a.outcome, a.code, a.salt, a.texts_hash, a.chain "
                       "FROM audit a ORDER BY a.sequence DESC LIMIT 1",
                       &sql, &has, error);

    if (!failed && has)
        failed = tell(&sql, keep_last, &last, error);
    if (failed)
        return failed;
    if (last.full)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for an entry of the audit log");
    return last.found ? BB_FOUND : BB_ABSENT;
}

int bb_registry_sqlite_audit_list(struct bb_registry *base,
                                  const struct bb_registry_audit_question *question,
                                  bb_registry_audit_visit *visit, void *context,
                                  struct bb_error *error) {
    struct registry_sql sql;
    bool has;
    int failed = begin(
        registry_sqlite_of(base),
        "SELECT " COLUMNS "coalesce(o.outcome, a.outcome), coalesce(o.code, a.code), a.salt, "
        "a.texts_hash, a.chain FROM audit a LEFT JOIN audit o ON o.about = a.sequence AND o.about > 0 "
        "WHERE a.about = 0 AND (?1 = '' OR a.tenant = ?1) AND (?2 IS NULL OR a.at_ms >= ?2) "
        "AND (?3 IS NULL OR a.at_ms < ?3) AND (?4 = 0 OR a.sequence < ?4) "
        "ORDER BY a.sequence DESC",
        &sql, &has, error);

    if (failed || !has)
        return failed;
    bb_registry_sql_text(&sql, question->tenant);
    bb_registry_sql_time(&sql, question->from_ms);
    bb_registry_sql_time(&sql, question->to_ms);
    bb_registry_sql_integer(&sql, (int64_t)question->before_sequence);
    return tell(&sql, visit, context, error);
}
