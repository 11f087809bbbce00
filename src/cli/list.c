/* busbar list SUBJECT: what the registry knows, what is there of what was expected, what the checks say, and what
 * came as files.
 *
 * Each subject is a row of a table: what it lists, and how the plant is asked. Each row becomes a record
 * (answer/rows.h), which goes to a table for people or to an array of objects.
 */
#include "answer/rows.h"
#include "base/nearest.h"
#include "cli/human.h"
#include "cli/list_exceptions.h"
#include "cli/list_files.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "service/audit.h"
#include "service/known.h"
#include "service/rules_deploy.h"

#include <inttypes.h>
#include <stdio.h>

struct list_options {
    const char *usage_point, *device, *from, *to, *as_of, *at, *who, *what;
    int check, format;
    bool all;
};

enum { RULES_CHUNK_BYTES = 64 << 10, RULES_MAX_BYTES = 64 << 20 };
enum { FORMAT_TABLE = 0, FORMAT_CSV, FORMAT_NDJSON };

#define AT(field) offsetof(struct list_options, field)

static const char *check_choice(int index) {
    return index < BB_CHECK_COUNT ? bb_check_name(index) : NULL;
}

static const struct bb_option options[] = {
    {.name = "usage-point",
     .kind = BB_OPTION_TEXT,
     .offset = AT(usage_point),
     .value = "UP",
     .help =
         "channels, completeness, exceptions, findings, devices and installations of this one only"},
    {.name = "device",
     .kind = BB_OPTION_TEXT,
     .offset = AT(device),
     .value = "D",
     .help = "devices and installations of this one only"},
    {.name = "at",
     .kind = BB_OPTION_TEXT,
     .offset = AT(at),
     .value = "T",
     .help = "devices and installations: what was installed at this time, with offset"},
    {.name = "format",
     .kind = BB_OPTION_CHOICE,
     .offset = AT(format),
     .value = "table|csv|ndjson",
     .initial = "table",
     .help = "of the rows"},
    {.name = "from",
     .kind = BB_OPTION_TEXT,
     .offset = AT(from),
     .value = "D",
     .help =
         "completeness: local days from this date on, or a time with offset; findings, audit: a "
         "time"},
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
    {.name = "who",
     .kind = BB_OPTION_TEXT,
     .offset = AT(who),
     .value = "TEXT",
     .help = "audit: a part of who did it, or of the key or person it was"},
    {.name = "what",
     .kind = BB_OPTION_TEXT,
     .offset = AT(what),
     .value = "TEXT",
     .help = "audit: a part of the verb, or of what it was done to"},
    {.name = "all",
     .kind = BB_OPTION_FLAG,
     .offset = AT(all),
     .help = "closed exceptions too; dead letters that were replayed since, and count"},
    BB_OPTION_END};

/* ---- the rows -----------------------------------------------------------------------------------*/

struct listing {
    struct bb_command *command;
    struct bb_plant *plant;
    const struct list_options *given;
    int64_t as_of_ms; /* BB_TIME_NONE: now */
    int64_t at_ms;    /* BB_TIME_NONE: at any time */
    struct bb_table table;
    struct bb_json json;
    uint64_t rows;
    struct bb_completeness_sum sum;
    struct bb_record record; /* the row at hand */
};

static void put_cells(struct listing *listing) {
    const struct bb_record *record = &listing->record;
    char memory[BB_RECORD_CELL_MAX];

    for (size_t i = 0; i < record->count; i++)
        if (!record->rows[i].is_aside)
            bb_table_cell(&listing->table, bb_record_cell(&record->fields[i], memory));
}

static void put_line(struct listing *listing) {
    struct bb_buffer *out = &listing->command->out->buffer;

    bb_json_init(&listing->json, out);
    bb_record_put_json(&listing->record, &listing->json);
    bb_buffer_append_byte(out, '\n');
}

