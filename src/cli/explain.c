/* busbar explain BB-2031 | units | --usage-point UP --channel C --at T: the page behind an error code,
 * the table of units, the story of a value (explain_value.c). */
#include "base/nearest.h"
#include "cli/asked_times.h"
#include "cli/explain_value.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "model/unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_COLUMNS = 80 };

#define AT(field) offsetof(struct bb_explain_options, field)

static const struct bb_option options[] = {
    {.name = "usage-point",
     .kind = BB_OPTION_TEXT,
     .offset = AT(usage_point),
     .value = "UP",
     .help = "whose value is to be explained"},
    {.name = "channel",
     .kind = BB_OPTION_TEXT,
     .offset = AT(channel),
     .value = "C",
     .help = "a name, an OBIS code or an alias"},
    {.name = "at",
     .kind = BB_OPTION_TEXT,
     .offset = AT(at),
     .value = "T",
     .help =
         "any moment of the interval or the period; without offset: in --zone, else the channel's "
         "zone"},
    {.name = "lane",
     .kind = BB_OPTION_CHOICE,
     .offset = AT(lane),
     .choice = bb_lane_choice,
     .initial = "vee",
     .help = "as sent, validated, or by period"},
    {.name = "as-of",
     .kind = BB_OPTION_TEXT,
     .offset = AT(as_of),
     .value = "T",
     .help = "the story as it was known then"},
    {.name = "zone",
     .kind = BB_OPTION_ZONE,
     .offset = AT(zone),
     .value = "ZONE",
     .help = "print times with their offset there (default: UTC)"},
    BB_OPTION_END};

/* "BB-1004", "bb-1004" or "1004"; -1: no code at all. */
static int code_of(const char *text) {
    struct bb_span word = bb_span_of(text);
    char *end;

    if (word.size > 3 && bb_span_equal_nocase((struct bb_span){text, 3}, BB_SPAN("BB-")))
        text += 3;
    long number = strtol(text, &end, 10);
    return end > text && *end == '\0' && number >= 0 && number <= 9999 ? (int)number : -1;
}

static void put_code(struct bb_json *json, const struct bb_error_row *row) {
    char code[16];

    snprintf(code, sizeof code, "BB-%04d", (int)row->code);
    bb_json_object_begin(json);
    bb_json_put_text(json, "code", bb_span_of(code));
    bb_json_put_text(json, "title", bb_span_of(row->title));
    bb_json_put_text(json, "explanation", bb_span_of(row->explanation));
    bb_json_object_end(json);
}

/* Words of `text`, broken into lines. */
static void wrap(const char *text, struct bb_buffer *out) {
    size_t column = 0;

    while (*text) {
        size_t size = strcspn(text, " ");
        if (column > 0 && column + 1 + size > TEXT_COLUMNS) {
            bb_buffer_append_byte(out, '\n');
            column = 0;
        }
        bb_buffer_format(out, "%s%.*s", column ? " " : "", (int)size, text);
        column += size + (column > 0);
        text += size;
        text += strspn(text, " ");
    }
    bb_buffer_append_byte(out, '\n');
}

static int explain_code(struct bb_command *command, const struct bb_error_row *row) {
    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        put_code(&json, row);
        bb_command_json_end(command);
    } else {
        bb_buffer_format(&command->out->buffer, "BB-%04d  %s\n\n", (int)row->code, row->title);
        wrap(row->explanation, &command->out->buffer);
    }
    return BB_EXIT_DONE;
}

static int list_codes(struct bb_command *command) {
    static const struct bb_table_column columns[] = {{"code", false}, {"what happened", false}};
    size_t count;
    const struct bb_error_row *rows = bb_error_rows(&count);
    struct bb_table table;

    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_json_array_begin(&json);
        for (size_t i = 0; i < count; i++)
            put_code(&json, &rows[i]);
        bb_json_array_end(&json);
        bb_command_json_end(command);
        return BB_EXIT_DONE;
    }
    bb_table_init(&table, command->out, columns, 2);
    for (size_t i = 0; i < count; i++) {
        bb_table_cell_format(&table, "BB-%04d", (int)rows[i].code);
        bb_table_cell(&table, bb_span_of(rows[i].title));
    }
    bb_table_finish(&table);
    return BB_EXIT_DONE;
}

