/* Segment files: their names, the list of them, and what makes a record whole. See
 * log_embedded_internal.h for the picture. Nothing here keeps state. */
#include "adapter/log_embedded_internal.h"
#include "base/crc.h"
#include "base/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NAME_DIGITS = 20 };

void bb_log_partition_path(const struct bb_log_files *log, uint32_t partition,
                           char path[BB_LOG_PATH_SIZE]) {
    snprintf(path, BB_LOG_PATH_SIZE, "%s/p%04" PRIu32, log->directory, partition);
}

void bb_log_segment_path(const struct bb_log_files *log, uint32_t partition, uint64_t segment,
                         char path[BB_LOG_PATH_SIZE]) {
    snprintf(path, BB_LOG_PATH_SIZE, "%s/p%04" PRIu32 "/%020" PRIu64 ".seg", log->directory,
             partition, segment);
}

/* The offset in a segment's name; false for any other file. */
static bool parse_name(const char *name, uint64_t *segment) {
    uint64_t value = 0;

    for (int i = 0; i < NAME_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(name[i] - '0'), &value))
            return false;
    }
    *segment = value;
    return strcmp(name + NAME_DIGITS, ".seg") == 0;
}

static int compare_offsets(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Collect the names that `folder` still has to tell. 0 or an errno. */
static int collect_names(DIR *folder, uint64_t **segments, size_t *count) {
    size_t capacity = 0;

    for (;;) {
        uint64_t segment;

        errno = 0;
        struct dirent *entry = readdir(folder);
        if (!entry)
            return errno;
        if (!parse_name(entry->d_name, &segment))
            continue;
        if (!bb_list_room(segments, *count, &capacity, sizeof **segments))
            return ENOMEM;
        (*segments)[(*count)++] = segment;
    }
}

int bb_log_segment_list(const struct bb_log_files *log, uint32_t partition, uint64_t **segments,
                        size_t *count, struct bb_error *error) {
    char path[BB_LOG_PATH_SIZE];

    *segments = NULL;
    *count = 0;
    bb_log_partition_path(log, partition, path);
    DIR *folder = opendir(path);
    int failure = folder ? collect_names(folder, segments, count) : errno;
    if (folder)
        closedir(folder);
    if (failure) {
        free(*segments);
        *segments = NULL;
        *count = 0;
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, failure, "cannot list %s", path);
    }
    if (*count > 1)
        qsort(*segments, *count, sizeof **segments, compare_offsets);
    return 0;
}

int bb_log_directory_sync(const char *path, struct bb_error *error) {
    int failure = 0;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) != 0)
        failure = errno;
    if (fd >= 0)
        close(fd);
    if (failure)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, failure, "cannot make the names in %s durable",
                             path);
    return 0;
}

int bb_log_write_whole(int fd, const void *data, size_t size, uint64_t at) {
    const char *from = data;

    while (size > 0) {
        ssize_t written = pwrite(fd, from, size, (off_t)at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        if (written == 0)
            return ENOSPC;
        from += written;
        at += (uint64_t)written;
        size -= (size_t)written;
    }
    return 0;
}

const char *bb_log_header_flaw(const struct bb_log_header *header,
                               const struct bb_log_place *place) {
    if (header->magic != BB_LOG_RECORD_MAGIC)
        return "no record begins there";
    if (header->offset != place->offset || header->partition != place->partition ||
        header->log != place->log)
        return "the record there belongs to another place";
    if (header->size > BB_LOG_BODY_LIMIT)
        return "the record there is too long to be one";
    return NULL;
}

uint32_t bb_log_record_crc(const struct bb_log_header *header, const void *body) {
    static const char zeros[8];
    const size_t covered = offsetof(struct bb_log_header, version);
    size_t padding = (8 - header->size % 8) % 8;
    uint32_t crc = bb_crc32c(0, (const char *)header + covered, sizeof *header - covered);

    if (header->size > 0)
        crc = bb_crc32c(crc, body, header->size);
    return bb_crc32c(crc, zeros, padding);
}

const char *bb_log_record_flaw(const char *bytes) {
    struct bb_log_header header;
    const size_t covered = offsetof(struct bb_log_header, version);

    memcpy(&header, bytes, sizeof header);
    /* The padding lies behind the body, so one pass covers all three. */
    if (bb_crc32c(0, bytes + covered, bb_log_record_bytes(header.size) - covered) != header.crc)
        return "its checksum is wrong";
    return NULL;
}

int bb_log_fail_corrupt(const struct bb_log_files *log, uint32_t partition, uint64_t segment,
                        uint64_t offset, const char *flaw, struct bb_error *error) {
    char path[BB_LOG_PATH_SIZE];

    bb_log_segment_path(log, partition, segment, path);
    return BB_FAIL(error, BB_E_LOG_CORRUPT, "%s is damaged at byte %" PRIu64 ": %s", path,
                   offset - segment, flaw);
}
