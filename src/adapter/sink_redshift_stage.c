/* Rows into staging tables: see sink_redshift_internal.h. Three ways, one for each that can be:
 *
 *   PostgreSQL                COPY ... FROM STDIN
 *   Redshift without bucket   INSERT of many rows; statements there are at most 16 MB
 *   Redshift with a bucket    an object of gzipped CSV, COPY from it, and the object is removed
 */
#include "adapter/sink_redshift_internal.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum {
    COPY_BYTES = 1 << 20,
    INSERT_BYTES = 8 << 20,
    ROWS_LIMIT_BYTES = 1 << 28,
    OBJECT_KEY_MAX = 512,
    GZIP_WINDOW = 15 + 16, /* zlib's way to say gzip */
    GZIP_MEMORY = 8
};

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for rows of a warehouse");
}

/* ---- COPY FROM STDIN ------------------------------------------------------------------------- */

static int end_copy(struct redshift *r, int failed, struct bb_error *error) {
    PQputCopyEnd(r->connection, failed ? "given up" : NULL);
    for (PGresult *result; (result = PQgetResult(r->connection)) != NULL;) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK && !failed)
            failed = bb_redshift_fail(r, result, error);
        PQclear(result);
        if (!r->connection)
            break;
    }
    return failed;
}

static int copy(struct redshift *r, enum warehouse_table_id table, bool gone, size_t *count,
                struct bb_error *error) {
    struct bb_buffer rows;
    size_t at = 0;

    bb_redshift_make(r, table, gone ? WAREHOUSE_COPY_GONE : WAREHOUSE_COPY_PUT);
    int result = bb_redshift_run_made(r, NULL, error);
    if (result)
        return result;
    bb_buffer_init(&rows, ROWS_LIMIT_BYTES);
    while (!result && at < r->batch.count) {
        bb_buffer_clear(&rows);
        *count += bb_warehouse_rows_write(&r->batch, table, gone, WAREHOUSE_TEXT, COPY_BYTES, &at,
                                          &rows);
        if (rows.overflow)
            result = no_memory(error);
        else if (rows.size > 0 && PQputCopyData(r->connection, rows.data, (int)rows.size) != 1)
            result = bb_redshift_fail(r, NULL, error);
    }
    bb_buffer_release(&rows);
    return r->connection ? end_copy(r, result, error) : result;
}

/* ---- INSERT ---------------------------------------------------------------------------------- */

static int insert(struct redshift *r, enum warehouse_table_id table, bool gone, size_t *count,
                  struct bb_error *error) {
    size_t at = 0;
    int result = 0;

    while (!result && at < r->batch.count) {
        bb_redshift_make(r, table, gone ? WAREHOUSE_INSERT_GONE : WAREHOUSE_INSERT_PUT);
        size_t written = bb_warehouse_rows_write(&r->batch, table, gone, WAREHOUSE_VALUES,
                                                 INSERT_BYTES, &at, &r->sql);
        if (written > 0)
            result = bb_redshift_run_made(r, NULL, error);
        *count += written;
    }
    return result;
}

/* ---- S3 -------------------------------------------------------------------------------------- */

bool bb_redshift_pack(struct bb_span bytes, struct bb_buffer *out) {
    z_stream z = {.next_in = (Bytef *)bytes.data, .avail_in = (uInt)bytes.size};

    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return false;
    size_t room = deflateBound(&z, (uLong)bytes.size);
    bool done = bb_buffer_reserve(out, room);
    if (done) {
        z.next_out = (Bytef *)out->data;
        z.avail_out = (uInt)room;
        done = deflate(&z, Z_FINISH) == Z_STREAM_END;
        out->size = z.total_out;
    }
    deflateEnd(&z);
    return done;
}

/* Never the same twice, so that no copy of ours reads what another one wrote. */
static void make_key(struct redshift *r, enum warehouse_table_id table, bool gone, char *out) {
    const char *prefix = r->options.s3_prefix ? r->options.s3_prefix : "";
    size_t size = strlen(prefix);

    snprintf(out, OBJECT_KEY_MAX, "%s%s%s/%lld-%ld-%llu-%s-%s.csv.gz", prefix,
             size > 0 && prefix[size - 1] != '/' ? "/" : "", r->base.label, (long long)time(NULL),
             (long)getpid(), (unsigned long long)++r->objects, gone ? "gone" : "put",
             warehouse_tables[table].name);
}

static int copy_object(struct redshift *r, enum warehouse_table_id table, bool gone,
                       struct bb_span rows, struct bb_error *error) {
    struct bb_error ignored;
    struct bb_buffer packed;
    char key[OBJECT_KEY_MAX];

    make_key(r, table, gone, key);
    bb_buffer_init(&packed, ROWS_LIMIT_BYTES);
    int result = bb_redshift_pack(rows, &packed)
                     ? bb_s3_put(r->s3, key, "application/gzip", bb_buffer_span(&packed), error)
                     : no_memory(error);
    bb_buffer_release(&packed);
    if (result)
        return result;
    const struct warehouse_s3_copy from = {.gone = gone,
                                           .bucket = r->options.s3_bucket,
                                           .key = key,
                                           .iam_role = r->options.iam_role,
                                           .region = r->options.aws.region};
    bb_buffer_clear(&r->sql);
    bb_warehouse_copy_s3(&warehouse_tables[table], &from, &r->sql);
    result = bb_redshift_run_made(r, NULL, error);
    /* One that stays behind costs a cent: the bucket's rule for old objects takes it. */
    bool removed = bb_s3_remove(r->s3, key, &ignored) == 0;
    (void)removed;
    return result;
}

static int copy_from_s3(struct redshift *r, enum warehouse_table_id table, bool gone, size_t *count,
                        struct bb_error *error) {
    struct bb_buffer rows;
    size_t at = 0;
    int result = 0;

    bb_buffer_init(&rows, ROWS_LIMIT_BYTES);
    *count += bb_warehouse_rows_write(&r->batch, table, gone, WAREHOUSE_CSV, ROWS_LIMIT_BYTES, &at,
                                      &rows);
    if (rows.overflow)
        result = no_memory(error);
    else if (rows.size > 0)
        result = copy_object(r, table, gone, bb_buffer_span(&rows), error);
    bb_buffer_release(&rows);
    return result;
}

int bb_redshift_stage(struct redshift *r, enum warehouse_table_id table, bool gone, size_t *count,
                      struct bb_error *error) {
    *count = 0;
    bb_redshift_make(r, table, gone ? WAREHOUSE_CLEAR_GONE : WAREHOUSE_CLEAR_PUT);
    int result = bb_redshift_run_made(r, NULL, error);
    if (result)
        return result;
    if (r->s3)
        return copy_from_s3(r, table, gone, count, error);
    if (r->dialect == WAREHOUSE_POSTGRES && !r->options.by_insert)
        return copy(r, table, gone, count, error);
    return insert(r, table, gone, count, error);
}
