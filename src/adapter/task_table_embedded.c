/* The table of tasks in the SQLite file of the queue: see port/task.h and queue_file_internal.h. */
#include "adapter/queue_file_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum statement {
    ADD,
    GET,
    LIST,
    CLAIM,
    SAVE,
    CHECKPOINT,
    FINISH,
    GIVE_BACK,
    CANCEL_QUEUED,
    CANCEL_RUNNING,
    RETRY,
    FORGOTTEN,
    TOUCH
};

#define COLUMNS                                                                                    \
    "id, kind, tenant, arguments, by, priority, state, epoch, attempts, cancel_wanted, worker, "   \
    "lease_ms, done, total, doing, checkpoint, result, error_code, error_text, created_ms, "       \
    "started_ms, changed_ms, finished_ms "
/* What a holder changes: ?1 the task, ?2 its epoch, ?3 now. */
#define IS_HELD "WHERE id = ?1 AND epoch = ?2 AND state = 1"

static const char *const texts[] = {
    [ADD] = "INSERT INTO task (kind, tenant, arguments, by, priority, created_ms, changed_ms, "
            "touched_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?6)",
    [GET] = "SELECT " COLUMNS "FROM task WHERE id = ?1",
    [LIST] = "SELECT " COLUMNS "FROM task WHERE (?1 = '' OR tenant = ?1) AND (?2 >> state & 1) "
             "AND id < ?3 ORDER BY id DESC",
    [CLAIM] = "UPDATE task SET state = 1, epoch = epoch + 1, attempts = attempts + 1, worker = ?3, "
              "lease_ms = ?2 + ?4, started_ms = coalesce(started_ms, ?2), changed_ms = ?2, "
              "touched_ms = ?2 WHERE id = ?1",
    [SAVE] = "UPDATE task SET changed_ms = ?3, touched_ms = ?3, lease_ms = ?3 + ?4, done = ?5, "
             "total = ?6, doing = ?7 " IS_HELD " RETURNING cancel_wanted",
    [CHECKPOINT] = "UPDATE task SET changed_ms = ?3, checkpoint = ?4 " IS_HELD,
    [FINISH] = "UPDATE task SET changed_ms = ?3, finished_ms = ?3, lease_ms = NULL, state = ?4, "
               "result = ?5, error_code = ?6, error_text = ?7, cancel_wanted = 0 " IS_HELD,
    [GIVE_BACK] =
        "UPDATE task SET changed_ms = ?3, touched_ms = ?3, lease_ms = NULL, state = 0, "
        "worker = '', attempts = attempts - ?4, error_code = ?5, error_text = ?6 " IS_HELD,
    [CANCEL_QUEUED] = "UPDATE task SET state = 4, changed_ms = ?2, finished_ms = ?2 "
                      "WHERE id = ?1 AND state = 0",
    [CANCEL_RUNNING] =
        "UPDATE task SET cancel_wanted = 1, changed_ms = ?2 WHERE id = ?1 AND state = 1",
    [RETRY] =
        "UPDATE task SET state = 0, attempts = 0, cancel_wanted = 0, worker = '', result = '', "
        "finished_ms = NULL, changed_ms = ?2, touched_ms = ?2 WHERE id = ?1 AND state IN (3, 4)",
    [FORGOTTEN] = "SELECT id, priority FROM task WHERE state < 2 AND touched_ms <= ?1 - ?2 "
                  "AND coalesce(lease_ms, 0) <= ?1 ORDER BY touched_ms LIMIT ?3",
    [TOUCH] = "UPDATE task SET touched_ms = ?2 WHERE id = ?1",
};
_Static_assert(sizeof texts / sizeof *texts <= QUEUE_FILE_STATEMENTS_MAX, "room for statements");
_Static_assert(BB_TASK_QUEUED == 0 && BB_TASK_RUNNING == 1 && BB_TASK_DONE == 2 &&
                   BB_TASK_FAILED == 3 && BB_TASK_CANCELLED == 4,
               "the statements name states by number");

struct task_table_embedded {
    struct bb_task_table base;
    struct queue_file file;
    struct bb_clock clock;
};

static struct task_table_embedded *of(struct bb_task_table *table) {
    return (struct task_table_embedded *)table;
}

static int64_t now(struct task_table_embedded *table) {
    return bb_clock_now_ms(table->clock);
}

