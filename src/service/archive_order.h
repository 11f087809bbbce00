/* Archive orders: what lets blocks of a lane and month of a partition leave the store for a file. An order stands in
 * the log of the partition like everything that changes blocks, so that its owner alone carries it out, behind all
 * that was told before it (service/archive_run.h).
 *
 * It is a permission, not a duty: it changes nothing that anybody reads, so an order that cannot be carried out (the
 * storage is away, its disk is full) is passed over, and a later one does it.
 *
 * Body: u8 version = 1, u8 lane, zigzag month since 1970.
 */
#ifndef BB_SERVICE_ARCHIVE_ORDER_H
#define BB_SERVICE_ARCHIVE_ORDER_H

#include "base/clock.h"
#include "codec/archive_place.h"
#include "service/plant.h"

struct bb_archive_order {
    uint8_t lane;
    int32_t month;
};

void bb_archive_order_encode(const struct bb_archive_order *order, struct bb_buffer *out);
int bb_archive_order_decode(struct bb_span body, struct bb_archive_order *out,
                            struct bb_error *error) BB_MUST_USE;

/* The first month from `month` on of which the view (of the plant's `hot` store) has blocks of the lane. BB_FOUND or
 * BB_ABSENT. */
int bb_archive_next_month(struct bb_store *hot, struct bb_store_view *view, uint8_t lane,
                          int32_t *month, struct bb_error *error) BB_MUST_USE;

/* Append an order for each partition and month before `before` that has blocks of the lane in the store itself, and
 * make them durable. The plant is open for appending and has an archive, else -BB_E_ARCHIVE_NONE. */
int bb_archive_append(struct bb_plant *plant, uint8_t lane, int32_t before, struct bb_clock clock,
                      uint32_t *appended, struct bb_error *error) BB_MUST_USE;
/* The same for every lane that archive.age gives an age. */
int bb_archive_append_due(struct bb_plant *plant, struct bb_clock clock, uint32_t *appended,
                          struct bb_error *error) BB_MUST_USE;

#endif
