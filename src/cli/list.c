/* busbar list usage-points|channels|completeness|exceptions|findings|rules|tenants: what the registry
 * knows, what is there of what was expected, and what the checks say.
 *
 * Each subject is a row of a table: its columns, and how the plant is asked. A listing goes row by
 * row to a sink, which is a table for people or an array of objects.
 */
#include "base/nearest.h"
#include "cli/human.h"
#include "cli/list_exceptions.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "model/unit.h"
#include "service/completeness.h"
#include "service/findings.h"
#include "service/known.h"
#include "service/person.h"

#include <inttypes.h>
#include <stdio.h>

struct list_options {
    const char *usage_point, *from, *to, *as_of;
    int check;
    bool all;
};

#define AT(field) offsetof(struct list_options, field)

static const char *check_choice(int index) {
    return index < BB_CHECK_COUNT ? bb_check_name(index) : NULL;
}

static const struct bb_option options[] = {
    {.name = "usage-point",
     .kind = BB_OPTION_TEXT,
     .offset = AT(usage_point),
     .value = "UP",
     .help = "channels, completeness, exceptions and findings of this one only"},
    {.name = "from",
     .kind = BB_OPTION_TEXT,
     .offset = AT(from),
     .value = "D",
     .help = "completeness: local days from this date on, or a time with offset"},
    {.name = "to",
     .kind = BB_OPTION_TEXT,
     .offset = AT(to),
     .value = "D",
     .help = "up to where this day begins (default: the last 7 days there are)"},
    {.name = "as-of",
     .kind = BB_OPTION_TEXT,
     .offset = AT(as_of),
     .value = "T",
     .help = "as it was known at this time, with offset"},
    {.name = "check",
     .kind = BB_OPTION_CHOICE,
     .offset = AT(check),
     .choice = check_choice,
     .value = "CHECK",
     .help = "findings of this check only"},
    {.name = "all", .kind = BB_OPTION_FLAG, .offset = AT(all), .help = "closed exceptions too"},
    BB_OPTION_END};

/* ---- the sink -----------------------------------------------------------------------------------*/

struct listing {
    struct bb_command *command;
    struct bb_plant *plant;
    const struct list_options *given;
    int64_t as_of_ms; /* BB_TIME_NONE: now */
    const struct bb_table_column *columns;
    struct bb_table table;
    struct bb_json json;
    size_t column; /* of the next field */
    size_t column_count;
    uint64_t rows;
    struct bb_completeness_sum sum;
};

static void begin_field(struct listing *listing) {
    if (!listing->command->globals.json)
        return;
    if (listing->column == 0)
        bb_json_object_begin(&listing->json);
    bb_json_key(&listing->json, listing->columns[listing->column].title);
}

static void end_field(struct listing *listing) {
    if (++listing->column < listing->column_count)
        return;
    listing->column = 0;
    listing->rows++;
    if (listing->command->globals.json)
        bb_json_object_end(&listing->json);
}

static void put_text(struct listing *listing, struct bb_span text) {
    begin_field(listing);
    if (listing->command->globals.json)
        bb_json_text(&listing->json, text);
    else
        bb_table_cell(&listing->table, text);
    end_field(listing);
}

static void put_name(struct listing *listing, const char *name) {
    put_text(listing, bb_span_of(name));
}

static void put_number(struct listing *listing, int64_t number) {
    begin_field(listing);
    if (listing->command->globals.json)
        bb_json_i64(&listing->json, number);
    else
        bb_table_cell_format(&listing->table, "%" PRId64, number);
    end_field(listing);
}

static void put_flag(struct listing *listing, bool flag) {
    begin_field(listing);
    if (listing->command->globals.json)
        bb_json_bool(&listing->json, flag);
    else
        bb_table_cell(&listing->table, bb_span_of(flag ? "yes" : ""));
    end_field(listing);
}

/* BB_TIME_NONE: null, or nothing in a table. */
static void put_time(struct listing *listing, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];
    size_t size = ms == BB_TIME_NONE ? 0 : bb_time_format_utc(ms, text);

    if (size > 0 || !listing->command->globals.json) {
        put_text(listing, (struct bb_span){text, size});
        return;
    }
    begin_field(listing);
    bb_json_null(&listing->json);
    end_field(listing);
}

