/* busbar try FILE: what busbar would make of a file. Stores nothing. */
#include "cli/dry_run.h"
#include "cli/human.h"
#include "cli/query_writer.h"
#include "cli/reading_options.h"
#include "cli/verbs.h"
#include "codec/map.h"
#include "model/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AT_READING 0

static const struct bb_option options[] = {BB_READING_OPTION_ROWS(AT_READING), BB_OPTION_END};

enum { LINES_SHOWN = 20 };

struct trial {
    struct bb_command *command;
    const struct bb_reading_options *given;
    const char *path;
    struct bb_dry_run *dry;
    struct bb_json json;
    struct bb_table table; /* of the list being printed */
    uint64_t listed;
    uint64_t per_check[BB_CHECK_COUNT];
};

/* ---- the parts of the report ------------------------------------------------------------------------*/

/* The rows of the file as a query of the raw lane would print them. */
static void write_rows(struct trial *trial, struct bb_output *out, enum bb_query_format format) {
    struct bb_query_writer writer;

    bb_query_writer_begin(&writer, out, format, NULL, false);
    for (uint32_t i = 0; i < trial->dry->row_count; i++) {
        const struct bb_dry_row *row = &trial->dry->rows[i];
        const struct bb_series *series = &trial->dry->table.items[row->series];
        struct bb_query_row shown = {
            .usage_point = series->usage_point,
            .channel = series->channel,
            .lane = BB_LANE_RAW,
            .kind = series->kind,
            .start_ms = row->end_ms - (int64_t)row->attribute.length_s * BB_SECOND_MS,
            .end_ms = row->end_ms,
            .has_value = row->attribute.quality.state != BB_STATE_MISSING,
            .value = {row->mantissa, row->attribute.exponent},
            .unit = row->attribute.unit,
            .quality = &row->attribute.quality,
        };
        bb_query_writer_row(&writer, &shown);
    }
    bb_query_writer_end(&writer);
}

static const struct bb_table_column channel_columns[] = {
    {"usage_point", false}, {"channel", false}, {"kind", false},
    {"interval", false},    {"unit", false},    {"zone", false}};

static int channel_as_row(void *context, const struct bb_registry_channel *row) {
    struct trial *trial = context;
    char interval[BB_TIME_TEXT_MAX] = "";

    if (trial->listed++ >= LINES_SHOWN)
        return 0;
    if (row->interval_s > 0)
        bb_duration_format((int64_t)row->interval_s * BB_SECOND_MS, interval);
    bb_table_cell(&trial->table, row->usage_point);
    bb_table_cell(&trial->table, row->channel);
    bb_table_cell(&trial->table, bb_span_of(bb_kind_name(row->kind)));
    bb_table_cell(&trial->table, bb_span_of(interval));
    bb_table_cell(&trial->table, bb_span_of(bb_unit_symbol(row->unit)));
    bb_table_cell(&trial->table, row->zone);
    return 0;
}

static int channel_as_json(void *context, const struct bb_registry_channel *row) {
    struct trial *trial = context;

    bb_json_object_begin(&trial->json);
    bb_json_put_text(&trial->json, "usage_point", row->usage_point);
    bb_json_put_text(&trial->json, "channel", row->channel);
    bb_json_put_text(&trial->json, "kind", bb_span_of(bb_kind_name(row->kind)));
    bb_json_put_u64(&trial->json, "interval_s", row->interval_s);
    bb_json_put_text(&trial->json, "unit", bb_span_of(bb_unit_symbol(row->unit)));
    bb_json_put_text(&trial->json, "zone", row->zone);
    bb_json_object_end(&trial->json);
    return 0;
}

static const struct bb_table_column exception_columns[] = {
    {"check", false}, {"usage_point", false}, {"channel", false}, {"from", false}, {"to", false}};

