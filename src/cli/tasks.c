/* busbar tasks: long work that is put into a queue, and what came of it. */
#include "cli/tasks.h"

#include <stdlib.h>

#include "cli/audit.h"
#include "cli/task_work.h"
#include "cli/verbs.h"
#include "task/worker.h"

#define AT(field) offsetof(struct bb_tasks_options, field)
#define TEXT(option, field, shown, what)                                                           \
    { .name = option, .kind = BB_OPTION_TEXT, .offset = AT(field), .value = shown, .help = what }

static const char *priority_choice(int index) {
    static const char *const names[] = {"high", "normal", "low", NULL};

    return names[index];
}

const char *bb_task_state_name(int state) {
    static const char *const names[] = {"queued", "running", "done", "failed", "cancelled"};

    return state >= 0 && state < BB_TASK_STATES ? names[state] : NULL;
}

static const char *state_choice(int index) {
    return index == 0 ? "open" : index == 1 ? "all" : bb_task_state_name(index - 2);
}

const struct bb_option bb_tasks_option_table[] = {
    TEXT("format", format, "FORMAT",
         "import: of the files (default: as they look); export: csv or ndjson"),
    TEXT("map", map, "FILE", "import: YAML file that says how to read other sources"),
    {.name = "zone",
     .kind = BB_OPTION_ZONE,
     .offset = AT(zone),
     .value = "ZONE",
     .help = "import: of times without offset; export: whose months, and the times in them"},
    TEXT("kind", kind, "KIND", "import: of values whose kind nothing else says"),
    TEXT("precision", precision, "s|ms|us|ns", "import: of timestamps in line protocol"),
    TEXT("interval", interval, "15m", "import: length of intervals when nothing else says it"),
    {.name = "partial",
     .kind = BB_OPTION_FLAG,
     .offset = AT(partial),
     .help = "import: keep the good lines of a file that has bad ones"},
    TEXT("to-folder", to_folder, "DIR", "export, report, backtest: where files go"),
    TEXT("lane", lane, "LANE", "export: raw, vee, hour, day or month (default: raw)"),
    TEXT("usage-point", usage_point, "UP", "export, backtest: this one alone (default: all)"),
    TEXT("from", from, "TIME", "export, backtest, backfill: from when; report: the first month"),
    TEXT("to", to, "TIME", "export, backtest: until when; report: the last month"),
    TEXT("as-of", as_of, "TIME", "backtest: on what was known then"),
    TEXT("rule", rule, "NAME", "backtest: one of a module that has several"),
    TEXT("name", name, "NAME", "backtest: what it is called where it is deployed"),
    TEXT("parameters", parameters, "JSON", "backtest: other values than the rule's own"),
    TEXT("reason", reason, "TEXT", "backfill: kept with the rule's version"),
    TEXT("by", by, "NAME", "who you are (default $USER)"),
    {.name = "priority",
     .kind = BB_OPTION_CHOICE,
     .offset = AT(priority),
     .choice = priority_choice,
     .initial = "normal",
     .help = "add: what is more urgent is taken first"},
    {.name = "state",
     .kind = BB_OPTION_CHOICE,
     .offset = AT(state),
     .choice = state_choice,
     .initial = "all",
     .help = "ls: only tasks of this state; open: that wait or run"},
    {.name = "limit",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(limit),
     .value = "N",
     .initial = "50",
     .min = 1,
     .max = 1000000000,
     .help = "ls: at most so many, the newest first"},
    BB_OPTION_END};

int bb_tasks_id(const struct bb_tasks_command *t, uint64_t *id, struct bb_error *error) {
    const char *text = t->command->argument_count > 1 ? t->command->arguments[1] : "";
    char *end;

    *id = strtoull(text, &end, 10);
    if (t->command->argument_count == 2 && *text >= '1' && *text <= '9' && !*end)
        return 0;
    return BB_FAIL(error, BB_E_USAGE,
                   "tasks %s needs the ID of a task, as `busbar tasks ls` tells it",
                   t->command->arguments[0]);
}

/* ---- what people change ---------------------------------------------------------------------- */

static int tell_outcome(int outcome, uint64_t id, const char *allowed, struct bb_error *error) {
    if (outcome == BB_TASK_ABSENT)
        return BB_FAIL(error, BB_E_TASK_UNKNOWN, "there is no task %llu", (unsigned long long)id);
    if (outcome == BB_TASK_UNFIT)
        return BB_FAIL(error, BB_E_TASK_STATE, "task %llu %s", (unsigned long long)id, allowed);
    return outcome;
}

static void say(struct bb_tasks_command *t, uint64_t id, const char *state, const char *words) {
    struct bb_command *command = t->command;

    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_json_object_begin(&json);
        bb_json_put_u64(&json, "task", id);
        bb_json_put_text(&json, "state", bb_span_of(state));
        bb_json_object_end(&json);
        bb_command_json_end(command);
    } else if (!command->globals.quiet) {
        bb_buffer_format(&command->out->buffer, "task %llu %s\n", (unsigned long long)id, words);
    }
}

