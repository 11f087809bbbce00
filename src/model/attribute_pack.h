/* The packed form of an attribute dictionary, shared by blocks and frames. */
#ifndef BB_MODEL_ATTRIBUTE_PACK_H
#define BB_MODEL_ATTRIBUTE_PACK_H

#include "base/varint.h"
#include "model/attribute.h"

/* count, then per entry: state, method, marks, checks, length_s, unit, exponent, statistic, source.
 */
bool bb_attributes_pack(const struct bb_attribute *items, uint32_t count, struct bb_buffer *out)
    BB_MUST_USE;
/* Items live in the arena; NULL on damage. */
struct bb_attribute *bb_attributes_unpack(struct bb_cursor *in, struct bb_arena *arena,
                                          uint32_t *count);

/* Varints appended to a buffer; false on overflow. */
bool bb_put_varint(struct bb_buffer *out, uint64_t v);
bool bb_put_zigzag(struct bb_buffer *out, int64_t v);
bool bb_put_text(struct bb_buffer *out, struct bb_span text);

#endif
