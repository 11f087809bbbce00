/* A fixed share of the partitions: gained by the first poll, never lost. See assignment.h. */
#include "adapter/assignment.h"

#include <stdlib.h>
#include <time.h>

struct fixed {
    struct bb_assignment base; /* first */
    bool told, left;
    uint32_t partitions; /* of the log */
    size_t count;
    uint32_t mine[];
};

static struct fixed *fixed_of(struct bb_assignment *assignment) {
    return (struct fixed *)assignment;
}

static void fixed_close(struct bb_assignment *assignment) {
    free(fixed_of(assignment));
}

static int fixed_poll(struct bb_assignment *assignment, int timeout_ms, const uint32_t **partitions,
                      size_t *count, struct bb_error *error) {
    struct fixed *fixed = fixed_of(assignment);
    const struct timespec wait = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};

    (void)error;
    BB_ASSERT(!fixed->left);
    *partitions = fixed->mine;
    *count = fixed->told ? 0 : fixed->count;
    if (*count > 0) {
        fixed->told = true;
        return BB_ASSIGNMENT_GAINED;
    }
    if (timeout_ms > 0)
        (void)nanosleep(&wait,
                        NULL); /* a signal is no change, but may be what the caller waits for */
    return BB_ASSIGNMENT_QUIET;
}

static int fixed_release(struct bb_assignment *assignment, struct bb_error *error) {
    (void)assignment;
    (void)error;
    return 0;
}

static int fixed_hint(struct bb_assignment *assignment, uint32_t partition, uint64_t offset,
                      struct bb_error *error) {
    (void)offset;
    (void)error;
    BB_ASSERT(partition < fixed_of(assignment)->partitions);
    return 0;
}

static int fixed_leave(struct bb_assignment *assignment, struct bb_error *error) {
    (void)error;
    fixed_of(assignment)->left = true;
    return 0;
}

static const struct bb_assignment_ops fixed_ops = {
    .name = "static",
    .close = fixed_close,
    .poll = fixed_poll,
    .release = fixed_release,
    .hint = fixed_hint,
    .leave = fixed_leave,
};

int bb_assignment_static_open(uint32_t number, uint32_t count, uint32_t partitions,
                              struct bb_assignment **out, struct bb_error *error) {
    *out = NULL;
    if (number == 0 || number > count)
        return BB_FAIL(error, BB_E_USAGE, "there is no worker %u of %u", (unsigned)number,
                       (unsigned)count);
    struct fixed *fixed = calloc(1, sizeof *fixed + partitions * sizeof *fixed->mine);
    if (!fixed)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a worker's share");
    fixed->base.ops = &fixed_ops;
    fixed->partitions = partitions;
    for (uint32_t p = number - 1; p < partitions; p += count)
        fixed->mine[fixed->count++] = p;
    *out = &fixed->base;
    return 0;
}
