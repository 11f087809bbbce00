/* Where does each partition end? Asked once, when the owner opens.
 *
 *        last segment
 *   ┌───────────────────────┬──────────┬──────────┬───╳──────┬──────────┐
 *   │ durable by the tail   │ record   │ record   │ damaged  │ record ? │
 *   └───────────────────────┴──────────┴──────────┴──────────┴──────────┘
 *    not read at all         ▲ whole, though nobody │          │
 *                  scan from here   was told: kept  └── cut ───┘
 *                                                   unless the record behind it says
 *                                                   durable_before > here: then this byte was
 *                                                   acknowledged, and the log is corrupt
 *
 * First every partition is looked at, then every torn tail is cut: a log with one damaged file is
 * left exactly as it was found. All on the owner's thread, before the crew starts.
 */
#include "adapter/log_embedded_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct finding {             /* about one partition */
    struct bb_log_end known; /* from the tail file, when has_known */
    bool has_known;
    struct bb_log_end end;       /* where it ends after the cut */
    uint64_t scanned_from;       /* what lies between here and the end was no promise so far */
    uint64_t size;               /* length of the last segment as found */
    struct bb_log_window window; /* on the last segment; fd -1: no segment yet */
};

struct scan { /* over one segment */
    const struct bb_log_files *log;
    struct bb_log_window *window;
    struct bb_log_place place; /* offset: the record looked at */
    uint64_t floor;            /* durable up to here: damage below is corruption */
    uint64_t limit;            /* offset one past the segment's last byte */
    uint64_t readings;         /* before place.offset */
    bool readings_known;
};

static int fail_read(const struct scan *scan, int failure, struct bb_error *error) {
    char path[BB_LOG_PATH_SIZE];

    bb_log_segment_path(scan->log, scan->place.partition, scan->window->segment, path);
    return BB_FAIL_ERRNO(error, failure == ENOMEM ? BB_E_NO_MEMORY : BB_E_LOG_IO, failure,
                         "cannot read %s", path);
}

static int fail_corrupt(const struct scan *scan, const char *flaw, struct bb_error *error) {
    return bb_log_fail_corrupt(scan->log, scan->place.partition, scan->window->segment,
                               scan->place.offset, flaw, error);
}

/* What is wrong with the record at place.offset; *flaw stays NULL when it is whole and belongs
 * there. A record that is whole and does not belong there is an error at once: no crash writes one,
 * and what is whole is never cut. */
static int inspect(struct scan *scan, struct bb_log_header *header, const char **flaw,
                   struct bb_error *error) {
    uint64_t offset = scan->place.offset, left = scan->limit - offset;
    const char *bytes = NULL;
    size_t available = 0;

    *flaw = "the record there is cut off";
    int failure = bb_log_window_fetch(scan->window, offset, sizeof *header, scan->limit, &bytes,
                                      &available);
    if (failure)
        return fail_read(scan, failure, error);
    if (available < sizeof *header)
        return 0;
    memcpy(header, bytes, sizeof *header);
    const char *misplaced = bb_log_header_flaw(header, &scan->place);
    if (header->magic != BB_LOG_RECORD_MAGIC || header->size > BB_LOG_BODY_LIMIT) {
        *flaw = misplaced;
        return 0;
    }
    uint64_t size = bb_log_record_bytes(header->size);
    if (size > left)
        return 0;
    failure = bb_log_window_fetch(scan->window, offset, size, scan->limit, &bytes, &available);
    if (failure)
        return fail_read(scan, failure, error);
    if (available < size)
        return 0;
    *flaw = bb_log_record_flaw(bytes);
    if (!*flaw && misplaced)
        return fail_corrupt(scan, misplaced, error);
    if (!*flaw && scan->readings_known && header->readings_before != scan->readings)
        return fail_corrupt(scan, "its count of readings does not follow on", error);
    return 0;
}

/* Does any header behind place.offset testify that place.offset was durable? Their bodies may be
 * torn: magic, log, partition and position together are witness enough, and erring on this side
 * deletes nothing. */
static int find_witness(struct scan *scan, bool *found, struct bb_error *error) {
    struct bb_log_place place = scan->place;
    uint64_t damaged = place.offset;

    *found = false;
    for (place.offset = damaged + 8; place.offset + sizeof(struct bb_log_header) <= scan->limit;
         place.offset += 8) {
        struct bb_log_header header;
        const char *bytes = NULL;
        size_t available = 0;
        int failure = bb_log_window_fetch(scan->window, place.offset, sizeof header, scan->limit,
                                          &bytes, &available);
        if (failure)
            return fail_read(scan, failure, error);
        if (available < sizeof header)
            return 0;
        memcpy(&header, bytes, sizeof header);
        if (!bb_log_header_flaw(&header, &place) && header.durable_before > damaged) {
            *found = true;
            return 0;
        }
    }
    return 0;
}

