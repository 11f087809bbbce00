/* Shared by the files of the sink "redshift". */
#ifndef BB_ADAPTER_SINK_REDSHIFT_INTERNAL_H
#define BB_ADAPTER_SINK_REDSHIFT_INTERNAL_H

#include <libpq-fe.h>

#include "adapter/s3.h"
#include "adapter/warehouse_internal.h"

struct redshift {
    struct bb_sink base;
    struct bb_sink_redshift_options options;
    enum warehouse_dialect dialect;
    PGconn *connection;    /* NULL: lost, or never made */
    struct bb_span schema; /* quoted */
    char *label;           /* as a literal */
    struct bb_buffer sql;  /* of the statement at hand */
    struct warehouse_batch batch;
    struct bb_s3 *s3; /* NULL: not through S3 */
    uint64_t objects; /* put so far: names are never used twice */
};

/* ---- sink_redshift_connection.c */

/* Connected, with tables and staging tables, outside a transaction. */
int bb_redshift_ready(struct redshift *r, struct bb_error *error) BB_MUST_USE;
void bb_redshift_drop(struct redshift *r);
/* Runs a statement. *out (may be NULL) is for the caller to PQclear; NULL after a failure. */
int bb_redshift_run(struct redshift *r, const char *sql, PGresult **out, struct bb_error *error)
    BB_MUST_USE;
/* r->sql holds it. */
int bb_redshift_run_made(struct redshift *r, PGresult **out, struct bb_error *error) BB_MUST_USE;
/* r->sql becomes the statement; what was in it is gone. */
void bb_redshift_make(struct redshift *r, enum warehouse_table_id table,
                      enum warehouse_statement statement);
void bb_redshift_make_fixed(struct redshift *r, enum warehouse_fixed which,
                            const struct warehouse_place *place);
void bb_redshift_rollback(struct redshift *r);
/* What the server said, as an error. `result` NULL: the connection's words. */
int bb_redshift_fail(struct redshift *r, const PGresult *result, struct bb_error *error)
    BB_MUST_USE;

/* ---- sink_redshift_stage.c */

/* The batch's rows of a table (put or gone) into its staging table, which is emptied before. *count: how many. */
int bb_redshift_stage(struct redshift *r, enum warehouse_table_id table, bool gone, size_t *count,
                      struct bb_error *error) BB_MUST_USE;
/* Bytes as gzip; `out` is empty. False: no memory. */
bool bb_redshift_pack(struct bb_span bytes, struct bb_buffer *out) BB_MUST_USE;

#endif
