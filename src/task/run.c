/* What a kind has while it runs: see kind.h and run_internal.h. */
#include "task/run_internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "model/timestamp.h"

enum { TELL_EVERY_MS = 500 };

int bb_task_run_begin(struct bb_task_run *run, struct bb_error *error) {
    const struct bb_span text = run->task.arguments;
    int result = bb_task_arguments_check(run->kind, text, error);

    if (result)
        return result;
    run->arguments = json_loadb(text.data, text.size, 0, NULL);
    return run->arguments ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a task's arguments");
}

void bb_task_run_release(struct bb_task_run *run) {
    json_decref(run->arguments);
    bb_buffer_release(&run->result);
    bb_arena_release(&run->arena);
    pthread_mutex_destroy(&run->lock);
    pthread_cond_destroy(&run->changed);
}

void bb_task_run_end_for(struct bb_task_run *run, enum bb_task_cause cause) {
    if (run->cause < cause) /* to lose it outweighs all else: then nothing is to be written */
        run->cause = cause;
    run->must_end = true;
}

int bb_task_run_save(struct bb_task_run *run, const struct bb_span *checkpoint,
                     struct bb_error *error) {
    struct bb_task_worker *w = run->worker;
    struct bb_task_save save = {.done = run->done,
                                .total = run->total,
                                .doing = bb_span_of(run->doing),
                                .checkpoint = checkpoint};
    int result = w->table->ops->save(w->table, run->task.id, run->task.epoch, w->queue->lease_ms,
                                     &save, error);

    if (result < 0)
        return result;
    if (result == BB_TASK_FENCED)
        bb_task_run_end_for(run, BB_TASK_LOSE);
    else if (save.cancel_wanted)
        bb_task_run_end_for(run, BB_TASK_CANCEL);
    if (result == BB_TASK_FENCED)
        return 0;
    run->saved_ns = bb_monotonic_ns();
    /* An item that is lost comes back to somebody, who finds the task busy: no reason to end. */
    result = w->queue->ops->renew(w->queue, error);
    return result < 0 && !error->retriable ? result : 0;
}

const struct bb_task *bb_task_of(const struct bb_task_run *run) {
    return &run->task;
}

const struct bb_task_tools *bb_task_tools(const struct bb_task_run *run) {
    return run->worker->tools;
}

const char *bb_task_text(const struct bb_task_run *run, const char *name) {
    return json_string_value(json_object_get(run->arguments, name));
}

bool bb_task_flag(const struct bb_task_run *run, const char *name) {
    return json_is_true(json_object_get(run->arguments, name));
}

size_t bb_task_what_count(const struct bb_task_run *run) {
    return json_array_size(json_object_get(run->arguments, "what"));
}

const char *bb_task_what(const struct bb_task_run *run, size_t i) {
    return json_string_value(json_array_get(json_object_get(run->arguments, "what"), i));
}

int bb_task_time(const struct bb_task_run *run, const char *name, int64_t *ms,
                 struct bb_error *error) {
    const char *text = bb_task_text(run, name);
    char padded[64];

    *ms = BB_TIME_NONE;
    if (!text)
        return 0;
    snprintf(padded, sizeof padded, "%s%s", text, strlen(text) == 10 ? "T00:00:00" : "");
    if (bb_time_parse_rfc3339(bb_span_of(padded), ms) != BB_TIME_SYNTAX)
        return 0;
    return BB_FAIL(error, BB_E_TASK_ARGUMENT,
                   "--%s cannot be \"%s\": it is a date, or 2026-03-01T00:00:00+01:00", name, text);
}

struct bb_buffer *bb_task_result(struct bb_task_run *run) {
    return &run->result;
}

const volatile bool *bb_task_end_flag(const struct bb_task_run *run) {
    return &run->must_end;
}

/* Under the lock. */
static int interrupted(struct bb_task_run *run, struct bb_error *error) {
    static const char *const words[] = {"", "its worker ends", "it was cancelled",
                                        "another worker has it"};

    if (run->cause == BB_TASK_GO_ON)
        return 0;
    return BB_FAIL(error, BB_E_TASK_INTERRUPTED, "task %llu was interrupted: %s",
                   (unsigned long long)run->task.id, words[run->cause]);
}

/* Under the lock. */
static int save_now_and_then(struct bb_task_run *run, struct bb_error *error) {
    int result = 0;

    if (bb_monotonic_ns() - run->saved_ns > (int64_t)TELL_EVERY_MS * 1000000) {
        result = bb_task_run_save(run, NULL, error);
        if (result < 0 && error->retriable)
            result = 0; /* the keeper sees to the lease */
    }
    return result ? result : interrupted(run, error);
}

int bb_task_tell(struct bb_task_run *run, uint64_t done, uint64_t total, struct bb_error *error,
                 const char *format, ...) {
    va_list args;

    pthread_mutex_lock(&run->lock);
    run->done = done;
    run->total = total;
    va_start(args, format);
    vsnprintf(run->doing, sizeof run->doing, format, args);
    va_end(args);
    int result = save_now_and_then(run, error);
    pthread_mutex_unlock(&run->lock);
    return result;
}

int bb_task_look(struct bb_task_run *run, struct bb_error *error) {
    pthread_mutex_lock(&run->lock);
    int result = save_now_and_then(run, error);
    pthread_mutex_unlock(&run->lock);
    return result;
}

int bb_task_checkpoint(struct bb_task_run *run, struct bb_span checkpoint, struct bb_error *error) {
    if (checkpoint.size > BB_TASK_CHECKPOINT_MAX)
        return BB_FAIL(error, BB_E_BUG, "a checkpoint of %zu bytes", checkpoint.size);
    pthread_mutex_lock(&run->lock);
    int result = run->cause == BB_TASK_LOSE ? 0 : bb_task_run_save(run, &checkpoint, error);
    if (!result)
        result = interrupted(run, error);
    pthread_mutex_unlock(&run->lock);
    return result;
}
