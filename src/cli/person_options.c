/* Who does it and why: see person_options.h. */
#include "cli/person_options.h"

#include "cli/ingest_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *named(const char *text) {
    return text && *text ? text : NULL;
}

int bb_person_options_apply(const struct bb_person_options *given, struct bb_person_name *name,
                            struct bb_person *out, struct bb_error *error) {
    const char *by = given->by;

    if (!given->reason)
        return BB_FAIL(error, BB_E_USAGE, "--reason TEXT is needed: why is it so?");
    if (!by)
        by = named(getenv("USER"));
    if (!by)
        by = named(getenv("LOGNAME"));
    if (!by) {
        snprintf(name->text, sizeof name->text, "user %u", (unsigned)getuid());
        by = name->text;
    }
    *out = (struct bb_person){bb_span_of(by), bb_span_of(given->reason)};
    return 0;
}

int bb_person_open_plant(struct bb_command *command, struct bb_plant *plant,
                         struct bb_error *error) {
    struct bb_worker_counts counts;
    /* opening for appending makes a plant where there is none */
    int r = bb_plant_open(command->globals.data, command->globals.config, BB_PLANT_READ, plant,
                          error);

    if (r < 0)
        return r;
    bb_plant_close(plant);
    r = bb_command_open_plant(command, BB_PLANT_APPEND, plant, error);
    if (r < 0)
        return r;
    r = bb_catch_up(command, plant, &counts, error);
    if (r < 0)
        bb_plant_close(plant);
    return r;
}
