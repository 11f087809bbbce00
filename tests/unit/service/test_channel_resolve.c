/* What a channel is, from what was told and what master data says. */
#include <criterion/criterion.h>

#include <inttypes.h>

#include "model/unit.h"
#include "service/channel_resolve.h"

enum { INSTALLATIONS_MAX = 3 };

/* A usage point with one channel "c", as a test makes it. */
struct scene {
    struct bb_channel_facts facts;
    struct bb_master_channel channel;
    struct bb_master_installation installations[INSTALLATIONS_MAX];
    struct bb_channel_record record;
    struct bb_arena arena;
    struct bb_error error;
    const struct bb_installation *resolved; /* of the record */
    uint32_t resolved_count;
};

static void scene_init(struct scene *s, enum bb_kind kind, int told_unit) {
    *s = (struct scene){
        .record = {.told_kind = (uint8_t)kind, .unit = (uint8_t)told_unit, .number = 1},
        .channel = {.name = BB_SPAN("c"), .unit = -1, .one_way = -1}};
    bb_arena_init(&s->arena, 4096, 1 << 20);
    s->facts.has_usage_point = true;
    s->facts.usage_point.kind = BB_MASTER_USAGE_POINT;
    s->facts.usage_point.usage_point = (struct bb_master_usage_point){
        .name = BB_SPAN("u"),
        .channels = &s->channel,
        .channel_count = 1,
        .installations = s->installations};
}

static struct bb_master_usage_point *point_of(struct scene *s) {
    return &s->facts.usage_point.usage_point;
}

/* One more installation, from the end of the one before (the first: from 1000). */
static struct bb_master_installation *install(struct scene *s, int64_t to_ms, int64_t mantissa,
                                              int exponent) {
    uint32_t n = point_of(s)->installation_count++;

    cr_assert_lt(n, INSTALLATIONS_MAX);
    s->installations[n] = (struct bb_master_installation){
        .device = BB_SPAN("d"),
        .from_ms = n ? s->installations[n - 1].to_ms : 1000,
        .to_ms = to_ms,
        .multiplier = {mantissa, (int8_t)exponent}};
    return &s->installations[n];
}

static void resolve(struct scene *s) {
    cr_assert_eq(
        bb_channel_resolve(&s->record, BB_SPAN("u"), BB_SPAN("c"), &s->facts, &s->arena, &s->error),
        0);
    cr_assert_eq(bb_installations_unpack(s->record.installations, &s->arena, &s->resolved,
                                         &s->resolved_count, &s->error),
                 0);
}

static void expect_decimal(struct bb_decimal value, int64_t mantissa, int exponent) {
    cr_expect(value.mantissa == mantissa && value.exponent == exponent,
              "%" PRId64 "e%d, not %" PRId64 "e%d", value.mantissa, value.exponent, mantissa,
              exponent);
}

static void expect_units(const struct scene *s, int metered, int derived) {
    cr_expect_eq(s->record.metered_unit, metered, "metered in %s",
                 bb_unit_symbol(s->record.metered_unit));
    cr_expect_eq(s->record.derived_unit, derived, "derived in %s",
                 bb_unit_symbol(s->record.derived_unit));
}

Test(channel_resolve, without_master_data) {
    struct scene s;

    scene_init(&s, BB_KIND_INTERVAL, BB_UNIT_WH);
    s.facts.has_usage_point = false;
    s.record.told_commodity = BB_COMMODITY_GAS;
    resolve(&s);
    expect_units(&s, BB_UNIT_KWH, BB_UNIT_KWH);
    cr_expect(bb_span_equal(s.record.zone, BB_SPAN("UTC")));
    cr_expect_eq(s.record.day_start_s, 6 * 3600, "a gas day");
    cr_expect_eq(s.record.one_way, 1);
    cr_expect_eq(s.record.capacity, 0);
    cr_expect_eq(s.record.installations.size, 0);
    cr_expect_eq(s.record.holidays.size, 0);
    bb_arena_release(&s.arena);
}

