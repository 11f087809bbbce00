/* The webhook's other side: a receiver that checks each signature, keeps what it was told by the items' ids, and passes over
 * those it has. A change that it has and that is told otherwise fails the test. */
#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "contract/sink_webhook.h"

static const char secret[] = "an old secret that stays for a while";

static void hex_hmac(const char *with, const char *time, size_t time_size, struct bb_span body,
                     char *out) {
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    struct bb_buffer text;

    bb_buffer_init(&text, 1 << 28);
    bb_buffer_append(&text, time, time_size);
    bb_buffer_append_byte(&text, '.');
    bb_buffer_append_span(&text, body);
    HMAC(EVP_sha256(), with, (int)strlen(with), (const unsigned char *)text.data, text.size, hash,
         &size);
    for (unsigned i = 0; i < size; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
    bb_buffer_release(&text);
}

static bool is_signed(const struct http_double_request *request) {
    const char *header = http_double_header(request, "Busbar-Signature");
    char hex[2 * EVP_MAX_MD_SIZE + 1];

    if (!header || strncmp(header, "t=", 2) != 0)
        return false;
    const char *comma = strchr(header, ',');
    if (!comma)
        return false;
    hex_hmac(secret, header + 2, (size_t)(comma - header - 2), request->body, hex);
    return strstr(comma, hex) != NULL;
}

/* The text of a member of an object, which stands in it once before its "before". */
static struct bb_span member(struct bb_span object, const char *name) {
    char sought[64];
    int size = snprintf(sought, sizeof sought, "\"%s\":", name);
    const char *at = memmem(object.data, object.size, sought, (size_t)size);

    if (!at)
        return (struct bb_span){NULL, 0};
    at += size;
    const char *end = at;
    if (*at == '"') {
        for (end = ++at; *end != '"'; end++)
            end += *end == '\\';
    } else {
        end += strcspn(at, ",}");
    }
    return (struct bb_span){at, (size_t)(end - at)};
}

/* Without its escapes, of which names have \" and \\. */
static struct bb_span plain(struct bb_span text, char *out) {
    size_t size = 0;

    for (size_t i = 0; i < text.size; i++) {
        i += text.data[i] == '\\';
        out[size++] = text.data[i];
    }
    return (struct bb_span){out, size};
}

static void trim_zeros(char *value) {
    if (!strchr(value, '.'))
        return;
    size_t size = strlen(value);
    while (value[size - 1] == '0')
        value[--size] = '\0';
    if (value[size - 1] == '.')
        value[size - 1] = '\0';
}

void sink_draw_change(struct bb_span object, struct picture *out) {
    char names[3][512], end[64], start[64], statistic[16], value[64], text[512], lane[16];
    struct bb_span tenant = plain(member(object, "tenant"), names[0]);
    struct bb_span usage_point = plain(member(object, "usage_point"), names[1]);
    struct bb_span channel = plain(member(object, "channel"), names[2]);
    struct bb_buffer key;

    if (!bb_span_equal(member(object, "type"), BB_SPAN("value")))
        return;
    bb_buffer_init(&key, 1 << 16);
    snprintf(end, sizeof end, "%.*s", BB_SPAN_ARGS(member(object, "end")));
    snprintf(start, sizeof start, "%.*s", BB_SPAN_ARGS(member(object, "start")));
    snprintf(lane, sizeof lane, "%.*s", BB_SPAN_ARGS(member(object, "lane")));
    snprintf(statistic, sizeof statistic, "%.*s", BB_SPAN_ARGS(member(object, "statistic")));
    picture_key(&key, tenant, usage_point, channel, lane, end, statistic);
    if (member(object, "removed").data) {
        picture_remove(out, key.data);
    } else {
        snprintf(value, sizeof value, "%.*s", BB_SPAN_ARGS(member(object, "value")));
        trim_zeros(value);
        snprintf(text, sizeof text, "%s %s %.*s %.*s", start,
                 strcmp(value, "null") == 0 ? "-" : value, BB_SPAN_ARGS(member(object, "unit")),
                 BB_SPAN_ARGS(member(object, "quality")));
        picture_put(out, key.data, text);
    }
    bb_buffer_release(&key);
}

static void take_change(struct webhook_receiver *w, struct bb_span object) {
    char id[64], text[4096];

    snprintf(id, sizeof id, "%.*s", BB_SPAN_ARGS(member(object, "id")));
    snprintf(text, sizeof text, "%.*s", BB_SPAN_ARGS(object));
    const char *known = picture_text(&w->seen, id);
    if (known) {
        w->repeated++;
        w->contradicted += strcmp(known, text) != 0;
        return;
    }
    picture_put(&w->seen, id, text);
    sink_draw_change(object, &w->picture);
}

/* The objects of "changes": none holds another one but "before". */
static void take_changes(struct webhook_receiver *w, struct bb_span body) {
    const char *at = memmem(body.data, body.size, "{\"id\":", 6);

    while (at) {
        size_t left = (size_t)(body.data + body.size - at);
        const char *next = memmem(at + 1, left - 1, ",{\"id\":", 7);
        const char *end = next ? next : body.data + body.size - strlen("]}\n");
        take_change(w, (struct bb_span){at, (size_t)(end - at)});
        at = next ? next + 1 : NULL;
    }
}

static void receive(void *context, const struct http_double_request *request,
                    struct http_double_answer *answer) {
    struct webhook_receiver *w = context;

    w->requests++;
    if (w->busy_for > 0) {
        w->busy_for--;
        answer->status = w->busy_status;
        answer->retry_after = w->retry_after;
        return;
    }
    if (w->refused &&
        memmem(request->body.data, request->body.size, w->refused, strlen(w->refused))) {
        answer->status = 422;
        bb_buffer_append_span(answer->body, BB_SPAN("no such\nmeter"));
        return;
    }
    if (!is_signed(request)) {
        w->unsigned_requests++;
        answer->status = 401;
        return;
    }
    take_changes(w, request->body);
}

/* ---- the subject ----------------------------------------------------------------------------- */

struct webhook_receiver *webhook_receiver_new(void) {
    struct webhook_receiver *w = calloc(1, sizeof *w);

    cr_assert_not_null(w);
    picture_init(&w->seen);
    picture_init(&w->picture);
    snprintf(w->secrets, sizeof w->secrets, "/tmp/busbar-webhook-XXXXXX");
    int fd = mkstemp(w->secrets);
    cr_assert_geq(fd, 0);
    cr_assert_gt(dprintf(fd, "a new secret\n%s\n", secret), 0);
    close(fd);
    w->server = http_double_start(receive, w);
    return w;
}

void webhook_receiver_free(struct webhook_receiver *w) {
    http_double_stop(w->server);
    unlink(w->secrets);
    picture_release(&w->seen);
    picture_release(&w->picture);
    free(w);
}

static void begin_webhook(struct sink_fixture *f) {
    struct webhook_receiver *w = webhook_receiver_new();

    f->other = w;
    f->proxy = cut_proxy_start(http_double_port(w->server));
    snprintf(w->url, sizeof w->url, "http://127.0.0.1:%u/changes", cut_proxy_port(f->proxy));
}

static void end_webhook(struct sink_fixture *f) {
    cut_proxy_stop(f->proxy);
    webhook_receiver_free(f->other);
}

static int open_webhook(struct sink_fixture *f, struct bb_sink **out) {
    struct webhook_receiver *w = f->other;
    struct bb_bookmark bookmark = sink_bookmark(f);
    struct bb_sink_webhook_options options = {.url = w->url,
                                              .secret_file = w->secrets,
                                              .batch_values = 20,
                                              .timeout_ms = 2000,
                                              .patience = sink_patience()};

    return bb_sink_webhook_open(&options, &bookmark, "hook", out, &f->error);
}

static void picture_webhook(struct sink_fixture *f, struct picture *out) {
    struct webhook_receiver *w = f->other;

    cr_expect_eq(w->contradicted, 0, "webhook: one id for two changes");
    cr_expect_eq(w->unsigned_requests, 0, "webhook: not signed");
    picture_copy(out, &w->picture);
}

const struct sink_subject sink_webhook_subject = {
    "webhook", begin_webhook, end_webhook, open_webhook, picture_webhook, 12000,
};
