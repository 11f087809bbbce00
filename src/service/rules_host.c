/* The host of a plant's rules: see rules_host.h. */
#include "service/rules_host.h"

#include "base/hash.h"
#include "derive/rule.h"
#include "service/rule_cost.h"
#include "service/rules_channel.h"
#include "service/rules_loaded.h"
#include "service/rules_said.h"
#include "service/rules_window.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { ABOUT_MAX_BYTES = 1 << 20 };

struct bb_rules_host {
    pthread_mutex_t lock;
    struct bb_rules_loaded *loaded;
    struct bb_rules_gather gather;
    struct bb_rules_point *points; /* of the window at hand, and what they weigh */
    double *weights;
    size_t point_room;
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

static bool has_room(struct bb_rules_host *host, size_t count) {
    if (count <= host->point_room)
        return true;
    struct bb_rules_point *points = realloc(host->points, 2 * count * sizeof *points);
    host->points = points ? points : host->points;
    double *weights = points ? realloc(host->weights, 2 * count * sizeof *weights) : NULL;
    if (!weights)
        return false;
    host->weights = weights;
    host->point_room = 2 * count;
    return true;
}

/* A channel's points as rules see them. False: memory is out. */
static bool fill_points(struct bb_rules_host *host, const struct bb_channel *channel, bool raw,
                        const struct bb_point *points, size_t count) {
    if (!has_room(host, count))
        return false;
    for (size_t i = 0; i < count; i++)
        host->points[i] = bb_rules_point_of_derived(channel, raw, &points[i]);
    return true;
}

/* What the rule's other channel is to this version; NULL: there is none. */
static const struct bb_rule_beside *beside_of(const struct bb_rule_ask *ask,
                                              const struct bb_rule_time *time,
                                              struct bb_span name) {
    for (uint32_t k = 0; k < time->look_count; k++)
        if (bb_span_equal(time->looks[k].name, name))
            return bb_rule_beside_of(ask, &time->looks[k]);
    return NULL;
}

/* As far back as the window reaches, and no further than it goes. */
static bool add_other(struct bb_rules_host *host, const struct bb_rule_ask *ask,
                      const struct bb_rule_window *w, const struct bb_rule_beside *beside) {
    const struct bb_point *own = ask->points->points;
    size_t first = 0, end = 0;

    if (!beside)
        return bb_rules_gather_add_other(&host->gather, NULL, 0);
    first = bb_window_after(&beside->points, own[w->judge].end_ms - w->time->window_ms);
    end = bb_window_after(&beside->points, own[w->end - 1].end_ms);
    return fill_points(host, beside->channel, ask->rule->raw, beside->points.points + first,
                       end - first) &&
           bb_rules_gather_add_other(&host->gather, host->points, end - first);
}

static bool add_window(struct bb_rules_host *host, const struct bb_rule_ask *ask, size_t window,
                       const struct bb_rule *rule, struct bb_span about) {
    const struct bb_rule_window *w = &ask->windows[window];
    const size_t count = w->end - w->first;
    bool room = fill_points(host, ask->channel, ask->rule->raw, ask->points->points + w->first,
                            count) &&
                bb_rules_gather_add(&host->gather, host->points, count, w->judge - w->first,
                                    (uint32_t)window, about);

    if (room && ask->channel->profile) {
        for (size_t i = 0; i < count; i++)
            host->weights[i] = bb_rules_weight_of(ask->channel, &host->points[i]);
        bb_rules_gather_weigh(&host->gather, host->weights);
    }
    for (uint32_t k = 0; room && k < rule->other_count; k++)
        room = add_other(host, ask, w, beside_of(ask, w->time, rule->others[k].name));
    return room;
}

static void put_about(const struct bb_rule_question *q, const struct bb_rule_time *time,
                      const struct bb_rule *rule, struct bb_buffer *out) {
    const bool raw = q->ask->rule->raw;
    struct bb_rules_other others[BB_RULE_SERIES_MAX];
    uint32_t count = 0;

    for (uint32_t k = 0; k < rule->other_count; k++) {
        const struct bb_rule_beside *beside = beside_of(q->ask, time, rule->others[k].name);
        if (beside)
            others[count++] = (struct bb_rules_other){rule->others[k].name, beside->name,
                                                      bb_rules_unit(beside->channel, raw)};
    }
    bb_rules_put_about(q->usage_point, q->channel, bb_rules_unit(q->ask->channel, raw), q->about,
                       others, count, out);
}

static uint64_t seed_of(const struct bb_rule_question *q) {
    return bb_hash_seeded(q->usage_point, bb_hash_seeded(q->channel, bb_hash(q->ask->rule->name)));
}

static int run_gathered(struct bb_rules_host *host, const struct bb_rule_question *q,
                        const struct bb_rule_code *code, const struct bb_rules_module *module,
                        const struct bb_rule *rule, struct bb_rules_said *said,
                        struct bb_error *error) {
    const struct bb_rules_sink sink = bb_rules_said_sink(said, &host->gather);
    struct bb_rules_batch batch;

    if (host->gather.windows == 0)
        return 0;
    bb_rules_gather_batch(&host->gather, &batch);
    batch.rule = (uint32_t)(rule - module->items);
    batch.parameters = code->parameters;
    batch.seed = seed_of(q);
    int result = module->rules->ops->run(module->set, &batch, &sink, error);
    bb_rules_gather_clear(&host->gather);
    return result < 0 ? result : 0;
}

static void fail_all(const struct bb_rule_ask *ask, const struct bb_rule_code *code,
                     struct bb_rules_said *said, const char *why) {
    for (size_t i = 0; i < ask->window_count; i++)
        if (ask->windows[i].time->code == code)
            bb_rules_said_fail(said, ask->points->points[ask->windows[i].end - 1].end_ms, why);
}

static int judge_windows(struct bb_rules_host *host, const struct bb_rule_question *q,
                         const struct bb_rule_time *time, const struct bb_rules_module *module,
                         const struct bb_rule *rule, struct bb_rules_said *said,
                         struct bb_error *error) {
    const struct bb_rule_ask *ask = q->ask;
    struct bb_buffer about;
    int result = 0;

    bb_buffer_init(&about, ABOUT_MAX_BYTES);
    put_about(q, time, rule, &about);
    host->gather.others.channels = rule->other_count;
    for (size_t i = 0; !result && i < ask->window_count; i++) {
        if (ask->windows[i].time->code != time->code)
            continue;
        if (!add_window(host, ask, i, rule, bb_buffer_span(&about)))
            result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the windows of a rule");
        else if (bb_rules_gather_full(&host->gather))
            result = run_gathered(host, q, time->code, module, rule, said, error);
    }
    bb_buffer_release(&about);
    return result ? result : run_gathered(host, q, time->code, module, rule, said, error);
}

/* The windows of one version. */
static int judge_version(struct bb_rules_host *host, const struct bb_rule_question *q,
                         const struct bb_rule_time *time, struct bb_rules_said *said,
                         struct bb_error *error) {
    const struct bb_rule_code *code = time->code;
    struct bb_rules_found found;
    int result = bb_rules_loaded_find(host->loaded, q->tenant, code, &found, error);
    const struct bb_rule *rule = result || found.fault
                                     ? NULL
                                     : bb_rules_module_find(found.module, code->function);

    if (result)
        return result;
    if (!rule) {
        fail_all(q->ask, code, said,
                 found.fault ? found.fault : "its module has no rule of that name");
        return 0;
    }
    return judge_windows(host, q, time, found.module, rule, said, error);
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
            result = judge_version(host, q, q->ask->windows[i].time, &said, error);
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
