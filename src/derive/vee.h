/* Validation and estimation: from raw points to the points of the vee lane.
 *
 * The vee lane is an overlay: where a point is not `overlay`, it is the raw reading in the derived
 * unit. Judging is a pure function of the raw points and the point before the judged range.
 */
#ifndef BB_DERIVE_VEE_H
#define BB_DERIVE_VEE_H

#include "base/error.h"
#include "derive/check.h"
#include "derive/like.h"

/* How one missing value was estimated, put down while its gap is filled. */
struct bb_vee_account {
    int64_t at_ms; /* asked: the value's end */
    bool known;    /* it was in a gap that got rows; then: */
    enum bb_method method;
    struct bb_gap
        gap; /* the part of the gap that was filled at once: between readings of registers */
    int64_t step_ms;
    struct bb_like_value like[BB_LIKE_MAX];
    size_t like_count, like_used; /* the latest ones are averaged */
    struct bb_total around;       /* with gap.has_total: between which readings, */
    struct bb_told_sum told;      /* and what was told there */
};

/* What judging looks at besides the points. */
struct bb_vee_aid {
    const int64_t *level;               /* of every point of the raw window */
    const struct bb_stat *stat;         /* of the days before */
    const struct bb_total_list *totals; /* of the registers beside the channel */
    const struct bb_window *past;       /* raw points of like days */
    int64_t silent_to; /* behind the last usable point there is a gap up to here; 0: none */
    const struct bb_point
        *accepted; /* registers: the last accepted point before those judged; NULL: none */
    struct bb_vee_account *account; /* to be filled; NULL: nobody asks */
};

/* Judge raw points [first, last): run the channel's checks, fill gaps, append vee points to `out`
 * and findings to `findings`. `out` must have room for the points and for the rows of their gaps. */
int bb_vee_judge(const struct bb_channel *channel, struct bb_window *raw, size_t first, size_t last,
                 const struct bb_vee_aid *aid, struct bb_arena *arena, struct bb_window *out,
                 struct bb_finding_list *findings, struct bb_error *error) BB_MUST_USE;

/* A gap between two usable points that gets rows: (from, from + count x step]. */
struct bb_vee_gap {
    int64_t from_ms, step_ms;
    size_t count; /* 0: no rows */
};
/* The gap behind the last usable point of the window up to silent_to_ms; count 0: none. */
struct bb_vee_gap bb_vee_silence(const struct bb_channel *channel, const struct bb_window *raw,
                                 int64_t silent_to_ms);
/* The next gap with rows that ends at one of the points [*at, last); false: no more. */
bool bb_vee_next_gap(const struct bb_channel *channel, const struct bb_window *raw, size_t *at,
                     size_t last, struct bb_vee_gap *gap);

/* The lane vee of a UTC day: its raw block overlaid by its vee block (empty ones: none). Points live in the arena. */
int bb_vee_restore_day(const struct bb_channel *channel, const struct bb_block *raw,
                       const struct bb_block *overlay, int32_t day, struct bb_arena *arena,
                       struct bb_window *out, struct bb_error *error) BB_MUST_USE;
/* What was judged before: raw points with end in (from, to], overlaid by the rows of vee blocks
 * (ascending, absent ones NULL). `out` must have room for both. */
int bb_vee_restore(const struct bb_channel *channel, const struct bb_window *raw, int64_t from_ms,
                   int64_t to_ms, const struct bb_block *const *overlays, size_t overlay_count,
                   struct bb_arena *arena, struct bb_window *out, struct bb_error *error)
    BB_MUST_USE;

#endif
