/* Rows to visitors: see registry_sqlite_internal.h.
 *
 * A list is one statement over one consistent state. The channels of one usage point are asked for
 * once per new series of an input, one usage point for each that is found, so these statements are kept; all others are
 * made when needed. A
 * visitor may ask the same registry for something else, or list something, while a list runs. Spans
 * of a row are SQLite's and live until the visitor returns. A visitor answers 0 to go on, 1 to stop, or a negative value
 * that the list passes up.
 *
 * An empty tenant means all of them: `tenant = ?1 OR ?1 = ''` would read the whole table, so that
 * the condition is chosen here and the primary key is walked from the right place.
 */
#include "adapter/registry_row_internal.h"
#include "adapter/registry_sqlite_internal.h"

static const char doing[] = "listing";

struct registry_sql bb_registry_sql_prepare(struct bb_registry *base, const char *text) {
    struct registry_sql sql = {.registry = registry_sqlite_of(base)};

    sql.result = sqlite3_prepare_v2(sql.registry->db, text, -1, &sql.statement, NULL);
    return sql;
}

/* The kept statement, unless a list around this one is using it. */
static struct registry_sql kept(struct bb_registry *base, enum registry_kept which,
                                const char *text) {
    struct registry_sqlite *registry = registry_sqlite_of(base);
    struct registry_sql sql = {.registry = registry, .statement = registry->kept[which]};

    if (sql.statement && !sqlite3_stmt_busy(sql.statement))
        return sql;
    sql = bb_registry_sql_prepare(base, text);
    if (!registry->kept[which])
        registry->kept[which] = sql.statement;
    return sql;
}

static bool is_kept(const struct registry_sql *sql) {
    bool is = false;

    for (int i = 0; i < REGISTRY_KEPT; i++)
        is = is || sql->registry->kept[i] == sql->statement;
    return is;
}

/* Every row through `row`, which calls the visitor. */
static int visit_rows(struct registry_sql *sql, int (*row)(struct registry_sql *sql, void *list),
                      void *list, struct bb_error *error) {
    int answer = 0;

    while (answer == 0 && bb_registry_sql_step(sql))
        answer = row(sql, list);
    int failed = bb_registry_sql_end(sql, doing, error);
    if (!is_kept(sql))
        sqlite3_finalize(sql->statement);
    return answer < 0 ? answer : failed;
}

/* ---- master data ----------------------------------------------------------------------------- */

struct master_list {
    bb_registry_master_visit *visit;
    void *context;
    struct bb_arena arena; /* of one row's lists */
    struct bb_error *error;
};

static int master_row(struct registry_sql *sql, void *context) {
    struct master_list *list = context;
    struct bb_master master;

    bb_arena_reset(&list->arena);
    int failed = bb_master_decode(bb_registry_row_bytes(sql, 1), &list->arena, &master,
                                  list->error);
    if (failed)
        return failed;
    return list->visit(list->context, bb_registry_row_integer(sql, 0), &master);
}

/* With max() beside it, `body` is that of the row with the greatest recorded_ms (documented by
 * SQLite under "bare columns in an aggregate query"). */
#define MASTER_LIST(condition)                                                                     \
    "SELECT max(recorded_ms), body FROM master_version WHERE " condition " recorded_ms <= ?2 "     \
    "GROUP BY kind, tenant, name ORDER BY kind, tenant, name"

static int list_masters(struct registry_sql *sql, int64_t as_of_ms, bb_registry_master_visit *visit,
                        void *context, struct bb_error *error) {
    struct master_list list = {.visit = visit, .context = context, .error = error};

    bb_registry_sql_integer(sql, as_of_ms == BB_TIME_NONE ? INT64_MAX : as_of_ms);
    bb_arena_init(&list.arena, 64 << 10, 64 << 20);
    int result = visit_rows(sql, master_row, &list, error);
    bb_arena_release(&list.arena);
    return result;
}

int bb_registry_sqlite_master_list(struct bb_registry *registry, struct bb_span tenant,
                                   int64_t as_of_ms, bb_registry_master_visit *visit, void *context,
                                   struct bb_error *error) {
    struct registry_sql sql = bb_registry_sql_prepare(
        registry, tenant.size ? MASTER_LIST("tenant = ?1 AND") : MASTER_LIST("?1 IS NOT NULL AND"));

    bb_registry_sql_text(&sql, tenant);
    return list_masters(&sql, as_of_ms, visit, context, error);
}