static int exception_as_row(void *context, const struct bb_registry_exception *row) {
    struct trial *trial = context;
    char from[BB_TIME_TEXT_MAX], to[BB_TIME_TEXT_MAX];

    trial->per_check[row->check]++;
    if (trial->listed++ >= LINES_SHOWN)
        return 0;
    bb_table_cell(&trial->table, bb_span_of(bb_check_name(row->check)));
    bb_table_cell(&trial->table, row->usage_point);
    bb_table_cell(&trial->table, row->channel);
    bb_table_cell(&trial->table, (struct bb_span){from, bb_time_format_utc(row->from_ms, from)});
    bb_table_cell(&trial->table, (struct bb_span){to, bb_time_format_utc(row->to_ms, to)});
    return 0;
}

static int exception_as_json(void *context, const struct bb_registry_exception *row) {
    struct trial *trial = context;
    char from[BB_TIME_TEXT_MAX], to[BB_TIME_TEXT_MAX];

    bb_json_object_begin(&trial->json);
    bb_json_put_text(&trial->json, "check", bb_span_of(bb_check_name(row->check)));
    bb_json_put_text(&trial->json, "usage_point", row->usage_point);
    bb_json_put_text(&trial->json, "channel", row->channel);
    bb_json_put_text(&trial->json, "from",
                     (struct bb_span){from, bb_time_format_utc(row->from_ms, from)});
    bb_json_put_text(&trial->json, "to", (struct bb_span){to, bb_time_format_utc(row->to_ms, to)});
    bb_json_object_end(&trial->json);
    return 0;
}

/* The same options, for real: words of a shell, quoted where they must be. */
static void put_word(struct bb_buffer *out, const char *word) {
    bool plain = word[0] != '\0' &&
                 strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789._-/+:,=@%") == strlen(word);
    if (plain) {
        bb_buffer_format(out, " %s", word);
        return;
    }
    bb_buffer_format(out, " '");
    for (; *word; word++)
        bb_buffer_format(out, "%s%c", *word == '\'' ? "'\\'" : "", *word);
    bb_buffer_append_byte(out, '\'');
}

static void put_next(const struct trial *trial, struct bb_buffer *out) {
    const struct bb_globals *globals = &trial->command->globals;
    const struct bb_reading_options *given = trial->given;
    char interval[BB_TIME_TEXT_MAX];

    bb_duration_format(given->interval_ms, interval);
    const struct {
        const char *option, *value;
    } words[] = {
        {"--data", strcmp(globals->data, "./busbar-data") == 0 ? NULL : globals->data},
        {"--config", globals->config},
        {"--tenant", strcmp(globals->tenant, "default") == 0 ? NULL : globals->tenant},
        {"--format", given->format > 0 ? bb_format_choice(given->format) : NULL},
        {"--map", given->map},
        {"--zone", given->zone},
        {"--kind", given->kind >= 0 ? bb_kind_choice(given->kind) : NULL},
        {"--interval", given->interval_ms > 0 ? interval : NULL},
        {"--partial", trial->dry->rejected > 0 ? "" : NULL},
    };
    bb_buffer_format(out, "busbar ingest");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].value)
            bb_buffer_format(out, " %s", words[i].option);
        if (words[i].value && *words[i].value)
            put_word(out, words[i].value);
    }
    put_word(out, trial->path);
}

/* ---- the report -------------------------------------------------------------------------------------*/

static int list_channels(struct trial *trial, bb_registry_channel_visit *visit,
                         struct bb_error *error) {
    struct bb_registry *registry = trial->dry->plant.registry;

    trial->listed = 0;
    return registry->ops->channel_list(registry, bb_command_tenant(trial->command),
                                       (struct bb_span){NULL, 0}, visit, trial, error);
}

static int list_exceptions(struct trial *trial, bb_registry_exception_visit *visit,
                           struct bb_error *error) {
    struct bb_registry *registry = trial->dry->plant.registry;

    trial->listed = 0;
    return registry->ops->exception_list(registry, bb_command_tenant(trial->command), true,
                                         BB_TIME_NONE, visit, trial, error);
}

