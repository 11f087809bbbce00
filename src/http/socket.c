/* Listening sockets: see socket_internal.h. */
#include "http/socket_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { WAITING_CONNECTIONS = 4096 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un path;
};

/* Returns its size; 0: not an address. */
static socklen_t parse_address(const char *text, uint16_t port, union address *out) {
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        return sizeof out->v4;
    }
    if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        return sizeof out->v6;
    }
    return 0;
}

int bb_http_address_check(const char *text, bool *is_loopback, struct bb_error *error) {
    union address address;

    if (parse_address(text, 0, &address) == 0)
        return BB_FAIL(error, BB_E_LISTEN,
                       "%s is no address to listen on; write 127.0.0.1, ::1, 0.0.0.0 or ::", text);
    *is_loopback = address.any.sa_family == AF_INET
                       ? (ntohl(address.v4.sin_addr.s_addr) >> 24) == 127
                       : IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);
    return 0;
}

static int listen_on(const union address *address, socklen_t size, const char *name, int *out,
                     struct bb_error *error) {
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd >= 0 && address->any.sa_family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, &address->any, size) != 0 || listen(fd, WAITING_CONNECTIONS) != 0) {
        int why = errno;
        if (fd >= 0)
            close(fd);
        return BB_FAIL(error, BB_E_LISTEN, "cannot listen on %s: %s", name, strerror(why));
    }
    *out = fd;
    return 0;
}

int bb_http_listen_port(const char *text, uint16_t *port, int *fd, struct bb_error *error) {
    union address address;
    socklen_t size = parse_address(text, *port, &address);
    char name[128];

    BB_ASSERT(size > 0); /* bb_http_address_check was there before */
    snprintf(name, sizeof name, "%s port %u", text, *port);
    int result = listen_on(&address, size, name, fd, error);
    if (result)
        return result;
    if (getsockname(*fd, &address.any, &size) == 0)
        *port = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port
                                                       : address.v6.sin6_port);
    return 0;
}

int bb_http_listen_path(const char *path, int *fd, struct bb_error *error) {
    union address address = {.path = {.sun_family = AF_UNIX}};

    if (strlen(path) >= sizeof address.path.sun_path)
        return BB_FAIL(error, BB_E_LISTEN, "the name of the socket %s is longer than %zu bytes",
                       path, sizeof address.path.sun_path - 1);
    memcpy(address.path.sun_path, path, strlen(path));
    unlink(path); /* whoever owns the log owns the socket: what is there is a dead one's */
    mode_t before = umask(0177);
    int result = listen_on(&address, sizeof address.path, path, fd, error);
    umask(before);
    return result;
}
