/* Deploying rules: see rules_deploy.h. */
#include "service/rules_deploy.h"

#include "model/obis.h"
#include "model/rule_version.h"
#include "service/registry_file.h"
#include "service/rules_parameters.h"

const struct bb_master_rule *bb_rules_find(const struct bb_master_rules *rules,
                                           struct bb_span name) {
    for (uint32_t i = 0; i < rules->rule_count; i++)
        if (bb_span_equal(rules->rules[i].name, name))
            return &rules->rules[i];
    return NULL;
}

int bb_rules_standing(struct bb_registry *registry, struct bb_span tenant, int64_t as_of_ms,
                      struct bb_arena *arena, struct bb_master_rules *out, struct bb_error *error) {
    struct bb_master entry;
    int found = registry->ops->master_get(registry, BB_MASTER_RULES, tenant, tenant, as_of_ms,
                                          arena, &entry, error);

    *out = found == 0 ? entry.rules : (struct bb_master_rules){.tenant = tenant};
    return found < 0 ? found : 0;
}

static int no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the rules of a tenant");
}

static int refuse_unknown(struct bb_span name, struct bb_error *error) {
    return BB_FAIL(error, BB_E_RULE_UNKNOWN,
                   "no rule %.*s is deployed; `busbar rules list` shows those that are",
                   BB_SPAN_ARGS(name));
}

/* ---- the entry ------------------------------------------------------------------------------- */

/* A copy whose lists have room for one element more; versions are those of `current`. */
static int copy(const struct bb_master_rules *current, struct bb_arena *arena,
                struct bb_master_rules *out, struct bb_error *error) {
    *out = *current;
    out->rules = bb_arena_take_array(arena, current->rule_count + 1, sizeof *out->rules);
    out->modules = bb_arena_take_array(arena, current->module_count + 1, sizeof *out->modules);
    if (!out->rules || !out->modules)
        return no_memory(error);
    if (current->rule_count > 0)
        memcpy(out->rules, current->rules, current->rule_count * sizeof *out->rules);
    if (current->module_count > 0)
        memcpy(out->modules, current->modules, current->module_count * sizeof *out->modules);
    return 0;
}

static bool is_used(const struct bb_master_rules *rules, struct bb_span hash) {
    for (uint32_t i = 0; i < rules->rule_count; i++)
        for (uint32_t k = 0; k < rules->rules[i].version_count; k++)
            if (bb_span_equal(rules->rules[i].versions[k].module, hash))
                return true;
    return false;
}

static void sweep_modules(struct bb_master_rules *rules) {
    uint32_t kept = 0;

    for (uint32_t i = 0; i < rules->module_count; i++)
        if (is_used(rules, rules->modules[i].hash))
            rules->modules[kept++] = rules->modules[i];
    rules->module_count = kept;
}

/* Rule `from` to place `to`; those between move up. */
static void move(struct bb_master_rules *rules, uint32_t from, uint32_t to) {
    struct bb_master_rule rule = rules->rules[from];

    for (; from > to; from--)
        rules->rules[from] = rules->rules[from - 1];
    for (; from < to; from++)
        rules->rules[from] = rules->rules[from + 1];
    rules->rules[to] = rule;
}

/* ---- a version ------------------------------------------------------------------------------- */

static bool is_name(struct bb_span name) {
    if (name.size == 0 || name.size >= BB_RULE_NAME_MAX ||
        !(name.data[0] >= 'a' && name.data[0] <= 'z'))
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (!(name.data[i] >= 'a' && name.data[i] <= 'z') &&
            !(name.data[i] >= '0' && name.data[i] <= '9') && name.data[i] != '_')
            return false;
    return true;
}

