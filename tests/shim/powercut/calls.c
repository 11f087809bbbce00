/* The calls that change a disk, as the program under test sees them: see disk.h. On 64-bit Linux a
 * call with 64 in its name is the same call. */
#include "disk.h"

#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>

_Static_assert(sizeof(off_t) == sizeof(off64_t), "aliases below");

enum { DESCRIPTORS = 4096 };

struct descriptor {
    struct file *file; /* NULL: not watched */
    bool is_folder;
    bool durable; /* O_DSYNC */
    dev_t device;
    ino_t inode;
};

static struct descriptor descriptors[DESCRIPTORS];
static uint64_t cut_at, fail_sync, calls, syncs;
static bool kills;        /* instead of cutting */
static bool lies;         /* syncs make nothing durable */
static const char *carry; /* NULL: the end is a cut */
static bool over;         /* the end has come: nothing is watched any more */

int (*real_openat)(int, const char *, int, ...);
int (*real_close)(int);
ssize_t (*real_writev)(int, const struct iovec *, int);
ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
int (*real_ftruncate)(int, off_t);
int (*real_rename)(const char *, const char *);
int (*real_unlink)(const char *);
int (*real_link)(const char *, const char *);
int (*real_mkdir)(const char *, mode_t);
int (*real_rmdir)(const char *);
static int (*real_fallocate)(int, int, off_t, off_t);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);

/* ---- beginning and end */

static void find(void *pointer, const char *name) {
    void *symbol = dlsym(RTLD_NEXT, name);

    if (!symbol)
        die(name);
    memcpy(pointer, &symbol, sizeof symbol);
}

static uint64_t number_in(const char *name) {
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 0) : 0;
}

static void begin(void) {
    const char *watched = getenv("POWERCUT_DIR");

    find(&real_openat, "openat");
    find(&real_close, "close");
    find(&real_writev, "writev");
    find(&real_pwritev, "pwritev");
    find(&real_ftruncate, "ftruncate");
    find(&real_rename, "rename");
    find(&real_unlink, "unlink");
    find(&real_link, "link");
    find(&real_mkdir, "mkdir");
    find(&real_rmdir, "rmdir");
    find(&real_fallocate, "fallocate");
    find(&real_mmap, "mmap");
    cut_at = number_in("POWERCUT_AT");
    kills = number_in("POWERCUT_KILL") != 0;
    fail_sync = number_in("POWERCUT_FAIL_SYNC");
    lies = number_in("POWERCUT_LIE") != 0;
    disk.seed = number_in("POWERCUT_SEED");
    if (!watched)
        return;
    snprintf(disk.watched, sizeof disk.watched, "%s", watched);
    carry = getenv("POWERCUT_CARRY");
    if (carry)
        carry_load(carry);
    if (number_in("POWERCUT_END"))
        carry = NULL;
    if (kills && !carry)
        die("POWERCUT_KILL needs POWERCUT_CARRY and no POWERCUT_END");
}

static void ready(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, begin);
}

static void report(const char *end) {
    const char *path = getenv("POWERCUT_LOG");
    char line[200];

    if (!path)
        return;
    int size = snprintf(line, sizeof line,
                        "calls=%llu syncs=%llu end=%s manner=%d lost=%llu names=%llu\n",
                        (unsigned long long)calls, (unsigned long long)syncs, end, disk.manner,
                        (unsigned long long)disk.lost_bytes, (unsigned long long)disk.lost_names);
    int fd = real_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    struct iovec part = {line, (size_t)size};
    if (fd < 0 || real_writev(fd, &part, 1) != size)
        die("cannot write POWERCUT_LOG");
    real_close(fd);
}

