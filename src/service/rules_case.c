/* Cases of rules: see rules_case.h. */
#include "service/rules_case_internal.h"

#include "model/timestamp.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

/* ---- comparing ------------------------------------------------------------------------------ */

static const char *const verdict_names[BB_RULES_VERDICTS] = {"nothing", "flag", "estimate",
                                                             "correct", "make"};

static void compare(const struct bb_case_series *s, const struct bb_case_answer *answer,
                    struct bb_case_outcome *out) {
    out->passed = !answer->failed;
    if (answer->failed)
        snprintf(out->reason, sizeof out->reason, "%s", answer->text);
    for (size_t i = s->past; out->passed && i < s->count; i++) {
        const struct bb_case_expected *expected = &s->expected[i];
        bool alike = answer->verdict[i] == expected->verdict &&
                     (!expected->has_value || bb_case_is_close(answer->value[i], expected->value));
        if (alike)
            continue;
        out->passed = false;
        int size = snprintf(out->reason, sizeof out->reason, "value %zu (%g): expected %s",
                            i - s->past + 1, s->value[i], verdict_names[expected->verdict]);
        if (expected->has_value)
            size += snprintf(out->reason + size, sizeof out->reason - (size_t)size, " %g",
                             expected->value);
        size += snprintf(out->reason + size, sizeof out->reason - (size_t)size,
                         ", the rule says %s", verdict_names[answer->verdict[i]]);
        if (answer->verdict[i] > BB_RULES_FLAG)
            snprintf(out->reason + size, sizeof out->reason - (size_t)size, " %g",
                     answer->value[i]);
    }
}

/* ---- reading -------------------------------------------------------------------------------- */

struct reader {
    yaml_document_t document;
    const struct bb_rules_cases *cases;
    struct bb_error *error;
};

static const char *name_of(const struct bb_rules_cases *cases) {
    return cases->path ? cases->path : "cases";
}

static int fail(struct reader *r, const yaml_node_t *node, const char *format, ...) BB_PRINTF(3, 4);

static int fail(struct reader *r, const yaml_node_t *node, const char *format, ...) {
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int result = BB_FAIL(r->error, BB_E_RULE_CASES, "%s", text);
    bb_error_locate(r->error, name_of(r->cases), node ? node->start_mark.line + 1 : 0);
    return result;
}

static yaml_node_t *node_at(struct reader *r, int index) {
    return yaml_document_get_node(&r->document, index);
}

static struct bb_span text_of(const yaml_node_t *node) {
    return node && node->type == YAML_SCALAR_NODE
               ? (struct bb_span){(const char *)node->data.scalar.value, node->data.scalar.length}
               : (struct bb_span){NULL, 0};
}

static yaml_node_t *value_of(struct reader *r, const yaml_node_t *mapping, const char *key) {
    if (mapping && mapping->type == YAML_MAPPING_NODE)
        for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
             pair < mapping->data.mapping.pairs.top; pair++)
            if (bb_span_equal(text_of(node_at(r, pair->key)), bb_span_of(key)))
                return node_at(r, pair->value);
    return NULL;
}

/* Every key of a mapping is one of those. */
static int check_keys(struct reader *r, const yaml_node_t *mapping, const char *const *keys) {
    if (mapping->type != YAML_MAPPING_NODE)
        return fail(r, mapping, "here is a mapping: `name: ...` and so on");
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        struct bb_span key = text_of(node_at(r, pair->key));
        size_t i = 0;
        while (keys[i] && !bb_span_equal(key, bb_span_of(keys[i])))
            i++;
        if (!keys[i])
            return fail(r, node_at(r, pair->key), "there is no key \"%.*s\" here",
                        BB_SPAN_ARGS(key));
    }
    return 0;
}

static bool is_nothing(struct bb_span text) {
    return text.size == 0 || bb_span_equal(text, BB_SPAN("~")) ||
           bb_span_equal(text, BB_SPAN("null"));
}

static bool number_of(const yaml_node_t *node, double *out) {
    char text[64], *end;
    struct bb_span given = text_of(node);

    if (!given.data || given.size >= sizeof text)
        return false;
    if (is_nothing(given)) {
        *out = (double)NAN;
        return true;
    }
    memcpy(text, given.data, given.size);
    text[given.size] = '\0';
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out);
}

/* Values as they are written down, into memory with room for the most that a case may have. */
struct values {
    double *items;
    size_t count;
};

