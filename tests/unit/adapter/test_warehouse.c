/* Statements of a warehouse take nothing that Redshift lacks, and the lint that says so sees what it should. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "adapter/sink_redshift_internal.h"

static struct bb_buffer sql;

static void begin(void) {
    bb_buffer_init(&sql, 1 << 20);
}

static void end(void) {
    bb_buffer_release(&sql);
}

TestSuite(warehouse, .init = begin, .fini = end);

static void expect_clean(const char *what) {
    const char *lacks = bb_warehouse_lint(bb_buffer_span(&sql));

    cr_expect_gt(sql.size, 0, "%s is empty", what);
    cr_expect_null(lacks, "%s: %s: %.*s", what, lacks, BB_SPAN_ARGS(bb_buffer_span(&sql)));
    bb_buffer_clear(&sql);
}

static bool is_postgres_alone(enum warehouse_statement s) {
    return s == WAREHOUSE_COPY_PUT || s == WAREHOUSE_COPY_GONE;
}

static void look_at_table(enum warehouse_dialect dialect, const struct warehouse_table *table) {
    for (enum warehouse_statement s = 0; s < WAREHOUSE_STATEMENTS; s++) {
        if (!bb_warehouse_has(table, s))
            continue;
        bb_warehouse_statement(dialect, BB_SPAN("\"busbar\""), table, s, &sql);
        if (is_postgres_alone(s)) {
            cr_expect_not_null(bb_warehouse_lint(bb_buffer_span(&sql)));
            bb_buffer_clear(&sql);
        } else {
            expect_clean(table->name);
        }
    }
}

Test(warehouse, every_statement_is_one_that_redshift_has) {
    const struct warehouse_place place = {"'label'", 3, 17, 21};

    for (enum warehouse_dialect d = WAREHOUSE_REDSHIFT; d <= WAREHOUSE_POSTGRES; d++) {
        for (enum warehouse_table_id t = 0; t < WAREHOUSE_TABLES; t++)
            look_at_table(d, &warehouse_tables[t]);
        for (enum warehouse_fixed f = 0; f < WAREHOUSE_FIXED; f++) {
            bb_warehouse_fixed(d, BB_SPAN("\"busbar\""), f, &place, &sql);
            expect_clean("a fixed one");
        }
    }
    for (enum warehouse_table_id t = 0; t < WAREHOUSE_TABLES; t++) {
        bb_warehouse_copy_s3(&warehouse_tables[t],
                             &(struct warehouse_s3_copy){.bucket = "b",
                                                         .key = "k/o'clock.csv.gz",
                                                         .iam_role = "arn:aws:iam::1:role/r",
                                                         .region = "eu-central-1"},
                             &sql);
        expect_clean("COPY");
    }
}

Test(warehouse, no_column_has_a_word_of_redshifts_own_for_a_name) {
    for (enum warehouse_table_id t = 0; t < WAREHOUSE_TABLES; t++)
        for (size_t i = 0; i < bb_warehouse_column_count(&warehouse_tables[t]); i++)
            cr_expect_not(bb_warehouse_is_reserved(warehouse_tables[t].columns[i].name), "%s.%s",
                          warehouse_tables[t].name, warehouse_tables[t].columns[i].name);
    cr_expect(bb_warehouse_is_reserved("TAG"));
}

Test(warehouse, distribution_and_order_are_redshifts_alone) {
    bb_warehouse_statement(WAREHOUSE_REDSHIFT, BB_SPAN("\"s\""), &warehouse_tables[DIM_CHANNEL],
                           WAREHOUSE_CREATE, &sql);
    bb_buffer_append_byte(&sql, '\0');
    cr_expect_not_null(strstr(sql.data, "DISTSTYLE KEY DISTKEY (usage_point) SORTKEY ("), "%s",
                       sql.data);
    bb_buffer_clear(&sql);
    bb_warehouse_statement(WAREHOUSE_POSTGRES, BB_SPAN("\"s\""), &warehouse_tables[DIM_CHANNEL],
                           WAREHOUSE_CREATE, &sql);
    bb_buffer_append_byte(&sql, '\0');
    cr_expect_null(strstr(sql.data, "DIST"), "%s", sql.data);
}

Test(warehouse, merge_reads_as_it_should) {
    bb_warehouse_statement(WAREHOUSE_REDSHIFT, BB_SPAN("\"s\""), &warehouse_tables[DIM_TENANT],
                           WAREHOUSE_MERGE, &sql);
    bb_buffer_append_byte(&sql, '\0');
    cr_expect_str_eq(
        sql.data,
        "MERGE INTO \"s\".dim_tenant USING put_dim_tenant ON dim_tenant.tenant = "
        "put_dim_tenant.tenant WHEN MATCHED THEN UPDATE SET zone = put_dim_tenant.zone, recorded = "
        "put_dim_tenant.recorded WHEN NOT MATCHED THEN INSERT (tenant, zone, recorded) VALUES "
        "(put_dim_tenant.tenant, put_dim_tenant.zone, put_dim_tenant.recorded)");
}

Test(warehouse, a_copy_from_s3_quotes_what_it_is_given) {
    bb_warehouse_copy_s3(&warehouse_tables[DIM_TENANT],
                         &(struct warehouse_s3_copy){.gone = false,
                                                     .bucket = "b",
                                                     .key = "o'clock.csv.gz",
                                                     .iam_role = "arn:aws:iam::1:role/r"},
                         &sql);
    bb_buffer_append_byte(&sql, '\0');
    cr_expect_str_eq(sql.data,
                     "COPY put_dim_tenant (tenant, zone, recorded) FROM "
                     "'s3://b/o''clock.csv.gz' IAM_ROLE 'arn:aws:iam::1:role/r' FORMAT AS "
                     "CSV GZIP NULL AS '\\N' TIMEFORMAT 'auto'");
}

Test(warehouse, the_lint_sees_what_redshift_lacks) {
    static const char *const lacking[] = {
        "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 1",
        "insert into t values (1) returning a",
        "SELECT * FROM t FOR UPDATE SKIP LOCKED",
        "SELECT * FROM t FOR UPDATE",
        "CREATE INDEX i ON t (a)",
        "CREATE UNIQUE INDEX i ON t (a) WHERE b",
        "CREATE TABLE t (a serial)",
        "CREATE TABLE t (a jsonb)",
        "CREATE TABLE t (a integer[])",
        "CREATE TABLE t (a text)",
        "CREATE TABLE t (a int CHECK (a > 1))",
        "CREATE TABLE t (a tsvector)",
        "CREATE TEMPORARY TABLE t (a int) ON COMMIT DROP",
        "CREATE TABLE t (a int) PARTITION BY RANGE (a)",
        "SELECT a[1] FROM t",
        "SELECT unnest(a) FROM t",
        "SELECT DISTINCT ON (a) a FROM t",
        "SELECT count(*) FILTER (WHERE a) FROM t",
        "COPY t FROM STDIN",
        "TRUNCATE t",
        "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED AND s.b THEN DELETE WHEN NOT MATCHED THEN "
        "INSERT VALUES (s.a)",
        "MERGE INTO t USING (SELECT 1) AS s ON t.a = s.a WHEN MATCHED THEN DELETE WHEN NOT MATCHED "
        "THEN INSERT VALUES (s.a)",
        "MERGE INTO t USING s ON t.a = s.a WHEN NOT MATCHED THEN INSERT VALUES (s.a)",
        "MERGE INTO t USING s ON t.a = s.a WHEN NOT MATCHED THEN INSERT VALUES (s.a) WHEN MATCHED "
        "THEN DELETE",
    };
    static const char *const fine[] = {
        "SELECT 'ON CONFLICT RETURNING [1] it''s text' AS a",
        "SELECT \"text\", a FROM t",
        "SELECT sum(a) OVER (PARTITION BY b ORDER BY c) FROM t",
        "DELETE FROM t USING s WHERE t.a = s.a",
        "UPDATE t SET a = s.a FROM s WHERE t.b = s.b",
    };

    for (size_t i = 0; i < sizeof lacking / sizeof lacking[0]; i++)
        cr_expect_not_null(bb_warehouse_lint(bb_span_of(lacking[i])), "%s", lacking[i]);
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        cr_expect_null(bb_warehouse_lint(bb_span_of(fine[i])), "%s", fine[i]);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void add_exception(struct warehouse_batch *batch, uint64_t sequence, struct bb_span source) {
    const struct bb_sink_choice all = {0};
    struct bb_outbox_record record = {.kind = BB_OUTBOX_EXCEPTION_OPENED,
                                      .tenant = BB_SPAN("t"),
                                      .usage_point = BB_SPAN("a\tb\\c'd\"e"),
                                      .channel = BB_SPAN("c"),
                                      .from_ms = 0,
                                      .to_ms = 61000,
                                      .a = 15,
                                      .exponent = -1,
                                      .recorded_ms = 1,
                                      .body = source};
    struct bb_error error;

    cr_assert_eq(bb_warehouse_batch_add(batch, &all, 2, sequence, &record, &error), 0, "%s",
                 error.text);
}

static void expect_rows(const struct warehouse_batch *batch, enum warehouse_form form,
                        const char *expected) {
    size_t at = 0;

    bb_buffer_clear(&sql);
    bb_warehouse_rows_write(batch, FACT_EXCEPTION, false, form, 1 << 20, &at, &sql);
    bb_buffer_append_byte(&sql, '\0');
    cr_expect_str_eq(sql.data, expected);
}

Test(warehouse, rows_are_escaped_for_each_way) {
    struct warehouse_batch batch;

    bb_warehouse_batch_init(&batch, 1 << 20);
    add_exception(&batch, 7, BB_SPAN("a\xff\nz"));
    bb_warehouse_batch_settle(&batch);
    expect_rows(&batch, WAREHOUSE_TEXT,
                "2\t7\tt\ta\\tb\\\\c'd\"e\tc\tgap\topened\t1970-01-01 00:00:00\t1970-01-01 "
                "00:01:01\t1.5\t0.0\ta??z\t1970-01-01 00:00:00.001\n");
    expect_rows(&batch, WAREHOUSE_VALUES,
                "('2','7','t','a\tb\\c''d\"e','c','gap','opened','1970-01-01 00:00:00','1970-01-01 "
                "00:01:01','1.5','0.0','a??z','1970-01-01 00:00:00.001')");
    expect_rows(&batch, WAREHOUSE_CSV,
                "\"2\",\"7\",\"t\",\"a\tb\\c'd\"\"e\",\"c\",\"gap\",\"opened\",\"1970-01-01 "
                "00:00:00\",\"1970-01-01 00:01:01\",\"1.5\",\"0.0\",\"a??z\",\"1970-01-01 "
                "00:00:00.001\"\n");
    bb_warehouse_batch_release(&batch);
}

Test(warehouse, the_last_word_on_a_key_stays) {
    struct warehouse_batch batch;
    size_t at = 0;

    bb_warehouse_batch_init(&batch, 1 << 20);
    add_exception(&batch, 9, BB_SPAN("first"));
    add_exception(&batch, 8, BB_SPAN("other"));
    add_exception(&batch, 9, BB_SPAN("second"));
    bb_warehouse_batch_settle(&batch);
    cr_expect_eq(batch.count, 2);
    bb_warehouse_rows_write(&batch, FACT_EXCEPTION, false, WAREHOUSE_CSV, 1 << 20, &at, &sql);
    bb_buffer_append_byte(&sql, '\0');
    cr_expect_null(strstr(sql.data, "first"), "%s", sql.data);
    cr_expect_not_null(strstr(sql.data, "second"), "%s", sql.data);
    cr_expect_not_null(strstr(sql.data, "other"), "%s", sql.data);
    bb_warehouse_batch_release(&batch);
}

/* What goes to S3 is gzip, and what zlib reads out of it what went in. */
Test(warehouse, objects_are_packed_whole) {
    enum { SIZE = 3000000 };
    char *rows = malloc(SIZE), *again = malloc(SIZE);
    struct bb_buffer packed;

    cr_assert(rows && again);
    for (size_t i = 0; i < SIZE; i++)
        rows[i] = (char)('a' + (i * i >> 7) % 23);
    bb_buffer_init(&packed, 1 << 24);
    cr_assert(bb_redshift_pack((struct bb_span){rows, SIZE}, &packed));
    cr_expect_eq((unsigned char)packed.data[0], 0x1f);
    cr_expect_eq((unsigned char)packed.data[1], 0x8b);
    z_stream z = {.next_in = (Bytef *)packed.data,
                  .avail_in = (uInt)packed.size,
                  .next_out = (Bytef *)again,
                  .avail_out = SIZE};
    cr_assert_eq(inflateInit2(&z, 15 + 16), Z_OK);
    cr_expect_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
    cr_expect_eq(z.total_out, SIZE);
    cr_expect_eq(memcmp(rows, again, SIZE), 0);
    inflateEnd(&z);
    bb_buffer_release(&packed);
    free(rows);
    free(again);
}
