/* The table of tasks in PostgreSQL, for workers on many machines: see port/task.h.
 *
 * Each operation is one statement, so that it is one transaction and one round trip; the compare-and-swap on (epoch, running) is its
 * WHERE. Without a clock of the caller's the server's is used, so that machines need not agree on the time.
 * Free texts are bytes: what a worker says of a file's name need not be UTF-8. */
#include "adapter/queue.h"

#include <stdlib.h>

#include "adapter/postgres_binary.h"

enum statement {
    ADD,
    GET,
    LIST,
    CLAIM,
    SAVE,
    FINISH,
    GIVE_BACK,
    CANCEL,
    RETRY,
    FORGOTTEN,
    STATEMENTS
};

enum { PAGE_ROWS = 100 };

static const char *const steps[] = {
    "CREATE TABLE task ("
    "  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  kind bytea NOT NULL, tenant bytea NOT NULL, arguments bytea NOT NULL, by bytea NOT NULL,"
    "  priority smallint NOT NULL,"
    "  state smallint NOT NULL DEFAULT 0,"
    "  epoch bigint NOT NULL DEFAULT 0,"
    "  attempts int NOT NULL DEFAULT 0,"
    "  cancel_wanted boolean NOT NULL DEFAULT false,"
    "  worker bytea NOT NULL DEFAULT '',"
    "  lease_ms bigint,"
    "  done bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0,"
    "  doing bytea NOT NULL DEFAULT '',"
    "  checkpoint bytea NOT NULL DEFAULT '',"
    "  result bytea NOT NULL DEFAULT '',"
    "  error_code int NOT NULL DEFAULT 0, error_text bytea NOT NULL DEFAULT '',"
    "  created_ms bigint NOT NULL, started_ms bigint,"
    "  changed_ms bigint NOT NULL, finished_ms bigint,"
    "  touched_ms bigint NOT NULL) WITH (fillfactor = 50);"
    "CREATE INDEX task_open ON task (id) WHERE state < 2;"
    "CREATE VIEW list_task AS SELECT id, encode(kind, 'escape') AS kind,"
    "  encode(tenant, 'escape') AS tenant,"
    "  (ARRAY['queued', 'running', 'done', 'failed', 'cancelled'])[state + 1] AS state,"
    "  done, total, encode(doing, 'escape') AS doing, attempts,"
    "  encode(worker, 'escape') AS worker, encode(arguments, 'escape') AS arguments,"
    "  encode(result, 'escape') AS result, error_code, encode(error_text, 'escape') AS error_text,"
    "  to_timestamp(created_ms / 1000.0) AS created, to_timestamp(finished_ms / 1000.0) AS finished"
    "  FROM task;"};

#define COLUMNS                                                                                    \
    "id, kind, tenant, arguments, by, priority, state, epoch, attempts, cancel_wanted, worker, "   \
    "lease_ms, done, total, doing, checkpoint, result, error_code, error_text, created_ms, "       \
    "started_ms, changed_ms, finished_ms"
/* Parameter `n`: the caller's time, or none. */
#define NOW(n) "coalesce($" #n "::bigint, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)"
/* $1 the task, $2 its epoch, $3 now. */
#define IS_HELD "WHERE id = $1::bigint AND epoch = $2::bigint AND state = 1"

