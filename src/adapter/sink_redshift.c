/* The sink "redshift": facts and dimensions in a warehouse, its position in the same transaction.
 *
 *   BEGIN
 *   UPDATE sink_position ... WHERE sequence = from      no row: MOVED, nothing was done; a second one waits here
 *   for each table:  rows into put_TABLE, gone_TABLE    the last word on each key alone
 *                    DELETE what is gone, MERGE what is put
 *   COMMIT                                              no answer: whoever asks for the position knows
 */
#include "adapter/sink_redshift_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BATCH_ROWS = 50000,
    BATCH_BYTES = 64 << 20, /* a record more is taken in, whatever its size */
    BATCH_LIMIT_BYTES = 1 << 29,
    SQL_LIMIT_BYTES = 1 << 26
};

static struct redshift *redshift_of(struct bb_sink *sink) {
    return (struct redshift *)sink;
}

static void redshift_close(struct bb_sink *base) {
    struct redshift *r = redshift_of(base);

    if (!r)
        return;
    bb_redshift_drop(r);
    PQfreemem((void *)r->schema.data);
    PQfreemem(r->label);
    bb_buffer_release(&r->sql);
    bb_warehouse_batch_release(&r->batch);
    bb_s3_close(r->s3);
    free(r);
}

/* ---- positions ------------------------------------------------------------------------------- */

/* False: there is no row yet. */
static int find_position(struct redshift *r, const struct warehouse_place *place, bool *found,
                         uint64_t *sequence, struct bb_error *error) {
    PGresult *rows;

    bb_redshift_make_fixed(r, WAREHOUSE_GET_POSITION, place);
    int result = bb_redshift_run_made(r, &rows, error);
    if (result)
        return result;
    *found = PQntuples(rows) > 0;
    *sequence = *found ? strtoull(PQgetvalue(rows, 0, 0), NULL, 10) : 0;
    PQclear(rows);
    return 0;
}

/* Redshift does not enforce keys: only under a lock is there surely one row. */
static int add_position(struct redshift *r, const struct warehouse_place *place,
                        struct bb_error *error) {
    uint64_t sequence;
    bool found = false;
    int result = bb_redshift_run(r, "BEGIN", NULL, error);

    bb_redshift_make_fixed(r, WAREHOUSE_LOCK_POSITION, place);
    if (!result)
        result = bb_redshift_run_made(r, NULL, error);
    if (!result)
        result = find_position(r, place, &found, &sequence, error);
    if (!result && !found) {
        bb_redshift_make_fixed(r, WAREHOUSE_ADD_POSITION, place);
        result = bb_redshift_run_made(r, NULL, error);
    }
    if (!result)
        result = bb_redshift_run(r, "COMMIT", NULL, error);
    bb_redshift_rollback(r);
    return result;
}

static int redshift_position(struct bb_sink *base, uint32_t partition, uint64_t *sequence,
                             struct bb_error *error) {
    struct redshift *r = redshift_of(base);
    bool found = false;
    int result = bb_redshift_ready(r, error);

    if (result)
        return result;
    const struct warehouse_place place = {.label = r->label, .partition = partition};
    result = find_position(r, &place, &found, sequence, error);
    if (!result && !found) {
        result = add_position(r, &place, error);
        if (!result)
            result = find_position(r, &place, &found, sequence, error);
    }
    return result;
}

/* BB_SINK_MOVED: no row stood there. */
static int move_position(struct redshift *r, const struct warehouse_place *place,
                         struct bb_error *error) {
    PGresult *done;

    bb_redshift_make_fixed(r, WAREHOUSE_MOVE_POSITION, place);
    int result = bb_redshift_run_made(r, &done, error);
    if (result)
        return result;
    bool moved = strcmp(PQcmdTuples(done), "1") == 0;
    PQclear(done);
    return moved ? 0 : BB_SINK_MOVED;
}

/* ---- one transaction ------------------------------------------------------------------------- */

static int run_for(struct redshift *r, enum warehouse_table_id table,
                   enum warehouse_statement statement, struct bb_error *error) {
    if (!bb_warehouse_has(&warehouse_tables[table], statement))
        return 0;
    bb_redshift_make(r, table, statement);
    return bb_redshift_run_made(r, NULL, error);
}

static int merge_table(struct redshift *r, enum warehouse_table_id table, struct bb_error *error) {
    size_t gone = 0, put = 0;
    int result = 0;

    if (warehouse_tables[table].gone_count > 0)
        result = bb_redshift_stage(r, table, true, &gone, error);
    if (!result && gone > 0)
        result = run_for(r, table, WAREHOUSE_REMOVE, error);
    if (!result)
        result = bb_redshift_stage(r, table, false, &put, error);
    if (!result && put > 0)
        result = run_for(r, table, WAREHOUSE_GUARD, error);
    if (!result && put > 0)
        result = run_for(r, table, WAREHOUSE_MERGE, error);
    return result;
}

