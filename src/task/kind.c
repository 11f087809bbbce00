/* The table of kinds, and what their arguments have to be: see kind.h. */
#include "task/kind_internal.h"

#include <jansson.h>

#include "base/nearest.h"

const struct bb_task_kind *const bb_task_kinds[] = {
    &bb_task_import, &bb_task_export, &bb_task_report, &bb_task_backtest, &bb_task_backfill,
};
const size_t bb_task_kind_count = sizeof bb_task_kinds / sizeof bb_task_kinds[0];

const struct bb_task_kind *bb_task_kind_find(struct bb_span name) {
    for (size_t i = 0; i < bb_task_kind_count; i++)
        if (bb_span_equal(name, bb_span_of(bb_task_kinds[i]->name)))
            return bb_task_kinds[i];
    return NULL;
}

const struct bb_task_parameter *bb_task_parameter_find(const struct bb_task_kind *kind,
                                                       struct bb_span name) {
    for (const struct bb_task_parameter *p = kind->parameters; p && p->name; p++)
        if (bb_span_equal(name, bb_span_of(p->name)))
            return p;
    return NULL;
}

static int check_what(const struct bb_task_kind *kind, const json_t *what, struct bb_error *error) {
    size_t count = json_array_size(what);

    if (count < kind->what_min)
        return BB_FAIL(error, BB_E_TASK_ARGUMENT, "a task %s needs %s", kind->name, kind->what);
    if (count > 0 && !kind->what)
        return BB_FAIL(error, BB_E_TASK_ARGUMENT, "a task %s takes no words", kind->name);
    if (kind->what_max > 0 && count > kind->what_max)
        return BB_FAIL(error, BB_E_TASK_ARGUMENT, "a task %s takes one %s", kind->name, kind->what);
    for (size_t i = 0; i < count; i++)
        if (!json_is_string(json_array_get(what, i)))
            return BB_FAIL(error, BB_E_TASK_ARGUMENT, "what a task %s is about are texts",
                           kind->name);
    return 0;
}

static int check_one(const struct bb_task_kind *kind, const char *name, const json_t *value,
                     struct bb_error *error) {
    const struct bb_task_parameter *p = bb_task_parameter_find(kind, bb_span_of(name));
    struct bb_nearest nearest;

    if (p)
        return json_is_boolean(value) == (p->kind == BB_TASK_FLAG) &&
                       (json_is_boolean(value) || json_is_string(value))
                   ? 0
                   : BB_FAIL(error, BB_E_TASK_ARGUMENT, "%s of a task %s is a %s", name, kind->name,
                             p->kind == BB_TASK_FLAG ? "flag" : "text");
    bb_nearest_init(&nearest, bb_span_of(name));
    for (p = kind->parameters; p && p->name; p++)
        bb_nearest_offer(&nearest, p->name);
    return BB_FAIL(error, BB_E_TASK_ARGUMENT, "a task %s takes no --%s%s%s%s", kind->name, name,
                   nearest.name ? "; did you mean --" : "", nearest.name ? nearest.name : "",
                   nearest.name ? "?" : "");
}

static int check_object(const struct bb_task_kind *kind, json_t *object, struct bb_error *error) {
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return BB_FAIL(error, BB_E_TASK_ARGUMENT, "arguments of a task are a JSON object");
    int result = check_what(kind, json_object_get(object, "what"), error);
    for (const struct bb_task_parameter *p = kind->parameters; !result && p && p->name; p++)
        if (p->required && !json_object_get(object, p->name))
            result = BB_FAIL(error, BB_E_TASK_ARGUMENT, "a task %s needs --%s: %s", kind->name,
                             p->name, p->help);
    json_object_foreach(object, name, value) {
        if (!result && strcmp(name, "what") != 0)
            result = check_one(kind, name, value, error);
    }
    return result;
}

int bb_task_arguments_check(const struct bb_task_kind *kind, struct bb_span arguments,
                            struct bb_error *error) {
    json_t *object = json_loadb(arguments.data, arguments.size, JSON_REJECT_DUPLICATES, NULL);
    int result = check_object(kind, object, error);

    json_decref(object);
    return result;
}
