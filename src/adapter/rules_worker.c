/* A worker and its memory: see rules_process_internal.h. Nothing that it does to the regions can hurt this side: they
 * cannot shrink, and what it writes is only read by whoever checks it. */
#include "adapter/rules_process_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { FORK_MS = 10000, REGION_MIN_BYTES = 1 << 20 };

static int fail(struct bb_error *error, const char *what) {
    return BB_FAIL_ERRNO(error, BB_E_RULES_HOST, errno, "%s for the rules' interpreter", what);
}

/* ---- regions -------------------------------------------------------------------------------- */

static void release_region(char **data, size_t size, int *fd) {
    if (*data)
        munmap(*data, size);
    if (*fd >= 0)
        close(*fd);
    *data = NULL;
    *fd = -1;
}

static int make_region(char **data, size_t *size, int *fd, size_t wanted, struct bb_error *error) {
    release_region(data, *size, fd);
    *size = wanted < REGION_MIN_BYTES ? REGION_MIN_BYTES : wanted + wanted / 2;
    *fd = memfd_create("rules", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd < 0 || ftruncate(*fd, (off_t)*size) != 0 ||
        fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return fail(error, "no shared memory");
    *data = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (*data == MAP_FAILED) {
        *data = NULL;
        return fail(error, "no shared memory");
    }
    return 0;
}

/* The same memory by a descriptor that cannot write. */
static int open_to_read(int fd) {
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* ---- starting ------------------------------------------------------------------------------- */

enum { DESCRIPTORS_MAX = 5 };

static bool send_descriptors(int control_fd, const int *fds, size_t count) {
    char byte = 'W';
    struct iovec part = {&byte, 1};
    union {
        char bytes[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
        struct cmsghdr aligned;
    } room;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = CMSG_SPACE(count * sizeof *fds)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(count * sizeof *fds);
    memcpy(CMSG_DATA(head), fds, count * sizeof *fds);
    return sendmsg(control_fd, &message, MSG_NOSIGNAL) == 1;
}

static bool receive_pid(int control_fd, pid_t *pid) {
    struct pollfd event = {.fd = control_fd, .events = POLLIN};
    uint32_t told;

    return poll(&event, 1, FORK_MS) == 1 &&
           recv(control_fd, &told, sizeof told, MSG_WAITALL) == sizeof told && told > 1 &&
           told < INT32_MAX && (*pid = (pid_t)told) > 0;
}

/* The zygote runs the environment's code: its word for a pid is not taken. */
static bool is_child_of(pid_t pid, pid_t parent) {
    char path[64], text[512];
    int stands_for = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[size] = '\0';
    const char *bracket = strrchr(text, ')'); /* the name may hold anything */
    return bracket && sscanf(bracket, ") %*c %d", &stands_for) == 1 && stands_for == (int)parent;
}

static void close_one(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int fork_worker(struct bb_rules_worker *worker, struct bb_zygote *zygote,
                       struct bb_error *error) {
    const bool has_side = worker->side_fd >= 0;
    int read_only = open_to_read(worker->request_fd);
    int side = has_side ? open_to_read(worker->side_fd) : -1;

    worker->wake_fd = eventfd(0, EFD_CLOEXEC);
    worker->done_fd = eventfd(0, EFD_CLOEXEC);
    const int fds[DESCRIPTORS_MAX] = {read_only, worker->answer_fd, worker->wake_fd,
                                      worker->done_fd, side};
    bool sent = read_only >= 0 && (side >= 0) == has_side && worker->wake_fd >= 0 &&
                worker->done_fd >= 0 &&
                send_descriptors(zygote->control_fd, fds, has_side ? 5 : 4) &&
                receive_pid(zygote->control_fd, &worker->pid);
    close_one(&read_only);
    close_one(&side);
    if (!sent) {
        worker->pid = 0;
        return fail(error, "no worker");
    }
    worker->pid_fd = (int)syscall(SYS_pidfd_open, worker->pid, 0);
    if (worker->pid_fd < 0 || !is_child_of(worker->pid, zygote->pid)) {
        worker->pid = 0; /* whoever that is, it is not ours to end */
        return fail(error, "no worker of its own");
    }
    return 0;
}

int bb_rules_worker_start(struct bb_rules_worker *worker, struct bb_zygote *zygote,
                          size_t request_bytes, size_t answer_bytes, struct bb_error *error) {
    int result = 0;

    bb_rules_worker_end(worker);
    if (!worker->request || worker->request_bytes < request_bytes)
        result = make_region(&worker->request, &worker->request_bytes, &worker->request_fd,
                             request_bytes, error);
    if (!result && (!worker->answer || worker->answer_bytes < answer_bytes))
        result = make_region(&worker->answer, &worker->answer_bytes, &worker->answer_fd,
                             answer_bytes, error);
    if (!result)
        result = fork_worker(worker, zygote, error);
    if (result)
        bb_rules_worker_end(worker);
    return result;
}

/* ---- ending --------------------------------------------------------------------------------- */

void bb_rules_worker_end(struct bb_rules_worker *worker) {
    if (worker->pid > 0 && worker->pid_fd >= 0) {
        struct pollfd event = {.fd = worker->pid_fd, .events = POLLIN};
        syscall(SYS_pidfd_send_signal, worker->pid_fd, SIGKILL, NULL, 0);
        while (poll(&event, 1, -1) < 0 && errno == EINTR)
            continue;
    }
    worker->pid = 0;
    close_one(&worker->pid_fd);
    close_one(&worker->wake_fd);
    close_one(&worker->done_fd);
}

void bb_rules_worker_release(struct bb_rules_worker *worker) {
    bb_rules_worker_end(worker);
    release_region(&worker->request, worker->request_bytes, &worker->request_fd);
    release_region(&worker->answer, worker->answer_bytes, &worker->answer_fd);
}

/* ---- a call --------------------------------------------------------------------------------- */

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;

    return clock_gettime(clock, &now) == 0 ? now.tv_sec * INT64_C(1000000000) + now.tv_nsec : -1;
}

static int64_t monotonic_ms(void) {
    return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

/* -1: it has ended. */
static int64_t processor_ns(pid_t pid) {
    clockid_t clock;

    return pid > 0 && clock_getcpuclockid(pid, &clock) == 0 ? clock_ns(clock) : -1;
}

static enum bb_rules_call call(struct bb_rules_worker *worker, uint32_t deadline_ms) {
    const int64_t until_ms = monotonic_ms() + deadline_ms;
    const uint64_t once = 1;
    uint64_t done;

    if (worker->pid > 0 && write(worker->wake_fd, &once, sizeof once) == sizeof once) {
        for (;;) {
            struct pollfd events[] = {{.fd = worker->done_fd, .events = POLLIN},
                                      {.fd = worker->pid_fd, .events = POLLIN}};
            int64_t left_ms = until_ms - monotonic_ms();
            int ready = poll(events, 2, left_ms > 0 ? (int)left_ms : 0);
            if (ready < 0 && errno == EINTR)
                continue;
            if (ready > 0 && events[0].revents & POLLIN &&
                read(worker->done_fd, &done, sizeof done) == sizeof done)
                return BB_RULES_ANSWERED;
            return ready == 0 ? BB_RULES_LATE : BB_RULES_ENDED;
        }
    }
    return BB_RULES_ENDED;
}

enum bb_rules_call bb_rules_worker_call(struct bb_rules_worker *worker, uint32_t deadline_ms) {
    const int64_t spent_ns = processor_ns(worker->pid), began_ns = clock_ns(CLOCK_MONOTONIC);
    const enum bb_rules_call result = call(worker, deadline_ms);
    const int64_t now_ns = processor_ns(worker->pid);

    worker->spent_ns += (uint64_t)(spent_ns >= 0 && now_ns >= spent_ns
                                       ? now_ns - spent_ns
                                       : clock_ns(CLOCK_MONOTONIC) - began_ns);
    if (result != BB_RULES_ANSWERED)
        bb_rules_worker_end(worker);
    return result;
}