/* Kinds are few and written out, so that ?2 is the moment in all of these. */
#define KIND_LIST(kind) MASTER_LIST("kind = " kind " AND tenant = ?1 AND")

int bb_registry_sqlite_kind_list(struct bb_registry *registry, struct bb_span tenant,
                                 enum bb_master_kind kind, int64_t as_of_ms,
                                 bb_registry_master_visit *visit, void *context,
                                 struct bb_error *error) {
    static const char *const texts[] = {
        [BB_MASTER_USAGE_POINT] = KIND_LIST("1"), [BB_MASTER_TENANT] = KIND_LIST("2"),
        [BB_MASTER_CALENDAR] = KIND_LIST("3"),    [BB_MASTER_PROFILE] = KIND_LIST("4"),
        [BB_MASTER_GROUP] = KIND_LIST("5"),       [BB_MASTER_RULES] = KIND_LIST("6")};
    struct registry_sql sql = bb_registry_sql_prepare(registry, texts[kind]);

    bb_registry_sql_text(&sql, tenant);
    return list_masters(&sql, as_of_ms, visit, context, error);
}

#define VERSION_LIST(condition)                                                                    \
    "SELECT recorded_ms, body FROM master_version WHERE " condition                                \
    " ORDER BY kind, tenant, name, recorded_ms"

int bb_registry_sqlite_version_list(struct bb_registry *registry, struct bb_span tenant,
                                    bb_registry_master_visit *visit, void *context,
                                    struct bb_error *error) {
    struct master_list list = {.visit = visit, .context = context, .error = error};
    struct registry_sql sql = bb_registry_sql_prepare(
        registry, tenant.size ? VERSION_LIST("tenant = ?1") : VERSION_LIST("?1 IS NOT NULL"));

    bb_registry_sql_text(&sql, tenant);
    bb_arena_init(&list.arena, 64 << 10, 64 << 20);
    int result = visit_rows(&sql, master_row, &list, error);
    bb_arena_release(&list.arena);
    return result;
}

/* ---- usage points ---------------------------------------------------------------------------- */

struct usage_point_list {
    bb_registry_usage_point_visit *visit;
    void *context;
};

static int usage_point_row(struct registry_sql *sql, void *context) {
    const struct usage_point_list *list = context;
    struct bb_registry_usage_point row = {
        .tenant = bb_registry_row_text(sql, 0),
        .name = bb_registry_row_text(sql, 1),
        .zone = bb_registry_row_text(sql, 2),
        .calendar = bb_registry_row_text(sql, 3),
        .customer = bb_registry_row_text(sql, 4),
        .commodity = (uint8_t)bb_registry_row_integer(sql, 5),
        .channels = (uint32_t)bb_registry_row_integer(sql, 6),
    };
    return list->visit(list->context, &row);
}

/* What its master entry does not say, a usage point's channels do: the least zone and the greatest
 * commodity among them, so that the answer does not depend on the order of arrival. */
#define USAGE_POINT_LIST(condition)                                                                \
    "SELECT u.tenant, u.name, coalesce(nullif(u.zone, ''), min(c.zone), ''), u.calendar, "         \
    "u.customer, coalesce(nullif(u.commodity, 0), max(c.commodity), 0), count(c.name) "            \
    "FROM usage_point u LEFT JOIN channel c ON c.tenant = u.tenant AND c.usage_point = u.name "    \
    "WHERE " condition " GROUP BY u.tenant, u.name ORDER BY u.tenant, u.name"

static const char *const usage_point_lists[2][2] = {
    /* [one tenant][one usage point] */
    {USAGE_POINT_LIST("?1 = ?2"), USAGE_POINT_LIST("?1 = '' AND u.name = ?2")},
    {USAGE_POINT_LIST("u.tenant = ?1 AND ?2 = ''"),
     USAGE_POINT_LIST("u.tenant = ?1 AND u.name = ?2")},
};

