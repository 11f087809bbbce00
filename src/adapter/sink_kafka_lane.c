/* The producer of a partition of the feed, and its transactions: see sink_kafka_internal.h. */
#include "adapter/sink_kafka_internal.h"

#include <stdio.h>

#include "base/clock.h"

enum { POLL_MS = 50, HEADERS = 3, LETTER_HEADERS = 16 };

void bb_sink_kafka_lane_close(struct sink_kafka_lane *lane) {
    if (lane->producer.rk) /* what was not sent goes with it, at once */
        (void)rd_kafka_purge(lane->producer.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                                    RD_KAFKA_PURGE_F_NON_BLOCKING);
    bb_kafka_client_close(&lane->producer);
    lane->is_open = false;
}

static bool is_fenced(rd_kafka_resp_err_t why) {
    return why == RD_KAFKA_RESP_ERR__FENCED || why == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           why == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* A fatal error stands for all that follow it: the first one says why. */
static rd_kafka_resp_err_t reason(struct sink_kafka_lane *lane, rd_kafka_resp_err_t why) {
    char text[256];

    return why == RD_KAFKA_RESP_ERR__FATAL
               ? rd_kafka_fatal_error(lane->producer.rk, text, sizeof text)
               : why;
}

/* BB_SINK_MOVED when another one has the partition; else the error. The producer is closed, but where the transaction can be
 * given up: who opens it again has what is unknown settled by the brokers. */
static int fail(struct sink_kafka *k, struct sink_kafka_lane *lane, rd_kafka_error_t *error_object,
                const char *what, struct bb_error *error) {
    rd_kafka_resp_err_t why = reason(lane, rd_kafka_error_code(error_object));
    bool passes = rd_kafka_error_is_retriable(error_object) ||
                  rd_kafka_error_txn_requires_abort(error_object);
    int result = BB_SINK_MOVED;

    if (!is_fenced(why)) {
        result = bb_kafka_fail(&lane->producer, why, BB_E_SINK_REFUSED, error, "%s: %s (%s)",
                               k->base.label, what, rd_kafka_error_string(error_object));
        error->retriable = error->retriable || passes;
    }
    rd_kafka_error_destroy(error_object);
    bb_sink_kafka_lane_close(lane);
    return result;
}

int bb_sink_kafka_lane_open(struct sink_kafka *k, struct sink_kafka_lane *lane,
                            struct bb_error *error) {
    char id[SINK_KAFKA_TOPIC_MAX + 16];

    if (lane->is_open)
        return 0;
    snprintf(id, sizeof id, "%s-%u", lane->topic, lane->partition);
    const struct bb_kafka_property properties[] = {
        {"transactional.id", id},
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"partitioner", "murmur2_random"}, /* as Java's producers do it */
        {"compression.codec", "lz4"},
        {"linger.ms", "5"},
        {"queue.buffering.max.kbytes", "65536"},
    };
    const struct bb_kafka_how how = {.type = RD_KAFKA_PRODUCER,
                                     .properties = properties,
                                     .property_count = sizeof properties / sizeof properties[0]};
    int result = bb_kafka_client_open(&lane->producer, &k->options.cluster, &how, error);
    if (result)
        return result;
    rd_kafka_error_t *refused = rd_kafka_init_transactions(lane->producer.rk,
                                                           bb_kafka_answer_ms(&lane->producer));
    if (refused) {
        result = fail(k, lane, refused, "no transaction can be begun", error);
        if (result >
            0) { /* fenced while it began: as good as any other way to lose the partition */
            result = BB_FAIL(error, BB_E_SINK_BUSY, "%s: another process delivers %s, partition %u",
                             k->base.label, lane->topic, lane->partition);
            error->retriable = true;
        }
        return result;
    }
    lane->is_open = true;
    result = bb_sink_kafka_read_position(k, lane, &lane->position, error);
    if (result)
        bb_sink_kafka_lane_close(lane);
    return result;
}

int bb_sink_kafka_begin(struct sink_kafka *k, struct sink_kafka_lane *lane,
                        struct bb_error *error) {
    rd_kafka_error_t *refused = rd_kafka_begin_transaction(lane->producer.rk);

    return refused ? fail(k, lane, refused, "no transaction can be begun", error) : 0;
}

/* ---- records --------------------------------------------------------------------------------- */

static rd_kafka_headers_t *headers_of(const struct bb_change_item *item) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(HEADERS);
    char id[64];

    snprintf(id, sizeof id, "%u:%llu:%u", item->partition, (unsigned long long)item->sequence,
             item->row);
    (void)rd_kafka_header_add(headers, "id", -1, id, -1);
    (void)rd_kafka_header_add(headers, "tenant", -1, item->record->tenant.data,
                              (ssize_t)item->record->tenant.size);
    (void)rd_kafka_header_add(headers, "type", -1, item->change ? "value" : "exception", -1);
    return headers;
}

static bool is_over(const struct sink_kafka *k, int64_t until_ns) {
    atomic_bool *stop = k->options.patience.stop;

    return bb_monotonic_ns() > until_ns || (stop && atomic_load(stop));
}

