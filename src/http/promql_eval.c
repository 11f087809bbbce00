/* PromQL's evaluation: the walk over the tree, and its limits. See promql_eval.h. */
#include "http/promql_eval_internal.h"

#include <inttypes.h>

int bb_promql_eval_spend(struct bb_promql_eval *eval, uint64_t samples) {
    eval->samples += samples;
    if (eval->samples > eval->options.samples_max)
        return BB_FAIL(eval->error, BB_E_PROMQL_LIMIT,
                       "the query looks at more than %" PRIu64 " samples; ask for fewer series, a "
                       "shorter time or range, or a greater step",
                       eval->options.samples_max);
    if (eval->source->is_over && eval->source->is_over(eval->source->context))
        return BB_FAIL(eval->error, BB_E_PROMQL_TIMEOUT,
                       "the query took longer than it may; ask for fewer series or a shorter time");
    return 0;
}

void bb_promql_eval_warn(struct bb_promql_eval *eval, const char *text) {
    struct bb_promql_answer *answer = eval->answer;

    for (size_t i = 0; i < answer->warning_count; i++)
        if (answer->warnings[i] == text)
            return;
    if (answer->warning_count < BB_PROMQL_WARNINGS_MAX)
        answer->warnings[answer->warning_count++] = text;
}

static int grow(struct bb_promql_eval *eval, struct bb_promql_columns *columns) {
    size_t capacity = columns->capacity ? 2 * columns->capacity : 16;
    struct bb_promql_column *items = bb_arena_take_array(eval->arena, capacity, sizeof *items);

    if (!items)
        return bb_promql_eval_no_room(eval);
    if (columns->count > 0)
        memcpy(items, columns->items, columns->count * sizeof *items);
    columns->items = items;
    columns->capacity = capacity;
    return 0;
}

int bb_promql_add_column(struct bb_promql_eval *eval, struct bb_promql_columns *columns,
                         struct bb_promql_labels labels, size_t count,
                         struct bb_promql_column **out) {
    if (columns->count == columns->capacity) {
        int status = grow(eval, columns);
        if (status != 0)
            return status;
    }
    struct bb_promql_column column = {
        .labels = labels,
        .count = count,
        .value = bb_arena_take_array(eval->arena, count, sizeof *column.value),
        .has = bb_arena_take_array(eval->arena, count, sizeof *column.has)};
    if (!column.value || !column.has)
        return bb_promql_eval_no_room(eval);
    *out = &columns->items[columns->count++];
    **out = column;
    return 0;
}

static int eval_number(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                       struct bb_promql_columns *out) {
    struct bb_promql_column *column;

    int status = bb_promql_add_column(eval, out, (struct bb_promql_labels){0}, eval->step_count,
                                      &column);
    for (size_t i = 0; status == 0 && i < column->count; i++) {
        column->value[i] = node->number;
        column->has[i] = 1;
    }
    return status;
}

static int eval_negate(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                       struct bb_promql_columns *out) {
    int status = bb_promql_eval_node(eval, node->operand, out);

    for (size_t i = 0; status == 0 && i < out->count; i++)
        for (size_t k = 0; k < out->items[i].count; k++)
            out->items[i].value[k] = -out->items[i].value[k];
    return status != 0 ? status : bb_promql_drop_name(eval, out);
}

int bb_promql_eval_node(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                        struct bb_promql_columns *out) {
    static int (*const rows[BB_PROMQL_NODE_KINDS])(
        struct bb_promql_eval *, const struct bb_promql_node *, struct bb_promql_columns *) = {
        [BB_PROMQL_NUMBER] = eval_number,
        [BB_PROMQL_SELECTOR] = bb_promql_eval_selector,
        [BB_PROMQL_CALL] = bb_promql_eval_call,
        [BB_PROMQL_AGGREGATE] = bb_promql_eval_aggregate,
        [BB_PROMQL_BINARY] = bb_promql_eval_binary,
        [BB_PROMQL_NEGATE] = eval_negate,
    };
    *out = (struct bb_promql_columns){0};
    return rows[node->kind](eval, node, out);
}

static bool is_time(int64_t ms) {
    return ms >= -BB_PROMQL_TIME_MAX_MS && ms <= BB_PROMQL_TIME_MAX_MS;
}

static int check_options(const struct bb_promql_node *root, const struct bb_promql_options *o,
                         struct bb_error *error) {
    if (!is_time(o->start_ms) || !is_time(o->end_ms))
        return BB_FAIL(error, BB_E_PROMQL_PARAMETER, "a time is more than 1000 years from 1970");
    if (o->end_ms < o->start_ms)
        return BB_FAIL(error, BB_E_PROMQL_PARAMETER, "end lies before start");
    if (o->step_ms < 0 || (o->step_ms == 0 && o->start_ms != o->end_ms))
        return BB_FAIL(error, BB_E_PROMQL_PARAMETER, "step is not more than 0");
    if (o->lookback_ms < 0 || o->lookback_ms > BB_PROMQL_DURATION_MAX_MS)
        return BB_FAIL(error, BB_E_PROMQL_PARAMETER, "look-back is at most 100 years");
    if (o->step_ms > 0 && (o->end_ms - o->start_ms) / o->step_ms > BB_PROMQL_STEPS_MAX)
        return BB_FAIL(error, BB_E_PROMQL_PARAMETER,
                       "the answer would have more than %d steps; ask for a greater step or a "
                       "shorter time",
                       BB_PROMQL_STEPS_MAX);
    if (o->step_ms > 0 && root->type == BB_PROMQL_MATRIX)
        return BB_FAIL(error, BB_E_PROMQL_PARAMETER,
                       "a range vector has no value at a step; put a function such as rate or "
                       "avg_over_time around it");
    return 0;
}

/* Series that have a point; the others are no part of an answer. */
static size_t drop_empty(struct bb_promql_columns *columns) {
    size_t kept = 0;

    for (size_t i = 0; i < columns->count; i++) {
        const struct bb_promql_column *column = &columns->items[i];
        if (!column->has ? column->count > 0 : memchr(column->has, 1, column->count) != NULL)
            columns->items[kept++] = *column;
    }
    return kept;
}

int bb_promql_eval(const struct bb_promql_node *root, const struct bb_promql_source *source,
                   const struct bb_promql_options *options, struct bb_arena *arena,
                   struct bb_promql_answer *answer, struct bb_error *error) {
    struct bb_promql_eval eval = {.source = source,
                                  .options = *options,
                                  .step_count = 1,
                                  .arena = arena,
                                  .error = error,
                                  .answer = answer};
    struct bb_promql_columns columns;

    *answer = (struct bb_promql_answer){.type = root->type};
    int status = check_options(root, options, error);
    if (status != 0)
        return status;
    if (options->samples_max == 0)
        eval.options.samples_max = BB_PROMQL_SAMPLES_DEFAULT;
    if (options->step_ms > 0)
        eval.step_count += (size_t)((options->end_ms - options->start_ms) / options->step_ms);
    status = bb_promql_eval_node(&eval, root, &columns);
    if (status != 0)
        return status;
    answer->columns = columns.items;
    answer->column_count = drop_empty(&columns);
    answer->start_ms = options->start_ms;
    answer->step_ms = options->step_ms;
    answer->step_count = eval.step_count;
    return 0;
}
