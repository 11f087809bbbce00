/* Notes of one process for the next: see disk.h. The file is read once, by the same machine, and
 * removed. A file with notes gets a second name below `watched`.lost, so that the next process finds
 * it whatever became of its first. */
#include "disk.h"

struct file_head {
    dev_t device;
    ino_t inode;
    size_t count, stuck, length_count;
    off_t image_size;
    bool mapped;
    char path[PATH_MAX];
};

struct change_head {
    uint64_t moment;
    int kind;
    char folder[PATH_MAX], from_folder[PATH_MAX]; /* empty: none */
    char name[NAME_MAX + 1], from[NAME_MAX + 1];
    char saved[PATH_MAX];
};

struct head {
    uint64_t moment;
    size_t files, changes;
};

/* ---- out */

static void out(int fd, const void *bytes, size_t size) {
    struct iovec part = {(void *)(uintptr_t)bytes, size};

    if (size > 0 && real_writev(fd, &part, 1) != (ssize_t)size)
        die("cannot write POWERCUT_CARRY");
}

static bool has_notes(const struct file *file) {
    return file->fd >= 0 && (file->count || file->length_count || file->mapped);
}

/* False: the file has no name any more, and its notes end here. */
static bool second_name(const struct file *file, char path[PATH_MAX]) {
    char link[64];
    char *place = disk_place("carried");

    snprintf(link, sizeof link, "/proc/self/fd/%d", file->fd);
    snprintf(path, PATH_MAX, "%s", place);
    free(place);
    return linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0;
}

static void out_file(int fd, const struct file *file) {
    struct file_head head = {.device = file->device,
                             .inode = file->inode,
                             .count = file->count,
                             .stuck = file->stuck,
                             .length_count = file->length_count,
                             .image_size = file->mapped ? file->image_size : 0,
                             .mapped = file->mapped};

    if (!second_name(file, head.path))
        head.path[0] = '\0';
    out(fd, &head, sizeof head);
    out(fd, file->befores, file->count * sizeof *file->befores);
    out(fd, file->lengths, file->length_count * sizeof *file->lengths);
    out(fd, file->image, (size_t)head.image_size);
}

static void path_of_folder(const struct folder *folder, char path[PATH_MAX]) {
    char link[64];

    path[0] = '\0';
    if (!folder)
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder->fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size < 0)
        die("cannot name a folder");
    path[size] = '\0';
}

static void out_change(int fd, const struct change *change) {
    struct change_head head = {.moment = change->moment, .kind = (int)change->kind};

    path_of_folder(change->folder, head.folder);
    path_of_folder(change->from_folder, head.from_folder);
    snprintf(head.name, sizeof head.name, "%s", change->name);
    snprintf(head.from, sizeof head.from, "%s", change->from ? change->from : "");
    snprintf(head.saved, sizeof head.saved, "%s", change->saved ? change->saved : "");
    out(fd, &head, sizeof head);
}

void carry_save(const char *path) {
    struct head head = {.moment = disk.moment};
    int fd = real_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

    if (fd < 0)
        die("cannot make POWERCUT_CARRY");
    for (const struct file *f = disk.files; f; f = f->next)
        head.files += has_notes(f);
    for (size_t i = 0; i < disk.change_count; i++)
        head.changes += !disk_is_gone(disk.changes[i].folder);
    out(fd, &head, sizeof head);
    for (const struct file *f = disk.files; f; f = f->next)
        if (has_notes(f))
            out_file(fd, f);
    for (size_t i = 0; i < disk.change_count; i++)
        if (!disk_is_gone(disk.changes[i].folder))
            out_change(fd, &disk.changes[i]);
    real_close(fd);
}

/* ---- in */

static void in(int fd, void *bytes, size_t size) {
    if (size > 0 && read(fd, bytes, size) != (ssize_t)size)
        die("cannot read POWERCUT_CARRY");
}

/* An array of notes; NULL when there are none. */
static void *in_array(int fd, size_t count, size_t size) {
    void *items = malloc(count * size + 1);

    if (!items)
        die("no memory");
    in(fd, items, count * size);
    return items;
}

static void in_file(int fd) {
    struct file_head head;

    in(fd, &head, sizeof head);
    struct file *file = disk_file(head.device, head.inode);
    file->befores = in_array(fd, head.count, sizeof *file->befores);
    file->count = file->capacity = head.count;
    file->stuck = head.stuck;
    file->lengths = in_array(fd, head.length_count, sizeof *file->lengths);
    file->length_count = file->length_capacity = head.length_count;
    file->image = in_array(fd, (size_t)head.image_size, 1);
    file->image_size = head.image_size;
    file->mapped = head.mapped;
    if (head.path[0] == '\0') {
        file->count = file->length_count = 0;
        file->mapped = false;
        return;
    }
    file->fd = real_openat(AT_FDCWD, head.path, O_RDWR | O_CLOEXEC);
    if (file->fd < 0)
        die("cannot open a carried file");
    real_unlink(head.path);
}

static char *text(const char *text) {
    return text[0] ? strdup(text) : NULL;
}

static void in_change(int fd) {
    struct change_head head;

    in(fd, &head, sizeof head);
    disk.changes[disk.change_count++] = (struct change){
        .moment = head.moment,
        .kind = (enum change_kind)head.kind,
        .folder = disk_folder(head.folder),
        .from_folder = head.from_folder[0] ? disk_folder(head.from_folder) : NULL,
        .name = strdup(head.name),
        .from = text(head.from),
        .saved = text(head.saved)};
}

void carry_load(const char *path) {
    struct head head;
    int fd = real_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    in(fd, &head, sizeof head);
    disk.moment = head.moment;
    for (size_t i = 0; i < head.files; i++)
        in_file(fd);
    disk.changes = calloc(head.changes + 1, sizeof *disk.changes);
    disk.change_capacity = head.changes;
    if (!disk.changes)
        die("no memory");
    for (size_t i = 0; i < head.changes; i++)
        in_change(fd);
    real_close(fd);
    real_unlink(path);
}
