/* The k-th least of a few numbers, and their median: for statistics that bear with wrong readings.
 * Both put the numbers in another order. Pure. */
#ifndef BB_DERIVE_MEDIAN_H
#define BB_DERIVE_MEDIAN_H

#include <stddef.h>
#include <stdint.h>

/* The k-th least of n numbers, k from 0 to n - 1. */
int64_t bb_select(int64_t *values, size_t n, size_t k);

/* The middle one; of an even number of them the mean of the two middle ones, rounded down. n > 0. */
int64_t bb_median(int64_t *values, size_t n);

/* |a - b| without overflow: INT64_MAX at most. */
int64_t bb_distance(int64_t a, int64_t b);

#endif
