/* Rules that are tried or deployed over HTTP: see rules_ask_internal.h. */
#include "http/rules_ask_internal.h"

#include "http/call_internal.h"
#include "model/rule_version.h"
#include "model/timestamp.h"

#include <stdlib.h>

enum { ROWS_USUAL = 100, ROWS_MOST = 10000 };

/* ---- members ---------------------------------------------------------------------------------- */

static int read_time(const json_t *body, const char *name, int64_t *out, struct bb_error *error) {
    struct bb_span text;
    int result = bb_http_body_text(body, name, &text, error);

    *out = BB_TIME_NONE;
    if (result || text.size == 0 || bb_time_parse_rfc3339(text, out) == BB_TIME_OK)
        return result;
    return BB_FAIL(error, BB_E_PARAMETER,
                   "%s: it has to be a time with offset such as 2026-03-01T00:15:00Z", name);
}

static int read_flag(const json_t *body, const char *name, bool *out, struct bb_error *error) {
    const json_t *value = json_object_get(body, name);

    *out = json_is_true(value);
    return !value || json_is_boolean(value)
               ? 0
               : BB_FAIL(error, BB_E_PARAMETER, "%s: it has to be true or false", name);
}

static int read_share(const json_t *body, uint32_t *out, struct bb_error *error) {
    const json_t *value = json_object_get(body, "canary");

    *out = BB_MASTER_SHARE_ALL;
    if (!value || (json_is_number(value) && bb_rules_share_of(json_number_value(value), out)))
        return 0;
    return BB_FAIL(error, BB_E_PARAMETER,
                   "canary: it has to be a share from 0.001 to 1, such as 0.05");
}

static int read_rows(const json_t *body, uint32_t *out, struct bb_error *error) {
    const json_t *value = json_object_get(body, "rows");
    json_int_t rows = value ? json_integer_value(value) : ROWS_USUAL;

    *out = (uint32_t)rows;
    return !value || (json_is_integer(value) && rows >= 0 && rows <= ROWS_MOST)
               ? 0
               : BB_FAIL(error, BB_E_PARAMETER, "rows: it has to be a number from 0 to %d",
                         ROWS_MOST);
}

/* Empty when there are none: then another default counts than `{}`. */
static int read_parameters(struct bb_http_rules_ask *ask, struct bb_span *out,
                           struct bb_error *error) {
    const json_t *value = json_object_get(ask->body, "parameters");

    *out = (struct bb_span){NULL, 0};
    if (!value)
        return 0;
    if (!json_is_object(value))
        return BB_FAIL(error, BB_E_PARAMETER, "parameters: it has to be a JSON object");
    char *text = json_dumps(value, JSON_COMPACT);
    *out = text ? bb_arena_copy(bb_http_arena(ask->call), bb_span_of(text)) : *out;
    free(text);
    return out->data ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for parameters");
}

/* ---- the module ------------------------------------------------------------------------------- */

struct wanted { /* of which module what */
    struct bb_master_module module;
    struct bb_span function, parameters;
    const struct bb_master_rule_version *version; /* of its own module; NULL: it was posted */
};

/* It is what tracebacks call it, and what stands in lists. */
static bool is_module_name(struct bb_span name) {
    bool fine = name.size > 0 && name.size <= 100 && name.data[0] != '.';

    for (size_t i = 0; fine && i < name.size; i++) {
        char c = bb_char_lower(name.data[i]);
        fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    }
    return fine;
}

/* "side": what lies beside the module, by its name. */
static int read_sides(struct bb_http_rules_ask *ask, const json_t *sides,
                      struct bb_master_module *out, struct bb_error *error) {
    const char *name;
    json_t *text;

    if (!json_is_object(sides) || json_object_size(sides) > BB_RULES_SIDES_MAX)
        return BB_FAIL(error, BB_E_PARAMETER,
                       "module.side: it has to be {\"FILE\":\"its text\"}, %d at most",
                       BB_RULES_SIDES_MAX);
    out->sides = bb_arena_take_array(bb_http_arena(ask->call), json_object_size(sides) + 1,
                                     sizeof *out->sides);
    if (!out->sides)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for side inputs");
    json_object_foreach((json_t *)(uintptr_t)sides, name, text) {
        if (!json_is_string(text))
            return BB_FAIL(error, BB_E_PARAMETER, "module.side: %.100s: it has to be a text", name);
        out->sides[out->side_count++] = (struct bb_master_side){
            bb_span_of(name), {json_string_value(text), json_string_length(text)}};
    }
    return 0;
}

