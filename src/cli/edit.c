/* busbar edit: a person's value for one time, or what people told there taken back. */
#include "base/list.h"
#include "cli/asked_times.h"
#include "cli/audit.h"
#include "cli/ingest_run.h"
#include "cli/person_options.h"
#include "cli/verbs.h"
#include "model/unit.h"
#include "service/query.h"

#include <stdlib.h>

struct edit_options {
    const char *usage_point, *channel, *at, *value, *unit, *zone;
    bool withdraw;
    struct bb_person_options person;
};

#define AT(field) offsetof(struct edit_options, field)

static const struct bb_option options[] = {
    {.name = "usage-point",
     .kind = BB_OPTION_TEXT,
     .offset = AT(usage_point),
     .value = "UP",
     .required = true,
     .help = "whose value"},
    {.name = "channel",
     .kind = BB_OPTION_TEXT,
     .offset = AT(channel),
     .value = "C",
     .required = true,
     .help = "a name, an OBIS code or an alias"},
    {.name = "at",
     .kind = BB_OPTION_TEXT,
     .offset = AT(at),
     .value = "T",
     .required = true,
     .help = "the end of the interval, or the instant; without offset: in --zone, else the "
             "channel's zone"},
    {.name = "value",
     .kind = BB_OPTION_TEXT,
     .offset = AT(value),
     .value = "V",
     .help = "a decimal number, as the meter would tell it"},
    {.name = "unit",
     .kind = BB_OPTION_TEXT,
     .offset = AT(unit),
     .value = "U",
     .help = "of the value (default: that of the reading there, else the channel's)"},
    {.name = "withdraw",
     .kind = BB_OPTION_FLAG,
     .offset = AT(withdraw),
     .help = "take back what people told there; what sources told stands again"},
    BB_PERSON_OPTION_ROWS(AT(person)),
    {.name = "zone",
     .kind = BB_OPTION_ZONE,
     .offset = AT(zone),
     .value = "ZONE",
     .help = "of --at without offset; times are printed with their offset there (default: UTC)"},
    BB_OPTION_END};

/* ---- values before and after ----------------------------------------------------------------------*/

enum { DAYS_AROUND = 70 }; /* as far as estimates that end at the value may reach, and more */

struct shown { /* a value of lane vee or day */
    int64_t start_ms, end_ms;
    bool there, has_value;
    struct bb_decimal value;
    int unit;
    struct bb_quality quality;
};

struct shots { /* as it is at one moment */
    int64_t at_ms;
    struct shown value; /* the one that was edited */
    struct shown *days;
    size_t day_count, day_capacity;
    char usage_point[BB_NAME_MAX + 1], channel[BB_NAME_MAX + 1]; /* by their names */
    bool full;
};

static struct shown shown_of(const struct bb_query_row *row) {
    return (struct shown){.start_ms = row->start_ms,
                          .end_ms = row->end_ms,
                          .there = true,
                          .has_value = row->has_value,
                          .value = row->value,
                          .unit = row->unit,
                          .quality = *row->quality};
}

static void keep_name(char *out, struct bb_span name) {
    size_t size = name.size < BB_NAME_MAX ? name.size : BB_NAME_MAX;

    memcpy(out, name.data, size);
    out[size] = '\0';
}

static int take_value(void *context, const struct bb_query_row *row) {
    struct shots *shots = context;

    if (row->end_ms == shots->at_ms)
        shots->value = shown_of(row);
    return 0;
}

static int take_day(void *context, const struct bb_query_row *row) {
    struct shots *shots = context;

    keep_name(shots->usage_point, row->usage_point);
    keep_name(shots->channel, row->channel);
    shots->full = !bb_list_room(&shots->days, shots->day_count, &shots->day_capacity,
                                sizeof *shots->days);
    if (shots->full)
        return 1;
    shots->days[shots->day_count++] = shown_of(row);
    return 0;
}

