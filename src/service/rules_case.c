/* Cases of rules: see rules_case.h. */
#include "service/rules_case.h"

#include "model/calendar.h"
#include "model/timestamp.h"
#include "service/rules_window.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

enum { POINTS_MAX = 100000 };
static const int64_t default_start_ms = INT64_C(1767225600000); /* 2026-01-01T00:00:00Z */

struct expected {
    enum bb_rules_verdict verdict;
    bool has_value;
    double value;
};

struct series {
    double value[POINTS_MAX];
    struct expected expected[POINTS_MAX];
    struct bb_rules_point point[POINTS_MAX];
    size_t past, count; /* count: with the past */
    int64_t start_ms, interval_ms;
    struct bb_zone *zone; /* NULL: UTC */
    struct bb_span parameters;
};

struct answer {
    uint8_t verdict[POINTS_MAX];
    double value[POINTS_MAX];
    bool failed;
    char text[BB_CASE_REASON_MAX];
};

/* ---- running -------------------------------------------------------------------------------- */

static int take_part(void *context, const struct bb_rules_part *part, struct bb_error *error) {
    struct answer *answer = context;

    (void)error;
    memcpy(answer->verdict, part->verdict, part->points);
    memcpy(answer->value, part->value, part->points * sizeof *part->value);
    if (part->raised[0]) {
        json_t *root = json_loadb(part->told.data, part->told.size, 0, NULL);
        const char *text = json_string_value(
            json_object_get(json_array_get(json_object_get(root, "failures"), 0), "text"));
        answer->failed = true;
        snprintf(answer->text, sizeof answer->text, "%s", text ? text : "it raised");
        json_decref(root);
    }
    return 0;
}

static int take_failure(void *context, const struct bb_rules_failure *failure,
                        struct bb_error *error) {
    struct answer *answer = context;

    (void)error;
    answer->failed = true;
    snprintf(answer->text, sizeof answer->text, "%.*s%.*s", BB_SPAN_ARGS(failure->text),
             BB_SPAN_ARGS(failure->told));
    if (!answer->text[0])
        snprintf(answer->text, sizeof answer->text, "it %s",
                 failure->kind == BB_RULES_TOO_SLOW ? "takes too long" : "ended its process");
    return 0;
}

static int run_series(const struct bb_rules_module *module, const struct bb_rule *rule,
                      struct series *s, struct answer *answer, struct bb_error *error) {
    const struct bb_rules_sink sink = {take_part, take_failure, answer};
    const struct bb_zone *zone = s->zone ? s->zone : bb_zone_utc();
    struct bb_rules_gather gather;
    struct bb_rules_batch batch;

    memset(answer, 0, sizeof *answer);
    for (size_t i = 0; i < s->count; i++) {
        int64_t end_ms = s->start_ms + ((int64_t)i - (int64_t)s->past + 1) * s->interval_ms;
        s->point[i] = (struct bb_rules_point){.end_ms = end_ms,
                                              .length_ms = s->interval_ms,
                                              .utc_offset_s = bb_zone_offset_s(zone, end_ms),
                                              .value = s->value[i],
                                              .quality = isnan(s->value[i]) ? BB_RULES_MISSING
                                                                            : BB_RULES_MEASURED};
    }
    bb_rules_gather_init(&gather);
    int result = bb_rules_gather_add(&gather, s->point, s->count, s->past, 0, BB_SPAN("{}"))
                     ? 0
                     : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a case");
    if (!result) {
        bb_rules_gather_batch(&gather, &batch);
        batch.rule = (uint32_t)(rule - module->items);
        batch.parameters = s->parameters;
        batch.now_ms = s->start_ms + (int64_t)(s->count - s->past) * s->interval_ms;
        result = module->rules->ops->run(module->set, &batch, &sink, error);
    }
    bb_rules_gather_release(&gather);
    return result;
}

/* ---- comparing ------------------------------------------------------------------------------ */

static const char *const verdict_names[BB_RULES_VERDICTS] = {"nothing", "flag", "estimate",
                                                             "correct"};

