/* Requests over libcurl: see http_client.h. A multi handle keeps the connections; easy handles are kept beside it. */
#include "adapter/http_client.h"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 30000, CONNECT_MS = 10000, POLL_MS = 100, RETRY_AFTER_MAX_S = 3600 };

struct lane { /* a request at a time */
    CURL *curl;
    struct curl_slist *headers;
    struct bb_http_request *request; /* NULL: it has none */
    char credentials[512];
    char provider[160];
};

struct bb_http_client {
    struct bb_http_client_options options;
    CURLM *multi;
    struct lane *lanes;
    size_t lane_count;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_library(void) {
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* a failure shows at the first handle */
}

void bb_http_request_init(struct bb_http_request *request, size_t answer_limit_bytes) {
    bb_buffer_init(&request->answer, answer_limit_bytes);
}

void bb_http_request_release(struct bb_http_request *request) {
    bb_buffer_release(&request->answer);
}

bool bb_http_is_retriable(const struct bb_http_request *request) {
    return request->status == 0 || request->status == 408 || request->status == 425 ||
           request->status == 429 || request->status >= 500;
}

static size_t take(char *data, size_t one, size_t size, void *context) {
    struct bb_buffer *answer = context;
    size_t room = answer->limit_bytes - answer->size, bytes = one * size;

    bb_buffer_append(answer, data, bytes < room ? bytes : room);
    return bytes;
}

static bool set_signing(struct lane *lane, const struct bb_http_signing *signing) {
    if (!signing)
        return true;
    snprintf(lane->provider, sizeof lane->provider, "aws:amz:%s:%s", signing->region,
             signing->service);
    int size = snprintf(lane->credentials, sizeof lane->credentials, "%s:%s", signing->key_id,
                        signing->secret);
    return size > 0 && (size_t)size < sizeof lane->credentials &&
           curl_easy_setopt(lane->curl, CURLOPT_AWS_SIGV4, lane->provider) == CURLE_OK &&
           curl_easy_setopt(lane->curl, CURLOPT_USERPWD, lane->credentials) == CURLE_OK;
}

static bool add_header(struct lane *lane, const char *header) {
    struct curl_slist *longer = curl_slist_append(lane->headers, header);

    if (!longer)
        return false;
    lane->headers = longer;
    return true;
}

/* What S3 wants to be told, and libcurl takes for the body's hash. */
static bool add_hash(struct lane *lane, struct bb_span body) {
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    char header[32 + 2 * EVP_MAX_MD_SIZE] = "x-amz-content-sha256: ";
    size_t used = strlen(header);

    if (EVP_Digest(body.data ? body.data : "", body.size, hash, &size, EVP_sha256(), NULL) != 1)
        return false;
    for (unsigned i = 0; i < size; i++)
        used += (size_t)snprintf(header + used, sizeof header - used, "%02x", hash[i]);
    return add_header(lane, header);
}

static bool set_headers(struct lane *lane, const struct bb_http_request *r) {
    char token[2100];
    bool done = true;

    for (size_t i = 0; done && i < r->header_count; i++)
        done = add_header(lane, r->headers[i]);
    if (!r->signing) /* no question before a body of more than 1 MiB; libcurl would sign its absence */
        done = done && add_header(lane, "Expect:");
    else
        done = done && add_hash(lane, r->body);
    if (done && r->signing && r->signing->token && r->signing->token[0]) {
        int size = snprintf(token, sizeof token, "X-Amz-Security-Token: %s", r->signing->token);
        done = (size_t)size < sizeof token && add_header(lane, token);
    }
    return done && curl_easy_setopt(lane->curl, CURLOPT_HTTPHEADER, lane->headers) == CURLE_OK;
}

static bool set_body(CURL *curl, const struct bb_http_request *r) {
    if (!r->body.data)
        return true;
    return curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.size) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body.data) == CURLE_OK;
}

static bool prepare(const struct bb_http_client *client, struct lane *lane,
                    struct bb_http_request *r) {
    CURL *curl = lane->curl;

    curl_easy_reset(curl);
    r->problem[0] = '\0';
    CURLcode codes[] = {
        curl_easy_setopt(curl, CURLOPT_URL, r->url),
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http"),
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L),
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L),
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS),
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)client->options.timeout_ms),
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "busbar/" BB_VERSION),
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, r->problem),
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take),
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &r->answer),
        curl_easy_setopt(curl, CURLOPT_PRIVATE, lane),
    };

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i] != CURLE_OK)
            return false;
    if (client->options.ca_file &&
        curl_easy_setopt(curl, CURLOPT_CAINFO, client->options.ca_file) != CURLE_OK)
        return false;
    /* The method last: a body would make a POST of it. */
    return set_body(curl, r) && set_signing(lane, r->signing) && set_headers(lane, r) &&
           curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK;
}

