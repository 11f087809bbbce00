/* The host of a plant's rules: see rules_host.h. */
#include "service/rules_host.h"

#include "base/hash.h"
#include "derive/rule.h"
#include "service/rule_cost.h"
#include "service/rules_channel.h"
#include "service/rules_environment.h"
#include "service/rules_module.h"
#include "service/rules_said.h"
#include "service/rules_window.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* Each module that is loaded has a process of its own. */
enum { MODULES_MAX = 32, FAULT_MAX = 2000 };

struct loaded {
    char hash[17];
    struct bb_rules_module module;
    char *fault; /* it does not load: why; then there is no module */
    uint64_t used;
};

struct bb_rules_host {
    pthread_mutex_t lock;
    const struct bb_config *config;
    struct bb_rules_environment environment;
    struct bb_rules *rules; /* NULL: not started yet */
    struct loaded modules[MODULES_MAX];
    uint32_t module_count;
    uint64_t uses;
    struct bb_rules_gather gather;
    struct bb_rules_point *points; /* of the window at hand, and what they weigh */
    double *weights;
    size_t point_room;
};

struct bb_rules_host *bb_rules_host_open(const struct bb_config *config) {
    struct bb_rules_host *host = calloc(1, sizeof *host);

    if (!host)
        return NULL;
    pthread_mutex_init(&host->lock, NULL);
    host->config = config;
    bb_rules_gather_init(&host->gather);
    return host;
}

static void unload(struct loaded *l) {
    if (!l->fault)
        bb_rules_module_release(&l->module);
    free(l->fault);
    l->fault = NULL;
}

void bb_rules_host_close(struct bb_rules_host *host) {
    if (!host)
        return;
    for (uint32_t i = 0; i < host->module_count; i++)
        unload(&host->modules[i]);
    if (host->rules)
        host->rules->ops->close(host->rules);
    bb_rules_gather_release(&host->gather);
    free(host->points);
    free(host->weights);
    pthread_mutex_destroy(&host->lock);
    free(host);
}

/* ---- modules ------------------------------------------------------------------------------------- */

static int start(struct bb_rules_host *host, struct bb_error *error) {
    struct bb_rules_python_options options;

    if (host->rules)
        return 0;
    int result = bb_rules_environment_find(host->config, &host->environment, &options, error);
    return result ? result : bb_rules_python_open(&options, &host->rules, error);
}

static struct loaded *place_for(struct bb_rules_host *host) {
    struct loaded *oldest = &host->modules[0];

    if (host->module_count < MODULES_MAX)
        return &host->modules[host->module_count++];
    for (uint32_t i = 1; i < host->module_count; i++)
        oldest = host->modules[i].used < oldest->used ? &host->modules[i] : oldest;
    unload(oldest);
    return oldest;
}

/* One that does not load is kept as such: it says so of every window. */
static int load(struct bb_rules_host *host, const struct bb_rule_code *code, struct loaded **out,
                struct bb_error *error) {
    for (uint32_t i = 0; i < host->module_count; i++) {
        struct loaded *l = &host->modules[i];
        if (!bb_span_equal(bb_span_of(l->hash), code->hash))
            continue;
        l->used = ++host->uses;
        *out = l;
        return 0;
    }
    int result = start(host, error);
    if (result)
        return result;
    struct bb_rules_module module;
    result = bb_rules_module_make(host->rules, code->module, code->source, &module, error);
    if (result && error->code != BB_E_RULE_LOAD)
        return result;
    char *fault = result ? strndup(error->text, FAULT_MAX) : NULL;
    if (result && !fault)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a rules module");
    struct loaded *l = place_for(host);
    *l = (struct loaded){.module = module, .fault = fault, .used = ++host->uses};
    snprintf(l->hash, sizeof l->hash, "%.*s", BB_SPAN_ARGS(code->hash));
    *out = l;
    return 0;
}

/* ---- windows ------------------------------------------------------------------------------------- */

/* The window's points as rules see them. */
static bool fill_points(struct bb_rules_host *host, const struct bb_rule_ask *ask,
                        const struct bb_rule_window *w) {
    const size_t count = w->end - w->first;

    if (count > host->point_room) {
        struct bb_rules_point *points = realloc(host->points, 2 * count * sizeof *points);
        host->points = points ? points : host->points;
        double *weights = points ? realloc(host->weights, 2 * count * sizeof *weights) : NULL;
        if (!weights)
            return false;
        host->weights = weights;
        host->point_room = 2 * count;
    }
    for (size_t i = 0; i < count; i++)
        host->points[i] = bb_rules_point_of_derived(ask->channel, ask->rule->raw,
                                                    &ask->points->points[w->first + i]);
    for (size_t i = 0; ask->channel->profile && i < count; i++)
        host->weights[i] = bb_rules_weight_of(ask->channel, &host->points[i]);
    return true;
}

