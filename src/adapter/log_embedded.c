/* The embedded log: append, questions, retention. The picture of the files is in
 * log_embedded_internal.h; the durable half is log_embedded_sync.c.
 *
 * One append is one pwritev of header, body and padding into the page cache, and nothing is kept
 * in memory: what the owner knows of a partition is where it ends and how many readings came
 * before. All functions run on the owner's thread; those that only ask also run in processes that
 * read.
 */
#include "adapter/log_embedded_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

static struct bb_log_files *files_of(struct bb_log *log) {
    return (struct bb_log_files *)log;
}

static void files_close(struct bb_log *base) {
    struct bb_log_files *log = files_of(base);

    if (!log)
        return;
    bb_log_crew_stop(log);
    for (uint32_t p = 0; log->partition && p <= base->partitions; p++) {
        bb_log_files_reader_close(log->partition[p].probe);
        if (log->partition[p].fd >= 0)
            close(log->partition[p].fd);
    }
    struct bb_error ignored; /* an old tail costs the next open a longer scan, nothing else */
    if (log->append)
        (void)!bb_log_tail_flush(log, &ignored);
    bb_log_tail_close(&log->tail);
    if (log->lock_fd >= 0)
        close(log->lock_fd); /* last: from here on another process may append */
    free(log->partition);
    free(log->directory);
    free(log);
}

/* ---- append */

/* Begin the next segment. Everything before it is made durable first, so that only the last
 * segment of a partition can ever have a torn tail, and its name is a durable end. */
