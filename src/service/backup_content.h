/* What a plant shows, as one hash per partition; and whether all of it is whole.
 *
 * The hash goes over everything the partition's store shows through its port: blocks, names, outbox,
 * in the order of their keys. Taken of a backup when it is made and of the plant that was restored
 * from it, it tells that every question finds the same answer there, however the files are laid out.
 */
#ifndef BB_SERVICE_BACKUP_CONTENT_H
#define BB_SERVICE_BACKUP_CONTENT_H

#include "service/backup_manifest.h"
#include "service/plant.h"

/* Fill `parts` ([partitions + 1]) from a plant that nobody writes. On the way every record of the log
 * and every block is looked at: -BB_E_LOG_CORRUPT, -BB_E_BLOCK_CORRUPT. -BB_E_BACKUP_DAMAGED: the
 * store is ahead of the log, or the registry lacks what the outbox no longer has. */
int bb_backup_content(struct bb_plant *plant, struct bb_backup_part *parts, struct bb_error *error)
    BB_MUST_USE;

#endif
