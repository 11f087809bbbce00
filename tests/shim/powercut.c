/* A power cut, for LD_PRELOAD: what was written and not synced may be gone afterwards.
 *
 *   POWERCUT_DIR        folder (absolute, no links) whose files and names are watched
 *   POWERCUT_AT=N       the power goes at the N-th watched call; else when the process has ended
 *   POWERCUT_SEED=S     decides what is lost, and on which side of the N-th call the cut lies
 *   POWERCUT_FAIL_SYNC=N  the N-th fsync or fdatasync fails with EIO, and as in Linux the pages it
 *                       should have written count as clean: no later sync writes them either
 *   POWERCUT_LOG=FILE   gets one line per process: calls=N syncs=N cut=0|1 manner=M lost=BYTES ...
 *
 * The idea: every change is done at once and noted with what was there before. A sync forgets the
 * notes of its file. At the cut each unit of storage survives up to a moment of its own, and what
 * came later is put back, newest first:
 *
 *     moment      1    2    3    4    5    6    7 = now
 *     sector 0    w ───────── w ────────── w          survives until 5: the last w is undone
 *     sector 1         w ──────────── w               until 0: both are undone
 *     length              +         +                 until 3: the second growth is undone
 *     folder           create  rename                 in order, like a journal: a prefix survives
 *
 * A unit is a sector of 512 bytes (a write may be torn between sectors, never inside one, which is
 * what disks promise), a page of 4 KiB, a file, or all; `manner` is drawn from the seed.
 *
 * How strict, against ext4: data and lengths as ext4 with delayed allocation, but sectors of one
 * page may part. Names are stricter: what happens in a folder survives in its order, but only fsync
 * of that folder makes it durable; ext4 would do so at any fsync, POSIX promises no more than this.
 * A write through a descriptor with O_DSYNC or O_SYNC is durable once it returns; cut inside it,
 * it is torn like any other. A process that ends is cut right behind its end, exit code and all, so
 * that what it acknowledged without a sync is found out, and every process begins with a clean page.
 *
 * Shared writable maps cannot be watched store by store. Of a file mapped so, each page is at the
 * cut either as it is or as it was at its last sync (or when it was first mapped). That covers the
 * two ends (msync, which nobody here relies on, makes nothing durable). What lies between is
 * harmless, because nobody trusts these pages after a power cut: the log's `tail` has a check word
 * per slot and is compared with the segments at open, LMDB's lock.mdb and SQLite's -shm are made
 * anew by the first process that comes. LMDB's data file is mapped for reading only.
 *
 * Soundness of the simulator itself: one process writes at a time (there is no common memory of
 * what two have not synced); everything under the lock below, so a call is one step. Own
 * descriptors are never closed, because closing one would give up the process's POSIX locks.
 */
#undef _FILE_OFFSET_BITS /* open and open64 are two names here */
#undef _FORTIFY_SOURCE

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SECTOR = 512, PAGE = 4096, DESCRIPTORS = 4096 };

enum manner { ALL_LOST, ALL_KEPT, IN_ORDER, BY_FILE, BY_PAGE, BY_PAGE_2, BY_SECTOR, BY_SECTOR_2 };

struct before { /* a sector as it was before a write */
    uint64_t moment;
    off_t at;
    bool cut; /* by a truncation: comes back with the length */
    unsigned char bytes[SECTOR];
};

struct length { /* of a file before it changed */
    uint64_t moment;
    off_t size;
};

struct file {
    struct file *next;
    dev_t device;
    ino_t inode;
    int fd; /* our own; -1 while the process has only read */
    struct before *befores;
    size_t count, capacity;
    size_t stuck; /* the first of them were lost by a failed sync */
    struct length *lengths;
    size_t length_count, length_capacity;
    unsigned char *image; /* of a mapped file, at its last sync */
    off_t image_size;
    bool mapped;
};

enum change_kind { MADE, REMOVED, RENAMED };

struct folder { /* held open: it may be renamed while it has notes */
    struct folder *next;
    dev_t device;
    ino_t inode;
    int fd;
};

