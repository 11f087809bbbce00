/* A small HTTP server inside a test, in place of another system: a handler answers each request, on a thread of its own, one
 * after the other. */
#ifndef BB_TESTS_SUPPORT_HTTP_DOUBLE_H
#define BB_TESTS_SUPPORT_HTTP_DOUBLE_H

#include "base/buffer.h"
#include "base/span.h"

struct http_double;

struct http_double_request {
    const char *method, *path; /* the path as it came, without the query */
    struct bb_span body;
    const void *connection;
};
/* A header of the request; NULL: it has none. */
const char *http_double_header(const struct http_double_request *request, const char *name);

struct http_double_answer {
    int status;             /* 200 at first */
    struct bb_buffer *body; /* empty at first */
    const char *retry_after;
};
typedef void http_double_handler(void *context, const struct http_double_request *request,
                                 struct http_double_answer *answer);

/* On a free port of the loopback. */
struct http_double *http_double_start(http_double_handler *handler, void *context);
void http_double_stop(struct http_double *server);
uint16_t http_double_port(const struct http_double *server);

#endif
