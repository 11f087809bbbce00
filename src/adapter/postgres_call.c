/* Statements: one at a time, or many in one round trip. See postgres_internal.h. */
#include "adapter/postgres_binary.h"

#include <errno.h>
#include <poll.h>

#include "base/clock.h"

/* The server itself ends a statement at its time-out; if we hear nothing for this much longer, it is gone. */
enum { SILENCE_MS = 15000, COPY_PIECE_BYTES = 1 << 20 };

static bool may_read(struct bb_postgres *pg) {
    const int64_t deadline_ns = bb_monotonic_ns() +
                                ((int64_t)pg->options.statement_timeout_ms + SILENCE_MS) * 1000000;

    while (PQisBusy(pg->connection)) {
        struct pollfd p = {.fd = PQsocket(pg->connection), .events = POLLIN};
        int64_t left_ms = (deadline_ns - bb_monotonic_ns()) / 1000000;
        int ready = left_ms > 0 ? poll(&p, 1, (int)left_ms) : 0;
        if (ready == 0 || (ready < 0 && errno != EINTR)) {
            pg->silent = true;
            return false;
        }
        if (ready > 0 && !PQconsumeInput(pg->connection))
            return true; /* PQgetResult tells what became of it */
    }
    return true;
}

/* The next result of the statement at hand; NULL behind its last one, or when the server is gone. */
static PGresult *next_result(struct bb_postgres *pg) {
    return may_read(pg) ? PQgetResult(pg->connection) : NULL;
}

