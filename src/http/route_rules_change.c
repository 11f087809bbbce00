/* POST /v1/rules: a rule is deployed; POST /v1/rules/{name}/rollback: without the version that was deployed last.
 *
 *   module, cases ─► [ what came before is derived ─► entry as it stands ─► as it becomes ─► append ─► durable ─► derived ]
 *
 * Like a registry file, under the same lock: the entry that is changed is the one that stands, so that of two who deploy
 * at once the second adds to what the first one did. */
#include "http/routes_internal.h"
#include "http/rules_ask_internal.h"
#include "service/registry_turn.h"
#include "service/rules_case.h"
#include "service/settled.h"

#include <stdlib.h>

enum { TURN_MS = 30000 };

struct change {
    struct bb_http_call *call;
    struct bb_rules_proposal *proposal;
    int (*propose)(struct bb_rules_proposal *proposal, struct bb_error *error);
    uint64_t *ends; /* of the log's partitions */
};

/* On the log's owner's thread. */
static int append(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct change *c = context;
    /* a time of its own, as of each entry that is told */
    int64_t received_ms = bb_ledger_receive(&plant->ledger, bb_clock_now_ms(bb_clock_system()));
    int result = bb_rules_proposal_append(c->proposal, plant, bb_clock_manual(&received_ms), error);

    return result ? result : bb_settled_mark(plant, c->ends, error);
}

/* enum bb_http_settled: is it derived? */
static int make_alone(struct change *c, struct bb_error *error) {
    int result = bb_http_settle_first(c->call, error);

    if (!result)
        result = c->propose(c->proposal, error);
    if (result || c->proposal->outcome == BB_DEPLOY_SAME)
        return result;
    result = bb_http_on_log(c->call, append, c, error);
    return result ? result : bb_http_settle_at(c->call, c->ends, error);
}

static int make(struct change *c, struct bb_error *error) {
    struct bb_plant *plant = bb_http_plant(c->call);
    int turn, result;

    c->ends = bb_arena_take_array(bb_http_arena(c->call), plant->log->partitions, sizeof *c->ends);
    if (!c->ends)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to change rules");
    result = bb_registry_turn_take(plant, TURN_MS, &turn, error);
    if (result)
        return result;
    result = make_alone(c, error);
    bb_registry_turn_end(turn);
    return result;
}

static void put_id(struct bb_json *json, const char *key,
                   const struct bb_master_rule_version *version) {
    bb_json_key(json, key);
    if (version)
        bb_json_text(json, version->id);
    else
        bb_json_null(json);
}

static int check_reason(struct bb_span reason, struct bb_error *error) {
    return bb_span_trim(reason).size > 0
               ? 0
               : BB_FAIL(error, BB_E_PARAMETER, "reason: why? It is kept in the audit log");
}

/* ---- deployed --------------------------------------------------------------------------------- */

static const struct bb_http_member deploy_members[] = {BB_HTTP_RULES_MEMBERS, {"reason", true},
                                                       {"before", false},     {"cases", false},
                                                       {"force", false},      {NULL, false}};

static int answer_deploy(struct bb_http_call *call, const struct bb_rules_proposal *p,
                         bool derived) {
    const bool same = p->outcome == BB_DEPLOY_SAME;
    struct bb_json json = bb_http_json(call);

    bb_json_object_begin(&json);
    bb_json_put_text(&json, "rule", p->asked.name);
    put_id(&json, "version", bb_rules_proposal_after(p));
    put_id(&json, "replaced", same ? NULL : bb_rules_proposal_before(p));
    bb_json_put_bool(&json, "derived", derived);
    if (same)
        bb_json_put_bool(&json, "same", true);
    bb_json_object_end(&json);
    return bb_http_answer(call, derived ? 200 : 202, "application/json");
}

static int deploy(struct bb_http_rules_ask *ask, struct bb_error *error) {
    const struct bb_rules_cases cases = {.text = ask->cases, .bounds = ask->bounds};
    struct change change = {
        .call = ask->call, .proposal = &ask->proposal, .propose = bb_rules_propose};
    int result = check_reason(ask->proposal.asked.reason, error);

    if (!result && ask->cases.size > 0)
        result = bb_rules_cases_allow(&ask->trial.module, &cases, ask->force, NULL, NULL, error);
    if (!result)
        result = make(&change, error);
    return result < 0 ? result
                      : answer_deploy(ask->call, &ask->proposal, result == BB_HTTP_SETTLED);
}

