/* Master data as JSON: see master_json.h. What is not said is left out. */
#include "answer/master_json.h"

#include "model/block.h"
#include "model/unit.h"

#include <stdio.h>

static void put_said(struct bb_json *json, const char *key, struct bb_span text) {
    if (text.size > 0)
        bb_json_put_text(json, key, text);
}

static void put_time(struct bb_json *json, const char *key, int64_t ms) {
    char text[BB_TIME_TEXT_MAX];

    if (ms != BB_TIME_NONE)
        bb_json_put_text(json, key, (struct bb_span){text, bb_time_format_utc(ms, text)});
}

static void put_decimal(struct bb_json *json, struct bb_decimal value) {
    char text[BB_DECIMAL_TEXT_MAX];

    bb_json_raw(json, (struct bb_span){text, bb_decimal_format(value, true, text)});
}

static void put_said_decimal(struct bb_json *json, const char *key, struct bb_decimal value) {
    if (value.mantissa == 0)
        return;
    bb_json_key(json, key);
    put_decimal(json, value);
}

static void put_readings(struct bb_json *json, const char *key,
                         const struct bb_master_reading *readings, uint32_t count) {
    char name[256];

    if (count == 0)
        return;
    bb_json_key(json, key);
    bb_json_object_begin(json);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%.*s", BB_SPAN_ARGS(readings[i].channel));
        bb_json_key(json, name);
        put_decimal(json, readings[i].value);
    }
    bb_json_object_end(json);
}

static void put_installation(struct bb_json *json, const struct bb_master_installation *item) {
    bb_json_object_begin(json);
    put_said(json, "device", item->device);
    put_time(json, "from", item->from_ms);
    put_time(json, "to", item->to_ms);
    bb_json_key(json, "multiplier");
    put_decimal(json, item->multiplier);
    put_said_decimal(json, "calorific_value", item->calorific_value);
    put_said_decimal(json, "state_number", item->state_number);
    if (item->dials > 0)
        bb_json_put_u64(json, "dials", item->dials);
    put_said(json, "reason", item->reason);
    put_readings(json, "opening", item->opening, item->opening_count);
    put_readings(json, "closing", item->closing, item->closing_count);
    bb_json_object_end(json);
}

static void put_channel(struct bb_json *json, const struct bb_master_channel *item) {
    char interval[BB_TIME_TEXT_MAX];

    bb_json_object_begin(json);
    put_said(json, "name", item->name);
    put_said(json, "obis", item->obis);
    put_said(json, "alias", item->alias);
    if (item->kind != BB_KIND_UNKNOWN)
        bb_json_put_text(json, "kind", bb_span_of(bb_kind_name(item->kind)));
    if (item->commodity != BB_COMMODITY_UNKNOWN)
        bb_json_put_text(json, "commodity", bb_span_of(bb_commodity_name(item->commodity)));
    if (item->unit >= 0)
        bb_json_put_text(json, "unit", bb_span_of(bb_unit_symbol(item->unit)));
    if (item->interval_s > 0) {
        bb_duration_format((int64_t)item->interval_s * BB_SECOND_MS, interval);
        bb_json_put_text(json, "interval", bb_span_of(interval));
    }
    if (item->one_way >= 0)
        bb_json_put_bool(json, "one_way", item->one_way > 0);
    put_said(json, "profile", item->profile);
    bb_json_object_end(json);
}

void bb_master_put_tags(struct bb_json *json, const struct bb_master_usage_point *up) {
    char key[256];

    for (uint32_t i = 0; i < up->tag_count; i++) {
        snprintf(key, sizeof key, "%.*s", BB_SPAN_ARGS(up->tags[i].key));
        bb_json_put_text(json, key, up->tags[i].value);
    }
}

static void put_tags(struct bb_json *json, const struct bb_master_usage_point *up) {
    if (up->tag_count == 0)
        return;
    bb_json_key(json, "tags");
    bb_json_object_begin(json);
    bb_master_put_tags(json, up);
    bb_json_object_end(json);
}

/* As in a registry file: "17 kW", "3x25 A". */
static void put_connection(struct bb_json *json, const struct bb_master_connection *connection) {
    char number[BB_DECIMAL_TEXT_MAX], text[BB_DECIMAL_TEXT_MAX + 32];

    if (connection->value.mantissa == 0)
        return;
    bb_decimal_format(connection->value, true, number);
    if (connection->phases > 1)
        snprintf(text, sizeof text, "%ux%s %s", connection->phases, number,
                 bb_unit_symbol(connection->unit));
    else
        snprintf(text, sizeof text, "%s %s", number, bb_unit_symbol(connection->unit));
    bb_json_put_text(json, "connection", bb_span_of(text));
}