static int add_values(struct reader *r, const yaml_node_t *node, double value, double times,
                      struct values *out) {
    if (!(times >= 1 && times <= BB_CASE_POINTS_MAX - (double)out->count) || times != floor(times))
        return fail(r, node, "a case has at most %d values", BB_CASE_POINTS_MAX);
    for (size_t i = 0; i < (size_t)times; i++)
        out->items[out->count++] = value;
    return 0;
}

static int read_values(struct reader *r, const yaml_node_t *list, struct values *out) {
    int result = 0;

    if (list->type != YAML_SEQUENCE_NODE)
        return fail(r, list, "values are a list: [0.1, 0.2, ~], or [[0.1, 96]]");
    for (const yaml_node_item_t *item = list->data.sequence.items.start;
         !result && item < list->data.sequence.items.top; item++) {
        const yaml_node_t *node = node_at(r, *item);
        double value, times = 1;
        bool fine;
        if (node->type == YAML_SEQUENCE_NODE) {
            const yaml_node_item_t *pair = node->data.sequence.items.start;
            fine = node->data.sequence.items.top - pair == 2 &&
                   number_of(node_at(r, pair[0]), &value) && number_of(node_at(r, pair[1]), &times);
        } else {
            fine = number_of(node, &value);
        }
        result = fine ? add_values(r, node, value, times, out)
                      : fail(r, node, "a value is a number, ~, or [value, times]");
    }
    return result;
}

/* Values beside: as many as there are of past and given, one for all of them, or none. */
static int read_beside(struct reader *r, const yaml_node_t *node, size_t count,
                       struct bb_case_beside *out) {
    const bool is_list = node->type == YAML_SEQUENCE_NODE;
    struct values values = {.count = 0};
    double one;
    int result = 0;

    if (!bb_case_beside_take(out, is_list ? BB_CASE_POINTS_MAX : count))
        return BB_FAIL(r->error, BB_E_NO_MEMORY, "no memory for a case");
    values.items = out->value;
    if (is_list)
        result = read_values(r, node, &values);
    else if (!number_of(node, &one))
        result = fail(r, node, "beside a channel there is a number, or a list of them");
    else if (count > 0)
        result = add_values(r, node, one, (double)count, &values);
    out->count = values.count;
    if (!result && values.count != 0 && values.count != count)
        result = fail(r, node, "here are %zu values; past and given have %zu", values.count, count);
    return result;
}

/* `others: {export: [0.1, ~]}`, `side: {temperature: 4}`, by the names of the rule. */
static int read_all_beside(struct reader *r, const yaml_node_t *mapping,
                           const struct bb_rule_series *names, uint32_t name_count, size_t count,
                           struct bb_case_beside *out) {
    int result = 0;

    if (mapping->type != YAML_MAPPING_NODE)
        return fail(r, mapping, "here is a mapping: {name: [0.1, 0.2]}");
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         !result && pair < mapping->data.mapping.pairs.top; pair++) {
        struct bb_span name = text_of(node_at(r, pair->key));
        uint32_t k = 0;
        while (k < name_count && !bb_span_equal(names[k].name, name))
            k++;
        result = k < name_count ? read_beside(r, node_at(r, pair->value), count, &out[k])
                                : fail(r, node_at(r, pair->key), "the rule names no \"%.*s\" here",
                                       BB_SPAN_ARGS(name));
    }
    return result;
}

static bool read_verdict(struct reader *r, const yaml_node_t *node, struct bb_case_expected *out) {
    *out = (struct bb_case_expected){BB_RULES_NOTHING, false, 0};
    if (node->type == YAML_SCALAR_NODE) {
        struct bb_span text = text_of(node);
        if (is_nothing(text))
            return true;
        for (int v = 0; v < BB_RULES_VERDICTS; v++)
            if (bb_span_equal(text, bb_span_of(verdict_names[v]))) {
                out->verdict = (enum bb_rules_verdict)v;
                return true;
            }
        return false;
    }
    for (int v = BB_RULES_ESTIMATE; v < BB_RULES_VERDICTS; v++) {
        const yaml_node_t *value = value_of(r, node, verdict_names[v]);
        if (value) {
            *out = (struct bb_case_expected){(enum bb_rules_verdict)v, true, 0};
            return number_of(value, &out->value);
        }
    }
    return false;
}

static int read_expected(struct reader *r, const yaml_node_t *list, struct bb_case_series *s) {
    if (list->type != YAML_SEQUENCE_NODE ||
        (size_t)(list->data.sequence.items.top - list->data.sequence.items.start) !=
            s->count - s->past)
        return fail(r, list, "expect has as many verdicts as given has values");
    for (size_t i = s->past; i < s->count; i++) {
        const yaml_node_t *node = node_at(r, list->data.sequence.items.start[i - s->past]);
        if (!read_verdict(r, node, &s->expected[i]))
            return fail(
                r, node,
                "a verdict is ~, flag, {estimate: VALUE}, {correct: VALUE} or {make: VALUE}");
    }
    return 0;
}

