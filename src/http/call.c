/* A call: what handlers ask of it and answer by it. See call.h. */
#include "base/clock.h"
#include "http/accept_internal.h"
#include "http/call_internal.h"
#include "http/problem.h"
#include "http/promql_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- life */

struct bb_http_call *bb_http_call_new(struct bb_http_listener *listener, const char *uri,
                                      struct MHD_Connection *connection) {
    struct bb_http_call *call = calloc(1, sizeof *call);
    size_t size = strnlen(uri, BB_HTTP_URI_BYTES);

    if (!call)
        return NULL;
    call->uri = malloc(size + 1);
    if (!call->uri) {
        free(call);
        return NULL;
    }
    memcpy(call->uri, uri, size);
    call->uri[size] = '\0';
    size_t path = strcspn(call->uri, "?");
    call->path = (struct bb_span){call->uri, path};
    call->query = path < size ? (struct bb_span){call->uri + path + 1, size - path - 1}
                              : (struct bb_span){NULL, 0};
    call->server = listener->server;
    call->connection = connection;
    call->is_local = listener->is_local;
    call->began_ns = bb_monotonic_ns();
    call->holders = 1;
    bb_arena_init(&call->arena, 4 << 10, BB_HTTP_ARENA_BYTES);
    bb_buffer_init(&call->out, BB_HTTP_OUT_BYTES);
    bb_http_spool_init(&call->body, &call->server->room);
    return call;
}

void bb_http_call_drop(struct bb_http_call *call) {
    if (atomic_fetch_sub(&call->holders, 1) > 1)
        return;
    if (call->streams) {
        pthread_mutex_destroy(&call->stream.lock);
        pthread_cond_destroy(&call->stream.room);
        bb_buffer_release(&call->stream.bytes);
    }
    bb_http_spool_release(&call->body);
    bb_buffer_release(&call->out);
    bb_arena_release(&call->arena);
    free(call->uri);
    free(call);
}

/* ---- who asks */

struct bb_span bb_http_tenant(const struct bb_http_call *call) {
    return bb_span_of(call->access.tenant);
}

struct bb_span bb_http_caller(const struct bb_http_call *call) {
    return bb_span_of(call->access.caller);
}

struct bb_plant *bb_http_plant(struct bb_http_call *call) {
    return call->member ? &call->member->plant : NULL;
}

struct bb_arena *bb_http_arena(struct bb_http_call *call) {
    return &call->arena;
}

void **bb_http_kit(struct bb_http_call *call, void (*free_kit)(void *kit)) {
    call->member->free_kit = free_kit;
    return &call->member->kit;
}

/* ---- parameters */

static const struct bb_http_value *value_of(const struct bb_http_call *call, const char *name) {
    const struct bb_http_value *value = bb_http_value_find(&call->values, name);

    BB_ASSERT(value != NULL); /* a handler asks for what its route's table has */
    return value;
}

bool bb_http_given(const struct bb_http_call *call, const char *name) {
    return value_of(call, name)->given;
}

struct bb_span bb_http_text(const struct bb_http_call *call, const char *name) {
    return value_of(call, name)->text;
}

int64_t bb_http_number(const struct bb_http_call *call, const char *name) {
    return value_of(call, name)->number;
}

size_t bb_http_text_count(const struct bb_http_call *call, const char *name) {
    return value_of(call, name)->text_count;
}

struct bb_span bb_http_text_at(const struct bb_http_call *call, const char *name, size_t index) {
    const struct bb_http_value *value = value_of(call, name);

    BB_ASSERT(index < value->text_count);
    return value->texts[index];
}

int bb_http_bad_parameter(const struct bb_http_call *call, const char *name, const char *why,
                          struct bb_error *error) {
    (void)value_of(call, name);
    return BB_FAIL(error, BB_E_PARAMETER, "%s: %s", name, why);
}

struct bb_span bb_http_header(const struct bb_http_call *call, const char *name) {
    return bb_span_of(MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name));
}

int bb_http_accepts(const struct bb_http_call *call, const char *types) {
    struct bb_span accept = bb_http_header(call, "Accept");

    return accept.size == 0 ? 0 : bb_http_accept_choose(accept, types);
}

/* ---- the body */

struct bb_span bb_http_body_span(const struct bb_http_call *call) {
    return bb_buffer_span(&call->body.memory);
}

struct bb_input bb_http_body_input(struct bb_http_call *call) {
    return bb_http_spool_input(&call->body);
}

uint64_t bb_http_body_bytes(const struct bb_http_call *call) {
    return call->body.size;
}

/* ---- the answer */

void bb_http_set_header(struct bb_http_call *call, const char *name, const char *value) {
    BB_ASSERT(call->header_count < BB_HTTP_HEADERS_MAX);
    for (const char *c = value; *c; c++)
        BB_ASSERT((unsigned char)*c >= ' ');
    snprintf(call->headers[call->header_count].name, sizeof call->headers[0].name, "%s", name);
    call->headers[call->header_count].value = bb_arena_copy(&call->arena, bb_span_of(value)).data;
    if (call->headers[call->header_count].value) /* without memory the answer fails by itself */
        call->header_count++;
}

void bb_http_set_header_u64(struct bb_http_call *call, const char *name, uint64_t value) {
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, value);
    bb_http_set_header(call, name, text);
}

static bool has_header(const struct bb_http_call *call, const char *name) {
    for (uint32_t i = 0; i < call->header_count; i++)
        if (strcmp(call->headers[i].name, name) == 0)
            return true;
    return false;
}

