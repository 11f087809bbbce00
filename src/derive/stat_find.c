/* Finding rows of days: see stat.h. Pure. */
#include "derive/stat.h"

static size_t first_from(const struct bb_stat *stat, int32_t day) {
    size_t low = 0, high = stat->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stat->days[middle].day < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t bb_stat_before(const struct bb_stat *stat, int32_t day, int32_t back, size_t *first) {
    *first = first_from(stat, day - back);
    return first_from(stat, day) - *first;
}
