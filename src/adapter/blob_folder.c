/* Objects as files of a folder: see blobs.h.
 *
 *   DIR/tenant/raw/2024-05/.put-1234-7   ──fsync──rename──► DIR/tenant/raw/2024-05/p0003-...
 *                                        then the folders are synced, up to DIR
 *
 * A rename is what makes a file whole or not there. Files are opened for each range that is read: what is
 * removed while somebody reads stays readable to the end of that range only.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/blob_shared_internal.h"
#include "adapter/blobs.h"
#include "base/clock.h"

enum {
    ROOT_MAX = 1024,
    PATH_SIZE = ROOT_MAX + BB_BLOB_NAME_MAX + 64,
    LEFT_OVER_MS = 24 * 3600 * 1000
};

struct folder_blob {
    struct bb_blob base;
    char root[ROOT_MAX];
};

struct bb_blob_put {
    struct folder_blob *blob;
    int file;
    char path[PATH_SIZE], temporary[PATH_SIZE];
};

static struct folder_blob *folder_of(struct bb_blob *blob) {
    return (struct folder_blob *)blob;
}

static void folder_close(struct bb_blob *base) {
    free(base);
}

static int path_of(const struct folder_blob *blob, const char *name, char path[PATH_SIZE],
                   struct bb_error *error) {
    snprintf(path, PATH_SIZE, "%s/%s", blob->root, name);
    return bb_blob_name_check(name, error);
}

static int sync_folder(const char *path, struct bb_error *error) {
    int file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (file < 0)
        return BB_FAIL_ERRNO(error, BB_E_BLOB_IO, errno, "cannot open the folder %s", path);
    int failed = fsync(file);
    int why = errno;
    close(file);
    return failed ? BB_FAIL_ERRNO(error, BB_E_BLOB_IO, why, "cannot sync the folder %s", path) : 0;
}

/* Make the folders above `path` (a copy of it is cut), from the root's own name on. */
static int make_folders(const struct folder_blob *blob, const char *path, struct bb_error *error) {
    char partial[PATH_SIZE];
    size_t size = strlen(path);

    memcpy(partial, path, size + 1);
    for (size_t i = 1; i < size; i++) {
        if (partial[i] != '/')
            continue;
        partial[i] = '\0';
        if (mkdir(partial, 0777) != 0 && errno != EEXIST)
            return BB_FAIL_ERRNO(error, BB_E_BLOB_IO, errno, "cannot make the folder %s", partial);
        partial[i] = '/';
    }
    (void)blob;
    return 0;
}

/* The folder of the file and those above it, up to the one that holds the root. Whoever made them may have been killed
 * before they were durable, so they are synced whether they are new or not. */
static int sync_names(const struct folder_blob *blob, const char *path, struct bb_error *error) {
    char partial[PATH_SIZE];
    size_t root = strlen(blob->root);
    int result = 0;

    memcpy(partial, path, strlen(path) + 1);
    for (char *slash = strrchr(partial, '/'); !result && slash && slash != partial;
         slash = strrchr(partial, '/')) {
        *slash = '\0';
        result = sync_folder(partial, error);
        if (strlen(partial) < root)
            break;
    }
    return result;
}

/* Temporary files that nobody has written to for a day. */
static void sweep_left_overs(const char *path) {
    char folder[PATH_SIZE], left[PATH_SIZE + 300];
    int64_t now_ms = bb_clock_now_ms(bb_clock_system());
    struct dirent *entry;
    struct stat about;

    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    DIR *all = opendir(folder);
    while (all && (entry = readdir(all)) != NULL) {
        if (strncmp(entry->d_name, ".put-", 5) != 0)
            continue;
        snprintf(left, sizeof left, "%s/%s", folder, entry->d_name);
        if (stat(left, &about) == 0 && (int64_t)about.st_mtime * 1000 < now_ms - LEFT_OVER_MS)
            (void)unlink(left);
    }
    if (all)
        closedir(all);
}

