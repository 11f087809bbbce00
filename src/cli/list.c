/* busbar list usage-points|channels|exceptions|findings|rules|tenants: what the registry knows, and
 * what the checks say.
 *
 * Each subject is a row of a table: its columns, and how the plant is asked. A listing goes row by
 * row to a sink, which is a table for people or an array of objects.
 */
#include "base/nearest.h"
#include "cli/list_exceptions.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "model/unit.h"
#include "service/findings.h"
#include "service/person.h"

#include <inttypes.h>
#include <stdio.h>

struct list_options {
    const char *usage_point;
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
     .help = "channels, exceptions and findings of this one only"},
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
    const struct bb_table_column *columns;
    struct bb_table table;
    struct bb_json json;
    size_t column; /* of the next field */
    size_t column_count;
    uint64_t rows;
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
    return registry->ops->usage_point_list(registry, bb_command_tenant(listing->command),
                                           usage_point_row, listing, error);
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
    return registry->ops->channel_list(registry, bb_command_tenant(listing->command),
                                       bb_span_of(listing->given->usage_point), channel_row,
                                       listing, error);
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
                                         !listing->given->all, exception_row, listing, error);
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
                                      .check = given->check};

    (void)registry;
    return bb_findings_run(listing->plant, &asked, finding_row, listing, error);
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
} subjects[] = {
    {"usage-points", COLUMNS(usage_point_columns), list_usage_points},
    {"channels", COLUMNS(channel_columns), list_channels},
    {"exceptions", exception_columns, COUNT(exception_columns), exception_keys,
     COUNT(exception_keys), list_exceptions},
    {"findings", COLUMNS(finding_columns), list_findings},
    {"rules", COLUMNS(rule_columns), list_rules},
    {"tenants", COLUMNS(tenant_columns), list_tenants},
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
                  "there is no list of \"%s\": allowed are usage-points, channels, exceptions, "
                  "findings, rules, tenants%s%s",
                  name, nearest.name ? " · did you mean " : "", nearest.name ? nearest.name : "");
    return NULL;
}

static int print_list(struct bb_command *command, const struct subject *subject,
                      const struct list_options *given, struct bb_plant *plant,
                      struct bb_error *error) {
    bool json = command->globals.json;
    struct listing listing = {.command = command,
                              .plant = plant,
                              .given = given,
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
    return r;
}

static int list_subject(struct bb_command *command, const struct subject *subject,
                        const struct list_options *given, struct bb_error *error) {
    struct bb_plant plant;
    int r = bb_command_open_plant(command, BB_PLANT_READ, &plant, error);

    if (r < 0)
        return r;
    r = print_list(command, subject, given, &plant, error);
    bb_plant_close(&plant);
    return r < 0 ? r : BB_EXIT_DONE;
}

static int run(struct bb_command *command, struct bb_error *error) {
    const struct subject *subject = find_subject(command->arguments[0], error);

    return subject ? list_subject(command, subject, command->options, error) : -(int)error->code;
}

int bb_list_exceptions(struct bb_command *command, const char *usage_point, bool all,
                       struct bb_error *error) {
    struct list_options given = {.usage_point = usage_point, .all = all};
    const struct subject *subject = find_subject("exceptions", error);

    BB_ASSERT(subject);
    return list_subject(command, subject, &given, error);
}

const struct bb_verb bb_verb_list = {
    .name = "list",
    .summary = "usage points, channels, exceptions, findings, rules, tenants",
    .arguments = "usage-points|channels|exceptions|findings|rules|tenants",
    .arguments_min = 1,
    .arguments_max = 1,
    .options = options,
    .options_size = sizeof(struct list_options),
    .examples = "busbar list channels --usage-point 871685900012345678\n"
                "busbar list exceptions --json\n"
                "busbar list findings --check negative\n",
    .run = run,
};
