/* A spool: see spool_internal.h. Belongs to one call; its room is shared by atomic counting. */
#include "http/spool_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void bb_http_spool_init(struct bb_http_spool *spool, struct bb_http_spool_room *room) {
    *spool = (struct bb_http_spool){.room = room, .fd = -1};
    bb_buffer_init(&spool->memory, room->memory_each);
}

/* The memory that the spool holds counts for all. */
static void account(struct bb_http_spool *spool) {
    int64_t now = (int64_t)spool->memory.capacity;

    atomic_fetch_add(&spool->room->memory_taken, now - spool->taken);
    spool->taken = now;
}

static void release_memory(struct bb_http_spool *spool) {
    bb_buffer_release(&spool->memory);
    bb_buffer_init(&spool->memory, spool->room->memory_each);
    account(spool);
}

void bb_http_spool_release(struct bb_http_spool *spool) {
    if (!spool->room)
        return;
    release_memory(spool);
    if (spool->fd >= 0)
        close(spool->fd);
    *spool = (struct bb_http_spool){.fd = -1};
}

static int write_whole(int fd, const char *data, size_t size, struct bb_error *error) {
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot keep the body of a request");
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

static int move_to_file(struct bb_http_spool *spool, struct bb_error *error) {
    spool->fd = open(spool->room->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (spool->fd < 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot keep the body of a request");
    int result = write_whole(spool->fd, spool->memory.data, spool->memory.size, error);
    release_memory(spool);
    return result;
}

static bool fits_memory(const struct bb_http_spool *spool, size_t size) {
    const struct bb_http_spool_room *room = spool->room;

    return spool->memory.size + size <= room->memory_each &&
           (spool->memory.size + size <= spool->memory.capacity ||
            atomic_load(&room->memory_taken) < room->memory_all);
}

int bb_http_spool_add(struct bb_http_spool *spool, const void *data, size_t size,
                      struct bb_error *error) {
    int result = 0;

    if (spool->fd < 0 && !fits_memory(spool, size))
        result = move_to_file(spool, error);
    if (result)
        return result;
    spool->size += size;
    if (spool->fd >= 0)
        return write_whole(spool->fd, data, size, error);
    bb_buffer_append(&spool->memory, data, size);
    account(spool);
    return spool->memory.overflow
               ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the body of a request")
               : 0;
}

static int read_spool(void *context, void *data, size_t capacity, size_t *got,
                      struct bb_error *error) {
    struct bb_http_spool *spool = context;
    uint64_t left = spool->size - spool->at;
    ssize_t n = left < capacity ? (ssize_t)left : (ssize_t)capacity;

    if (spool->fd < 0 && n > 0)
        memcpy(data, spool->memory.data + spool->at, (size_t)n);
    else if (spool->fd >= 0)
        do
            n = pread(spool->fd, data, (size_t)n, (off_t)spool->at);
        while (n < 0 && errno == EINTR);
    if (n < 0)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "cannot read the body of a request");
    spool->at += (uint64_t)n;
    *got = (size_t)n;
    return 0;
}

struct bb_input bb_http_spool_input(struct bb_http_spool *spool) {
    spool->at = 0;
    return (struct bb_input){read_spool, spool};
}
