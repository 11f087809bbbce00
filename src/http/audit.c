/* Auditing what people change over HTTP: see audit_internal.h. */
#include "http/audit_internal.h"

#include <inttypes.h>
#include <jansson.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/hash.h"
#include "http/call_internal.h"
#include "service/audit.h"
#include "service/engines.h"

enum { SUBJECT_MAX = 1000, ORIGIN_MAX = 80, VERB_MAX = 160 };
#define SAME_REFUSAL_MS 60000

int bb_http_auditor_start(struct bb_http_auditor *auditor, const char *data,
                          const struct bb_config *config, struct bb_error *error) {
    const struct bb_engine_needs needs = {.directory = data, .config = config};

    pthread_mutex_init(&auditor->lock, NULL);
    return bb_engine_registry_open(&needs, &auditor->registry, error);
}

void bb_http_auditor_stop(struct bb_http_auditor *auditor) {
    if (!auditor->registry)
        return;
    auditor->registry->ops->close(auditor->registry);
    pthread_mutex_destroy(&auditor->lock);
}

/* What a command of the plant's owner appends through this server (route_owner.c), the command has told already. */
bool bb_http_is_audited(const struct bb_http_route *route) {
    return route && route->right == BB_RIGHT_ADMIN && route->method != BB_HTTP_GET && !route->page;
}

/* ---- what is told of a request */

static void put_origin(const struct bb_http_call *call, char out[ORIGIN_MAX]) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        call->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    socklen_t size = address && address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                               : sizeof(struct sockaddr_in);

    if (call->is_local)
        snprintf(out, ORIGIN_MAX, "socket");
    else if (!address || getnameinfo(address, size, out, ORIGIN_MAX, NULL, 0, NI_NUMERICHOST) != 0)
        snprintf(out, ORIGIN_MAX, "unknown");
}

