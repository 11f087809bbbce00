/* Outbox records into rows: see registry_sqlite_internal.h.
 *
 * One call is one transaction: either all of its records are rows and the partition's position
 * stands behind them, or nothing happened. A record that cannot be read stops the partition here
 * with its number: the store keeps checksums, so that such a record is a fault to be seen, not
 * input to be passed over.
 *
 * Records are applied by usage point, each one's in the order of the outbox: nothing depends on the
 * order between usage points, and rows that lie beside each other are written together (3 times as
 * fast when a commit has them shuffled).
 *
 * A version of master data counts by its recorded time, and of two recorded at once by its bytes, as
 * in the partitions' stores, whatever order partitions are carried over in: the columns follow the
 * version recorded last.
 */
#include "adapter/registry_sqlite_internal.h"

#include <stdio.h>
#include <stdlib.h>

static const char doing[] = "projecting";

struct projection {
    struct registry_sqlite *registry;
    uint32_t partition;
    struct bb_error *error;
    /* The usage point of the record before, whose row is surely there. */
    struct bb_span tenant, usage_point;
};

typedef int apply_record(struct projection *projection, const struct bb_outbox_record *record);

/* Rows that channels and exceptions hang on. */
static int ensure_usage_point(struct projection *p, struct bb_span tenant,
                              struct bb_span usage_point) {
    if (bb_span_equal(p->usage_point, usage_point) && bb_span_equal(p->tenant, tenant))
        return 0;
    if (!bb_span_equal(p->tenant, tenant)) {
        struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_TENANT_ENSURE);
        bb_registry_sql_text(&sql, tenant);
        int failed = bb_registry_sql_run(&sql, doing, p->error);
        if (failed)
            return failed;
    }
    struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_USAGE_POINT_ENSURE);
    bb_registry_sql_text(&sql, tenant);
    bb_registry_sql_text(&sql, usage_point);
    p->tenant = tenant;
    p->usage_point = usage_point;
    return bb_registry_sql_run(&sql, doing, p->error);
}

/* ---- channels -------------------------------------------------------------------------------- */

static int apply_channel(struct projection *p, const struct bb_outbox_record *record) {
    struct bb_channel_record channel;
    int failed = bb_channel_record_decode(record->body, &channel, p->error);

    if (!failed)
        failed = ensure_usage_point(p, record->tenant, record->usage_point);
    if (failed)
        return failed;
    struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_CHANNEL_PUT);
    bb_registry_sql_text(&sql, record->tenant);
    bb_registry_sql_text(&sql, record->usage_point);
    bb_registry_sql_text(&sql, record->channel);
    bb_registry_sql_text(&sql, channel.obis);
    bb_registry_sql_text(&sql, channel.zone);
    bb_registry_sql_integer(&sql, channel.kind);
    bb_registry_sql_integer(&sql, channel.commodity);
    bb_registry_sql_integer(&sql, channel.unit);
    bb_registry_sql_integer(&sql, channel.derived_unit);
    bb_registry_sql_integer(&sql, channel.interval_s);
    bb_registry_sql_integer(&sql, channel.one_way);
    bb_registry_sql_integer(&sql, channel.day_start_s);
    bb_registry_sql_integer(&sql, p->partition);
    bb_registry_sql_integer(&sql, channel.number);
    return bb_registry_sql_run(&sql, doing, p->error);
}

/* ---- exceptions ------------------------------------------------------------------------------ */

struct known_exception {
    int64_t id; /* 0: never opened */
    bool open;
};

static int find_exception(struct projection *p, const struct bb_outbox_record *record,
                          struct known_exception *known) {
    struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_EXCEPTION_GET);

    *known = (struct known_exception){0};
    bb_registry_sql_text(&sql, record->tenant);
    bb_registry_sql_text(&sql, record->usage_point);
    bb_registry_sql_text(&sql, record->channel);
    bb_registry_sql_integer(&sql, record->from_ms);
    bb_registry_sql_integer(&sql, record->check);
    if (bb_registry_sql_step(&sql)) {
        known->id = bb_registry_row_integer(&sql, 0);
        known->open = bb_registry_row_integer(&sql, 1) != 0;
    }
    return bb_registry_sql_end(&sql, doing, p->error);
}

