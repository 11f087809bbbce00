/* A task while it runs: shared by the thread that runs it and the one that keeps its leases, under `lock`. */
#ifndef BB_TASK_RUN_INTERNAL_H
#define BB_TASK_RUN_INTERNAL_H

#include <jansson.h>
#include <pthread.h>

#include "task/worker.h"

enum bb_task_cause { /* why it is to end before its end */
                     BB_TASK_GO_ON = 0,
                     BB_TASK_STOP,   /* its worker ends */
                     BB_TASK_CANCEL, /* people want that */
                     BB_TASK_LOSE    /* another worker has it, or its lease could not be kept */
};

enum { BB_TASK_RESULT_MAX = 256 << 10, BB_TASK_DOING_MAX = 200 };

struct bb_task_run {
    struct bb_task_worker *worker;
    const struct bb_task_kind *kind;
    struct bb_task task; /* as claimed; texts in the arena */
    struct bb_arena arena;
    json_t *arguments;
    struct bb_buffer result;

    pthread_mutex_t lock; /* what follows, and worker->queue and worker->table */
    pthread_cond_t changed;
    bool is_over;          /* the kind has returned */
    int outcome;           /* what it returned */
    struct bb_error error; /* of that */
    enum bb_task_cause cause;
    uint64_t done, total;
    char doing[BB_TASK_DOING_MAX];
    int64_t saved_ns; /* when the leases last began anew */

    volatile bool must_end; /* cause is set; read without the lock */
};

/* Take the task's arguments apart. */
int bb_task_run_begin(struct bb_task_run *run, struct bb_error *error) BB_MUST_USE;
void bb_task_run_release(struct bb_task_run *run);
/* Under the lock. Progress and, unless NULL, a checkpoint; leases begin anew. What it is told is in run->cause. */
int bb_task_run_save(struct bb_task_run *run, const struct bb_span *checkpoint,
                     struct bb_error *error) BB_MUST_USE;
void bb_task_run_end_for(struct bb_task_run *run, enum bb_task_cause cause);

#endif
