/* The frame: from argv to a verb, from its outcome to an exit code. See cli.h.
 *
 *   busbar [GLOBAL...] VERB [GLOBAL | OPTION | ARGUMENT]... [-- ARGUMENT...]
 */
#include "base/nearest.h"
#include "cli/cli.h"
#include "cli/served.h"
#include "cli/served_follow.h"
#include "service/rules_environment.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AT(field) offsetof(struct bb_globals, field)

const struct bb_option bb_global_options[] = {
    {.name = "data",
     .kind = BB_OPTION_TEXT,
     .offset = AT(data),
     .value = "DIR",
     .initial = "./busbar-data",
     .help = "the plant's folder"},
    {.name = "config",
     .kind = BB_OPTION_TEXT,
     .offset = AT(config),
     .value = "FILE",
     .help = "configuration (default DIR/busbar.yaml when there)"},
    {.name = "tenant",
     .kind = BB_OPTION_TEXT,
     .offset = AT(tenant),
     .value = "NAME",
     .initial = "default",
     .help = "whose readings"},
    {.name = "json",
     .kind = BB_OPTION_FLAG,
     .offset = AT(json),
     .help = "one JSON value on stdout, nothing else"},
    {.name = "quiet",
     .kind = BB_OPTION_FLAG,
     .offset = AT(quiet),
     .help = "say only what is wrong"},
    {.name = "no-progress",
     .kind = BB_OPTION_FLAG,
     .offset = AT(no_progress),
     .help = "no progress bar"},
    {.name = "log-format",
     .kind = BB_OPTION_CHOICE,
     .offset = AT(log_format),
     .value = "text|json",
     .initial = "text",
     .help = "of messages on stderr"},
    {.name = "help", .kind = BB_OPTION_FLAG, .offset = AT(help), .help = "this page"},
    {.name = "version", .kind = BB_OPTION_FLAG, .offset = AT(version), .help = "the version"},
    BB_OPTION_END};

/* ---- arguments ----------------------------------------------------------------------------------*/

struct parse {
    char **argv;
    int argc, at;
    struct bb_command *command;
    void *fields; /* the verb's struct of options */
    bool options_ended;
    struct bb_error *error;
};

static bool is_option(const struct parse *parse, const char *word) {
    return !parse->options_ended && word[0] == '-' && word[1] != '\0';
}

static int refuse_unknown_option(const struct parse *parse, const char *word, struct bb_span name) {
    const struct bb_verb *verb = parse->command->verb;
    const struct bb_option *tables[] = {verb ? verb->options : NULL, bb_global_options};
    struct bb_nearest nearest;

    bb_nearest_init(&nearest, name);
    for (size_t i = 0; i < 2; i++)
        for (const struct bb_option *option = tables[i]; option && option->name; option++)
            bb_nearest_offer(&nearest, option->name);
    return BB_FAIL(parse->error, BB_E_USAGE, "there is no option %s%s%s%s%s%s", word,
                   verb ? "" : " before the verb", nearest.name ? " · did you mean --" : "",
                   nearest.name ? nearest.name : "",
                   nearest.name ? "? · busbar help " : " · busbar help ", verb ? verb->name : "");
}

/* One option with its value, at argv[at]; moves behind it. */
static int parse_option(struct parse *parse) {
    const char *word = parse->argv[parse->at++];
    const char *value = strchr(word, '=');
    struct bb_command *command = parse->command;
    struct bb_span name = {word + 2, value ? (size_t)(value - word) - 2 : strlen(word + 2)};
    void *fields = &command->globals;

    if (strcmp(word, "-h") == 0) {
        command->globals.help = true;
        return 0;
    }
    if (word[1] != '-')
        return refuse_unknown_option(parse, word, bb_span_of(word + 1));
    const struct bb_option *option = bb_option_find(bb_global_options, name);
    if (!option && command->verb) {
        option = bb_option_find(command->verb->options, name);
        fields = parse->fields;
    }
    if (!option)
        return refuse_unknown_option(parse, word, name);
    if (option->kind == BB_OPTION_FLAG && value)
        return BB_FAIL(parse->error, BB_E_USAGE, "--%s takes no value", option->name);
    if (option->kind != BB_OPTION_FLAG && !value && parse->at == parse->argc)
        return BB_FAIL(parse->error, BB_E_USAGE, "--%s needs a value", option->name);
    if (option->kind != BB_OPTION_FLAG)
        value = value ? value + 1 : parse->argv[parse->at++];
    return bb_option_set(option, value, fields, parse->error);
}

static int parse_verb(struct parse *parse, const char *word) {
    struct bb_nearest nearest;

    parse->command->verb = bb_verb_find(bb_span_of(word));
    if (!parse->command->verb) {
        bb_nearest_init(&nearest, bb_span_of(word));
        for (size_t i = 0; i < bb_verb_count; i++)
            bb_nearest_offer(&nearest, bb_verbs[i]->name);
        return BB_FAIL(parse->error, BB_E_USAGE, "there is no verb \"%s\"%s%s%s · busbar help",
                       word, nearest.name ? " · did you mean " : "",
                       nearest.name ? nearest.name : "", nearest.name ? "?" : "");
    }
    parse->fields = calloc(1, parse->command->verb->options_size + 1);
    if (!parse->fields)
        return BB_FAIL(parse->error, BB_E_NO_MEMORY, "no memory to read the arguments");
    parse->command->options = parse->fields;
    bb_options_defaults(parse->command->verb->options, parse->fields);
    return 0;
}

