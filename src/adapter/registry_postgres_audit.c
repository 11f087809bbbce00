/* API keys and the audit log: see port/registry.h.
 *
 * They are kept here alone, so that what was answered is durable, and what became of a COMMIT whose answer was lost is
 * looked up: a key is put once more, which changes nothing; an entry of the audit log is known by its hashes.
 */
#include "adapter/registry_postgres_internal.h"
#include "adapter/registry_row_internal.h"

#include "port/store.h"

enum { TRIES_MAX = 4, PAGE_ROWS = 500 };

/* ---- keys */

static int queue_key(struct registry_postgres *registry, const struct bb_registry_key *key,
                     struct bb_error *error) {
    struct registry_columns *c = bb_registry_columns_values(&registry->columns);

    bb_registry_value_text(c, key->tenant);
    bb_registry_value_text(c, key->id);
    bb_registry_value_text(c, key->label);
    bb_postgres_put_int16(&c->parameters, key->role);
    bb_postgres_put_span(&c->parameters, key->hash);
    bb_postgres_put_int64(&c->parameters, key->created_ms);
    bb_registry_value_time(c, key->expires_ms);
    bb_registry_value_time(c, key->revoked_ms);
    return c->full ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory to keep a key")
                   : bb_postgres_queue(registry->main, REGISTRY_KEY_PUT, &c->parameters, error);
}

static int put_key_once(struct registry_postgres *registry, const struct bb_registry_key *key,
                        struct bb_error *error) {
    struct bb_postgres *pg = registry->main;
    struct bb_error ignored;
    int failed = bb_postgres_ready(pg, error);

    if (!failed)
        failed = bb_postgres_begin_round(pg, error);
    if (failed)
        return failed;
    /* Statements of a round are one transaction, as there is no other end to it. */
    failed = queue_key(registry, key, error);
    if (!failed)
        failed = bb_postgres_queue(pg, REGISTRY_CHANGED, NULL, error);
    int ended = bb_postgres_end_round(pg, NULL, 0, failed ? &ignored : error);
    return failed ? failed : ended;
}

int bb_registry_postgres_key_put(struct bb_registry *base, const struct bb_registry_key *key,
                                 struct bb_error *error) {
    struct registry_postgres *registry = registry_postgres_of(base);
    int failed = registry->read_only ? bb_registry_postgres_refuse(registry, error)
                                     : put_key_once(registry, key, error);

    for (int tries = 1; registry_is_lost(failed) && tries < TRIES_MAX; tries++)
        failed = put_key_once(registry, key, error);
    return failed;
}

struct key_list {
    bb_registry_key_visit *visit;
    void *context;
};

static int key_row(const struct registry_row *row, void *context) {
    const struct key_list *list = context;
    const struct bb_registry_key key = {.tenant = bb_registry_result_text(row, 0),
                                        .id = bb_registry_result_text(row, 1),
                                        .label = bb_registry_result_text(row, 2),
                                        .role = (uint8_t)bb_registry_result_integer(row, 3),
                                        .hash = bb_registry_result_bytes(row, 4),
                                        .created_ms = bb_registry_result_integer(row, 5),
                                        .expires_ms = bb_registry_result_time(row, 6),
                                        .revoked_ms = bb_registry_result_time(row, 7)};

    return list->visit(list->context, &key);
}

int bb_registry_postgres_key_list(struct bb_registry *base, bb_registry_key_visit *visit,
                                  void *context, struct bb_error *error) {
    struct key_list list = {visit, context};
    const struct registry_question question = {
        .sql = "SELECT tenant, id, label, role, hash, created_ms, expires_ms, revoked_ms "
               "FROM api_key ORDER BY tenant, id",
        .page_rows = PAGE_ROWS};

    return bb_registry_postgres_walk(registry_postgres_of(base), &question, key_row, &list, error);
}

/* ---- the audit log */

