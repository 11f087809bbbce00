/* Links: see link_internal.h. One thread looks at all of them, a few times a second. */
#include "http/link_internal.h"

#include "base/clock.h"
#include "base/error.h"
#include "http/problem.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

/* Ten thousand that came together are not ended together: closing them would take the threads that read sockets
 * from all others for the better part of a second. */
enum { LOOK_EVERY_MS = 50, CUTS_A_LOOK = 64, FEEL_EVERY_MS = 1000 };

static int64_t now_ms(void) {
    return bb_monotonic_ns() / 1000000;
}

int64_t bb_http_link_limit_ms(const struct bb_http_links *links, enum bb_http_phase phase,
                              uint64_t body_bytes) {
    switch (phase) {
    case BB_LINK_IDLE: return links->idle_ms;
    case BB_LINK_HEAD: return links->head_ms;
    case BB_LINK_BODY:
        return links->body_ms +
               (int64_t)(body_bytes * 1000 / (uint64_t)links->body_bytes_per_second);
    default: return INT64_MAX;
    }
}

/* The only answer that is not libmicrohttpd's: it cannot answer what has not come yet. Nothing of an
 * answer was sent on this connection in this phase. */
static void say_slow(int fd) {
    struct bb_error error;
    struct bb_buffer text, head;
    struct bb_json json;

    (void)!BB_FAIL(&error, BB_E_SLOW, "the request did not come in time");
    bb_buffer_init(&text, 1 << 12);
    bb_buffer_init(&head, 1 << 12);
    bb_json_init(&json, &text);
    bb_http_problem_begin(&error, &json);
    bb_http_problem_end(&json);
    bb_buffer_format(&head,
                     "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/problem+json\r\n"
                     "Connection: close\r\nContent-Length: %zu\r\n\r\n%.*s",
                     text.size, (int)text.size, text.data);
    (void)!send(fd, head.data, head.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    bb_buffer_release(&text);
    bb_buffer_release(&head);
}

/* All of it was read, and no more will come: a request that is not whole never will be. */
static bool is_abandoned(struct bb_http_link *link, enum bb_http_phase phase, int64_t now) {
    char byte;

    if (phase == BB_LINK_WORK || now - atomic_load(&link->since) < FEEL_EVERY_MS ||
        now - link->felt_ms < FEEL_EVERY_MS)
        return false;
    link->felt_ms = now;
    return recv(link->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Returns whether it was cut off. */
static bool look_at(struct bb_http_links *links, struct bb_http_link *link, int64_t now) {
    enum bb_http_phase phase = (enum bb_http_phase)atomic_load(&link->phase);
    int64_t took = now - atomic_load(&link->since);

    if (link->cut)
        return false;
    bool is_late = took > bb_http_link_limit_ms(links, phase, atomic_load(&link->body_bytes));
    if (!is_late && !is_abandoned(link, phase, now))
        return false;
    if (is_late && phase != BB_LINK_IDLE && !link->tls)
        say_slow(link->fd);
    shutdown(link->fd, SHUT_RDWR); /* libmicrohttpd sees the end, and closes */
    return link->cut = true;
}

static void *watch(void *argument) {
    struct bb_http_links *links = argument;

    pthread_mutex_lock(&links->lock);
    while (!links->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_EVERY_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_clockwait(&links->end, &links->lock, CLOCK_MONOTONIC, &until);
        int64_t now = now_ms();
        int cuts = 0;
        for (struct bb_http_link *link = links->first; link && cuts < CUTS_A_LOOK;
             link = link->after)
            cuts += look_at(links, link, now);
    }
    pthread_mutex_unlock(&links->lock);
    return NULL;
}

bool bb_http_links_start(struct bb_http_links *links) {
    sigset_t all, before;

    pthread_mutex_init(&links->lock, NULL);
    pthread_cond_init(&links->end, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    links->running = pthread_create(&links->thread, NULL, watch, links) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return links->running;
}

void bb_http_links_stop(struct bb_http_links *links) {
    if (!links->running)
        return;
    pthread_mutex_lock(&links->lock);
    links->stop = true;
    pthread_cond_signal(&links->end);
    pthread_mutex_unlock(&links->lock);
    pthread_join(links->thread, NULL);
    links->running = false;
}

struct bb_http_link *bb_http_link_add(struct bb_http_links *links, int fd, bool tls) {
    struct bb_http_link *link = calloc(1, sizeof *link);

    if (!link)
        return NULL;
    link->fd = fd;
    link->tls = tls;
    bb_http_link_enter(link, BB_LINK_IDLE);
    pthread_mutex_lock(&links->lock);
    link->after = links->first;
    if (links->first)
        links->first->before = link;
    links->first = link;
    links->count++;
    pthread_mutex_unlock(&links->lock);
    return link;
}

void bb_http_link_remove(struct bb_http_links *links, struct bb_http_link *link) {
    if (!link)
        return;
    pthread_mutex_lock(&links->lock);
    if (link->before)
        link->before->after = link->after;
    else
        links->first = link->after;
    if (link->after)
        link->after->before = link->before;
    links->count--;
    pthread_mutex_unlock(&links->lock);
    free(link);
}

void bb_http_link_enter(struct bb_http_link *link, enum bb_http_phase phase) {
    if (!link)
        return;
    atomic_store(&link->body_bytes, 0);
    atomic_store(&link->since, now_ms());
    atomic_store(&link->phase, (int)phase);
}