/* Options go where their tables say; what is left becomes command->arguments, in order. */
static int parse_all(struct parse *parse) {
    struct bb_command *command = parse->command;

    while (parse->at < parse->argc) {
        char *word = parse->argv[parse->at];
        int r = 0;
        if (!parse->options_ended && strcmp(word, "--") == 0) {
            parse->options_ended = true;
            parse->at++;
        } else if (is_option(parse, word)) {
            r = parse_option(parse);
        } else if (!command->verb) {
            parse->at++;
            r = parse_verb(parse, word);
        } else {
            parse->at++;
            command->arguments[command->argument_count++] = word;
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* A text option that is required and was not given. */
static const struct bb_option *missing_option(const struct bb_command *command) {
    for (const struct bb_option *option = command->verb->options; option && option->name;
         option++) {
        const void *field = (const char *)command->options + option->offset;
        if (option->required && *(const char *const *)field == NULL)
            return option;
    }
    return NULL;
}

static int check_arguments(const struct bb_command *command, struct bb_error *error) {
    const struct bb_verb *verb = command->verb;
    const struct bb_option *missing = missing_option(command);
    int count = (int)command->argument_count;

    if (missing)
        return BB_FAIL(error, BB_E_USAGE, "%s needs --%s %s", verb->name, missing->name,
                       missing->value ? missing->value : "");
    if (count < verb->arguments_min)
        return BB_FAIL(error, BB_E_USAGE, "%s needs %s", verb->name, verb->arguments);
    if (verb->arguments_max >= 0 && count > verb->arguments_max)
        return BB_FAIL(error, BB_E_USAGE, "%s does not take the argument \"%s\"", verb->name,
                       command->arguments[verb->arguments_max]);
    return 0;
}

/* ---- outcomes -----------------------------------------------------------------------------------*/

static enum bb_exit exit_of(const struct bb_error *error, bool started) {
    switch ((int)error->code) {
    case BB_E_USAGE: return BB_EXIT_USAGE;
    case BB_E_MAP_INVALID: return BB_EXIT_START;
    case BB_E_KEY_UNKNOWN: return BB_EXIT_REFUSED;
    case BB_E_NO_MEMORY:
    case BB_E_DISK_FULL:
    case BB_E_BUG: return BB_EXIT_FAULT;
    }
    if (error->code < 3000)
        return BB_EXIT_REFUSED;
    return started ? BB_EXIT_FAULT : BB_EXIT_START;
}

/* Whoever asked for one JSON value gets one, also of a failure. */
static void print_json_error(struct bb_output *out, const struct bb_error *error) {
    struct bb_json json;
    char code[16];

    bb_buffer_clear(&out->buffer);
    snprintf(code, sizeof code, "BB-%04d", (int)error->code);
    bb_json_init(&json, &out->buffer);
    bb_json_object_begin(&json);
    bb_json_key(&json, "error");
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "code", bb_span_of(code));
    bb_json_put_text(&json, "reason", bb_span_of(error->text));
    if (error->source[0])
        bb_json_put_text(&json, "file", bb_span_of(error->source));
    if (error->line)
        bb_json_put_u64(&json, "line", error->line);
    bb_json_object_end(&json);
    bb_json_object_end(&json);
    bb_buffer_append_byte(&out->buffer, '\n');
}

void bb_command_complain(struct bb_command *command, const struct bb_error *error) {
    bb_progress_bar_clear(command->bar);
    bb_log_error(&command->logger, error);
}

void bb_command_note(struct bb_command *command, enum bb_log_level level, const char *message,
                     const struct bb_log_field *fields, size_t field_count) {
    if (level >= command->logger.least)
        bb_progress_bar_clear(command->bar);
    bb_log_line(&command->logger, level, message, fields, field_count);
}

static void print_usage(const struct bb_command *command) {
    struct bb_buffer text;

    bb_buffer_init(&text, 1 << 16);
    if (command->verb)
        bb_help_usage_line(command->verb, &text);
    if (command->logger.format == BB_LOG_TEXT && text.size > 0)
        fprintf(stderr, "%.*s", (int)text.size, text.data);
    bb_buffer_release(&text);
}

static enum bb_exit fail(struct bb_command *command, const struct bb_error *error) {
    bb_command_complain(command, error);
    if (error->code == BB_E_USAGE)
        print_usage(command);
    if (command->globals.json && command->out->written_bytes == 0)
        print_json_error(command->out, error);
    return exit_of(error, command->started);
}

static int run_command(struct bb_command *command, struct bb_error *error) {
    if (command->globals.version)
        command->verb = bb_verb_find(BB_SPAN("version"));
    if (command->globals.help || !command->verb) {
        bb_command_print_help(command, command->verb);
        return BB_EXIT_DONE;
    }
    int r = command->globals.version ? 0 : check_arguments(command, error);
    return r < 0 ? r : command->verb->run(command, error);
}

static int run_arguments(int argc, char **argv, struct bb_command *command,
                         struct bb_error *error) {
    struct parse parse = {.argv = argv, .argc = argc, .at = 1, .command = command, .error = error};
    int r;

    bb_options_defaults(bb_global_options, &command->globals);
    r = parse_all(&parse);
    command->logger.format = (enum bb_log_format)command->globals.log_format;
    command->logger.least = command->globals.quiet ? BB_LOG_WARNING : BB_LOG_INFO;
    if (r == 0) {
        bool bar = !command->globals.quiet && !command->globals.no_progress &&
                   command->logger.format == BB_LOG_TEXT;
        bb_progress_bar_init(command->bar, STDERR_FILENO, bar);
        r = run_command(command, error);
        bb_progress_bar_clear(command->bar);
    }
    if (r < 0)
        r = (int)fail(command, error);
    free(parse.fields);
    return r;
}

int bb_cli_run(int argc, char **argv) {
    struct bb_error error = {0};
    struct bb_output out;
    struct bb_progress_bar bar = {.fd = STDERR_FILENO};
    struct bb_command command = {
        .out = &out,
        .bar = &bar,
        .logger = {.fd = STDERR_FILENO, .least = BB_LOG_INFO, .clock = bb_clock_system()},
    };

    signal(SIGPIPE, SIG_IGN); /* a reader that goes away is seen by its write, */
    signal(SIGXFSZ, SIG_IGN); /* and so is a limit on the size of files */
    command.arguments = calloc((size_t)argc + 1, sizeof *command.arguments);
    if (!command.arguments)
        return BB_EXIT_FAULT;
    bb_output_init(&out, STDOUT_FILENO);
    int code = run_arguments(argc, argv, &command, &error);
    bb_output_flush(&out);
    if (out.errno_value != 0 && code == BB_EXIT_DONE) {
        (void)BB_FAIL_ERRNO(&error, BB_E_STORE_IO, out.errno_value, "cannot write to stdout");
        bb_command_complain(&command, &error);
        code = BB_EXIT_FAULT;
    }
    bb_output_release(&out);
    bb_served_follow_free(command.follow);
    free(command.arguments);
    return code;
}

/* ---- what verbs share -----------------------------------------------------------------------------*/

int bb_command_open_plant(struct bb_command *command, enum bb_plant_mode mode,
                          struct bb_plant *plant, struct bb_error *error) {
    int r = bb_plant_open(command->globals.data, command->globals.config, mode, plant, error);

    if (r == -BB_E_LOCKED && mode == BB_PLANT_APPEND)
        r = bb_served_open(command, plant, error);
    if (r < 0)
        return r;
    command->started = true;
    if (plant->cut_bytes > 0) {
        const struct bb_log_field fields[] = {bb_field_decision("log-cut"),
                                              bb_field_number("bytes", (int64_t)plant->cut_bytes)};
        bb_command_note(command, BB_LOG_WARNING,
                        "the log's tail, which was never acknowledged, was cut", fields, 2);
    }
    const char *warning = mode == BB_PLANT_APPEND ? bb_rules_cage_warning(&plant->config) : NULL;
    if (warning)
        bb_command_note(command, BB_LOG_WARNING, warning, NULL, 0);
    return 0;
}

struct bb_json bb_command_json(struct bb_command *command) {
    struct bb_json json;

    bb_json_init(&json, &command->out->buffer);
    return json;
}

void bb_command_json_end(struct bb_command *command) {
    bb_buffer_append_byte(&command->out->buffer, '\n');
}

void bb_command_print_help(struct bb_command *command, const struct bb_verb *verb) {
    struct bb_buffer page;

    bb_buffer_init(&page, 1 << 20);
    if (verb)
        bb_help_verb(verb, &page);
    else
        bb_help_program(&page);
    bb_command_print_page(command, &page);
}

void bb_command_print_page(struct bb_command *command, struct bb_buffer *page) {
    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_json_text(&json, bb_buffer_span(page));
        bb_command_json_end(command);
    } else {
        bb_buffer_append_span(&command->out->buffer, bb_buffer_span(page));
    }
    bb_buffer_release(page);
}

static volatile bool stop_requested;
static volatile unsigned stop_within_s; /* 0: as long as it takes */

static void request_stop(int number) {
    if (stop_requested)
        _exit(128 + number);
    stop_requested = true;
    if (stop_within_s > 0)
        alarm(stop_within_s);
}

static void end_now(int number) {
    (void)number;
    _exit(BB_EXIT_DONE);
}

void bb_stop_within(int64_t budget_ms) {
    struct sigaction action = {.sa_handler = end_now};

    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    stop_within_s = budget_ms < 1000 ? 1 : (unsigned)(budget_ms / 1000);
}

const volatile bool *bb_stop_flag(void) {
    return &stop_requested;
}

void bb_stop_on_signals(void) {
    struct sigaction action = {.sa_handler = request_stop}; /* no SA_RESTART: waits end at once */

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}
