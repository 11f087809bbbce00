/* Local times of a series become moments.
 *
 * A clock that is put back shows an hour twice, and a text without offset does not say which one is
 * meant. The order of the rows does: a meter's rows run forward (or, in some exports, backward), so
 * the first pass through the repeated hour is the first occurrence until its clock steps back.
 * That takes a memory per series. Where the order does not tell (a file that begins inside the
 * hour, a hole before it), the moment is a guess and says so.
 */
#ifndef BB_CODEC_LOCAL_TIME_INTERNAL_H
#define BB_CODEC_LOCAL_TIME_INTERNAL_H

#include "model/calendar.h"

/* The row before, of one series. Zeroed: there was none. */
struct bb_local_memory {
    int64_t civil_ms;
    int64_t utc_ms;
    int64_t step_ms; /* from the row before that one */
    uint8_t pass;    /* 0 outside a repeated hour, 1 its first occurrence, 2 its second */
    bool backward;   /* rows run from new to old */
    bool unsure;     /* the pass is a guess */
    bool known;
};

/* A civil day without a change of offset, of the zone asked last: most rows need no more. */
struct bb_local_day {
    const struct bb_zone *zone;
    int64_t from_ms, to_ms; /* civil */
    int64_t offset_ms;
};

enum bb_local_outcome {
    BB_LOCAL_CERTAIN = 0,
    BB_LOCAL_GUESSED, /* in a repeated hour, and the order of the rows does not tell which one */
    BB_LOCAL_NEVER    /* a time that the clock jumped over */
};

enum bb_local_outcome bb_local_resolve(struct bb_local_day *day, const struct bb_zone *zone,
                                       struct bb_local_memory *memory, int64_t civil_ms,
                                       int64_t *utc_ms);

#endif