static void put_usage_point(struct bb_json *json, const struct bb_master_usage_point *up) {
    put_said(json, "tenant", up->tenant);
    put_said(json, "name", up->name);
    if (up->commodity != BB_COMMODITY_UNKNOWN)
        bb_json_put_text(json, "commodity", bb_span_of(bb_commodity_name(up->commodity)));
    put_said(json, "zone", up->zone);
    put_said(json, "calendar", up->calendar);
    put_said(json, "profile", up->profile);
    put_said(json, "customer", up->customer);
    put_said(json, "grid_area", up->grid_area);
    put_said(json, "tariff", up->tariff);
    put_connection(json, &up->connection);
    put_tags(json, up);
    bb_json_key(json, "installations");
    bb_json_array_begin(json);
    for (uint32_t i = 0; i < up->installation_count; i++)
        put_installation(json, &up->installations[i]);
    bb_json_array_end(json);
    bb_json_key(json, "channels");
    bb_json_array_begin(json);
    for (uint32_t i = 0; i < up->channel_count; i++)
        put_channel(json, &up->channels[i]);
    bb_json_array_end(json);
}

static void put_calendar(struct bb_json *json, const struct bb_master_calendar *calendar) {
    char text[32];

    put_said(json, "tenant", calendar->tenant);
    put_said(json, "name", calendar->name);
    put_said(json, "zone", calendar->zone);
    snprintf(text, sizeof text, "%02d:%02d", (int)(calendar->day_start_s / 3600),
             (int)(calendar->day_start_s / 60 % 60));
    bb_json_put_text(json, "day_start", bb_span_of(text));
    bb_json_key(json, "holidays");
    bb_json_array_begin(json);
    for (uint32_t i = 0; i < calendar->holiday_count; i++) {
        struct bb_civil civil = {0};
        bb_civil_from_days(calendar->holidays[i], &civil);
        snprintf(text, sizeof text, "%04d-%02d-%02d", (int)civil.year, civil.month, civil.day);
        bb_json_text(json, bb_span_of(text));
    }
    bb_json_array_end(json);
}

static void put_weight(struct bb_json *json, int64_t weight) {
    char text[BB_DECIMAL_TEXT_MAX];
    size_t size = bb_decimal_format((struct bb_decimal){weight, -6}, true, text);

    bb_json_raw(json, (struct bb_span){text, size});
}

static void put_weights(struct bb_json *json, const char *key, const int64_t *weights,
                        uint32_t count) {
    if (count == 0)
        return;
    bb_json_key(json, key);
    bb_json_array_begin(json);
    for (uint32_t i = 0; i < count; i++)
        put_weight(json, weights[i]);
    bb_json_array_end(json);
}

static void put_shape(struct bb_json *json, const struct bb_master_shape *shape) {
    char text[16];

    snprintf(text, sizeof text, "%u-%u", shape->season.first, shape->season.last);
    bb_json_object_begin(json);
    bb_json_put_text(json, "season", bb_span_of(text));
    put_weights(json, "working", shape->working, shape->working_count);
    put_weights(json, "saturday", shape->saturday, shape->saturday_count);
    put_weights(json, "sunday", shape->sunday, shape->sunday_count);
    bb_json_object_end(json);
}

static void put_profile(struct bb_json *json, const struct bb_master_profile *profile) {
    char text[32];

    put_said(json, "tenant", profile->tenant);
    put_said(json, "name", profile->name);
    bb_json_key(json, "days");
    bb_json_object_begin(json);
    for (uint32_t i = 0; i < profile->day_count; i++) {
        struct bb_civil civil = {0};
        bb_civil_from_days(profile->days[i].day, &civil);
        snprintf(text, sizeof text, "%04d-%02d-%02d", (int)civil.year, civil.month, civil.day);
        bb_json_key(json, text);
        put_weight(json, profile->days[i].weight);
    }
    bb_json_object_end(json);
    put_weights(json, "months", profile->months, profile->month_count);
    bb_json_key(json, "shapes");
    bb_json_array_begin(json);
    for (uint32_t i = 0; i < profile->shape_count; i++)
        put_shape(json, &profile->shapes[i]);
    bb_json_array_end(json);
}

