/* The port "task": what each task is, how far it has come, and who may say so. The queue hands tasks out
 * (port/queue.h); this table is the truth about them, as no queue can be listed.
 *
 *   queued ──claim──► running ──finish──► done | failed | cancelled
 *     ▲                  │ give_back                     │
 *     └──────────────────┴────────────── retry ──────────┘
 *
 * What an adapter owes:
 *  - `claim` raises the task's epoch, durably. `save`, `finish` and `give_back` do nothing unless the
 *    epoch they name is the task's and it is running: so a worker that was stopped for a while, and whose task
 *    was handed on, cannot write its progress, its checkpoint or its result.
 *  - A task that runs and whose lease is not over is not claimed by another.
 *  - Every change is one durable transaction. A negative answer leaves open whether it was done.
 *  - Times are of the clock the adapter was opened with.
 */
#ifndef BB_PORT_TASK_H
#define BB_PORT_TASK_H

#include "base/arena.h"
#include "base/error.h"
#include "model/timestamp.h"
#include "port/queue.h"

/* Stored ids: append only. */
enum bb_task_state {
    BB_TASK_QUEUED = 0,
    BB_TASK_RUNNING,
    BB_TASK_DONE,
    BB_TASK_FAILED,
    BB_TASK_CANCELLED
};
enum { BB_TASK_STATES = 5, BB_TASK_CHECKPOINT_MAX = 256 << 10, BB_TASK_TEXT_MAX = 600 };

struct bb_task {
    uint64_t id; /* from 1 on, ascending */
    struct bb_span kind, tenant;
    struct bb_span arguments; /* a JSON object */
    struct bb_span by;        /* who put it */
    enum bb_queue_priority priority;
    enum bb_task_state state;
    uint64_t epoch;     /* of its last claim; 0: none yet */
    uint32_t attempts;  /* claims since it was put or retried, those given back uncounted aside */
    bool cancel_wanted; /* while it runs */
    struct bb_span worker;
    int64_t lease_ms;          /* until when it is the worker's; BB_TIME_NONE: nobody's */
    uint64_t done, total;      /* in whatever the kind counts; total 0: unknown */
    struct bb_span doing;      /* in words, as last told */
    struct bb_span checkpoint; /* the kind's */
    struct bb_span result;     /* a JSON object; empty: none */
    int error_code; /* 0: none; of the last failure, also while it waits for another attempt */
    struct bb_span error_text;
    int64_t created_ms, started_ms, changed_ms, finished_ms; /* BB_TIME_NONE: not yet */
};

struct bb_task_new {
    struct bb_span kind, tenant, arguments, by;
    enum bb_queue_priority priority;
};

struct bb_task_question {
    struct bb_span tenant; /* empty: all */
    unsigned states;       /* 1 << state; 0: all */
    uint64_t before_id;    /* those put earlier than this one; 0: from the newest on */
};

enum bb_task_claim_outcome {
    BB_TASK_CLAIMED = 0,
    BB_TASK_BUSY = 1, /* another one has it, and its lease is not over */
    BB_TASK_OVER = 2, /* done, failed or cancelled: nothing is left to do */
    BB_TASK_NONE = 3
};
enum bb_task_held_outcome { BB_TASK_HELD = 0, BB_TASK_FENCED = 1 };
enum bb_task_change_outcome {
    BB_TASK_CHANGED = 0,
    BB_TASK_ASKED = 1, /* cancel: it runs, and is told at its next save */
    BB_TASK_UNFIT = 2, /* its state does not allow it */
    BB_TASK_ABSENT = 3
};

struct bb_task_save {
    uint64_t done, total;
    struct bb_span doing;
    const struct bb_span *checkpoint; /* NULL: as it is */
    bool cancel_wanted;               /* set by save */
};

struct bb_task_end {
    enum bb_task_state state; /* done, failed or cancelled */
    struct bb_span result;
    const struct bb_error *why; /* of a failure */
};

struct bb_task_forgotten {
    uint64_t id;
    enum bb_queue_priority priority;
};

/* Return 0 to go on, 1 to stop. Spans live until then. */
typedef int bb_task_visit(void *context, const struct bb_task *task);

struct bb_task_table;

struct bb_task_table_ops {
    const char *name;
    void (*close)(struct bb_task_table *table);
    int (*add)(struct bb_task_table *table, const struct bb_task_new *task, uint64_t *id,
               struct bb_error *error);
    /* 0, or BB_TASK_ABSENT. Texts live in the arena. */
    int (*get)(struct bb_task_table *table, uint64_t id, struct bb_arena *arena,
               struct bb_task *out, struct bb_error *error);
    /* The newest first. 0, or 1 when the visitor stopped it. */
    int (*list)(struct bb_task_table *table, const struct bb_task_question *question,
                bb_task_visit *visit, void *context, struct bb_error *error);
    /* enum bb_task_claim_outcome; *out is the task as claimed, or what stands in the way. */
    int (*claim)(struct bb_task_table *table, uint64_t id, struct bb_span worker, int64_t lease_ms,
                 struct bb_arena *arena, struct bb_task *out, struct bb_error *error);
    /* Progress, and the lease anew. This one, finish and give_back: enum bb_task_held_outcome. */
    int (*save)(struct bb_task_table *table, uint64_t id, uint64_t epoch, int64_t lease_ms,
                struct bb_task_save *save, struct bb_error *error);
    int (*finish)(struct bb_task_table *table, uint64_t id, uint64_t epoch,
                  const struct bb_task_end *end, struct bb_error *error);
    /* Queued again; `why` is kept as its last failure (NULL: there was none). */
    int (*give_back)(struct bb_task_table *table, uint64_t id, uint64_t epoch, bool uncounted,
                     const struct bb_error *why, struct bb_error *error);
    /* enum bb_task_change_outcome. retry: one that failed or was cancelled is queued, from its checkpoint on. */
    int (*cancel)(struct bb_task_table *table, uint64_t id, struct bb_error *error);
    int (*retry)(struct bb_task_table *table, uint64_t id, struct bb_error *error);
    /* Up to `room` tasks that wait, or whose lease is over, and that nobody has touched for quiet_ms; they count as touched now.
     * Whoever finds the queue empty puts them into it: one that was added when its putter died is there as well. */
    int (*find_forgotten)(struct bb_task_table *table, int64_t quiet_ms,
                          struct bb_task_forgotten *out, size_t room, size_t *count,
                          struct bb_error *error);
};

/* Adapters embed this first. */
struct bb_task_table {
    const struct bb_task_table_ops *ops;
};

/* The texts of a task into an arena; false: they do not fit. */
static inline bool bb_task_copy(struct bb_task *task, struct bb_arena *arena) {
    struct bb_span *const texts[] = {&task->kind,       &task->tenant, &task->arguments,
                                     &task->by,         &task->worker, &task->doing,
                                     &task->checkpoint, &task->result, &task->error_text};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = bb_arena_copy(arena, *texts[i]);
        if (!texts[i]->data)
            return false;
    }
    return true;
}

#endif
