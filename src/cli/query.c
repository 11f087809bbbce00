/* busbar query: values of a usage point, in a lane, now or as of a past moment. */
#include "cli/query_writer.h"
#include "cli/verbs.h"
#include "model/obis.h"

struct query_options {
    const char *usage_point, *channel, *from, *to, *as_of, *zone;
    int lane, format;
    int64_t limit;
};

#define AT(field) offsetof(struct query_options, field)

/* The lanes that have a name of their own. */
static const char *lane_choice(int index) {
    for (int lane = 0; lane < BB_LANE_COUNT; lane++)
        if (bb_lane_is_asked(lane) && index-- == 0)
            return bb_lanes[lane].name;
    return NULL;
}

static const struct bb_option options[] = {
    {.name = "usage-point",
     .kind = BB_OPTION_TEXT,
     .offset = AT(usage_point),
     .value = "UP",
     .required = true,
     .help = "whose values"},
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
     .choice = lane_choice,
     .initial = "raw",
     .help = "as sent, validated, or by period"},
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

/* What the registry says of some channels. */
struct seen {
    uint64_t count;
    bool has_gauge, zones_differ;
    char zone[BB_ZONE_NAME_MAX]; /* of the first one; empty: none was seen */
};

struct asked {
    const struct query_options *given;
    struct bb_obis obis; /* of --channel */
    bool is_obis;
    struct seen named; /* the channels that --channel calls by name or OBIS code */
    struct seen every; /* all of the usage point: those that an alias may mean */
};

static bool is_named(const struct asked *asked, const struct bb_registry_channel *row) {
    struct bb_obis code;

    if (!asked->given->channel || bb_span_equal(row->channel, bb_span_of(asked->given->channel)))
        return true;
    return asked->is_obis &&
           (bb_obis_parse(row->obis, &code) || bb_obis_parse(row->channel, &code)) &&
           bb_obis_match(&asked->obis, &code);
}

static void see(struct seen *seen, const struct bb_registry_channel *row) {
    bool fits = row->zone.size < sizeof seen->zone;

    seen->has_gauge = seen->has_gauge || row->kind == BB_KIND_GAUGE;
    if (seen->count++ == 0 && fits)
        memcpy(seen->zone, row->zone.data, row->zone.size);
    else if (!bb_span_equal(row->zone, bb_span_of(seen->zone)))
        seen->zones_differ = true;
}

static int look_at_channel(void *context, const struct bb_registry_channel *row) {
    struct asked *asked = context;

    see(&asked->every, row);
    if (is_named(asked, row))
        see(&asked->named, row);
    return 0;
}

static const struct seen *seen_of(const struct asked *asked) {
    return asked->named.count > 0 ? &asked->named : &asked->every;
}

/* The zone of times without offset: --zone, else the one all channels asked for share. */
static int local_zone(struct bb_plant *plant, const struct asked *asked, const char *what,
                      const struct bb_zone **zone, struct bb_error *error) {
    const struct seen *seen = seen_of(asked);
    const char *name = asked->given->zone ? asked->given->zone : seen->zone;

    if (!asked->given->zone && seen->zones_differ)
        return BB_FAIL(
            error, BB_E_USAGE,
            "--%s has no offset and the channels lie in several zones: add one, or --zone", what);
    return bb_zone_set_get(plant->zones, bb_span_of(name), zone, error);
}

static int read_time(struct bb_plant *plant, const struct asked *asked, const char *what,
                     const char *text, int64_t *ms, struct bb_error *error) {
    const struct bb_zone *zone = NULL;
    int r = 0;

    *ms = BB_TIME_NONE;
    if (!text)
        return 0;
    switch (bb_time_parse_rfc3339(bb_span_of(text), ms)) {
    case BB_TIME_OK: break;
    case BB_TIME_SYNTAX:
        return BB_FAIL(error, BB_E_USAGE,
                       "--%s cannot be \"%s\": allowed is a date such as 2026-03-01 or a time such "
                       "as 2026-03-01T00:15:00Z",
                       what, text);
    case BB_TIME_LOCAL:
        r = local_zone(plant, asked, what, &zone, error);
        if (r == 0)
            *ms = bb_zone_first_at(zone, *ms);
        break;
    }
    return r;
}

static int read_times(struct bb_plant *plant, const struct asked *asked, struct bb_query *query,
                      struct bb_error *error) {
    const struct query_options *given = asked->given;
    int r = read_time(plant, asked, "from", given->from, &query->from_ms, error);

    if (r == 0)
        r = read_time(plant, asked, "to", given->to, &query->to_ms, error);
    if (r == 0)
        r = read_time(plant, asked, "as-of", given->as_of, &query->as_of_ms, error);
    return r;
}

static int write_row(void *context, const struct bb_query_row *row) {
    return bb_query_writer_row(context, row) ? 0 : 1;
}

static int run_query(struct bb_command *command, struct bb_plant *plant, struct bb_error *error) {
    const struct query_options *given = command->options;
    struct bb_query query = {
        .tenant = bb_command_tenant(command),
        .usage_point = bb_span_of(given->usage_point),
        .channel = bb_span_of(given->channel),
        .lane = (enum bb_lane)bb_lane_find(bb_span_of(lane_choice(given->lane))),
        .limit = (uint64_t)given->limit};
    struct asked asked = {.given = given};
    const struct bb_zone *zone = NULL;
    struct bb_query_writer writer;

    asked.is_obis = bb_obis_parse(query.channel, &asked.obis);
    int r = plant->registry->ops->channel_list(plant->registry, query.tenant, query.usage_point,
                                               look_at_channel, &asked, error);
    if (r >= 0)
        r = read_times(plant, &asked, &query, error);
    if (r >= 0 && given->zone)
        r = bb_zone_set_get(plant->zones, bb_span_of(given->zone), &zone, error);
    if (r < 0)
        return r;
    bool with_range = seen_of(&asked)->has_gauge && bb_lane_has_periods((int)query.lane);
    bb_query_writer_begin(&writer, command->out,
                          command->globals.json ? BB_QUERY_JSON
                                                : (enum bb_query_format)given->format,
                          zone, with_range);
    r = bb_query_run(plant, &query, write_row, &writer, error);
    bb_query_writer_end(&writer);
    if (r < 0)
        bb_buffer_clear(&command->out->buffer); /* half an answer is none */
    return r < 0 ? r : BB_EXIT_DONE;
}

static int run(struct bb_command *command, struct bb_error *error) {
    struct bb_plant plant;
    int r = bb_command_open_plant(command, BB_PLANT_READ, &plant, error);

    if (r < 0)
        return r;
    r = run_query(command, &plant, error);
    bb_plant_close(&plant);
    return r;
}

const struct bb_verb bb_verb_query = {
    .name = "query",
    .summary = "values of a usage point",
    .arguments = "",
    .options = options,
    .options_size = sizeof(struct query_options),
    .examples =
        "busbar query --usage-point 871685900012345678 --channel 1.29.0 --from 2026-03-01\n"
        "busbar query --usage-point 871685900012345678 --lane day --zone Europe/Amsterdam\n"
        "busbar query --usage-point 871685900012345678 --lane vee --format csv > values.csv\n",
    .details =
        "Rows come by channel, then time. Intervals are rows with from < end <= to; instants with\n"
        "from <= end < to. Raw values are printed as they were sent.\n",
    .run = run,
};
