/* A file that is there whole, or not at all: see whole_file.h. */
#include "task/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_LIMIT_BYTES = 16 << 20, EPOCHS_LOOKED_BACK = 100 };

static int make_folders(const char *path, struct bb_error *error) {
    char folder[PATH_MAX];

    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make the folder %s", folder);
        *slash = '/';
    }
    return 0;
}

static bool name_part(const char *path, uint64_t epoch, char part[PATH_MAX]) {
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash - path) + 1 : 0;

    return snprintf(part, PATH_MAX, "%.*s.%s.part-%llu", folder, path, path + folder,
                    (unsigned long long)epoch) < PATH_MAX;
}

static void sweep(const char *path, uint64_t epoch) {
    char part[PATH_MAX];

    for (uint64_t e = epoch > EPOCHS_LOOKED_BACK ? epoch - EPOCHS_LOOKED_BACK : 1; e < epoch; e++)
        if (name_part(path, e, part))
            unlink(part);
}

int bb_whole_file_begin(struct bb_whole_file *file, const char *path, uint64_t epoch,
                        struct bb_error *error) {
    file->fd = -1;
    file->bytes = 0;
    bb_buffer_init(&file->buffer, BUFFER_LIMIT_BYTES);
    if (snprintf(file->path, sizeof file->path, "%s", path) >= PATH_MAX ||
        !name_part(path, epoch, file->part))
        return BB_FAIL(error, BB_E_TASK_ARGUMENT, "the name %.100s... is too long for a file",
                       path);
    int result = make_folders(path, error);
    if (result)
        return result;
    sweep(path, epoch);
    file->fd = open(file->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return file->fd >= 0 ? 0
                         : BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot make %s", file->part);
}

static int write_all(struct bb_whole_file *file, struct bb_error *error) {
    if (file->buffer.overflow)
        return BB_FAIL(error, BB_E_NO_MEMORY, "a row of %s does not fit the memory", file->path);
    for (size_t at = 0; at < file->buffer.size;) {
        ssize_t n = write(file->fd, file->buffer.data + at, file->buffer.size - at);
        if (n < 0 && errno != EINTR)
            return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot write %s", file->part);
        at += n > 0 ? (size_t)n : 0;
    }
    file->bytes += file->buffer.size;
    bb_buffer_clear(&file->buffer);
    return 0;
}

int bb_whole_file_spill(struct bb_whole_file *file, struct bb_error *error) {
    return file->buffer.size < BB_WHOLE_FILE_PIECE_BYTES && !file->buffer.overflow
               ? 0
               : write_all(file, error);
}

static int sync_folder(const char *path, struct bb_error *error) {
    char folder[PATH_MAX];

    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[1] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return failed
               ? BB_FAIL_ERRNO(error, BB_E_STORE_IO, failed, "cannot sync the folder of %s", path)
               : 0;
}

int bb_whole_file_commit(struct bb_whole_file *file, struct bb_error *error) {
    int result = write_all(file, error);

    if (result)
        return result;
    int failed = fsync(file->fd) != 0 ? errno : 0;
    if (close(file->fd) != 0 && !failed)
        failed = errno;
    file->fd = -1;
    if (!failed && rename(file->part, file->path) != 0)
        failed = errno;
    if (failed) {
        unlink(file->part);
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, failed, "cannot write %s", file->path);
    }
    return sync_folder(file->path, error);
}

void bb_whole_file_release(struct bb_whole_file *file) {
    if (file->fd >= 0) {
        close(file->fd);
        unlink(file->part);
        file->fd = -1;
    }
    bb_buffer_release(&file->buffer);
}

void bb_whole_file_put_name(struct bb_buffer *out, struct bb_span name) {
    for (size_t i = 0; i < name.size; i++) {
        const char c = name.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == ':' || (c == '.' && i > 0);
        if (plain)
            bb_buffer_append_byte(out, (uint8_t)c);
        else
            bb_buffer_format(out, "%%%02X", (unsigned char)c);
    }
}
