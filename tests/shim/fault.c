/* A disk that fails once, for LD_PRELOAD; or a process that stops or dies in the middle of a write.
 *
 *   FAULT_DIR          folder (absolute, no links) below which calls are counted
 *   FAULT_MATCH=TEXT   count only calls on paths that contain this
 *   FAULT_AT=N         the N-th counted call (from 1) is the one; absent: only count
 *   FAULT_KIND=eio|enospc|full|short|stop|kill
 *        eio, enospc   the call fails and does nothing
 *        full          from that call on every write fails so: a disk stays full
 *        short         a write does the first half of its bytes and says so
 *        stop          the process stops (SIGSTOP) in front of the call, and does it when continued
 *        kill          the process is killed in front of the call
 *   FAULT_LOG=FILE     one line for each counted call: its number, its name, bytes, path
 *   FAULT_NO_SYNC=1    syncs that succeed are not passed on: nothing here survives a power cut, and
 *                      the runs are ten times as fast
 *
 * Counted are the calls that change a disk: write and its relatives, fsync, fdatasync, ftruncate
 * and rename with its relatives, whichever library makes them. Threads may change their order a little from run to
 * run; whoever goes through all numbers meets every call all the same.
 */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { NONE, EIO_ONCE, ENOSPC_ONCE, FULL, SHORT, STOP, KILL };

static const char *const kinds[] = {"none", "eio", "enospc", "full", "short", "stop", "kill"};

enum verdict { GO, FAIL, HALF };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *folder, *match;
static uint64_t fault_at, count;
static enum kind kind;
static bool no_sync;
static int log_fd = -1;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_rename)(const char *, const char *);
static int (*real_renameat)(int, const char *, int, const char *);
static int (*real_renameat2)(int, const char *, int, const char *, unsigned);

static void find(void *pointer, const char *name) {
    void *symbol = dlsym(RTLD_NEXT, name);

    if (!symbol)
        abort();
    memcpy(pointer, &symbol, sizeof symbol);
}

static void begin(void) {
    const char *at = getenv("FAULT_AT"), *named = getenv("FAULT_KIND");
    const char *path = getenv("FAULT_LOG");

    find(&real_write, "write");
    find(&real_pwrite, "pwrite");
    find(&real_writev, "writev");
    find(&real_pwritev, "pwritev");
    find(&real_fsync, "fsync");
    find(&real_fdatasync, "fdatasync");
    find(&real_ftruncate, "ftruncate");
    find(&real_rename, "rename");
    find(&real_renameat, "renameat");
    find(&real_renameat2, "renameat2");
    folder = getenv("FAULT_DIR");
    match = getenv("FAULT_MATCH");
    fault_at = at ? strtoull(at, NULL, 0) : 0;
    no_sync = getenv("FAULT_NO_SYNC") != NULL;
    for (size_t i = 0; named && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(named, kinds[i]) == 0)
            kind = (enum kind)i;
    if (path)
        log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fault_at && kind == NONE)
        abort(); /* a fault without a known kind proves nothing */
}

static void ready(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, begin);
}

static bool counted(const char *path) {
    size_t length = folder ? strlen(folder) : 0;

    return length && strncmp(path, folder, length) == 0 && path[length] == '/' &&
           (!match || strstr(path, match));
}

static bool path_of(int fd, char path[PATH_MAX]) {
    char link[64];

    if (!folder)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    path[size < 0 ? 0 : size] = '\0';
    return counted(path);
}

static void note(const char *name, size_t size, const char *path) {
    char line[PATH_MAX + 64];

    if (log_fd < 0)
        return;
    int length = snprintf(line, sizeof line, "%llu %s %zu %s\n", (unsigned long long)count, name,
                          size, path);
    if (real_write(log_fd, line, (size_t)length) != length)
        abort();
}

