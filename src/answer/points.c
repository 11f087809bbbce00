/* Fewer points: see points.h. */
#include "answer/points.h"

#include <stdlib.h>

static const int32_t lengths_s[] = {1,    5,    15,   30,    60,    300,  900,
                                    1800, 3600, 7200, 21600, 43200, 86400};

/* The length behind `length_ms`; whole days double for ever. */
static int64_t next_length(int64_t length_ms) {
    for (size_t i = 0; i < sizeof lengths_s / sizeof lengths_s[0]; i++)
        if (lengths_s[i] * (int64_t)BB_SECOND_MS > length_ms)
            return lengths_s[i] * (int64_t)BB_SECOND_MS;
    return length_ms * 2;
}

bool bb_points_init(struct bb_points *points, size_t wanted) {
    BB_ASSERT(wanted > 0 && wanted <= BB_POINTS_MAX);
    *points = (struct bb_points){.wanted = wanted};
    points->items = calloc(wanted + 1, sizeof points->items[0]);
    return points->items != NULL;
}

void bb_points_release(struct bb_points *points) {
    free(points->items);
    points->items = NULL;
}

void bb_points_clear(struct bb_points *points) {
    points->count = 0;
    points->length_ms = 0;
}

/* What ends at a bound belongs to the bucket before it, unless it is an instant. */
static int64_t slot_of(const struct bb_point *point, int64_t length_ms) {
    int64_t t = point->is_instant ? point->end_ms : point->end_ms - 1;

    return t >= 0 ? t / length_ms : -((-t + length_ms - 1) / length_ms);
}

static void join(struct bb_point *into, const struct bb_point *later) {
    into->end_ms = later->end_ms;
    if (bb_quality_badness(&later->quality) > bb_quality_badness(&into->quality))
        into->quality = later->quality;
    if (later->count == 0)
        return;
    if (into->count == 0 || bb_decimal_order(later->min, into->min) < 0)
        into->min = later->min;
    if (into->count == 0 || bb_decimal_order(later->max, into->max) > 0)
        into->max = later->max;
    into->last = later->last;
    into->count += later->count;
}

/* A longer length: slots are of the ends of rows, which a joined bucket still ends with. */
static void widen(struct bb_points *points) {
    size_t kept = 0;

    points->length_ms = next_length(points->length_ms);
    for (size_t i = 0; i < points->count; i++) {
        struct bb_point point = points->items[i];
        point.slot = slot_of(&point, points->length_ms);
        if (kept > 0 && points->items[kept - 1].slot == point.slot)
            join(&points->items[kept - 1], &point);
        else
            points->items[kept++] = point;
    }
    points->count = kept;
}

void bb_points_add(struct bb_points *points, const struct bb_query_row *row) {
    struct bb_point point = {.start_ms = row->start_ms,
                             .end_ms = row->end_ms,
                             .is_instant = row->start_ms == row->end_ms,
                             .count = row->has_value,
                             .min = row->has_range ? row->min : row->value,
                             .max = row->has_range ? row->max : row->value,
                             .last = row->value,
                             .quality = *row->quality};
    BB_ASSERT(points->items);
    struct bb_point *last = points->count ? &points->items[points->count - 1] : NULL;

    if (points->length_ms > 0) {
        point.slot = slot_of(&point, points->length_ms);
        if (last && last->slot == point.slot) {
            join(last, &point);
            return;
        }
    }
    points->items[points->count++] = point;
    while (points->count > points->wanted)
        widen(points);
}
