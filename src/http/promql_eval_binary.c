/* Binary operators.
 *
 *   scalar · scalar   one column
 *   vector · scalar   each column, step by step
 *   vector · vector   columns whose labels agree (on, ignoring), one to one at every step
 *
 * A comparison keeps the value of the vector (of the left one) where it holds; with bool it gives 1
 * and 0 instead. Both sides are sorted by what has to agree and walked along together.
 */
#include "http/promql_eval_internal.h"

#include "http/promql_operator.h"

#include <stdlib.h>

/* The points of an operation; `kept` is the side whose value a comparison keeps. */
static void combine(const struct bb_promql_node *node, const struct bb_promql_column *left,
                    const struct bb_promql_column *right, const struct bb_promql_column *kept,
                    struct bb_promql_column *out) {
    const struct bb_promql_operator *row = node->binary.row;
    bool filters = row->compares && !node->binary.returns_bool;

    for (size_t i = 0; i < out->count; i++) {
        if (!left->has[i] || !right->has[i])
            continue;
        double result = row->apply(left->value[i], right->value[i]);
        out->has[i] = !filters || result != 0;
        out->value[i] = filters ? kept->value[i] : result;
    }
}

/* Does the answer still be the metric that went in? Only where values pass as they are. */
static bool keeps_name(const struct bb_promql_node *node) {
    return node->binary.row->compares && !node->binary.returns_bool;
}

static int with_scalar(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                       const struct bb_promql_columns *left, const struct bb_promql_columns *right,
                       struct bb_promql_columns *out) {
    bool scalar_left = node->binary.left->type == BB_PROMQL_SCALAR;
    const struct bb_promql_columns *vector = scalar_left ? right : left;
    struct bb_promql_column *column;

    for (size_t i = 0; i < vector->count; i++) {
        const struct bb_promql_column *item = &vector->items[i];
        int status = bb_promql_add_column(eval, out, item->labels, eval->step_count, &column);
        if (status == 0)
            status = bb_promql_eval_spend(eval, 0);
        if (status != 0)
            return status;
        combine(node, scalar_left ? left->items : item, scalar_left ? item : right->items, item,
                column);
    }
    return keeps_name(node) ? 0 : bb_promql_drop_name(eval, out);
}

/* ---- vector to vector ---- */

struct side {
    struct bb_promql_labels key; /* the labels that have to agree */
    const struct bb_promql_column *column;
};

static int compare_sides(const void *a, const void *b) {
    const struct side *left = a, *right = b;
    int order = bb_promql_labels_compare(left->key, right->key);
    return order ? order : bb_promql_labels_compare(left->column->labels, right->column->labels);
}

static int list_sides(struct bb_promql_eval *eval, const struct bb_promql_names *on,
                      const struct bb_promql_columns *columns, struct side **out) {
    struct side *sides = bb_arena_take_array(eval->arena, columns->count + 1, sizeof *sides);

    if (!sides)
        return bb_promql_eval_no_room(eval);
    for (size_t i = 0; i < columns->count; i++) {
        sides[i].column = &columns->items[i];
        int status = bb_promql_pick_labels(eval, columns->items[i].labels, on, &sides[i].key);
        if (status != 0)
            return status;
    }
    qsort(sides, columns->count, sizeof *sides, compare_sides);
    *out = sides;
    return 0;
}

/* How many from sides[0] on share its key. */
static size_t run_of(const struct side *sides, size_t count) {
    size_t run = 1;

    while (run < count && bb_promql_labels_compare(sides[0].key, sides[run].key) == 0)
        run++;
    return run;
}

/* The columns of a run as one; refused where two have a point at the same step, and `against`, when
 * given, has one, too. */
static int merge_run(struct bb_promql_eval *eval, const struct side *sides, size_t run,
                     const char *which, const struct bb_promql_column *against,
                     struct bb_promql_column *out) {
    struct bb_promql_columns merged = {0};
    struct bb_promql_column *column;
    char text[256];

    *out = *sides[0].column;
    if (run == 1)
        return 0;
    int status = bb_promql_add_column(eval, &merged, sides[0].key, eval->step_count, &column);
    if (status != 0)
        return status;
    for (size_t k = 0; k < run; k++)
        for (size_t i = 0; i < column->count; i++) {
            if (!sides[k].column->has[i] || (against && !against->has[i]))
                continue;
            if (column->has[i])
                return BB_FAIL(eval->error, BB_E_PROMQL_MATCH,
                               "the %s side has more than one series for the labels %s; name more "
                               "labels with on, or aggregate first",
                               which, bb_promql_labels_text(sides[0].key, text, sizeof text));
            column->has[i] = 1;
            column->value[i] = sides[k].column->value[i];
        }
    *out = *column;
    return 0;
}

