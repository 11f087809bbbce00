/* Opening a connection to PostgreSQL, losing it and finding the server again: see postgres_internal.h. */
#include "adapter/postgres_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/backoff.h"
#include "base/buffer.h"

enum {
    CONNECT_TIMEOUT_MS = 10000,
    STATEMENT_TIMEOUT_MS = 300000,
    LOCK_TIMEOUT_MS = 10000,
    IDLE_TIMEOUT_MS = 60000,
    PAUSE_FIRST_MS = 100, /* after the first failure; doubled with each, up to PAUSE_MAX_MS */
    PAUSE_MAX_MS = 10000,
    VERSION_MIN = 140000,
};

/* Of a peer that vanished we hear in about half a minute; what conninfo says comes later and overrules. */
static PGconn *connect_start(const struct bb_postgres_options *o) {
    char name[64];
    const char *const keywords[] = {
        "fallback_application_name", "tcp_user_timeout", "keepalives_idle", "keepalives_interval",
        "keepalives_count",          "client_encoding",  "dbname",          NULL};
    const char *const values[] = {name, "30000", "10", "5", "4", "UTF8", o->conninfo, NULL};

    snprintf(name, sizeof name, "busbar %s", o->purpose);
    return PQconnectStartParams(keywords, values, 1);
}

/* As PQconnectdbParams does it, but the message is verbose from the beginning (postgres_error.c says why). */
static bool connect_wait(PGconn *c, int timeout_ms) {
    const int64_t deadline_ns = bb_monotonic_ns() + timeout_ms * INT64_C(1000000);
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;

    while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
        struct pollfd p = {.fd = PQsocket(c),
                           .events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        int64_t left_ms = (deadline_ns - bb_monotonic_ns()) / 1000000;
        if (left_ms <= 0)
            return false;
        int ready = poll(&p, 1, (int)left_ms);
        if (ready < 0 && errno != EINTR)
            return false;
        if (ready > 0)
            status = PQconnectPoll(c);
    }
    return status == PGRES_POLLING_OK;
}

static void ignore_notice(void *context, const PGresult *result) {
    (void)context;
    (void)result; /* "schema exists, skipping" and the like */
}

/* The settings of the session, in one round trip. */
static int session_begin(struct bb_postgres *pg, struct bb_error *error) {
    const struct bb_postgres_options *o = &pg->options;
    char *schema = PQescapeIdentifier(pg->connection, o->schema, strlen(o->schema));
    struct bb_buffer sql;

    if (!schema)
        return bb_postgres_fail(pg, NULL, "take the schema's name", error);
    bb_buffer_init(&sql, 1 << 16);
    bb_buffer_format(
        &sql,
        "SET search_path = %s; SET timezone = 'UTC'; SET lock_timeout = %d; SET statement_timeout = %d;"
        "SET idle_in_transaction_session_timeout = %d; SET default_transaction_read_only = %s;"
        "SET default_transaction_isolation = 'read committed'; SET synchronous_commit = on;"
        "SET client_connection_check_interval = 5000;", /* a statement of one who is gone ends */
        schema, o->lock_timeout_ms, o->statement_timeout_ms, o->idle_timeout_ms,
        o->read_only ? "on" : "off");
    bb_buffer_append(&sql, o->session ? o->session : "", (o->session ? strlen(o->session) : 0) + 1);
    int result = sql.overflow ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory to set up a connection")
                              : bb_postgres_execute(pg, sql.data, NULL, error);
    bb_buffer_release(&sql);
    PQfreemem(schema);
    return result;
}

static int statements_prepare(struct bb_postgres *pg, struct bb_error *error) {
    const struct bb_postgres_options *o = &pg->options;
    int result = o->statement_count > 0 ? bb_postgres_begin_round(pg, error) : 0;
    int sent = 1;

    if (result != 0 || o->statement_count == 0)
        return result;
    for (size_t i = 0; sent && i < o->statement_count; i++) {
        sent = PQsendPrepare(pg->connection, o->statements[i].name, o->statements[i].sql, 0, NULL);
        pg->queued += sent != 0;
    }
    return bb_postgres_end_round(pg, NULL, 0, error);
}

static int server_fits(struct bb_postgres *pg, struct bb_error *error) {
    int version = PQserverVersion(pg->connection);
    const char *encoding = PQparameterStatus(pg->connection, "server_encoding");

    if (version < VERSION_MIN)
        return BB_FAIL(error, BB_E_DATABASE_SETTINGS,
                       "the server is PostgreSQL %d, and busbar needs version %d or later",
                       version / 10000, VERSION_MIN / 10000);
    if (!encoding || strcmp(encoding, "UTF8") != 0)
        return BB_FAIL(error, BB_E_DATABASE_SETTINGS,
                       "the database has the encoding %s, and busbar needs UTF8",
                       encoding ? encoding : "of an unknown name");
    return 0;
}

