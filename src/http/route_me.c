/* GET /v1/me: who the server takes the caller for. */
#include "http/call_internal.h"
#include "http/routes_internal.h"

static int get_me(struct bb_http_call *call, struct bb_error *error) {
    static const char *const roles[BB_ROLE_COUNT] = {
        [BB_ROLE_INGEST] = "ingest", [BB_ROLE_READ] = "reader", [BB_ROLE_ADMIN] = "admin"};
    int role = 0;
    struct bb_json json = bb_http_json(call);
    bool has_key = bb_http_header(call, "Authorization").size > 0 && !call->is_local;

    (void)error;
    for (int i = 0; i < BB_ROLE_COUNT; i++) /* of several the one that may most */
        role = call->access.roles >> i & 1 ? i : role;
    bb_json_object_begin(&json);
    bb_json_put_text(&json, "tenant", bb_http_tenant(call));
    bb_json_put_text(&json, "role", bb_span_of(has_key ? roles[role] : "local"));
    bb_json_put_text(&json, "name", bb_http_caller(call));
    bb_json_object_end(&json);
    return bb_http_answer(call, 200, "application/json");
}

static const struct bb_http_answer answers[] = {
    {200, "application/json",
     "the tenant, the role (reader, ingest, admin; local: no key is asked for), the name"},
    {0}};

const struct bb_http_route bb_http_route_me = {
    .method = BB_HTTP_GET,
    .path = "/v1/me",
    .right = BB_RIGHT_ANY,
    .summary = "who the server takes the caller for",
    .answers = answers,
    .quick = true,
    .handle = get_me,
};
