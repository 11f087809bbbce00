/* One request after another on a connection: libmicrohttpd's callbacks. All run on the I/O thread that has
 * the connection, and never wait.
 *
 * libmicrohttpd calls bb_http_on_request for the head, for each piece of the body, and once more at its
 * end; and again when a suspended connection was resumed, which is when a handler is done.
 */
#include "base/clock.h"
#include "http/call_internal.h"
#include "http/measure_internal.h"
#include "model/timestamp.h"

#include <stdlib.h>

/* A refused body up to here is read to its end: a connection that is closed on unread bytes takes the answer
 * with it. */
enum { DISCARD_BYTES = 32 << 20 };

/* ---- links */

void bb_http_on_link(void *context, struct MHD_Connection *connection, void **link,
                     enum MHD_ConnectionNotificationCode what) {
    struct bb_http_listener *listener = context;
    struct bb_http_links *links = &listener->server->links;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *fd = MHD_get_connection_info(
            connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        bool tls = !listener->is_local && listener->server->certificate;
        *link = fd ? bb_http_link_add(links, fd->connect_fd, tls) : NULL;
    } else {
        bb_http_link_remove(links, *link);
        *link = NULL;
        bb_http_door_left(listener->door);
    }
}

static struct bb_http_link *link_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

/* ---- the end of a request */

void *bb_http_on_uri(void *context, const char *uri, struct MHD_Connection *connection) {
    struct bb_http_call *call = bb_http_call_new(context, uri, connection);

    if (call)
        call->link = link_of(connection);
    bb_http_link_enter(link_of(connection), BB_LINK_HEAD);
    return call;
}

void bb_http_on_end(void *context, struct MHD_Connection *connection, void **slot,
                    enum MHD_RequestTerminationCode why) {
    struct bb_http_call *call = *slot;

    (void)context;
    (void)why;
    *slot = NULL;
    bb_http_link_enter(link_of(connection), BB_LINK_IDLE);
    if (!call)
        return;
    if (call->streams)
        bb_http_stream_gone(call);
    bool answered = call->state == BB_CALL_ANSWERED && !call->response;
    bb_http_measure(call->match.route, answered ? call->status : 0,
                    bb_monotonic_ns() - call->began_ns);
    if (call->counted)
        atomic_fetch_sub(&call->server->running, 1);
    if (call->response) /* never queued: the client was gone first */
        MHD_destroy_response(call->response);
    bb_http_call_drop(call);
}

static enum MHD_Result queue_answer(struct bb_http_call *call) {
    struct MHD_Response *response = call->response;

    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(call->connection, (unsigned)call->status, response);
    MHD_destroy_response(response); /* libmicrohttpd keeps it until it was sent */
    call->response = NULL;
    return result;
}

/* To a crew; when it is full, the call ends here. */
static void hand_over(struct bb_http_call *call, struct bb_http_crew *crew) {
    struct bb_error error;

    call->state = BB_CALL_RUNNING;
    MHD_suspend_connection(call->connection);
    if (!bb_http_crew_push(crew, call))
        bb_http_call_end(call, BB_FAIL(&error, BB_E_BUSY, "too many requests wait already"),
                         &error);
}

static enum MHD_Result refuse_now(struct bb_http_call *call, const struct bb_error *error) {
    if (bb_http_audit_wants(call, error)) {
        call->refusal = *error;
        call->is_refused = true;
        bb_http_link_enter(call->link, BB_LINK_WORK);
        hand_over(call, &call->server->questions);
        return MHD_YES;
    }
    bb_http_call_refuse(call, error);
    call->state = BB_CALL_ANSWERED;
    bb_http_link_enter(call->link, BB_LINK_WORK);
    return queue_answer(call);
}

/* ---- the head */

struct head {
    struct bb_span method;
    bool has_body, expects_continue;
    bool is_doubtful; /* where the body ends: nothing behind the head may be taken for a request */
    uint64_t length;  /* of the body; 0: not known before its end */
};

struct framing {
    int lengths, codings; /* headers that say where the body ends */
    bool is_chunked;
};

