/* The processes of the rules: the zygote, and workers that it forks. */
#ifndef BB_ADAPTER_RULES_PROCESS_INTERNAL_H
#define BB_ADAPTER_RULES_PROCESS_INTERNAL_H

#include <sys/types.h>

#include "adapter/rules_python.h"
#include "base/buffer.h"

enum { BB_RULES_SAID_MAX = 4096 };

struct bb_zygote {
    const struct bb_rules_python_options *options;
    pid_t pid; /* 0: none */
    int control_fd; /* a stream: "R" when it is ready; then a byte and four or five descriptors, answered by a pid */
    int said_fd; /* what it and its workers say on standard error */
    char said[BB_RULES_SAID_MAX];
    size_t said_size;
};

/* Start it, and wait until its imports are done. -BB_E_RULES_NO_CAGE, -BB_E_RULES_HOST. */
int bb_zygote_start(struct bb_zygote *zygote, struct bb_error *error) BB_MUST_USE;
void bb_zygote_end(struct bb_zygote *zygote);
/* What was said since the last time: until the next. */
struct bb_span bb_zygote_said(struct bb_zygote *zygote);

struct bb_rules_worker {
    pid_t pid;              /* 0: none */
    int pid_fd;             /* readable when it has ended */
    int wake_fd, done_fd;   /* eventfds */
    char *request, *answer; /* mapped; of the sizes below */
    size_t request_bytes, answer_bytes;
    int request_fd, answer_fd;
    int side_fd; /* the set's: what it is given to read beside its requests; -1: nothing */
    uint64_t
        spent_ns; /* of processors, as the kernel says, since whoever sums it up took it away; of a call in which it
                        * ended what the clock says */
};

/* Regions of at least these sizes, and a worker that has them. The regions stay when it ends. */
int bb_rules_worker_start(struct bb_rules_worker *worker, struct bb_zygote *zygote,
                          size_t request_bytes, size_t answer_bytes, struct bb_error *error)
    BB_MUST_USE;
/* End the process; its regions stay readable. */
void bb_rules_worker_end(struct bb_rules_worker *worker);
void bb_rules_worker_release(struct bb_rules_worker *worker);

enum bb_rules_call { BB_RULES_ANSWERED = 0, BB_RULES_ENDED, BB_RULES_LATE };
/* Let it work on the request that lies there. Of one that is late or has ended nothing runs any more. */
enum bb_rules_call bb_rules_worker_call(struct bb_rules_worker *worker, uint32_t deadline_ms);

#endif
