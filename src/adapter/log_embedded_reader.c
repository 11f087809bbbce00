/* Readers of the embedded log, in the owner's process or any other.
 *
 * A reader asks the tail map how far it may go, keeps one segment open and a window of it in
 * memory, and checks every record it hands out:
 *
 *   segment file ──pread, 256 KiB at a time──► window ──checksum──► record (borrowed)
 *
 * It never looks behind the durable end, so it never meets a record that is still being written,
 * and what it reads can only change by damage. A reader belongs to one thread.
 */
#include "adapter/log_embedded_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct files_reader { /* what a struct bb_log_reader is here */
    struct bb_log_files *log;
    uint32_t partition;
    struct bb_log_window window;
};

/* ---- window */

void bb_log_window_release(struct bb_log_window *window) {
    if (window->fd >= 0)
        close(window->fd);
    free(window->data);
    *window = (struct bb_log_window){.fd = -1};
}

/* Room for `size` bytes; what the window held is forgotten. */
static int window_reserve(struct bb_log_window *window, size_t size) {
    /* After one giant record, give its memory back. */
    bool oversized = window->capacity > 16 * window->read_ahead && size <= window->read_ahead;

    window->size = 0;
    if (size <= window->capacity && !oversized)
        return 0;
    free(window->data);
    window->capacity = 0;
    window->data = malloc(size);
    if (!window->data)
        return ENOMEM;
    window->capacity = size;
    return 0;
}

int bb_log_window_fetch(struct bb_log_window *window, uint64_t offset, uint64_t need,
                        uint64_t limit, const char **bytes, size_t *available) {
    if (offset >= window->offset && offset - window->offset + need <= window->size) {
        *bytes = window->data + (offset - window->offset);
        *available = (size_t)need;
        return 0;
    }

    uint64_t wanted = need > window->read_ahead ? need : window->read_ahead;
    if (wanted > limit - offset)
        wanted = limit - offset;
    int failure = window_reserve(window, (size_t)wanted);
    if (failure)
        return failure;
    window->offset = offset;
    while (window->size < need && window->size < wanted) {
        ssize_t got = pread(window->fd, window->data + window->size, (size_t)wanted - window->size,
                            (off_t)(offset - window->segment + window->size));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (got == 0)
            break;
        window->size += (size_t)got;
    }
    *bytes = window->data;
    *available = window->size < need ? window->size : (size_t)need;
    return 0;
}

/* ---- finding the segment */

/* Does the open segment hold a byte at `offset`? */
static bool segment_holds(const struct bb_log_window *window, uint64_t offset) {
    struct stat status;

    return window->fd >= 0 && offset >= window->segment && fstat(window->fd, &status) == 0 &&
           offset - window->segment < (uint64_t)status.st_size;
}

static int fail_trimmed(const struct files_reader *reader, uint64_t offset, uint64_t first,
                        struct bb_error *error) {
    return BB_FAIL(error, BB_E_LOG_CORRUPT,
                   "offset %" PRIu64 " of partition %" PRIu32
                   " of %s is no longer kept; the first one kept is %" PRIu64,
                   offset, reader->partition, reader->log->directory, first);
}

/* The greatest segment that begins at or before `offset`, by the names in the folder. */
static int find_segment(const struct files_reader *reader, uint64_t offset, uint64_t *segment,
                        struct bb_error *error) {
    uint64_t *segments = NULL;
    size_t count = 0, at = 0;

    int result = bb_log_segment_list(reader->log, reader->partition, &segments, &count, error);
    if (result < 0)
        return result;
    while (at < count && segments[at] <= offset)
        at++;
    uint64_t first = count > 0 ? segments[0] : 0;
    *segment = at > 0 ? segments[at - 1] : 0;
    free(segments);
    if (count == 0)
        return bb_log_fail_corrupt(reader->log, reader->partition, 0, offset, "the file is missing",
                                   error);
    if (at == 0)
        return fail_trimmed(reader, offset, first, error);
    return 0;
}