/* A number with `digits` as JSON and people write it; NULL: null, or nothing in a table. */
static void put_digits(struct listing *listing, const char *digits) {
    if (!listing->command->globals.json) {
        put_name(listing, digits ? digits : "");
        return;
    }
    begin_field(listing);
    if (digits)
        bb_json_raw(&listing->json, bb_span_of(digits));
    else
        bb_json_null(&listing->json);
    end_field(listing);
}

static int go_on(struct listing *listing) {
    return bb_output_spill(listing->command->out) ? 0 : 1;
}

/* ---- the subjects -------------------------------------------------------------------------------*/

static const struct bb_table_column usage_point_columns[] = {
    {"usage_point", false}, {"commodity", false}, {"zone", false},
    {"calendar", false},    {"customer", false},  {"channels", true},
};

static int usage_point_row(void *context, const struct bb_registry_usage_point *row) {
    struct listing *listing = context;

    put_text(listing, row->name);
    put_name(listing, bb_commodity_name(row->commodity));
    put_text(listing, row->zone);
    put_text(listing, row->calendar);
    put_text(listing, row->customer);
    put_number(listing, row->channels);
    return go_on(listing);
}

static int list_usage_points(struct listing *listing, struct bb_registry *registry,
                             struct bb_error *error) {
    (void)registry;
    return bb_known_usage_points(listing->plant, bb_command_tenant(listing->command),
                                 listing->as_of_ms, usage_point_row, listing, error);
}

static const struct bb_table_column channel_columns[] = {
    {"usage_point", false}, {"channel", false},   {"kind", false}, {"interval", false},
    {"unit", false},        {"commodity", false}, {"obis", false}, {"zone", false},
};

static int channel_row(void *context, const struct bb_registry_channel *row) {
    struct listing *listing = context;
    char interval[BB_TIME_TEXT_MAX] = "";

    if (row->interval_s > 0)
        bb_duration_format((int64_t)row->interval_s * BB_SECOND_MS, interval);
    put_text(listing, row->usage_point);
    put_text(listing, row->channel);
    put_name(listing, bb_kind_name(row->kind));
    put_name(listing, interval);
    put_name(listing, bb_unit_symbol(row->unit));
    put_name(listing, bb_commodity_name(row->commodity));
    put_text(listing, row->obis);
    put_text(listing, row->zone);
    return go_on(listing);
}

static int list_channels(struct listing *listing, struct bb_registry *registry,
                         struct bb_error *error) {
    (void)registry;
    return bb_known_channels(listing->plant, bb_command_tenant(listing->command),
                             bb_span_of(listing->given->usage_point), listing->as_of_ms,
                             channel_row, listing, error);
}

#define EXCEPTION_COLUMNS                                                                          \
    {"id", true}, {"usage_point", false}, {"channel", false}, {"check", false}, {"from", false},   \
        {"to", false}, {"state", false}, {"opened", false}, {"closed", false}, {"by", false}, {    \
        "reason", false                                                                            \
    }

static const struct bb_table_column exception_columns[] = {EXCEPTION_COLUMNS};
static const struct bb_table_column exception_keys[] = {
    EXCEPTION_COLUMNS, {"opened_by", false}, {"closed_by", false}};

static int exception_row(void *context, const struct bb_registry_exception *row) {
    struct listing *listing = context;
    const char *usage_point = listing->given->usage_point;
    struct bb_person who;

    if (usage_point && !bb_span_equal(row->usage_point, bb_span_of(usage_point)))
        return 0;
    put_number(listing, row->id);
    put_text(listing, row->usage_point);
    put_text(listing, row->channel);
    put_name(listing, bb_check_name(row->check));
    put_time(listing, row->from_ms);
    put_time(listing, row->to_ms);
    put_name(listing, bb_person_exception_state(row, &who));
    put_time(listing, row->opened_ms);
    put_time(listing, row->closed_ms);
    put_text(listing, who.name);
    put_text(listing, who.reason);
    if (listing->command->globals.json) {
        put_text(listing, row->opened_by);
        put_text(listing, row->closed_by);
    }
    return go_on(listing);
}

static int list_exceptions(struct listing *listing, struct bb_registry *registry,
                           struct bb_error *error) {
    return registry->ops->exception_list(registry, bb_command_tenant(listing->command),
                                         !listing->given->all, listing->as_of_ms, exception_row,
                                         listing, error);
}

static const struct bb_table_column finding_columns[] = {
    {"usage_point", false}, {"channel", false}, {"check", false},
    {"from", false},        {"to", false},      {"at", false},
    {"hard", false},        {"a", true},        {"b", true},
    {"exponent", true},     {"quality", false},
};

