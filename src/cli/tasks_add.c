/* busbar tasks add, tasks kinds: a task's arguments from options and words. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/audit.h"
#include "cli/task_form.h"
#include "cli/tasks.h"
#include "codec/map.h"
#include "task/worker.h"

enum { ARGUMENTS_LIMIT_BYTES = 1 << 20 };

/* The text of an option that stands for an argument; NULL: not given, or it is a flag. */
static const char *given_text(const struct bb_tasks_command *t, const struct bb_option *option) {
    const char *text = NULL;

    if (option->kind == BB_OPTION_TEXT || option->kind == BB_OPTION_ZONE)
        memcpy(&text, (const char *)t->given + option->offset, sizeof text);
    return text;
}

static bool given_flag(const struct bb_tasks_command *t, const struct bb_option *option) {
    bool flag = false;

    if (option->kind == BB_OPTION_FLAG)
        memcpy(&flag, (const char *)t->given + option->offset, sizeof flag);
    return flag;
}

/* As the file would be found from here; it need not be there. */
static int absolute(const char *path, char out[PATH_MAX], struct bb_error *error) {
    char here[PATH_MAX];

    if (realpath(path, out))
        return 0;
    if (path[0] == '/')
        snprintf(here, sizeof here, "%s", "");
    else if (!getcwd(here, sizeof here - 1))
        return BB_FAIL_ERRNO(error, BB_E_USAGE, errno, "the folder here has no name");
    if (snprintf(out, PATH_MAX, "%s%s%s", here, *here ? "/" : "", path) >= PATH_MAX)
        return BB_FAIL(error, BB_E_USAGE, "the name %.80s... is too long", path);
    return 0;
}

static int put_path(struct bb_json *json, const char *path, struct bb_error *error) {
    char whole[PATH_MAX];
    int result = absolute(path, whole, error);

    if (!result)
        bb_json_text(json, bb_span_of(whole));
    return result;
}

/* Not an argument of any kind. */
static bool is_for_the_verb(const struct bb_option *option) {
    return strcmp(option->name, "by") == 0;
}

/* What the kind does not take is written, too: the check says so, with the nearest that it takes. */
static int put_options(const struct bb_tasks_command *t, const struct bb_task_kind *kind,
                       struct bb_json *json, struct bb_error *error) {
    int result = 0;

    for (const struct bb_option *o = bb_tasks_option_table; o->name && !result; o++) {
        const struct bb_task_parameter *p = bb_task_parameter_find(kind, bb_span_of(o->name));
        const char *text = given_text(t, o);
        if (is_for_the_verb(o))
            continue;
        if (given_flag(t, o))
            bb_json_put_bool(json, o->name, true);
        if (!text)
            continue;
        bb_json_key(json, o->name);
        if (p && p->kind == BB_TASK_PATH)
            result = put_path(json, text, error);
        else
            bb_json_text(json, bb_span_of(text));
    }
    return result;
}

/* Of modules: what has a slash or an ending is a file, as for `busbar rules`. */
static bool is_file(const char *word) {
    return strchr(word, '/') || bb_span_ends_with(bb_span_of(word), BB_SPAN(".py"));
}

static int put_words(const struct bb_tasks_command *t, const struct bb_task_kind *kind,
                     struct bb_json *json, struct bb_error *error) {
    const struct bb_command *command = t->command;
    int result = 0;

    bb_json_key(json, "what");
    bb_json_array_begin(json);
    for (size_t i = 2; i < command->argument_count && !result; i++) {
        const char *word = command->arguments[i];
        if (kind->what_are_paths && strcmp(word, "-") == 0)
            result = BB_FAIL(error, BB_E_USAGE,
                             "a worker cannot read this standard input: name a file");
        else if (kind->what_are_paths && access(word, F_OK) != 0)
            result = BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot open %s", word);
        else if (kind->what_are_paths || (kind->what_are_modules && is_file(word)))
            result = put_path(json, word, error);
        else
            bb_json_text(json, bb_span_of(word));
    }
    bb_json_array_end(json);
    return result;
}

static const char *argument_of(const void *context, const char *name) {
    const struct bb_tasks_command *t = context;
    const struct bb_option *option = bb_option_find(bb_tasks_option_table, bb_span_of(name));

    return option ? given_text(t, option) : NULL;
}

/* What a worker would refuse hours later is refused now. */
static int check_form(const struct bb_tasks_command *t, struct bb_error *error) {
    struct bb_land_options land = {.partial = false};
    struct bb_map *map;
    int result = bb_task_form(argument_of, t, &land, &map, error);

    bb_map_free(map);
    return result;
}

