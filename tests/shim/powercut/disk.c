/* The notes of what is not durable yet, and what becomes of it when the power goes: see disk.h. */
#include "disk.h"

enum manner { ALL_LOST, ALL_KEPT, IN_ORDER, BY_FILE, BY_PAGE, BY_PAGE_2, BY_SECTOR, BY_SECTOR_2 };

struct disk disk;
pthread_mutex_t disk_lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t common; /* moment up to which all survives, IN_ORDER */

void die(const char *why) {
    fprintf(stderr, "powercut: %s (errno %d)\n", why, errno);
    abort();
}

uint64_t mix(uint64_t x) { /* splitmix64 */
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

/* ---- files and folders */

struct file *disk_file(dev_t device, ino_t inode) {
    for (struct file *f = disk.files; f; f = f->next)
        if (f->device == device && f->inode == inode)
            return f;
    struct file *file = calloc(1, sizeof *file);
    if (!file)
        die("no memory");
    *file = (struct file){.next = disk.files, .device = device, .inode = inode, .fd = -1};
    return disk.files = file;
}

off_t disk_size_of(const struct file *file) {
    struct stat status;

    if (fstat(file->fd, &status) != 0)
        die("fstat");
    return status.st_size;
}

struct folder *disk_folder(const char *path) {
    struct stat status;
    int fd = real_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) != 0)
        die("cannot open a folder");
    for (struct folder *f = disk.folders; f; f = f->next)
        if (f->device == status.st_dev && f->inode == status.st_ino) {
            real_close(fd); /* no locks hang on O_PATH */
            return f;
        }
    struct folder *made = malloc(sizeof *made);
    if (!made)
        die("no memory");
    *made = (struct folder){disk.folders, status.st_dev, status.st_ino, fd};
    return disk.folders = made;
}

bool disk_is_gone(const struct folder *folder) {
    struct stat status;

    return fstat(folder->fd, &status) != 0 || status.st_nlink == 0;
}

char *disk_place(const char *what) {
    static uint64_t number;
    char path[PATH_MAX + 64];

    snprintf(path, sizeof path, "%s.lost", disk.watched);
    if (real_mkdir(path, 0777) != 0 && errno != EEXIST)
        die("cannot make the folder .lost");
    snprintf(path, sizeof path, "%s.lost/%s-%d-%llu", disk.watched, what, (int)getpid(),
             (unsigned long long)++number);
    return strdup(path);
}

/* ---- notes */

void disk_note_length(struct file *file, off_t size) {
    file->lengths = room(file->lengths, file->length_count, &file->length_capacity,
                         sizeof *file->lengths);
    file->lengths[file->length_count++] = (struct length){disk.moment, size};
}

void disk_note_sectors(struct file *file, off_t from, off_t to, bool by_truncation) {
    for (off_t at = from - from % SECTOR; at < to; at += SECTOR) {
        file->befores = room(file->befores, file->count, &file->capacity, sizeof *file->befores);
        struct before *b = &file->befores[file->count++];
        *b = (struct before){.moment = disk.moment, .at = at, .cut = by_truncation};
        if (pread(file->fd, b->bytes, SECTOR, at) < 0)
            die("cannot read what is there");
    }
}

void disk_note_image(struct file *file) {
    file->mapped = true;
    file->image_size = disk_size_of(file);
    file->image = realloc(file->image, (size_t)file->image_size + 1);
    if (!file->image ||
        pread(file->fd, file->image, (size_t)file->image_size, 0) != (ssize_t)file->image_size)
        die("cannot read a mapped file");
}

/* Open the folder that `path` stands in; *name is the last part. */
static struct folder *split(const char *path, char **name) {
    char above[PATH_MAX];

    snprintf(above, sizeof above, "%s", path);
    char *slash = strrchr(above, '/');
    *slash = '\0';
    *name = strdup(slash + 1);
    return disk_folder(above);
}

void disk_note_name(enum change_kind kind, const char *path, const char *from, char *saved) {
    struct change change = {.moment = disk.moment, .kind = kind, .saved = saved};

    change.folder = split(path, &change.name);
    if (from)
        change.from_folder = split(from, &change.from);
    disk.changes = room(disk.changes, disk.change_count, &disk.change_capacity,
                        sizeof *disk.changes);
    disk.changes[disk.change_count++] = change;
}

/* By a call, or through a map: then it differs from what it was at the last sync. */
static bool page_written_since(const struct file *file, size_t stuck) {
    unsigned char now[PAGE];
    off_t page = file->befores[stuck].at / PAGE * PAGE;

    for (size_t i = file->stuck; i < file->count; i++)
        if (file->befores[i].at / PAGE * PAGE == page)
            return true;
    if (!file->mapped || page >= file->image_size)
        return false;
    off_t left = file->image_size - page;
    ssize_t size = pread(file->fd, now, left < PAGE ? (size_t)left : PAGE, page);
    return size < 0 || memcmp(now, file->image + page, (size_t)size) != 0;
}

/* Everything of the file is on disk, but for what an earlier sync has lost. */
void disk_forget(struct file *file) {
    size_t kept = 0;

    for (size_t i = 0; i < file->stuck; i++)
        if (!page_written_since(file, i))
            file->befores[kept++] = file->befores[i];
    file->count = file->stuck = kept;
    file->length_count = 0;
    if (file->mapped)
        disk_note_image(file);
}

