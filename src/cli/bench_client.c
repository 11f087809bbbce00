/* Those who post: see bench_client.h. One thread, one poll over all connections. */
#include "cli/bench_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    METERS = 10000,
    GROUPS = METERS / BENCH_POST_LINES,
    FIRST_DAY = 20454,
    QUARTER_MS = 15 * BB_MINUTE_MS,
    QUARTERS = 96,
    LINE_BYTES = 160,
    ANSWER_BYTES = 8192,
    CONNECTIONS_MAX = 256,
    TIME_BYTES = 20 /* 2026-01-01T00:15:00Z */
};

struct body { /* of a thousand meters, with the places of its times */
    char *text;
    size_t size;
    size_t time_at[BENCH_POST_LINES];
};

struct connection {
    int fd;
    char *request; /* head and body */
    size_t size, sent;
    char answer[ANSWER_BYTES];
    size_t got;
    int64_t due_ns;
    bool waits; /* for the rest of its answer */
    size_t body_bytes;
};

struct run {
    const struct bench_posts *posts;
    struct body body[GROUPS];
    struct connection *connection;
    struct bench_posted *out;
    double *took_ms;
    size_t took_count, took_capacity;
    int64_t begin_ns, end_ns;
    uint64_t begun; /* posts of this run */
};

/* ---- bodies */

static int make_body(struct body *body, uint32_t group, struct bb_error *error) {
    static const char before[] = "\"channel\":\"1-1:1.29.0\",\"timestamp\":\"";

    body->text = malloc((size_t)BENCH_POST_LINES * LINE_BYTES);
    body->size = 0;
    if (!body->text)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the bodies of posts");
    for (uint32_t i = 0; i < BENCH_POST_LINES; i++) {
        uint32_t meter = group * BENCH_POST_LINES + i;
        int64_t value = bench_load_value(meter, meter % QUARTERS);
        char name[19];
        bench_load_name(meter, name);
        body->size += (size_t)snprintf(body->text + body->size, LINE_BYTES,
                                       "{\"usage_point\":\"%s\",%s", name, before);
        body->time_at[i] = body->size;
        body->size += (size_t)snprintf(body->text + body->size, LINE_BYTES / 2,
                                       "2026-01-01T00:00:00Z\",\"value\":%d.%03d,"
                                       "\"unit\":\"kWh\"}\n",
                                       (int)(value / 1000), (int)(value % 1000));
    }
    return 0;
}

/* The post of a number: its group of meters, its quarter hour. */
static void make_request(struct run *run, struct connection *c) {
    uint64_t number = (*run->posts->next)++;
    const struct body *body = &run->body[number % GROUPS];
    int64_t quarter = FIRST_DAY * (int64_t)QUARTERS + (int64_t)(number / GROUPS);
    char time[BB_TIME_TEXT_MAX];

    bb_time_format_utc((quarter + 1) * QUARTER_MS, time);
    c->size = (size_t)snprintf(c->request, (size_t)LINE_BYTES * 2,
                               "POST /v1/readings?interval=15m HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                               "Content-Type: application/x-ndjson\r\n"
                               "Content-Length: %zu\r\n\r\n",
                               body->size);
    char *text = c->request + c->size;
    memcpy(text, body->text, body->size);
    for (size_t i = 0; i < BENCH_POST_LINES; i++)
        memcpy(text + body->time_at[i], time, TIME_BYTES);
    c->size += body->size;
    c->body_bytes = body->size;
}

/* ---- connections */

static int connect_one(struct connection *c, uint16_t port, struct bb_error *error) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->waits = false;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0)
        return BB_FAIL_ERRNO(error, BB_E_LISTEN, errno, "cannot connect to the server");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    return 0;
}