static void put_rule_version(struct bb_json *json, const struct bb_master_rule_version *v) {
    bb_json_object_begin(json);
    bb_json_put_text(json, "version", v->id);
    bb_json_put_text(json, "module", v->module);
    bb_json_put_text(json, "function", v->function);
    bb_json_key(json, "parameters");
    bb_json_raw(json, v->parameters.size ? v->parameters : BB_SPAN("{}"));
    put_said(json, "environment", v->environment);
    bb_json_put_text(json, "channel", v->channel);
    if (v->commodity)
        bb_json_put_text(json, "commodity", bb_span_of(bb_commodity_name(v->commodity)));
    put_time(json, "from", v->from_ms);
    put_time(json, "to", v->to_ms);
    bb_json_put_u64(json, "window_s", (uint64_t)(v->window_ms / BB_SECOND_MS));
    bb_json_put_double(json, "share", v->share / (double)BB_MASTER_SHARE_ALL);
    put_time(json, "deployed", v->deployed_ms);
    put_said(json, "by", v->by);
    put_said(json, "reason", v->reason);
    if (v->other_count > 0) {
        bb_json_key(json, "others");
        bb_json_object_begin(json);
        for (uint32_t i = 0; i < v->other_count; i++) {
            bb_json_key_span(json, v->others[i].name);
            bb_json_text(json, v->others[i].channel);
        }
        bb_json_object_end(json);
    }
    if (v->output_count > 0) {
        bb_json_key(json, "outputs");
        bb_json_object_begin(json);
        for (uint32_t i = 0; i < v->output_count; i++) {
            bb_json_key_span(json, v->outputs[i].name);
            bb_json_text(json, bb_span_of(bb_unit_symbol(v->outputs[i].unit)));
        }
        bb_json_object_end(json);
    }
    bb_json_object_end(json);
}

static void put_rule(struct bb_json *json, const struct bb_master_rule *rule) {
    bb_json_object_begin(json);
    bb_json_put_text(json, "name", rule->name);
    bb_json_put_text(json, "lane",
                     bb_span_of(bb_lanes[rule->raw ? BB_LANE_RAW : BB_LANE_VEE].name));
    bb_json_key(json, "versions");
    bb_json_array_begin(json);
    for (uint32_t i = 0; i < rule->version_count; i++)
        put_rule_version(json, &rule->versions[i]);
    bb_json_array_end(json);
    bb_json_object_end(json);
}

static void put_sides(struct bb_json *json, const struct bb_master_module *module) {
    if (module->side_count == 0)
        return;
    bb_json_key(json, "sides");
    bb_json_array_begin(json);
    for (uint32_t i = 0; i < module->side_count; i++) {
        bb_json_object_begin(json);
        bb_json_put_text(json, "name", module->sides[i].name);
        bb_json_put_text(json, "text", module->sides[i].text);
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
}

static void put_rules(struct bb_json *json, const struct bb_master_rules *rules) {
    put_said(json, "tenant", rules->tenant);
    bb_json_key(json, "modules");
    bb_json_array_begin(json);
    for (uint32_t i = 0; i < rules->module_count; i++) {
        bb_json_object_begin(json);
        bb_json_put_text(json, "hash", rules->modules[i].hash);
        bb_json_put_text(json, "name", rules->modules[i].name);
        bb_json_put_text(json, "source", rules->modules[i].source);
        put_sides(json, &rules->modules[i]);
        bb_json_object_end(json);
    }
    bb_json_array_end(json);
    bb_json_key(json, "rules");
    bb_json_array_begin(json);
    for (uint32_t i = 0; i < rules->rule_count; i++)
        put_rule(json, &rules->rules[i]);
    bb_json_array_end(json);
}

const char *bb_master_kind_name(const struct bb_master *master) {
    static const char *const names[] = {[BB_MASTER_USAGE_POINT] = "usage_point",
                                        [BB_MASTER_TENANT] = "tenant",
                                        [BB_MASTER_CALENDAR] = "calendar",
                                        [BB_MASTER_PROFILE] = "profile",
                                        [BB_MASTER_GROUP] = "group",
                                        [BB_MASTER_RULES] = "rules"};
    return names[master->kind];
}

void bb_master_put_json(struct bb_json *json, const struct bb_master *master) {
    bb_json_object_begin(json);
    bb_json_put_text(json, "entry", bb_span_of(bb_master_kind_name(master)));
    switch (master->kind) {
    case BB_MASTER_USAGE_POINT: put_usage_point(json, &master->usage_point); break;
    case BB_MASTER_TENANT:
        put_said(json, "name", master->tenant.name);
        put_said(json, "zone", master->tenant.zone);
        break;
    case BB_MASTER_CALENDAR: put_calendar(json, &master->calendar); break;
    case BB_MASTER_PROFILE: put_profile(json, &master->profile); break;
    case BB_MASTER_GROUP:
        put_said(json, "tenant", master->group.tenant);
        put_said(json, "name", master->group.name);
        put_said(json, "expression", master->group.expression);
        put_said(json, "description", master->group.description);
        break;
    case BB_MASTER_RULES: put_rules(json, &master->rules); break;
    }
    bb_json_object_end(json);
}
