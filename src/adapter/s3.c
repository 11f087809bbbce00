/* Objects in S3: see s3.h. */
#include "adapter/s3.h"

#include <stdio.h>
#include <stdlib.h>

enum { URL_MAX = 1024, ANSWER_LIMIT_BYTES = 4096, ANSWER_SHOWN = 300 };

struct bb_s3 {
    struct bb_s3_options options;
    const char *label;
    struct bb_aws *aws;
    struct bb_http_client *client;
    struct bb_retry retry;
};

int bb_s3_open(const struct bb_s3_options *options, const char *label, struct bb_s3 **out,
               struct bb_error *error) {
    struct bb_s3 *s3 = calloc(1, sizeof *s3);

    if (!s3)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a sink");
    s3->options = *options;
    s3->label = label;
    bb_retry_init(&s3->retry, &options->patience);
    int result = bb_aws_open(&options->aws, label, &s3->aws, error);
    if (!result) {
        s3->client = bb_http_client_new(
            &(struct bb_http_client_options){.stop = options->patience.stop});
        if (!s3->client)
            result = BB_FAIL(error, BB_E_NO_MEMORY, "%s: libcurl does not start", label);
    }
    if (result) {
        bb_s3_close(s3);
        return result;
    }
    *out = s3;
    return 0;
}

void bb_s3_close(struct bb_s3 *s3) {
    if (!s3)
        return;
    bb_http_client_free(s3->client);
    bb_aws_close(s3->aws);
    free(s3);
}

static void make_url(const struct bb_s3 *s3, const char *key, char *out) {
    if (s3->options.endpoint)
        snprintf(out, URL_MAX, "%s/%s/%s", s3->options.endpoint, s3->options.bucket, key);
    else
        snprintf(out, URL_MAX, "https://%s.s3.%s.amazonaws.com/%s", s3->options.bucket,
                 bb_aws_region(s3->aws), key);
}

static int fail(const struct bb_s3 *s3, const struct bb_http_request *r, const char *key,
                struct bb_error *error) {
    int shown = (int)(r->answer.size < ANSWER_SHOWN ? r->answer.size : ANSWER_SHOWN);
    const char *bucket = s3->options.bucket;
    struct bb_span answer = bb_buffer_span(&r->answer), expired = BB_SPAN("<Code>ExpiredToken<");
    bool has_expired = answer.size > 0 &&
                       memmem(answer.data, answer.size, expired.data, expired.size) != NULL;
    bool retriable = bb_http_is_retriable(r) || has_expired;
    int result = r->status == 0
                     ? BB_FAIL(error, BB_E_SINK_AWAY, "%s: s3://%s/%s was not reached: %s",
                               s3->label, bucket, key, r->problem)
                     : BB_FAIL(error, retriable ? BB_E_SINK_BUSY : BB_E_SINK_REFUSED,
                               "%s: s3://%s/%s: %s is answered %ld: %.*s", s3->label, bucket, key,
                               r->method, r->status, shown, r->answer.data ? r->answer.data : "");

    if (has_expired)
        bb_aws_forget(s3->aws);
    for (char *c = error->text; *c; c++) /* one line, whatever they answer */
        if ((unsigned char)*c < ' ')
            *c = ' ';
    error->retriable = retriable;
    return result;
}

static int send(struct bb_s3 *s3, const char *method, const char *key, const char *type,
                struct bb_span body, struct bb_error *error) {
    struct bb_http_signing signing;
    char url[URL_MAX], header[128];
    struct bb_http_request r = {.method = method, .url = url, .body = body};
    int result;

    make_url(s3, key, url);
    snprintf(header, sizeof header, "Content-Type: %s", type ? type : "");
    bb_http_request_init(&r, ANSWER_LIMIT_BYTES);
    bb_retry_begin(&s3->retry);
    do {
        result = bb_aws_sign(s3->aws, "s3", &signing, error);
        if (result)
            break;
        r.signing = &signing;
        r.headers[0] = header;
        r.header_count = type ? 1 : 0;
        bb_http_client_run(s3->client, &r, 1);
        result = bb_http_is_done(&r) ? 0 : fail(s3, &r, key, error);
    } while (result && error->retriable && bb_retry_wait(&s3->retry, r.retry_after_ms));
    bb_http_request_release(&r);
    return result;
}

int bb_s3_put(struct bb_s3 *s3, const char *key, const char *type, struct bb_span body,
              struct bb_error *error) {
    return send(s3, "PUT", key, type, body, error);
}

int bb_s3_remove(struct bb_s3 *s3, const char *key, struct bb_error *error) {
    return send(s3, "DELETE", key, NULL, (struct bb_span){NULL, 0}, error);
}
