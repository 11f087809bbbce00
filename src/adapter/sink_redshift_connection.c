/* The warehouse's connection: see sink_redshift_internal.h. Apart from that of the store and the registry, which set and ask
 * for what Redshift does not know. */
#include "adapter/sink_redshift_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { SQL_SHOWN = 60 };

/* What may go better the next time, by the beginning of the SQLSTATE. */
static const struct {
    const char *state;
    enum bb_error_code code;
} passing[] = {
    {"08", BB_E_SINK_AWAY},    /* the connection */
    {"57P", BB_E_SINK_AWAY},   /* shutdown, crash, starting up, ended by an administrator */
    {"40", BB_E_SINK_BUSY},    /* serialization failure, deadlock */
    {"55P03", BB_E_SINK_BUSY}, /* a lock was not to be had in time */
    {"55006", BB_E_SINK_BUSY}, /* in use */
    {"57014", BB_E_SINK_BUSY}, /* statement_timeout, or cancelled */
    {"25006", BB_E_SINK_BUSY}, /* read only: a resize, a standby */
    {"53", BB_E_SINK_BUSY},    /* disk, memory, connections */
    {"23505", BB_E_SINK_BUSY}, /* another partition put the same tenant at the same time */
};

int bb_redshift_fail(struct redshift *r, const PGresult *result, struct bb_error *error) {
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *words = result && state ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)
                                        : PQerrorMessage(r->connection);
    enum bb_error_code code = state ? BB_E_SINK_REFUSED : BB_E_SINK_AWAY;

    for (size_t i = 0; state && i < sizeof passing / sizeof passing[0]; i++)
        if (strncmp(state, passing[i].state, strlen(passing[i].state)) == 0)
            code = passing[i].code;
    /* Redshift says so under the state of any internal error. */
    if (words && strstr(words, "erializable isolation violation"))
        code = BB_E_SINK_BUSY;
    int failed = BB_FAIL(error, code, "%s: the warehouse says: %.*s (SQLSTATE %s) to %.*s",
                         r->base.label, (int)strcspn(words ? words : "", "\n"), words ? words : "",
                         state ? state : "08006", SQL_SHOWN, r->sql.data ? r->sql.data : "");
    error->retriable = code != BB_E_SINK_REFUSED;
    if (PQstatus(r->connection) != CONNECTION_OK)
        bb_redshift_drop(r);
    return failed;
}

int bb_redshift_run(struct redshift *r, const char *sql, PGresult **out, struct bb_error *error) {
    PGresult *result = r->connection ? PQexec(r->connection, sql) : NULL;
    ExecStatusType status = PQresultStatus(result);
    int failed = 0;

    if (out)
        *out = NULL;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN)
        failed = bb_redshift_fail(r, result, error);
    if (!failed && out)
        *out = result;
    else
        PQclear(result);
    return failed;
}

int bb_redshift_run_made(struct redshift *r, PGresult **out, struct bb_error *error) {
    bb_buffer_append_byte(&r->sql, '\0');
    if (r->sql.overflow)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a statement");
    return bb_redshift_run(r, r->sql.data, out, error);
}

void bb_redshift_make(struct redshift *r, enum warehouse_table_id table,
                      enum warehouse_statement statement) {
    bb_buffer_clear(&r->sql);
    bb_warehouse_statement(r->dialect, r->schema, &warehouse_tables[table], statement, &r->sql);
}

void bb_redshift_make_fixed(struct redshift *r, enum warehouse_fixed which,
                            const struct warehouse_place *place) {
    bb_buffer_clear(&r->sql);
    bb_warehouse_fixed(r->dialect, r->schema, which, place, &r->sql);
}

void bb_redshift_drop(struct redshift *r) {
    PQfinish(r->connection);
    r->connection = NULL;
}

void bb_redshift_rollback(struct redshift *r) {
    if (!r->connection || PQtransactionStatus(r->connection) == PQTRANS_IDLE)
        return;
    PGresult *result = PQexec(r->connection, "ROLLBACK");
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        bb_redshift_drop(r);
    PQclear(result);
}

/* ---- a new connection ------------------------------------------------------------------------ */

static void ignore_notice(void *context, const PGresult *result) {
    (void)context;
    (void)result; /* "schema exists, skipping" and the like */
}

static int make_fixed(struct redshift *r, enum warehouse_fixed which, struct bb_error *error) {
    bb_redshift_make_fixed(r, which, NULL);
    return bb_redshift_run_made(r, NULL, error);
}

/* Two that begin at once may both make what is not there: the second one is told to try again. */
static int make_tables(struct redshift *r, struct bb_error *error) {
    static const enum warehouse_statement each[] = {WAREHOUSE_CREATE, WAREHOUSE_STAGE_PUT,
                                                    WAREHOUSE_STAGE_GONE};
    int result = make_fixed(r, WAREHOUSE_CREATE_SCHEMA, error);

    if (!result)
        result = make_fixed(r, WAREHOUSE_CREATE_POSITION, error);
    for (enum warehouse_table_id t = 0; !result && t < WAREHOUSE_TABLES; t++)
        for (size_t s = 0; !result && s < sizeof each / sizeof each[0]; s++)
            if (bb_warehouse_has(&warehouse_tables[t], each[s])) {
                bb_redshift_make(r, t, each[s]);
                result = bb_redshift_run_made(r, NULL, error);
            }
    return result;
}

static int quote_names(struct redshift *r, struct bb_error *error) {
    const char *schema = r->options.schema ? r->options.schema : "busbar";

    if (r->schema.data)
        return 0;
    char *quoted = PQescapeIdentifier(r->connection, schema, strlen(schema));
    r->label = PQescapeLiteral(r->connection, r->base.label, strlen(r->base.label));
    if (!quoted || !r->label) {
        PQfreemem(quoted);
        return bb_redshift_fail(r, NULL, error);
    }
    r->schema = bb_span_of(quoted);
    return 0;
}

int bb_redshift_ready(struct redshift *r, struct bb_error *error) {
    static const char *const keywords[] = {"fallback_application_name",
                                           "connect_timeout",
                                           "tcp_user_timeout",
                                           "keepalives_idle",
                                           "keepalives_interval",
                                           "keepalives_count",
                                           "client_encoding",
                                           "dbname",
                                           NULL};
    const char *const values[] = {"busbar sink",       "10", "30000", "10", "5", "4", "UTF8",
                                  r->options.conninfo, NULL};

    if (r->connection && PQstatus(r->connection) == CONNECTION_OK) {
        bb_redshift_rollback(r);
        if (r->connection)
            return 0;
    }
    bb_redshift_drop(r);
    bb_buffer_clear(&r->sql);
    r->connection = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(r->connection) != CONNECTION_OK)
        return bb_redshift_fail(r, NULL, error);
    PQsetNoticeReceiver(r->connection, ignore_notice, NULL);
    int result = quote_names(r, error);
    if (!result)
        result = bb_redshift_run(r, "SET statement_timeout TO 600000", NULL, error);
    if (!result)
        result = make_tables(r, error);
    if (result)
        bb_redshift_drop(r);
    return result;
}
