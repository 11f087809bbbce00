/* Merge: readings into the raw and history blocks of one channel's UTC day.
 *
 * For every time a channel has a set of distinct values ("versions") that it was told. A version
 * keeps when it was first told (`recorded`, the least received time) and the greatest key with
 * which it was told (issued, received, line). The winner is the version with the greatest
 * (rank, issued, received, line); it stands in raw, the others in history.
 *
 * Joining sets this way is commutative, associative and idempotent, so that order, repetition and
 * the cutting of batches cannot matter (DESIGN, promise 3):
 *
 *     version = (value, unit, length, quality)    equal versions join: min recorded, max key
 *     time    = set of versions                   sets join by union
 *
 * 1.50 and 1.5 are one version; the text with more digits is kept.
 * A version is a rival of the winner when nothing but the hour of its arrival speaks against it:
 * same rank, and the winner's sender did not say that its version is newer. What a person tells has
 * no rivals: who tells a value again means the later one.
 *
 * A person (rank 3) may also tell that there is no value of theirs. When such a version is the
 * greatest of its time, what stands is looked for among those below rank 3:
 *
 *     withdrawn          edits and acceptances are taken back: the greatest of them
 *     missing, accepted  there is none: the greatest that has a value and was first told after it,
 *                        so that a value nobody knew of then is not lost
 *
 * and when there is none of these, the person's version itself stands, as a missing row. The winner
 * is thus still a function of the set alone. Whatever was withdrawn stays in history.
 */
#ifndef BB_DERIVE_MERGE_H
#define BB_DERIVE_MERGE_H

#include "model/block.h"

/* One reading as it was told: what the worker gathers. */
struct bb_told {
    int64_t end_ms;
    int64_t mantissa;
    int64_t received_ms;
    int64_t issued_ms; /* equals received_ms when the sender gave none */
    int64_t line;
    uint32_t attribute; /* index into the worker's attributes */
};

struct bb_merge_counts {
    uint64_t added;     /* first value of its time */
    uint64_t duplicate; /* equal to a version that was there */
    uint64_t changed;   /* a new version of a time that had one */
};

struct bb_merge {
    struct bb_block raw, history; /* results, in the arena */
    bool raw_written;             /* raw differs from what was stored, be it by keys only */
    bool history_written;
    bool content_changed; /* the winners differ: derived lanes must follow */
    int64_t changed_from,
        changed_to; /* (from, to] holds every changed winner; an instant is 1 ms */
    struct bb_merge_counts counts;
};

enum bb_merge_outcome {
    BB_MERGE_DONE = 0,
    BB_MERGE_NEED_HISTORY = 1 /* versions compete: call again with the day's history */
};

/* Merge `count` readings of one UTC day, ascending by end_ms. `raw` NULL: no block is stored.
 * `history` NULL: not known (and not loaded yet); an empty block when there is none. */
int bb_merge_run(const struct bb_block *raw, const struct bb_block *history,
                 const struct bb_told *told, size_t count, const struct bb_attribute *attributes,
                 struct bb_arena *arena, struct bb_merge *out, struct bb_error *error) BB_MUST_USE;

/* The raw block as of a past moment: the winners among the versions told by then. Keys that came
 * later than `as_of_ms` do not count. */
int bb_merge_as_of(const struct bb_block *raw, const struct bb_block *history, int64_t as_of_ms,
                   struct bb_arena *arena, struct bb_block *out, struct bb_error *error)
    BB_MUST_USE;

#endif
