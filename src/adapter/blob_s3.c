/* Objects of a bucket that speaks S3: see blobs.h.
 *
 *   PUT                    what fits into a part
 *   POST ?uploads, PUT ?partNumber, GET ?uploadId (the parts' ETags), POST ?uploadId     what does not
 *   GET with a range · GET ?list-type=2 (also for one object's size) · DELETE
 *
 * Every request is signed (AWS Signature Version 4, over the body's hash) and tried again for some seconds while the
 * answer says that it may pass. One connection under a mutex: what is asked for are few, large ranges.
 * An upload that dies with its process is the bucket's to sweep (a life cycle rule for incomplete uploads).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "adapter/aws.h"
#include "adapter/blob_shared_internal.h"
#include "adapter/blobs.h"
#include "base/clock.h"
#include "base/random.h"
#include "model/timestamp.h"

enum {
    PART_BYTES = 8 << 20,
    PARTS_MAX = 10000,
    TRIES = 6,
    PAUSE_MS = 100, /* doubled from try to try, and a random share of it */
    TEXT_MAX = 1024,
    URL_MAX = 4096,
    ANSWER_BYTES = 4 << 20,
    WORDS_SHOWN = 200
};

struct s3_blob {
    struct bb_blob base;
    struct bb_aws *aws;
    struct bb_http_client *client;
    pthread_mutex_t mutex;
    struct bb_random random;
    char root[TEXT_MAX + 300]; /* https://bucket.host or https://host/bucket */
    char prefix[TEXT_MAX + 2]; /* empty, or ends in '/' */
};

struct bb_blob_put {
    struct s3_blob *blob;
    char name[BB_BLOB_NAME_MAX + 1];
    struct bb_buffer part;
    char upload[TEXT_MAX]; /* empty: not begun, it may be one part */
    unsigned parts;
};

static struct s3_blob *s3_of(struct bb_blob *blob) {
    return (struct s3_blob *)blob;
}

/* ---- requests */

