/* The lists: see registry_postgres_list.c for how a list is read.
 *
 * An empty tenant means all of them: the condition is chosen here, so that an index is walked from the right place.
 * What is asked for once per new series of an input, or per usage point that was found, is bounded by one usage point
 * and comes as one answer on the main connection.
 */
#include "adapter/registry_postgres_internal.h"
#include "adapter/registry_row_internal.h"

enum { PAGE_ROWS = 1000, MASTER_PAGE_ROWS = 64 /* of entries, which may be large */ };

/* Parameters of their own, as a list inside a list has others. */
struct question {
    struct registry_columns columns;
};

static struct registry_columns *question_init(struct question *q) {
    bb_registry_columns_init(&q->columns);
    return bb_registry_columns_values(&q->columns);
}

static int ask(struct bb_registry *base, struct question *q, const char *sql, int page_rows,
               registry_visit_row *visit, void *list, struct bb_error *error) {
    const struct registry_question question = {
        .sql = sql, .parameters = &q->columns.parameters, .page_rows = page_rows};
    int result = q->columns.full ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory to list")
                                 : bb_registry_postgres_walk(registry_postgres_of(base), &question,
                                                             visit, list, error);

    bb_registry_columns_release(&q->columns);
    return result;
}

/* All rows of an answer that is there already. */
static int visit_answer(PGresult *result, registry_visit_row *visit, void *list,
                        struct bb_error *error) {
    struct bb_arena texts;
    bool full = false;
    struct registry_row row = {.result = result, .texts = &texts, .full = &full};
    int answer = 0;

    bb_arena_init(&texts, 4 << 10, 64 << 20);
    for (; answer == 0 && row.row < PQntuples(result); row.row++) {
        bb_arena_reset(&texts);
        answer = visit(&row, list);
        if (full && answer >= 0)
            answer = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a text of the registry");
    }
    bb_arena_release(&texts);
    PQclear(result);
    return answer < 0 ? answer : 0;
}

static int ask_one(struct bb_registry *base, enum registry_statement which, struct bb_span tenant,
                   struct bb_span usage_point, registry_visit_row *visit, void *list,
                   struct bb_error *error) {
    struct registry_postgres *registry = registry_postgres_of(base);
    struct registry_columns *c = bb_registry_columns_values(&registry->columns);
    PGresult *result;

    bb_registry_value_text(c, tenant);
    bb_registry_value_text(c, usage_point);
    int failed = bb_registry_postgres_run(registry, which, true, &result, error);
    return failed ? failed : visit_answer(result, visit, list, error);
}

/* ---- master data ----------------------------------------------------------------------------- */

struct master_list {
    bb_registry_master_visit *visit;
    void *context;
    struct bb_arena arena; /* of one row's lists */
    struct bb_error *error;
};

static int master_row(const struct registry_row *row, void *context) {
    struct master_list *list = context;
    struct bb_master master;

    bb_arena_reset(&list->arena);
    int failed = bb_master_decode(bb_registry_result_bytes(row, 1), &list->arena, &master,
                                  list->error);
    if (failed)
        return failed;
    return list->visit(list->context, bb_registry_result_integer(row, 0), &master);
}

#define MASTER_LIST(condition)                                                                     \
    "SELECT DISTINCT ON (kind, tenant, name) recorded_ms, body FROM master_version "               \
    "WHERE " condition " AND recorded_ms <= $2::bigint "                                           \
    "ORDER BY kind, tenant, name, recorded_ms DESC"
#define VERSION_LIST(condition)                                                                    \
    "SELECT recorded_ms, body FROM master_version WHERE " condition                                \
    " AND $2::bigint IS NOT NULL ORDER BY kind, tenant, name, recorded_ms"

static int list_masters(struct bb_registry *registry, const char *sql, struct bb_span tenant,
                        int64_t as_of_ms, int kind, bb_registry_master_visit *visit, void *context,
                        struct bb_error *error) {
    struct master_list list = {.visit = visit, .context = context, .error = error};
    struct question q;
    struct registry_columns *c = question_init(&q);

    bb_registry_value_text(c, tenant);
    bb_postgres_put_int64(&c->parameters, as_of_ms == BB_TIME_NONE ? INT64_MAX : as_of_ms);
    if (kind)
        bb_postgres_put_int16(&c->parameters, (int16_t)kind);
    bb_arena_init(&list.arena, 64 << 10, 64 << 20);
    int result = ask(registry, &q, sql, MASTER_PAGE_ROWS, master_row, &list, error);
    bb_arena_release(&list.arena);
    return result;
}

