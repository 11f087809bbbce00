/* The table of tasks in memory: port/task.h in as few words as can be, to hold the others against. One thread. */
#include "adapter/queue.h"

#include <stdlib.h>

#include "base/list.h"

struct row {
    struct bb_task task; /* its texts are the row's, or empty */
    int64_t touched_ms;
};

struct task_table_memory {
    struct bb_task_table base;
    struct bb_clock clock;
    struct row **rows; /* row of task 1, of task 2, ... */
    size_t count, capacity;
};

static struct task_table_memory *of(struct bb_task_table *table) {
    return (struct task_table_memory *)table;
}

static int64_t now(const struct task_table_memory *table) {
    return bb_clock_now_ms(table->clock);
}

/* A text of a row becomes another one. */
static bool set(struct bb_span *text, struct bb_span value) {
    char *copy = malloc(value.size + 1);

    if (!copy)
        return false;
    if (value.size > 0)
        memcpy(copy, value.data, value.size);
    free((void *)text->data);
    *text = (struct bb_span){copy, value.size};
    return true;
}

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a task");
}

static void row_free(struct row *row) {
    const struct bb_span texts[] = {row->task.kind,       row->task.tenant, row->task.arguments,
                                    row->task.by,         row->task.worker, row->task.doing,
                                    row->task.checkpoint, row->task.result, row->task.error_text};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free((void *)texts[i].data);
    free(row);
}

static int add(struct bb_task_table *base, const struct bb_task_new *new, uint64_t *id,
               struct bb_error *error) {
    struct task_table_memory *table = of(base);
    struct row *row = bb_list_room(&table->rows, table->count, &table->capacity,
                                   sizeof *table->rows)
                          ? calloc(1, sizeof *row)
                          : NULL;

    if (!row)
        return no_memory(error);
    row->task.priority = new->priority;
    row->task.lease_ms = row->task.started_ms = row->task.finished_ms = BB_TIME_NONE;
    row->task.created_ms = row->task.changed_ms = row->touched_ms = now(table);
    if (!set(&row->task.kind, new->kind) || !set(&row->task.tenant, new->tenant) ||
        !set(&row->task.arguments, new->arguments) || !set(&row->task.by, new->by)) {
        row_free(row);
        return no_memory(error);
    }
    table->rows[table->count++] = row;
    *id = row->task.id = table->count;
    return 0;
}

static struct row *find_row(struct task_table_memory *table, uint64_t id) {
    return id > 0 && id <= table->count ? table->rows[id - 1] : NULL;
}

static int give(const struct row *row, struct bb_arena *arena, struct bb_task *out,
                struct bb_error *error) {
    *out = row->task;
    return bb_task_copy(out, arena) ? 0 : no_memory(error);
}

static int get(struct bb_task_table *base, uint64_t id, struct bb_arena *arena, struct bb_task *out,
               struct bb_error *error) {
    const struct row *row = find_row(of(base), id);

    return row ? give(row, arena, out, error) : BB_TASK_ABSENT;
}

static bool is_asked(const struct bb_task *task, const struct bb_task_question *question) {
    return (question->tenant.size == 0 || bb_span_equal(question->tenant, task->tenant)) &&
           (question->states == 0 || (question->states >> task->state & 1)) &&
           (question->before_id == 0 || task->id < question->before_id);
}

static int list(struct bb_task_table *base, const struct bb_task_question *question,
                bb_task_visit *visit, void *context, struct bb_error *error) {
    struct task_table_memory *table = of(base);
    int told = 0;

    (void)error;
    for (size_t i = table->count; i > 0 && told == 0; i--)
        if (is_asked(&table->rows[i - 1]->task, question))
            told = visit(context, &table->rows[i - 1]->task);
    return told;
}

static int claim(struct bb_task_table *base, uint64_t id, struct bb_span worker, int64_t lease_ms,
                 struct bb_arena *arena, struct bb_task *out, struct bb_error *error) {
    struct task_table_memory *table = of(base);
    struct row *row = find_row(table, id);

    if (!row)
        return BB_TASK_NONE;
    struct bb_task *task = &row->task;
    if (task->state > BB_TASK_RUNNING ||
        (task->state == BB_TASK_RUNNING && task->lease_ms > now(table))) {
        int result = give(row, arena, out, error);
        return result ? result : task->state == BB_TASK_RUNNING ? BB_TASK_BUSY : BB_TASK_OVER;
    }
    if (!set(&task->worker, worker))
        return no_memory(error);
    task->state = BB_TASK_RUNNING;
    task->epoch++;
    task->attempts++;
    task->changed_ms = row->touched_ms = now(table);
    task->lease_ms = now(table) + lease_ms;
    if (task->started_ms == BB_TIME_NONE)
        task->started_ms = now(table);
    return give(row, arena, out, error);
}

static struct row *held(struct task_table_memory *table, uint64_t id, uint64_t epoch) {
    struct row *row = find_row(table, id);
    bool is_held = row && row->task.state == BB_TASK_RUNNING && row->task.epoch == epoch;

