/* One LMDB environment, that is one partition's folder, and its tables.
 *
 * LMDB guards a folder with POSIX locks, and those belong to the process: closing any descriptor
 * of a file gives up all of them. A folder opened twice in one process would therefore lose its
 * readers' protection when the first of the two is closed. So a process opens a folder once:
 *
 *   store A ──┐
 *             ├──► environments (list, by device and inode) ──► MDB_env
 *   store B ──┘
 *
 * For the same reason a store that only reads opens the environment for writing when this user
 * may: the process may need to write through another store later, and LMDB cannot upgrade.
 *
 * Making. The first tables take several writes, and a power cut between them would leave a file that
 * LMDB refuses for ever. So a partition is made beside its place and moved there when it is whole:
 *
 *   DIR/p0003.making/  tables made, synced ──rename──► DIR/p0003/
 *
 * Makers take turns by a flock of DIR. Until the first claim nothing is promised; before it, whoever
 * opens the partition makes the two names durable, as its maker may have been killed in between.
 *
 * Rights. Reading takes part in LMDB's locks, so a reader must be allowed to write lock.mdb. A user
 * who may not (a backup on a read-only file system, another user's plant) is let in without locks
 * only while no process has the partition open, which is looked up again for each view; pages that
 * a writer reuses below an unregistered reader would be read torn.
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

#include "base/clock.h"
#include "base/crc.h"

enum {
    META_VERSION = BB_STORE_LMDB_FORMAT,
    MAX_READERS = 1022, /* views open at once in all processes; 64 bytes each in lock.mdb */
    TABLE_COUNT = BB_LANE_COUNT * BB_LMDB_AGES + BB_NAME_KIND_COUNT + 2,
    MODE = 0660,        /* the umask narrows it */
    MAKING_PATIENCE = 6 /* periods of takeover_ms that another maker is given */
};

static const char meta_magic[8] = "bbstore";
static const char meta_key[] = "partition";

static const char *const name_tables[BB_NAME_KIND_COUNT] = {
    [BB_NAME_CHANNEL] = "name.channel",   [BB_NAME_CHANNEL_ID] = "name.channel_id",
    [BB_NAME_COVERAGE] = "name.coverage", [BB_NAME_USAGE_POINT] = "name.usage_point",
    [BB_NAME_TENANT] = "name.tenant",     [BB_NAME_CALENDAR] = "name.calendar",
    [BB_NAME_SOURCE] = "name.source",     [BB_NAME_META] = "name.meta",
    [BB_NAME_TICK] = "name.tick",         [BB_NAME_PROFILE] = "name.profile",
    [BB_NAME_GROUP] = "name.group",       [BB_NAME_RULES] = "name.rules",
    [BB_NAME_ARCHIVE] = "name.archive",
};

static pthread_mutex_t environments_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct bb_lmdb_env *environments;

/* ---- errors */

static enum bb_error_code code_of(int result) {
    switch (result) {
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID: return BB_E_STORE_CORRUPT;
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE: return BB_E_VERSION;
    case MDB_READERS_FULL: return BB_E_LOCKED;
    case ENOMEM: return BB_E_NO_MEMORY;
    default: return BB_E_STORE_IO;
    }
}

int bb_lmdb_error_set(struct bb_error *error, const struct bb_lmdb_env *env, int result,
                      const char *doing, const char *file, int line) {
    enum bb_error_code code = code_of(result);

    if (result == EROFS)
        result = EACCES; /* to a person the same: not to be written by you */
    if (result > 0)
        return bb_error_set_errno(error, code, result, file, line, "could not %s %s", doing,
                                  env->folder);
    if (result == MDB_VERSION_MISMATCH)
        return bb_error_set(
            error, code, file, line,
            "could not %s %s: it was written by another version of busbar; this one "
            "reads and writes format version %d",
            doing, env->folder, (int)META_VERSION);
    int failed = bb_error_set(error, code, file, line, "could not %s %s: %s", doing, env->folder,
                              mdb_strerror(result));
    error->retriable = code == BB_E_LOCKED;
    return failed;
}

