/* Seals: see seal.h. */
#include "base/seal.h"

#include "base/crc.h"

void bb_seal(struct bb_buffer *out, size_t begin) {
    if (out->overflow)
        return;
    uint32_t crc = bb_crc32c(0, out->data + begin, out->size - begin);
    for (int i = 0; i < BB_SEAL_BYTES; i++)
        bb_buffer_append_byte(out, (uint8_t)(crc >> (8 * i)));
}

bool bb_unseal(struct bb_span *packed) {
    const uint8_t *seal;
    uint32_t crc = 0;

    if (packed->size < BB_SEAL_BYTES)
        return false;
    packed->size -= BB_SEAL_BYTES;
    seal = (const uint8_t *)packed->data + packed->size;
    for (int i = 0; i < BB_SEAL_BYTES; i++)
        crc |= (uint32_t)seal[i] << (8 * i);
    return crc == bb_crc32c(0, packed->data, packed->size);
}