/* The record as a row of the list; 1: more is not wanted. */
static int put_row(struct listing *listing) {
    if (listing->command->globals.json)
        bb_record_put_json(&listing->record, &listing->json);
    else if (listing->given->format == FORMAT_CSV)
        bb_record_put_csv(&listing->record, &listing->command->out->buffer);
    else if (listing->given->format == FORMAT_NDJSON)
        put_line(listing);
    else
        put_cells(listing);
    listing->rows++;
    return bb_output_spill(listing->command->out) ? 0 : 1;
}

static int usage_point_row(void *context, const struct bb_registry_usage_point *row) {
    struct listing *listing = context;

    bb_record_of_usage_point(row, &listing->record);
    return put_row(listing);
}

static int channel_row(void *context, const struct bb_registry_channel *row) {
    struct listing *listing = context;

    bb_record_of_channel(row, &listing->record);
    return put_row(listing);
}

static int exception_row(void *context, const struct bb_registry_exception *row) {
    struct listing *listing = context;
    const char *usage_point = listing->given->usage_point;

    if (usage_point && !bb_span_equal(row->usage_point, bb_span_of(usage_point)))
        return 0;
    bb_record_of_exception(row, &listing->record);
    return put_row(listing);
}

static int finding_row(void *context, const struct bb_findings_row *row) {
    struct listing *listing = context;

    bb_record_of_finding(row, &listing->record);
    return put_row(listing);
}

static int completeness_row(void *context, const struct bb_completeness_row *row) {
    struct listing *listing = context;

    bb_record_of_completeness(row, &listing->record);
    return put_row(listing);
}

/* A bb_registry_master_visit. */
static int group_row(void *context, int64_t recorded_ms, const struct bb_master *master) {
    struct listing *listing = context;

    (void)recorded_ms;
    bb_record_of_group(&master->group, &listing->record);
    return put_row(listing);
}

static int device_row(void *context, const struct bb_inventory_device *row) {
    struct listing *listing = context;

    bb_record_of_device(row, &listing->record);
    return put_row(listing);
}

static int installation_row(void *context, const struct bb_inventory_installation *row) {
    struct listing *listing = context;

    bb_record_of_installation(row, &listing->record);
    return put_row(listing);
}

static int customer_row(void *context, const struct bb_inventory_customer *row) {
    struct listing *listing = context;

    bb_record_of_customer(row, &listing->record);
    return put_row(listing);
}

static int tenant_row(void *context, struct bb_span name, struct bb_span zone) {
    struct listing *listing = context;

    bb_record_of_tenant(name, zone, &listing->record);
    return put_row(listing);
}

/* ---- the subjects -------------------------------------------------------------------------------*/

static int list_usage_points(struct listing *listing, struct bb_error *error) {
    return bb_known_usage_points(listing->plant, bb_command_tenant(listing->command), BB_SPAN(""),
                                 listing->as_of_ms, usage_point_row, listing, error);
}

static int list_channels(struct listing *listing, struct bb_error *error) {
    return bb_known_channels(listing->plant, bb_command_tenant(listing->command),
                             bb_span_of(listing->given->usage_point), listing->as_of_ms,
                             channel_row, listing, error);
}

static int list_exceptions(struct listing *listing, struct bb_error *error) {
    struct bb_registry *registry = listing->plant->registry;

    return registry->ops->exception_list(registry, bb_command_tenant(listing->command),
                                         !listing->given->all, listing->as_of_ms, exception_row,
                                         listing, error);
}

/* BB_TIME_NONE when it is not given. */
static int read_time(const char *what, const char *text, int64_t *ms, struct bb_error *error) {
    *ms = BB_TIME_NONE;
    if (!text || bb_time_parse_rfc3339(bb_span_of(text), ms) == BB_TIME_OK)
        return 0;
    return BB_FAIL(error, BB_E_USAGE,
                   "--%s cannot be \"%s\": allowed is a time with offset such as "
                   "2026-03-01T06:00:00+01:00",
                   what, text);
}

