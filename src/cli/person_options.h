/* Who does it and why: what the verbs share by which people change things. */
#ifndef BB_CLI_PERSON_OPTIONS_H
#define BB_CLI_PERSON_OPTIONS_H

#include "cli/cli.h"
#include "service/person.h"

struct bb_person_options {
    const char *reason, *by;
};

/* The rows for a table of options whose struct holds a bb_person_options at `base`. */
#define BB_PERSON_OPTION_ROWS(base)                                                                \
    {.name = "reason",                                                                             \
     .kind = BB_OPTION_TEXT,                                                                       \
     .offset = (base) + offsetof(struct bb_person_options, reason),                                \
     .value = "TEXT",                                                                              \
     .help = "why; it is kept with the value"},                                                    \
    {                                                                                              \
        .name = "by", .kind = BB_OPTION_TEXT,                                                      \
        .offset = (base) + offsetof(struct bb_person_options, by), .value = "NAME",                \
        .help = "who (default: $USER, else $LOGNAME, else the user's number)"                      \
    }

struct bb_person_name {
    char text[32]; /* when nothing else names the user */
};

/* -BB_E_USAGE without a reason. `name` lends memory to `out`. */
int bb_person_options_apply(const struct bb_person_options *given, struct bb_person_name *name,
                            struct bb_person *out, struct bb_error *error) BB_MUST_USE;

/* Open the plant for appending, which has to be there, and finish what an interrupted command left. */
int bb_person_open_plant(struct bb_command *command, struct bb_plant *plant, struct bb_error *error)
    BB_MUST_USE;

#endif
