/* What a channel is: see channel_resolve.h. */
#include "service/channel_resolve.h"

#include "model/channel_name.h"
#include "model/unit.h"
#include "service/rules_channel.h"

#include <stdlib.h>

enum {
    GAS_DAY_START_S = 6 * 3600,
    PHASE_VOLTS = 230, /* between a phase and neutral (EN 50160) */
    LISTS_LIMIT_BYTES = 1 << 20
};

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to say what a channel is");
}

/* ---- facts ----------------------------------------------------------------------------------- */

/* BB_FOUND becomes *has. */
static int find(bb_master_lookup *lookup, void *context, enum bb_master_kind kind,
                struct bb_span tenant, struct bb_span name, struct bb_arena *arena,
                struct bb_master *out, bool *has, struct bb_error *error) {
    int result = lookup(context, kind, tenant, name, arena, out, error);

    *has = result == 0;
    return result < 0 ? result : 0;
}

static struct bb_span first_of(struct bb_span a, struct bb_span b) {
    return a.size ? a : b;
}

/* The name of a channel's profile; empty: it has none. */
static struct bb_span profile_name(const struct bb_master_usage_point *up,
                                   const struct bb_master_channel *c) {
    return first_of(c ? c->profile : BB_SPAN(""), up ? up->profile : BB_SPAN(""));
}

int bb_channel_facts_find(bb_master_lookup *lookup, void *context, struct bb_span tenant,
                          struct bb_span usage_point, struct bb_span channel,
                          struct bb_arena *arena, struct bb_channel_facts *out,
                          struct bb_error *error) {
    const struct bb_master_usage_point *up = &out->usage_point.usage_point;

    *out = (struct bb_channel_facts){0};
    int result = find(lookup, context, BB_MASTER_USAGE_POINT, tenant, usage_point, arena,
                      &out->usage_point, &out->has_usage_point, error);
    if (!result)
        result = find(lookup, context, BB_MASTER_TENANT, tenant, tenant, arena, &out->tenant,
                      &out->has_tenant, error);
    if (!result)
        result = find(lookup, context, BB_MASTER_RULES, tenant, tenant, arena, &out->rules,
                      &out->has_rules, error);
    if (result || !out->has_usage_point)
        return result;
    if (up->calendar.size > 0)
        result = find(lookup, context, BB_MASTER_CALENDAR, tenant, up->calendar, arena,
                      &out->calendar, &out->has_calendar, error);
    struct bb_span profile = profile_name(up, bb_channel_master_of(up, channel));
    if (!result && profile.size > 0)
        result = find(lookup, context, BB_MASTER_PROFILE, tenant, profile, arena, &out->profile,
                      &out->has_profile, error);
    return result;
}

int bb_channel_profile_find(bb_master_lookup *lookup, void *context, struct bb_span tenant,
                            const struct bb_channel_record *record, struct bb_arena *arena,
                            const struct bb_profile **out, struct bb_error *error) {
    struct bb_master master;

    *out = NULL;
    if (record->profile_hash == 0)
        return 0;
    int result = lookup(context, BB_MASTER_PROFILE, tenant, record->profile, arena, &master, error);
    return result == BB_FOUND ? bb_profile_make(&master.profile, arena, out, error)
           : result < 0       ? result
                              : 0;
}

/* ---- the one channel among the usage point's ------------------------------------------------- */

/* A record on its way, with the facts at hand. */
struct resolving {
    struct bb_channel_record *record;
    struct bb_span name;
    const struct bb_master_usage_point *usage_point; /* NULL: none */
    const struct bb_master_channel *channel;         /* NULL: none */
    struct bb_arena *arena;
};

/* Is the channel meant where an opening or closing reading says `name`? */
static bool is_called(const struct resolving *r, struct bb_span name) {
    const struct bb_channel_name called = {r->name, r->record->obis, r->channel};

    return bb_channel_is_called(&called, name);
}

