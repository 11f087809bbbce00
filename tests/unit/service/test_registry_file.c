/* Registry files: what they say, what is refused and where, what would change, and the way back. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "adapter/embedded.h"
#include "base/hash.h"
#include "model/rule_version.h"
#include "model/unit.h"
#include "service/registry_file.h"
#include "support/master_random.h"

struct reading {
    struct bb_arena arena;
    struct bb_zone_set *zones;
    struct bb_registry *registry;
    uint64_t sequence;
    struct bb_registry_file file;
    struct bb_registry_changes changes;
    struct bb_buffer text;
    struct bb_error error;
};

static void reading_init(struct reading *r) {
    *r = (struct reading){0};
    bb_arena_init(&r->arena, 1 << 16, 1 << 28);
    bb_buffer_init(&r->text, 1 << 26);
    r->zones = bb_zone_set_new();
    cr_assert_eq(bb_registry_memory_open(&r->registry, &r->error), 0);
}

static void reading_release(struct reading *r) {
    r->registry->ops->close(r->registry);
    bb_zone_set_free(r->zones);
    bb_buffer_release(&r->text);
    bb_arena_release(&r->arena);
}

static int parse(struct reading *r, struct bb_span text) {
    struct bb_registry_file_options options = {
        .tenant = BB_SPAN("default"), .source = "r.yaml", .zones = r->zones};

    memset(&r->error, 0, sizeof r->error);
    return bb_registry_file_parse(text, &options, &r->arena, &r->file, &r->error);
}

static void parse_good(struct reading *r, const char *text) {
    cr_assert_eq(parse(r, bb_span_of(text)), 0, "line %d: %s", (int)r->error.line, r->error.text);
}

static const struct bb_master_usage_point *only_usage_point(struct reading *r) {
    cr_assert_eq(r->file.count, 1);
    cr_assert_eq(r->file.entries[0].master.kind, BB_MASTER_USAGE_POINT);
    return &r->file.entries[0].master.usage_point;
}

static void expect_text(struct bb_span text, const char *expected) {
    cr_expect(bb_span_equal(text, bb_span_of(expected)), "'%.*s' is not '%s'", BB_SPAN_ARGS(text),
              expected);
}

static int64_t utc(const char *text) {
    int64_t ms;
    cr_assert_eq(bb_time_parse_rfc3339(bb_span_of(text), &ms), BB_TIME_OK);
    return ms;
}

static void expect_decimal(struct bb_decimal value, int64_t mantissa, int8_t exponent) {
    cr_expect(value.mantissa == mantissa && value.exponent == exponent, "%lld e%d",
              (long long)value.mantissa, value.exponent);
}

/* ---- what a file says ------------------------------------------------------------------------ */

static const char sample[] =
    "tenants: [{name: demo, zone: Europe/Amsterdam}]\n"
    "usage_points:\n"
    "  - name: \"871685900012345678\"\n"
    "    commodity: electricity\n"
    "    zone: Europe/Amsterdam\n"
    "    tags: {district: north, transformer: T12}\n"
    "    installations:\n"
    "      - {device: E0012, from: 2025-01-01T00:00:00Z, to: 2026-03-04T10:00:00Z, multiplier: 1,\n"
    "         dials: 6, closing: {\"1.8.0\": 84211.30}}\n"
    "      - {device: E0990, from: 2026-03-04T10:00:00Z, multiplier: 1, dials: 6,\n"
    "         opening: {\"1.8.0\": 0}}\n"
    "    channels:\n"
    "      - {name: \"1.8.0\", obis: \"1-0:1.8.0\", kind: register, unit: kWh, one_way: true}\n"
    "      - {name: \"1.29.0\", obis: \"1-1:1.29.0\", kind: interval, interval: 15m, unit: kWh}\n"
    "calendars: [{name: nl, zone: Europe/Amsterdam, day_start: \"06:00\", holidays: [2026-04-27]}]\n";

static void check_sample_usage_point(const struct bb_master_usage_point *up) {
    expect_text(up->tenant, "default");
    expect_text(up->name, "871685900012345678");
    expect_text(up->zone, "Europe/Amsterdam");
    cr_expect_eq(up->commodity, BB_COMMODITY_ELECTRICITY);
    cr_assert_eq(up->tag_count, 2);
    expect_text(up->tags[1].key, "transformer");
    expect_text(up->tags[1].value, "T12");

    cr_assert_eq(up->installation_count, 2);
    const struct bb_master_installation *first = &up->installations[0], *second = first + 1;
    expect_text(first->device, "E0012");
    cr_expect_eq(first->from_ms, utc("2025-01-01T00:00:00Z"));
    cr_expect_eq(first->to_ms, utc("2026-03-04T10:00:00Z"));
    expect_decimal(first->multiplier, 1, 0);
    cr_expect_eq(first->dials, 6);
    cr_expect_eq(first->opening_count, 0);
    cr_assert_eq(first->closing_count, 1);
    expect_text(first->closing[0].channel, "1.8.0");
    expect_decimal(first->closing[0].value, 8421130, -2);
    cr_expect_eq(second->to_ms, BB_TIME_NONE);
    cr_assert_eq(second->opening_count, 1);
    expect_decimal(second->opening[0].value, 0, 0);

    cr_assert_eq(up->channel_count, 2);
    expect_text(up->channels[0].obis, "1-0:1.8.0");
    cr_expect_eq(up->channels[0].kind, BB_KIND_REGISTER);
    cr_expect_eq(up->channels[0].unit, BB_UNIT_KWH);
    cr_expect_eq(up->channels[0].one_way, 1);
    cr_expect_eq(up->channels[0].interval_s, 0);
    cr_expect_eq(up->channels[1].kind, BB_KIND_INTERVAL);
    cr_expect_eq(up->channels[1].interval_s, 900);
    cr_expect_eq(up->channels[1].one_way, -1);
}

