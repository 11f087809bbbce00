/* Requests over libcurl, one or many at a time over kept connections: for sinks that speak HTTP. https, or http where it is
 * allowed; no redirects, no proxies of the environment's that were not asked for. One thread.
 *
 *   struct bb_http_request r = {.method = "POST", .url = url, .body = body, .headers = headers, .header_count = 2};
 *   bb_http_request_init(&r, 1 << 20);
 *   bb_http_client_run(client, &r, 1);
 *   ... r.status, r.answer ...
 *   bb_http_request_release(&r);
 */
#ifndef BB_ADAPTER_HTTP_CLIENT_H
#define BB_ADAPTER_HTTP_CLIENT_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "base/error.h"

enum { BB_HTTP_PROBLEM_MAX = 256, BB_HTTP_HEADERS_MAX = 8 };

/* For AWS Signature Version 4, as libcurl makes it. */
struct bb_http_signing {
    const char *service, *region; /* "dynamodb", "eu-central-1" */
    const char *key_id, *secret;
    const char *token; /* NULL or empty: none */
};

struct bb_http_request {
    const char *method, *url;
    struct bb_span body;
    const char *headers[BB_HTTP_HEADERS_MAX]; /* "Name: value" */
    size_t header_count;
    const struct bb_http_signing *signing; /* NULL: not signed */
    /* what came of it */
    long status; /* 0: no answer, and `problem` says why */
    struct bb_buffer answer;
    int64_t retry_after_ms; /* 0: nothing was said */
    char problem[BB_HTTP_PROBLEM_MAX];
};

/* `answer_limit_bytes`: what is beyond is cut off. */
void bb_http_request_init(struct bb_http_request *request, size_t answer_limit_bytes);
void bb_http_request_release(struct bb_http_request *request);
/* Not answered, 429, 408, 425 or 5xx: worth another attempt. */
bool bb_http_is_retriable(const struct bb_http_request *request);
static inline bool bb_http_is_done(const struct bb_http_request *request) {
    return request->status >= 200 && request->status < 300;
}

struct bb_http_client_options {
    uint32_t timeout_ms; /* of a request; 0: 30,000 */
    const char *ca_file; /* NULL: the system's */
    uint32_t parallel;   /* requests at a time; 0: 1 */
    atomic_bool *stop;   /* set: requests under way are given up. NULL: never */
};
struct bb_http_client;
struct bb_http_client *bb_http_client_new(const struct bb_http_client_options *options);
void bb_http_client_free(struct bb_http_client *client);
/* Sends all and waits for all. What came of each stands in it. */
void bb_http_client_run(struct bb_http_client *client, struct bb_http_request *requests,
                        size_t count);

#endif
