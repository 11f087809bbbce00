/* The host of a plant's rules: see rules_host.h. */
#include "service/rules_host.h"

#include "base/hash.h"
#include "derive/rule.h"
#include "service/rules_channel.h"
#include "service/rules_loaded.h"
#include "service/rules_said.h"
#include "service/rules_window.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct bb_rules_host {
    pthread_mutex_t lock;
    struct bb_rules_loaded *loaded;
    struct bb_rules_gather gather;
    struct bb_rules_point *points; /* of the window at hand, and what they weigh */
    double *weights;
    size_t point_room;
    struct bb_rule_cost costs[BB_RULE_COSTS_MAX];
    size_t cost_count;
};

struct bb_rules_host *bb_rules_host_open(const struct bb_config *config) {
    struct bb_rules_host *host = calloc(1, sizeof *host);

    if (!host)
        return NULL;
    host->loaded = bb_rules_loaded_open(config);
    if (!host->loaded) {
        free(host);
        return NULL;
    }
    pthread_mutex_init(&host->lock, NULL);
    bb_rules_gather_init(&host->gather);
    return host;
}

void bb_rules_host_close(struct bb_rules_host *host) {
    if (!host)
        return;
    bb_rules_loaded_close(host->loaded);
    bb_rules_gather_release(&host->gather);
    free(host->points);
    free(host->weights);
    pthread_mutex_destroy(&host->lock);
    free(host);
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
                        const struct bb_rule_code *code, const struct bb_rules_module *module,
                        struct bb_rules_said *said, struct bb_error *error) {
    const struct bb_rule *rule = bb_rules_module_find(module, code->function);
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
        batch.rule = (uint32_t)(rule - module->items);
        batch.parameters = code->parameters;
        batch.seed = seed_of(q);
        result = module->rules->ops->run(module->set, &batch, &sink, error);
    }
    bb_rules_gather_clear(&host->gather);
    return result < 0 ? result : 0;
}

/* The windows of one version. */
static int judge_version(struct bb_rules_host *host, const struct bb_rule_question *q,
                         const struct bb_rule_code *code, struct bb_rules_said *said,
                         struct bb_error *error) {
    const struct bb_rule_ask *ask = q->ask;
    struct bb_rules_found found;
    int result = bb_rules_loaded_find(host->loaded, q->tenant, code, &found, error);

    for (size_t i = 0; !result && i < ask->window_count; i++) {
        const struct bb_rule_window *w = &ask->windows[i];
        if (w->time->code != code)
            continue;
        if (found.fault) {
            bb_rules_said_fail(said, ask->points->points[w->end - 1].end_ms, found.fault);
            continue;
        }
        if (!fill_points(host, ask, w) ||
            !bb_rules_gather_add(&host->gather, host->points, w->end - w->first,
                                 w->judge - w->first, (uint32_t)i, q->about))
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the windows of a rule");
        if (ask->channel->profile)
            bb_rules_gather_weigh(&host->gather, host->weights);
        if (bb_rules_gather_full(&host->gather))
            result = run_gathered(host, q, code, found.module, said, error);
    }
    return result || found.fault ? result : run_gathered(host, q, code, found.module, said, error);
}

/* ---- costs --------------------------------------------------------------------------------------- */

static void count_cost(struct bb_rules_host *host, const struct bb_rule_question *q,
                       const struct bb_rules_said *said) {
    struct bb_rule_cost *cost = NULL;

    for (size_t i = 0; i < host->cost_count && !cost; i++)
        if (bb_span_equal(bb_span_of(host->costs[i].tenant), q->tenant) &&
            bb_span_equal(bb_span_of(host->costs[i].rule), q->ask->rule->name))
            cost = &host->costs[i];
    if (!cost && host->cost_count == BB_RULE_COSTS_MAX)
        return;
    if (!cost) {
        cost = &host->costs[host->cost_count++];
        snprintf(cost->tenant, sizeof cost->tenant, "%.*s", BB_SPAN_ARGS(q->tenant));
        snprintf(cost->rule, sizeof cost->rule, "%.*s", BB_SPAN_ARGS(q->ask->rule->name));
    }
    cost->windows += q->ask->window_count;
    for (size_t i = 0; i < q->ask->window_count; i++)
        cost->points += q->ask->windows[i].end - q->ask->windows[i].first;
    cost->failures += said->failures;
    cost->nanoseconds += said->nanoseconds;
}

size_t bb_rules_host_costs(struct bb_rules_host *host, struct bb_rule_cost *out) {
    pthread_mutex_lock(&host->lock);
    size_t count = host->cost_count;
    memcpy(out, host->costs, count * sizeof *out);
    pthread_mutex_unlock(&host->lock);
    return count;
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
        count_cost(host, q, &said);
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