static int folder_put_begin(struct bb_blob *base, const char *name, struct bb_blob_put **out,
                            struct bb_error *error) {
    static atomic_uint next;
    struct folder_blob *blob = folder_of(base);
    struct bb_blob_put *put = calloc(1, sizeof *put);

    if (!put)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to write %s", name);
    put->blob = blob;
    int result = path_of(blob, name, put->path, error);
    if (!result)
        result = make_folders(blob, put->path, error);
    if (!result) {
        sweep_left_overs(put->path);
        snprintf(put->temporary, sizeof put->temporary, "%.*s/.put-%d-%u",
                 (int)(strrchr(put->path, '/') - put->path), put->path, (int)getpid(),
                 atomic_fetch_add(&next, 1));
        put->file = open(put->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (put->file < 0)
            result = BB_FAIL_ERRNO(error, BB_E_BLOB_IO, errno, "cannot make the file %s",
                                   put->temporary);
    }
    if (result)
        free(put);
    else
        *out = put;
    return result;
}

static int folder_put_write(struct bb_blob_put *put, struct bb_span bytes, struct bb_error *error) {
    while (bytes.size > 0) {
        ssize_t written = write(put->file, bytes.data, bytes.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return BB_FAIL_ERRNO(error, BB_E_BLOB_IO, errno, "cannot write %s", put->temporary);
        bytes.data += written;
        bytes.size -= (size_t)written;
    }
    return 0;
}

static void folder_put_abandon(struct bb_blob_put *put) {
    if (!put)
        return;
    close(put->file);
    (void)unlink(put->temporary);
    free(put);
}

static int folder_put_end(struct bb_blob_put *put, struct bb_error *error) {
    int result = 0;

    if (fsync(put->file) != 0)
        result = BB_FAIL_ERRNO(error, BB_E_BLOB_IO, errno, "cannot sync %s", put->temporary);
    else if (rename(put->temporary, put->path) != 0)
        result = BB_FAIL_ERRNO(error, BB_E_BLOB_IO, errno, "cannot rename %s", put->temporary);
    if (result) {
        folder_put_abandon(put);
        return result;
    }
    result = sync_names(put->blob, put->path, error);
    close(put->file);
    free(put);
    return result;
}

/* The whole range, or negative. */
static int read_range(int file, const char *path, uint64_t offset, size_t size, char *at,
                      struct bb_error *error) {
    while (size > 0) {
        ssize_t got = pread(file, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return BB_FAIL_ERRNO(error, BB_E_BLOB_IO, got < 0 ? errno : EIO, "cannot read %s",
                                 path);
        at += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

static int folder_get(struct bb_blob *base, const char *name, uint64_t offset, size_t size,
                      struct bb_buffer *out, struct bb_error *error) {
    char path[PATH_SIZE];
    struct stat about;
    int result = path_of(folder_of(base), name, path, error);

    if (result)
        return result;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && (errno == ENOENT || errno == ENOTDIR))
        return BB_BLOB_ABSENT;
    if (file >= 0 && fstat(file, &about) == 0 && !S_ISREG(about.st_mode))
        result = BB_BLOB_ABSENT; /* a folder on the way to objects */
    else if (file < 0 || fstat(file, &about) != 0)
        result = BB_FAIL_ERRNO(error, BB_E_BLOB_IO, errno, "cannot open %s", path);
    else
        result = bb_blob_range_check(base, name, (uint64_t)about.st_size, offset, size, error);
    if (!result && !bb_buffer_reserve(out, size))
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read %zu bytes of %s", size, path);
    if (!result)
        result = read_range(file, path, offset, size, out->data + out->size, error);
    if (!result)
        out->size += size;
    if (file >= 0)
        close(file);
    return result;
}

static struct bb_blob_info info_of(const struct stat *about) {
    return (struct bb_blob_info){(uint64_t)about->st_size, (int64_t)about->st_mtim.tv_sec * 1000 +
                                                               about->st_mtim.tv_nsec / 1000000};
}

static int folder_info(struct bb_blob *base, const char *name, struct bb_blob_info *out,
                       struct bb_error *error) {
    char path[PATH_SIZE];
    struct stat about;
    int result = path_of(folder_of(base), name, path, error);

    if (result)
        return result;
    if (stat(path, &about) == 0) {
        *out = info_of(&about);
        return S_ISREG(about.st_mode) ? BB_BLOB_FOUND : BB_BLOB_ABSENT;
    }
    if (errno == ENOENT || errno == ENOTDIR)
        return BB_BLOB_ABSENT;
    return BB_FAIL_ERRNO(error, BB_E_BLOB_IO, errno, "cannot look at %s", path);
}

/* ---- listing: entries of a folder are sorted as if folders ended in '/', so that names come in byte order */

struct listing {
    struct folder_blob *blob;
    const char *prefix;
    bb_blob_visit *visit;
    void *context;
    struct bb_error *error;
};

static int by_name(const struct dirent **a, const struct dirent **b) {
    char x[sizeof((*a)->d_name) + 1], y[sizeof((*b)->d_name) + 1];

    snprintf(x, sizeof x, "%s%s", (*a)->d_name, (*a)->d_type == DT_DIR ? "/" : "");
    snprintf(y, sizeof y, "%s%s", (*b)->d_name, (*b)->d_type == DT_DIR ? "/" : "");
    return strcmp(x, y);
}

static int is_seen(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Could a name that begins with `name` begin with the prefix? */
static bool may_hold(const struct listing *l, const char *name) {
    size_t a = strlen(l->prefix), b = strlen(name);

    return strncmp(l->prefix, name, a < b ? a : b) == 0;
}

static int list_folder(const struct listing *l, const char *folder);

static int list_entry(const struct listing *l, const char *folder, const struct dirent *entry) {
    char name[BB_BLOB_NAME_MAX + sizeof entry->d_name + 2], path[PATH_SIZE + sizeof entry->d_name];
    struct stat about;

    snprintf(name, sizeof name, "%s%s", folder, entry->d_name);
    snprintf(path, sizeof path, "%s/%s", l->blob->root, name);
    if (strlen(name) > BB_BLOB_NAME_MAX || stat(path, &about) != 0)
        return 0; /* gone meanwhile, or nothing of ours */
    if (S_ISDIR(about.st_mode)) {
        snprintf(name, sizeof name, "%s%s/", folder, entry->d_name);
        return may_hold(l, name) ? list_folder(l, name) : 0;
    }
    if (strncmp(name, l->prefix, strlen(l->prefix)) != 0)
        return 0;
    struct bb_blob_info info = info_of(&about);
    return l->visit(l->context, bb_span_of(name), &info, l->error);
}

static int list_folder(const struct listing *l, const char *folder) {
    char path[PATH_SIZE + sizeof((struct dirent *)0)->d_name];
    struct dirent **entries = NULL;
    int result = 0;

    snprintf(path, sizeof path, "%s/%s", l->blob->root, folder);
    int count = scandir(path, &entries, is_seen, by_name);
    if (count < 0)
        return errno == ENOENT
                   ? 0
                   : BB_FAIL_ERRNO(l->error, BB_E_BLOB_IO, errno, "cannot list %s", path);
    for (int i = 0; i < count; i++) {
        if (!result)
            result = list_entry(l, folder, entries[i]);
        free(entries[i]);
    }
    free(entries);
    return result;
}

static int folder_list(struct bb_blob *base, const char *prefix, bb_blob_visit *visit,
                       void *context, struct bb_error *error) {
    struct listing l = {folder_of(base), prefix, visit, context, error};
    int result = list_folder(&l, "");

    return result < 0 ? result : 0;
}

static int folder_remove(struct bb_blob *base, const char *name, struct bb_error *error) {
    char path[PATH_SIZE];
    int result = path_of(folder_of(base), name, path, error);

    if (result)
        return result;
    if (unlink(path) != 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : BB_FAIL_ERRNO(error, BB_E_BLOB_IO, errno, "cannot remove %s", path);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    return sync_folder(path, error);
}

static const struct bb_blob_ops folder_ops = {
    .name = "folder",
    .close = folder_close,
    .put_begin = folder_put_begin,
    .put_write = folder_put_write,
    .put_end = folder_put_end,
    .put_abandon = folder_put_abandon,
    .get = folder_get,
    .info = folder_info,
    .list = folder_list,
    .remove = folder_remove,
};

int bb_blob_folder_open(const char *directory, struct bb_blob **out, struct bb_error *error) {
    if (directory[0] == '\0' || strlen(directory) >= ROOT_MAX)
        return BB_FAIL(error, BB_E_CONFIG_INVALID, "the archive's folder is empty or too long");
    struct folder_blob *blob = calloc(1, sizeof *blob);
    if (!blob)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the archive");
    blob->base.ops = &folder_ops;
    snprintf(blob->root, sizeof blob->root, "%s", directory);
    for (size_t size = strlen(blob->root); size > 1 && blob->root[size - 1] == '/'; size--)
        blob->root[size - 1] = '\0';
    snprintf(blob->base.where, sizeof blob->base.where, "the folder %s", blob->root);
    *out = &blob->base;
    return 0;
}
