/* The statements of a warehouse: see warehouse_internal.h.
 *
 * Redshift's MERGE takes a table as its source (no query), equalities in ON, one WHEN MATCHED and behind it one WHEN NOT
 * MATCHED, neither with a condition; so what goes and what comes stand in staging tables of their own. TRUNCATE would end the
 * transaction there: staging tables are emptied by DELETE. */
#include "adapter/warehouse_internal.h"

#include <inttypes.h>

struct writing {
    struct bb_buffer *out;
    struct bb_span schema;
    enum warehouse_dialect dialect;
    const struct warehouse_table *table;
};

static void put(const struct writing *w, const char *text) {
    bb_buffer_append(w->out, text, strlen(text));
}

static void put_target(const struct writing *w) {
    bb_buffer_format(w->out, "%.*s.%s", BB_SPAN_ARGS(w->schema), w->table->name);
}

/* "a, b": columns, each behind a prefix. */
static void put_columns(const struct writing *w, size_t count, const char *prefix) {
    for (size_t i = 0; i < count; i++)
        bb_buffer_format(w->out, "%s%s%s", i ? ", " : "", prefix, w->table->columns[i].name);
}

static void put_staging_columns(const struct writing *w, const char *before, bool gone) {
    bb_buffer_format(w->out, "%s%s_%s (", before, gone ? "gone" : "put", w->table->name);
    put_columns(w, gone ? w->table->gone_count : bb_warehouse_column_count(w->table), "");
    put(w, ")");
}

static void put_definitions(const struct writing *w, size_t count) {
    for (size_t i = 0; i < count; i++)
        bb_buffer_format(w->out, "%s%s %s", i ? ", " : "", w->table->columns[i].name,
                         w->table->columns[i].type);
}

/* "reading.a = put_reading.a AND ..." */
static void put_match(const struct writing *w, size_t count, const char *staging) {
    const char *name = w->table->name;

    for (size_t i = 0; i < count; i++)
        bb_buffer_format(w->out, "%s%s.%s = %s_%s.%s", i ? " AND " : "", name,
                         w->table->columns[i].name, staging, name, w->table->columns[i].name);
}

static void create(const struct writing *w) {
    put(w, "CREATE TABLE IF NOT EXISTS ");
    put_target(w);
    put(w, " (");
    put_definitions(w, bb_warehouse_column_count(w->table));
    put(w, ", PRIMARY KEY (");
    put_columns(w, w->table->key_count, "");
    put(w, "))");
    if (w->dialect != WAREHOUSE_REDSHIFT)
        return;
    if (w->table->distribution)
        bb_buffer_format(w->out, " DISTSTYLE KEY DISTKEY (%s)", w->table->distribution);
    if (w->table->order)
        bb_buffer_format(w->out, " SORTKEY (%s)", w->table->order);
}

static void stage(const struct writing *w, bool gone) {
    bb_buffer_format(w->out, "CREATE TEMPORARY TABLE %s_%s (", gone ? "gone" : "put",
                     w->table->name);
    put_definitions(w, gone ? w->table->gone_count : bb_warehouse_column_count(w->table));
    put(w, ")");
}

static void merge(const struct writing *w) {
    const struct warehouse_table *t = w->table;
    size_t count = bb_warehouse_column_count(t);

    put(w, "MERGE INTO ");
    put_target(w);
    bb_buffer_format(w->out, " USING put_%s ON ", t->name);
    put_match(w, t->key_count, "put");
    put(w, " WHEN MATCHED THEN UPDATE SET ");
    for (size_t i = t->key_count; i < count; i++)
        bb_buffer_format(w->out, "%s%s = put_%s.%s", i > t->key_count ? ", " : "",
                         t->columns[i].name, t->name, t->columns[i].name);
    put(w, " WHEN NOT MATCHED THEN INSERT (");
    put_columns(w, count, "");
    put(w, ") VALUES (");
    for (size_t i = 0; i < count; i++)
        bb_buffer_format(w->out, "%sput_%s.%s", i ? ", " : "", t->name, t->columns[i].name);
    put(w, ")");
}

static void guard(const struct writing *w) {
    const struct warehouse_table *t = w->table;

    bb_buffer_format(w->out, "DELETE FROM put_%s USING ", t->name);
    put_target(w);
    put(w, " WHERE ");
    put_match(w, t->key_count, "put");
    bb_buffer_format(w->out, " AND %s.%s > put_%s.%s", t->name, t->guard, t->name, t->guard);
}

static void remove_gone(const struct writing *w) {
    put(w, "DELETE FROM ");
    put_target(w);
    bb_buffer_format(w->out, " USING gone_%s WHERE ", w->table->name);
    put_match(w, w->table->gone_count, "gone");
}

bool bb_warehouse_has(const struct warehouse_table *table, enum warehouse_statement statement) {
    switch (statement) {
    case WAREHOUSE_STAGE_GONE:
    case WAREHOUSE_CLEAR_GONE:
    case WAREHOUSE_COPY_GONE:
    case WAREHOUSE_INSERT_GONE:
    case WAREHOUSE_REMOVE: return table->gone_count > 0;
    case WAREHOUSE_GUARD: return table->guard != NULL;
    default: return true;
    }
}

