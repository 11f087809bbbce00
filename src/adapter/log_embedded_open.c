/* Opening the embedded log: the folder, the lock, log.meta, and then everything else in order.
 *
 * Making a log ends with the rename of log.meta: a folder without it is either not a log or one
 * whose making was interrupted, and holds no record. Opening for readers changes nothing at all.
 */
#include "adapter/log_embedded_internal.h"
#include "base/crc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIRECTORY_LIMIT = BB_LOG_PATH_SIZE - 64 }; /* leaves room for the names inside */

/* ---- folders */

/* The folder that `path` stands in. */
static void folder_above(const char *path, char above[BB_LOG_PATH_SIZE]) {
    const char *slash = strrchr(path, '/');

    if (!slash)
        snprintf(above, BB_LOG_PATH_SIZE, ".");
    else if (slash == path)
        snprintf(above, BB_LOG_PATH_SIZE, "/");
    else
        snprintf(above, BB_LOG_PATH_SIZE, "%.*s", (int)(slash - path), path);
}

/* Missing folders above are made too. Each new name is made durable in the folder above it. */
static int make_directory(const char *path, struct bb_error *error) {
    char above[BB_LOG_PATH_SIZE];
    struct stat status;

    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return 0;
    folder_above(path, above);
    if (strcmp(above, ".") != 0 && strcmp(above, path) != 0) {
        int result = make_directory(above, error);
        if (result < 0)
            return result;
    }
    if (mkdir(path, 0750) != 0)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot make the folder %s", path);
    return bb_log_directory_sync(above, error);
}

/* Whoever made the log may have been killed before its names were durable, and then nobody but us
 * can tell: they are made so at every open, before anything is acknowledged. */
static int make_names_durable(const struct bb_log_files *log, struct bb_error *error) {
    char above[BB_LOG_PATH_SIZE];
    struct bb_error ignored; /* that folder may be somebody else's: make_directory did its part */

    folder_above(log->directory, above);
    (void)!bb_log_directory_sync(above, &ignored);
    return bb_log_directory_sync(log->directory, error);
}

/* ---- lock */

static int fail_locked(const struct bb_log_files *log, struct bb_error *error) {
    char owner[24] = "";
    ssize_t size = pread(log->lock_fd, owner, sizeof owner - 1, 0);
    size_t digits = size > 0 ? strspn(owner, "0123456789") : 0;

    owner[digits] = '\0';
    int result = digits > 0 ? BB_FAIL(error, BB_E_LOCKED, "%s is open for append in process %s",
                                      log->directory, owner)
                            : BB_FAIL(error, BB_E_LOCKED,
                                      "%s is open for append in another process", log->directory);
    error->retriable = true;
    return result;
}

static int take_lock(struct bb_log_files *log, struct bb_error *error) {
    char path[BB_LOG_PATH_SIZE], owner[24];

    snprintf(path, sizeof path, "%s/lock", log->directory);
    log->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (log->lock_fd < 0)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot open %s", path);
    if (flock(log->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK
                   ? fail_locked(log, error)
                   : BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot lock %s", path);
    /* For people only; a full disk is no reason to refuse. */
    int size = snprintf(owner, sizeof owner, "%ld\n", (long)getpid());
    if (bb_log_write_whole(log->lock_fd, owner, (size_t)size, 0) == 0)
        (void)!ftruncate(log->lock_fd, size);
    return 0;
}

/* ---- log.meta */

static uint32_t meta_crc(const struct bb_log_meta *meta) {
    struct bb_log_meta copy = *meta;

    copy.crc = 0;
    return bb_crc32c(0, &copy, sizeof copy);
}

enum meta_outcome { META_FOUND = 0, META_ABSENT = 1 };

static int read_meta(struct bb_log_files *log, struct bb_error *error) {
    char path[BB_LOG_PATH_SIZE];
    struct bb_log_meta meta = {0};
    ssize_t size = -1;

    snprintf(path, sizeof path, "%s/log.meta", log->directory);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return META_ABSENT;
    int failure = fd < 0 ? errno : 0;
    if (fd >= 0) {
        size = pread(fd, &meta, sizeof meta, 0);
        failure = size < 0 ? errno : 0;
        close(fd);
    }
    if (failure)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, failure, "cannot read %s", path);
    if (size != (ssize_t)sizeof meta || meta.magic != BB_LOG_META_MAGIC ||
        meta.crc != meta_crc(&meta))
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "%s is damaged, or it is not busbar's", path);
    if (meta.version != BB_LOG_FORMAT)
        return BB_FAIL(error, BB_E_VERSION, "%s has the format version %" PRIu32 ", not %d", path,
                       meta.version, BB_LOG_FORMAT);
    if (meta.partitions == 0 || meta.partitions > BB_LOG_PARTITIONS_LIMIT)
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "%s tells of %" PRIu32 " partitions", path,
                       meta.partitions);
    log->base.identity = meta.identity;
    log->base.partitions = meta.partitions;
    return META_FOUND;
}

