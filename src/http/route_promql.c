/* /api/v1/query and /api/v1/query_range: PromQL over the tenant's values. docs/promql.md says what of it. */
#include "base/clock.h"
#include "http/promql_call_internal.h"
#include "http/promql_json.h"
#include "http/promql_parse.h"
#include "http/promql_plant.h"
#include "http/routes_internal.h"

/* Senders mean them for Prometheus itself; here they change nothing. */
#define PASSED_OVER                                                                                \
    {.name = "stats", .kind = BB_HTTP_TEXT, .help = "passed over"},                                \
        {.name = "dedup", .kind = BB_HTTP_TEXT, .help = "passed over"}, {                          \
        .name = "partial_response", .kind = BB_HTTP_TEXT, .help = "passed over"                    \
    }
#define SHARED_PARAMETERS                                                                          \
    {.name = "timeout",                                                                            \
     .kind = BB_HTTP_TEXT,                                                                         \
     .help = "how long it may take, as 10s or seconds; 30s at most"},                              \
        {.name = "lookback_delta",                                                                 \
         .kind = BB_HTTP_TEXT,                                                                     \
         .help = "how long a value holds; default: as long as fits its series"},                   \
        BB_PROMQL_LIMIT_PARAMETER, BB_PROMQL_AS_OF_PARAMETER, PASSED_OVER, BB_HTTP_PARAMETERS_END

static const struct bb_http_parameter instant_parameters[] = {
    {.name = "query", .kind = BB_HTTP_LINES, .required = true, .help = "PromQL"},
    {.name = "time", .kind = BB_HTTP_TEXT, .help = "RFC 3339, or seconds since 1970; default: now"},
    SHARED_PARAMETERS};

static const struct bb_http_parameter range_parameters[] = {
    {.name = "query", .kind = BB_HTTP_LINES, .required = true, .help = "PromQL"},
    {.name = "start",
     .kind = BB_HTTP_TEXT,
     .required = true,
     .help = "the first step, RFC 3339, or seconds since 1970"},
    {.name = "end", .kind = BB_HTTP_TEXT, .required = true, .help = "no step behind it"},
    {.name = "step",
     .kind = BB_HTTP_TEXT,
     .required = true,
     .help = "as 15m or seconds; at most 11,000 of them"},
    SHARED_PARAMETERS};

static int evaluate(struct bb_http_call *call, struct bb_promql_options *options,
                    struct bb_error *error) {
    const struct bb_promql_catalog catalog = bb_promql_catalog_of(call);
    const struct bb_promql_node *root;
    struct bb_arena *arena = bb_http_arena(call);
    struct bb_promql_answer answer;
    struct bb_promql_plant plant;
    int64_t timeout_ms = BB_PROMQL_TIMEOUT_MS;

    int result = bb_promql_take_duration(call, "timeout", &timeout_ms, error);
    if (!result)
        result = bb_promql_take_duration(call, "lookback_delta", &options->lookback_ms, error);
    if (!result)
        result = bb_promql_parse(bb_http_text(call, "query"), arena, &root, error);
    if (result)
        return result;
    timeout_ms = timeout_ms < BB_PROMQL_TIMEOUT_MS ? timeout_ms : BB_PROMQL_TIMEOUT_MS;
    bb_promql_plant_init(&plant, &catalog, bb_monotonic_ns() / 1000000 + timeout_ms);
    const struct bb_promql_source source = bb_promql_plant_source(&plant);
    result = bb_promql_eval(root, &source, options, arena, &answer, error);
    bb_promql_plant_release(&plant);
    if (result)
        return result;
    size_t most = bb_promql_take_limit(call, answer.column_count);
    if (most < answer.column_count) {
        answer.column_count = most;
        if (answer.warning_count < BB_PROMQL_WARNINGS_MAX)
            answer.warnings[answer.warning_count++] = bb_promql_truncated;
    }
    bb_promql_json_answer(&answer, bb_http_out(call));
    return bb_http_answer(call, 200, "application/json");
}

static int query(struct bb_http_call *call, struct bb_error *error) {
    struct bb_promql_options options = {.start_ms = bb_clock_now_ms(bb_clock_system())};
    int result = bb_promql_take_time(call, "time", &options.start_ms, error);

    options.end_ms = options.start_ms;
    return result ? result : evaluate(call, &options, error);
}

static int query_range(struct bb_http_call *call, struct bb_error *error) {
    struct bb_promql_options options = {.step_ms = 0};
    int result = bb_promql_take_time(call, "start", &options.start_ms, error);

    if (!result)
        result = bb_promql_take_time(call, "end", &options.end_ms, error);
    if (!result)
        result = bb_promql_take_duration(call, "step", &options.step_ms, error);
    return result ? result : evaluate(call, &options, error);
}

static const struct bb_http_answer answers[] = {
    {200, "application/json", "status, data with resultType and result, warnings"}, {0}};

static const char details[] =
    "As Prometheus has it, over the values of the key's tenant. Without a matcher on `lane`, lane "
    "vee is meant.";

BB_PROMQL_ROUTES(query, "/api/v1/query", "PromQL at one moment", details, instant_parameters,
                 answers, query);
BB_PROMQL_ROUTES(query_range, "/api/v1/query_range", "PromQL at the steps of a range", details,
                 range_parameters, answers, query_range);