static void forget(struct lane *lane) {
    curl_slist_free_all(lane->headers);
    lane->headers = NULL;
    lane->request = NULL;
}

static void begin(struct bb_http_client *client, struct lane *lane, struct bb_http_request *r) {
    r->status = 0;
    r->retry_after_ms = 0;
    bb_buffer_clear(&r->answer);
    lane->request = r;
    if (prepare(client, lane, r) && curl_multi_add_handle(client->multi, lane->curl) == CURLM_OK)
        return;
    snprintf(r->problem, sizeof r->problem, "libcurl cannot prepare the request");
    forget(lane);
}

static void finish(struct bb_http_client *client, struct lane *lane, CURLcode code) {
    struct bb_http_request *r = lane->request;
    curl_off_t after_s = 0;

    if (code == CURLE_OK) {
        curl_easy_getinfo(lane->curl, CURLINFO_RESPONSE_CODE, &r->status);
        curl_easy_getinfo(lane->curl, CURLINFO_RETRY_AFTER, &after_s);
        if (after_s > RETRY_AFTER_MAX_S)
            after_s = RETRY_AFTER_MAX_S;
        r->retry_after_ms = (int64_t)after_s * 1000;
    } else if (!r->problem[0]) {
        snprintf(r->problem, sizeof r->problem, "%s", curl_easy_strerror(code));
    }
    curl_multi_remove_handle(client->multi, lane->curl);
    forget(lane);
}

static struct lane *free_lane(struct bb_http_client *client) {
    for (size_t i = 0; i < client->lane_count; i++)
        if (!client->lanes[i].request)
            return &client->lanes[i];
    return NULL;
}

static void give_up(struct bb_http_client *client, const char *why) {
    for (size_t i = 0; i < client->lane_count; i++) {
        struct lane *lane = &client->lanes[i];
        if (!lane->request)
            continue;
        snprintf(lane->request->problem, sizeof lane->request->problem, "%s", why);
        curl_multi_remove_handle(client->multi, lane->curl);
        forget(lane);
    }
}

static bool collect(struct bb_http_client *client) {
    int left;
    bool any = false;

    for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left)) != NULL;) {
        struct lane *lane = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&lane);
        finish(client, lane, code);
        any = true;
    }
    return any;
}

void bb_http_client_run(struct bb_http_client *client, struct bb_http_request *requests,
                        size_t count) {
    size_t next = 0;
    int running = 0;

    for (size_t i = 0; i < count; i++) {
        requests[i].status = 0;
        snprintf(requests[i].problem, sizeof requests[i].problem, "not sent");
    }
    do {
        atomic_bool *stop = client->options.stop;
        if (stop && atomic_load(stop)) {
            give_up(client, "stopped");
            return;
        }
        for (struct lane *lane; next < count && (lane = free_lane(client)) != NULL; next++)
            begin(client, lane, &requests[next]);
        if (curl_multi_perform(client->multi, &running) != CURLM_OK) {
            give_up(client, "libcurl failed");
            return;
        }
        if (!collect(client) && running > 0)
            (void)curl_multi_poll(client->multi, NULL, 0, POLL_MS, NULL);
    } while (running > 0 || next < count);
    collect(client);
}

struct bb_http_client *bb_http_client_new(const struct bb_http_client_options *options) {
    struct bb_http_client *client = calloc(1, sizeof *client);

    pthread_once(&once, start_library);
    if (!client)
        return NULL;
    client->options = *options;
    if (client->options.timeout_ms == 0)
        client->options.timeout_ms = TIMEOUT_MS;
    client->lane_count = options->parallel ? options->parallel : 1;
    client->multi = curl_multi_init();
    client->lanes = calloc(client->lane_count, sizeof client->lanes[0]);
    bool done = client->multi && client->lanes;
    for (size_t i = 0; done && i < client->lane_count; i++) {
        client->lanes[i].curl = curl_easy_init();
        done = client->lanes[i].curl != NULL;
    }
    if (!done) {
        bb_http_client_free(client);
        return NULL;
    }
    return client;
}

void bb_http_client_free(struct bb_http_client *client) {
    if (!client)
        return;
    for (size_t i = 0; client->lanes && i < client->lane_count; i++)
        curl_easy_cleanup(client->lanes[i].curl);
    free(client->lanes);
    curl_multi_cleanup(client->multi);
    free(client);
}