Test(registry_file, the_sample_of_the_manual) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, sample);
    cr_assert_eq(r.file.count, 3);
    const struct bb_master *tenant = &r.file.entries[0].master;
    cr_expect_eq(tenant->kind, BB_MASTER_TENANT);
    expect_text(tenant->tenant.name, "demo");
    expect_text(tenant->tenant.zone, "Europe/Amsterdam");
    cr_expect_eq(r.file.entries[1].line, 3);
    check_sample_usage_point(&r.file.entries[1].master.usage_point);
    const struct bb_master *calendar = &r.file.entries[2].master;
    cr_assert_eq(calendar->kind, BB_MASTER_CALENDAR);
    expect_text(calendar->calendar.tenant, "default");
    cr_expect_eq(calendar->calendar.day_start_s, 6 * 3600);
    cr_assert_eq(calendar->calendar.holiday_count, 1);
    cr_expect_eq(calendar->calendar.holidays[0], bb_days_from_civil(2026, 4, 27));
    reading_release(&r);
}

static void expect_connection(const struct bb_master_connection *connection, int64_t mantissa,
                              int exponent, int unit, int phases) {
    expect_decimal(connection->value, mantissa, exponent);
    cr_expect_eq(connection->unit, unit, "%s", bb_unit_symbol(connection->unit));
    cr_expect_eq(connection->phases, phases, "%u phases", connection->phases);
}

Test(registry_file, connections) {
    static const struct {
        const char *text;
        int64_t mantissa;
        int exponent, unit, phases;
        const char *exported;
    } cases[] = {
        {"17 kW", 17, 0, BB_UNIT_KW, 0, "\"17 kW\""},
        {"17.25kVA", 1725, -2, BB_UNIT_KVA, 0, "\"17.25 kVA\""},
        {"2.5 m3/h", 25, -1, BB_UNIT_M3_H, 0, "\"2.5 m³/h\""},
        {"40 A", 40, 0, BB_UNIT_A, 1, "\"40 A\""},
        {"1x40A", 40, 0, BB_UNIT_A, 1, "\"40 A\""},
        {"3 X 25", 0, 0, 0, 0, NULL}, /* of what? */
        {"3x25A", 25, 0, BB_UNIT_A, 3, "\"3x25 A\""},
        {"3x 25 A", 25, 0, BB_UNIT_A, 3, "\"3x25 A\""},
    };
    struct bb_buffer out;
    struct reading r;
    char text[200];

    reading_init(&r);
    bb_buffer_init(&out, 1 << 16);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "usage_points: [{name: u, connection: %s}]", cases[i].text);
        if (!cases[i].exported) {
            cr_expect_eq(parse(&r, bb_span_of(text)), -BB_E_REGISTRY_INVALID, "%s", text);
            continue;
        }
        parse_good(&r, text);
        expect_connection(&only_usage_point(&r)->connection, cases[i].mantissa, cases[i].exponent,
                          cases[i].unit, cases[i].phases);
        bb_buffer_clear(&out);
        bb_registry_entry_print(&r.file.entries[0].master, &out);
        bb_buffer_append_byte(&out, 0);
        cr_expect_not_null(strstr(out.data, cases[i].exported), "%s", out.data);
    }
    bb_buffer_release(&out);
    reading_release(&r);
}

Test(registry_file, every_key_of_a_usage_point) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, "\xef\xbb\xbf"
                   "tenant: acme\r\n"
                   "usage_points:\r\n"
                   "- name: u\r\n"
                   "  calendar: nl\r\n"
                   "  customer: J. Ångström & Sons\r\n"
                   "  grid_area: \"north: 7\"\r\n"
                   "  tariff: T1\r\n"
                   "  connection: 3x25 A\r\n"
                   "  commodity: Water\r\n"
                   "  zone:\r\n"
                   "  tags: {empty: }\r\n"
                   "  installations:\r\n"
                   "  - {device: E, from: 2026-01-01T00:00:00+01:00, multiplier: 2.50e3, dials: 0, "
                   "calorific_value: 9.769, state_number: 0.9642, reason: new meter}\r\n"
                   "  channels:\r\n"
                   "  - {name: c, alias: main, kind: GAUGE, commodity: gas, unit: M3, one_way: no, "
                   "interval: PT1H, obis: 0100010800FF}\r\n");
    const struct bb_master_usage_point *up = only_usage_point(&r);
    expect_text(up->tenant, "acme");
    expect_text(up->calendar, "nl");
    expect_text(up->customer, "J. Ångström & Sons");
    expect_text(up->grid_area, "north: 7");
    expect_text(up->tariff, "T1");
    expect_connection(&up->connection, 25, 0, BB_UNIT_A, 3);
    cr_expect_eq(up->commodity, BB_COMMODITY_WATER);
    expect_text(up->zone, "");
    expect_text(up->tags[0].value, "");
    cr_expect_eq(up->installations[0].from_ms, utc("2025-12-31T23:00:00Z"));
    expect_decimal(up->installations[0].multiplier, 250, 1);
    expect_decimal(up->installations[0].calorific_value, 9769, -3);
    expect_decimal(up->installations[0].state_number, 9642, -4);
    expect_text(up->installations[0].reason, "new meter");
    const struct bb_master_channel *channel = up->channels;
    expect_text(channel->alias, "main");
    expect_text(channel->obis, "1-0:1.8.0");
    cr_expect_eq(channel->kind, BB_KIND_GAUGE);
    cr_expect_eq(channel->commodity, BB_COMMODITY_GAS);
    cr_expect_eq(channel->unit, BB_UNIT_M3);
    cr_expect_eq(channel->one_way, 0);
    cr_expect_eq(channel->interval_s, 3600);
    reading_release(&r);
}

