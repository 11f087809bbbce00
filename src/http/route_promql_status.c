/* What clients of Prometheus ask besides: which version it is, and for what busbar does not have, told as empty. */
#include "http/promql_call_internal.h"
#include "http/routes_internal.h"

/* The version of Prometheus whose API this is: Grafana decides by it what it may ask for. From 2.24 on label
 * values take match[]. */
#define API_VERSION "2.24.0"

static int answer(struct bb_http_call *call, const char *data) {
    bb_buffer_format(bb_http_out(call), "{\"status\":\"success\",\"data\":%s}", data);
    return bb_http_answer(call, 200, "application/json");
}

static int get_buildinfo(struct bb_http_call *call, struct bb_error *error) {
    (void)error;
    return answer(call, "{\"version\":\"" API_VERSION "\",\"revision\":\"busbar " BB_VERSION
                        "\",\"branch\":\"\",\"buildUser\":\"\",\"buildDate\":\"\",\"goVersion\":"
                        "\"\"}");
}

static int get_exemplars(struct bb_http_call *call, struct bb_error *error) {
    (void)error;
    return answer(call, "[]");
}

static int get_rules(struct bb_http_call *call, struct bb_error *error) {
    (void)error;
    return answer(call, "{\"groups\":[]}");
}

static int get_alerts(struct bb_http_call *call, struct bb_error *error) {
    (void)error;
    return answer(call, "{\"alerts\":[]}");
}

static const struct bb_http_parameter exemplars_parameters[] = {
    {.name = "query", .kind = BB_HTTP_LINES, .required = true, .help = "passed over"},
    {.name = "start", .kind = BB_HTTP_TEXT, .help = "passed over"},
    {.name = "end", .kind = BB_HTTP_TEXT, .help = "passed over"},
    BB_PROMQL_AS_OF_PARAMETER,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_parameter rules_parameters[] = {
    {.name = "type", .kind = BB_HTTP_TEXT, .help = "passed over"},
    BB_PROMQL_AS_OF_PARAMETER,
    BB_HTTP_PARAMETERS_END};

static const struct bb_http_parameter no_parameters[] = {BB_PROMQL_AS_OF_PARAMETER,
                                                         BB_HTTP_PARAMETERS_END};

static const struct bb_http_answer version_answers[] = {
    {200, "application/json", "the version of Prometheus's API, and busbar's own as revision"},
    {0}};
static const struct bb_http_answer empty_answers[] = {{200, "application/json", "an empty list"},
                                                      {0}};

BB_PROMQL_ROUTE(buildinfo, BB_HTTP_GET, BB_HTTP_NO_BODY, "/api/v1/status/buildinfo",
                "which API this is", NULL, no_parameters, version_answers, get_buildinfo);
BB_PROMQL_ROUTES(exemplars, "/api/v1/query_exemplars", "exemplars: there are none", NULL,
                 exemplars_parameters, empty_answers, get_exemplars);
BB_PROMQL_ROUTE(rules, BB_HTTP_GET, BB_HTTP_NO_BODY, "/api/v1/rules",
                "rules: busbar evaluates none", NULL, rules_parameters, empty_answers, get_rules);
BB_PROMQL_ROUTE(alerts, BB_HTTP_GET, BB_HTTP_NO_BODY, "/api/v1/alerts",
                "alerts: busbar raises none", NULL, no_parameters, empty_answers, get_alerts);