static int list_findings(struct listing *listing, struct bb_error *error) {
    const struct list_options *given = listing->given;
    struct bb_findings asked = {.tenant = bb_command_tenant(listing->command),
                                .usage_point = bb_span_of(given->usage_point),
                                .check = given->check,
                                .as_of_ms = listing->as_of_ms};
    int r = read_time("from", given->from, &asked.from_ms, error);

    if (!r)
        r = read_time("to", given->to, &asked.to_ms, error);
    return r ? r : bb_findings_run(listing->plant, &asked, finding_row, listing, error);
}

/* A date is that of each channel's own calendar. */
static int read_bound(const char *what, const char *text, struct bb_completeness_bound *bound,
                      struct bb_error *error) {
    *bound = (struct bb_completeness_bound){.ms = BB_TIME_NONE};
    if (!text || bb_completeness_bound_parse(bb_span_of(text), bound))
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

static int list_completeness(struct listing *listing, struct bb_error *error) {
    const struct list_options *given = listing->given;
    struct bb_completeness asked = {.tenant = bb_command_tenant(listing->command),
                                    .usage_point = bb_span_of(given->usage_point),
                                    .as_of_ms = listing->as_of_ms};
    int r = read_bound("from", given->from, &asked.from, error);

    if (!r)
        r = read_bound("to", given->to, &asked.to, error);
    return r ? r
             : bb_completeness_run(listing->plant, &asked, completeness_row, listing, &listing->sum,
                                   error);
}

static void end_completeness(struct listing *listing) {
    tell_sum(listing->command, &listing->sum);
}

static int audit_row(void *context, const struct bb_registry_audit *row) {
    struct listing *listing = context;

    bb_record_of_audit(row, &listing->record);
    return put_row(listing);
}

static int list_audit(struct listing *listing, struct bb_error *error) {
    const struct list_options *given = listing->given;
    struct bb_audit_question asked = {.base = {.tenant = bb_command_tenant(listing->command)},
                                      .who = bb_span_of(given->who),
                                      .what = bb_span_of(given->what)};
    int r = read_time("from", given->from, &asked.base.from_ms, error);

    if (!r)
        r = read_time("to", given->to, &asked.base.to_ms, error);
    return r ? r : bb_audit_list(listing->plant->registry, &asked, audit_row, listing, error);
}

static int list_groups(struct listing *listing, struct bb_error *error) {
    struct bb_registry *registry = listing->plant->registry;

    return registry->ops->kind_list(registry, bb_command_tenant(listing->command), BB_MASTER_GROUP,
                                    listing->as_of_ms, group_row, listing, error);
}

static struct bb_inventory inventory_of(const struct listing *listing) {
    return (struct bb_inventory){.tenant = bb_command_tenant(listing->command),
                                 .usage_point = bb_span_of(listing->given->usage_point),
                                 .device = bb_span_of(listing->given->device),
                                 .as_of_ms = listing->as_of_ms,
                                 .at_ms = listing->at_ms};
}

static int list_devices(struct listing *listing, struct bb_error *error) {
    const struct bb_inventory asked = inventory_of(listing);

    return bb_inventory_devices(listing->plant, &asked, device_row, listing, error);
}

static int list_installations(struct listing *listing, struct bb_error *error) {
    const struct bb_inventory asked = inventory_of(listing);

    return bb_inventory_installations(listing->plant, &asked, installation_row, listing, error);
}

static int list_customers(struct listing *listing, struct bb_error *error) {
    const struct bb_inventory asked = inventory_of(listing);

    return bb_inventory_customers(listing->plant, &asked, customer_row, listing, error);
}

/* A bb_cli_record_visit. */
static int file_row(void *context, const struct bb_record *record) {
    struct listing *listing = context;

    listing->record = *record;
    return put_row(listing);
}

static int list_files(struct listing *listing, struct bb_error *error) {
    const struct bb_file_question asked = {.tenant = bb_command_tenant(listing->command),
                                           .before_ms = INT64_MAX};

    return bb_cli_files(listing->plant, &asked, file_row, listing, error);
}

static int list_dead_letters(struct listing *listing, struct bb_error *error) {
    const struct bb_file_question asked = {.tenant = bb_command_tenant(listing->command),
                                           .before_ms = INT64_MAX,
                                           .with_rejects = true,
                                           .without_replayed = !listing->given->all};

    return bb_cli_files(listing->plant, &asked, file_row, listing, error);
}

static void end_dead_letters(struct listing *listing) {
    bb_cli_standing(listing->plant, &listing->command->out->buffer);
}

static int list_tenants(struct listing *listing, struct bb_error *error) {
    struct bb_registry *registry = listing->plant->registry;

    return registry->ops->tenant_list(registry, tenant_row, listing, error);
}

static int rule_rows(struct listing *listing, const struct bb_master_rules *rules) {
    int result = 0;

    for (uint32_t i = 0; !result && i < rules->rule_count; i++)
        for (uint32_t k = 0; !result && k < rules->rules[i].version_count; k++) {
            bb_record_of_rule(rules, &rules->rules[i], &rules->rules[i].versions[k],
                              &listing->record);
            result = put_row(listing);
        }
    return result;
}

static int list_rules(struct listing *listing, struct bb_error *error) {
    struct bb_master_rules rules;
    struct bb_arena arena;

    bb_arena_init(&arena, RULES_CHUNK_BYTES, RULES_MAX_BYTES);
    int result = bb_rules_standing(listing->plant->registry, bb_command_tenant(listing->command),
                                   listing->as_of_ms, &arena, &rules, error);
    if (!result)
        result = rule_rows(listing, &rules);
    bb_arena_release(&arena);
    return result;
}

static const struct subject {
    enum bb_list list;
    int (*tell)(struct listing *listing, struct bb_error *error);
    void (*end)(struct listing *listing); /* below a table; NULL: nothing */
    bool has_past;                        /* it can tell what was known at a moment */
} subjects[] = {
    {BB_LIST_USAGE_POINTS, list_usage_points, NULL, true},
    {BB_LIST_CHANNELS, list_channels, NULL, true},
    {BB_LIST_COMPLETENESS, list_completeness, end_completeness, true},
    {BB_LIST_EXCEPTIONS, list_exceptions, NULL, true},
    {BB_LIST_FINDINGS, list_findings, NULL, true},
    {BB_LIST_GROUPS, list_groups, NULL, true},
    {BB_LIST_DEVICES, list_devices, NULL, true},
    {BB_LIST_INSTALLATIONS, list_installations, NULL, true},
    {BB_LIST_CUSTOMERS, list_customers, NULL, true},
    {BB_LIST_RULES, list_rules, NULL, true},
    {BB_LIST_TENANTS, list_tenants, NULL, false},
    {BB_LIST_AUDIT, list_audit, NULL, false},
    {BB_LIST_FILES, list_files, NULL, false},
    {BB_LIST_DEAD_LETTERS, list_dead_letters, end_dead_letters, false},
};
enum { SUBJECTS = sizeof subjects / sizeof subjects[0] };

/* ---- the command --------------------------------------------------------------------------------*/

static const struct subject *find_subject(const char *name, struct bb_error *error) {
    struct bb_nearest nearest;

    bb_nearest_init(&nearest, bb_span_of(name));
    for (size_t i = 0; i < SUBJECTS; i++) {
        const char *known = bb_lists[subjects[i].list].name;
        if (strcmp(name, known) == 0)
            return &subjects[i];
        bb_nearest_offer(&nearest, known);
    }
    (void)BB_FAIL(error, BB_E_USAGE,
                  "there is no list of \"%s\": allowed are usage-points, channels, completeness, "
                  "exceptions, findings, groups, devices, installations, "
                  "customers, rules, tenants, audit, files, dead-letters%s%s",
                  name, nearest.name ? " · did you mean " : "", nearest.name ? nearest.name : "");
    return NULL;
}

static int read_as_of(const struct subject *subject, const char *text, int64_t *ms,
                      struct bb_error *error) {
    *ms = BB_TIME_NONE;
    if (text && !subject->has_past)
        return BB_FAIL(error, BB_E_USAGE,
                       "list %s tells what is now and keeps no history: it does not take --as-of",
                       bb_lists[subject->list].name);
    return read_time("as-of", text, ms, error);
}

static int print_lines(struct listing *listing, const struct subject *subject,
                       struct bb_error *error) {
    const struct bb_list_row *list = &bb_lists[subject->list];

    if (listing->given->format == FORMAT_CSV)
        bb_record_put_csv_titles(list->fields, list->field_count, &listing->command->out->buffer);
    return subject->tell(listing, error);
}

static int print_json(struct listing *listing, const struct subject *subject,
                      struct bb_error *error) {
    listing->json = bb_command_json(listing->command);
    bb_json_array_begin(&listing->json);
    int r = subject->tell(listing, error);
    bb_json_array_end(&listing->json);
    bb_command_json_end(listing->command);
    return r;
}

static int print_table(struct listing *listing, const struct subject *subject,
                       struct bb_error *error) {
    const struct bb_list_row *list = &bb_lists[subject->list];
    struct bb_output *out = listing->command->out;
    struct bb_table_column columns[BB_TABLE_COLUMNS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < list->field_count; i++)
        if (!list->fields[i].is_aside)
            columns[count++] = (struct bb_table_column){list->fields[i].name,
                                                        list->fields[i].is_number};
    bb_table_init(&listing->table, out, columns, count);
    int r = subject->tell(listing, error);
    size_t empty_at = out->buffer.size;
    bb_table_finish(&listing->table);
    if (r >= 0 && listing->rows == 0) {
        out->buffer.size = empty_at; /* titles above nothing say nothing */
        bb_buffer_format(&out->buffer, "no %s\n", list->name);
    }
    if (r >= 0 && subject->end && !listing->command->globals.quiet)
        subject->end(listing);
    return r;
}

static int list_subject(struct bb_command *command, const struct subject *subject,
                        const struct list_options *given, struct bb_error *error) {
    struct bb_plant plant;
    struct listing listing = {.command = command, .plant = &plant, .given = given};
    int r = read_as_of(subject, given->as_of, &listing.as_of_ms, error);

    if (!r)
        r = read_time("at", given->at, &listing.at_ms, error);
    if (!r)
        r = bb_command_open_plant(command, BB_PLANT_READ, &plant, error);
    if (r < 0)
        return r;
    r = command->globals.json           ? print_json(&listing, subject, error)
        : given->format != FORMAT_TABLE ? print_lines(&listing, subject, error)
                                        : print_table(&listing, subject, error);
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
    .summary =
        "usage points, channels, completeness, exceptions, findings, groups, devices, installations, "
        "customers, rules, tenants, audit, files, dead-letters",
    .arguments =
        "usage-points|channels|completeness|exceptions|findings|groups|devices|installations|customers|rules|tenants|audit|files|dead-letters",
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
        "they were described by then. rules: those deployed then. The others tell what is\n"
        "now and refuse it.\n"
        "\n"
        "files: those that came, the newest first: done, partial (the good lines count) or refused (nothing\n"
        "of it counts). dead-letters: those of which something was refused and that do not count as a whole\n"
        "by now; --json has the first lines and why, `busbar replay ID` reads one once more.\n",
    .examples = "busbar list channels --usage-point 871685900012345678\n"
                "busbar list completeness --from 2026-03-01 --to 2026-04-01\n"
                "busbar list exceptions --json\n"
                "busbar list findings --check negative\n"
                "busbar list dead-letters\n"
                "busbar list exceptions --all --as-of 2026-03-01T06:00:00+01:00\n",
    .run = run,
};
