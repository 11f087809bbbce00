/* The pace of a live worker: docs in service/pace.h. */
#include "service/pace.h"

#include <criterion/criterion.h>

enum { FRESH_MS = 1000 };

Test(pace, commits_that_are_cheap_keep_the_limit) {
    for (int64_t took_ms = 0; took_ms <= FRESH_MS / 2; took_ms++)
        cr_assert_leq(took_ms + bb_pace_rest_ms(took_ms, FRESH_MS), FRESH_MS);
}

Test(pace, rest_grows_with_what_a_commit_takes_without_a_leap) {
    int64_t before = bb_pace_rest_ms(0, FRESH_MS);

    for (int64_t took_ms = 1; took_ms < 20 * FRESH_MS; took_ms++) {
        int64_t rest = bb_pace_rest_ms(took_ms, FRESH_MS);
        cr_assert(rest >= before && rest <= before + BB_PACE_STEEP, "at %d ms", (int)took_ms);
        cr_assert_leq(rest, BB_PACE_MOST * FRESH_MS);
        before = rest;
    }
    cr_assert_eq(before, BB_PACE_MOST * FRESH_MS);
    cr_assert_gt(bb_pace_rest_ms(4 * FRESH_MS, FRESH_MS),
                 2 * 4 * FRESH_MS); /* most of the time is the others' */
}

Test(pace, who_is_behind_takes_more_at_once) {
    cr_assert_eq(bb_pace_gather_ms(0, FRESH_MS), FRESH_MS);
    cr_assert_eq(bb_pace_gather_ms(5 * FRESH_MS, FRESH_MS), 5 * FRESH_MS);
    cr_assert_eq(bb_pace_gather_ms(3600 * FRESH_MS, FRESH_MS), BB_PACE_MOST * FRESH_MS);
    cr_assert_eq(bb_pace_gather_ms(-5 * FRESH_MS, FRESH_MS), FRESH_MS); /* a clock that went back */
}

Test(pace, a_limit_of_a_millisecond_is_one) {
    cr_assert_eq(bb_pace_rest_ms(0, 1), 0);
    cr_assert_eq(bb_pace_rest_ms(1000, 1), BB_PACE_MOST);
    cr_assert_eq(bb_pace_gather_ms(0, 1), 1);
}

Test(pace, a_round_surprises_by_what_the_last_one_did_not_take) {
    cr_assert_not(bb_pace_is_surprised(2 * FRESH_MS, 0, FRESH_MS)); /* four times half the limit */
    cr_assert(bb_pace_is_surprised(2 * FRESH_MS + 1, 0, FRESH_MS));
    cr_assert_not(bb_pace_is_surprised(8 * FRESH_MS, 2 * FRESH_MS, FRESH_MS));
    cr_assert(bb_pace_is_surprised(8 * FRESH_MS + 1, 2 * FRESH_MS, FRESH_MS));
    cr_assert_not(bb_pace_is_surprised(0, 0, 1));
}

Test(pace, a_rest_ends_when_nothing_comes_well_before_the_limit) {
    cr_assert_gt(bb_pace_still_ms(FRESH_MS), 0);
    cr_assert_lt(bb_pace_still_ms(FRESH_MS), FRESH_MS / 2);
}