Test(channel_resolve, multipliers_count_amounts_and_no_gauges) {
    static const enum bb_kind kinds[] = {BB_KIND_INTERVAL, BB_KIND_REGISTER, BB_KIND_GAUGE};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct scene s;
        bool gauge = kinds[i] == BB_KIND_GAUGE;
        scene_init(&s, kinds[i], gauge ? BB_UNIT_KW : BB_UNIT_KWH);
        install(&s, 2000, 1, 0)->dials = 6;
        install(&s, BB_TIME_NONE, 4000, -2);
        resolve(&s);
        cr_assert_eq(s.resolved_count, 2);
        cr_expect_eq(s.resolved[0].from_ms, 1000);
        cr_expect_eq(s.resolved[0].to_ms, 2000);
        cr_expect_eq(s.resolved[0].dials, 6);
        expect_decimal(s.resolved[0].factor, 1, 0);
        cr_expect_eq(s.resolved[1].from_ms, 2000);
        cr_expect_eq(s.resolved[1].to_ms, BB_TIME_NONE);
        expect_decimal(s.resolved[1].factor, gauge ? 1 : 40, 0); /* 40.00 is 40 */
        bb_arena_release(&s.arena);
    }
}

/* 10 × 11.2 kWh/m³ × 0.95 = 106.4 kWh for a counted m³ */
Test(channel_resolve, gas_becomes_energy) {
    struct scene s;

    scene_init(&s, BB_KIND_REGISTER, BB_UNIT_L);
    s.channel.unit = BB_UNIT_MJ;
    struct bb_master_installation *first = install(&s, 2000, 10, 0);
    first->calorific_value = (struct bb_decimal){112, -1};
    first->state_number = (struct bb_decimal){95, -2};
    install(&s, 3000, 1, 0); /* of which nobody says what it is worth */
    install(&s, BB_TIME_NONE, 1, 0)->calorific_value = (struct bb_decimal){1000, -2};
    resolve(&s);
    expect_units(&s, BB_UNIT_M3, BB_UNIT_MJ);
    cr_assert_eq(s.resolved_count, 2);
    expect_decimal(s.resolved[0].factor, 1064, -1);
    cr_expect_eq(s.resolved[1].from_ms, 3000);
    expect_decimal(s.resolved[1].factor, 10, 0);
    bb_arena_release(&s.arena);
}

/* Without a calorific value, for a gauge, or told as energy already, a volume stays what it is. */
Test(channel_resolve, what_becomes_no_energy) {
    struct scene s;

    scene_init(&s, BB_KIND_INTERVAL, BB_UNIT_M3);
    s.channel.unit = BB_UNIT_KWH;
    install(&s, BB_TIME_NONE, 2, 0);
    resolve(&s);
    expect_units(&s, BB_UNIT_KWH, BB_UNIT_KWH); /* check `unit` speaks */
    s.installations[0].calorific_value = (struct bb_decimal){10, 0};
    resolve(&s);
    expect_units(&s, BB_UNIT_M3, BB_UNIT_KWH);
    s.record.told_kind = BB_KIND_GAUGE;
    resolve(&s);
    expect_units(&s, BB_UNIT_KWH, BB_UNIT_KWH);
    s.record.told_kind = BB_KIND_INTERVAL;
    s.record.unit = BB_UNIT_WH;
    resolve(&s);
    expect_units(&s, BB_UNIT_KWH, BB_UNIT_KWH);
    expect_decimal(s.resolved[0].factor, 2, 0);
    s.record.unit = BB_UNIT_M3;
    s.channel.unit = BB_UNIT_L;
    resolve(&s);
    expect_units(&s, BB_UNIT_L, BB_UNIT_L);
    expect_decimal(s.resolved[0].factor, 2, 0);
    bb_arena_release(&s.arena);
}

