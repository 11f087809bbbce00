/* /livez and /readyz: for whoever restarts a server, and for whoever sends it requests. */
#include "http/call_internal.h"
#include "http/routes_internal.h"

static int say(struct bb_http_call *call, int status, const char *what) {
    struct bb_json json = bb_http_json(call);

    bb_json_object_begin(&json);
    bb_json_put_text(&json, "status", bb_span_of(what));
    bb_json_object_end(&json);
    return bb_http_answer(call, status, "application/json");
}

static int livez(struct bb_http_call *call, struct bb_error *error) {
    (void)error;
    return say(call, 200, "alive");
}

/* Ready is who can make a post durable. */
static int readyz(struct bb_http_call *call, struct bb_error *error) {
    (void)error;
    if (atomic_load(&call->server->draining))
        return say(call, 503, "draining");
    if (!bb_committer_is_well(call->server->options.committer))
        return say(call, 503, "the log does not take records any more");
    return say(call, 200, "ready");
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