struct change { /* of a name */
    uint64_t moment;
    enum change_kind kind;
    struct folder *folder, *from_folder;
    char *name, *from;
    char *saved; /* where a removed file is kept; NULL: none */
};

struct descriptor {
    struct file *file; /* NULL: not watched */
    bool is_folder;
    bool durable; /* O_DSYNC */
    dev_t device;
    ino_t inode;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char watched_folder[PATH_MAX]; /* empty: nothing is watched */
static uint64_t cut_at, fail_sync, seed;
static uint64_t calls, syncs, moment, lost_bytes, lost_names;
static bool over; /* the cut has been made */
static enum manner manner;
static uint64_t common; /* moment of IN_ORDER */
static struct file *files;
static struct folder *folders;
static struct change *changes;
static size_t change_count, change_capacity;
static struct descriptor descriptors[DESCRIPTORS];

/* ---- the functions below us */

static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fallocate)(int, int, off_t, off_t);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);
static int (*real_link)(const char *, const char *);
static int (*real_mkdir)(const char *, mode_t);
static int (*real_rmdir)(const char *);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);

static void die(const char *why) {
    fprintf(stderr, "powercut: %s (errno %d)\n", why, errno);
    abort();
}

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
    find(&real_fallocate, "fallocate");
    find(&real_rename, "rename");
    find(&real_unlink, "unlink");
    find(&real_link, "link");
    find(&real_mkdir, "mkdir");
    find(&real_rmdir, "rmdir");
    find(&real_mmap, "mmap");
    cut_at = number_in("POWERCUT_AT");
    seed = number_in("POWERCUT_SEED");
    fail_sync = number_in("POWERCUT_FAIL_SYNC");
    if (watched)
        snprintf(watched_folder, sizeof watched_folder, "%s", watched);
}

static void ready(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, begin);
}

/* ---- small things */