/* One-way when master data says so, else when the OBIS code or the commodity leaves no doubt. */
static int8_t one_way(const struct bb_channel_record *r, const struct bb_master_channel *c) {
    struct bb_obis code;

    if (c && c->one_way >= 0)
        return c->one_way;
    if (r->kind == BB_KIND_GAUGE)
        return 0;
    if (bb_obis_parse(r->obis, &code))
        return bb_obis_one_way(&code);
    return r->commodity == BB_COMMODITY_WATER || r->commodity == BB_COMMODITY_HEAT ||
           r->commodity == BB_COMMODITY_GAS || r->commodity == BB_COMMODITY_COOLING;
}

static bool counts_amounts(const struct bb_channel_record *r) {
    return r->kind == BB_KIND_INTERVAL || r->kind == BB_KIND_REGISTER;
}

/* Counted as volume, told as energy: where an installation says what a volume is worth. */
static bool becomes_energy(const struct resolving *r) {
    const struct bb_master_channel *c = r->channel;

    if (!c || c->unit < 0 || !counts_amounts(r->record) ||
        bb_unit_dimension(c->unit) != BB_DIMENSION_ENERGY ||
        bb_unit_dimension(r->record->unit) != BB_DIMENSION_VOLUME)
        return false;
    for (uint32_t i = 0; i < r->usage_point->installation_count; i++)
        if (r->usage_point->installations[i].calorific_value.mantissa > 0)
            return true;
    return false;
}

/* ---- installations --------------------------------------------------------------------------- */

/* 5 × 10^1, 50 and 50.00 are one factor: 50. More digits than there is room for are rounded. */
static struct bb_decimal plain(bb_wide mantissa, int exponent) {
    const bb_wide limit = bb_power_of_ten[BB_DECIMAL_MAX_DIGITS];
    struct bb_decimal out;

    for (; exponent < 0 && mantissa % 10 == 0; exponent++)
        mantissa /= 10;
    for (; exponent > 0 && mantissa * 10 < limit; exponent--)
        mantissa *= 10;
    int to = exponent;
    for (bb_wide left = mantissa; left >= limit; left /= 10)
        to++;
    if (to < BB_DECIMAL_MIN_EXPONENT)
        to = BB_DECIMAL_MIN_EXPONENT;
    if (bb_wide_to_decimal(mantissa, exponent, to, &out) ||
        bb_wide_to_decimal(mantissa, exponent, to + 1, &out)) /* 99…9.5 became 10^18 */
        return out;
    return (struct bb_decimal){(int64_t)limit - 1, BB_DECIMAL_MAX_EXPONENT};
}

/* a × b of more than zero: exact in 18 digits, else rounded half to even. */
static struct bb_decimal times(struct bb_decimal a, struct bb_decimal b) {
    return plain((bb_wide)a.mantissa * b.mantissa, a.exponent + b.exponent);
}

static struct bb_decimal or_one(struct bb_decimal value) {
    return value.mantissa > 0 ? plain(value.mantissa, value.exponent) : (struct bb_decimal){1, 0};
}

/* multiplier × calorific value × state number: kWh per counted m³. Rounded once, unless the product
 * has more than 38 digits. */
static struct bb_decimal energy_of_volume(struct bb_decimal multiplier,
                                          const struct bb_master_installation *item) {
    struct bb_decimal a = or_one(multiplier), b = or_one(item->calorific_value),
                      c = or_one(item->state_number);
    bb_wide product;

    if (__builtin_mul_overflow((bb_wide)a.mantissa * b.mantissa, (bb_wide)c.mantissa, &product))
        return times(times(a, b), c);
    return plain(product, a.exponent + b.exponent + c.exponent);
}

/* The opening or closing reading of this channel, in its metered unit. */
static bool reading_of(const struct resolving *r, const struct bb_master_reading *readings,
                       uint32_t count, struct bb_decimal *out) {
    bool rounded;

    for (uint32_t i = 0; i < count; i++)
        if (is_called(r, readings[i].channel))
            return bb_convert(readings[i].value, r->record->unit, r->record->metered_unit, out,
                              &rounded);
    return false;
}

