/* Credentials are found where they are, and what libcurl signs is what AWS would compute: signatures are made a second time
 * here, after "Signature Version 4", over the request as a server gets it. */
#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "adapter/s3.h"
#include "support/http_double.h"

static const char secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

struct service {
    struct http_double *server;
    char endpoint[64];
    size_t requests, wrong, busy_for, expired_for;
    char method[8], path[256], why[4096];
    struct bb_buffer body;
    int status;
};
static struct service service;
static struct bb_error error;

/* ---- Signature Version 4 --------------------------------------------------------------------- */

static void hex(const unsigned char *bytes, unsigned size, char *out) {
    for (unsigned i = 0; i < size; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void hex_sha256(struct bb_span text, char *out) {
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    EVP_Digest(text.data ? text.data : "", text.size, hash, &size, EVP_sha256(), NULL);
    hex(hash, size, out);
}

static unsigned mac(const unsigned char *key, unsigned key_size, const char *text,
                    unsigned char *out) {
    unsigned size = 0;

    HMAC(EVP_sha256(), key, (int)key_size, (const unsigned char *)text, strlen(text), out, &size);
    return size;
}

/* "AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=a;b, Signature=HEX" */
static void check_signature(struct service *s, const struct http_double_request *request) {
    const char *authorization = http_double_header(request, "Authorization");
    const char *date = http_double_header(request, "X-Amz-Date");
    char key[128] = "", day[16] = "", region[32] = "", name[32] = "", headers[256] = "",
         found[80] = "";
    char canonical[4096], to_sign[1024], hash[80], body_hash[80], signature[80];
    unsigned char k[EVP_MAX_MD_SIZE], next[EVP_MAX_MD_SIZE];

    if (!authorization || !date ||
        sscanf(authorization,
               "AWS4-HMAC-SHA256 Credential=%127[^/]/%15[^/]/%31[^/]/%31[^/]/aws4_request, "
               "SignedHeaders=%255[^,], Signature=%79s",
               key, day, region, name, headers, found) != 6) {
        snprintf(s->why, sizeof s->why, "no signature: %s", authorization ? authorization : "-");
        s->wrong++;
        return;
    }
    hex_sha256(request->body, body_hash);
    size_t used = (size_t)snprintf(canonical, sizeof canonical, "%s\n%s\n\n", request->method,
                                   request->path);
    char listed[256], *state = NULL;
    snprintf(listed, sizeof listed, "%s", headers);
    for (char *h = strtok_r(listed, ";", &state); h; h = strtok_r(NULL, ";", &state))
        used += (size_t)snprintf(canonical + used, sizeof canonical - used, "%s:%s\n", h,
                                 http_double_header(request, h));
    snprintf(canonical + used, sizeof canonical - used, "\n%s\n%s", headers, body_hash);
    hex_sha256(bb_span_of(canonical), hash);
    snprintf(to_sign, sizeof to_sign, "AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s", date, day,
             region, name, hash);
    char first[128];
    snprintf(first, sizeof first, "AWS4%s", secret);
    unsigned size = mac((const unsigned char *)first, (unsigned)strlen(first), day, k);
    const char *const steps[] = {region, name, "aws4_request", to_sign};
    for (size_t i = 0; i < 4; i++) {
        size = mac(k, size, steps[i], next);
        memcpy(k, next, size);
    }
    hex(k, size, signature);
    if (strcmp(signature, found) != 0) {
        snprintf(s->why, sizeof s->why, "expected %s of\n%.3000s\ngot %s", signature, canonical,
                 authorization);
        s->wrong++;
    }
}

/* ---- a service ------------------------------------------------------------------------------- */

static void serve(void *context, const struct http_double_request *request,
                  struct http_double_answer *answer) {
    struct service *s = context;

    s->requests++;
    if (s->busy_for > 0) {
        s->busy_for--;
        answer->status = 503;
        return;
    }
    if (s->expired_for > 0) {
        s->expired_for--;
        answer->status = 400;
        bb_buffer_append_span(answer->body, BB_SPAN("<Error><Code>ExpiredToken</Code></Error>"));
        return;
    }
    check_signature(s, request);
    snprintf(s->method, sizeof s->method, "%s", request->method);
    snprintf(s->path, sizeof s->path, "%s", request->path);
    bb_buffer_clear(&s->body);
    bb_buffer_append_span(&s->body, request->body);
    answer->status = s->status;
    if (s->status >= 400)
        bb_buffer_append_span(answer->body, BB_SPAN("<Error>\n<Code>AccessDenied</Code></Error>"));
}

static void begin(void) {
    static const char *const variables[] = {"AWS_ACCESS_KEY_ID",
                                            "AWS_SECRET_ACCESS_KEY",
                                            "AWS_SESSION_TOKEN",
                                            "AWS_PROFILE",
                                            "AWS_REGION",
                                            "AWS_DEFAULT_REGION",
                                            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"};

    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere", 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    service = (struct service){.status = 200};
    bb_buffer_init(&service.body, 1 << 24);
    service.server = http_double_start(serve, &service);
    snprintf(service.endpoint, sizeof service.endpoint, "http://127.0.0.1:%u",
             http_double_port(service.server));
}

static void end(void) {
    http_double_stop(service.server);
    bb_buffer_release(&service.body);
}

TestSuite(aws, .init = begin, .fini = end, .timeout = 30);

static struct bb_s3 *open_s3(const char *token) {
    struct bb_s3_options options = {
        .bucket = "bucket",
        .endpoint = service.endpoint,
        .aws = {.region = "eu-central-1", .key_id = "AKID", .secret = secret, .token = token},
        .patience = {.first_ms = 5, .longest_ms = 20, .total_ms = 1000}};
    struct bb_s3 *s3;

    cr_assert_eq(bb_s3_open(&options, "dwh", &s3, &error), 0, "%s", error.text);
    return s3;
}

Test(aws, objects_are_signed_put_and_removed) {
    struct bb_s3 *s3 = open_s3(NULL);

    cr_expect_eq(
        bb_s3_put(s3, "a/b-1.csv.gz", "application/gzip", BB_SPAN("\x1f\x8b\0zip"), &error), 0,
        "%s", error.text);
    cr_expect_eq(service.wrong, 0, "%s", service.why);
    cr_expect_str_eq(service.method, "PUT");
    cr_expect_str_eq(service.path, "/bucket/a/b-1.csv.gz");
    cr_expect_eq(service.body.size, 6);
    cr_expect_eq(bb_s3_remove(s3, "a/b-1.csv.gz", &error), 0, "%s", error.text);
    cr_expect_eq(service.wrong, 0, "%s", service.why);
    cr_expect_str_eq(service.method, "DELETE");
    bb_s3_close(s3);
}

/* libcurl asks before it sends that much; the question is no part of what is signed. */
Test(aws, large_objects_are_signed_too) {
    enum { SIZE = 3 << 20 };
    char *bytes = calloc(1, SIZE);
    struct bb_s3 *s3 = open_s3(NULL);

    cr_assert_not_null(bytes);
    cr_expect_eq(bb_s3_put(s3, "large", "text/csv", (struct bb_span){bytes, SIZE}, &error), 0, "%s",
                 error.text);
    cr_expect_eq(service.wrong, 0, "%s", service.why);
    cr_expect_eq(service.body.size, SIZE);
    bb_s3_close(s3);
    free(bytes);
}

/* As calls of DynamoDB have it. */
Test(aws, headers_are_signed_whatever_their_case_and_order) {
    const struct bb_http_signing signing = {
        .service = "dynamodb", .region = "eu-west-1", .key_id = "AKID", .secret = secret};
    struct bb_http_client *client = bb_http_client_new(&(struct bb_http_client_options){0});
    struct bb_http_request r = {.method = "POST",
                                .url = service.endpoint,
                                .body = BB_SPAN("{}"),
                                .headers = {"X-Amz-Target: DynamoDB_20120810.PutItem",
                                            "Content-Type: application/x-amz-json-1.0"},
                                .header_count = 2,
                                .signing = &signing};

    bb_http_request_init(&r, 100);
    bb_http_client_run(client, &r, 1);
    cr_expect_eq(r.status, 200, "%s", r.problem);
    cr_expect_eq(service.wrong, 0, "%s", service.why);
    bb_http_request_release(&r);
    bb_http_client_free(client);
}

Test(aws, a_session_token_is_signed_too) {
    struct bb_s3 *s3 = open_s3("a-token-of-a-session==");

    cr_expect_eq(bb_s3_put(s3, "x", "text/csv", BB_SPAN("1"), &error), 0, "%s", error.text);
    cr_expect_eq(service.wrong, 0, "%s", service.why);
    bb_s3_close(s3);
}

Test(aws, busy_services_are_tried_again_and_refusals_told) {
    struct bb_s3 *s3 = open_s3(NULL);

    service.busy_for = 2;
    cr_expect_eq(bb_s3_put(s3, "x", "text/csv", BB_SPAN("1"), &error), 0, "%s", error.text);
    cr_expect_eq(service.requests, 3);
    service.status = 403;
    cr_expect_eq(bb_s3_put(s3, "x", "text/csv", BB_SPAN("1"), &error), -BB_E_SINK_REFUSED);
    cr_expect_not(error.retriable);
    cr_expect_not_null(strstr(error.text, "AccessDenied"), "%s", error.text);
    cr_expect_null(strchr(error.text, '\n'));
    cr_expect_eq(service.requests, 4);
    service.status = 500;
    cr_expect_eq(bb_s3_put(s3, "x", "text/csv", BB_SPAN("1"), &error), -BB_E_SINK_BUSY);
    cr_expect(error.retriable);
    bb_s3_close(s3);
}

Test(aws, credentials_that_ended_are_looked_for_anew) {
    struct bb_s3 *s3 = open_s3("old");

    service.expired_for = 1;
    cr_expect_eq(bb_s3_put(s3, "x", "text/csv", BB_SPAN("1"), &error), 0, "%s", error.text);
    cr_expect_eq(service.requests, 2);
    bb_s3_close(s3);
}

/* ---- where credentials are ------------------------------------------------------------------- */

static void expect_credentials(const struct bb_aws_options *options, const char *key_id,
                               const char *its_secret, const char *token) {
    struct bb_http_signing signing;
    struct bb_aws *aws;

    cr_assert_eq(bb_aws_open(options, "x", &aws, &error), 0, "%s", error.text);
    cr_assert_eq(bb_aws_sign(aws, "dynamodb", &signing, &error), 0, "%s", error.text);
    cr_expect_str_eq(signing.key_id, key_id);
    cr_expect_str_eq(signing.secret, its_secret);
    cr_expect_str_eq(signing.token, token);
    cr_expect_str_eq(signing.region, "r");
    cr_expect_str_eq(signing.service, "dynamodb");
    bb_aws_close(aws);
}

Test(aws, looks_into_settings_environment_and_profiles_in_this_order) {
    struct bb_aws_options options = {.region = "r", .profile = "plant"};
    struct bb_aws *aws;
    struct bb_http_signing signing;
    char path[] = "/tmp/busbar-aws-XXXXXX";
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_gt(dprintf(fd, "[default]\naws_access_key_id=no\n[plant]\n# ours\n"
                             "aws_access_key_id = from file\naws_secret_access_key=s3\n"
                             "[other]\naws_access_key_id=other\n"),
                 0);
    close(fd);
    cr_assert_eq(bb_aws_open(&options, "x", &aws, &error), 0);
    cr_expect_eq(bb_aws_sign(aws, "s3", &signing, &error), -BB_E_SINK_CREDENTIALS);
    bb_aws_close(aws);
    setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
    expect_credentials(&options, "from file", "s3", "");
    setenv("AWS_ACCESS_KEY_ID", "from environment", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s2", 1);
    setenv("AWS_SESSION_TOKEN", "t2", 1);
    expect_credentials(&options, "from environment", "s2", "t2");
    options.key_id = "from settings";
    options.secret = "s1";
    expect_credentials(&options, "from settings", "s1", "");
    options.region = NULL;
    cr_expect_eq(bb_aws_open(&options, "x", &aws, &error), -BB_E_SINK_SETTINGS);
    setenv("AWS_REGION", "r", 1);
    expect_credentials(&options, "from settings", "s1", "");
    unlink(path);
}

struct surroundings { /* what a container or a machine answers */
    size_t asked;
    int64_t good_for_s;
};

static void answer_credentials(struct surroundings *s, struct http_double_answer *answer) {
    char until[BB_TIME_TEXT_MAX];

    s->asked++;
    bb_time_format_utc(((int64_t)time(NULL) + s->good_for_s) * 1000, until);
    bb_buffer_format(answer->body,
                     "{\"Code\" : \"Success\",\n\"AccessKeyId\" : \"K%zu\",\n\"SecretAccessKey\" : "
                     "\"S\", \"Token\" : \"T\",\n\"Expiration\" : \"%s\"}",
                     s->asked, until);
}

static void surround(void *context, const struct http_double_request *request,
                     struct http_double_answer *answer) {
    static const char role[] = "/latest/meta-data/iam/security-credentials/";
    const char *token = http_double_header(request, "X-aws-ec2-metadata-token");
    const char *word = http_double_header(request, "Authorization");
    bool known = token && strcmp(token, "the token") == 0;

    if (strcmp(request->path, "/container") == 0 && word && strcmp(word, "the word") == 0)
        answer_credentials(context, answer);
    else if (strcmp(request->path, "/latest/api/token") == 0 && strcmp(request->method, "PUT") == 0)
        bb_buffer_append_span(answer->body, BB_SPAN("the token"));
    else if (strcmp(request->path, role) == 0 && known)
        bb_buffer_append_span(answer->body, BB_SPAN("worker\n"));
    else if (strncmp(request->path, role, strlen(role)) == 0 && known &&
             strcmp(request->path + strlen(role), "worker") == 0)
        answer_credentials(context, answer);
    else
        answer->status = 403;
}

Test(aws, asks_the_container_and_the_machine) {
    struct surroundings s = {.good_for_s = 3600};
    struct http_double *server = http_double_start(surround, &s);
    char base[64], url[96];
    struct bb_aws_options options = {.region = "r", .metadata = base};

    snprintf(base, sizeof base, "http://127.0.0.1:%u", http_double_port(server));
    snprintf(url, sizeof url, "%s/container", base);
    unsetenv("AWS_EC2_METADATA_DISABLED");
    expect_credentials(&options, "K1", "S", "T");
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "the word", 1);
    expect_credentials(&options, "K2", "S", "T");
    http_double_stop(server);
}

Test(aws, credentials_are_fetched_anew_before_they_end) {
    struct surroundings s = {.good_for_s = 3600};
    struct http_double *server = http_double_start(surround, &s);
    char base[64];
    struct bb_aws_options options = {.region = "r", .metadata = base};
    struct bb_http_signing signing;
    struct bb_aws *aws;

    snprintf(base, sizeof base, "http://127.0.0.1:%u", http_double_port(server));
    unsetenv("AWS_EC2_METADATA_DISABLED");
    cr_assert_eq(bb_aws_open(&options, "x", &aws, &error), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(bb_aws_sign(aws, "s3", &signing, &error), 0, "%s", error.text);
    cr_expect_eq(s.asked, 1);
    bb_aws_close(aws);
    s.good_for_s = 60;
    cr_assert_eq(bb_aws_open(&options, "x", &aws, &error), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(bb_aws_sign(aws, "s3", &signing, &error), 0, "%s", error.text);
    cr_expect_eq(s.asked, 4);
    bb_aws_close(aws);
    http_double_stop(server);
}
