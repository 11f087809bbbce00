/* Lists that grow. */
#include <criterion/criterion.h>

#include "base/list.h"

#include <stdint.h>
#include <stdlib.h>

struct item {
    int64_t number;
    char text[13];
};

Test(list, what_was_added_stays_in_its_order) {
    struct item *items = NULL;
    size_t capacity = 0;

    for (size_t count = 0; count < 1000; count++) {
        cr_assert(bb_list_room(&items, count, &capacity, sizeof *items));
        cr_assert_lt(count, capacity);
        items[count] = (struct item){.number = (int64_t)count};
    }
    for (size_t i = 0; i < 1000; i++)
        cr_assert_eq(items[i].number, (int64_t)i);
    free(items);
}

Test(list, as_long_as_there_is_room_nothing_moves) {
    struct item *items = NULL;
    size_t capacity = 0;

    cr_assert(bb_list_room(&items, 0, &capacity, sizeof *items));
    struct item *before = items;
    for (size_t count = 1; count < capacity; count++)
        cr_assert(bb_list_room(&items, count, &capacity, sizeof *items));
    cr_expect_eq(items, before);
    free(items);
}

Test(list, a_size_past_all_memory_is_refused_and_the_list_stays) {
    struct item one = {.number = 7}, *items = &one;
    size_t capacity = SIZE_MAX / sizeof one;

    cr_expect_not(bb_list_room(&items, capacity, &capacity, sizeof *items));
    cr_expect_eq(items, &one);
    cr_expect_eq(capacity, SIZE_MAX / sizeof one);
}
