/* A connection to PostgreSQL, as the store and the registry need it: see the files postgres*.c.
 *
 *   postgres.c          opening, losing and finding the server again
 *   postgres_error.c    what the server says, as an error of busbar's
 *   postgres_pool.c     connections that wait for their next user
 *   postgres_call.c     statements: one at a time, or many in one round trip
 *   postgres_binary.h   parameters, arrays and rows of COPY in binary form, and results
 *   postgres_schema.c   versions of the tables
 *
 * One connection belongs to one thread at a time; whoever has several threads has several of them.
 * A statement that failed leaves the connection usable, outside a transaction; one that is lost is made anew by
 * the next bb_postgres_ready, which waits longer the more often it fails. What is prepared, and what was made for
 * the session, is made anew with it.
 */
#ifndef BB_ADAPTER_POSTGRES_INTERNAL_H
#define BB_ADAPTER_POSTGRES_INTERNAL_H

#include <libpq-fe.h>
#include <pthread.h>

#include "base/error.h"
#include "base/random.h"
#include "base/span.h"

struct bb_postgres_statement {
    const char *name;
    const char *sql; /* parameters are cast, so that their binary form is settled: $1::bigint */
};

/* A session whose every question is for few rows by a key, whatever statistics say or do not say yet. */
#define BB_POSTGRES_BY_INDEX                                                                       \
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;"                \
    "SET enable_hashjoin = off; SET enable_mergejoin = off;"                                       \
    "SET plan_cache_mode = force_generic_plan; SET jit = off;"

struct bb_postgres_options {
    const char *
        conninfo; /* "host=... dbname=..." or postgresql://...; what it says overrules what is set here */
    const char *schema; /* of the tables; default "busbar" */
    const char
        *purpose;   /* application_name is "busbar PURPOSE" unless conninfo names another one */
    bool read_only; /* transactions cannot write unless they say so */
    int connect_timeout_ms;   /* for all hosts of conninfo together; default 10 s */
    int statement_timeout_ms; /* default 5 min */
    int lock_timeout_ms;      /* default 10 s */
    int idle_timeout_ms;      /* inside a transaction, waiting for us; default 1 min */
    const char
        *session; /* SQL run on every new connection, such as temporary tables; may be NULL */
    const struct bb_postgres_statement *statements; /* all are prepared on every new connection */
    size_t statement_count;
};

struct bb_postgres {
    PGconn *connection;                 /* NULL: lost, or never made */
    struct bb_postgres_options options; /* its texts are owned, but for statements and session */
    bool silent;   /* the connection is there, but the server does not speak: it is lost */
    char state[6]; /* SQLSTATE of the last failure, "" when there was none */
    size_t queued; /* statements sent in the round trip at hand */
    bool in_pipeline;
    unsigned failures;     /* to connect, in a row */
    int64_t not_before_ns; /* the next attempt */
    struct bb_random jitter;
};

/* ---- postgres.c */

/* Makes the first connection, too. */
int bb_postgres_open(const struct bb_postgres_options *options, struct bb_postgres **out,
                     struct bb_error *error) BB_MUST_USE;
void bb_postgres_close(struct bb_postgres *postgres);
/* Connected and outside a transaction, or -BB_E_DATABASE_LOST, retriable. One attempt, after the pause that earlier
 * failures ask for (at most 10 s). */
int bb_postgres_ready(struct bb_postgres *postgres, struct bb_error *error) BB_MUST_USE;
/* Statements of tables that had to be made first: prepared now, and on every connection from now on. */
int bb_postgres_prepare(struct bb_postgres *postgres,
                        const struct bb_postgres_statement *statements, size_t count,
                        struct bb_error *error) BB_MUST_USE;
bool bb_postgres_is_lost(const struct bb_postgres *postgres);
/* Give up the connection; the next bb_postgres_ready makes another one. */
void bb_postgres_drop(struct bb_postgres *postgres);

/* ---- postgres_pool.c: for whoever needs a connection per thread. One that was lost is given back like any other: it is made
 * anew when it is used. */