static struct bb_installation installation_of(const struct resolving *r,
                                              const struct bb_master_installation *item,
                                              bool energy) {
    struct bb_installation out = {
        .from_ms = item->from_ms, .to_ms = item->to_ms, .factor = {1, 0}, .dials = item->dials};

    if (counts_amounts(r->record))
        out.factor = or_one(item->multiplier);
    if (energy)
        out.factor = energy_of_volume(item->multiplier, item);
    out.has_opening = reading_of(r, item->opening, item->opening_count, &out.opening);
    out.has_closing = reading_of(r, item->closing, item->closing_count, &out.closing);
    return out;
}

/* What is packed in the buffer goes to the arena. */
static int keep_packed(const struct resolving *r, const struct bb_buffer *packed,
                       struct bb_span *out, struct bb_error *error) {
    *out = BB_SPAN("");
    if (packed->size > 0 && !packed->overflow)
        *out = bb_arena_copy(r->arena, bb_buffer_span(packed));
    return packed->overflow || !out->data ? no_memory(error) : 0;
}

/* Where volume becomes energy, an installation that does not say what it is worth is left out: then
 * there are no values, rather than wrong ones. */
static int resolve_installations(const struct resolving *r, bool energy, struct bb_error *error) {
    const struct bb_master_usage_point *up = r->usage_point;
    uint32_t count = 0;
    struct bb_buffer packed;

    r->record->installations = BB_SPAN("");
    if (!up || up->installation_count == 0)
        return 0;
    struct bb_installation *items = bb_arena_take_array(r->arena, up->installation_count,
                                                        sizeof *items);
    if (!items)
        return no_memory(error);
    for (uint32_t i = 0; i < up->installation_count; i++)
        if (!energy || up->installations[i].calorific_value.mantissa > 0)
            items[count++] = installation_of(r, &up->installations[i], energy);
    bb_buffer_init(&packed, LISTS_LIMIT_BYTES);
    bb_installations_pack(items, count, &packed);
    int result = keep_packed(r, &packed, &r->record->installations, error);
    bb_buffer_release(&packed);
    return result;
}

/* ---- holidays -------------------------------------------------------------------------------- */

