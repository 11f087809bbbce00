/* Working on tasks: see task_work.h. */
#include "cli/task_work.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/backoff.h"
#include "cli/task_queue.h"
#include "cli/task_tools.h"
#include "task/worker.h"

enum { WAIT_MS = 500, RETRY_BASE_MS = 500, RETRY_CAP_MS = 30000, RETRY_STEP_MS = 50 };

struct working {
    struct bb_command *command;
    const struct bb_task_working *how;
    struct bb_task_queue queue;
    struct bb_task_tools tools;
    struct bb_task_worker worker;
    char name[BB_QUEUE_WORKER_MAX];
    uint32_t failures; /* of the queue, one after the other */
};

static void note(void *context, enum bb_task_event event, const struct bb_task *task,
                 const struct bb_error *why) {
    struct working *w = context;
    struct bb_log_field fields[4];
    size_t count = 0;
    char code[16];

    fields[count++] = bb_field_number("task", (int64_t)task->id);
    if (task->kind.size > 0)
        fields[count++] = bb_field_text("kind", task->kind.data);
    if (why) {
        snprintf(code, sizeof code, "BB-%04d", (int)why->code);
        fields[count++] = bb_field_text("code", code);
        fields[count++] = bb_field_text("reason", why->text);
    }
    bb_command_note(w->command, event == BB_TASK_EVENT_FAILED ? BB_LOG_WARNING : BB_LOG_INFO,
                    bb_task_event_words[event], fields, count);
}

/* The queue or the table did not answer. What can only pass is waited for; the flag that says stop is looked at. */
static int wait_it_out(struct working *w, const struct bb_error *why) {
    if (!why->retriable)
        return -(int)why->code;
    if (w->failures++ == 0)
        bb_command_complain(w->command, why);
    int64_t left_ms = bb_backoff_ms(w->failures, RETRY_BASE_MS, RETRY_CAP_MS, &w->worker.random);
    for (; left_ms > 0 && !*bb_stop_flag(); left_ms -= RETRY_STEP_MS)
        usleep(RETRY_STEP_MS * 1000);
    return 0;
}

static int work(struct working *w, bool *left, struct bb_error *error) {
    const volatile bool *stop = bb_stop_flag();
    const int64_t limit_ms = w->how->idle_exit_ms;
    int64_t idle_since_ns = bb_monotonic_ns();

    while (!*stop && !*left) {
        int result = bb_task_work(&w->worker, limit_ms < 0 ? 0 : WAIT_MS, error);
        if (result < 0) {
            result = wait_it_out(w, error);
            if (result < 0)
                return result;
            continue;
        }
        w->failures = 0;
        *left = result == BB_TASK_LEFT;
        if (result != BB_TASK_IDLE)
            idle_since_ns = bb_monotonic_ns();
        else if (limit_ms < 0 ||
                 (limit_ms > 0 && (bb_monotonic_ns() - idle_since_ns) / 1000000 >= limit_ms))
            break;
    }
    return 0;
}

/* HOST:PID */
static void name_worker(struct working *w) {
    char host[64] = "";

    if (gethostname(host, sizeof host - 1) != 0)
        snprintf(host, sizeof host, "unknown");
    snprintf(w->name, sizeof w->name, "%s:%d", host, (int)getpid());
}

int bb_task_work_until_stopped(struct bb_command *command, const struct bb_task_working *how,
                               struct bb_task_worked *out, struct bb_error *error) {
    static struct working w; /* a task that is left behind at the end still looks at it */
    bool left = false;

    w = (struct working){.command = command, .how = how, .tools = bb_cli_task_tools};
    name_worker(&w);
    bb_stop_on_signals();
    w.tools.context = command;
    int result = bb_task_queue_open(command, &w.queue, error);
    if (result)
        return result;
    w.worker = (struct bb_task_worker){.queue = w.queue.queue,
                                       .table = w.queue.table,
                                       .name = bb_span_of(w.name),
                                       .tools = &w.tools,
                                       .stop = bb_stop_flag(),
                                       .stop_ms = w.queue.config.stop_ms,
                                       .quiet_ms = 2 * w.queue.config.tasks_lease_ms,
                                       .note = note,
                                       .context = &w};
    bb_backoff_seed(&w.worker.random);
    result = work(&w, &left, error);
    *out = (struct bb_task_worked){w.worker.taken, w.worker.done, w.worker.failed};
    if (!left)
        bb_task_queue_close(&w.queue);
    return result;
}
