/* busbar ingest: takes files in, and says what came of it. The work is in ingest_run.c. */
#include "cli/human.h"
#include "cli/ingest_run.h"
#include "cli/reading_options.h"
#include "cli/verbs.h"
#include "codec/map.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct ingest_options {
    struct bb_reading_options reading;
    bool partial, again;
};

#define AT(field) offsetof(struct ingest_options, field)

static const struct bb_option options[] = {
    BB_READING_OPTION_ROWS(AT(reading)),
    {.name = "partial",
     .kind = BB_OPTION_FLAG,
     .offset = AT(partial),
     .help = "keep the good lines of a file that has bad ones"},
    {.name = "again",
     .kind = BB_OPTION_FLAG,
     .offset = AT(again),
     .help = "take files that were taken before"},
    BB_OPTION_END};

/* ---- the report -----------------------------------------------------------------------------------*/

static void put_error(struct bb_json *json, const struct bb_error *error) {
    char code[16];

    snprintf(code, sizeof code, "BB-%04d", (int)error->code);
    bb_json_object_begin(json);
    bb_json_put_text(json, "file", bb_span_of(error->source));
    bb_json_put_u64(json, "line", error->line);
    bb_json_put_text(json, "code", bb_span_of(code));
    bb_json_put_text(json, "reason", bb_span_of(error->text));
    bb_json_object_end(json);
}

static void report_as_json(const struct bb_ingest_run *ingest) {
    const struct bb_land_report *report = &ingest->report;
    struct bb_json json = bb_command_json(ingest->command);

    bb_json_object_begin(&json);
    bb_json_put_u64(&json, "files", report->files);
    bb_json_put_u64(&json, "files_skipped", report->files_skipped);
    bb_json_put_u64(&json, "readings", report->readings);
    bb_json_put_u64(&json, "accepted", ingest->counts.added);
    bb_json_put_u64(&json, "duplicate", ingest->counts.duplicate);
    bb_json_put_u64(&json, "changed", ingest->counts.changed);
    bb_json_put_u64(&json, "rejected", report->rejected);
    bb_ignored_json(&report->ignored, &json);
    bb_json_put_u64(&json, "exceptions", ingest->counts.exceptions_opened);
    bb_json_put_double(&json, "seconds", ingest->seconds);
    bb_json_put_double(&json, "readings_per_second", bb_ingest_rate(ingest));
    bb_json_key(&json, "errors");
    bb_json_array_begin(&json);
    for (uint32_t i = 0; i < report->error_count; i++)
        put_error(&json, &report->errors[i]);
    bb_json_array_end(&json);
    bb_json_object_end(&json);
    bb_command_json_end(ingest->command);
}

static void put_count(struct bb_buffer *out, const char *what, uint64_t count, const char *note) {
    char number[BB_HUMAN_MAX];

    bb_buffer_format(out, "  %-12s%15s%s%s\n", what, bb_human_count(count, number),
                     *note ? "  " : "", note);
}

/* What to do next, a command a line. */
struct next {
    struct bb_buffer *out;
    uint32_t count;
};

static void put_next(struct next *next, const char *format, ...) BB_PRINTF(2, 3);

static void put_next(struct next *next, const char *format, ...) {
    char command[800];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    bb_buffer_format(next->out, "%s%s\n", next->count++ ? "      " : "\nnext: ", command);
}

static int look_at_first(void *context, const struct bb_registry_channel *row) {
    put_next(context, "busbar query --usage-point %.*s --channel %.*s",
             BB_SPAN_ARGS(row->usage_point), BB_SPAN_ARGS(row->channel));
    return 1;
}

static int suggest_next(struct bb_ingest_run *ingest, struct bb_error *error) {
    const struct bb_land_report *report = &ingest->report;
    struct bb_registry *registry = ingest->plant->registry;
    struct next next = {.out = &ingest->command->out->buffer};

    if (report->error_count > 0) {
        put_next(&next, "busbar explain BB-%04d", (int)report->errors[0].code);
        if (access(report->errors[0].source, R_OK) == 0)
            put_next(&next, "busbar try %s", report->errors[0].source);
    }
    if (ingest->counts.exceptions_opened > 0)
        put_next(&next, "busbar list exceptions");
    if (report->readings == 0 && report->files_skipped == 0)
        return 0;
    int r = registry->ops->channel_list(registry, bb_command_tenant(ingest->command),
                                        (struct bb_span){NULL, 0}, look_at_first, &next, error);
    return r < 0 ? r : 0;
}

