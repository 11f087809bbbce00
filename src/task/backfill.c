/* The task backfill: a deployed rule speaks of history, too, step by step.
 *
 * `rules deploy --from` derives all channels again in one go, and what comes in waits for that. This does the same a share of the usage
 * points at a time: each step is a canary of the version that stands, with an earlier beginning and a greater share
 * (service/rules_deploy.h), and what it changes is derived before the next one. So the end is that of one deployment, and in between
 * whatever comes in is derived, too.
 *
 * A step that was made already is no change (BB_DEPLOY_SAME): begun again, it goes on by itself. The checkpoint is the id of the
 * version, so that another one that people deploy meanwhile is not filled back by mistake. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json_write.h"
#include "model/rule_version.h"
#include "service/registry_turn.h"
#include "service/rules_environment.h"
#include "service/rules_proposal.h"
#include "task/kind_internal.h"

enum { STEPS = 20, ARENA_CHUNK_BYTES = 64 << 10, ARENA_LIMIT_BYTES = 256 << 20, TURN_MS = 120000 };

static const struct bb_task_parameter parameters[] = {
    {"from", BB_TASK_TIME, true, "it speaks of values that end after this"},
    {"reason", BB_TASK_TEXT, false, "kept with the version and in the audit log"},
    {NULL}};

struct backfill {
    struct bb_task_run *run;
    struct bb_task_plant plant;
    struct bb_rules_environment environment;
    struct bb_rules *host;
    struct bb_rules_module module;
    bool is_loaded;
    struct bb_arena arena; /* of what stands when it begins */
    struct bb_arena step;  /* of a step */
    struct bb_rules_proposal proposal;
    const struct bb_master_rule_version *version; /* that is to speak of history */
    int64_t from_ms;
    uint32_t done; /* steps */
};

static int find_version(struct backfill *b, const struct bb_master_rules *standing,
                        struct bb_error *error) {
    const char *name = bb_task_what(b->run, 0);
    const struct bb_master_rule *rule = bb_rules_find(standing, bb_span_of(name));
    const struct bb_span begun = bb_task_of(b->run)->checkpoint;

    if (!rule || rule->version_count == 0)
        return BB_FAIL(error, BB_E_RULE_UNKNOWN,
                       "no rule %s is deployed; `busbar rules list` shows those that are", name);
    b->version = &rule->versions[0];
    if (begun.size > 0 && !bb_span_equal(begun, b->version->id))
        return BB_FAIL(
            error, BB_E_RULES_CHANGED,
            "rule %s was deployed or rolled back meanwhile: version %.*s was to be filled back",
            name, BB_SPAN_ARGS(begun));
    return 0;
}

/* The module as it is deployed, not as its file may be by now. */
static int load_module(struct backfill *b, const struct bb_master_rules *standing,
                       struct bb_error *error) {
    const struct bb_master_module *deployed = bb_rules_module_of(standing, b->version->module);
    struct bb_rules_python_options python;

    if (!deployed)
        return BB_FAIL(error, BB_E_RULE_UNKNOWN, "the module of version %.*s is not there",
                       BB_SPAN_ARGS(b->version->id));
    int result = bb_rules_environment_find(&b->plant.plant.config, bb_task_of(b->run)->tenant,
                                           &b->environment, &python, error);
    if (!result)
        result = bb_rules_python_open(&python, &b->host, error);
    if (!result)
        result = bb_rules_module_make(b->host, deployed, &b->module, error);
    b->is_loaded = result == 0;
    return result;
}

/* All that the version is, but for since when and of how many. Its times are the task's, so that it is the same in whatever
 * pieces it is done. */
static int begin(struct backfill *b, struct bb_error *error) {
    const struct bb_task *task = bb_task_of(b->run);
    struct bb_master_rules standing;
    const char *reason = bb_task_text(b->run, "reason");
    int result = bb_rules_standing(b->plant.plant.registry, task->tenant, BB_TIME_NONE, &b->arena,
                                   &standing, error);

    if (!result)
        result = find_version(b, &standing, error);
    if (!result)
        result = load_module(b, &standing, error);
    if (result)
        return result;
    b->proposal = (struct bb_rules_proposal){
        .plant = &b->plant.plant,
        .tenant = task->tenant,
        .arena = &b->step,
        .asked = {.module = &b->module,
                  .rule = bb_rules_module_find(&b->module, b->version->function),
                  .name = bb_span_of(bb_task_what(b->run, 0)),
                  .parameters = b->version->parameters,
                  .environment = b->version->environment,
                  .by = task->by,
                  .reason = bb_span_of(reason ? reason : "filled back"),
                  .now_ms = task->created_ms,
                  .from_ms = b->from_ms}};
    return b->proposal.asked.rule
               ? 0
               : BB_FAIL(error, BB_E_RULE_UNKNOWN, "the module of rule %s has no function of its",
                         bb_task_what(b->run, 0));
}