static const struct bb_postgres_statement statements[STATEMENTS] = {
    [ADD] =
        {"task_add",
         "INSERT INTO task (kind, tenant, arguments, by, priority, created_ms, changed_ms, touched_ms) "
         "SELECT $1::bytea, $2::bytea, $3::bytea, $4::bytea, $5::smallint, t, t, t "
         "FROM (SELECT " NOW(6) " AS t) AS now RETURNING id"},
    [GET] = {"task_get", "SELECT " COLUMNS " FROM task WHERE id = $1::bigint"},
    [LIST] = {"task_list",
              "SELECT " COLUMNS " FROM task WHERE ($1::bytea = '' OR tenant = $1::bytea) "
              "AND ($2::bigint >> state) & 1 = 1 AND id < $3::bigint "
              "ORDER BY id DESC LIMIT $4::bigint"},
    [CLAIM] =
        {"task_claim",
         "UPDATE task SET state = 1, epoch = epoch + 1, attempts = attempts + 1, worker = $3::bytea, "
         "lease_ms = " NOW(2) " + $4::bigint, started_ms = coalesce(started_ms, " NOW(
             2) "), "
                "changed_ms = " NOW(2) ", touched_ms = " NOW(
                    2) " WHERE id = $1::bigint "
                       "AND (state = 0 OR (state = 1 AND coalesce(lease_ms, 0) <= " NOW(
                           2) ")) RETURNING " COLUMNS},
    [SAVE] = {"task_save",
              "UPDATE task SET changed_ms = " NOW(3) ", touched_ms = " NOW(3) ", lease_ms = " NOW(
                  3) " + $4::bigint, "
                     "done = $5::bigint, total = $6::bigint, doing = $7::bytea, "
                     "checkpoint = coalesce($8::bytea, checkpoint) " IS_HELD
                     " RETURNING cancel_wanted"},
    [FINISH] =
        {"task_finish",
         "UPDATE task SET changed_ms = " NOW(3) ", finished_ms = " NOW(
             3) ", lease_ms = NULL, "
                "state = $4::smallint, result = $5::bytea, error_code = $6::int, error_text = $7::bytea, "
                "cancel_wanted = false " IS_HELD " RETURNING id"},
    [GIVE_BACK] =
        {"task_give_back",
         "UPDATE task SET changed_ms = " NOW(3) ", touched_ms = " NOW(
             3) ", lease_ms = NULL, state = 0, "
                "worker = '', attempts = attempts - $4::int, error_code = $5::int, error_text = $6::bytea " IS_HELD
                " RETURNING id"},
    [CANCEL] =
        {"task_cancel",
         "UPDATE task SET state = CASE state WHEN 0 THEN 4 ELSE state END, cancel_wanted = state = 1, "
         "changed_ms = " NOW(2) ", finished_ms = CASE state WHEN 0 THEN " NOW(
             2) " END "
                "WHERE id = $1::bigint AND state < 2 RETURNING state"},
    [RETRY] =
        {"task_retry",
         "UPDATE task SET state = 0, attempts = 0, cancel_wanted = false, worker = '', result = '', "
         "finished_ms = NULL, changed_ms = " NOW(2) ", touched_ms = " NOW(
             2) " "
                "WHERE id = $1::bigint AND state IN (3, 4) RETURNING state"},
    [FORGOTTEN] =
        {"task_forgotten",
         "UPDATE task SET touched_ms = " NOW(
             1) " WHERE id IN (SELECT id FROM task WHERE state < 2 "
                "AND touched_ms <= " NOW(1) " - $2::bigint AND coalesce(lease_ms, 0) <= " NOW(
                    1) " "
                       "ORDER BY touched_ms LIMIT $3::bigint FOR UPDATE SKIP LOCKED) RETURNING id, priority"},
};
_Static_assert(BB_TASK_QUEUED == 0 && BB_TASK_RUNNING == 1 && BB_TASK_DONE == 2 &&
                   BB_TASK_FAILED == 3 && BB_TASK_CANCELLED == 4,
               "the statements name states by number");

struct task_table_postgres {
    struct bb_task_table base;
    struct bb_postgres *postgres;
    struct bb_clock clock; /* now_ms NULL: the server's */
};

static struct task_table_postgres *of(struct bb_task_table *table) {
    return (struct task_table_postgres *)table;
}

static void put_now(const struct task_table_postgres *table, struct bb_postgres_parameters *p) {
    if (table->clock.now_ms)
        bb_postgres_put_int64(p, bb_clock_now_ms(table->clock));
    else
        bb_postgres_put_null(p);
}