/* A time without offset is the wall clock of the usage point, wherever its zone stands. */
Test(registry_file, local_times) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, "usage_points:\n"
                   "- name: u\n"
                   "  installations: [{device: E, from: 2026-01-15, to: 2026-07-01T12:00:00}]\n"
                   "  zone: Europe/Amsterdam\n");
    const struct bb_master_usage_point *up = only_usage_point(&r);
    cr_expect_eq(up->installations[0].from_ms, utc("2026-01-14T23:00:00Z"));
    cr_expect_eq(up->installations[0].to_ms, utc("2026-07-01T10:00:00Z"));
    reading_release(&r);
}

Test(registry_file, installations_are_put_in_order) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, "usage_points:\n"
                   "- name: u\n"
                   "  installations:\n"
                   "  - {device: C, from: 2026-03-01T00:00:00Z}\n"
                   "  - {device: A, from: 2026-01-01T00:00:00Z, to: 2026-02-01T00:00:00Z}\n"
                   "  - {device: B, from: 2026-02-01T00:00:00Z, to: 2026-03-01T00:00:00Z}\n");
    const struct bb_master_usage_point *up = only_usage_point(&r);
    expect_text(up->installations[0].device, "A");
    expect_text(up->installations[1].device, "B");
    expect_text(up->installations[2].device, "C");
    reading_release(&r);
}

Test(registry_file, holidays_are_put_in_order_once) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, "calendars: [{name: n, holidays: [2026-12-25, 1969-12-31, 2026-12-25, "
                   "2026-04-27]}]");
    const struct bb_master_calendar *calendar = &r.file.entries[0].master.calendar;
    cr_assert_eq(calendar->holiday_count, 3);
    cr_expect_eq(calendar->holidays[0], -1);
    cr_expect_eq(calendar->holidays[1], bb_days_from_civil(2026, 4, 27));
    cr_expect_eq(calendar->holidays[2], bb_days_from_civil(2026, 12, 25));
    reading_release(&r);
}

/* Programs that write YAML share equal parts. */
Test(registry_file, anchors_and_aliases) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, "usage_points:\n"
                   "- name: u1\n"
                   "  channels: &ch\n"
                   "  - &one {name: a, kind: register}\n"
                   "- {name: u2, channels: *ch}\n"
                   "- {name: u3, channels: [*one, {name: b}]}\n");
    cr_assert_eq(r.file.count, 3);
    cr_expect_eq(r.file.entries[1].master.usage_point.channels[0].kind, BB_KIND_REGISTER);
    cr_expect_eq(r.file.entries[2].master.usage_point.channel_count, 2);
    expect_text(r.file.entries[2].master.usage_point.channels[0].name, "a");
    reading_release(&r);
}

Test(registry_file, empty_lists_are_fine) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, "usage_points: []\ntenants:\n");
    cr_expect_eq(r.file.count, 0);
    parse_good(&r, "# nothing yet\n{}\n");
    cr_expect_eq(r.file.count, 0);
    reading_release(&r);
}

/* ---- what is refused ------------------------------------------------------------------------- */

struct refusal {
    const char *text;
    enum bb_error_code code;
    uint64_t line;
    const char *says; /* part of the message */
};

static void expect_refusals(const struct refusal *cases, size_t count) {
    struct reading r;

    reading_init(&r);
    for (size_t i = 0; i < count; i++) {
        int result = parse(&r, bb_span_of(cases[i].text));
        cr_expect_eq(result, -(int)cases[i].code, "case %zu: %d %s\n%s", i, result, r.error.text,
                     cases[i].text);
        cr_expect_eq(r.error.line, cases[i].line, "case %zu: line %d: %s", i, (int)r.error.line,
                     r.error.text);
        cr_expect_not_null(strstr(r.error.text, cases[i].says), "case %zu: %s", i, r.error.text);
        cr_expect_eq(r.file.count, 0);
    }
    reading_release(&r);
}
#define EXPECT_REFUSALS(cases) expect_refusals(cases, sizeof(cases) / sizeof *(cases))

#define UP "usage_points:\n- name: u\n"

Test(registry_file, refused_keys_and_forms) {
    static const struct refusal cases[] = {
        {"", BB_E_INPUT_EMPTY, 0, "empty"},
        {" \n\t\r\n", BB_E_INPUT_EMPTY, 0, "empty"},
        {"usage_point: []", BB_E_REGISTRY_INVALID, 1, "allowed are tenant, tenants, usage_points"},
        {"[1, 2]", BB_E_REGISTRY_INVALID, 1, "mapping"},
        {"usage_points: 7", BB_E_REGISTRY_INVALID, 1, "must be a list"},
        {"usage_points:\n- u1\n", BB_E_REGISTRY_INVALID, 2, "must be a mapping"},
        {"usage_points:\n- zone: UTC\n", BB_E_REGISTRY_INVALID, 2, "needs `name`"},
        {"usage_points:\n- name:\n", BB_E_REGISTRY_INVALID, 2, "needs `name`"},
        {UP "  comodity: gas\n", BB_E_REGISTRY_INVALID, 3, "did you mean `commodity`"},
        {UP "  comodity: gas\n", BB_E_REGISTRY_INVALID, 3, "allowed are name, tenant, commodity"},
        {UP "  zone: UTC\n  zone: UTC\n", BB_E_REGISTRY_INVALID, 4, "twice"},
        {UP "  channels: {a: 1}\n", BB_E_REGISTRY_INVALID, 3, "must be a list"},
        {UP "  channels:\n  - {name: a, color: red}\n", BB_E_REGISTRY_INVALID, 4,
         "a channel has no key `color`"},
        {UP "  channels:\n  - {name: a}\n  - {name: b}\n  - {name: a}\n", BB_E_REGISTRY_INVALID, 6,
         "channel a stands here twice, the first time in line 4"},
        {UP "  tags: {a: 1, a: 2}\n", BB_E_REGISTRY_INVALID, 3, "tag a stands here twice"},
        {UP "- name: v\n- name: u\n", BB_E_REGISTRY_INVALID, 4,
         "usage point u stands here twice, the first time in line 2"},
        {"tenant: b: c", BB_E_REGISTRY_INVALID, 1, "not valid YAML"},
        {"usage_points:\n- {name: u\n", BB_E_REGISTRY_INVALID, 3, "not valid YAML"},
        {"usage_points: []\n---\nusage_points: []\n", BB_E_REGISTRY_INVALID, 2,
         "one YAML document"},
        {"usage_points: [*a]", BB_E_REGISTRY_INVALID, 1, "no anchor &a"},
        {"usage_points: &a [*a]", BB_E_REGISTRY_INVALID, 1, "no anchor &a"},
        {"usage_points: [{name: u}]\ntenant: t\n", BB_E_REGISTRY_INVALID, 2, "must stand before"},
        {"usage_points: [{name: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}]", BB_E_REGISTRY_INVALID, 1,
         "deep"},
        {"usage_points:\n- {name: u, ? [a] : b}\n", BB_E_REGISTRY_INVALID, 2, "must be a single"},
    };
    EXPECT_REFUSALS(cases);
}

