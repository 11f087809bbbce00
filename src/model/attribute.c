/* Dictionary of attributes: see attribute.h. A few entries are searched in line; more get a table.
 */
#include "model/attribute.h"

#include "base/hash.h"

#include <stdlib.h>

enum { SEARCHED_IN_LINE = 8 };

void bb_attribute_set_init(struct bb_attribute_set *set) {
    *set = (struct bb_attribute_set){0};
}

void bb_attribute_set_release(struct bb_attribute_set *set) {
    if (!set)
        return;
    if (!set->borrowed)
        free(set->items);
    free(set->slots);
    *set = (struct bb_attribute_set){0};
}

void bb_attribute_set_clear(struct bb_attribute_set *set) {
    set->count = 0;
    set->last = 0;
    if (set->slots)
        memset(set->slots, 0, set->slot_count * sizeof set->slots[0]);
}

static uint32_t slot_of(const struct bb_attribute_set *set, const struct bb_attribute *a) {
    uint64_t hash = bb_hash((struct bb_span){(const char *)a, sizeof *a});
    uint32_t mask = set->slot_count - 1, at = (uint32_t)hash & mask;

    while (set->slots[at] != 0 && memcmp(&set->items[set->slots[at] - 1], a, sizeof *a) != 0)
        at = (at + 1) & mask;
    return at;
}

static bool grow(struct bb_attribute_set *set) {
    uint32_t capacity = set->capacity ? set->capacity * 2 : SEARCHED_IN_LINE;
    struct bb_attribute *items = realloc(set->items, capacity * sizeof *items);

    if (!items)
        return false;
    set->items = items;
    set->capacity = capacity;
    if (capacity <= SEARCHED_IN_LINE)
        return true;
    uint32_t *slots = calloc((size_t)capacity * 2, sizeof *slots);
    if (!slots)
        return false;
    free(set->slots);
    set->slots = slots;
    set->slot_count = capacity * 2;
    for (uint32_t i = 0; i < set->count; i++)
        set->slots[slot_of(set, &set->items[i])] = i + 1;
    return true;
}

uint32_t bb_attribute_set_find_slow(struct bb_attribute_set *set, const struct bb_attribute *a) {
    if (set->slots) {
        uint32_t found = set->slots[slot_of(set, a)];
        if (found)
            return set->last = found - 1;
    } else {
        for (uint32_t i = 0; i < set->count; i++)
            if (memcmp(&set->items[i], a, sizeof *a) == 0)
                return set->last = i;
    }
    BB_ASSERT(!set->borrowed);
    if (set->count == set->capacity && (set->capacity > UINT32_MAX / 4 || !grow(set)))
        return UINT32_MAX;
    set->items[set->count] = *a;
    if (set->slots)
        set->slots[slot_of(set, a)] = set->count + 1;
    return set->last = set->count++;
}
