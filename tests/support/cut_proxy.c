/* The proxy that cuts: see cut_proxy.h. One thread, all of it. */
#include "support/cut_proxy.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAIRS_MAX = 64, POLL_MS = 20, GRACE_US = 60000 };

struct pair {
    int client, server; /* -1: none */
};

struct cut_proxy {
    int listener;
    uint16_t port, to_port;
    pthread_t thread;
    atomic_bool stop;
    atomic_uint_least64_t armed; /* bytes to go, + 1; 0: not armed */
    atomic_uint_least64_t cuts;
    struct pair pairs[PAIRS_MAX];
};

static struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void close_pair(struct pair *pair) {
    if (pair->client >= 0)
        close(pair->client);
    if (pair->server >= 0)
        close(pair->server);
    pair->client = pair->server = -1;
}

static bool hand_on(int to, const char *data, size_t size) {
    while (size > 0) {
        ssize_t done = send(to, data, size, MSG_NOSIGNAL);
        if (done <= 0)
            return false;
        data += done;
        size -= (size_t)done;
    }
    return true;
}

/* False: the pair is over. */
static bool from_client(struct cut_proxy *proxy, struct pair *pair) {
    char bytes[16384];
    ssize_t size = recv(pair->client, bytes, sizeof bytes, 0);

    if (size <= 0)
        return false;
    uint64_t armed = atomic_load(&proxy->armed);
    if (armed == 0 || armed - 1 > (uint64_t)size) {
        if (armed)
            atomic_store(&proxy->armed, armed - (uint64_t)size);
        return hand_on(pair->server, bytes, (size_t)size);
    }
    atomic_store(&proxy->armed, 0);
    hand_on(pair->server, bytes, armed - 1);
    usleep(GRACE_US);
    atomic_fetch_add(&proxy->cuts, 1);
    return false;
}

static bool from_server(struct pair *pair) {
    char bytes[16384];
    ssize_t size = recv(pair->server, bytes, sizeof bytes, 0);

    return size > 0 && hand_on(pair->client, bytes, (size_t)size);
}

static void take_in(struct cut_proxy *proxy) {
    struct sockaddr_in to = loopback(proxy->to_port);
    struct pair fresh = {.client = accept(proxy->listener, NULL, NULL),
                         .server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};

    if (fresh.client >= 0 && connect(fresh.server, (struct sockaddr *)&to, sizeof to) == 0)
        for (size_t i = 0; i < PAIRS_MAX; i++)
            if (proxy->pairs[i].client < 0) {
                proxy->pairs[i] = fresh;
                return;
            }
    close_pair(&fresh);
}

static void *run(void *context) {
    struct cut_proxy *proxy = context;

    while (!atomic_load(&proxy->stop)) {
        struct pollfd polls[1 + 2 * PAIRS_MAX];
        polls[0] = (struct pollfd){proxy->listener, POLLIN, 0};
        for (size_t i = 0; i < PAIRS_MAX; i++) { /* negative ones are passed over */
            polls[1 + 2 * i] = (struct pollfd){proxy->pairs[i].client, POLLIN, 0};
            polls[2 + 2 * i] = (struct pollfd){proxy->pairs[i].server, POLLIN, 0};
        }
        if (poll(polls, sizeof polls / sizeof polls[0], POLL_MS) <= 0)
            continue;
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            struct pair *pair = &proxy->pairs[i];
            if ((polls[1 + 2 * i].revents && !from_client(proxy, pair)) ||
                (polls[2 + 2 * i].revents && !from_server(pair)))
                close_pair(pair);
        }
        if (polls[0].revents)
            take_in(proxy);
    }
    return NULL;
}

struct cut_proxy *cut_proxy_start(uint16_t to_port) {
    struct cut_proxy *proxy = calloc(1, sizeof *proxy);
    struct sockaddr_in own = loopback(0);
    socklen_t size = sizeof own;

    cr_assert_not_null(proxy);
    for (size_t i = 0; i < PAIRS_MAX; i++)
        proxy->pairs[i] = (struct pair){-1, -1};
    proxy->to_port = to_port;
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(proxy->listener, (struct sockaddr *)&own, sizeof own), 0);
    cr_assert_eq(listen(proxy->listener, PAIRS_MAX), 0);
    cr_assert_eq(getsockname(proxy->listener, (struct sockaddr *)&own, &size), 0);
    proxy->port = ntohs(own.sin_port);
    cr_assert_eq(pthread_create(&proxy->thread, NULL, run, proxy), 0);
    return proxy;
}

void cut_proxy_stop(struct cut_proxy *proxy) {
    if (!proxy)
        return;
    atomic_store(&proxy->stop, true);
    pthread_join(proxy->thread, NULL);
    for (size_t i = 0; i < PAIRS_MAX; i++)
        close_pair(&proxy->pairs[i]);
    close(proxy->listener);
    free(proxy);
}

uint16_t cut_proxy_port(const struct cut_proxy *proxy) {
    return proxy->port;
}

void cut_proxy_arm(struct cut_proxy *proxy, uint64_t bytes) {
    atomic_store(&proxy->armed, bytes + 1);
}

uint64_t cut_proxy_cuts(const struct cut_proxy *proxy) {
    return atomic_load(&proxy->cuts);
}
