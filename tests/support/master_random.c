#include "support/master_random.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "model/obis.h"
#include "model/unit.h"

/* ---- drawing --------------------------------------------------------------------------------- */

struct draw {
    struct bb_random *random;
    struct bb_arena *arena;
};

static uint64_t below(struct draw *d, uint64_t bound) {
    return bb_random_below(d->random, bound);
}

static void *take(struct draw *d, size_t count, size_t size) {
    void *memory = bb_arena_take_array(d->arena, count, size);
    BB_ASSERT(memory);
    return memory;
}

/* Names as the field has them, and some that are awkward to quote. */
static struct bb_span draw_name(struct draw *d, uint64_t index) {
    static const char *const stems[] = {"8716859000", "E", "meter ", "1.8.", "énergie ", "true",
                                        "a: b ",      "#", "\"",     "'",    "- x",      "null",
                                        "comma, ",    "{", "\\",     "0x",   "é",        "=1+1"};
    char text[64];
    int size = snprintf(text, sizeof text, "%s%llu", stems[below(d, sizeof stems / sizeof *stems)],
                        (unsigned long long)index);
    struct bb_span name = bb_arena_copy(d->arena, (struct bb_span){text, (size_t)size});
    BB_ASSERT(name.data);
    return name;
}

static struct bb_span draw_maybe(struct draw *d) {
    return below(d, 2) ? draw_name(d, below(d, 1000)) : (struct bb_span){NULL, 0};
}

static struct bb_span draw_zone(struct draw *d) {
    static const char *const zones[] = {"Europe/Amsterdam", "UTC", "Asia/Kolkata", "+10:00"};
    return bb_span_of(zones[below(d, sizeof zones / sizeof *zones)]);
}

static struct bb_decimal draw_decimal(struct draw *d) {
    int64_t mantissa = (int64_t)below(d, (uint64_t)bb_power_of_ten[below(d, 19)]);
    return (struct bb_decimal){below(d, 8) ? mantissa : -mantissa,
                               (int8_t)((int64_t)below(d, 25) - 18)};
}

/* More than zero. */
static struct bb_decimal draw_multiplier(struct draw *d) {
    struct bb_decimal value = draw_decimal(d);
    if (value.mantissa <= 0)
        value = (struct bb_decimal){1, 0};
    return value;
}

static struct bb_master_reading *draw_readings(struct draw *d, uint32_t *count) {
    *count = (uint32_t)below(d, 3);
    struct bb_master_reading *readings = take(d, *count, sizeof *readings);
    for (uint32_t i = 0; i < *count; i++)
        readings[i] = (struct bb_master_reading){draw_name(d, i), draw_decimal(d)};
    return readings;
}

/* One behind the other, the last one perhaps still there. */
static void draw_installations(struct draw *d, struct bb_master_usage_point *up) {
    uint32_t count = up->installation_count = (uint32_t)below(d, 4);
    int64_t at = 1000000000000 + (int64_t)below(d, 1000000) * BB_SECOND_MS;

    up->installations = take(d, count, sizeof *up->installations);
    for (uint32_t i = 0; i < count; i++) {
        struct bb_master_installation *item = &up->installations[i];
        item->device = draw_name(d, i);
        item->from_ms = at;
        at += 1 + (int64_t)below(d, 1000000000);
        item->to_ms = i + 1 == count && below(d, 2) ? BB_TIME_NONE : at;
        at += (int64_t)below(d, 2) * 1000;
        item->multiplier = draw_multiplier(d);
        if (below(d, 2)) {
            item->calorific_value = draw_multiplier(d);
            item->state_number = draw_multiplier(d);
        }
        item->dials = (uint8_t)below(d, 13);
        item->reason = draw_maybe(d);
        item->opening = draw_readings(d, &item->opening_count);
        item->closing = draw_readings(d, &item->closing_count);
    }
}

static struct bb_span draw_obis(struct draw *d) {
    struct bb_obis code = {
        1, (int16_t)below(d, 3), (int16_t)below(d, 100),
        8, (int16_t)below(d, 5), below(d, 2) ? BB_OBIS_ANY : (int16_t)below(d, 99)};
    char text[BB_OBIS_TEXT_MAX];
    size_t size = bb_obis_format(&code, text);
    return bb_arena_copy(d->arena, (struct bb_span){text, size});
}