/* Have the segment open that holds `offset`, which lies below the durable end. */
static int seek(struct files_reader *reader, uint64_t offset, struct bb_error *error) {
    struct bb_log_window *window = &reader->window;
    char path[BB_LOG_PATH_SIZE];
    uint64_t segment = offset; /* who reads on steps from one file into the next of that name */
    int fd = -1;

    if (segment_holds(window, offset))
        return 0;
    for (int attempt = 0; fd < 0; attempt++) {
        int result = attempt > 0 ? find_segment(reader, offset, &segment, error) : 0;
        if (result < 0)
            return result;
        bb_log_segment_path(reader->log, reader->partition, segment, path);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        /* A listed file may be trimmed before it is opened: look again. */
        if (fd < 0 && (errno != ENOENT || attempt > 3))
            return BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot open %s", path);
    }
    if (window->fd >= 0)
        close(window->fd);
    window->fd = fd;
    window->segment = segment;
    window->size = 0;
    if (!segment_holds(window, offset))
        return bb_log_fail_corrupt(reader->log, reader->partition, segment, offset,
                                   "the file ends before its durable end", error);
    return 0;
}

/* ---- reading */

/* `need` bytes from `offset` on, until the next call; NULL: see *error. */
static const char *fetch(struct files_reader *reader, uint64_t offset, uint64_t need, uint64_t end,
                         struct bb_error *error) {
    struct bb_log_window *window = &reader->window;
    const char *bytes = NULL;
    char path[BB_LOG_PATH_SIZE];
    size_t available = 0;
    int failure = 0;

    bool inside = window->fd >= 0 && offset >= window->offset &&
                  offset - window->offset + need <= window->size;
    if (!inside && seek(reader, offset, error) < 0)
        return NULL;
    if (need <= end - offset)
        failure = bb_log_window_fetch(window, offset, need, end, &bytes, &available);
    if (!failure && available == need)
        return bytes;

    bb_log_segment_path(reader->log, reader->partition, window->segment, path);
    if (failure == ENOMEM)
        (void)BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a record of %" PRIu64 " bytes", need);
    else if (failure)
        (void)BB_FAIL_ERRNO(error, BB_E_LOG_IO, failure, "cannot read %s at byte %" PRIu64, path,
                            offset - window->segment);
    else
        (void)!bb_log_fail_corrupt(reader->log, reader->partition, window->segment, offset,
                                   "the record there is cut off", error);
    return NULL;
}

/* Position the caller may not have: behind everything that was ever appended. A process that only
 * reads cannot know (after a power cut the tail may be old until the owner comes back), so for it
 * nothing is there yet. */
static int beyond_end(const struct files_reader *reader, uint64_t offset, struct bb_error *error) {
    const struct bb_log_files *log = reader->log;

    if (log->append && offset > log->partition[reader->partition].end)
        return BB_FAIL(
            error, BB_E_LOG_CORRUPT,
            "offset %" PRIu64 " of partition %" PRIu32 " of %s lies behind the log's end %" PRIu64
            "; the log is older than what refers to it",
            offset, reader->partition, log->directory, log->partition[reader->partition].end);
    return BB_LOG_END;
}

int bb_log_files_read_counted(struct bb_log_reader *opaque, uint64_t offset,
                              struct bb_log_record *out, uint64_t *readings_before,
                              struct bb_error *error) {
    struct files_reader *reader = (struct files_reader *)opaque;
    struct bb_log_place place = {(uint32_t)reader->log->base.identity, reader->partition, offset};
    struct bb_log_header header;
    struct bb_log_end end;

    int result = bb_log_tail_load(reader->log, reader->partition, &end, error);
    if (result < 0)
        return result;
    if (offset < end.first_offset)
        return fail_trimmed(reader, offset, end.first_offset, error);
    if (offset >= end.offset)
        return offset == end.offset ? BB_LOG_END : beyond_end(reader, offset, error);
    const char *bytes = fetch(reader, offset, sizeof header, end.offset, error);
    if (!bytes)
        return -(int)error->code;
    memcpy(&header, bytes, sizeof header);
    const char *flaw = bb_log_header_flaw(&header, &place);
    if (!flaw) {
        bytes = fetch(reader, offset, bb_log_record_bytes(header.size), end.offset, error);
        if (!bytes)
            return -(int)error->code;
        flaw = bb_log_record_flaw(bytes);
    }
    if (flaw)
        return bb_log_fail_corrupt(reader->log, reader->partition, reader->window.segment, offset,
                                   flaw, error);
    if (header.version != BB_LOG_FORMAT)
        return BB_FAIL(error, BB_E_VERSION, "a record in %s has the format version %d, not %d",
                       reader->log->directory, header.version, BB_LOG_FORMAT);
    *out = (struct bb_log_record){.kind = header.kind,
                                  .readings = header.readings,
                                  .file_id = header.file_id,
                                  .received_ms = header.received_ms,
                                  .body = {bytes + sizeof header, header.size},
                                  .offset = offset,
                                  .next_offset = offset + bb_log_record_bytes(header.size)};
    if (readings_before)
        *readings_before = header.readings_before;
    return BB_LOG_RECORD;
}

