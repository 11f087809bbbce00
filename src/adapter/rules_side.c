/* Side inputs in memory that a set's workers share: see rules_request_internal.h and rules_layout_internal.h. */
#include "adapter/rules_request_internal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t names_bytes(const struct bb_rules_side *items, size_t count) {
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += items[i].name.size + 1;
    return bytes;
}

static size_t region_bytes(const struct bb_rules_side *items, size_t count) {
    size_t bytes = BB_RULES_COLUMNS_AT + bb_rules_aligned(count * sizeof(uint64_t)) +
                   bb_rules_aligned(names_bytes(items, count));

    for (size_t i = 0; i < count; i++)
        bytes += bb_rules_aligned(items[i].count * sizeof(int64_t)) +
                 bb_rules_aligned(items[i].count * sizeof(double));
    return bytes;
}

/* Write all of it, then on to the next multiple of the alignment (memory begins as zeros). */
static bool put(int fd, off_t *at, const void *data, size_t bytes) {
    const char *from = data;

    for (size_t done = 0; done < bytes;) {
        ssize_t wrote = pwrite(fd, from + done, bytes - done, *at + (off_t)done);
        if (wrote <= 0)
            return false;
        done += (size_t)wrote;
    }
    *at += (off_t)bb_rules_aligned(bytes);
    return true;
}

static bool put_names(int fd, off_t *at, const struct bb_rules_side *items, size_t count) {
    struct bb_buffer names;

    bb_buffer_init(&names, 64 << 10);
    for (size_t i = 0; i < count; i++) {
        bb_buffer_append_span(&names, items[i].name);
        bb_buffer_append_byte(&names, 0);
    }
    bool done = !names.overflow && put(fd, at, names.data, names.size);
    bb_buffer_release(&names);
    return done;
}

static bool fill(int fd, const struct bb_rules_side *items, size_t count) {
    const struct bb_rules_side_head head = {BB_RULES_MAGIC, (uint32_t)count,
                                            names_bytes(items, count)};
    off_t at = 0, points_at = BB_RULES_COLUMNS_AT;
    bool done = put(fd, &at, &head, sizeof head);

    for (size_t i = 0; done && i < count; i++) {
        const uint64_t points = items[i].count;
        done = pwrite(fd, &points, sizeof points, points_at + (off_t)(i * sizeof points)) ==
               sizeof points;
    }
    at = points_at + (off_t)bb_rules_aligned(count * sizeof(uint64_t));
    done = done && put_names(fd, &at, items, count);
    for (size_t i = 0; done && i < count; i++)
        done = put(fd, &at, items[i].ts_ms, items[i].count * sizeof(int64_t)) &&
               put(fd, &at, items[i].value, items[i].count * sizeof(double));
    return done;
}

int bb_rules_side_make(const struct bb_rules_side *items, size_t count) {
    int fd = memfd_create("rules-side", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd >= 0 && ftruncate(fd, (off_t)region_bytes(items, count)) == 0 &&
        fill(fd, items, count) &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}
