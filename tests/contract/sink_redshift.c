/* The warehouse's other side: a PostgreSQL server with a schema of the test's own, reached through the proxy. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "contract/cluster.h"
#include "contract/sink_redshift.h"

static void run(PGconn *c, const char *sql) {
    PGresult *result = PQexec(c, sql);

    cr_assert(PQresultStatus(result) == PGRES_COMMAND_OK ||
                  PQresultStatus(result) == PGRES_TUPLES_OK,
              "%s: %s", sql, PQerrorMessage(c));
    PQclear(result);
}

static void begin_redshift(struct sink_fixture *f) {
    struct warehouse_side *w = calloc(1, sizeof *w);
    char unique[16];
    const char *address = cluster_address("postgres"), *port = strstr(address, "port=");

    cr_assert_not_null(w);
    cr_assert_not_null(port, "%s", address);
    f->other = w;
    w->direct = PQconnectdb(address);
    cr_assert_eq(PQstatus(w->direct), CONNECTION_OK, "%s", PQerrorMessage(w->direct));
    f->proxy = cut_proxy_start((uint16_t)strtoul(port + strlen("port="), NULL, 10));
    snprintf(w->conninfo, sizeof w->conninfo, "%s port=%u sslmode=disable", address,
             cut_proxy_port(f->proxy));
    cluster_unique(unique, sizeof unique);
    snprintf(w->schema, sizeof w->schema, "Sink %s", unique); /* a name that has to be quoted */
}

static void end_redshift(struct sink_fixture *f) {
    struct warehouse_side *w = f->other;
    char sql[128];

    snprintf(sql, sizeof sql, "DROP SCHEMA IF EXISTS \"%s\" CASCADE", w->schema);
    run(w->direct, "SET client_min_messages = warning");
    run(w->direct, sql);
    PQfinish(w->direct);
    cut_proxy_stop(f->proxy);
    free(w);
}

static int open_redshift(struct sink_fixture *f, struct bb_sink **out) {
    struct warehouse_side *w = f->other;
    struct bb_sink_redshift_options options = {.conninfo = w->conninfo,
                                               .schema = w->schema,
                                               .is_postgres = true,
                                               .batch_rows = w->batch_rows,
                                               .by_insert = w->by_insert,
                                               .patience = sink_patience()};

    return bb_sink_redshift_open(&options, "dwh's", out, &f->error);
}

PGresult *warehouse_ask(const struct warehouse_side *w, const char *sql) {
    char path[128];

    snprintf(path, sizeof path, "SET search_path = \"%s\"", w->schema);
    run(w->direct, path);
    PGresult *rows = PQexec(w->direct, sql);
    cr_assert_eq(PQresultStatus(rows), PGRES_TUPLES_OK, "%s: %s", sql, PQerrorMessage(w->direct));
    return rows;
}

static void picture_redshift(struct sink_fixture *f, struct picture *out) {
    static const char sql[] =
        "SELECT concat_ws('|', tenant, usage_point, channel, lane, to_char(interval_end, "
        "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), statistic), concat_ws(' ', to_char(interval_start, "
        "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), coalesce(trim_scale(value)::text, '-'), unit, quality), "
        "coalesce(value = mantissa * 10::numeric ^ exponent, true) FROM fact_reading";
    PGresult *there, *rows;

    there = warehouse_ask(f->other, "SELECT to_regclass('fact_reading') IS NOT NULL");
    bool made = strcmp(PQgetvalue(there, 0, 0), "t") == 0;
    PQclear(there);
    if (!made) /* it is made when the sink first connects */
        return;
    rows = warehouse_ask(f->other, sql);
    for (int i = 0; i < PQntuples(rows); i++) {
        picture_put(out, PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1));
        cr_expect_str_eq(PQgetvalue(rows, i, 2), "t", "value is not mantissa and exponent: %s",
                         PQgetvalue(rows, i, 0));
    }
    PQclear(rows);
}

const struct sink_subject sink_redshift_subject = {
    "redshift", begin_redshift, end_redshift, open_redshift, picture_redshift, 6000,
};