static int roll(struct bb_log_files *log, uint32_t number, struct bb_error *error) {
    struct bb_log_partition *partition = &log->partition[number];
    char path[BB_LOG_PATH_SIZE];

    int result = partition->fd >= 0 ? bb_log_files_sync(&log->base, error) : 0;
    if (result < 0)
        return result;
    bb_log_segment_path(log, number, partition->end, path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot make %s", path);
    if (partition->fd >= 0)
        close(partition->fd); /* the crew is idle: nothing of it is left to sync */
    partition->fd = fd;
    partition->segment = partition->end;
    partition->new_file = true;
    return 0;
}

/* All of the parts, in as many calls as it takes. 0 or an errno. */
static int write_parts(int fd, struct iovec *part, int count, uint64_t at) {
    while (count > 0) {
        ssize_t written = pwritev(fd, part, count, (off_t)at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        if (written == 0)
            return ENOSPC;
        at += (uint64_t)written;
        while (count > 0 && (size_t)written >= part->iov_len) {
            written -= (ssize_t)part->iov_len;
            part++;
            count--;
        }
        if (count > 0) {
            part->iov_base = (char *)part->iov_base + written;
            part->iov_len -= (size_t)written;
        }
    }
    return 0;
}

/* The record did not get through: take its beginning away again, so that the next one finds a
 * clean end. If even that fails, nothing may follow. */
static int undo_write(struct bb_log_files *log, uint32_t number, int failure,
                      struct bb_error *error) {
    struct bb_log_partition *partition = &log->partition[number];
    char path[BB_LOG_PATH_SIZE];

    bb_log_segment_path(log, number, partition->segment, path);
    if (ftruncate(partition->fd, (off_t)(partition->end - partition->segment)) == 0)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, failure, "cannot write to %s", path);
    int result = BB_FAIL_ERRNO(error, BB_E_LOG_IO, failure,
                               "cannot write to %s, nor cut off what was written", path);
    error->retriable = false;
    bb_log_crew_poison(log, error);
    return result;
}

static int files_append(struct bb_log *base, uint32_t number, struct bb_log_record *record,
                        struct bb_error *error) {
    static char zeros[8];
    struct bb_log_files *log = files_of(base);
    struct bb_log_partition *partition = &log->partition[number];
    uint64_t size = record->body.size, total = bb_log_record_bytes(size);
    struct bb_log_end durable;

    BB_ASSERT(log->append && number <= base->partitions);
    int result = bb_log_crew_check(log, error);
    if (result < 0)
        return result;
    if (size > BB_LOG_BODY_LIMIT)
        return BB_FAIL(error, BB_E_LOG_IO, "a record of %" PRIu64 " bytes is longer than %d", size,
                       BB_LOG_BODY_LIMIT);
    uint64_t used = partition->end - partition->segment;
    if (partition->fd < 0 || (used > 0 && used + total > log->segment_bytes)) {
        result = roll(log, number, error);
        if (result < 0)
            return result;
    }
    result = bb_log_tail_load(log, number, &durable, error);
    if (result < 0)
        return result;

    struct bb_log_header header = {.magic = BB_LOG_RECORD_MAGIC,
                                   .version = BB_LOG_FORMAT,
                                   .kind = record->kind,
                                   .partition = (uint16_t)number,
                                   .readings = record->readings,
                                   .size = (uint32_t)size,
                                   .log = (uint32_t)base->identity,
                                   .offset = partition->end,
                                   .received_ms = record->received_ms,
                                   .file_id = record->file_id,
                                   .readings_before = partition->readings,
                                   .durable_before = durable.offset};
    header.crc = bb_log_record_crc(&header, record->body.data);
    struct iovec part[3] = {{&header, sizeof header},
                            {(char *)record->body.data, (size_t)size},
                            {zeros, (size_t)(total - sizeof header - size)}};
    int failure = write_parts(partition->fd, part, 3, partition->end - partition->segment);
    if (failure)
        return undo_write(log, number, failure, error);
    record->offset = partition->end;
    partition->end += total;
    record->next_offset = partition->end;
    partition->readings += record->readings;
    partition->dirty = true;
    return 0;
}

/* ---- questions */

static int files_end(struct bb_log *base, uint32_t partition, struct bb_log_end *out,
                     struct bb_error *error) {
    BB_ASSERT(partition <= base->partitions);
    return bb_log_tail_load(files_of(base), partition, out, error);
}

/* The first record that is not processed yet tells both answers: when it came, and how many
 * readings came before it. */
static int files_backlog(struct bb_log *base, uint32_t number, uint64_t position,
                         struct bb_log_backlog *out, struct bb_error *error) {
    struct bb_log_partition *partition = &files_of(base)->partition[number];
    struct bb_log_record record;
    uint64_t before = 0;

    BB_ASSERT(number <= base->partitions);
    *out = (struct bb_log_backlog){0};
    int result = files_end(base, number, &out->end, error);
    if (result == 0 && !partition->probe) {
        result = bb_log_files_reader_open(base, number, &partition->probe, error);
        if (result == 0)
            bb_log_files_reader_set_single(partition->probe);
    }
    if (result == 0 && position != out->end.offset)
        result = bb_log_files_read_counted(partition->probe, position, &record, &before, error);
    else if (result == 0)
        result = BB_LOG_END;
    if (result < 0)
        return result;
    if (result == BB_LOG_RECORD) {
        /* Taken again: the record may have become durable after the first look. */
        result = files_end(base, number, &out->end, error);
        out->lag_readings = out->end.readings - before;
        out->oldest_ms = record.received_ms;
        return result;
    }
    return 0;
}

static int files_wait(struct bb_log *base, int timeout_ms, struct bb_error *error) {
    return bb_log_tail_wait(files_of(base), timeout_ms, error);
}

/* ---- retention */

/* Is every record from `from` up to `to` older than before_ms? */
static int all_older(struct bb_log_reader *reader, uint64_t from, uint64_t to, int64_t before_ms,
                     bool *older, struct bb_error *error) {
    *older = true;
    for (uint64_t at = from; at < to && *older;) {
        struct bb_log_record record;
        int result = bb_log_files_read(reader, at, &record, error);
        if (result < 0)
            return result;
        *older = result == BB_LOG_RECORD && record.received_ms < before_ms;
        at = record.next_offset;
    }
    return 0;
}

/* How many of the oldest segments may go. The last one always stays: it says where the log ends. */
static int count_outlived(struct bb_log *base, uint32_t partition, const uint64_t *segments,
                          size_t count, uint64_t offset, int64_t before_ms, size_t *outlived,
                          struct bb_error *error) {
    struct bb_log_reader *reader = NULL;
    bool older = true;

    *outlived = 0;
    int result = bb_log_files_reader_open(base, partition, &reader, error);
    while (result == 0 && older && *outlived + 1 < count && segments[*outlived + 1] <= offset) {
        result = all_older(reader, segments[*outlived], segments[*outlived + 1], before_ms, &older,
                           error);
        *outlived += older && result == 0;
    }
    bb_log_files_reader_close(reader);
    return result;
}

/* Oldest first, and each removal durable before the next: a power cut never leaves a gap. */
static int remove_segments(struct bb_log_files *log, uint32_t partition, const uint64_t *segments,
                           size_t count, struct bb_error *error) {
    char path[BB_LOG_PATH_SIZE], folder[BB_LOG_PATH_SIZE];

    bb_log_partition_path(log, partition, folder);
    for (size_t i = 0; i < count; i++) {
        bb_log_segment_path(log, partition, segments[i], path);
        if (unlink(path) != 0)
            return BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot remove %s", path);
        int result = bb_log_directory_sync(folder, error);
        if (result < 0)
            return result;
    }
    return 0;
}

static int files_trim(struct bb_log *base, uint32_t partition, uint64_t offset, int64_t before_ms,
                      struct bb_error *error) {
    struct bb_log_files *log = files_of(base);
    uint64_t *segments = NULL;
    size_t count = 0, outlived = 0;
    struct bb_log_end end;

    BB_ASSERT(log->append && partition <= base->partitions);
    int result = bb_log_segment_list(log, partition, &segments, &count, error);
    if (result == 0)
        result = count_outlived(base, partition, segments, count, offset, before_ms, &outlived,
                                error);
    if (result == 0 && outlived > 0) {
        /* First say it, then do it: no reader is promised what is about to go, and the next open
         * does not miss it. */
        pthread_mutex_lock(&log->crew.lock);
        result = bb_log_tail_load(log, partition, &end, error);
        if (result == 0) {
            end.first_offset = segments[outlived];
            bb_log_tail_publish(log, partition, &end);
        }
        pthread_mutex_unlock(&log->crew.lock);
        if (result == 0)
            result = bb_log_tail_flush(log, error);
        if (result == 0)
            result = remove_segments(log, partition, segments, outlived, error);
    }
    free(segments);
    return result;
}

const struct bb_log_ops bb_log_files_ops = {
    .name = "embedded",
    .close = files_close,
    .append = files_append,
    .sync_begin = bb_log_files_sync_begin,
    .sync = bb_log_files_sync,
    .end = files_end,
    .backlog = files_backlog,
    .reader_open = bb_log_files_reader_open,
    .reader_close = bb_log_files_reader_close,
    .read = bb_log_files_read,
    .wait = files_wait,
    .trim = files_trim,
    .verify = bb_log_files_verify,
    .copy = bb_log_files_copy,
};