/* A channel's usage point and tenant have rows, even if no master data names them: joins lose no fact. */
static int ensure_dimensions(struct redshift *r, struct bb_error *error) {
    bb_redshift_make_fixed(r, WAREHOUSE_ENSURE_TENANT, NULL);
    int result = bb_redshift_run_made(r, NULL, error);

    if (result)
        return result;
    bb_redshift_make_fixed(r, WAREHOUSE_ENSURE_USAGE_POINT, NULL);
    return bb_redshift_run_made(r, NULL, error);
}

static bool batch_has(const struct redshift *r, enum warehouse_table_id table) {
    for (size_t i = 0; i < r->batch.count; i++)
        if (r->batch.rows[i].table == table)
            return true;
    return false;
}

static int merge_batch(struct redshift *r, struct bb_error *error) {
    int result = 0;

    bb_warehouse_batch_settle(&r->batch);
    for (enum warehouse_table_id t = 0; !result && t < WAREHOUSE_TABLES; t++)
        if (batch_has(r, t))
            result = merge_table(r, t, error);
    if (!result && batch_has(r, DIM_CHANNEL))
        result = ensure_dimensions(r, error);
    return result;
}

static int commit_batch(struct redshift *r, const struct warehouse_place *place,
                        struct bb_error *error) {
    char name[96];
    int result = bb_redshift_run(r, "BEGIN", NULL, error);

    if (!result)
        result = move_position(r, place, error);
    if (!result)
        result = merge_batch(r, error);
    if (!result)
        result = bb_redshift_run(r, "COMMIT", NULL, error);
    bb_redshift_rollback(r);
    bb_warehouse_batch_clear(&r->batch);
    if (result < 0) {
        snprintf(name, sizeof name, "records %llu to %llu of partition %u",
                 (unsigned long long)place->from + 1, (unsigned long long)place->to,
                 place->partition);
        bb_error_locate(error, name, 0);
    }
    return result;
}

static bool is_full(const struct redshift *r) {
    return r->batch.count >= r->options.batch_rows || r->batch.bytes.size >= BATCH_BYTES;
}

static int redshift_apply(struct bb_sink *base, uint32_t partition, uint64_t from,
                          const struct bb_outbox_record *records, size_t count,
                          struct bb_error *error) {
    struct redshift *r = redshift_of(base);
    struct warehouse_place place = {.partition = partition, .from = from, .to = from};
    uint64_t at = 0;
    /* Also makes the row that is moved. */
    int result = redshift_position(base, partition, &at, error);

    if (!result && at != from)
        result = BB_SINK_MOVED;
    place.label = r->label;
    bb_warehouse_batch_clear(&r->batch);
    for (size_t i = 0; !result && i < count; i++) {
        result = bb_warehouse_batch_add(&r->batch, &r->options.choice, partition, place.to + 1,
                                        &records[i], error);
        place.to++;
        if (!result && (is_full(r) || i + 1 == count)) {
            result = commit_batch(r, &place, error);
            place.from = place.to;
        }
    }
    return result;
}

static int redshift_check(struct bb_sink *base, struct bb_error *error) {
    return bb_redshift_ready(redshift_of(base), error);
}

static const struct bb_sink_ops operations = {
    .name = "redshift",
    .guarantee = BB_SINK_INSIDE,
    .close = redshift_close,
    .position = redshift_position,
    .apply = redshift_apply,
    .check = redshift_check,
};

static int look_at_options(const struct bb_sink_redshift_options *o, const char *label,
                           struct bb_error *error) {
    if (!o->conninfo || !o->conninfo[0])
        return BB_FAIL(error, BB_E_SINK_SETTINGS, "%s: connection is missing", label);
    if (o->s3_bucket && o->is_postgres)
        return BB_FAIL(
            error, BB_E_SINK_SETTINGS,
            "%s: PostgreSQL does not read from S3: leave out s3.bucket, or set `dialect: "
            "redshift`",
            label);
    if (o->s3_bucket && !(o->iam_role && o->iam_role[0]))
        return BB_FAIL(
            error, BB_E_SINK_SETTINGS,
            "%s: s3.iam_role is missing: the role by which the warehouse reads the bucket", label);
    return 0;
}

int bb_sink_redshift_open(const struct bb_sink_redshift_options *options, const char *label,
                          struct bb_sink **out, struct bb_error *error) {
    int result = look_at_options(options, label, error);
    struct redshift *r = result ? NULL : calloc(1, sizeof *r);

    if (result)
        return result;
    if (!r)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a sink");
    r->base = (struct bb_sink){&operations, label};
    r->options = *options;
    r->dialect = options->is_postgres ? WAREHOUSE_POSTGRES : WAREHOUSE_REDSHIFT;
    if (r->options.batch_rows == 0)
        r->options.batch_rows = BATCH_ROWS;
    bb_buffer_init(&r->sql, SQL_LIMIT_BYTES);
    bb_warehouse_batch_init(&r->batch, BATCH_LIMIT_BYTES);
    if (options->s3_bucket)
        result = bb_s3_open(&(struct bb_s3_options){.bucket = options->s3_bucket,
                                                    .endpoint = options->s3_endpoint,
                                                    .aws = options->aws,
                                                    .patience = options->patience},
                            label, &r->s3, error);
    if (result) {
        redshift_close(&r->base);
        return result;
    }
    *out = &r->base;
    return 0;
}
