/* The log's twin in memory: the same duties, no files. For tests and the simulator.
 *
 * Offsets grow as they do in the embedded log (64 bytes and the body, rounded up to 8), so code
 * that does arithmetic on them, which it must not, fails here as it fails there. "Durable" means
 * that sync was called; closing the log forgets everything. One mutex guards all of a log, so that
 * readers may live on other threads, as they may live in other processes of the embedded one.
 */
#include "adapter/embedded.h"
#include "base/clock.h"
#include "base/list.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { HEADER_BYTES = 64 };

struct entry {
    struct bb_log_record record; /* the body is owned */
    uint64_t readings_before;
};

struct lane {              /* one partition */
    struct entry *entries; /* [first, count) are kept; first moves on when trimmed */
    size_t first, count, capacity;
    size_t durable;    /* entries below it may be read */
    uint64_t readings; /* made visible by all entries ever appended */
    uint64_t next_offset;
    uint64_t durable_offset, durable_readings;
};

struct memory_log {
    struct bb_log base;   /* first */
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t grown; /* generation moved */
    uint64_t generation;  /* counts syncs that made something durable */
    uint64_t seen;        /* generation at the last wait */
    struct lane *lanes;   /* [partitions + 1] */
};

struct memory_reader { /* what a struct bb_log_reader is here */
    struct memory_log *log;
    uint32_t partition;
    char *body; /* a copy: the entry may be trimmed while the caller looks at it */
};

static struct memory_log *memory_of(struct bb_log *log) {
    return (struct memory_log *)log;
}

static void memory_close(struct bb_log *base) {
    struct memory_log *log = memory_of(base);

    if (!log)
        return;
    for (uint32_t p = 0; log->lanes && p <= base->partitions; p++) {
        struct lane *lane = &log->lanes[p];
        for (size_t i = lane->first; i < lane->count; i++)
            free((char *)lane->entries[i].record.body.data);
        free(lane->entries);
    }
    free(log->lanes);
    pthread_mutex_destroy(&log->lock);
    pthread_cond_destroy(&log->grown);
    free(log);
}

/* Room for one more entry; the trimmed ones at the front make way first. */
static bool lane_reserve(struct lane *lane) {
    if (lane->count < lane->capacity)
        return true;
    if (lane->first > lane->capacity / 2) {
        size_t kept = lane->count - lane->first;
        memmove(lane->entries, lane->entries + lane->first, kept * sizeof *lane->entries);
        lane->durable -= lane->first;
        lane->count = kept;
        lane->first = 0;
        return true;
    }
    return bb_list_room(&lane->entries, lane->count, &lane->capacity, sizeof *lane->entries);
}

static int memory_append(struct bb_log *base, uint32_t partition, struct bb_log_record *record,
                         struct bb_error *error) {
    struct memory_log *log = memory_of(base);
    size_t size = record->body.size;
    char *body = malloc(size ? size : 1);

    BB_ASSERT(partition <= base->partitions);
    if (!body)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a record of %zu bytes", size);
    if (size > 0)
        memcpy(body, record->body.data, size);
    pthread_mutex_lock(&log->lock);
    struct lane *lane = &log->lanes[partition];
    if (!lane_reserve(lane)) {
        pthread_mutex_unlock(&log->lock);
        free(body);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for one more record");
    }
    record->offset = lane->next_offset;
    record->next_offset = record->offset + HEADER_BYTES + ((size + 7) & ~(size_t)7);
    struct entry *entry = &lane->entries[lane->count++];
    *entry = (struct entry){*record, lane->readings};
    entry->record.body = (struct bb_span){body, size};
    lane->next_offset = record->next_offset;
    lane->readings += record->readings;
    pthread_mutex_unlock(&log->lock);
    return 0;
}

static int memory_sync_begin(struct bb_log *base, struct bb_error *error) {
    (void)base;
    (void)error;
    return 0;
}

