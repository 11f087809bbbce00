/* Frames: what a log record of readings holds. A frame is a batch of one partition, in columns.
 *
 * Layout (integers varint, signed ones zigzag):
 *   u8 version = 1, tenant text, source text, received_ms, count,
 *   series count, series (usage point, channel, zone, obis, interval_s, kind, commodity, unit); each
 *     text as the number of bytes it shares with the series before, and the rest,
 *   attributes as in block.h,
 *   columns as in pack.h: series, attribute, end_ms, mantissa, line,
 *   u8 has_issued, then the column issued_ms - received_ms (an absent one is written as 0).
 * The log record around it carries the CRC.
 */
#ifndef BB_MODEL_FRAME_H
#define BB_MODEL_FRAME_H

#include "base/buffer.h"
#include "model/batch.h"

struct bb_frame {
    struct bb_span tenant;
    struct bb_span source; /* file or sender, for people */
    int64_t received_ms;
    uint32_t count;
    uint32_t series_count;
    struct bb_series *series;
    struct bb_attribute *attributes;
    uint32_t attribute_count;
    int64_t *series_index; /* columns, `count` each */
    int64_t *attribute;
    int64_t *end_ms;
    int64_t *mantissa;
    int64_t *line;
    int64_t *issued_ms; /* equals received_ms where the sender gave none */
};

/* Append the frame to `out`. issued_ms may be NULL: all equal received. */
int bb_frame_encode(const struct bb_frame *frame, struct bb_arena *scratch, struct bb_buffer *out,
                    struct bb_error *error) BB_MUST_USE;

/* Decode; texts borrow from `bytes` or live in the arena, as columns do. -BB_E_LOG_CORRUPT when damaged. */
int bb_frame_decode(struct bb_span bytes, struct bb_arena *arena, struct bb_frame *out,
                    struct bb_error *error) BB_MUST_USE;

#endif