#define CHANNEL(fields) UP "  channels:\n  - {name: c, " fields "}\n"

Test(registry_file, refused_values) {
    static const struct refusal cases[] = {
        {UP "  zone: Europe/Atlantis\n", BB_E_ZONE_UNKNOWN, 3, "Europe/Atlantis"},
        {"tenants: [{name: t, zone: ../../etc/passwd}]", BB_E_ZONE_UNKNOWN, 1, "passwd"},
        {UP "  commodity: power\n", BB_E_REGISTRY_INVALID, 3, "electricity, water"},
        {UP "  connection: 17\n", BB_E_REGISTRY_INVALID, 3, "17 kW"},
        {UP "  connection: kW\n", BB_E_REGISTRY_INVALID, 3, "17 kW"},
        {UP "  connection: 0 kW\n", BB_E_REGISTRY_INVALID, 3, "17 kW"},
        {UP "  connection: 17 kWh\n", BB_E_REGISTRY_INVALID, 3, "`connection` is '17 kWh'"},
        {UP "  connection: 3x17 kW\n", BB_E_REGISTRY_INVALID, 3, "`connection` is '3x17 kW'"},
        {UP "  connection: 4x25 A\n", BB_E_REGISTRY_INVALID, 3, "`connection` is '4x25 A'"},
        {CHANNEL("kind: counter"), BB_E_REGISTRY_INVALID, 4,
         "usage point u, channel c: `kind` is 'counter'; allowed is interval, register"},
        {CHANNEL("unit: foot"), BB_E_REGISTRY_INVALID, 4, "`unit` is 'foot'"},
        {CHANNEL("obis: 1-0"), BB_E_REGISTRY_INVALID, 4, "OBIS"},
        {CHANNEL("interval: 0s"), BB_E_REGISTRY_INVALID, 4, "15m"},
        {CHANNEL("interval: 1500ms"), BB_E_REGISTRY_INVALID, 4, "whole seconds"},
        {CHANNEL("interval: 400d"), BB_E_REGISTRY_INVALID, 4, "366 days"},
        {CHANNEL("interval: often"), BB_E_REGISTRY_INVALID, 4, "often"},
        {CHANNEL("one_way: maybe"), BB_E_REGISTRY_INVALID, 4, "true or false"},
        {"usage_points: [{name: \"a\\tb\"}]", BB_E_REGISTRY_INVALID, 1, "control"},
        {"usage_points: [{name: \"a\\0b\"}]", BB_E_REGISTRY_INVALID, 1, "control"},
        {"usage_points: [{name: \"a\\Nb\"}]", BB_E_REGISTRY_INVALID, 1, "control"}, /* U+0085 */
        {"tenant: \"0123456789012345678901234567890123456789012345678901234567890123456789\"",
         BB_E_REGISTRY_INVALID, 1, "64 bytes"},
        {"calendars: [{name: n, day_start: \"24:00\"}]", BB_E_REGISTRY_INVALID, 1, "06:00"},
        {"calendars: [{name: n, day_start: 6}]", BB_E_REGISTRY_INVALID, 1, "06:00"},
        {"calendars: [{name: n, holidays: [2026-02-30]}]", BB_E_REGISTRY_INVALID, 1, "2026-02-30"},
        {"calendars: [{name: n, holidays: 2026-02-03}]", BB_E_REGISTRY_INVALID, 1, "a list"},
        {"usage_points: [{name: \xff}]", BB_E_ENCODING, 0, "no text"},
    };
    EXPECT_REFUSALS(cases);
}

#define INSTALLED(fields)                                                                          \
    UP "  installations:\n  - {device: E, from: 2026-01-01T00:00:00Z, " fields "}\n"