/* ---- the partition's record */

static uint32_t meta_crc(const struct bb_lmdb_meta *meta) {
    return bb_crc32c(0, meta, offsetof(struct bb_lmdb_meta, crc));
}

/* In every version the record begins with magic and version and ends with its checksum, so that one
 * of another length is told apart from damage. */
static bool meta_whole(const MDB_val *value) {
    const size_t head = offsetof(struct bb_lmdb_meta, partitions);
    uint32_t crc;

    if (value->mv_size < head + sizeof crc ||
        memcmp(value->mv_data, meta_magic, sizeof meta_magic) != 0)
        return false;
    memcpy(&crc, (const char *)value->mv_data + value->mv_size - sizeof crc, sizeof crc);
    return bb_crc32c(0, value->mv_data, value->mv_size - sizeof crc) == crc;
}

int bb_lmdb_meta_get(const struct bb_lmdb_env *env, MDB_txn *txn, struct bb_lmdb_meta *meta) {
    MDB_val key = {sizeof meta_key - 1, (void *)meta_key}, value;
    uint32_t version;
    int result = mdb_get(txn, env->tables.meta, &key, &value);

    if (result != 0)
        return result;
    if (!meta_whole(&value))
        return MDB_CORRUPTED;
    memcpy(&version, (const char *)value.mv_data + offsetof(struct bb_lmdb_meta, version),
           sizeof version);
    if (version != META_VERSION)
        return MDB_VERSION_MISMATCH;
    if (value.mv_size != sizeof *meta)
        return MDB_CORRUPTED;
    memcpy(meta, value.mv_data, sizeof *meta);
    return 0;
}

int bb_lmdb_meta_put(const struct bb_lmdb_env *env, MDB_txn *txn, struct bb_lmdb_meta *meta) {
    MDB_val key = {sizeof meta_key - 1, (void *)meta_key}, value = {sizeof *meta, meta};

    meta->crc = meta_crc(meta);
    return mdb_put(txn, env->tables.meta, &key, &value, 0);
}

/* ---- tables */

static int table_open(MDB_txn *txn, const char *name, unsigned flags, MDB_dbi *dbi) {
    int result = mdb_dbi_open(txn, name, flags, dbi);

    if (result != MDB_NOTFOUND)
        return result;
    *dbi = 0;
    return 0;
}

/* All handles, in this transaction; with MDB_CREATE in `flags` they are made. */
static int tables_open(MDB_txn *txn, unsigned flags, struct bb_lmdb_tables *tables) {
    char name[64];
    int result = table_open(txn, "meta", flags, &tables->meta);

    if (result == 0)
        result = table_open(txn, "outbox", flags, &tables->outbox);
    for (int lane = 0; result == 0 && lane < BB_LANE_COUNT; lane++) {
        snprintf(name, sizeof name, "block.%s", bb_lanes[lane].name);
        result = table_open(txn, name, flags, &tables->blocks[lane][BB_LMDB_OPEN]);
        if (result != 0)
            break;
        snprintf(name, sizeof name, "block.%s.closed", bb_lanes[lane].name);
        result = table_open(txn, name, flags, &tables->blocks[lane][BB_LMDB_CLOSED]);
    }
    for (int kind = 0; result == 0 && kind < BB_NAME_KIND_COUNT; kind++)
        result = table_open(txn, name_tables[kind], flags, &tables->names[kind]);
    return result;
}

static bool tables_complete(const struct bb_lmdb_tables *tables) {
    bool all = tables->meta != 0 && tables->outbox != 0;

    for (int lane = 0; lane < BB_LANE_COUNT; lane++)
        all = all && tables->blocks[lane][BB_LMDB_OPEN] != 0 &&
              tables->blocks[lane][BB_LMDB_CLOSED] != 0;
    for (int kind = 0; kind < BB_NAME_KIND_COUNT; kind++)
        all = all && tables->names[kind] != 0;
    return all;
}

