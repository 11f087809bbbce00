/* GET /v1/rules: the deployed rules in their order; POST /v1/rules/{name}/rollback: without the version that was
 * deployed last.
 *
 *   [ what came before is derived ─► entry as it stands ─► without it ─► append ─► durable ─► derived ] ─► answer
 *
 * Like a registry file, under the same lock: the entry that is changed is the one that stands. */
#include "http/call_internal.h"
#include "http/change_internal.h"
#include "http/page_internal.h"
#include "http/routes_internal.h"
#include "service/master.h"
#include "service/registry_turn.h"
#include "service/rules_deploy.h"
#include "service/settled.h"

/* ---- the list */

struct listing {
    struct bb_http_page *page;
    struct bb_master_rules rules;
    struct bb_record record;
};

/* Rules and versions by their places. */
static int put_versions(struct listing *l, uint32_t rule) {
    const struct bb_master_rule *of = &l->rules.rules[rule];
    int result = 0;

    for (uint32_t k = 0; !result && k < of->version_count; k++) {
        bb_buffer_clear(&l->page->key);
        bb_http_key_number(&l->page->key, rule);
        bb_http_key_number(&l->page->key, k);
        if (!bb_http_page_wants(l->page))
            continue;
        bb_record_of_rule(&l->rules, of, &of->versions[k], &l->record);
        result = bb_http_page_put(l->page, &l->record);
    }
    return result;
}

/* A bb_http_page_teller. */
static int tell_rules(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct listing *l = context;
    struct bb_http_call *call = page->call;

    l->page = page;
    int result = bb_rules_standing(bb_http_plant(call)->registry, bb_http_tenant(call),
                                   bb_http_number(call, "as_of"), bb_http_arena(call), &l->rules,
                                   error);
    for (uint32_t i = 0; !result && i < l->rules.rule_count; i++)
        result = put_versions(l, i);
    return result;
}

static int list_rules(struct bb_http_call *call, struct bb_error *error) {
    struct listing l = {0};

    return bb_http_page_run(call, &bb_lists[BB_LIST_RULES], tell_rules, &l, error);
}

static const struct bb_http_parameter list_parameters[] = {
    BB_HTTP_AS_OF_PARAMETER, BB_HTTP_PAGE_PARAMETERS, BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer list_answers[] = {
    {200, "application/json",
     "a page of versions of deployed rules, in the order in which they run; of a rule the last "
     "deployed version first"},
    BB_HTTP_LIST_ANSWERS("busbar list rules"),
    {0}};

const struct bb_http_route bb_http_route_rules = {
    .method = BB_HTTP_GET,
    .path = "/v1/rules",
    .right = BB_RIGHT_READ,
    .summary = "deployed rules, with their versions",
    .parameters = list_parameters,
    .answers = list_answers,
    .handle = list_rules,
};

/* ---- rolled back */

enum { TURN_MS = 30000 };

struct rolling {
    struct bb_http_call *call;
    struct bb_span name, reason;
    struct bb_master_rules current, next;
    uint64_t *ends; /* of the log's partitions */
};

static const struct bb_http_member members[] = {{"reason", true}, {NULL, false}};

/* On the log's owner's thread. */
static int append(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct rolling *r = context;
    const struct bb_master master = {.kind = BB_MASTER_RULES, .rules = r->next};
    /* a time of its own, as of each entry that is told */
    int64_t received_ms = bb_ledger_receive(&plant->ledger, bb_clock_now_ms(bb_clock_system()));
    int result = bb_master_append(plant, &master, 1, bb_clock_manual(&received_ms), error);

    return result ? result : bb_settled_mark(plant, r->ends, error);
}

/* enum bb_http_settled: is it derived? */
static int roll_back_alone(struct rolling *r, struct bb_error *error) {
    struct bb_plant *plant = bb_http_plant(r->call);
    struct bb_arena *arena = bb_http_arena(r->call);
    int result = bb_http_settle_first(r->call, error);

    if (!result)
        result = bb_rules_standing(plant->registry, bb_http_tenant(r->call), BB_TIME_NONE, arena,
                                   &r->current, error);
    if (!result)
        result = bb_rules_rollback(&r->current, r->name, arena, &r->next, error);
    if (!result)
        result = bb_http_on_log(r->call, append, r, error);
    return result ? result : bb_http_settle_at(r->call, r->ends, error);
}

static int answer(struct rolling *r, bool derived) {
    const struct bb_master_rule *old = bb_rules_find(&r->current, r->name);
    const struct bb_master_rule *new = bb_rules_find(&r->next, r->name);
    struct bb_json json = bb_http_json(r->call);

    bb_json_object_begin(&json);
    bb_json_put_text(&json, "rule", r->name);
    bb_json_put_text(&json, "taken_away", old->versions[0].id);
    bb_json_key(&json, "version");
    if (new)
        bb_json_text(&json, new->versions[0].id);
    else
        bb_json_null(&json);
    bb_json_put_bool(&json, "derived", derived);
    bb_json_object_end(&json);
    return bb_http_answer(r->call, derived ? 200 : 202, "application/json");
}

static int post_rollback(struct bb_http_call *call, struct bb_error *error) {
    struct rolling r = {.call = call, .name = bb_http_text(call, "name")};
    json_t *body;
    int turn, result = bb_http_body_object(call, members, &body, error);

    if (result)
        return result;
    result = bb_http_body_text(body, "reason", &r.reason, error);
    if (!result && bb_span_trim(r.reason).size == 0)
        result = BB_FAIL(error, BB_E_PARAMETER, "reason: why? It is kept in the audit log");
    json_decref(body);
    if (result)
        return result;
    r.ends = bb_arena_take_array(bb_http_arena(call), bb_http_plant(call)->log->partitions,
                                 sizeof *r.ends);
    if (!r.ends)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to roll a rule back");
    result = bb_registry_turn_take(bb_http_plant(call), TURN_MS, &turn, error);
    if (result)
        return result;
    result = roll_back_alone(&r, error);
    bb_registry_turn_end(turn);
    return result < 0 ? result : answer(&r, result == BB_HTTP_SETTLED);
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