Test(registry_file, refused_installations) {
    static const struct refusal cases[] = {
        {UP "  installations:\n  - {from: 2026-01-01T00:00:00Z}\n", BB_E_REGISTRY_INVALID, 4,
         "needs `device`"},
        {UP "  installations:\n  - {device: E}\n", BB_E_REGISTRY_INVALID, 4, "needs `from`"},
        {UP "  installations:\n  - {device: E, from: yesterday}\n", BB_E_REGISTRY_INVALID, 4,
         "yesterday"},
        {UP "  installations:\n  - {device: E, from: 2026-01-01}\n", BB_E_TIME_ZONE_MISSING, 4,
         "without offset"},
        {INSTALLED("to: 2026-01-01T00:00:00Z"), BB_E_REGISTRY_INVALID, 4, "later than `from`"},
        {INSTALLED("to: 0000-01-01T00:00:00Z"), BB_E_REGISTRY_INVALID, 4, "`to` is '0000"},
        {INSTALLED("multiplier: 0"), BB_E_REGISTRY_INVALID, 4, "greater than 0"},
        {INSTALLED("multiplier: -2"), BB_E_REGISTRY_INVALID, 4, "greater than 0"},
        {INSTALLED("calorific_value: 0"), BB_E_REGISTRY_INVALID, 4, "greater than 0"},
        {INSTALLED("state_number: -0.9"), BB_E_REGISTRY_INVALID, 4, "greater than 0"},
        {INSTALLED("multiplier: 1.2.3"), BB_E_REGISTRY_INVALID, 4, "1.2.3"},
        {INSTALLED("dials: 19"), BB_E_REGISTRY_INVALID, 4, "0 (unknown) to 18"},
        {INSTALLED("dials: six"), BB_E_REGISTRY_INVALID, 4, "six"},
        {INSTALLED("closing: {a: NaN}"), BB_E_REGISTRY_INVALID, 4, "NaN"},
        {INSTALLED("closing: {a: 1234567890123456789}"), BB_E_REGISTRY_INVALID, 4, "18 digits"},
        {INSTALLED("closing: {a: }"), BB_E_REGISTRY_INVALID, 4, "`value` is ''"},
        {INSTALLED("closing: [1]"), BB_E_REGISTRY_INVALID, 4, "mapping"},
        {INSTALLED("to: 2026-02-01T00:00:00Z") "  - {device: F, from: 2026-01-31T00:00:00Z}\n",
         BB_E_REGISTRY_INVALID, 5, "that of E (line 4) has not ended"},
        {INSTALLED("dials: 6") "  - {device: F, from: 2026-01-31T00:00:00Z}\n",
         BB_E_REGISTRY_INVALID, 5, "say when it did with `to`"},
        {INSTALLED("dials: 6") "  - {device: E, from: 2026-01-01T01:00:00+01:00}\n",
         BB_E_REGISTRY_INVALID, 5, "installation E stands here twice"},
    };
    EXPECT_REFUSALS(cases);
}

Test(registry_file, names_up_to_200_bytes) {
    struct reading r;
    char text[300];

    reading_init(&r);
    for (int size = 200; size <= 201; size++) {
        snprintf(text, sizeof text, "usage_points: [{name: %0*d}]", size, 1);
        cr_expect_eq(parse(&r, bb_span_of(text)), size == 200 ? 0 : -BB_E_REGISTRY_INVALID);
    }
    reading_release(&r);
}

/* What is strange in a file does not get at the terminal. */
Test(registry_file, messages_are_one_short_line) {
    struct reading r;
    char text[4000];

    reading_init(&r);
    snprintf(text, sizeof text, "usage_points: [{name: u, \"a\\e[31m\\n%0*d\": 1}]", 500, 7);
    cr_expect_eq(parse(&r, bb_span_of(text)), -BB_E_REGISTRY_INVALID);
    cr_expect_not_null(strstr(r.error.text, "`a?[31m?0000"), "%s", r.error.text);
    cr_expect_not_null(strstr(r.error.text, "00...`"), "%s", r.error.text);
    cr_expect_not_null(strstr(r.error.text, "channels"), "%s", r.error.text);
    reading_release(&r);
}

Test(registry_file, lists_are_bounded) {
    struct reading r;
    struct bb_buffer text;

    reading_init(&r);
    bb_buffer_init(&text, 1 << 20);
    bb_buffer_format(&text, UP "  channels:\n");
    for (int i = 0; i < 1001; i++)
        bb_buffer_format(&text, "  - {name: c%d}\n", i);
    cr_expect_eq(parse(&r, bb_buffer_span(&text)), -BB_E_REGISTRY_INVALID);
    cr_expect_not_null(strstr(r.error.text, "1001 elements; allowed are 1000"), "%s", r.error.text);
    bb_buffer_release(&text);
    reading_release(&r);
}

/* ---- CSV ------------------------------------------------------------------------------------- */

Test(registry_file, csv_says_the_same) {
    struct reading r;

    reading_init(&r);
    parse_good(
        &r,
        "usage_point,commodity,zone,tag:district,tag:transformer,device,from,to,multiplier,dials,"
        "channel,obis,kind,interval,unit,one_way,opening,closing\n"
        "871685900012345678,electricity,Europe/Amsterdam,north,T12,E0012,2025-01-01T00:00:00Z,"
        "2026-03-04T10:00:00Z,1,6,1.8.0,1-0:1.8.0,register,,kWh,true,,84211.30\n"
        "871685900012345678,,,,,E0990,2026-03-04T10:00:00Z,,1,6,1.8.0,,,,,,0,\n"
        "871685900012345678,,,,,,,,,,1.29.0,1-1:1.29.0,interval,15m,kWh\n");
    check_sample_usage_point(only_usage_point(&r));
    reading_release(&r);
}

/* Rows anywhere, columns in any case and order, semicolons with a decimal comma, quotes. */
Test(registry_file, csv_as_people_export_it) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, "Usage_Point; Customer ;Device;From;Multiplier;Zone;Tenant;"
                   "Connection;Calorific_Value\r\n"
                   "u2;\"Sons; \"\"Smith\"\" \";;;;;\r\n"
                   "\r\n"
                   "u1;;E1;2026-01-15;1,50;;;2,5 m3/h;9,77\r\n"
                   "u2;;E2;2026-01-15T00:00:00Z;;;\r\n"
                   " u1 ;;;;;Europe/Amsterdam\r\n"
                   "u1;;;;;;other");
    cr_assert_eq(r.file.count, 3);
    const struct bb_master_usage_point *u1 = &r.file.entries[0].master.usage_point;
    const struct bb_master_usage_point *u2 = &r.file.entries[1].master.usage_point;
    expect_text(u1->name, "u1");
    expect_text(u1->tenant, "default");
    cr_expect_eq(r.file.entries[0].line, 4);
    cr_expect_eq(u1->installations[0].from_ms, utc("2026-01-14T23:00:00Z"));
    expect_decimal(u1->installations[0].multiplier, 150, -2);
    expect_decimal(u1->installations[0].calorific_value, 977, -2);
    expect_connection(&u1->connection, 25, -1, BB_UNIT_M3_H, 0);
    expect_text(u2->customer, "Sons; \"Smith\" ");
    expect_text(u2->installations[0].device, "E2");
    expect_decimal(u2->installations[0].multiplier, 1, 0);
    expect_text(r.file.entries[2].master.usage_point.tenant, "other");
    reading_release(&r);
}