/* One statement; what is lost on the way is not repeated here: whether it was done is not known. */
static int ask(struct task_table_postgres *table, enum statement which,
               const struct bb_postgres_parameters *p, PGresult **out, struct bb_error *error) {
    int result = bb_postgres_ready(table->postgres, error);

    return result ? result : bb_postgres_call(table->postgres, which, p, out, error);
}

static int add(struct bb_task_table *base, const struct bb_task_new *task, uint64_t *id,
               struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};
    PGresult *rows;

    bb_postgres_put_span(&p, task->kind);
    bb_postgres_put_span(&p, task->tenant);
    bb_postgres_put_span(&p, task->arguments);
    bb_postgres_put_span(&p, task->by);
    bb_postgres_put_int16(&p, (int16_t)task->priority);
    put_now(of(base), &p);
    int result = ask(of(base), ADD, &p, &rows, error);
    if (result)
        return result;
    *id = (uint64_t)bb_postgres_number(rows, 0, 0);
    PQclear(rows);
    return 0;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static int64_t time_at(const PGresult *rows, int row, int column) {
    return PQgetisnull(rows, row, column) ? BB_TIME_NONE : bb_postgres_number(rows, row, column);
}

static void read_row(const PGresult *rows, int row, struct bb_task *out) {
    *out = (struct bb_task){.id = (uint64_t)bb_postgres_number(rows, row, 0),
                            .kind = bb_postgres_span(rows, row, 1),
                            .tenant = bb_postgres_span(rows, row, 2),
                            .arguments = bb_postgres_span(rows, row, 3),
                            .by = bb_postgres_span(rows, row, 4),
                            .priority = (enum bb_queue_priority)bb_postgres_number(rows, row, 5),
                            .state = (enum bb_task_state)bb_postgres_number(rows, row, 6),
                            .epoch = (uint64_t)bb_postgres_number(rows, row, 7),
                            .attempts = (uint32_t)bb_postgres_number(rows, row, 8),
                            .cancel_wanted = bb_postgres_number(rows, row, 9) != 0,
                            .worker = bb_postgres_span(rows, row, 10),
                            .lease_ms = time_at(rows, row, 11),
                            .done = (uint64_t)bb_postgres_number(rows, row, 12),
                            .total = (uint64_t)bb_postgres_number(rows, row, 13),
                            .doing = bb_postgres_span(rows, row, 14),
                            .checkpoint = bb_postgres_span(rows, row, 15),
                            .result = bb_postgres_span(rows, row, 16),
                            .error_code = (int)bb_postgres_number(rows, row, 17),
                            .error_text = bb_postgres_span(rows, row, 18),
                            .created_ms = time_at(rows, row, 19),
                            .started_ms = time_at(rows, row, 20),
                            .changed_ms = time_at(rows, row, 21),
                            .finished_ms = time_at(rows, row, 22)};
}

/* The first row, if there is one: 0, or BB_TASK_ABSENT. Takes the rows. */
static int take_first(PGresult *rows, struct bb_arena *arena, struct bb_task *out,
                      struct bb_error *error) {
    bool found = PQntuples(rows) > 0, copied = true;

    if (found) {
        read_row(rows, 0, out);
        copied = bb_task_copy(out, arena);
    }
    PQclear(rows);
    if (!copied)
        return BB_FAIL(error, BB_E_NO_MEMORY, "a task does not fit the memory");
    return found ? 0 : BB_TASK_ABSENT;
}

static int get(struct bb_task_table *base, uint64_t id, struct bb_arena *arena, struct bb_task *out,
               struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};
    PGresult *rows;

    bb_postgres_put_int64(&p, (int64_t)id);
    int result = ask(of(base), GET, &p, &rows, error);
    return result ? result : take_first(rows, arena, out, error);
}