static void draw_channels(struct draw *d, struct bb_master_usage_point *up) {
    up->channel_count = (uint32_t)below(d, 4);
    up->channels = take(d, up->channel_count, sizeof *up->channels);
    for (uint32_t i = 0; i < up->channel_count; i++) {
        struct bb_master_channel *item = &up->channels[i];
        item->name = draw_name(d, i);
        item->obis = below(d, 2) ? draw_obis(d) : (struct bb_span){NULL, 0};
        item->alias = draw_maybe(d);
        item->kind = (uint8_t)below(d, BB_KIND_COUNT);
        item->commodity = (uint8_t)below(d, BB_COMMODITY_COUNT);
        item->unit = (int16_t)((int64_t)below(d, BB_UNIT_COUNT + 1) - 1);
        item->interval_s = (uint32_t)below(d, 2) * (1 + (uint32_t)below(d, 86400));
        item->one_way = (int8_t)((int64_t)below(d, 3) - 1);
        item->profile = draw_maybe(d);
    }
}

static void draw_connection(struct draw *d, struct bb_master_connection *connection) {
    static const uint8_t units[] = {BB_UNIT_KW, BB_UNIT_KVA, BB_UNIT_M3_H, BB_UNIT_L_S, BB_UNIT_A};
    uint8_t unit = units[below(d, sizeof units)];

    if (below(d, 2))
        return;
    *connection = (struct bb_master_connection){draw_multiplier(d), unit,
                                                (uint8_t)(unit == BB_UNIT_A ? 1 + below(d, 3) : 0)};
}

static void draw_usage_point(struct draw *d, struct bb_master_usage_point *up) {
    up->tenant = draw_name(d, below(d, 3));
    up->name = draw_name(d, below(d, 100000));
    up->zone = below(d, 2) ? draw_zone(d) : (struct bb_span){NULL, 0};
    up->calendar = draw_maybe(d);
    up->profile = draw_maybe(d);
    up->customer = draw_maybe(d);
    up->grid_area = draw_maybe(d);
    up->tariff = draw_maybe(d);
    up->commodity = (uint8_t)below(d, BB_COMMODITY_COUNT);
    up->tag_count = (uint32_t)below(d, 3);
    up->tags = take(d, up->tag_count, sizeof *up->tags);
    for (uint32_t i = 0; i < up->tag_count; i++)
        up->tags[i] = (struct bb_master_tag){draw_name(d, i), draw_name(d, below(d, 10))};
    draw_connection(d, &up->connection);
    draw_installations(d, up);
    draw_channels(d, up);
}

static void draw_calendar(struct draw *d, struct bb_master_calendar *calendar) {
    calendar->tenant = draw_name(d, below(d, 3));
    calendar->name = draw_name(d, below(d, 100));
    calendar->zone = draw_zone(d);
    calendar->day_start_s = (int32_t)below(d, 24 * 60) * 60;
    calendar->holiday_count = (uint32_t)below(d, 5);
    calendar->holidays = take(d, calendar->holiday_count, sizeof *calendar->holidays);
    for (uint32_t i = 0; i < calendar->holiday_count; i++)
        calendar->holidays[i] = (int32_t)(i * 10000 + below(d, 10000)) - 5000;
}

static int64_t *draw_weights(struct draw *d, uint32_t count) {
    int64_t *weights = take(d, count, sizeof *weights);

    for (uint32_t i = 0; i < count; i++)
        weights[i] = (int64_t)below(d, below(d, 2) ? 100 : BB_MASTER_WEIGHT_MAX + 1);
    return weights;
}

static void draw_shape(struct draw *d, struct bb_master_shape *shape) {
    static const uint32_t counts[] = {0, 1, 24, 48, 96};

    shape->working_count = counts[1 + below(d, 4)];
    shape->saturday_count = counts[below(d, 5)];
    shape->sunday_count = counts[below(d, 5)];
    shape->working = draw_weights(d, shape->working_count);
    shape->saturday = draw_weights(d, shape->saturday_count);
    shape->sunday = draw_weights(d, shape->sunday_count);
}