static const struct bb_http_member module_members[] = {
    {"name", true}, {"source", true}, {"side", false}, {NULL, false}};

static int read_posted(struct bb_http_rules_ask *ask, const json_t *module,
                       struct bb_master_module *out, struct bb_error *error) {
    const json_t *sides = json_object_get(module, "side");

    int result = json_is_object(module)
                     ? bb_http_body_members(module, module_members, error)
                     : BB_FAIL(error, BB_E_PARAMETER,
                               "module: it has to be {\"name\":...,\"source\":...}");
    if (!result)
        result = bb_http_body_text(module, "name", &out->name, error);
    if (!result)
        result = bb_http_body_text(module, "source", &out->source, error);
    if (!result && !is_module_name(out->name))
        result = BB_FAIL(error, BB_E_PARAMETER,
                         "module.name: it has to be 1 to 100 letters, digits, _, - and .");
    if (!result && out->source.size == 0)
        result = BB_FAIL(error, BB_E_PARAMETER, "module.source: it is the text of the module");
    return !result && sides ? read_sides(ask, sides, out, error) : result;
}

/* Of the version of the rule that was deployed last. */
static int read_deployed(struct bb_http_rules_ask *ask, struct bb_span rule, struct wanted *out,
                         struct bb_error *error) {
    struct bb_rules_proposal *p = &ask->proposal;

    if (rule.size == 0)
        return BB_FAIL(error, BB_E_PARAMETER, "rule: which one? or `module`, to try another");
    int result = bb_rules_standing(p->plant->registry, p->tenant, BB_TIME_NONE, p->arena,
                                   &p->current, error);
    if (result)
        return result;
    const struct bb_master_rule *found = bb_rules_find(&p->current, rule);
    if (!found)
        return BB_FAIL(error, BB_E_RULE_UNKNOWN, "no rule %.*s is deployed", BB_SPAN_ARGS(rule));
    const struct bb_master_rule_version *version = &found->versions[0];
    const struct bb_master_module *module = bb_rules_module_of(&p->current, version->module);
    if (!module)
        return BB_FAIL(error, BB_E_RULE_LOAD, "version %.*s has no module",
                       BB_SPAN_ARGS(version->id));
    *out = (struct wanted){.module = *module, .version = version};
    return 0;
}

static int find_wanted(struct bb_http_rules_ask *ask, struct bb_span rule, struct wanted *out,
                       struct bb_error *error) {
    const json_t *module = json_object_get(ask->body, "module");
    struct bb_span function;

    *out = (struct wanted){.version = NULL};
    int result = module ? read_posted(ask, module, &out->module, error)
                        : read_deployed(ask, rule, out, error);
    if (!result)
        result = bb_http_body_text(ask->body, "function", &function, error);
    if (!result)
        result = read_parameters(ask, &out->parameters, error);
    if (result)
        return result;
    out->function = function.size || !out->version ? function : out->version->function;
    if (!out->parameters.data && out->version)
        out->parameters = out->version->parameters;
    return 0;
}

