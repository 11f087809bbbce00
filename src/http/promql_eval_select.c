/* Selectors and functions of ranges: samples to columns.
 *
 * A source visits with one series after the other. Steps and samples both ascend, so that two indices
 * walk along them once; only what a window holds is looked at again by its function.
 *
 *   samples    x   x   x   x   x   x   x   x
 *   window         (first ....... end)            the samples [first, end) of step i
 */
#include "http/promql_eval_internal.h"

#include "http/promql_function.h"
#include "model/timestamp.h"

#include <math.h>

enum { LOOKBACK_LEAST_MS = 5 * BB_MINUTE_MS };

int64_t bb_promql_reach_ms(const struct bb_promql_fetch *fetch, enum bb_kind kind,
                           int64_t interval_ms) {
    if (fetch->range_ms > 0)
        return fetch->range_ms;
    if (fetch->lookback_ms > 0)
        return fetch->lookback_ms;
    int64_t fitting = kind == BB_KIND_INTERVAL ? interval_ms : 2 * interval_ms;
    return fitting > LOOKBACK_LEAST_MS ? fitting : LOOKBACK_LEAST_MS;
}

/* What a visit works with. */
struct visitor {
    struct bb_promql_eval *eval;
    const struct bb_promql_selector *selector;
    const struct bb_promql_function *function; /* NULL: an instant selector, or a bare range */
    struct bb_promql_fetch fetch;
    struct bb_promql_columns *out;
    /* one column in the making, as long as there are steps */
    double *value;
    uint8_t *has;
    struct known {
        size_t capacity;
        int64_t *time_ms, *start_ms;
        double *value;
    } known; /* the samples of one series that are not missing */
};

/* The time that step `step` asks for. */
static int64_t moment_of(const struct visitor *v, size_t step) {
    const struct bb_promql_eval *eval = v->eval;
    int64_t ms = bb_promql_step_at(eval, step);

    if (v->selector->anchor == BB_PROMQL_AT_TIME)
        ms = v->selector->anchor_ms;
    else if (v->selector->anchor == BB_PROMQL_AT_START)
        ms = eval->options.start_ms;
    else if (v->selector->anchor == BB_PROMQL_AT_END)
        ms = eval->options.end_ms;
    return ms - v->selector->offset_ms;
}

/* Keep the column in the making when it has a point. */
static int keep_column(struct visitor *v, const struct bb_promql_series *series) {
    const size_t steps = v->eval->step_count;
    struct bb_promql_labels labels;
    struct bb_promql_column *column;

    if (!memchr(v->has, 1, steps))
        return 0;
    int status = bb_promql_copy_labels(v->eval, series->labels, &labels);
    if (status == 0)
        status = bb_promql_add_column(v->eval, v->out, labels, steps, &column);
    if (status != 0)
        return status;
    memcpy(column->value, v->value, steps * sizeof *v->value);
    memcpy(column->has, v->has, steps * sizeof *v->has);
    return 0;
}

static int visit_instant(void *visitor, const struct bb_promql_series *series,
                         struct bb_error *error) {
    struct visitor *v = visitor;
    int64_t reach_ms = bb_promql_reach_ms(&v->fetch, series->kind, series->interval_ms);
    size_t behind = 0; /* samples up to the step's time */

    (void)error; /* the evaluation's own */
    int status = bb_promql_eval_spend(v->eval, series->count + v->eval->step_count);
    if (status != 0)
        return status;
    for (size_t i = 0; i < v->eval->step_count; i++) {
        int64_t at = moment_of(v, i);
        while (behind < series->count && series->time_ms[behind] <= at)
            behind++;
        v->has[i] = behind > 0 && series->time_ms[behind - 1] > at - reach_ms &&
                    !isnan(series->value[behind - 1]);
        if (v->has[i])
            v->value[i] = series->value[behind - 1];
    }
    return keep_column(v, series);
}

static int grow_known(struct visitor *v, size_t count) {
    struct bb_arena *arena = v->eval->arena;
    size_t capacity = 2 * v->known.capacity > count ? 2 * v->known.capacity : count;

    if (count <= v->known.capacity)
        return 0;
    v->known = (struct known){capacity, bb_arena_take_array(arena, capacity, sizeof(int64_t)),
                              bb_arena_take_array(arena, capacity, sizeof(int64_t)),
                              bb_arena_take_array(arena, capacity, sizeof(double))};
    return v->known.time_ms && v->known.start_ms && v->known.value
               ? 0
               : bb_promql_eval_no_room(v->eval);
}

/* Leave out the samples that are missing. What is left is the source's, or the visitor's until the
 * next series. */
static int drop_missing(struct visitor *v, struct bb_promql_series *series) {
    size_t kept = 0, missing = 0;

    for (size_t i = 0; i < series->count; i++)
        missing += isnan(series->value[i]) ? 1 : 0;
    if (missing == 0)
        return 0;
    int status = grow_known(v, series->count);
    if (status != 0)
        return status;
    for (size_t i = 0; i < series->count; i++)
        if (!isnan(series->value[i])) {
            v->known.time_ms[kept] = series->time_ms[i];
            v->known.start_ms[kept] = series->start_ms ? series->start_ms[i] : 0;
            v->known.value[kept++] = series->value[i];
        }
    series->time_ms = v->known.time_ms;
    series->start_ms = series->start_ms ? v->known.start_ms : NULL;
    series->value = v->known.value;
    series->count = kept;
    return 0;
}