/* What can be sent now. False: the connection is broken. */
static bool send_some(struct connection *c) {
    while (c->sent < c->size) {
        ssize_t n = send(c->fd, c->request + c->sent, c->size - c->sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        c->sent += (size_t)n;
    }
    return true;
}

static bool begin_post(struct run *run, struct connection *c, int64_t due_ns) {
    make_request(run, c);
    run->begun++;
    c->sent = c->got = 0;
    c->due_ns = due_ns;
    c->waits = true;
    return send_some(c);
}

static void note_time(struct run *run, double ms) {
    if (run->took_count < run->took_capacity)
        run->took_ms[run->took_count++] = ms;
}

/* Head and body of an answer, told by its Content-Length. -1: not whole yet; else its status. */
static int whole_answer(const struct connection *c) {
    const char *end = memmem(c->answer, c->got, "\r\n\r\n", 4);
    const char *length = end ? memmem(c->answer, c->got, "Content-Length: ", 16) : NULL;

    if (!end)
        return -1;
    size_t body = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
    if (c->got < (size_t)(end + 4 - c->answer) + body)
        return -1;
    return (int)strtol(c->answer + 9, NULL, 10); /* HTTP/1.1 200 */
}

/* False: the connection is broken, or its answer is longer than any that is expected. */
static bool read_some(struct run *run, struct connection *c) {
    ssize_t n = recv(c->fd, c->answer + c->got, ANSWER_BYTES - 1 - c->got, 0);

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    c->got += (size_t)n;
    c->answer[c->got] = '\0';
    int status = whole_answer(c);
    if (status < 0)
        return c->got < ANSWER_BYTES - 1;
    bool good = status / 100 == 2;
    run->out->answered += good;
    run->out->refused += !good;
    run->out->bytes += good ? c->body_bytes : 0;
    if (!good && !run->out->refusal[0])
        snprintf(run->out->refusal, sizeof run->out->refusal, "%.250s",
                 strstr(c->answer, "\r\n\r\n") + 4);
    note_time(run, (double)(bb_monotonic_ns() - c->due_ns) / 1e6);
    c->waits = false;
    return true;
}

/* ---- the run */

static int64_t due_of(const struct run *run, uint64_t number) {
    double per_second = run->posts->per_second;

    return run->begin_ns + (int64_t)((double)number * 1e9 / per_second);
}

/* Give free connections what is due. Sets when to look again. */
static int begin_due(struct run *run, int64_t now_ns, int64_t *next_ns, struct bb_error *error) {
    *next_ns = run->end_ns;
    for (uint32_t i = 0; i < run->posts->connections; i++) {
        struct connection *c = &run->connection[i];
        int64_t due_ns = run->posts->per_second > 0 ? due_of(run, run->begun) : now_ns;
        if (c->waits)
            continue;
        if (due_ns > now_ns) {
            *next_ns = due_ns < run->end_ns ? due_ns : run->end_ns;
            return 0;
        }
        if (!begin_post(run, c, due_ns))
            return BB_FAIL(error, BB_E_LISTEN, "the server closed a connection");
    }
    return 0;
}

static int attend(struct run *run, const struct pollfd *polled, struct bb_error *error) {
    for (uint32_t i = 0; i < run->posts->connections; i++) {
        struct connection *c = &run->connection[i];
        bool good = true;
        if (!c->waits)
            continue;
        if (polled[i].revents & POLLOUT)
            good = send_some(c);
        if (good && polled[i].revents & (POLLIN | POLLHUP | POLLERR))
            good = read_some(run, c);
        if (!good)
            return BB_FAIL(error, BB_E_LISTEN, "the server closed a connection");
    }
    return 0;
}

static int wait_for_answers(struct run *run, int64_t until_ns, struct bb_error *error) {
    struct pollfd polled[CONNECTIONS_MAX];
    int64_t left_ns = until_ns - bb_monotonic_ns();

    left_ns = left_ns > 0 ? left_ns : 0;
    const struct timespec timeout = {left_ns / 1000000000, left_ns % 1000000000};
    for (uint32_t i = 0; i < run->posts->connections; i++) {
        struct connection *c = &run->connection[i];
        short events = c->sent < c->size ? POLLIN | POLLOUT : POLLIN;
        polled[i] = (struct pollfd){.fd = c->waits ? c->fd : -1, .events = events};
    }
    if (ppoll(polled, run->posts->connections, &timeout, NULL) <= 0)
        return 0;
    return attend(run, polled, error);
}

static bool any_waits(const struct run *run) {
    for (uint32_t i = 0; i < run->posts->connections; i++)
        if (run->connection[i].waits)
            return true;
    return false;
}

/* Posts until the time is over, then what is still to be answered; that counts, too, and so does its time. */
static int post_all(struct run *run, struct bb_error *error) {
    enum { LAST_ANSWERS_S = 20 };
    int64_t next_ns, now_ns;
    int result = 0;

    run->begin_ns = bb_monotonic_ns();
    run->end_ns = run->begin_ns + (int64_t)(run->posts->seconds * 1e9);
    while (!result && (now_ns = bb_monotonic_ns()) < run->end_ns) {
        result = begin_due(run, now_ns, &next_ns, error);
        if (!result)
            result = wait_for_answers(run, next_ns, error);
    }
    int64_t give_up_ns = run->end_ns + LAST_ANSWERS_S * 1000000000LL;
    while (!result && any_waits(run)) {
        if (bb_monotonic_ns() > give_up_ns)
            return BB_FAIL(error, BB_E_LISTEN, "a post was not answered within %d s",
                           LAST_ANSWERS_S);
        result = wait_for_answers(run, give_up_ns, error);
    }
    run->out->seconds = bench_seconds_since(run->begin_ns);
    return result;
}

static int prepare(struct run *run, struct bb_error *error) {
    uint32_t count = run->posts->connections;

    BB_ASSERT(count <= CONNECTIONS_MAX);
    run->took_capacity = 4 << 20;
    run->took_ms = malloc(run->took_capacity * sizeof *run->took_ms);
    run->connection = calloc(count, sizeof *run->connection);
    if (!run->took_ms || !run->connection)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to post");
    for (uint32_t i = 0; i < count; i++)
        run->connection[i].fd = -1;
    int result = 0;
    for (uint32_t i = 0; !result && i < GROUPS; i++)
        result = make_body(&run->body[i], i, error);
    for (uint32_t i = 0; !result && i < count; i++) {
        struct connection *c = &run->connection[i];
        c->request = malloc((size_t)(BENCH_POST_LINES + 2) * LINE_BYTES);
        result = c->request ? connect_one(c, run->posts->port, error)
                            : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to post");
    }
    return result;
}

static void release(struct run *run) {
    for (uint32_t i = 0; run->connection && i < run->posts->connections; i++) {
        if (run->connection[i].fd >= 0)
            close(run->connection[i].fd);
        free(run->connection[i].request);
    }
    for (uint32_t i = 0; i < GROUPS; i++)
        free(run->body[i].text);
    free(run->connection);
    free(run->took_ms);
}

int bench_post_run(const struct bench_posts *posts, struct bench_posted *out,
                   struct bb_error *error) {
    struct run run = {.posts = posts, .out = out};

    *out = (struct bench_posted){.answered = 0};
    int result = prepare(&run, error);
    if (!result)
        result = post_all(&run, error);
    if (!result && run.took_count > 0) {
        out->p50_ms = bench_median(run.took_ms, run.took_count); /* sorts */
        out->p99_ms = run.took_ms[run.took_count * 99 / 100];
        out->most_ms = run.took_ms[run.took_count - 1];
    }
    release(&run);
    return result;
}
