/* The worker of tasks: takes one at a time from the queue, claims it in the table, runs it, and keeps both leases while it runs.
 *
 *   queue.take ─► table.claim ─► [ thread: kind->run ] ─► table.finish ─► queue.ack
 *                     │             keeper: save, renew, every quarter of a lease
 *                     └─ over: ack · busy: give back for the rest of its lease · fenced: leave it to its heir
 *
 * The table is the truth: finish comes before ack, so that a crash between them hands out a task that is over, which is
 * acknowledged. An item that is lost costs a delay: who finds the queue empty looks for tasks that nobody has touched.
 *
 * Two threads: the kind runs on one of its own, so that a lease is kept while a call takes long; the caller's thread keeps. One lock
 * (in struct bb_task_run) is around queue, table and what the two tell each other.
 */
#ifndef BB_TASK_WORKER_H
#define BB_TASK_WORKER_H

#include "base/random.h"
#include "task/kind.h"

enum bb_task_event {
    BB_TASK_EVENT_TAKEN,
    BB_TASK_EVENT_DONE,
    BB_TASK_EVENT_FAILED,
    BB_TASK_EVENT_CANCELLED,
    BB_TASK_EVENT_GIVEN_BACK, /* it is to end, or has to wait for something; or an attempt failed */
    BB_TASK_EVENT_FENCED,     /* another worker has it */
    BB_TASK_EVENT_FOUND       /* it was in no queue, and is in it again */
};
extern const char *const bb_task_event_words[];

struct bb_task_worker {
    struct bb_queue *queue;
    struct bb_task_table *table;
    struct bb_span name; /* of this worker: host and process */
    const struct bb_task_tools *tools;
    const volatile bool *stop; /* it is to end */
    int64_t stop_ms;           /* the time it has for that */
    int64_t quiet_ms;          /* tasks that nobody has touched for so long are looked for */
    void (*note)(void *context, enum bb_task_event event, const struct bb_task *task,
                 const struct bb_error *why);
    void *context;
    struct bb_random random;
    uint64_t taken, done, failed;
};

enum bb_task_work_outcome {
    BB_TASK_WORKED = 0,
    BB_TASK_IDLE = 1, /* nothing was there */
    /* It was to end, and the task did not within stop_ms: it was given back, but its thread still runs. The process
     * has to end, without closing what the tools opened. */
    BB_TASK_LEFT = 2
};

/* One task, if one comes within timeout_ms. A negative error is of queue or table, often a retriable one. */
int bb_task_work(struct bb_task_worker *worker, int timeout_ms, struct bb_error *error) BB_MUST_USE;

/* Put a task: into the table, then into the queue. */
int bb_task_put(struct bb_queue *queue, struct bb_task_table *table, const struct bb_task_new *task,
                uint64_t *id, struct bb_error *error) BB_MUST_USE;
/* Into the queue alone: a task that is to be tried again. */
int bb_task_hand_out(struct bb_queue *queue, uint64_t id, enum bb_queue_priority priority,
                     struct bb_error *error) BB_MUST_USE;

#endif
