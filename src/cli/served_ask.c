/* A question to the server: see served_ask.h. */
#include "cli/served_ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX_BYTES = 64 << 20, PIECE_BYTES = 1 << 16, HEAD_BYTES = 512 };

int bb_served_connect(const char *directory) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path, sizeof address.sun_path, "%s/busbar.sock", directory);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && (size >= (int)sizeof address.sun_path ||
                    connect(fd, (struct sockaddr *)&address, sizeof address) != 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool send_all(int fd, struct bb_span text) {
    while (text.size > 0) {
        ssize_t n = send(fd, text.data, text.size, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return false;
        text.data += n > 0 ? n : 0;
        text.size -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Up to where the server closes; it was asked to. */
static bool receive_all(int fd, struct bb_buffer *out) {
    for (;;) {
        if (!bb_buffer_reserve(out, PIECE_BYTES))
            return false;
        ssize_t n = recv(fd, out->data + out->size, PIECE_BYTES, 0);
        if (n < 0 && errno != EINTR)
            return false;
        if (n == 0)
            return true;
        out->size += n > 0 ? (size_t)n : 0;
    }
}

static bool exchange(int fd, const char *path, const char *type, struct bb_span body,
                     struct bb_buffer *answer) {
    char head[HEAD_BYTES];
    int size = snprintf(head, sizeof head,
                        "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                        "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                        path, type, body.size);

    /* What is refused may be answered before all of it was read. */
    if (send_all(fd, (struct bb_span){head, (size_t)size}))
        (void)send_all(fd, body);
    return receive_all(fd, answer);
}

/* As if it had gone wrong here. */
static int take_problem(const json_t *problem, struct bb_error *error) {
    const char *code = json_string_value(json_object_get(problem, "code"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    int number = code && strncmp(code, "BB-", 3) == 0 ? (int)strtol(code + 3, NULL, 10) : 0;

    if (!bb_error_row_find(number))
        return BB_FAIL(error, BB_E_SERVED, "the server answered something else than expected");
    return BB_FAIL(error, (enum bb_error_code)number, "%s",
                   detail ? detail : bb_error_row_find(number)->title);
}

static int read_answer(const struct bb_buffer *answer, json_t **out, struct bb_error *error) {
    const char *end = answer->size > 12 ? memmem(answer->data, answer->size, "\r\n\r\n", 4) : NULL;
    json_error_t wrong;

    if (!end)
        return BB_FAIL(error, BB_E_SERVED, "the server ended before it answered: run it again");
    size_t head = (size_t)(end + 4 - answer->data);
    bool good = answer->data[9] == '2'; /* HTTP/1.1 200 */
    json_t *body = json_loadb(end + 4, answer->size - head, 0, &wrong);
    int result = body && good ? 0 : take_problem(body, error);
    if (result || !out)
        json_decref(body);
    else
        *out = body;
    return result;
}

int bb_served_post(const char *directory, const char *path, const char *type, struct bb_span body,
                   json_t **out, struct bb_error *error) {
    struct bb_buffer answer;
    int fd = bb_served_connect(directory);

    if (fd < 0)
        return BB_FAIL(error, BB_E_SERVED, "the server has ended: run it again");
    bb_buffer_init(&answer, ANSWER_MAX_BYTES);
    (void)exchange(fd, path, type, body, &answer);
    int result = read_answer(&answer, out, error);
    bb_buffer_release(&answer);
    close(fd);
    return result;
}