/* `partition`: RD_KAFKA_PARTITION_UA leaves it to the key. Headers are the producer's when it succeeds. */
static int produce(struct sink_kafka *k, struct sink_kafka_lane *lane, const char *topic,
                   int32_t partition, struct bb_span key, struct bb_span value,
                   rd_kafka_headers_t *headers, struct bb_error *error) {
    int64_t until_ns = bb_monotonic_ns() + bb_kafka_answer_ms(&lane->producer) * INT64_C(1000000);
    rd_kafka_resp_err_t why;

    do {
        why = rd_kafka_producev(
            lane->producer.rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY((void *)key.data, key.size),
            RD_KAFKA_V_VALUE((void *)value.data, value.size), RD_KAFKA_V_HEADERS(headers),
            RD_KAFKA_V_END);
        if (why == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(lane->producer.rk, POLL_MS);
    } while (why == RD_KAFKA_RESP_ERR__QUEUE_FULL && !is_over(k, until_ns));
    if (!why)
        return 0;
    if (headers)
        rd_kafka_headers_destroy(headers);
    why = reason(lane, why);
    if (is_fenced(why))
        return BB_SINK_MOVED;
    int result = bb_kafka_fail(&lane->producer, why, BB_E_SINK_REFUSED, error,
                               "%s: topic %s takes no record", k->base.label, topic);
    /* The transaction is to be given up: the next one may fare better. */
    error->retriable = error->retriable || why == RD_KAFKA_RESP_ERR__STATE;
    return result;
}

int bb_sink_kafka_put(struct sink_kafka *k, struct sink_kafka_lane *lane,
                      const struct bb_change_item *item, struct bb_span value,
                      struct bb_error *error) {
    return produce(k, lane, k->changes, RD_KAFKA_PARTITION_UA, item->record->usage_point, value,
                   headers_of(item), error);
}

/* ---- dead letters ---------------------------------------------------------------------------- */

static void add_text(rd_kafka_headers_t *headers, const char *name, struct bb_span text) {
    if (text.size > 0)
        (void)rd_kafka_header_add(headers, name, -1, text.data, (ssize_t)text.size);
}

static void add_number(rd_kafka_headers_t *headers, const char *name, uint64_t number) {
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    add_text(headers, name, bb_span_of(text));
}

/* Those that it came with, and what is known of it. */
static rd_kafka_headers_t *headers_of_letter(const struct bb_letter *letter) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(LETTER_HEADERS);
    struct bb_cursor in = bb_cursor_over(letter->headers);
    struct bb_span name, value;
    char text[BB_LETTER_ID_MAX + BB_TIME_TEXT_MAX];

    while (bb_letter_header_next(&in, &name, &value))
        if (name.size > 0)
            (void)rd_kafka_header_add(headers, name.data, (ssize_t)name.size, value.data,
                                      (ssize_t)value.size);
    bb_letter_id_format(letter->id, text);
    add_text(headers, "busbar.id", bb_span_of(text));
    snprintf(text, sizeof text, "BB-%04u", letter->code);
    add_text(headers, "busbar.code", bb_span_of(text));
    add_text(headers, "busbar.reason", letter->reason);
    add_text(headers, "busbar.tenant", letter->tenant);
    add_text(headers, "busbar.source", letter->source);
    add_text(headers, "busbar.topic", letter->topic);
    add_number(headers, "busbar.partition", letter->partition);
    add_number(headers, "busbar.offset", letter->offset);
    (void)bb_time_format_utc(letter->received_ms, text);
    add_text(headers, "busbar.received", bb_span_of(text));
    add_number(headers, "busbar.bytes", letter->value_bytes);
    if (letter->more > 0)
        add_number(headers, "busbar.more", letter->more);
    return headers;
}

int bb_sink_kafka_put_letter(struct sink_kafka *k, struct sink_kafka_lane *lane,
                             const struct bb_letter *letter, struct bb_error *error) {
    return produce(k, lane, k->letters, RD_KAFKA_PARTITION_UA, letter->key, letter->value,
                   headers_of_letter(letter), error);
}

/* ---- the end of a transaction ---------------------------------------------------------------- */

int bb_sink_kafka_commit(struct sink_kafka *k, struct sink_kafka_lane *lane, uint64_t to,
                         struct bb_error *error) {
    char key[16], value[24];

    snprintf(key, sizeof key, "%u", lane->partition);
    snprintf(value, sizeof value, "%llu", (unsigned long long)to);
    int result = produce(k, lane, lane->positions, (int32_t)lane->partition, bb_span_of(key),
                         bb_span_of(value), NULL, error);
    if (result)
        return result;
    rd_kafka_error_t *refused = rd_kafka_commit_transaction(lane->producer.rk,
                                                            bb_kafka_answer_ms(&lane->producer));
    if (refused)
        return fail(k, lane, refused, "the transaction is not committed", error);
    lane->position = to;
    return 0;
}

void bb_sink_kafka_abort(struct sink_kafka *k, struct sink_kafka_lane *lane) {
    (void)k;
    if (!lane->is_open)
        return;
    (void)rd_kafka_purge(lane->producer.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_error_t *refused = rd_kafka_abort_transaction(lane->producer.rk,
                                                           bb_kafka_answer_ms(&lane->producer));
    if (!refused)
        return;
    rd_kafka_error_destroy(refused);
    bb_sink_kafka_lane_close(lane);
}
