/* The lists of a channel record: what was installed over time, and the calendar's holidays.
 *
 * A record holds them packed, so that it is decoded without memory of its own, kept by copying spans
 * and compared as bytes; nearly all records have none. Packed, both begin with a varint count:
 *
 *   installation  zigzag from_ms · u8 flags · u8 dials · decimal factor
 *                 · varint to_ms - from_ms · decimal opening · decimal closing     as the flags say
 *   decimal       u8 exponent · zigzag mantissa
 *   holiday       zigzag days since the one before (the first: since 1970)
 */
#ifndef BB_MODEL_CHANNEL_LISTS_H
#define BB_MODEL_CHANNEL_LISTS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "model/decimal.h"

/* What was installed at the usage point over [from, to), as far as it concerns one channel. */
struct bb_installation {
    int64_t from_ms, to_ms;        /* BB_TIME_NONE in to: still there */
    struct bb_decimal factor;      /* what one counted unit is worth: the multiplier (CT x VT x
                                        constant); gas as energy: x calorific value x state number */
    uint8_t dials;                 /* digits of the register before the point; 0: unknown */
    bool has_opening, has_closing; /* readings at from and to, as the device shows them, in the */
    struct bb_decimal opening, closing; /* channel's metered unit */
};

/* Nothing for an empty list: an empty span is one. */
void bb_installations_pack(const struct bb_installation *items, uint32_t count,
                           struct bb_buffer *out);
/* Items live in the arena (NULL when there are none). */
int bb_installations_unpack(struct bb_span packed, struct bb_arena *arena,
                            const struct bb_installation **items, uint32_t *count,
                            struct bb_error *error) BB_MUST_USE;

void bb_holidays_pack(const int32_t *days, uint32_t count, struct bb_buffer *out);
int bb_holidays_unpack(struct bb_span packed, struct bb_arena *arena, const int32_t **days,
                       uint32_t *count, struct bb_error *error) BB_MUST_USE;

#endif
