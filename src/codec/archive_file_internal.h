/* What writer and reader of archived files share. */
#ifndef BB_CODEC_ARCHIVE_FILE_INTERNAL_H
#define BB_CODEC_ARCHIVE_FILE_INTERNAL_H

#include "base/buffer.h"

#define BB_ARCHIVE_MAGIC "BBARCH01"
#define BB_ARCHIVE_END   "BBARCHND"
enum { BB_ARCHIVE_NAMES_MAX = 4096 }; /* a usage point and a channel, as texts */

static inline void bb_archive_put_u64(struct bb_buffer *out, uint64_t v) {
    for (int i = 0; i < 8; i++)
        bb_buffer_append_byte(out, (uint8_t)(v >> (8 * i)));
}
static inline void bb_archive_put_u32(struct bb_buffer *out, uint32_t v) {
    for (int i = 0; i < 4; i++)
        bb_buffer_append_byte(out, (uint8_t)(v >> (8 * i)));
}
static inline uint64_t bb_archive_get_u64(const char *at) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | (uint8_t)at[i];
    return v;
}
static inline uint32_t bb_archive_get_u32(const char *at) {
    uint32_t v = 0;
    for (int i = 3; i >= 0; i--)
        v = v << 8 | (uint8_t)at[i];
    return v;
}

#endif