/* A page after the other, so that memory stays small and no cursor is held. */
static int list(struct bb_task_table *base, const struct bb_task_question *question,
                bb_task_visit *visit, void *context, struct bb_error *error) {
    int64_t before = question->before_id ? (int64_t)question->before_id : INT64_MAX;
    int told = 0, count = PAGE_ROWS;

    while (told == 0 && count == PAGE_ROWS) {
        struct bb_postgres_parameters p = {.count = 0};
        PGresult *rows;
        bb_postgres_put_span(&p, question->tenant);
        bb_postgres_put_int64(&p, question->states ? (int64_t)question->states : INT64_MAX);
        bb_postgres_put_int64(&p, before);
        bb_postgres_put_int64(&p, PAGE_ROWS);
        int result = ask(of(base), LIST, &p, &rows, error);
        if (result)
            return result;
        count = PQntuples(rows);
        for (int i = 0; i < count && told == 0; i++) {
            struct bb_task task;
            read_row(rows, i, &task);
            before = (int64_t)task.id;
            told = visit(context, &task);
        }
        PQclear(rows);
    }
    return told;
}

/* ---- claims ---------------------------------------------------------------------------------- */

static int claim(struct bb_task_table *base, uint64_t id, struct bb_span worker, int64_t lease_ms,
                 struct bb_arena *arena, struct bb_task *out, struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};
    PGresult *rows;

    bb_postgres_put_int64(&p, (int64_t)id);
    put_now(of(base), &p);
    bb_postgres_put_span(&p, worker);
    bb_postgres_put_int64(&p, lease_ms);
    int result = ask(of(base), CLAIM, &p, &rows, error);
    if (!result)
        result = take_first(rows, arena, out, error);
    if (result != BB_TASK_ABSENT)
        return result;
    result = get(base, id, arena, out, error); /* what stands in the way */
    if (result)
        return result < 0 ? result : BB_TASK_NONE;
    return out->state > BB_TASK_RUNNING ? BB_TASK_OVER : BB_TASK_BUSY;
}

static void put_held(const struct task_table_postgres *table, uint64_t id, uint64_t epoch,
                     struct bb_postgres_parameters *p) {
    bb_postgres_put_int64(p, (int64_t)id);
    bb_postgres_put_int64(p, (int64_t)epoch);
    put_now(table, p);
}

static int held(struct task_table_postgres *table, enum statement which,
                const struct bb_postgres_parameters *p, bool *flag, struct bb_error *error) {
    PGresult *rows;
    int result = ask(table, which, p, &rows, error);

    if (result)
        return result;
    bool is_held = PQntuples(rows) > 0;
    if (is_held && flag)
        *flag = bb_postgres_number(rows, 0, 0) != 0;
    PQclear(rows);
    return is_held ? BB_TASK_HELD : BB_TASK_FENCED;
}

static int save(struct bb_task_table *base, uint64_t id, uint64_t epoch, int64_t lease_ms,
                struct bb_task_save *what, struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};

    put_held(of(base), id, epoch, &p);
    bb_postgres_put_int64(&p, lease_ms);
    bb_postgres_put_int64(&p, (int64_t)what->done);
    bb_postgres_put_int64(&p, (int64_t)what->total);
    bb_postgres_put_span(&p, what->doing);
    if (what->checkpoint)
        bb_postgres_put_span(&p, *what->checkpoint);
    else
        bb_postgres_put_null(&p);
    return held(of(base), SAVE, &p, &what->cancel_wanted, error);
}

static void put_failure(struct bb_postgres_parameters *p, const struct bb_error *why) {
    bb_postgres_put_int32(p, why ? (int32_t)why->code : 0);
    bb_postgres_put_span(p, bb_span_of(why ? why->text : ""));
}

static int finish(struct bb_task_table *base, uint64_t id, uint64_t epoch,
                  const struct bb_task_end *end, struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};

    put_held(of(base), id, epoch, &p);
    bb_postgres_put_int16(&p, (int16_t)end->state);
    bb_postgres_put_span(&p, end->result);
    put_failure(&p, end->why);
    return held(of(base), FINISH, &p, NULL, error);
}

static int give_back(struct bb_task_table *base, uint64_t id, uint64_t epoch, bool uncounted,
                     const struct bb_error *why, struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};

    put_held(of(base), id, epoch, &p);
    bb_postgres_put_int32(&p, uncounted);
    put_failure(&p, why);
    return held(of(base), GIVE_BACK, &p, NULL, error);
}

