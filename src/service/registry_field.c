/* The tables of registry fields, and how a field is read: see registry_field_internal.h. */
#include "service/registry_field_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/nearest.h"
#include "model/rule_version.h"

/* ---- tables ---------------------------------------------------------------------------------- */

/* clang-format off */
#define AT(struct_name, member) (uint16_t)offsetof(struct struct_name, member)
#define SCALAR(key, struct_name, member, type) \
    {key, BB_REGISTRY_SCALAR, false, AT(struct_name, member), 0, &bb_registry_type_##type, NULL, 0}
#define REQUIRED(key, struct_name, member, type) \
    {key, BB_REGISTRY_SCALAR, true, AT(struct_name, member), 0, &bb_registry_type_##type, NULL, 0}
#define ELEMENTS(key, form, struct_name, member, count, element) \
    {key, form, false, AT(struct_name, member), AT(struct_name, count), NULL, \
     &bb_registry_##element##_shape, 0}
#define DATES(key, struct_name, member, count) \
    {key, BB_REGISTRY_DATES, false, AT(struct_name, member), AT(struct_name, count), \
     &bb_registry_type_date, NULL, 0}
#define NUMBERS(key, struct_name, member, count) \
    {key, BB_REGISTRY_NUMBERS, false, AT(struct_name, member), AT(struct_name, count), \
     &bb_registry_type_weight, NULL, 0}
#define SHAPE(what, struct_name, fields, absent, key_fields) \
    {what, fields, sizeof(fields) / sizeof *(fields), sizeof(struct struct_name), &(absent), key_fields}

static const struct bb_registry_field reading_fields[] = {
    REQUIRED("channel", bb_master_reading, channel, name),
    REQUIRED("value",   bb_master_reading, value,   decimal),
};
static const struct bb_master_reading no_reading;
const struct bb_registry_shape bb_registry_reading_shape =
    SHAPE("reading", bb_master_reading, reading_fields, no_reading, 1);

static const struct bb_registry_field tag_fields[] = {
    REQUIRED("key",   bb_master_tag, key,   name),
    SCALAR  ("value", bb_master_tag, value, text),
};
static const struct bb_master_tag no_tag;
const struct bb_registry_shape bb_registry_tag_shape =
    SHAPE("tag", bb_master_tag, tag_fields, no_tag, 1);

static const struct bb_registry_field installation_fields[] = {
    REQUIRED("device",          bb_master_installation, device,          name),
    REQUIRED("from",            bb_master_installation, from_ms,         time),
    SCALAR  ("to",              bb_master_installation, to_ms,           time),
    SCALAR  ("multiplier",      bb_master_installation, multiplier,      multiplier),
    SCALAR  ("calorific_value", bb_master_installation, calorific_value, multiplier),
    SCALAR  ("state_number",    bb_master_installation, state_number,    multiplier),
    SCALAR  ("dials",           bb_master_installation, dials,           dials),
    SCALAR  ("reason",          bb_master_installation, reason,          text),
    ELEMENTS("opening", BB_REGISTRY_MAP, bb_master_installation, opening, opening_count, reading),
    ELEMENTS("closing", BB_REGISTRY_MAP, bb_master_installation, closing, closing_count, reading),
};
static const struct bb_master_installation no_installation = {
    .from_ms = BB_TIME_NONE, .to_ms = BB_TIME_NONE, .multiplier = {1, 0}};
const struct bb_registry_shape bb_registry_installation_shape =
    SHAPE("installation", bb_master_installation, installation_fields, no_installation, 2);

static const struct bb_registry_field channel_fields[] = {
    REQUIRED("name",      bb_master_channel, name,       name),
    SCALAR  ("obis",      bb_master_channel, obis,       obis),
    SCALAR  ("alias",     bb_master_channel, alias,      name),
    SCALAR  ("kind",      bb_master_channel, kind,       kind),
    SCALAR  ("commodity", bb_master_channel, commodity,  commodity),
    SCALAR  ("interval",  bb_master_channel, interval_s, interval),
    SCALAR  ("unit",      bb_master_channel, unit,       unit),
    SCALAR  ("one_way",   bb_master_channel, one_way,    flag),
    SCALAR  ("profile",   bb_master_channel, profile,    name),
};
static const struct bb_master_channel no_channel = {.unit = -1, .one_way = -1};
const struct bb_registry_shape bb_registry_channel_shape =
    SHAPE("channel", bb_master_channel, channel_fields, no_channel, 1);

/* `zone` stands before what has times without offset. */
static const struct bb_registry_field usage_point_fields[] = {
    REQUIRED("name",       bb_master_usage_point, name,       name),
    SCALAR  ("tenant",     bb_master_usage_point, tenant,     tenant),
    SCALAR  ("commodity",  bb_master_usage_point, commodity,  commodity),
    SCALAR  ("zone",       bb_master_usage_point, zone,       zone),
    SCALAR  ("calendar",   bb_master_usage_point, calendar,   name),
    SCALAR  ("profile",    bb_master_usage_point, profile,    name),
    SCALAR  ("customer",   bb_master_usage_point, customer,   text),
    SCALAR  ("grid_area",  bb_master_usage_point, grid_area,  text),
    SCALAR  ("tariff",     bb_master_usage_point, tariff,     text),
    SCALAR  ("connection", bb_master_usage_point, connection, connection),
    ELEMENTS("tags",          BB_REGISTRY_MAP,  bb_master_usage_point, tags, tag_count, tag),
    ELEMENTS("installations", BB_REGISTRY_LIST, bb_master_usage_point, installations,
             installation_count, installation),
    ELEMENTS("channels",      BB_REGISTRY_LIST, bb_master_usage_point, channels, channel_count,
             channel),
};
static const struct bb_master_usage_point no_usage_point;
const struct bb_registry_shape bb_registry_usage_point_shape =
    SHAPE("usage point", bb_master_usage_point, usage_point_fields, no_usage_point, 2);

static const struct bb_registry_field tenant_fields[] = {
    REQUIRED("name", bb_master_tenant, name, tenant),
    SCALAR  ("zone", bb_master_tenant, zone, zone),
};
static const struct bb_master_tenant no_tenant;
static const struct bb_registry_shape tenant_shape =
    SHAPE("tenant", bb_master_tenant, tenant_fields, no_tenant, 1);

static const struct bb_registry_field calendar_fields[] = {
    REQUIRED("name",      bb_master_calendar, name,        name),
    SCALAR  ("tenant",    bb_master_calendar, tenant,      tenant),
    SCALAR  ("zone",      bb_master_calendar, zone,        zone),
    SCALAR  ("day_start", bb_master_calendar, day_start_s, day_start),
    DATES   ("holidays",  bb_master_calendar, holidays,    holiday_count),
};
static const struct bb_master_calendar no_calendar;
static const struct bb_registry_shape calendar_shape =
    SHAPE("calendar", bb_master_calendar, calendar_fields, no_calendar, 2);

static const struct bb_registry_field day_weight_fields[] = {
    REQUIRED("date",   bb_master_day_weight, day,    date),
    REQUIRED("weight", bb_master_day_weight, weight, weight),
};
static const struct bb_master_day_weight no_day_weight;
static const struct bb_registry_shape day_weight_shape =
    SHAPE("day", bb_master_day_weight, day_weight_fields, no_day_weight, 1);

static const struct bb_registry_field shape_fields[] = {
    SCALAR ("season",   bb_master_shape, season, season),
    NUMBERS("working",  bb_master_shape, working,  working_count),
    NUMBERS("saturday", bb_master_shape, saturday, saturday_count),
    NUMBERS("sunday",   bb_master_shape, sunday,   sunday_count),
};
static const struct bb_master_shape no_shape = {.season = {1, 12}};
static const struct bb_registry_shape day_shape =
    SHAPE("shape", bb_master_shape, shape_fields, no_shape, 1);

static const struct bb_registry_field profile_fields[] = {
    REQUIRED("name",   bb_master_profile, name,   name),
    SCALAR  ("tenant", bb_master_profile, tenant, tenant),
    {"days", BB_REGISTRY_MAP, false, AT(bb_master_profile, days), AT(bb_master_profile, day_count),
     NULL, &day_weight_shape, BB_REGISTRY_DAYS_MAX},
    NUMBERS ("months", bb_master_profile, months, month_count),
    {"shapes", BB_REGISTRY_LIST, false, AT(bb_master_profile, shapes),
     AT(bb_master_profile, shape_count), NULL, &day_shape, 0},
};
static const struct bb_master_profile no_profile;
static const struct bb_registry_shape profile_shape =
    SHAPE("profile", bb_master_profile, profile_fields, no_profile, 2);

static const struct bb_registry_field group_fields[] = {
    REQUIRED("name",        bb_master_group, name,        group),
    SCALAR  ("tenant",      bb_master_group, tenant,      tenant),
    REQUIRED("expression",  bb_master_group, expression,  expression),
    SCALAR  ("description", bb_master_group, description, text),
};
static const struct bb_master_group no_group;
static const struct bb_registry_shape group_shape =
    SHAPE("group", bb_master_group, group_fields, no_group, 2);

/* ---- customers' rules: their order, and that of their versions, says something */

#define ORDERED(key, struct_name, member, count, element) \
    {key, BB_REGISTRY_LIST, false, AT(struct_name, member), AT(struct_name, count), NULL, \
     &(element), 0, true}

static const struct bb_registry_field side_fields[] = {
    REQUIRED("name", bb_master_side, name, name),
    REQUIRED("text", bb_master_side, text, side),
};
static const struct bb_master_side no_side;
static const struct bb_registry_shape side_shape =
    SHAPE("side input", bb_master_side, side_fields, no_side, 1);

static const struct bb_registry_field module_fields[] = {
    REQUIRED("name",   bb_master_module, name,   name),
    SCALAR  ("hash",   bb_master_module, hash,   hash),
    REQUIRED("source", bb_master_module, source, source),
    ORDERED ("sides",  bb_master_module, sides,  side_count, side_shape),
};
static const struct bb_master_module no_module;
static const struct bb_registry_shape module_shape =
    SHAPE("module", bb_master_module, module_fields, no_module, 2);

static const struct bb_registry_field rule_other_fields[] = {
    REQUIRED("name",    bb_master_rule_other, name,    name),
    REQUIRED("channel", bb_master_rule_other, channel, name),
};
static const struct bb_master_rule_other no_rule_other;
static const struct bb_registry_shape rule_other_shape =
    SHAPE("other channel", bb_master_rule_other, rule_other_fields, no_rule_other, 1);

static const struct bb_registry_field rule_output_fields[] = {
    REQUIRED("name", bb_master_rule_output, name, name),
    REQUIRED("unit", bb_master_rule_output, unit, unit),
};
static const struct bb_master_rule_output no_rule_output;
static const struct bb_registry_shape rule_output_shape =
    SHAPE("output", bb_master_rule_output, rule_output_fields, no_rule_output, 1);

static const struct bb_registry_field rule_version_fields[] = {
    SCALAR  ("id",          bb_master_rule_version, id,          hash),
    SCALAR  ("deployed",    bb_master_rule_version, deployed_ms, time),
    REQUIRED("module",      bb_master_rule_version, module,      hash),
    REQUIRED("function",    bb_master_rule_version, function,    name),
    SCALAR  ("parameters",  bb_master_rule_version, parameters,  parameters),
    SCALAR  ("environment", bb_master_rule_version, environment, hash),
    REQUIRED("channel",     bb_master_rule_version, channel,     name),
    SCALAR  ("commodity",   bb_master_rule_version, commodity,   commodity),
    SCALAR  ("from",        bb_master_rule_version, from_ms,     time),
    SCALAR  ("to",          bb_master_rule_version, to_ms,       time),
    SCALAR  ("window",      bb_master_rule_version, window_ms,   window),
    SCALAR  ("share",       bb_master_rule_version, share,       share),
    SCALAR  ("by",          bb_master_rule_version, by,          text),
    SCALAR  ("reason",      bb_master_rule_version, reason,      text),
    {"others", BB_REGISTRY_MAP, false, AT(bb_master_rule_version, others),
     AT(bb_master_rule_version, other_count), NULL, &rule_other_shape, 0, true},
    {"outputs", BB_REGISTRY_MAP, false, AT(bb_master_rule_version, outputs),
     AT(bb_master_rule_version, output_count), NULL, &rule_output_shape, 0, true},
};
static const struct bb_master_rule_version no_rule_version = {
    .deployed_ms = BB_TIME_NONE, .from_ms = BB_TIME_NONE, .to_ms = BB_TIME_NONE,
    .share = BB_MASTER_SHARE_ALL};
static const struct bb_registry_shape rule_version_shape =
    SHAPE("version", bb_master_rule_version, rule_version_fields, no_rule_version, 2);

static const struct bb_registry_field rule_fields[] = {
    REQUIRED("name", bb_master_rule, name, name),
    REQUIRED("lane", bb_master_rule, raw,  lane),
    ORDERED ("versions", bb_master_rule, versions, version_count, rule_version_shape),
};
static const struct bb_master_rule no_rule;
static const struct bb_registry_shape rule_shape =
    SHAPE("rule", bb_master_rule, rule_fields, no_rule, 1);

static const struct bb_registry_field rules_fields[] = {
    SCALAR ("tenant", bb_master_rules, tenant, tenant),
    {"modules", BB_REGISTRY_LIST, false, AT(bb_master_rules, modules),
     AT(bb_master_rules, module_count), NULL, &module_shape, 0},
    ORDERED("rules", bb_master_rules, rules, rule_count, rule_shape),
};
static const struct bb_master_rules no_rules;
static const struct bb_registry_shape rules_shape =
    SHAPE("rules", bb_master_rules, rules_fields, no_rules, 1);

const struct bb_registry_section bb_registry_sections[BB_REGISTRY_SECTIONS] = {
    [BB_MASTER_USAGE_POINT] = {"usage_points", &bb_registry_usage_point_shape},
    [BB_MASTER_TENANT]      = {"tenants",      &tenant_shape},
    [BB_MASTER_CALENDAR]    = {"calendars",    &calendar_shape},
    [BB_MASTER_PROFILE]     = {"profiles",     &profile_shape},
    [BB_MASTER_GROUP]       = {"groups",       &group_shape},
    [BB_MASTER_RULES]       = {"rules",        &rules_shape},
};
/* clang-format on */

/* ---- questions ------------------------------------------------------------------------------- */

const struct bb_registry_field *bb_registry_field_find(const struct bb_registry_shape *shape,
                                                       struct bb_span key) {
    for (uint32_t i = 0; i < shape->field_count; i++)
        if (bb_span_equal(key, bb_span_of(shape->fields[i].key)))
            return &shape->fields[i];
    return NULL;
}

bool bb_registry_field_equal(const struct bb_registry_field *field, const void *a, const void *b) {
    const void *left = bb_registry_member(field, a), *right = bb_registry_member(field, b);

    if (field->type->equal)
        return field->type->equal(left, right);
    return memcmp(left, right, field->type->size) == 0;
}

bool bb_registry_field_said(const struct bb_registry_shape *shape,
                            const struct bb_registry_field *field, const void *base) {
    return !bb_registry_field_equal(field, base, shape->absent);
}

bool bb_registry_key_equal(const struct bb_registry_shape *shape, const void *a, const void *b) {
    for (uint32_t i = 0; i < shape->key_fields; i++)
        if (!bb_registry_field_equal(&shape->fields[i], a, b))
            return false;
    return true;
}

const char *bb_registry_keys(const struct bb_registry_shape *shape, char *buffer, size_t size) {
    size_t used = 0;

    buffer[0] = '\0';
    for (uint32_t i = 0; i < shape->field_count && used < size; i++)
        used += (size_t)snprintf(buffer + used, size - used, "%s%s", i ? ", " : "",
                                 shape->fields[i].key);
    return buffer;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct bb_registry_shown bb_registry_shown(struct bb_span text) {
    enum { SHOWN_BYTES = 80 };
    struct bb_registry_shown shown = {""};
    size_t size = text.size < SHOWN_BYTES ? text.size : SHOWN_BYTES;

    while (size < text.size && size > 0 && (text.data[size] & 0xc0) == 0x80)
        size--; /* not amid a character */
    for (size_t i = 0; i < size; i++)
        shown.text[i] = (uint8_t)text.data[i] < 0x20 || text.data[i] == 0x7f ? '?' : text.data[i];
    if (size < text.size)
        memcpy(shown.text + size, "...", sizeof "...");
    return shown;
}

int bb_registry_refuse(struct bb_registry_reader *reader, uint64_t line, enum bb_error_code code,
                       const char *format, ...) {
    char text[sizeof reader->error->text];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int failed = BB_FAIL(reader->error, code, "%s%s%s", reader->where, reader->where[0] ? ": " : "",
                         text);
    bb_error_locate(reader->error, reader->options->source, line);
    return failed;
}

int bb_registry_full(struct bb_registry_reader *reader) {
    return BB_FAIL(reader->error, BB_E_NO_MEMORY, "the registry file does not fit %zu bytes",
                   reader->arena->limit_bytes);
}

int bb_registry_field_parse(struct bb_registry_reader *reader,
                            const struct bb_registry_field *field, struct bb_span text,
                            uint64_t line, void *base) {
    struct bb_registry_shown shown = bb_registry_shown(text);

    switch (field->type->parse(reader, text, bb_registry_member(field, base))) {
    case BB_REGISTRY_TAKEN: return 0;
    case BB_REGISTRY_FULL: return bb_registry_full(reader);
    case BB_REGISTRY_NO_ZONE:
        return bb_registry_refuse(reader, line, BB_E_ZONE_UNKNOWN,
                                  "`%s` is '%s', which is no time zone; allowed is %s", field->key,
                                  shown.text, field->type->allowed);
    case BB_REGISTRY_ZONELESS:
        return bb_registry_refuse(reader, line, BB_E_TIME_ZONE_MISSING,
                                  "`%s` is '%s', a time without offset; add one "
                                  "(2026-03-04T10:00:00Z) or give the usage point its `zone`",
                                  field->key, shown.text);
    case BB_REGISTRY_WRONG: break;
    }
    return bb_registry_refuse(reader, line, BB_E_REGISTRY_INVALID, "`%s` is '%s'; allowed is %s",
                              field->key, shown.text, field->type->allowed);
}

int bb_registry_refuse_key(struct bb_registry_reader *reader, uint64_t line, struct bb_span key,
                           const struct bb_registry_shape *shape) {
    struct bb_registry_shown shown = bb_registry_shown(key);
    struct bb_nearest nearest;
    char keys[200];

    bb_nearest_init(&nearest, key);
    for (uint32_t i = 0; i < shape->field_count; i++)
        bb_nearest_offer(&nearest, shape->fields[i].key);
    return bb_registry_refuse(reader, line, BB_E_REGISTRY_INVALID,
                              "a %s has no key `%s`%s%s%s; allowed are %s", shape->what, shown.text,
                              nearest.name ? ", did you mean `" : "",
                              nearest.name ? nearest.name : "", nearest.name ? "`" : "",
                              bb_registry_keys(shape, keys, sizeof keys));
}

size_t bb_registry_enter(struct bb_registry_reader *reader, const char *what, struct bb_span name) {
    size_t outside = strlen(reader->where);

    snprintf(reader->where + outside, sizeof reader->where - outside, "%s%s %s",
             outside ? ", " : "", what, bb_registry_shown(name).text);
    return outside;
}

void bb_registry_leave(struct bb_registry_reader *reader, size_t outside) {
    reader->where[outside] = '\0';
}

void *bb_registry_list_add(struct bb_arena *arena, void **items, uint32_t *count, size_t size) {
    bool full = (*count & (*count - 1)) == 0; /* 0, 1, 2, 4, ...: the next power has room again */

    if (*count == UINT32_MAX / 2)
        return NULL;
    if (full) {
        size_t capacity = *count ? (size_t)*count * 2 : 1;
        char *larger = bb_arena_take_array(arena, capacity, size);
        if (!larger)
            return NULL;
        if (*count)
            memcpy(larger, *items, *count * size);
        *items = larger;
    }
    return (char *)*items + (*count)++ * size;
}

struct bb_registry_entry *bb_registry_entry_add(struct bb_registry_reader *reader,
                                                enum bb_master_kind kind, uint64_t line) {
    const struct bb_registry_shape *shape = bb_registry_sections[kind].shape;
    void *entries = reader->entries;
    struct bb_registry_entry *entry = bb_registry_list_add(
        reader->arena, &entries, &reader->entry_count, sizeof *reader->entries);

    if (!entry)
        return NULL;
    reader->entries = entries;
    entry->line = line;
    entry->master.kind = kind;
    memcpy(bb_registry_entry_base(&entry->master), shape->absent, shape->size);
    return entry;
}

/* ---- the entry as a whole -------------------------------------------------------------------- */

/* Entries are nearly always in order already. */
static void sort_installations(struct bb_master_usage_point *up, uint64_t *lines) {
    for (uint32_t i = 1; i < up->installation_count; i++) {
        struct bb_master_installation item = up->installations[i];
        uint64_t line = lines[i];
        uint32_t at = i;
        for (; at > 0 && up->installations[at - 1].from_ms > item.from_ms; at--) {
            up->installations[at] = up->installations[at - 1];
            lines[at] = lines[at - 1];
        }
        up->installations[at] = item;
        lines[at] = line;
    }
}

int bb_registry_installations_check(struct bb_registry_reader *reader,
                                    struct bb_master_usage_point *up, uint64_t *lines) {
    char from[BB_TIME_TEXT_MAX];

    sort_installations(up, lines);
    for (uint32_t i = 0; i < up->installation_count; i++) {
        const struct bb_master_installation *item = &up->installations[i];
        const struct bb_master_installation *next = item + 1;
        if (item->to_ms != BB_TIME_NONE && item->to_ms <= item->from_ms)
            return bb_registry_refuse(reader, lines[i], BB_E_REGISTRY_INVALID,
                                      "installation of %s: `to` must be later than `from`",
                                      bb_registry_shown(item->device).text);
        if (i + 1 == up->installation_count ||
            (item->to_ms != BB_TIME_NONE && item->to_ms <= next->from_ms))
            continue;
        bb_time_format_utc(next->from_ms, from);
        return bb_registry_refuse(
            reader, lines[i + 1], BB_E_REGISTRY_INVALID,
            "installation of %s begins at %s, while that of %s (line %llu) has not ended; say "
            "when it did with `to`",
            bb_registry_shown(next->device).text, from, bb_registry_shown(item->device).text,
            (unsigned long long)lines[i]);
    }
    return 0;
}

/* What the file does not say is made: a module's hash, a version's id. */
static int check_hash(struct bb_registry_reader *reader, uint64_t line, const char *what,
                      struct bb_span name, const char *made, struct bb_span *said) {
    if (said->size == 0) {
        *said = bb_arena_copy(reader->arena, bb_span_of(made));
        return said->data ? 0 : bb_registry_full(reader);
    }
    if (bb_span_equal(*said, bb_span_of(made)))
        return 0;
    return bb_registry_refuse(reader, line, BB_E_REGISTRY_INVALID,
                              "%s %s is %s by what it says, and not %.*s; leave that out", what,
                              bb_registry_shown(name).text, made, BB_SPAN_ARGS(*said));
}

static int check_version(struct bb_registry_reader *reader, uint64_t line,
                         const struct bb_master_rules *rules, const struct bb_master_rule *rule,
                         struct bb_master_rule_version *version) {
    char id[BB_RULE_ID_SIZE + 1];

    if (!bb_rules_module_of(rules, version->module))
        return bb_registry_refuse(
            reader, line, BB_E_REGISTRY_INVALID, "rule %s: module %.*s is none of `modules`",
            bb_registry_shown(rule->name).text, BB_SPAN_ARGS(version->module));
    if (version->to_ms != BB_TIME_NONE && version->from_ms != BB_TIME_NONE &&
        version->to_ms <= version->from_ms)
        return bb_registry_refuse(reader, line, BB_E_REGISTRY_INVALID,
                                  "rule %s: `to` must be later than `from`",
                                  bb_registry_shown(rule->name).text);
    bb_rule_version_id(version, id);
    return check_hash(reader, line, "a version of rule", rule->name, id, &version->id);
}

int bb_registry_rules_check(struct bb_registry_reader *reader, struct bb_master_rules *rules,
                            uint64_t line) {
    int failed = 0;

    for (uint32_t i = 0; !failed && i < rules->module_count; i++) {
        struct bb_master_module *module = &rules->modules[i];
        char hash[BB_RULE_ID_SIZE + 1];
        bb_rule_module_hash(module, hash);
        failed = check_hash(reader, line, "module", module->name, hash, &module->hash);
        for (uint32_t k = 0; !failed && k < i; k++)
            if (bb_span_equal(rules->modules[k].hash, module->hash))
                failed = bb_registry_refuse(reader, line, BB_E_REGISTRY_INVALID,
                                            "module %s stands here twice",
                                            bb_registry_shown(module->name).text);
    }
    for (uint32_t i = 0; !failed && i < rules->rule_count; i++)
        for (uint32_t k = 0; !failed && k < rules->rules[i].version_count; k++)
            failed = check_version(reader, line, rules, &rules->rules[i],
                                   &rules->rules[i].versions[k]);
    return failed;
}
