/* "Did you mean ...?": see nearest.h. Bounded work on the stack. */
#include "base/nearest.h"

#include "base/error.h"

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t bb_nearest_distance(struct bb_span a, struct bb_span b) {
    /* rows[k] is the row of the edit matrix k letters of `a` back from the one being filled */
    size_t rows[3][BB_NEAREST_NAME_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];

    if (a.size > BB_NEAREST_NAME_MAX || b.size > BB_NEAREST_NAME_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.size; j++) {
        before[j] = 0;
        last[j] = j;
    }
    for (size_t i = 1; i <= a.size; i++) {
        char from = bb_char_lower(a.data[i - 1]);
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            char to = bb_char_lower(b.data[j - 1]);
            row[j] = smaller(smaller(last[j], row[j - 1]) + 1, last[j - 1] + (from != to));
            bool swapped = i > 1 && j > 1 && from == bb_char_lower(b.data[j - 2]) &&
                           to == bb_char_lower(a.data[i - 2]);
            if (swapped)
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[b.size];
}

void bb_nearest_init(struct bb_nearest *nearest, struct bb_span typed) {
    *nearest = (struct bb_nearest){.typed = typed, .distance = SIZE_MAX};
}

void bb_nearest_offer(struct bb_nearest *nearest, const char *name) {
    struct bb_span known = bb_span_of(name);
    size_t distance = bb_nearest_distance(nearest->typed, known);
    size_t longer = known.size > nearest->typed.size ? known.size : nearest->typed.size;

    if (distance < nearest->distance && distance * 3 <= longer + 1) {
        nearest->distance = distance;
        nearest->name = name;
    }
}