Test(channel_resolve, products_of_many_digits_are_rounded) {
    struct scene s;

    scene_init(&s, BB_KIND_INTERVAL, BB_UNIT_M3);
    s.channel.unit = BB_UNIT_KWH;
    /* 1.000000001 × 1.000000002 = 1.000000003000000002: 19 digits */
    struct bb_master_installation *item = install(&s, BB_TIME_NONE, 1, 0);
    item->calorific_value = (struct bb_decimal){1000000001, -9};
    item->state_number = (struct bb_decimal){1000000002, -9};
    resolve(&s);
    expect_decimal(s.resolved[0].factor, 100000000300000000, -17);
    /* 1.00000000005 × 1.0000001 = 1.000000100050000005: 19 digits, the last a 5, to even */
    item->calorific_value = (struct bb_decimal){100000000005, -11};
    item->state_number = (struct bb_decimal){10000001, -7};
    resolve(&s);
    expect_decimal(s.resolved[0].factor, 100000010005000000, -17);
    /* × 3 = 3.000000300150000015, not thrice what was rounded before: exact to the last digit */
    item->multiplier = (struct bb_decimal){3, 0};
    resolve(&s);
    expect_decimal(s.resolved[0].factor, 300000030015000002, -17);
    item->multiplier = (struct bb_decimal){1, 0};
    /* 999999999.9 × 9999999999 = 9999999998000000000.1 (20 digits) */
    item->calorific_value = (struct bb_decimal){9999999999, -1};
    item->state_number = (struct bb_decimal){9999999999, 0};
    resolve(&s);
    expect_decimal(s.resolved[0].factor, 999999999800000000, 1);
    bb_arena_release(&s.arena);
}

Test(channel_resolve, opening_and_closing_readings) {
    struct bb_master_reading closing[] = {{BB_SPAN("other"), {1, 0}},
                                          {BB_SPAN("1.8.0"), {84211300, 0}}};
    struct bb_master_reading opening[] = {{BB_SPAN("main"), {0, 0}}};
    struct scene s;

    scene_init(&s, BB_KIND_REGISTER, BB_UNIT_WH);
    s.record.told_obis = BB_SPAN("1-0:1.8.0");
    s.channel.alias = BB_SPAN("main");
    struct bb_master_installation *item = install(&s, 2000, 1, 0);
    item->closing = closing;
    item->closing_count = 2;
    item = install(&s, BB_TIME_NONE, 1, 0);
    item->opening = opening;
    item->opening_count = 1;
    resolve(&s);
    cr_assert_eq(s.resolved_count, 2);
    cr_expect_not(s.resolved[0].has_opening);
    cr_assert(s.resolved[0].has_closing);
    expect_decimal(s.resolved[0].closing, 84211300, -3); /* as the device shows it, Wh, in kWh */
    cr_assert(s.resolved[1].has_opening);
    expect_decimal(s.resolved[1].opening, 0, -3);
    cr_expect_not(s.resolved[1].has_closing);
    s.record.told_obis = BB_SPAN("1-0:2.8.0");
    resolve(&s);
    cr_expect_not(s.resolved[0].has_closing, "of another register");
    bb_arena_release(&s.arena);
}

Test(channel_resolve, holidays_are_in_order) {
    int32_t holidays[] = {20571, -1, 20454};
    const int32_t *days;
    struct scene s;
    uint32_t count;

    scene_init(&s, BB_KIND_INTERVAL, BB_UNIT_KWH);
    s.facts.has_calendar = true;
    s.facts.calendar.calendar = (struct bb_master_calendar){.zone = BB_SPAN("Europe/Amsterdam"),
                                                            .day_start_s = 3600,
                                                            .holidays = holidays,
                                                            .holiday_count = 3};
    resolve(&s);
    cr_assert_eq(bb_holidays_unpack(s.record.holidays, &s.arena, &days, &count, &s.error), 0);
    cr_assert_eq(count, 3);
    cr_expect(days[0] == -1 && days[1] == 20454 && days[2] == 20571);
    cr_expect(bb_span_equal(s.record.zone, BB_SPAN("Europe/Amsterdam")));
    cr_expect_eq(s.record.day_start_s, 3600);
    bb_arena_release(&s.arena);
}