/* `bytes` > 0 for writes. */
static enum verdict judge(const char *name, size_t bytes, const char *path) {
    pthread_mutex_lock(&lock);
    uint64_t number = ++count;
    note(name, bytes, path);
    pthread_mutex_unlock(&lock);
    if (fault_at == 0 || number < fault_at || (number > fault_at && !(kind == FULL && bytes > 0)))
        return GO;
    switch (kind) {
    case EIO_ONCE: errno = EIO; return FAIL;
    case ENOSPC_ONCE:
    case FULL: errno = ENOSPC; return FAIL;
    case SHORT: return bytes > 1 ? HALF : GO;
    case STOP: raise(SIGSTOP); return GO;
    case KILL: raise(SIGKILL); return GO;
    default: return GO;
    }
}

static enum verdict judge_fd(int fd, const char *name, size_t bytes) {
    char path[PATH_MAX];
    int kept = errno;

    ready();
    if (!path_of(fd, path)) {
        errno = kept;
        return GO;
    }
    return judge(name, bytes, path);
}

/* ---- the calls */

ssize_t write(int fd, const void *bytes, size_t size) {
    enum verdict verdict = judge_fd(fd, "write", size);

    return verdict == FAIL ? -1 : real_write(fd, bytes, verdict == HALF ? size / 2 : size);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
    enum verdict verdict = judge_fd(fd, "pwrite", size);

    return verdict == FAIL ? -1 : real_pwrite(fd, bytes, verdict == HALF ? size / 2 : size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    return pwrite(fd, bytes, size, at);
}

static size_t total(const struct iovec *part, int parts) {
    size_t size = 0;

    for (int i = 0; i < parts; i++)
        size += part[i].iov_len;
    return size;
}

/* The first half of all bytes; at < 0: where the descriptor stands. */
static ssize_t write_half(int fd, const struct iovec *part, int parts, off_t at) {
    size_t left = total(part, parts) / 2;
    struct iovec half[IOV_MAX];
    int used = 0;

    for (; used < parts && left > 0; used++) {
        half[used] = part[used];
        if (half[used].iov_len > left)
            half[used].iov_len = left;
        left -= half[used].iov_len;
    }
    return at < 0 ? real_writev(fd, half, used) : real_pwritev(fd, half, used, at);
}

ssize_t writev(int fd, const struct iovec *part, int parts) {
    enum verdict verdict = judge_fd(fd, "writev", total(part, parts));

    if (verdict == FAIL)
        return -1;
    return verdict == HALF ? write_half(fd, part, parts, -1) : real_writev(fd, part, parts);
}

ssize_t pwritev(int fd, const struct iovec *part, int parts, off_t at) {
    enum verdict verdict = judge_fd(fd, "pwritev", total(part, parts));

    if (verdict == FAIL)
        return -1;
    return verdict == HALF ? write_half(fd, part, parts, at) : real_pwritev(fd, part, parts, at);
}

ssize_t pwritev64(int fd, const struct iovec *part, int parts, off64_t at) {
    return pwritev(fd, part, parts, at);
}

int fsync(int fd) {
    if (judge_fd(fd, "fsync", 0) == FAIL)
        return -1;
    return no_sync ? 0 : real_fsync(fd);
}

int fdatasync(int fd) {
    if (judge_fd(fd, "fdatasync", 0) == FAIL)
        return -1;
    return no_sync ? 0 : real_fdatasync(fd);
}

int ftruncate(int fd, off_t size) {
    return judge_fd(fd, "ftruncate", 0) == FAIL ? -1 : real_ftruncate(fd, size);
}

int ftruncate64(int fd, off64_t size) {
    return ftruncate(fd, size);
}

int rename(const char *from, const char *to) {
    ready();
    if (counted(from) && judge("rename", 0, from) == FAIL)
        return -1;
    return real_rename(from, to);
}

/* Names in an open folder: counted by the folder. */
int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    return judge_fd(from_fd, "renameat", 0) == FAIL ? -1 : real_renameat(from_fd, from, to_fd, to);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
    return judge_fd(from_fd, "renameat2", 0) == FAIL
               ? -1
               : real_renameat2(from_fd, from, to_fd, to, flags);
}
