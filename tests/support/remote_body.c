/* See remote_body.h. */
#include "support/remote_body.h"

#include <string.h>

enum { LIMIT = 1 << 20, LITERAL = 60 };

void remote_varint(struct bb_buffer *out, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        bb_buffer_append_byte(out, (uint8_t)(value | 0x80));
    bb_buffer_append_byte(out, (uint8_t)value);
}

void remote_bytes(struct bb_buffer *out, uint32_t number, struct bb_span bytes) {
    remote_varint(out, number << 3 | 2);
    remote_varint(out, bytes.size);
    bb_buffer_append_span(out, bytes);
}

void remote_sample(struct bb_buffer *out, double value, int64_t time_ms) {
    struct bb_buffer sample;

    bb_buffer_init(&sample, LIMIT);
    bb_buffer_append_byte(&sample, 1 << 3 | 1);
    bb_buffer_append(&sample, &value, sizeof value);
    bb_buffer_append_byte(&sample, 2 << 3);
    remote_varint(&sample, (uint64_t)time_ms);
    remote_bytes(out, 2, bb_buffer_span(&sample));
    bb_buffer_release(&sample);
}

void remote_labels(struct bb_buffer *out, const char *labels) {
    struct bb_buffer label;

    bb_buffer_init(&label, LIMIT);
    while (*labels) {
        const char *equals = strchr(labels, '='), *end = equals + strcspn(equals, ",");
        bb_buffer_clear(&label);
        remote_bytes(&label, 1, (struct bb_span){labels, (size_t)(equals - labels)});
        remote_bytes(&label, 2, (struct bb_span){equals + 1, (size_t)(end - equals) - 1});
        remote_bytes(out, 1, bb_buffer_span(&label));
        labels = *end ? end + 1 : end;
    }
    bb_buffer_release(&label);
}

void remote_series(struct bb_buffer *out, const char *labels, double value, int64_t time_ms) {
    struct bb_buffer series;

    bb_buffer_init(&series, LIMIT);
    remote_labels(&series, labels);
    remote_sample(&series, value, time_ms);
    remote_bytes(out, 1, bb_buffer_span(&series));
    bb_buffer_release(&series);
}

void remote_pack(struct bb_buffer *out, struct bb_span message) {
    remote_varint(out, message.size);
    while (message.size > 0) {
        size_t size = message.size < LITERAL ? message.size : LITERAL;
        bb_buffer_append_byte(out, (uint8_t)((size - 1) << 2));
        bb_buffer_append_span(out, (struct bb_span){message.data, size});
        message.data += size;
        message.size -= size;
    }
}