static int queue_entry(struct registry_postgres *registry, const struct bb_registry_audit *row,
                       struct bb_error *error) {
    struct registry_columns *c = bb_registry_columns_values(&registry->columns);
    const struct bb_span texts[] = {row->tenant, row->who,     row->credential, row->origin,
                                    row->verb,   row->subject, row->reason,     row->request};

    bb_postgres_put_int64(&c->parameters, (int64_t)row->sequence);
    bb_postgres_put_int64(&c->parameters, (int64_t)row->about);
    bb_postgres_put_int64(&c->parameters, row->at_ms);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        bb_registry_value_text(c, texts[i]);
    bb_postgres_put_int16(&c->parameters, row->outcome);
    bb_postgres_put_int32(&c->parameters, row->code);
    bb_postgres_put_span(&c->parameters, row->salt);
    bb_postgres_put_span(&c->parameters, row->texts_hash);
    bb_postgres_put_span(&c->parameters, row->chain);
    return c->full ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory to keep an entry")
                   : bb_postgres_queue(registry->main, REGISTRY_AUDIT_PUT, &c->parameters, error);
}

/* In two rounds: a key is kept only where its entry is. */
static int put_entry_once(struct registry_postgres *registry, const struct bb_registry_audit *row,
                          const struct bb_registry_key *key, struct bb_error *error) {
    struct bb_postgres *pg = registry->main;
    struct bb_error ignored;
    PGresult *results[2] = {NULL, NULL};
    int failed = bb_postgres_ready(pg, error);

    if (!failed)
        failed = bb_postgres_begin_round(pg, error);
    if (failed)
        return failed;
    failed = bb_postgres_queue(pg, REGISTRY_BEGIN, NULL, error);
    if (!failed)
        failed = queue_entry(registry, row, error);
    int ended = bb_postgres_end_round(pg, results, 2, failed ? &ignored : error);
    bool is_put = PQntuples(results[1]) == 1;
    PQclear(results[0]);
    PQclear(results[1]);
    if (failed || ended)
        return failed ? failed : ended;
    if (!is_put)
        return BB_AUDIT_TAKEN;
    failed = bb_postgres_begin_round(pg, error);
    if (failed)
        return failed;
    failed = key ? queue_key(registry, key, error) : 0;
    if (!failed)
        failed = bb_postgres_queue(pg, REGISTRY_COMMIT, NULL, error);
    ended = bb_postgres_end_round(pg, NULL, 0, failed ? &ignored : error);
    return failed ? failed : ended;
}

/* Taken by this very entry? */
static int look_up(struct registry_postgres *registry, const struct bb_registry_audit *row,
                   struct bb_error *error) {
    struct registry_columns *c = bb_registry_columns_values(&registry->columns);
    PGresult *result;

    bb_postgres_put_int64(&c->parameters, (int64_t)row->sequence);
    int failed = bb_registry_postgres_run(registry, REGISTRY_AUDIT_GET, true, &result, error);
    if (failed)
        return failed;
    bool is_ours = PQntuples(result) == 1 &&
                   bb_span_equal(bb_postgres_span(result, 0, 0), row->salt) &&
                   bb_span_equal(bb_postgres_span(result, 0, 1), row->texts_hash) &&
                   bb_span_equal(bb_postgres_span(result, 0, 2), row->chain);
    PQclear(result);
    return is_ours ? BB_AUDIT_PUT : BB_AUDIT_TAKEN;
}

int bb_registry_postgres_audit_put(struct bb_registry *base, const struct bb_registry_audit *row,
                                   const struct bb_registry_key *key, struct bb_error *error) {
    struct registry_postgres *registry = registry_postgres_of(base);
    bool in_doubt = false;
    int result = 0;

    if (registry->read_only)
        return bb_registry_postgres_refuse(registry, error);
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        result = put_entry_once(registry, row, key, error);
        if (result)
            bb_postgres_rollback(registry->main);
        if (result == BB_AUDIT_TAKEN && in_doubt)
            return look_up(registry, row, error);
        if (!registry_is_lost(result))
            return result;
        in_doubt = true;
    }
    return result;
}

static struct bb_registry_audit read_entry(const struct registry_row *row) {
    return (struct bb_registry_audit){.sequence = (uint64_t)bb_registry_result_integer(row, 0),
                                      .about = (uint64_t)bb_registry_result_integer(row, 1),
                                      .at_ms = bb_registry_result_integer(row, 2),
                                      .tenant = bb_registry_result_text(row, 3),
                                      .who = bb_registry_result_text(row, 4),
                                      .credential = bb_registry_result_text(row, 5),
                                      .origin = bb_registry_result_text(row, 6),
                                      .verb = bb_registry_result_text(row, 7),
                                      .subject = bb_registry_result_text(row, 8),
                                      .reason = bb_registry_result_text(row, 9),
                                      .request = bb_registry_result_text(row, 10),
                                      .outcome = (uint8_t)bb_registry_result_integer(row, 11),
                                      .code = (uint16_t)bb_registry_result_integer(row, 12),
                                      .salt = bb_registry_result_bytes(row, 13),
                                      .texts_hash = bb_registry_result_bytes(row, 14),
                                      .chain = bb_registry_result_bytes(row, 15)};
}

