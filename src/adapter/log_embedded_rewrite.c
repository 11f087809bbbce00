/* Bytes of records overwritten, for erasures: see embedded.h. On the owner's thread.
 *
 *   look    a copy of each record goes to `change`; a segment without a change stays as it is
 *   seal    an active segment that has one gets a successor first: readers of other processes go on there
 *   write   NAME.seg.new with the changed records and their checksums ── synced ──► renamed over NAME.seg
 *
 * No record gets another length or place, so offsets, marks and positions hold. Killed at any moment, each
 * segment is the old one or the new one, and the next call begins with what is left. A reader that has the old
 * file open reads on in it to its end.
 */
#include "adapter/log_embedded_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct rewriting {
    struct bb_log_files *log;
    uint32_t partition;
    bb_log_change *change;
    void *context;
    char *bytes; /* the record at hand, padded */
    size_t capacity;
    uint64_t changed;
    struct bb_error *error;
};

static int fail_io(struct rewriting *r, int failure, const char *path) {
    return BB_FAIL_ERRNO(r->error, BB_E_LOG_IO, failure, "cannot rewrite %s", path);
}

/* 0, 1 at the end of the file, or an errno. */
static int read_whole(int fd, void *to, size_t size, uint64_t at) {
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(fd, (char *)to + done, size - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (got == 0)
            return done == 0 ? -1 : EIO;
        done += (size_t)got;
    }
    return 0;
}

/* The record at `at` of the file into r->bytes; 1 behind the last one. */
static int fetch(struct rewriting *r, int fd, uint64_t segment, uint64_t at) {
    const struct bb_log_place place = {(uint32_t)r->log->base.identity, r->partition, segment + at};
    struct bb_log_header header;
    int failure = read_whole(fd, &header, sizeof header, at);

    if (failure == -1)
        return 1;
    const char *flaw = failure ? "it cannot be read" : bb_log_header_flaw(&header, &place);
    if (!flaw) {
        size_t total = (size_t)bb_log_record_bytes(header.size);
        if (total > r->capacity) {
            char *grown = realloc(r->bytes, total);
            if (!grown)
                return BB_FAIL(r->error, BB_E_NO_MEMORY, "no memory for a record of the log");
            r->bytes = grown;
            r->capacity = total;
        }
        failure = read_whole(fd, r->bytes, total, at);
        flaw = failure ? "it cannot be read" : bb_log_record_flaw(r->bytes);
    }
    return flaw ? bb_log_fail_corrupt(r->log, r->partition, segment, segment + at, flaw, r->error)
                : 0;
}

/* Whether the record at hand was changed: then it has its checksum. */
static int change_record(struct rewriting *r) {
    struct bb_log_header header;

    BB_ASSERT(r->bytes); /* fetched before */
    memcpy(&header, r->bytes, sizeof header);
    char *body = r->bytes + sizeof header;
    const struct bb_log_record record = {.kind = header.kind,
                                         .readings = header.readings,
                                         .file_id = header.file_id,
                                         .received_ms = header.received_ms,
                                         .body = {body, header.size},
                                         .offset = header.offset};
    int changed = r->change(r->context, &record, body, r->error);
    if (changed > 0) {
        header.crc = bb_log_record_crc(&header, body);
        memcpy(r->bytes, &header, sizeof header);
    }
    return changed;
}

/* Through all of a segment; `out` -1: only look. Counts changed records. */
static int pass(struct rewriting *r, int fd, uint64_t segment, const char *path, int out,
                uint64_t *changed) {
    int result = 0;

    *changed = 0;
    for (uint64_t at = 0; result == 0;) {
        result = fetch(r, fd, segment, at);
        if (result)
            break;
        int did = change_record(r);
        if (did < 0)
            return did;
        *changed += did > 0;
        struct bb_log_header header;
        memcpy(&header, r->bytes, sizeof header);
        size_t total = (size_t)bb_log_record_bytes(header.size);
        int failure = out >= 0 ? bb_log_write_whole(out, r->bytes, total, at) : 0;
        if (failure)
            return fail_io(r, failure, path);
        at += total;
    }
    return result > 0 ? 0 : result;
}

static int replace(struct rewriting *r, int fd, uint64_t segment, const char *path) {
    char made[BB_LOG_PATH_SIZE + 8], folder[BB_LOG_PATH_SIZE];
    uint64_t changed;
    int failure = 0;

    snprintf(made, sizeof made, "%s.new", path);
    int out = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (out < 0)
        return fail_io(r, errno, made);
    int result = pass(r, fd, segment, made, out, &changed);
    if (result == 0 && fsync(out) != 0)
        failure = errno;
    if (close(out) != 0 && !failure)
        failure = errno;
    if (result == 0 && !failure && rename(made, path) != 0)
        failure = errno;
    if (result == 0 && failure)
        result = fail_io(r, failure, made);
    if (result) {
        unlink(made);
        return result;
    }
    r->changed += changed;
    bb_log_partition_path(r->log, r->partition, folder);
    return bb_log_directory_sync(folder, r->error);
}

static int rewrite_segment(struct rewriting *r, uint64_t segment) {
    struct bb_log_partition *own = &r->log->partition[r->partition];
    char path[BB_LOG_PATH_SIZE], left[BB_LOG_PATH_SIZE + 8];
    uint64_t changed;

    bb_log_segment_path(r->log, r->partition, segment, path);
    snprintf(left, sizeof left, "%s.new", path);
    (void)unlink(left); /* of a call that was killed */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_io(r, errno, path);
    int result = pass(r, fd, segment, path, -1, &changed);
    if (result == 0 && changed > 0 && own->fd >= 0 && own->segment == segment)
        result = bb_log_files_roll(r->log, r->partition, r->error);
    if (result == 0 && changed > 0)
        result = replace(r, fd, segment, path);
    close(fd);
    return result;
}

int bb_log_embedded_rewrite(struct bb_log *base, uint32_t partition, bb_log_change *change,
                            void *context, uint64_t *changed, struct bb_error *error) {
    struct rewriting r = {.log = (struct bb_log_files *)base,
                          .partition = partition,
                          .change = change,
                          .context = context,
                          .error = error};
    uint64_t *segments = NULL;
    size_t count = 0;

    BB_ASSERT(base->ops == &bb_log_files_ops && r.log->append && partition <= base->partitions);
    int result = bb_log_files_sync(base, error);
    if (result >= 0)
        result = bb_log_segment_list(r.log, partition, &segments, &count, error);
    for (size_t i = 0; result >= 0 && i < count; i++)
        result = rewrite_segment(&r, segments[i]);
    free(segments);
    free(r.bytes);
    *changed = r.changed;
    return result < 0 ? result : 0;
}