static int write_arguments(const struct bb_tasks_command *t, const struct bb_task_kind *kind,
                           struct bb_buffer *out, struct bb_error *error) {
    struct bb_json json;

    bb_json_init(&json, out);
    bb_json_object_begin(&json);
    int result = put_words(t, kind, &json, error);
    if (!result)
        result = put_options(t, kind, &json, error);
    bb_json_object_end(&json);
    if (!result && out->overflow)
        result = BB_FAIL(error, BB_E_USAGE, "these are too many words for a task");
    if (!result)
        result = bb_task_arguments_check(kind, bb_buffer_span(out), error);
    return result ? result : kind->what_are_paths ? check_form(t, error) : 0;
}

static void report(struct bb_tasks_command *t, uint64_t id) {
    struct bb_command *command = t->command;

    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_json_object_begin(&json);
        bb_json_put_u64(&json, "task", id);
        bb_json_put_text(&json, "state", BB_SPAN("queued"));
        bb_json_object_end(&json);
        bb_command_json_end(command);
    } else if (!command->globals.quiet) {
        bb_buffer_format(&command->out->buffer,
                         "task %llu waits for a worker\nnext: busbar worker --stage tasks, where "
                         "none runs; busbar tasks show %llu\n",
                         (unsigned long long)id, (unsigned long long)id);
    }
}

int bb_tasks_add(struct bb_tasks_command *t, struct bb_error *error) {
    struct bb_command *command = t->command;
    const char *name = command->argument_count > 1 ? command->arguments[1] : "";
    const struct bb_task_kind *kind = bb_task_kind_find(bb_span_of(name));
    char who[BB_CLI_WHO_MAX];
    struct bb_buffer arguments;
    uint64_t id;

    if (!kind)
        return BB_FAIL(error, BB_E_TASK_KIND,
                       "no kind of task is called \"%s\": see `busbar tasks kinds`", name);
    bb_buffer_init(&arguments, ARGUMENTS_LIMIT_BYTES);
    int result = write_arguments(t, kind, &arguments, error);
    const struct bb_task_new task = {.kind = bb_span_of(kind->name),
                                     .tenant = bb_command_tenant(command),
                                     .arguments = bb_buffer_span(&arguments),
                                     .by = bb_span_of(bb_cli_who(t->given->by, who)),
                                     .priority = (enum bb_queue_priority)t->given->priority};
    if (!result)
        result = bb_task_put(t->queue.queue, t->queue.table, &task, &id, error);
    bb_buffer_release(&arguments);
    if (!result)
        report(t, id);
    return result ? result : BB_EXIT_DONE;
}

/* ---- kinds ----------------------------------------------------------------------------------- */

static void put_kind_json(struct bb_json *json, const struct bb_task_kind *kind) {
    bb_json_object_begin(json);
    bb_json_put_text(json, "kind", bb_span_of(kind->name));
    bb_json_put_text(json, "summary", bb_span_of(kind->summary));
    if (kind->what)
        bb_json_put_text(json, "what", bb_span_of(kind->what));
    bb_json_key(json, "parameters");
    bb_json_array_begin(json);
    for (const struct bb_task_parameter *p = kind->parameters; p->name; p++) {
        bb_json_object_begin(json);
        bb_json_put_text(json, "name", bb_span_of(p->name));
        bb_json_put_bool(json, "required", p->required);
        bb_json_put_text(json, "help", bb_span_of(p->help));
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
    bb_json_object_end(json);
}

int bb_tasks_kinds(struct bb_tasks_command *t, struct bb_error *error) {
    struct bb_buffer *out = &t->command->out->buffer;
    struct bb_json json = bb_command_json(t->command);

    (void)error;
    if (t->command->globals.json)
        bb_json_array_begin(&json);
    for (size_t i = 0; i < bb_task_kind_count; i++) {
        const struct bb_task_kind *kind = bb_task_kinds[i];
        if (t->command->globals.json) {
            put_kind_json(&json, kind);
            continue;
        }
        bb_buffer_format(out, "%s%s%s%s\n    %s\n", i ? "\n" : "", kind->name,
                         kind->what ? " " : "", kind->what ? kind->what : "", kind->summary);
        for (const struct bb_task_parameter *p = kind->parameters; p->name; p++)
            bb_buffer_format(out, "    --%-12s %s%s\n", p->name, p->help,
                             p->required ? " (has to be given)" : "");
    }
    if (t->command->globals.json) {
        bb_json_array_end(&json);
        bb_command_json_end(t->command);
    }
    return BB_EXIT_DONE;
}
