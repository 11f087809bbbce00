/* What judging a register and working out its advance share: installations between two readings,
 * and where a register turns over. Counts are readings as one number at a chosen exponent, in
 * metered_unit, before the factor. */
#ifndef BB_DERIVE_REGISTER_INTERNAL_H
#define BB_DERIVE_REGISTER_INTERNAL_H

#include "derive/register.h"

/* The installations [first, last) begin in (from, to]; none of them is the first of all. */
struct bb_register_changes {
    uint32_t first, last;
    bool told; /* of one of them master data knows an opening, or a closing of the one before */
};
struct bb_register_changes bb_register_changes(const struct bb_channel *channel, int64_t from_ms,
                                               int64_t to_ms);

/* bb_installation_for as an index. There must be one. */
uint32_t bb_register_installation(const struct bb_channel *channel, int64_t t);

/* What one device counted, (from, to], or the time between two devices, in which nothing is. */
struct bb_register_leg {
    int64_t from_ms, to_ms;
    bb_wide begins, counts; /* what the device showed first */
    bb_wide turn;  /* what it turned over at on the way, which is counted in; 0: it did not */
    unsigned ends; /* enum bb_register_ends */
};

/* The legs from a to b, in order, where an exchange was marked; one leg where none was. */
struct bb_register_walk {
    const struct bb_channel *channel;
    struct bb_register_changes changes;
    uint32_t next;        /* the change that is looked at next */
    int64_t at_ms, to_ms; /* walked to; the end */
    bb_wide at, to;       /* the device's reading there; that of b */
    int exponent;
    bool exchange, rollover, opened, hole, done;
    bool overflow; /* a closing, an opening or where it turns over does not fit the exponent */
};
void bb_register_walk_begin(struct bb_register_walk *walk, const struct bb_channel *channel,
                            int64_t a_ms, bb_wide a, int64_t b_ms, bb_wide b, uint16_t mark,
                            int exponent);
bool bb_register_walk_next(struct bb_register_walk *walk, struct bb_register_leg *leg);

/* 10^dials as counts: where the register that read `at` at that moment turns over. Dials that nobody
 * told are the fewest that show `at`; *told says which. 0: it cannot be, or does not fit. */
bb_wide bb_register_turn(const struct bb_channel *channel, int64_t at_ms, bb_wide at, int exponent,
                         bool *told);

/* value at another exponent, towards zero; false when it does not fit. */
bool bb_register_counts(struct bb_decimal value, int exponent, bb_wide *out) BB_MUST_USE;

#endif
