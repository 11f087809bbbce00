/* POST /v1/readings: readings in, in any format that files may have.
 *
 *   head: key, form, backlog ─► body ─► decode ─► refuse, or submit ─► durable ─► (derived) ─► answer
 *
 * Atomic unless ?partial=1: with a bad line nothing is stored. The answer comes after the sync. All answers
 * count what the request came to in their headers; its body says the same in JSON.
 */
#include "base/size_text.h"
#include "http/call_internal.h"
#include "http/problem.h"
#include "http/reading_internal.h"
#include "http/routes_internal.h"
#include "http/wait_internal.h"
#include "service/metric.h"
#include "service/post_result.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- what is asked */

enum { WAIT_NOTHING = -1, WAIT_DERIVED = 0, WAIT_DEFAULT_S = 30 };

static const struct bb_http_parameter parameters[] = {
    BB_HTTP_READING_PARAMETERS,
    {.name = "wait",
     .kind = BB_HTTP_CHOICE,
     .choices = "derived",
     .help = "answer when the readings have been derived, with what came of them"},
    {.name = "timeout",
     .kind = BB_HTTP_DURATION,
     .min = 0,
     .max = 10 * (int64_t)BB_MINUTE_MS,
     .initial = "30s",
     .help = "how long to wait for that; the readings are kept in any case"},
    BB_HTTP_PARAMETERS_END};

/* What a type of body says of its format; the empty one says that the body is to be looked at. */
static const struct {
    struct bb_span type;
    const char *format;
} types[] = {
    {BB_SPAN("application/x-ndjson"), "ndjson"},
    {BB_SPAN("application/ndjson"), "ndjson"},
    {BB_SPAN("application/jsonl"), "ndjson"},
    {BB_SPAN("application/json"), "ndjson"},
    {BB_SPAN("text/csv"), "csv"},
    {BB_SPAN("application/csv"), "csv"},
    {BB_SPAN("text/tab-separated-values"), "csv"},
    {BB_SPAN("text/plain"), ""},
    {BB_SPAN("application/octet-stream"), ""},
    {BB_SPAN("application/gzip"), ""},
    {BB_SPAN("application/zip"), ""},
    {BB_SPAN("application/zstd"), ""},
    {BB_SPAN("application/x-www-form-urlencoded"),
     ""}, /* what curl says when nobody says anything */
    {BB_SPAN("application/vnd.nem12"), "nem12"},
    {BB_SPAN("avro/binary"), "avro"},
    {BB_SPAN("application/avro"), "avro"},
    {BB_SPAN("application/vnd.apache.avro"), "avro"},
    {BB_SPAN("application/x-protobuf"), "remotewrite"}, /* 1.0 and 2.0: the body says which */
    {BB_SPAN(""), ""},
};

/* "text/csv; charset=utf-8" without what follows. */
static struct bb_span bare_type(struct bb_span type) {
    const char *end = type.size > 0 ? memchr(type.data, ';', type.size) : NULL;

    return bb_span_trim((struct bb_span){type.data, end ? (size_t)(end - type.data) : type.size});
}

static int choose_format(const struct bb_http_call *call, const struct bb_format_row **out,
                         struct bb_error *error) {
    struct bb_span asked = bb_http_text(call, "format");
    struct bb_span type = bare_type(bb_http_header(call, "Content-Type"));

    *out = bb_format_find(asked); /* "auto" is none */
    if (*out)
        return 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (bb_span_equal_nocase(type, types[i].type)) {
            *out = bb_format_find(bb_span_of(types[i].format));
            return 0;
        }
    return BB_FAIL(
        error, BB_E_MEDIA_TYPE,
        "bodies of type %.*s are not read; send application/x-ndjson or text/csv, or say "
        "?format=",
        (int)(type.size < 80 ? type.size : 80), type.data);
}

static int choose_coding(const struct bb_http_call *call, struct bb_span *out,
                         struct bb_error *error) {
    static const struct bb_span codings[][2] = {{BB_SPAN(""), BB_SPAN("")},
                                                {BB_SPAN("identity"), BB_SPAN("")},
                                                {BB_SPAN("gzip"), BB_SPAN("gzip")},
                                                {BB_SPAN("x-gzip"), BB_SPAN("gzip")},
                                                {BB_SPAN("zstd"), BB_SPAN("zstd")},
                                                /* a part of remote write itself */
                                                {BB_SPAN("snappy"), BB_SPAN("")}};
    struct bb_span asked = bb_span_trim(bb_http_header(call, "Content-Encoding"));

    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++)
        if (bb_span_equal_nocase(asked, codings[i][0])) {
            *out = codings[i][1];
            return 0;
        }
    return BB_FAIL(error, BB_E_CONTENT_CODING,
                   "bodies packed as %.*s are not read; allowed are gzip and zstd, and "
                   "snappy for remote write",
                   (int)(asked.size < 80 ? asked.size : 80), asked.data);
}