/* What a file is called does not matter. */
Test(registry_file, csv_and_yaml_are_told_apart) {
    static const char *const texts[] = {
        "# usage_point, channel\nusage_points: [{name: u}]\n",
        "\n\n---\nusage_points: [{name: u}]\n",
        "\"usage_point\";zone\nu;\n",
        "\r\n \nZONE\tUSAGE_POINT\n\tu\n",
        "usage_point\nu",
    };
    struct reading r;

    reading_init(&r);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        parse_good(&r, texts[i]);
        expect_text(only_usage_point(&r)->name, "u");
    }
    reading_release(&r);
}

Test(registry_file, refused_csv) {
    static const struct refusal cases[] = {
        {"usage_point,colour\nu,red\n", BB_E_REGISTRY_INVALID, 1, "no column `colour`"},
        {"usage_point,zone,Zone\n", BB_E_REGISTRY_INVALID, 1, "twice"},
        {"usage_point,zone\n,UTC\n", BB_E_REGISTRY_INVALID, 2, "names no usage point"},
        {"usage_point,zone\nu,UTC,x\n", BB_E_REGISTRY_INVALID, 2, "more than 2 cells"},
        {"usage_point,zone\nu,UTC\nv,UTC\nu,Europe/Berlin\n", BB_E_REGISTRY_INVALID, 4,
         "usage point u: `zone` is 'Europe/Berlin' here, and something else in an earlier line"},
        {"usage_point,dials\nu,6\n", BB_E_REGISTRY_INVALID, 2, "no `device`"},
        {"usage_point,device\nu,E\n", BB_E_REGISTRY_INVALID, 2, "needs `from`"},
        {"usage_point,kind\nu,gauge\n", BB_E_REGISTRY_INVALID, 2, "no `channel`"},
        {"usage_point,device,from,opening\nu,E,2026-01-01T00:00:00Z,5\n", BB_E_REGISTRY_INVALID, 2,
         "no `channel`"},
        {"usage_point,channel,opening\nu,c,5\n", BB_E_REGISTRY_INVALID, 2, "no `device`"},
        {"usage_point,channel,unit\nu,c,kWh\nu,c,Wh\n", BB_E_REGISTRY_INVALID, 3, "`unit` is 'Wh'"},
        {"usage_point,tag:a\nu,1\nu,2\n", BB_E_REGISTRY_INVALID, 3, "tag a is '2' here"},
        {"usage_point,zone\nu,\"UTC\n", BB_E_REGISTRY_INVALID, 2, "never closed"},
        {"usage_point,zone\nu,\"UTC\"x\n", BB_E_REGISTRY_INVALID, 2, "must end its cell"},
        {"usage_point,device,from\nu,E,2026-01-01T00:00:00Z\nu,F,2026-02-01T00:00:00Z\n",
         BB_E_REGISTRY_INVALID, 3, "that of E (line 2) has not ended"},
        {"usage_point,customer\nu,\xff\n", BB_E_REGISTRY_INVALID, 2, "UTF-8"},
    };
    EXPECT_REFUSALS(cases);
}

/* ---- changes --------------------------------------------------------------------------------- */

/* Tell the registry what was parsed, as the log and the worker would. */
static void apply(struct reading *r) {
    for (uint32_t i = 0; i < r->file.count; i++) {
        const struct bb_master *master = &r->file.entries[i].master;
        struct bb_buffer body;

        bb_buffer_init(&body, 1 << 20);
        cr_assert_eq(bb_master_encode(master, &body, &r->error), 0, "%s", r->error.text);
        struct bb_outbox_record record = {.kind = BB_OUTBOX_MASTER,
                                          .recorded_ms = (int64_t)r->sequence,
                                          .tenant = bb_master_tenant_name(master),
                                          .usage_point = bb_master_name(master),
                                          .body = bb_buffer_span(&body)};
        cr_assert_eq(r->registry->ops->project(r->registry, 0, r->sequence, &record, 1, &r->error),
                     0, "%s", r->error.text);
        r->sequence++;
        bb_buffer_release(&body);
    }
}

static void compare(struct reading *r) {
    cr_assert_eq(bb_registry_file_compare(r->registry, &r->file, "r.yaml", &r->arena, &r->changes,
                                          &r->error),
                 0, "%s", r->error.text);
}

static void expect_changes(struct reading *r, const char *before, const char *after,
                           const char *expected) {
    parse_good(r, before);
    apply(r);
    parse_good(r, after);
    compare(r);
    bb_buffer_clear(&r->text);
    for (uint32_t i = 0; i < r->changes.count; i++) {
        const struct bb_registry_change *change = &r->changes.items[i];
        cr_expect_eq(change->kind != BB_REGISTRY_UNCHANGED, change->line_count > 0);
        for (uint32_t line = 0; line < change->line_count; line++)
            bb_buffer_format(&r->text, "%.*s\n", BB_SPAN_ARGS(change->lines[line]));
    }
    cr_expect(bb_span_equal(bb_buffer_span(&r->text), bb_span_of(expected)),
              "these changes\n%.*s and not\n%s", BB_SPAN_ARGS(bb_buffer_span(&r->text)), expected);
}

Test(registry_file, nothing_changes_twice) {
    struct reading r;

    reading_init(&r);
    expect_changes(&r, sample, sample, "");
    cr_expect_eq(r.changes.unchanged, 3);
    cr_expect_eq(r.changes.added + r.changes.changed, 0);
    reading_release(&r);
}