static bool is_close(double a, double b) {
    return (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-9 * fmax(1, fmax(fabs(a), fabs(b)));
}

static void compare(const struct series *s, const struct answer *answer,
                    struct bb_case_outcome *out) {
    out->passed = !answer->failed;
    if (answer->failed)
        snprintf(out->reason, sizeof out->reason, "%s", answer->text);
    for (size_t i = s->past; out->passed && i < s->count; i++) {
        const struct expected *expected = &s->expected[i];
        bool alike = answer->verdict[i] == expected->verdict &&
                     (!expected->has_value || is_close(answer->value[i], expected->value));
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
    const char *path;
    struct bb_error *error;
};

static int fail(struct reader *r, const yaml_node_t *node, const char *format, ...) BB_PRINTF(3, 4);

static int fail(struct reader *r, const yaml_node_t *node, const char *format, ...) {
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int result = BB_FAIL(r->error, BB_E_RULE_CASES, "%s", text);
    bb_error_locate(r->error, r->path, node ? node->start_mark.line + 1 : 0);
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

static int add_values(struct reader *r, const yaml_node_t *node, double value, double times,
                      struct series *s) {
    if (!(times >= 1 && times <= POINTS_MAX - (double)s->count) || times != floor(times))
        return fail(r, node, "a case has at most %d values", POINTS_MAX);
    for (size_t i = 0; i < (size_t)times; i++) {
        s->expected[s->count] = (struct expected){BB_RULES_NOTHING, false, 0};
        s->value[s->count++] = value;
    }
    return 0;
}

static int read_values(struct reader *r, const yaml_node_t *list, struct series *s) {
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
        result = fine ? add_values(r, node, value, times, s)
                      : fail(r, node, "a value is a number, ~, or [value, times]");
    }
    return result;
}

static bool read_verdict(struct reader *r, const yaml_node_t *node, struct expected *out) {
    *out = (struct expected){BB_RULES_NOTHING, false, 0};
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
            *out = (struct expected){(enum bb_rules_verdict)v, true, 0};
            return number_of(value, &out->value);
        }
    }
    return false;
}

static int read_expected(struct reader *r, const yaml_node_t *list, struct series *s) {
    if (list->type != YAML_SEQUENCE_NODE ||
        (size_t)(list->data.sequence.items.top - list->data.sequence.items.start) !=
            s->count - s->past)
        return fail(r, list, "expect has as many verdicts as given has values");
    for (size_t i = s->past; i < s->count; i++) {
        const yaml_node_t *node = node_at(r, list->data.sequence.items.start[i - s->past]);
        if (!read_verdict(r, node, &s->expected[i]))
            return fail(r, node, "a verdict is ~, flag, {estimate: VALUE} or {correct: VALUE}");
    }
    return 0;
}

static int read_times(struct reader *r, const yaml_node_t *node, struct series *s) {
    const yaml_node_t *start = value_of(r, node, "start"),
                      *interval = value_of(r, node, "interval"), *zone = value_of(r, node, "zone");

    s->start_ms = default_start_ms;
    s->interval_ms = 15 * (int64_t)BB_MINUTE_MS;
    if (start && bb_time_parse_rfc3339(text_of(start), &s->start_ms) != BB_TIME_OK)
        return fail(r, start, "start is a time such as 2026-03-01T00:00:00Z");
    if (interval && !(bb_duration_parse(text_of(interval), &s->interval_ms) && s->interval_ms > 0))
        return fail(r, interval, "interval is a duration such as 15m");
    if (zone && bb_zone_load(NULL, text_of(zone), &s->zone, r->error))
        return fail(r, zone, "there is no zone \"%.*s\"", BB_SPAN_ARGS(text_of(zone)));
    return 0;
}

static int read_case(struct reader *r, const yaml_node_t *node, struct series *s, char *name) {
    static const char *const keys[] = {"name", "start", "interval", "zone",
                                       "past", "given", "expect",   NULL};
    int result = check_keys(r, node, keys);

    s->count = s->past = 0;
    if (result)
        return result;
    const yaml_node_t *past = value_of(r, node, "past"), *given = value_of(r, node, "given"),
                      *expect = value_of(r, node, "expect");
    struct bb_span title = text_of(value_of(r, node, "name"));
    snprintf(name, BB_CASE_NAME_MAX, "%.*s", BB_SPAN_ARGS(title));
    if (!given || !expect)
        return fail(r, node, "a case has `given` and `expect`");
    result = read_times(r, node, s);
    if (!result && past)
        result = read_values(r, past, s);
    s->past = s->count;
    if (!result)
        result = read_values(r, given, s);
    if (!result && s->count == s->past)
        result = fail(r, given, "given has at least one value");
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
                     const struct bb_rule *rule, const yaml_node_t *cases, struct series *s,
                     struct answer *answer, bb_case_visit *visit, void *context) {
    int result = 0;

    for (const yaml_node_item_t *item = cases->data.sequence.items.start;
         !result && item < cases->data.sequence.items.top; item++) {
        struct bb_case_outcome outcome = {.passed = false};
        result = read_case(r, node_at(r, *item), s, outcome.name);
        if (!result)
            result = run_series(module, rule, s, answer, r->error);
        if (!result) {
            compare(s, answer, &outcome);
            visit(context, &outcome);
        }
        bb_zone_free(s->zone);
        s->zone = NULL;
    }
    return result;
}