static int cancel(struct bb_tasks_command *t, struct bb_error *error) {
    struct bb_task_table *table = t->queue.table;
    uint64_t id;
    int result = bb_tasks_id(t, &id, error);

    if (!result)
        result = tell_outcome(table->ops->cancel(table, id, error), id, "is over already", error);
    if (result == BB_TASK_ASKED)
        say(t, id, "running", "is told to end");
    else if (!result)
        say(t, id, "cancelled", "is cancelled");
    return result < 0 ? result : BB_EXIT_DONE;
}

static int retry(struct bb_tasks_command *t, struct bb_error *error) {
    struct bb_task_table *table = t->queue.table;
    struct bb_task task;
    struct bb_arena arena;
    uint64_t id;
    int result = bb_tasks_id(t, &id, error);

    if (!result)
        result = tell_outcome(table->ops->retry(table, id, error), id,
                              "has not failed and was not cancelled", error);
    if (result)
        return result;
    bb_arena_init(&arena, 64 << 10, 4 << 20);
    result = table->ops->get(table, id, &arena, &task, error);
    if (!result)
        result = bb_task_hand_out(t->queue.queue, id, task.priority, error);
    bb_arena_release(&arena);
    if (!result)
        say(t, id, "queued", "waits for a worker again, and goes on from its checkpoint");
    return result < 0 ? result : BB_EXIT_DONE;
}

/* Here and now, until nothing waits. */
static int work(struct bb_tasks_command *t, struct bb_error *error) {
    const struct bb_task_working how = {.idle_exit_ms = -1};
    struct bb_task_worked worked = {0};
    int result = bb_task_work_until_stopped(t->command, &how, &worked, error);

    if (result < 0)
        return result;
    if (t->command->globals.json) {
        struct bb_json json = bb_command_json(t->command);
        bb_json_object_begin(&json);
        bb_json_put_u64(&json, "tasks", worked.taken);
        bb_json_put_u64(&json, "done", worked.done);
        bb_json_put_u64(&json, "failed", worked.failed);
        bb_json_object_end(&json);
        bb_command_json_end(t->command);
    } else if (!t->command->globals.quiet) {
        bb_buffer_format(&t->command->out->buffer, "%llu done, %llu failed\n",
                         (unsigned long long)worked.done, (unsigned long long)worked.failed);
    }
    return worked.failed > 0 ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

/* ---- the command ----------------------------------------------------------------------------- */

static const struct action {
    const char *name;
    bool needs_queue;
    int (*run)(struct bb_tasks_command *t, struct bb_error *error);
} actions[] = {{"add", true, bb_tasks_add},     {"ls", true, bb_tasks_list},
               {"show", true, bb_tasks_show},   {"cancel", true, cancel},
               {"retry", true, retry},          {"run", false, work},
               {"kinds", false, bb_tasks_kinds}};

static int run(struct bb_command *command, struct bb_error *error) {
    struct bb_tasks_command t = {.command = command, .given = command->options};
    const struct action *action = NULL;

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(command->arguments[0], actions[i].name) == 0)
            action = &actions[i];
    if (!action)
        return BB_FAIL(error, BB_E_USAGE,
                       "tasks %s is none: add, ls, show, cancel, retry, run, kinds",
                       command->arguments[0]);
    int result = action->needs_queue ? bb_task_queue_open(command, &t.queue, error) : 0;
    if (!result)
        result = action->run(&t, error);
    bb_task_queue_close(&t.queue);
    return result;
}

const struct bb_verb bb_verb_tasks = {
    .name = "tasks",
    .summary = "long work in a queue: put it, watch it, cancel it, try it again",
    .arguments = "add KIND [FILE|DIR|RULE]...|ls|show ID|cancel ID|retry ID|run|kinds",
    .arguments_min = 1,
    .arguments_max = -1,
    .options = bb_tasks_option_table,
    .options_size = sizeof(struct bb_tasks_options),
    .examples = "busbar tasks add import /data/meters --partial\n"
                "busbar tasks add export --to-folder /data/out --lane vee --from 2026-01-01\n"
                "busbar tasks add report --to-folder /data/out --from 2026-01 --to 2026-03\n"
                "busbar tasks add backtest far_values --to-folder /data/out\n"
                "busbar tasks add backfill far_values --from 2025-01-01 --reason \"history, too\"\n"
                "busbar tasks ls --state open\n"
                "busbar tasks show 7\n"
                "busbar worker --stage tasks\n",
    .details =
        "A task is taken by one of any number of workers (`busbar worker --stage tasks`; `tasks run` works on\n"
        "what waits and ends), which keeps it by a lease, tells how far it is, and may be killed at any moment:\n"
        "another one goes on from its last checkpoint. `tasks kinds` lists the kinds and what each takes.\n",
    .run = run,
};
