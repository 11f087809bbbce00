/* Lists that grow: see list.h. */
#include "base/list.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ITEMS = 16 };

bool bb_list_room(void *list, size_t count, size_t *capacity, size_t item_bytes) {
    void *items; /* copied, as a pointer to another type must not be read as a void * */

    if (count < *capacity)
        return true;
    size_t more = *capacity ? 2 * *capacity : FIRST_ITEMS;
    if (more > SIZE_MAX / 2 / item_bytes)
        return false;
    memcpy(&items, list, sizeof items);
    items = realloc(items, more * item_bytes);
    if (!items)
        return false;
    memcpy(list, &items, sizeof items);
    *capacity = more;
    return true;
}