static bool is_request_id(struct bb_span text) {
    if (text.size == 0 || text.size > BB_HTTP_REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = bb_char_lower(text.data[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
            return false;
    }
    return true;
}

/* The caller's own, or a new one; the answer says it. */
static void name_request(struct bb_http_call *call) {
    struct bb_span given = bb_http_header(call, "X-Request-Id");
    uint64_t number = 0;

    if (is_request_id(given)) {
        snprintf(call->request_id, sizeof call->request_id, "%.*s", BB_SPAN_ARGS(given));
    } else {
        (void)!getrandom(&number, sizeof number, 0);
        snprintf(call->request_id, sizeof call->request_id, "%016" PRIx64, number);
    }
    bb_http_set_header(call, "X-Request-Id", call->request_id);
}

static void put_member(const char *name, const json_t *value, struct bb_buffer *out) {
    const json_t *item;
    size_t i;

    if (json_is_array(value)) {
        bb_buffer_format(out, "%s%s=", out->size ? " " : "", name);
        json_array_foreach(value, i, item) if (json_is_integer(item))
            bb_buffer_format(out, "%s%lld", i ? "," : "", (long long)json_integer_value(item));
        return;
    }
    if (!json_is_string(value) && !json_is_number(value) && !json_is_boolean(value))
        return;
    bb_buffer_format(out, "%s%s=", out->size ? " " : "", name);
    if (json_is_string(value))
        bb_buffer_format(out, "%s", json_string_value(value));
    else if (json_is_boolean(value))
        bb_buffer_format(out, "%s", json_is_true(value) ? "true" : "false");
    else if (json_is_integer(value))
        bb_buffer_format(out, "%lld", (long long)json_integer_value(value));
    else
        bb_buffer_format(out, "%.15g", json_real_value(value));
}

/* The place, where it has parts of its own, and what of the body says of what: no member that could hold what
 * is known of a customer. */
static void put_subject(const struct bb_http_call *call, const json_t *body,
                        struct bb_buffer *out) {
    static const char *const members[] = {"action",   "ids",  "id",   "usage_point", "channel",
                                          "at",       "from", "to",   "value",       "unit",
                                          "withdraw", "rule", "name", "canary",      "force"};

    if (call->match.part_count > 0)
        bb_buffer_append_span(out, call->path);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        put_member(members[i], json_object_get(body, members[i]), out);
    if (out->overflow)
        bb_buffer_clear(out);
}

static json_t *read_body(const struct bb_http_call *call) {
    struct bb_span body = bb_http_body_span(call);

    if (call->match.route->body != BB_HTTP_WHOLE || body.size == 0)
        return NULL;
    return json_loadb(body.data, body.size, 0, NULL);
}

struct telling {
    struct bb_audit_act act;
    struct bb_buffer subject;
    json_t *body;
    char origin[ORIGIN_MAX], verb[VERB_MAX];
};

/* Borrows from the call and from itself. */
static void describe(struct bb_http_call *call, struct telling *t) {
    const struct bb_http_route *route = call->match.route;

    name_request(call);
    put_origin(call, t->origin);
    snprintf(t->verb, sizeof t->verb, "%s %s", bb_http_method_name(route->method), route->path);
    bb_buffer_init(&t->subject, SUBJECT_MAX);
    t->body = call->is_refused ? NULL : read_body(call);
    put_subject(call, t->body, &t->subject);
    t->act = (struct bb_audit_act){
        .tenant = bb_http_tenant(call),
        .who = bb_http_caller(call),
        .credential = bb_span_of(call->access.subject),
        .origin = bb_span_of(t->origin),
        .verb = bb_span_of(route->verb ? route->verb : t->verb),
        .subject = bb_buffer_span(&t->subject),
        .reason = bb_span_of(json_string_value(json_object_get(t->body, "reason"))),
        .request = bb_span_of(call->request_id)};
}

static void forget(struct telling *t) {
    bb_buffer_release(&t->subject);
    json_decref(t->body);
}

static int64_t now(void) {
    return bb_clock_now_ms(bb_clock_system());
}

int bb_http_audit_begin(struct bb_http_call *call, struct bb_error *error) {
    struct bb_http_auditor *auditor = &call->server->auditor;
    struct telling t;

    describe(call, &t);
    pthread_mutex_lock(&auditor->lock);
    int result = bb_audit_begin(auditor->registry, &t.act, now(), &call->audit_entry, error);
    pthread_mutex_unlock(&auditor->lock);
    if (result)
        call->audit_entry = 0;
    forget(&t);
    return result;
}

void bb_http_audit_end(struct bb_http_call *call, int result) {
    struct bb_http_auditor *auditor = &call->server->auditor;
    struct bb_error error;

    if (call->audit_entry == 0)
        return;
    pthread_mutex_lock(&auditor->lock);
    if (bb_audit_end(auditor->registry, call->audit_entry, result, now(), &error) < 0)
        bb_log_error(&call->server->options.logger, &error);
    pthread_mutex_unlock(&auditor->lock);
    call->audit_entry = 0;
}

/* ---- refusals */

bool bb_http_audit_wants(const struct bb_http_call *call, const struct bb_error *refusal) {
    return refusal->code == BB_E_FORBIDDEN && bb_http_is_audited(call->match.route);
}

/* Under the lock. */
static bool was_told(struct bb_http_auditor *auditor, const struct bb_http_call *call,
                     int64_t now_ms) {
    uint64_t hash = bb_hash(bb_http_caller(call)) ^
                    bb_hash_mix((uint64_t)(uintptr_t)call->match.route);
    size_t slot = hash % BB_HTTP_REFUSALS_KEPT;
    bool told = auditor->refusals[slot].hash == hash &&
                now_ms - auditor->refusals[slot].at_ms < SAME_REFUSAL_MS;

    if (!told) {
        auditor->refusals[slot].hash = hash;
        auditor->refusals[slot].at_ms = now_ms;
    }
    return told;
}

void bb_http_audit_refusal(struct bb_http_call *call) {
    struct bb_http_auditor *auditor = &call->server->auditor;
    int64_t now_ms = now();
    struct bb_error error;
    struct telling t;

    describe(call, &t);
    pthread_mutex_lock(&auditor->lock);
    if (!was_told(auditor, call, now_ms) &&
        bb_audit_note(auditor->registry, &t.act, BB_AUDIT_REFUSED, (int)call->refusal.code, NULL,
                      now_ms, &error) < 0)
        bb_log_error(&call->server->options.logger, &error);
    pthread_mutex_unlock(&auditor->lock);
    forget(&t);
}
