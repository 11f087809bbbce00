/* Nudges: see nudge_internal.h. */
#include "http/nudge_internal.h"

#include "base/error.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { NUDGE_EVERY_MS = 50 };

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

static void nudge_thread(struct MHD_Daemon *daemon, unsigned threads, unsigned number) {
    const struct sockaddr_un nobody = {.sun_family = AF_UNIX};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return;
    close(pair[1]); /* its end has come before it begins */
    int fd = renumber(pair[0], threads, number);
    if (fd >= 0) /* libmicrohttpd's from here on, also where it refuses it */
        (void)MHD_add_connection(daemon, fd, (const struct sockaddr *)&nobody,
                                 (socklen_t)sizeof nobody);
}

static void *nudge(void *argument) {
    struct bb_http_nudger *nudger = argument;

    pthread_mutex_lock(&nudger->lock);
    while (!nudger->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += NUDGE_EVERY_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_clockwait(&nudger->end, &nudger->lock, CLOCK_MONOTONIC, &until);
        for (int i = 0; !nudger->stop && i < nudger->count; i++)
            for (unsigned thread = 0; thread < nudger->nudged[i].threads; thread++)
                nudge_thread(nudger->nudged[i].daemon, nudger->nudged[i].threads, thread);
    }
    pthread_mutex_unlock(&nudger->lock);
    return NULL;
}

void bb_http_nudger_add(struct bb_http_nudger *nudger, struct MHD_Daemon *daemon,
                        unsigned threads) {
    BB_ASSERT(nudger->count < BB_HTTP_NUDGED_MAX);
    nudger->nudged[nudger->count].daemon = daemon;
    nudger->nudged[nudger->count++].threads = threads > 0 ? threads : 1;
}

bool bb_http_nudger_start(struct bb_http_nudger *nudger) {
    sigset_t all, before;

    pthread_mutex_init(&nudger->lock, NULL);
    pthread_cond_init(&nudger->end, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    nudger->running = pthread_create(&nudger->thread, NULL, nudge, nudger) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return nudger->running;
}

void bb_http_nudger_stop(struct bb_http_nudger *nudger) {
    if (!nudger->running)
        return;
    pthread_mutex_lock(&nudger->lock);
    nudger->stop = true;
    pthread_cond_signal(&nudger->end);
    pthread_mutex_unlock(&nudger->lock);
    pthread_join(nudger->thread, NULL);
    nudger->running = false;
}
