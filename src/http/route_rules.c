/* GET /v1/rules: the deployed rules in their order, or what was ever done to them; GET /v1/rules/{name}: one, with all that
 * a form for it needs. */
#include "answer/rules_json.h"
#include "http/call_internal.h"
#include "http/page_internal.h"
#include "http/routes_internal.h"
#include "model/rule_version.h"
#include "service/rules_deploy.h"
#include "service/rules_history.h"

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

static void put_costs(struct bb_json *json, struct bb_span tenant,
                      const struct bb_master_rules *rules) {
    struct bb_rule_cost cost;

    bb_json_key(json, "costs");
    bb_json_object_begin(json);
    for (uint32_t i = 0; i < rules->rule_count; i++) {
        bb_rule_cost_get(tenant, rules->rules[i].name, &cost);
        bb_json_key_span(json, rules->rules[i].name);
        bb_rules_put_cost(json, &cost);
    }
    bb_json_object_end(json);
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
    if (result >= 0 && page->form == BB_HTTP_ITEMS)
        put_costs(bb_http_page_about(page), bb_http_tenant(call), &l->rules);
    return result;
}

/* ---- what was ever done */

/* The newest first: the key counts down. A bb_rules_change_visit. */
static int put_change(void *context, const struct bb_rules_change *change) {
    struct listing *l = context;

    bb_buffer_clear(&l->page->key);
    bb_http_key_number(&l->page->key, INT64_MAX - change->at_ms);
    bb_http_key_number(&l->page->key, change->number);
    if (!bb_http_page_wants(l->page))
        return 0;
    bb_record_of_rule_change(change, &l->record);
    return bb_http_page_put(l->page, &l->record);
}

/* A bb_http_page_teller. */
static int tell_changes(struct bb_http_page *page, void *context, struct bb_error *error) {
    struct listing *l = context;
    struct bb_http_call *call = page->call;
    int64_t until_ms = bb_http_number(call, "as_of"), after;
    struct bb_span key = page->after;

    l->page = page;
    if (key.size > 0 && bb_http_key_take_number(&key, &after))
        until_ms = INT64_MAX - after;
    return bb_rules_history(bb_http_plant(call)->registry, bb_http_tenant(call), until_ms,
                            put_change, l, error);
}

/* ---- the route */

static int list_rules(struct bb_http_call *call, struct bb_error *error) {
    struct listing l = {0};

    return bb_http_flag(call, "history")
               ? bb_http_page_run(call, &bb_lists[BB_LIST_RULE_CHANGES], tell_changes, &l, error)
               : bb_http_page_run(call, &bb_lists[BB_LIST_RULES], tell_rules, &l, error);
}

static const struct bb_http_parameter list_parameters[] = {
    BB_HTTP_AS_OF_PARAMETER,
    {.name = "history",
     .kind = BB_HTTP_FLAG,
     .help = "what was ever deployed and rolled back, the newest first"},
    BB_HTTP_PAGE_PARAMETERS,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer list_answers[] = {
    {200, "application/json",
     "a page of versions of deployed rules, in the order in which they run; of a rule the last "
     "deployed version first; `costs`: of each rule, since the server was started"},
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

/* ---- one rule */

static void put_cost(struct bb_json *json, struct bb_span tenant, struct bb_span rule) {
    struct bb_rule_cost cost;

    bb_rule_cost_get(tenant, rule, &cost);
    bb_json_key(json, "cost");
    bb_rules_put_cost(json, &cost);
}

static void put_said(struct bb_json *json, const struct bb_rule_description *said) {
    bb_json_put_text(json, "description", said->text);
    bb_json_key(json, "parameters");
    if (said->fault.size > 0)
        bb_json_null(json);
    else
        bb_json_raw(json, said->parameters);
    if (said->fault.size > 0)
        bb_json_put_text(json, "fault", said->fault);
}

static void put_all_versions(struct bb_json *json, const struct bb_master_rules *rules,
                             const struct bb_master_rule *rule) {
    struct bb_record record;

    bb_json_key(json, "versions");
    bb_json_array_begin(json);
    for (uint32_t i = 0; i < rule->version_count; i++) {
        bb_record_of_rule(rules, rule, &rule->versions[i], &record);
        bb_record_put_json(&record, json);
    }
    bb_json_array_end(json);
}

static int answer_rule(struct bb_http_call *call, const struct bb_master_rules *rules,
                       const struct bb_master_rule *rule, const struct bb_master_module *module,
                       const struct bb_rule_description *said) {
    const struct bb_master_rule_version *version = &rule->versions[0];
    struct bb_json json = bb_http_json(call);

    bb_json_object_begin(&json);
    bb_json_put_text(&json, "rule", rule->name);
    bb_json_put_text(&json, "lane",
                     bb_span_of(bb_lanes[rule->raw ? BB_LANE_RAW : BB_LANE_VEE].name));
    bb_json_put_text(&json, "channel", version->channel);
    bb_json_put_text(&json, "module", module ? module->name : BB_SPAN(""));
    bb_json_put_text(&json, "function", version->function);
    put_said(&json, said);
    bb_json_put_text(&json, "source", module ? module->source : BB_SPAN(""));
    put_all_versions(&json, rules, rule);
    put_cost(&json, bb_http_tenant(call), rule->name);
    bb_json_object_end(&json);
    return bb_http_answer(call, 200, "application/json");
}

static int get_rule(struct bb_http_call *call, struct bb_error *error) {
    struct bb_rule_description said = {.fault = BB_SPAN("the version has no module")};
    struct bb_span name = bb_http_text(call, "name"), tenant = bb_http_tenant(call);
    struct bb_master_rules rules;
    int result = bb_rules_standing(bb_http_plant(call)->registry, tenant,
                                   bb_http_number(call, "as_of"), bb_http_arena(call), &rules,
                                   error);

    if (result)
        return result;
    const struct bb_master_rule *rule = bb_rules_find(&rules, name);
    if (!rule || rule->version_count == 0)
        return BB_FAIL(error, BB_E_RULE_UNKNOWN, "no rule %.*s is deployed", BB_SPAN_ARGS(name));
    const struct bb_master_rule_version *version = &rule->versions[0];
    const struct bb_master_module *module = bb_rules_module_of(&rules, version->module);
    if (module)
        result = bb_rules_describe(call->server->describer, tenant, module, version->function,
                                   bb_http_arena(call), &said, error);
    return result ? result : answer_rule(call, &rules, rule, module, &said);
}

static const struct bb_http_parameter rule_parameters[] = {
    {.name = "name", .place = BB_HTTP_IN_PATH, .required = true, .help = "of a deployed rule"},
    BB_HTTP_AS_OF_PARAMETER,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer rule_answers[] = {
    {200, "application/json",
     "what its module says of it, its parameters with their ranges, the module's text, its versions, and what "
     "it cost since the server was started"},
    {0}};

const struct bb_http_route bb_http_route_rule = {
    .method = BB_HTTP_GET,
    .path = "/v1/rules/{name}",
    .right = BB_RIGHT_READ,
    .summary = "a deployed rule: parameters, text, versions, cost",
    .details =
        "Parameters and text are those of the version that was deployed last. A module that does not load "
        "any more has no `parameters`, and `fault` says why.",
    .parameters = rule_parameters,
    .answers = rule_answers,
    .handle = get_rule,
};
