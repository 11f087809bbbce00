/* Problems: see problem.h. */
#include "http/problem.h"

#include <stdio.h>

/* A code that is in no row is a matter of its range: the input's, the master data's, or ours. */
static const struct {
    enum bb_error_code code;
    int status;
} statuses[] = {
    {BB_E_USAGE_POINT_UNKNOWN, 404},
    {BB_E_CHANNEL_UNKNOWN, 404},
    {BB_E_EXCEPTION_UNKNOWN, 404},
    {BB_E_VALUE_ABSENT, 404},
    {BB_E_GROUP_UNKNOWN, 404},
    {BB_E_RULE_UNKNOWN, 404},
    {BB_E_RULE_LOAD, 422},
    {BB_E_RULE_CASES, 422},
    {BB_E_RULE_SIDE, 422},
    {BB_E_RULE_LANE, 422},
    {BB_E_RULE_PARAMETERS, 422},
    {BB_E_RULE_CASE_FAILED, 422},
    {BB_E_RULE_SLOW, 422},
    {BB_E_RULES_CHANGED, 409},
    {BB_E_RULES_BUSY, 429},
    {BB_E_RULES_HOST, 503},
    {BB_E_RULES_NO_CAGE, 503},
    {BB_E_FILE_UNKNOWN, 404},
    {BB_E_FILE_GONE, 409},
    {BB_E_LETTER_UNKNOWN, 404},
    {BB_E_LETTER_CLOSED, 409},
    {BB_E_LETTER_CUT, 409},
    {BB_E_SOURCE_TENANT, 400},
    {BB_E_MESSAGE_EMPTY, 400},
    {BB_E_EXCEPTION_CLOSED, 409},
    {BB_E_NOTHING_TO_WITHDRAW, 409},
    {BB_E_NOTHING_TO_TELL, 409},
    {BB_E_UNPACKED_TOO_LARGE, 413},
    {BB_E_LOCKED, 503},
    {BB_E_KAFKA_AWAY, 503},
    {BB_E_KAFKA_UNDELIVERED, 503},
    {BB_E_DATABASE_LOST, 503},
    {BB_E_DATABASE_BUSY, 503},
    {BB_E_DISK_FULL, 507},
    {BB_E_USAGE, 400},
    {BB_E_NO_MEMORY, 503},
    {BB_E_ROUTE_UNKNOWN, 404},
    {BB_E_METHOD, 405},
    {BB_E_PARAMETER, 400},
    {BB_E_KEY_NEEDED, 401},
    {BB_E_KEY_REFUSED, 401},
    {BB_E_FORBIDDEN, 403},
    {BB_E_BODY_TOO_LARGE, 413},
    {BB_E_MEDIA_TYPE, 415},
    {BB_E_CONTENT_CODING, 415},
    {BB_E_SLOW, 408},
    {BB_E_CLIENT_GONE, 499}, /* nobody hears it; it is no fault of ours */
    {BB_E_BACKLOG, 429},
    {BB_E_IDEMPOTENCY_KEY, 422},
    {BB_E_BUSY, 503},
    {BB_E_DRAINING, 503},
    {BB_E_HOST, 421},
    {BB_E_NOT_ACCEPTABLE, 406},
    {BB_E_ANSWER_TOO_LARGE, 400},
    {BB_E_TOKEN_REFUSED, 401},
    {BB_E_TOKEN_EXPIRED, 401},
    {BB_E_TOKEN_AUDIENCE, 401},
    {BB_E_TOKEN_KEY, 401},
    {BB_E_TOKEN_NOBODY, 403},
    {BB_E_PROMQL_SYNTAX, 400}, /* these as Prometheus has them */
    {BB_E_PROMQL_UNSUPPORTED, 400},
    {BB_E_PROMQL_PARAMETER, 400},
    {BB_E_PROMQL_LIMIT, 422},
    {BB_E_PROMQL_MATCH, 422},
    {BB_E_PROMQL_TIMEOUT, 503},
};

int bb_http_status_of(enum bb_error_code code) {
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i].code == code)
            return statuses[i].status;
    return code >= 1000 && code < 3000 ? 400 : 500;
}

/* 503 and 507 of our own making are told by their title as well, and so is what engines say: it names machines and users. */
bool bb_http_is_inside(enum bb_error_code code) {
    return bb_http_status_of(code) >= 500 && ((int)code < 6000 || (int)code >= 7000);
}

static void put_code(const struct bb_error *error, struct bb_json *json, const char *member,
                     const char *prefix) {
    char code[64];

    snprintf(code, sizeof code, "%sBB-%04d", prefix, (int)error->code);
    bb_json_put_text(json, member, bb_span_of(code));
}

void bb_http_problem_begin(const struct bb_error *error, struct bb_json *json) {
    const struct bb_error_row *row = bb_error_row_find((int)error->code);
    int status = bb_http_status_of(error->code);

    bb_json_object_begin(json);
    put_code(error, json, "type", "urn:busbar:error:");
    bb_json_put_text(json, "title", bb_span_of(row ? row->title : "Unknown error"));
    bb_json_put_u64(json, "status", (uint64_t)status);
    put_code(error, json, "code", "");
    if (!bb_http_is_inside(error->code) && error->text[0])
        bb_json_put_text(json, "detail", bb_span_of(error->text));
    if (error->line)
        bb_json_put_u64(json, "line", error->line);
}

void bb_http_problem_end(struct bb_json *json) {
    bb_json_object_end(json);
}

void bb_http_problem_item(const struct bb_error *error, struct bb_json *json) {
    bb_json_object_begin(json);
    bb_json_put_u64(json, "line", error->line);
    put_code(error, json, "code", "");
    bb_json_put_text(json, "reason", bb_span_of(error->text));
    bb_json_object_end(json);
}
