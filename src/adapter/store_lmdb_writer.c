/* The right to write a partition, and how it is taken from a process that will not give it back.
 *
 * LMDB has a mutex of its own for writers, which recovers when its holder dies. But a holder that
 * is stopped (SIGSTOP, Ctrl-Z, a debugger) keeps it for ever, nobody can ask who that is, and
 * waiting for it cannot be given up. So writers queue in front of it, at byte 0 of the file
 * `writer`, under a POSIX lock: the kernel knows its holder, frees it when that process ends
 * however it ends, and lets us try without blocking. Behind it LMDB's mutex is always free or
 * recoverable.
 *
 *   try ──► mine ──► stamp the file ──► mdb_txn_begin ... commit ──► unlock
 *    ▲ │ held by process P
 *    │ ▼
 *    sleep, until P has held it under one and the same stamp for
 *        takeover_ms      and P is stopped          ──► end P (SIGKILL)
 *        takeover_ms * 6  whatever P is doing       ──► end P
 *
 * A holder that merely works is left alone for those six periods: a big commit on a slow disk is
 * slow, and ending it would make the next one no faster. The stamp tells one long write from many
 * short ones. P is ended through a pidfd that is opened first and only then verified against the
 * lock, so that a process which got P's number by chance is never hit. What P had written stays
 * out of sight: LMDB's pages count from the moment its meta page names them.
 *
 * A holder that may not be ended (another user's, or outside of our PID namespace) is reported:
 * -BB_E_LOCKED, retriable.
 */
#include "adapter/store_lmdb_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    PATIENCE = 6, /* periods of takeover_ms that a running holder is given */
    PAUSE_FIRST_NS = 50 * 1000,
    PAUSE_LAST_NS = 2 * 1000 * 1000,
    READERS_CLEAR_S = 60,
    FULL_DISK_BYTES = 16 << 20
};
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

/* Content of the file `writer`. Only compared, and only on the machine that wrote it. */
struct stamp {
    int64_t since_ns; /* monotonic clock at which the right was taken */
    int32_t pid;
    uint32_t zero;
};
_Static_assert(sizeof(struct stamp) == 16, "stored layout");

struct hold { /* who holds the right, and since which of its writes */
    pid_t pid;
    struct stamp stamp;
};

static struct flock byte_zero(short type) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
}

static int writer_file_open(struct bb_lmdb_env *env, struct bb_error *error) {
    char path[4096];

    if (env->writer_file >= 0)
        return 0;
    snprintf(path, sizeof path, "%s/writer", env->folder);
    env->writer_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0660);
    if (env->writer_file < 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "could not open %s", path);
    return 0;
}

/* The holder's process number: 0 when there is none (any more), -1 when it cannot be seen from
 * here, because it lives outside of our PID namespace. */
static pid_t holder_of(const struct bb_lmdb_env *env) {
    struct flock lock = byte_zero(F_WRLCK);

    if (fcntl(env->writer_file, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
        return 0;
    return lock.l_pid > 0 ? lock.l_pid : -1;
}

/* True when every thread of the process stands still under a signal or a debugger. */
static bool process_is_stopped(pid_t pid) {
    char path[64], text[512];

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t size = read(file, text, sizeof text - 1);
    close(file);
    if (size <= 0)
        return false;
    text[size] = '\0';
    /* "PID (NAME) STATE ...", and a name may hold anything, even ") T". */
    const char *end_of_name = strrchr(text, ')');
    return end_of_name && end_of_name[1] == ' ' && (end_of_name[2] == 'T' || end_of_name[2] == 't');
}

static int fail_locked(struct bb_error *error, const struct bb_lmdb_env *env, pid_t pid,
                       const char *why) {
    int failed = pid > 0 ? BB_FAIL(error, BB_E_LOCKED,
                                   "process %d writes to %s and %s; continue it "
                                   "(kill -CONT %d) or end it (kill -KILL %d)",
                                   (int)pid, env->folder, why, (int)pid, (int)pid)
                         : BB_FAIL(error, BB_E_LOCKED,
                                   "a process of another container writes to %s and %s",
                                   env->folder, why);
    error->retriable = true;
    return failed;
}

/* End the process if it still holds the right. */
static int holder_end(const struct bb_lmdb_env *env, pid_t pid, struct bb_error *error) {
    if (pid < 0)
        return fail_locked(error, env, pid, "cannot be ended from this one");
    int process = pidfd_open(pid, 0);
    int why = process < 0 ? errno : 0;
    if (process >= 0) {
        if (holder_of(env) == pid && pidfd_send_signal(process, SIGKILL, NULL, 0) != 0)
            why = errno;
        close(process);
    }
    if (why == 0 || why == ESRCH)
        return 0;
    if (why == EPERM)
        return fail_locked(error, env, pid, "may not be ended by this user");
    return BB_FAIL_ERRNO(error, BB_E_STORE_IO, why, "could not end process %d, which holds %s",
                         (int)pid, env->folder);
}

static void pause_for(int64_t ns) {
    struct timespec time = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};

    nanosleep(&time, NULL);
}

static struct hold look(const struct bb_lmdb_env *env) {
    struct hold hold = {.pid = holder_of(env)};

    if (pread(env->writer_file, &hold.stamp, sizeof hold.stamp, 0) != sizeof hold.stamp)
        hold.stamp = (struct stamp){.pid = 0}; /* the first holder has not stamped it yet */
    return hold;
}

static bool same_hold(const struct hold *a, const struct hold *b) {
    return a->pid == b->pid && memcmp(&a->stamp, &b->stamp, sizeof a->stamp) == 0;
}

static int take(const struct bb_lmdb_env *env, int64_t period_ns, struct bb_error *error) {
    struct hold known = {.pid = 0};
    int64_t known_since = bb_monotonic_ns(), pause = PAUSE_FIRST_NS;
    bool ended = false;

    for (;;) {
        struct flock lock = byte_zero(F_WRLCK);
        if (fcntl(env->writer_file, F_SETLK, &lock) == 0)
            return 0;
        if (errno != EACCES && errno != EAGAIN)
            return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "could not lock %s/writer",
                                 env->folder);
        struct hold hold = look(env);
        int64_t now = bb_monotonic_ns();
        if (!same_hold(&hold, &known)) {
            known = hold;
            known_since = now;
            ended = false;
        }
        int64_t held = now - known_since;
        if (!ended && hold.pid != 0 &&
            (held >= period_ns * PATIENCE ||
             (held >= period_ns && hold.pid > 0 && process_is_stopped(hold.pid)))) {
            int result = holder_end(env, hold.pid, error);
            if (result != 0)
                return result;
            ended = true;
            known_since = now;
        } else if (ended && held >= period_ns * PATIENCE) {
            return fail_locked(error, env, hold.pid, "was ended, but is not gone");
        }
        pause_for(pause);
        pause = pause * 2 < PAUSE_LAST_NS ? pause * 2 : PAUSE_LAST_NS;
    }
}

