/* A block: one channel's values over one span (start, end] in one lane. It is what is read,
 * merged, compared, packed and written, in every store.
 *
 * Rows are ordered by (time, statistic); the lane `history` may hold several rows of one time,
 * ordered by their key (rank, issued, received, origin). Lanes that are derived leave the columns from
 * `recorded` on at zero, where packed they cost two bytes each, but for
 *   vee      rivals: of estimates of busbar's own the half-width of their error band + 1, at the value's
 *            exponent (0: unknown)
 *   periods  recorded, received, issued: ms of the period that were measured; origin: values that were
 *            estimated; rivals: values that were told
 *
 * Packed layout (all integers varint, signed ones zigzag):
 *   u8 version = 1, u8 lane, count,
 *   attribute count, attributes (state, method, marks, checks, length_s, unit, exponent,
 *     statistic, source text),
 *   columns, each as in pack.h: end_ms, mantissa, attribute, recorded_ms,
 *     received_ms - recorded_ms, issued_ms - received_ms, origin, rivals,
 *   finding count, findings (check, hard, at_ms, at_ms - from_ms, at_ms - to_ms, evidence a and b,
 *     exponent),
 *   u32 CRC32C of all bytes before it, little-endian.
 */
#ifndef BB_MODEL_BLOCK_H
#define BB_MODEL_BLOCK_H

#include "base/arena.h"
#include "base/buffer.h"
#include "model/attribute.h"
#include "model/calendar.h"
#include "model/timestamp.h"

/* Stored ids: append only. model/lane.c has their table. */
enum bb_lane {
    BB_LANE_RAW = 0, /* every reading that is current */
    BB_LANE_HISTORY, /* every other distinct value that was told, of the same span as raw */
    BB_LANE_VEE,     /* what validation and estimation say, as an overlay on raw */
    BB_LANE_DAY,     /* values of local days */
    BB_LANE_HOUR,    /* of hours and of months: made when asked for, never stored */
    BB_LANE_MONTH,
    BB_LANE_STAT,  /* statistics of UTC days (derive/stat.h), in a form of its own */
    BB_LANE_RULES, /* what customers' rules said (derive/saying.h), in a form of its own */
    BB_LANE_COUNT
};

enum bb_span_unit { BB_SPAN_UTC_DAY = 0, BB_SPAN_UTC_MONTH, BB_SPAN_UTC_YEAR, BB_SPAN_UTC_DECADE };

struct bb_lane_row {
    const char *name;       /* as in --lane; history has none of its own there */
    enum bb_span_unit span; /* what one block covers */
    bool derived;           /* can be made again from raw */
    bool stored;
    int8_t period; /* of a period lane: enum bb_period; -1: no periods */
};
extern const struct bb_lane_row bb_lanes[BB_LANE_COUNT];
static inline bool bb_lane_has_periods(int lane) {
    return bb_lanes[lane].period >= 0;
}
static inline bool bb_lane_has_values(int lane) { /* as struct bb_block has them */
    return lane != BB_LANE_STAT && lane != BB_LANE_RULES;
}
static inline bool bb_lane_is_asked(int lane) { /* one that people may ask for */
    return lane != BB_LANE_HISTORY && bb_lane_has_values(lane);
}
int bb_lane_find(struct bb_span name); /* -1 unknown */

/* The number of the span that holds time t (start < t <= end), and a span's bounds.
 * Days and months count from 1970, years and decades from year 0. */
int32_t bb_lane_span_of(enum bb_lane lane, int64_t t);
void bb_lane_span_bounds(enum bb_lane lane, int32_t span, int64_t *start_ms, int64_t *end_ms);

/* A check's evidence about a stretch of time. What a and b mean, the check's table entry says. */
struct bb_finding {
    int64_t at_ms;          /* end of the reading at which the check spoke: its block holds it */
    int64_t from_ms, to_ms; /* the stretch it is about: (from, to], or from = to = at */
    int64_t a, b;           /* evidence: mantissas with `exponent`, counts or milliseconds */
    uint8_t check;          /* enum bb_check */
    bool hard;              /* opens an exception */
    int8_t exponent;
};

enum { BB_BLOCK_MAX_COUNT = 1 << 22, BB_BLOCK_MAX_BYTES = 1 << 28 };

struct bb_block {
    uint8_t lane;
    uint32_t count;
    struct bb_attribute_set attributes; /* borrowed after bb_block_unpack */
    int64_t *end_ms;
    int64_t *mantissa;
    int64_t *attribute;   /* index into attributes */
    int64_t *recorded_ms; /* when the value was first told */
    int64_t *received_ms; /* of the greatest key with which it was told */
    int64_t *issued_ms;   /* the sender's version time of that key */
    int64_t *origin;      /* line within what was received then */
    int64_t *rivals; /* how many other values were told with the same claim (see derive/merge.h) */
    struct bb_finding *findings;
    uint32_t finding_count;
};

/* Columns for `capacity` rows in the arena; count is 0. False when there is no room. */
bool bb_block_init(struct bb_block *block, uint8_t lane, size_t capacity, struct bb_arena *arena)
    BB_MUST_USE;

/* Append the packed form to `out`; scratch lends memory. */
int bb_block_pack(const struct bb_block *block, struct bb_arena *scratch, struct bb_buffer *out,
                  struct bb_error *error) BB_MUST_USE;

/* Unpack; columns, attributes and findings live in the arena. A damaged block is -BB_E_BLOCK_CORRUPT.
 */
int bb_block_unpack(struct bb_span packed, struct bb_arena *arena, struct bb_block *out,
                    struct bb_error *error) BB_MUST_USE;

#endif