static int check(const struct bb_deploy *asked, struct bb_span name,
                 const struct bb_master_rule *standing, struct bb_error *error) {
    const enum bb_lane lane = asked->rule->lane;

    if (!is_name(name))
        return BB_FAIL(error, BB_E_USAGE,
                       "a rule's name is lower case letters, digits and _, beginning with a "
                       "letter; %.*s is none",
                       BB_SPAN_ARGS(name));
    if (lane != BB_LANE_RAW && lane != BB_LANE_VEE)
        return BB_FAIL(error, BB_E_RULE_LANE,
                       "rule %.*s is of the lane %s: it can be back-tested, not deployed",
                       BB_SPAN_ARGS(name), bb_lanes[lane].name);
    if (standing && standing->raw != (lane == BB_LANE_RAW))
        return BB_FAIL(error, BB_E_RULE_LANE,
                       "rule %.*s is deployed for the lane %s, this one is of the lane %s: deploy "
                       "it under another name",
                       BB_SPAN_ARGS(name), bb_lanes[standing->raw ? BB_LANE_RAW : BB_LANE_VEE].name,
                       bb_lanes[lane].name);
    if (!bb_registry_source_fits(asked->module->source))
        return BB_FAIL(error, BB_E_RULE_LOAD,
                       "module %.*s is no text of UTF-8 without control characters",
                       BB_SPAN_ARGS(asked->module->name));
    for (uint32_t i = 0; i < asked->module->side_count; i++)
        if (!bb_registry_side_fits((struct bb_span){asked->module->side_files[i].text,
                                                    asked->module->side_files[i].text_size}))
            return BB_FAIL(error, BB_E_RULE_SIDE,
                           "side input %.*s: to be deployed it has at most 1 MiB of text",
                           BB_SPAN_ARGS(asked->module->sides[i].name));
    if (asked->share == 0 || asked->share > BB_MASTER_SHARE_ALL)
        return BB_FAIL(error, BB_E_USAGE, "a share is from a thousandth to all");
    if (asked->before.size > 0 && bb_span_equal(asked->before, name))
        return BB_FAIL(error, BB_E_USAGE, "rule %.*s cannot stand before itself",
                       BB_SPAN_ARGS(name));
    if (asked->reason.size > BB_MASTER_TEXT_MAX || asked->by.size > BB_MASTER_TEXT_MAX)
        return BB_FAIL(error, BB_E_USAGE, "a reason has at most %d bytes", BB_MASTER_TEXT_MAX);
    return 0;
}

static int make_version(const struct bb_deploy *asked, struct bb_arena *arena,
                        struct bb_master_rule_version *out, struct bb_error *error) {
    char id[BB_RULE_ID_SIZE + 1];

    *out = (struct bb_master_rule_version){
        .module = bb_span_of(asked->module->hash),
        .function = asked->rule->name,
        .environment = asked->environment,
        .channel = asked->rule->channel,
        .by = asked->by,
        .reason = asked->reason,
        .deployed_ms = asked->now_ms,
        .from_ms = asked->from_ms == BB_TIME_NONE ? asked->now_ms : asked->from_ms,
        .to_ms = BB_TIME_NONE,
        .window_ms = asked->rule->window_ms,
        .share = asked->share,
        .commodity = asked->rule->commodity > 0 ? (uint8_t)asked->rule->commodity : 0};
    int result = bb_rules_parameters(asked->rule->parameters, asked->parameters, arena,
                                     &out->parameters, error);
    if (result)
        return result;
    out->others = bb_arena_take_array(arena, asked->rule->other_count + 1, sizeof *out->others);
    if (!out->others)
        return no_memory(error);
    out->outputs = bb_arena_take_array(arena, asked->rule->output_count + 1, sizeof *out->outputs);
    if (!out->outputs)
        return no_memory(error);
    for (uint32_t k = 0; k < asked->rule->output_count; k++)
        out->outputs[out->output_count++] = (struct bb_master_rule_output){
            asked->rule->outputs[k].name, (int16_t)bb_unit_find(asked->rule->outputs[k].from)};
    for (uint32_t k = 0; k < asked->rule->other_count; k++)
        out->others[out->other_count++] = (struct bb_master_rule_other){
            asked->rule->others[k].name, asked->rule->others[k].from};
    bb_rule_version_id(out, id);
    out->id = bb_arena_copy(arena, bb_span_of(id));
    return out->id.data ? 0 : no_memory(error);
}

