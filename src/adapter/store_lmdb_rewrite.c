/* Values of a store overwritten, for erasures: see embedded.h.
 *
 * Every table of a partition is written into a new file, value by value, and the file renamed over the old
 * one. So nothing is left of what was there: no free pages, no rests of older nodes in pages that are in use.
 *
 *   DIR/p0003/lock.mdb     locked exclusively as LMDB's first opener does: nobody else is in, who comes waits
 *   DIR/p0003.new/data.mdb written, synced ──rename──► DIR/p0003/data.mdb
 *
 * Killed at any moment, each partition's file is the old one or the new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/embedded.h"

enum { TABLES_MAX = 64, MODE = 0660, BATCH_BYTES = 32 << 20, PATH_SIZE = 4096 };

/* The tables whose values may be changed, as store_lmdb_env.c names them. */
static const struct {
    const char *name;
    enum bb_store_part part;
} changeable[] = {
    {"name.usage_point", BB_STORE_PART_MASTER}, {"name.group", BB_STORE_PART_MASTER},
    {"name.rules", BB_STORE_PART_MASTER},       {"name.source", BB_STORE_PART_SOURCE},
    {"outbox", BB_STORE_PART_OUTBOX},
};

struct rewriting {
    char folder[PATH_SIZE], made[PATH_SIZE + 8];
    bb_store_change *change;
    void *context;
    MDB_env *from, *to;
    MDB_txn *reading, *writing;
    size_t batched; /* bytes put since the last commit */
    char *value;    /* a copy that may be changed */
    size_t capacity;
    uint64_t changed;
    struct bb_error *error;
};

static int fail_lmdb(struct rewriting *r, int result) {
    if (result > 0)
        return BB_FAIL_ERRNO(r->error, BB_E_STORE_IO, result, "cannot rewrite %s", r->folder);
    return BB_FAIL(r->error, BB_E_STORE_IO, "cannot rewrite %s: %s", r->folder,
                   mdb_strerror(result));
}

/* ---- being alone */

static int lock_whole(const char *folder, int *file, struct bb_error *error) {
    struct flock first = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    char path[PATH_SIZE + 16];

    snprintf(path, sizeof path, "%s/lock.mdb", folder);
    *file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, MODE);
    if (*file < 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot open %s", path);
    if (fcntl(*file, F_SETLK, &first) == 0)
        return 0;
    int failure = errno;
    close(*file);
    *file = -1;
    if (failure != EACCES && failure != EAGAIN)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, failure, "cannot lock %s", path);
    int result = BB_FAIL(error, BB_E_LOCKED,
                         "another process has the store open: end workers and queries on this "
                         "plant first; nothing was changed in %s",
                         folder);
    error->retriable = true;
    return result;
}

/* ---- copying */

static int put(struct rewriting *r, MDB_dbi *table, MDB_val *key, MDB_val *value) {
    int result = mdb_put(r->writing, *table, key, value, MDB_APPEND);

    r->batched += key->mv_size + value->mv_size;
    if (result || r->batched < BATCH_BYTES)
        return result;
    r->batched = 0;
    result = mdb_txn_commit(r->writing);
    r->writing = NULL;
    return result ? result : mdb_txn_begin(r->to, NULL, 0, &r->writing);
}

static bool find_part(const char *name, enum bb_store_part *part) {
    for (size_t i = 0; i < sizeof changeable / sizeof changeable[0]; i++)
        if (strcmp(name, changeable[i].name) == 0) {
            *part = changeable[i].part;
            return true;
        }
    return false;
}

/* The value, changed where it has to be, in memory of our own. Negative: an error of `change`. */
static int change_value(struct rewriting *r, enum bb_store_part part, const MDB_val *key,
                        MDB_val *value) {
    if (value->mv_size > r->capacity) {
        char *grown = realloc(r->value, value->mv_size);
        if (!grown)
            return BB_FAIL(r->error, BB_E_NO_MEMORY, "no memory for a value of the store");
        r->value = grown;
        r->capacity = value->mv_size;
    }
    if (value->mv_size == 0)
        return 0;
    memcpy(r->value, value->mv_data, value->mv_size);
    value->mv_data = r->value;
    int did = r->change(r->context, part, (struct bb_span){key->mv_data, key->mv_size}, r->value,
                        value->mv_size, r->error);
    r->changed += did > 0;
    return did < 0 ? did : 0;
}

static int copy_table(struct rewriting *r, const char *name) {
    enum bb_store_part part = BB_STORE_PART_OUTBOX;
    bool may_change = find_part(name, &part);
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    MDB_dbi from, to;
    unsigned flags;
    int failed = 0;

    int result = mdb_dbi_open(r->reading, name, 0, &from);
    if (!result)
        result = mdb_dbi_flags(r->reading, from, &flags);
    if (!result)
        result = mdb_dbi_open(r->writing, name, flags | MDB_CREATE, &to);
    if (!result)
        result = mdb_cursor_open(r->reading, from, &cursor);
    for (MDB_cursor_op next = MDB_FIRST; !result && !failed; next = MDB_NEXT) {
        result = mdb_cursor_get(cursor, &key, &value, next);
        if (!result && may_change)
            failed = change_value(r, part, &key, &value);
        if (!result && !failed)
            result = put(r, &to, &key, &value);
    }
    mdb_cursor_close(cursor);
    if (failed)
        return failed;
    return result == MDB_NOTFOUND || result == 0 ? 0 : fail_lmdb(r, result);
}

