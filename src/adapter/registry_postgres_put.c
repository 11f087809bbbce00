/* What a projection puts, as whole columns: see registry_postgres_internal.h.
 *
 * Each function queues the statements for what the batch has of its kind, none where it has nothing. Rows that several
 * partitions may put (tenants, and entries that are told to all of them) come in ascending order, so that two
 * projections wait for each other and never in a circle.
 */
#include "adapter/registry_postgres_internal.h"

enum { VERSIONS_BYTES = 32 << 20 }; /* of bodies in one statement */

static struct registry_columns *columns_of(struct registry_projection *p, const char *types,
                                           size_t count) {
    bb_registry_columns_begin(&p->registry->columns, types, count);
    return &p->registry->columns;
}

static int queue(struct registry_projection *p, enum registry_statement which, int columns) {
    struct registry_columns *c = &p->registry->columns;
    int failed = bb_registry_columns_end(c, columns, p->error);

    return failed ? failed : bb_postgres_queue(p->registry->main, which, &c->parameters, p->error);
}

/* ---- what others hang on */

int bb_registry_put_tenants(struct registry_projection *p) {
    const struct fold *fold = p->fold;

    if (fold->tenant_count == 0)
        return 0;
    struct registry_columns *c = columns_of(p, "t", fold->tenant_count);
    for (size_t i = 0; i < fold->tenant_count; i++)
        bb_registry_cell_text(c, 0, fold->tenants[i]);
    int failed = queue(p, REGISTRY_TENANTS_ENSURE, 1);
    size_t told = 0;
    for (size_t i = 0; i < fold->version_count; i++)
        told += fold->versions[i].kind == BB_MASTER_TENANT && fold->versions[i].is_last;
    if (failed || told == 0)
        return failed;
    /* Their entries come from every partition: whoever says which version is current holds the row. */
    c = columns_of(p, "t", told);
    for (size_t i = 0; i < fold->version_count; i++)
        if (fold->versions[i].kind == BB_MASTER_TENANT && fold->versions[i].is_last)
            bb_registry_cell_text(c, 0, fold->versions[i].name);
    return queue(p, REGISTRY_TENANTS_LOCK, 1);
}

int bb_registry_put_usage_points(struct registry_projection *p) {
    const struct fold *fold = p->fold;

    if (fold->usage_point_count == 0)
        return 0;
    struct registry_columns *c = columns_of(p, "tt", fold->usage_point_count);
    for (size_t i = 0; i < fold->usage_point_count; i++) {
        bb_registry_cell_text(c, 0, fold->usage_points[i].tenant);
        bb_registry_cell_text(c, 1, fold->usage_points[i].name);
    }
    return queue(p, REGISTRY_USAGE_POINTS_ENSURE, 2);
}

/* ---- master data */

int bb_registry_put_versions(struct registry_projection *p, size_t first, size_t *end) {
    const struct fold_version *versions = p->fold->versions;
    size_t bytes = 0, at = first;

    while (at < p->fold->version_count && (at == first || bytes < VERSIONS_BYTES))
        bytes += versions[at++].record->body.size;
    *end = at;
    struct registry_columns *c = columns_of(p, "sttlb", at - first);
    for (size_t i = first; i < at; i++) {
        bb_registry_cell_int16(c, 0, versions[i].kind);
        bb_registry_cell_text(c, 1, versions[i].tenant);
        bb_registry_cell_text(c, 2, versions[i].name);
        bb_registry_cell_int64(c, 3, versions[i].record->recorded_ms);
        bb_registry_cell_bytes(c, 4, versions[i].record->body);
    }
    return queue(p, REGISTRY_VERSIONS_PUT, 5);
}

/* Rows of a table that hangs on an entry, or the entry's own; 0 columns: count them only. */
typedef size_t put_rows(struct registry_columns *c, const struct bb_master *master);

static size_t put_tenant(struct registry_columns *c, const struct bb_master *master) {
    if (c) {
        bb_registry_cell_text(c, 0, master->tenant.name);
        bb_registry_cell_text(c, 1, master->tenant.zone);
    }
    return 1;
}

