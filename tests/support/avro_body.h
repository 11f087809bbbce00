/* Avro data for tests, put together byte by byte: not the decoder's own code. */
#ifndef TESTS_SUPPORT_AVRO_BODY_H
#define TESTS_SUPPORT_AVRO_BODY_H

#include "base/buffer.h"

void avro_long(struct bb_buffer *out, int64_t value);
/* A string or bytes. */
void avro_text(struct bb_buffer *out, const char *text);
void avro_bytes(struct bb_buffer *out, struct bb_span bytes);
void avro_double(struct bb_buffer *out, double value);
void avro_float(struct bb_buffer *out, float value);

/* The head of an object container file; `codec` NULL: it names none. The marker is AVRO_MARKER. */
#define AVRO_MARKER "0123456789abcdef"
void avro_header(struct bb_buffer *out, const char *schema, const char *codec);
/* A block as it stands in the file: packed already, with its marker. */
void avro_block(struct bb_buffer *out, int64_t count, struct bb_span packed);

#endif
