/* Master data on its way into the log: see model/master.h for what an entry is. */
#ifndef BB_SERVICE_MASTER_H
#define BB_SERVICE_MASTER_H

#include "base/clock.h"
#include "model/master.h"
#include "service/plant.h"

/* Append entries as records of one received time, and make them durable. A usage point goes to the
 * partition that holds its readings; tenants and calendars go to every one, as each worker needs
 * them. The plant is open for appending. They take effect when the worker has come to them. */
int bb_master_append(struct bb_plant *plant, const struct bb_master *entries, size_t count,
                     struct bb_clock clock, struct bb_error *error) BB_MUST_USE;

#endif
