/* A rule over a channel that was made up: see rules_case_internal.h. */
#include "service/rules_case_internal.h"

#include "base/hash.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct bb_case_series *bb_case_series_new(void) {
    return calloc(1, sizeof(struct bb_case_series));
}

static void forget(struct bb_case_beside *beside) {
    free(beside->value);
    *beside = (struct bb_case_beside){.is_given = false};
}

void bb_case_series_clear(struct bb_case_series *s) {
    bb_zone_free(s->zone);
    s->zone = NULL;
    for (int k = 0; k < BB_RULE_SERIES_MAX; k++) {
        forget(&s->others[k]);
        forget(&s->side[k]);
    }
}

void bb_case_series_free(struct bb_case_series *s) {
    if (s)
        bb_case_series_clear(s);
    free(s);
}

bool bb_case_beside_take(struct bb_case_beside *beside, size_t count) {
    forget(beside);
    beside->value = calloc(count + 1, sizeof *beside->value);
    beside->is_given = beside->value != NULL;
    beside->count = count;
    return beside->is_given;
}

/* ---- what came of it ------------------------------------------------------------------------ */

struct answering {
    struct bb_case_answer *answer;
    const struct bb_rules_batch *batch;
};

static uint64_t hash_json(const json_t *value, uint64_t seed) {
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
    uint64_t hash = bb_hash_seeded(bb_span_of(text ? text : ""), seed + 1);

    free(text);
    return hash;
}

/* Rows that are told of a window; their number among the others is none of its matter. */
static uint64_t hash_rows(json_t *rows, uint32_t window, uint64_t seed) {
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row) {
        if (json_integer_value(json_object_get(row, "window")) != (json_int_t)window)
            continue;
        json_t *own = json_copy(row);
        json_object_del(own, "window");
        seed = hash_json(own, seed);
        json_decref(own);
    }
    return seed;
}

/* Columns of numbers by point: those of the points [first, last). */
static uint64_t hash_evidence(json_t *evidence, size_t first, size_t last, uint64_t seed) {
    const char *name;
    json_t *pair;
    uint64_t sum = 0; /* names come in the order in which others told them first */

    json_object_foreach(evidence, name, pair) {
        json_t *at = json_array_get(pair, 0), *value = json_array_get(pair, 1);
        for (size_t i = 0; i < json_array_size(at); i++) {
            json_int_t point = json_integer_value(json_array_get(at, i));
            if (point >= (json_int_t)first && point < (json_int_t)last)
                sum += hash_json(
                    json_array_get(value, i),
                    bb_hash_seeded(bb_span_of(name), (uint64_t)(point - (json_int_t)first)));
        }
    }
    return bb_hash_mix(seed ^ sum);
}

static uint64_t hash_said(const struct bb_rules_part *part, const uint32_t *offset, uint32_t window,
                          json_t *told) {
    const size_t first = offset[part->first + window] - part->first_point,
                 last = offset[part->first + window + 1] - part->first_point;
    json_t *reasons = json_object_get(told, "reasons");
    uint64_t hash = 0;

    for (size_t i = first; i < last; i++)
        if (part->verdict[i] != BB_RULES_NOTHING)
            hash = hash_json(json_array_get(reasons, part->reason[i]), hash);
    hash = hash_evidence(json_object_get(told, "evidence"), first, last, hash);
    hash = hash_rows(json_object_get(told, "exceptions"), window, hash);
    return hash_rows(json_object_get(told, "tags"), window, hash);
}

static int take_part(void *context, const struct bb_rules_part *part, struct bb_error *error) {
    const struct answering *answering = context;
    struct bb_case_answer *answer = answering->answer;
    json_t *root = json_loadb(part->told.data, part->told.size, 0, NULL);

    (void)error;
    memcpy(answer->verdict + part->first_point, part->verdict, part->points);
    memcpy(answer->value + part->first_point, part->value, part->points * sizeof *part->value);
    for (uint32_t w = 0; w < part->windows; w++)
        answer->said[part->first + w] = hash_said(part, answering->batch->offset, w, root);
    if (memchr(part->raised, 1, part->windows)) {
        const char *text = json_string_value(
            json_object_get(json_array_get(json_object_get(root, "failures"), 0), "text"));
        answer->failed = true;
        snprintf(answer->text, sizeof answer->text, "%s", text ? text : "it raised");
    }
    json_decref(root);
    return 0;
}

static int take_failure(void *context, const struct bb_rules_failure *failure,
                        struct bb_error *error) {
    struct bb_case_answer *answer = ((const struct answering *)context)->answer;

    (void)error;
    answer->failed = true;
    snprintf(answer->text, sizeof answer->text, "%.*s%.*s", BB_SPAN_ARGS(failure->text),
             BB_SPAN_ARGS(failure->told));
    if (!answer->text[0])
        snprintf(answer->text, sizeof answer->text, "it %s",
                 failure->kind == BB_RULES_TOO_SLOW ? "takes too long" : "ended its process");
    return 0;
}

