/* How far foreign streams were taken, kept in the ledger of posts.
 *
 * A partition of a foreign topic is read by offsets that somebody else counts. What was taken of it up to which offset
 * stands in the record that makes the round count whose readings came from there (post_ledger.h): so readings and offset
 * are durable together, or not at all, and a batch that comes twice is seen by where it begins:
 *
 *     a step from → to counts when `from` is where the stream stands; else somebody (or an earlier life) was there before
 *
 * Nothing of this hangs on what the foreign broker believes; its committed offsets are hints for lag monitors.
 * The log's owner's thread.
 */
#ifndef BB_SERVICE_SOURCE_PLACE_H
#define BB_SERVICE_SOURCE_PLACE_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/varint.h"

enum {
    BB_SOURCE_NAME_MAX = 400,  /* bytes: of cluster, topic and partition */
    BB_SOURCE_STEPS_MAX = 4096 /* of one batch */
};
#define BB_SOURCE_NOWHERE UINT64_MAX /* nothing was taken of it before */

struct bb_source_step {
    struct bb_span name;
    uint64_t from; /* BB_SOURCE_NOWHERE: for the first time */
    uint64_t to;
};

struct bb_source_place {
    char *name;
    uint64_t at;     /* by rounds that are decided */
    uint64_t filled; /* by the round that is being made, too */
};

struct bb_source_places { /* few: a linear list */
    struct bb_source_place *items;
    size_t count, capacity;
};

/* BB_SOURCE_NOWHERE: nothing was taken. */
uint64_t bb_source_place_at(const struct bb_source_places *places, struct bb_span name);

enum bb_source_step_outcome { BB_SOURCE_STEPS_TAKEN = 0, BB_SOURCE_STEPS_MOVED = 1 };
/* Do all of them begin where their streams stand? Then these stand at `to` for the round that is being made, and the steps are
 * put behind `out`; else nothing is done. */
int bb_source_steps_take(struct bb_source_places *places, const struct bb_source_step *steps,
                         size_t count, struct bb_buffer *out, struct bb_error *error) BB_MUST_USE;
/* The round that is being made came to nothing. */
void bb_source_places_forget(struct bb_source_places *places);
/* `count` steps, as take has put them: they count. Places only go forward. */
int bb_source_steps_count(struct bb_source_places *places, struct bb_span steps, uint32_t count,
                          struct bb_error *error) BB_MUST_USE;
/* Pass over them in a record. */
void bb_source_steps_skip(struct bb_cursor *in, uint64_t count);
void bb_source_places_release(struct bb_source_places *places);

#endif
