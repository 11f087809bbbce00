/* Fewer points of a long row of values: buckets of time with what a chart needs of each, so that no peak and
 * no gap goes missing.
 *
 *   rows ─► a bucket each ─► more than wanted? ─► the next length of time, neighbours join ─► ...
 *
 * Bounds of buckets lie on a grid (UTC, multiples of the length), and lengths are multiples of each other: so
 * the same values fall into the same buckets wherever a window begins, and one pass in bounded memory is enough.
 * As long as there are no more rows than points are wanted, each row is a bucket of its own.
 *
 * Pure but for its memory.
 */
#ifndef BB_ANSWER_POINTS_H
#define BB_ANSWER_POINTS_H

#include "service/query.h"

struct bb_point {
    int64_t start_ms, end_ms;         /* from the first row's start to the last row's end */
    bool is_instant;                  /* its rows are instants */
    uint64_t count;                   /* values in it */
    struct bb_decimal min, max, last; /* count > 0 */
    struct bb_quality quality;        /* the worst of its rows, missing ones among them */
    int64_t slot;                     /* on the grid */
};

enum { BB_POINTS_MAX = 20000 };

struct bb_points {
    struct bb_point *items;
    size_t count, wanted;
    int64_t length_ms; /* of a bucket; 0: each row has its own */
};

/* `wanted` from 1 to BB_POINTS_MAX. False: no memory. */
bool bb_points_init(struct bb_points *points, size_t wanted) BB_MUST_USE;
void bb_points_release(struct bb_points *points);
/* Another channel begins. */
void bb_points_clear(struct bb_points *points);
/* Rows of one channel, in order. */
void bb_points_add(struct bb_points *points, const struct bb_query_row *row);

#endif
