/* The memory map of an environment, and who is inside it.
 *
 * LMDB's map has a fixed size. When a commit finds it full, or another process made it larger, it
 * has to be replaced, and then no transaction of this process may be using it:
 *
 *   views, writes ──► enter ──► inside++ ... inside-- ──► leave
 *                       │ waits while mapping                 │ wakes
 *                       └──────────── map_replace ◄───────────┘ waits until inside == 0
 *
 * Views are short (no read transaction lives across a client's write), so the wait is; a view that
 * is forgotten ends it with an error instead of a hang.
 */
#include "adapter/store_lmdb_internal.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

enum { VIEWS_WAIT_S = 30 };

int bb_lmdb_enter(struct bb_lmdb_env *env, struct bb_error *error) {
    BB_ASSERT(env->pid == getpid());
    pthread_mutex_lock(&env->mutex);
    while (env->mapping)
        pthread_cond_wait(&env->changed, &env->mutex);
    bool broken = env->broken;
    if (!broken)
        env->inside++;
    pthread_mutex_unlock(&env->mutex);
    if (broken)
        return BB_FAIL(error, BB_E_STORE_IO,
                       "%s is not used any more because an earlier write or sync of it failed; "
                       "restart to read again what is on disk",
                       env->folder);
    return 0;
}

void bb_lmdb_leave(struct bb_lmdb_env *env) {
    pthread_mutex_lock(&env->mutex);
    env->inside--;
    if (env->mapping && env->inside == 0)
        pthread_cond_broadcast(&env->changed);
    pthread_mutex_unlock(&env->mutex);
}

/* Keep newcomers out and wait for the others to leave; false after VIEWS_WAIT_S. Locked. */
static bool wait_for_nobody(struct bb_lmdb_env *env) {
    struct timespec until;

    while (env->mapping)
        pthread_cond_wait(&env->changed, &env->mutex);
    env->mapping = true;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += VIEWS_WAIT_S;
    while (env->inside > 0)
        if (pthread_cond_clockwait(&env->changed, &env->mutex, CLOCK_MONOTONIC, &until) ==
            ETIMEDOUT)
            return env->inside == 0;
    return true;
}

int bb_lmdb_map_replace(struct bb_lmdb_env *env, size_t bytes, struct bb_error *error) {
    int result = 0;

    pthread_mutex_lock(&env->mutex);
    bool alone = wait_for_nobody(env);
    if (alone && !env->broken) {
        result = mdb_env_set_mapsize(env->mdb, bytes);
        env->broken = result != 0; /* the old map is gone by then */
    }
    env->mapping = false;
    pthread_cond_broadcast(&env->changed);
    pthread_mutex_unlock(&env->mutex);
    if (!alone) {
        int failed = BB_FAIL(error, BB_E_LOCKED,
                             "the map of %s had to grow, but a view of it stayed open for %d s",
                             env->folder, (int)VIEWS_WAIT_S);
        error->retriable = true;
        return failed;
    }
    return result == 0 ? 0 : BB_LMDB_FAIL(error, env, result, "map");
}

int bb_lmdb_map_grow(struct bb_lmdb_env *env, struct bb_error *error) {
    MDB_envinfo info;

    mdb_env_info(env->mdb, &info);
    if (info.me_mapsize >= BB_LMDB_MAP_MAX_BYTES)
        return BB_FAIL(error, BB_E_DISK_FULL, "%s has reached its largest size, 1 TiB",
                       env->folder);
    return bb_lmdb_map_replace(env, info.me_mapsize * 2, error);
}

int bb_lmdb_readers_clear(struct bb_lmdb_env *env) {
    int dead = 0;

    return mdb_reader_check(env->mdb, &dead) == 0 ? dead : 0;
}

int bb_lmdb_read_begin(struct bb_lmdb_env *env, MDB_txn **txn, struct bb_error *error) {
    bool cleared = false;

    for (;;) {
        int result = bb_lmdb_enter(env, error);
        if (result == 0 && env->access == BB_LMDB_ALONE) {
            result = bb_lmdb_env_still_alone(env, error);
            if (result != 0)
                bb_lmdb_leave(env);
        }
        if (result != 0)
            return result;
        result = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, txn);
        if (result == 0)
            return 0;
        bb_lmdb_leave(env);
        if (result == MDB_MAP_RESIZED) { /* another process grew it */
            result = bb_lmdb_map_replace(env, 0, error);
            if (result != 0)
                return result;
        } else if (result == MDB_READERS_FULL && !cleared) {
            bb_lmdb_readers_clear(env);
            cleared = true;
        } else {
            return BB_LMDB_FAIL(error, env, result, "read");
        }
    }
}

void bb_lmdb_read_end(struct bb_lmdb_env *env, MDB_txn *txn) {
    mdb_txn_abort(txn);
    bb_lmdb_leave(env);
}
