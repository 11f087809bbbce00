/* The sink "webhook": changes are posted as JSON to an address, one post after the other.
 *
 *   records --> items --> a body of at most batch_values --> POST --> 2xx --> the bookmark moves to the last record that
 *                                                                            was told whole
 *
 * A post whose answer was lost is sent again; the receiver sees by the items' ids that it has them. What ends a body does
 * not have to end a record: the bookmark stays before a record until its last item was taken.
 */
#include "adapter/sink_webhook_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "adapter/fetch.h"

enum {
    BATCH_VALUES = 500,
    BATCH_BYTES = 1 << 20,
    BODY_LIMIT_BYTES = 1 << 28,
    ANSWER_LIMIT_BYTES = 4096,
    ANSWER_SHOWN = 200
};

struct webhook {
    struct bb_sink base;
    struct bb_sink_webhook_options options;
    struct bb_bookmark bookmark;
    struct webhook_secrets secrets;
    struct bb_http_client *client;
    struct bb_retry retry;
};

struct telling { /* of one apply */
    struct webhook *sink;
    uint32_t partition;
    uint64_t at;    /* the bookmark */
    uint64_t whole; /* records up to here stand in posts or in the body, whole */
    struct bb_buffer items;
    uint32_t count;
    struct {
        uint64_t sequence;
        uint32_t row;
    } first, last; /* in the body */
    struct bb_error *error;
};

static struct webhook *webhook_of(struct bb_sink *sink) {
    return (struct webhook *)sink;
}

static void webhook_close(struct bb_sink *base) {
    struct webhook *w = webhook_of(base);

    if (!w)
        return;
    bb_http_client_free(w->client);
    free(w);
}

static int webhook_position(struct bb_sink *base, uint32_t partition, uint64_t *sequence,
                            struct bb_error *error) {
    struct webhook *w = webhook_of(base);

    return w->bookmark.get(w->bookmark.context, base->label, partition, sequence, error);
}

/* ---- one post -------------------------------------------------------------------------------- */

static int tell_refusal(const struct webhook *w, const struct bb_http_request *r, const char *name,
                        struct bb_error *error) {
    size_t shown = r->answer.size < ANSWER_SHOWN ? r->answer.size : ANSWER_SHOWN;

    for (size_t i = 0; i < shown; i++) /* one line, whatever they answer */
        if ((unsigned char)r->answer.data[i] < ' ')
            r->answer.data[i] = ' ';
    return BB_FAIL(error, BB_E_SINK_REFUSED, "%s: %s answers %ld to %s: %.*s", w->base.label,
                   w->options.url, r->status, name, (int)shown,
                   r->answer.data ? r->answer.data : "");
}

static int give_up(const struct webhook *w, const struct bb_http_request *r, const char *name,
                   struct bb_error *error) {
    int result = r->status ? BB_FAIL(error, BB_E_SINK_BUSY, "%s: %s still answers %ld to %s",
                                     w->base.label, w->options.url, r->status, name)
                           : BB_FAIL(error, BB_E_SINK_AWAY, "%s: %s was not reached with %s: %s",
                                     w->base.label, w->options.url, name, r->problem);
    error->retriable = true;
    return result;
}