int bb_registry_sqlite_usage_point_list(struct bb_registry *registry, struct bb_span tenant,
                                        struct bb_span usage_point,
                                        bb_registry_usage_point_visit *visit, void *context,
                                        struct bb_error *error) {
    struct usage_point_list list = {visit, context};
    const char *text = usage_point_lists[tenant.size > 0][usage_point.size > 0];
    bool one = tenant.size > 0 && usage_point.size > 0;
    struct registry_sql sql = one ? kept(registry, REGISTRY_ONE_USAGE_POINT, text)
                                  : bb_registry_sql_prepare(registry, text);

    bb_registry_sql_text(&sql, tenant);
    bb_registry_sql_text(&sql, usage_point);
    return visit_rows(&sql, usage_point_row, &list, error);
}

/* ---- channels -------------------------------------------------------------------------------- */

struct channel_list {
    bb_registry_channel_visit *visit;
    void *context;
};

static int channel_row(struct registry_sql *sql, void *context) {
    const struct channel_list *list = context;
    struct bb_registry_channel row = {
        .tenant = bb_registry_row_text(sql, 0),
        .usage_point = bb_registry_row_text(sql, 1),
        .channel = bb_registry_row_text(sql, 2),
        .obis = bb_registry_row_text(sql, 3),
        .zone = bb_registry_row_text(sql, 4),
        .kind = (uint8_t)bb_registry_row_integer(sql, 5),
        .commodity = (uint8_t)bb_registry_row_integer(sql, 6),
        .unit = bb_registry_known_unit(bb_registry_row_integer(sql, 7)),
        .interval_s = (uint32_t)bb_registry_row_integer(sql, 8),
        .partition = (uint32_t)bb_registry_row_integer(sql, 9),
        .number = (uint32_t)bb_registry_row_integer(sql, 10),
        .derived_unit = bb_registry_known_derived_unit(bb_registry_row_integer(sql, 11)),
    };
    return list->visit(list->context, &row);
}

#define CHANNEL_LIST(condition)                                                                    \
    "SELECT tenant, usage_point, name, obis, zone, kind, commodity, unit, interval_s, partition, " \
    "number, derived_unit FROM channel WHERE " condition " ORDER BY tenant, usage_point, name"

static const char *const channel_lists[2][2] = {
    /* [one tenant][one usage point] */
    {CHANNEL_LIST("?1 = ?2"), CHANNEL_LIST("?1 = '' AND usage_point = ?2")},
    {CHANNEL_LIST("tenant = ?1 AND ?2 = ''"), CHANNEL_LIST("tenant = ?1 AND usage_point = ?2")},
};

int bb_registry_sqlite_channel_list(struct bb_registry *registry, struct bb_span tenant,
                                    struct bb_span usage_point, bb_registry_channel_visit *visit,
                                    void *context, struct bb_error *error) {
    struct channel_list list = {visit, context};
    bool one = tenant.size > 0 && usage_point.size > 0;
    struct registry_sql sql = one ? kept(registry, REGISTRY_CHANNELS_OF_ONE, channel_lists[1][1])
                                  : bb_registry_sql_prepare(
                                        registry,
                                        channel_lists[tenant.size > 0][usage_point.size > 0]);

    bb_registry_sql_text(&sql, tenant);
    bb_registry_sql_text(&sql, usage_point);
    return visit_rows(&sql, channel_row, &list, error);
}

/* ---- exceptions ------------------------------------------------------------------------------ */

struct exception_list {
    bb_registry_exception_visit *visit;
    void *context;
};

