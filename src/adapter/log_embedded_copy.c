/* A copy of the embedded log up to given ends, for backups; from any process, beside its owner.
 *
 *   source   ──┬─────────────┬─────────────┬──────────╂─ ─ ─     sealed segments whole, the one that holds
 *   copy     ──┴─────────────┴─────────────┴──────────┨          the end as far as that, nothing behind it
 *                                                    upto
 *
 * What lies below a durable end never changes, so plain copying is enough. It may go: when trim takes
 * a segment that was not copied yet, the partition is copied again from what is first now. The tail file
 * is made for the copy with the ends it has, so that it opens for reading as it is.
 */
#include "adapter/log_embedded_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 1 << 20 };

struct copying {
    const struct bb_log_files *from;
    struct bb_log_files to; /* directory, identity and tail alone are used */
    char *piece;            /* PIECE_BYTES */
};

enum { SEGMENT_COPIED = 0, SEGMENT_GONE = 1 };

/* `size` bytes from the beginning of one file to another one. 0 or an errno; EIO: it is too short. */
static int copy_bytes(int from, int to, uint64_t size, char *piece) {
    for (uint64_t at = 0; at < size;) {
        uint64_t left = size - at;
        ssize_t got = pread(from, piece, left < PIECE_BYTES ? (size_t)left : PIECE_BYTES,
                            (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? errno : EIO;
        int failure = bb_log_write_whole(to, piece, (size_t)got, at);
        if (failure)
            return failure;
        at += (uint64_t)got;
    }
    return fdatasync(to) == 0 ? 0 : errno;
}

static int copy_segment(struct copying *copying, uint32_t partition, uint64_t segment,
                        uint64_t size, struct bb_error *error) {
    char from[BB_LOG_PATH_SIZE], to[BB_LOG_PATH_SIZE];

    bb_log_segment_path(copying->from, partition, segment, from);
    bb_log_segment_path(&copying->to, partition, segment, to);
    int source = open(from, O_RDONLY | O_CLOEXEC);
    if (source < 0)
        return errno == ENOENT ? SEGMENT_GONE
                               : BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot open %s", from);
    int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    int failure = target < 0 ? errno : copy_bytes(source, target, size, copying->piece);
    close(source);
    if (target >= 0 && close(target) != 0 && !failure)
        failure = errno;
    if (failure)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, failure, "cannot copy %s to %s", from, to);
    return SEGMENT_COPIED;
}

/* The segments of [end->first_offset, end->offset). The last one is there even when it is empty: it says
 * where the log ends. */
static int copy_segments(struct copying *copying, uint32_t partition, const struct bb_log_end *end,
                         const uint64_t *segments, size_t count, struct bb_error *error) {
    if (end->offset > end->first_offset && (count == 0 || segments[0] > end->first_offset))
        return SEGMENT_GONE;
    for (size_t i = 0; i < count; i++) {
        uint64_t segment = segments[i];
        uint64_t next = i + 1 < count && segments[i + 1] < end->offset ? segments[i + 1]
                                                                       : end->offset;
        bool only = segment == end->offset && segment == end->first_offset;
        if (segment < end->first_offset || segment > end->offset ||
            (segment == end->offset && !only))
            continue;
        int result = copy_segment(copying, partition, segment, next - segment, error);
        if (result != SEGMENT_COPIED)
            return result;
    }
    return SEGMENT_COPIED;
}

static int remove_copies(const struct copying *copying, uint32_t partition,
                         struct bb_error *error) {
    uint64_t *segments = NULL;
    size_t count = 0;
    char path[BB_LOG_PATH_SIZE];
    int result = bb_log_segment_list(&copying->to, partition, &segments, &count, error);

    for (size_t i = 0; result == 0 && i < count; i++) {
        bb_log_segment_path(&copying->to, partition, segments[i], path);
        if (unlink(path) != 0)
            result = BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot remove %s", path);
    }
    free(segments);
    return result;
}

/* *end follows when the beginning was trimmed meanwhile. */
static int copy_partition(struct copying *copying, uint32_t partition, struct bb_log_end *end,
                          struct bb_error *error) {
    char folder[BB_LOG_PATH_SIZE];
    struct bb_log_end now = *end;
    int result;

    bb_log_partition_path(&copying->to, partition, folder);
    if (mkdir(folder, 0750) != 0)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot make the folder %s", folder);
    do {
        uint64_t *segments = NULL;
        size_t count = 0;
        uint64_t first = end->first_offset;
        result = bb_log_segment_list(copying->from, partition, &segments, &count, error);
        if (result == 0)
            result = copy_segments(copying, partition, end, segments, count, error);
        free(segments);
        if (result != SEGMENT_GONE)
            break;
        result = bb_log_tail_load(copying->from, partition, &now, error);
        if (result == 0 && (now.first_offset <= first || now.first_offset > end->offset))
            result = bb_log_fail_corrupt(copying->from, partition, first, first,
                                         "a file of it is missing", error);
        if (result == 0)
            result = remove_copies(copying, partition, error);
        end->first_offset = now.first_offset;
    } while (result == 0 && end->first_offset <= end->offset);
    return result == 0 ? bb_log_directory_sync(folder, error) : result;
}

static int copy_all(struct copying *copying, struct bb_log_end *ends, struct bb_error *error) {
    struct bb_log_files *to = &copying->to;
    int result = 0;

    for (uint32_t p = 0; result == 0 && p <= to->base.partitions; p++)
        result = copy_partition(copying, p, &ends[p], error);
    if (result == 0)
        result = bb_log_tail_open(to, error);
    for (uint32_t p = 0; result == 0 && p <= to->base.partitions; p++)
        bb_log_tail_publish(to, p, &ends[p]);
    if (result == 0)
        result = bb_log_tail_flush(to, error);
    if (result == 0)
        result = bb_log_meta_write(to, error);
    bb_log_tail_close(&to->tail);
    return result == 0 ? bb_log_directory_sync(to->directory, error) : result;
}

int bb_log_files_copy(struct bb_log *base, const struct bb_log_end *upto, const char *folder,
                      struct bb_error *error) {
    size_t count = base->partitions + (size_t)1;
    char *directory = strdup(folder), *piece = malloc(PIECE_BYTES);
    struct bb_log_end *ends = malloc(count * sizeof *ends);
    struct copying copying = {
        .from = (struct bb_log_files *)base,
        .to = {.base = {.identity = base->identity, .partitions = base->partitions},
               .directory = directory,
               .append = true, /* its tail is made */
               .lock_fd = -1,
               .tail = {.fd = -1}},
        .piece = piece};
    int result = 0;

    if (!directory || !piece || !ends)
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory to copy the log");
    else if (mkdir(folder, 0750) != 0)
        result = BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot make the folder %s", folder);
    if (result == 0) {
        memcpy(ends, upto, count * sizeof *ends);
        result = copy_all(&copying, ends, error);
    }
    free(ends);
    free(piece);
    free(directory);
    return result;
}
