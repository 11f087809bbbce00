/* The frame of the command line: what a verb is, and what it is given.
 *
 *   argv ─► options.c ─► struct bb_command ─► verb->run ─► exit code
 *              │ tables of bb_option                │
 *              ▼                                    ▼
 *   help, completion and man are        stdout: bb_output    stderr: bb_logger, bb_progress_bar
 *   printed from the same tables
 *
 * A verb is one file with one `struct bb_verb`, listed in verbs.c. It prints what was asked for to
 * command->out and nothing else; the frame prints errors, flushes and chooses the exit code. One
 * thread; nothing here is called from another one.
 */
#ifndef BB_CLI_CLI_H
#define BB_CLI_CLI_H

#include "base/error.h"
#include "base/json_write.h"
#include "base/log_line.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "service/plant.h"

enum bb_exit {
    BB_EXIT_DONE = 0,
    BB_EXIT_REFUSED = 1, /* ran, but some input was refused */
    BB_EXIT_USAGE = 2,   /* wrong usage */
    BB_EXIT_START = 3,   /* could not start: configuration, port, lock */
    BB_EXIT_FAULT = 4
};

/* How an option's text is read, and what its field in the verb's struct of options is. */
enum bb_option_kind {
    BB_OPTION_FLAG,     /* bool; takes no value */
    BB_OPTION_TEXT,     /* const char *; NULL when not given */
    BB_OPTION_CHOICE,   /* int: index among the choices, -1 when not given */
    BB_OPTION_NUMBER,   /* int64_t from min to max */
    BB_OPTION_SHARE,    /* double from 0 to 1 */
    BB_OPTION_DURATION, /* int64_t milliseconds from min to max; 0 when not given */
    BB_OPTION_ZONE      /* const char *: the name of a time zone that exists; NULL: not given */
};

struct bb_option {
    const char *name; /* without dashes; NULL ends a table */
    enum bb_option_kind kind;
    bool required;                    /* texts only */
    size_t offset;                    /* of the field */
    const char *value;                /* as help shows it: "FILE"; choices: "table|csv|ndjson" */
    const char *(*choice)(int index); /* choices that another table knows; NULL past the last */
    const char *initial;              /* the default, as one would type it; NULL: none */
    int64_t min, max;
    const char *help;
};

#define BB_OPTION_END                                                                              \
    { .name = NULL }

struct bb_globals {
    const char *data;
    const char *config; /* NULL: DATA/busbar.yaml when there */
    const char *tenant;
    int log_format; /* enum bb_log_format */
    bool json, quiet, no_progress, help, version;
};
extern const struct bb_option bb_global_options[];

struct bb_command;

struct bb_verb {
    const char *name;
    const char *summary;              /* one line, no full stop */
    const char *arguments;            /* "FILE|DIR|-..."; "" when there are none */
    int arguments_min, arguments_max; /* max -1: any number */
    const struct bb_option *options;  /* NULL: none */
    size_t options_size;              /* of the verb's struct of options */
    const char *details;              /* paragraphs below the usage; NULL: none */
    const char *examples;             /* lines */
    /* An exit code, or a negative error that the frame prints. */
    int (*run)(struct bb_command *command, struct bb_error *error);
};
extern const struct bb_verb *const bb_verbs[];
extern const size_t bb_verb_count;
/* NULL when there is none. */
const struct bb_verb *bb_verb_find(struct bb_span name);

struct bb_command {
    const struct bb_verb *verb;
    struct bb_globals globals;
    const void *options; /* the verb's struct, filled */
    char **arguments;
    size_t argument_count;
    struct bb_output *out;
    struct bb_logger logger;
    struct bb_progress_bar *bar;
    /* What the command needs is open: an error from here on is a fault, not a failure to start. */
    bool started;
    /* A server has the plant: what is told goes to it (served_log.h), and what came of it is awaited. */
    bool alone; /* it needs the plant to itself: it never goes through a server */
    bool is_served;
    struct bb_served_follow *follow;
};

/* All of busbar but `main`: returns the exit code. */
int bb_cli_run(int argc, char **argv);

/* Open the plant of --data; tells of a cut tail, sets `started`. To append where a server has it: the plant is then
 * open for reading, with a log that hands on to the server what is appended, and `is_served` is set. */
int bb_command_open_plant(struct bb_command *command, enum bb_plant_mode mode,
                          struct bb_plant *plant, struct bb_error *error) BB_MUST_USE;
/* A line on stderr about something that went wrong without ending the command. */
void bb_command_complain(struct bb_command *command, const struct bb_error *error);
void bb_command_note(struct bb_command *command, enum bb_log_level level, const char *message,
                     const struct bb_log_field *fields, size_t field_count);
/* A page of text on stdout; with --json as one JSON text. Takes what `page` holds. */
void bb_command_print_page(struct bb_command *command, struct bb_buffer *page);
/* The page of a verb, or of the program (verb NULL). */
void bb_command_print_help(struct bb_command *command, const struct bb_verb *verb);
/* stdout as a JSON writer; the line end comes with bb_command_json_end. */
struct bb_json bb_command_json(struct bb_command *command);
void bb_command_json_end(struct bb_command *command);
static inline struct bb_span bb_command_tenant(const struct bb_command *command) {
    return bb_span_of(command->globals.tenant);
}
/* Results for people are wanted: neither --json nor --quiet. */
static inline bool bb_command_talks(const struct bb_command *command) {
    return !command->globals.json && !command->globals.quiet;
}

/* True once SIGINT or SIGTERM came; a second one ends the process at once. */
const volatile bool *bb_stop_flag(void);
void bb_stop_on_signals(void);
/* What is under way when the signal comes may take so long; then the process ends nevertheless, with exit code 0. For work
 * that may be killed at any moment. */
void bb_stop_within(int64_t budget_ms);

/* ---- options.c ----------------------------------------------------------------------------------*/

/* The option of that name in either table, NULL when there is none. */
const struct bb_option *bb_option_find(const struct bb_option *table, struct bb_span name);
/* Defaults of a whole table into `fields`. */
void bb_options_defaults(const struct bb_option *table, void *fields);
/* Read `text` into the option's field; -BB_E_USAGE says what is allowed. */
int bb_option_set(const struct bb_option *option, const char *text, void *fields,
                  struct bb_error *error) BB_MUST_USE;
/* The i-th choice; false past the last. */
bool bb_option_choice(const struct bb_option *option, int index, struct bb_span *name);
/* "--format auto|csv|ndjson" */
void bb_option_format(const struct bb_option *option, struct bb_buffer *out);

/* ---- help_page.c --------------------------------------------------------------------------------*/

void bb_help_program(struct bb_buffer *out);
void bb_help_verb(const struct bb_verb *verb, struct bb_buffer *out);
void bb_help_usage_line(const struct bb_verb *verb, struct bb_buffer *out);

#endif
