/* Growable byte buffer: see buffer.h. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void bb_buffer_init(struct bb_buffer *buffer, size_t limit_bytes) {
    *buffer = (struct bb_buffer){.limit_bytes = limit_bytes};
}

void bb_buffer_release(struct bb_buffer *buffer) {
    if (!buffer)
        return;
    free(buffer->data);
    buffer->data = NULL;
    buffer->size = buffer->capacity = 0;
}

bool bb_buffer_reserve(struct bb_buffer *buffer, size_t size) {
    if (buffer->capacity - buffer->size >= size)
        return !buffer->overflow;
    if (buffer->overflow || size > buffer->limit_bytes ||
        buffer->size > buffer->limit_bytes - size) {
        buffer->overflow = true;
        return false;
    }
    size_t capacity = buffer->capacity ? buffer->capacity * 2 : 256;
    if (capacity < buffer->size + size)
        capacity = buffer->size + size;
    if (capacity > buffer->limit_bytes)
        capacity = buffer->limit_bytes;
    char *data = realloc(buffer->data, capacity);
    if (!data) {
        buffer->overflow = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void bb_buffer_append(struct bb_buffer *buffer, const void *data, size_t size) {
    if (size == 0 || !bb_buffer_reserve(buffer, size))
        return;
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

void bb_buffer_format(struct bb_buffer *buffer, const char *format, ...) {
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length >= 0 && bb_buffer_reserve(buffer, (size_t)length + 1)) {
        vsnprintf(buffer->data + buffer->size, (size_t)length + 1, format, again);
        buffer->size += (size_t)length;
    }
    va_end(again);
}