void bb_http_call_dress(struct bb_http_call *call, struct MHD_Response *response,
                        const char *type) {
    MHD_add_response_header(response, "Content-Type", type);
    if (!has_header(call, "Cache-Control"))
        MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (atomic_load(&call->server->draining))
        MHD_add_response_header(response, "Connection", "close");
    for (uint32_t i = 0; i < call->header_count; i++)
        MHD_add_response_header(response, call->headers[i].name, call->headers[i].value);
}

struct bb_buffer *bb_http_out(struct bb_http_call *call) {
    return &call->out;
}

struct bb_json bb_http_json(struct bb_http_call *call) {
    struct bb_json json;

    bb_json_init(&json, &call->out);
    return json;
}

/* The bytes change hands: libmicrohttpd frees them. */
static void answer_with_out(struct bb_http_call *call, int status, const char *type) {
    struct bb_buffer *out = &call->out;

    BB_ASSERT(!call->response);
    call->response = MHD_create_response_from_buffer(
        out->size, out->data, out->data ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    call->status = status;
    if (!call->response)
        return; /* no memory: the connection is closed without an answer */
    out->data = NULL;
    out->size = out->capacity = 0;
    bb_http_call_dress(call, call->response, type);
}

int bb_http_answer(struct bb_http_call *call, int status, const char *type) {
    struct bb_error error;

    if (call->out.overflow) {
        int result = BB_FAIL(&error, BB_E_ANSWER_TOO_LARGE, "the answer is larger than %d MiB",
                             BB_HTTP_OUT_BYTES >> 20);
        bb_http_call_refuse(call, &error);
        (void)result; /* answered, if not as meant */
        return 0;
    }
    answer_with_out(call, status, type);
    return 0;
}

/* A bulk post is always told what came of it, also when that is nothing. */
static void count_nothing(struct bb_http_call *call) {
    static const char *const names[] = {"Busbar-Accepted", "Busbar-Duplicate", "Busbar-Rejected"};
    const struct bb_http_route *route = call->match.route;

    for (size_t i = 0; i < 3 && route && route->takes_readings; i++)
        if (!has_header(call, names[i]))
            bb_http_set_header_u64(call, names[i], 0);
}

/* RFC 6750: who showed nothing is told only how; who showed something, what is wrong with it. The text is the
 * title of the code, which tells nothing of what was shown. */
static void add_challenge(struct bb_http_call *call, const struct bb_error *error) {
    int status = bb_http_status_of(error->code);
    const struct bb_error_row *row = bb_error_row_find((int)error->code);
    char text[200] = "Bearer realm=\"busbar\"";

    if (status != 401 && error->code != BB_E_FORBIDDEN && error->code != BB_E_TOKEN_NOBODY)
        return;
    if (error->code != BB_E_KEY_NEEDED)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 ", error=\"%s\", error_description=\"BB-%04d %s\"",
                 status == 401 ? "invalid_token" : "insufficient_scope", (int)error->code,
                 row ? row->title : "");
    bb_http_set_header(call, "WWW-Authenticate", text);
}

static void add_refusal_headers(struct bb_http_call *call, const struct bb_error *error) {
    count_nothing(call);
    add_challenge(call, error);
    if (bb_http_status_of(error->code) == 503 || error->code == BB_E_RULES_BUSY)
        bb_http_set_header(call, "Retry-After", "1");
    if (error->code == BB_E_METHOD) {
        char allow[64] = "";
        for (int m = 0; m < BB_HTTP_METHODS; m++)
            if (call->match.allowed >> m & 1)
                snprintf(allow + strlen(allow), sizeof allow - strlen(allow), "%s%s",
                         allow[0] ? ", " : "", bb_http_method_name((enum bb_http_method)m));
        bb_http_set_header(call, "Allow", allow);
    }
}

void bb_http_call_refuse(struct bb_http_call *call, const struct bb_error *error) {
    const struct bb_http_route *route = call->match.route;
    struct bb_json json = bb_http_json(call);

    bb_buffer_clear(&call->out);
    bb_http_refusing_count(&call->server->watcher.refusing, error->code);
    add_refusal_headers(call, error);
    if (route && route->promql) {
        bb_promql_json_error(error, &call->out);
        answer_with_out(call, bb_http_status_of(error->code), "application/json");
        return;
    }
    bb_http_problem_begin(error, &json);
    bb_http_problem_end(&json);
    answer_with_out(call, bb_http_status_of(error->code), "application/problem+json");
}

int bb_http_on_log(struct bb_http_call *call,
                   int (*work)(struct bb_plant *plant, void *context, struct bb_error *error),
                   void *context, struct bb_error *error) {
    return bb_committer_run(call->server->options.committer, work, context, error);
}

/* People are told by the title (problem.c); whoever runs the server, by the log. */
static void log_fault(struct bb_http_call *call, const struct bb_error *error) {
    if (bb_http_status_of(error->code) == 500)
        bb_log_error(&call->server->options.logger, error);
}

void bb_http_call_end(struct bb_http_call *call, int result, const struct bb_error *error) {
    if (result < 0)
        log_fault(call, error);
    bb_http_audit_end(call, result);
    if (call->streams) {
        bb_http_stream_end(call, result < 0);
        bb_http_call_drop(call);
        return;
    }
    if (result < 0)
        bb_http_call_refuse(call, error);
    call->state = BB_CALL_ANSWERED;
    if (!call->match.route->quick)
        MHD_resume_connection(call->connection); /* from here on it is the I/O thread's */
}
