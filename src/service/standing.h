/* Partitions that stand: whose next record is damaged, so that nothing behind it is derived. */
#ifndef BB_SERVICE_STANDING_H
#define BB_SERVICE_STANDING_H

#include "service/plant.h"

struct bb_standing {
    uint64_t offset; /* where it stands in the partition's log */
    struct bb_error error;
};

/* Up to where a partition's log is derived, as committed. */
int bb_standing_position(struct bb_plant *plant, uint32_t partition, struct bb_position *out,
                         struct bb_error *error) BB_MUST_USE;

/* 0: it goes on, or has nothing to do; 1: it stands, and *out says where and why. */
enum bb_stands { BB_GOES_ON = 0, BB_STANDS = 1 };
int bb_standing_look(struct bb_plant *plant, uint32_t partition, struct bb_standing *out,
                     struct bb_error *error) BB_MUST_USE;

/* The backlog of a partition behind a position (port/log.h). Where it stands, it is of one reading, for at least
 * one, of an age that nobody knows: oldest_ms is 0. */
int bb_standing_backlog(struct bb_plant *plant, uint32_t partition, uint64_t offset,
                        struct bb_log_backlog *out, struct bb_error *error) BB_MUST_USE;

#endif