/* Walk over whole records from place.offset on. Stops at the limit, or at a torn tail; damage
 * below what is durable is an error. */
static int walk(struct scan *scan, struct bb_error *error) {
    struct bb_log_header header;
    const char *flaw = NULL;
    bool witness = false;

    while (scan->place.offset < scan->limit) {
        int result = inspect(scan, &header, &flaw, error);
        if (result < 0)
            return result;
        if (flaw)
            break;
        if (header.version != BB_LOG_FORMAT) {
            char path[BB_LOG_PATH_SIZE];
            bb_log_segment_path(scan->log, scan->place.partition, scan->window->segment, path);
            return BB_FAIL(error, BB_E_VERSION, "a record in %s has the format version %d, not %d",
                           path, header.version, BB_LOG_FORMAT);
        }
        scan->readings = header.readings_before + header.readings;
        scan->readings_known = true;
        scan->place.offset += bb_log_record_bytes(header.size);
    }
    if (!flaw && scan->place.offset >= scan->floor)
        return 0;
    if (!flaw)
        flaw = "the file ends before its durable end";
    if (scan->place.offset >= scan->floor) {
        int result = find_witness(scan, &witness, error);
        if (result < 0)
            return result;
        if (!witness)
            return 0;
    }
    return fail_corrupt(scan, flaw, error);
}

static int open_segment(const struct bb_log_files *log, uint32_t partition, uint64_t segment,
                        struct bb_log_window *window, uint64_t *size, struct bb_error *error) {
    char path[BB_LOG_PATH_SIZE];
    struct stat status;

    bb_log_segment_path(log, partition, segment, path);
    *window = (struct bb_log_window){.segment = segment,
                                     .read_ahead = 4 * (size_t)BB_LOG_READ_AHEAD};
    window->fd = open(path, O_RDWR | O_CLOEXEC);
    if (window->fd < 0 || fstat(window->fd, &status) != 0)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot open %s", path);
    *size = (uint64_t)status.st_size;
    return 0;
}

/* The readings before a segment that has no record yet, and of which the tail file knows nothing:
 * they are counted at the end of the segment before it. */
static int count_before(const struct bb_log_files *log, uint32_t partition, uint64_t previous,
                        uint64_t segment, uint64_t *readings, struct bb_error *error) {
    struct bb_log_window window = {.fd = -1};
    uint64_t size = 0;

    int result = open_segment(log, partition, previous, &window, &size, error);
    if (result == 0) {
        struct scan scan = {.log = log,
                            .window = &window,
                            .place = {(uint32_t)log->base.identity, partition, previous},
                            .floor = segment,
                            .limit = previous + size};
        result = walk(&scan, error);
        if (result == 0 && scan.place.offset != segment)
            result = bb_log_fail_corrupt(log, partition, previous, scan.place.offset,
                                         "its length does not reach the next file", error);
        *readings = scan.readings;
    }
    bb_log_window_release(&window);
    return result;
}

/* Look at the last segment; `segments` has at least one. */
static int look_at_last(const struct bb_log_files *log, uint32_t partition,
                        const uint64_t *segments, size_t count, struct finding *finding,
                        struct bb_error *error) {
    uint64_t last = segments[count - 1];
    bool tail_is_here = finding->has_known && finding->known.offset >= last;

    int result = open_segment(log, partition, last, &finding->window, &finding->size, error);
    if (result < 0)
        return result;
    struct scan scan = {.log = log,
                        .window = &finding->window,
                        .place = {(uint32_t)log->base.identity, partition,
                                  tail_is_here ? finding->known.offset : last},
                        .floor = tail_is_here ? finding->known.offset : last,
                        .limit = last + finding->size,
                        .readings = tail_is_here ? finding->known.readings : 0,
                        .readings_known = tail_is_here || last == 0};
    if (scan.limit < scan.floor)
        return bb_log_fail_corrupt(log, partition, last, scan.limit,
                                   "the file ends before its durable end", error);
    /* Trim moves the first offset in the tail file before it removes a file. */
    if (finding->has_known && finding->known.first_offset < segments[0])
        return bb_log_fail_corrupt(log, partition, finding->known.first_offset,
                                   finding->known.first_offset, "the file is missing", error);
    finding->scanned_from = scan.place.offset;
    result = walk(&scan, error);
    if (result == 0 && !scan.readings_known && count > 1)
        result = count_before(log, partition, segments[count - 2], last, &scan.readings, error);
    else if (result == 0 && !scan.readings_known)
        result = bb_log_fail_corrupt(log, partition, last, last,
                                     "neither it nor the tail file tells the readings before it",
                                     error);
    finding->end = (struct bb_log_end){segments[0], scan.place.offset, scan.readings};
    return result;
}