static bool apply(const struct bb_promql_function *function, const struct bb_promql_window *window,
                  double *out) {
    struct bb_promql_tally tally = {0};

    if (!function->fold)
        return function->apply(window, out);
    for (size_t i = 0; i < window->count; i++)
        function->fold->add(&tally, window->value[i]);
    *out = function->fold->finish(&tally);
    return true;
}

static int fill_windows(struct visitor *v, const struct bb_promql_series *s) {
    bool overlaps = v->function->of_amounts && s->kind == BB_KIND_INTERVAL;
    const int64_t *begins = overlaps ? s->start_ms : NULL;
    size_t first = 0, end = 0;

    for (size_t i = 0; i < v->eval->step_count; i++) {
        int64_t to_ms = moment_of(v, i), from_ms = to_ms - v->fetch.range_ms;
        while (first < s->count && s->time_ms[first] <= from_ms)
            first++;
        end = end < first ? first : end;
        while (end < s->count && (begins ? begins[end] < to_ms : s->time_ms[end] <= to_ms))
            end++;
        v->has[i] = 0;
        if (first == end)
            continue;
        int status = bb_promql_eval_spend(v->eval, end - first);
        if (status != 0)
            return status;
        struct bb_promql_window window = {.time_ms = s->time_ms + first,
                                          .start_ms = begins ? begins + first : NULL,
                                          .value = s->value + first,
                                          .count = end - first,
                                          .from_ms = from_ms,
                                          .to_ms = to_ms};
        v->has[i] = apply(v->function, &window, &v->value[i]);
    }
    return 0;
}

static int visit_range(void *visitor, const struct bb_promql_series *series,
                       struct bb_error *error) {
    struct visitor *v = visitor;
    struct bb_promql_series known = *series;
    bool counts = series->kind == BB_KIND_REGISTER || series->kind == BB_KIND_INTERVAL;

    (void)error; /* the evaluation's own */
    BB_ASSERT(series->kind != BB_KIND_INTERVAL || series->start_ms || series->count == 0);
    if (v->function->of_amounts && !counts) {
        bb_promql_eval_warn(v->eval, "rate and increase are of registers and intervals; series of "
                                     "other kinds were left out");
        return 0;
    }
    int status = bb_promql_eval_spend(v->eval, series->count + v->eval->step_count);
    if (status == 0)
        status = drop_missing(v, &known);
    if (status == 0)
        status = fill_windows(v, &known);
    return status != 0 ? status : keep_column(v, series);
}

/* A bare range, at one time: the samples as they are. */
static int visit_samples(void *visitor, const struct bb_promql_series *series,
                         struct bb_error *error) {
    struct visitor *v = visitor;
    struct bb_promql_series known = *series;
    struct bb_promql_labels labels;
    struct bb_promql_column *column;
    int64_t to_ms = moment_of(v, 0), from_ms = to_ms - v->fetch.range_ms;
    size_t first = 0, end;

    (void)error; /* the evaluation's own */
    int status = bb_promql_eval_spend(v->eval, series->count);
    if (status == 0)
        status = drop_missing(v, &known);
    if (status != 0)
        return status;
    while (first < known.count && known.time_ms[first] <= from_ms)
        first++;
    for (end = first; end < known.count && known.time_ms[end] <= to_ms;)
        end++;
    if (first == end)
        return 0;
    status = bb_promql_copy_labels(v->eval, series->labels, &labels);
    if (status == 0)
        status = bb_promql_add_column(v->eval, v->out, labels, end - first, &column);
    if (status != 0)
        return status;
    int64_t *time_ms = bb_arena_take_array(v->eval->arena, column->count, sizeof *time_ms);
    if (!time_ms)
        return bb_promql_eval_no_room(v->eval);
    memcpy(time_ms, known.time_ms + first, column->count * sizeof *time_ms);
    memcpy(column->value, known.value + first, column->count * sizeof *column->value);
    column->time_ms = time_ms;
    column->has = NULL;
    return 0;
}

static int select_columns(struct bb_promql_eval *eval, const struct bb_promql_selector *selector,
                          const struct bb_promql_function *function, bb_promql_visit *visit,
                          struct bb_promql_columns *out) {
    struct visitor v = {.eval = eval,
                        .selector = selector,
                        .function = function,
                        .out = out,
                        .value = bb_arena_take_array(eval->arena, eval->step_count, sizeof(double)),
                        .has = bb_arena_take_array(eval->arena, eval->step_count, 1)};

    if (!v.value || !v.has)
        return bb_promql_eval_no_room(eval);
    v.fetch = (struct bb_promql_fetch){.selector = selector,
                                       .first_ms = moment_of(&v, 0),
                                       .last_ms = moment_of(&v, eval->step_count - 1),
                                       .range_ms = selector->range_ms,
                                       .lookback_ms = eval->options.lookback_ms};
    int status = eval->source->select(eval->source->context, &v.fetch, visit, &v, eval->error);
    return status != 0 ? status : bb_promql_check_columns(eval, out);
}

int bb_promql_eval_selector(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                            struct bb_promql_columns *out) {
    return select_columns(eval, &node->selector, NULL,
                          node->type == BB_PROMQL_MATRIX ? visit_samples : visit_instant, out);
}

int bb_promql_eval_call(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                        struct bb_promql_columns *out) {
    const struct bb_promql_function *function = node->call.row;

    int status = select_columns(eval, &node->call.argument->selector, function, visit_range, out);
    return status != 0 || function->keeps_name ? status : bb_promql_drop_name(eval, out);
}