/* A MHD_KeyValueIterator. */
static enum MHD_Result see_framing(void *context, enum MHD_ValueKind kind, const char *key,
                                   const char *value) {
    struct framing *f = context;

    (void)kind;
    if (bb_span_equal_nocase(bb_span_of(key), BB_SPAN("Content-Length")))
        f->lengths++;
    if (bb_span_equal_nocase(bb_span_of(key), BB_SPAN("Transfer-Encoding"))) {
        f->codings++;
        f->is_chunked = value && bb_span_equal_nocase(bb_span_of(value), BB_SPAN("chunked"));
    }
    return MHD_YES;
}

/* What says twice, or otherwise than libmicrohttpd reads it, where its body ends may be read otherwise by something
 * in front of this server: then one could hide a request in the body of another (RFC 9112, 6.3). */
static int check_framing(struct bb_http_call *call, struct head *head, struct bb_error *error) {
    struct framing f = {.lengths = 0};

    MHD_get_connection_values(call->connection, MHD_HEADER_KIND, see_framing, &f);
    head->is_doubtful = f.lengths + f.codings > 1 || (f.codings > 0 && !f.is_chunked);
    return head->is_doubtful ? BB_FAIL(error, BB_E_PARAMETER,
                                       "a request says once how long its body is: Content-Length, "
                                       "or Transfer-Encoding: chunked")
                             : 0;
}

static int read_head(struct bb_http_call *call, struct head *head, struct bb_error *error) {
    struct bb_span length = bb_http_header(call, "Content-Length");
    struct bb_span coding = bb_http_header(call, "Transfer-Encoding");

    head->length = 0;
    for (size_t i = 0; i < length.size && head->length < UINT64_MAX / 16; i++)
        if (length.data[i] >= '0' && length.data[i] <= '9')
            head->length = head->length * 10 + (uint64_t)(length.data[i] - '0');
    head->has_body = head->length > 0 || coding.size > 0;
    head->expects_continue = bb_http_header(call, "Expect").size > 0;
    call->is_head = bb_span_equal(head->method, BB_SPAN("HEAD"));
    if (call->path.size + call->query.size + 1 >= BB_HTTP_URI_BYTES)
        return BB_FAIL(error, BB_E_PARAMETER, "the address is longer than %d bytes",
                       BB_HTTP_URI_BYTES - 1);
    return check_framing(call, head, error);
}

static int find_route(struct bb_http_call *call, const struct head *head, struct bb_error *error) {
    switch (bb_http_route_match(head->method, call->path, &call->match)) {
    case BB_HTTP_FOUND: return 0;
    case BB_HTTP_NO_METHOD:
        return BB_FAIL(error, BB_E_METHOD, "this address does not take the method %.*s",
                       (int)(head->method.size < 20 ? head->method.size : 20), head->method.data);
    case BB_HTTP_NO_ROUTE: break;
    }
    return BB_FAIL(error, BB_E_ROUTE_UNKNOWN, "there is nothing at this address");
}

static int check_access(struct bb_http_call *call, struct bb_error *error) {
    struct bb_http_credentials shown = {.authorization = bb_http_header(call, "Authorization"),
                                        .host = bb_http_header(call, "Host"),
                                        .is_local = call->is_local};

    return bb_http_gate_check(&call->server->gate, &shown, call->match.route->right,
                              bb_clock_now_ms(bb_clock_system()), &call->access, error);
}

static uint64_t body_limit(const struct bb_http_call *call) {
    switch (call->match.route->body) {
    case BB_HTTP_NO_BODY: return 0;
    case BB_HTTP_FORM:
    case BB_HTTP_WHOLE: return BB_HTTP_WHOLE_BYTES;
    case BB_HTTP_STREAM: break;
    }
    return (uint64_t)call->server->options.config->http_body_bytes;
}

static int refuse_size(const struct bb_http_call *call, struct bb_error *error) {
    uint64_t limit = body_limit(call);

    return limit == 0
               ? BB_FAIL(error, BB_E_BODY_TOO_LARGE, "this address takes no body")
               : BB_FAIL(error, BB_E_BODY_TOO_LARGE,
                         "the body is larger than %llu bytes, which is the most this address "
                         "takes",
                         (unsigned long long)limit);
}

