/* busbar query: values of a usage point or of a group, in a lane, now or as of a past moment. */
#include "cli/asked_times.h"
#include "cli/query_group.h"
#include "cli/verbs.h"

struct query_options {
    const char *usage_point, *group, *expression, *channel, *from, *to, *as_of, *zone;
    int lane, format;
    int64_t limit;
};

#define AT(field) offsetof(struct query_options, field)

static const struct bb_option options[] = {
    {.name = "usage-point",
     .kind = BB_OPTION_TEXT,
     .offset = AT(usage_point),
     .value = "UP",
     .help = "whose values"},
    {.name = "group",
     .kind = BB_OPTION_TEXT,
     .offset = AT(group),
     .value = "G",
     .help = "or those of a group's members, added up; - is all usage points"},
    {.name = "expression",
     .kind = BB_OPTION_TEXT,
     .offset = AT(expression),
     .value = "E",
     .help = "only of members of which it holds: 'district = north AND NOT commodity = water'"},
    {.name = "channel",
     .kind = BB_OPTION_TEXT,
     .offset = AT(channel),
     .value = "C",
     .help = "a name, an OBIS code or an alias (default: all)"},
    {.name = "from",
     .kind = BB_OPTION_TEXT,
     .offset = AT(from),
     .value = "T",
     .help = "RFC 3339 or a date; without offset: in --zone, else the channel's zone"},
    {.name = "to", .kind = BB_OPTION_TEXT, .offset = AT(to), .value = "T", .help = "likewise"},
    {.name = "lane",
     .kind = BB_OPTION_CHOICE,
     .offset = AT(lane),
     .choice = bb_lane_choice,
     .help = "as sent, validated, or by period (default: raw, of groups day)"},
    {.name = "as-of",
     .kind = BB_OPTION_TEXT,
     .offset = AT(as_of),
     .value = "T",
     .help = "what was known then"},
    {.name = "zone",
     .kind = BB_OPTION_ZONE,
     .offset = AT(zone),
     .value = "ZONE",
     .help = "print times with their offset there (default: UTC)"},
    {.name = "limit",
     .kind = BB_OPTION_NUMBER,
     .offset = AT(limit),
     .value = "N",
     .min = 1,
     .max = INT64_MAX,
     .help = "at most so many rows"},
    {.name = "format",
     .kind = BB_OPTION_CHOICE,
     .offset = AT(format),
     .value = "table|csv|ndjson",
     .initial = "table",
     .help = "of the rows"},
    BB_OPTION_END};

static int read_times(struct bb_plant *plant, const struct bb_asked_channels *asked,
                      const struct query_options *given, struct bb_query *query,
                      struct bb_error *error) {
    int r = bb_asked_time(plant, asked, "from", given->from, &query->from_ms, error);

    if (r == 0)
        r = bb_asked_time(plant, asked, "to", given->to, &query->to_ms, error);
    if (r == 0)
        r = bb_asked_time(plant, asked, "as-of", given->as_of, &query->as_of_ms, error);
    return r;
}

static int write_row(void *context, const struct bb_query_row *row) {
    return bb_query_writer_row(context, row) ? 0 : 1;
}

/* The lane that is asked for; a default where none is. */
static enum bb_lane lane_of(const struct query_options *given, enum bb_lane without) {
    return given->lane < 0 ? without
                           : (enum bb_lane)bb_lane_find(bb_span_of(bb_lane_choice(given->lane)));
}

static enum bb_query_format format_of(const struct bb_command *command,
                                      const struct query_options *given) {
    return command->globals.json ? BB_QUERY_JSON : (enum bb_query_format)given->format;
}

static int query_group(struct bb_command *command, struct bb_plant *plant, struct bb_error *error) {
    const struct query_options *given = command->options;
    const struct bb_query_group asked = {.group = given->group,
                                         .expression = given->expression,
                                         .channel = given->channel,
                                         .from = given->from,
                                         .to = given->to,
                                         .as_of = given->as_of,
                                         .zone = given->zone,
                                         .lane = lane_of(given, BB_LANE_DAY),
                                         .format = format_of(command, given)};

    if (given->usage_point)
        return BB_FAIL(
            error, BB_E_USAGE,
            "--usage-point is one, --group and --expression are of several: give either");
    if (given->limit)
        return BB_FAIL(error, BB_E_USAGE,
                       "--limit is of rows of a usage point: groups are told whole");
    if (asked.lane == BB_LANE_RAW)
        return BB_FAIL(
            error, BB_E_USAGE,
            "raw values lack what makes them comparable (multipliers): of a group --lane "
            "is vee, hour, day or month");
    return bb_query_group_run(command, plant, &asked, error);
}

static int run_query(struct bb_command *command, struct bb_plant *plant, struct bb_error *error) {
    const struct query_options *given = command->options;
    struct bb_query query = {.tenant = bb_command_tenant(command),
                             .made = true,
                             .usage_point = bb_span_of(given->usage_point),
                             .channel = bb_span_of(given->channel),
                             .lane = lane_of(given, BB_LANE_RAW),
                             .limit = (uint64_t)given->limit};
    struct bb_asked_channels asked;
    const struct bb_zone *zone = NULL;
    struct bb_query_writer writer;

    int r = bb_asked_look(plant, query.tenant, query.usage_point, given->channel, given->zone,
                          &asked, error);
    if (r >= 0)
        r = read_times(plant, &asked, given, &query, error);
    if (r >= 0 && given->zone)
        r = bb_zone_set_get(plant->zones, bb_span_of(given->zone), &zone, error);
    if (r < 0)
        return r;
    bool with_range = bb_asked_seen(&asked)->has_gauge && bb_lane_has_periods((int)query.lane);
    bb_query_writer_begin(&writer, command->out, format_of(command, given), zone, with_range);
    r = bb_query_run(plant, &query, write_row, &writer, error);
    bb_query_writer_end(&writer);
    if (r < 0)
        bb_buffer_clear(&command->out->buffer); /* half an answer is none */
    return r < 0 ? r : BB_EXIT_DONE;
}

static int run(struct bb_command *command, struct bb_error *error) {
    const struct query_options *given = command->options;
    const bool is_group = given->group || given->expression;
    struct bb_plant plant;

    if (!is_group && !given->usage_point)
        return BB_FAIL(error, BB_E_USAGE, "query needs --usage-point, --group or --expression");
    int r = bb_command_open_plant(command, BB_PLANT_READ, &plant, error);

    if (r < 0)
        return r;
    r = is_group ? query_group(command, &plant, error) : run_query(command, &plant, error);
    bb_plant_close(&plant);
    return r;
}

const struct bb_verb bb_verb_query = {
    .name = "query",
    .summary = "values of a usage point or a group",
    .arguments = "",
    .options = options,
    .options_size = sizeof(struct query_options),
    .examples =
        "busbar query --usage-point 871685900012345678 --channel 1.29.0 --from 2026-03-01\n"
        "busbar query --usage-point 871685900012345678 --lane day --zone Europe/Amsterdam\n"
        "busbar query --usage-point 871685900012345678 --lane vee --format csv > values.csv\n"
        "busbar query --group north --lane month --channel 1.29.0\n"
        "busbar query --expression 'commodity = heat AND district IN (north, west)' --from 2026-03-01\n",
    .details =
        "Rows come by channel, then time. Intervals are rows with from < end <= to; instants with\n"
        "from <= end < to. Raw values are printed as they were sent.\n"
        "Of a group each period is a row: sum, mean, least and greatest of its members' values, how many\n"
        "members have one, of how many that have such a channel, and the worst quality.\n",
    .run = run,
};
