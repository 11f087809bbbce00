/* The worker of tasks: see worker.h. */
#include "task/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/backoff.h"
#include "task/run_internal.h"

enum {
    ARENA_CHUNK_BYTES = 64 << 10,
    ARENA_LIMIT_BYTES = 4 << 20,
    LOOK_EVERY_MS = 100, /* at the flag that says stop */
    BACKOFF_BASE_MS = 1000,
    BACKOFF_CAP_MS = 300000,
    LOCKED_WAIT_MS = 2000, /* for a log that another process has */
    STACK_BYTES = 8 << 20,
    FORGOTTEN_MAX = 32
};

const char *const bb_task_event_words[] = {
    [BB_TASK_EVENT_TAKEN] = "a task was taken up",
    [BB_TASK_EVENT_DONE] = "a task is done",
    [BB_TASK_EVENT_FAILED] = "a task failed",
    [BB_TASK_EVENT_CANCELLED] = "a task was cancelled",
    [BB_TASK_EVENT_GIVEN_BACK] = "a task was given back",
    [BB_TASK_EVENT_FENCED] = "a task was left to another worker",
    [BB_TASK_EVENT_FOUND] = "a task that was in no queue was put into it again",
};

static void note(struct bb_task_worker *w, enum bb_task_event event, const struct bb_task *task,
                 const struct bb_error *why) {
    if (w->note)
        w->note(w->context, event, task, why);
}

/* ---- putting --------------------------------------------------------------------------------- */

int bb_task_hand_out(struct bb_queue *queue, uint64_t id, enum bb_queue_priority priority,
                     struct bb_error *error) {
    char text[24];
    const struct bb_queue_item item = {
        .body = {text, (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)id)},
        .priority = priority};

    return queue->ops->put(queue, &item, error);
}

int bb_task_put(struct bb_queue *queue, struct bb_task_table *table, const struct bb_task_new *task,
                uint64_t *id, struct bb_error *error) {
    int result = table->ops->add(table, task, id, error);

    return result ? result : bb_task_hand_out(queue, *id, task->priority, error);
}

/* An item that is no number is nobody's task: 0. */
static uint64_t task_of(struct bb_span body) {
    char text[24] = "";

    if (body.size == 0 || body.size >= sizeof text)
        return 0;
    memcpy(text, body.data, body.size);
    return strtoull(text, NULL, 10);
}

/* ---- the thread of a task -------------------------------------------------------------------- */

static void *run_kind(void *context) {
    struct bb_task_run *run = context;
    struct bb_error error = {0};
    int outcome = run->kind->run(run, &error);

    pthread_mutex_lock(&run->lock);
    run->outcome = outcome;
    run->error = error;
    run->is_over = true;
    pthread_cond_signal(&run->changed);
    pthread_mutex_unlock(&run->lock);
    return NULL;
}

static int start(struct bb_task_run *run, pthread_t *thread, struct bb_error *error) {
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int cause = pthread_create(thread, &attributes, run_kind, run);
    pthread_attr_destroy(&attributes);
    return cause ? BB_FAIL_ERRNO(error, BB_E_NO_MEMORY, cause, "a task's thread does not start")
                 : 0;
}

static void wait_a_moment(struct bb_task_run *run) {
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_EVERY_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&run->changed, &run->lock, &until);
}

/* Under the lock. A lease that cannot be kept is lost when it is over, whoever would take the task then. */
static void keep_leases(struct bb_task_run *run) {
    const int64_t lease_ms = run->worker->queue->lease_ms;
    int64_t age_ms = (bb_monotonic_ns() - run->saved_ns) / 1000000;
    struct bb_error error;

    if (run->cause == BB_TASK_LOSE || age_ms < lease_ms / 4)
        return;
    if (bb_task_run_save(run, NULL, &error) < 0 && (age_ms >= lease_ms || !error.retriable))
        bb_task_run_end_for(run, BB_TASK_LOSE);
}

/* True: the kind has returned. False: it did not in the time there was. */
static bool keep(struct bb_task_run *run) {
    int64_t stopping_ns = 0;

    pthread_mutex_lock(&run->lock);
    while (!run->is_over) {
        if (*run->worker->stop && stopping_ns == 0) {
            stopping_ns = bb_monotonic_ns();
            bb_task_run_end_for(run, BB_TASK_STOP);
        }
        if (stopping_ns > 0 && (bb_monotonic_ns() - stopping_ns) / 1000000 >= run->worker->stop_ms)
            break;
        keep_leases(run);
        wait_a_moment(run);
    }
    bool is_over = run->is_over;
    pthread_mutex_unlock(&run->lock);
    return is_over;
}

/* ---- how it ends ----------------------------------------------------------------------------- */