enum { BB_POSTGRES_POOL_IDLE = 16 };
struct bb_postgres_pool {
    struct bb_postgres_options options; /* conninfo and schema are the pool's, from malloc */
    pthread_mutex_t mutex;              /* guards what follows */
    size_t count;
    struct bb_postgres *idle[BB_POSTGRES_POOL_IDLE];
};
void bb_postgres_pool_init(struct bb_postgres_pool *pool);
int bb_postgres_pool_take(struct bb_postgres_pool *pool, struct bb_postgres **out,
                          struct bb_error *error) BB_MUST_USE;
void bb_postgres_pool_give(struct bb_postgres_pool *pool, struct bb_postgres *postgres);
void bb_postgres_pool_release(struct bb_postgres_pool *pool);

/* ---- postgres_error.c */

/* The failure that `result` tells (NULL: the connection's), with its SQLSTATE put down in postgres->state. `doing`
 * completes "could not ...". */
int bb_postgres_fail(struct bb_postgres *postgres, const PGresult *result, const char *doing,
                     struct bb_error *error) BB_MUST_USE;
/* The same for a failed attempt to connect. */
int bb_postgres_fail_connect(struct bb_postgres *postgres, const PGconn *connection,
                             struct bb_error *error) BB_MUST_USE;
/* From an SQLSTATE and the server's words; separate for tests. */
int bb_postgres_fail_state(const char *state, const char *words, const char *doing,
                           struct bb_error *error) BB_MUST_USE;

/* ---- postgres_call.c */

struct bb_postgres_parameters; /* postgres_binary.h; NULL: none */

/* Run statement number `statement` of the options, or `sql` as it is. *out (may be NULL) is for the caller to
 * PQclear; NULL after a failure. */
int bb_postgres_call(struct bb_postgres *postgres, size_t statement,
                     const struct bb_postgres_parameters *parameters, PGresult **out,
                     struct bb_error *error) BB_MUST_USE;
int bb_postgres_execute(struct bb_postgres *postgres, const char *sql, PGresult **out,
                        struct bb_error *error) BB_MUST_USE;
/* One statement that is not prepared, with parameters (NULL: none) and a binary result. */
int bb_postgres_ask(struct bb_postgres *postgres, const char *sql,
                    const struct bb_postgres_parameters *parameters, PGresult **out,
                    struct bb_error *error) BB_MUST_USE;
/* Many statements in one round trip: begin, queue each, end. The server leaves out what follows a failure; `end`
 * returns the first one. Results of the first `capacity` statements are put into `results` (NULL those that failed
 * or were left out), for the caller to PQclear. After a failure to queue, `end` is called all the same. */
int bb_postgres_begin_round(struct bb_postgres *postgres, struct bb_error *error) BB_MUST_USE;
int bb_postgres_queue(struct bb_postgres *postgres, size_t statement,
                      const struct bb_postgres_parameters *parameters, struct bb_error *error)
    BB_MUST_USE;
int bb_postgres_end_round(struct bb_postgres *postgres, PGresult **results, size_t capacity,
                          struct bb_error *error) BB_MUST_USE;
/* End whatever transaction there is, without a word about failures: a connection that cannot is dropped. */
void bb_postgres_rollback(struct bb_postgres *postgres);
/* COPY into a table, all at once or in pieces: `rows` as postgres_binary.h makes them, header and end included. After
 * _begin went well there is an _end; with `failed` it gives up, and returns that. */
int bb_postgres_copy_in(struct bb_postgres *postgres, const char *sql, struct bb_span rows,
                        struct bb_error *error) BB_MUST_USE;
int bb_postgres_copy_in_begin(struct bb_postgres *postgres, const char *sql, struct bb_error *error)
    BB_MUST_USE;
int bb_postgres_copy_in_put(struct bb_postgres *postgres, struct bb_span rows,
                            struct bb_error *error) BB_MUST_USE;
int bb_postgres_copy_in_end(struct bb_postgres *postgres, int failed, struct bb_error *error)
    BB_MUST_USE;

/* ---- postgres_schema.c */

/* Bring the tables of `part` ("store", "registry") in the schema up to version `count`, steps[version - 1] after each
 * other, each in a transaction of its own; whoever comes second waits and finds it done. A schema of a later version
 * is refused (-BB_E_DATABASE_SCHEMA), for reading also one of an earlier version or none (-BB_E_DATA_MISSING). */
int bb_postgres_migrate(struct bb_postgres *postgres, const char *part, const char *const *steps,
                        int count, struct bb_error *error) BB_MUST_USE;

#endif