static int exception_row(struct registry_sql *sql, void *context) {
    const struct exception_list *list = context;
    struct bb_registry_exception row = {
        .id = bb_registry_row_integer(sql, 0),
        .tenant = bb_registry_row_text(sql, 1),
        .usage_point = bb_registry_row_text(sql, 2),
        .channel = bb_registry_row_text(sql, 3),
        .from_ms = bb_registry_row_integer(sql, 4),
        .check = (uint8_t)bb_registry_row_integer(sql, 5),
        .to_ms = bb_registry_row_integer(sql, 6),
        .a = bb_registry_row_integer(sql, 7),
        .b = bb_registry_row_integer(sql, 8),
        .exponent = (int8_t)bb_registry_row_integer(sql, 9),
        .opened_ms = bb_registry_row_integer(sql, 10),
        .closed_ms = bb_registry_row_time(sql, 11),
        .opened_by = bb_registry_row_text(sql, 12),
        .closed_by = bb_registry_row_text(sql, 13),
    };
    return list->visit(list->context, &row);
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
    "FROM exception JOIN exception_history ON exception = id AND ordinal = "                       \
    "(SELECT max(ordinal) FROM exception_history WHERE exception = id AND recorded_ms <= ?2) "     \
    "WHERE opened_ms <= ?2 AND " condition                                                         \
    " ORDER BY tenant, usage_point, channel, from_ms, check_id"

int bb_registry_sqlite_exception_list(struct bb_registry *registry, struct bb_span tenant,
                                      bool open_only, int64_t as_of_ms,
                                      bb_registry_exception_visit *visit, void *context,
                                      struct bb_error *error) {
    static const char *const by[2][2][2] = {
        /* [as of a moment][one tenant][open only] */
        {{EXCEPTION_LIST("?1 = ''"), EXCEPTION_LIST("?1 = '' AND closed_ms IS NULL")},
         {EXCEPTION_LIST("tenant = ?1"), EXCEPTION_LIST("tenant = ?1 AND closed_ms IS NULL")}},
        {{EXCEPTION_LIST_THEN("?1 = ''"), EXCEPTION_LIST_THEN("?1 = '' AND happening = 'opened'")},
         {EXCEPTION_LIST_THEN("tenant = ?1"),
          EXCEPTION_LIST_THEN("tenant = ?1 AND happening = 'opened'")}},
    };
    const bool past = as_of_ms != BB_TIME_NONE;
    struct exception_list list = {visit, context};
    struct registry_sql sql = bb_registry_sql_prepare(registry,
                                                      by[past][tenant.size > 0][open_only]);

    bb_registry_sql_text(&sql, tenant);
    if (past)
        bb_registry_sql_integer(&sql, as_of_ms);
    return visit_rows(&sql, exception_row, &list, error);
}

/* ---- dead letters ------------------------------------------------------------------------------ */

struct letter_list {
    bb_registry_letter_visit *visit;
    void *context;
};

static int letter_row(struct registry_sql *sql, void *context) {
    const struct letter_list *list = context;
    const struct bb_registry_letter row = {.partition = (uint32_t)bb_registry_row_integer(sql, 0),
                                           .offset = (uint64_t)bb_registry_row_integer(sql, 1),
                                           .tenant = bb_registry_row_text(sql, 2),
                                           .recorded_ms = bb_registry_row_integer(sql, 3),
                                           .body = bb_registry_row_bytes(sql, 4)};

    return list->visit(list->context, &row);
}

int bb_registry_sqlite_letter_list(struct bb_registry *registry, struct bb_span tenant,
                                   bb_registry_letter_visit *visit, void *context,
                                   struct bb_error *error) {
    struct letter_list list = {visit, context};
    struct registry_sql sql = bb_registry_sql_prepare(
        registry, "SELECT partition, offset, tenant, recorded_ms, body FROM dead_letter "
                  "WHERE ?1 = '' OR tenant = ?1 ORDER BY partition DESC, offset DESC");

    bb_registry_sql_text(&sql, tenant);
    return visit_rows(&sql, letter_row, &list, error);
}

/* ---- tenants --------------------------------------------------------------------------------- */

struct tenant_list {
    int (*visit)(void *context, struct bb_span name, struct bb_span zone);
    void *context;
};

static int tenant_row(struct registry_sql *sql, void *context) {
    const struct tenant_list *list = context;

    return list->visit(list->context, bb_registry_row_text(sql, 0), bb_registry_row_text(sql, 1));
}

int bb_registry_sqlite_tenant_list(struct bb_registry *registry,
                                   int (*visit)(void *context, struct bb_span name,
                                                struct bb_span zone),
                                   void *context, struct bb_error *error) {
    struct tenant_list list = {visit, context};
    struct registry_sql sql = bb_registry_sql_prepare(
        registry, "SELECT name, zone FROM tenant ORDER BY name");

    return visit_rows(&sql, tenant_row, &list, error);
}
