/* The processes of a server: workers that are started, started again when they end, and ended with it.
 *
 * Children are of this same program, by posix_spawn: nothing of an open store is inherited. They end when the
 * server does, however it ends (worker --parent). One thread: the server's main one.
 */
#ifndef BB_CLI_CHILDREN_H
#define BB_CLI_CHILDREN_H

#include <sys/types.h>

#include "cli/cli.h"

enum { BB_CHILDREN_MAX = 64 };

struct bb_child {
    uint32_t number;             /* from 1 */
    pid_t pid;                   /* 0: does not run */
    int64_t started_ms, next_ms; /* monotonic */
    int64_t pause_ms;            /* before the next start, when it ends soon */
    bool has_ended;              /* once at least */
};

/* What children have in common: memory of the server that they write to, as file descriptors (-1: there is none). */
struct bb_children_shared {
    int metrics;     /* where they count (service/metric.h) */
    int log_tail;    /* where their last lines are kept (base/log_tail.h) */
    bool is_grouped; /* a consumer group shares the partitions out, also to workers elsewhere */
};

struct bb_children {
    struct bb_command *command;
    struct bb_children_shared shared;
    struct bb_child items[BB_CHILDREN_MAX];
    uint32_t count;
};

void bb_children_init(struct bb_children *children, struct bb_command *command, uint32_t count,
                      struct bb_children_shared shared);
/* Start those that do not run and are due, note those that have ended. A few times a second. */
void bb_children_look(struct bb_children *children);
/* SIGTERM to all, and SIGKILL to those that have not ended after timeout_ms. */
void bb_children_end(struct bb_children *children, int timeout_ms);

#endif