/* Publish the handles; views copy them under the same lock. */
static void tables_publish(struct bb_lmdb_env *env, const struct bb_lmdb_tables *tables,
                           const struct bb_lmdb_meta *meta) {
    pthread_mutex_lock(&env->mutex);
    env->tables = *tables;
    env->complete = tables_complete(tables);
    env->claimed = meta->epoch != 0;
    env->partitions = meta->partitions;
    env->key_order = (enum bb_key_order)meta->key_order;
    pthread_mutex_unlock(&env->mutex);
}

struct tables_making {
    const struct bb_lmdb_open *open;
    struct bb_lmdb_tables tables;
    struct bb_lmdb_meta meta;
};

/* A body of bb_lmdb_write: make what is missing. */
static int tables_make(struct bb_lmdb_write *write, void *context) {
    struct tables_making *making = context;
    int result = tables_open(write->txn, MDB_CREATE, &making->tables);

    if (result != 0)
        return result;
    struct bb_lmdb_env made = {.tables = making->tables};
    result = bb_lmdb_meta_get(&made, write->txn, &making->meta);
    if (result != MDB_NOTFOUND)
        return result;
    making->meta = (struct bb_lmdb_meta){.version = META_VERSION,
                                         .partitions = making->open->partitions,
                                         .partition = making->open->partition,
                                         .key_order = (uint32_t)making->open->key_order};
    memcpy(making->meta.magic, meta_magic, sizeof meta_magic);
    return bb_lmdb_meta_put(&made, write->txn, &making->meta);
}

static int tables_complete_by(struct bb_lmdb_env *env, const struct bb_lmdb_open *open,
                              struct bb_error *error) {
    struct tables_making making = {.open = open};

    BB_ASSERT(env);
    int result = bb_lmdb_write(env, open->takeover_ms, tables_make, &making, error);

    if (result == 0)
        tables_publish(env, &making.tables, &making.meta);
    return result;
}

/* Look for the tables without writing; env->complete tells whether all are there. */
static int tables_find(struct bb_lmdb_env *env, struct bb_error *error) {
    MDB_txn *txn;
    struct bb_lmdb_tables tables = {.meta = 0};
    struct bb_lmdb_meta meta = {.version = 0};
    int result = bb_lmdb_read_begin(env, &txn, error);

    if (result != 0)
        return result;
    result = tables_open(txn, 0, &tables);
    if (result == 0 && tables.meta != 0) {
        struct bb_lmdb_env found = {.tables = tables};
        result = bb_lmdb_meta_get(&found, txn, &meta);
    }
    int kept = mdb_txn_commit(txn); /* writes nothing, but an abort would close the handles */
    bb_lmdb_leave(env);
    if (result == 0)
        result = kept;
    if (result == 0 && tables.meta != 0)
        tables_publish(env, &tables, &meta);
    return result == 0 ? 0 : BB_LMDB_FAIL(error, env, result, "read the tables of");
}

/* ---- opening */

static bool may(const char *folder, const char *file, int rights) {
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", folder, file);
    return eaccess(path, rights) == 0;
}

static enum bb_lmdb_access access_of(const char *folder, const struct bb_lmdb_open *open) {
    if (open->frozen)
        return BB_LMDB_ALONE;
    if (!open->read_only)
        return BB_LMDB_WRITES; /* or opening says why not */
    bool lockable = may(folder, "lock.mdb", R_OK | W_OK) ||
                    (!may(folder, "lock.mdb", F_OK) && may(folder, ".", W_OK));
    if (!lockable)
        return BB_LMDB_ALONE;
    return may(folder, "data.mdb", R_OK | W_OK) ? BB_LMDB_WRITES : BB_LMDB_READS;
}

