/* The control partition is appended to in transactions: what is fenced never comes to be read. See log_kafka.h.
 *
 * Records are kept until sync and then make one transaction, so that none stays open while a file is read: as long as one is,
 * nobody reads behind it, and one that takes too long is aborted by the brokers.
 *
 *   begin, produce ..., commit      the coordinator decides; markers are written to the partition afterwards:
 *   ask for the end until it moved  readers see the records from then on, and the next record comes behind the marker
 */
#include "adapter/log_kafka_internal.h"
#include "base/clock.h"
#include "base/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SLICE_MS = 1000,
    VISIBLE_AGAIN_US = 500,
    TRANSACTION_MS = 60000,
    TRANSACTION_MS_MAX =
        900000, /* the brokers' transaction.max.timeout.ms, unless somebody set it */
};

static int64_t now_ms(void) {
    return bb_monotonic_ns() / 1000000;
}

/* ---- the client */

static void hear_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    struct bb_kafka_client *client = opaque;
    struct bb_kafka_log *log = client->context;
    uint64_t expected = bb_kafka_offset_of(message->_private);

    (void)rk;
    if (message->err) /* the transaction fails by it */
        return;
    log->decided = message->offset;
    log->decided_elsewhere = log->decided_elsewhere || (uint64_t)message->offset != expected;
}

static void set_report(rd_kafka_conf_t *conf) {
    rd_kafka_conf_set_dr_msg_cb(conf, hear_report);
}

static int fail_transaction(struct bb_kafka_log *log, rd_kafka_error_t *why,
                            enum bb_error_code otherwise, const char *what,
                            struct bb_error *error) {
    rd_kafka_resp_err_t code = rd_kafka_error_code(why);

    if (code != RD_KAFKA_RESP_ERR__FENCED && code != RD_KAFKA_RESP_ERR_PRODUCER_FENCED &&
        code != RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH)
        return bb_kafka_fail_error(&log->decide, why, otherwise, error, what);
    rd_kafka_error_destroy(why);
    /* Who it is stands in the owner topic, if not at once. */
    struct bb_error named;
    if (log->named && bb_kafka_owner_check(log, &named) == -BB_E_LOCKED) {
        *error = named;
        return -(int)named.code;
    }
    return BB_FAIL(error, BB_E_LOCKED, "another process opened the log %s to append",
                   log->options.prefix);
}

int bb_kafka_decide_open(struct bb_kafka_log *log, struct bb_error *error) {
    char id[BB_KAFKA_TOPIC_NAME], bytes[16], timeout[16];
    const struct bb_kafka_property properties[] = {
        {"transactional.id", id},        {"acks", "all"},
        {"message.max.bytes", bytes},    {"transaction.timeout.ms", timeout},
        {"message.timeout.ms", timeout}, {"linger.ms", "0"},
    };
    const struct bb_kafka_how how = {.type = RD_KAFKA_PRODUCER,
                                     .properties = properties,
                                     .property_count = sizeof properties / sizeof properties[0],
                                     .set = set_report,
                                     .context = log};
    int patience = log->options.patience_ms < TRANSACTION_MS ? TRANSACTION_MS
                                                             : log->options.patience_ms;

    snprintf(id, sizeof id, "%s-appender", log->options.prefix);
    snprintf(bytes, sizeof bytes, "%d", BB_KAFKA_MESSAGE_BYTES);
    snprintf(timeout, sizeof timeout, "%d",
             patience > TRANSACTION_MS_MAX ? TRANSACTION_MS_MAX : patience);
    int result = bb_kafka_client_open(&log->decide, &log->options.cluster, &how, error);
    if (result < 0)
        return result;
    int answer_ms = bb_kafka_answer_ms(&log->decide);
    int64_t until = now_ms() +
                    (answer_ms > log->options.patience_ms ? answer_ms : log->options.patience_ms);
    rd_kafka_error_t *why;
    while ((why = rd_kafka_init_transactions(log->decide.rk, SLICE_MS)) != NULL &&
           rd_kafka_error_is_retriable(why) && now_ms() < until)
        rd_kafka_error_destroy(why);
    if (why)
        return fail_transaction(log, why, BB_E_KAFKA_SETTING, "the log cannot be opened to append",
                                error);
    for (enum bb_kafka_topic topic = BB_KAFKA_CONTROL; topic < BB_KAFKA_TOPICS; topic++)
        log->topic[topic] = bb_kafka_topic_open(&log->decide, log->topics[topic]);
    return 0;
}

/* ---- a transaction */

static int produce(struct bb_kafka_log *log, enum bb_kafka_topic topic, rd_kafka_headers_t *headers,
                   const struct bb_log_record *record, struct bb_error *error) {
    rd_kafka_resp_err_t why = rd_kafka_producev(
        log->decide.rk, RD_KAFKA_V_RKT(log->topic[topic]), RD_KAFKA_V_PARTITION(0),
        RD_KAFKA_V_VALUE((void *)record->body.data, record->body.size),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(record->received_ms),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(bb_kafka_opaque_of(record->offset)),
        RD_KAFKA_V_END);

    if (!why)
        return 0;
    rd_kafka_headers_destroy(headers);
    return bb_kafka_fail(&log->decide, why, BB_E_KAFKA_UNDELIVERED, error,
                         "topic %s does not take a record", log->topics[topic]);
}

