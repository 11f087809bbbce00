/* Packing of integer columns: one packer for every column of every block and frame.
 *
 * The packer measures a column in one pass and writes the cheapest of five forms:
 *   CONSTANT  v                       all equal
 *   LINEAR    first, stride           first + i × stride
 *   FRAME     min, width, bits        v - min in `width` bits each (frame of reference)
 *   DELTA     first, column           the differences, packed again (not twice)
 *   RUNS      run count, lengths, values   both packed again (not twice)
 * A form byte leads; integers are zigzag varints; bits are little-endian and byte-aligned at the
 * end. Decoding is bounded by its input and by `count`.
 */
#ifndef BB_MODEL_PACK_H
#define BB_MODEL_PACK_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/varint.h"

/* Append `count` packed values to `out`. `scratch` lends memory; false when it or `out` is full. */
bool bb_pack_i64(const int64_t *values, size_t count, struct bb_arena *scratch,
                 struct bb_buffer *out) BB_MUST_USE;

/* Read `count` values from the cursor; false on a damaged column. */
bool bb_unpack_i64(struct bb_cursor *in, size_t count, int64_t *values, struct bb_arena *scratch)
    BB_MUST_USE;

#endif