int bb_registry_postgres_master_list(struct bb_registry *registry, struct bb_span tenant,
                                     int64_t as_of_ms, bb_registry_master_visit *visit,
                                     void *context, struct bb_error *error) {
    const char *sql = tenant.size ? MASTER_LIST("tenant = $1::text")
                                  : MASTER_LIST("$1::text IS NOT NULL");

    return list_masters(registry, sql, tenant, as_of_ms, 0, visit, context, error);
}

int bb_registry_postgres_kind_list(struct bb_registry *registry, struct bb_span tenant,
                                   enum bb_master_kind kind, int64_t as_of_ms,
                                   bb_registry_master_visit *visit, void *context,
                                   struct bb_error *error) {
    return list_masters(registry, MASTER_LIST("kind = $3::smallint AND tenant = $1::text"), tenant,
                        as_of_ms, (int)kind, visit, context, error);
}

int bb_registry_postgres_version_list(struct bb_registry *registry, struct bb_span tenant,
                                      bb_registry_master_visit *visit, void *context,
                                      struct bb_error *error) {
    const char *sql = tenant.size ? VERSION_LIST("tenant = $1::text")
                                  : VERSION_LIST("$1::text IS NOT NULL");

    return list_masters(registry, sql, tenant, BB_TIME_NONE, 0, visit, context, error);
}

/* ---- usage points ---------------------------------------------------------------------------- */

struct usage_point_list {
    bb_registry_usage_point_visit *visit;
    void *context;
};

static int usage_point_row(const struct registry_row *row, void *context) {
    const struct usage_point_list *list = context;
    struct bb_registry_usage_point up = {
        .tenant = bb_registry_result_text(row, 0),
        .name = bb_registry_result_text(row, 1),
        .zone = bb_registry_result_text(row, 2),
        .calendar = bb_registry_result_text(row, 3),
        .customer = bb_registry_result_text(row, 4),
        .commodity = (uint8_t)bb_registry_result_integer(row, 5),
        .channels = (uint32_t)bb_registry_result_integer(row, 6),
    };
    return list->visit(list->context, &up);
}

/* What its master entry does not say, a usage point's channels do: the least zone and the greatest
 * commodity among them, so that the answer does not depend on the order of arrival. */
#define USAGE_POINT_LIST(condition)                                                                \
    "SELECT " BB_REGISTRY_USAGE_POINT_COLUMNS " FROM usage_point u LEFT JOIN channel c "           \
    "ON c.tenant = u.tenant AND c.usage_point = u.name WHERE " condition                           \
    " GROUP BY u.tenant, u.name ORDER BY u.tenant, u.name"

int bb_registry_postgres_usage_point_list(struct bb_registry *registry, struct bb_span tenant,
                                          struct bb_span usage_point,
                                          bb_registry_usage_point_visit *visit, void *context,
                                          struct bb_error *error) {
    static const char *const texts[2][2] = {
        /* [one tenant][one usage point] */
        {USAGE_POINT_LIST("$1::text = $2::text"),
         USAGE_POINT_LIST("$1::text = '' AND u.name = $2::text")},
        {USAGE_POINT_LIST("u.tenant = $1::text AND $2::text = ''"), NULL},
    };
    struct usage_point_list list = {visit, context};
    struct question q;

    if (tenant.size > 0 && usage_point.size > 0)
        return ask_one(registry, REGISTRY_ONE_USAGE_POINT, tenant, usage_point, usage_point_row,
                       &list, error);
    struct registry_columns *c = question_init(&q);
    bb_registry_value_text(c, tenant);
    bb_registry_value_text(c, usage_point);
    return ask(registry, &q, texts[tenant.size > 0][usage_point.size > 0], PAGE_ROWS,
               usage_point_row, &list, error);
}

/* ---- channels -------------------------------------------------------------------------------- */