static int shoot(struct bb_plant *plant, const struct bb_person_edit *edit, struct shots *shots,
                 struct bb_error *error) {
    struct bb_query query = {.tenant = edit->tenant,
                             .usage_point = edit->usage_point,
                             .channel = edit->channel,
                             .from_ms = edit->at_ms - 1,
                             .to_ms = edit->at_ms + 1,
                             .lane = BB_LANE_VEE,
                             .as_of_ms = BB_TIME_NONE};

    shots->at_ms = edit->at_ms;
    int r = bb_query_run(plant, &query, take_value, shots, error);
    query.lane = BB_LANE_DAY;
    query.from_ms = edit->at_ms - DAYS_AROUND * (int64_t)BB_DAY_MS;
    query.to_ms = edit->at_ms + DAYS_AROUND * (int64_t)BB_DAY_MS;
    if (r >= 0)
        r = bb_query_run(plant, &query, take_day, shots, error);
    if (r >= 0 && shots->full)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the days around a value");
    return r;
}

static bool alike(const struct shown *a, const struct shown *b) {
    return a->there == b->there && a->has_value == b->has_value && a->end_ms == b->end_ms &&
           (!a->has_value || bb_decimal_equal(a->value, b->value)) &&
           memcmp(&a->quality, &b->quality, sizeof a->quality) == 0;
}

/* ---- the report -----------------------------------------------------------------------------------*/

struct editing {
    struct bb_command *command;
    const struct edit_options *given;
    struct bb_plant plant;
    struct bb_person_edit edit;
    struct bb_person_name name;
    struct bb_person_edited edited;
    struct shots before, after;
    const struct bb_zone *zone; /* of printed times; NULL: UTC */
    struct bb_worker_counts counts;
};

static void format_time(const struct editing *editing, int64_t ms, char *buffer) {
    size_t size = editing->zone
                      ? bb_time_format_offset(ms, bb_zone_offset_s(editing->zone, ms), buffer)
                      : bb_time_format_utc(ms, buffer);
    buffer[size] = '\0';
}

static void put_stretch(const struct editing *editing, struct bb_buffer *out, int64_t start_ms,
                        int64_t end_ms) {
    char start[BB_TIME_TEXT_MAX], end[BB_TIME_TEXT_MAX];

    format_time(editing, start_ms, start);
    format_time(editing, end_ms, end);
    if (start_ms == end_ms)
        bb_buffer_format(out, "%s", end);
    else
        bb_buffer_format(out, "%s to %s", start, end);
}

static void put_shown(struct bb_buffer *out, const struct shown *s) {
    char text[BB_DECIMAL_TEXT_MAX];

    if (!s->there) {
        bb_buffer_format(out, "nothing");
        return;
    }
    if (s->has_value) {
        bb_decimal_format(s->value, true, text);
        bb_buffer_format(out, "%s %s ", text, bb_unit_symbol(s->unit));
    } else {
        bb_buffer_format(out, "no value ");
    }
    bb_buffer_append_byte(out, '(');
    bb_quality_format(&s->quality, out);
    bb_buffer_append_byte(out, ')');
}

static void put_shown_json(struct bb_json *json, const char *key, const struct shown *s) {
    char text[BB_DECIMAL_TEXT_MAX];
    struct bb_buffer quality;

    bb_json_key(json, key);
    if (!s->there) {
        bb_json_null(json);
        return;
    }
    bb_buffer_init(&quality, 4096);
    bb_quality_format(&s->quality, &quality);
    bb_json_object_begin(json);
    bb_json_key(json, "value");
    if (s->has_value)
        bb_json_raw(json, (struct bb_span){text, bb_decimal_format(s->value, true, text)});
    else
        bb_json_null(json);
    bb_json_put_text(json, "unit", bb_span_of(bb_unit_symbol(s->unit)));
    bb_json_put_text(json, "quality", bb_buffer_span(&quality));
    bb_json_object_end(json);
    bb_buffer_release(&quality);
}

/* Days that differ, in order: `tell` is told of each, one side may be absent. */
static void each_changed_day(const struct editing *editing,
                             void (*tell)(const struct editing *editing, void *context,
                                          const struct shown *was, const struct shown *is),
                             void *context) {
    static const struct shown nothing;
    const struct shots *before = &editing->before, *after = &editing->after;

    for (size_t i = 0, k = 0; i < before->day_count || k < after->day_count;) {
        const struct shown *was = i < before->day_count ? &before->days[i] : NULL;
        const struct shown *is = k < after->day_count ? &after->days[k] : NULL;
        if (was && is && was->end_ms != is->end_ms) {
            if (was->end_ms < is->end_ms)
                is = NULL;
            else
                was = NULL;
        }
        i += was != NULL;
        k += is != NULL;
        if (!was || !is || !alike(was, is))
            tell(editing, context, was ? was : &nothing, is ? is : &nothing);
    }
}

