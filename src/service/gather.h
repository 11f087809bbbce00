/* Gathering: the readings and master data between two commits of one partition.
 *
 * Rows are kept as they come, 48 bytes each, with the number of their channel's slot; sorting them
 * by channel is one counting pass at the commit. Memory is bounded by what the caller allows.
 */
#ifndef BB_SERVICE_GATHER_H
#define BB_SERVICE_GATHER_H

#include "derive/merge.h"
#include "service/channel_table.h"

struct bb_gather_source { /* what came at one received time */
    int64_t received_ms;
    struct bb_span name; /* in the arena */
};

struct bb_gather {
    struct bb_told *rows;
    size_t count, capacity;
    struct bb_attribute_set attributes; /* of the rows */
    struct bb_master_list masters;      /* in the order of the log */
    struct bb_gather_source *sources;
    size_t source_count, source_capacity;
    struct bb_arena frame;  /* of the frame at hand */
    struct bb_arena arena;  /* until the commit */
    uint32_t *slot_of;      /* the frame's series -> slot of the channel table */
    uint32_t *attribute_of; /* the frame's attribute -> attributes */
    uint32_t slot_capacity, attribute_capacity;
};

void bb_gather_init(struct bb_gather *gather);
void bb_gather_release(struct bb_gather *gather);
void bb_gather_clear(struct bb_gather *gather); /* keeps the memory */

/* Take a record of kind FRAME, FILE_FRAME or MASTER. */
int bb_gather_take(struct bb_gather *gather, struct bb_channel_table *channels,
                   struct bb_store_view *view, const struct bb_log_record *record,
                   struct bb_error *error) BB_MUST_USE;

/* Rows by slot (counting sort, stable), into `sorted` of gather->count rows; starts[slot] is where a
 * slot's rows begin, starts[slot_count] = count. */
void bb_gather_sort(const struct bb_gather *gather, uint32_t slot_count, struct bb_told *sorted,
                    uint32_t *starts);

#endif
