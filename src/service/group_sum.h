/* Sums of a group by series and period: the memory of group_values.c. Pure.
 *
 * Nothing depends on the order in which values are added.
 */
#ifndef BB_SERVICE_GROUP_SUM_H
#define BB_SERVICE_GROUP_SUM_H

#include "service/group_values.h"

enum {
    BB_GROUP_SERIES_MAX = 1000,
    BB_GROUP_PERIODS_MAX = 1 << 18 /* of all series together; some 40 MiB */
};

struct bb_group_series {
    struct bb_span channel; /* in the sums' arena */
    uint8_t commodity, kind;
    int unit;
    uint32_t of; /* members that have it */
};

struct bb_group_sum;

struct bb_group_sums {
    struct bb_arena arena;
    struct bb_group_series *series;
    uint32_t series_count;
    struct bb_group_sum *items;
    uint32_t count, capacity;
    uint32_t *index; /* open addressing; item + 1, 0 free */
    uint32_t index_size;
};

void bb_group_sums_init(struct bb_group_sums *sums);
void bb_group_sums_release(struct bb_group_sums *sums);

/* The series, which is made when it is new. */
int bb_group_sums_series(struct bb_group_sums *sums, struct bb_span channel, uint8_t commodity,
                         uint8_t kind, int unit, uint32_t *series, struct bb_error *error)
    BB_MUST_USE;
int bb_group_sums_add(struct bb_group_sums *sums, uint32_t series, const struct bb_query_row *row,
                      struct bb_error *error) BB_MUST_USE;
/* Join units, and tell the rows in order. */
int bb_group_sums_tell(struct bb_group_sums *sums, enum bb_lane lane, bb_group_visit *visit,
                       void *context, struct bb_error *error) BB_MUST_USE;

/* number × numerator / denominator: exact where at most `more` further digits do, else rounded half to even at
 * so many. False: it does not fit. */
bool bb_number_scale(struct bb_number number, int64_t numerator, int64_t denominator, int more,
                     struct bb_number *out) BB_MUST_USE;
bool bb_number_add(struct bb_number a, struct bb_number b, struct bb_number *out) BB_MUST_USE;
/* <0, 0, >0 */
int bb_number_order(struct bb_number a, struct bb_number b);

#endif
