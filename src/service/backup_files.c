/* Files of backups: see backup_files.h. */
#include "service/backup_files.h"

#include "base/list.h"
#include "service/backup_manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 1 << 20, DEPTH_MAX = 8, NAMES_MAX_BYTES = 1 << 28 };

/* What we put into a folder in the making: a folder that holds something else is not ours to empty. */
static const char *const known_names[] = {"log",
                                          "store",
                                          "registry.db",
                                          "registry.db-wal",
                                          "registry.db-shm",
                                          "registry.db-journal",
                                          "busbar.yaml",
                                          BB_BACKUP_MANIFEST};

static bool is_dots(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool is_known(const char *name) {
    for (size_t i = 0; i < sizeof known_names / sizeof known_names[0]; i++)
        if (strcmp(name, known_names[i]) == 0)
            return true;
    return false;
}

/* How many names a folder holds, and how many of them are none of ours; negative: an errno. */
static int count_names(const char *path, size_t *foreign) {
    DIR *folder = opendir(path);
    int count = 0;

    *foreign = 0;
    if (!folder)
        return -errno;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        count += !is_dots(entry->d_name);
        *foreign += !is_dots(entry->d_name) && !is_known(entry->d_name);
    }
    closedir(folder);
    return count;
}

static int sync_folder(const char *path, struct bb_error *error) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int why = folder < 0 || fsync(folder) != 0 ? errno : 0;

    if (folder >= 0)
        close(folder);
    return why ? BB_FAIL_ERRNO(error, BB_E_STORE_IO, why, "cannot make the names in %s durable",
                               path)
               : 0;
}

/* ---- walking over a tree, contents before their folder */

struct walk {
    int (*file)(struct walk *walk, const char *path);
    int (*folder)(struct walk *walk, const char *path); /* NULL: nothing to do */
    void *context;
    struct bb_error *error;
};

static int walk_folder(struct walk *walk, const char *path, int depth) {
    DIR *folder = depth < DEPTH_MAX ? opendir(path) : NULL;
    int result = 0;

    if (!folder)
        return BB_FAIL_ERRNO(walk->error, BB_E_STORE_IO, depth < DEPTH_MAX ? errno : ELOOP,
                             "cannot list %s", path);
    for (;;) {
        char below[BB_BACKUP_PATH_SIZE];
        struct stat status;
        errno = 0;
        struct dirent *entry = readdir(folder);
        if (!entry) {
            if (errno)
                result = BB_FAIL_ERRNO(walk->error, BB_E_STORE_IO, errno, "cannot list %s", path);
            break;
        }
        if (is_dots(entry->d_name))
            continue;
        if (snprintf(below, sizeof below, "%s/%s", path, entry->d_name) >= (int)sizeof below ||
            lstat(below, &status) != 0)
            result = BB_FAIL_ERRNO(walk->error, BB_E_STORE_IO, errno ? errno : ENAMETOOLONG,
                                   "cannot look at %s/%s", path, entry->d_name);
        else
            result = S_ISDIR(status.st_mode) ? walk_folder(walk, below, depth + 1)
                                             : walk->file(walk, below);
        if (result < 0)
            break;
    }
    closedir(folder);
    return result == 0 && walk->folder ? walk->folder(walk, path) : result;
}

/* ---- what is in a folder */

struct listing {
    struct bb_file_list *list;
    size_t skip; /* bytes of the folder's own name and the slash behind it */
};

static int list_entry(struct walk *walk, const char *path, bool empty_folder) {
    struct listing *listing = walk->context;
    struct bb_file_list *list = listing->list;

    if (!bb_list_room(&list->entries, list->count, &list->capacity, sizeof *list->entries))
        return BB_FAIL(walk->error, BB_E_NO_MEMORY, "no memory for a list of files");
    struct bb_span name = bb_span_of(path + listing->skip);
    struct bb_span kept = bb_arena_copy(&list->arena, (struct bb_span){name.data, name.size + 1});
    if (!kept.data)
        return BB_FAIL(walk->error, BB_E_NO_MEMORY, "no memory for a list of files");
    list->entries[list->count++] = (struct bb_file_entry){{kept.data, name.size}, empty_folder};
    return 0;
}

static int list_file(struct walk *walk, const char *path) {
    struct stat status;

    if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return BB_FAIL(walk->error, BB_E_BACKUP_DAMAGED, "%s is no file", path);
    return list_entry(walk, path, false);
}

static int list_folder(struct walk *walk, const char *path) {
    size_t foreign;

    return count_names(path, &foreign) == 0 ? list_entry(walk, path, true) : 0;
}

static int compare_entries(const void *a, const void *b) {
    return bb_span_compare(((const struct bb_file_entry *)a)->name,
                           ((const struct bb_file_entry *)b)->name);
}