/* ---- side inputs ---------------------------------------------------------------------------- */

/* Those of the module, but for what the case gives. */
static int give_sides(const struct bb_rules_module *module, const struct bb_rule *rule,
                      const struct bb_case_series *s, const int64_t *ts_ms,
                      struct bb_error *error) {
    struct bb_rules_side sides[BB_RULES_SIDES_MAX];

    memcpy(sides, module->sides, sizeof sides);
    for (uint32_t i = 0; i < module->side_count; i++)
        for (uint32_t k = 0; k < rule->side_count; k++)
            if (s->side[k].is_given && bb_span_equal(rule->side[k].from, sides[i].name))
                sides[i] = (struct bb_rules_side){sides[i].name, ts_ms, s->side[k].value,
                                                  s->side[k].count};
    return module->rules->ops->side(module->set, sides, module->side_count, error);
}

static bool gives_sides(const struct bb_case_series *s) {
    bool gives = false;

    for (int k = 0; k < BB_RULE_SERIES_MAX; k++)
        gives |= s->side[k].is_given;
    return gives;
}

/* ---- the run -------------------------------------------------------------------------------- */

static uint32_t quality_of(double value) {
    return isnan(value) ? BB_RULES_MISSING : BB_RULES_MEASURED;
}

static bool add_window(struct bb_rules_gather *gather, const struct bb_rule *rule,
                       struct bb_case_series *s, size_t turn) {
    for (size_t i = 0; i < s->count; i++) {
        s->point[i].value = s->value[(i + turn) % s->count];
        s->point[i].quality = quality_of(s->point[i].value);
    }
    if (!bb_rules_gather_add(gather, s->point, s->count, s->past, 0, BB_SPAN("{}")))
        return false;
    for (uint32_t k = 0; k < rule->other_count; k++) {
        for (size_t i = 0; i < s->others[k].count; i++) {
            s->other[i] = s->point[i];
            s->other[i].value = s->others[k].value[(i + turn) % s->others[k].count];
            s->other[i].quality = quality_of(s->other[i].value);
        }
        if (!bb_rules_gather_add_other(gather, s->other, s->others[k].count))
            return false;
    }
    return true;
}

static int run_gathered(const struct bb_rules_module *module, const struct bb_rule *rule,
                        struct bb_case_series *s, const struct bb_rules_batch *batch,
                        struct bb_case_answer *answer, struct bb_error *error) {
    struct answering answering = {answer, batch};
    const struct bb_rules_sink sink = {take_part, take_failure, &answering};
    const bool gives = gives_sides(s);
    int result = gives ? give_sides(module, rule, s, batch->end_ms, error) : 0;

    if (!result)
        result = module->rules->ops->run(module->set, batch, &sink, error);
    if (!result && gives)
        result = module->rules->ops->side(module->set, module->sides, module->side_count, error);
    return result;
}

int bb_case_run(const struct bb_rules_module *module, const struct bb_rule *rule,
                struct bb_case_series *s, struct bb_case_windows windows,
                struct bb_case_answer *answer, struct bb_error *error) {
    const struct bb_zone *zone = s->zone ? s->zone : bb_zone_utc();
    struct bb_rules_gather gather;
    struct bb_rules_batch batch;
    bool has_room = true;

    BB_ASSERT(windows.count <= BB_CASE_WINDOWS_MAX &&
              windows.count * s->count <= BB_CASE_POINTS_MAX);
    memset(answer, 0, sizeof *answer);
    for (size_t i = 0; i < s->count; i++) {
        int64_t end_ms = s->start_ms + ((int64_t)i - (int64_t)s->past + 1) * s->interval_ms;
        s->point[i] = (struct bb_rules_point){.end_ms = end_ms,
                                              .length_ms = s->interval_ms,
                                              .utc_offset_s = bb_zone_offset_s(zone, end_ms)};
    }
    bb_rules_gather_init(&gather);
    gather.others.channels = rule->other_count;
    for (uint32_t w = 0; has_room && w < windows.count; w++)
        has_room = add_window(&gather, rule, s, ((size_t)windows.first + w) * 7);
    int result = has_room ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a case");
    if (!result) {
        bb_rules_gather_batch(&gather, &batch);
        batch.rule = (uint32_t)(rule - module->items);
        batch.parameters = s->parameters;
        batch.until_ns = s->until_ns;
        batch.abort_at = windows.abort_at;
        result = run_gathered(module, rule, s, &batch, answer, error);
    }
    bb_rules_gather_release(&gather);
    return result;
}