static int read_times(struct reader *r, const yaml_node_t *node, struct bb_case_series *s) {
    const yaml_node_t *start = value_of(r, node, "start"),
                      *interval = value_of(r, node, "interval"), *zone = value_of(r, node, "zone");

    s->start_ms = BB_CASE_START_MS;
    s->interval_ms = 15 * (int64_t)BB_MINUTE_MS;
    if (start && bb_time_parse_rfc3339(text_of(start), &s->start_ms) != BB_TIME_OK)
        return fail(r, start, "start is a time such as 2026-03-01T00:00:00Z");
    if (interval && !(bb_duration_parse(text_of(interval), &s->interval_ms) && s->interval_ms > 0))
        return fail(r, interval, "interval is a duration such as 15m");
    if (zone && bb_zone_load(NULL, text_of(zone), &s->zone, r->error))
        return fail(r, zone, "there is no zone \"%.*s\"", BB_SPAN_ARGS(text_of(zone)));
    return 0;
}

static int read_own(struct reader *r, const yaml_node_t *node, struct bb_case_series *s) {
    const yaml_node_t *past = value_of(r, node, "past"), *given = value_of(r, node, "given");
    struct values values = {.items = s->value};
    int result = past ? read_values(r, past, &values) : 0;

    s->past = values.count;
    if (!result)
        result = read_values(r, given, &values);
    s->count = values.count;
    return !result && s->count == s->past ? fail(r, given, "given has at least one value") : result;
}

static int read_case(struct reader *r, const yaml_node_t *node, const struct bb_rule *rule,
                     struct bb_case_series *s, char *name) {
    static const char *const keys[] = {"name",  "start",  "interval", "zone", "past",
                                       "given", "expect", "others",   "side", NULL};
    int result = check_keys(r, node, keys);

    if (result)
        return result;
    const yaml_node_t *given = value_of(r, node, "given"), *expect = value_of(r, node, "expect"),
                      *others = value_of(r, node, "others"), *side = value_of(r, node, "side");
    struct bb_span title = text_of(value_of(r, node, "name"));
    snprintf(name, BB_CASE_NAME_MAX, "%.*s", BB_SPAN_ARGS(title));
    if (!given || !expect)
        return fail(r, node, "a case has `given` and `expect`");
    result = read_times(r, node, s);
    if (!result)
        result = read_own(r, node, s);
    if (!result && others)
        result = read_all_beside(r, others, rule->others, rule->other_count, s->count, s->others);
    if (!result && side)
        result = read_all_beside(r, side, rule->side, rule->side_count, s->count, s->side);
    return result ? result : read_expected(r, expect, s);
}

static int read_parameters(struct reader *r, const yaml_node_t *node, char **out) {
    json_t *object = json_object();

    *out = NULL;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         node->type == YAML_MAPPING_NODE && pair < node->data.mapping.pairs.top; pair++) {
        struct bb_span key = text_of(node_at(r, pair->key)),
                       text = text_of(node_at(r, pair->value));
        double number;
        json_t *value = bb_span_equal(text, BB_SPAN("true"))    ? json_true()
                        : bb_span_equal(text, BB_SPAN("false")) ? json_false()
                        : number_of(node_at(r, pair->value), &number) && !isnan(number)
                            ? json_real(number)
                            : json_stringn(text.data ? text.data : "", text.size);
        json_object_setn_new(object, key.data ? key.data : "", key.size, value);
    }
    if (node->type == YAML_MAPPING_NODE)
        *out = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return *out ? 0 : fail(r, node, "parameters are a mapping: {k: 8}");
}

static int run_cases(struct reader *r, const struct bb_rules_module *module,
                     const struct bb_rule *rule, const yaml_node_t *cases, struct bb_case_series *s,
                     struct bb_case_answer *answer, bb_case_visit *visit, void *context) {
    int result = 0;

    for (const yaml_node_item_t *item = cases->data.sequence.items.start;
         !result && item < cases->data.sequence.items.top; item++) {
        struct bb_case_outcome outcome = {.passed = false};
        if (bb_rules_bounds_over(&r->cases->bounds))
            return BB_FAIL(r->error, BB_E_RULE_SLOW, "its cases take too long");
        result = read_case(r, node_at(r, *item), rule, s, outcome.name);
        if (!result)
            result = bb_case_run(module, rule, s, (struct bb_case_windows){0, 1, 0}, answer,
                                 r->error);
        if (!result) {
            compare(s, answer, &outcome);
            visit(context, &outcome);
        }
        bb_case_series_clear(s);
    }
    return result;
}

