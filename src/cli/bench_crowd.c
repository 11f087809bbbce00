/* The crowd: see bench_client.h. It comes from several addresses of the loopback, as one has ports for some
 * 28,000 connections, closed ones of the last minute counted in. */
#include "cli/bench_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PER_ADDRESS = 2500, FILES_RESERVED = 400, BYTE_EVERY_MS = 1000, SLICES = 100 };

static const char slow_head[] = "POST /v1/readings HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ";
static const char idle_request[] = "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

/* The i-th one's own address: 127.0.0.2, 127.0.0.3, ... */
static int connect_from(uint32_t i, uint16_t port) {
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + i / PER_ADDRESS);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    if (fd < 0)
        return -1;
    /* A port is chosen when it is known for whom: the same one may serve another address. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool send_first(const struct bench_crowd *crowd, int fd) {
    struct bb_span text = bb_span_of(crowd->kind == BENCH_CROWD_IDLE ? idle_request : slow_head);

    return send(fd, text.data, text.size, MSG_NOSIGNAL) == (ssize_t)text.size;
}

/* An idle one has been a client before. */
static bool is_answered(int fd) {
    enum { PATIENCE_MS = 10000 };
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    char answer[4096];

    return poll(&polled, 1, PATIENCE_MS) == 1 && recv(fd, answer, sizeof answer, 0) > 0;
}

/* A byte to each once a second, spread over the second; who was cut off comes again. */
static void trickle(struct bench_crowd *crowd, uint32_t slice) {
    for (uint32_t i = slice; i < crowd->count; i += SLICES) {
        if (crowd->fds[i] >= 0 && send(crowd->fds[i], "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
            errno != EAGAIN) {
            atomic_fetch_add(&crowd->cut_off, 1);
            close(crowd->fds[i]);
            crowd->fds[i] = -1;
        }
        if (crowd->fds[i] < 0) {
            crowd->fds[i] = connect_from(i, crowd->port);
            if (crowd->fds[i] >= 0)
                (void)!send_first(crowd, crowd->fds[i]);
        }
    }
}

static void *be_slow(void *context) {
    struct bench_crowd *crowd = context;
    const struct timespec nap = {0, BYTE_EVERY_MS / SLICES * 1000000L};

    for (uint32_t slice = 0; !atomic_load(&crowd->stop); slice = (slice + 1) % SLICES) {
        trickle(crowd, slice);
        nanosleep(&nap, NULL);
    }
    return NULL;
}

static uint32_t raise_files(uint32_t count) {
    struct rlimit limit;
    rlim_t wanted = (rlim_t)count + FILES_RESERVED;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return count;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        (void)!setrlimit(RLIMIT_NOFILE, &limit);
        (void)!getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur >= wanted ? count : (uint32_t)(limit.rlim_cur - FILES_RESERVED);
}

int bench_crowd_open(struct bench_crowd *crowd, enum bench_crowd_kind kind, uint16_t port,
                     uint32_t count, struct bb_error *error) {
    *crowd = (struct bench_crowd){.kind = kind, .port = port};
    count = raise_files(count);
    crowd->fds = malloc(count * sizeof *crowd->fds);
    if (!crowd->fds)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a crowd");
    for (; crowd->count < count; crowd->count++) {
        int fd = connect_from(crowd->count, port);
        if (fd < 0 || !send_first(crowd, fd) || (kind == BENCH_CROWD_IDLE && !is_answered(fd))) {
            int why = errno;
            if (fd >= 0)
                close(fd);
            return BB_FAIL_ERRNO(error, BB_E_LISTEN, why, "cannot open connection %u of %u",
                                 crowd->count + 1, count);
        }
        crowd->fds[crowd->count] = fd;
    }
    if (kind == BENCH_CROWD_SLOW)
        crowd->has_thread = pthread_create(&crowd->thread, NULL, be_slow, crowd) == 0;
    return kind == BENCH_CROWD_SLOW && !crowd->has_thread
               ? BB_FAIL(error, BB_E_NO_MEMORY, "cannot start a thread")
               : 0;
}

void bench_crowd_close(struct bench_crowd *crowd) {
    atomic_store(&crowd->stop, true);
    if (crowd->has_thread)
        pthread_join(crowd->thread, NULL);
    for (uint32_t i = 0; i < crowd->count; i++)
        if (crowd->fds[i] >= 0)
            close(crowd->fds[i]);
    free(crowd->fds);
    *crowd = (struct bench_crowd){.fds = NULL};
}