/* Each date once; seasons that together are the year. */
static void draw_profile(struct draw *d, struct bb_master_profile *profile) {
    uint8_t first = (uint8_t)(1 + below(d, 12)), last = (uint8_t)(1 + below(d, 12));
    bool whole = last % 12 + 1 == first;

    profile->tenant = draw_name(d, below(d, 3));
    profile->name = draw_name(d, below(d, 100));
    profile->day_count = (uint32_t)below(d, 5);
    profile->days = take(d, profile->day_count, sizeof *profile->days);
    for (uint32_t i = 0; i < profile->day_count; i++)
        profile->days[i] = (struct bb_master_day_weight){
            (int32_t)(i * 10000 + below(d, 10000)) - 5000, (int64_t)below(d, 30000000)};
    profile->month_count = 12 * (uint32_t)below(d, 2);
    profile->months = draw_weights(d, profile->month_count);
    profile->shape_count = below(d, 2) ? 0 : whole ? 1 : 2;
    profile->shapes = take(d, 2, sizeof *profile->shapes);
    profile->shapes[0].season = (struct bb_master_season){first, last};
    profile->shapes[1].season = (struct bb_master_season){(uint8_t)(last % 12 + 1),
                                                          (uint8_t)((first + 10) % 12 + 1)};
    for (uint32_t i = 0; i < profile->shape_count; i++)
        draw_shape(d, &profile->shapes[i]);
}

static void draw_rule(struct draw *d, struct bb_master_rule *out) {
    *out = (struct bb_master_rule){.name = draw_name(d, below(d, 9)), .raw = (uint8_t)below(d, 2)};
    out->version_count = (uint32_t)below(d, 4);
    out->versions = bb_arena_take_array(d->arena, out->version_count + 1, sizeof *out->versions);
    for (uint32_t i = 0; i < out->version_count; i++)
        out->versions[i] = (struct bb_master_rule_version){
            .id = BB_SPAN("0123456789abcdef"),
            .module = BB_SPAN("fedcba9876543210"),
            .function = draw_name(d, below(d, 9)),
            .parameters = BB_SPAN("{\"k\": 8}"),
            .environment = below(d, 2) ? BB_SPAN("aaaabbbbccccdddd") : BB_SPAN(""),
            .channel = BB_SPAN("1-1:1.29.0"),
            .by = draw_name(d, below(d, 9)),
            .reason = draw_name(d, below(d, 9)),
            .deployed_ms = 1772323200000 + (int64_t)below(d, 1000000),
            .from_ms = below(d, 2) ? BB_TIME_NONE : 1772323200000 + (int64_t)below(d, 1000) * 60000,
            .to_ms = below(d, 2) ? BB_TIME_NONE : 1782323200000 + (int64_t)below(d, 1000) * 60000,
            .window_ms = (int64_t)below(d, 400) * 3600000,
            .share = (uint32_t)below(d, 1001),
            .commodity = (uint8_t)below(d, 3)};
}

static void draw_looks(struct draw *d, struct bb_master_rule_version *out) {
    static const char *const names[] = {"export", "warmth"};

    out->other_count = (uint32_t)below(d, 3);
    out->output_count = (uint32_t)below(d, 3);
    out->others = take(d, 2, sizeof *out->others);
    out->outputs = take(d, 2, sizeof *out->outputs);
    for (uint32_t i = 0; i < 2; i++) {
        out->others[i] = (struct bb_master_rule_other){bb_span_of(names[i]),
                                                       draw_name(d, below(d, 9))};
        out->outputs[i] = (struct bb_master_rule_output){bb_span_of(names[i]),
                                                         (int16_t)below(d, BB_UNIT_COUNT)};
    }
}

static void draw_sides(struct draw *d, struct bb_master_module *out) {
    static const char *const names[] = {"price.csv", "weather.csv"};

    out->side_count = (uint32_t)below(d, 3);
    out->sides = take(d, 2, sizeof *out->sides);
    for (uint32_t i = 0; i < 2; i++)
        out->sides[i] = (struct bb_master_side){bb_span_of(names[i]),
                                                BB_SPAN("time,\xc2\xb0"
                                                        "C\r\n2026-03-01T00:00:00Z,-4.5\n\n")};
}

static void draw_rules(struct draw *d, struct bb_master_rules *out) {
    *out = (struct bb_master_rules){.tenant = draw_name(d, below(d, 5)),
                                    .module_count = (uint32_t)below(d, 3),
                                    .rule_count = (uint32_t)below(d, 4)};
    out->modules = bb_arena_take_array(d->arena, out->module_count + 1, sizeof *out->modules);
    out->rules = bb_arena_take_array(d->arena, out->rule_count + 1, sizeof *out->rules);
    for (uint32_t i = 0; i < out->module_count; i++)
        out->modules[i] = (struct bb_master_module){
            .hash = BB_SPAN("fedcba9876543210"),
            .name = draw_name(d, below(d, 9)),
            .source = BB_SPAN(
                "from busbar import rule\n\n\n@rule(inputs=\"A+\")\ndef r(w):\n\tpass\n")};
    for (uint32_t i = 0; i < out->module_count; i++)
        draw_sides(d, &out->modules[i]);
    for (uint32_t i = 0; i < out->rule_count; i++) {
        draw_rule(d, &out->rules[i]);
        for (uint32_t k = 0; k < out->rules[i].version_count; k++)
            draw_looks(d, &out->rules[i].versions[k]);
    }
}