static void expect_capacity(struct bb_master_connection connection, enum bb_kind kind, int told,
                            int derived, int64_t expected) {
    struct scene s;

    scene_init(&s, kind, told);
    point_of(&s)->connection = connection;
    s.channel.unit = (int16_t)derived;
    install(&s, 2000, 40, 0)->calorific_value = (struct bb_decimal){10, 0};
    install(&s, 3000, 1, 0)->calorific_value = (struct bb_decimal){11, 0};
    resolve(&s);
    cr_expect_eq(
        s.record.capacity, expected, "%" PRId64 "e%d %s of %s in %s: %" PRId64 ", not %" PRId64,
        connection.value.mantissa, connection.value.exponent, bb_unit_symbol(connection.unit),
        bb_unit_symbol(told), bb_unit_symbol(derived), s.record.capacity, expected);
    bb_arena_release(&s.arena);
}

/* In 10^-9 of the derived unit; the multiplier has nothing to do with it. */
Test(channel_resolve, capacity_is_an_hour_at_the_connections_rate) {
    const struct bb_master_connection kw = {{17, 0}, BB_UNIT_KW, 0}, none = {{0, 0}, 0, 0},
                                      flow = {{25, -1}, BB_UNIT_M3_H, 0},
                                      amperes = {{25, 0}, BB_UNIT_A, 3},
                                      one_phase = {{40, 0}, BB_UNIT_A, 1};
    const int64_t one = 1000000000;

    expect_capacity(kw, BB_KIND_INTERVAL, BB_UNIT_KWH, BB_UNIT_KWH, 17 * one);
    expect_capacity(kw, BB_KIND_REGISTER, BB_UNIT_KWH, BB_UNIT_WH, 17000 * one);
    expect_capacity(kw, BB_KIND_INTERVAL, BB_UNIT_KVARH, BB_UNIT_KVARH, 17 * one);
    expect_capacity(kw, BB_KIND_INTERVAL, BB_UNIT_GJ, BB_UNIT_MJ, 61200000000); /* 61.2 MJ */
    expect_capacity(amperes, BB_KIND_INTERVAL, BB_UNIT_KWH, BB_UNIT_KWH, 17250000000);
    expect_capacity(one_phase, BB_KIND_INTERVAL, BB_UNIT_KWH, BB_UNIT_KWH, 9200000000);
    expect_capacity(flow, BB_KIND_INTERVAL, BB_UNIT_M3, BB_UNIT_L, 2500 * one);
    expect_capacity(flow, BB_KIND_REGISTER, BB_UNIT_M3, BB_UNIT_KWH, 27500000000); /* × 11 */
    expect_capacity(flow, BB_KIND_INTERVAL, BB_UNIT_KWH, BB_UNIT_KWH, 0);
    expect_capacity(kw, BB_KIND_INTERVAL, BB_UNIT_M3, BB_UNIT_M3, 0);
    expect_capacity(kw, BB_KIND_INTERVAL, BB_UNIT_M3, BB_UNIT_KWH, 17 * one);
    expect_capacity(kw, BB_KIND_GAUGE, BB_UNIT_KW, BB_UNIT_KW, 0);
    expect_capacity(none, BB_KIND_INTERVAL, BB_UNIT_KWH, BB_UNIT_KWH, 0);
    expect_capacity((struct bb_master_connection){{1, 18}, BB_UNIT_MW, 0}, BB_KIND_INTERVAL,
                    BB_UNIT_KWH, BB_UNIT_KWH, INT64_MAX);
}