static int add_exception(struct projection *p, const struct bb_outbox_record *record, int64_t *id) {
    struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_EXCEPTION_ADD);

    bb_registry_sql_text(&sql, record->tenant);
    bb_registry_sql_text(&sql, record->usage_point);
    bb_registry_sql_text(&sql, record->channel);
    bb_registry_sql_integer(&sql, record->from_ms);
    bb_registry_sql_integer(&sql, record->check);
    bb_registry_sql_integer(&sql, record->to_ms);
    bb_registry_sql_integer(&sql, record->a);
    bb_registry_sql_integer(&sql, record->b);
    bb_registry_sql_integer(&sql, record->exponent);
    bb_registry_sql_integer(&sql, record->recorded_ms);
    bb_registry_sql_text(&sql, record->body);
    int failed = bb_registry_sql_run(&sql, doing, p->error);
    *id = sqlite3_last_insert_rowid(p->registry->db);
    return failed;
}

static int add_history(struct projection *p, int64_t id, const struct bb_outbox_record *record,
                       struct bb_span happening) {
    struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_EXCEPTION_HISTORY_ADD);

    bb_registry_sql_integer(&sql, id);
    bb_registry_sql_integer(&sql, record->recorded_ms);
    bb_registry_sql_text(&sql, happening);
    bb_registry_sql_text(&sql, record->body);
    return bb_registry_sql_run(&sql, doing, p->error);
}

/* Opened for the first time, again, or told with other evidence while it is open. */
static int apply_exception_opened(struct projection *p, const struct bb_outbox_record *record) {
    struct known_exception known;
    int failed = ensure_usage_point(p, record->tenant, record->usage_point);

    if (!failed)
        failed = find_exception(p, record, &known);
    if (failed)
        return failed;
    if (known.id == 0) {
        failed = add_exception(p, record, &known.id);
    } else {
        struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_EXCEPTION_OPEN);
        bb_registry_sql_integer(&sql, known.id);
        bb_registry_sql_integer(&sql, record->to_ms);
        bb_registry_sql_integer(&sql, record->a);
        bb_registry_sql_integer(&sql, record->b);
        bb_registry_sql_integer(&sql, record->exponent);
        failed = bb_registry_sql_run(&sql, doing, p->error);
    }
    if (failed || known.open)
        return failed;
    return add_history(p, known.id, record, BB_SPAN("opened"));
}

static int apply_exception_closed(struct projection *p, const struct bb_outbox_record *record) {
    struct known_exception known;
    int failed = find_exception(p, record, &known);

    if (failed || !known.open)
        return failed;
    struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_EXCEPTION_CLOSE);
    bb_registry_sql_integer(&sql, known.id);
    bb_registry_sql_integer(&sql, record->recorded_ms);
    bb_registry_sql_text(&sql, record->body);
    failed = bb_registry_sql_run(&sql, doing, p->error);
    if (failed)
        return failed;
    return add_history(p, known.id, record, BB_SPAN("closed"));
}

/* ---- master data ----------------------------------------------------------------------------- */

static int put_tags(struct projection *p, const struct bb_master_usage_point *up) {
    int failed = 0;

    for (uint32_t i = 0; !failed && i < up->tag_count; i++) {
        struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_TAG_PUT);
        bb_registry_sql_text(&sql, up->tenant);
        bb_registry_sql_text(&sql, up->name);
        bb_registry_sql_text(&sql, up->tags[i].key);
        bb_registry_sql_text(&sql, up->tags[i].value);
        failed = bb_registry_sql_run(&sql, doing, p->error);
    }
    return failed;
}

static int put_installations(struct projection *p, const struct bb_master_usage_point *up) {
    char multiplier[BB_DECIMAL_TEXT_MAX];
    int failed = 0;

    for (uint32_t i = 0; !failed && i < up->installation_count; i++) {
        const struct bb_master_installation *item = &up->installations[i];
        size_t size = bb_decimal_format(item->multiplier, false, multiplier);
        struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_INSTALLATION_PUT);
        bb_registry_sql_text(&sql, up->tenant);
        bb_registry_sql_text(&sql, up->name);
        bb_registry_sql_text(&sql, item->device);
        bb_registry_sql_integer(&sql, item->from_ms);
        bb_registry_sql_time(&sql, item->to_ms);
        bb_registry_sql_text(&sql, (struct bb_span){multiplier, size});
        bb_registry_sql_integer(&sql, item->dials);
        bb_registry_sql_text(&sql, item->reason);
        failed = bb_registry_sql_run(&sql, doing, p->error);
    }
    return failed;
}

static int clear(struct projection *p, enum registry_statement which,
                 const struct bb_master_usage_point *up) {
    struct registry_sql sql = bb_registry_sql(p->registry, which);

    bb_registry_sql_text(&sql, up->tenant);
    bb_registry_sql_text(&sql, up->name);
    return bb_registry_sql_run(&sql, doing, p->error);
}