struct channel_list {
    bb_registry_channel_visit *visit;
    void *context;
};

static int channel_row(const struct registry_row *row, void *context) {
    const struct channel_list *list = context;
    struct bb_registry_channel channel = {
        .tenant = bb_registry_result_text(row, 0),
        .usage_point = bb_registry_result_text(row, 1),
        .channel = bb_registry_result_text(row, 2),
        .obis = bb_registry_result_text(row, 3),
        .zone = bb_registry_result_text(row, 4),
        .kind = (uint8_t)bb_registry_result_integer(row, 5),
        .commodity = (uint8_t)bb_registry_result_integer(row, 6),
        .unit = bb_registry_known_unit(bb_registry_result_integer(row, 7)),
        .interval_s = (uint32_t)bb_registry_result_integer(row, 8),
        .partition = (uint32_t)bb_registry_result_integer(row, 9),
        .number = (uint32_t)bb_registry_result_integer(row, 10),
        .derived_unit = bb_registry_known_derived_unit(bb_registry_result_integer(row, 11)),
    };
    return list->visit(list->context, &channel);
}

#define CHANNEL_LIST(condition)                                                                    \
    "SELECT tenant, usage_point, name, obis, zone, kind, commodity, unit, interval_s, partition, " \
    "number, derived_unit FROM channel WHERE " condition " ORDER BY tenant, usage_point, name"

int bb_registry_postgres_channel_list(struct bb_registry *registry, struct bb_span tenant,
                                      struct bb_span usage_point, bb_registry_channel_visit *visit,
                                      void *context, struct bb_error *error) {
    static const char *const texts[2][2] = {
        /* [one tenant][one usage point] */
        {CHANNEL_LIST("$1::text = $2::text"),
         CHANNEL_LIST("$1::text = '' AND usage_point = $2::text")},
        {CHANNEL_LIST("tenant = $1::text AND $2::text = ''"), NULL},
    };
    struct channel_list list = {visit, context};
    struct question q;

    if (tenant.size > 0 && usage_point.size > 0)
        return ask_one(registry, REGISTRY_CHANNELS_OF_ONE, tenant, usage_point, channel_row, &list,
                       error);
    struct registry_columns *c = question_init(&q);
    bb_registry_value_text(c, tenant);
    bb_registry_value_text(c, usage_point);
    return ask(registry, &q, texts[tenant.size > 0][usage_point.size > 0], PAGE_ROWS, channel_row,
               &list, error);
}

/* ---- exceptions ------------------------------------------------------------------------------ */

struct exception_list {
    bb_registry_exception_visit *visit;
    void *context;
};

static int exception_row(const struct registry_row *row, void *context) {
    const struct exception_list *list = context;
    struct bb_registry_exception exception = {
        .id = bb_registry_result_integer(row, 0),
        .tenant = bb_registry_result_text(row, 1),
        .usage_point = bb_registry_result_text(row, 2),
        .channel = bb_registry_result_text(row, 3),
        .from_ms = bb_registry_result_integer(row, 4),
        .check = (uint8_t)bb_registry_result_integer(row, 5),
        .to_ms = bb_registry_result_integer(row, 6),
        .a = bb_registry_result_integer(row, 7),
        .b = bb_registry_result_integer(row, 8),
        .exponent = (int8_t)bb_registry_result_integer(row, 9),
        .opened_ms = bb_registry_result_integer(row, 10),
        .closed_ms = bb_registry_result_time(row, 11),
        .opened_by = bb_registry_result_text(row, 12),
        .closed_by = bb_registry_result_text(row, 13),
    };
    return list->visit(list->context, &exception);
}

#define EXCEPTION_LIST(condition)                                                                  \
    "SELECT id, tenant, usage_point, channel, from_ms, check_id, to_ms, a, b, exponent, "          \
    "opened_ms, closed_ms, opened_by, closed_by FROM exception WHERE " condition                   \
    " ORDER BY tenant, usage_point, channel, from_ms, check_id"

/* What had happened last by then says whether it was closed, when and by what. Happenings lie in the
 * order of the log, which is also that of time unless a clock was put back. */