static bool went_well(const PGresult *result) {
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* All results of one statement (`sql` may hold several): the last one, or the first failure. */
static int collect(struct bb_postgres *pg, const char *doing, PGresult **out,
                   struct bb_error *error) {
    PGresult *last = NULL, *result;
    int failed = 0;
    bool any = false;

    while ((result = next_result(pg)) != NULL) {
        any = true;
        if (failed == 0 && !went_well(result))
            failed = bb_postgres_fail(pg, result, doing, error);
        PQclear(last);
        last = result;
        if (PQstatus(pg->connection) != CONNECTION_OK)
            break; /* nothing more will come */
    }
    if (failed == 0 && (!any || pg->silent))
        failed = bb_postgres_fail(pg, NULL, doing, error);
    if (failed != 0 || !out) {
        PQclear(last);
        last = NULL;
    }
    if (out)
        *out = last;
    return failed;
}

int bb_postgres_call(struct bb_postgres *pg, size_t statement,
                     const struct bb_postgres_parameters *p, PGresult **out,
                     struct bb_error *error) {
    const char *name = pg->options.statements[statement].name;

    BB_ASSERT(statement < pg->options.statement_count && !pg->in_pipeline);
    pg->state[0] = '\0';
    if (out)
        *out = NULL;
    if (bb_postgres_is_lost(pg) ||
        !PQsendQueryPrepared(pg->connection, name, p ? p->count : 0, p ? p->values : NULL,
                             p ? p->lengths : NULL, p ? p->formats : NULL, 1))
        return bb_postgres_fail(pg, NULL, name, error);
    return collect(pg, name, out, error);
}

int bb_postgres_execute(struct bb_postgres *pg, const char *sql, PGresult **out,
                        struct bb_error *error) {
    pg->state[0] = '\0';
    if (out)
        *out = NULL;
    if (bb_postgres_is_lost(pg) || !PQsendQuery(pg->connection, sql))
        return bb_postgres_fail(pg, NULL, "run a statement", error);
    return collect(pg, "run a statement", out, error);
}

int bb_postgres_ask(struct bb_postgres *pg, const char *sql, const struct bb_postgres_parameters *p,
                    PGresult **out, struct bb_error *error) {
    pg->state[0] = '\0';
    if (out)
        *out = NULL;
    if (bb_postgres_is_lost(pg) ||
        !PQsendQueryParams(pg->connection, sql, p ? p->count : 0, NULL, p ? p->values : NULL,
                           p ? p->lengths : NULL, p ? p->formats : NULL, 1))
        return bb_postgres_fail(pg, NULL, "run a statement", error);
    return collect(pg, "run a statement", out, error);
}

/* ---- rounds */

int bb_postgres_begin_round(struct bb_postgres *pg, struct bb_error *error) {
    pg->state[0] = '\0';
    if (bb_postgres_is_lost(pg) || !PQenterPipelineMode(pg->connection))
        return bb_postgres_fail(pg, NULL, "begin a round of statements", error);
    pg->in_pipeline = true;
    pg->queued = 0;
    return 0;
}

int bb_postgres_queue(struct bb_postgres *pg, size_t statement,
                      const struct bb_postgres_parameters *p, struct bb_error *error) {
    const char *name = pg->options.statements[statement].name;

    BB_ASSERT(statement < pg->options.statement_count && pg->in_pipeline);
    if (!PQsendQueryPrepared(pg->connection, name, p ? p->count : 0, p ? p->values : NULL,
                             p ? p->lengths : NULL, p ? p->formats : NULL, 1))
        return bb_postgres_fail(pg, NULL, name, error);
    pg->queued++;
    return 0;
}

/* One result per statement and a NULL behind each; those behind a failure are PGRES_PIPELINE_ABORTED. */
int bb_postgres_end_round(struct bb_postgres *pg, PGresult **results, size_t capacity,
                          struct bb_error *error) {
    int failed = 0;
    size_t at = 0;

    for (size_t i = 0; i < capacity; i++)
        results[i] = NULL;
    if (!pg->in_pipeline || !PQpipelineSync(pg->connection))
        return bb_postgres_fail(pg, NULL, "end a round of statements", error);
    for (; at < pg->queued && !bb_postgres_is_lost(pg); at++) {
        PGresult *result = next_result(pg);
        if (failed == 0 && (!result || !went_well(result)))
            failed = bb_postgres_fail(pg, result, "run a round of statements", error);
        if (result && went_well(result) && at < capacity)
            results[at] = result;
        else
            PQclear(result);
        if (!bb_postgres_is_lost(pg))
            PQclear(next_result(pg));
    }
    PGresult *sync = bb_postgres_is_lost(pg) ? NULL : next_result(pg);
    bool whole = PQresultStatus(sync) == PGRES_PIPELINE_SYNC;
    PQclear(sync);
    pg->in_pipeline = false;
    if (whole && PQexitPipelineMode(pg->connection))
        return failed;
    if (failed == 0)
        failed = bb_postgres_fail(pg, NULL, "run a round of statements", error);
    bb_postgres_drop(pg);
    return failed;
}

void bb_postgres_rollback(struct bb_postgres *pg) {
    struct bb_error ignored;

    if (!bb_postgres_is_lost(pg) && PQtransactionStatus(pg->connection) != PQTRANS_IDLE &&
        bb_postgres_execute(pg, "ROLLBACK", NULL, &ignored) != 0)
        bb_postgres_drop(pg);
}

/* ---- COPY */

int bb_postgres_copy_in_begin(struct bb_postgres *pg, const char *sql, struct bb_error *error) {
    pg->state[0] = '\0';
    if (bb_postgres_is_lost(pg) || !PQsendQuery(pg->connection, sql))
        return bb_postgres_fail(pg, NULL, "take rows", error);
    PGresult *result = next_result(pg);
    if (PQresultStatus(result) == PGRES_COPY_IN) {
        PQclear(result);
        return 0;
    }
    int failed = bb_postgres_fail(pg, result, "take rows", error);
    PQclear(result);
    while (!bb_postgres_is_lost(pg) && (result = next_result(pg)) != NULL)
        PQclear(result);
    return failed;
}

int bb_postgres_copy_in_put(struct bb_postgres *pg, struct bb_span rows, struct bb_error *error) {
    for (size_t at = 0; at < rows.size;) {
        size_t piece = rows.size - at < COPY_PIECE_BYTES ? rows.size - at : COPY_PIECE_BYTES;
        if (PQputCopyData(pg->connection, rows.data + at, (int)piece) != 1)
            return bb_postgres_fail(pg, NULL, "take rows", error);
        at += piece;
    }
    return 0;
}

int bb_postgres_copy_in_end(struct bb_postgres *pg, int failed, struct bb_error *error) {
    struct bb_error ignored;

    if (bb_postgres_is_lost(pg))
        return failed ? failed : bb_postgres_fail(pg, NULL, "take rows", error);
    if (PQputCopyEnd(pg->connection, failed ? "given up" : NULL) != 1 && failed == 0)
        failed = bb_postgres_fail(pg, NULL, "take rows", error);
    int ended = collect(pg, "take rows", NULL, failed ? &ignored : error);
    return failed ? failed : ended;
}

int bb_postgres_copy_in(struct bb_postgres *pg, const char *sql, struct bb_span rows,
                        struct bb_error *error) {
    int result = bb_postgres_copy_in_begin(pg, sql, error);

    if (result != 0)
        return result;
    return bb_postgres_copy_in_end(pg, bb_postgres_copy_in_put(pg, rows, error), error);
}
