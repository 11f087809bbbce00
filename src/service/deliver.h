/* Deliver: carries the outboxes' records to those who follow them, in order, each at its own pace.
 *
 * The registry's projections are the first of them; a command that writes ends when they are current. The other sinks
 * (port/sink.h) may be away or slow: each is tried again by itself, others go on meanwhile, and the outbox keeps what one of
 * them lacks. To those who want them go the dead letters of foreign topics, too (service/letter_feed.h).
 */
#ifndef BB_SERVICE_DELIVER_H
#define BB_SERVICE_DELIVER_H

#include "service/plant.h"
#include "service/progress.h"

/* Carry outbox records to the registry until it is current. Of several workers each carries its own share, `mine` as of
 * bb_worker_share: two that carry the same do the same work, and one of them in vain. */
int bb_deliver_registry(struct bb_plant *plant, const bool *mine,
                        const struct bb_progress_watch *watch, struct bb_error *error) BB_MUST_USE;

/* Told once when a sink begins to fail, and with NULL when it is well again. */
typedef void bb_delivery_tell(void *context, const struct bb_sink *sink,
                              const struct bb_error *error);

struct bb_delivery;
/* To plant->sinks. `mine` as of bb_worker_share. */
int bb_delivery_open(struct bb_plant *plant, const bool *mine, bb_delivery_tell *tell,
                     void *tell_context, struct bb_delivery **out, struct bb_error *error)
    BB_MUST_USE;
void bb_delivery_close(struct bb_delivery *delivery);

/* Carry what there is to every sink that is not waiting for its next try; a sink's failure is told, not returned. */
enum bb_delivery_outcome { BB_DELIVERY_DONE = 0, BB_DELIVERY_WAITS = 1 };
int bb_delivery_run(struct bb_delivery *delivery, struct bb_error *error) BB_MUST_USE;
/* How long until a sink that failed may be tried again; INT64_MAX: none has. */
int64_t bb_delivery_pause_ms(const struct bb_delivery *delivery);

#endif