static void day_to_people(const struct editing *editing, void *context, const struct shown *was,
                          const struct shown *is) {
    struct bb_buffer *out = context;
    const struct shown *day = is->there ? is : was;

    bb_buffer_format(out, "day ");
    put_stretch(editing, out, day->start_ms, day->end_ms);
    bb_buffer_format(out, "\n  was ");
    put_shown(out, was);
    bb_buffer_format(out, "\n  is  ");
    put_shown(out, is);
    bb_buffer_append_byte(out, '\n');
}

static void report_to_people(const struct editing *editing) {
    struct bb_buffer *out = &editing->command->out->buffer;
    char at[BB_TIME_TEXT_MAX];

    bb_buffer_format(out, "%s %s ", editing->after.usage_point, editing->after.channel);
    put_stretch(editing, out, editing->edited.start_ms, editing->edited.end_ms);
    bb_buffer_format(out, "\n  was ");
    put_shown(out, &editing->before.value);
    if (editing->edited.told) {
        bb_buffer_format(out, "\n  is  ");
        put_shown(out, &editing->after.value);
        bb_buffer_append_byte(out, '\n');
        each_changed_day(editing, day_to_people, out);
    } else {
        bb_buffer_format(out, "\nnothing was told: a person has told this value already\n");
    }
    format_time(editing, editing->edited.end_ms, at);
    bb_buffer_format(out, "next: busbar explain --usage-point %s --channel %s --at %s\n",
                     editing->after.usage_point, editing->after.channel, at);
}

static void day_as_json(const struct editing *editing, void *context, const struct shown *was,
                        const struct shown *is) {
    struct bb_json *json = context;
    const struct shown *day = is->there ? is : was;
    char text[BB_TIME_TEXT_MAX];

    bb_json_object_begin(json);
    format_time(editing, day->start_ms, text);
    bb_json_put_text(json, "start", bb_span_of(text));
    format_time(editing, day->end_ms, text);
    bb_json_put_text(json, "end", bb_span_of(text));
    put_shown_json(json, "before", was);
    put_shown_json(json, "after", is);
    bb_json_object_end(json);
}

static void report_as_json(const struct editing *editing) {
    struct bb_json json = bb_command_json(editing->command);
    char text[BB_TIME_TEXT_MAX];

    bb_json_object_begin(&json);
    bb_json_put_text(&json, "usage_point", bb_span_of(editing->after.usage_point));
    bb_json_put_text(&json, "channel", bb_span_of(editing->after.channel));
    format_time(editing, editing->edited.start_ms, text);
    bb_json_put_text(&json, "start", bb_span_of(text));
    format_time(editing, editing->edited.end_ms, text);
    bb_json_put_text(&json, "end", bb_span_of(text));
    bb_json_put_text(&json, "unit", bb_span_of(bb_unit_symbol(editing->edited.unit)));
    bb_json_put_text(&json, "by", editing->edit.person.name);
    bb_json_put_text(&json, "reason", editing->edit.person.reason);
    bb_json_put_bool(&json, "told", editing->edited.told);
    put_shown_json(&json, "before", &editing->before.value);
    put_shown_json(&json, "after", &editing->after.value);
    bb_json_key(&json, "days");
    bb_json_array_begin(&json);
    each_changed_day(editing, day_as_json, &json);
    bb_json_array_end(&json);
    bb_json_object_end(&json);
    bb_command_json_end(editing->command);
}

/* ---- the command --------------------------------------------------------------------------------*/

static int read_value(const struct edit_options *given, struct bb_person_edit *edit,
                      struct bb_error *error) {
    static const char *const why[] = {
        [BB_DECIMAL_OK] = "",
        [BB_DECIMAL_SYNTAX] = "it is no decimal number",
        [BB_DECIMAL_TOO_LONG] = "it has more than 18 significant digits",
        [BB_DECIMAL_OUT_OF_RANGE] = "its exponent lies beyond -24 to 18",
    };

    edit->withdraw = given->withdraw;
    edit->unit = -1;
    if (given->withdraw == (given->value != NULL))
        return BB_FAIL(error, BB_E_USAGE, "edit needs either --value V or --withdraw");
    if (given->withdraw)
        return given->unit ? BB_FAIL(error, BB_E_USAGE, "--withdraw takes no --unit") : 0;
    enum bb_decimal_outcome outcome = bb_decimal_parse(bb_span_of(given->value), '.', &edit->value);
    if (outcome != BB_DECIMAL_OK)
        return BB_FAIL(error, BB_E_VALUE, "--value cannot be \"%s\": %s", given->value,
                       why[outcome]);
    if (given->unit)
        edit->unit = bb_unit_find(bb_span_of(given->unit));
    if (given->unit && edit->unit < 0)
        return BB_FAIL(error, BB_E_UNIT_UNKNOWN, "the unit \"%s\" is unknown", given->unit);
    return 0;
}

