/* The routes of Prometheus's HTTP API, what they share: see promql_call_internal.h. */
#include "http/promql_call_internal.h"

#include "http/promql_time.h"

const char bb_promql_truncated[] = "results truncated due to limit"; /* in Prometheus's own words */

struct bb_promql_catalog bb_promql_catalog_of(struct bb_http_call *call) {
    return (struct bb_promql_catalog){.plant = bb_http_plant(call),
                                      .tenant = bb_http_tenant(call),
                                      .as_of_ms = bb_http_number(call, "as_of")};
}

static int refuse(const char *name, struct bb_span text, const char *allowed,
                  struct bb_error *error) {
    return BB_FAIL(error, BB_E_PROMQL_PARAMETER, "%s: \"%.*s\" is none; write %s", name,
                   (int)(text.size < 60 ? text.size : 60), text.data, allowed);
}

int bb_promql_take_time(struct bb_http_call *call, const char *name, int64_t *ms,
                        struct bb_error *error) {
    struct bb_span text = bb_http_text(call, name);

    return !bb_http_given(call, name) || bb_promql_time_parse(text, ms)
               ? 0
               : refuse(name, text, "seconds since 1970, or 2026-03-29T00:00:00Z", error);
}

int bb_promql_take_duration(struct bb_http_call *call, const char *name, int64_t *ms,
                            struct bb_error *error) {
    struct bb_span text = bb_http_text(call, name);

    return !bb_http_given(call, name) || bb_promql_step_parse(text, ms)
               ? 0
               : refuse(name, text, "seconds, or 15m, more than 0", error);
}

size_t bb_promql_take_limit(struct bb_http_call *call, size_t most) {
    int64_t limit = bb_http_number(call, "limit");

    return limit > 0 && (uint64_t)limit < most ? (size_t)limit : most;
}