static int post_deploy(struct bb_http_call *call, struct bb_error *error) {
    struct bb_http_rules_ask *ask = calloc(1, sizeof *ask);

    if (!ask)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to deploy a rule");
    int result = bb_http_rules_ask_begin(call, deploy_members, ask, error);
    if (!result)
        result = deploy(ask, error);
    bb_http_rules_ask_end(ask);
    free(ask);
    return result;
}

static const struct bb_http_answer deploy_answers[] = {
    {200, "application/json",
     "the version that speaks now and the one it replaced; `same`: it spoke already"},
    {202, "application/json", "likewise, and what it says is not derived yet"},
    {422, "application/problem+json",
     "the module does not load, a case fails, or the parameters do not fit"},
    {0}};

const struct bb_http_route bb_http_route_rules_post = {
    .method = BB_HTTP_POST,
    .path = "/v1/rules",
    .right = BB_RIGHT_ADMIN,
    .verb = "rules deploy",
    .summary = "deploy a rule",
    .details =
        "{\"rule\":\"far_values\",\"parameters\":{\"k\":12},\"from\":\"2026-03-01T00:00:00Z\",\"canary\":0.05,"
        "\"module\":{\"name\":...,\"source\":...},\"function\":...,\"name\":...,\"before\":...,\"cases\":\"cases: ...\","
        "\"force\":false,\"reason\":\"why\"}. As `busbar rules deploy`: without `from` from now on; without `module` "
        "the deployed rule's own, and then without `parameters` those of the version that was deployed last.",
    .body = BB_HTTP_WHOLE,
    .body_types = "application/json",
    .answers = deploy_answers,
    .tries_rules = true,
    .handle = post_deploy,
};

/* ---- rolled back ------------------------------------------------------------------------------ */

static const struct bb_http_member rollback_members[] = {{"reason", true}, {NULL, false}};

static int answer_rollback(struct bb_http_call *call, const struct bb_rules_proposal *p,
                           bool derived) {
    struct bb_json json = bb_http_json(call);

    bb_json_object_begin(&json);
    bb_json_put_text(&json, "rule", p->asked.name);
    put_id(&json, "taken_away", bb_rules_proposal_before(p));
    put_id(&json, "version", bb_rules_proposal_after(p));
    bb_json_put_bool(&json, "derived", derived);
    bb_json_object_end(&json);
    return bb_http_answer(call, derived ? 200 : 202, "application/json");
}

static int post_rollback(struct bb_http_call *call, struct bb_error *error) {
    struct bb_rules_proposal p = {.plant = bb_http_plant(call),
                                  .tenant = bb_http_tenant(call),
                                  .arena = bb_http_arena(call),
                                  .asked.name = bb_http_text(call, "name")};
    struct change change = {.call = call, .proposal = &p, .propose = bb_rules_propose_rollback};
    struct bb_span reason;
    json_t *body;
    int result = bb_http_body_object(call, rollback_members, &body, error);

    if (result)
        return result;
    result = bb_http_body_text(body, "reason", &reason, error);
    if (!result)
        result = check_reason(reason, error);
    json_decref(body);
    if (!result)
        result = make(&change, error);
    return result < 0 ? result : answer_rollback(call, &p, result == BB_HTTP_SETTLED);
}

static const struct bb_http_parameter rollback_parameters[] = {
    {.name = "name", .place = BB_HTTP_IN_PATH, .required = true, .help = "of a deployed rule"},
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer rollback_answers[] = {
    {200, "application/json",
     "the version that was taken away and the one that speaks now; null: the rule is gone"},
    {202, "application/json", "likewise, and what it said is not derived again yet"},
    {0}};

const struct bb_http_route bb_http_route_rules_rollback = {
    .method = BB_HTTP_POST,
    .path = "/v1/rules/{name}/rollback",
    .right = BB_RIGHT_ADMIN,
    .verb = "rules rollback",
    .summary = "take away what was deployed last of a rule",
    .details = "{\"reason\":\"too eager\"}. As `busbar rules rollback`: the version before it "
               "speaks again; a rule that has no other version is gone.",
    .parameters = rollback_parameters,
    .body = BB_HTTP_WHOLE,
    .body_types = "application/json",
    .answers = rollback_answers,
    .handle = post_rollback,
};