static int tell(struct editing *editing, struct bb_error *error) {
    const struct edit_options *given = editing->given;
    struct bb_plant *plant = &editing->plant;
    struct bb_cli_act act;

    bb_cli_act_init(&act, "edit");
    act.by = given->person.by;
    act.reason = editing->edit.person.reason;
    bb_buffer_format(&act.subject, "usage_point=%s channel=%s at=%s %s%s", given->usage_point,
                     given->channel, given->at,
                     given->withdraw ? "withdraw" : "value=", given->withdraw ? "" : given->value);
    int r = bb_cli_act_begin(&act, editing->command, plant->registry, error);
    if (r == 0) {
        r = bb_person_edit(plant, &editing->edit, bb_clock_system(), &editing->edited, error);
        r = bb_cli_act_end(&act, editing->command, plant->registry, r);
    }
    bb_cli_act_release(&act);
    return r;
}

static int make_edit(struct editing *editing, struct bb_error *error) {
    const struct edit_options *given = editing->given;
    struct bb_person_edit *edit = &editing->edit;
    struct bb_asked_channels asked;

    int r = bb_asked_look(&editing->plant, edit->tenant, edit->usage_point, given->channel,
                          given->zone, &asked, error);
    if (r == 0)
        r = bb_asked_time(&editing->plant, &asked, "at", given->at, &edit->at_ms, error);
    if (r == 0 && given->zone)
        r = bb_zone_set_get(editing->plant.zones, bb_span_of(given->zone), &editing->zone, error);
    if (r == 0)
        r = shoot(&editing->plant, edit, &editing->before, error);
    if (r == 0)
        r = tell(editing, error);
    if (r == 0)
        r = bb_catch_up(editing->command, &editing->plant, &editing->counts, error);
    if (r == 0)
        r = shoot(&editing->plant, edit, &editing->after, error);
    return r;
}

static int run(struct bb_command *command, struct bb_error *error) {
    const struct edit_options *given = command->options;
    struct editing editing = {.command = command,
                              .given = given,
                              .edit = {.tenant = bb_command_tenant(command),
                                       .usage_point = bb_span_of(given->usage_point),
                                       .channel = bb_span_of(given->channel)}};

    int r = read_value(given, &editing.edit, error);
    if (r == 0)
        r = bb_person_options_apply(&given->person, &editing.name, &editing.edit.person, error);
    if (r == 0)
        r = bb_person_open_plant(command, &editing.plant, error);
    if (r < 0)
        return r;
    r = make_edit(&editing, error);
    bb_progress_bar_clear(command->bar);
    if (r == 0 && command->globals.json)
        report_as_json(&editing);
    else if (r == 0 && bb_command_talks(command))
        report_to_people(&editing);
    bb_plant_close(&editing.plant);
    free(editing.before.days);
    free(editing.after.days);
    return r < 0 ? r : BB_EXIT_DONE;
}

const struct bb_verb bb_verb_edit = {
    .name = "edit",
    .summary = "a value told by a person, or taken back",
    .arguments = "",
    .options = options,
    .options_size = sizeof(struct edit_options),
    .examples = "busbar edit --usage-point 871685900012345678 --channel 1.29.0 \\\n"
                "    --at 2026-03-01T00:30:00Z --value 0.125 --reason \"read off the display\"\n"
                "busbar edit --usage-point 871685900012345678 --channel 1.29.0 \\\n"
                "    --at 2026-03-01T00:30:00Z --withdraw --reason \"wrong meter\"\n",
    .details =
        "The value is told like the meter tells it, in --unit: multipliers of installations are\n"
        "applied to it as to readings. It stands, whatever sources tell, until it is edited again or\n"
        "withdrawn; what sources told is kept, and comes back with --withdraw. --withdraw takes back\n"
        "acceptances, too. An interval is as long as the reading or the missing one in its place.\n",
    .run = run,
};
