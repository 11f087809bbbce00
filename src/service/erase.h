/* Erasing a customer's personal data from every file of a plant (what is personal: erasure.h).
 *
 *   marker written ─► store ─► log ─► registry (one transaction) ─► registry written anew ─► marker gone
 *
 * The registry, which knows whose is what, goes last: an erasure that was killed is done again from the beginning by the same
 * command. When only the last step is missing, nobody remembers the name: then the marker says that the registry has still
 * to be written anew.
 *
 * The plant is open for appending, all of the log is derived and delivered, and no other process has it open.
 */
#ifndef BB_SERVICE_ERASE_H
#define BB_SERVICE_ERASE_H

#include "service/erasure.h"
#include "service/plant.h"

struct bb_erase_report {
    uint64_t records; /* of the log */
    uint64_t values;  /* of the store */
    uint64_t rows;    /* of the registry */
};

/* What would go from the log; nothing is changed. Any mode of the plant. */
int bb_erase_look(struct bb_plant *plant, struct bb_erasure *erasure,
                  struct bb_erase_report *report, struct bb_error *error) BB_MUST_USE;
/* All but the last step. The plant's store is closed afterwards. -BB_E_LOCKED: another process is there. */
int bb_erase_run(struct bb_plant *plant, struct bb_erasure *erasure, struct bb_erase_report *report,
                 struct bb_error *error) BB_MUST_USE;
/* The last step; also for one that was killed before it. */
int bb_erase_finish(struct bb_plant *plant, struct bb_error *error) BB_MUST_USE;
/* Was an erasure of this plant begun and not finished? */
bool bb_erase_is_pending(const char *directory);

#endif