int bb_postgres_prepare(struct bb_postgres *pg, const struct bb_postgres_statement *statements,
                        size_t count, struct bb_error *error) {
    pg->options.statements = statements;
    pg->options.statement_count = count;
    int result = bb_postgres_is_lost(pg) ? 0 : statements_prepare(pg, error);
    if (result != 0)
        bb_postgres_drop(pg); /* some may be prepared already */
    return result;
}

static void pause_for(int64_t until_ns) {
    int64_t left_ns = until_ns - bb_monotonic_ns();

    if (left_ns <= 0)
        return;
    struct timespec t = {left_ns / 1000000000, left_ns % 1000000000};
    nanosleep(&t, NULL);
}

static void note_failure(struct bb_postgres *pg) {
    int64_t pause_ms = bb_backoff_ms(++pg->failures, PAUSE_FIRST_MS, PAUSE_MAX_MS, &pg->jitter);

    pg->not_before_ns = bb_monotonic_ns() + pause_ms * 1000000;
}

static int connect_once(struct bb_postgres *pg, struct bb_error *error) {
    PGconn *c = connect_start(&pg->options);
    bool started = c && PQstatus(c) != CONNECTION_BAD;

    if (started) {
        PQsetErrorVerbosity(c, PQERRORS_VERBOSE);
        PQsetNoticeReceiver(c, ignore_notice, NULL);
        started = connect_wait(c, pg->options.connect_timeout_ms);
    }
    if (!started) {
        bool in_time = !c || PQstatus(c) == CONNECTION_BAD;
        int result = bb_postgres_fail_connect(pg, c, error);
        if (!in_time)
            snprintf(error->text, sizeof error->text,
                     "could not connect to PostgreSQL: no answer within %d ms",
                     pg->options.connect_timeout_ms);
        PQfinish(c);
        return result;
    }
    PQsetErrorVerbosity(c, PQERRORS_DEFAULT);
    pg->connection = c;
    pg->silent = false;
    pg->queued = 0;
    pg->in_pipeline = false;
    int result = server_fits(pg, error);
    if (result == 0)
        result = session_begin(pg, error);
    if (result == 0)
        result = statements_prepare(pg, error);
    if (result != 0)
        bb_postgres_drop(pg);
    return result;
}

bool bb_postgres_is_lost(const struct bb_postgres *pg) {
    return !pg->connection || pg->silent || PQstatus(pg->connection) != CONNECTION_OK;
}

void bb_postgres_drop(struct bb_postgres *pg) {
    PQfinish(pg->connection);
    pg->connection = NULL;
    pg->in_pipeline = false;
}

int bb_postgres_ready(struct bb_postgres *pg, struct bb_error *error) {
    if (!bb_postgres_is_lost(pg) && PQtransactionStatus(pg->connection) != PQTRANS_IDLE)
        bb_postgres_rollback(pg);
    if (!bb_postgres_is_lost(pg))
        return 0;
    bb_postgres_drop(pg);
    pause_for(pg->not_before_ns);
    int result = connect_once(pg, error);
    if (result != 0)
        note_failure(pg);
    else
        pg->failures = 0;
    return result;
}

static char *text_or(const char *given, const char *otherwise) {
    return strdup(given && *given ? given : otherwise);
}

static int number_or(int given, int otherwise) {
    return given > 0 ? given : otherwise;
}

int bb_postgres_open(const struct bb_postgres_options *options, struct bb_postgres **out,
                     struct bb_error *error) {
    struct bb_postgres *pg = calloc(1, sizeof *pg);

    if (!pg)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a connection");
    pg->options = *options;
    struct bb_postgres_options *o = &pg->options;
    o->conninfo = text_or(options->conninfo, "dbname=busbar");
    o->schema = text_or(options->schema, "busbar");
    o->purpose = text_or(options->purpose, "");
    o->connect_timeout_ms = number_or(options->connect_timeout_ms, CONNECT_TIMEOUT_MS);
    o->statement_timeout_ms = number_or(options->statement_timeout_ms, STATEMENT_TIMEOUT_MS);
    o->lock_timeout_ms = number_or(options->lock_timeout_ms, LOCK_TIMEOUT_MS);
    o->idle_timeout_ms = number_or(options->idle_timeout_ms, IDLE_TIMEOUT_MS);
    bb_backoff_seed(&pg->jitter);
    int result = o->conninfo && o->schema && o->purpose
                     ? bb_postgres_ready(pg, error)
                     : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a connection");
    if (result != 0) {
        bb_postgres_close(pg);
        return result;
    }
    *out = pg;
    return 0;
}

void bb_postgres_close(struct bb_postgres *pg) {
    if (!pg)
        return;
    bb_postgres_drop(pg);
    free((char *)pg->options.conninfo);
    free((char *)pg->options.schema);
    free((char *)pg->options.purpose);
    free(pg);
}