static void json_errors(struct trial *trial) {
    struct bb_json *json = &trial->json;
    char code[16];

    bb_json_key(json, "errors");
    bb_json_array_begin(json);
    for (uint32_t i = 0; i < trial->dry->error_count; i++) {
        const struct bb_error *error = &trial->dry->errors[i];
        snprintf(code, sizeof code, "BB-%04d", (int)error->code);
        bb_json_object_begin(json);
        bb_json_put_text(json, "file", bb_span_of(error->source));
        bb_json_put_u64(json, "line", error->line);
        bb_json_put_text(json, "code", bb_span_of(code));
        bb_json_put_text(json, "reason", bb_span_of(error->text));
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
}

static void json_rows(struct trial *trial) {
    struct bb_output rows;

    bb_output_init(&rows, -1);
    write_rows(trial, &rows, BB_QUERY_JSON);
    bb_json_key(&trial->json, "rows");
    bb_json_raw(&trial->json,
                bb_span_trim((struct bb_span){rows.buffer.data, rows.buffer.size - 1}));
    bb_output_release(&rows);
}

static int report_as_json(struct trial *trial, struct bb_error *error) {
    struct bb_json *json = &trial->json;
    struct bb_buffer next;

    *json = bb_command_json(trial->command);
    bb_json_object_begin(json);
    bb_json_put_text(json, "file", bb_span_of(trial->path));
    bb_json_put_text(json, "format", bb_span_of(trial->dry->format->name));
    bb_json_key(json, "map");
    trial->given->map ? bb_json_text(json, bb_span_of(trial->given->map)) : bb_json_null(json);
    bb_json_put_u64(json, "readings", trial->dry->readings);
    bb_json_put_bool(json, "whole_file", !trial->dry->enough);
    bb_json_put_u64(json, "rejected", trial->dry->rejected);
    bb_json_key(json, "channels");
    bb_json_array_begin(json);
    int r = list_channels(trial, channel_as_json, error);
    bb_json_array_end(json);
    json_rows(trial);
    bb_json_key(json, "exceptions");
    bb_json_array_begin(json);
    if (r >= 0)
        r = list_exceptions(trial, exception_as_json, error);
    bb_json_array_end(json);
    json_errors(trial);
    bb_buffer_init(&next, 1 << 16);
    put_next(trial, &next);
    bb_json_put_text(json, "next", bb_buffer_span(&next));
    bb_buffer_release(&next);
    bb_json_object_end(json);
    bb_command_json_end(trial->command);
    return r;
}

static void put_more(const struct trial *trial) {
    char number[BB_HUMAN_MAX];

    if (trial->listed > LINES_SHOWN)
        bb_buffer_format(&trial->command->out->buffer, "... and %s more\n",
                         bb_human_count(trial->listed - LINES_SHOWN, number));
}

static int report_channels(struct trial *trial, struct bb_error *error) {
    bb_buffer_format(&trial->command->out->buffer, "\nchannels:\n");
    bb_table_init(&trial->table, trial->command->out, channel_columns,
                  sizeof channel_columns / sizeof channel_columns[0]);
    int r = list_channels(trial, channel_as_row, error);
    bb_table_finish(&trial->table);
    put_more(trial);
    return r;
}

static int report_exceptions(struct trial *trial, struct bb_error *error) {
    struct bb_buffer *out = &trial->command->out->buffer;

    bb_buffer_format(out, "\nchecks would say:\n");
    size_t before = out->size;
    bb_table_init(&trial->table, trial->command->out, exception_columns,
                  sizeof exception_columns / sizeof exception_columns[0]);
    int r = list_exceptions(trial, exception_as_row, error);
    bb_table_finish(&trial->table);
    if (trial->listed == 0) {
        out->size = before;
        bb_buffer_format(out, "nothing\n");
        return r;
    }
    put_more(trial);
    bb_buffer_format(out, "in all:");
    for (int check = 0; check < BB_CHECK_COUNT; check++)
        if (trial->per_check[check] > 0)
            bb_buffer_format(out, " %s %" PRIu64, bb_check_name(check), trial->per_check[check]);
    bb_buffer_append_byte(out, '\n');
    return r;
}

static int report_to_people(struct trial *trial, struct bb_error *error) {
    struct bb_buffer *out = &trial->command->out->buffer;
    char readings[BB_HUMAN_MAX], rejected[BB_HUMAN_MAX];

    bb_buffer_format(out, "%s: %s", trial->path, trial->dry->format->title);
    if (trial->given->map)
        bb_buffer_format(out, ", read with %s", trial->given->map);
    bb_buffer_format(out, "\n%s%s readings, %s lines refused; nothing is stored\n",
                     trial->dry->enough ? "the first " : "",
                     bb_human_count(trial->dry->readings, readings),
                     bb_human_count(trial->dry->rejected, rejected));
    int r = report_channels(trial, error);
    bb_buffer_format(out, "\nfirst rows:\n");
    write_rows(trial, trial->command->out, BB_QUERY_TABLE);
    if (r >= 0)
        r = report_exceptions(trial, error);
    bb_buffer_format(out, "\nnext: ");
    put_next(trial, out);
    bb_buffer_append_byte(out, '\n');
    return r;
}

/* ---- the command --------------------------------------------------------------------------------*/

/* The real plant, when there is one: its registry knows kinds, zones, multipliers. */
static int open_real(struct bb_command *command, struct bb_plant *plant, bool *there,
                     struct bb_error *error) {
    int r = bb_command_open_plant(command, BB_PLANT_READ, plant, error);

    *there = r == 0;
    if (r != -(int)BB_E_DATA_MISSING)
        return r;
    bb_config_defaults(&plant->config);
    command->started = true;
    return command->globals.config ? bb_config_load(command->globals.config, &plant->config, error)
                                   : 0;
}

static int try_file(struct trial *trial, struct bb_error *error) {
    int r = bb_dry_run_file(trial->dry, trial->path, error);

    if (r < 0) {
        bb_error_locate(error, trial->path, 0);
        return r;
    }
    for (uint32_t i = 0; i < trial->dry->error_count; i++)
        bb_command_complain(trial->command, &trial->dry->errors[i]);
    if (trial->command->globals.json)
        r = report_as_json(trial, error);
    else if (bb_command_talks(trial->command))
        r = report_to_people(trial, error);
    if (r < 0)
        return r;
    return trial->dry->rejected > 0 ? BB_EXIT_REFUSED : BB_EXIT_DONE;
}

static int try_with(struct bb_command *command, struct bb_plant *real, bool there,
                    struct bb_error *error) {
    struct trial trial = {
        .command = command, .given = command->options, .path = command->arguments[0]};
    struct bb_land_options land = {.form.tenant = bb_command_tenant(command)};
    struct bb_map *map = NULL;

    trial.dry = calloc(1, sizeof *trial.dry);
    if (!trial.dry)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a dry run");
    int r = bb_reading_options_apply(trial.given, &land, &map, error);
    if (r == 0) {
        r = bb_dry_run_open(trial.dry, there ? real : NULL, &real->config, &land, error);
        if (r == 0)
            r = try_file(&trial, error);
        bb_dry_run_close(trial.dry);
    }
    bb_map_free(map);
    free(trial.dry);
    return r;
}

static int run(struct bb_command *command, struct bb_error *error) {
    struct bb_plant *real = calloc(1, sizeof *real);
    bool there = false;

    if (!real)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a dry run");
    int r = open_real(command, real, &there, error);
    if (r >= 0)
        r = try_with(command, real, there, error);
    if (there)
        bb_plant_close(real);
    free(real);
    return r;
}

const struct bb_verb bb_verb_try = {
    .name = "try",
    .summary = "what busbar would make of a file; stores nothing",
    .arguments = "FILE|-",
    .arguments_min = 1,
    .arguments_max = 1,
    .options = options,
    .options_size = sizeof(struct bb_reading_options),
    .examples = "busbar try day.csv\n"
                "busbar try --map meters.yaml --zone Europe/Madrid export.csv\n",
    .details =
        "Shows the format, the channels, the first rows and what the checks would say, of the\n"
        "first 100,000 readings. Values that are stored already are not looked at.\n",
    .run = run,
};
