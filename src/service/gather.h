/* Gathering: the readings and master data between two commits of one partition.
 *
 * Rows are kept as they come, in runs: the readings of one channel in one frame. At the commit the
 * runs, not the rows, are sorted by channel. Memory is bounded by what the caller allows; there are
 * millions of rows, so that what they have in common stands beside them.
 */
#ifndef BB_SERVICE_GATHER_H
#define BB_SERVICE_GATHER_H

#include "derive/merge.h"
#include "service/channel_table.h"
#include "service/tick.h"

struct bb_gather_source { /* what came at one received time */
    int64_t received_ms;
    struct bb_span name; /* in the arena */
};

struct bb_gather_origin { /* what readings of a frame have in common */
    int64_t received_ms;
    int64_t issued_ms; /* equals received_ms when the sender gave none */
    int64_t line;      /* of the first */
    uint32_t attribute;
};

struct bb_gather_row { /* a reading, see struct bb_told */
    int64_t end_ms;
    int64_t mantissa;
    int32_t line; /* less that of its origin */
    uint32_t origin;
};

struct bb_gather_run { /* the next `count` rows are of the channel in that slot */
    uint32_t slot, count;
};

struct bb_gather_piece { /* rows[first .. first + count) */
    uint32_t first, count;
};

enum {
    /* Of memory: a row, a run and its piece. */
    BB_GATHER_ROW_BYTES = sizeof(struct bb_gather_row) + sizeof(struct bb_gather_run) +
                          sizeof(struct bb_gather_piece),
    BB_GATHER_ROWS_MOST = INT32_MAX /* and a frame more: what an index can tell */
};

struct bb_gather {
    struct bb_gather_row *rows;
    size_t count, capacity;
    struct bb_gather_origin *origins;
    size_t origin_count, origin_capacity;
    struct bb_gather_run *runs;
    size_t run_count, run_capacity;
    struct bb_gather_piece *sorted; /* the runs by slot, see bb_gather_sort */
    size_t sorted_capacity;
    uint32_t *starts; /* of a slot in `sorted` */
    uint32_t start_capacity;
    struct bb_attribute_set attributes; /* of the rows */
    struct bb_master_list masters;      /* in the order of the log */
    struct bb_tick *ticks;
    size_t tick_count, tick_capacity;
    struct bb_gather_source *sources;
    size_t source_count, source_capacity;
    struct bb_arena frame;  /* of the frame at hand */
    struct bb_arena arena;  /* until the commit */
    uint32_t *attribute_of; /* the frame's attribute -> attributes */
    uint32_t attribute_capacity;
};

void bb_gather_init(struct bb_gather *gather);
void bb_gather_release(struct bb_gather *gather);
void bb_gather_clear(struct bb_gather *gather); /* keeps the memory */

/* Rows, and origins that take as much as rows do. */
static inline size_t bb_gather_size(const struct bb_gather *gather) {
    return gather->count + gather->origin_count;
}

static inline bool bb_gather_has_any(const struct bb_gather *gather) {
    return gather->count > 0 || gather->masters.count > 0 || gather->tick_count > 0;
}

/* Sources by received time, and the name of what came then; empty when it is not among them. */
void bb_gather_sort_sources(struct bb_gather *gather);
struct bb_span bb_gather_source_at(const struct bb_gather *gather, int64_t received_ms);

/* Take a record of kind FRAME, FILE_FRAME, MASTER or TICK. */
int bb_gather_take(struct bb_gather *gather, struct bb_channel_table *channels,
                   struct bb_store_view *view, const struct bb_log_record *record,
                   struct bb_error *error) BB_MUST_USE;

/* Fill `sorted` with the runs by slot (in each, as they came) and `starts`, so that the runs of a slot
 * are sorted[starts[slot] .. starts[slot + 1]). */
int bb_gather_sort(struct bb_gather *gather, uint32_t slot_count, struct bb_error *error)
    BB_MUST_USE;

/* The readings of some pieces, in the arena. NULL when it is full. */
struct bb_told *bb_gather_told(const struct bb_gather *gather, const struct bb_gather_piece *pieces,
                               size_t piece_count, struct bb_arena *arena, size_t *count);

#endif
