/* Credentials for AWS: see aws.h. */
#include "adapter/aws.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "model/timestamp.h"

enum {
    TEXT_MAX = 256,
    TOKEN_MAX = 2048,
    LINE_MAX_BYTES = 4096,
    ANSWER_LIMIT_BYTES = 1 << 16,
    LOOKUP_TIMEOUT_MS = 3000, /* elsewhere than on AWS nobody answers */
    RENEW_BEFORE_MS = 5 * 60 * 1000
};

struct credentials {
    char key_id[TEXT_MAX], secret[TEXT_MAX], token[TOKEN_MAX];
    int64_t expires_ms; /* 0: never */
};

struct bb_aws {
    struct bb_aws_options options;
    const char *label;
    const char *region;
    struct credentials at_hand; /* key_id empty: none yet */
};

/* ---- the document ---------------------------------------------------------------------------- */

bool bb_aws_json_text(struct bb_span json, const char *name, struct bb_span *out) {
    char sought[128];
    int size = snprintf(sought, sizeof sought, "\"%s\"", name);
    const char *end = json.data + json.size;
    const char *at = json.size ? memmem(json.data, json.size, sought, (size_t)size) : NULL;

    if (!at)
        return false;
    for (at += size; at < end && (*at == ' ' || *at == ':' || *at == '\n' || *at == '\r');)
        at++;
    if (at >= end || *at != '"')
        return false;
    const char *begin = ++at;
    while (at < end && *at != '"' && *at != '\\')
        at++;
    if (at >= end || *at == '\\')
        return false;
    *out = (struct bb_span){begin, (size_t)(at - begin)};
    return true;
}

static bool keep(char *out, size_t size, struct bb_span text) {
    if (text.size == 0 || text.size >= size)
        return false;
    memcpy(out, text.data, text.size);
    out[text.size] = '\0';
    return true;
}

/* {"AccessKeyId": ..., "SecretAccessKey": ..., "Token": ..., "Expiration": "2026-03-01T12:00:00Z"} */
static bool read_document(struct bb_span json, struct credentials *out) {
    struct bb_span text;

    if (!bb_aws_json_text(json, "AccessKeyId", &text) || !keep(out->key_id, TEXT_MAX, text) ||
        !bb_aws_json_text(json, "SecretAccessKey", &text) || !keep(out->secret, TEXT_MAX, text))
        return false;
    if (bb_aws_json_text(json, "Token", &text) && !keep(out->token, TOKEN_MAX, text))
        return false;
    return !bb_aws_json_text(json, "Expiration", &text) ||
           bb_time_parse_rfc3339(text, &out->expires_ms) == BB_TIME_OK;
}

/* ---- places: each is true when it had some --------------------------------------------------- */

static bool is_given(const char *text) {
    return text && text[0];
}

static bool take(const char *key_id, const char *secret, const char *token,
                 struct credentials *out) {
    return is_given(key_id) && is_given(secret) &&
           keep(out->key_id, TEXT_MAX, bb_span_of(key_id)) &&
           keep(out->secret, TEXT_MAX, bb_span_of(secret)) &&
           (!is_given(token) || keep(out->token, TOKEN_MAX, bb_span_of(token)));
}

static bool from_options(const struct bb_aws *aws, struct credentials *out) {
    return take(aws->options.key_id, aws->options.secret, aws->options.token, out);
}

static bool from_environment(const struct bb_aws *aws, struct credentials *out) {
    (void)aws;
    return take(getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"),
                getenv("AWS_SESSION_TOKEN"), out);
}