/* These bytes are on disk, and with them the length. */
void disk_forget_range(struct file *file, off_t from, off_t to) {
    size_t kept = 0, stuck = 0;

    for (size_t i = 0; i < file->count; i++)
        if (file->befores[i].at + SECTOR <= from || file->befores[i].at >= to) {
            stuck += i < file->stuck;
            file->befores[kept++] = file->befores[i];
        }
    file->count = kept;
    file->stuck = stuck;
    file->length_count = 0;
}

void disk_forget_names(dev_t device, ino_t inode) {
    size_t kept = 0;

    for (size_t i = 0; i < disk.change_count; i++) {
        const struct change *c = &disk.changes[i];
        if (c->folder->device == device && c->folder->inode == inode) {
            free(c->name);
            free(c->from);
            if (c->saved && real_unlink(c->saved) != 0)
                real_rmdir(c->saved);
            free(c->saved);
        } else {
            disk.changes[kept++] = *c;
        }
    }
    disk.change_count = kept;
}

/* ---- what survives */

static uint64_t drawn(uint64_t salt, uint64_t oldest) {
    uint64_t r = mix(disk.seed ^ mix(salt));

    if (r % 4 < 2)
        return r % 4 ? UINT64_MAX : 0;
    return oldest + (r >> 2) % (disk.moment + 2 - oldest);
}

/* Changes of the unit from this moment on are lost. */
static uint64_t survives_until(uint64_t salt, uint64_t oldest) {
    switch (disk.manner) {
    case ALL_LOST: return 0;
    case ALL_KEPT: return UINT64_MAX;
    case IN_ORDER: return common;
    default: return drawn(salt, oldest);
    }
}

static uint64_t sector_survives_until(const struct file *file, off_t at) {
    uint64_t unit = file->inode * 0x100000001u;

    if (disk.manner == BY_PAGE || disk.manner == BY_PAGE_2)
        unit += 1 + (uint64_t)at / PAGE;
    else if (disk.manner == BY_SECTOR || disk.manner == BY_SECTOR_2)
        unit += 1 + (uint64_t)at / SECTOR;
    return survives_until(unit, file->count ? file->befores[0].moment : disk.moment);
}

static void choose_manner(void) {
    uint64_t oldest = disk.moment;

    disk.manner = (int)(mix(disk.seed) % (BY_SECTOR_2 + 1));
    for (const struct file *f = disk.files; f; f = f->next)
        if (f->count && f->befores[0].moment < oldest)
            oldest = f->befores[0].moment;
    if (disk.change_count && disk.changes[0].moment < oldest)
        oldest = disk.changes[0].moment;
    common = drawn(0, oldest);
}

/* ---- putting back */

static void put(int fd, const void *bytes, size_t size, off_t at) {
    struct iovec part = {(void *)(uintptr_t)bytes, size};

    if (real_pwritev(fd, &part, 1, at) != (ssize_t)size)
        die("cannot put back what was there");
}

static void restore_mapped(struct file *file) {
    off_t size = disk_size_of(file), end = size < file->image_size ? size : file->image_size;

    for (off_t at = 0; at < end; at += PAGE) {
        off_t bytes = end - at < PAGE ? end - at : PAGE;
        if (sector_survives_until(file, at) != UINT64_MAX)
            put(file->fd, file->image + at, (size_t)bytes, at);
    }
}

static void restore_file(struct file *file) {
    uint64_t oldest = file->length_count ? file->lengths[0].moment : disk.moment;
    uint64_t length_until = survives_until(file->inode * 0x100000001u + UINT32_MAX, oldest);
    off_t size = disk_size_of(file);

    if (file->mapped)
        restore_mapped(file);
    for (size_t i = file->count; i-- > 0;) {
        const struct before *b = &file->befores[i];
        bool by_length = b->cut && b->moment >= length_until;
        if (i >= file->stuck && !by_length && b->moment < sector_survives_until(file, b->at))
            continue;
        put(file->fd, b->bytes, SECTOR, b->at);
        disk.lost_bytes += SECTOR;
    }
    for (size_t i = file->length_count; i-- > 0;)
        if (file->lengths[i].moment >= length_until)
            size = file->lengths[i].size;
    if (real_ftruncate(file->fd, size) != 0)
        die("cannot restore a length");
}

static void restore_name(const struct change *change) {
    int at = change->folder->fd;

    if (disk_is_gone(change->folder))
        return;
    char *lost = disk_place("gone");

    if (change->kind == MADE && renameat(at, change->name, AT_FDCWD, lost) != 0)
        die("cannot take a new name back");
    if (change->kind == RENAMED &&
        renameat(at, change->name, change->from_folder->fd, change->from) != 0)
        die("cannot take a rename back");
    if (change->saved && renameat(AT_FDCWD, change->saved, at, change->name) != 0)
        die("cannot bring back what was removed");
    free(lost);
    disk.lost_names++;
}

void disk_cut(void) {
    choose_manner();
    for (struct file *f = disk.files; f; f = f->next)
        if (f->fd >= 0 && (f->count || f->length_count || f->mapped))
            restore_file(f);
    for (size_t i = disk.change_count; i-- > 0;) {
        const struct change *c = &disk.changes[i];
        uint64_t oldest = disk.changes[0].moment;
        if (c->moment >= survives_until(c->folder->inode * 0x300000007u, oldest))
            restore_name(c);
    }
}
