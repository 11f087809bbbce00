/* The rules of a channel: see rules_channel.h. Pure. */
#include "service/rules_channel.h"

#include "base/hash.h"
#include "base/json_write.h"
#include "model/channel_name.h"
#include "model/unit.h"

/* ---- which --------------------------------------------------------------------------------------- */

struct subject {
    struct bb_channel_name called;
    uint8_t commodity;
};

static bool is_meant(const struct subject *s, const struct bb_master_rule_version *version) {
    return (!version->commodity || version->commodity == s->commodity) &&
           bb_channel_is_called(&s->called, version->channel);
}

static bool fill_code(const struct bb_master_rules *entry,
                      const struct bb_master_rule_version *version,
                      const struct bb_channel_record *record, struct bb_arena *arena,
                      struct bb_rule_time *out) {
    static const struct bb_master_module none = {0};
    const struct bb_master_module *module = bb_rules_module_of(entry, version->module);
    struct bb_rule_code *code = bb_arena_take_array(arena, 1, sizeof *code);

    if (!code)
        return false;
    *code = (struct bb_rule_code){module ? module : &none, version->function, version->parameters,
                                  version->outputs,
                                  record->kind == BB_KIND_REGISTER ? 0 : version->output_count};
    out->code = code;
    return true;
}

/* A register counts, and what it counts in a day is known when the next one is read: it looks at nobody. */
static bool fill_looks(const struct bb_master_rule_version *version,
                       const struct bb_channel_record *record, struct bb_arena *arena,
                       struct bb_rule_time *out) {
    const uint32_t count = record->kind == BB_KIND_REGISTER ? 0 : version->other_count;
    struct bb_rule_look *looks = bb_arena_take_array(arena, count + 1, sizeof *looks);

    if (!looks)
        return false;
    for (uint32_t k = 0; k < count; k++)
        looks[k] = (struct bb_rule_look){version->others[k].name, version->others[k].channel};
    out->looks = looks;
    out->look_count = count;
    return true;
}

static bool add_rule(const struct bb_master_rules *entry, const struct bb_master_rule *rule,
                     struct bb_span usage_point, const struct subject *subject,
                     const struct bb_channel_record *record, struct bb_arena *arena,
                     struct bb_channel_rule *out, uint32_t *count) {
    struct bb_rule_stretch stretches[BB_RULE_STRETCHES_MAX];
    size_t n = bb_rule_stretches(rule, usage_point, stretches);
    struct bb_rule_time *times = bb_arena_take_array(arena, n + 1, sizeof *times);
    uint32_t kept = 0;

    if (!times)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct bb_master_rule_version *v = stretches[i].version;
        if (!is_meant(subject, v))
            continue;
        times[kept] = (struct bb_rule_time){.from_ms = stretches[i].from_ms,
                                            .to_ms = stretches[i].to_ms,
                                            .window_ms = v->window_ms,
                                            .version = v->id};
        if (!fill_code(entry, v, record, arena, &times[kept]) ||
            !fill_looks(v, record, arena, &times[kept]))
            return false;
        kept++;
    }
    if (kept > 0)
        out[(*count)++] = (struct bb_channel_rule){rule->name, rule->raw, times, kept};
    return true;
}

bool bb_rules_of_channel(const struct bb_master_rules *entry, struct bb_span usage_point,
                         const struct bb_master_usage_point *up, struct bb_span name,
                         const struct bb_channel_record *record, struct bb_arena *arena,
                         struct bb_channel_rule **out, uint32_t *count) {
    const struct subject subject = {{name, record->obis, bb_channel_master_of(up, name)},
                                    record->commodity};
    bool room = true;

    *count = 0;
    *out = bb_arena_take_array(arena, entry->rule_count + 1, sizeof **out);
    for (uint32_t i = 0; *out && room && i < entry->rule_count; i++)
        room = add_rule(entry, &entry->rules[i], usage_point, &subject, record, arena, *out, count);
    return *out && room;
}

/* ---- all that counts ----------------------------------------------------------------------------- */

static void add(uint64_t *hash, struct bb_span part) {
    *hash = bb_hash_seeded(part, *hash + 1);
}

static void add_number(uint64_t *hash, int64_t number) {
    *hash = bb_hash_mix(*hash ^ (uint64_t)number) + 1;
}