static int run_document(struct reader *r, const struct bb_rules_module *module,
                        bb_case_visit *visit, void *context) {
    static const char *const keys[] = {"rule", "parameters", "cases", NULL};
    const yaml_node_t *root = yaml_document_get_root_node(&r->document);
    struct series *s = calloc(1, sizeof *s);
    struct answer *answer = calloc(1, sizeof *answer);
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
        if (!result) {
            s->parameters = bb_span_of(parameters ? parameters : "");
            result = run_cases(r, module, rule, cases, s, answer, visit, context);
        }
    }
    free(parameters);
    free(answer);
    free(s);
    return result;
}

int bb_rules_cases_run(const struct bb_rules_module *module, const char *path, bb_case_visit *visit,
                       void *context, struct bb_error *error) {
    struct reader r = {.path = path, .error = error};
    yaml_parser_t parser;
    FILE *file = fopen(path, "re");

    if (!file)
        return BB_FAIL_ERRNO(error, BB_E_INPUT_UNREADABLE, errno, "cannot open %s", path);
    int result = 0;
    if (!yaml_parser_initialize(&parser)) {
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a YAML parser");
    } else {
        yaml_parser_set_input_file(&parser, file);
        if (!yaml_parser_load(&parser, &r.document)) {
            result = BB_FAIL(error, BB_E_RULE_CASES, "this is no YAML: %s",
                             parser.problem ? parser.problem : "out of memory");
            bb_error_locate(error, path, parser.problem_mark.line + 1);
        } else {
            result = run_document(&r, module, visit, context);
            yaml_document_delete(&r.document);
        }
        yaml_parser_delete(&parser);
    }
    fclose(file);
    return result;
}

/* ---- what every rule has to bear ------------------------------------------------------------ */

/* A day of hours in a zone that changes, like a home's. */
static void make_day(struct series *s, size_t points, bool known) {
    s->past = 0;
    s->count = points;
    for (size_t i = 0; i < points; i++)
        s->value[i] = known ? 0.1 + (double)(i * 37 % 11) / 10 : (double)NAN;
}

static const struct burden {
    const char *name;
    size_t points;
    bool known;
    const char *start; /* in the zone Europe/Amsterdam; NULL: UTC, and any day */
} burdens[] = {{"no value is known", 96, false, NULL},
               {"one value alone", 1, true, NULL},
               {"a day of 23 hours", 92, true, "2026-03-28T23:00:00Z"},
               {"a day of 25 hours", 100, true, "2026-10-24T22:00:00Z"}};

static bool same_answer(const struct series *s, const struct answer *a, const struct answer *b) {
    if (a->failed || b->failed)
        return a->failed == b->failed;
    for (size_t i = 0; i < s->count; i++)
        if (a->verdict[i] != b->verdict[i] ||
            (a->verdict[i] > BB_RULES_FLAG && !is_close(a->value[i], b->value[i])))
            return false;
    return true;
}

static int bear(const struct bb_rules_module *module, const struct bb_rule *rule,
                const struct burden *burden, struct series *s, struct answer *answers,
                struct bb_case_outcome *out, struct bb_error *error) {
    snprintf(out->name, sizeof out->name, "%s", burden->name);
    s->start_ms = default_start_ms;
    s->interval_ms = 15 * (int64_t)BB_MINUTE_MS;
    make_day(s, burden->points, burden->known);
    int result = 0;
    if (burden->start) {
        if (bb_time_parse_rfc3339(bb_span_of(burden->start), &s->start_ms) != BB_TIME_OK)
            return BB_FAIL(error, BB_E_RULE_CASES, "no time");
        result = bb_zone_load(NULL, BB_SPAN("Europe/Amsterdam"), &s->zone, error);
    }
    for (int i = 0; !result && i < 2; i++)
        result = run_series(module, rule, s, &answers[i], error);
    out->passed = !answers[0].failed && same_answer(s, &answers[0], &answers[1]);
    if (answers[0].failed)
        snprintf(out->reason, sizeof out->reason, "%s", answers[0].text);
    else if (!out->passed)
        snprintf(out->reason, sizeof out->reason, "asked twice it gives two answers");
    bb_zone_free(s->zone);
    s->zone = NULL;
    return result;
}

int bb_rules_bears(const struct bb_rules_module *module, const struct bb_rule *rule,
                   bb_case_visit *visit, void *context, struct bb_error *error) {
    struct series *s = calloc(1, sizeof *s);
    struct answer *answers = calloc(2, sizeof *answers);
    int result = s && answers ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for cases");

    for (size_t i = 0; !result && i < sizeof burdens / sizeof burdens[0]; i++) {
        struct bb_case_outcome outcome = {.passed = false};
        result = bear(module, rule, &burdens[i], s, answers, &outcome, error);
        if (!result)
            visit(context, &outcome);
    }
    free(answers);
    free(s);
    return result;
}