/* The labels of a pair: those that had to agree, or with ignoring all others of the left side. A
 * comparison that filters leaves the left side's name, unless on leaves it out. */
static int pair_labels(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                       const struct side *left, struct bb_promql_labels *out) {
    const struct bb_promql_names *on = &node->binary.on;
    const struct bb_promql_labels *from = &left->column->labels;

    *out = left->key;
    if (on->keep || !keeps_name(node))
        return 0;
    struct bb_span name = bb_promql_labels_get(*from, BB_PROMQL_NAME);
    if (name.size == 0)
        return 0;
    struct bb_promql_label *items = bb_arena_take_array(eval->arena, left->key.count + 1,
                                                        sizeof *items);
    if (!items)
        return bb_promql_eval_no_room(eval);
    size_t count = 0, place = 0;
    while (place < left->key.count &&
           bb_span_compare(left->key.items[place].name, BB_PROMQL_NAME) < 0)
        items[count++] = left->key.items[place++];
    items[count++] = (struct bb_promql_label){BB_PROMQL_NAME, name};
    while (place < left->key.count)
        items[count++] = left->key.items[place++];
    *out = (struct bb_promql_labels){items, count};
    return 0;
}

/* A run of the left side against the run of the right side with the same key. A filter keeps the
 * left side's names, so that there each series of the run has a column of its own. */
static int match_runs(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                      const struct side *left, size_t left_run, const struct side *right,
                      size_t right_run, struct bb_promql_columns *out) {
    struct bb_promql_column one, many, *column;
    struct bb_promql_labels labels;

    int status = merge_run(eval, right, right_run, "right", NULL, &one);
    if (status == 0)
        status = merge_run(eval, left, left_run, "left", &one, &many);
    bool apart = left_run > 1 && keeps_name(node) && !node->binary.on.keep;
    for (size_t i = 0; status == 0 && i < (apart ? left_run : 1); i++) {
        const struct bb_promql_column *item = apart ? left[i].column : &many;
        status = pair_labels(eval, node, &left[i], &labels);
        if (status == 0)
            status = bb_promql_add_column(eval, out, labels, eval->step_count, &column);
        if (status == 0)
            combine(node, item, &one, item, column);
    }
    return status != 0 ? status : bb_promql_eval_spend(eval, 0);
}

static int with_vector(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                       const struct bb_promql_columns *left, const struct bb_promql_columns *right,
                       struct bb_promql_columns *out) {
    struct side *lefts = NULL, *rights = NULL;

    int status = list_sides(eval, &node->binary.on, left, &lefts);
    if (status == 0)
        status = list_sides(eval, &node->binary.on, right, &rights);
    for (size_t i = 0, k = 0; status == 0 && i < left->count && k < right->count;) {
        size_t left_run = run_of(&lefts[i], left->count - i);
        size_t right_run = run_of(&rights[k], right->count - k);
        int order = bb_promql_labels_compare(lefts[i].key, rights[k].key);
        if (order == 0)
            status = match_runs(eval, node, &lefts[i], left_run, &rights[k], right_run, out);
        i += order <= 0 ? left_run : 0;
        k += order >= 0 ? right_run : 0;
    }
    return status != 0 ? status : bb_promql_check_columns(eval, out);
}

int bb_promql_eval_binary(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                          struct bb_promql_columns *out) {
    struct bb_promql_columns left, right;

    int status = bb_promql_eval_node(eval, node->binary.left, &left);
    if (status == 0)
        status = bb_promql_eval_node(eval, node->binary.right, &right);
    if (status != 0)
        return status;
    bool vectors = node->binary.left->type == BB_PROMQL_VECTOR &&
                   node->binary.right->type == BB_PROMQL_VECTOR;
    return (vectors ? with_vector : with_scalar)(eval, node, &left, &right, out);
}
