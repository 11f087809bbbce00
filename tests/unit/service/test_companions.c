/* Which registers stand beside an interval channel, and when they are others than before. */
#include <criterion/criterion.h>

#include "service/companions.h"

enum { OF, HIGH, LOW, FED_IN, TOTAL, COUNT };

static struct bb_sibling siblings[COUNT] = {
    [OF] = {.obis = BB_SPAN("1-1:1.29.0"), .kind = BB_KIND_INTERVAL, .id = 10},
    [HIGH] = {.obis = BB_SPAN("1-0:1.8.2"), .kind = BB_KIND_REGISTER, .id = 11},
    [LOW] = {.obis = BB_SPAN("1-0:1.8.1"), .kind = BB_KIND_REGISTER, .id = 12},
    [FED_IN] = {.obis = BB_SPAN("1-0:2.8.0"), .kind = BB_KIND_REGISTER, .id = 13},
    [TOTAL] = {.obis = BB_SPAN("1-0:1.8.0"), .kind = BB_KIND_REGISTER, .id = 14},
};

Test(companions, a_total_or_the_tariffs) {
    uint32_t ids[BB_METERS_MAX];

    cr_assert_eq(bb_companions_pick(siblings, COUNT, OF, ids), 1);
    cr_assert_eq(ids[0], 14);
    cr_assert_eq(bb_companions_pick(siblings, TOTAL, OF, ids), 2, "the tariffs, ascending");
    cr_assert(ids[0] == 12 && ids[1] == 11);
    cr_assert_eq(bb_companions_pick(siblings, COUNT, HIGH, ids), 0, "a register has none");
}

Test(companions, what_a_channel_less_would_change) {
    cr_assert(bb_companions_differ(siblings, COUNT, OF, TOTAL), "then the tariffs make the total");
    cr_assert_not(bb_companions_differ(siblings, COUNT, OF, LOW), "the total is there");
    cr_assert_not(bb_companions_differ(siblings, COUNT, OF, FED_IN), "another quantity");
    cr_assert(bb_companions_differ(siblings, TOTAL, OF, LOW), "of two tariffs one is left");
    cr_assert(bb_companions_differ(siblings, TOTAL, OF, HIGH));
}
