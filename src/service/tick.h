/* Ticks: time as a record. A tick says that the local day of a tenant that ends with it is over, so that
 * whoever has told nothing of it is missing: a gap exists between two readings, or up to the latest tick.
 *
 * It stands in the log of every data partition, like everything that changes blocks, so that a replay
 * and a question as of a past moment know what was late then and what was not. Channels that have been
 * silent for BB_TICK_DAYS (derive/plan.h) are waited for no longer.
 *
 * Body: u8 version = 1, text tenant, zigzag at_ms.
 */
#ifndef BB_SERVICE_TICK_H
#define BB_SERVICE_TICK_H

#include "base/clock.h"
#include "service/plant.h"

struct bb_tick {
    struct bb_span tenant; /* borrowed */
    int64_t at_ms;
    int64_t received_ms;
};

void bb_tick_encode(const struct bb_tick *tick, struct bb_buffer *out);
int bb_tick_decode(const struct bb_log_record *record, struct bb_tick *out, struct bb_error *error)
    BB_MUST_USE;
/* Append it to every data partition and make it durable. The plant is open for appending. -BB_E_USAGE
 * when at_ms lies ahead of the clock. */
int bb_tick_append(struct bb_plant *plant, struct bb_span tenant, int64_t at_ms,
                   struct bb_clock clock, struct bb_error *error) BB_MUST_USE;

/* The last local midnight of a tenant's zone that has passed at now_ms. */
int bb_tick_last_midnight(struct bb_plant *plant, struct bb_span tenant, int64_t now_ms,
                          int64_t *at_ms, struct bb_error *error) BB_MUST_USE;
/* Append a tick for each tenant whose latest one is not the last midnight, `grace_ms` after it: the last values
 * of a day come when it is over. None where every channel has been silent for BB_TICK_DAYS: history that is read
 * in is not late. *appended: how many. */
int bb_tick_append_due(struct bb_plant *plant, int64_t grace_ms, struct bb_clock clock,
                       uint32_t *appended, struct bb_error *error) BB_MUST_USE;

/* tenant 0 at_ms: the key of BB_NAME_TICK; returns its size. */
size_t bb_tick_key(struct bb_span tenant, int64_t at_ms, char key[BB_NAME_KEY_MAX]);
/* When a tick of that moment was told first, as the store has it. BB_FOUND or BB_ABSENT. */
int bb_tick_told(struct bb_store *store, struct bb_store_view *view, struct bb_span tenant,
                 int64_t at_ms, int64_t *received_ms, struct bb_error *error) BB_MUST_USE;
/* The latest tick of a tenant in a partition's store, among those received by as_of_ms (BB_TIME_NONE:
 * all); 0: none. */
int bb_tick_latest(struct bb_store *store, struct bb_store_view *view, struct bb_span tenant,
                   int64_t as_of_ms, int64_t *at_ms, struct bb_error *error) BB_MUST_USE;

#endif