static int check_head(struct bb_http_call *call, const struct head *head, struct bb_error *error) {
    int result = find_route(call, head, error);

    if (!result)
        result = check_access(call, error);
    if (!result && atomic_load(&call->server->draining) && !call->match.route->quick)
        result = BB_FAIL(error, BB_E_DRAINING, "the server is about to end");
    if (!result)
        result = bb_http_values_begin(&call->values, &call->match, call->query, &call->arena,
                                      error);
    if (!result && (head->length > body_limit(call) || (head->has_body && body_limit(call) == 0)))
        result = refuse_size(call, error);
    if (!result && call->match.route->body != BB_HTTP_FORM)
        result = bb_http_values_end(&call->values, error);
    if (!result && call->match.route->check)
        result = call->match.route->check(call, error);
    return result;
}

static enum MHD_Result begin(struct bb_http_call *call, const char *method) {
    struct head head = {.method = bb_span_of(method)};
    struct bb_error error = {0};

    atomic_fetch_add(&call->server->running, 1);
    call->counted = true;
    if (atomic_load(
            &call->server->ended)) /* looked at behind the count: see bb_http_server_drain */
        return MHD_NO;
    int result = read_head(call, &head, &error);
    if (!result)
        result = check_head(call, &head, &error);
    bb_http_link_enter(call->link, BB_LINK_BODY);
    if (!result) {
        call->state = BB_CALL_BODY;
        return MHD_YES;
    }
    if (head.is_doubtful || head.expects_continue || head.length > DISCARD_BYTES)
        return refuse_now(call, &error); /* libmicrohttpd closes the connection then */
    call->refusal = error;
    call->state = BB_CALL_DISCARDING;
    return MHD_YES;
}

/* ---- the body */

static enum MHD_Result take_body(struct bb_http_call *call, const char *data, size_t size) {
    struct bb_error error;
    int result = 0;

    if (call->link)
        atomic_fetch_add(&call->link->body_bytes, size);
    if (call->state == BB_CALL_BODY) {
        if (call->body.size + size > body_limit(call))
            result = refuse_size(call, &error);
        if (!result)
            result = bb_http_spool_add(&call->body, data, size, &error);
        if (result) {
            call->refusal = error;
            call->state = BB_CALL_DISCARDING;
        }
    } else {
        call->discarded += size;
    }
    return call->discarded > DISCARD_BYTES ? MHD_NO : MHD_YES;
}

static int take_form(struct bb_http_call *call, struct bb_error *error) {
    int result = bb_http_values_add(&call->values, bb_buffer_span(&call->body.memory), &call->arena,
                                    error);
    return result ? result : bb_http_values_end(&call->values, error);
}

static enum MHD_Result run_quick(struct bb_http_call *call) {
    struct bb_error error = {0};
    int result = call->match.route->handle(call, &error);

    BB_ASSERT(result != BB_HTTP_LATER);
    bb_http_call_end(call, result, &error);
    return queue_answer(call);
}

static enum MHD_Result dispatch(struct bb_http_call *call) {
    const struct bb_http_route *route = call->match.route;
    struct bb_http_server *server = call->server;
    struct bb_error error = {0};

    if (route->body == BB_HTTP_FORM && take_form(call, &error) < 0)
        return refuse_now(call, &error);
    bb_http_link_enter(call->link, BB_LINK_WORK);
    if (route->quick)
        return run_quick(call);
    bool is_post = route->takes_readings || route->among_posts;
    hand_over(call, is_post              ? &server->posts
                    : route->tries_rules ? &server->trials
                                         : &server->questions);
    return MHD_YES;
}

enum MHD_Result bb_http_on_request(void *context, struct MHD_Connection *connection,
                                   const char *url, const char *method, const char *version,
                                   const char *data, size_t *size, void **slot) {
    struct bb_http_call *call = *slot;
    size_t given = *size;

    (void)context;
    (void)connection;
    (void)url;
    (void)version;
    *size = 0;
    if (!call)
        return MHD_NO; /* there was no memory for it */
    switch (call->state) {
    case BB_CALL_NEW: *size = given; return begin(call, method);
    case BB_CALL_BODY: return given > 0 ? take_body(call, data, given) : dispatch(call);
    case BB_CALL_DISCARDING:
        return given > 0 ? take_body(call, data, given) : refuse_now(call, &call->refusal);
    case BB_CALL_RUNNING: return MHD_YES;
    case BB_CALL_ANSWERED: return queue_answer(call);
    }
    return MHD_NO;
}
