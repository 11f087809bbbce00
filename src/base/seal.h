/* Seals: the CRC32C of what was packed, little-endian, behind it. Every packed block ends in one. */
#ifndef BB_BASE_SEAL_H
#define BB_BASE_SEAL_H

#include "base/buffer.h"

enum { BB_SEAL_BYTES = 4 };

/* Seal what was appended from `begin` on. A buffer that has overflowed stays as it is. */
void bb_seal(struct bb_buffer *out, size_t begin);
/* Does the seal fit? Then it is cut off. */
bool bb_unseal(struct bb_span *packed) BB_MUST_USE;

#endif