static void read_setting(struct bb_span line, struct credentials *out) {
    static const struct {
        const char *name;
        size_t at, size;
    } settings[] = {
        {"aws_access_key_id", offsetof(struct credentials, key_id), TEXT_MAX},
        {"aws_secret_access_key", offsetof(struct credentials, secret), TEXT_MAX},
        {"aws_session_token", offsetof(struct credentials, token), TOKEN_MAX},
    };
    const char *equals = memchr(line.data, '=', line.size);

    if (!equals)
        return;
    struct bb_span name = bb_span_trim((struct bb_span){line.data, (size_t)(equals - line.data)});
    struct bb_span value = bb_span_trim(
        (struct bb_span){equals + 1, (size_t)(line.data + line.size - equals - 1)});
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (bb_span_equal(name, bb_span_of(settings[i].name)))
            (void)keep((char *)out + settings[i].at, settings[i].size, value);
}

static bool from_profile(const struct bb_aws *aws, struct credentials *out) {
    const char *path = getenv("AWS_SHARED_CREDENTIALS_FILE"), *home = getenv("HOME");
    const char *profile = aws->options.profile;
    char own[LINE_MAX_BYTES], line[LINE_MAX_BYTES], section[TEXT_MAX + 2];
    bool is_ours = false;

    if (!is_given(path)) {
        snprintf(own, sizeof own, "%s/.aws/credentials", home ? home : "");
        path = own;
    }
    if (!is_given(profile))
        profile = getenv("AWS_PROFILE");
    snprintf(section, sizeof section, "[%s]", is_given(profile) ? profile : "default");
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (fgets(line, sizeof line, file)) {
        struct bb_span s = bb_span_of(line);
        if (s.size > 0 && s.data[s.size - 1] == '\n')
            s.size--;
        s = bb_span_trim(s);
        if (s.size > 0 && s.data[0] == '[')
            is_ours = bb_span_equal(s, bb_span_of(section));
        else if (is_ours && s.size > 0 && s.data[0] != '#')
            read_setting(s, out);
    }
    fclose(file);
    return out->key_id[0] && out->secret[0];
}

/* A document of the machine's own surroundings, not of the web: plain http is right. */
static bool ask(const char *method, const char *url, const char *header, struct bb_buffer *out) {
    struct bb_http_client *client = bb_http_client_new(
        &(struct bb_http_client_options){.timeout_ms = LOOKUP_TIMEOUT_MS});
    struct bb_http_request r = {
        .method = method, .url = url, .headers = {header}, .header_count = header ? 1 : 0};

    if (!client)
        return false;
    bb_http_request_init(&r, ANSWER_LIMIT_BYTES);
    bb_http_client_run(client, &r, 1);
    bool done = bb_http_is_done(&r) && r.answer.size > 0;
    bb_buffer_clear(out);
    if (done)
        bb_buffer_append_span(out, bb_buffer_span(&r.answer));
    bb_http_request_release(&r);
    bb_http_client_free(client);
    return done && !out->overflow;
}

static bool read_line(const char *path, char *out, size_t size) {
    FILE *file = fopen(path, "re");
    bool done = file && fgets(out, (int)size, file);

    if (file)
        fclose(file);
    if (done)
        out[strcspn(out, "\r\n")] = '\0';
    return done;
}

static bool from_container(const struct bb_aws *aws, struct credentials *out) {
    const char *full = getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *relative = getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *word = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    const char *word_file = getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    char url[TEXT_MAX * 2], header[TOKEN_MAX + 32], kept[TOKEN_MAX];
    struct bb_buffer answer;

    (void)aws;
    if (is_given(full))
        snprintf(url, sizeof url, "%s", full);
    else if (is_given(relative))
        snprintf(url, sizeof url, "http://169.254.170.2%s", relative);
    else
        return false;
    if (is_given(word_file) && read_line(word_file, kept, sizeof kept))
        word = kept;
    snprintf(header, sizeof header, "Authorization: %s", is_given(word) ? word : "");
    bb_buffer_init(&answer, ANSWER_LIMIT_BYTES);
    bool done = ask("GET", url, is_given(word) ? header : NULL, &answer) &&
                read_document(bb_buffer_span(&answer), out);
    bb_buffer_release(&answer);
    return done;
}