/* Every process that has the partition open holds a shared POSIX lock on byte 0 of lock.mdb. */
int bb_lmdb_env_still_alone(const struct bb_lmdb_env *env, struct bb_error *error) {
    char path[4096];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};

    snprintf(path, sizeof path, "%s/lock.mdb", env->folder);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return 0;
    if (file < 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "could not open %s", path);
    int failed = fcntl(file, F_GETLK, &lock);
    int why = errno;
    close(file); /* gives up this process's locks on it: it has none, that is the point */
    if (failed)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, why, "could not look who uses %s", path);
    if (lock.l_type != F_UNLCK)
        return BB_FAIL(error, BB_E_NO_PERMISSION,
                       "%s is in use by process %d, and reading beside it needs the right to write "
                       "%s",
                       env->folder, (int)lock.l_pid, path);
    return 0;
}

static void close_on_exec(MDB_env *mdb) {
    mdb_filehandle_t file;

    if (mdb_env_get_fd(mdb, &file) == 0)
        fcntl(file, F_SETFD, FD_CLOEXEC); /* the others LMDB opens so */
}

static int environment_open(struct bb_lmdb_env *env, const struct bb_lmdb_open *open, bool fresh) {
    unsigned flags = MDB_NOTLS;
    int result = mdb_env_create(&env->mdb);

    if (env->access != BB_LMDB_WRITES)
        flags |= MDB_RDONLY;
    if (env->access == BB_LMDB_ALONE)
        flags |= MDB_NOLOCK;
    if (result == 0)
        result = mdb_env_set_maxdbs(env->mdb, TABLE_COUNT);
    if (result == 0)
        result = mdb_env_set_maxreaders(env->mdb, MAX_READERS);
    if (result == 0 && fresh) /* else the map is as large as the file says */
        result = mdb_env_set_mapsize(env->mdb, open->map_bytes);
    if (result == 0)
        result = mdb_env_open(env->mdb, env->folder, flags, MODE);
    if (result == 0)
        close_on_exec(env->mdb);
    return result;
}

/* The folder's new entries must outlive a power cut before a commit in it is called durable. */
static int folder_sync(const char *folder, struct bb_error *error) {
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (file < 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "could not open %s", folder);
    int failed = fsync(file);
    int why = errno;
    close(file);
    return failed ? BB_FAIL_ERRNO(error, BB_E_STORE_IO, why, "could not sync %s", folder) : 0;
}

static void env_free(struct bb_lmdb_env *env) {
    if (!env)
        return;
    if (env->mdb)
        mdb_env_close(env->mdb);
    if (env->writer_file >= 0)
        close(env->writer_file);
    pthread_mutex_destroy(&env->writer);
    pthread_cond_destroy(&env->changed);
    pthread_mutex_destroy(&env->mutex);
    free(env->folder);
    free(env);
}

/* Open what the folder holds. `data` is the size of data.mdb, 0 when it has to be made. */
static int env_open(struct bb_lmdb_env *env, const struct bb_lmdb_open *open, off_t data,
                    struct bb_error *error) {
    env->access = access_of(env->folder, open);
    int result = env->access == BB_LMDB_ALONE ? bb_lmdb_env_still_alone(env, error) : 0;
    if (result != 0)
        return result;
    result = environment_open(env, open, data == 0);
    if (result != 0)
        return BB_LMDB_FAIL(error, env, result, "open");
    MDB_envinfo info;
    mdb_env_info(env->mdb, &info);
    if (env->access == BB_LMDB_WRITES && info.me_mapsize < open->map_bytes) {
        result = bb_lmdb_map_replace(env, open->map_bytes, error);
        if (result != 0)
            return result;
    }
    bb_lmdb_readers_clear(env);
    return tables_find(env, error);
}

