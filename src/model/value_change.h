/* What a commit changed of one block's values: the body of BB_OUTBOX_VALUES, for systems that follow the change feed.
 *
 * `now` holds all rows of the span as they are after the commit, `before` those rows of the same span that were another or
 * are no more. So a system that keeps values upserts the rows of `now` that are marked new and deletes those of `before` that
 * are not in `now`; one that keeps blocks replaces it; one that tells people has both sides.
 *
 * Both are of what people see in the lane (`query`): of lane vee the whole of it, not the overlay. Rows are ordered by
 * (end_ms, statistic); of gauges a day has rows for mean, min and max of one end_ms. Column `origin` of `now` is 1 where the
 * row is new or another than before, else 0. Columns recorded, received, issued and rivals are 0.
 *
 * Packed: u8 version = 1, u8 lane, varint span, u8 kind, u8 commodity, text zone, text obis, text source,
 * the packed blocks (block.h) as texts; empty: no rows.
 */
#ifndef BB_MODEL_VALUE_CHANGE_H
#define BB_MODEL_VALUE_CHANGE_H

#include "model/block.h"

struct bb_value_change {
    uint8_t lane;
    int32_t span;
    uint8_t kind, commodity; /* of the channel */
    struct bb_span zone, obis;
    struct bb_span
        source; /* the name of what caused it: a file, what a person did; empty: master data, parameters, time */
    struct bb_block now, before;
};

/* Appends; scratch lends memory. */
int bb_value_change_encode(const struct bb_value_change *change, struct bb_arena *scratch,
                           struct bb_buffer *out, struct bb_error *error) BB_MUST_USE;
/* Texts borrow from `body`, columns live in the arena. */
int bb_value_change_decode(struct bb_span body, struct bb_arena *arena, struct bb_value_change *out,
                           struct bb_error *error) BB_MUST_USE;

/* The rows that changed, one by one, in the order of time: `now` or `before` is -1 where there is no row on that side. */
struct bb_changed_row {
    int64_t now, before; /* indexes of rows in change->now, change->before */
};
struct bb_changed_rows {
    const struct bb_value_change *change;
    uint32_t now, before; /* the next to look at */
};
static inline struct bb_changed_rows bb_changed_rows(const struct bb_value_change *change) {
    return (struct bb_changed_rows){.change = change};
}
bool bb_changed_rows_next(struct bb_changed_rows *rows, struct bb_changed_row *out);

#endif
