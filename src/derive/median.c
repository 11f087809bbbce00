/* Selection: see median.h. */
#include "derive/median.h"

static void swap(int64_t *a, int64_t *b) {
    int64_t kept = *a;

    *a = *b;
    *b = kept;
}

/* Quickselect around the middle element: the numbers here are few, and often in order. */
int64_t bb_select(int64_t *values, size_t n, size_t k) {
    size_t low = 0, high = n - 1;

    while (low < high) {
        int64_t pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) { /* everything in [low, j] <= pivot <= everything in [j + 1, high] */
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i >= j)
                break;
            swap(&values[i++], &values[j--]);
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
    return values[k];
}

int64_t bb_median(int64_t *values, size_t n) {
    int64_t upper = bb_select(values, n, n / 2);

    if (n % 2 == 1)
        return upper;
    int64_t lower = bb_select(values, n, n / 2 - 1);
    return (lower & upper) + ((lower ^ upper) >> 1); /* the sum may not fit */
}

int64_t bb_distance(int64_t a, int64_t b) {
    uint64_t distance = a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;

    return distance > INT64_MAX ? INT64_MAX : (int64_t)distance;
}