static int put_usage_point(struct projection *p, const struct bb_master *master) {
    const struct bb_master_usage_point *up = &master->usage_point;
    struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_TENANT_ENSURE);

    bb_registry_sql_text(&sql, up->tenant);
    int failed = bb_registry_sql_run(&sql, doing, p->error);
    if (failed)
        return failed;
    sql = bb_registry_sql(p->registry, REGISTRY_USAGE_POINT_PUT);
    bb_registry_sql_text(&sql, up->tenant);
    bb_registry_sql_text(&sql, up->name);
    bb_registry_sql_integer(&sql, up->commodity);
    bb_registry_sql_text(&sql, up->zone);
    bb_registry_sql_text(&sql, up->calendar);
    bb_registry_sql_text(&sql, up->customer);
    bb_registry_sql_text(&sql, up->grid_area);
    bb_registry_sql_text(&sql, up->tariff);
    failed = bb_registry_sql_run(&sql, doing, p->error);
    if (!failed)
        failed = clear(p, REGISTRY_TAGS_CLEAR, up);
    if (!failed)
        failed = put_tags(p, up);
    if (!failed)
        failed = clear(p, REGISTRY_INSTALLATIONS_CLEAR, up);
    if (!failed)
        failed = put_installations(p, up);
    return failed;
}

static int put_tenant(struct projection *p, const struct bb_master *master) {
    struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_TENANT_PUT);

    bb_registry_sql_text(&sql, master->tenant.name);
    bb_registry_sql_text(&sql, master->tenant.zone);
    return bb_registry_sql_run(&sql, doing, p->error);
}

/* Calendars, profiles, groups and rules have no columns, but their tenant is one. */
static int put_tenant_of(struct projection *p, const struct bb_master *master) {
    struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_TENANT_ENSURE);

    bb_registry_sql_text(&sql, bb_master_tenant_name(master));
    return bb_registry_sql_run(&sql, doing, p->error);
}

/* What of an entry has columns besides its packed versions. */
static int (*const put_current[])(struct projection *, const struct bb_master *) = {
    [BB_MASTER_USAGE_POINT] = put_usage_point, [BB_MASTER_TENANT] = put_tenant,
    [BB_MASTER_CALENDAR] = put_tenant_of,      [BB_MASTER_PROFILE] = put_tenant_of,
    [BB_MASTER_GROUP] = put_tenant_of,         [BB_MASTER_RULES] = put_tenant_of,
};

static void bind_version(struct registry_sql *sql, const struct bb_master *master,
                         int64_t recorded_ms) {
    bb_registry_sql_integer(sql, master->kind);
    bb_registry_sql_text(sql, bb_master_tenant_name(master));
    bb_registry_sql_text(sql, bb_master_name(master));
    bb_registry_sql_integer(sql, recorded_ms);
}

static int put_if_current(struct projection *p, const struct bb_master *master, int64_t recorded_ms,
                          struct bb_span body) {
    struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_MASTER_IS_CURRENT);

    bind_version(&sql, master, recorded_ms);
    bb_registry_sql_bytes(&sql, body);
    bool current = bb_registry_sql_step(&sql) && bb_registry_row_integer(&sql, 0) != 0;
    int failed = bb_registry_sql_end(&sql, doing, p->error);
    if (failed || !current)
        return failed;
    return put_current[master->kind](p, master);
}

int bb_registry_sqlite_put_if_current(struct registry_sqlite *registry,
                                      const struct bb_master *master, int64_t recorded_ms,
                                      struct bb_span body, struct bb_error *error) {
    struct projection p = {.registry = registry, .error = error};

    return put_if_current(&p, master, recorded_ms, body);
}

static int apply_master(struct projection *p, const struct bb_outbox_record *record) {
    struct bb_master master;

    bb_arena_reset(&p->registry->scratch);
    int failed = bb_master_decode(record->body, &p->registry->scratch, &master, p->error);
    if (failed)
        return failed;
    struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_MASTER_PUT);
    bind_version(&sql, &master, record->recorded_ms);
    bb_registry_sql_bytes(&sql, record->body);
    failed = bb_registry_sql_run(&sql, doing, p->error);
    if (failed)
        return failed;
    return put_if_current(p, &master, record->recorded_ms, record->body);
}

