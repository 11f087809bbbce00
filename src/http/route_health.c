/* /livez and /readyz: for whoever restarts a server, and for whoever sends it requests. */
#include "base/clock.h"
#include "http/call_internal.h"
#include "http/routes_internal.h"

#include <stdio.h>

static void put_code(struct bb_json *json, const char *key, int code) {
    char text[16];

    snprintf(text, sizeof text, "BB-%04d", code);
    bb_json_put_text(json, key, bb_span_of(text));
}

/* Foreign topics that are not read do not make it less ready for posts; whoever looks is told. */
static void put_source(struct bb_intake *intake, struct bb_json *json) {
    static const char *const states[] = {"reads", "tries", "stands"};
    struct bb_intake_look look;

    bb_intake_look(intake, &look);
    int64_t age_ms = look.oldest_ms ? bb_clock_now_ms(bb_clock_system()) - look.oldest_ms : 0;
    bb_json_key(json, "source");
    bb_json_object_begin(json);
    bb_json_put_text(json, "state", bb_span_of(states[look.state]));
    if (look.code)
        put_code(json, "code", (int)look.code);
    bb_json_put_u64(json, "backlog", look.backlog);
    bb_json_put_i64(json, "age_s", age_ms > 0 ? age_ms / 1000 : 0);
    bb_json_object_end(json);
}

static int say(struct bb_http_call *call, int status, const char *what, bool with_parts) {
    struct bb_json json = bb_http_json(call);
    int away = atomic_load(&call->server->watcher.away);

    bb_json_object_begin(&json);
    bb_json_put_text(&json, "status", bb_span_of(what));
    if (with_parts && away) /* log, store or registry: what is derived cannot be seen now */
        put_code(&json, "away", away);
    if (with_parts && call->server->options.intake)
        put_source(call->server->options.intake, &json);
    bb_json_object_end(&json);
    return bb_http_answer(call, status, "application/json");
}

static int livez(struct bb_http_call *call, struct bb_error *error) {
    (void)error;
    return say(call, 200, "alive", false);
}

/* Ready is who can make a post durable. */
static int readyz(struct bb_http_call *call, struct bb_error *error) {
    (void)error;
    if (atomic_load(&call->server->draining))
        return say(call, 503, "draining", true);
    if (!bb_committer_is_well(call->server->options.committer))
        return say(call, 503, "the log does not take records any more", true);
    if (atomic_load(&call->server->watcher.log_away))
        return say(call, 503, "the log is away", true);
    return say(call, 200, "ready", true);
}

static const struct bb_http_answer livez_answers[] = {{200, "application/json", "it runs"}, {0}};
static const struct bb_http_answer readyz_answers[] = {
    {200, "application/json", "it takes posts and questions"},
    {503, "application/json", "it is about to end, or cannot write"},
    {0}};

const struct bb_http_route bb_http_route_livez = {
    .method = BB_HTTP_GET,
    .path = "/livez",
    .right = BB_RIGHT_NONE,
    .summary = "does the process run",
    .answers = livez_answers,
    .quick = true,
    .handle = livez,
};

const struct bb_http_route bb_http_route_readyz = {
    .method = BB_HTTP_GET,
    .path = "/readyz",
    .right = BB_RIGHT_NONE,
    .summary = "can it take posts",
    .answers = readyz_answers,
    .quick = true,
    .handle = readyz,
};