static int finding_row(void *context, const struct bb_findings_row *row) {
    struct listing *listing = context;
    const struct bb_finding *finding = row->finding;
    struct bb_buffer quality;

    bb_buffer_init(&quality, BB_OUTPUT_PIECE_BYTES);
    if (row->quality)
        bb_quality_format(row->quality, &quality);
    put_text(listing, row->usage_point);
    put_text(listing, row->channel);
    put_name(listing, bb_check_name(finding->check));
    put_time(listing, finding->from_ms);
    put_time(listing, finding->to_ms);
    put_time(listing, finding->at_ms);
    put_flag(listing, finding->hard);
    put_number(listing, finding->a);
    put_number(listing, finding->b);
    put_number(listing, finding->exponent);
    put_text(listing, bb_buffer_span(&quality));
    bb_buffer_release(&quality);
    return go_on(listing);
}

static int list_findings(struct listing *listing, struct bb_registry *registry,
                         struct bb_error *error) {
    const struct list_options *given = listing->given;
    const struct bb_findings asked = {.tenant = bb_command_tenant(listing->command),
                                      .usage_point = bb_span_of(given->usage_point),
                                      .check = given->check,
                                      .as_of_ms = listing->as_of_ms};

    (void)registry;
    return bb_findings_run(listing->plant, &asked, finding_row, listing, error);
}

static const struct bb_table_column completeness_columns[] = {
    {"usage_point", false},   {"channel", false},       {"start", false},    {"end", false},
    {"expected", true},       {"present", true},        {"estimated", true}, {"missing", true},
    {"measured_share", true}, {"contiguous_to", false},
};

static int completeness_row(void *context, const struct bb_completeness_row *row) {
    struct listing *listing = context;
    char expected[24], missing[24], share[24];
    int measured = row->expected_ms > 0 ? bb_query_thousandths(row->measured_ms, row->expected_ms)
                                        : 0;

    snprintf(expected, sizeof expected, "%" PRIu64, row->expected);
    snprintf(missing, sizeof missing, "%" PRIu64, row->missing);
    snprintf(share, sizeof share, "%d.%03d", measured / 1000, measured % 1000);
    put_text(listing, row->usage_point);
    put_text(listing, row->channel);
    put_time(listing, row->start_ms);
    put_time(listing, row->end_ms);
    put_digits(listing, row->has_expected ? expected : NULL);
    put_number(listing, (int64_t)row->present);
    put_number(listing, (int64_t)row->estimated);
    put_digits(listing, row->has_expected ? missing : NULL);
    put_digits(listing, row->expected_ms > 0 ? share : NULL);
    put_time(listing, row->contiguous_to_ms);
    return go_on(listing);
}

/* A date is that of each channel's own calendar. */
static int read_bound(const char *what, const char *text, struct bb_completeness_bound *bound,
                      struct bb_error *error) {
    enum { DATE_SIZE = 10 };
    enum bb_time_outcome outcome;

    *bound = (struct bb_completeness_bound){.ms = BB_TIME_NONE};
    if (!text)
        return 0;
    outcome = bb_time_parse_rfc3339(bb_span_of(text), &bound->ms);
    bound->is_local = outcome == BB_TIME_LOCAL;
    if (outcome == BB_TIME_OK || (bound->is_local && strlen(text) == DATE_SIZE))
        return 0;
    return BB_FAIL(error, BB_E_USAGE,
                   "--%s cannot be \"%s\": allowed is a date such as 2026-03-01 or a time with "
                   "offset such as 2026-03-01T06:00:00+01:00",
                   what, text);
}

/* "98.6 %" of days, rounded down: 100 only where nothing is missing. */
static void tell_sum(struct bb_command *command, const struct bb_completeness_sum *sum) {
    char days[BB_HUMAN_MAX], channels[BB_HUMAN_MAX], lacking[BB_HUMAN_MAX], silent[BB_HUMAN_MAX];
    struct bb_buffer *out = &command->out->buffer;
    const uint64_t known = sum->days - sum->unknown;

    if (sum->days == 0)
        return;
    bb_buffer_format(out, "%s: %s days of %s channel%s", command->globals.tenant,
                     bb_human_count(sum->days, days), bb_human_count(sum->channels, channels),
                     sum->channels == 1 ? "" : "s");
    if (known > 0) {
        uint64_t share = sum->complete * 1000 / known;
        bb_buffer_format(out, ", %" PRIu64 ".%" PRIu64 " %% complete", share / 10, share % 10);
        if (sum->estimated > 0)
            bb_buffer_format(out, " (%s with estimates)", bb_human_count(sum->estimated, lacking));
        bb_buffer_format(out, ", %s with values missing",
                         bb_human_count(known - sum->complete, lacking));
    }
    if (sum->unknown > 0)
        bb_buffer_format(out, ", %s without a nominal interval",
                         bb_human_count(sum->unknown, lacking));
    if (sum->silent > 0)
        bb_buffer_format(out,
                         "\n%s more channel%s no day here: the readings lie elsewhere, and no tick "
                         "(busbar tick) says that more were due",
                         bb_human_count(sum->silent, silent), sum->silent == 1 ? " has" : "s have");
    bb_buffer_append_byte(out, '\n');
}

