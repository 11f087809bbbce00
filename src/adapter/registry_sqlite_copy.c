/* A copy of the registry for backups: SQLite's own, all pages in one step, so that it is one state
 * that was committed. In WAL mode nobody who writes waits for it.
 *
 * The copy is kept without a write-ahead log (journal mode DELETE), so that it is one file and can be read
 * where nothing may be written; whoever opens it for writing later turns the log on again.
 */
#include "adapter/registry_sqlite_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int sync_file(const char *path, int flags) {
    int file = open(path, O_RDONLY | O_CLOEXEC | flags);
    int failure = file < 0 || fsync(file) != 0 ? errno : 0;

    if (file >= 0)
        close(file);
    return failure;
}

/* The file and its name, durable: SQLite was told not to, page by page. */
static int make_durable(const char *path, struct bb_error *error) {
    char above[4096] = ".";
    const char *slash = strrchr(path, '/');

    if (slash && (size_t)(slash - path) < sizeof above)
        snprintf(above, sizeof above, "%.*s/", (int)(slash - path), path);
    int failure = sync_file(path, 0);
    if (!failure)
        failure = sync_file(above, O_DIRECTORY);
    return failure
               ? BB_FAIL_ERRNO(error, BB_E_REGISTRY_IO, failure, "could not make %s durable", path)
               : 0;
}

/* SQLite's result. */
static int copy_pages(struct registry_sqlite *from, struct registry_sqlite *to) {
    int result = sqlite3_exec(to->db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);

    if (result != SQLITE_OK)
        return result;
    sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from->db, "main");
    if (!backup)
        return sqlite3_extended_errcode(to->db);
    result = sqlite3_backup_step(backup, -1);
    int finished = sqlite3_backup_finish(backup);
    if (finished != SQLITE_OK || (result != SQLITE_DONE && result != SQLITE_OK))
        return finished != SQLITE_OK ? finished : result;
    /* The copied header says WAL: only when the handle has read that can it be told otherwise. */
    return sqlite3_exec(to->db, "SELECT 1 FROM sqlite_schema; PRAGMA journal_mode = DELETE", NULL,
                        NULL, NULL);
}

int bb_registry_sqlite_copy(struct bb_registry *base, const char *path, struct bb_error *error) {
    struct registry_sqlite *from = registry_sqlite_of(base);
    size_t size = strlen(path) + 1;
    struct registry_sqlite *to = calloc(1, sizeof *to + size);
    struct stat status;

    if (!to)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to copy the registry");
    memcpy(to->path, path, size);
    int failed = 0;
    if (lstat(path, &status) == 0)
        failed = BB_FAIL_ERRNO(error, BB_E_REGISTRY_IO, EEXIST, "the registry is not copied to %s",
                               path);
    if (!failed) {
        int result = sqlite3_open_v2(
            path, &to->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
        if (to->db)
            sqlite3_extended_result_codes(to->db, 1);
        if (result == SQLITE_OK)
            result = copy_pages(from, to);
        if (result != SQLITE_OK)
            failed = bb_registry_sqlite_fail(to, result, "copying", error);
    }
    if (sqlite3_close(to->db) != SQLITE_OK && !failed)
        failed = BB_FAIL(error, BB_E_REGISTRY_IO, "the copy of the registry %s cannot be closed",
                         path);
    free(to);
    return failed ? failed : make_durable(path, error);
}