int bb_file_list_read(struct bb_file_list *list, const char *folder, struct bb_error *error) {
    struct listing listing = {.list = list, .skip = strlen(folder) + 1};
    struct walk walk = {
        .file = list_file, .folder = list_folder, .context = &listing, .error = error};

    *list = (struct bb_file_list){.count = 0};
    bb_arena_init(&list->arena, 1 << 16, NAMES_MAX_BYTES);
    int result = walk_folder(&walk, folder, 0);
    if (list->count > 1)
        qsort(list->entries, list->count, sizeof *list->entries, compare_entries);
    return result;
}

void bb_file_list_release(struct bb_file_list *list) {
    free(list->entries);
    bb_arena_release(&list->arena);
    *list = (struct bb_file_list){.count = 0};
}

/* ---- bytes */

static int write_whole(int file, const char *data, size_t size) {
    while (size > 0) {
        ssize_t written = write(file, data, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? errno : ENOSPC;
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

/* Errors of reading and of writing have each their own name. */
static int pass_bytes(int from, int to, struct bb_backup_hasher *hasher, uint64_t *bytes,
                      char *piece, int *write_failure) {
    for (;;) {
        ssize_t got = read(from, piece, PIECE_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? errno : 0;
        bb_backup_hash_add(hasher, piece, (size_t)got);
        *bytes += (uint64_t)got;
        *write_failure = to >= 0 ? write_whole(to, piece, (size_t)got) : 0;
        if (*write_failure)
            return 0;
    }
}

static int create(const char *path) {
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
}

int bb_file_hash(const char *path, const char *to, uint64_t *bytes, struct bb_content_hash *hash,
                 struct bb_error *error) {
    struct bb_backup_hasher hasher;
    char *piece = malloc(PIECE_BYTES);
    int write_failure = 0, target = -1;

    *bytes = 0;
    bb_backup_hash_begin(&hasher);
    if (!piece)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read %s", path);
    int source = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int read_failure = source < 0 ? errno : 0;
    if (!read_failure && to) {
        target = create(to);
        write_failure = target < 0 ? errno : 0;
    }
    if (!read_failure && !write_failure)
        read_failure = pass_bytes(source, target, &hasher, bytes, piece, &write_failure);
    if (target >= 0 && !write_failure && fsync(target) != 0)
        write_failure = errno;
    if (target >= 0)
        close(target);
    if (source >= 0)
        close(source);
    free(piece);
    *hash = bb_backup_hash_end(&hasher);
    if (read_failure)
        return BB_FAIL_ERRNO(error,
                             read_failure == ENOENT ? BB_E_BACKUP_DAMAGED : BB_E_INPUT_UNREADABLE,
                             read_failure, "cannot read %s", path);
    return write_failure ? BB_FAIL_ERRNO(error, BB_E_STORE_IO, write_failure, "cannot write %s", to)
                         : 0;
}

int bb_file_write(const char *path, struct bb_span bytes, struct bb_error *error) {
    int file = create(path);
    int failure = file < 0 ? errno : write_whole(file, bytes.data, bytes.size);

    if (file >= 0 && !failure && fsync(file) != 0)
        failure = errno;
    if (file >= 0)
        close(file);
    return failure ? BB_FAIL_ERRNO(error, BB_E_STORE_IO, failure, "cannot write %s", path) : 0;
}

int bb_file_make_folders(const char *folder, struct bb_span name, struct bb_error *error) {
    char path[BB_BACKUP_PATH_SIZE];

    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] != '/')
            continue;
        snprintf(path, sizeof path, "%s/%.*s", folder, (int)i, name.data);
        if (mkdir(path, 0750) != 0 && errno != EEXIST)
            return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make the folder %s", path);
    }
    return 0;
}

/* ---- a folder in the making */

static int remove_file(struct walk *walk, const char *path) {
    return unlink(path) == 0 || errno == ENOENT
               ? 0
               : BB_FAIL_ERRNO(walk->error, BB_E_STORE_IO, errno, "cannot remove %s", path);
}

static int remove_folder(struct walk *walk, const char *path) {
    if (strcmp(path, walk->context) == 0)
        return 0;
    return rmdir(path) == 0
               ? 0
               : BB_FAIL_ERRNO(walk->error, BB_E_STORE_IO, errno, "cannot remove %s", path);
}

static int empty_folder(char *path, struct bb_error *error) {
    struct walk walk = {
        .file = remove_file, .folder = remove_folder, .context = path, .error = error};

    return walk_folder(&walk, path, 0);
}

/* The name without slashes at its end, a link resolved; it has to be absent or empty. */
static int settle_name(struct bb_staging *staging, const char *name, struct bb_error *error) {
    size_t size = strlen(name), foreign;
    char above[BB_BACKUP_PATH_SIZE + 4];
    char *real = realpath(name, NULL);
    struct stat here, there;

    if (real)
        size = strlen(real);
    while (size > 1 && (real ? real : name)[size - 1] == '/')
        size--;
    if (size == 0 || size + 16 >= sizeof staging->final) {
        free(real);
        return BB_FAIL(error, BB_E_CONFIG_INVALID, "the folder's name is empty or too long");
    }
    snprintf(staging->final, sizeof staging->final, "%.*s", (int)size, real ? real : name);
    free(real);
    if (lstat(staging->final, &here) != 0)
        return errno == ENOENT ? 0
                               : BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot look at %s",
                                               staging->final);
    int count = count_names(staging->final, &foreign);
    if (count != 0)
        return count > 0 || count == -ENOTDIR
                   ? BB_FAIL(error, BB_E_FOLDER_OCCUPIED, "%s is %s", staging->final,
                             count > 0 ? "not empty" : "there already, and no folder")
                   : BB_FAIL_ERRNO(error, BB_E_STORE_IO, -count, "cannot list %s", staging->final);
    snprintf(above, sizeof above, "%s/..", staging->final);
    if (stat(above, &there) != 0 || there.st_dev != here.st_dev)
        return BB_FAIL(error, BB_E_CONFIG_INVALID,
                       "%s is where a disk is mounted: name a folder inside it, so that it can "
                       "appear there in one piece",
                       staging->final);
    return 0;
}

