/* What the routes of Prometheus's HTTP API share: their parameters, and who is asked. */
#ifndef BB_HTTP_PROMQL_CALL_INTERNAL_H
#define BB_HTTP_PROMQL_CALL_INTERNAL_H

#include "http/call.h"
#include "http/promql_catalog.h"

enum { BB_PROMQL_TIMEOUT_MS = 30000 }; /* of a query, however long its sender would wait */

#define BB_PROMQL_AS_OF_PARAMETER                                                                  \
    { .name = "as_of", .kind = BB_HTTP_TIME, .help = "what was known then" }
#define BB_PROMQL_LIMIT_PARAMETER                                                                  \
    {                                                                                              \
        .name = "limit", .kind = BB_HTTP_NUMBER, .min = 0, .max = INT32_MAX, .initial = "0",       \
        .help = "at most so many; 0: all that an answer may have"                                  \
    }

/* A handler by GET and one by POST, whose body is a form of the same parameters. */
#define BB_PROMQL_ROUTE(suffix, how, with, where, what, more, table, told, act)                    \
    const struct bb_http_route bb_http_route_prometheus_##suffix = {.method = (how),               \
                                                                    .path = (where),               \
                                                                    .right = BB_RIGHT_READ,        \
                                                                    .summary = (what),             \
                                                                    .details = (more),             \
                                                                    .parameters = (table),         \
                                                                    .body = (with),                \
                                                                    .answers = (told),             \
                                                                    .promql = true,                \
                                                                    .handle = (act)}
#define BB_PROMQL_ROUTES(name, where, what, more, table, told, act)                                \
    BB_PROMQL_ROUTE(name, BB_HTTP_GET, BB_HTTP_NO_BODY, where, what, more, table, told, act);      \
    BB_PROMQL_ROUTE(name##_post, BB_HTTP_POST, BB_HTTP_FORM, where, what, more, table, told, act)

struct bb_promql_catalog bb_promql_catalog_of(struct bb_http_call *call);
/* A parameter as Prometheus's clients write times and durations; `*ms` is left as it is when it was not given.
 * -BB_E_PROMQL_PARAMETER. */
int bb_promql_take_time(struct bb_http_call *call, const char *name, int64_t *ms,
                        struct bb_error *error) BB_MUST_USE;
int bb_promql_take_duration(struct bb_http_call *call, const char *name, int64_t *ms,
                            struct bb_error *error) BB_MUST_USE;
/* `limit`, or `most` when it says nothing or more. */
size_t bb_promql_take_limit(struct bb_http_call *call, size_t most);

extern const char bb_promql_truncated[]; /* the warning of a list that was cut */

#endif