static int add(struct bb_task_table *base, const struct bb_task_new *task, uint64_t *id,
               struct bb_error *error) {
    struct task_table_embedded *table = of(base);
    struct queue_sql sql = bb_queue_sql(&table->file, ADD);

    bb_queue_sql_text(&sql, task->kind);
    bb_queue_sql_text(&sql, task->tenant);
    bb_queue_sql_text(&sql, task->arguments);
    bb_queue_sql_text(&sql, task->by);
    bb_queue_sql_integer(&sql, task->priority);
    bb_queue_sql_integer(&sql, now(table));
    int result = bb_queue_sql_run(&sql, "adding a task", error);
    *id = result ? 0 : (uint64_t)sqlite3_last_insert_rowid(table->file.db);
    return result;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void read_row(const struct queue_sql *sql, struct bb_task *out) {
    *out = (struct bb_task){.id = (uint64_t)bb_queue_row_integer(sql, 0),
                            .kind = bb_queue_row_bytes(sql, 1),
                            .tenant = bb_queue_row_bytes(sql, 2),
                            .arguments = bb_queue_row_bytes(sql, 3),
                            .by = bb_queue_row_bytes(sql, 4),
                            .priority = (enum bb_queue_priority)bb_queue_row_integer(sql, 5),
                            .state = (enum bb_task_state)bb_queue_row_integer(sql, 6),
                            .epoch = (uint64_t)bb_queue_row_integer(sql, 7),
                            .attempts = (uint32_t)bb_queue_row_integer(sql, 8),
                            .cancel_wanted = bb_queue_row_integer(sql, 9) != 0,
                            .worker = bb_queue_row_bytes(sql, 10),
                            .lease_ms = bb_queue_row_time(sql, 11),
                            .done = (uint64_t)bb_queue_row_integer(sql, 12),
                            .total = (uint64_t)bb_queue_row_integer(sql, 13),
                            .doing = bb_queue_row_bytes(sql, 14),
                            .checkpoint = bb_queue_row_bytes(sql, 15),
                            .result = bb_queue_row_bytes(sql, 16),
                            .error_code = (int)bb_queue_row_integer(sql, 17),
                            .error_text = bb_queue_row_bytes(sql, 18),
                            .created_ms = bb_queue_row_time(sql, 19),
                            .started_ms = bb_queue_row_time(sql, 20),
                            .changed_ms = bb_queue_row_time(sql, 21),
                            .finished_ms = bb_queue_row_time(sql, 22)};
}

/* 0, or BB_TASK_ABSENT. */
static int read_task(struct task_table_embedded *table, uint64_t id, struct bb_arena *arena,
                     struct bb_task *out, struct bb_error *error) {
    struct queue_sql sql = bb_queue_sql(&table->file, GET);
    bool copied = true;

    bb_queue_sql_integer(&sql, (int64_t)id);
    bool found = bb_queue_sql_step(&sql);
    if (found) {
        read_row(&sql, out);
        copied = bb_task_copy(out, arena);
    }
    int result = bb_queue_sql_end(&sql, "reading a task", error);
    if (!result && !copied)
        result = BB_FAIL(error, BB_E_NO_MEMORY, "task %llu does not fit the memory",
                         (unsigned long long)id);
    return result ? result : found ? 0 : BB_TASK_ABSENT;
}

static int get(struct bb_task_table *base, uint64_t id, struct bb_arena *arena, struct bb_task *out,
               struct bb_error *error) {
    return read_task(of(base), id, arena, out, error);
}

static int list(struct bb_task_table *base, const struct bb_task_question *question,
                bb_task_visit *visit, void *context, struct bb_error *error) {
    struct queue_sql sql = bb_queue_sql(&of(base)->file, LIST);
    struct bb_task task;
    int told = 0;

    bb_queue_sql_text(&sql, question->tenant);
    bb_queue_sql_integer(&sql, question->states ? (int64_t)question->states : INT64_MAX);
    bb_queue_sql_integer(&sql, question->before_id ? (int64_t)question->before_id : INT64_MAX);
    while (told == 0 && bb_queue_sql_step(&sql)) {
        read_row(&sql, &task);
        told = visit(context, &task);
    }
    int result = bb_queue_sql_end(&sql, "listing tasks", error);
    return result ? result : told;
}

/* ---- claims ---------------------------------------------------------------------------------- */

/* Inside a transaction. */
static int claim_read(struct task_table_embedded *table, uint64_t id, struct bb_span worker,
                      int64_t lease_ms, struct bb_arena *arena, struct bb_task *out,
                      struct bb_error *error) {
    const int64_t now_ms = now(table);
    int result = read_task(table, id, arena, out, error);

    if (result)
        return result < 0 ? result : BB_TASK_NONE;
    if (out->state > BB_TASK_RUNNING)
        return BB_TASK_OVER;
    if (out->state == BB_TASK_RUNNING && out->lease_ms > now_ms)
        return BB_TASK_BUSY;
    struct queue_sql sql = bb_queue_sql(&table->file, CLAIM);
    bb_queue_sql_integer(&sql, (int64_t)id);
    bb_queue_sql_integer(&sql, now_ms);
    bb_queue_sql_text(&sql, worker);
    bb_queue_sql_integer(&sql, lease_ms);
    result = bb_queue_sql_run(&sql, "claiming a task", error);
    return result ? result : read_task(table, id, arena, out, error);
}

static int claim(struct bb_task_table *base, uint64_t id, struct bb_span worker, int64_t lease_ms,
                 struct bb_arena *arena, struct bb_task *out, struct bb_error *error) {
    struct task_table_embedded *table = of(base);
    int result = bb_queue_file_begin(&table->file, error);

    return result ? result
                  : bb_queue_file_end(&table->file,
                                      claim_read(table, id, worker, lease_ms, arena, out, error),
                                      error);
}

static struct queue_sql of_held(struct task_table_embedded *table, enum statement which,
                                uint64_t id, uint64_t epoch) {
    struct queue_sql sql = bb_queue_sql(&table->file, which);

    bb_queue_sql_integer(&sql, (int64_t)id);
    bb_queue_sql_integer(&sql, (int64_t)epoch);
    bb_queue_sql_integer(&sql, now(table));
    return sql;
}

static int held(struct task_table_embedded *table, struct queue_sql *sql, const char *doing,
                struct bb_error *error) {
    int result = bb_queue_sql_run(sql, doing, error);

    return result                                     ? result
           : bb_queue_file_changes(&table->file) == 0 ? BB_TASK_FENCED
                                                      : BB_TASK_HELD;
}

/* Inside a transaction. */
static int save_both(struct task_table_embedded *table, uint64_t id, uint64_t epoch,
                     int64_t lease_ms, struct bb_task_save *save, struct bb_error *error) {
    struct queue_sql sql = of_held(table, SAVE, id, epoch);

    bb_queue_sql_integer(&sql, lease_ms);
    bb_queue_sql_integer(&sql, (int64_t)save->done);
    bb_queue_sql_integer(&sql, (int64_t)save->total);
    bb_queue_sql_text(&sql, save->doing);
    bool found = bb_queue_sql_step(&sql);
    if (found)
        save->cancel_wanted = bb_queue_row_integer(&sql, 0) != 0;
    int result = bb_queue_sql_run(&sql, "saving progress", error);
    if (result || !found)
        return result ? result : BB_TASK_FENCED;
    if (!save->checkpoint)
        return BB_TASK_HELD;
    sql = of_held(table, CHECKPOINT, id, epoch);
    bb_queue_sql_bytes(&sql, *save->checkpoint);
    return held(table, &sql, "saving a checkpoint", error);
}

static int save(struct bb_task_table *base, uint64_t id, uint64_t epoch, int64_t lease_ms,
                struct bb_task_save *what, struct bb_error *error) {
    struct task_table_embedded *table = of(base);
    int result = bb_queue_file_begin(&table->file, error);

    return result ? result
                  : bb_queue_file_end(&table->file,
                                      save_both(table, id, epoch, lease_ms, what, error), error);
}

static void bind_failure(struct queue_sql *sql, const struct bb_error *why) {
    bb_queue_sql_integer(sql, why ? (int64_t)why->code : 0);
    bb_queue_sql_text(sql, bb_span_of(why ? why->text : ""));
}

static int finish(struct bb_task_table *base, uint64_t id, uint64_t epoch,
                  const struct bb_task_end *end, struct bb_error *error) {
    struct queue_sql sql = of_held(of(base), FINISH, id, epoch);

    bb_queue_sql_integer(&sql, end->state);
    bb_queue_sql_text(&sql, end->result);
    bind_failure(&sql, end->why);
    return held(of(base), &sql, "finishing a task", error);
}

static int give_back(struct bb_task_table *base, uint64_t id, uint64_t epoch, bool uncounted,
                     const struct bb_error *why, struct bb_error *error) {
    struct queue_sql sql = of_held(of(base), GIVE_BACK, id, epoch);

    bb_queue_sql_integer(&sql, uncounted);
    bind_failure(&sql, why);
    return held(of(base), &sql, "giving a task back", error);
}

/* ---- what people change ---------------------------------------------------------------------- */

static int change(struct task_table_embedded *table, enum statement which, uint64_t id,
                  struct bb_error *error) {
    struct queue_sql sql = bb_queue_sql(&table->file, which);

    bb_queue_sql_integer(&sql, (int64_t)id);
    bb_queue_sql_integer(&sql, now(table));
    int result = bb_queue_sql_run(&sql, "changing a task", error);
    return result ? result : bb_queue_file_changes(&table->file) > 0 ? 0 : BB_TASK_UNFIT;
}

/* Was it not there, or not in a state for this? */
static int tell_unfit(struct task_table_embedded *table, uint64_t id, struct bb_error *error) {
    struct queue_sql sql = bb_queue_sql(&table->file, GET);

    bb_queue_sql_integer(&sql, (int64_t)id);
    bool found = bb_queue_sql_step(&sql);
    int result = bb_queue_sql_end(&sql, "reading a task", error);
    return result ? result : found ? BB_TASK_UNFIT : BB_TASK_ABSENT;
}

static int cancel(struct bb_task_table *base, uint64_t id, struct bb_error *error) {
    struct task_table_embedded *table = of(base);
    int result = bb_queue_file_begin(&table->file, error);

    if (result)
        return result;
    result = change(table, CANCEL_QUEUED, id, error);
    if (result == BB_TASK_UNFIT) {
        result = change(table, CANCEL_RUNNING, id, error);
        result = result == 0 ? BB_TASK_ASKED : result;
    }
    if (result == BB_TASK_UNFIT)
        result = tell_unfit(table, id, error);
    return bb_queue_file_end(&table->file, result, error);
}

static int retry(struct bb_task_table *base, uint64_t id, struct bb_error *error) {
    struct task_table_embedded *table = of(base);
    int result = bb_queue_file_begin(&table->file, error);

    if (result)
        return result;
    result = change(table, RETRY, id, error);
    if (result == BB_TASK_UNFIT)
        result = tell_unfit(table, id, error);
    return bb_queue_file_end(&table->file, result, error);
}

/* ---- what was forgotten ---------------------------------------------------------------------- */

/* Inside a transaction. */
static int find(struct task_table_embedded *table, int64_t quiet_ms, struct bb_task_forgotten *out,
                size_t room, size_t *count, struct bb_error *error) {
    const int64_t now_ms = now(table);
    struct queue_sql sql = bb_queue_sql(&table->file, FORGOTTEN);

    *count = 0;
    bb_queue_sql_integer(&sql, now_ms);
    bb_queue_sql_integer(&sql, quiet_ms);
    bb_queue_sql_integer(&sql, (int64_t)room);
    while (*count < room && bb_queue_sql_step(&sql))
        out[(*count)++] = (struct bb_task_forgotten){
            (uint64_t)bb_queue_row_integer(&sql, 0),
            (enum bb_queue_priority)bb_queue_row_integer(&sql, 1)};
    int result = bb_queue_sql_end(&sql, "looking for forgotten tasks", error);
    for (size_t i = 0; i < *count && !result; i++) {
        sql = bb_queue_sql(&table->file, TOUCH);
        bb_queue_sql_integer(&sql, (int64_t)out[i].id);
        bb_queue_sql_integer(&sql, now_ms);
        result = bb_queue_sql_run(&sql, "touching a task", error);
    }
    return result;
}

static int find_forgotten(struct bb_task_table *base, int64_t quiet_ms,
                          struct bb_task_forgotten *out, size_t room, size_t *count,
                          struct bb_error *error) {
    struct task_table_embedded *table = of(base);
    int result = bb_queue_file_begin(&table->file, error);

    return result ? result
                  : bb_queue_file_end(&table->file, find(table, quiet_ms, out, room, count, error),
                                      error);
}

static void table_close(struct bb_task_table *base) {
    if (!base)
        return;
    bb_queue_file_close(&of(base)->file);
    free(base);
}

static const struct bb_task_table_ops operations = {.name = "embedded",
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

int bb_task_table_embedded_open(const char *path, struct bb_clock clock, struct bb_task_table **out,
                                struct bb_error *error) {
    struct task_table_embedded *table = calloc(1, sizeof *table);

    *out = NULL;
    if (!table)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open the tasks in %s", path);
    table->base.ops = &operations;
    table->clock = clock;
    int result = bb_queue_file_open(&table->file, path, texts, error);
    if (result)
        free(table);
    else
        *out = &table->base;
    return result;
}
