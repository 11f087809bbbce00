/* Bodies of remote write for tests: protobuf and snappy written by hand, good and bad ones.
 *
 * Not the decoder's own code: fields are put together byte by byte, and blocks of snappy hold nothing
 * but literals. */
#ifndef TESTS_SUPPORT_REMOTE_BODY_H
#define TESTS_SUPPORT_REMOTE_BODY_H

#include "base/buffer.h"

void remote_varint(struct bb_buffer *out, uint64_t value);
/* A field that holds bytes. */
void remote_bytes(struct bb_buffer *out, uint32_t number, struct bb_span bytes);

/* Version 1: a series of these labels ("name=value,name=value") and one sample. */
void remote_series(struct bb_buffer *out, const char *labels, double value, int64_t time_ms);
/* More of it: inside a series. */
void remote_labels(struct bb_buffer *out, const char *labels);
void remote_sample(struct bb_buffer *out, double value, int64_t time_ms);

/* A message as a block of snappy. */
void remote_pack(struct bb_buffer *out, struct bb_span message);

#endif