static size_t put_usage_point(struct registry_columns *c, const struct bb_master *master) {
    const struct bb_master_usage_point *up = &master->usage_point;
    const struct bb_span texts[] = {up->zone, up->calendar, up->customer, up->grid_area,
                                    up->tariff};

    if (!c)
        return 1;
    bb_registry_cell_text(c, 0, up->tenant);
    bb_registry_cell_text(c, 1, up->name);
    bb_registry_cell_int16(c, 2, up->commodity);
    for (int i = 0; i < 5; i++)
        bb_registry_cell_text(c, 3 + i, texts[i]);
    return 1;
}

static size_t put_name(struct registry_columns *c, const struct bb_master *master) {
    if (c) {
        bb_registry_cell_text(c, 0, master->usage_point.tenant);
        bb_registry_cell_text(c, 1, master->usage_point.name);
    }
    return 1;
}

static size_t put_tags(struct registry_columns *c, const struct bb_master *master) {
    const struct bb_master_usage_point *up = &master->usage_point;

    for (uint32_t i = 0; c && i < up->tag_count; i++) {
        put_name(c, master);
        bb_registry_cell_text(c, 2, up->tags[i].key);
        bb_registry_cell_text(c, 3, up->tags[i].value);
    }
    return up->tag_count;
}

static size_t put_installations(struct registry_columns *c, const struct bb_master *master) {
    const struct bb_master_usage_point *up = &master->usage_point;
    char multiplier[BB_DECIMAL_TEXT_MAX];

    for (uint32_t i = 0; c && i < up->installation_count; i++) {
        const struct bb_master_installation *item = &up->installations[i];
        size_t size = bb_decimal_format(item->multiplier, false, multiplier);
        put_name(c, master);
        bb_registry_cell_int64(c, 2, item->from_ms);
        bb_registry_cell_text(c, 3, item->device);
        if (item->to_ms == BB_TIME_NONE)
            bb_registry_cell_null(c, 4);
        else
            bb_registry_cell_int64(c, 4, item->to_ms);
        bb_registry_cell_text(c, 5, (struct bb_span){multiplier, size});
        bb_registry_cell_int16(c, 6, item->dials);
        bb_registry_cell_text(c, 7, item->reason);
    }
    return up->installation_count;
}

/* In this order: a usage point's row before what hangs on it. */
static const struct {
    enum bb_master_kind kind;
    const char *types;
    put_rows *put;
    enum registry_statement statement;
} tables[] = {
    {BB_MASTER_TENANT, "tt", put_tenant, REGISTRY_TENANTS_PUT},
    {BB_MASTER_USAGE_POINT, "ttsttttt", put_usage_point, REGISTRY_USAGE_POINTS_PUT},
    {BB_MASTER_USAGE_POINT, "tt", put_name, REGISTRY_TAGS_CLEAR},
    {BB_MASTER_USAGE_POINT, "tttt", put_tags, REGISTRY_TAGS_PUT},
    {BB_MASTER_USAGE_POINT, "tt", put_name, REGISTRY_INSTALLATIONS_CLEAR},
    {BB_MASTER_USAGE_POINT, "ttltltst", put_installations, REGISTRY_INSTALLATIONS_PUT},
};

/* Entries are unpacked once more for each table: keeping 8192 of them would take far more memory than time. */
static int put_current(struct registry_projection *p, enum bb_master_kind kind, put_rows *put,
                       struct registry_columns *c, size_t *rows) {
    struct bb_arena *scratch = &p->registry->scratch;
    int failed = 0;

    *rows = 0;
    for (size_t i = 0; !failed && i < p->fold->version_count; i++) {
        const struct fold_version *version = &p->fold->versions[i];
        struct bb_master master;
        if (!version->is_current || version->kind != kind)
            continue;
        bb_arena_reset(scratch);
        failed = bb_master_decode(version->record->body, scratch, &master, p->error);
        if (!failed)
            *rows += put(c, &master);
    }
    return failed;
}