static uint64_t seed_of(const struct bb_rule_question *q) {
    return bb_hash_seeded(q->usage_point, bb_hash_seeded(q->channel, bb_hash(q->ask->rule->name)));
}

static int run_gathered(struct bb_rules_host *host, const struct bb_rule_question *q,
                        const struct bb_rule_code *code, const struct loaded *l,
                        struct bb_rules_said *said, struct bb_error *error) {
    const struct bb_rule *rule = bb_rules_module_find(&l->module, code->function);
    const struct bb_rules_sink sink = bb_rules_said_sink(said, &host->gather);
    struct bb_rules_batch batch;
    int result = 0;

    if (host->gather.windows == 0)
        return 0;
    if (!rule) {
        bb_rules_said_fail_all(said, &host->gather, "its module has no rule of that name");
    } else if (rule->other_count + rule->side_count > 0) {
        /* better nothing than what a back-test did not show */
        bb_rules_said_fail_all(said, &host->gather,
                               "a rule with `others` or `side` can only be back-tested so far");
    } else {
        bb_rules_gather_batch(&host->gather, &batch);
        batch.rule = (uint32_t)(rule - l->module.items);
        batch.parameters = code->parameters;
        batch.seed = seed_of(q);
        result = host->rules->ops->run(l->module.set, &batch, &sink, error);
    }
    bb_rules_gather_clear(&host->gather);
    return result < 0 ? result : 0;
}

/* The windows of one version. */
static int judge_version(struct bb_rules_host *host, const struct bb_rule_question *q,
                         const struct bb_rule_code *code, struct bb_rules_said *said,
                         struct bb_error *error) {
    const struct bb_rule_ask *ask = q->ask;
    struct loaded *l;
    int result = load(host, code, &l, error);

    for (size_t i = 0; !result && i < ask->window_count; i++) {
        const struct bb_rule_window *w = &ask->windows[i];
        if (w->time->code != code)
            continue;
        if (l->fault) {
            bb_rules_said_fail(said, ask->points->points[w->end - 1].end_ms, l->fault);
            continue;
        }
        if (!fill_points(host, ask, w) ||
            !bb_rules_gather_add(&host->gather, host->points, w->end - w->first,
                                 w->judge - w->first, (uint32_t)i, q->about))
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the windows of a rule");
        if (ask->channel->profile)
            bb_rules_gather_weigh(&host->gather, host->weights);
        if (bb_rules_gather_full(&host->gather))
            result = run_gathered(host, q, code, l, said, error);
    }
    return result || l->fault ? result : run_gathered(host, q, code, l, said, error);
}

/* ---- costs --------------------------------------------------------------------------------------- */

static void count_cost(const struct bb_rule_question *q, const struct bb_rules_said *said) {
    struct bb_rule_cost cost = {.windows = q->ask->window_count,
                                .failures = said->failures,
                                .nanoseconds = said->nanoseconds};

    for (size_t i = 0; i < q->ask->window_count; i++)
        cost.points += q->ask->windows[i].end - q->ask->windows[i].first;
    bb_rule_cost_add(q->tenant, q->ask->rule->name, &cost);
}

/* ---- the face ------------------------------------------------------------------------------------ */

static bool is_first_of_its_code(const struct bb_rule_ask *ask, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (ask->windows[k].time->code == ask->windows[i].time->code)
            return false;
    return true;
}

static int judge(struct bb_rules_host *host, const struct bb_rule_question *q,
                 struct bb_arena *arena, struct bb_sayings *out, struct bb_error *error) {
    struct bb_rules_said said;
    int result = 0;

    bb_rules_said_init(&said, q->ask, arena);
    for (size_t i = 0; !result && i < q->ask->window_count; i++)
        if (is_first_of_its_code(q->ask, i))
            result = judge_version(host, q, q->ask->windows[i].time->code, &said, error);
    if (!result)
        result = bb_rules_said_end(&said, out, error);
    if (!result)
        count_cost(q, &said);
    bb_rules_gather_clear(&host->gather);
    return result;
}

int bb_rules_host_judge(void *context, const struct bb_rule_question *question,
                        struct bb_arena *arena, struct bb_sayings *out, struct bb_error *error) {
    struct bb_rules_host *host = context;

    pthread_mutex_lock(&host->lock);
    int result = judge(host, question, arena, out, error);
    pthread_mutex_unlock(&host->lock);
    return result;
}