/* The names of tables are the keys of the table without one. */
static int copy_tables(struct rewriting *r) {
    char names[TABLES_MAX][64];
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    size_t count = 0;
    MDB_dbi root;
    int result = mdb_dbi_open(r->reading, NULL, 0, &root);

    if (!result)
        result = mdb_cursor_open(r->reading, root, &cursor);
    for (MDB_cursor_op next = MDB_FIRST; !result; next = MDB_NEXT) {
        result = mdb_cursor_get(cursor, &key, &value, next);
        if (result)
            break;
        if (count == TABLES_MAX || key.mv_size >= sizeof names[0])
            result = MDB_INCOMPATIBLE;
        else
            snprintf(names[count++], sizeof names[0], "%.*s", (int)key.mv_size,
                     (const char *)key.mv_data);
    }
    mdb_cursor_close(cursor);
    if (result != MDB_NOTFOUND)
        return fail_lmdb(r, result);
    for (size_t i = 0; i < count; i++) {
        int failed = copy_table(r, names[i]);
        if (failed)
            return failed;
    }
    return 0;
}

static int open_both(struct rewriting *r) {
    char path[PATH_SIZE + 16];
    struct stat file;

    snprintf(path, sizeof path, "%s/data.mdb", r->folder);
    if (stat(path, &file) != 0)
        return errno;
    size_t room = ((size_t)file.st_size * 2 + ((size_t)64 << 20)) & ~(size_t)0xfffff;
    int result = mdb_env_create(&r->from);
    if (!result)
        result = mdb_env_set_maxdbs(r->from, TABLES_MAX);
    if (!result)
        result = mdb_env_open(r->from, r->folder, MDB_RDONLY | MDB_NOLOCK, MODE);
    if (!result)
        result = mdb_env_create(&r->to);
    if (!result)
        result = mdb_env_set_maxdbs(r->to, TABLES_MAX);
    if (!result)
        result = mdb_env_set_mapsize(r->to, room);
    if (!result)
        result = mdb_env_open(r->to, r->made, MDB_NOLOCK | MDB_NOSYNC, MODE);
    if (!result)
        result = mdb_txn_begin(r->from, NULL, MDB_RDONLY, &r->reading);
    if (!result)
        result = mdb_txn_begin(r->to, NULL, 0, &r->writing);
    return result;
}

static void empty_made(const struct rewriting *r) {
    char path[PATH_SIZE + 32];

    snprintf(path, sizeof path, "%s/data.mdb", r->made);
    (void)unlink(path);
    (void)rmdir(r->made);
}

static int fill(struct rewriting *r) {
    int result = open_both(r);
    int failed = result ? fail_lmdb(r, result) : copy_tables(r);

    if (!failed) {
        result = mdb_txn_commit(r->writing);
        r->writing = NULL;
        if (!result)
            result = mdb_env_sync(r->to, 1);
        failed = result ? fail_lmdb(r, result) : 0;
    }
    mdb_txn_abort(r->writing);
    mdb_txn_abort(r->reading);
    mdb_env_close(r->to);
    mdb_env_close(r->from);
    return failed;
}

static int sync_folder(const char *path, struct bb_error *error) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failure = folder < 0 || fsync(folder) != 0 ? errno : 0;

    if (folder >= 0)
        close(folder);
    return failure ? BB_FAIL_ERRNO(error, BB_E_STORE_IO, failure, "cannot sync %s", path) : 0;
}

static int rewrite_partition(struct rewriting *r) {
    char from[PATH_SIZE + 32], to[PATH_SIZE + 32];

    empty_made(r); /* of a call that was killed */
    if (mkdir(r->made, 0770) != 0)
        return BB_FAIL_ERRNO(r->error, BB_E_STORE_IO, errno, "cannot make %s", r->made);
    int result = fill(r);
    snprintf(from, sizeof from, "%s/data.mdb", r->made);
    snprintf(to, sizeof to, "%s/data.mdb", r->folder);
    if (!result && rename(from, to) != 0)
        result = BB_FAIL_ERRNO(r->error, BB_E_STORE_IO, errno, "cannot replace %s", to);
    empty_made(r);
    return result ? result : sync_folder(r->folder, r->error);
}

/* A partition that nobody has written yet has no folder. */
static bool is_there(const char *folder) {
    char path[PATH_SIZE + 16];

    snprintf(path, sizeof path, "%s/data.mdb", folder);
    return access(path, F_OK) == 0;
}

int bb_store_lmdb_rewrite(const char *directory, uint32_t partitions, bb_store_change *change,
                          void *context, uint64_t *changed, struct bb_error *error) {
    struct rewriting r = {.change = change, .context = context, .error = error};
    int *locks = calloc(partitions, sizeof *locks), result = 0;

    if (!locks)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to rewrite the store");
    for (uint32_t p = 0; p < partitions; p++)
        locks[p] = -1;
    for (uint32_t p = 0; !result && p < partitions; p++) {
        snprintf(r.folder, sizeof r.folder, "%s/p%04u", directory, p);
        if (is_there(r.folder))
            result = lock_whole(r.folder, &locks[p], error);
    }
    for (uint32_t p = 0; !result && p < partitions; p++) {
        snprintf(r.folder, sizeof r.folder, "%s/p%04u", directory, p);
        snprintf(r.made, sizeof r.made, "%s.new", r.folder);
        if (locks[p] >= 0)
            result = rewrite_partition(&r);
    }
    for (uint32_t p = 0; p < partitions; p++)
        if (locks[p] >= 0)
            close(locks[p]);
    free(locks);
    free(r.value);
    *changed = r.changed;
    return result;
}
