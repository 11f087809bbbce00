/* Calls of DynamoDB: JSON over HTTP, signed. See dynamodb_internal.h. */
#include "adapter/dynamodb_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    BODY_LIMIT_BYTES = 1 << 22,
    ANSWER_LIMIT_BYTES = 1 << 20,
    WORDS_SHOWN = 200,
    TABLE_WAIT_MS = 120000,
    TABLE_LOOK_MS = 200
};

/* By the end of an answer's __type: "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException". */
static const struct {
    const char *type;
    bool passes; /* worth another attempt, whatever the status */
    int outcome; /* enum dynamodb_outcome; -1: an error */
} types[] = {
    {"ConditionalCheckFailedException", false, DYNAMODB_CONDITION},
    {"ResourceNotFoundException", false, DYNAMODB_NO_TABLE},
    {"ProvisionedThroughputExceededException", true, -1},
    {"RequestLimitExceeded", true, -1},
    {"ThrottlingException", true, -1},
    {"TransactionConflictException", true, -1},
    {"LimitExceededException", true, -1},
    {"ResourceInUseException", true, -1},
    {"ItemCollectionSizeLimitExceededException", false, -1},
    {"ExpiredTokenException", true, -1},
    {"InternalServerError", true, -1},
};

void bb_dynamodb_call_init(struct dynamodb_call *call, const char *operation) {
    *call = (struct dynamodb_call){.operation = operation};
    bb_buffer_init(&call->body, BODY_LIMIT_BYTES);
    bb_http_request_init(&call->request, ANSWER_LIMIT_BYTES);
}

void bb_dynamodb_call_release(struct dynamodb_call *call) {
    bb_buffer_release(&call->body);
    bb_http_request_release(&call->request);
}

/* What an answer means: an outcome, or an error. */
static int judge(const struct dynamodb *d, struct dynamodb_call *call, struct bb_error *error) {
    const struct bb_http_request *r = &call->request;
    struct bb_span type = {"", 0}, words = {"", 0};
    bool passes = bb_http_is_retriable(r);

    if (bb_http_is_done(r))
        return DYNAMODB_DONE;
    (void)bb_aws_json_text(bb_buffer_span(&r->answer), "__type", &type);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (bb_span_ends_with(type, bb_span_of(types[i].type))) {
            if (types[i].outcome >= 0)
                return types[i].outcome;
            passes = types[i].passes;
            if (strcmp(types[i].type, "ExpiredTokenException") == 0)
                bb_aws_forget(d->aws);
        }
    if (!bb_aws_json_text(bb_buffer_span(&r->answer), "message", &words))
        (void)bb_aws_json_text(bb_buffer_span(&r->answer), "Message", &words);
    if (words.size > WORDS_SHOWN)
        words.size = WORDS_SHOWN;
    int result = r->status == 0
                     ? BB_FAIL(error, BB_E_SINK_AWAY, "%s: DynamoDB was not reached: %s",
                               d->base.label, r->problem)
                     : BB_FAIL(error, passes ? BB_E_SINK_BUSY : BB_E_SINK_REFUSED,
                               "%s: DynamoDB answers %s with %ld, %.*s: %.*s", d->base.label,
                               call->operation, r->status, BB_SPAN_ARGS(type), BB_SPAN_ARGS(words));
    error->retriable = passes;
    return result;
}

/* One round: those that are not settled yet. *left: how many still are not, for a reason that passes. */
static int run_round(struct dynamodb *d, struct dynamodb_call *calls, size_t count,
                     struct bb_http_request *requests, size_t *left, struct bb_error *error) {
    struct bb_http_signing signing;
    size_t sent = 0;
    int result = bb_aws_sign(d->aws, "dynamodb", &signing, error);

    if (result)
        return result;
    for (size_t i = 0; i < count; i++) {
        if (calls[i].is_settled)
            continue;
        calls[i].request.signing = &signing;
        requests[sent++] = calls[i].request;
    }
    bb_http_client_run(d->client, requests, sent);
    for (size_t i = 0, k = 0; i < count; i++)
        if (!calls[i].is_settled)
            calls[i].request = requests[k++];
    *left = 0;
    for (size_t i = 0; i < count; i++) {
        if (calls[i].is_settled)
            continue;
        int outcome = judge(d, &calls[i], error);
        if (outcome >= 0) {
            calls[i].outcome = outcome;
            calls[i].is_settled = true;
        } else if (error->retriable) {
            ++*left;
            result = outcome;
        } else {
            return outcome;
        }
    }
    return result;
}

static const char *header_of(const char *operation) {
    static const struct {
        const char *operation, *header;
    } headers[] = {
        {"PutItem", "X-Amz-Target: DynamoDB_20120810.PutItem"},
        {"GetItem", "X-Amz-Target: DynamoDB_20120810.GetItem"},
        {"UpdateItem", "X-Amz-Target: DynamoDB_20120810.UpdateItem"},
        {"DescribeTable", "X-Amz-Target: DynamoDB_20120810.DescribeTable"},
        {"CreateTable", "X-Amz-Target: DynamoDB_20120810.CreateTable"},
        {"UpdateTimeToLive", "X-Amz-Target: DynamoDB_20120810.UpdateTimeToLive"},
    };

    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        if (strcmp(operation, headers[i].operation) == 0)
            return headers[i].header;
    BB_ASSERT(false);
    return NULL;
}

