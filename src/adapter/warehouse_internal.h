/* A warehouse (Redshift, or PostgreSQL in its place): the tables that a sink fills, the statements for it, and rows on their
 * way there. Pure but for sink_redshift*.c.
 *
 *   outbox records --> warehouse_rows.c --> rows of put_TABLE and gone_TABLE, the last word on each key alone
 *        --> staged (COPY FROM STDIN | INSERT | an object in S3 and COPY) --> DELETE what is gone, MERGE the rest
 *
 * Statements are made of warehouse_table.c's tables and take nothing that Redshift lacks; warehouse_lint.c knows what that is.
 */
#ifndef BB_ADAPTER_WAREHOUSE_INTERNAL_H
#define BB_ADAPTER_WAREHOUSE_INTERNAL_H

#include "adapter/change_feed.h"

enum warehouse_dialect { WAREHOUSE_REDSHIFT = 0, WAREHOUSE_POSTGRES };

enum warehouse_table_id {
    FACT_READING = 0,
    FACT_EXCEPTION,
    DIM_TENANT,
    DIM_USAGE_POINT,
    DIM_CHANNEL,
    DIM_INSTALLATION,
    WAREHOUSE_TABLES
};

enum { WAREHOUSE_COLUMNS_MAX = 20 };

struct warehouse_column {
    const char *name, *type;
};
struct warehouse_table {
    const char *name;
    struct warehouse_column
        columns[WAREHOUSE_COLUMNS_MAX]; /* the key first; ends with a nameless one */
    size_t key_count;
    size_t gone_count; /* rows go by this many columns of the key; 0: none ever goes */
    /* Rows that are in the table with a greater one of this column stay as they are. NULL: none do. */
    const char *guard;
    const char *distribution, *order; /* Redshift's; NULL: as it chooses */
};
extern const struct warehouse_table warehouse_tables[WAREHOUSE_TABLES];
size_t bb_warehouse_column_count(const struct warehouse_table *table);

/* ---- statements: warehouse_statement.c */

enum warehouse_statement {
    WAREHOUSE_CREATE = 0, /* the table */
    WAREHOUSE_STAGE_PUT,  /* the temporary table put_NAME */
    WAREHOUSE_STAGE_GONE, /* gone_NAME */
    WAREHOUSE_CLEAR_PUT,
    WAREHOUSE_CLEAR_GONE,
    WAREHOUSE_COPY_PUT, /* FROM STDIN: PostgreSQL alone */
    WAREHOUSE_COPY_GONE,
    WAREHOUSE_INSERT_PUT, /* up to VALUES */
    WAREHOUSE_INSERT_GONE,
    WAREHOUSE_GUARD, /* takes rows out of put_NAME */
    WAREHOUSE_REMOVE,
    WAREHOUSE_MERGE,
    WAREHOUSE_STATEMENTS
};
/* Does the table have this statement? */
bool bb_warehouse_has(const struct warehouse_table *table, enum warehouse_statement statement);
/* `schema` is quoted already. */
void bb_warehouse_statement(enum warehouse_dialect dialect, struct bb_span schema,
                            const struct warehouse_table *table, enum warehouse_statement statement,
                            struct bb_buffer *out);
/* COPY put_NAME (or gone_NAME) of an object in S3; the texts are quoted here. */
struct warehouse_s3_copy {
    bool gone;
    const char *bucket, *key, *iam_role, *region; /* region NULL: the warehouse's own */
};
void bb_warehouse_copy_s3(const struct warehouse_table *table, const struct warehouse_s3_copy *copy,
                          struct bb_buffer *out);
/* What belongs to no table of those: in this order. */
enum warehouse_fixed {
    WAREHOUSE_CREATE_SCHEMA = 0,
    WAREHOUSE_CREATE_POSITION,
    WAREHOUSE_LOCK_POSITION,
    WAREHOUSE_GET_POSITION,  /* of label and partition: two literals follow */
    WAREHOUSE_ADD_POSITION,  /* likewise */
    WAREHOUSE_MOVE_POSITION, /* label, partition, from, to */
    WAREHOUSE_ENSURE_TENANT, /* rows for what put_dim_channel names */
    WAREHOUSE_ENSURE_USAGE_POINT,
    WAREHOUSE_FIXED
};
struct warehouse_place { /* of a position; `label` is a literal, quoted */
    const char *label;
    uint32_t partition;
    uint64_t from, to;
};
void bb_warehouse_fixed(enum warehouse_dialect dialect, struct bb_span schema,
                        enum warehouse_fixed which, const struct warehouse_place *place,
                        struct bb_buffer *out);

/* ---- what Redshift lacks: warehouse_lint.c. NULL: nothing of it is in the statement; else a few words. */
const char *bb_warehouse_lint(struct bb_span sql);
/* Is it a word that Redshift keeps for itself, so that no column may have it for a name? */
bool bb_warehouse_is_reserved(const char *word);

/* ---- rows: warehouse_rows.c */

struct warehouse_row {
    size_t begin, end;  /* of its fields in the batch's bytes */
    size_t key_end;     /* what of them is the key */
    uint64_t order;     /* in which rows were told */
    uint8_t table;      /* enum warehouse_table_id */
    bool gone, dropped; /* dropped: a later one has the last word */
};

/* Fields stand as a byte (0: NULL, 1: a text), the length as four bytes, and the text. */
struct warehouse_batch {
    struct bb_buffer bytes;
    struct warehouse_row *rows;
    size_t count, capacity;
    size_t row_begin; /* of the row that is being added */
};

void bb_warehouse_batch_init(struct warehouse_batch *batch, size_t limit_bytes);
void bb_warehouse_batch_release(struct warehouse_batch *batch);
void bb_warehouse_batch_clear(struct warehouse_batch *batch);
/* One record's rows. */
int bb_warehouse_batch_add(struct warehouse_batch *batch, const struct bb_sink_choice *choice,
                           uint32_t partition, uint64_t sequence,
                           const struct bb_outbox_record *record, struct bb_error *error);
/* Rows come to stand by table, those that are gone before those that are put, and of each key the last one. */
void bb_warehouse_batch_settle(struct warehouse_batch *batch);

/* How rows are written. */
enum warehouse_form { WAREHOUSE_TEXT = 0 /* COPY's */, WAREHOUSE_VALUES, WAREHOUSE_CSV };
/* The rows of a table (put or gone) from `*at` on, until `out` holds about `limit_bytes`; *at moves behind them. Returns
 * how many. */
size_t bb_warehouse_rows_write(const struct warehouse_batch *batch, enum warehouse_table_id table,
                               bool gone, enum warehouse_form form, size_t limit_bytes, size_t *at,
                               struct bb_buffer *out);

#endif
