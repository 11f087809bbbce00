/* Runs: points in a row that are alike, of at least a least length (check.h has the rule).
 *
 * A check says which points it looks at, whether one goes on with what the one before it began, and
 * what is long enough; this finds the runs, marks their points and makes the findings. The walk begins
 * where the run of the first judged point does, as far as the window reaches.
 */
#ifndef BB_DERIVE_CHECK_RUN_INTERNAL_H
#define BB_DERIVE_CHECK_RUN_INTERNAL_H

#include "derive/check.h"

enum { BB_NO_POINT = -1 };

enum bb_run_part {
    BB_RUN_APART = 0, /* in no run */
    BB_RUN_BEGINS,
    BB_RUN_GOES_ON /* of the run of the point before it; begins one when that is in none */
};

struct bb_run_rule {
    enum bb_check check;
    /* Does it look at this usable point at all? NULL: at every one. */
    bool (*sees)(const struct bb_check_context *context, size_t i);
    /* `before`: the point seen before i, BB_NO_POINT: none. */
    enum bb_run_part (*part)(const struct bb_check_context *context, const void *facts,
                             ptrdiff_t before, size_t i);
    /* The moment from which a run lasts whose first point is i. */
    int64_t (*begin)(const struct bb_check_context *context, ptrdiff_t before, size_t i);
    /* Is a run long enough that begins at a moment and has `count` points up to i? */
    bool (*enough)(const struct bb_check_context *context, int64_t begin_ms, size_t count,
                   size_t i);
    /* Set a, b and exponent of a finding about `count` points of a run, from `first` to `last`. */
    void (*evidence)(const struct bb_check_context *context, size_t count, size_t first,
                     size_t last, struct bb_finding *finding);
};

/* Judge [context->first, context->last). */
void bb_runs_judge(const struct bb_check_context *context, const struct bb_run_rule *rule,
                   const void *facts);

/* The point that the rule sees before i; BB_NO_POINT: none. */
ptrdiff_t bb_run_before(const struct bb_check_context *context, const struct bb_run_rule *rule,
                        size_t i);

#endif
