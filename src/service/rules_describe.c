/* What modules say of their rules: see rules_describe.h. */
#include "service/rules_describe.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { DESCRIBED_MAX = 64, FAULT_MAX = 2000 };

struct described {
    char tenant[BB_MASTER_TENANT_MAX + 1], hash[17];
    struct bb_rules_trial *trial; /* ended: what its module said is left; NULL: it does not load */
    char *fault;
    bool is_passing; /* the fault is not the module's */
    uint64_t used;   /* 0: the place is free */
};

struct bb_rules_describer {
    pthread_mutex_t lock; /* guards the rest */
    const struct bb_config *config;
    struct described items[DESCRIBED_MAX];
    uint64_t uses;
};

struct bb_rules_describer *bb_rules_describer_open(const struct bb_config *config) {
    struct bb_rules_describer *describer = calloc(1, sizeof *describer);

    if (!describer)
        return NULL;
    pthread_mutex_init(&describer->lock, NULL);
    describer->config = config;
    return describer;
}

static void forget(struct described *d) {
    if (d->trial)
        bb_rules_module_release(&d->trial->module);
    free(d->trial);
    free(d->fault);
    *d = (struct described){.used = 0};
}

void bb_rules_describer_close(struct bb_rules_describer *describer) {
    if (!describer)
        return;
    for (int i = 0; i < DESCRIBED_MAX; i++)
        forget(&describer->items[i]);
    pthread_mutex_destroy(&describer->lock);
    free(describer);
}

/* The one that is asked for, else the place for it: free, or that of the one used longest ago. */
static struct described *find(struct bb_rules_describer *describer, struct bb_span tenant,
                              struct bb_span hash) {
    struct described *place = &describer->items[0];

    for (int i = 0; i < DESCRIBED_MAX; i++) {
        struct described *d = &describer->items[i];
        if (d->used > 0 && bb_span_equal(bb_span_of(d->tenant), tenant) &&
            bb_span_equal(bb_span_of(d->hash), hash))
            return d;
        place = d->used < place->used ? d : place;
    }
    forget(place);
    return place;
}

static int load(struct bb_rules_describer *describer, struct bb_span tenant,
                const struct bb_master_module *module, struct described *out,
                struct bb_error *error) {
    struct bb_rules_trial *trial = calloc(1, sizeof *trial);

    if (!trial)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to describe a rule");
    int result = bb_rules_trial_open(describer->config, tenant, module, trial, error);
    if (result) {
        free(trial);
        out->fault = strndup(error->text, FAULT_MAX);
        out->is_passing = error->code != BB_E_RULE_LOAD && error->code != BB_E_RULE_SIDE;
        return out->fault ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to describe a rule");
    }
    bb_rules_trial_stop(trial);
    out->trial = trial;
    return 0;
}

static bool tell(const struct described *d, struct bb_span function, struct bb_arena *arena,
                 struct bb_rule_description *out) {
    const struct bb_rule *rule = d->trial ? bb_rules_module_find(&d->trial->module, function)
                                          : NULL;

    if (!rule) {
        out->fault = bb_arena_copy(
            arena, bb_span_of(d->fault ? d->fault : "its module has no rule of that name"));
        return out->fault.data != NULL;
    }
    out->text = bb_arena_copy(arena, rule->text);
    out->parameters = bb_arena_copy(arena, rule->parameters);
    return out->text.data && out->parameters.data;
}

int bb_rules_describe(struct bb_rules_describer *describer, struct bb_span tenant,
                      const struct bb_master_module *module, struct bb_span function,
                      struct bb_arena *arena, struct bb_rule_description *out,
                      struct bb_error *error) {
    int result = 0;

    *out = (struct bb_rule_description){.fault = {NULL, 0}};
    pthread_mutex_lock(&describer->lock);
    struct described *d = find(describer, tenant, module->hash);
    if (d->used == 0)
        result = load(describer, tenant, module, d, error);
    if (!result && !tell(d, function, arena, out))
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory to describe a rule");
    snprintf(d->tenant, sizeof d->tenant, "%.*s", BB_SPAN_ARGS(tenant));
    snprintf(d->hash, sizeof d->hash, "%.*s", BB_SPAN_ARGS(module->hash));
    d->used = ++describer->uses;
    if (result || d->is_passing)
        forget(d);
    pthread_mutex_unlock(&describer->lock);
    return result;
}