/* ---- what people change ---------------------------------------------------------------------- */

/* The state that it has then; 0 rows: BB_TASK_UNFIT or BB_TASK_ABSENT. */
static int change(struct task_table_postgres *table, enum statement which, uint64_t id,
                  enum bb_task_state *state, struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};
    PGresult *rows;

    bb_postgres_put_int64(&p, (int64_t)id);
    put_now(table, &p);
    int result = ask(table, which, &p, &rows, error);
    if (result)
        return result;
    bool done = PQntuples(rows) > 0;
    if (done)
        *state = (enum bb_task_state)bb_postgres_number(rows, 0, 0);
    PQclear(rows);
    if (done)
        return BB_TASK_CHANGED;
    p.count = 1;
    result = ask(table, GET, &p, &rows, error);
    if (result)
        return result;
    bool is_there = PQntuples(rows) > 0;
    PQclear(rows);
    return is_there ? BB_TASK_UNFIT : BB_TASK_ABSENT;
}

static int cancel(struct bb_task_table *base, uint64_t id, struct bb_error *error) {
    enum bb_task_state state;
    int result = change(of(base), CANCEL, id, &state, error);

    return result == BB_TASK_CHANGED && state == BB_TASK_RUNNING ? BB_TASK_ASKED : result;
}

static int retry(struct bb_task_table *base, uint64_t id, struct bb_error *error) {
    enum bb_task_state state;

    return change(of(base), RETRY, id, &state, error);
}

static int find_forgotten(struct bb_task_table *base, int64_t quiet_ms,
                          struct bb_task_forgotten *out, size_t room, size_t *count,
                          struct bb_error *error) {
    struct bb_postgres_parameters p = {.count = 0};
    PGresult *rows;

    *count = 0;
    put_now(of(base), &p);
    bb_postgres_put_int64(&p, quiet_ms);
    bb_postgres_put_int64(&p, (int64_t)room);
    int result = ask(of(base), FORGOTTEN, &p, &rows, error);
    if (result)
        return result;
    for (int i = 0; i < PQntuples(rows) && *count < room; i++)
        out[(*count)++] = (struct bb_task_forgotten){
            (uint64_t)bb_postgres_number(rows, i, 0),
            (enum bb_queue_priority)bb_postgres_number(rows, i, 1)};
    PQclear(rows);
    return 0;
}

/* ---- open and close -------------------------------------------------------------------------- */

static void table_close(struct bb_task_table *base) {
    if (!base)
        return;
    bb_postgres_close(of(base)->postgres);
    free(base);
}

static const struct bb_task_table_ops operations = {.name = "postgres",
                                                    .close = table_close,
                                                    .add = add,
                                                    .get = get,
                                                    .list = list,
                                                    .claim = claim,
                                                    .save = save,
                                                    .finish = finish,
                                                    .give_back = give_back,
                                                    .cancel = cancel,
                                                    .retry = retry,
                                                    .find_forgotten = find_forgotten};

int bb_task_table_postgres_open(const char *conninfo, const char *schema, struct bb_clock clock,
                                struct bb_task_table **out, struct bb_error *error) {
    const struct bb_postgres_options options = {
        .conninfo = conninfo, .schema = schema, .purpose = "tasks"};
    struct task_table_postgres *table = calloc(1, sizeof *table);

    *out = NULL;
    if (!table)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open the tasks");
    table->base.ops = &operations;
    table->clock = clock;
    int result = bb_postgres_open(&options, &table->postgres, error);
    if (!result)
        result = bb_postgres_migrate(table->postgres, "tasks", steps,
                                     (int)(sizeof steps / sizeof steps[0]), error);
    if (!result)
        result = bb_postgres_prepare(table->postgres, statements, STATEMENTS, error);
    if (result)
        table_close(&table->base);
    else
        *out = &table->base;
    return result;
}
