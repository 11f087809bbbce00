/* busbar tasks ls, tasks show. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/human.h"
#include "cli/table.h"
#include "cli/tasks.h"

enum { OPEN_STATES = 1 << BB_TASK_QUEUED | 1 << BB_TASK_RUNNING };

static const struct bb_table_column columns[] = {
    {"task", true},    {"kind", false}, {"state", false}, {"done", true},  {"attempts", true},
    {"worker", false}, {"put", false},  {"ended", false}, {"doing", false}};

struct listing {
    struct bb_tasks_command *t;
    struct bb_json json;
    struct bb_table table;
    int64_t left;
};

static struct bb_span time_text(int64_t ms, char buffer[BB_TIME_TEXT_MAX]) {
    return (struct bb_span){buffer, ms == BB_TIME_NONE ? 0 : bb_time_format_utc(ms, buffer)};
}

static void put_time(struct bb_json *json, const char *key, int64_t ms) {
    char buffer[BB_TIME_TEXT_MAX];

    if (ms != BB_TIME_NONE)
        bb_json_put_text(json, key, time_text(ms, buffer));
}

static void put_code(struct bb_json *json, const struct bb_task *task) {
    char code[16];

    if (task->error_code == 0)
        return;
    snprintf(code, sizeof code, "BB-%04d", task->error_code);
    bb_json_key(json, "error");
    bb_json_object_begin(json);
    bb_json_put_text(json, "code", bb_span_of(code));
    bb_json_put_text(json, "reason", task->error_text);
    bb_json_object_end(json);
}

static void put_task(struct bb_json *json, const struct bb_task *task) {
    static const char *const priorities[] = {"high", "normal", "low"};

    bb_json_object_begin(json);
    bb_json_put_u64(json, "task", task->id);
    bb_json_put_text(json, "kind", task->kind);
    bb_json_put_text(json, "tenant", task->tenant);
    bb_json_put_text(json, "state", bb_span_of(bb_task_state_name((int)task->state)));
    bb_json_put_text(json, "priority", bb_span_of(priorities[task->priority]));
    bb_json_put_text(json, "by", task->by);
    bb_json_put_u64(json, "attempts", task->attempts);
    if (task->worker.size > 0)
        bb_json_put_text(json, "worker", task->worker);
    bb_json_put_u64(json, "done", task->state == BB_TASK_DONE ? task->total : task->done);
    bb_json_put_u64(json, "total", task->total);
    bb_json_put_text(json, "doing", task->doing);
    bb_json_put_bool(json, "cancel_wanted", task->cancel_wanted);
    put_time(json, "put", task->created_ms);
    put_time(json, "started", task->started_ms);
    put_time(json, "changed", task->changed_ms);
    put_time(json, "ended", task->finished_ms);
    put_code(json, task);
    bb_json_key(json, "arguments");
    bb_json_raw(json, task->arguments);
    if (task->result.size > 0) {
        bb_json_key(json, "result");
        bb_json_raw(json, task->result);
    }
    bb_json_object_end(json);
}

static void put_done(struct bb_table *table, const struct bb_task *task) {
    if (task->state == BB_TASK_DONE)
        bb_table_cell(table, BB_SPAN("100 %"));
    else if (task->total > 0)
        bb_table_cell_format(table, "%d %%", (int)(task->done * 100 / task->total));
    else
        bb_table_cell(table, BB_SPAN(""));
}

/* What it is at, or why it is not. */
static struct bb_span doing_of(const struct bb_task *task) {
    if (task->error_code != 0)
        return task->error_text;
    return task->state == BB_TASK_RUNNING ? task->doing : BB_SPAN("");
}

static int list_row(void *context, const struct bb_task *task) {
    struct listing *listing = context;
    struct bb_table *table = &listing->table;
    char put[BB_TIME_TEXT_MAX], ended[BB_TIME_TEXT_MAX];

    if (listing->t->command->globals.json) {
        put_task(&listing->json, task);
        return --listing->left == 0;
    }
    bb_table_cell_format(table, "%llu", (unsigned long long)task->id);
    bb_table_cell(table, task->kind);
    bb_table_cell(table, bb_span_of(bb_task_state_name((int)task->state)));
    put_done(table, task);
    bb_table_cell_format(table, "%u", task->attempts);
    bb_table_cell(table, task->state == BB_TASK_RUNNING ? task->worker : BB_SPAN(""));
    bb_table_cell(table, time_text(task->created_ms, put));
    bb_table_cell(table, time_text(task->finished_ms, ended));
    return !bb_table_cell(table, doing_of(task)) || --listing->left == 0;
}