/* To a temporary name first: log.meta is there whole or not at all. */
int bb_log_meta_write(const struct bb_log_files *log, struct bb_error *error) {
    char path[BB_LOG_PATH_SIZE], temporary[BB_LOG_PATH_SIZE];
    struct bb_log_meta meta = {.magic = BB_LOG_META_MAGIC,
                               .version = BB_LOG_FORMAT,
                               .identity = log->base.identity,
                               .partitions = log->base.partitions};
    int failure = 0;

    meta.crc = meta_crc(&meta);
    snprintf(path, sizeof path, "%s/log.meta", log->directory);
    snprintf(temporary, sizeof temporary, "%s/log.meta.new", log->directory);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot make %s", temporary);
    failure = bb_log_write_whole(fd, &meta, sizeof meta, 0);
    if (!failure && fsync(fd) != 0)
        failure = errno;
    close(fd);
    if (!failure && rename(temporary, path) != 0)
        failure = errno;
    if (failure) {
        unlink(temporary);
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, failure, "cannot write %s", path);
    }
    return 0;
}

/* ---- making a log */

/* A log that lost its log.meta is not an invitation to begin anew over its records. */
static int refuse_remains(const struct bb_log_files *log, struct bb_error *error) {
    uint64_t *segments = NULL;
    size_t count = 0;

    for (uint32_t p = 0; p <= BB_LOG_PARTITIONS_LIMIT; p++) {
        char path[BB_LOG_PATH_SIZE];
        struct stat status;
        bb_log_partition_path(log, p, path);
        if (stat(path, &status) != 0)
            continue;
        int result = bb_log_segment_list(log, p, &segments, &count, error);
        free(segments);
        if (result < 0)
            return result;
        if (count > 0)
            return BB_FAIL(error, BB_E_LOG_CORRUPT,
                           "%s/log.meta is missing, but %s holds records; restore it from a backup",
                           log->directory, path);
    }
    return 0;
}

static int create(struct bb_log_files *log, uint32_t partitions, struct bb_error *error) {
    char path[BB_LOG_PATH_SIZE];

    int result = refuse_remains(log, error);
    log->base.partitions = partitions;
    do {
        if (getrandom(&log->base.identity, sizeof log->base.identity, 0) < 0 && errno != EINTR)
            return BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot draw an identity for %s",
                                 log->directory);
    } while (log->base.identity == 0);
    for (uint32_t p = 0; result == 0 && p <= partitions; p++) {
        bb_log_partition_path(log, p, path);
        if (mkdir(path, 0750) != 0 && errno != EEXIST)
            result = BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot make the folder %s", path);
    }
    /* Before log.meta: who only reads, and finds that, finds a whole tail as well. */
    if (result == 0)
        result = bb_log_tail_open(log, error);
    bb_log_tail_close(&log->tail);
    return result == 0 ? bb_log_meta_write(log, error) : result;
}

/* ---- opening */

static int prepare_partitions(struct bb_log_files *log, struct bb_error *error) {
    log->partition = calloc(log->base.partitions + (size_t)1, sizeof *log->partition);
    if (!log->partition)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open %s", log->directory);
    for (uint32_t p = 0; p <= log->base.partitions; p++)
        log->partition[p].fd = -1;
    return 0;
}

static int open_meta(struct bb_log_files *log, uint32_t partitions, struct bb_error *error) {
    int result = read_meta(log, error);

    if (result != META_ABSENT)
        return result;
    if (!log->append)
        return BB_FAIL(error, BB_E_DATA_MISSING, "there is no log in %s", log->directory);
    return create(log, partitions, error);
}

static int open_all(struct bb_log_files *log, uint32_t partitions, struct bb_error *error) {
    int result = 0;

    if (log->append)
        result = make_directory(log->directory, error);
    if (result == 0 && log->append)
        result = take_lock(log, error);
    if (result == 0)
        result = open_meta(log, partitions, error);
    if (result == 0)
        result = prepare_partitions(log, error);
    if (result == 0)
        result = bb_log_tail_open(log, error);
    if (result == 0 && log->append)
        result = make_names_durable(log, error);
    if (result == 0 && log->append)
        result = bb_log_recover(log, error);
    if (result == 0 && log->append)
        result = bb_log_crew_start(log, error);
    if (result == 0)
        log->tail.seen = atomic_load_explicit(&log->tail.head->wake, memory_order_acquire);
    return result;
}

/* The folder's name without slashes at its end; NULL when there is no memory. */
static char *directory_name(const char *directory) {
    size_t size = strlen(directory);

    while (size > 1 && directory[size - 1] == '/')
        size--;
    return strndup(directory, size);
}

int bb_log_embedded_open(const char *directory, const struct bb_log_embedded_options *options,
                         struct bb_log **out, struct bb_error *error) {
    uint32_t partitions = options->partitions ? options->partitions : 8;

    *out = NULL;
    if (partitions > BB_LOG_PARTITIONS_LIMIT)
        return BB_FAIL(error, BB_E_CONFIG_INVALID, "a log has 1 to %d partitions, not %" PRIu32,
                       BB_LOG_PARTITIONS_LIMIT, partitions);
    if (strlen(directory) > DIRECTORY_LIMIT)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, ENAMETOOLONG, "cannot open the log");
    struct bb_log_files *log = calloc(1, sizeof *log);
    char *name = directory_name(directory);
    if (!log || !name) {
        free(log);
        free(name);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open %s", directory);
    }
    log->base.ops = &bb_log_files_ops;
    log->directory = name;
    log->append = options->append;
    log->lock_fd = -1;
    log->tail.fd = -1;
    log->segment_bytes = options->segment_bytes ? options->segment_bytes : BB_LOG_SEGMENT_BYTES;
    log->report_cut = options->report_cut;
    log->report_context = options->report_context;
    int result = open_all(log, partitions, error);
    if (result < 0) {
        log->base.ops->close(&log->base);
        return result;
    }
    *out = &log->base;
    return 0;
}