/* IMDSv2: a token first, then the role's name, then its credentials. */
static bool from_machine(const struct bb_aws *aws, struct credentials *out) {
    static const char path[] = "/latest/meta-data/iam/security-credentials/";
    const char *disabled = getenv("AWS_EC2_METADATA_DISABLED");
    const char *base = aws->options.metadata ? aws->options.metadata : "http://169.254.169.254";
    char url[TEXT_MAX * 3], header[TEXT_MAX * 2];
    struct bb_buffer answer;

    if (disabled && strcmp(disabled, "true") == 0)
        return false;
    bb_buffer_init(&answer, ANSWER_LIMIT_BYTES);
    snprintf(url, sizeof url, "%s/latest/api/token", base);
    bool done = ask("PUT", url, "X-aws-ec2-metadata-token-ttl-seconds: 300", &answer);
    snprintf(header, sizeof header, "X-aws-ec2-metadata-token: %.*s", done ? (int)answer.size : 0,
             done ? answer.data : "");
    snprintf(url, sizeof url, "%s%s", base, path);
    done = done && ask("GET", url, header, &answer);
    if (done) {
        int size = (int)strcspn(answer.data, "\n");
        snprintf(url, sizeof url, "%s%s%.*s", base, path,
                 size < (int)answer.size ? size : (int)answer.size, answer.data);
    }
    done = done && ask("GET", url, header, &answer) && read_document(bb_buffer_span(&answer), out);
    bb_buffer_release(&answer);
    return done;
}

static bool (*const places[])(const struct bb_aws *aws, struct credentials *out) = {
    from_options, from_environment, from_profile, from_container, from_machine,
};

/* ---- the face -------------------------------------------------------------------------------- */

int bb_aws_open(const struct bb_aws_options *options, const char *label, struct bb_aws **out,
                struct bb_error *error) {
    const char *region = options->region;

    if (!is_given(region))
        region = getenv("AWS_REGION");
    if (!is_given(region))
        region = getenv("AWS_DEFAULT_REGION");
    if (!is_given(region))
        return BB_FAIL(error, BB_E_SINK_SETTINGS,
                       "%s: region is missing, and AWS_REGION is not set", label);
    struct bb_aws *aws = calloc(1, sizeof *aws);
    if (!aws)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a sink");
    *aws = (struct bb_aws){*options, label, region, {.expires_ms = 0}};
    *out = aws;
    return 0;
}

void bb_aws_close(struct bb_aws *aws) {
    if (!aws)
        return;
    explicit_bzero(&aws->at_hand, sizeof aws->at_hand);
    free(aws);
}

const char *bb_aws_region(const struct bb_aws *aws) {
    return aws->region;
}

void bb_aws_forget(struct bb_aws *aws) {
    explicit_bzero(&aws->at_hand, sizeof aws->at_hand);
}

static bool is_good(const struct credentials *c) {
    return c->key_id[0] && (c->expires_ms == 0 ||
                            c->expires_ms - RENEW_BEFORE_MS > (int64_t)time(NULL) * BB_SECOND_MS);
}

/* Some that are about to end are better than none. */
static void look_up(struct bb_aws *aws) {
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct credentials found = {.expires_ms = 0};
        if (places[i](aws, &found)) {
            aws->at_hand = found;
            return;
        }
    }
}

int bb_aws_sign(struct bb_aws *aws, const char *service, struct bb_http_signing *out,
                struct bb_error *error) {
    if (!is_good(&aws->at_hand))
        look_up(aws);
    if (!aws->at_hand.key_id[0]) {
        int result = BB_FAIL(error, BB_E_SINK_CREDENTIALS,
                             "%s: no credentials in the settings, the environment, the profile, "
                             "the container or the machine",
                             aws->label);
        error->retriable = true; /* a machine's may come later */
        return result;
    }
    *out = (struct bb_http_signing){.service = service,
                                    .region = aws->region,
                                    .key_id = aws->at_hand.key_id,
                                    .secret = aws->at_hand.secret,
                                    .token = aws->at_hand.token};
    return 0;
}
