/* Labels on their way through an evaluation: see promql_eval_internal.h. */
#include "http/promql_eval_internal.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_listed(const struct bb_promql_names *names, struct bb_span name) {
    size_t low = 0, high = names->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = bb_span_compare(name, names->items[middle]);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

int bb_promql_pick_labels(struct bb_promql_eval *eval, struct bb_promql_labels labels,
                          const struct bb_promql_names *names, struct bb_promql_labels *out) {
    struct bb_promql_label *items = NULL;
    size_t count = 0;

    if (labels.count > 0 && !(names->keep && names->count == 0)) {
        items = bb_arena_take_array(eval->arena, labels.count, sizeof *items);
        if (!items)
            return bb_promql_eval_no_room(eval);
        for (size_t i = 0; i < labels.count; i++) {
            struct bb_span name = labels.items[i].name;
            bool kept = is_listed(names, name) == names->keep &&
                        (names->keep || !bb_span_equal(name, BB_PROMQL_NAME));
            if (kept)
                items[count++] = labels.items[i];
        }
    }
    *out = (struct bb_promql_labels){items, count};
    return 0;
}

int bb_promql_drop_name(struct bb_promql_eval *eval, struct bb_promql_columns *columns) {
    static const struct bb_promql_names none = {.keep = false};

    for (size_t i = 0; i < columns->count; i++) {
        struct bb_promql_column *column = &columns->items[i];
        int status = bb_promql_pick_labels(eval, column->labels, &none, &column->labels);
        if (status != 0)
            return status;
    }
    return bb_promql_check_columns(eval, columns);
}

int bb_promql_copy_labels(struct bb_promql_eval *eval, struct bb_promql_labels labels,
                          struct bb_promql_labels *out) {
    struct bb_promql_label *items = bb_arena_take_array(eval->arena, labels.count + 1,
                                                        sizeof *items);

    if (!items)
        return bb_promql_eval_no_room(eval);
    for (size_t i = 0; i < labels.count; i++) {
        items[i].name = bb_arena_copy(eval->arena, labels.items[i].name);
        items[i].value = bb_arena_copy(eval->arena, labels.items[i].value);
        if (!items[i].name.data || !items[i].value.data)
            return bb_promql_eval_no_room(eval);
    }
    *out = (struct bb_promql_labels){items, labels.count};
    return 0;
}

const char *bb_promql_labels_text(struct bb_promql_labels labels, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "{");

    for (size_t i = 0; i < labels.count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%.*s=\"%.*s\"", i > 0 ? ", " : "",
                                 BB_SPAN_ARGS(labels.items[i].name),
                                 BB_SPAN_ARGS(labels.items[i].value));
    if (used < size)
        snprintf(text + used, size - used, "}");
    return text;
}

static int compare_columns(const void *a, const void *b) {
    const struct bb_promql_column *left = a, *right = b;
    return bb_promql_labels_compare(left->labels, right->labels);
}

void bb_promql_sort_columns(struct bb_promql_columns *columns) {
    if (columns->count > 1)
        qsort(columns->items, columns->count, sizeof *columns->items, compare_columns);
}

int bb_promql_check_columns(struct bb_promql_eval *eval, struct bb_promql_columns *columns) {
    char text[256];

    bb_promql_sort_columns(columns);
    for (size_t i = 1; i < columns->count; i++)
        if (compare_columns(&columns->items[i - 1], &columns->items[i]) == 0)
            return BB_FAIL(eval->error, BB_E_PROMQL_MATCH,
                           "two series would have the same labels %s; aggregate them, or select "
                           "one metric",
                           bb_promql_labels_text(columns->items[i].labels, text, sizeof text));
    return 0;
}
