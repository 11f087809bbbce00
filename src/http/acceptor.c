/* The acceptor: see acceptor_internal.h. */
#include "http/acceptor_internal.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LOOK_EVERY_MS = 50, ACCEPTED_IN_A_ROW = 64 };

/* ---- letting in */

/* The socket is libmicrohttpd's from here on, also where that refuses it. */
static void let_in(struct bb_http_door *door, int fd, const struct sockaddr *who, socklen_t size) {
    atomic_fetch_add(&door->inside, 1);
    if (MHD_add_connection(door->daemon, fd, who, size) != MHD_YES)
        bb_http_door_left(door);
}

void bb_http_door_left(struct bb_http_door *door) {
    atomic_fetch_sub(&door->inside, 1);
}

static bool has_room(const struct bb_http_door *door) {
    return atomic_load(&door->inside) < door->limit;
}

/* Returns whether the door should be looked at again at once; false: this process is out of files or memory. */
static bool accept_from(struct bb_http_door *door) {
    for (int i = 0; i < ACCEPTED_IN_A_ROW && has_room(door); i++) {
        struct sockaddr_storage who;
        socklen_t size = sizeof who;
        int fd = accept4(door->fd, (struct sockaddr *)&who, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            let_in(door, fd, (const struct sockaddr *)&who, size);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            return false;
        else if (errno != EINTR && errno != ECONNABORTED)
            return true;
    }
    return true;
}

/* ---- nudges */

/* libmicrohttpd gives a connection to the thread number fd modulo threads. Another number for the same socket, or
 * -1; the old one is closed. */
static int renumber(int fd, unsigned threads, unsigned wanted) {
    while (fd >= 0 && (unsigned)fd % threads != wanted) {
        int other = fcntl(fd, F_DUPFD_CLOEXEC, fd + 1);
        close(fd);
        fd = other;
    }
    return fd;
}

static void nudge_thread(struct bb_http_door *door, unsigned number) {
    const struct sockaddr_un nobody = {.sun_family = AF_UNIX};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return;
    close(pair[1]); /* its end has come before it begins */
    int fd = renumber(pair[0], door->threads, number);
    if (fd >= 0)
        let_in(door, fd, (const struct sockaddr *)&nobody, (socklen_t)sizeof nobody);
}

static void nudge(struct bb_http_acceptor *acceptor) {
    for (int i = 0; i < acceptor->count; i++)
        for (unsigned thread = 0; thread < acceptor->doors[i].threads; thread++)
            nudge_thread(&acceptor->doors[i], thread);
}

/* ---- the thread */

static void take_wake(int wake) {
    uint64_t told;

    (void)!read(wake, &told, sizeof told);
}

static void *run(void *argument) {
    struct bb_http_acceptor *acceptor = argument;
    struct pollfd looked[1 + BB_HTTP_DOORS_MAX] = {{.fd = acceptor->wake, .events = POLLIN}};
    int64_t due_ms = 0;
    bool exhausted = false; /* until the next nudge nobody comes in */

    while (!atomic_load(&acceptor->stop)) {
        int64_t now_ms = bb_monotonic_ns() / 1000000;
        if (now_ms >= due_ms) {
            nudge(acceptor);
            due_ms = now_ms + LOOK_EVERY_MS;
            exhausted = false;
        }
        for (int i = 0; i < acceptor->count; i++) {
            bool open = !exhausted && !atomic_load(&acceptor->closed) &&
                        has_room(&acceptor->doors[i]);
            looked[1 + i] = (struct pollfd){.fd = open ? acceptor->doors[i].fd : -1,
                                            .events = POLLIN};
        }
        if (poll(looked, 1 + (nfds_t)acceptor->count, (int)(due_ms - now_ms)) <= 0)
            continue;
        if (looked[0].revents)
            take_wake(acceptor->wake);
        for (int i = 0; i < acceptor->count; i++)
            if (looked[1 + i].revents && !accept_from(&acceptor->doors[i]))
                exhausted = true;
    }
    return NULL;
}

static void wake(struct bb_http_acceptor *acceptor) {
    const uint64_t once = 1;

    (void)!write(acceptor->wake, &once, sizeof once);
}

/* ---- life */

struct bb_http_door *bb_http_acceptor_add(struct bb_http_acceptor *acceptor,
                                          struct MHD_Daemon *daemon, unsigned threads, int fd,
                                          int64_t limit) {
    BB_ASSERT(acceptor->count < BB_HTTP_DOORS_MAX);
    struct bb_http_door *door = &acceptor->doors[acceptor->count++];
    *door = (struct bb_http_door){
        .daemon = daemon, .threads = threads > 0 ? threads : 1, .fd = fd, .limit = limit};
    return door;
}

bool bb_http_acceptor_start(struct bb_http_acceptor *acceptor) {
    sigset_t all, before;

    acceptor->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (acceptor->wake < 0)
        return false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    acceptor->running = pthread_create(&acceptor->thread, NULL, run, acceptor) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!acceptor->running)
        close(acceptor->wake);
    return acceptor->running;
}

void bb_http_acceptor_close(struct bb_http_acceptor *acceptor) {
    if (atomic_exchange(&acceptor->closed, true))
        return;
    for (int i = 0; i < acceptor->count; i++)
        shutdown(acceptor->doors[i].fd, SHUT_RDWR);
    if (acceptor->running)
        wake(acceptor);
}

void bb_http_acceptor_stop(struct bb_http_acceptor *acceptor) {
    bb_http_acceptor_close(acceptor);
    if (acceptor->running) {
        atomic_store(&acceptor->stop, true);
        wake(acceptor);
        pthread_join(acceptor->thread, NULL);
        close(acceptor->wake);
        acceptor->running = false;
    }
    for (int i = 0; i < acceptor->count; i++)
        close(acceptor->doors[i].fd);
    acceptor->count = 0;
}
