/* Append and sync. Data partitions take records at once, control keeps them until sync. See log_kafka.h.
 *
 *   append   tell the caller where the record will stand; hand a copy to the client, which sends batches by itself
 *   report   what the brokers say of each record: where it stands. Elsewhere, or refused: the log is poisoned
 *   sync     all reports are in; then the transaction on control, or, without one, a look whether we still are the appender
 *
 * Idempotent produce keeps order and leaves no repetition, however often the client tries again.
 */
#include "adapter/log_kafka_internal.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SLICE_MS = 100, GRACE_MS = 10000 };

static int64_t now_ms(void) {
    return bb_monotonic_ns() / 1000000;
}

int bb_kafka_poison(struct bb_kafka_log *log, struct bb_error *error) {
    if (!log->poisoned) {
        log->poisoned = true;
        log->poison = *error;
    }
    return -(int)error->code;
}

static int fail_poisoned(const struct bb_kafka_log *log, struct bb_error *error) {
    *error = log->poison;
    return -(int)error->code;
}

/* ---- reports; run by whoever polls the client, which is the owner's thread */

static void poison_place(struct bb_kafka_log *log, const rd_kafka_message_t *message,
                         uint64_t expected) {
    struct bb_error error;
    bool lost = (uint64_t)message->offset < expected;

    if (lost)
        (void)BB_FAIL(
            &error, BB_E_KAFKA_LOST,
            "topic %s, partition %" PRId32 " ended at offset %" PRIu64 "; it now ends at %" PRId64,
            rd_kafka_topic_name(message->rkt), message->partition, expected, message->offset);
    else
        (void)BB_FAIL(&error, BB_E_LOCKED,
                      "somebody else appended to topic %s, partition %" PRId32
                      ": a record stands at offset %" PRId64 " and not at %" PRIu64,
                      rd_kafka_topic_name(message->rkt), message->partition, message->offset,
                      expected);
    (void)bb_kafka_poison(log, &error);
}

static void hear_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    struct bb_kafka_client *client = opaque;
    struct bb_kafka_log *log = client->context;
    uint64_t expected = bb_kafka_offset_of(message->_private);
    struct bb_error error;

    (void)rk;
    log->unanswered--;
    if (message->err) {
        (void)!bb_kafka_fail(client, message->err, BB_E_KAFKA_UNDELIVERED, &error,
                             "topic %s, partition %" PRId32 " did not take a record of %zu bytes",
                             rd_kafka_topic_name(message->rkt), message->partition, message->len);
        (void)bb_kafka_poison(log, &error);
    } else if (message->offset >= 0 && (uint64_t)message->offset != expected) {
        poison_place(log, message, expected);
    } else if (message->offset >= 0) {
        log->lanes[message->partition].told = expected + 1;
    }
}

static void set_report(rd_kafka_conf_t *conf) {
    rd_kafka_conf_set_dr_msg_cb(conf, hear_report);
}

/* ---- open */

static int open_client(struct bb_kafka_log *log, struct bb_error *error) {
    char bytes[16], buffer[24], patience[16];
    const struct bb_kafka_property properties[] = {
        {"enable.idempotence", "true"},         {"acks", "all"},
        {"enable.gapless.guarantee", "true"},   {"message.max.bytes", bytes},
        {"queue.buffering.max.kbytes", buffer}, {"message.timeout.ms", patience},
    };
    const struct bb_kafka_how how = {.type = RD_KAFKA_PRODUCER,
                                     .properties = properties,
                                     .property_count = sizeof properties / sizeof properties[0],
                                     .set = set_report,
                                     .context = log};

    snprintf(bytes, sizeof bytes, "%d", BB_KAFKA_MESSAGE_BYTES);
    snprintf(buffer, sizeof buffer, "%zu", log->options.buffer_bytes >> 10);
    snprintf(patience, sizeof patience, "%d", log->options.patience_ms);
    int result = bb_kafka_client_open(&log->data, &log->options.cluster, &how, error);
    if (result == 0)
        log->topic[BB_KAFKA_READINGS] = bb_kafka_topic_open(&log->data,
                                                            log->topics[BB_KAFKA_READINGS]);
    return result;
}

int bb_kafka_appender_open(struct bb_kafka_log *log, struct bb_error *error) {
    struct bb_kafka_lane *lanes = calloc(log->base.partitions + 1, sizeof *lanes);
    uint64_t *highs = calloc(log->base.partitions + 1, sizeof *highs);
    int result = lanes && highs ? open_client(log, error)
                                : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a log");

    if (result == 0)
        result = bb_kafka_highs(log, highs, error);
    for (uint32_t p = 0; result == 0 && p <= log->base.partitions; p++) {
        struct bb_log_end end;
        result = bb_kafka_end(&log->base, p, &end, error);
        /* Markers stand behind control's last record. */
        lanes[p].next = lanes[p].told = highs[p];
        lanes[p].readings = end.readings;
    }
    free(highs);
    if (result < 0)
        free(lanes);
    else
        log->lanes = lanes;
    return result;
}

/* ---- append */