/* One header field of printable ASCII; RFC 8941's quotes around it may be there or not. */
static int choose_key(const struct bb_http_call *call, struct bb_span *out,
                      struct bb_error *error) {
    struct bb_span key = bb_span_trim(bb_http_header(call, "Idempotency-Key"));

    if (key.size >= 2 && key.data[0] == '"' && key.data[key.size - 1] == '"')
        key = (struct bb_span){key.data + 1, key.size - 2};
    else if (key.data && key.size == 0)
        return BB_FAIL(error, BB_E_PARAMETER, "the header Idempotency-Key is empty");
    bool fits = key.size <= BB_IDEMPOTENCY_KEY_MAX;
    for (size_t i = 0; fits && key.data && i < key.size; i++)
        fits = key.data[i] >= ' ' && key.data[i] < 0x7f;
    *out = key;
    return fits ? 0
                : BB_FAIL(error, BB_E_PARAMETER,
                          "an Idempotency-Key has at most %d printable ASCII characters",
                          BB_IDEMPOTENCY_KEY_MAX);
}

/* Before the body comes. */
static int check(struct bb_http_call *call, struct bb_error *error) {
    const struct bb_format_row *format;
    struct bb_span ignored;
    int result = choose_format(call, &format, error);

    if (!result)
        result = choose_coding(call, &ignored, error);
    if (!result)
        result = choose_key(call, &ignored, error);
    return result ? result : bb_http_backlog_check(call, error);
}

/* ---- what is answered */

/* What senders of remote write 2.0 ask for. */
static void set_written(struct bb_http_call *call, uint64_t samples) {
    const struct bb_format_row *format;
    struct bb_error ignored;

    if (choose_format(call, &format, &ignored) != 0 || format != &bb_format_remotewrite)
        return;
    bb_http_set_header_u64(call, "X-Prometheus-Remote-Write-Samples-Written", samples);
    bb_http_set_header_u64(call, "X-Prometheus-Remote-Write-Histograms-Written", 0);
    bb_http_set_header_u64(call, "X-Prometheus-Remote-Write-Exemplars-Written", 0);
}

static void set_counts(struct bb_http_call *call, uint64_t accepted, uint64_t duplicate,
                       uint64_t rejected) {
    bb_metric_add(BB_METRIC_READINGS, 0, accepted);
    bb_metric_add(BB_METRIC_READINGS, 1, duplicate);
    bb_metric_add(BB_METRIC_READINGS, 2, rejected);
    set_written(call, accepted + duplicate);
    bb_http_set_header_u64(call, "Busbar-Accepted", accepted);
    bb_http_set_header_u64(call, "Busbar-Duplicate", duplicate);
    bb_http_set_header_u64(call, "Busbar-Rejected", rejected);
}

static void put_errors(const struct bb_error *errors, uint32_t count, struct bb_json *json) {
    bb_json_key(json, "errors");
    bb_json_array_begin(json);
    for (uint32_t i = 0; i < count; i++)
        bb_http_problem_item(&errors[i], json);
    bb_json_array_end(json);
}

/* The whole body was not usable (that is one thing refused), or lines of it while all were wanted. */
static int refuse(struct bb_http_call *call, const struct bb_post *post,
                  const struct bb_error *error) {
    struct bb_json json = bb_http_json(call);
    const bool has_lines = post->rejected > 0;
    const uint64_t rejected = has_lines ? post->rejected : 1;

    set_counts(call, 0, 0, rejected);
    bb_http_problem_begin(error, &json);
    bb_json_put_u64(&json, "accepted", 0);
    bb_json_put_u64(&json, "rejected", rejected);
    put_errors(has_lines ? post->errors : error, has_lines ? post->error_count : 1, &json);
    bb_http_problem_end(&json);
    return bb_http_answer(call, bb_http_status_of(error->code), "application/problem+json");
}

static int refuse_lines(struct bb_http_call *call, const struct bb_post *post) {
    struct bb_error error;

    (void)!BB_FAIL(&error, post->errors[0].code,
                   "%" PRIu64 " of the body's lines cannot be used, so nothing of it was stored; "
                   "?partial=1 keeps the others",
                   post->rejected);
    return refuse(call, post, &error);
}