int bb_tasks_list(struct bb_tasks_command *t, struct bb_error *error) {
    struct bb_command *command = t->command;
    struct bb_task_table *table = t->queue.table;
    const int state = t->given->state; /* of state_choice: open, all, ... */
    const struct bb_task_question question = {.tenant = bb_command_tenant(command),
                                              .states = state == 0   ? OPEN_STATES
                                                        : state == 1 ? 0
                                                                     : 1U << (state - 2)};
    struct listing listing = {.t = t, .left = t->given->limit};

    if (command->globals.json) {
        listing.json = bb_command_json(command);
        bb_json_array_begin(&listing.json);
    } else {
        bb_table_init(&listing.table, command->out, columns, sizeof columns / sizeof columns[0]);
    }
    int result = table->ops->list(table, &question, list_row, &listing, error);
    if (command->globals.json) {
        bb_json_array_end(&listing.json);
        bb_command_json_end(command);
    } else {
        bb_table_finish(&listing.table);
    }
    return result < 0 ? result : BB_EXIT_DONE;
}

/* ---- show ------------------------------------------------------------------------------------ */

static void show_line(struct bb_buffer *out, const char *what, struct bb_span text) {
    if (text.size > 0)
        bb_buffer_format(out, "  %-12s%.*s\n", what, BB_SPAN_ARGS(text));
}

static void show_task(struct bb_buffer *out, const struct bb_task *task) {
    char text[BB_TIME_TEXT_MAX];

    bb_buffer_format(out, "task %llu, %.*s: %s%s\n", (unsigned long long)task->id,
                     BB_SPAN_ARGS(task->kind), bb_task_state_name((int)task->state),
                     task->cancel_wanted ? ", told to end" : "");
    show_line(out, "arguments", task->arguments);
    show_line(out, "put by", task->by);
    show_line(out, "put", time_text(task->created_ms, text));
    show_line(out, "begun", time_text(task->started_ms, text));
    show_line(out, "changed", time_text(task->changed_ms, text));
    show_line(out, "ended", time_text(task->finished_ms, text));
    bb_buffer_format(out, "  %-12s%u\n", "attempts", task->attempts);
    show_line(out, "worker", task->worker);
    if (task->total > 0 && task->state != BB_TASK_DONE)
        bb_buffer_format(out, "  %-12s%" PRIu64 " of %" PRIu64 "\n", "done", task->done,
                         task->total);
    show_line(out, "doing", task->state == BB_TASK_RUNNING ? task->doing : BB_SPAN(""));
    show_line(out, "result", task->result);
    if (task->error_code != 0)
        bb_buffer_format(out, "  %-12sBB-%04d: %.*s\n", "failed", task->error_code,
                         BB_SPAN_ARGS(task->error_text));
    if (task->state == BB_TASK_FAILED)
        bb_buffer_format(out, "\nnext: busbar tasks retry %llu\n", (unsigned long long)task->id);
}

int bb_tasks_show(struct bb_tasks_command *t, struct bb_error *error) {
    struct bb_command *command = t->command;
    struct bb_task_table *table = t->queue.table;
    struct bb_arena arena;
    struct bb_task task;
    uint64_t id;
    int result = bb_tasks_id(t, &id, error);

    if (result)
        return result;
    bb_arena_init(&arena, 64 << 10, 4 << 20);
    result = table->ops->get(table, id, &arena, &task, error);
    if (result == BB_TASK_ABSENT)
        result = BB_FAIL(error, BB_E_TASK_UNKNOWN, "there is no task %llu", (unsigned long long)id);
    if (!result && command->globals.json) {
        struct bb_json json = bb_command_json(command);
        put_task(&json, &task);
        bb_command_json_end(command);
    } else if (!result) {
        show_task(&command->out->buffer, &task);
    }
    bb_arena_release(&arena);
    return result ? result : BB_EXIT_DONE;
}
