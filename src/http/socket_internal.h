/* Listening sockets. */
#ifndef BB_HTTP_SOCKET_INTERNAL_H
#define BB_HTTP_SOCKET_INTERNAL_H

#include "base/error.h"

/* Is it one of this machine alone ("127.0.0.1", "127.4.5.6", "::1")? -BB_E_LISTEN: it is no address. */
int bb_http_address_check(const char *address, bool *is_loopback, struct bb_error *error)
    BB_MUST_USE;
/* *port 0: becomes the one that was free. -BB_E_LISTEN. */
int bb_http_listen_port(const char *address, uint16_t *port, int *fd, struct bb_error *error)
    BB_MUST_USE;
/* A socket that only this user may open; one that a dead server left is replaced. */
int bb_http_listen_path(const char *path, int *fd, struct bb_error *error) BB_MUST_USE;

#endif
