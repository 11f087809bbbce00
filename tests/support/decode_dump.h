/* What a decoder makes of some bytes, as text to compare: one line a reading
 *
 *   usage point,channel,kind,interval_s,start,end,value,unit,quality,issued,line
 *
 * and one line a refusal: "line BB-code text". Times are UTC.
 */
#ifndef TESTS_SUPPORT_DECODE_DUMP_H
#define TESTS_SUPPORT_DECODE_DUMP_H

#include "base/buffer.h"
#include "codec/codec.h"

struct decode_dump {
    struct bb_buffer readings; /* NUL-terminated texts */
    struct bb_buffer refusals;
    uint64_t reading_count, refusal_count, batch_count;
    struct bb_decode_ignored ignored;
    int status; /* of the decoder */
    struct bb_error error;
    struct bb_series_table table;
};

/* Bytes that arrive in pieces of at most `piece` bytes (0: all at once). */
struct decode_source {
    struct bb_span bytes;
    size_t piece;
};
struct bb_input decode_source_input(struct decode_source *source);

/* Decode a stream; `received` bounds the future: 2030-01-01. */
void decode_dump_run(struct decode_dump *dump, const struct bb_format_row *format,
                     struct bb_input input, const char *name);
void decode_dump_release(struct decode_dump *dump);

/* The n-th line (from 0) of a text, in a static buffer; "" when there is none. */
const char *decode_dump_line(const struct bb_buffer *text, size_t n);

#endif