/* Each of these makes other lanes of the same readings. */
Test(channel_resolve, what_derives_history_again) {
    const struct bb_channel_record a = {.kind = BB_KIND_REGISTER,
                                        .derived_unit = BB_UNIT_KWH,
                                        .metered_unit = BB_UNIT_KWH,
                                        .zone = BB_SPAN("UTC"),
                                        .installations = BB_SPAN("x"),
                                        .holidays = BB_SPAN("y")};
    struct bb_channel_record b = a;

    cr_assert(bb_channel_derives_alike(&a, &b));
    b.number = 7;
    b.first_line = 3;
    b.obis = BB_SPAN("1-0:1.8.0");
    b.profile = BB_SPAN("of nothing yet");
    cr_expect(bb_channel_derives_alike(&a, &b));
#define EXPECT_OTHER(change)                                                                       \
    do {                                                                                           \
        b = a;                                                                                     \
        b.change;                                                                                  \
        cr_expect_not(bb_channel_derives_alike(&a, &b), #change);                                  \
    } while (0)
    EXPECT_OTHER(kind = BB_KIND_GAUGE);
    EXPECT_OTHER(commodity = BB_COMMODITY_GAS);
    EXPECT_OTHER(interval_s = 900);
    EXPECT_OTHER(derived_unit = BB_UNIT_WH);
    EXPECT_OTHER(metered_unit = BB_UNIT_M3);
    EXPECT_OTHER(one_way = 1);
    EXPECT_OTHER(day_start_s = 21600);
    EXPECT_OTHER(capacity = 1);
    EXPECT_OTHER(zone = BB_SPAN("Asia/Kolkata"));
    EXPECT_OTHER(installations = BB_SPAN("z"));
    EXPECT_OTHER(holidays = BB_SPAN(""));
    EXPECT_OTHER(profile_hash = 1);
}

/* ---- profiles -------------------------------------------------------------------------------- */

/* A small registry: profiles "even" and "odd", and the usage point of a scene. */
static int look_up(void *context, enum bb_master_kind kind, struct bb_span tenant,
                   struct bb_span name, struct bb_arena *arena, struct bb_master *out,
                   struct bb_error *error) {
    static struct bb_master_day_weight day = {20000, 5};
    struct scene *s = context;

    (void)tenant, (void)arena, (void)error;
    if (kind == BB_MASTER_USAGE_POINT) {
        *out = s->facts.usage_point;
        return BB_FOUND;
    }
    if (kind != BB_MASTER_PROFILE ||
        (!bb_span_equal(name, BB_SPAN("even")) && !bb_span_equal(name, BB_SPAN("odd"))))
        return BB_ABSENT;
    *out = (struct bb_master){.kind = BB_MASTER_PROFILE, .profile = {.name = name}};
    if (bb_span_equal(name, BB_SPAN("odd"))) {
        out->profile.days = &day;
        out->profile.day_count = 1;
    }
    return BB_FOUND;
}

static void resolve_profile(struct scene *s, const char *of_point, const char *of_channel) {
    struct bb_channel_facts facts;

    point_of(s)->profile = bb_span_of(of_point);
    s->channel.profile = bb_span_of(of_channel);
    cr_assert_eq(bb_channel_facts_find(look_up, s, BB_SPAN("t"), BB_SPAN("u"), BB_SPAN("c"),
                                       &s->arena, &facts, &s->error),
                 0);
    cr_assert_eq(
        bb_channel_resolve(&s->record, BB_SPAN("u"), BB_SPAN("c"), &facts, &s->arena, &s->error),
        0);
}

Test(channel_resolve, a_profile_is_the_channels_else_the_usage_points) {
    const struct bb_profile *profile;
    struct scene s;

    scene_init(&s, BB_KIND_REGISTER, BB_UNIT_KWH);
    resolve_profile(&s, "", "");
    cr_expect_eq(s.record.profile.size, 0);
    cr_expect_eq(s.record.profile_hash, 0);
    cr_assert_eq(
        bb_channel_profile_find(look_up, &s, BB_SPAN("t"), &s.record, &s.arena, &profile, &s.error),
        0);
    cr_expect_null(profile);

    resolve_profile(&s, "even", "");
    cr_expect(bb_span_equal(s.record.profile, BB_SPAN("even")));
    uint64_t even = s.record.profile_hash;
    cr_expect_neq(even, 0);
    resolve_profile(&s, "even", "odd");
    cr_expect(bb_span_equal(s.record.profile, BB_SPAN("odd")));
    cr_expect_neq(s.record.profile_hash, even);
    cr_assert_eq(
        bb_channel_profile_find(look_up, &s, BB_SPAN("t"), &s.record, &s.arena, &profile, &s.error),
        0);
    cr_expect_not_null(profile);

    resolve_profile(&s, "nobody's", ""); /* one that has not been told yet */
    cr_expect_eq(s.record.profile.size, 0);
    cr_expect_eq(s.record.profile_hash, 0);
    bb_arena_release(&s.arena);
}