static int by_day(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static int resolve_holidays(const struct resolving *r, const struct bb_master_calendar *calendar,
                            struct bb_error *error) {
    struct bb_buffer packed;

    r->record->holidays = BB_SPAN("");
    if (!calendar || calendar->holiday_count == 0)
        return 0;
    int32_t *days = bb_arena_take_array(r->arena, calendar->holiday_count, sizeof *days);
    if (!days)
        return no_memory(error);
    memcpy(days, calendar->holidays, calendar->holiday_count * sizeof *days);
    qsort(days, calendar->holiday_count, sizeof *days, by_day);
    bb_buffer_init(&packed, LISTS_LIMIT_BYTES);
    bb_holidays_pack(days, calendar->holiday_count, &packed);
    int result = keep_packed(r, &packed, &r->record->holidays, error);
    bb_buffer_release(&packed);
    return result;
}

/* ---- capacity -------------------------------------------------------------------------------- */

/* What flows in an hour at a rate of 1, by the rate's dimension. Real, reactive and apparent energy
 * are all bounded by the connection. */
static bool is_amount_of(enum bb_dimension rate, enum bb_dimension amount) {
    if (rate == BB_DIMENSION_FLOW)
        return amount == BB_DIMENSION_VOLUME;
    return (rate == BB_DIMENSION_POWER || rate == BB_DIMENSION_APPARENT_POWER) &&
           (amount == BB_DIMENSION_ENERGY || amount == BB_DIMENSION_REACTIVE_ENERGY ||
            amount == BB_DIMENSION_APPARENT_ENERGY);
}

/* The amount of an hour at the connection's rate, as a level in derived units; 0 when the two have
 * nothing to do with each other. `worth` of a m³ in kWh; mantissa 0: it is no energy. */
static int64_t hour_of_connection(const struct resolving *r, struct bb_decimal worth) {
    struct bb_master_connection c = r->usage_point->connection;
    enum bb_dimension amount = bb_unit_dimension(r->record->derived_unit);
    struct bb_decimal hour, level;
    bool rounded;

    if (bb_unit_dimension(c.unit) == BB_DIMENSION_CURRENT) {
        struct bb_decimal volts = {(int64_t)PHASE_VOLTS * c.phases, 0};
        if (!bb_convert(c.value, c.unit, BB_UNIT_A, &c.value, &rounded))
            return 0;
        c.value = times(c.value, volts);
        c.unit = BB_UNIT_VA;
    }
    enum bb_dimension rate = bb_unit_dimension(c.unit);
    bool volume = rate == BB_DIMENSION_FLOW && worth.mantissa > 0;
    /* Canonical units of rates are those of amounts, in an hour: kW and kWh, m³/h and m³. */
    if ((!volume && !is_amount_of(rate, amount)) ||
        !bb_convert(c.value, c.unit, (int)bb_unit_canonical(rate), &hour, &rounded))
        return 0;
    if (volume)
        hour = times(hour, worth);
    if (!bb_convert(hour, (int)bb_unit_canonical(amount), r->record->derived_unit, &hour,
                    &rounded) ||
        !bb_wide_to_decimal(hour.mantissa, hour.exponent, BB_LEVEL_EXPONENT, &level))
        return INT64_MAX;
    return level.mantissa;
}

/* Of gas the most that it is worth at any time. */
static int64_t capacity_of(const struct resolving *r, bool energy) {
    const struct bb_master_usage_point *up = r->usage_point;
    int64_t most = 0;

    if (!up || up->connection.value.mantissa <= 0 || !counts_amounts(r->record))
        return 0;
    if (!energy)
        return hour_of_connection(r, (struct bb_decimal){0, 0});
    for (uint32_t i = 0; i < up->installation_count; i++) {
        if (up->installations[i].calorific_value.mantissa <= 0)
            continue;
        int64_t hour = hour_of_connection(
            r, energy_of_volume((struct bb_decimal){1, 0}, &up->installations[i]));
        most = hour > most ? hour : most;
    }
    return most;
}

static void resolve_calendar(struct bb_channel_record *r, const struct bb_channel_facts *f) {
    if (f->has_usage_point)
        r->zone = f->usage_point.usage_point.zone;
    else
        r->zone = BB_SPAN("");
    r->zone = first_of(r->zone, r->told_zone);
    if (f->has_calendar)
        r->zone = first_of(r->zone, f->calendar.calendar.zone);
    if (f->has_tenant)
        r->zone = first_of(r->zone, f->tenant.tenant.zone);
    r->zone = first_of(r->zone, BB_SPAN("UTC"));
    r->day_start_s = f->has_calendar                    ? f->calendar.calendar.day_start_s
                     : r->commodity == BB_COMMODITY_GAS ? GAS_DAY_START_S
                                                        : 0;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static int resolve_rules(struct bb_channel_record *record, struct bb_span usage_point,
                         struct bb_span name, const struct bb_channel_facts *f,
                         struct bb_arena *arena, struct bb_error *error) {
    const struct bb_master_usage_point *up = f->has_usage_point ? &f->usage_point.usage_point
                                                                : NULL;
    struct bb_channel_rule *rules;
    uint32_t count;

    record->rules_hash = 0;
    if (!f->has_rules || f->rules.rules.rule_count == 0)
        return 0;
    if (!bb_rules_of_channel(&f->rules.rules, usage_point, up, name, record, arena, &rules, &count))
        return no_memory(error);
    record->rules_hash = bb_rules_hash(rules, count, up);
    return 0;
}

int bb_channel_rules_find(bb_master_lookup *lookup, void *context, struct bb_span tenant,
                          struct bb_span usage_point, struct bb_span name,
                          const struct bb_channel_record *record, struct bb_arena *arena,
                          struct bb_channel_rule **rules, uint32_t *count, struct bb_error *error) {
    struct bb_master entry, up;
    bool has_entry, has_up;

    *rules = NULL;
    *count = 0;
    if (record->rules_hash == 0)
        return 0;
    int result = find(lookup, context, BB_MASTER_RULES, tenant, tenant, arena, &entry, &has_entry,
                      error);
    if (!result)
        result = find(lookup, context, BB_MASTER_USAGE_POINT, tenant, usage_point, arena, &up,
                      &has_up, error);
    if (result || !has_entry)
        return result;
    return bb_rules_of_channel(&entry.rules, usage_point, has_up ? &up.usage_point : NULL, name,
                               record, arena, rules, count)
               ? 0
               : no_memory(error);
}

/* ---- the record ------------------------------------------------------------------------------ */

int bb_channel_resolve(struct bb_channel_record *record, struct bb_span usage_point,
                       struct bb_span name, const struct bb_channel_facts *facts,
                       struct bb_arena *arena, struct bb_error *error) {
    struct resolving r = {.record = record, .name = name, .arena = arena};
    enum bb_dimension told = bb_unit_dimension(record->unit);

    if (facts->has_usage_point)
        r.usage_point = &facts->usage_point.usage_point;
    const struct bb_master_channel *c = r.channel = bb_channel_master_of(r.usage_point, name);
    record->kind = c && c->kind ? c->kind : record->told_kind;
    record->commodity = c && c->commodity                           ? c->commodity
                        : r.usage_point && r.usage_point->commodity ? r.usage_point->commodity
                                                                    : record->told_commodity;
    record->interval_s = c && c->interval_s ? c->interval_s : record->told_interval_s;
    record->obis = first_of(c ? c->obis : BB_SPAN(""), record->told_obis);
    record->derived_unit = (int16_t)(c && c->unit >= 0 ? c->unit : (int)bb_unit_canonical(told));
    bool energy = becomes_energy(&r);
    record->metered_unit = (uint8_t)(energy ? (int)bb_unit_canonical(told) : record->derived_unit);
    record->one_way = one_way(record, c);
    resolve_calendar(record, facts);
    record->profile = facts->has_profile ? facts->profile.profile.name : BB_SPAN("");
    record->profile_hash = facts->has_profile ? bb_profile_hash(&facts->profile.profile) : 0;
    record->capacity = capacity_of(&r, energy);
    int result = resolve_installations(&r, energy, error);
    if (!result)
        result = resolve_holidays(&r, facts->has_calendar ? &facts->calendar.calendar : NULL,
                                  error);
    return result ? result : resolve_rules(record, usage_point, name, facts, arena, error);
}

bool bb_channel_derives_alike(const struct bb_channel_record *a,
                              const struct bb_channel_record *b) {
    return a->kind == b->kind && a->commodity == b->commodity && a->interval_s == b->interval_s &&
           a->derived_unit == b->derived_unit && a->metered_unit == b->metered_unit &&
           a->one_way == b->one_way && a->day_start_s == b->day_start_s &&
           a->capacity == b->capacity && bb_span_equal(a->zone, b->zone) &&
           bb_span_equal(a->installations, b->installations) &&
           bb_span_equal(a->holidays, b->holidays) && a->profile_hash == b->profile_hash &&
           a->rules_hash == b->rules_hash;
}

int bb_channel_from_record(struct bb_plant *plant, const struct bb_channel_record *record,
                           struct bb_arena *arena, struct bb_channel *out, struct bb_error *error) {
    *out = (struct bb_channel){.kind = record->kind,
                               .derived_unit = (uint8_t)record->derived_unit,
                               .metered_unit = record->metered_unit,
                               .commodity = record->commodity,
                               .one_way = record->one_way > 0,
                               .interval_s = record->interval_s,
                               .capacity = record->capacity,
                               .pipeline = &plant->config.pipelines[record->commodity]};
    out->calendar.day_start_s = record->day_start_s;
    int result = bb_installations_unpack(record->installations, arena, &out->installations,
                                         &out->installation_count, error);
    if (!result)
        result = bb_holidays_unpack(record->holidays, arena, &out->holidays, &out->holiday_count,
                                    error);
    return result ? result
                  : bb_zone_set_get(plant->zones, record->zone, &out->calendar.zone, error);
}