void bb_warehouse_statement(enum warehouse_dialect dialect, struct bb_span schema,
                            const struct warehouse_table *table, enum warehouse_statement statement,
                            struct bb_buffer *out) {
    const struct writing w = {out, schema, dialect, table};

    switch (statement) {
    case WAREHOUSE_CREATE: create(&w); break;
    case WAREHOUSE_STAGE_PUT:
    case WAREHOUSE_STAGE_GONE: stage(&w, statement == WAREHOUSE_STAGE_GONE); break;
    case WAREHOUSE_CLEAR_PUT:
    case WAREHOUSE_CLEAR_GONE:
        bb_buffer_format(out, "DELETE FROM %s_%s",
                         statement == WAREHOUSE_CLEAR_GONE ? "gone" : "put", table->name);
        break;
    case WAREHOUSE_COPY_PUT:
    case WAREHOUSE_COPY_GONE:
        put_staging_columns(&w, "COPY ", statement == WAREHOUSE_COPY_GONE);
        put(&w, " FROM STDIN");
        break;
    case WAREHOUSE_INSERT_PUT:
    case WAREHOUSE_INSERT_GONE:
        put_staging_columns(&w, "INSERT INTO ", statement == WAREHOUSE_INSERT_GONE);
        put(&w, " VALUES ");
        break;
    case WAREHOUSE_GUARD: guard(&w); break;
    case WAREHOUSE_REMOVE: remove_gone(&w); break;
    case WAREHOUSE_MERGE: merge(&w); break;
    case WAREHOUSE_STATEMENTS: BB_ASSERT(false);
    }
}

/* A literal: quotes doubled. Backslashes are left alone by both (standard_conforming_strings). */
static void put_literal(struct bb_buffer *out, const char *text) {
    bb_buffer_append_byte(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            bb_buffer_append_byte(out, '\'');
        bb_buffer_append_byte(out, (uint8_t)*text);
    }
    bb_buffer_append_byte(out, '\'');
}

void bb_warehouse_copy_s3(const struct warehouse_table *table, const struct warehouse_s3_copy *copy,
                          struct bb_buffer *out) {
    const struct writing w = {.out = out, .table = table};
    struct bb_buffer address;

    bb_buffer_init(&address, 1 << 14);
    bb_buffer_format(&address, "s3://%s/%s", copy->bucket, copy->key);
    bb_buffer_append_byte(&address, '\0');
    put_staging_columns(&w, "COPY ", copy->gone);
    put(&w, " FROM ");
    put_literal(out, address.overflow ? "" : address.data);
    put(&w, " IAM_ROLE ");
    put_literal(out, copy->iam_role);
    if (copy->region) {
        put(&w, " REGION ");
        put_literal(out, copy->region);
    }
    put(&w, " FORMAT AS CSV GZIP NULL AS '\\N' TIMEFORMAT 'auto'");
    bb_buffer_release(&address);
}

static void ensure(const struct writing *w, size_t key_count) {
    put(w, "INSERT INTO ");
    put_target(w);
    put(w, " (");
    put_columns(w, key_count, "");
    put(w, ") SELECT DISTINCT ");
    put_columns(w, key_count, "put_dim_channel.");
    put(w, " FROM put_dim_channel LEFT JOIN ");
    put_target(w);
    put(w, " ON ");
    for (size_t i = 0; i < key_count; i++)
        bb_buffer_format(w->out, "%s%s.%s = put_dim_channel.%s", i ? " AND " : "", w->table->name,
                         w->table->columns[i].name, w->table->columns[i].name);
    bb_buffer_format(w->out, " WHERE %s.tenant IS NULL", w->table->name);
}

void bb_warehouse_fixed(enum warehouse_dialect dialect, struct bb_span schema,
                        enum warehouse_fixed which, const struct warehouse_place *place,
                        struct bb_buffer *out) {
    static const char where[] = "WHERE label = %s AND partition_id = %u";
    struct writing w = {out, schema, dialect, NULL};

    switch (which) {
    case WAREHOUSE_CREATE_SCHEMA:
        bb_buffer_format(out, "CREATE SCHEMA IF NOT EXISTS %.*s", BB_SPAN_ARGS(schema));
        break;
    case WAREHOUSE_CREATE_POSITION:
        bb_buffer_format(out,
                         "CREATE TABLE IF NOT EXISTS %.*s.sink_position (label VARCHAR(200) NOT "
                         "NULL, partition_id INTEGER NOT NULL, sequence BIGINT NOT NULL, PRIMARY "
                         "KEY (label, partition_id))",
                         BB_SPAN_ARGS(schema));
        break;
    case WAREHOUSE_LOCK_POSITION:
        bb_buffer_format(out, "LOCK TABLE %.*s.sink_position", BB_SPAN_ARGS(schema));
        break;
    case WAREHOUSE_GET_POSITION:
        bb_buffer_format(out, "SELECT sequence FROM %.*s.sink_position ", BB_SPAN_ARGS(schema));
        bb_buffer_format(out, where, place->label, place->partition);
        break;
    case WAREHOUSE_ADD_POSITION:
        bb_buffer_format(out,
                         "INSERT INTO %.*s.sink_position (label, partition_id, sequence) VALUES "
                         "(%s, %u, 0)",
                         BB_SPAN_ARGS(schema), place->label, place->partition);
        break;
    case WAREHOUSE_MOVE_POSITION:
        bb_buffer_format(out, "UPDATE %.*s.sink_position SET sequence = %" PRIu64 " ",
                         BB_SPAN_ARGS(schema), place->to);
        bb_buffer_format(out, where, place->label, place->partition);
        bb_buffer_format(out, " AND sequence = %" PRIu64, place->from);
        break;
    case WAREHOUSE_ENSURE_TENANT:
        w.table = &warehouse_tables[DIM_TENANT];
        ensure(&w, w.table->key_count);
        break;
    case WAREHOUSE_ENSURE_USAGE_POINT:
        w.table = &warehouse_tables[DIM_USAGE_POINT];
        ensure(&w, w.table->key_count);
        break;
    case WAREHOUSE_FIXED: BB_ASSERT(false);
    }
}