static bool begins_by(const struct bb_master_rule_version *version, int64_t from_ms) {
    return version->from_ms == BB_TIME_NONE || version->from_ms <= from_ms;
}

/* Does the rule say all that already? */
static bool speaks(const struct bb_master_rule *rule, const struct bb_master_rule_version *new) {
    const struct bb_master_rule_version *first = rule->versions;

    return rule->version_count > 0 && bb_span_equal(first->id, new->id) &&
           first->share >= new->share &&
           first->to_ms == BB_TIME_NONE &&begins_by(first, new->from_ms);
}

/* The canary that the new version replaces: the same, of fewer usage points, from no earlier on. */
static bool is_replaced(const struct bb_master_rule_version *old,
                        const struct bb_master_rule_version *new) {
    return bb_span_equal(old->id, new->id) && old->share < new->share &&
           old->from_ms != BB_TIME_NONE &&new->from_ms <= old->from_ms;
}

static int put_first(struct bb_master_rule *rule, const struct bb_master_rule_version *new,
                     struct bb_arena *arena, struct bb_error *error) {
    const struct bb_master_rule_version *old = rule->versions;
    uint32_t kept = 1;
    struct bb_master_rule_version *versions = bb_arena_take_array(arena, rule->version_count + 1,
                                                                  sizeof *versions);

    if (!versions)
        return no_memory(error);
    versions[0] = *new;
    for (uint32_t i = 0; i < rule->version_count && kept < BB_DEPLOY_VERSIONS_MAX; i++)
        if (!is_replaced(&old[i], new))
            versions[kept++] = old[i];
    rule->versions = versions;
    rule->version_count = kept;
    return 0;
}

/* ---- deploy, roll back ----------------------------------------------------------------------- */

static bool put_module(struct bb_master_rules *rules, const struct bb_rules_module *module,
                       struct bb_arena *arena) {
    struct bb_master_side *sides;

    if (bb_rules_module_of(rules, bb_span_of(module->hash)))
        return true;
    sides = bb_arena_take_array(arena, module->side_count + 1, sizeof *sides);
    if (sides)
        rules->modules[rules->module_count++] = bb_rules_module_content(module, sides);
    return sides != NULL;
}

/* May both mean one channel? By what they say: an alias is not told from a name. */
static bool may_be_one(struct bb_span a, struct bb_span b) {
    struct bb_obis x, y;

    return bb_span_equal(a, b) || (bb_obis_parse(a, &x) && bb_obis_parse(b, &y) &&
                                   (bb_obis_match(&x, &y) || bb_obis_match(&y, &x)));
}

/* A rule behind the estimates sees its other channels as they are when all is said of them. So those may not look at
 * others themselves: nobody could say which is first. */
static int check_looks(const struct bb_master_rules *rules, const struct bb_master_rule *of,
                       const struct bb_master_rule_version *looking, struct bb_error *error) {
    for (uint32_t i = 0; !of->raw && i < rules->rule_count; i++)
        for (uint32_t v = 0; !rules->rules[i].raw && v < rules->rules[i].version_count; v++) {
            const struct bb_master_rule_version *seen = &rules->rules[i].versions[v];
            for (uint32_t k = 0; seen->other_count > 0 && k < looking->other_count; k++)
                if (may_be_one(seen->channel, looking->others[k].channel))
                    return BB_FAIL(error, BB_E_RULE_LANE,
                                   "rule %.*s looks at channel %.*s, of which rule %.*s speaks, "
                                   "which looks at others itself: nobody could say which is first",
                                   BB_SPAN_ARGS(of->name), BB_SPAN_ARGS(looking->others[k].channel),
                                   BB_SPAN_ARGS(rules->rules[i].name));
        }
    return 0;
}