/* Under the turn of those who change the registry: what stands now, and the next step on it. */
static int propose_and_append(struct backfill *b, struct bb_error *error) {
    bb_arena_reset(&b->step);
    int result = bb_rules_propose(&b->proposal, error);

    if (result)
        return result;
    const struct bb_master_rule_version *before = bb_rules_proposal_before(&b->proposal);
    if (!before || !bb_span_equal(before->id, b->version->id))
        return BB_FAIL(error, BB_E_RULES_CHANGED, "rule %s was deployed or rolled back meanwhile",
                       bb_task_what(b->run, 0));
    if (b->proposal.outcome == BB_DEPLOY_SAME)
        return 0;
    return bb_rules_proposal_append(&b->proposal, &b->plant.plant, bb_clock_system(), error);
}

static int take_step(struct backfill *b, struct bb_error *error) {
    const struct bb_task_tools *tools = bb_task_tools(b->run);
    int turn, result = bb_task_tell(b->run, b->done, STEPS, error,
                                    "%u of %d parts of the usage points", b->done + 1, STEPS);

    b->proposal.asked.share = BB_MASTER_SHARE_ALL * (b->done + 1) / STEPS;
    if (!result)
        result = bb_registry_turn_take(&b->plant.plant, TURN_MS, &turn, error);
    if (result)
        return result;
    result = propose_and_append(b, error);
    if (!result) /* within the turn: the next one compares with what the registry has */
        result = tools->follow(tools->context, &b->plant, b->run, error);
    bb_registry_turn_end(turn);
    b->done++;
    return result ? result : bb_task_checkpoint(b->run, b->version->id, error);
}

/* A bb_task_change. */
static int take_all(void *context, struct bb_error *error) {
    struct backfill *b = context;
    int result = 0;

    while (!result && b->done < STEPS)
        result = take_step(b, error);
    return result;
}

static int fill_back(struct backfill *b, struct bb_error *error) {
    const struct bb_task_tools *tools = bb_task_tools(b->run);
    char subject[200];
    struct bb_json json;
    int result = bb_task_time(b->run, "from", &b->from_ms, error);

    if (!result) /* the registry knows what is in the log */
        result = tools->follow(tools->context, &b->plant, b->run, error);
    if (!result)
        result = begin(b, error);
    if (result)
        return result;
    snprintf(subject, sizeof subject, "rule %.80s, version %.*s, task %llu",
             bb_task_what(b->run, 0), BB_SPAN_ARGS(b->version->id),
             (unsigned long long)bb_task_of(b->run)->id);
    const struct bb_task_change change = {.verb = "rules backfill",
                                          .subject = subject,
                                          .reason = bb_task_text(b->run, "reason"),
                                          .work = take_all,
                                          .context = b};
    result = tools->change(tools->context, &b->plant, b->run, &change, error);
    if (result)
        return result;
    bb_json_init(&json, bb_task_result(b->run));
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "rule", bb_span_of(bb_task_what(b->run, 0)));
    bb_json_put_text(&json, "version", b->version->id);
    bb_json_object_end(&json);
    return 0;
}

static int run_backfill(struct bb_task_run *run, struct bb_error *error) {
    const struct bb_task_tools *tools = bb_task_tools(run);
    struct backfill *b = calloc(1, sizeof *b);

    if (!b)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to fill back");
    b->run = run;
    bb_arena_init(&b->arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    bb_arena_init(&b->step, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    int result = tools->open(tools->context, bb_task_of(run)->tenant, BB_PLANT_APPEND, &b->plant,
                             error);
    if (!result) {
        result = fill_back(b, error);
        if (b->is_loaded)
            bb_rules_module_release(&b->module);
        if (b->host)
            b->host->ops->close(b->host);
        tools->close(tools->context, &b->plant);
    }
    bb_arena_release(&b->step);
    bb_arena_release(&b->arena);
    free(b);
    return result;
}

const struct bb_task_kind bb_task_backfill = {
    .name = "backfill",
    .summary = "let a deployed rule speak of history, too, a part of the usage points at a time",
    .what = "RULE",
    .what_min = 1,
    .what_max = 1,
    .parameters = parameters,
    .run = run_backfill};
