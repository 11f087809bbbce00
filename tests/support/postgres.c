/* PostgreSQL behind the adapters' backs: see postgres.h. */
#include "support/postgres.h"

#include <criterion/criterion.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static void hush(void *context, const PGresult *result) {
    (void)context, (void)result;
}

static PGresult *ask(PGconn *c, const char *schema, const char *sql) {
    char set[128];

    PQsetNoticeReceiver(c, hush, NULL);
    snprintf(set, sizeof set, "SET search_path = \"%s\"", schema ? schema : "public");
    PQclear(PQexec(c, set));
    PGresult *result = PQexec(c, sql);
    ExecStatusType status = PQresultStatus(result);
    cr_assert(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s: %s", sql,
              PQerrorMessage(c));
    return result;
}

void postgres_paint(const char *conninfo, const char *schema, const char *sql,
                    struct bb_buffer *out) {
    PGconn *c = PQconnectdb(conninfo);
    PGresult *result = ask(c, schema, sql);

    for (int row = 0; row < PQntuples(result); row++)
        for (int column = 0; column < PQnfields(result); column++)
            bb_buffer_format(out, "%s%s", PQgetvalue(result, row, column),
                             column + 1 < PQnfields(result) ? "|" : "\n");
    PQclear(result);
    PQfinish(c);
}

void postgres_run(const char *conninfo, const char *schema, const char *sql) {
    PGconn *c = PQconnectdb(conninfo);

    PQclear(ask(c, schema, sql));
    PQfinish(c);
}

long postgres_number(const char *conninfo, const char *schema, const char *sql) {
    PGconn *c = PQconnectdb(conninfo);
    PGresult *result = ask(c, schema, sql);

    cr_assert(PQntuples(result) > 0, "%s: no row", sql);
    long number = strtol(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    PQfinish(c);
    return number;
}

void postgres_drop_schema(const char *conninfo, const char *schema) {
    char sql[128];

    snprintf(sql, sizeof sql, "DROP SCHEMA IF EXISTS \"%s\" CASCADE", schema);
    postgres_run(conninfo, NULL, sql);
}
