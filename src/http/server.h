/* The server: sockets, threads, limits, and how it ends.
 *
 *   I/O threads (libmicrohttpd, epoll)         handler threads                    the log's owner
 *   read head, body ─► suspend ──────────────► handle: ask the store ─► resume
 *                                              handle: decode a post ───────────► append, sync ─► resume
 *   quick routes are answered at once
 *
 * An I/O thread never waits for a disk or a question; a handler thread waits for nobody's disk but its
 * own question's. There are two crews of handlers, so that questions and posts do not stand in each other's way.
 * Calls move whole between threads; what is shared has its lock named beside it.
 */
#ifndef BB_HTTP_SERVER_H
#define BB_HTTP_SERVER_H

#include "base/log_line.h"
#include "service/committer.h"
#include "service/config.h"
#include "service/source_intake.h"

struct bb_http_options {
    const char *data,
        *config_path; /* of the plant; config_path NULL: DATA/busbar.yaml when there */
    const struct bb_config *config; /* its http keys: limits, TLS files */
    struct bb_committer *committer; /* the log's owner */
    struct bb_intake *intake;       /* of foreign topics; NULL: none */
    uint32_t partitions;            /* of the log */
    struct bb_span tenant;          /* of callers without a key, where they are let in */
    const char *address;            /* "127.0.0.1", "::1", "0.0.0.0" */
    uint16_t port;                  /* 0: any that is free */
    const char *socket_path;        /* NULL: none; a Unix socket for this user's own commands */
    bool insecure;                  /* listen elsewhere than on the loopback without keys or TLS */
    uint32_t workers;               /* processes that derive, that there should be */
    void (*alive)(
        void); /* called every half second or so while the plant can be seen; NULL: nobody asks */
    struct bb_logger logger;
};

struct bb_http_server;

/* Listens when it returns 0; it lives until bb_http_server_stop. -BB_E_LISTEN, -BB_E_LISTEN_OPEN,
 * -BB_E_TLS. */
int bb_http_server_start(const struct bb_http_options *options, struct bb_http_server **out,
                         struct bb_error *error) BB_MUST_USE;
/* "http://127.0.0.1:8080" */
const char *bb_http_server_url(const struct bb_http_server *server);
/* Is a key asked for? */
bool bb_http_server_wants_keys(struct bb_http_server *server);
/* Take no new connection, answer what has begun; false when that took longer. /readyz says 503 meanwhile. */
bool bb_http_server_drain(struct bb_http_server *server, int timeout_ms);
/* After a drain that succeeded (libmicrohttpd does not stop while a call is under way). */
void bb_http_server_stop(struct bb_http_server *server);

#endif
