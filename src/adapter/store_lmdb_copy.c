/* Copies of a partition for backups, and outboxes that are held meanwhile.
 *
 * The copy is LMDB's own, of one read transaction. The compacting kind, for three reasons: it leaves the
 * free pages out; its pages stand in the order in which they are read; and it takes no lock of
 * writers, where the plain kind holds LMDB's writing mutex for a moment, behind the back of takeover
 * (store_lmdb_writer.c). The price is a walk over the tree in place of a straight read. A file that has
 * lost track of a page LMDB will not compact: that one is copied plainly.
 *
 * The pages that the copied state needs cannot be reused while it is being copied: a busy partition
 * grows by what is committed meanwhile, and uses that room again afterwards.
 *
 * Holding. Whoever trims has a shared flock of DIR/p0000 meanwhile, whoever holds has it exclusively;
 * p0000 is made before all others and is never replaced. Trimming does not wait for a hold: it leaves
 * the records for the next time. The kernel ends the hold of a process that was killed.
 */
#include "adapter/store_lmdb_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HOLD_TRIES = 2000, HOLD_PAUSE_NS = 1000000 }; /* a trim takes a commit's time */

struct bb_store_hold {
    int folder; /* open and locked */
};

/* ---- holding */

/* A descriptor that is locked; -1 when the lock is not to be had at once, or a negative error. */
enum { LOCK_NOT_HAD = -1 };

static int folder_lock(const char *directory, int operation, struct bb_error *error) {
    char path[4096];

    snprintf(path, sizeof path, "%s/p0000", directory);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "could not open the folder %s", path);
    if (flock(folder, operation | LOCK_NB) == 0)
        return folder;
    int why = errno;
    close(folder);
    return why == EWOULDBLOCK ? LOCK_NOT_HAD
                              : BB_FAIL_ERRNO(error, BB_E_STORE_IO, why, "could not lock %s", path);
}

int bb_lmdb_outbox_trim_unless_held(struct bb_lmdb_env *env, const char *directory, int takeover_ms,
                                    uint64_t upto, struct bb_error *error) {
    int folder = folder_lock(directory, LOCK_SH, error);

    if (folder < 0)
        return folder == LOCK_NOT_HAD ? 0 : folder;
    int result = bb_lmdb_outbox_trim(env, takeover_ms, upto, error);
    close(folder);
    return result;
}

int bb_lmdb_outbox_hold(const char *directory, struct bb_store_hold **out, struct bb_error *error) {
    struct bb_store_hold *hold = malloc(sizeof *hold);

    *out = NULL;
    if (!hold)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a hold");
    hold->folder = folder_lock(directory, LOCK_EX, error);
    for (int try = 0; hold->folder == LOCK_NOT_HAD && try < HOLD_TRIES; try++) {
        nanosleep(&(struct timespec){.tv_nsec = HOLD_PAUSE_NS}, NULL);
        hold->folder = folder_lock(directory, LOCK_EX, error);
    }
    if (hold->folder >= 0) {
        *out = hold;
        return 0;
    }
    int failed = hold->folder;
    if (failed == LOCK_NOT_HAD) {
        failed = BB_FAIL(error, BB_E_LOCKED, "another process makes a backup of %s", directory);
        error->retriable = true;
    }
    free(hold);
    return failed;
}

void bb_lmdb_outbox_release(struct bb_store_hold *hold) {
    if (!hold)
        return;
    close(hold->folder);
    free(hold);
}

/* ---- copying */

/* One try from an empty file on. LMDB's result; *failed is set when we failed otherwise. */
static int copy_once(struct bb_lmdb_env *env, int file, unsigned flags, int *failed,
                     struct bb_error *error) {
    *failed = 0;
    if (ftruncate(file, 0) != 0 || lseek(file, 0, SEEK_SET) != 0)
        return errno;
    *failed = bb_lmdb_enter(env, error);
    if (*failed)
        return 0;
    if (env->access == BB_LMDB_ALONE)
        *failed = bb_lmdb_env_still_alone(env, error);
    int result = *failed ? 0 : mdb_env_copyfd2(env->mdb, file, flags);
    if (!*failed && result == 0 && env->access == BB_LMDB_ALONE)
        *failed = bb_lmdb_env_still_alone(env, error); /* or pages were reused under our hands */
    bb_lmdb_leave(env);
    return result;
}

static int copy_to(struct bb_lmdb_env *env, int file, struct bb_error *error) {
    unsigned flags = MDB_CP_COMPACT;
    bool cleared = false;

    for (;;) {
        int failed, result = copy_once(env, file, flags, &failed, error);
        if (failed)
            return failed;
        if (result == MDB_MAP_RESIZED) { /* another process grew it */
            failed = bb_lmdb_map_replace(env, 0, error);
            if (failed)
                return failed;
        } else if (result == MDB_READERS_FULL && !cleared) {
            bb_lmdb_readers_clear(env);
            cleared = true;
        } else if (result == MDB_INCOMPATIBLE && flags == MDB_CP_COMPACT) {
            flags = 0;
        } else if (result == 0 && fsync(file) != 0) {
            return BB_LMDB_FAIL(error, env, errno, "make durable the copy of");
        } else {
            return result == 0 ? 0 : BB_LMDB_FAIL(error, env, result, "copy");
        }
    }
}

static int folder_sync(const char *path, struct bb_error *error) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int why = folder < 0 || fsync(folder) != 0 ? errno : 0;

    if (folder >= 0)
        close(folder);
    return why ? BB_FAIL_ERRNO(error, BB_E_STORE_IO, why, "could not sync %s", path) : 0;
}

int bb_lmdb_copy(struct bb_lmdb_env *env, uint32_t partition, const char *folder,
                 struct bb_error *error) {
    char made[2048], path[2080];

    snprintf(made, sizeof made, "%s/p%04u", folder, partition);
    snprintf(path, sizeof path, "%s/data.mdb", made);
    if (mkdir(made, 0770) != 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "could not make the folder %s", made);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
    if (file < 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "could not make %s", path);
    int result = copy_to(env, file, error);
    if (close(file) != 0 && result == 0)
        result = BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "could not write %s", path);
    if (result == 0)
        result = folder_sync(made, error);
    return result == 0 ? folder_sync(folder, error) : result;
}
