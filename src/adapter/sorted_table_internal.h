/* A table in memory: items of one size in an array, ascending by a comparison that says what their
 * key is. Searching is logarithmic, inserting moves what lies behind; good for the hundred thousand
 * rows of a test. */
#ifndef BB_ADAPTER_SORTED_TABLE_INTERNAL_H
#define BB_ADAPTER_SORTED_TABLE_INTERNAL_H

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct sorted_table {
    char *items; /* ascending by compare, no two alike */
    size_t count, capacity, item_size;
    int (*compare)(const void *a, const void *b);
};

/* Where `key` (an item with its key members set) is or would be. */
static inline size_t sorted_search(const struct sorted_table *table, const void *key, bool *found) {
    size_t low = 0, high = table->count;

    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = table->compare(table->items + middle * table->item_size, key);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static inline void *sorted_at(const struct sorted_table *table, size_t index) {
    return table->items + index * table->item_size;
}

static inline void *sorted_find(const struct sorted_table *table, const void *key) {
    bool found;
    size_t at = sorted_search(table, key, &found);

    return found ? sorted_at(table, at) : NULL;
}

/* A copy of `item` in its place, which is free; NULL when memory is out. */
static inline void *sorted_insert(struct sorted_table *table, const void *item) {
    bool found;
    size_t at = sorted_search(table, item, &found);

    BB_ASSERT(!found);
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 64;
        char *items = reallocarray(table->items, capacity, table->item_size);
        if (!items)
            return NULL;
        table->items = items;
        table->capacity = capacity;
    }
    char *place = sorted_at(table, at);
    memmove(place + table->item_size, place, (table->count - at) * table->item_size);
    memcpy(place, item, table->item_size);
    table->count++;
    return place;
}

#endif
