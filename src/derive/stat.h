/* Statistics of days: what far-reaching checks and estimators know of the past (lane `stat`).
 *
 * A row is one UTC day of one channel, a function of that day's raw readings alone: not of what
 * checks said about them, so that a changed reading changes one row and reaches no further than the
 * days that look back at it. Whoever looks back must therefore bear with wrong readings among the
 * past ones. Levels: see point.h.
 *
 * Rows of a UTC month are one block, packed by stat.c.
 */
#ifndef BB_DERIVE_STAT_H
#define BB_DERIVE_STAT_H

#include "derive/point.h"

enum {
    BB_STAT_TOPS = 8,  /* greatest levels kept per day */
    BB_STAT_DAYS = 60, /* how far back any check or estimator looks */
    BB_STAT_HOURS = 24
};

/* Bits of bb_stat_day.flags. */
enum bb_stat_flag {
    BB_STAT_COMPLETE = 1 << 0, /* intervals: the day is covered from end to end, without overlap */
    BB_STAT_MEASURED = 1 << 1, /* every usable value is measured, edited or substituted as final */
    BB_STAT_SOUND = 1 << 2, /* no value is negative on a one-way channel, none stands still for as
                                  long as check `stuck` allows, none has rivals */
    BB_STAT_SOME_MEASURED = 1 << 3 /* at least one value is */
};

struct bb_stat_day {
    int32_t day;    /* UTC day; the readings with start < end_ms <= end of it */
    uint32_t count; /* usable readings */
    int64_t
        top[BB_STAT_TOPS]; /* intervals, gauges: the greatest levels, descending; INT64_MIN: none */
    int64_t least;         /* the least level; INT64_MAX: none */
    uint32_t
        seen_hours; /* bit per hour of the UTC day that holds a usable reading (by end - 1 ms) */
    uint32_t used_hours;         /* intervals: ... one of more than the margin of check zero */
    uint8_t flags;               /* enum bb_stat_flag */
    int64_t last_ms, last_level; /* registers: the last usable reading, UTC; 0: none */
};

/* Days of one channel, ascending; at least those of BB_STAT_DAYS before whatever is judged. */
struct bb_stat {
    const struct bb_stat_day *days;
    size_t count;
};

/* The row of a UTC day from its raw block. */
void bb_stat_of_day(const struct bb_channel *channel, int32_t day, const struct bb_block *raw,
                    struct bb_stat_day *out);
bool bb_stat_equal(const struct bb_stat_day *a, const struct bb_stat_day *b);

/* Days of one UTC month as a block of the lane stat, and back. -BB_E_BLOCK_CORRUPT. */
int bb_stat_pack(const struct bb_stat_day *days, size_t count, struct bb_arena *scratch,
                 struct bb_buffer *out, struct bb_error *error) BB_MUST_USE;
int bb_stat_unpack(struct bb_span packed, struct bb_arena *arena, struct bb_stat *out,
                   struct bb_error *error) BB_MUST_USE;

/* The rows of the days [day - back, day): their index and number. */
size_t bb_stat_before(const struct bb_stat *stat, int32_t day, int32_t back, size_t *first);

#endif