static int look_at(const struct bb_log_files *log, uint32_t partition, struct finding *finding,
                   struct bb_error *error) {
    uint64_t *segments = NULL;
    size_t count = 0;

    finding->has_known = bb_log_tail_salvage(log, partition, &finding->known);
    int result = bb_log_segment_list(log, partition, &segments, &count, error);
    if (result == 0 && count > 0)
        result = look_at_last(log, partition, segments, count, finding, error);
    else if (result == 0 && finding->has_known && finding->known.offset > 0)
        result = bb_log_fail_corrupt(log, partition, finding->known.first_offset,
                                     finding->known.first_offset, "the file is missing", error);
    free(segments);
    return result;
}

/* A clean open writes nothing. */
static void publish_if_new(struct bb_log_files *log, uint32_t partition,
                           const struct bb_log_end *end) {
    struct bb_log_end published = {0};
    struct bb_error ignored;

    if (bb_log_tail_load(log, partition, &published, &ignored) < 0 ||
        published.first_offset != end->first_offset || published.offset != end->offset ||
        published.readings != end->readings) {
        bb_log_tail_publish(log, partition, end);
        log->tail.stale = true;
    }
}

/* Write what is kept once more. It may be there because an earlier owner's fdatasync failed: the
 * kernel then calls the pages clean although the disk never saw them, and only fresh writes make
 * the next fdatasync mean something. */
static int write_again(struct finding *finding) {
    struct bb_log_window *window = &finding->window;
    uint64_t at = finding->scanned_from;
    int failure = 0;

    while (!failure && at < finding->end.offset) {
        const char *bytes = NULL;
        size_t size = 0;
        uint64_t left = finding->end.offset - at;
        failure = bb_log_window_fetch(window, at,
                                      left < BB_LOG_READ_AHEAD ? left : BB_LOG_READ_AHEAD,
                                      finding->end.offset, &bytes, &size);
        if (!failure && size == 0)
            failure = EIO;
        if (!failure)
            failure = bb_log_write_whole(window->fd, bytes, size, at - window->segment);
        at += size;
    }
    return failure;
}

/* Cut the torn tail and make durable what is kept. */
static int settle_file(const struct bb_log_files *log, uint32_t partition, struct finding *finding,
                       struct bb_error *error) {
    struct bb_log_window *window = &finding->window;
    uint64_t kept = finding->end.offset - window->segment;
    char path[BB_LOG_PATH_SIZE];

    if (finding->scanned_from == finding->end.offset && kept == finding->size)
        return 0;
    bb_log_segment_path(log, partition, window->segment, path);
    if (kept < finding->size && ftruncate(window->fd, (off_t)kept) != 0)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot cut the torn tail of %s", path);
    int failure = write_again(finding);
    if (!failure && fdatasync(window->fd) != 0)
        failure = errno;
    if (failure)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, failure, "cannot make %s durable", path);
    if (kept < finding->size && log->report_cut)
        log->report_cut(log->report_context, path, finding->size - kept);
    bb_log_partition_path(log, partition, path);
    return bb_log_directory_sync(path, error);
}

/* Bring the file and the tail in order, and tell the owner where to go on. */
static int settle(struct bb_log_files *log, uint32_t partition, struct finding *finding,
                  struct bb_error *error) {
    struct bb_log_partition *owner = &log->partition[partition];
    struct bb_log_window *window = &finding->window;
    int result = window->fd >= 0 ? settle_file(log, partition, finding, error) : 0;

    if (result < 0)
        return result;
    publish_if_new(log, partition, &finding->end);
    owner->fd = window->fd;
    owner->segment = window->segment;
    owner->end = finding->end.offset;
    owner->readings = finding->end.readings;
    owner->new_file = true; /* who made it may have been killed before its name was durable */
    window->fd = -1;        /* the owner's now */
    return 0;
}

int bb_log_recover(struct bb_log_files *log, struct bb_error *error) {
    uint32_t files = log->base.partitions + 1;
    struct finding *findings = calloc(files, sizeof *findings);
    int result = 0;

    if (!findings)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open %s", log->directory);
    for (uint32_t p = 0; p < files; p++)
        findings[p].window.fd = -1;
    for (uint32_t p = 0; result == 0 && p < files; p++)
        result = look_at(log, p, &findings[p], error);
    for (uint32_t p = 0; result == 0 && p < files; p++)
        result = settle(log, p, &findings[p], error);
    for (uint32_t p = 0; p < files; p++)
        bb_log_window_release(&findings[p].window);
    free(findings);
    if (result < 0 || !log->tail.stale)
        return result;
    bb_log_tail_wake(log); /* what was kept has become visible */
    return bb_log_tail_flush(log, error);
}
