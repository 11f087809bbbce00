/* Frames: what a log record of readings holds. A frame is a batch of one partition, in columns, with
 * the readings of a series next to each other: a name is then looked up once a frame, not once a
 * reading, and most columns shrink to next to nothing.
 *
 * Layout (integers varint, signed ones zigzag):
 *   u8 version = 1, tenant text, source text, received_ms, count,
 *   series count, series (usage point, channel, zone, obis, interval_s, kind, commodity, unit): u8
 *     which of the fields behind the usage point differ from the series before, the usage point,
 *     and those that do; each text as the number of bytes shared with the one before, and the rest,
 *   attributes as in block.h,
 *   columns as in pack.h: readings of each series, attribute, end_ms, mantissa, line,
 *   u8 has_issued, then the column issued_ms - received_ms (an absent one is written as 0).
 * The log record around it carries the CRC.
 */
#ifndef BB_MODEL_FRAME_H
#define BB_MODEL_FRAME_H

#include "base/buffer.h"
#include "model/batch.h"

enum { BB_FRAME_READINGS_MAX = 1 << 17 };

struct bb_frame {
    struct bb_span tenant;
    struct bb_span source; /* file or sender, for people */
    int64_t received_ms;
    uint32_t count;
    uint32_t series_count;
    struct bb_series *series;
    struct bb_attribute *attributes;
    uint32_t attribute_count;
    int64_t *series_rows; /* series_count: readings of each; their sum is `count` */
    int64_t *attribute;   /* columns, `count` each, series by series */
    int64_t *end_ms;
    int64_t *mantissa;
    int64_t *line;
    int64_t *issued_ms; /* equals received_ms where the sender gave none */
};

/* A reading of a frame that is being filled. */
struct bb_frame_row {
    int64_t end_ms, mantissa, line, issued_ms;
    uint32_t series, attribute;
};

/* Fill count and columns from rows in any order; those of a series keep theirs. series_count must be
 * set and above every row's series. The columns live in the arena; false when it is full. */
bool bb_frame_set_rows(struct bb_frame *frame, const struct bb_frame_row *rows, uint32_t count,
                       struct bb_arena *arena) BB_MUST_USE;

/* Append the frame to `out`. issued_ms may be NULL: all equal received. */
int bb_frame_encode(const struct bb_frame *frame, struct bb_arena *scratch, struct bb_buffer *out,
                    struct bb_error *error) BB_MUST_USE;

/* Whose it is and where it came from alone, borrowed. */
int bb_frame_decode_head(struct bb_span bytes, struct bb_span *tenant, struct bb_span *source,
                         struct bb_error *error) BB_MUST_USE;
/* Decode; texts borrow from `bytes` or live in the arena, as columns do. -BB_E_LOG_CORRUPT when damaged. */
int bb_frame_decode(struct bb_span bytes, struct bb_arena *arena, struct bb_frame *out,
                    struct bb_error *error) BB_MUST_USE;

#endif