Test(registry_file, what_is_new_is_summed_up) {
    struct reading r;

    reading_init(&r);
    expect_changes(&r, "usage_points: []", sample,
                   "tenant demo: new, zone Europe/Amsterdam\n"
                   "usage point 871685900012345678: new, commodity electricity, zone "
                   "Europe/Amsterdam, 2 tags, 2 installations, 2 channels\n"
                   "calendar nl: new, zone Europe/Amsterdam, day_start 06:00, 1 holiday\n");
    cr_expect_eq(r.changes.added, 3);
    reading_release(&r);
}

Test(registry_file, each_field_that_changes_has_a_line) {
    struct reading r;

    reading_init(&r);
    expect_changes(
        &r,
        "usage_points:\n"
        "- name: u\n"
        "  zone: Europe/Amsterdam\n"
        "  customer: ACME\n"
        "  tags: {district: north, old: x}\n"
        "  installations:\n"
        "  - {device: E1, from: 2026-01-01T00:00:00Z, multiplier: 1.0, opening: {a: 5, b: 1}}\n"
        "  channels: [{name: a, kind: register}, {name: gone}, {name: same, unit: kWh}]\n"
        "- name: v\n"
        "calendars: [{name: nl, holidays: [2026-04-27, 2026-12-25]}]\n",
        "calendars: [{name: nl, day_start: \"06:00\", holidays: [2026-12-25, 2026-12-26]}]\n"
        "usage_points:\n"
        "- name: u\n"
        "  zone: Europe/Berlin\n"
        "  commodity: gas\n"
        "  tags: {new: y, district: south}\n"
        "  installations:\n"
        "  - {device: E1, from: 2026-01-01T00:00:00Z, to: 2026-02-01T00:00:00Z, multiplier: 1,\n"
        "     dials: 6, opening: {a: 7, b: 1.00}, closing: {a: 9}}\n"
        "  - {device: E2, from: 2026-02-01T00:00:00Z, multiplier: 2}\n"
        "  channels: [{name: same, unit: KWH}, {name: a, kind: gauge, one_way: false}, "
        "{name: more, interval: 1h}]\n",
        "calendar nl day_start: (none) → 06:00\n"
        "calendar nl holidays 2026-04-27: removed\n"
        "calendar nl holidays 2026-12-26: added\n"
        "usage point u commodity: (none) → gas\n"
        "usage point u zone: Europe/Amsterdam → Europe/Berlin\n"
        "usage point u customer: ACME → (none)\n"
        "usage point u tags old: x → (none)\n"
        "usage point u tags new: (none) → y\n"
        "usage point u tags district: north → south\n"
        "usage point u installation E1 from 2026-01-01T00:00:00Z to: (none) → "
        "2026-02-01T00:00:00Z\n"
        "usage point u installation E1 from 2026-01-01T00:00:00Z dials: (none) → 6\n"
        "usage point u installation E1 from 2026-01-01T00:00:00Z opening a: 5 → 7\n"
        "usage point u installation E1 from 2026-01-01T00:00:00Z closing a: (none) → 9\n"
        "usage point u installation E2 from 2026-02-01T00:00:00Z: added, multiplier 2\n"
        "usage point u channel gone: removed\n"
        "usage point u channel a kind: register → gauge\n"
        "usage point u channel a one_way: (none) → false\n"
        "usage point u channel more: added, interval 1h\n");
    cr_expect_eq(r.changes.changed, 2);
    reading_release(&r);
}

Test(registry_file, a_calendar_must_be_known) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, "usage_points:\n- {name: u, calendar: nl}\n");
    cr_expect_eq(
        bb_registry_file_compare(r.registry, &r.file, "r.yaml", &r.arena, &r.changes, &r.error),
        -BB_E_REGISTRY_INVALID);
    cr_expect_eq(r.error.line, 2);
    cr_expect_not_null(strstr(r.error.text, "calendar 'nl' is neither"), "%s", r.error.text);

    parse_good(&r, "usage_points: [{name: u, calendar: nl}]\ncalendars: [{name: nl, tenant: t}]\n");
    cr_expect_lt(
        bb_registry_file_compare(r.registry, &r.file, "r.yaml", &r.arena, &r.changes, &r.error), 0,
        "another tenant's calendar is not known");
    parse_good(&r, "usage_points: [{name: u, calendar: nl}]\ncalendars: [{name: nl}]\n");
    compare(&r);
    apply(&r);
    parse_good(&r, "usage_points:\n- {name: w, calendar: nl}\n");
    compare(&r);
    cr_expect_eq(r.changes.added, 1);
    reading_release(&r);
}

/* ---- the way back ---------------------------------------------------------------------------- */

static int append(void *context, struct bb_span text) {
    bb_buffer_append_span(context, text);
    return 0;
}

static struct bb_span exported(struct reading *r, const char *tenant, int64_t as_of_ms) {
    bb_buffer_clear(&r->text);
    cr_assert_eq(
        bb_registry_export(r->registry, bb_span_of(tenant), as_of_ms, append, &r->text, &r->error),
        0, "%s", r->error.text);
    cr_assert(!r->text.overflow);
    return bb_buffer_span(&r->text);
}

Test(registry_file, export_of_the_sample) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, sample);
    apply(&r);
    expect_text(
        exported(&r, "default", BB_TIME_NONE),
        "usage_points:\n"
        "  - name: \"871685900012345678\"\n"
        "    tenant: default\n"
        "    commodity: electricity\n"
        "    zone: Europe/Amsterdam\n"
        "    tags: {district: north, transformer: T12}\n"
        "    installations:\n"
        "      - {device: E0012, from: 2025-01-01T00:00:00Z, to: 2026-03-04T10:00:00Z, dials: 6, "
        "closing: {\"1.8.0\": 84211.30}}\n"
        "      - {device: E0990, from: 2026-03-04T10:00:00Z, dials: 6, opening: {\"1.8.0\": 0}}\n"
        "    channels:\n"
        "      - {name: \"1.8.0\", obis: \"1-0:1.8.0\", kind: register, unit: kWh, one_way: true}\n"
        "      - {name: \"1.29.0\", obis: \"1-1:1.29.0\", kind: interval, interval: 15m, unit: "
        "kWh}\n"
        "calendars:\n"
        "  - name: nl\n"
        "    tenant: default\n"
        "    zone: Europe/Amsterdam\n"
        "    day_start: \"06:00\"\n"
        "    holidays: [2026-04-27]\n");
    expect_text(exported(&r, "demo", BB_TIME_NONE),
                "tenants:\n  - name: demo\n    zone: Europe/Amsterdam\n");
    expect_text(exported(&r, "nobody", BB_TIME_NONE), "usage_points: []\n");
    reading_release(&r);
}