/* Locked. Does not come back. */
static void end_now(void) {
    over = true;
    if (kills)
        carry_save(carry);
    else
        disk_cut();
    report(kills ? "killed" : "cut");
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

__attribute__((destructor)) static void end_of_process(void) {
    ready();
    pthread_mutex_lock(&disk_lock);
    if (disk.watched[0] && !over) {
        over = true;
        if (carry)
            carry_save(carry);
        else
            disk_cut();
        report("ended");
    }
    pthread_mutex_unlock(&disk_lock);
}

/* ---- a watched call is one step: begin_step, do it, end_step */

static bool begin_step(void) {
    pthread_mutex_lock(&disk_lock);
    calls++;
    disk.moment++;
    bool now = calls == cut_at;
    if (now && mix(disk.seed + calls) & 1)
        end_now();
    return now;
}

static void end_step(bool now, int failure) {
    if (now)
        end_now();
    pthread_mutex_unlock(&disk_lock);
    errno = failure;
}

/* ---- what is watched */

/* The absolute path; false when it is not below the watched folder. */
static bool watches(int at, const char *path, char full[PATH_MAX]) {
    char base[PATH_MAX] = "";
    size_t length = strlen(disk.watched);

    if (length == 0 || over)
        return false;
    if (path[0] != '/' && at == AT_FDCWD) {
        if (!getcwd(base, sizeof base))
            return false;
    } else if (path[0] != '/') {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t size = readlink(link, base, sizeof base - 1);
        if (size < 0)
            return false;
        base[size] = '\0';
    }
    if (snprintf(full, PATH_MAX, "%s%s%s", base, base[0] ? "/" : "", path) >= PATH_MAX)
        return false;
    return strncmp(full, disk.watched, length) == 0 && full[length] == '/';
}

/* NULL: not watched. */
static struct descriptor *descriptor_of(int fd) {
    ready();
    if (fd < 0 || fd >= DESCRIPTORS || over)
        return NULL;
    struct descriptor *d = &descriptors[fd];
    return (d->file && d->file->fd >= 0) || d->is_folder ? d : NULL;
}

static struct descriptor *file_descriptor_of(int fd) {
    struct descriptor *d = descriptor_of(fd);

    return d && d->file ? d : NULL;
}

static void bind_descriptor(int fd, int flags) {
    struct stat status;
    char path[64];

    if (fd >= DESCRIPTORS || fstat(fd, &status) != 0)
        die("too many descriptors");
    descriptors[fd] = (struct descriptor){.is_folder = S_ISDIR(status.st_mode),
                                          .durable = (flags & (O_DSYNC | O_SYNC)) != 0,
                                          .device = status.st_dev,
                                          .inode = status.st_ino};
    if (!S_ISREG(status.st_mode))
        return;
    struct file *file = descriptors[fd].file = disk_file(status.st_dev, status.st_ino);
    if ((flags & O_ACCMODE) == O_RDONLY || file->fd >= 0)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    file->fd = real_openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (file->fd < 0)
        die("cannot open a watched file");
}

/* ---- opening */

static int truncate_watched(struct file *file, off_t size) {
    off_t before = disk_size_of(file);

    if (size < before)
        disk_note_sectors(file, size, before, true);
    if (size != before)
        disk_note_length(file, before);
    return real_ftruncate(file->fd, size);
}

static int open_watched(const char *path, int flags, mode_t mode) {
    struct stat status;
    bool makes = (flags & O_CREAT) && lstat(path, &status) != 0;
    bool cuts = !makes && (flags & O_TRUNC);
    bool now = false;

    if (makes || cuts)
        now = begin_step();
    else
        pthread_mutex_lock(&disk_lock);
    /* Durability is ours to give: the disk below would only be slow. */
    int fd = real_openat(AT_FDCWD, path, flags & ~(O_TRUNC | O_SYNC | O_DSYNC), mode);
    int failure = errno;
    if (fd >= 0)
        bind_descriptor(fd, flags);
    if (fd >= 0 && makes)
        disk_note_name(MADE, path, NULL, NULL);
    else if (fd >= 0 && cuts && truncate_watched(descriptors[fd].file, 0) != 0)
        die("cannot truncate");
    end_step(now, failure);
    return fd;
}

static int open_any(int at, const char *path, int flags, mode_t mode) {
    char full[PATH_MAX];

    ready();
    if (watches(at, path, full))
        return open_watched(full, flags, mode);
    int fd = real_openat(at, path, flags, mode);
    if (fd >= 0 && fd < DESCRIPTORS) /* its number may have been closed behind our back: closedir */
        descriptors[fd] = (struct descriptor){.file = NULL};
    return fd;
}

/* The optional last argument. */
#define MODE_OF(flags, mode)                                                                       \
    do {                                                                                           \
        if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                   \
            va_list arguments;                                                                     \
            va_start(arguments, flags);                                                            \
            (mode) = va_arg(arguments, mode_t);                                                    \
            va_end(arguments);                                                                     \
        }                                                                                          \
    } while (0)