enum { TAKEN = 0, MOVED_AWAY = 1 };

/* Make the folder if need be and lock it. Another process may finish it between our open and our
 * lock: then the name leads elsewhere by now. */
static int take_folder(struct bb_staging *staging, struct bb_error *error) {
    struct stat ours, named;

    if (mkdir(staging->path, 0750) != 0 && errno != EEXIST)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make the folder %s",
                             staging->path);
    staging->folder = open(staging->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (staging->folder < 0)
        return errno == ENOENT
                   ? MOVED_AWAY
                   : BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot open %s", staging->path);
    if (flock(staging->folder, LOCK_EX | LOCK_NB) != 0) {
        int result = BB_FAIL(error, BB_E_LOCKED, "another process is filling %s", staging->path);
        error->retriable = true;
        return result;
    }
    if (stat(staging->path, &named) == 0 && fstat(staging->folder, &ours) == 0 &&
        named.st_ino == ours.st_ino && named.st_dev == ours.st_dev)
        return TAKEN;
    close(staging->folder);
    staging->folder = -1;
    return MOVED_AWAY;
}

int bb_staging_begin(struct bb_staging *staging, const char *name, const char *suffix,
                     struct bb_error *error) {
    size_t foreign = 0;

    staging->folder = -1;
    int result = settle_name(staging, name, error);
    if (result < 0)
        return result;
    snprintf(staging->path, sizeof staging->path, "%.*s%s", (int)strlen(staging->final),
             staging->final, suffix);
    do {
        result = take_folder(staging, error);
    } while (result == MOVED_AWAY);
    if (result == TAKEN && count_names(staging->path, &foreign) > 0 && foreign > 0)
        result = BB_FAIL(error, BB_E_FOLDER_OCCUPIED,
                         "%s holds files that are none of busbar's: move them away", staging->path);
    else if (result == TAKEN)
        result = empty_folder(staging->path, error);
    if (result < 0 && staging->folder >= 0) {
        close(staging->folder);
        staging->folder = -1;
    }
    return result;
}

static int pass_file(struct walk *walk, const char *path) {
    (void)walk;
    (void)path;
    return 0;
}

static int sync_one(struct walk *walk, const char *path) {
    return sync_folder(path, walk->error);
}

int bb_staging_finish(struct bb_staging *staging, struct bb_error *error) {
    struct walk walk = {.file = pass_file, .folder = sync_one, .error = error};
    char above[BB_BACKUP_PATH_SIZE + 4];
    int result = walk_folder(&walk, staging->path, 0);

    if (result < 0)
        return result;
    if (rename(staging->path, staging->final) != 0)
        return errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
                   ? BB_FAIL(error, BB_E_FOLDER_OCCUPIED, "%s came to be meanwhile", staging->final)
                   : BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot rename %s", staging->path);
    close(staging->folder);
    staging->folder = -1;
    snprintf(above, sizeof above, "%s/..", staging->final);
    return sync_folder(above, error);
}

void bb_staging_drop(struct bb_staging *staging) {
    struct bb_error ignored; /* what is left is removed by whoever comes next */

    if (staging->folder < 0)
        return;
    if (empty_folder(staging->path, &ignored) == 0)
        rmdir(staging->path);
    close(staging->folder);
    staging->folder = -1;
}