int bb_dynamodb_run(struct dynamodb *d, struct dynamodb_call *calls, size_t count,
                    struct bb_error *error) {
    struct bb_http_request *requests = calloc(count ? count : 1, sizeof requests[0]);
    size_t left = count;
    int result = requests ? 0 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for requests");

    for (size_t i = 0; i < count; i++) {
        struct bb_http_request *r = &calls[i].request;
        if (calls[i].body.overflow)
            result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for an item");
        r->method = "POST";
        r->url = d->url;
        r->body = bb_buffer_span(&calls[i].body);
        r->headers[0] = "Content-Type: application/x-amz-json-1.0";
        r->headers[1] = header_of(calls[i].operation);
        r->header_count = 2;
    }
    bb_retry_begin(&d->retry);
    while (!result && left > 0) {
        result = run_round(d, calls, count, requests, &left, error);
        if (result && error->retriable && left > 0 && bb_retry_wait(&d->retry, 0))
            result = 0;
    }
    free(requests);
    return result;
}

/* ---- the table ------------------------------------------------------------------------------- */

static void begin_body(struct bb_json *json, struct dynamodb_call *call, const struct dynamodb *d) {
    bb_json_init(json, &call->body);
    bb_json_object_begin(json);
    bb_json_put_text(json, "TableName", bb_span_of(d->options.table));
}

/* DYNAMODB_NO_TABLE, or *active. */
static int look(struct dynamodb *d, bool *active, struct bb_error *error) {
    struct dynamodb_call call;
    struct bb_json json;
    struct bb_span status;

    bb_dynamodb_call_init(&call, "DescribeTable");
    begin_body(&json, &call, d);
    bb_json_object_end(&json);
    int result = bb_dynamodb_run(d, &call, 1, error);
    if (!result)
        result = call.outcome;
    *active = bb_aws_json_text(bb_buffer_span(&call.request.answer), "TableStatus", &status) &&
              (bb_span_equal(status, BB_SPAN("ACTIVE")) ||
               bb_span_equal(status, BB_SPAN("UPDATING")));
    bb_dynamodb_call_release(&call);
    return result;
}

static int make(struct dynamodb *d, struct bb_error *error) {
    struct dynamodb_call call;
    struct bb_json json;

    bb_dynamodb_call_init(&call, "CreateTable");
    begin_body(&json, &call, d);
    bb_json_key(&json, "AttributeDefinitions");
    bb_json_raw(&json, BB_SPAN("[{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"},"
                               "{\"AttributeName\":\"sk\",\"AttributeType\":\"S\"}]"));
    bb_json_key(&json, "KeySchema");
    bb_json_raw(&json, BB_SPAN("[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},"
                               "{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}]"));
    bb_json_put_text(&json, "BillingMode", BB_SPAN("PAY_PER_REQUEST"));
    bb_json_object_end(&json);
    int result = bb_dynamodb_run(d, &call, 1, error);
    bb_dynamodb_call_release(&call);
    return result;
}

/* Services that are only like DynamoDB may not know of it: then their items stay, and `expires` is there all the same. */
static void let_expire(struct dynamodb *d) {
    struct dynamodb_call call;
    struct bb_error ignored;
    struct bb_json json;

    bb_dynamodb_call_init(&call, "UpdateTimeToLive");
    begin_body(&json, &call, d);
    bb_json_key(&json, "TimeToLiveSpecification");
    bb_json_raw(&json, BB_SPAN("{\"AttributeName\":\"expires\",\"Enabled\":true}"));
    bb_json_object_end(&json);
    bool done = bb_dynamodb_run(d, &call, 1, &ignored) == 0;
    (void)done;
    bb_dynamodb_call_release(&call);
}

int bb_dynamodb_ready(struct dynamodb *d, struct bb_error *error) {
    const struct timespec pause = {0, TABLE_LOOK_MS * 1000000L};
    bool active = false;
    int result = d->is_ready ? 0 : look(d, &active, error);
    bool is_new = result == DYNAMODB_NO_TABLE;

    if (d->is_ready || result < 0)
        return result;
    if (is_new)
        result = make(d, error);
    for (int waited_ms = 0; !result && !active && waited_ms < TABLE_WAIT_MS;
         waited_ms += TABLE_LOOK_MS) {
        result = look(d, &active, error);
        if (result == DYNAMODB_NO_TABLE) /* not to be seen everywhere yet */
            result = 0;
        if (!result && !active)
            nanosleep(&pause, NULL);
    }
    if (!result && !active) {
        result = BB_FAIL(error, BB_E_SINK_BUSY, "%s: table %s is not active yet", d->base.label,
                         d->options.table);
        error->retriable = true;
    }
    if (!result && is_new && d->options.expire_after_s > 0)
        let_expire(d);
    d->is_ready = result == 0;
    return result;
}