static int report_to_people(struct bb_ingest_run *ingest, struct bb_error *error) {
    const struct bb_land_report *report = &ingest->report;
    struct bb_buffer *out = &ingest->command->out->buffer;
    char seconds[BB_HUMAN_MAX], rate[BB_HUMAN_MAX];

    put_count(out, "files", report->files, "");
    if (report->files_skipped > 0)
        put_count(out, "skipped", report->files_skipped,
                  ingest->skipped_note ? ingest->skipped_note
                                       : "taken before; --again takes them again");
    if (ingest->files.passed_over > 0)
        put_count(out, "passed over", ingest->files.passed_over, "by name: not readings");
    put_count(out, "readings", report->readings, "");
    put_count(out, "accepted", ingest->counts.added, "");
    put_count(out, "duplicate", ingest->counts.duplicate, "");
    put_count(out, "changed", ingest->counts.changed, "");
    put_count(out, "rejected", report->rejected, "");
    bb_ignored_line(&report->ignored, "  ignored       ", out);
    put_count(out, "exceptions", ingest->counts.exceptions_opened, "");
    bb_buffer_format(out, "  in %s, %s readings/s\n", bb_human_seconds(ingest->seconds, seconds),
                     bb_human_short(bb_ingest_rate(ingest), rate));
    return suggest_next(ingest, error);
}

/* ---- the command --------------------------------------------------------------------------------*/

int bb_ingest_and_tell(struct bb_ingest_run *ingest, char *const *arguments, size_t argument_count,
                       struct bb_error *error) {
    struct bb_command *command = ingest->command;
    int r = bb_ingest_run(ingest, arguments, argument_count, error);

    if (r == 0 && command->globals.json)
        report_as_json(ingest);
    else if (r == 0 && bb_command_talks(command))
        r = report_to_people(ingest, error);
    if (r < 0)
        return r;
    bool refused = ingest->report.rejected > 0 || ingest->report.error_count > 0;
    return refused ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

static int ingest_into(struct bb_ingest_run *ingest, struct bb_plant *plant,
                       struct bb_error *error) {
    struct bb_command *command = ingest->command;
    const struct ingest_options *given = command->options;
    struct bb_map *map = NULL;

    ingest->plant = plant;
    ingest->land = (struct bb_land_options){.form.tenant = bb_command_tenant(command),
                                            .partial = given->partial,
                                            .again = given->again,
                                            .watch = &command->bar->watch};
    int r = bb_reading_options_apply(&given->reading, &ingest->land, &map, error);
    if (r == 0)
        r = bb_command_open_plant(command, BB_PLANT_APPEND, plant, error);
    if (r == 0) {
        r = bb_ingest_and_tell(ingest, command->arguments, command->argument_count, error);
        bb_plant_close(plant);
    }
    bb_map_free(map);
    return r;
}

static int run(struct bb_command *command, struct bb_error *error) {
    struct bb_ingest_run *ingest = calloc(1, sizeof *ingest);
    struct bb_plant *plant = calloc(1, sizeof *plant);
    int r;

    if (ingest && plant) {
        ingest->command = command;
        r = ingest_into(ingest, plant, error);
        bb_ingest_run_release(ingest);
    } else {
        r = BB_FAIL(error, BB_E_NO_MEMORY, "no memory to begin");
    }
    free(plant);
    free(ingest);
    return r;
}

const struct bb_verb bb_verb_ingest = {
    .name = "ingest",
    .summary = "take files in, validate them, store them",
    .arguments = "FILE|DIR|-...",
    .arguments_min = 1,
    .arguments_max = -1,
    .options = options,
    .options_size = sizeof(struct ingest_options),
    .examples = "busbar ingest march.csv april.csv.gz\n"
                "busbar ingest --zone Europe/Madrid --kind register deliveries/\n"
                "zcat old.csv.gz | busbar ingest --format csv -\n",
    .details =
        "Files may be .gz, .zst or .zip. Folders are read with all below them, in order of their\n"
        "names; hidden files, *.yaml, *.md and truth.json are passed over.\n"
        "A file with a line that cannot be used changes nothing, unless --partial is given. A file\n"
        "that was taken before is passed over; a run that was interrupted is finished by the next.\n"
        "Exit code 1 says that something was refused; stderr says what, where and why.\n",
    .run = run,
};