int bb_registry_put_current(struct registry_projection *p) {
    int failed = 0;

    for (size_t i = 0; !failed && i < sizeof tables / sizeof tables[0]; i++) {
        size_t rows;
        failed = put_current(p, tables[i].kind, tables[i].put, NULL, &rows);
        if (failed || rows == 0)
            continue;
        struct registry_columns *c = columns_of(p, tables[i].types, rows);
        failed = put_current(p, tables[i].kind, tables[i].put, c, &rows);
        if (!failed)
            failed = queue(p, tables[i].statement, (int)strlen(tables[i].types));
    }
    return failed;
}

/* ---- channels */

int bb_registry_put_channels(struct registry_projection *p) {
    const struct fold *fold = p->fold;

    if (fold->channel_count == 0)
        return 0;
    struct registry_columns *c = columns_of(p, "tttttssssliill", fold->channel_count);
    for (size_t i = 0; i < fold->channel_count; i++) {
        const struct bb_outbox_record *record = fold->channels[i].record;
        const struct bb_channel_record *what = &fold->channels[i].what;
        bb_registry_cell_text(c, 0, record->tenant);
        bb_registry_cell_text(c, 1, record->usage_point);
        bb_registry_cell_text(c, 2, record->channel);
        bb_registry_cell_text(c, 3, what->obis);
        bb_registry_cell_text(c, 4, what->zone);
        bb_registry_cell_int16(c, 5, what->kind);
        bb_registry_cell_int16(c, 6, what->commodity);
        bb_registry_cell_int16(c, 7, what->unit);
        bb_registry_cell_int16(c, 8, what->derived_unit);
        bb_registry_cell_int64(c, 9, what->interval_s);
        bb_registry_cell_int32(c, 10, what->one_way);
        bb_registry_cell_int32(c, 11, what->day_start_s);
        bb_registry_cell_int64(c, 12, p->partition);
        bb_registry_cell_int64(c, 13, what->number);
    }
    return queue(p, REGISTRY_CHANNELS_PUT, 14);
}

/* ---- exceptions */

static const struct bb_outbox_record *key_of(const struct fold *fold,
                                             const struct fold_exception *exception) {
    return fold->happenings[exception->first];
}

int bb_registry_ask_exceptions(struct registry_projection *p) {
    const struct fold *fold = p->fold;

    if (fold->exception_count == 0)
        return 0;
    struct registry_columns *c = columns_of(p, "tttlss", fold->exception_count);
    for (size_t i = 0; i < fold->exception_count; i++) {
        const struct bb_outbox_record *key = key_of(fold, &fold->exceptions[i]);
        bb_registry_cell_text(c, 0, key->tenant);
        bb_registry_cell_text(c, 1, key->usage_point);
        bb_registry_cell_text(c, 2, key->channel);
        bb_registry_cell_int64(c, 3, key->from_ms);
        bb_registry_cell_int16(c, 4, key->check);
        bb_registry_cell_int16(c, 5, fold->exceptions[i].opens);
    }
    return queue(p, REGISTRY_EXCEPTIONS_KNOWN, 6);
}

static void put_evidence(struct registry_columns *c, int column,
                         const struct bb_outbox_record *evidence) {
    if (!evidence) {
        for (int i = 0; i < 4; i++)
            bb_registry_cell_null(c, column + i);
        return;
    }
    bb_registry_cell_int64(c, column, evidence->to_ms);
    bb_registry_cell_int64(c, column + 1, evidence->a);
    bb_registry_cell_int64(c, column + 2, evidence->b);
    bb_registry_cell_int16(c, column + 3, evidence->exponent);
}

static void put_closing(struct registry_columns *c, int column,
                        const struct bb_outbox_record *closed) {
    if (closed)
        bb_registry_cell_int64(c, column, closed->recorded_ms);
    else
        bb_registry_cell_null(c, column);
    bb_registry_cell_text(c, column + 1, closed ? closed->body : BB_SPAN(""));
}

static bool is_added(const struct fold *fold, const struct fold_exception *exception) {
    (void)fold;
    return !exception->is_known && exception->opens;
}