/* The same record may be told again, when its marks stand twice. */
static int apply_letter(struct projection *p, const struct bb_outbox_record *record) {
    struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_LETTER_PUT);

    bb_registry_sql_integer(&sql, p->partition);
    bb_registry_sql_integer(&sql, record->a);
    bb_registry_sql_text(&sql, record->tenant);
    bb_registry_sql_integer(&sql, record->recorded_ms);
    bb_registry_sql_bytes(&sql, record->body);
    return bb_registry_sql_run(&sql, doing, p->error);
}

/* ---- the transaction ------------------------------------------------------------------------- */

/* By enum bb_outbox_kind; other kinds are not the registry's business. */
static apply_record *const appliers[] = {
    [BB_OUTBOX_CHANNEL] = apply_channel,
    [BB_OUTBOX_EXCEPTION_OPENED] = apply_exception_opened,
    [BB_OUTBOX_EXCEPTION_CLOSED] = apply_exception_closed,
    [BB_OUTBOX_MASTER] = apply_master,
    [BB_OUTBOX_DEAD_LETTER] = apply_letter,
};
enum { APPLIERS = sizeof appliers / sizeof *appliers };

enum apply_outcome { APPLIED = 0, APPLY_ELSEWHERE = 1 };

static int compare_records(const void *left, const void *right, void *context) {
    const struct bb_outbox_record *records = context;
    uint32_t i = *(const uint32_t *)left, j = *(const uint32_t *)right;
    int order = bb_span_compare(records[i].tenant, records[j].tenant);

    if (order == 0)
        order = bb_span_compare(records[i].usage_point, records[j].usage_point);
    return order ? order : (i > j) - (i < j);
}

static int apply_one(struct projection *p, const struct bb_outbox_record *record,
                     uint64_t sequence) {
    apply_record *apply = record->kind < APPLIERS ? appliers[record->kind] : NULL;
    int failed = apply ? apply(p, record) : 0;

    if (failed) {
        char source[64];
        snprintf(source, sizeof source, "outbox of partition %u, record %llu", p->partition,
                 (unsigned long long)sequence);
        bb_error_locate(p->error, source, 0);
    }
    return failed;
}

static int apply_all(struct projection *p, uint64_t from, const struct bb_outbox_record *records,
                     size_t count) {
    uint32_t *order = count <= UINT32_MAX ? calloc(count ? count : 1, sizeof *order) : NULL;
    int failed = 0;

    if (!order)
        return BB_FAIL(p->error, BB_E_NO_MEMORY, "no memory to project %zu records", count);
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof *order, compare_records, (void *)records);
    for (size_t i = 0; !failed && i < count; i++)
        failed = apply_one(p, &records[order[i]], from + 1 + order[i]);
    free(order);
    return failed;
}

static int project_from(struct projection *p, uint64_t from, const struct bb_outbox_record *records,
                        size_t count) {
    struct bb_registry *base = &p->registry->base;
    uint64_t sequence;
    int failed = base->ops->position(base, p->partition, &sequence, p->error);

    if (failed || sequence != from)
        return failed ? failed : APPLY_ELSEWHERE;
    failed = apply_all(p, from, records, count);
    if (failed)
        return failed;
    struct registry_sql sql = bb_registry_sql(p->registry, REGISTRY_POSITION_PUT);
    bb_registry_sql_integer(&sql, p->partition);
    bb_registry_sql_integer(&sql, (int64_t)(from + count));
    return bb_registry_sql_run(&sql, doing, p->error);
}

int bb_registry_sqlite_project(struct bb_registry *base, uint32_t partition, uint64_t from,
                               const struct bb_outbox_record *records, size_t count,
                               struct bb_error *error) {
    struct registry_sqlite *registry = registry_sqlite_of(base);
    struct projection projection = {registry, partition, error, {NULL, 0}, {NULL, 0}};
    struct registry_sql sql = bb_registry_sql(registry, REGISTRY_BEGIN);
    int outcome = bb_registry_sql_run(&sql, doing, error);

    if (outcome)
        return outcome;
    outcome = project_from(&projection, from, records, count);
    if (outcome == APPLIED) {
        sql = bb_registry_sql(registry, REGISTRY_COMMIT);
        outcome = bb_registry_sql_run(&sql, doing, error);
    }
    /* SQLite may have rolled back by itself (a full disk). */
    if (outcome != APPLIED && !sqlite3_get_autocommit(registry->db)) {
        struct bb_error ignored;
        sql = bb_registry_sql(registry, REGISTRY_ROLLBACK);
        if (bb_registry_sql_run(&sql, doing, &ignored) < 0)
            BB_ASSERT(sqlite3_get_autocommit(registry->db));
    }
    return outcome;
}
