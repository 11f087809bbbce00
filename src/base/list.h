/* Lists that grow: an array on the heap, how many items it has and how many it has room for.
 *
 *   struct names { char **items; size_t count, capacity; };
 *   if (!bb_list_room(&names->items, names->count, &names->capacity, sizeof *names->items))
 *       return no_memory(error);
 *   names->items[names->count++] = name;
 *
 * Whoever has the list frees its items, and bounds how many there may be.
 */
#ifndef BB_BASE_LIST_H
#define BB_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Room for one more; it doubles. `list` is where the pointer to the items stands. False: there is no memory; the
 * list is as it was. */
bool bb_list_room(void *list, size_t count, size_t *capacity, size_t item_bytes)
    __attribute__((warn_unused_result));

#endif
