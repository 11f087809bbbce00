/* Coverage: on which UTC days a channel has raw blocks. It answers "where is the reading before
 * this one" without searching the store, and tells the first and last day of a channel, and how
 * far behind a moment an interval may end that begins before it.
 *
 * Runs of days, ascending, never touching. Packed: longest_s, run count, then per run the distance
 * from the end of the one before (the first: the day) and its length - 1, as varints.
 */
#ifndef BB_DERIVE_COVERAGE_H
#define BB_DERIVE_COVERAGE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

struct bb_day_run {
    int32_t first, last;
};

struct bb_coverage {
    struct bb_day_run *runs; /* in the arena it was made with */
    uint32_t count, capacity;
    uint32_t longest_s; /* the longest interval ever told */
};

#define BB_DAY_NONE INT32_MIN

bool bb_coverage_has(const struct bb_coverage *coverage, int32_t day);
/* The nearest covered day below (above) `day`; BB_DAY_NONE when there is none. */
int32_t bb_coverage_before(const struct bb_coverage *coverage, int32_t day);
int32_t bb_coverage_after(const struct bb_coverage *coverage, int32_t day);
/* Add a day. False when memory is out; *added says whether it was new. */
bool bb_coverage_add(struct bb_coverage *coverage, int32_t day, struct bb_arena *arena, bool *added)
    BB_MUST_USE;

void bb_coverage_pack(const struct bb_coverage *coverage, struct bb_buffer *out);
int bb_coverage_unpack(struct bb_span packed, struct bb_arena *arena, struct bb_coverage *out,
                       struct bb_error *error) BB_MUST_USE;

#endif