/* By its function; else the only one of the module, or the one that is called like the rule. */
static int choose(struct bb_http_rules_ask *ask, const struct wanted *wanted, struct bb_span rule,
                  const struct bb_rule **out, struct bb_error *error) {
    const struct bb_rules_module *module = &ask->trial.module;

    *out = bb_rules_module_find(module, wanted->function);
    if (!*out && wanted->function.size == 0 && rule.size > 0)
        *out = bb_rules_module_find(module, rule);
    if (!*out)
        return wanted->function.size
                   ? BB_FAIL(error, BB_E_PARAMETER, "function: module %.*s has no rule %.*s",
                             BB_SPAN_ARGS(module->name), BB_SPAN_ARGS(wanted->function))
                   : BB_FAIL(error, BB_E_PARAMETER,
                             "function: module %.*s has several rules, which one?",
                             BB_SPAN_ARGS(module->name));
    return 0;
}

/* Problems tell a line, and no file: of the module's side inputs it matters which. */
static int name_side(int result, struct bb_error *error) {
    const struct bb_error told = *error;

    if (result != -BB_E_RULE_SIDE || !told.source[0])
        return result;
    result = BB_FAIL(error, BB_E_RULE_SIDE, "%s: %s", told.source, told.text);
    error->line = told.line;
    return result;
}

/* ---- all -------------------------------------------------------------------------------------- */

static int read_texts(struct bb_http_rules_ask *ask, struct bb_error *error) {
    struct bb_deploy *asked = &ask->proposal.asked;
    struct {
        const char *name;
        struct bb_span *out;
    } rows[] = {{"name", &asked->name},
                {"reason", &asked->reason},
                {"before", &asked->before},
                {"usage_point", &ask->usage_point},
                {"cases", &ask->cases}};
    int result = 0;

    for (size_t i = 0; !result && i < sizeof rows / sizeof rows[0]; i++)
        result = bb_http_body_text(ask->body, rows[i].name, rows[i].out, error);
    return result;
}

static int read_asked(struct bb_http_rules_ask *ask, struct bb_error *error) {
    struct bb_deploy *asked = &ask->proposal.asked;
    int result = read_texts(ask, error);

    if (!result)
        result = read_time(ask->body, "from", &asked->from_ms, error);
    if (!result)
        result = read_time(ask->body, "to", &ask->to_ms, error);
    if (!result)
        result = read_share(ask->body, &asked->share, error);
    if (!result)
        result = read_rows(ask->body, &ask->rows, error);
    return result ? result : read_flag(ask->body, "force", &ask->force, error);
}

int bb_http_rules_ask_begin(struct bb_http_call *call, const struct bb_http_member *members,
                            struct bb_http_rules_ask *ask, struct bb_error *error) {
    const struct bb_config *config = &bb_http_plant(call)->config;
    struct bb_deploy *asked = &ask->proposal.asked;
    struct wanted wanted;
    struct bb_span rule;

    *ask = (struct bb_http_rules_ask){
        .call = call,
        .proposal = {.plant = bb_http_plant(call),
                     .tenant = bb_http_tenant(call),
                     .arena = bb_http_arena(call)},
        .bounds = {.until_ns = bb_monotonic_ns() + config->rules_trial_ms * INT64_C(1000000),
                   .give_up = &call->server->draining}};
    int result = bb_http_body_object(call, members, &ask->body, error);
    if (!result)
        result = bb_http_body_text(ask->body, "rule", &rule, error);
    if (!result)
        result = read_asked(ask, error);
    if (!result)
        result = find_wanted(ask, rule, &wanted, error);
    if (!result)
        result = name_side(
            bb_rules_trial_open(config, bb_http_tenant(call), &wanted.module, &ask->trial, error),
            error);
    if (!result)
        result = choose(ask, &wanted, rule, &asked->rule, error);
    if (result)
        return result;
    asked->module = &ask->trial.module;
    asked->environment = bb_span_of(ask->trial.environment);
    asked->parameters = wanted.parameters;
    asked->by = bb_http_caller(call);
    asked->now_ms = bb_clock_now_ms(bb_clock_system());
    if (asked->name.size == 0)
        asked->name = rule.size ? rule : asked->rule->name;
    return 0;
}

void bb_http_rules_ask_end(struct bb_http_rules_ask *ask) {
    bb_rules_trial_close(&ask->trial);
    json_decref(ask->body);
    ask->body = NULL;
}
