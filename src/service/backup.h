/* Backups: a plant, copied while it runs, up to a position in its log; and back again.
 *
 *   plant (others append, derive and deliver all the while)          BACKUP/
 *     registry.db ──1──────────────────────────────────────────────►   registry.db
 *     store/p0000 ──2──────────────────────────────────────────────►   store/p0000/data.mdb ...
 *     log         ──3── cut ── copy up to there ───────────────────►   log/p0000/....seg ...
 *                                    4  opened, every record and block looked at
 *                                    5  MANIFEST: positions, hashes; durable; renamed
 *
 * The order makes it consistent without anybody waiting. The registry follows the store, the store
 * follows the log; so who follows is copied first, and none can be ahead of what it follows. What lies
 * between is still there to be caught up: the outboxes are held while 1 and 2 last (port/store.h), and the
 * log keeps its records. The cut (cut.h) is the position of the backup: all that was acknowledged
 * before it is in it, and nothing that came later.
 *
 * Restoring compares every hash on the way, opens what was copied and compares what it shows with what
 * the backup showed, then derives what is left in the log and delivers what is left in the outboxes. The
 * folder appears by one rename when all of that is done.
 *
 * A restored plant keeps the log's identity: it is the same log, as far as it goes. When both go on,
 * their logs part ways under one name; parts of the two must not be mixed.
 */
#ifndef BB_SERVICE_BACKUP_H
#define BB_SERVICE_BACKUP_H

#include "base/clock.h"
#include "service/backup_manifest.h"
#include "service/progress.h"

struct bb_backup_report {
    uint64_t files, bytes;
    uint64_t readings; /* in the log up to the backup's position, ever */
    uint64_t blocks;   /* in the store, as backed up */
    uint64_t derived;  /* restore: readings that were left in the log */
    uint64_t identity; /* of the log */
    uint32_t partitions;
    int64_t made_ms;
    char by[BB_BACKUP_BY_MAX + 1];
};

/* Make `target`, which is absent or an empty folder. `config_path` as in bb_plant_open. Killed at any
 * moment, it leaves TARGET.unfinished or nothing. -BB_E_FOLDER_OCCUPIED, -BB_E_LOCKED, -BB_E_DISK_FULL,
 * and the errors of a plant that is damaged itself. */
int bb_backup_make(const char *directory, const char *config_path, const char *target,
                   struct bb_clock clock, struct bb_backup_report *report, struct bb_error *error)
    BB_MUST_USE;
/* Compare every hash, open it and look at all of it; changes nothing there. -BB_E_BACKUP_DAMAGED,
 * -BB_E_VERSION. */
int bb_backup_verify(const char *backup, struct bb_backup_report *report, struct bb_error *error)
    BB_MUST_USE;
/* Make the plant `directory`, which is absent or an empty folder, out of a backup. Killed at any
 * moment, it leaves DIRECTORY.restoring or nothing. */
int bb_backup_restore(const char *backup, const char *directory, const char *config_path,
                      const struct bb_progress_watch *watch, struct bb_backup_report *report,
                      struct bb_error *error) BB_MUST_USE;

/* ---- between backup.c and restore.c */

/* A manifest with what it lies in. */
struct bb_backup_held {
    struct bb_backup_manifest manifest;
    struct bb_arena arena;
    struct bb_buffer text;
};
int bb_backup_manifest_load(const char *backup, struct bb_backup_held *held, struct bb_error *error)
    BB_MUST_USE;
void bb_backup_held_release(struct bb_backup_held *held);
/* Open the plant in `folder`, which nobody writes, and compare it with the manifest. */
int bb_backup_compare(const char *folder, const struct bb_backup_manifest *manifest,
                      struct bb_error *error) BB_MUST_USE;
void bb_backup_report_fill(const struct bb_backup_manifest *manifest,
                           struct bb_backup_report *report);

#endif