/* Call again and again what fails for a while only, as long as the lease lasts. */
#define WHILE_IT_MAY_WORK(run, call)                                                               \
    do {                                                                                           \
        for (uint32_t tries = 1;; tries++) {                                                       \
            result = (call);                                                                       \
            if (result >= 0 || !error->retriable ||                                                \
                bb_monotonic_ns() - (run)->saved_ns >                                              \
                    (run)->worker->queue->lease_ms * INT64_C(1000000))                             \
                break;                                                                             \
            usleep((useconds_t)bb_backoff_ms(tries, 50, 1000, &(run)->worker->random) * 1000);     \
        }                                                                                          \
    } while (0)

/* What comes of it in the table; then the item goes, which says nothing new. */
static int finish(struct bb_task_run *run, enum bb_task_state state, const struct bb_error *why,
                  struct bb_error *error) {
    struct bb_task_worker *w = run->worker;
    const struct bb_span said = bb_buffer_span(&run->result);
    const struct bb_task_end end = {
        .state = state, .result = state == BB_TASK_DONE ? said : BB_SPAN(""), .why = why};
    int result;

    WHILE_IT_MAY_WORK(run,
                      w->table->ops->finish(w->table, run->task.id, run->task.epoch, &end, error));
    if (result < 0)
        return result;
    if (result == BB_TASK_FENCED) {
        note(w, BB_TASK_EVENT_FENCED, &run->task, NULL);
        return w->queue->ops->give_back(w->queue, w->queue->lease_ms, true, error);
    }
    w->done += state == BB_TASK_DONE;
    w->failed += state == BB_TASK_FAILED;
    note(w,
         state == BB_TASK_DONE     ? BB_TASK_EVENT_DONE
         : state == BB_TASK_FAILED ? BB_TASK_EVENT_FAILED
                                   : BB_TASK_EVENT_CANCELLED,
         &run->task, why);
    return w->queue->ops->ack(w->queue, error);
}

static int give_back(struct bb_task_run *run, int64_t delay_ms, bool uncounted,
                     const struct bb_error *why, struct bb_error *error) {
    struct bb_task_worker *w = run->worker;
    int result;

    WHILE_IT_MAY_WORK(run, w->table->ops->give_back(w->table, run->task.id, run->task.epoch,
                                                    uncounted, why, error));
    if (result < 0)
        return result;
    note(w, result == BB_TASK_FENCED ? BB_TASK_EVENT_FENCED : BB_TASK_EVENT_GIVEN_BACK, &run->task,
         why);
    return w->queue->ops->give_back(w->queue, delay_ms, uncounted, error);
}

static int end_failed(struct bb_task_run *run, struct bb_error *error) {
    struct bb_task_worker *w = run->worker;
    const struct bb_error *why = &run->error;

    if (why->code == BB_E_LOCKED) /* to wait is no failure */
        return give_back(run, bb_backoff_ms(1, LOCKED_WAIT_MS, LOCKED_WAIT_MS, &w->random), true,
                         why, error);
    if (!why->retriable || run->task.attempts >= w->queue->attempts_max)
        return finish(run, BB_TASK_FAILED, why, error);
    return give_back(run,
                     bb_backoff_ms(run->task.attempts, BACKOFF_BASE_MS, BACKOFF_CAP_MS, &w->random),
                     false, why, error);
}

static int end(struct bb_task_run *run, struct bb_error *error) {
    struct bb_task_worker *w = run->worker;

    if (run->cause == BB_TASK_LOSE) {
        note(w, BB_TASK_EVENT_FENCED, &run->task, NULL);
        return w->queue->ops->give_back(w->queue, w->queue->lease_ms, true, error);
    }
    if (run->is_over && run->outcome >= 0)
        return finish(run, BB_TASK_DONE, NULL, error);
    if (run->cause == BB_TASK_CANCEL)
        return finish(run, BB_TASK_CANCELLED, NULL, error);
    if (run->cause == BB_TASK_STOP)
        return give_back(run, 0, true, NULL, error);
    return end_failed(run, error);
}

/* ---- one task -------------------------------------------------------------------------------- */

static int run_claimed(struct bb_task_run *run, bool *left, struct bb_error *error) {
    pthread_t thread;

    run->kind = bb_task_kind_find(run->task.kind);
    run->saved_ns = bb_monotonic_ns();
    note(run->worker, BB_TASK_EVENT_TAKEN, &run->task, NULL);
    run->is_over = true;
    run->outcome = !run->kind ? BB_FAIL(&run->error, BB_E_TASK_KIND,
                                        "no kind of task is called %.*s: is this worker older than "
                                        "who put it?",
                                        BB_SPAN_ARGS(run->task.kind))
                              : bb_task_run_begin(run, &run->error);
    bool is_started = false;
    if (run->outcome == 0) {
        struct bb_error why;
        run->is_over = false; /* from here on the thread has outcome, error and this */
        is_started = start(run, &thread, &why) == 0;
        if (!is_started) {
            run->outcome = -(int)why.code;
            run->error = why;
            run->is_over = true;
        }
    }
    if (is_started) {
        *left = !keep(run);
        if (!*left)
            pthread_join(thread, NULL);
        else
            pthread_detach(thread);
    }
    if (!*left)
        return end(run, error);
    pthread_mutex_lock(&run->lock); /* its thread may be about to save */
    int result = end(run, error);
    pthread_mutex_unlock(&run->lock);
    return result;
}

