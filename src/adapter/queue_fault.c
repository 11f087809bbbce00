/* Queue and task table with a fault in them: every call is counted, and the one that the plan names fails, either before it
 * did anything or after it did all of it (the answer that was lost on the way). They own neither what is inside nor the plan. */
#include "adapter/fault.h"
#include "adapter/queue.h"

#include <stdlib.h>

struct queue_fault {
    struct bb_queue base;
    struct bb_queue *inner;
    struct bb_fault_plan *plan;
};

struct task_table_fault {
    struct bb_task_table base;
    struct bb_task_table *inner;
    struct bb_fault_plan *plan;
};

/* `operation` of what is inside, under the plan; `...` are its arguments, the last one is `error`. */
#define UNDER_PLAN(type, operation, ...)                                                           \
    struct type *fault = (struct type *)base;                                                      \
    BB_FAULT_RETURN(fault->plan, true, #operation, error,                                          \
                    fault->inner->ops->operation(fault->inner, __VA_ARGS__))

/* ---- the queue ------------------------------------------------------------------------------- */

static void queue_close(struct bb_queue *base) {
    free(base);
}

static int queue_put(struct bb_queue *base, const struct bb_queue_item *item,
                     struct bb_error *error) {
    UNDER_PLAN(queue_fault, put, item, error);
}

static int queue_take(struct bb_queue *base, int timeout_ms, struct bb_queue_delivery *out,
                      struct bb_error *error) {
    UNDER_PLAN(queue_fault, take, timeout_ms, out, error);
}

static int queue_take_dead(struct bb_queue *base, struct bb_queue_delivery *out,
                           struct bb_error *error) {
    UNDER_PLAN(queue_fault, take_dead, out, error);
}

static int queue_renew(struct bb_queue *base, struct bb_error *error) {
    UNDER_PLAN(queue_fault, renew, error);
}

static int queue_ack(struct bb_queue *base, struct bb_error *error) {
    UNDER_PLAN(queue_fault, ack, error);
}

static int queue_give_back(struct bb_queue *base, int64_t delay_ms, bool uncounted,
                           struct bb_error *error) {
    UNDER_PLAN(queue_fault, give_back, delay_ms, uncounted, error);
}

static int queue_counts(struct bb_queue *base, struct bb_queue_counts *out,
                        struct bb_error *error) {
    UNDER_PLAN(queue_fault, counts, out, error);
}

static const struct bb_queue_ops queue_operations = {.name = "fault",
                                                     .close = queue_close,
                                                     .put = queue_put,
                                                     .take = queue_take,
                                                     .take_dead = queue_take_dead,
                                                     .renew = queue_renew,
                                                     .ack = queue_ack,
                                                     .give_back = queue_give_back,
                                                     .counts = queue_counts};

struct bb_queue *bb_queue_fault_wrap(struct bb_queue *inner, struct bb_fault_plan *plan) {
    struct queue_fault *fault = calloc(1, sizeof *fault);

    if (!fault)
        return NULL;
    *fault = (struct queue_fault){*inner, inner, plan};
    fault->base.ops = &queue_operations;
    return &fault->base;
}

/* ---- the table ------------------------------------------------------------------------------- */

static void table_close(struct bb_task_table *base) {
    free(base);
}

static int table_add(struct bb_task_table *base, const struct bb_task_new *task, uint64_t *id,
                     struct bb_error *error) {
    UNDER_PLAN(task_table_fault, add, task, id, error);
}

static int table_get(struct bb_task_table *base, uint64_t id, struct bb_arena *arena,
                     struct bb_task *out, struct bb_error *error) {
    UNDER_PLAN(task_table_fault, get, id, arena, out, error);
}

static int table_list(struct bb_task_table *base, const struct bb_task_question *question,
                      bb_task_visit *visit, void *context, struct bb_error *error) {
    UNDER_PLAN(task_table_fault, list, question, visit, context, error);
}

static int table_claim(struct bb_task_table *base, uint64_t id, struct bb_span worker,
                       int64_t lease_ms, struct bb_arena *arena, struct bb_task *out,
                       struct bb_error *error) {
    UNDER_PLAN(task_table_fault, claim, id, worker, lease_ms, arena, out, error);
}

static int table_save(struct bb_task_table *base, uint64_t id, uint64_t epoch, int64_t lease_ms,
                      struct bb_task_save *save, struct bb_error *error) {
    UNDER_PLAN(task_table_fault, save, id, epoch, lease_ms, save, error);
}

static int table_finish(struct bb_task_table *base, uint64_t id, uint64_t epoch,
                        const struct bb_task_end *end, struct bb_error *error) {
    UNDER_PLAN(task_table_fault, finish, id, epoch, end, error);
}

static int table_give_back(struct bb_task_table *base, uint64_t id, uint64_t epoch, bool uncounted,
                           const struct bb_error *why, struct bb_error *error) {
    UNDER_PLAN(task_table_fault, give_back, id, epoch, uncounted, why, error);
}

static int table_cancel(struct bb_task_table *base, uint64_t id, struct bb_error *error) {
    UNDER_PLAN(task_table_fault, cancel, id, error);
}

static int table_retry(struct bb_task_table *base, uint64_t id, struct bb_error *error) {
    UNDER_PLAN(task_table_fault, retry, id, error);
}

static int table_find_forgotten(struct bb_task_table *base, int64_t quiet_ms,
                                struct bb_task_forgotten *out, size_t room, size_t *count,
                                struct bb_error *error) {
    UNDER_PLAN(task_table_fault, find_forgotten, quiet_ms, out, room, count, error);
}

static const struct bb_task_table_ops table_operations = {.name = "fault",
                                                          .close = table_close,
                                                          .add = table_add,
                                                          .get = table_get,
                                                          .list = table_list,
                                                          .claim = table_claim,
                                                          .save = table_save,
                                                          .finish = table_finish,
                                                          .give_back = table_give_back,
                                                          .cancel = table_cancel,
                                                          .retry = table_retry,
                                                          .find_forgotten = table_find_forgotten};

struct bb_task_table *bb_task_table_fault_wrap(struct bb_task_table *inner,
                                               struct bb_fault_plan *plan) {
    struct task_table_fault *fault = calloc(1, sizeof *fault);

    if (!fault)
        return NULL;
    *fault = (struct task_table_fault){{&table_operations}, inner, plan};
    return &fault->base;
}
