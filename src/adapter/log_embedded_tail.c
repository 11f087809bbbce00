/* DIR/tail: how processes learn, without asking anyone, how far each partition is durable.
 *
 *   ┌ head: identity, wake ┐┌ entry of partition 0 ─────────────────┐┌ partition 1 ─ ...
 *   │ futex word, counts up ││ generation g │ slot 0 │ slot 1        ││
 *   └──────────────────────┘└───────────────┴────────┴──────────────┘└
 *
 * A publication writes the slot that is not current, then moves the generation on. A reader that
 * was overtaken while copying sees that the generation moved and looks again; one that copied a
 * whole slot has a state that was true a moment ago. A writer that is killed half way leaves the
 * current slot alone. The check word guards against what a power cut or a bad disk makes of the
 * page.
 *
 * The file is kept for ever under one name and inode: other processes have it mapped.
 */
#include "adapter/log_embedded_internal.h"
#include "base/clock.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static size_t tail_size(uint32_t partitions) {
    return sizeof(struct bb_log_tail_head) +
           (partitions + (size_t)1) * sizeof(struct bb_log_tail_entry);
}

/* Never 0 for an empty slot by chance: the identity is in it. */
static uint64_t slot_check(uint64_t identity, uint32_t partition, uint64_t generation,
                           const struct bb_log_end *end) {
    uint64_t h = bb_hash_mix(identity + partition);

    h = bb_hash_mix(h ^ generation) + end->first_offset;
    h = bb_hash_mix(h) + end->offset;
    h = bb_hash_mix(h) + end->readings;
    return bb_hash_mix(h);
}

/* Copy the slot of `generation`; false when its check does not fit. */
static bool slot_copy(const struct bb_log_files *log, uint32_t partition, uint64_t generation,
                      struct bb_log_end *out) {
    struct bb_log_tail_slot *slot = &log->tail.entry[partition].slot[generation % 2];

    /* Acquire on each word: whoever sees a newer word also sees that the generation moved. */
    out->first_offset = atomic_load_explicit(&slot->first, memory_order_acquire);
    out->offset = atomic_load_explicit(&slot->end, memory_order_acquire);
    out->readings = atomic_load_explicit(&slot->readings, memory_order_acquire);
    return atomic_load_explicit(&slot->check, memory_order_acquire) ==
           slot_check(log->base.identity, partition, generation, out);
}

int bb_log_tail_load(const struct bb_log_files *log, uint32_t partition, struct bb_log_end *out,
                     struct bb_error *error) {
    struct bb_log_tail_entry *entry = &log->tail.entry[partition];

    for (;;) {
        uint64_t generation = atomic_load_explicit(&entry->generation, memory_order_acquire);
        bool whole = slot_copy(log, partition, generation, out);
        if (atomic_load_explicit(&entry->generation, memory_order_acquire) != generation)
            continue;
        if (whole)
            return 0;
        return BB_FAIL(error, BB_E_LOG_CORRUPT,
                       "%s/tail is damaged; it is made anew when the log is opened for append",
                       log->directory);
    }
}

bool bb_log_tail_salvage(const struct bb_log_files *log, uint32_t partition,
                         struct bb_log_end *out) {
    struct bb_log_tail_entry *entry = &log->tail.entry[partition];
    uint64_t generation = atomic_load_explicit(&entry->generation, memory_order_acquire);

    /* The disk may hold the page of one moment and the word of another: also try the neighbours. */
    for (uint64_t back = 0; back < 3 && generation + 1 > back; back++)
        if (slot_copy(log, partition, generation + 1 - back, out))
            return true;
    return false;
}

void bb_log_tail_publish(struct bb_log_files *log, uint32_t partition,
                         const struct bb_log_end *end) {
    struct bb_log_tail_entry *entry = &log->tail.entry[partition];
    uint64_t generation = atomic_load_explicit(&entry->generation, memory_order_relaxed) + 1;
    struct bb_log_tail_slot *slot = &entry->slot[generation % 2];

    atomic_store_explicit(&slot->first, end->first_offset, memory_order_release);
    atomic_store_explicit(&slot->end, end->offset, memory_order_release);
    atomic_store_explicit(&slot->readings, end->readings, memory_order_release);
    atomic_store_explicit(&slot->check, slot_check(log->base.identity, partition, generation, end),
                          memory_order_release);
    atomic_store_explicit(&entry->generation, generation, memory_order_release);
}

