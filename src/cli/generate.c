/* busbar generate: a synthetic plant on stdout, or with its master data and its truth in a folder. */
#include "service/generate.h"
#include "cli/human.h"
#include "cli/verbs.h"
#include "model/timestamp.h"

#include <stdio.h>
#include <unistd.h>

struct generate_options {
    int64_t meters, days, seed;
    int format, order;
    double faults;
    const char *from, *out;
};

#define AT(field) offsetof(struct generate_options, field)

static const char *city_format_choice(int index) {
    return index < BB_CITY_FORMAT_COUNT ? bb_city_format_name((enum bb_city_format)index) : NULL;
}

static const struct bb_option options[] = {
    {.name = "meters",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(meters),
     .value = "N",
     .initial = "20",
     .min = 1,
     .max = BB_CITY_METERS_MAX,
     .help = "of 20: 16 electricity, 3 water, 1 heat"},
    {.name = "days",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(days),
     .value = "D",
     .initial = "14",
     .min = 1,
     .max = BB_CITY_DAYS_MAX,
     .help = "local days"},
    {.name = "from",
     .kind = BB_OPTION_TEXT,
     .offset = AT(from),
     .value = "DATE",
     .initial = "2026-03-20",
     .help = "the first day"},
    {.name = "seed",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(seed),
     .value = "S",
     .initial = "1",
     .min = 0,
     .max = INT64_MAX,
     .help = "same seed, same bytes"},
    {.name = "format",
     .kind = BB_OPTION_CHOICE,
     .offset = AT(format),
     .choice = city_format_choice,
     .initial = "ndjson",
     .help = "of the readings"},
    {.name = "faults",
     .kind = BB_OPTION_SHARE,
     .offset = AT(faults),
     .value = "RATE",
     .initial = "0",
     .help = "share of usage points with at least one fault"},
    {.name = "order",
     .kind = BB_OPTION_CHOICE,
     .offset = AT(order),
     .value = "time|file",
     .initial = "time",
     .help = "all meters each quarter hour, or meter by meter"},
    {.name = "out",
     .kind = BB_OPTION_TEXT,
     .offset = AT(out),
     .value = "DIR",
     .help = "readings*.EXT, registry.yaml and truth.json in a folder"},
    BB_OPTION_END};

static int city_options(const struct generate_options *given, struct bb_city_options *city,
                        struct bb_error *error) {
    int64_t first_ms;

    if (bb_time_parse_rfc3339(bb_span_of(given->from), &first_ms) != BB_TIME_LOCAL ||
        first_ms % BB_DAY_MS != 0)
        return BB_FAIL(error, BB_E_USAGE,
                       "--from cannot be \"%s\": allowed is a date such as 2026-03-20",
                       given->from);
    bb_city_options_default(city);
    city->first_day = (int32_t)(first_ms / BB_DAY_MS);
    city->seed = (uint64_t)given->seed;
    city->meters = (uint32_t)given->meters;
    city->days = (uint32_t)given->days;
    city->fault_ppm = (uint32_t)(given->faults * BB_CITY_ONE_PPM + 0.5);
    city->format = (enum bb_city_format)given->format;
    city->order = (enum bb_city_order)given->order;
    return 0;
}

/* ---- to stdout ------------------------------------------------------------------------------------*/

static int write_out(void *context, const void *data, size_t size, struct bb_error *error) {
    struct bb_output *out = context;

    bb_buffer_append(&out->buffer, data, size);
    if (bb_output_spill(out))
        return 0;
    return BB_FAIL(error, BB_E_STORE_IO, "nobody reads on");
}

static int write_stream(struct bb_command *command, const struct bb_city_options *how,
                        struct bb_error *error) {
    const struct bb_city_sink sink = {.write = write_out, .context = command->out};
    struct bb_city *city;

    if (command->globals.json)
        return BB_FAIL(error, BB_E_USAGE,
                       "--json needs --out DIR: readings on stdout are no single value");
    int r = bb_city_new(how, &city, error);
    if (r < 0)
        return r;
    r = bb_city_write(city, &sink, error);
    bb_city_free(city);
    return command->out->closed ? 0 : r;
}

/* ---- to a folder ----------------------------------------------------------------------------------*/

static void report(struct bb_command *command, const char *directory,
                   const struct bb_generate_report *told) {
    struct bb_buffer *out = &command->out->buffer;
    char bytes[BB_HUMAN_MAX];

    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_json_object_begin(&json);
        bb_json_put_text(&json, "directory", bb_span_of(directory));
        bb_json_put_u64(&json, "files", told->files);
        bb_json_put_u64(&json, "bytes", told->bytes);
        bb_json_put_u64(&json, "faults", told->faults);
        bb_json_object_end(&json);
        bb_command_json_end(command);
        return;
    }
    if (!bb_command_talks(command))
        return;
    bb_buffer_format(out, "%s: %s of readings in %u files; %u faults, told in truth.json\n",
                     directory, bb_human_bytes(told->bytes, bytes), told->files, told->faults);
    bb_buffer_format(out, "next: busbar registry apply %s/registry.yaml && busbar ingest %s\n",
                     directory, directory);
}

/* An earlier city is replaced; anything else that is in the folder stays as it is. */
static bool holds_a_city(const char *directory, enum bb_city_format format) {
    char path[4096];

    snprintf(path, sizeof path, "%s/truth.json", directory);
    if (access(path, F_OK) == 0)
        return true;
    snprintf(path, sizeof path, "%s/readings-0001.%s", directory, bb_city_format_name(format));
    return access(path, F_OK) == 0;
}

static int write_folder(struct bb_command *command, const struct bb_city_options *how,
                        struct bb_error *error) {
    const struct generate_options *given = command->options;
    struct bb_generate_report told;
    const struct bb_generate_options options_of_run = {
        .city = *how,
        .directory = given->out,
        .replace = holds_a_city(given->out, how->format),
        .watch = &command->bar->watch,
        .report = &told};

    command->started = true;
    bb_progress_bar_restart(command->bar, "generating");
    int r = bb_generate_run(&options_of_run, error);
    bb_progress_bar_clear(command->bar);
    if (r == 0)
        report(command, given->out, &told);
    return r;
}

static int run(struct bb_command *command, struct bb_error *error) {
    const struct generate_options *given = command->options;
    struct bb_city_options how = {0};
    int r = city_options(given, &how, error);

    if (r == 0)
        r = given->out ? write_folder(command, &how, error) : write_stream(command, &how, error);
    return r < 0 ? r : BB_EXIT_DONE;
}

const struct bb_verb bb_verb_generate = {
    .name = "generate",
    .summary = "a synthetic city of meters",
    .arguments = "",
    .options = options,
    .options_size = sizeof(struct generate_options),
    .examples = "busbar generate --meters 100 --days 7 --format csv | head\n"
                "busbar generate --meters 2000 --faults 0.1 --out city\n",
    .run = run,
};