#define EXCEPTION_LIST_THEN(condition)                                                             \
    "SELECT id, tenant, usage_point, channel, from_ms, check_id, to_ms, a, b, exponent, "          \
    "opened_ms, CASE happening WHEN 'closed' THEN recorded_ms END, opened_by, "                    \
    "CASE happening WHEN 'closed' THEN source ELSE '' END "                                        \
    "FROM exception e CROSS JOIN LATERAL (SELECT happening, recorded_ms, source "                  \
    "FROM exception_history WHERE exception = e.id AND recorded_ms <= $2::bigint "                 \
    "ORDER BY ordinal DESC LIMIT 1) AS last "                                                      \
    "WHERE opened_ms <= $2::bigint AND " condition                                                 \
    " ORDER BY tenant, usage_point, channel, from_ms, check_id"

int bb_registry_postgres_exception_list(struct bb_registry *registry, struct bb_span tenant,
                                        bool open_only, int64_t as_of_ms,
                                        bb_registry_exception_visit *visit, void *context,
                                        struct bb_error *error) {
    static const char *const by[2][2][2] = {
        /* [as of a moment][one tenant][open only] */
        {{EXCEPTION_LIST("$1::text = ''"), EXCEPTION_LIST("$1::text = '' AND closed_ms IS NULL")},
         {EXCEPTION_LIST("tenant = $1::text"),
          EXCEPTION_LIST("tenant = $1::text AND closed_ms IS NULL")}},
        {{EXCEPTION_LIST_THEN("$1::text = ''"),
          EXCEPTION_LIST_THEN("$1::text = '' AND happening = 'opened'")},
         {EXCEPTION_LIST_THEN("tenant = $1::text"),
          EXCEPTION_LIST_THEN("tenant = $1::text AND happening = 'opened'")}},
    };
    const bool past = as_of_ms != BB_TIME_NONE;
    struct exception_list list = {visit, context};
    struct question q;
    struct registry_columns *c = question_init(&q);

    bb_registry_value_text(c, tenant);
    if (past)
        bb_postgres_put_int64(&c->parameters, as_of_ms);
    return ask(registry, &q, by[past][tenant.size > 0][open_only], PAGE_ROWS, exception_row, &list,
               error);
}

/* ---- dead letters ---------------------------------------------------------------------------- */

struct letter_list {
    bb_registry_letter_visit *visit;
    void *context;
};

static int letter_row(const struct registry_row *row, void *context) {
    const struct letter_list *list = context;
    const struct bb_registry_letter letter = {
        .partition = (uint32_t)bb_registry_result_integer(row, 0),
        .offset = (uint64_t)bb_registry_result_integer(row, 1),
        .tenant = bb_registry_result_text(row, 2),
        .recorded_ms = bb_registry_result_integer(row, 3),
        .body = bb_registry_result_bytes(row, 4)};

    return list->visit(list->context, &letter);
}

int bb_registry_postgres_letter_list(struct bb_registry *registry, struct bb_span tenant,
                                     bb_registry_letter_visit *visit, void *context,
                                     struct bb_error *error) {
    struct letter_list list = {visit, context};
    struct question q;

    bb_registry_value_text(question_init(&q), tenant);
    return ask(registry, &q,
               "SELECT partition, offset_, tenant, recorded_ms, body FROM dead_letter "
               "WHERE $1::text = '' OR tenant = $1::text ORDER BY partition DESC, offset_ DESC",
               PAGE_ROWS, letter_row, &list, error);
}

/* ---- tenants --------------------------------------------------------------------------------- */

struct tenant_list {
    int (*visit)(void *context, struct bb_span name, struct bb_span zone);
    void *context;
};

static int tenant_row(const struct registry_row *row, void *context) {
    const struct tenant_list *list = context;

    return list->visit(list->context, bb_registry_result_text(row, 0),
                       bb_registry_result_text(row, 1));
}

int bb_registry_postgres_tenant_list(struct bb_registry *registry,
                                     int (*visit)(void *context, struct bb_span name,
                                                  struct bb_span zone),
                                     void *context, struct bb_error *error) {
    struct tenant_list list = {visit, context};
    struct question q;

    question_init(&q);
    return ask(registry, &q, "SELECT name, zone FROM tenant ORDER BY name", PAGE_ROWS, tenant_row,
               &list, error);
}
