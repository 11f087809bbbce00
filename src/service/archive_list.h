/* Archived files as the store remembers them. */
#ifndef BB_SERVICE_ARCHIVE_LIST_H
#define BB_SERVICE_ARCHIVE_LIST_H

#include "codec/archive_place.h"
#include "service/plant.h"

/* Returns 0 to go on, 1 to stop, negative to fail. */
typedef int bb_archive_visit(void *context, const struct bb_archive_head *head,
                             const struct bb_archive_place *place, struct bb_error *error);

/* All files that hold what is not in the store itself, by partition, lane, month, tenant. `tenant` empty: of all. */
int bb_archive_list(struct bb_plant *plant, struct bb_span tenant, bb_archive_visit *visit,
                    void *context, struct bb_error *error) BB_MUST_USE;

#endif