/* The errors of a partial post, as they are told now and to whoever repeats it. */
static void note_details(struct bb_post *post, struct bb_buffer *out) {
    struct bb_json json;

    bb_json_init(&json, out);
    bb_json_array_begin(&json);
    for (uint32_t i = 0; i < post->error_count && out->size < BB_POST_DETAILS_MAX / 2; i++)
        bb_http_problem_item(&post->errors[i], &json);
    bb_json_array_end(&json);
    post->note.details = bb_buffer_span(out);
}

struct derived {
    bool is_derived, is_counted;
    struct bb_post_result counts;
};

static void answer_note(struct bb_http_call *call, const struct bb_post_note *note,
                        const struct derived *derived) {
    struct bb_json json = bb_http_json(call);

    bb_json_object_begin(&json);
    uint64_t duplicate = derived && derived->is_counted ? derived->counts.duplicate
                                                        : note->duplicate;
    bb_json_put_u64(&json, "accepted", note->readings - duplicate);
    bb_json_put_u64(&json, "duplicate", duplicate);
    bb_json_put_u64(&json, "rejected", note->rejected);
    if (derived) {
        bb_json_put_bool(&json, "derived", derived->is_derived);
        if (derived->is_counted) {
            bb_json_put_u64(&json, "added", derived->counts.added);
            bb_json_put_u64(&json, "changed", derived->counts.changed);
        }
    }
    if (note->rejected > 0) {
        bb_json_key(&json, "errors");
        bb_json_raw(&json, note->details);
    }
    bb_json_object_end(&json);
    (void)!bb_http_answer(call, (int)note->status, "application/json");
}

/* ---- the post */

struct work { /* of one call; freed when it is answered */
    struct bb_http_call *call;
    struct bb_post post;
    struct bb_buffer details;
    int64_t until_ms; /* monotonic: how long to wait for derivation */
};

static void free_work(struct work *work) {
    bb_post_release(&work->post);
    bb_buffer_release(&work->details);
    free(work);
}

static void end_work(struct work *work, int result, const struct bb_error *error) {
    struct bb_http_call *call = work->call;

    bb_http_call_end(call, result, error);
    free_work(work);
}

/* Derived, or given up. */
static void when_derived(void *context, struct bb_plant *plant) {
    struct work *work = context;
    struct bb_post_note *note = &work->post.note;
    struct derived derived = {.is_derived = plant != NULL};
    struct bb_error error;

    if (!plant)
        note->status = 202; /* kept, and not derived yet */
    else if (bb_post_result_count(plant, &work->post, &derived.counts, &error) == 0)
        derived.is_counted = true;
    else
        bb_log_error(&work->call->server->options.logger, &error);
    uint64_t duplicate = derived.is_counted ? derived.counts.duplicate : note->duplicate;
    set_counts(work->call, note->readings - duplicate, duplicate, note->rejected);
    answer_note(work->call, note, &derived);
    end_work(work, 0, NULL);
}

/* On the committer's thread: durable, or known from before, or failed. */
static void when_durable(struct bb_post *post) {
    struct work *work = post->context;
    struct bb_http_call *call = work->call;
    const struct bb_post_note *note = &post->note;
    struct bb_error error;

    if (post->result < 0) {
        end_work(work, post->result, &post->error);
    } else if (post->outcome == BB_POST_CONFLICT) {
        int result = BB_FAIL(&error, BB_E_IDEMPOTENCY_KEY,
                             "this Idempotency-Key was used for another body");
        end_work(work, result, &error);
    } else if (post->outcome == BB_POST_REPEATED) {
        bb_http_set_header(call, "Busbar-Repeated", "true");
        set_counts(call, 0, note->readings, note->rejected);
        answer_note(call, note, NULL);
        end_work(work, 0, NULL);
    } else if (post->derived_at) {
        bb_http_refusing_count(&call->server->watcher.refusing, BB_OK);
        bb_http_wait_derived(call->server, post->derived_at, work->until_ms, when_derived, work);
    } else {
        set_counts(call, note->readings - note->duplicate, note->duplicate, note->rejected);
        answer_note(call, note, NULL);
        bb_http_refusing_count(&call->server->watcher.refusing, BB_OK);
        end_work(work, 0, NULL);
    }
}