static void give_back(const struct bb_lmdb_env *env) {
    struct flock lock = byte_zero(F_UNLCK);
    int failed = fcntl(env->writer_file, F_SETLK, &lock);

    BB_ASSERT(!failed);
}

static int stamp_write(const struct bb_lmdb_env *env, struct bb_error *error) {
    struct stamp stamp = {.since_ns = bb_monotonic_ns(), .pid = env->pid};
    ssize_t size = pwrite(env->writer_file, &stamp, sizeof stamp, 0);

    if (size == sizeof stamp)
        return 0;
    return BB_FAIL_ERRNO(error, BB_E_STORE_IO, size < 0 ? errno : ENOSPC,
                         "could not write %s/writer", env->folder);
}

int bb_lmdb_writer_lock(struct bb_lmdb_env *env, int takeover_ms, struct bb_error *error) {
    BB_ASSERT(env->pid == getpid());
    pthread_mutex_lock(&env->writer);
    int result = writer_file_open(env, error);
    if (result == 0)
        result = take(env, takeover_ms * NS_PER_MS, error);
    if (result == 0) {
        result = stamp_write(env, error);
        if (result != 0)
            give_back(env);
    }
    if (result != 0)
        pthread_mutex_unlock(&env->writer);
    return result;
}

void bb_lmdb_writer_unlock(struct bb_lmdb_env *env) {
    give_back(env);
    pthread_mutex_unlock(&env->writer);
}

/* ---- write transactions */

/* Old pages are reused only when no reader needs them; the dead need none. */
static void readers_clear_now_and_then(struct bb_lmdb_env *env) {
    int64_t now = bb_monotonic_ns();

    if (now - env->readers_checked_ns < READERS_CLEAR_S * NS_PER_S)
        return;
    env->readers_checked_ns = now;
    bb_lmdb_readers_clear(env);
}

/* One try. *mdb is LMDB's result; when it is 0 the return value is the outcome. */
static int attempt(struct bb_lmdb_write *write, int takeover_ms, bb_lmdb_write_body *body,
                   void *context, int *mdb) {
    struct bb_lmdb_env *env = write->env;
    int result = bb_lmdb_writer_lock(env, takeover_ms, write->error);

    *mdb = 0;
    if (result != 0)
        return result;
    result = bb_lmdb_enter(env, write->error);
    if (result == 0) {
        readers_clear_now_and_then(env);
        *mdb = mdb_txn_begin(env->mdb, NULL, 0, &write->txn);
        if (*mdb == 0) {
            *mdb = body(write, context);
            if (*mdb == 0 && write->outcome == 0)
                *mdb = mdb_txn_commit(write->txn);
            else
                mdb_txn_abort(write->txn);
        }
        bb_lmdb_leave(env);
        result = write->outcome;
    }
    bb_lmdb_writer_unlock(env);
    return result;
}

/* LMDB says EIO for a short write, which is how a disk most often says that it is full. */
static bool disk_is_full(const struct bb_lmdb_env *env) {
    struct statvfs disk;

    return statvfs(env->folder, &disk) == 0 &&
           (uint64_t)disk.f_bavail * disk.f_frsize < FULL_DISK_BYTES;
}

/* After a failed sync the kernel may have dropped what it could not write, so such an environment
 * is never written again. A full disk is no such case: LMDB overwrites no page that counts, and
 * the next try writes every page of its own once more. */
static int write_failed(struct bb_lmdb_env *env, int result, struct bb_error *error) {
    if (result == EIO && disk_is_full(env))
        result = ENOSPC;
    if (result == EIO || result == MDB_PANIC) {
        pthread_mutex_lock(&env->mutex);
        env->broken = true;
        pthread_mutex_unlock(&env->mutex);
    }
    return BB_LMDB_FAIL(error, env, result, "write to");
}

int bb_lmdb_write(struct bb_lmdb_env *env, int takeover_ms, bb_lmdb_write_body *body, void *context,
                  struct bb_error *error) {
    for (;;) {
        struct bb_lmdb_write write = {.env = env, .error = error};
        int mdb, result = attempt(&write, takeover_ms, body, context, &mdb);

        if (mdb == MDB_MAP_FULL)
            result = bb_lmdb_map_grow(env, error);
        else if (mdb == MDB_MAP_RESIZED) /* another process grew it */
            result = bb_lmdb_map_replace(env, 0, error);
        else if (mdb != 0)
            return write_failed(env, mdb, error);
        else
            return result;
        if (result != 0)
            return result;
    }
}