    if (is_held)
        row->task.changed_ms = now(table);
    return is_held ? row : NULL;
}

static int save(struct bb_task_table *base, uint64_t id, uint64_t epoch, int64_t lease_ms,
                struct bb_task_save *what, struct bb_error *error) {
    struct task_table_memory *table = of(base);
    struct row *row = held(table, id, epoch);

    if (!row)
        return BB_TASK_FENCED;
    row->touched_ms = now(table);
    row->task.lease_ms = now(table) + lease_ms;
    row->task.done = what->done;
    row->task.total = what->total;
    what->cancel_wanted = row->task.cancel_wanted;
    if (!set(&row->task.doing, what->doing) ||
        (what->checkpoint && !set(&row->task.checkpoint, *what->checkpoint)))
        return no_memory(error);
    return BB_TASK_HELD;
}

static bool set_failure(struct bb_task *task, const struct bb_error *why) {
    task->error_code = why ? (int)why->code : 0;
    return set(&task->error_text, bb_span_of(why ? why->text : ""));
}

static int finish(struct bb_task_table *base, uint64_t id, uint64_t epoch,
                  const struct bb_task_end *end, struct bb_error *error) {
    struct task_table_memory *table = of(base);
    struct row *row = held(table, id, epoch);

    if (!row)
        return BB_TASK_FENCED;
    if (!set(&row->task.result, end->result) || !set_failure(&row->task, end->why))
        return no_memory(error);
    row->task.state = end->state;
    row->task.finished_ms = now(table);
    row->task.lease_ms = BB_TIME_NONE;
    row->task.cancel_wanted = false;
    return BB_TASK_HELD;
}

static int give_back(struct bb_task_table *base, uint64_t id, uint64_t epoch, bool uncounted,
                     const struct bb_error *why, struct bb_error *error) {
    struct task_table_memory *table = of(base);
    struct row *row = held(table, id, epoch);

    if (!row)
        return BB_TASK_FENCED;
    if (!set_failure(&row->task, why) || !set(&row->task.worker, BB_SPAN("")))
        return no_memory(error);
    row->task.state = BB_TASK_QUEUED;
    row->task.attempts -= uncounted;
    row->task.lease_ms = BB_TIME_NONE;
    row->touched_ms = now(table);
    return BB_TASK_HELD;
}

static int cancel(struct bb_task_table *base, uint64_t id, struct bb_error *error) {
    struct task_table_memory *table = of(base);
    struct row *row = find_row(table, id);

    (void)error;
    if (!row)
        return BB_TASK_ABSENT;
    if (row->task.state > BB_TASK_RUNNING)
        return BB_TASK_UNFIT;
    row->task.changed_ms = now(table);
    if (row->task.state == BB_TASK_RUNNING) {
        row->task.cancel_wanted = true;
        return BB_TASK_ASKED;
    }
    row->task.state = BB_TASK_CANCELLED;
    row->task.finished_ms = now(table);
    return BB_TASK_CHANGED;
}

static int retry(struct bb_task_table *base, uint64_t id, struct bb_error *error) {
    struct task_table_memory *table = of(base);
    struct row *row = find_row(table, id);

    if (!row)
        return BB_TASK_ABSENT;
    if (row->task.state != BB_TASK_FAILED && row->task.state != BB_TASK_CANCELLED)
        return BB_TASK_UNFIT;
    if (!set(&row->task.result, BB_SPAN("")) || !set(&row->task.worker, BB_SPAN("")))
        return no_memory(error);
    row->task.state = BB_TASK_QUEUED;
    row->task.attempts = 0;
    row->task.cancel_wanted = false;
    row->task.finished_ms = BB_TIME_NONE;
    row->task.changed_ms = row->touched_ms = now(table);
    return BB_TASK_CHANGED;
}

static int find_forgotten(struct bb_task_table *base, int64_t quiet_ms,
                          struct bb_task_forgotten *out, size_t room, size_t *count,
                          struct bb_error *error) {
    struct task_table_memory *table = of(base);

    (void)error;
    *count = 0;
    for (size_t i = 0; i < table->count && *count < room; i++) {
        struct row *row = table->rows[i];
        if (row->task.state > BB_TASK_RUNNING || row->touched_ms > now(table) - quiet_ms ||
            row->task.lease_ms > now(table))
            continue;
        row->touched_ms = now(table);
        out[(*count)++] = (struct bb_task_forgotten){row->task.id, row->task.priority};
    }
    return 0;
}

static void table_close(struct bb_task_table *base) {
    struct task_table_memory *table = of(base);

    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++)
        row_free(table->rows[i]);
    free(table->rows);
    free(table);
}

static const struct bb_task_table_ops operations = {.name = "memory",
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

int bb_task_table_memory_open(struct bb_clock clock, struct bb_task_table **out,
                              struct bb_error *error) {
    struct task_table_memory *table = calloc(1, sizeof *table);

    *out = NULL;
    if (!table)
        return no_memory(error);
    table->base.ops = &operations;
    table->clock = clock;
    *out = &table->base;
    return 0;
}