static void pause_before(struct s3_blob *blob, int attempt, int64_t retry_after_ms) {
    int64_t ms = PAUSE_MS << attempt;

    ms = ms / 2 + (int64_t)bb_random_below(&blob->random, (uint64_t)ms);
    ms = retry_after_ms > ms && retry_after_ms < 10000 ? retry_after_ms : ms;
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static int refuse(const struct s3_blob *blob, const struct bb_http_request *r,
                  struct bb_error *error) {
    struct bb_span words = bb_buffer_span(&r->answer);

    words.size = words.size < WORDS_SHOWN ? words.size : WORDS_SHOWN;
    int result = r->status == 0
                     ? BB_FAIL(error, BB_E_BLOB_IO, "%s was not reached: %s", blob->base.where,
                               r->problem)
                     : BB_FAIL(error, BB_E_BLOB_IO, "%s answers %s with %ld: %.*s",
                               blob->base.where, r->method, r->status, BB_SPAN_ARGS(words));
    error->retriable = bb_http_is_retriable(r);
    return result;
}

/* What a request says: the part of the address behind the bucket, and more. */
struct ask {
    const char *method;
    const char *name;  /* of the object; NULL: the bucket */
    const char *query; /* encoded, sorted; NULL: none */
    struct bb_span body;
    const char *range; /* a header; NULL: none */
};

/* One that is answered, well or not; `r` is initialised, and the caller's to release. */
static int send(struct s3_blob *blob, const struct ask *ask, struct bb_http_request *r,
                struct bb_error *error) {
    char url[URL_MAX];
    struct bb_http_signing signing;
    int result = 0;

    snprintf(url, sizeof url, "%s/%s%s%s%s", blob->root, ask->name ? blob->prefix : "",
             ask->name ? ask->name : "", ask->query ? "?" : "", ask->query ? ask->query : "");
    r->method = ask->method;
    r->url = url;
    r->body = ask->body;
    if (ask->range)
        r->headers[r->header_count++] = ask->range;
    pthread_mutex_lock(&blob->mutex);
    for (int attempt = 0; !result; attempt++) {
        bb_buffer_clear(&r->answer);
        result = bb_aws_sign(blob->aws, "s3", &signing, error);
        r->signing = &signing;
        if (!result)
            bb_http_client_run(blob->client, r, 1);
        if (result || !bb_http_is_retriable(r) || attempt + 1 == TRIES)
            break;
        pause_before(blob, attempt, r->retry_after_ms);
    }
    pthread_mutex_unlock(&blob->mutex);
    r->url = NULL;
    r->signing = NULL;
    if (!result && (r->status == 0 || bb_http_is_retriable(r)))
        result = refuse(blob, r, error);
    return result;
}

/* One that has to go well; its answer is not wanted. */
static int demand(struct s3_blob *blob, const struct ask *ask, struct bb_error *error) {
    struct bb_http_request r = {0};

    bb_http_request_init(&r, ANSWER_BYTES);
    int result = send(blob, ask, &r, error);
    if (!result && !bb_http_is_done(&r))
        result = refuse(blob, &r, error);
    bb_http_request_release(&r);
    return result;
}

/* ---- what XML says: the text between the next <tag> and </tag> behind *at */

static bool next_element(struct bb_span xml, size_t *at, const char *tag, struct bb_span *out) {
    char open[64], close[64];
    int open_size = snprintf(open, sizeof open, "<%s>", tag);
    int close_size = snprintf(close, sizeof close, "</%s>", tag);
    const char *begin = *at < xml.size
                            ? memmem(xml.data + *at, xml.size - *at, open, (size_t)open_size)
                            : NULL;

    if (!begin)
        return false;
    begin += open_size;
    size_t left = xml.size - (size_t)(begin - xml.data);
    const char *end = memmem(begin, left, close, (size_t)close_size);
    if (!end)
        return false;
    *out = (struct bb_span){begin, (size_t)(end - begin)};
    *at = (size_t)(end - xml.data) + (size_t)close_size;
    return true;
}

static bool element(struct bb_span xml, const char *tag, struct bb_span *out) {
    size_t at = 0;

    return next_element(xml, &at, tag, out);
}

static uint64_t number_of(struct bb_span text) {
    uint64_t v = 0;

    for (size_t i = 0; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        v = v * 10 + (uint64_t)(text.data[i] - '0');
    return v;
}

/* Into a query: what is not unreserved as %XX. */
static void encode(struct bb_span text, char *out, size_t size) {
    size_t used = 0;

    for (size_t i = 0; i < text.size && used + 4 < size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (plain)
            out[used++] = (char)c;
        else
            used += (size_t)snprintf(out + used, 4, "%%%02X", c);
    }
    out[used] = '\0';
}

/* ---- putting */

static int s3_put_begin(struct bb_blob *base, const char *name, struct bb_blob_put **out,
                        struct bb_error *error) {
    int result = bb_blob_name_check(name, error);

    if (result)
        return result;
    struct bb_blob_put *put = calloc(1, sizeof *put);
    if (!put)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to write %s", name);
    put->blob = s3_of(base);
    memcpy(put->name, name, strlen(name) + 1);
    bb_buffer_init(&put->part, PART_BYTES);
    *out = put;
    return 0;
}

static int begin_upload(struct bb_blob_put *put, struct bb_error *error) {
    struct bb_http_request r = {0};
    struct bb_span id;

    bb_http_request_init(&r, ANSWER_BYTES);
    int result = send(
        put->blob,
        &(struct ask){
            .method = "POST", .name = put->name, .query = "uploads=", .body = BB_SPAN("")},
        &r, error);
    if (!result && (!bb_http_is_done(&r) || !element(bb_buffer_span(&r.answer), "UploadId", &id) ||
                    id.size == 0))
        result = refuse(put->blob, &r, error);
    else if (!result)
        encode(id, put->upload, sizeof put->upload);
    bb_http_request_release(&r);
    return result;
}

static int send_part(struct bb_blob_put *put, struct bb_error *error) {
    char query[TEXT_MAX + 64];
    int result = put->upload[0] ? 0 : begin_upload(put, error);

    if (!result && put->parts == PARTS_MAX)
        result = BB_FAIL(error, BB_E_BLOB_IO, "%s is larger than an object may be", put->name);
    if (result)
        return result;
    snprintf(query, sizeof query, "partNumber=%u&uploadId=%s", ++put->parts, put->upload);
    result = demand(
        put->blob,
        &(struct ask){
            .method = "PUT", .name = put->name, .query = query, .body = bb_buffer_span(&put->part)},
        error);
    bb_buffer_clear(&put->part);
    return result;
}

static int s3_put_write(struct bb_blob_put *put, struct bb_span bytes, struct bb_error *error) {
    int result = 0;

    while (!result && bytes.size > 0) {
        size_t room = PART_BYTES - put->part.size;
        size_t taken = bytes.size < room ? bytes.size : room;
        bb_buffer_append(&put->part, bytes.data, taken);
        if (put->part.overflow)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to write %s", put->name);
        bytes.data += taken;
        bytes.size -= taken;
        if (put->part.size == PART_BYTES)
            result = send_part(put, error);
    }
    return result;
}

static void s3_put_abandon(struct bb_blob_put *put) {
    char query[TEXT_MAX + 64];
    struct bb_error ignored;

    if (!put)
        return;
    snprintf(query, sizeof query, "uploadId=%s", put->upload);
    if (put->upload[0])
        (void)demand(put->blob,
                     &(struct ask){.method = "DELETE", .name = put->name, .query = query},
                     &ignored);
    bb_buffer_release(&put->part);
    free(put);
}

/* The ETags of the parts, as the bucket has them. */
static int list_parts(struct bb_blob_put *put, struct bb_buffer *out, struct bb_error *error) {
    char query[TEXT_MAX + 64];
    unsigned parts = 0;
    int result = 0;

    while (!result && parts < put->parts) {
        struct bb_http_request r = {0};
        struct bb_span tag;
        size_t at = 0;
        unsigned before = parts;
        bb_http_request_init(&r, ANSWER_BYTES);
        snprintf(query, sizeof query, "part-number-marker=%u&uploadId=%s", parts, put->upload);
        result = send(put->blob, &(struct ask){.method = "GET", .name = put->name, .query = query},
                      &r, error);
        while (!result && next_element(bb_buffer_span(&r.answer), &at, "ETag", &tag))
            bb_buffer_format(out, "<Part><PartNumber>%u</PartNumber><ETag>%.*s</ETag></Part>",
                             ++parts, BB_SPAN_ARGS(tag));
        if (!result && parts == before)
            result = refuse(put->blob, &r, error);
        bb_http_request_release(&r);
    }
    return result;
}

/* S3 may begin to answer with 200 and then say that it failed. */
static int complete(struct bb_blob_put *put, struct bb_span parts, struct bb_error *error) {
    char query[TEXT_MAX + 64];
    struct bb_http_request r = {0};
    struct bb_span tag;

    bb_http_request_init(&r, ANSWER_BYTES);
    snprintf(query, sizeof query, "uploadId=%s", put->upload);
    int result = send(
        put->blob,
        &(struct ask){.method = "POST", .name = put->name, .query = query, .body = parts}, &r,
        error);
    if (!result && (!bb_http_is_done(&r) || !element(bb_buffer_span(&r.answer), "ETag", &tag)))
        result = refuse(put->blob, &r, error);
    bb_http_request_release(&r);
    return result;
}

static int end_upload(struct bb_blob_put *put, struct bb_error *error) {
    struct bb_buffer parts;
    int result = put->part.size > 0 ? send_part(put, error) : 0;

    bb_buffer_init(&parts, ANSWER_BYTES);
    bb_buffer_format(&parts, "<CompleteMultipartUpload>");
    if (!result)
        result = list_parts(put, &parts, error);
    bb_buffer_format(&parts, "</CompleteMultipartUpload>");
    if (!result)
        result = parts.overflow ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory to write %s", put->name)
                                : complete(put, bb_buffer_span(&parts), error);
    bb_buffer_release(&parts);
    return result;
}

static int s3_put_end(struct bb_blob_put *put, struct bb_error *error) {
    int result;
    struct bb_span whole = put->part.size > 0 ? bb_buffer_span(&put->part) : BB_SPAN("");

    if (put->upload[0])
        result = end_upload(put, error);
    else
        result = demand(put->blob, &(struct ask){.method = "PUT", .name = put->name, .body = whole},
                        error);
    if (!result)
        put->upload[0] = '\0'; /* nothing is left to give up */
    s3_put_abandon(put);
    return result;
}

/* ---- listing */

struct listing {
    struct s3_blob *blob;
    bb_blob_visit *visit;
    void *context;
    struct bb_error *error;
};

static int tell_page(const struct listing *l, struct bb_span page) {
    size_t prefix = strlen(l->blob->prefix), at = 0;
    struct bb_span entry, key, size, time;
    int result = 0;

    while (!result && next_element(page, &at, "Contents", &entry)) {
        struct bb_blob_info info = {0};
        char name[BB_BLOB_NAME_MAX + 1];
        if (!element(entry, "Key", &key) || !element(entry, "Size", &size) || key.size <= prefix ||
            key.size - prefix >= sizeof name)
            continue;
        memcpy(name, key.data + prefix, key.size - prefix);
        name[key.size - prefix] = '\0';
        info.size = number_of(size);
        if (!element(entry, "LastModified", &time) ||
            bb_time_parse_rfc3339(time, &info.modified_ms) != BB_TIME_OK)
            info.modified_ms = 0; /* nobody told */
        struct bb_error not_ours;
        if (bb_blob_name_check(name, &not_ours) == 0)
            result = l->visit(l->context, bb_span_of(name), &info, l->error);
    }
    return result;
}

static int list_all(const struct listing *l, const char *prefix) {
    char query[URL_MAX / 2], coded[URL_MAX / 4], full[TEXT_MAX + BB_BLOB_NAME_MAX + 2];
    char token[TEXT_MAX * 2] = "";
    int result = 0;

    snprintf(full, sizeof full, "%s%s", l->blob->prefix, prefix);
    encode(bb_span_of(full), coded, sizeof coded);
    for (bool more = true; !result && more;) {
        struct bb_http_request r = {0};
        struct bb_span truncated, next;
        bb_http_request_init(&r, ANSWER_BYTES);
        snprintf(query, sizeof query, "%s%s%slist-type=2&prefix=%s",
                 token[0] ? "continuation-token=" : "", token, token[0] ? "&" : "", coded);
        result = send(l->blob, &(struct ask){.method = "GET", .query = query}, &r, l->error);
        if (!result && !bb_http_is_done(&r))
            result = refuse(l->blob, &r, l->error);
        struct bb_span page = bb_buffer_span(&r.answer);
        more = !result && element(page, "IsTruncated", &truncated) &&
               bb_span_equal(truncated, BB_SPAN("true")) &&
               element(page, "NextContinuationToken", &next);
        if (more)
            encode(next, token, sizeof token);
        if (!result)
            result = tell_page(l, page);
        bb_http_request_release(&r);
    }
    return result;
}

static int s3_list(struct bb_blob *base, const char *prefix, bb_blob_visit *visit, void *context,
                   struct bb_error *error) {
    const struct listing l = {s3_of(base), visit, context, error};
    int result = list_all(&l, prefix);

    return result < 0 ? result : 0;
}

struct one {
    const char *name;
    struct bb_blob_info *info;
    bool found;
};

static int look(void *context, struct bb_span name, const struct bb_blob_info *info,
                struct bb_error *error) {
    struct one *one = context;

    (void)error;
    one->found = bb_span_equal(name, bb_span_of(one->name));
    if (one->found)
        *one->info = *info;
    return 1; /* the name itself comes first among those that begin with it */
}

static int s3_info(struct bb_blob *base, const char *name, struct bb_blob_info *out,
                   struct bb_error *error) {
    struct one one = {.name = name, .info = out};
    int result = bb_blob_name_check(name, error);

    if (!result)
        result = s3_list(base, name, look, &one, error);
    return result ? result : one.found ? BB_BLOB_FOUND : BB_BLOB_ABSENT;
}

/* ---- reading, removing */

/* Of nothing there is no range to ask for, and what is beyond the end is answered with less or with 416. */
static int judge_range(struct s3_blob *blob, const char *name, uint64_t offset, size_t size,
                       struct bb_error *error) {
    struct bb_blob_info info;
    int result = s3_info(&blob->base, name, &info, error);

    return result == BB_BLOB_FOUND
               ? bb_blob_range_check(&blob->base, name, info.size, offset, size, error)
               : result;
}

static int s3_get(struct bb_blob *base, const char *name, uint64_t offset, size_t size,
                  struct bb_buffer *out, struct bb_error *error) {
    struct s3_blob *blob = s3_of(base);
    struct bb_http_request r = {0};
    char range[96];
    int result = bb_blob_name_check(name, error);

    if (result || size == 0 || offset > UINT64_MAX - size)
        return result ? result : judge_range(blob, name, offset, size, error);
    snprintf(range, sizeof range, "Range: bytes=%llu-%llu", (unsigned long long)offset,
             (unsigned long long)(offset + size - 1));
    bb_http_request_init(&r, size > ANSWER_BYTES ? size : ANSWER_BYTES);
    result = send(blob, &(struct ask){.method = "GET", .name = name, .range = range}, &r, error);
    if (!result && r.status == 404)
        result = BB_BLOB_ABSENT;
    else if (!result && (r.status == 416 || (bb_http_is_done(&r) && r.answer.size != size)))
        result = judge_range(blob, name, offset, size, error);
    else if (!result && !bb_http_is_done(&r))
        result = refuse(blob, &r, error);
    if (result == BB_BLOB_FOUND && r.answer.size == size) {
        bb_buffer_append_span(out, bb_buffer_span(&r.answer));
        if (out->overflow)
            result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read %s", name);
    } else if (result == BB_BLOB_FOUND) {
        result = BB_FAIL(error, BB_E_BLOB_IO, "%s answers another range of %s", base->where, name);
    }
    bb_http_request_release(&r);
    return result;
}

static int s3_remove(struct bb_blob *base, const char *name, struct bb_error *error) {
    struct bb_http_request r = {0};
    int result = bb_blob_name_check(name, error);

    if (result)
        return result;
    bb_http_request_init(&r, ANSWER_BYTES);
    result = send(s3_of(base), &(struct ask){.method = "DELETE", .name = name}, &r, error);
    if (!result && !bb_http_is_done(&r) && r.status != 404)
        result = refuse(s3_of(base), &r, error);
    bb_http_request_release(&r);
    return result;
}

static void s3_close(struct bb_blob *base) {
    struct s3_blob *blob = s3_of(base);

    bb_http_client_free(blob->client);
    bb_aws_close(blob->aws);
    pthread_mutex_destroy(&blob->mutex);
    free(blob);
}

static const struct bb_blob_ops s3_ops = {
    .name = "s3",
    .close = s3_close,
    .put_begin = s3_put_begin,
    .put_write = s3_put_write,
    .put_end = s3_put_end,
    .put_abandon = s3_put_abandon,
    .get = s3_get,
    .info = s3_info,
    .list = s3_list,
    .remove = s3_remove,
};

/* Where the bucket is. A prefix is a name like those of objects. */
static int set_address(struct s3_blob *blob, const struct bb_blob_s3_options *o,
                       struct bb_error *error) {
    const char *prefix = o->prefix ? o->prefix : "";

    if (prefix[0] && bb_blob_name_check(prefix, error) < 0)
        return BB_FAIL(error, BB_E_CONFIG_INVALID,
                       "archive.s3.prefix is letters, digits and ._~- in parts by '/'");
    snprintf(blob->prefix, sizeof blob->prefix, "%s%s", prefix, prefix[0] ? "/" : "");
    if (o->endpoint && o->endpoint[0])
        snprintf(blob->root, sizeof blob->root, "%.1000s%s%s", o->endpoint,
                 o->endpoint[strlen(o->endpoint) - 1] == '/' ? "" : "/", o->bucket);
    else
        snprintf(blob->root, sizeof blob->root, "https://%s.s3.%s.amazonaws.com", o->bucket,
                 bb_aws_region(blob->aws));
    snprintf(blob->base.where, sizeof blob->base.where, "s3://%.100s/%.900s", o->bucket, prefix);
    return 0;
}

int bb_blob_s3_open(const struct bb_blob_s3_options *options, struct bb_blob **out,
                    struct bb_error *error) {
    const struct bb_aws_options aws = {.region = options->region,
                                       .key_id = options->key_id,
                                       .secret = options->secret,
                                       .profile = options->profile};
    struct s3_blob *blob = calloc(1, sizeof *blob);

    if (!blob)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the archive");
    blob->base.ops = &s3_ops;
    pthread_mutex_init(&blob->mutex, NULL);
    bb_random_seed(&blob->random, (uint64_t)bb_monotonic_ns());
    int result = bb_aws_open(&aws, "the archive", &blob->aws, error);
    if (!result)
        blob->client = bb_http_client_new(&(struct bb_http_client_options){.timeout_ms = 60000});
    if (!result && !blob->client)
        result = BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the archive");
    if (!result)
        result = set_address(blob, options, error);
    if (result)
        s3_close(&blob->base);
    else
        *out = &blob->base;
    return result;
}