static int list_completeness(struct listing *listing, struct bb_registry *registry,
                             struct bb_error *error) {
    const struct list_options *given = listing->given;
    struct bb_completeness asked = {.tenant = bb_command_tenant(listing->command),
                                    .usage_point = bb_span_of(given->usage_point),
                                    .as_of_ms = listing->as_of_ms};
    int r = read_bound("from", given->from, &asked.from, error);

    (void)registry;
    if (!r)
        r = read_bound("to", given->to, &asked.to, error);
    return r ? r
             : bb_completeness_run(listing->plant, &asked, completeness_row, listing, &listing->sum,
                                   error);
}

static void end_completeness(struct listing *listing) {
    tell_sum(listing->command, &listing->sum);
}

static const struct bb_table_column tenant_columns[] = {{"tenant", false}, {"zone", false}};

static int tenant_row(void *context, struct bb_span name, struct bb_span zone) {
    struct listing *listing = context;

    put_text(listing, name);
    put_text(listing, zone);
    return go_on(listing);
}

static int list_tenants(struct listing *listing, struct bb_registry *registry,
                        struct bb_error *error) {
    return registry->ops->tenant_list(registry, tenant_row, listing, error);
}

static const struct bb_table_column rule_columns[] = {{"rule", false}, {"content_hash", false}};

/* A registry without rules has none to list. */
static int list_rules(struct listing *listing, struct bb_registry *registry,
                      struct bb_error *error) {
    (void)listing, (void)registry, (void)error;
    return 0;
}

#define COUNT(table)   (sizeof(table) / sizeof(table)[0])
#define COLUMNS(table) table, COUNT(table), table, COUNT(table)

static const struct subject {
    const char *name;
    const struct bb_table_column *columns;
    size_t column_count;
    const struct bb_table_column *keys; /* of the objects; they may say more */
    size_t key_count;
    int (*list)(struct listing *listing, struct bb_registry *registry, struct bb_error *error);
    void (*end)(struct listing *listing); /* below a table; NULL: nothing */
    bool has_past;                        /* it can tell what was known at a moment */
} subjects[] = {
    {"usage-points", COLUMNS(usage_point_columns), list_usage_points, NULL, true},
    {"channels", COLUMNS(channel_columns), list_channels, NULL, true},
    {"completeness", COLUMNS(completeness_columns), list_completeness, end_completeness, true},
    {"exceptions", exception_columns, COUNT(exception_columns), exception_keys,
     COUNT(exception_keys), list_exceptions, NULL, true},
    {"findings", COLUMNS(finding_columns), list_findings, NULL, true},
    {"rules", COLUMNS(rule_columns), list_rules, NULL, false},
    {"tenants", COLUMNS(tenant_columns), list_tenants, NULL, false},
};
enum { SUBJECTS = sizeof subjects / sizeof subjects[0] };

/* ---- the command --------------------------------------------------------------------------------*/

static const struct subject *find_subject(const char *name, struct bb_error *error) {
    struct bb_nearest nearest;

    bb_nearest_init(&nearest, bb_span_of(name));
    for (size_t i = 0; i < SUBJECTS; i++) {
        if (strcmp(name, subjects[i].name) == 0)
            return &subjects[i];
        bb_nearest_offer(&nearest, subjects[i].name);
    }
    (void)BB_FAIL(error, BB_E_USAGE,
                  "there is no list of \"%s\": allowed are usage-points, channels, completeness, "
                  "exceptions, findings, rules, tenants%s%s",
                  name, nearest.name ? " · did you mean " : "", nearest.name ? nearest.name : "");
    return NULL;
}

