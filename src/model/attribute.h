/* Attributes: everything about a value that is usually the same for its neighbours.
 *
 * A value in a batch or a block is a time, a mantissa and an index into a small dictionary of
 * attributes; a clean block has one entry. The dictionary keeps insertion order.
 */
#ifndef BB_MODEL_ATTRIBUTE_H
#define BB_MODEL_ATTRIBUTE_H

#include "base/arena.h"
#include "base/error.h"
#include "model/quality.h"

/* What a row of a period lane says of a gauge; all else is BB_STATISTIC_VALUE. Stored ids. */
enum bb_statistic { BB_STATISTIC_VALUE = 0, BB_STATISTIC_MIN, BB_STATISTIC_MAX };

struct bb_attribute {
    struct bb_quality quality;
    uint32_t length_s; /* of the interval that ends at the value's time; 0: an instant */
    uint8_t unit;      /* enum bb_unit, as sent */
    int8_t exponent;   /* power of ten of the mantissa, as sent */
    uint8_t statistic; /* enum bb_statistic */
    uint8_t reserved;  /* 0 */
};
_Static_assert(sizeof(struct bb_attribute) == 36, "compared and hashed as bytes: no padding");

struct bb_attribute_set {
    struct bb_attribute *items;
    uint32_t count;
    uint32_t capacity;
    uint32_t last;   /* the entry found last: the next value is usually alike */
    uint32_t *slots; /* open-addressing table of index + 1, made when count passes a few */
    uint32_t slot_count;
    bool borrowed; /* items belong to an arena: read only */
};

void bb_attribute_set_init(struct bb_attribute_set *set);
void bb_attribute_set_release(struct bb_attribute_set *set);
void bb_attribute_set_clear(struct bb_attribute_set *set); /* keeps the memory */

uint32_t bb_attribute_set_find_slow(struct bb_attribute_set *set, const struct bb_attribute *a);

/* The index of `a`, added when it is new; UINT32_MAX when memory is out. */
static inline uint32_t bb_attribute_set_index(struct bb_attribute_set *set,
                                              const struct bb_attribute *a) {
    if (set->count > 0 && memcmp(&set->items[set->last], a, sizeof *a) == 0)
        return set->last;
    return bb_attribute_set_find_slow(set, a);
}

#endif
