/* Packed blocks of any lane, for those who only want to know whether they can be read. */
#ifndef BB_DERIVE_PACKED_H
#define BB_DERIVE_PACKED_H

#include "base/arena.h"
#include "base/error.h"

/* Unpack a block in the form of its lane. -BB_E_BLOCK_CORRUPT, -BB_E_VERSION, -BB_E_NO_MEMORY. */
int bb_packed_verify(uint8_t lane, struct bb_span packed, struct bb_arena *scratch,
                     struct bb_error *error) BB_MUST_USE;

#endif
