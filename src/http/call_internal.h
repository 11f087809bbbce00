/* A call from the inside, and the server around it.
 *
 *   uri (I/O) ─► NEW ─► BODY ───────► RUNNING (a handler's) ─► ANSWERED ─► sent ─► freed (I/O)
 *                  └──► DISCARDING ──────────────────────────────┘
 *
 * Who may touch a call: the I/O thread of its connection, until it suspends the connection (RUNNING); the
 * handler's thread, or whoever it gave the call to, until it resumes it; then the I/O thread again. A stream
 * is touched by both at once: `struct bb_http_stream` has a lock of its own, and the call two holders.
 */
#ifndef BB_HTTP_CALL_INTERNAL_H
#define BB_HTTP_CALL_INTERNAL_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "http/acceptor_internal.h"
#include "http/access_internal.h"
#include "http/audit_internal.h"
#include "http/call.h"
#include "http/crew_internal.h"
#include "http/link_internal.h"
#include "http/parameter_internal.h"
#include "http/server.h"
#include "http/spool_internal.h"
#include "http/sums_internal.h"
#include "http/wait_internal.h"
#include "service/rules_describe.h"

enum bb_http_call_state {
    BB_CALL_NEW = 0,
    BB_CALL_BODY,
    BB_CALL_DISCARDING, /* refused; the rest of the body is read so that the answer is heard */
    BB_CALL_RUNNING,
    BB_CALL_ANSWERED
};

enum {
    BB_HTTP_URI_BYTES = 8192,
    BB_HTTP_OUT_BYTES = 64 << 20,
    BB_HTTP_ARENA_BYTES = 64 << 20,
    BB_HTTP_STREAM_BYTES = 256 << 10, /* made and not yet sent */
    BB_HTTP_HEADERS_MAX = 16
};

struct bb_http_stream {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t room;
    struct bb_buffer bytes;
    size_t sent; /* of `bytes` */
    bool asleep; /* the connection is suspended until there is something to send */
    bool ended, failed, gone;
};

struct bb_http_call {
    struct bb_http_server *server;
    struct MHD_Connection *connection;
    struct bb_http_link *link;
    enum bb_http_call_state state;
    _Atomic int holders; /* the connection; besides, a handler that streams */
    bool is_local;       /* came by the Unix socket */
    bool is_head, counted;
    int64_t began_ns; /* monotonic */
    char *uri;
    struct bb_span path, query;
    struct bb_http_match match;
    struct bb_http_values values;
    struct bb_http_access access;
    struct bb_arena arena;
    struct bb_http_spool body;
    uint64_t discarded;
    struct bb_error refusal;                     /* DISCARDING: what will be told */
    bool is_refused;                             /* a handler's thread tells it, as it is audited */
    uint64_t audit_entry;                        /* of the change under way; 0: none */
    char request_id[BB_HTTP_REQUEST_ID_MAX + 1]; /* of audited calls */
    /* a handler's */
    struct bb_http_call *next; /* in a crew's queue */
    struct bb_http_crew_member *member;
    struct bb_buffer out;
    struct {
        char name[64];
        const char *value; /* in the arena */
    } headers[BB_HTTP_HEADERS_MAX];
    uint32_t header_count;
    bool streams;
    struct bb_http_stream stream;
    struct MHD_Response *response; /* ANSWERED */
    int status;
};

enum { BB_HTTP_DAEMONS = BB_HTTP_DOORS_MAX }; /* the port, the Unix socket */

struct bb_http_listener {
    struct bb_http_server *server;
    struct MHD_Daemon *daemon;
    struct bb_http_door *door; /* set before anybody comes in */
    bool is_local;
};

struct bb_http_server {
    struct bb_http_options options;
    struct bb_http_listener listeners[BB_HTTP_DAEMONS];
    struct bb_http_links links;
    struct bb_http_acceptor acceptor;
    struct bb_http_crew questions, posts, trials; /* trials: of rules */
    struct bb_http_spool_room room;
    struct bb_http_gate gate; /* who may come in */
    struct bb_http_auditor auditor;
    struct bb_rules_describer *describer;
    struct bb_http_watcher watcher;
    atomic_bool draining;    /* only what is quick is answered, everything else refused; */
    atomic_bool ended;       /* then nothing begins any more */
    _Atomic int64_t running; /* calls whose answer has not been sent */
    char url[160];
    char *certificate, *private_key; /* PEM, for libmicrohttpd */
};

/* Of one of the server's tenants, as of now. */
static inline struct bb_sums_source bb_http_sums_source(struct bb_http_server *server,
                                                        struct bb_span tenant) {
    return (struct bb_sums_source){server->options.data, server->options.config_path, tenant,
                                   atomic_load(&server->watcher.stamp)};
}

/* ---- call.c */
struct bb_http_call *bb_http_call_new(struct bb_http_listener *listener, const char *uri,
                                      struct MHD_Connection *connection);
/* Drop one holder; the last one frees. */
void bb_http_call_drop(struct bb_http_call *call);
/* The whole answer to what went wrong, in call->response. */
void bb_http_call_refuse(struct bb_http_call *call, const struct bb_error *error);
/* The crew's handlers keep this from call to call, per thread. */
void **bb_http_kit(struct bb_http_call *call, void (*free_kit)(void *kit));
/* Headers that every answer has, those of the call, the type. */
void bb_http_call_dress(struct bb_http_call *call, struct MHD_Response *response, const char *type);

/* ---- stream.c */
void bb_http_stream_end(struct bb_http_call *call, bool failed);
/* The connection is closed: nobody reads any more. */
void bb_http_stream_gone(struct bb_http_call *call);

/* ---- exchange.c: libmicrohttpd's callbacks; context: struct bb_http_listener */
void *bb_http_on_uri(void *context, const char *uri, struct MHD_Connection *connection);
enum MHD_Result bb_http_on_request(void *context, struct MHD_Connection *connection,
                                   const char *url, const char *method, const char *version,
                                   const char *data, size_t *size, void **call);
void bb_http_on_end(void *context, struct MHD_Connection *connection, void **call,
                    enum MHD_RequestTerminationCode why);
void bb_http_on_link(void *context, struct MHD_Connection *connection, void **link,
                     enum MHD_ConnectionNotificationCode what);

#endif