static int check_all_looks(const struct bb_master_rules *rules, struct bb_error *error) {
    int result = 0;

    for (uint32_t i = 0; !result && i < rules->rule_count; i++)
        for (uint32_t v = 0; !result && v < rules->rules[i].version_count; v++)
            result = check_looks(rules, &rules->rules[i], &rules->rules[i].versions[v], error);
    return result;
}

static int place(struct bb_master_rules *rules, uint32_t at, struct bb_span before,
                 struct bb_error *error) {
    const struct bb_master_rule *other = bb_rules_find(rules, before);

    if (before.size == 0)
        return 0;
    if (!other)
        return refuse_unknown(before, error);
    uint32_t to = (uint32_t)(other - rules->rules);
    move(rules, at, to - (at < to));
    return 0;
}

int bb_rules_deploy(const struct bb_master_rules *current, const struct bb_deploy *asked,
                    struct bb_arena *arena, struct bb_master_rules *out, struct bb_error *error) {
    const struct bb_span name = asked->name.size ? asked->name : asked->rule->name;
    const struct bb_master_rule *standing = bb_rules_find(current, name);
    struct bb_master_rule_version version;
    int result = check(asked, name, standing, error);

    if (!result)
        result = make_version(asked, arena, &version, error);
    if (!result && !standing && current->rule_count >= BB_DEPLOY_RULES_MAX)
        result = BB_FAIL(error, BB_E_USAGE, "a tenant has at most %d rules", BB_DEPLOY_RULES_MAX);
    if (!result)
        result = copy(current, arena, out, error);
    if (result)
        return result;
    uint32_t at = standing ? (uint32_t)(standing - current->rules) : out->rule_count++;
    struct bb_master_rule *rule = &out->rules[at];
    if (!standing)
        *rule = (struct bb_master_rule){.name = name, .raw = asked->rule->lane == BB_LANE_RAW};
    bool same = speaks(rule, &version);
    if (!same) {
        result = put_module(out, asked->module, arena) ? put_first(rule, &version, arena, error)
                                                       : no_memory(error);
        sweep_modules(out);
    }
    if (!result)
        result = check_all_looks(out, error);
    if (!result)
        result = place(out, at, asked->before, error);
    return result ? result : same && bb_rules_equal(current, out) ? BB_DEPLOY_SAME : BB_DEPLOY_DONE;
}

int bb_rules_rollback(const struct bb_master_rules *current, struct bb_span name,
                      struct bb_arena *arena, struct bb_master_rules *out, struct bb_error *error) {
    const struct bb_master_rule *standing = bb_rules_find(current, name);

    if (!standing)
        return refuse_unknown(name, error);
    int result = copy(current, arena, out, error);
    if (result)
        return result;
    uint32_t at = (uint32_t)(standing - current->rules);
    if (standing->version_count > 1) {
        out->rules[at].versions++;
        out->rules[at].version_count--;
    } else {
        move(out, at, --out->rule_count);
    }
    sweep_modules(out);
    return 0;
}

/* ---- are they the same? ---------------------------------------------------------------------- */

/* What a version says is in its id; the rest is where, when, and who. */
static bool versions_equal(const struct bb_master_rule_version *a,
                           const struct bb_master_rule_version *b) {
    return bb_span_equal(a->id, b->id) && bb_span_equal(a->by, b->by) &&
           bb_span_equal(a->reason, b->reason) && a->deployed_ms == b->deployed_ms &&
           a->from_ms == b->from_ms && a->to_ms == b->to_ms && a->share == b->share;
}

bool bb_rules_equal(const struct bb_master_rules *a, const struct bb_master_rules *b) {
    bool equal = a->rule_count == b->rule_count;

    for (uint32_t i = 0; equal && i < a->rule_count; i++) {
        const struct bb_master_rule *x = &a->rules[i], *y = &b->rules[i];
        equal = bb_span_equal(x->name, y->name) && x->version_count == y->version_count;
        for (uint32_t k = 0; equal && k < x->version_count; k++)
            equal = versions_equal(&x->versions[k], &y->versions[k]);
    }
    return equal;
}