static int run_document(struct reader *r, const struct bb_rules_module *module,
                        bb_case_visit *visit, void *context) {
    static const char *const keys[] = {"rule", "parameters", "cases", NULL};
    const yaml_node_t *root = yaml_document_get_root_node(&r->document);
    struct bb_case_series *s = bb_case_series_new();
    struct bb_case_answer *answer = calloc(1, sizeof *answer);
    char *parameters = NULL;
    int result = !s || !answer ? BB_FAIL(r->error, BB_E_NO_MEMORY, "no memory for cases")
                 : !root       ? fail(r, NULL, "the file is empty")
                               : check_keys(r, root, keys);

    if (s && answer && root && !result) {
        const yaml_node_t *cases = value_of(r, root, "cases");
        const yaml_node_t *given = value_of(r, root, "parameters");
        struct bb_span name = text_of(value_of(r, root, "rule"));
        const struct bb_rule *rule = bb_rules_module_find(module, name);
        if (!rule)
            result = fail(r, root, "`rule` names one of the module's rules");
        else if (!cases || cases->type != YAML_SEQUENCE_NODE)
            result = fail(r, root, "`cases` is a list");
        if (!result && given)
            result = read_parameters(r, given, &parameters);
        if (!result && rule && cases) {
            s->parameters = bb_span_of(parameters ? parameters : "");
            s->until_ns = r->cases->bounds.until_ns;
            result = run_cases(r, module, rule, cases, s, answer, visit, context);
        }
    }
    free(parameters);
    free(answer);
    bb_case_series_free(s);
    return result;
}

static int run_parsed(struct reader *r, yaml_parser_t *parser, const struct bb_rules_module *module,
                      bb_case_visit *visit, void *context) {
    int result;

    if (!yaml_parser_load(parser, &r->document)) {
        result = BB_FAIL(r->error, BB_E_RULE_CASES, "this is no YAML: %s",
                         parser->problem ? parser->problem : "out of memory");
        bb_error_locate(r->error, name_of(r->cases), parser->problem_mark.line + 1);
        return result;
    }
    result = run_document(r, module, visit, context);
    yaml_document_delete(&r->document);
    return result;
}

int bb_rules_cases_run(const struct bb_rules_module *module, const struct bb_rules_cases *cases,
                       bb_case_visit *visit, void *context, struct bb_error *error) {
    struct reader r = {.cases = cases, .error = error};
    yaml_parser_t parser;
    FILE *file = cases->path ? fopen(cases->path, "re") : NULL;
    int result = 0;

    if (cases->path && !file)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot open %s", cases->path);
    if (!yaml_parser_initialize(&parser)) {
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a YAML parser");
    } else {
        if (file)
            yaml_parser_set_input_file(&parser, file);
        else
            yaml_parser_set_input_string(&parser, (const unsigned char *)cases->text.data,
                                         cases->text.size);
        result = run_parsed(&r, &parser, module, visit, context);
        yaml_parser_delete(&parser);
    }
    if (file)
        fclose(file);
    return result;
}

/* ---- before deploying ----------------------------------------------------------------------- */

struct counting {
    bb_case_visit *visit;
    void *context;
    uint64_t failed;
    struct bb_case_outcome first; /* that failed */
};

/* A bb_case_visit. */
static void count(void *context, const struct bb_case_outcome *outcome) {
    struct counting *c = context;

    if (!outcome->passed && c->failed++ == 0)
        c->first = *outcome;
    if (c->visit)
        c->visit(c->context, outcome);
}

int bb_rules_cases_allow(const struct bb_rules_module *module, const struct bb_rules_cases *cases,
                         bool force, bb_case_visit *visit, void *context, struct bb_error *error) {
    struct counting c = {.visit = visit, .context = context};
    int result = bb_rules_cases_run(module, cases, count, &c, error);

    if (result || force || c.failed == 0)
        return result;
    return BB_FAIL(
        error, BB_E_RULE_CASE_FAILED,
        "%llu of its cases fail, and it is not deployed unless it is forced; the first is %s: %s",
        (unsigned long long)c.failed, c.first.name[0] ? c.first.name : "without a name",
        c.first.reason);
}