static int read_as_of(const struct subject *subject, const char *text, int64_t *ms,
                      struct bb_error *error) {
    *ms = BB_TIME_NONE;
    if (text && !subject->has_past)
        return BB_FAIL(error, BB_E_USAGE,
                       "list %s tells what is now and keeps no history: it does not take --as-of",
                       subject->name);
    if (!text || bb_time_parse_rfc3339(bb_span_of(text), ms) == BB_TIME_OK)
        return 0;
    return BB_FAIL(error, BB_E_USAGE,
                   "--as-of cannot be \"%s\": allowed is a time with offset such as "
                   "2026-03-01T06:00:00+01:00",
                   text);
}

static int print_list(struct bb_command *command, const struct subject *subject,
                      const struct list_options *given, int64_t as_of_ms, struct bb_plant *plant,
                      struct bb_error *error) {
    bool json = command->globals.json;
    struct listing listing = {.command = command,
                              .plant = plant,
                              .given = given,
                              .as_of_ms = as_of_ms,
                              .columns = json ? subject->keys : subject->columns,
                              .column_count = json ? subject->key_count : subject->column_count,
                              .json = bb_command_json(command)};

    if (command->globals.json)
        bb_json_array_begin(&listing.json);
    else
        bb_table_init(&listing.table, command->out, subject->columns, subject->column_count);
    int r = subject->list(&listing, plant->registry, error);
    if (command->globals.json) {
        bb_json_array_end(&listing.json);
        bb_command_json_end(command);
        return r;
    }
    size_t empty_at = command->out->buffer.size;
    bb_table_finish(&listing.table);
    if (r >= 0 && listing.rows == 0) {
        command->out->buffer.size = empty_at; /* titles above nothing say nothing */
        bb_buffer_format(&command->out->buffer, "no %s\n", subject->name);
    }
    if (r >= 0 && subject->end && !command->globals.quiet)
        subject->end(&listing);
    return r;
}

static int list_subject(struct bb_command *command, const struct subject *subject,
                        const struct list_options *given, struct bb_error *error) {
    struct bb_plant plant;
    int64_t as_of_ms;
    int r = read_as_of(subject, given->as_of, &as_of_ms, error);

    if (!r)
        r = bb_command_open_plant(command, BB_PLANT_READ, &plant, error);
    if (r < 0)
        return r;
    r = print_list(command, subject, given, as_of_ms, &plant, error);
    bb_plant_close(&plant);
    return r < 0 ? r : BB_EXIT_DONE;
}

static int run(struct bb_command *command, struct bb_error *error) {
    const struct subject *subject = find_subject(command->arguments[0], error);

    return subject ? list_subject(command, subject, command->options, error) : -(int)error->code;
}

int bb_list_exceptions(struct bb_command *command, const char *usage_point, const char *as_of,
                       bool all, struct bb_error *error) {
    struct list_options given = {.usage_point = usage_point, .as_of = as_of, .all = all};
    const struct subject *subject = find_subject("exceptions", error);

    BB_ASSERT(subject);
    return list_subject(command, subject, &given, error);
}

const struct bb_verb bb_verb_list = {
    .name = "list",
    .summary = "usage points, channels, completeness, exceptions, findings, rules, tenants",
    .arguments = "usage-points|channels|completeness|exceptions|findings|rules|tenants",
    .arguments_min = 1,
    .arguments_max = 1,
    .options = options,
    .options_size = sizeof(struct list_options),
    .details =
        "completeness: for each channel and local day how many values were expected, present (told),\n"
        "estimated and missing; the share of the expected time that was really measured; and up to\n"
        "where from its first reading on everything is there, told or estimated. Days are expected from\n"
        "the first reading up to the last one or the latest tick. As in query, the day that begins at\n"
        "--to is not among them.\n"
        "\n"
        "--as-of T: findings and completeness are derived again, as in query, from the readings, edits,\n"
        "master data and ticks recorded by T (with the parameters of now). exceptions: those that had\n"
        "been opened by T, in the state of then, as the registry recorded it; what came and went within\n"
        "one batch of the worker was never one, and \"to\" is where the stretch ends by what was told\n"
        "last. channels: those with readings by T; usage-points: also those with master data; both as\n"
        "they were described by then. rules and tenants tell what is now and refuse it.\n",
    .examples = "busbar list channels --usage-point 871685900012345678\n"
                "busbar list completeness --from 2026-03-01 --to 2026-04-01\n"
                "busbar list exceptions --json\n"
                "busbar list findings --check negative\n"
                "busbar list exceptions --all --as-of 2026-03-01T06:00:00+01:00\n",
    .run = run,
};