/* Over, or not there: the item is of no use. Busy: it comes again when the lease that is in the way is over, or has been renewed. */
static int refused(struct bb_task_worker *w, int outcome, struct bb_error *error) {
    if (outcome != BB_TASK_BUSY)
        return w->queue->ops->ack(w->queue, error);
    return w->queue->ops->give_back(
        w->queue, bb_backoff_ms(1, w->queue->lease_ms, w->queue->lease_ms, &w->random), true,
        error);
}

static struct bb_task_run *run_new(struct bb_task_worker *w) {
    struct bb_task_run *run = calloc(1, sizeof *run);
    pthread_condattr_t attributes;

    if (!run)
        return NULL;
    run->worker = w;
    bb_arena_init(&run->arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    bb_buffer_init(&run->result, BB_TASK_RESULT_MAX);
    pthread_mutex_init(&run->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&run->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return run;
}

static int work_on(struct bb_task_worker *w, uint64_t id, struct bb_error *error) {
    struct bb_task_run *run = run_new(w);
    bool left = false;

    if (!run)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a task");
    int result = w->table->ops->claim(w->table, id, w->name, w->queue->lease_ms, &run->arena,
                                      &run->task, error);
    if (result == BB_TASK_CLAIMED) {
        w->taken++;
        result = run_claimed(run, &left, error);
        result = result < 0 ? result : left ? BB_TASK_LEFT : BB_TASK_WORKED;
    } else if (result > 0) {
        result = refused(w, result, error);
        result = result < 0 ? result : BB_TASK_WORKED;
    }
    if (!left) { /* else its thread still has it */
        bb_task_run_release(run);
        free(run);
    }
    return result;
}

/* ---- nothing to do --------------------------------------------------------------------------- */

/* A task whose item is dead has failed: its workers died, each of them. */
static int fail_lost(struct bb_task_worker *w, uint64_t id, struct bb_error *error) {
    struct bb_arena arena;
    struct bb_task task;
    struct bb_error why;

    (void)!BB_FAIL(&why, BB_E_TASK_LOST, "it was taken %u times, and no worker came to its end",
                   w->queue->attempts_max);
    bb_arena_init(&arena, ARENA_CHUNK_BYTES, ARENA_LIMIT_BYTES);
    int result = w->table->ops->claim(w->table, id, w->name, w->queue->lease_ms, &arena, &task,
                                      error);
    if (result == BB_TASK_CLAIMED) {
        const struct bb_task_end end = {.state = BB_TASK_FAILED, .why = &why};
        result = w->table->ops->finish(w->table, id, task.epoch, &end, error);
        w->failed += result == BB_TASK_HELD;
        note(w, BB_TASK_EVENT_FAILED, &task, &why);
    }
    bb_arena_release(&arena);
    return result < 0 ? result : 0;
}

static int bury(struct bb_task_worker *w, struct bb_error *error) {
    struct bb_queue_delivery dead;
    int result;

    while ((result = w->queue->ops->take_dead(w->queue, &dead, error)) == BB_QUEUE_TAKEN) {
        result = fail_lost(w, task_of(dead.body), error);
        if (result >= 0)
            result = w->queue->ops->ack(w->queue, error);
        if (result < 0)
            break;
    }
    return result < 0 ? result : 0;
}

static int find_forgotten(struct bb_task_worker *w, struct bb_error *error) {
    struct bb_task_forgotten found[FORGOTTEN_MAX];
    struct bb_queue_counts counts;
    size_t count = 0;
    int result = w->queue->ops->counts(w->queue, &counts, error);

    if (result < 0 || counts.ready + counts.delayed > 0)
        return result < 0 ? result : 0;
    result = w->table->ops->find_forgotten(w->table, w->quiet_ms, found, FORGOTTEN_MAX, &count,
                                           error);
    for (size_t i = 0; i < count && result >= 0; i++) {
        const struct bb_task task = {.id = found[i].id};
        result = bb_task_hand_out(w->queue, found[i].id, found[i].priority, error);
        if (result >= 0)
            note(w, BB_TASK_EVENT_FOUND, &task, NULL);
    }
    return result < 0 ? result : 0;
}

int bb_task_work(struct bb_task_worker *worker, int timeout_ms, struct bb_error *error) {
    struct bb_queue_delivery delivery;
    int result = worker->queue->ops->take(worker->queue, timeout_ms, &delivery, error);

    if (result == BB_QUEUE_TAKEN)
        return work_on(worker, task_of(delivery.body), error);
    if (result == BB_QUEUE_EMPTY)
        result = bury(worker, error);
    if (result == 0)
        result = find_forgotten(worker, error);
    return result < 0 ? result : BB_TASK_IDLE;
}
