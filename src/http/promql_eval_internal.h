/* What the files of the evaluator share.
 *
 *   promql_eval.c            the walk over the tree, the limits
 *   promql_eval_select.c     selectors and functions: samples to columns
 *   promql_eval_aggregate.c  columns to fewer columns
 *   promql_eval_binary.c     two sides to one
 *   promql_eval_labels.c     labels left after all that
 */
#ifndef BB_HTTP_PROMQL_EVAL_INTERNAL_H
#define BB_HTTP_PROMQL_EVAL_INTERNAL_H

#include "http/promql_eval.h"

struct bb_promql_eval {
    const struct bb_promql_source *source;
    struct bb_promql_options options; /* with the defaults filled in */
    size_t step_count;
    struct bb_arena *arena;
    struct bb_error *error;
    uint64_t samples;                /* loaded and looked at so far */
    struct bb_promql_answer *answer; /* for its warnings */
};

/* The columns of a part of the tree. A scalar is one column without labels, and has all its points. */
struct bb_promql_columns {
    struct bb_promql_column *items;
    size_t count, capacity;
};

static inline int64_t bb_promql_step_at(const struct bb_promql_eval *eval, size_t step) {
    return eval->options.start_ms + (int64_t)step * eval->options.step_ms;
}

static inline int bb_promql_eval_no_room(struct bb_promql_eval *eval) {
    return BB_FAIL(eval->error, BB_E_PROMQL_LIMIT,
                   "the query needs more than the %zu MiB of memory it may take; ask for fewer "
                   "series, a shorter time or a greater step",
                   eval->arena->limit_bytes >> 20);
}
/* Count samples that are loaded or looked at, and ask for the time. */
int bb_promql_eval_spend(struct bb_promql_eval *eval, uint64_t samples) BB_MUST_USE;
/* `text` lives as long as the program; each is told once. */
void bb_promql_eval_warn(struct bb_promql_eval *eval, const char *text);

/* A column with room for `count` points, all holes; it may move when the next one is added. */
int bb_promql_add_column(struct bb_promql_eval *eval, struct bb_promql_columns *columns,
                         struct bb_promql_labels labels, size_t count,
                         struct bb_promql_column **out) BB_MUST_USE;
void bb_promql_sort_columns(struct bb_promql_columns *columns);
/* Sorts, and refuses two columns with the same labels. */
int bb_promql_check_columns(struct bb_promql_eval *eval, struct bb_promql_columns *columns)
    BB_MUST_USE;

/* Labels kept (names->keep) or left (else) by a list; the metric's name is left, too, unless listed
 * among those to keep. The labels borrow from `labels`. */
int bb_promql_pick_labels(struct bb_promql_eval *eval, struct bb_promql_labels labels,
                          const struct bb_promql_names *names, struct bb_promql_labels *out)
    BB_MUST_USE;
int bb_promql_drop_name(struct bb_promql_eval *eval, struct bb_promql_columns *columns) BB_MUST_USE;
/* All of it in the arena. */
int bb_promql_copy_labels(struct bb_promql_eval *eval, struct bb_promql_labels labels,
                          struct bb_promql_labels *out) BB_MUST_USE;
/* {a="b", c="d"}, cut to `size`. Returns `text`. */
const char *bb_promql_labels_text(struct bb_promql_labels labels, char *text, size_t size);

int bb_promql_eval_node(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                        struct bb_promql_columns *out) BB_MUST_USE;

/* The kinds of nodes; `out` begins empty. */
int bb_promql_eval_selector(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                            struct bb_promql_columns *out) BB_MUST_USE;
int bb_promql_eval_call(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                        struct bb_promql_columns *out) BB_MUST_USE;
int bb_promql_eval_aggregate(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                             struct bb_promql_columns *out) BB_MUST_USE;
int bb_promql_eval_binary(struct bb_promql_eval *eval, const struct bb_promql_node *node,
                          struct bb_promql_columns *out) BB_MUST_USE;

#endif