static int memory_sync(struct bb_log *base, struct bb_error *error) {
    struct memory_log *log = memory_of(base);
    bool grown = false;

    (void)error;
    pthread_mutex_lock(&log->lock);
    for (uint32_t p = 0; p <= base->partitions; p++) {
        struct lane *lane = &log->lanes[p];
        grown = grown || lane->durable < lane->count;
        lane->durable = lane->count;
        lane->durable_offset = lane->next_offset;
        lane->durable_readings = lane->readings;
    }
    if (grown) {
        log->generation++;
        pthread_cond_broadcast(&log->grown);
    }
    pthread_mutex_unlock(&log->lock);
    return 0;
}

/* ---- what follows, up to the next line like this, runs under the lock */

static struct bb_log_end lane_end(const struct lane *lane) {
    uint64_t first = lane->first < lane->durable ? lane->entries[lane->first].record.offset
                                                 : lane->durable_offset;
    return (struct bb_log_end){first, lane->durable_offset, lane->durable_readings};
}

/* The durable entry that begins at `offset`; NULL: none. */
static const struct entry *lane_find(const struct lane *lane, uint64_t offset) {
    size_t low = lane->first, high = lane->durable;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lane->entries[middle].record.offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < lane->durable && lane->entries[low].record.offset == offset ? &lane->entries[low]
                                                                             : NULL;
}

static int lane_look_up(const struct lane *lane, uint64_t offset, const struct entry **out,
                        struct bb_error *error) {
    struct bb_log_end end = lane_end(lane);

    *out = NULL;
    if (offset < end.first_offset)
        return BB_FAIL(error, BB_E_LOG_CORRUPT,
                       "offset %" PRIu64 " is no longer kept; the first one kept is %" PRIu64,
                       offset, end.first_offset);
    if (offset > lane->next_offset)
        return BB_FAIL(error, BB_E_LOG_CORRUPT,
                       "offset %" PRIu64 " lies behind the log's end %" PRIu64, offset,
                       lane->next_offset);
    if (offset >= end.offset)
        return BB_LOG_END;
    *out = lane_find(lane, offset);
    if (!*out)
        return BB_FAIL(error, BB_E_LOG_CORRUPT, "no record begins at offset %" PRIu64, offset);
    return BB_LOG_RECORD;
}

/* ---- each of these takes the lock itself */

static int memory_end(struct bb_log *base, uint32_t partition, struct bb_log_end *out,
                      struct bb_error *error) {
    struct memory_log *log = memory_of(base);

    (void)error;
    BB_ASSERT(partition <= base->partitions);
    pthread_mutex_lock(&log->lock);
    *out = lane_end(&log->lanes[partition]);
    pthread_mutex_unlock(&log->lock);
    return 0;
}

static int memory_backlog(struct bb_log *base, uint32_t partition, uint64_t position,
                          struct bb_log_backlog *out, struct bb_error *error) {
    struct memory_log *log = memory_of(base);
    const struct entry *entry = NULL;

    BB_ASSERT(partition <= base->partitions);
    *out = (struct bb_log_backlog){0};
    pthread_mutex_lock(&log->lock);
    const struct lane *lane = &log->lanes[partition];
    out->end = lane_end(lane);
    int result = lane_look_up(lane, position, &entry, error);
    if (entry) {
        out->lag_readings = out->end.readings - entry->readings_before;
        out->oldest_ms = entry->record.received_ms;
    }
    pthread_mutex_unlock(&log->lock);
    return result < 0 ? result : 0;
}

static int memory_reader_open(struct bb_log *base, uint32_t partition, struct bb_log_reader **out,
                              struct bb_error *error) {
    struct memory_reader *reader = calloc(1, sizeof *reader);

    BB_ASSERT(partition <= base->partitions);
    *out = NULL;
    if (!reader)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a reader of the log");
    reader->log = memory_of(base);
    reader->partition = partition;
    *out = (struct bb_log_reader *)reader;
    return 0;
}

static void memory_reader_close(struct bb_log_reader *opaque) {
    struct memory_reader *reader = (struct memory_reader *)opaque;

    if (!reader)
        return;
    free(reader->body);
    free(reader);
}