/* "3600000 J" for a kWh; empty for the units whose dimension has one spelling of its own. */
static void put_factor(struct bb_table *table, int unit) {
    int canonical = (int)bb_unit_canonical(bb_unit_dimension(unit));
    int64_t numerator, denominator;

    if (unit == canonical || !bb_unit_ratio(unit, canonical, &numerator, &denominator))
        bb_table_cell(table, BB_SPAN(""));
    else if (denominator == 1)
        bb_table_cell_format(table, "%lld %s", (long long)numerator, bb_unit_symbol(canonical));
    else
        bb_table_cell_format(table, "%.9g %s", (double)numerator / (double)denominator,
                             bb_unit_symbol(canonical));
}

static int explain_units(struct bb_command *command) {
    static const struct bb_table_column columns[] = {
        {"unit", false}, {"is", false}, {"derived lanes show", false}};
    struct bb_table table;

    if (command->globals.json) {
        struct bb_json json = bb_command_json(command);
        bb_json_array_begin(&json);
        for (int unit = 0; unit < BB_UNIT_COUNT; unit++)
            bb_json_text(&json, bb_span_of(bb_unit_symbol(unit)));
        bb_json_array_end(&json);
        bb_command_json_end(command);
        return BB_EXIT_DONE;
    }
    bb_buffer_format(&command->out->buffer,
                     "Case and blanks do not matter; m3, cbm, C and the like are understood.\n\n");
    bb_table_init(&table, command->out, columns, 3);
    for (int unit = 0; unit < BB_UNIT_COUNT; unit++) {
        bb_table_cell(&table, bb_span_of(bb_unit_symbol(unit)));
        put_factor(&table, unit);
        bb_table_cell(&table,
                      bb_span_of(bb_unit_symbol((int)bb_unit_canonical(bb_unit_dimension(unit)))));
    }
    bb_table_finish(&table);
    return BB_EXIT_DONE;
}

static int run(struct bb_command *command, struct bb_error *error) {
    const struct bb_explain_options *given = command->options;
    struct bb_nearest nearest;

    if (given->usage_point || given->channel || given->at || given->as_of)
        return bb_explain_value(command, given, error);
    if (command->argument_count == 0)
        return list_codes(command);
    const char *subject = command->arguments[0];
    if (strcmp(subject, "units") == 0)
        return explain_units(command);
    int code = code_of(subject);
    const struct bb_error_row *row = code > 0 ? bb_error_row_find(code) : NULL;
    if (row)
        return explain_code(command, row);
    bb_nearest_init(&nearest, bb_span_of(subject));
    bb_nearest_offer(&nearest, "units");
    return BB_FAIL(error, BB_E_USAGE,
                   "there is nothing to explain about \"%s\"%s · `busbar explain` "
                   "lists the codes",
                   subject, nearest.name ? " · did you mean units?" : "");
}

const struct bb_verb bb_verb_explain = {
    .name = "explain",
    .summary = "the story of a value, or of an error code; the units there are",
    .arguments = "[BB-NNNN|units]",
    .arguments_max = 1,
    .options = options,
    .options_size = sizeof(struct bb_explain_options),
    .examples =
        "busbar explain BB-1007\n"
        "busbar explain units\n"
        "busbar explain --usage-point 871685900012345678 --channel 1.29.0 \\\n"
        "    --at 2026-03-01T00:30:00Z\n"
        "busbar explain --usage-point 871685900012345678 --channel 1.8.0 --at 2026-03-01 \\\n"
        "    --lane month --zone Europe/Amsterdam\n",
    .details =
        "Of a value: every version that was told, by whom and when, which one stands and why; what\n"
        "checks found, with its evidence; how an estimate was made (like days, registers, error band);\n"
        "what a period's value is made of: intervals, or what a register did between its readings.\n",
    .run = run,
};