/* Waits, bounded, while the client's buffer is full. */
static int produce(struct bb_kafka_log *log, uint32_t partition, const struct bb_log_record *record,
                   uint64_t before, struct bb_error *error) {
    int64_t until = now_ms() + log->options.patience_ms;
    rd_kafka_headers_t *headers = bb_kafka_headers_of(record, before);
    rd_kafka_resp_err_t why;

    for (;;) {
        why = rd_kafka_producev(
            log->data.rk, RD_KAFKA_V_RKT(log->topic[BB_KAFKA_READINGS]),
            RD_KAFKA_V_PARTITION((int32_t)partition),
            RD_KAFKA_V_VALUE((void *)record->body.data, record->body.size),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(record->received_ms),
            RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(bb_kafka_opaque_of(record->offset)),
            RD_KAFKA_V_END);
        if (why != RD_KAFKA_RESP_ERR__QUEUE_FULL || log->poisoned || now_ms() >= until)
            break;
        (void)rd_kafka_poll(log->data.rk, SLICE_MS);
    }
    if (!why)
        return 0;
    rd_kafka_headers_destroy(headers);
    if (log->poisoned)
        return fail_poisoned(log, error);
    return bb_kafka_fail(&log->data, why, BB_E_KAFKA_UNDELIVERED, error,
                         "topic %s, partition %" PRIu32 " does not take a record of %zu bytes",
                         log->topics[BB_KAFKA_READINGS], partition, record->body.size);
}

int bb_kafka_append(struct bb_log *base, uint32_t partition, struct bb_log_record *record,
                    struct bb_error *error) {
    struct bb_kafka_log *log = bb_kafka_log_of(base);
    int result;

    BB_ASSERT(partition <= base->partitions);
    BB_ASSERT(log->lanes); /* opened to append */
    (void)rd_kafka_poll(log->data.rk, 0);
    if (log->poisoned)
        return fail_poisoned(log, error);
    if (record->body.size > BB_LOG_BODY_BYTES)
        return BB_FAIL(error, BB_E_LOG_IO, "a record of %zu bytes is longer than %d",
                       record->body.size, BB_LOG_BODY_BYTES);
    struct bb_kafka_lane *lane = &log->lanes[partition];
    record->offset = atomic_load(&lane->next);
    record->next_offset = record->offset + 1;
    if (partition == base->partitions)
        return bb_kafka_control_keep(log, record, error);
    result = produce(log, partition, record, lane->readings, error);
    if (result == 0) {
        log->unanswered++;
        log->unsynced = true;
        lane->readings += record->readings;
        atomic_store(&lane->next, record->next_offset);
    }
    return result;
}

/* ---- sync */

int bb_kafka_sync_begin(struct bb_log *base, struct bb_error *error) {
    struct bb_kafka_log *log = bb_kafka_log_of(base);

    BB_ASSERT(log->lanes);
    (void)rd_kafka_poll(log->data.rk, 0); /* batches are on their way as it is */
    return log->poisoned ? fail_poisoned(log, error) : 0;
}

static int await_reports(struct bb_kafka_log *log, struct bb_error *error) {
    /* The client gives each record up by itself; this is for one that does not. */
    int64_t until = now_ms() + log->options.patience_ms + GRACE_MS;

    while (log->unanswered > 0 && !log->poisoned && now_ms() < until)
        (void)rd_kafka_flush(log->data.rk, SLICE_MS);
    if (log->unanswered > 0 && !log->poisoned) {
        (void)!bb_kafka_fail(&log->data, RD_KAFKA_RESP_ERR__TIMED_OUT, BB_E_KAFKA_UNDELIVERED,
                             error, "%" PRIu64 " records are not answered for", log->unanswered);
        return bb_kafka_poison(log, error);
    }
    return log->poisoned ? fail_poisoned(log, error) : 0;
}

/* A sync's questions wait for brokers that are away as its records do. */
static bool asks_again(const struct bb_kafka_log *log, int result, int64_t until,
                       const struct bb_error *error) {
    return result < 0 && error->retriable && !log->poisoned && now_ms() < until;
}

static int check_owner(struct bb_kafka_log *log, int64_t until, struct bb_error *error) {
    int result;

    do
        result = bb_kafka_owner_check(log, error);
    while (asks_again(log, result, until, error));
    return result;
}

/* A broker that sees a record again, as its first answer was lost, may not say where it stands: then the end tells. */
static int check_places(struct bb_kafka_log *log, int64_t until, struct bb_error *error) {
    for (uint32_t p = 0; p < log->base.partitions; p++) {
        struct bb_kafka_lane *lane = &log->lanes[p];
        uint64_t next = atomic_load(&lane->next), high = 0;
        if (lane->told == next)
            continue;
        int result;
        do
            result = bb_kafka_high(log, BB_KAFKA_READINGS, (int32_t)p, &high, error);
        while (asks_again(log, result, until, error));
        if (result == 0 && high != next)
            result = BB_FAIL(error, high < next ? BB_E_KAFKA_LOST : BB_E_LOCKED,
                             "topic %s, partition %" PRIu32 " ends at offset %" PRIu64
                             " and not at %" PRIu64,
                             log->topics[BB_KAFKA_READINGS], p, high, next);
        if (result < 0)
            return result;
        lane->told = next;
    }
    return 0;
}

int bb_kafka_sync(struct bb_log *base, struct bb_error *error) {
    struct bb_kafka_log *log = bb_kafka_log_of(base);

    BB_ASSERT(log->lanes);
    (void)rd_kafka_poll(log->data.rk, 0);
    if (log->poisoned)
        return fail_poisoned(log, error);
    if (!log->unsynced && log->entry_count == 0)
        return 0;
    int result = await_reports(log, error);
    const int64_t until = now_ms() + log->options.patience_ms;
    if (result == 0)
        result = check_places(log, until, error);
    if (result == 0)
        result = log->entry_count > 0 ? bb_kafka_control_commit(log, error)
                                      : check_owner(log, until, error);
    if (result < 0)
        return bb_kafka_poison(log, error);
    log->unsynced = false;
    return 0;
}