static int env_new(const char *folder, const struct bb_lmdb_open *open, const struct stat *data,
                   const struct stat *of_folder, struct bb_lmdb_env **out, struct bb_error *error) {
    struct bb_lmdb_env *env = calloc(1, sizeof *env);

    if (env)
        env->folder = strdup(folder);
    if (!env || !env->folder) {
        free(env);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open %s", folder);
    }
    pthread_mutex_init(&env->mutex, NULL);
    pthread_cond_init(&env->changed, NULL);
    pthread_mutex_init(&env->writer, NULL);
    env->writer_file = -1;
    env->device = of_folder->st_dev;
    env->inode = of_folder->st_ino;
    env->pid = getpid();
    int result = env_open(env, open, data->st_size, error);
    if (result != 0) {
        env_free(env);
        return result;
    }
    *out = env;
    return 0;
}

/* The folder and its data file as they are; BB_ABSENT when there is no data. */
static int folder_look(const char *folder, struct stat *of_folder, struct stat *of_data,
                       struct bb_error *error) {
    char path[4096];

    *of_data = (struct stat){.st_size = 0};
    if (stat(folder, of_folder) != 0)
        return errno == ENOENT ? BB_ABSENT
                               : BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno,
                                               "could not open the folder %s", folder);
    snprintf(path, sizeof path, "%s/data.mdb", folder);
    if (stat(path, of_data) != 0 && errno != ENOENT)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "could not open %s", path);
    return of_data->st_size == 0 ? BB_ABSENT : 0;
}

/* ---- renewing */

/* The tables of an environment that was just opened and that nobody else sees yet. */
static int tables_renew(struct bb_lmdb_env *env) {
    struct bb_lmdb_tables tables = {.meta = 0};
    MDB_txn *txn;
    int result = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn);

    if (result != 0)
        return result;
    result = tables_open(txn, 0, &tables);
    int kept = mdb_txn_commit(txn); /* writes nothing, but an abort would close the handles */
    if (result == 0)
        result = kept;
    env->tables = tables;
    return result == 0 && !tables_complete(&tables) ? MDB_CORRUPTED : result;
}

void bb_lmdb_env_renew(struct bb_lmdb_env *env) {
    static const struct bb_lmdb_open as_it_is = {.map_bytes = 0};

    pthread_mutex_lock(&env->mutex);
    if (!env->mapping && env->inside == 0 && !env->broken && env->complete) {
        mdb_env_close(env->mdb);
        env->mdb = NULL;
        env->broken = environment_open(env, &as_it_is, false) != 0 || tables_renew(env) != 0;
    }
    pthread_mutex_unlock(&env->mutex);
}

/* ---- making */

static void folder_remove(const char *folder) {
    static const char *const names[] = {"data.mdb", "lock.mdb", "writer"};
    char path[4096];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* An environment with all its tables, in a folder that nobody else looks at. */
static int folder_fill(const char *folder, const struct bb_lmdb_open *open,
                       struct bb_error *error) {
    struct stat of_folder, of_data = {.st_size = 0};
    struct bb_lmdb_env *env = NULL;

    if (mkdir(folder, 0770) != 0 || stat(folder, &of_folder) != 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "could not make the folder %s", folder);
    int result = env_new(folder, open, &of_data, &of_folder, &env, error);
    if (result == 0)
        result = tables_complete_by(env, open, error);
    env_free(env);
    return result == 0 ? folder_sync(folder, error) : result;
}

/* The turn to make a partition: a descriptor to be closed, or negative. */
static int turn_take(const char *above, int patience_ms, struct bb_error *error) {
    int64_t until_ns = bb_monotonic_ns() + (int64_t)patience_ms * 1000000;
    int file = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (file < 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "could not open the folder %s", above);
    while (flock(file, LOCK_EX | LOCK_NB) != 0) {
        int why = errno;
        if (why == EWOULDBLOCK && bb_monotonic_ns() < until_ns) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
            continue;
        }
        close(file);
        int failed = why == EWOULDBLOCK
                         ? BB_FAIL(error, BB_E_LOCKED, "another process makes a part of %s", above)
                         : BB_FAIL_ERRNO(error, BB_E_STORE_IO, why, "could not lock %s", above);
        error->retriable = why == EWOULDBLOCK;
        return failed;
    }
    return file;
}

