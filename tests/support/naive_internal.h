/* What the two files of the naive reference share. */
#ifndef BB_TESTS_SUPPORT_NAIVE_INTERNAL_H
#define BB_TESTS_SUPPORT_NAIVE_INTERNAL_H

#include "support/naive.h"

bb_wide naive_at(struct naive_number n, int exponent);
bb_wide naive_divide(bb_wide numerator, bb_wide denominator);
int naive_derived_exponent(int source);

/* Days, months and hours, from versions and vee. */
void naive_find_periods(const struct channel_case *c, struct naive_lanes *l);

#endif
