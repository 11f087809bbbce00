/* What was ever done to rules: see rules_history.h. */
#include "service/rules_history.h"

#include <stdio.h>

#include "service/audit.h"
#include "service/rules_deploy.h"

enum {
    ARENA_CHUNK_BYTES = 64 << 10,
    ARENA_LIMIT_BYTES = 256 << 20,
    FAILED_KEPT = 16,
    BEGUN_BEFORE_MS = 120000 /* an act in the audit log, before what it did was recorded */
};

const char *bb_rules_done_name(enum bb_rules_done done) {
    return done == BB_RULES_DEPLOYED ? "deployed" : "rolled back";
}

struct history {
    struct bb_registry *registry;
    struct bb_span tenant;
    bb_rules_change_visit *visit;
    void *context;
    struct bb_rules_change change;
    char who[BB_AUDIT_TEXT_MAX + 1], why[BB_AUDIT_TEXT_MAX + 1];
    struct bb_error *error;
};

struct entry {
    int64_t recorded_ms; /* BB_TIME_NONE: there is none */
    struct bb_master_rules rules;
    struct bb_arena arena;
};

/* ---- entries ---------------------------------------------------------------------------------- */

/* A bb_registry_master_visit. */
static int take_time(void *context, int64_t recorded_ms, const struct bb_master *master) {
    int64_t *out = context;

    (void)master;
    *out = recorded_ms;
    return 1;
}

/* The one that was recorded last by then. */
static int read_entry(struct history *h, int64_t until_ms, struct entry *out) {
    out->recorded_ms = BB_TIME_NONE;
    bb_arena_reset(&out->arena);
    int result = h->registry->ops->kind_list(h->registry, h->tenant, BB_MASTER_RULES, until_ms,
                                             take_time, &out->recorded_ms, h->error);
    return result < 0 ? result
                      : bb_rules_standing(h->registry, h->tenant, until_ms, &out->arena,
                                          &out->rules, h->error);
}

/* ---- who rolled back -------------------------------------------------------------------------- */

struct finding {
    struct history *h;
    uint64_t failed[FAILED_KEPT];
    size_t failed_count;
};

static bool has_failed(const struct finding *f, uint64_t sequence) {
    for (size_t i = 0; i < f->failed_count && i < FAILED_KEPT; i++)
        if (f->failed[i] == sequence)
            return true;
    return false;
}

/* A bb_registry_audit_visit: the newest first, the outcome before the act. */
static int find_act(void *context, const struct bb_registry_audit *row) {
    struct finding *f = context;
    const struct bb_span rule = f->h->change.rule;

    if (row->about > 0 && row->outcome != BB_AUDIT_DONE)
        f->failed[f->failed_count++ % FAILED_KEPT] = row->about;
    if (row->about > 0 || !bb_span_equal(row->verb, BB_SPAN("rules rollback")) ||
        !memmem(row->subject.data, row->subject.size, rule.data, rule.size) ||
        row->outcome == BB_AUDIT_REFUSED || has_failed(f, row->sequence))
        return 0;
    snprintf(f->h->who, sizeof f->h->who, "%.*s", BB_SPAN_ARGS(row->who));
    snprintf(f->h->why, sizeof f->h->why, "%.*s", BB_SPAN_ARGS(row->reason));
    return 1;
}

static int find_who(struct history *h) {
    const struct bb_registry_audit_question question = {.tenant = h->tenant,
                                                        .from_ms = h->change.at_ms -
                                                                   BEGUN_BEFORE_MS,
                                                        .to_ms = h->change.at_ms + 1};
    struct finding finding = {.h = h};

    h->who[0] = h->why[0] = '\0';
    int result = h->registry->ops->audit_list(h->registry, &question, find_act, &finding, h->error);
    h->change.by = bb_span_of(h->who);
    h->change.reason = bb_span_of(h->why);
    return result < 0 ? result : 0;
}

/* ---- what became of a rule -------------------------------------------------------------------- */

static int tell(struct history *h, const struct bb_master_rules *rules,
                const struct bb_master_rule *of, const struct bb_master_rule_version *speaks,
                enum bb_rules_done done) {
    struct bb_rules_change *c = &h->change;
    int result = 0;

    c->done = done;
    c->rule = of->name;
    c->rules = rules;
    c->of = of;
    c->version = &of->versions[0];
    c->speaks = speaks;
    c->by = c->version->by;
    c->reason = c->version->reason;
    if (done == BB_RULES_ROLLED_BACK)
        result = find_who(h);
    if (!result)
        result = h->visit(h->context, c);
    c->number++;
    return result;
}

static bool is_same(const struct bb_master_rule_version *a,
                    const struct bb_master_rule_version *b) {
    return bb_span_equal(a->id, b->id) && a->deployed_ms == b->deployed_ms &&
           a->from_ms == b->from_ms && a->to_ms == b->to_ms && a->share == b->share;
}

/* Without the one that was deployed last, the one before it speaks. */
static bool is_behind(const struct bb_master_rule_version *version,
                      const struct bb_master_rule *old) {
    for (uint32_t i = 1; i < old->version_count; i++)
        if (is_same(version, &old->versions[i]))
            return true;
    return false;
}

static int compare(struct history *h, const struct entry *before, const struct entry *after) {
    int result = 0;

    h->change.at_ms = after->recorded_ms;
    h->change.number = 0;
    for (uint32_t i = 0; !result && i < after->rules.rule_count; i++) {
        const struct bb_master_rule *new = &after->rules.rules[i];
        const struct bb_master_rule *old = bb_rules_find(&before->rules, new->name);
        if (old && is_same(&old->versions[0], &new->versions[0]))
            continue;
        result = old && is_behind(&new->versions[0], old)
                     ? tell(h, &before->rules, old, new->versions, BB_RULES_ROLLED_BACK)
                     : tell(h, &after->rules, new, new->versions, BB_RULES_DEPLOYED);
    }
    for (uint32_t i = 0; !result && i < before->rules.rule_count; i++)
        if (!bb_rules_find(&after->rules, before->rules.rules[i].name))
            result = tell(h, &before->rules, &before->rules.rules[i], NULL, BB_RULES_ROLLED_BACK);
    return result;
}

/* ---- all -------------------------------------------------------------------------------------- */

int bb_rules_history(struct bb_registry *registry, struct bb_span tenant, int64_t until_ms,
                     bb_rules_change_visit *visit, void *context, struct bb_error *error) {
    struct history h = {registry, tenant, visit, context, .error = error};
    struct entry entries[2];
    int result, at = 0;

    for (int i = 0; i < 2; i++)
        bb_arena_init(&entries[i].arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    result = read_entry(&h, until_ms, &entries[0]);
    while (!result && entries[at].recorded_ms != BB_TIME_NONE) {
        struct entry *after = &entries[at], *before = &entries[1 - at];
        result = read_entry(&h, after->recorded_ms - 1, before);
        if (!result)
            result = compare(&h, before, after);
        at = 1 - at;
    }
    for (int i = 0; i < 2; i++)
        bb_arena_release(&entries[i].arena);
    return result < 0 ? result : 0;
}
