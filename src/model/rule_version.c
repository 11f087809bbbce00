/* Versions of rules: see rule_version.h. Pure. */
#include "model/rule_version.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"

bool bb_rule_in_share(struct bb_span rule, struct bb_span usage_point, uint32_t share) {
    return bb_hash_mix(bb_hash_seeded(usage_point, bb_hash(rule))) % BB_MASTER_SHARE_ALL < share;
}

void bb_rule_version_id(const struct bb_master_rule_version *v, char id[BB_RULE_ID_SIZE + 1]) {
    uint64_t hash = 0;

    for (int i = 0; i < 4; i++) {
        const struct bb_span part = (const struct bb_span[]){v->module, v->function, v->parameters,
                                                             v->environment}[i];
        hash = bb_hash_seeded(part, hash + (uint64_t)i + 1);
    }
    snprintf(id, BB_RULE_ID_SIZE + 1, "%016" PRIx64, hash);
}

/* The same module with another winter is another one. */
void bb_rule_module_hash(const struct bb_master_module *module, char hash[BB_RULE_ID_SIZE + 1]) {
    uint64_t sum = bb_hash(module->source);

    for (uint32_t i = 0; i < module->side_count; i++)
        sum = bb_hash_seeded(module->sides[i].text,
                             bb_hash_seeded(module->sides[i].name, sum + 1) + 1);
    snprintf(hash, BB_RULE_ID_SIZE + 1, "%016" PRIx64, sum);
}

/* ---- stretches ------------------------------------------------------------------------------- */

struct stretches {
    struct bb_rule_stretch *items;
    size_t count;
};

static bool insert(struct stretches *s, size_t at, struct bb_rule_stretch stretch) {
    if (s->count == BB_RULE_STRETCHES_MAX)
        return false;
    memmove(&s->items[at + 1], &s->items[at], (s->count - at) * sizeof s->items[0]);
    s->items[at] = stretch;
    s->count++;
    return true;
}

/* A version has what those before it left. */
static bool fill(struct stretches *s, const struct bb_master_rule_version *version) {
    int64_t from = version->from_ms == BB_TIME_NONE ? INT64_MIN : version->from_ms;
    const int64_t to = version->to_ms == BB_TIME_NONE ? INT64_MAX : version->to_ms;
    bool room = true;

    for (size_t i = 0; room && i < s->count && from < to; i++) {
        const struct bb_rule_stretch taken = s->items[i];
        if (taken.to_ms <= from)
            continue;
        int64_t until = taken.from_ms < to ? taken.from_ms : to;
        if (from < until)
            room = insert(s, i++, (struct bb_rule_stretch){from, until, version});
        from = taken.to_ms;
    }
    size_t at = s->count;
    while (at > 0 && s->items[at - 1].from_ms >= to)
        at--;
    return room && (from >= to || insert(s, at, (struct bb_rule_stretch){from, to, version}));
}

static size_t join(struct bb_rule_stretch *items, size_t count) {
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct bb_rule_stretch *last = kept ? &items[kept - 1] : NULL;
        if (last && last->to_ms == items[i].from_ms &&
            bb_span_equal(last->version->id, items[i].version->id))
            last->to_ms = items[i].to_ms;
        else
            items[kept++] = items[i];
    }
    return kept;
}

size_t bb_rule_stretches(const struct bb_master_rule *rule, struct bb_span usage_point,
                         struct bb_rule_stretch out[BB_RULE_STRETCHES_MAX]) {
    struct stretches s = {out, 0};
    bool room = true;

    for (uint32_t i = 0; room && i < rule->version_count; i++)
        if (bb_rule_in_share(rule->name, usage_point, rule->versions[i].share))
            room = fill(&s, &rule->versions[i]);
    return join(out, s.count);
}

const struct bb_master_module *bb_rules_module_of(const struct bb_master_rules *rules,
                                                  struct bb_span hash) {
    for (uint32_t i = 0; i < rules->module_count; i++)
        if (bb_span_equal(rules->modules[i].hash, hash))
            return &rules->modules[i];
    return NULL;
}