/* A closing of what is closed says nothing. */
static bool is_changed(const struct fold *fold, const struct fold_exception *exception) {
    const struct fold_state state = bb_registry_fold_state(fold, exception);

    return exception->is_known && (state.evidence || state.closed);
}

static void put_added(struct registry_columns *c, const struct fold *fold,
                      const struct fold_exception *exception) {
    const struct fold_state state = bb_registry_fold_state(fold, exception);
    const struct bb_outbox_record *key = state.opened;

    bb_registry_cell_int64(c, 0, exception->id);
    bb_registry_cell_text(c, 1, key->tenant);
    bb_registry_cell_text(c, 2, key->usage_point);
    bb_registry_cell_text(c, 3, key->channel);
    bb_registry_cell_int64(c, 4, key->from_ms);
    bb_registry_cell_int16(c, 5, key->check);
    put_evidence(c, 6, state.evidence);
    bb_registry_cell_int64(c, 10, key->recorded_ms);
    bb_registry_cell_text(c, 11, key->body);
    put_closing(c, 12, state.closed);
}

static void put_changed(struct registry_columns *c, const struct fold *fold,
                        const struct fold_exception *exception) {
    const struct fold_state state = bb_registry_fold_state(fold, exception);

    bb_registry_cell_int64(c, 0, exception->id);
    put_evidence(c, 1, state.evidence);
    put_closing(c, 5, state.closed);
}

static int put_those(struct registry_projection *p,
                     bool (*is_one)(const struct fold *, const struct fold_exception *),
                     void (*put)(struct registry_columns *, const struct fold *,
                                 const struct fold_exception *),
                     const char *types, enum registry_statement statement) {
    const struct fold *fold = p->fold;
    size_t count = 0;

    for (size_t i = 0; i < fold->exception_count; i++)
        count += is_one(fold, &fold->exceptions[i]);
    if (count == 0)
        return 0;
    struct registry_columns *c = columns_of(p, types, count);
    for (size_t i = 0; i < fold->exception_count; i++)
        if (is_one(fold, &fold->exceptions[i]))
            put(c, fold, &fold->exceptions[i]);
    return queue(p, statement, (int)strlen(types));
}

/* Of one exception; c NULL: count only. */
static size_t put_happenings(struct registry_columns *c, const struct fold *fold,
                             const struct fold_exception *exception) {
    uint32_t rows = 0;

    for (uint32_t i = 0; i < exception->count; i++) {
        const struct bb_outbox_record *record = fold->happenings[exception->first + i];
        if (!bb_registry_fold_happens(fold, exception, i))
            continue;
        rows++;
        if (!c)
            continue;
        bool opened = record->kind == BB_OUTBOX_EXCEPTION_OPENED;
        bb_registry_cell_int64(c, 0, exception->id);
        bb_registry_cell_int32(c, 1, exception->ordinal + rows);
        bb_registry_cell_int64(c, 2, record->recorded_ms);
        bb_registry_cell_text(c, 3, opened ? BB_SPAN("opened") : BB_SPAN("closed"));
        bb_registry_cell_text(c, 4, record->body);
    }
    return rows;
}

static int put_history(struct registry_projection *p) {
    const struct fold *fold = p->fold;
    size_t count = 0;

    for (size_t i = 0; i < fold->exception_count; i++)
        count += put_happenings(NULL, fold, &fold->exceptions[i]);
    if (count == 0)
        return 0;
    struct registry_columns *c = columns_of(p, "liltt", count);
    for (size_t i = 0; i < fold->exception_count; i++)
        put_happenings(c, fold, &fold->exceptions[i]);
    return queue(p, REGISTRY_HISTORY_ADD, 5);
}

int bb_registry_put_exceptions(struct registry_projection *p) {
    int failed = put_those(p, is_added, put_added, "ltttlslllsltlt", REGISTRY_EXCEPTIONS_ADD);

    if (!failed)
        failed = put_those(p, is_changed, put_changed, "llllslt", REGISTRY_EXCEPTIONS_CHANGE);
    return failed ? failed : put_history(p);
}