static void add_usage_point(uint64_t *hash, const struct bb_master_usage_point *up) {
    for (uint32_t i = 0; i < up->tag_count; i++) {
        add(hash, up->tags[i].key);
        add(hash, up->tags[i].value);
    }
    add(hash, up->tariff);
    add(hash, up->grid_area);
    add_number(hash, up->connection.value.mantissa);
    add_number(hash, up->connection.value.exponent);
    add_number(hash, up->connection.unit);
    add_number(hash, up->connection.phases);
}

/* What the channels of the usage point are called: some rule looks at them. */
static void add_channels(uint64_t *hash, const struct bb_master_usage_point *up) {
    for (uint32_t i = 0; i < up->channel_count; i++) {
        add(hash, up->channels[i].name);
        add(hash, up->channels[i].alias);
        add(hash, up->channels[i].obis);
    }
}

uint64_t bb_rules_hash(const struct bb_channel_rule *rules, uint32_t count,
                       const struct bb_master_usage_point *up) {
    uint64_t hash = 1;
    bool look = false;

    if (count == 0)
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        add(&hash, rules[i].name);
        add_number(&hash, rules[i].raw);
        for (uint32_t k = 0; k < rules[i].time_count; k++) {
            add(&hash, rules[i].times[k].version);
            add_number(&hash, rules[i].times[k].from_ms);
            add_number(&hash, rules[i].times[k].to_ms);
            add_number(&hash, rules[i].times[k].window_ms);
            add_number(&hash, rules[i].times[k].look_count);
            const struct bb_rule_code *code = rules[i].times[k].code;
            add_number(&hash, code->output_count);
            look |= rules[i].times[k].look_count > 0;
        }
    }
    if (up)
        add_usage_point(&hash, up);
    if (up && look)
        add_channels(&hash, up);
    return hash ? hash : 1;
}

/* ---- what a rule may know ------------------------------------------------------------------------ */

static void put_master(const struct bb_master_usage_point *up, struct bb_json *json) {
    bb_json_put_text(json, "commodity", bb_span_of(bb_commodity_name(up->commodity)));
    bb_json_key(json, "tags");
    bb_json_object_begin(json);
    for (uint32_t i = 0; i < up->tag_count; i++) {
        bb_json_key_span(json, up->tags[i].key);
        bb_json_text(json, up->tags[i].value);
    }
    bb_json_object_end(json);
    bb_json_key(json, "master");
    bb_json_object_begin(json);
    if (up->connection.value.mantissa != 0) {
        bb_json_put_double(json, "connection", bb_decimal_to_double(up->connection.value));
        bb_json_put_text(json, "connection_unit", bb_span_of(bb_unit_symbol(up->connection.unit)));
        bb_json_put_u64(json, "connection_phases", up->connection.phases);
    }
    bb_json_put_text(json, "tariff", up->tariff);
    bb_json_put_text(json, "grid_area", up->grid_area);
    bb_json_object_end(json);
}

int bb_rules_unit(const struct bb_channel *channel, bool raw) {
    return channel->kind == BB_KIND_INTERVAL && !raw ? channel->derived_unit
                                                     : channel->metered_unit;
}

static void put_others(const struct bb_rules_other *others, uint32_t count, struct bb_json *json) {
    bb_json_key(json, "others");
    bb_json_object_begin(json);
    for (uint32_t k = 0; k < count; k++) {
        bb_json_key_span(json, others[k].name);
        bb_json_object_begin(json);
        bb_json_put_text(json, "channel", others[k].channel);
        bb_json_put_text(json, "unit", bb_span_of(bb_unit_symbol(others[k].unit)));
        bb_json_object_end(json);
    }
    bb_json_object_end(json);
}

void bb_rules_put_about(struct bb_span usage_point, struct bb_span channel, int unit,
                        const struct bb_master_usage_point *up, const struct bb_rules_other *others,
                        uint32_t other_count, struct bb_buffer *out) {
    struct bb_json json;

    bb_json_init(&json, out);
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "usage_point", usage_point);
    bb_json_put_text(&json, "channel", channel);
    bb_json_put_text(&json, "unit", bb_span_of(bb_unit_symbol(unit)));
    if (up)
        put_master(up, &json);
    if (other_count > 0)
        put_others(others, other_count, &json);
    bb_json_object_end(&json);
}
