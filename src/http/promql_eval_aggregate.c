/* Aggregations: columns of the same group become one, step by step.
 *
 * Groups are found by sorting, so that neither the source's order nor a hash decides the order in
 * which numbers are added. */
#include "http/promql_eval_internal.h"

#include "http/promql_aggregation.h"

#include <stdlib.h>

struct member {
    struct bb_promql_labels group;
    size_t column; /* its place, which breaks ties */
};

static int compare_members(const void *a, const void *b) {
    const struct member *left = a, *right = b;
    int order = bb_promql_labels_compare(left->group, right->group);
    return order ? order : (left->column > right->column) - (left->column < right->column);
}

static void add_column(struct bb_promql_tally *tallies, const struct bb_promql_fold *fold,
                       const struct bb_promql_column *column) {
    for (size_t i = 0; i < column->count; i++)
        if (column->has[i])
            fold->add(&tallies[i], column->value[i]);
}

static void finish_group(const struct bb_promql_tally *tallies, const struct bb_promql_fold *fold,
                         struct bb_promql_column *out) {
    for (size_t i = 0; i < out->count; i++) {
        out->has[i] = tallies[i].count > 0;
        if (out->has[i])
            out->value[i] = fold->finish(&tallies[i]);
    }
}

/* The members in the order of their groups. */
static int list_members(struct bb_promql_eval *eval, const struct bb_promql_names *by,
                        const struct bb_promql_columns *columns, struct member **out) {
    struct member *members = bb_arena_take_array(eval->arena, columns->count, sizeof *members);

    if (!members)
        return bb_promql_eval_no_room(eval);
    for (size_t i = 0; i < columns->count; i++) {
        members[i].column = i;
        int status = bb_promql_pick_labels(eval, columns->items[i].labels, by, &members[i].group);
        if (status != 0)
            return status;
    }
    qsort(members, columns->count, sizeof *members, compare_members);
    *out = members;
    return 0;
}

int bb_promql_eval_aggregate(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                             struct bb_promql_columns *out) {
    const struct bb_promql_fold *fold = node->aggregate.row->fold;
    struct bb_promql_columns columns;
    struct bb_promql_column *column;
    struct member *members = NULL;

    int status = bb_promql_eval_node(eval, node->aggregate.argument, &columns);
    if (status != 0 || columns.count == 0)
        return status;
    struct bb_promql_tally *tallies = bb_arena_take_array(eval->arena, eval->step_count,
                                                          sizeof *tallies);
    if (!tallies)
        return bb_promql_eval_no_room(eval);
    status = list_members(eval, &node->aggregate.by, &columns, &members);
    for (size_t i = 0; status == 0 && i < columns.count;) {
        struct bb_promql_labels group = members[i].group;
        memset(tallies, 0, eval->step_count * sizeof *tallies);
        for (; status == 0 && i < columns.count &&
               bb_promql_labels_compare(group, members[i].group) == 0;
             i++) {
            add_column(tallies, fold, &columns.items[members[i].column]);
            status = bb_promql_eval_spend(eval, 0);
        }
        if (status == 0)
            status = bb_promql_add_column(eval, out, group, eval->step_count, &column);
        if (status == 0)
            finish_group(tallies, fold, column);
    }
    return status;
}