static int memory_read(struct bb_log_reader *opaque, uint64_t offset, struct bb_log_record *out,
                       struct bb_error *error) {
    struct memory_reader *reader = (struct memory_reader *)opaque;
    struct memory_log *log = reader->log;
    const struct entry *entry = NULL;

    free(reader->body); /* a fresh block each time: a span kept too long is caught by sanitizers */
    reader->body = NULL;
    pthread_mutex_lock(&log->lock);
    int result = lane_look_up(&log->lanes[reader->partition], offset, &entry, error);
    if (entry) {
        size_t size = entry->record.body.size;
        reader->body = malloc(size ? size : 1);
        *out = entry->record;
        if (reader->body && size > 0)
            memcpy(reader->body, entry->record.body.data, size);
        out->body.data = reader->body;
    }
    pthread_mutex_unlock(&log->lock);
    if (entry && !reader->body)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a record of %zu bytes",
                       out->body.size);
    return result;
}

static int memory_wait(struct bb_log *base, int timeout_ms, struct bb_error *error) {
    struct memory_log *log = memory_of(base);
    int64_t deadline_ns = bb_monotonic_ns() + (int64_t)timeout_ms * 1000000;
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                .tv_nsec = (long)(deadline_ns % 1000000000)};
    int failure = 0;

    (void)error;
    pthread_mutex_lock(&log->lock);
    while (log->generation == log->seen && failure != ETIMEDOUT)
        failure = timeout_ms < 0
                      ? pthread_cond_wait(&log->grown, &log->lock)
                      : pthread_cond_clockwait(&log->grown, &log->lock, CLOCK_MONOTONIC, &deadline);
    bool grown = log->generation != log->seen;
    log->seen = log->generation;
    pthread_mutex_unlock(&log->lock);
    return grown ? 0 : 1;
}

/* A segment is one record here. */
static int memory_trim(struct bb_log *base, uint32_t partition, uint64_t offset, int64_t before_ms,
                       struct bb_error *error) {
    struct memory_log *log = memory_of(base);

    (void)error;
    BB_ASSERT(partition <= base->partitions);
    pthread_mutex_lock(&log->lock);
    struct lane *lane = &log->lanes[partition];
    while (lane->first < lane->durable && lane->entries[lane->first].record.next_offset <= offset &&
           lane->entries[lane->first].record.received_ms < before_ms)
        free((char *)lane->entries[lane->first++].record.body.data);
    pthread_mutex_unlock(&log->lock);
    return 0;
}

static int memory_verify(struct bb_log *base, uint32_t partition, uint64_t *records,
                         struct bb_error *error) {
    struct memory_log *log = memory_of(base);

    (void)error;
    BB_ASSERT(partition <= base->partitions);
    pthread_mutex_lock(&log->lock);
    *records = log->lanes[partition].durable - log->lanes[partition].first;
    pthread_mutex_unlock(&log->lock);
    return 0;
}

static int memory_copy(struct bb_log *base, const struct bb_log_end *upto, const char *folder,
                       struct bb_error *error) {
    (void)base;
    (void)upto;
    (void)folder;
    (void)error;
    return BB_COPY_ELSEWHERE;
}

static const struct bb_log_ops memory_ops = {
    .name = "memory",
    .close = memory_close,
    .append = memory_append,
    .sync_begin = memory_sync_begin,
    .sync = memory_sync,
    .end = memory_end,
    .backlog = memory_backlog,
    .reader_open = memory_reader_open,
    .reader_close = memory_reader_close,
    .read = memory_read,
    .wait = memory_wait,
    .trim = memory_trim,
    .verify = memory_verify,
    .copy = memory_copy,
};

int bb_log_memory_open(uint32_t partitions, struct bb_log **out, struct bb_error *error) {
    static atomic_uint_least64_t opened; /* no two twins of a process share an identity */
    struct memory_log *log = calloc(1, sizeof *log);

    *out = NULL;
    if (log)
        log->lanes = calloc((size_t)partitions + 1, sizeof *log->lanes);
    if (!log || !log->lanes) {
        free(log);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a log in memory");
    }
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->grown, NULL);
    log->base = (struct bb_log){&memory_ops, 1 + atomic_fetch_add(&opened, 1), partitions};
    *out = &log->base;
    return 0;
}