/* Not the private kind: the sleepers are in other processes. */
static long futex(_Atomic uint32_t *word, int operation, uint32_t value,
                  const struct timespec *timeout) {
    return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

void bb_log_tail_wake(struct bb_log_files *log) {
    atomic_fetch_add_explicit(&log->tail.head->wake, 1, memory_order_acq_rel);
    futex(&log->tail.head->wake, FUTEX_WAKE, INT_MAX, NULL);
}

int bb_log_tail_wait(struct bb_log_files *log, int timeout_ms, struct bb_error *error) {
    int64_t deadline_ns = bb_monotonic_ns() + (int64_t)timeout_ms * 1000000;

    for (;;) {
        uint32_t now = atomic_load_explicit(&log->tail.head->wake, memory_order_acquire);
        if (now != log->tail.seen) {
            log->tail.seen = now;
            return 0;
        }
        int64_t left_ns = timeout_ms < 0 ? INT64_MAX : deadline_ns - bb_monotonic_ns();
        if (left_ns <= 0)
            return 1;
        struct timespec left = {.tv_sec = (time_t)(left_ns / 1000000000),
                                .tv_nsec = (long)(left_ns % 1000000000)};
        if (futex(&log->tail.head->wake, FUTEX_WAIT, now, timeout_ms < 0 ? NULL : &left) != 0 &&
            errno != EAGAIN && errno != EINTR && errno != ETIMEDOUT)
            return BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot wait on %s/tail",
                                 log->directory);
    }
}

/* Put the head right and the length; entries that are there stay, each has a check of its own.
 * Real zeros and not a hole: a store into a hole of a full disk would be a SIGBUS. */
static int tail_repair(struct bb_log_files *log, const char *path, struct bb_error *error) {
    size_t size = tail_size(log->base.partitions);
    struct bb_log_tail_head *image = calloc(1, size);

    if (!image)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %s", path);
    int failure = pread(log->tail.fd, image, size, 0) < 0 ? errno : 0;
    image->magic = BB_LOG_TAIL_MAGIC;
    image->identity = log->base.identity;
    image->version = BB_LOG_FORMAT;
    image->partitions = log->base.partitions;
    if (!failure)
        failure = bb_log_write_whole(log->tail.fd, image, size, 0);
    if (!failure && (ftruncate(log->tail.fd, (off_t)size) != 0 || fsync(log->tail.fd) != 0))
        failure = errno;
    free(image);
    if (failure)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, failure, "cannot write %s", path);
    return 0;
}

/* Does the file belong to this log, in full length? */
static bool tail_fits(const struct bb_log_files *log) {
    struct bb_log_tail_head head;
    struct stat status;

    return fstat(log->tail.fd, &status) == 0 &&
           status.st_size == (off_t)tail_size(log->base.partitions) &&
           pread(log->tail.fd, &head, sizeof head, 0) == (ssize_t)sizeof head &&
           head.magic == BB_LOG_TAIL_MAGIC && head.version == BB_LOG_FORMAT &&
           head.identity == log->base.identity && head.partitions == log->base.partitions;
}

int bb_log_tail_open(struct bb_log_files *log, struct bb_error *error) {
    struct bb_log_tail *tail = &log->tail;
    char path[BB_LOG_PATH_SIZE];

    snprintf(path, sizeof path, "%s/tail", log->directory);
    tail->fd = open(path, log->append ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0640);
    if (tail->fd < 0)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot open %s", path);
    if (!tail_fits(log)) {
        if (!log->append)
            return BB_FAIL(error, BB_E_LOG_CORRUPT,
                           "%s is damaged; it is made anew when the log is opened for append",
                           path);
        int result = tail_repair(log, path, error);
        if (result < 0)
            return result;
    }
    size_t size = tail_size(log->base.partitions);
    void *map = mmap(NULL, size, log->append ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
                     tail->fd, 0);
    if (map == MAP_FAILED)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot map %s", path);
    tail->size = size;
    tail->head = map;
    tail->entry = (struct bb_log_tail_entry *)(tail->head + 1);
    tail->seen = atomic_load_explicit(&tail->head->wake, memory_order_acquire);
    return 0;
}

int bb_log_tail_flush(const struct bb_log_files *log, struct bb_error *error) {
    if (log->tail.fd >= 0 && fdatasync(log->tail.fd) != 0)
        return BB_FAIL_ERRNO(error, BB_E_LOG_IO, errno, "cannot make %s/tail durable",
                             log->directory);
    return 0;
}

void bb_log_tail_close(struct bb_log_tail *tail) {
    if (tail->head)
        munmap(tail->head, tail->size);
    if (tail->fd >= 0)
        close(tail->fd);
    tail->head = NULL;
    tail->fd = -1;
}
