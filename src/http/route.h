/* Routes: one row per address and method. The same row matches requests, reads their parameters, checks
 * the caller's right, and is what /v1/openapi.json and the rights matrix of the tests are made of.
 *
 * A route is one `const struct bb_http_route` in a file route_SUBJECT.c, listed in routes.c. Its handler
 * (call.h) runs after everything the row states has been checked:
 *
 *   request ─► row found ─► key has the right ─► parameters fit ─► body is there ─► handle
 *               404, 405     401, 403             400               400, 413, 415
 */
#ifndef BB_HTTP_ROUTE_H
#define BB_HTTP_ROUTE_H

#include "base/error.h"
#include "base/span.h"
#include "service/api_key.h"

enum bb_http_method {
    BB_HTTP_GET = 0, /* HEAD is answered like GET, without its body */
    BB_HTTP_POST,
    BB_HTTP_PUT,
    BB_HTTP_PATCH,
    BB_HTTP_DELETE,
    BB_HTTP_METHODS
};
const char *bb_http_method_name(enum bb_http_method method); /* "GET" */

/* How a parameter's text is read. */
enum bb_http_parameter_kind {
    BB_HTTP_TEXT = 0, /* any UTF-8 without control characters, not empty */
    BB_HTTP_NUMBER,   /* an integer from min to max */
    BB_HTTP_TIME,     /* RFC 3339, or seconds since 1970 with up to three decimals; as ms */
    BB_HTTP_DURATION, /* "15m", "1h30m", or seconds; as ms from min to max */
    BB_HTTP_FLAG,     /* present alone, 1, true, yes; 0, false, no */
    BB_HTTP_CHOICE,   /* one of `choices`, as its index */
    BB_HTTP_LINES     /* TEXT that may have line ends and tabs */
};

enum bb_http_parameter_place { BB_HTTP_IN_QUERY = 0, BB_HTTP_IN_PATH };

struct bb_http_parameter {
    const char *name; /* NULL ends a table */
    enum bb_http_parameter_kind kind;
    enum bb_http_parameter_place place;
    bool required, repeated; /* repeated: ?match[]=a&match[]=b; texts only */
    const char *choices;     /* "raw|vee|hour" */
    const char *initial;     /* the default as one would write it; NULL: none */
    int64_t min, max;
    const char *help;
};
#define BB_HTTP_PARAMETERS_END                                                                     \
    { .name = NULL }
enum { BB_HTTP_PARAMETERS_MAX = 24, BB_HTTP_REPEATS_MAX = 64 };

/* What a request may carry, and what answers there are: for the description. Errors that every
 * route of its kind can give (400, 401, 403, 404, 429, ...) need no row. */
struct bb_http_answer {
    int status; /* 0 ends a table */
    const char *type;
    const char *what;
};

/* Where the body goes. */
enum bb_http_body {
    BB_HTTP_NO_BODY = 0, /* one that comes is refused */
    BB_HTTP_FORM,        /* its fields are parameters like those of the query */
    BB_HTTP_WHOLE,       /* bb_http_body_span: in memory, at most BB_HTTP_WHOLE_BYTES */
    BB_HTTP_STREAM       /* bb_http_body_input: unpacked as it is read, up to the server's limit */
};
enum { BB_HTTP_WHOLE_BYTES = 1 << 20 };

struct bb_http_call;
/* 0: answered. Negative: the error becomes the answer (problem.h). BB_HTTP_LATER: some thread will call
 * bb_http_call_end; the call belongs to it. */
enum { BB_HTTP_LATER = 1 };
typedef int bb_http_handler(struct bb_http_call *call, struct bb_error *error);

struct bb_http_route {
    enum bb_http_method method;
    const char *path; /* "/v1/usage-points/{usage_point}": a {name} takes one segment */
    enum bb_right right;
    const char
        *verb; /* how the audit log calls it, as the command line does; NULL: by method and path */
    const char *summary; /* one line, no full stop */
    const char *details; /* NULL: none */
    const struct bb_http_parameter *parameters;
    enum bb_http_body body;
    const char *body_types; /* "application/x-ndjson|text/csv": for the description; NULL: none */
    const struct bb_http_answer *answers;
    bool quick; /* never waits, needs no plant: runs on the thread that reads the socket */
    bool
        takes_readings; /* a post: its answer counts them (Busbar-...), its own crew decodes it, and it has an objective
                          * of its own (burn.h) */
    bool
        tries_rules; /* runs a module that somebody posted: a crew of its own does, so that no question waits for it */
    bool among_posts; /* handled beside posts, which are short: long questions do not hold it up */
    /* Looks at the head of a request, before its body comes; never waits. NULL: there is nothing to look at.
     * What it refuses is refused without reading the body. */
    bb_http_handler *check;
    bool page;   /* of the console, or of the owner's socket: no part of the API's description */
    bool promql; /* errors are told in the form of Prometheus's HTTP API (promql_json.h) */
    bb_http_handler *handle;
};

extern const struct bb_http_route *const bb_http_routes[];
extern const size_t bb_http_route_count;

/* The parts of the path that stand for {names}, in their order. */
enum { BB_HTTP_PATH_PARTS_MAX = 6 };
struct bb_http_match {
    const struct bb_http_route *route;
    struct bb_span parts[BB_HTTP_PATH_PARTS_MAX]; /* still percent-encoded */
    uint32_t part_count;
    uint32_t allowed; /* bit per method, when only the method did not fit */
};
enum bb_http_found { BB_HTTP_FOUND = 0, BB_HTTP_NO_ROUTE = 1, BB_HTTP_NO_METHOD = 2 };
enum bb_http_found bb_http_route_match(struct bb_span method, struct bb_span path,
                                       struct bb_http_match *out);

#endif