/* Until it is taken, refused for good, or patience is over. `name` is what is sent, for messages and the receiver's log. */
static int post(struct webhook *w, struct bb_span body, const char *name, struct bb_error *error) {
    char delivery[320], signature[WEBHOOK_SIGNATURE_MAX + 32] = "Busbar-Signature: ";
    struct bb_http_request r = {.method = "POST", .url = w->options.url, .body = body};
    int result = -1;

    snprintf(delivery, sizeof delivery, "Busbar-Delivery: %s", name);
    bb_http_request_init(&r, ANSWER_LIMIT_BYTES);
    bb_retry_begin(&w->retry);
    do {
        r.header_count = 0;
        r.headers[r.header_count++] = "Content-Type: application/json";
        r.headers[r.header_count++] = delivery;
        if (w->secrets.count > 0) {
            if (!bb_webhook_sign(&w->secrets, (int64_t)time(NULL), body,
                                 signature + strlen("Busbar-Signature: "))) {
                result = BB_FAIL(error, BB_E_NO_MEMORY, "%s: signing failed", w->base.label);
                break;
            }
            r.headers[r.header_count++] = signature;
        }
        bb_http_client_run(w->client, &r, 1);
        if (bb_http_is_done(&r))
            result = 0;
        else if (!bb_http_is_retriable(&r))
            result = tell_refusal(w, &r, name, error);
        else
            result = give_up(w, &r, name, error);
    } while (result && error->retriable && bb_retry_wait(&w->retry, r.retry_after_ms));
    bb_http_request_release(&r);
    return result;
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static int move_bookmark(struct telling *t) {
    struct webhook *w = t->sink;

    if (t->whole == t->at)
        return 0;
    int result = w->bookmark.move(w->bookmark.context, w->base.label, t->partition, t->at, t->whole,
                                  t->error);
    if (result == 0)
        t->at = t->whole;
    return result > 0 ? BB_SINK_MOVED : result;
}

static int flush(struct telling *t) {
    struct bb_buffer body;
    char name[256];
    int result = 0;

    if (t->count == 0)
        return 0;
    snprintf(name, sizeof name, "%s:%u:%llu:%u-%llu:%u", t->sink->base.label, t->partition,
             (unsigned long long)t->first.sequence, t->first.row,
             (unsigned long long)t->last.sequence, t->last.row);
    bb_buffer_init(&body, BODY_LIMIT_BYTES);
    bb_buffer_format(&body, "{\"partition\":%u,\"changes\":[", t->partition);
    bb_buffer_append_span(&body, bb_buffer_span(&t->items));
    bb_buffer_append_span(&body, BB_SPAN("]}\n"));
    if (body.overflow)
        result = BB_FAIL(t->error, BB_E_NO_MEMORY, "no memory for what a webhook tells");
    if (!result)
        result = post(t->sink, bb_buffer_span(&body), name, t->error);
    bb_buffer_release(&body);
    bb_buffer_clear(&t->items);
    t->count = 0;
    return result;
}

static int add_item(void *context, const struct bb_change_item *item) {
    struct telling *t = context;
    struct bb_json json;
    const struct bb_sink_webhook_options *o = &t->sink->options;

    if (t->count > 0)
        bb_buffer_append_byte(&t->items, ',');
    else
        t->first.sequence = item->sequence, t->first.row = item->row;
    t->last.sequence = item->sequence, t->last.row = item->row;
    bb_json_init(&json, &t->items);
    bb_change_item_json(&json, item);
    t->count++;
    if (t->items.overflow)
        return BB_FAIL(t->error, BB_E_NO_MEMORY, "no memory for what a webhook tells");
    if (t->count < o->batch_values && t->items.size < o->batch_bytes)
        return 0;
    int result = flush(t);
    return result ? result : move_bookmark(t);
}

static int end_record(void *context, uint64_t sequence) {
    struct telling *t = context;

    t->whole = sequence;
    return 0;
}

static int webhook_apply(struct bb_sink *base, uint32_t partition, uint64_t from,
                         const struct bb_outbox_record *records, size_t count,
                         struct bb_error *error) {
    struct webhook *w = webhook_of(base);
    struct telling t = {
        .sink = w, .partition = partition, .at = from, .whole = from, .error = error};
    const struct bb_change_visit visit = {.item = add_item, .end = end_record, .context = &t};
    uint64_t at;
    int result = webhook_position(base, partition, &at, error);

    if (result)
        return result;
    if (at != from)
        return BB_SINK_MOVED;
    bb_buffer_init(&t.items, BODY_LIMIT_BYTES);
    result = bb_change_feed_walk(&w->options.choice, partition, from, records, count, &visit,
                                 error);
    if (!result)
        result = flush(&t);
    if (!result)
        result = move_bookmark(&t);
    bb_buffer_release(&t.items);
    return result;
}

/* Without telling anything: an empty list of changes. */
static int webhook_check(struct bb_sink *base, struct bb_error *error) {
    struct webhook *w = webhook_of(base);

    return post(w, BB_SPAN("{\"partition\":0,\"changes\":[]}\n"), "check", error);
}

static const struct bb_sink_ops operations = {
    .name = "webhook",
    .guarantee = BB_SINK_NUMBERED,
    .close = webhook_close,
    .position = webhook_position,
    .apply = webhook_apply,
    .check = webhook_check,
};

static int look_at_url(const struct bb_sink_webhook_options *options, const char *label,
                       struct bb_error *error) {
    if (!options->url || !options->url[0])
        return BB_FAIL(error, BB_E_SINK_SETTINGS, "%s: url is missing", label);
    if (bb_fetch_may(options->url) ||
        (options->insecure && strncmp(options->url, "http://", 7) == 0))
        return 0;
    return BB_FAIL(error, BB_E_SINK_SETTINGS,
                   "%s: url has to begin with https:// (or http:// on this machine's loopback, or "
                   "anywhere with `insecure: on`)",
                   label);
}

int bb_sink_webhook_open(const struct bb_sink_webhook_options *options,
                         const struct bb_bookmark *bookmark, const char *label,
                         struct bb_sink **out, struct bb_error *error) {
    int result = look_at_url(options, label, error);
    struct webhook *w = result ? NULL : calloc(1, sizeof *w);

    if (result)
        return result;
    if (!w)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a sink");
    *w = (struct webhook){{&operations, label}, *options, *bookmark};
    if (w->options.batch_values == 0)
        w->options.batch_values = BATCH_VALUES;
    if (w->options.batch_bytes == 0)
        w->options.batch_bytes = BATCH_BYTES;
    bb_retry_init(&w->retry, &options->patience);
    result = bb_webhook_secrets_read(&w->secrets, options->secret_file, error);
    if (!result) {
        w->client = bb_http_client_new(
            &(struct bb_http_client_options){.timeout_ms = options->timeout_ms,
                                             .ca_file = options->ca_file,
                                             .stop = options->patience.stop});
        if (!w->client)
            result = BB_FAIL(error, BB_E_NO_MEMORY, "%s: libcurl does not start", label);
    }
    if (result) {
        webhook_close(&w->base);
        return result;
    }
    *out = &w->base;
    return 0;
}