static int folder_make(const char *folder, const struct bb_lmdb_open *open,
                       struct bb_error *error) {
    char making[2048], above[2048];
    struct stat of_folder, of_data;

    snprintf(making, sizeof making, "%s.making", folder);
    snprintf(above, sizeof above, "%.*s", (int)(strrchr(folder, '/') - folder), folder);
    int turn = turn_take(above, open->takeover_ms * MAKING_PATIENCE, error);
    if (turn < 0)
        return turn;
    int result = folder_look(folder, &of_folder, &of_data, error);
    if (result == BB_ABSENT) {
        folder_remove(making); /* of a maker that did not live to move it */
        folder_remove(folder); /* holds no data */
        result = folder_fill(making, open, error);
        if (result == 0 && rename(making, folder) != 0)
            result = BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "could not make the folder %s",
                                   folder);
        if (result != 0)
            folder_remove(making);
    }
    close(turn);
    return result;
}

/* The names that lead to the data, durable. */
static int names_sync(const struct bb_lmdb_env *env, struct bb_error *error) {
    char above[4096];
    struct bb_error ignored; /* what the store stands in may be somebody else's */
    int result = folder_sync(env->folder, error);

    snprintf(above, sizeof above, "%s/../..", env->folder);
    (void)!folder_sync(above, &ignored);
    snprintf(above, sizeof above, "%s/..", env->folder);
    return result == 0 ? folder_sync(above, error) : result;
}

/* ---- the process's list */

static struct bb_lmdb_env *environment_find(const struct stat *folder) {
    for (struct bb_lmdb_env *env = environments; env; env = env->next)
        if (env->device == folder->st_dev && env->inode == folder->st_ino)
            return env;
    return NULL;
}

/* Give one reference back; the last one closes. Called with the list locked. */
static void environment_unref(struct bb_lmdb_env *env) {
    struct bb_lmdb_env **link = &environments;

    if (--env->references > 0)
        return;
    while (*link != env)
        link = &(*link)->next;
    *link = env->next;
    env_free(env);
}

static int acquire_locked(const char *folder, const struct bb_lmdb_open *open,
                          struct bb_lmdb_env **out, struct bb_error *error) {
    struct stat of_folder, of_data;
    int result = folder_look(folder, &of_folder, &of_data, error);

    if (result == BB_ABSENT && !open->read_only) {
        result = folder_make(folder, open, error);
        if (result == 0)
            result = folder_look(folder, &of_folder, &of_data, error);
    }
    if (result != 0)
        return result;
    struct bb_lmdb_env *env = environment_find(&of_folder);
    if (!env) {
        result = env_new(folder, open, &of_data, &of_folder, &env, error);
        if (result != 0)
            return result;
        BB_ASSERT(env);
        env->next = environments;
        environments = env;
    }
    env->references++;
    if (!env->complete && !open->read_only)
        result = tables_complete_by(env, open, error);
    else if (env->tables.meta == 0)
        result = tables_find(env, error); /* its maker may be at work just now */
    if (result == 0 && env->tables.meta == 0)
        result = BB_ABSENT;
    if (result == 0 && !env->claimed && !open->read_only)
        result = names_sync(env, error);
    if (result != 0)
        environment_unref(env);
    else
        *out = env;
    return result;
}

int bb_lmdb_env_acquire(const char *folder, const struct bb_lmdb_open *open,
                        struct bb_lmdb_env **out, struct bb_error *error) {
    pthread_mutex_lock(&environments_mutex);
    int result = acquire_locked(folder, open, out, error);
    pthread_mutex_unlock(&environments_mutex);
    return result;
}

void bb_lmdb_env_release(struct bb_lmdb_env *env) {
    if (!env)
        return;
    pthread_mutex_lock(&environments_mutex);
    environment_unref(env);
    pthread_mutex_unlock(&environments_mutex);
}
