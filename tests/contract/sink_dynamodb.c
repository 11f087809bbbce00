/* DynamoDB's other side: a server that speaks as it does, reached through the proxy; items are read back by Scan. */
#include "contract/sink_dynamodb.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/http_client.h"
#include "contract/cluster.h"

static const struct bb_aws_options keys = {.region = "local", .key_id = "k", .secret = "s"};

static void begin_dynamodb(struct sink_fixture *f) {
    struct dynamodb_side *d = calloc(1, sizeof *d);
    const char *address = cluster_address("dynamodb");
    char unique[16];

    cr_assert_not_null(d);
    f->other = d;
    cluster_unique(unique, sizeof unique);
    snprintf(d->direct, sizeof d->direct, "%s", address);
    snprintf(d->table, sizeof d->table, "sink-%s", unique);
    f->proxy = cut_proxy_start((uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10));
    snprintf(d->endpoint, sizeof d->endpoint, "http://127.0.0.1:%u", cut_proxy_port(f->proxy));
}

json_t *dynamodb_ask(const struct dynamodb_side *d, const char *operation, const char *body) {
    const struct bb_http_signing signing = {
        .service = "dynamodb", .region = "local", .key_id = "k", .secret = "s"};
    struct bb_http_client *client = bb_http_client_new(&(struct bb_http_client_options){0});
    char target[96];
    struct bb_http_request r = {.method = "POST",
                                .url = d->direct,
                                .body = bb_span_of(body),
                                .headers = {"Content-Type: application/x-amz-json-1.0", target},
                                .header_count = 2,
                                .signing = &signing};

    snprintf(target, sizeof target, "X-Amz-Target: DynamoDB_20120810.%s", operation);
    bb_http_request_init(&r, 1 << 24);
    bb_http_client_run(client, &r, 1);
    json_t *answer = json_loadb(r.answer.data ? r.answer.data : "{}", r.answer.size, 0, NULL);
    cr_assert_not_null(answer, "%s: %ld %s", operation, r.status, r.problem);
    bb_http_request_release(&r);
    bb_http_client_free(client);
    return answer;
}

static void end_dynamodb(struct sink_fixture *f) {
    struct dynamodb_side *d = f->other;
    char body[64];

    snprintf(body, sizeof body, "{\"TableName\":\"%s\"}", d->table);
    json_decref(dynamodb_ask(d, "DeleteTable", body));
    cut_proxy_stop(f->proxy);
    free(d);
}

static int open_dynamodb(struct sink_fixture *f, struct bb_sink **out) {
    struct dynamodb_side *d = f->other;
    struct bb_sink_dynamodb_options options = {.table = d->table,
                                               .endpoint = d->endpoint,
                                               .expire_after_s = d->expire_after_s,
                                               .aws = keys,
                                               .patience = sink_patience()};

    return bb_sink_dynamodb_open(&options, "items", out, &f->error);
}

/* ---- items ----------------------------------------------------------------------------------- */

static const char *text_of(const json_t *typed) {
    const json_t *text = json_object_get(typed, "N");

    if (!text)
        text = json_object_get(typed, "S");
    return json_string_value(text);
}

const char *dynamodb_text(const json_t *item, const char *name) {
    return text_of(json_object_get(item, name));
}

static const char *element(const json_t *item, const char *list, size_t i) {
    const json_t *elements = json_object_get(json_object_get(item, list), "L");

    return elements ? text_of(json_array_get(elements, i)) : NULL;
}

static int64_t number(const char *text) {
    return text ? strtoll(text, NULL, 10) : 0;
}

static void draw_row(const json_t *item, size_t i, struct picture *out) {
    const char *own_end = element(item, "ends", i), *length = element(item, "lengths_s", i);
    const char *unit = element(item, "units", i), *statistic = element(item, "statistics", i);
    const char *quality_number = element(item, "quality_numbers", i);
    const char *quality = quality_number
                              ? element(item, "qualities", (size_t)number(quality_number))
                              : dynamodb_text(item, "quality");
    const char *value = element(item, "values", i);
    int64_t end_ms = own_end ? number(own_end)
                             : number(dynamodb_text(item, "first_end")) +
                                   (int64_t)i * number(dynamodb_text(item, "step_ms"));
    int64_t length_s = number(length ? length : dynamodb_text(item, "length_s"));
    char end[BB_TIME_TEXT_MAX], start[BB_TIME_TEXT_MAX], text[512];
    struct bb_buffer key;

    bb_buffer_init(&key, 1 << 16);
    bb_time_format_utc(end_ms, end);
    bb_time_format_utc(end_ms - length_s * BB_SECOND_MS, start);
    picture_key(&key, bb_span_of(dynamodb_text(item, "tenant")),
                bb_span_of(dynamodb_text(item, "usage_point")),
                bb_span_of(dynamodb_text(item, "channel")), dynamodb_text(item, "lane"), end,
                statistic ? statistic : "value");
    snprintf(text, sizeof text, "%s %s %s %s", start, value ? value : "-",
             unit ? unit : dynamodb_text(item, "unit"), quality);
    picture_put(out, key.data, text);
    bb_buffer_release(&key);
}

static void draw_item(const json_t *item, struct picture *out) {
    const json_t *values = json_object_get(json_object_get(item, "values"), "L");

    if (strncmp(dynamodb_text(item, "pk"), "position#", 9) == 0)
        return;
    cr_expect_eq((int64_t)json_array_size(values), number(dynamodb_text(item, "row_count")));
    for (size_t i = 0; i < json_array_size(values); i++)
        draw_row(item, i, out);
}

static void picture_dynamodb(struct sink_fixture *f, struct picture *out) {
    struct dynamodb_side *d = f->other;
    char *from = NULL;

    do {
        char body[2048];
        snprintf(body, sizeof body, "{\"TableName\":\"%s\",\"ConsistentRead\":true%s%s}", d->table,
                 from ? ",\"ExclusiveStartKey\":" : "", from ? from : "");
        free(from);
        json_t *answer = dynamodb_ask(d, "Scan", body), *next;
        const json_t *items = json_object_get(answer, "Items");
        for (size_t i = 0; i < json_array_size(items); i++)
            draw_item(json_array_get(items, i), out);
        next = json_object_get(answer, "LastEvaluatedKey");
        from = next ? json_dumps(next, JSON_COMPACT) : NULL;
        json_decref(answer);
    } while (from);
}

const struct sink_subject sink_dynamodb_subject = {
    "dynamodb", begin_dynamodb, end_dynamodb, open_dynamodb, picture_dynamodb, 8000,
};