static int begin(struct bb_kafka_log *log, struct bb_error *error) {
    log->decided = -1;
    log->decided_elsewhere = false;
    rd_kafka_error_t *why = rd_kafka_begin_transaction(log->decide.rk);
    return why ? fail_transaction(log, why, BB_E_KAFKA_UNDELIVERED, "no transaction begins", error)
               : 0;
}

/* Committed, and read by whoever asks. */
static int commit(struct bb_kafka_log *log, enum bb_kafka_topic topic, uint64_t *high,
                  struct bb_error *error) {
    int64_t until = now_ms() + log->options.patience_ms;
    rd_kafka_error_t *why;
    int result = 0;

    while ((why = rd_kafka_commit_transaction(log->decide.rk, SLICE_MS)) != NULL &&
           rd_kafka_error_is_retriable(why) && now_ms() < until)
        rd_kafka_error_destroy(why);
    if (why)
        return fail_transaction(log, why, BB_E_KAFKA_UNDELIVERED, "a transaction is not committed",
                                error);
    if (log->decided < 0)
        return BB_FAIL(error, BB_E_KAFKA_UNDELIVERED, "topic %s does not say where a record stands",
                       log->topics[topic]);
    for (;;) {
        result = bb_kafka_high(log, topic, 0, high, error);
        if (result == 0 && *high > (uint64_t)log->decided)
            return 0;
        if (result < 0 && !(error->retriable && now_ms() < until))
            return result;
        if (result == 0 && now_ms() >= until)
            return bb_kafka_fail(&log->decide, RD_KAFKA_RESP_ERR__TIMED_OUT, BB_E_KAFKA_AWAY, error,
                                 "a transaction on topic %s is committed, but not visible",
                                 log->topics[topic]);
        usleep(VISIBLE_AGAIN_US);
    }
}

/* Nothing of it is ever read. What aborting says does not matter: the next appender's opening aborts it, too. */
static void give_up(struct bb_kafka_log *log) {
    rd_kafka_error_t *why = rd_kafka_abort_transaction(log->decide.rk, SLICE_MS);

    if (why)
        rd_kafka_error_destroy(why);
}

int bb_kafka_decide_one(struct bb_kafka_log *log, enum bb_kafka_topic topic,
                        rd_kafka_headers_t *headers, struct bb_error *error) {
    const struct bb_log_record record = {
        .received_ms = bb_clock_now_ms(bb_clock_system())}; /* of people's interest only */
    uint64_t high = 0;
    int result = begin(log, error);

    if (result < 0) {
        rd_kafka_headers_destroy(headers);
        return result;
    }
    result = produce(log, topic, headers, &record, error);
    return result < 0 ? result : commit(log, topic, &high, error);
}

/* ---- records of control */

void bb_kafka_control_drop(struct bb_kafka_log *log) {
    for (size_t i = 0; i < log->entry_count; i++)
        free(log->entries[i].body);
    log->entry_count = 0;
    log->entry_bytes = 0;
}

int bb_kafka_control_keep(struct bb_kafka_log *log, struct bb_log_record *record,
                          struct bb_error *error) {
    struct bb_kafka_lane *lane = &log->lanes[log->base.partitions];
    size_t size = record->body.size;

    if (log->entry_count > 0 && log->entry_bytes + size > log->options.buffer_bytes) {
        int result = bb_kafka_sync(&log->base, error); /* visible earlier than need be */
        if (result < 0)
            return result;
        record->offset = atomic_load(&lane->next);
        record->next_offset = record->offset + 1;
    }
    char *body = malloc(size ? size : 1);
    if (!body || !bb_list_room(&log->entries, log->entry_count, &log->entry_capacity,
                               sizeof *log->entries)) {
        free(body);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a record of %zu bytes", size);
    }
    if (size > 0)
        memcpy(body, record->body.data, size);
    struct bb_kafka_entry *entry = &log->entries[log->entry_count++];
    *entry = (struct bb_kafka_entry){*record, lane->readings, body};
    entry->record.body = (struct bb_span){body, size};
    log->entry_bytes += size;
    lane->readings += record->readings;
    atomic_store(&lane->next, record->next_offset);
    return 0;
}

int bb_kafka_control_commit(struct bb_kafka_log *log, struct bb_error *error) {
    uint64_t high = 0;
    int result = begin(log, error);

    for (size_t i = 0; result == 0 && i < log->entry_count; i++) {
        const struct bb_kafka_entry *entry = &log->entries[i];
        result = produce(log, BB_KAFKA_CONTROL, bb_kafka_headers_of(&entry->record, entry->before),
                         &entry->record, error);
    }
    if (result == 0)
        result = commit(log, BB_KAFKA_CONTROL, &high, error);
    else
        give_up(log);
    bb_kafka_control_drop(log);
    if (result < 0)
        return result;
    /* The transaction is ours alone. But its records stand elsewhere than append said, when the coordinator wrote an older
     * transaction's marker once more: what was told is wrong, and who opens again learns it rightly. */
    if (log->decided_elsewhere)
        return BB_FAIL(error, BB_E_LOCKED,
                       "records of topic %s stand elsewhere than where they were expected",
                       log->topics[BB_KAFKA_CONTROL]);
    atomic_store(&log->lanes[log->base.partitions].next, high);
    return 0;
}
