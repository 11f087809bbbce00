/* The processes of a server: see children.h. */
#include "cli/children.h"

#include "service/metric.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PAUSE_FIRST_MS = 500,
    PAUSE_MOST_MS = 30000,
    STEADY_MS = 60000, /* who ran so long is started at once when it ends */
    LOOK_MS = 20,
    ARGUMENTS_MAX = 24,
    WORKER_NICE = 5
};

static int64_t now_ms(void) {
    return bb_monotonic_ns() / 1000000;
}

void bb_children_init(struct bb_children *children, struct bb_command *command, uint32_t count,
                      struct bb_children_shared shared) {
    *children = (struct bb_children){.command = command,
                                     .shared = shared,
                                     .count = count < BB_CHILDREN_MAX ? count : BB_CHILDREN_MAX};
    for (uint32_t i = 0; i < children->count; i++)
        children->items[i] = (struct bb_child){.number = i + 1, .pause_ms = PAUSE_FIRST_MS};
}

/* Signals as they are at the start of a program; of open files the standard ones and what is shared. */
static int spawn(char *const *arguments, const struct bb_children_shared *shared, pid_t *pid) {
    const int kept[] = {shared->metrics, shared->log_tail};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&files);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (kept[i] >= 0)
            posix_spawn_file_actions_adddup2(&files, kept[i], kept[i]); /* kept across exec */
    int failure = posix_spawn(pid, "/proc/self/exe", &files, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return failure;
}

/* That it is started for the first time is nothing to tell. */
static void note_start(struct bb_children *children, const struct bb_child *child) {
    const struct bb_log_field fields[] = {bb_field_decision("worker-start"),
                                          bb_field_number("worker", child->number),
                                          bb_field_number("pid", child->pid)};

    if (child->has_ended)
        bb_command_note(children->command, BB_LOG_INFO, "a worker was started again", fields, 3);
}

static void start(struct bb_children *children, struct bb_child *child) {
    const struct bb_globals *globals = &children->command->globals;
    char share[32], parent[32], metrics[32], log_tail[32];
    const char *arguments[ARGUMENTS_MAX] = {"busbar",
                                            "--data",
                                            globals->data,
                                            "--quiet",
                                            "--no-progress",
                                            "--log-format",
                                            globals->log_format == BB_LOG_JSON ? "json" : "text"};
    size_t n = 7;

    if (globals->config) {
        arguments[n++] = "--config";
        arguments[n++] = globals->config;
    }
    snprintf(share, sizeof share, "%u/%u", child->number, children->count);
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    const char *const rest[] = {"worker", "--stage", "derive", "--live", "--parent", parent};
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        arguments[n++] = rest[i];
    if (!children->shared.is_grouped) {
        arguments[n++] = "--share";
        arguments[n++] = share;
    }
    if (children->shared.metrics >= 0) {
        snprintf(metrics, sizeof metrics, "%d", children->shared.metrics);
        arguments[n++] = "--metrics";
        arguments[n++] = metrics;
    }
    if (children->shared.log_tail >= 0) {
        snprintf(log_tail, sizeof log_tail, "%d", children->shared.log_tail);
        arguments[n++] = "--log-tail";
        arguments[n++] = log_tail;
    }
    child->started_ms = now_ms();
    int failure = spawn((char *const *)arguments, &children->shared, &child->pid);
    if (failure) {
        child->pid = 0;
        child->next_ms = child->started_ms + PAUSE_MOST_MS;
        const struct bb_log_field why = bb_field_text("why", strerror(failure));
        bb_command_note(children->command, BB_LOG_ERROR, "a worker cannot be started", &why, 1);
    } else {
        /* Who posts waits for his answer; who derives catches up. */
        (void)!setpriority(PRIO_PROCESS, (id_t)child->pid, WORKER_NICE);
        note_start(children, child);
    }
}

/* The next start is the later the sooner it ended. */
static void note_end(struct bb_children *children, struct bb_child *child, int status) {
    int64_t now = now_ms();
    bool steady = now - child->started_ms >= STEADY_MS;

    child->pause_ms = steady ? PAUSE_FIRST_MS : child->pause_ms * 2;
    child->pause_ms = child->pause_ms < PAUSE_MOST_MS ? child->pause_ms : PAUSE_MOST_MS;
    child->next_ms = now + child->pause_ms;
    const struct bb_log_field fields[] = {
        bb_field_decision("worker-restart"), bb_field_number("worker", child->number),
        bb_field_number("pid", child->pid),
        WIFSIGNALED(status) ? bb_field_number("signal", WTERMSIG(status))
                            : bb_field_number("exit", WEXITSTATUS(status)),
        bb_field_number("again_in_ms", child->pause_ms)};
    bb_command_note(children->command, BB_LOG_WARNING, "a worker ended", fields, 5);
    bb_metric_add(BB_METRIC_WORKER_ENDS, 0, 1);
    child->pid = 0;
    child->has_ended = true;
}

void bb_children_look(struct bb_children *children) {
    for (uint32_t i = 0; i < children->count; i++) {
        struct bb_child *child = &children->items[i];
        int status;
        if (child->pid && waitpid(child->pid, &status, WNOHANG) == child->pid)
            note_end(children, child, status);
        if (!child->pid && now_ms() >= child->next_ms)
            start(children, child);
    }
}

static void signal_all(struct bb_children *children, int number) {
    for (uint32_t i = 0; i < children->count; i++)
        if (children->items[i].pid)
            kill(children->items[i].pid, number);
}

/* False: some still run. */
static bool reap_all(struct bb_children *children, int options) {
    bool all_ended = true;

    for (uint32_t i = 0; i < children->count; i++) {
        struct bb_child *child = &children->items[i];
        if (child->pid && waitpid(child->pid, NULL, options) == child->pid)
            child->pid = 0;
        all_ended = all_ended && !child->pid;
    }
    return all_ended;
}

void bb_children_end(struct bb_children *children, int timeout_ms) {
    signal_all(children, SIGTERM);
    for (int waited = 0; !reap_all(children, WNOHANG); waited += LOOK_MS) {
        if (waited >= timeout_ms) {
            const struct bb_log_field field = bb_field_decision("worker-kill");
            bb_command_note(children->command, BB_LOG_WARNING,
                            "workers did not end within the time for it, and are killed", &field,
                            1);
            signal_all(children, SIGKILL); /* they may be killed at any moment */
            (void)!reap_all(children, 0);
            return;
        }
        usleep(LOOK_MS * 1000);
    }
}