void random_master(struct bb_random *random, struct bb_arena *arena, struct bb_master *out) {
    struct draw d = {random, arena};

    memset(out, 0, sizeof *out);
    switch (below(&d, 10)) {
    case 0:
        out->kind = BB_MASTER_TENANT;
        out->tenant = (struct bb_master_tenant){draw_name(&d, below(&d, 5)), draw_zone(&d)};
        return;
    case 1:
        out->kind = BB_MASTER_CALENDAR;
        draw_calendar(&d, &out->calendar);
        return;
    case 2:
        out->kind = BB_MASTER_PROFILE;
        draw_profile(&d, &out->profile);
        return;
    case 3:
        out->kind = BB_MASTER_GROUP;
        out->group = (struct bb_master_group){.tenant = draw_name(&d, below(&d, 5)),
                                              .name = draw_name(&d, below(&d, 5)),
                                              .expression = BB_SPAN("district = north"),
                                              .description = draw_name(&d, below(&d, 5))};
        return;
    case 4:
        out->kind = BB_MASTER_RULES;
        draw_rules(&d, &out->rules);
        return;
    default: out->kind = BB_MASTER_USAGE_POINT; draw_usage_point(&d, &out->usage_point);
    }
}

uint64_t random_test_seed(const char *test) {
    const char *given = getenv("BUSBAR_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)bb_monotonic_ns();

    fprintf(stderr, "%s: BUSBAR_SEED=%llu\n", test, (unsigned long long)seed);
    return seed;
}

/* ---- comparing ------------------------------------------------------------------------------- */

#define SAME_TEXT(member)                                                                          \
    if (!bb_span_equal(a->member, b->member))                                                      \
        return #member;
#define SAME(member)                                                                               \
    if (a->member != b->member)                                                                    \
        return #member;
#define SAME_DECIMAL(member) SAME(member.mantissa) SAME(member.exponent)

static const char *readings_difference(const struct bb_master_reading *left,
                                       const struct bb_master_reading *right, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const struct bb_master_reading *a = &left[i], *b = &right[i];
        SAME_TEXT(channel)
        SAME_DECIMAL(value)
    }
    return NULL;
}

static const char *installation_difference(const struct bb_master_installation *a,
                                           const struct bb_master_installation *b) {
    SAME_TEXT(device)
    SAME(from_ms)
    SAME(to_ms)
    SAME_DECIMAL(multiplier)
    SAME_DECIMAL(calorific_value)
    SAME_DECIMAL(state_number)
    SAME(dials)
    SAME_TEXT(reason)
    SAME(opening_count)
    SAME(closing_count)
    const char *difference = readings_difference(a->opening, b->opening, a->opening_count);
    return difference ? difference : readings_difference(a->closing, b->closing, a->closing_count);
}

static const char *channel_difference(const struct bb_master_channel *a,
                                      const struct bb_master_channel *b) {
    SAME_TEXT(name)
    SAME_TEXT(obis)
    SAME_TEXT(alias)
    SAME(kind)
    SAME(commodity)
    SAME(unit)
    SAME(interval_s)
    SAME(one_way)
    SAME_TEXT(profile)
    return NULL;
}

static const char *tag_difference(const struct bb_master_tag *a, const struct bb_master_tag *b) {
    SAME_TEXT(key)
    SAME_TEXT(value)
    return NULL;
}

static const char *usage_point_difference(const struct bb_master_usage_point *a,
                                          const struct bb_master_usage_point *b) {
    const char *difference = NULL;

    SAME_TEXT(tenant)
    SAME_TEXT(name)
    SAME_TEXT(zone)
    SAME_TEXT(calendar)
    SAME_TEXT(profile)
    SAME_TEXT(customer)
    SAME_TEXT(grid_area)
    SAME_TEXT(tariff)
    SAME_DECIMAL(connection.value)
    SAME(connection.unit)
    SAME(connection.phases)
    SAME(commodity)
    SAME(tag_count)
    SAME(installation_count)
    SAME(channel_count)
    for (uint32_t i = 0; !difference && i < a->tag_count; i++)
        difference = tag_difference(&a->tags[i], &b->tags[i]);
    for (uint32_t i = 0; !difference && i < a->installation_count; i++)
        difference = installation_difference(&a->installations[i], &b->installations[i]);
    for (uint32_t i = 0; !difference && i < a->channel_count; i++)
        difference = channel_difference(&a->channels[i], &b->channels[i]);
    return difference;
}