struct audit_list {
    bb_registry_audit_visit *visit;
    void *context;
};

static int audit_row(const struct registry_row *row, void *context) {
    const struct audit_list *list = context;
    const struct bb_registry_audit entry = read_entry(row);

    return list->visit(list->context, &entry);
}

#define COLUMNS                                                                                    \
    "a.sequence, a.about, a.at_ms, a.tenant, a.who, a.credential, a.origin, a.verb, a.subject, "   \
    "a.reason, a.request, "

int bb_registry_postgres_audit_walk(struct bb_registry *base, uint64_t after,
                                    bb_registry_audit_visit *visit, void *context,
                                    struct bb_error *error) {
    struct audit_list list = {visit, context};
    struct bb_postgres_parameters parameters = {0};
    const struct registry_question question = {
        .sql = "SELECT " COLUMNS "a.outcome, a.code, a.salt, a.texts_hash, a.chain FROM audit a "
               "WHERE a.sequence > $1::bigint ORDER BY a.sequence",
        .parameters = &parameters,
        .page_rows = PAGE_ROWS};

    bb_postgres_put_int64(&parameters, (int64_t)after);
    return bb_registry_postgres_walk(registry_postgres_of(base), &question, audit_row, &list,
                                     error);
}

int bb_registry_postgres_audit_last(struct bb_registry *base, struct bb_arena *arena,
                                    struct bb_registry_audit *out, struct bb_error *error) {
    struct registry_postgres *registry = registry_postgres_of(base);
    PGresult *result;

    bb_registry_columns_values(&registry->columns);
    int failed = bb_registry_postgres_run(registry, REGISTRY_AUDIT_LAST, false, &result, error);
    if (failed)
        return failed;
    bool found = PQntuples(result) > 0, full = false;
    if (found) {
        const struct registry_row row = {.result = result, .texts = arena, .full = &full};
        const struct bb_registry_audit entry = read_entry(&row);
        full |= !bb_registry_audit_copy(&entry, arena, out);
    }
    PQclear(result);
    if (full)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for an entry of the audit log");
    return found ? BB_FOUND : BB_ABSENT;
}

int bb_registry_postgres_audit_list(struct bb_registry *base,
                                    const struct bb_registry_audit_question *question,
                                    bb_registry_audit_visit *visit, void *context,
                                    struct bb_error *error) {
    static const char sql[] =
        "SELECT " COLUMNS "coalesce(o.outcome, a.outcome), coalesce(o.code, a.code), a.salt, "
        "a.texts_hash, a.chain FROM audit a LEFT JOIN audit o "
        "ON o.about = a.sequence AND o.about > 0 WHERE a.about = 0 "
        "AND ($1::text = '' OR a.tenant = $1::text) "
        "AND ($2::bigint IS NULL OR a.at_ms >= $2::bigint) "
        "AND ($3::bigint IS NULL OR a.at_ms < $3::bigint) "
        "AND ($4::bigint = 0 OR a.sequence < $4::bigint) ORDER BY a.sequence DESC";
    struct audit_list list = {visit, context};
    struct registry_columns columns;

    bb_registry_columns_init(&columns);
    struct registry_columns *c = bb_registry_columns_values(&columns);
    bb_registry_value_text(c, question->tenant);
    bb_registry_value_time(c, question->from_ms);
    bb_registry_value_time(c, question->to_ms);
    bb_postgres_put_int64(&c->parameters, (int64_t)question->before_sequence);
    const struct registry_question asked = {
        .sql = sql, .parameters = &c->parameters, .page_rows = PAGE_ROWS};
    int result = c->full ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory to list")
                         : bb_registry_postgres_walk(registry_postgres_of(base), &asked, audit_row,
                                                     &list, error);
    bb_registry_columns_release(&columns);
    return result;
}