Test(registry_file, export_as_of_a_moment) {
    struct reading r;

    reading_init(&r);
    parse_good(&r, "tenants: [{name: t, zone: UTC}]");
    apply(&r);
    parse_good(&r, "tenants: [{name: t, zone: Asia/Kolkata}]");
    apply(&r);
    expect_text(exported(&r, "", 0), "tenants:\n  - name: t\n    zone: UTC\n");
    expect_text(exported(&r, "", BB_TIME_NONE), "tenants:\n  - name: t\n    zone: Asia/Kolkata\n");
    reading_release(&r);
}

static bool same_name(const struct bb_master *a, const struct bb_master *b) {
    return a->kind == b->kind && bb_span_equal(bb_master_name(a), bb_master_name(b)) &&
           bb_span_equal(bb_master_tenant_name(a), bb_master_tenant_name(b));
}

/* Every entry read has the members of the last one told of its name. */
static void expect_entries(const struct reading *r, const struct bb_registry_entry *told,
                           uint32_t count) {
    for (uint32_t i = 0; i < r->file.count; i++) {
        const struct bb_master *read = &r->file.entries[i].master;
        uint32_t at = count;
        while (at > 0 && !same_name(&told[at - 1].master, read))
            at--;
        cr_assert_gt(at, 0, "nobody told of %.*s", BB_SPAN_ARGS(bb_master_name(read)));
        const char *difference = master_difference(&told[at - 1].master, read);
        cr_assert_null(difference, "%.*s differs in %s\n%.*s", BB_SPAN_ARGS(bb_master_name(read)),
                       difference, BB_SPAN_ARGS(bb_buffer_span(&r->text)));
    }
}

static void forget_names(struct bb_master_usage_point *up) {
    up->calendar = up->profile = (struct bb_span){NULL, 0};
    for (uint32_t i = 0; i < up->channel_count; i++)
        up->channels[i].profile = (struct bb_span){NULL, 0};
}

/* A factor of one is not written, so 10e-1 or 1.0 comes back as 1: the only form that is lost. */
static void plain_ones(struct bb_master_usage_point *up) {
    const struct bb_decimal one = {1, 0};

    for (uint32_t i = 0; i < up->installation_count; i++) {
        struct bb_master_installation *installation = &up->installations[i];
        struct bb_decimal *factors[] = {&installation->multiplier, &installation->calorific_value,
                                        &installation->state_number};
        for (size_t k = 0; k < sizeof factors / sizeof *factors; k++)
            if (bb_decimal_equal(*factors[k], one))
                *factors[k] = one;
    }
}

/* Random rules are not made of each other: hashes, ids and names become those that a plant would give them. */
static void mend_rules(struct bb_arena *arena, struct bb_master_rules *rules) {
    char text[64];

    if (rules->module_count == 0)
        rules->rule_count = 0;
    for (uint32_t i = 0; i < rules->module_count; i++) {
        struct bb_master_module *module = &rules->modules[i];
        snprintf(text, sizeof text, "# %u: \xc3\xa9\n\tpass \"'\\\n\f", i);
        module->source = bb_arena_copy(arena, bb_span_of(text));
        bb_rule_module_hash(module, text);
        module->hash = bb_arena_copy(arena, bb_span_of(text));
    }
    for (uint32_t i = 0; i < rules->rule_count; i++) {
        struct bb_master_rule *rule = &rules->rules[i];
        snprintf(text, sizeof text, "%.*s %u", BB_SPAN_ARGS(rule->name), i);
        rule->name = bb_arena_copy(arena, bb_span_of(text));
        for (uint32_t k = 0; k < rule->version_count; k++) {
            struct bb_master_rule_version *version = &rule->versions[k];
            version->module = rules->modules[k % rules->module_count].hash;
            version->deployed_ms += k; /* an id may be deployed again, later */
            bb_rule_version_id(version, text);
            version->id = bb_arena_copy(arena, bb_span_of(text));
        }
    }
}

/* export, parse: entry for entry the same; compare: no change; any entry the registry can hold. */
Test(registry_file, export_and_apply_is_no_change) {
    enum { ROUNDS = 40, ENTRIES = 50 };
    struct bb_random random;

    bb_random_seed(&random, random_test_seed("registry file round trip"));
    for (int round = 0; round < ROUNDS; round++) {
        struct bb_registry_entry entries[ENTRIES];
        struct reading r;

        reading_init(&r);
        for (size_t i = 0; i < ENTRIES; i++) {
            random_master(&random, &r.arena, &entries[i].master);
            if (entries[i].master.kind == BB_MASTER_RULES)
                mend_rules(&r.arena, &entries[i].master.rules);
            if (entries[i].master.kind == BB_MASTER_USAGE_POINT) {
                forget_names(&entries[i].master.usage_point); /* another test's subject */
                plain_ones(&entries[i].master.usage_point);
            }
        }
        r.file = (struct bb_registry_file){entries, ENTRIES};
        apply(&r);
        struct bb_span text = exported(&r, "", BB_TIME_NONE);
        cr_assert_eq(parse(&r, text), 0, "round %d, line %d: %s\n%.*s", round, (int)r.error.line,
                     r.error.text, BB_SPAN_ARGS(text));
        expect_entries(&r, entries, ENTRIES);
        compare(&r);
        cr_expect_eq(r.changes.unchanged, r.file.count);
        reading_release(&r);
    }
}