static uint64_t mix(uint64_t x) { /* splitmix64 */
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Room for one more. */
static void *room(void *items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : 64;
    items = realloc(items, *capacity * size);
    if (!items)
        die("no memory");
    return items;
}

static off_t size_of(const struct file *file) {
    struct stat status;

    if (fstat(file->fd, &status) != 0)
        die("fstat");
    return status.st_size;
}

static void put(int fd, const void *bytes, size_t size, off_t at) {
    struct iovec part = {(void *)(uintptr_t)bytes, size};

    if (real_pwritev(fd, &part, 1, at) != (ssize_t)size)
        die("cannot put back what was there");
}

/* The absolute path; false when it is not below the watched folder. */
static bool watched(int at, const char *path, char full[PATH_MAX]) {
    char base[PATH_MAX] = "";

    if (watched_folder[0] == '\0' || over)
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
    size_t length = strlen(watched_folder);
    return strncmp(full, watched_folder, length) == 0 && full[length] == '/';
}

/* ---- what survives */

static uint64_t drawn(uint64_t salt, uint64_t oldest) {
    uint64_t r = mix(seed ^ mix(salt));

    if (r % 4 < 2)
        return r % 4 ? UINT64_MAX : 0;
    return oldest + (r >> 2) % (moment + 2 - oldest);
}

/* Changes of the unit from this moment on are lost. */
static uint64_t survives_until(uint64_t salt, uint64_t oldest) {
    switch (manner) {
    case ALL_LOST: return 0;
    case ALL_KEPT: return UINT64_MAX;
    case IN_ORDER: return common;
    default: return drawn(salt, oldest);
    }
}

static uint64_t sector_survives_until(const struct file *file, off_t at) {
    uint64_t unit = file->inode * 0x100000001u;

    if (manner == BY_PAGE || manner == BY_PAGE_2)
        unit += 1 + (uint64_t)at / PAGE;
    else if (manner == BY_SECTOR || manner == BY_SECTOR_2)
        unit += 1 + (uint64_t)at / SECTOR;
    return survives_until(unit, file->count ? file->befores[0].moment : moment);
}

static void choose_manner(void) {
    uint64_t oldest = moment;

    manner = (enum manner)(mix(seed) % (BY_SECTOR_2 + 1));
    for (const struct file *f = files; f; f = f->next)
        if (f->count && f->befores[0].moment < oldest)
            oldest = f->befores[0].moment;
    if (change_count && changes[0].moment < oldest)
        oldest = changes[0].moment;
    common = drawn(0, oldest);
}

static void restore_mapped(struct file *file) {
    off_t end = size_of(file) < file->image_size ? size_of(file) : file->image_size;

    for (off_t at = 0; at < end; at += PAGE) {
        size_t size = end - at < PAGE ? (size_t)(end - at) : PAGE;
        if (sector_survives_until(file, at) != UINT64_MAX)
            put(file->fd, file->image + at, size, at);
    }
}

static void restore_file(struct file *file) {
    uint64_t oldest = file->length_count ? file->lengths[0].moment : moment;
    uint64_t length_until = survives_until(file->inode * 0x100000001u + UINT32_MAX, oldest);
    off_t size = size_of(file);

    if (file->mapped)
        restore_mapped(file);
    for (size_t i = file->count; i-- > 0;) {
        const struct before *b = &file->befores[i];
        bool by_length = b->cut && b->moment >= length_until;
        if (i >= file->stuck && !by_length && b->moment < sector_survives_until(file, b->at))
            continue;
        put(file->fd, b->bytes, SECTOR, b->at);
        lost_bytes += SECTOR;
    }
    for (size_t i = file->length_count; i-- > 0;)
        if (file->lengths[i].moment >= length_until)
            size = file->lengths[i].size;
    if (real_ftruncate(file->fd, size) != 0)
        die("cannot restore a length");
}

static void make_lost_folder(void) {
    char path[PATH_MAX + 8];

    snprintf(path, sizeof path, "%s.lost", watched_folder);
    if (real_mkdir(path, 0777) != 0 && errno != EEXIST)
        die("cannot make the folder .lost");
}

static void restore_name(const struct change *change) {
    char lost[PATH_MAX + 48];
    int at = change->folder->fd;

    make_lost_folder();
    snprintf(lost, sizeof lost, "%s.lost/gone-%d-%llu", watched_folder, (int)getpid(),
             (unsigned long long)change->moment);
    if (change->kind == MADE && renameat(at, change->name, AT_FDCWD, lost) != 0)
        die("cannot take a new name back");
    if (change->kind == RENAMED &&
        renameat(at, change->name, change->from_folder->fd, change->from) != 0)
        die("cannot take a rename back");
    if (change->saved && renameat(AT_FDCWD, change->saved, at, change->name) != 0)
        die("cannot bring back what was removed");
    lost_names++;
}

static void restore_all(void) {
    choose_manner();
    for (struct file *f = files; f; f = f->next)
        if (f->fd >= 0 && (f->count || f->length_count || f->mapped))
            restore_file(f);
    for (size_t i = change_count; i-- > 0;) {
        const struct change *c = &changes[i];
        uint64_t oldest = changes[0].moment;
        if (c->moment >= survives_until(c->folder->inode * 0x300000007u, oldest))
            restore_name(c);
    }
}

static void report(bool cut) {
    const char *path = getenv("POWERCUT_LOG");
    char line[200];

    if (!path)
        return;
    int size = snprintf(line, sizeof line,
                        "calls=%llu syncs=%llu cut=%d manner=%d lost=%llu names=%llu\n",
                        (unsigned long long)calls, (unsigned long long)syncs, cut, (int)manner,
                        (unsigned long long)lost_bytes, (unsigned long long)lost_names);
    int fd = real_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    struct iovec part = {line, (size_t)size};
    if (fd < 0 || real_writev(fd, &part, 1) != size)
        die("cannot write POWERCUT_LOG");
    real_close(fd);
}

/* Locked. Does not come back. */
static void cut(void) {
    over = true;
    restore_all();
    report(true);
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

__attribute__((destructor)) static void end_of_process(void) {
    ready();
    pthread_mutex_lock(&lock);
    if (watched_folder[0] && !over) {
        over = true;
        restore_all();
        report(false);
    }
    pthread_mutex_unlock(&lock);
}

/* ---- a watched call is one step: step_begin ... step_end */

static bool step_begin(void) {
    calls++;
    moment++;
    bool now = calls == cut_at;
    if (now && mix(seed + calls) & 1)
        cut();
    return now;
}

/* ---- noting what was there */

static void note_length(struct file *file, off_t size) {
    file->lengths = room(file->lengths, file->length_count, &file->length_capacity,
                         sizeof *file->lengths);
    file->lengths[file->length_count++] = (struct length){moment, size};
}

static void note_sectors(struct file *file, off_t from, off_t to, bool by_truncation) {
    for (off_t at = from - from % SECTOR; at < to; at += SECTOR) {
        file->befores = room(file->befores, file->count, &file->capacity, sizeof *file->befores);
        struct before *b = &file->befores[file->count++];
        *b = (struct before){.moment = moment, .at = at, .cut = by_truncation};
        if (pread(file->fd, b->bytes, SECTOR, at) < 0)
            die("cannot read what is there");
    }
}

static void note_image(struct file *file) {
    file->image_size = size_of(file);
    file->image = realloc(file->image, (size_t)file->image_size + 1);
    if (!file->image ||
        pread(file->fd, file->image, (size_t)file->image_size, 0) != (ssize_t)file->image_size)
        die("cannot read a mapped file");
}

static bool page_written_since(const struct file *file, size_t stuck) {
    for (size_t i = file->stuck; i < file->count; i++)
        if (file->befores[i].at / PAGE == file->befores[stuck].at / PAGE)
            return true;
    return false;
}

/* These bytes are on disk, and with them the length. */
static void forget_range(struct file *file, off_t from, off_t to) {
    size_t kept = 0;

    file->stuck = 0;
    for (size_t i = 0; i < file->count; i++)
        if (file->befores[i].at + SECTOR <= from || file->befores[i].at >= to)
            file->befores[kept++] = file->befores[i];
    file->count = kept;
    file->length_count = 0;
}

/* Everything of the file is on disk, but for what an earlier sync has lost. */
static void forget(struct file *file) {
    size_t kept = 0;

    for (size_t i = 0; i < file->stuck; i++)
        if (!page_written_since(file, i))
            file->befores[kept++] = file->befores[i];
    file->count = file->stuck = kept;
    file->length_count = 0;
    if (file->mapped)
        note_image(file);
}

/* The folder that `path` stands in; *name is the last part. */
static struct folder *folder_of(const char *path, char **name) {
    char above[PATH_MAX];
    struct stat status;

    snprintf(above, sizeof above, "%s", path);
    char *slash = strrchr(above, '/');
    *slash = '\0';
    *name = strdup(slash + 1);
    if (stat(above, &status) != 0)
        die("stat of a folder");
    for (struct folder *f = folders; f; f = f->next)
        if (f->device == status.st_dev && f->inode == status.st_ino)
            return f;
    struct folder *made = malloc(sizeof *made);
    if (!made)
        die("no memory");
    *made = (struct folder){folders, status.st_dev, status.st_ino,
                            real_openat(AT_FDCWD, above, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    return folders = made;
}

static void note_name(enum change_kind kind, const char *path, const char *from, char *saved) {
    struct change change = {.moment = moment, .kind = kind, .saved = saved};

    change.folder = folder_of(path, &change.name);
    if (from)
        change.from_folder = folder_of(from, &change.from);
    changes = room(changes, change_count, &change_capacity, sizeof *changes);
    changes[change_count++] = change;
}

static void forget_names(dev_t device, ino_t inode) {
    size_t kept = 0;

    for (size_t i = 0; i < change_count; i++) {
        const struct change *c = &changes[i];
        if (c->folder->device == device && c->folder->inode == inode) {
            free(c->name);
            free(c->from);
            if (c->saved && real_unlink(c->saved) != 0)
                real_rmdir(c->saved);
            free(c->saved);
        } else {
            changes[kept++] = changes[i];
        }
    }
    change_count = kept;
}

/* A place for what is about to lose its name. */
static char *place_to_save(void) {
    char saved[PATH_MAX + 48];

    make_lost_folder();
    snprintf(saved, sizeof saved, "%s.lost/kept-%d-%llu", watched_folder, (int)getpid(),
             (unsigned long long)moment);
    return strdup(saved);
}

/* A second name for a file; NULL when there is none of this name. */
static char *save(const char *path) {
    struct stat status;

    if (lstat(path, &status) != 0 || S_ISDIR(status.st_mode))
        return NULL;
    char *saved = place_to_save();
    if (real_link(path, saved) != 0)
        die("cannot keep a removed file");
    return saved;
}

/* ---- descriptors */

static struct file *file_of(const struct stat *status) {
    for (struct file *f = files; f; f = f->next)
        if (f->device == status->st_dev && f->inode == status->st_ino)
            return f;
    struct file *file = calloc(1, sizeof *file);
    if (!file)
        die("no memory");
    *file = (struct file){
        .next = files, .device = status->st_dev, .inode = status->st_ino, .fd = -1};
    return files = file;
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
    struct file *file = descriptors[fd].file = file_of(&status);
    if ((flags & O_ACCMODE) == O_RDONLY || file->fd >= 0)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    file->fd = real_openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (file->fd < 0)
        die("cannot open a watched file");
}

/* NULL: not watched. */
static struct descriptor *descriptor_of(int fd) {
    ready();
    if (fd < 0 || fd >= DESCRIPTORS || over)
        return NULL;
    struct descriptor *d = &descriptors[fd];
    return (d->file && d->file->fd >= 0) || d->is_folder ? d : NULL;
}

/* ---- the calls: opening */

static int truncate_watched(struct file *file, off_t size) {
    off_t before = size_of(file);

    if (size < before)
        note_sectors(file, size, before, true);
    if (size != before)
        note_length(file, before);
    return real_ftruncate(file->fd, size);
}

static int open_watched(const char *path, int flags, mode_t mode) {
    struct stat status;

    pthread_mutex_lock(&lock);
    bool makes = (flags & O_CREAT) && lstat(path, &status) != 0;
    bool cuts = !makes && (flags & O_TRUNC);
    bool cut_after = (makes || cuts) && step_begin();
    /* Durability is ours to give: the disk below would only be slow. */
    int fd = real_openat(AT_FDCWD, path, flags & ~(O_TRUNC | O_SYNC | O_DSYNC), mode);
    int failure = errno;
    if (fd >= 0)
        bind_descriptor(fd, flags);
    if (fd >= 0 && makes)
        note_name(MADE, path, NULL, NULL);
    else if (fd >= 0 && cuts && truncate_watched(descriptors[fd].file, 0) != 0)
        die("cannot truncate");
    if (cut_after)
        cut();
    pthread_mutex_unlock(&lock);
    errno = failure;
    return fd;
}

static int open_any(int at, const char *path, int flags, mode_t mode) {
    char full[PATH_MAX];

    ready();
    if (watched(at, path, full))
        return open_watched(full, flags, mode);
    int fd = real_openat(at, path, flags, mode);
    if (fd >= 0 && fd < DESCRIPTORS) /* its number may have been closed behind our back: closedir */
        descriptors[fd] = (struct descriptor){.file = NULL};
    return fd;
}

#define MODE_OF(flags, last, mode)                                                                 \
    do {                                                                                           \
        if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                   \
            va_list arguments;                                                                     \
            va_start(arguments, last);                                                             \
            (mode) = va_arg(arguments, mode_t);                                                    \
            va_end(arguments);                                                                     \
        }                                                                                          \
    } while (0)

int open(const char *path, int flags, ...) {
    mode_t mode = 0;

    MODE_OF(flags, flags, mode);
    return open_any(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    mode_t mode = 0;

    MODE_OF(flags, flags, mode);
    return open_any(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
    mode_t mode = 0;

    MODE_OF(flags, flags, mode);
    return open_any(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
    mode_t mode = 0;

    MODE_OF(flags, flags, mode);
    return open_any(at, path, flags, mode);
}

int creat(const char *path, mode_t mode) {
    return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int creat64(const char *path, mode_t mode) {
    return creat(path, mode);
}

int close(int fd) {
    ready();
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < DESCRIPTORS)
        descriptors[fd] = (struct descriptor){.file = NULL};
    int result = real_close(fd);
    pthread_mutex_unlock(&lock);
    return result;
}

/* ---- writing; at < 0: where the descriptor stands */

static ssize_t write_watched(struct descriptor *d, int fd, const struct iovec *part, int count,
                             off_t at) {
    off_t size = 0, from = at;

    pthread_mutex_lock(&lock);
    bool cut_after = step_begin();
    for (int i = 0; i < count; i++)
        size += (off_t)part[i].iov_len;
    if (at < 0)
        from = fcntl(fd, F_GETFL) & O_APPEND ? size_of(d->file) : lseek(fd, 0, SEEK_CUR);
    note_sectors(d->file, from, from + size, false);
    if (from + size > size_of(d->file))
        note_length(d->file, size_of(d->file));
    ssize_t written = at < 0 ? real_writev(fd, part, count) : real_pwritev(fd, part, count, at);
    int failure = errno;
    if (cut_after)
        cut();
    if (d->durable && written > 0)
        forget_range(d->file, from, from + written);
    pthread_mutex_unlock(&lock);
    errno = failure;
    return written;
}

static ssize_t write_any(int fd, const struct iovec *part, int count, off_t at) {
    struct descriptor *d = descriptor_of(fd);

    if (d && d->file)
        return write_watched(d, fd, part, count, at);
    return at < 0 ? real_writev(fd, part, count) : real_pwritev(fd, part, count, at);
}

static ssize_t write_one(int fd, const void *bytes, size_t size, off_t at) {
    struct iovec part = {(void *)(uintptr_t)bytes, size};

    return write_any(fd, &part, 1, at);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    return write_one(fd, bytes, size, -1);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
    return write_one(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    return write_one(fd, bytes, size, at);
}

ssize_t writev(int fd, const struct iovec *part, int count) {
    return write_any(fd, part, count, -1);
}

ssize_t pwritev(int fd, const struct iovec *part, int count, off_t at) {
    return write_any(fd, part, count, at);
}

ssize_t pwritev64(int fd, const struct iovec *part, int count, off64_t at) {
    return write_any(fd, part, count, at);
}

/* ---- lengths */

int ftruncate(int fd, off_t size) {
    struct descriptor *d = descriptor_of(fd);

    if (!d || !d->file)
        return real_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    bool cut_after = step_begin();
    int result = truncate_watched(d->file, size);
    if (cut_after)
        cut();
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate64(int fd, off64_t size) {
    return ftruncate(fd, size);
}

int fallocate(int fd, int mode, off_t at, off_t size) {
    struct descriptor *d = descriptor_of(fd);

    if (!d || !d->file)
        return real_fallocate(fd, mode, at, size);
    if (mode != 0)
        die("a kind of fallocate that this shim does not know");
    pthread_mutex_lock(&lock);
    bool cut_after = step_begin();
    if (at + size > size_of(d->file))
        note_length(d->file, size_of(d->file));
    int result = real_fallocate(fd, mode, at, size);
    if (cut_after)
        cut();
    pthread_mutex_unlock(&lock);
    return result;
}

int fallocate64(int fd, int mode, off64_t at, off64_t size) {
    return fallocate(fd, mode, at, size);
}

int posix_fallocate(int fd, off_t at, off_t size) {
    return fallocate(fd, 0, at, size) == 0 ? 0 : errno;
}

int posix_fallocate64(int fd, off64_t at, off64_t size) {
    return posix_fallocate(fd, at, size);
}

/* ---- syncs: the disk below is not asked, it would only take time */

static int sync_watched(struct descriptor *d) {
    pthread_mutex_lock(&lock);
    bool cut_after = step_begin();
    bool fails = ++syncs == fail_sync;
    if (fails && d->file)
        d->file->stuck = d->file->count;
    else if (!fails && d->file)
        forget(d->file);
    else if (!fails)
        forget_names(d->device, d->inode);
    if (cut_after)
        cut();
    pthread_mutex_unlock(&lock);
    errno = EIO;
    return fails ? -1 : 0;
}

static int sync_any(int fd) {
    struct descriptor *d = descriptor_of(fd);

    return d ? sync_watched(d) : 0;
}

int fsync(int fd) {
    return sync_any(fd);
}

int fdatasync(int fd) {
    return sync_any(fd);
}

/* ---- names */

int rename(const char *from, const char *to) {
    char full_from[PATH_MAX], full_to[PATH_MAX];

    ready();
    if (!watched(AT_FDCWD, from, full_from) || !watched(AT_FDCWD, to, full_to))
        return real_rename(from, to);
    pthread_mutex_lock(&lock);
    bool cut_after = step_begin();
    char *saved = save(full_to);
    int result = real_rename(full_from, full_to);
    if (result == 0)
        note_name(RENAMED, full_to, full_from, saved);
    if (cut_after)
        cut();
    pthread_mutex_unlock(&lock);
    return result;
}

int unlink(const char *path) {
    char full[PATH_MAX];

    ready();
    if (!watched(AT_FDCWD, path, full))
        return real_unlink(path);
    pthread_mutex_lock(&lock);
    bool cut_after = step_begin();
    char *saved = save(full);
    int result = real_unlink(full);
    int failure = errno;
    if (result == 0)
        note_name(REMOVED, full, NULL, saved);
    if (cut_after)
        cut();
    pthread_mutex_unlock(&lock);
    errno = failure;
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
    if (!watched(AT_FDCWD, path, full) || !is_empty(full))
        return real_rmdir(path);
    pthread_mutex_lock(&lock);
    bool cut_after = step_begin();
    char *saved = place_to_save();
    note_name(REMOVED, full, NULL, saved);
    if (real_rename(full, saved) != 0)
        die("cannot put a folder away");
    if (cut_after)
        cut();
    pthread_mutex_unlock(&lock);
    return 0;
}

/* A new name by a call of its own: mkdir, link. */
static int make_name(const char *path, const char *target, mode_t mode) {
    char full[PATH_MAX];

    ready();
    if (!watched(AT_FDCWD, path, full))
        return target ? real_link(target, path) : real_mkdir(path, mode);
    pthread_mutex_lock(&lock);
    bool cut_after = step_begin();
    int result = target ? real_link(target, full) : real_mkdir(full, mode);
    int failure = errno;
    if (result == 0)
        note_name(MADE, full, NULL, NULL);
    if (cut_after)
        cut();
    pthread_mutex_unlock(&lock);
    errno = failure;
    return result;
}

int mkdir(const char *path, mode_t mode) {
    return make_name(path, NULL, mode);
}

int link(const char *from, const char *to) {
    return make_name(to, from, 0);
}

/* ---- maps */

static void note_map(int fd, int protection, int flags) {
    struct descriptor *d = descriptor_of(fd);
    int kind = flags & (MAP_SHARED | MAP_PRIVATE | MAP_SHARED_VALIDATE);

    if (!d || !d->file || kind == MAP_PRIVATE || !(protection & PROT_WRITE))
        return;
    pthread_mutex_lock(&lock);
    d->file->mapped = true;
    note_image(d->file);
    pthread_mutex_unlock(&lock);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t at) {
    ready();
    note_map(fd, protection, flags);
    return real_mmap(address, size, protection, flags, fd, at);
}

void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t at) {
    return mmap(address, size, protection, flags, fd, at);
}