static const char *tenant_difference(const struct bb_master_tenant *a,
                                     const struct bb_master_tenant *b) {
    SAME_TEXT(name)
    SAME_TEXT(zone)
    return NULL;
}

static const char *calendar_difference(const struct bb_master_calendar *a,
                                       const struct bb_master_calendar *b) {
    SAME_TEXT(tenant)
    SAME_TEXT(name)
    SAME_TEXT(zone)
    SAME(day_start_s)
    SAME(holiday_count)
    for (uint32_t i = 0; i < a->holiday_count; i++)
        SAME(holidays[i])
    return NULL;
}

static const char *weights_difference(const int64_t *a, const int64_t *b, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (a[i] != b[i])
            return "weights";
    return NULL;
}

static const char *shape_difference(const struct bb_master_shape *a,
                                    const struct bb_master_shape *b) {
    SAME(season.first)
    SAME(season.last)
    SAME(working_count)
    SAME(saturday_count)
    SAME(sunday_count)
    const char *difference = weights_difference(a->working, b->working, a->working_count);
    if (!difference)
        difference = weights_difference(a->saturday, b->saturday, a->saturday_count);
    return difference ? difference : weights_difference(a->sunday, b->sunday, a->sunday_count);
}

static const char *profile_difference(const struct bb_master_profile *a,
                                      const struct bb_master_profile *b) {
    SAME_TEXT(tenant)
    SAME_TEXT(name)
    SAME(day_count)
    SAME(month_count)
    SAME(shape_count)
    for (uint32_t i = 0; i < a->day_count; i++) {
        SAME(days[i].day)
        SAME(days[i].weight)
    }
    const char *difference = weights_difference(a->months, b->months, a->month_count);
    for (uint32_t i = 0; !difference && i < a->shape_count; i++)
        difference = shape_difference(&a->shapes[i], &b->shapes[i]);
    return difference;
}

static const char *group_difference(const struct bb_master_group *a,
                                    const struct bb_master_group *b) {
    SAME_TEXT(tenant)
    SAME_TEXT(name)
    SAME_TEXT(expression)
    SAME_TEXT(description)
    return NULL;
}

static const char *version_difference(const struct bb_master_rule_version *a,
                                      const struct bb_master_rule_version *b) {
    SAME_TEXT(id)
    SAME_TEXT(module)
    SAME_TEXT(function)
    SAME_TEXT(parameters)
    SAME_TEXT(environment)
    SAME_TEXT(channel)
    SAME_TEXT(by)
    SAME_TEXT(reason)
    SAME(deployed_ms)
    SAME(from_ms)
    SAME(to_ms)
    SAME(window_ms)
    SAME(share)
    SAME(commodity)
    return NULL;
}

static const char *rules_difference(const struct bb_master_rules *a,
                                    const struct bb_master_rules *b) {
    const char *difference = NULL;

    SAME_TEXT(tenant)
    SAME(module_count)
    SAME(rule_count)
    for (uint32_t i = 0; i < a->module_count; i++)
        if (!bb_span_equal(a->modules[i].hash, b->modules[i].hash) ||
            !bb_span_equal(a->modules[i].name, b->modules[i].name) ||
            !bb_span_equal(a->modules[i].source, b->modules[i].source))
            return "module";
    for (uint32_t i = 0; i < a->rule_count; i++) {
        const struct bb_master_rule *x = &a->rules[i], *y = &b->rules[i];
        if (!bb_span_equal(x->name, y->name) || x->raw != y->raw ||
            x->version_count != y->version_count)
            return "rule";
        for (uint32_t k = 0; !difference && k < x->version_count; k++)
            difference = version_difference(&x->versions[k], &y->versions[k]);
    }
    return difference;
}

const char *master_difference(const struct bb_master *a, const struct bb_master *b) {
    SAME(kind)
    switch (a->kind) {
    case BB_MASTER_TENANT: return tenant_difference(&a->tenant, &b->tenant);
    case BB_MASTER_CALENDAR: return calendar_difference(&a->calendar, &b->calendar);
    case BB_MASTER_PROFILE: return profile_difference(&a->profile, &b->profile);
    case BB_MASTER_GROUP: return group_difference(&a->group, &b->group);
    case BB_MASTER_RULES: return rules_difference(&a->rules, &b->rules);
    default: return usage_point_difference(&a->usage_point, &b->usage_point);
    }
}
