/* See avro_body.h. */
#include "support/avro_body.h"

void avro_long(struct bb_buffer *out, int64_t value) {
    uint64_t zigzag = value < 0 ? ~((uint64_t)value << 1) : (uint64_t)value << 1;

    for (; zigzag >= 0x80; zigzag >>= 7)
        bb_buffer_append_byte(out, (uint8_t)(0x80 | (zigzag & 0x7f)));
    bb_buffer_append_byte(out, (uint8_t)zigzag);
}

void avro_bytes(struct bb_buffer *out, struct bb_span bytes) {
    avro_long(out, (int64_t)bytes.size);
    bb_buffer_append_span(out, bytes);
}

void avro_text(struct bb_buffer *out, const char *text) {
    avro_bytes(out, bb_span_of(text));
}

static void put_low_first(struct bb_buffer *out, uint64_t bits, int bytes) {
    for (int i = 0; i < bytes; i++)
        bb_buffer_append_byte(out, (uint8_t)(bits >> (8 * i)));
}

void avro_double(struct bb_buffer *out, double value) {
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    put_low_first(out, bits, 8);
}

void avro_float(struct bb_buffer *out, float value) {
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    put_low_first(out, bits, 4);
}

void avro_header(struct bb_buffer *out, const char *schema, const char *codec) {
    bb_buffer_append_span(out, BB_SPAN("Obj\x01"));
    avro_long(out, codec ? 2 : 1);
    avro_text(out, "avro.schema");
    avro_text(out, schema);
    if (codec) {
        avro_text(out, "avro.codec");
        avro_text(out, codec);
    }
    avro_long(out, 0);
    bb_buffer_append_span(out, BB_SPAN(AVRO_MARKER));
}

void avro_block(struct bb_buffer *out, int64_t count, struct bb_span packed) {
    avro_long(out, count);
    avro_bytes(out, packed);
    bb_buffer_append_span(out, BB_SPAN(AVRO_MARKER));
}
