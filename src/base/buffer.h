/* A growable byte buffer with a mandatory maximum and a sticky overflow.
 *
 * Appending past the limit (or out of memory) sets `overflow` and appends nothing; the caller
 * checks once at the end. One owner, one thread.
 */
#ifndef BB_BASE_BUFFER_H
#define BB_BASE_BUFFER_H

#include "base/error.h"
#include "base/span.h"

struct bb_buffer {
    char *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
    size_t limit_bytes;
    bool overflow;
};

void bb_buffer_init(struct bb_buffer *buffer, size_t limit_bytes);
void bb_buffer_release(struct bb_buffer *buffer);
static inline void bb_buffer_clear(struct bb_buffer *buffer) {
    buffer->size = 0;
    buffer->overflow = false;
}
static inline struct bb_span bb_buffer_span(const struct bb_buffer *buffer) {
    return (struct bb_span){buffer->data, buffer->size};
}

/* Room for `size` more bytes at data + size; false (and overflow) when there is none. */
bool bb_buffer_reserve(struct bb_buffer *buffer, size_t size);
void bb_buffer_append(struct bb_buffer *buffer, const void *data, size_t size);
void bb_buffer_format(struct bb_buffer *buffer, const char *format, ...) BB_PRINTF(2, 3);

static inline void bb_buffer_append_span(struct bb_buffer *buffer, struct bb_span s) {
    bb_buffer_append(buffer, s.data, s.size);
}
static inline void bb_buffer_append_byte(struct bb_buffer *buffer, uint8_t byte) {
    bb_buffer_append(buffer, &byte, 1);
}

#endif
