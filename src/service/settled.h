/* Has what was in the log at a moment been derived, and does the registry know of it? For whoever told
 * something and wants to see what came of it. */
#ifndef BB_SERVICE_SETTLED_H
#define BB_SERVICE_SETTLED_H

#include "service/plant.h"

/* Where the log ends now. ends[p] for each data partition. */
int bb_settled_mark(struct bb_plant *plant, uint64_t *ends, struct bb_error *error) BB_MUST_USE;

enum bb_settled { BB_SETTLED = 0, BB_SETTLED_NOT_YET = 1 };
/* A partition is settled when its position has come to the mark, or nothing that moves it lies between them:
 * frames of a file that does not count yet do not, master data and ticks do. */
int bb_settled_look(struct bb_plant *plant, const uint64_t *ends, struct bb_error *error)
    BB_MUST_USE;

#endif