int open(const char *path, int flags, ...) {
    mode_t mode = 0;

    MODE_OF(flags, mode);
    return open_any(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int openat(int at, const char *path, int flags, ...) {
    mode_t mode = 0;

    MODE_OF(flags, mode);
    return open_any(at, path, flags, mode);
}
int openat64(int at, const char *path, int flags, ...) __attribute__((alias("openat")));

int creat(const char *path, mode_t mode) {
    return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int creat64(const char *path, mode_t mode) __attribute__((alias("creat")));

int close(int fd) {
    ready();
    pthread_mutex_lock(&disk_lock);
    if (fd >= 0 && fd < DESCRIPTORS)
        descriptors[fd] = (struct descriptor){.file = NULL};
    int result = real_close(fd), failure = errno;
    pthread_mutex_unlock(&disk_lock);
    errno = failure;
    return result;
}

/* ---- writing; at < 0: where the descriptor stands */

static ssize_t write_watched(struct descriptor *d, int fd, const struct iovec *part, int count,
                             off_t at) {
    off_t size = 0, from = at;
    bool now = begin_step();

    for (int i = 0; i < count; i++)
        size += (off_t)part[i].iov_len;
    if (at < 0)
        from = fcntl(fd, F_GETFL) & O_APPEND ? disk_size_of(d->file) : lseek(fd, 0, SEEK_CUR);
    disk_note_sectors(d->file, from, from + size, false);
    if (from + size > disk_size_of(d->file))
        disk_note_length(d->file, disk_size_of(d->file));
    ssize_t written = at < 0 ? real_writev(fd, part, count) : real_pwritev(fd, part, count, at);
    int failure = errno;
    if (d->durable && written > 0 && !now)
        disk_forget_range(d->file, from, from + written);
    end_step(now, failure);
    return written;
}

static ssize_t write_any(int fd, const struct iovec *part, int count, off_t at) {
    struct descriptor *d = file_descriptor_of(fd);

    if (d)
        return write_watched(d, fd, part, count, at);
    return at < 0 ? real_writev(fd, part, count) : real_pwritev(fd, part, count, at);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    return write_any(fd, &(struct iovec){(void *)(uintptr_t)bytes, size}, 1, -1);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
    return write_any(fd, &(struct iovec){(void *)(uintptr_t)bytes, size}, 1, at);
}
ssize_t pwrite64(int fd, const void *, size_t, off64_t) __attribute__((alias("pwrite")));

ssize_t writev(int fd, const struct iovec *part, int count) {
    return write_any(fd, part, count, -1);
}

ssize_t pwritev(int fd, const struct iovec *part, int count, off_t at) {
    return write_any(fd, part, count, at);
}
ssize_t pwritev64(int, const struct iovec *, int, off64_t) __attribute__((alias("pwritev")));

/* ---- lengths */

int ftruncate(int fd, off_t size) {
    struct descriptor *d = file_descriptor_of(fd);

    if (!d)
        return real_ftruncate(fd, size);
    bool now = begin_step();
    int result = truncate_watched(d->file, size);
    end_step(now, errno);
    return result;
}
int ftruncate64(int, off64_t) __attribute__((alias("ftruncate")));

int fallocate(int fd, int mode, off_t at, off_t size) {
    struct descriptor *d = file_descriptor_of(fd);

    if (!d)
        return real_fallocate(fd, mode, at, size);
    if (mode != 0)
        die("a kind of fallocate that this shim does not know");
    bool now = begin_step();
    if (at + size > disk_size_of(d->file))
        disk_note_length(d->file, disk_size_of(d->file));
    int result = real_fallocate(fd, mode, at, size);
    end_step(now, errno);
    return result;
}
int fallocate64(int, int, off64_t, off64_t) __attribute__((alias("fallocate")));

int posix_fallocate(int fd, off_t at, off_t size) {
    return fallocate(fd, 0, at, size) == 0 ? 0 : errno;
}
int posix_fallocate64(int, off64_t, off64_t) __attribute__((alias("posix_fallocate")));

/* ---- syncs: the disk below is not asked, it would only take time */

int fsync(int fd) {
    struct descriptor *d = descriptor_of(fd);

    if (!d)
        return 0;
    bool now = begin_step();
    bool fails = ++syncs == fail_sync;
    if (fails && d->file)
        d->file->stuck = d->file->count;
    else if (!fails && !lies && d->file)
        disk_forget(d->file);
    else if (!fails && !lies)
        disk_forget_names(d->device, d->inode);
    end_step(now, EIO);
    return fails ? -1 : 0;
}
int fdatasync(int) __attribute__((alias("fsync")));

/* ---- names */

/* A second name for a file that is about to lose this one; NULL when there is none of this name. */
static char *save(const char *path) {
    struct stat status;

    if (lstat(path, &status) != 0 || S_ISDIR(status.st_mode))
        return NULL;
    char *saved = disk_place("kept");
    if (real_link(path, saved) != 0)
        die("cannot keep a removed file");
    return saved;
}

int rename(const char *from, const char *to) {
    char full_from[PATH_MAX], full_to[PATH_MAX];

    ready();
    if (!watches(AT_FDCWD, from, full_from) || !watches(AT_FDCWD, to, full_to))
        return real_rename(from, to);
    bool now = begin_step();
    char *saved = save(full_to);
    int result = real_rename(full_from, full_to), failure = errno;
    if (result == 0)
        disk_note_name(RENAMED, full_to, full_from, saved);
    end_step(now, failure);
    return result;
}

int unlink(const char *path) {
    char full[PATH_MAX];

    ready();
    if (!watches(AT_FDCWD, path, full))
        return real_unlink(path);
    bool now = begin_step();
    char *saved = save(full);
    int result = real_unlink(full), failure = errno;
    if (result == 0)
        disk_note_name(REMOVED, full, NULL, saved);
    end_step(now, failure);
    return result;
}

static bool is_empty(const char *path) {
    DIR *listing = opendir(path);
    int names = 0;

    while (listing && readdir(listing))
        names++;
    if (listing)
        closedir(listing);
    return names == 2; /* . and .. */
}

/* An empty folder is put away instead, so that it can come back. */
int rmdir(const char *path) {
    char full[PATH_MAX];

    ready();
    if (!watches(AT_FDCWD, path, full) || !is_empty(full))
        return real_rmdir(path);
    bool now = begin_step();
    char *saved = disk_place("kept");
    disk_note_name(REMOVED, full, NULL, saved);
    if (real_rename(full, saved) != 0)
        die("cannot put a folder away");
    end_step(now, 0);
    return 0;
}

/* A new name by a call of its own; `target` NULL: of a folder. */
static int make_name(const char *path, const char *target, mode_t mode) {
    char full[PATH_MAX];

    ready();
    if (!watches(AT_FDCWD, path, full))
        return target ? real_link(target, path) : real_mkdir(path, mode);
    bool now = begin_step();
    int result = target ? real_link(target, full) : real_mkdir(full, mode), failure = errno;
    if (result == 0)
        disk_note_name(MADE, full, NULL, NULL);
    end_step(now, failure);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    return make_name(path, NULL, mode);
}

int link(const char *from, const char *to) {
    return make_name(to, from, 0);
}

/* ---- maps */

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t at) {
    struct descriptor *d = file_descriptor_of(fd);

    if (d && (flags & MAP_TYPE) != MAP_PRIVATE && (protection & PROT_WRITE)) {
        pthread_mutex_lock(&disk_lock);
        if (!d->file->mapped)
            disk_note_image(d->file);
        pthread_mutex_unlock(&disk_lock);
    }
    return real_mmap(address, size, protection, flags, fd, at);
}
void *mmap64(void *, size_t, int, int, int, off64_t) __attribute__((alias("mmap")));