int bb_log_files_read(struct bb_log_reader *reader, uint64_t offset, struct bb_log_record *out,
                      struct bb_error *error) {
    return bb_log_files_read_counted(reader, offset, out, NULL, error);
}

int bb_log_files_reader_open(struct bb_log *base, uint32_t partition, struct bb_log_reader **out,
                             struct bb_error *error) {
    struct files_reader *reader = calloc(1, sizeof *reader);

    BB_ASSERT(partition <= base->partitions);
    *out = NULL;
    if (!reader)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a reader of the log");
    reader->log = (struct bb_log_files *)base;
    reader->partition = partition;
    reader->window.fd = -1;
    reader->window.read_ahead = BB_LOG_READ_AHEAD;
    *out = (struct bb_log_reader *)reader;
    return 0;
}

void bb_log_files_reader_close(struct bb_log_reader *opaque) {
    struct files_reader *reader = (struct files_reader *)opaque;

    if (!reader)
        return;
    bb_log_window_release(&reader->window);
    free(reader);
}

void bb_log_files_reader_set_single(struct bb_log_reader *opaque) {
    ((struct files_reader *)opaque)->window.read_ahead = sizeof(struct bb_log_header);
}

/* ---- verify */

/* Each segment must be as long as the name of the next one says. */
static int verify_lengths(const struct bb_log_files *log, uint32_t partition,
                          struct bb_error *error) {
    uint64_t *segments = NULL;
    size_t count = 0;

    int result = bb_log_segment_list(log, partition, &segments, &count, error);
    for (size_t i = 0; result == 0 && i + 1 < count; i++) {
        char path[BB_LOG_PATH_SIZE];
        struct stat status;
        bb_log_segment_path(log, partition, segments[i], path);
        if (stat(path, &status) != 0) {
            if (errno != ENOENT) /* the owner may trim meanwhile */
                result = BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot look at %s", path);
        } else if ((uint64_t)status.st_size != segments[i + 1] - segments[i]) {
            result = bb_log_fail_corrupt(log, partition, segments[i],
                                         segments[i] + (uint64_t)status.st_size,
                                         "its length does not reach the next file", error);
        }
    }
    free(segments);
    return result;
}

/* Read from `from` to the durable end; the counts of readings must form a chain. */
static int verify_records(struct bb_log_reader *reader, uint64_t from, uint64_t *records,
                          struct bb_error *error) {
    const struct files_reader *files = (const struct files_reader *)reader;
    struct bb_log_record record = {.next_offset = from};
    uint64_t expected = 0, before = 0;
    struct bb_log_end end;

    for (bool follows = false;; follows = true) {
        int result = bb_log_files_read_counted(reader, record.next_offset, &record, &before, error);
        while (result < 0) { /* unless the owner trimmed meanwhile, that was it */
            struct bb_error second;
            if (bb_log_tail_load(files->log, files->partition, &end, &second) < 0 ||
                end.first_offset <= record.next_offset)
                return result;
            record.next_offset = end.first_offset;
            follows = false;
            result = bb_log_files_read_counted(reader, end.first_offset, &record, &before, error);
        }
        if (result == BB_LOG_END)
            return 0;
        if (follows && before != expected)
            return bb_log_fail_corrupt(files->log, files->partition, files->window.segment,
                                       record.offset, "its count of readings does not follow on",
                                       error);
        expected = before + record.readings;
        (*records)++;
    }
}

int bb_log_files_verify(struct bb_log *base, uint32_t partition, uint64_t *records,
                        struct bb_error *error) {
    struct bb_log_files *log = (struct bb_log_files *)base;
    struct bb_log_reader *reader = NULL;
    struct bb_log_end end;

    *records = 0;
    int result = bb_log_tail_load(log, partition, &end, error);
    if (result == 0)
        result = verify_lengths(log, partition, error);
    if (result == 0)
        result = bb_log_files_reader_open(base, partition, &reader, error);
    if (reader)
        result = verify_records(reader, end.first_offset, records, error);
    bb_log_files_reader_close(reader);
    return result;
}
