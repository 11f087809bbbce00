/* CRC32C (Castagnoli), as in iSCSI and ext4: guards every record and block on disk. */
#ifndef BB_BASE_CRC_H
#define BB_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Continue `crc` (0 to begin) over `size` bytes. */
uint32_t bb_crc32c(uint32_t crc, const void *data, size_t size);

#endif