static int submit(struct work *work, struct bb_error *error) {
    struct bb_post *post = &work->post;
    struct bb_http_call *call = work->call;

    post->note.status = post->rejected > 0 ? 207 : 200;
    post->note.readings = post->readings;
    post->note.duplicate = post->duplicate;
    post->note.rejected = post->rejected;
    if (post->rejected > 0)
        note_details(post, &work->details);
    if (bb_http_number(call, "wait") == WAIT_DERIVED) {
        post->derived_at = calloc(bb_http_plant(call)->log->partitions, sizeof post->derived_at[0]);
        if (!post->derived_at)
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to wait for a post");
        work->until_ms = bb_monotonic_ns() / 1000000 + bb_http_number(call, "timeout");
    }
    post->done = when_durable;
    post->context = work;
    bb_committer_submit(call->server->options.committer, post);
    return BB_HTTP_LATER;
}

static int decode(struct work *work, struct bb_post_kit *kit, struct bb_error *error) {
    struct bb_http_call *call = work->call;
    const struct bb_config *config = call->server->options.config;
    struct bb_post_options options = {.form = bb_http_reading_form(call),
                                      .partial = bb_http_flag(call, "partial"),
                                      .unpacked_limit_bytes = (uint64_t)config->http_unpacked_bytes,
                                      .clock = bb_clock_system()};
    char source[200];

    bb_metric_add(BB_METRIC_POST_BYTES, 0, bb_http_body_bytes(call));

    snprintf(source, sizeof source, "POST /v1/readings by %s", call->access.caller);
    options.source = bb_span_of(source);
    int result = choose_format(call, &options.form.format, error);
    if (!result)
        result = choose_coding(call, &options.coding, error);
    if (!result)
        result = choose_key(call, &work->post.note.key, error);
    work->post.note.tenant = bb_http_tenant(call);
    return result ? result
                  : bb_post_decode(kit, bb_http_plant(call), call->server->options.committer,
                                   bb_http_body_input(call), bb_http_body_bytes(call), &options,
                                   &work->post, error);
}

static void free_kit(void *kit) {
    bb_post_kit_free(kit);
}

static struct bb_post_kit *kit_of(struct bb_http_call *call) {
    void **kit = bb_http_kit(call, free_kit);

    if (!*kit)
        *kit = bb_post_kit_new();
    return *kit;
}

/* Errors about the input are the sender's; he hears what was wrong besides. */
static bool about_input(const struct bb_error *error) {
    return error->code >= 1000 && error->code < 3000;
}

static int post_readings(struct bb_http_call *call, struct bb_error *error) {
    struct bb_post_kit *kit = kit_of(call);
    struct work *work = calloc(1, sizeof *work);

    if (!kit || !work) {
        free(work);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a post");
    }
    work->call = call;
    bb_post_init(&work->post);
    bb_buffer_init(&work->details, BB_POST_DETAILS_MAX);
    int result = decode(work, kit, error);
    if (result < 0 && about_input(error))
        result = refuse(call, &work->post, error);
    else if (!result && work->post.rejected > 0 && !bb_http_flag(call, "partial"))
        result = refuse_lines(call, &work->post);
    else if (!result)
        result = submit(work, error);
    if (result != BB_HTTP_LATER)
        free_work(work);
    return result;
}

static const struct bb_http_answer answers[] = {
    {200, "application/json", "all readings are durable"},
    {202, "application/json", "durable, but not derived within the time that was asked for"},
    {207, "application/json",
     "with ?partial=1: the good lines are durable, the bad ones are listed"},
    {400, "application/problem+json", "a line or the body cannot be used: nothing is stored"},
    {413, "application/problem+json", "the body is too large, packed or unpacked"},
    {415, "application/problem+json", "its type or coding is not read"},
    {422, "application/problem+json", "the Idempotency-Key was used for another body"},
    {429, "application/problem+json", "the plant is behind: see Retry-After"},
    {0}};

const struct bb_http_route bb_http_route_readings_post = {
    .method = BB_HTTP_POST,
    .path = "/v1/readings",
    .right = BB_RIGHT_INGEST,
    .summary = "take readings in",
    .details =
        "Any format that `busbar ingest` reads, Avro, line protocol and Prometheus remote write among them; "
        "Content-Encoding gzip or zstd. The answer comes when "
        "the readings are on disk. An Idempotency-Key makes it safe to send the same body again for 7 "
        "days: it is stored once. The headers Busbar-Accepted, Busbar-Duplicate (within the body, or "
        "by key) and Busbar-Rejected count what came of it.",
    .parameters = parameters,
    .body = BB_HTTP_STREAM,
    .body_types = "application/x-ndjson|text/csv|application/x-protobuf|application/octet-stream",
    .answers = answers,
    .takes_readings = true,
    .check = check,
    .handle = post_readings,
};
