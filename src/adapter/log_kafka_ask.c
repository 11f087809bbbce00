/* Questions to the brokers that join no group: ends, single records, backlog; and trim. See log_kafka_internal.h.
 *
 * Ends are the leaders' word at the moment of asking. A sum or a lag in readings takes one more record each; both are kept, as a
 * record never changes, so that a question repeated costs the two bounds alone.
 */
#include "adapter/log_kafka_internal.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRY_MS = 2000, AGAIN_MS = 50, SLICE_MS = 100 };

static int64_t now_ms(void) {
    return bb_monotonic_ns() / 1000000;
}

int bb_kafka_ask_open(struct bb_kafka_log *log, struct bb_error *error) {
    static const struct bb_kafka_property properties[] = {
        {"isolation.level", "read_committed"},
        {"check.crcs", "true"},
        {"auto.offset.reset", "error"},
        {"enable.partition.eof", "true"},
        {"fetch.wait.max.ms", "1"},
        {"queued.max.messages.kbytes", "1024"},
        {"fetch.message.max.bytes", "1"}, /* the whole batch that the record is in, and no more */
        {"fetch.error.backoff.ms", "20"},
        {"receive.message.max.bytes", "200000000"},
        {"allow.auto.create.topics", "false"},
    };
    const struct bb_kafka_how how = {.type = RD_KAFKA_CONSUMER,
                                     .properties = properties,
                                     .property_count = sizeof properties / sizeof properties[0]};
    int result = bb_kafka_client_open(&log->ask, &log->options.cluster, &how, error);

    for (enum bb_kafka_topic topic = 0; result == 0 && topic < BB_KAFKA_TOPICS; topic++)
        log->ask_topics[topic] = rd_kafka_topic_new(log->ask.rk, log->topics[topic], NULL);
    return result;
}

/* ---- ends */

/* One question to each leader: the offset at a time, or RD_KAFKA_OFFSET_BEGINNING or _END. While a leader is away another one
 * may be elected: who that is is looked up before it is tried again. */
static rd_kafka_resp_err_t try_offsets(struct bb_kafka_log *log,
                                       rd_kafka_topic_partition_list_t *list, int64_t at,
                                       int timeout_ms, int *failed) {
    *failed = 0;
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = at;
        list->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_resp_err_t why = rd_kafka_offsets_for_times(log->ask.rk, list, timeout_ms);
    for (int i = 0; !why && i < list->cnt; i++) {
        why = list->elems[i].err;
        *failed = i;
    }
    return why;
}

static void look_for_leaders(struct bb_kafka_log *log, int timeout_ms) {
    for (enum bb_kafka_topic topic = 0; topic < BB_KAFKA_TOPICS; topic++) {
        const struct rd_kafka_metadata *metadata;
        if (rd_kafka_metadata(log->ask.rk, 0, log->ask_topics[topic], &metadata, timeout_ms) == 0)
            rd_kafka_metadata_destroy(metadata);
    }
}

static int ask_offsets(struct bb_kafka_log *log, rd_kafka_topic_partition_list_t *list, int64_t at,
                       struct bb_error *error) {
    int64_t until = now_ms() + bb_kafka_answer_ms(&log->ask);
    rd_kafka_resp_err_t why;
    int failed;

    for (;;) {
        int64_t left = until - now_ms();
        why = try_offsets(log, list, at,
                          (int)(left < 0        ? 0
                                : left < TRY_MS ? left
                                                : TRY_MS),
                          &failed);
        if (!why || !bb_kafka_passes(why) || now_ms() >= until)
            break;
        look_for_leaders(log, AGAIN_MS);
        usleep(AGAIN_MS * 1000);
    }
    return why ? bb_kafka_fail(&log->ask, why, BB_E_KAFKA_TOPIC, error,
                               "topic %s, partition %" PRId32 " does not tell its end",
                               list->elems[failed].topic, list->elems[failed].partition)
               : 0;
}

int bb_kafka_bounds(struct bb_kafka_log *log, enum bb_kafka_topic topic, int32_t number,
                    uint64_t *low, uint64_t *high, struct bb_error *error) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, log->topics[topic], number);
    int result = ask_offsets(log, list, RD_KAFKA_OFFSET_BEGINNING, error);
    *low = (uint64_t)list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return result < 0 ? result : bb_kafka_high(log, topic, number, high, error);
}

int bb_kafka_high(struct bb_kafka_log *log, enum bb_kafka_topic topic, int32_t number,
                  uint64_t *high, struct bb_error *error) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, log->topics[topic], number);
    int result = ask_offsets(log, list, RD_KAFKA_OFFSET_END, error);
    *high = (uint64_t)list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

int bb_kafka_highs(struct bb_kafka_log *log, uint64_t *highs, struct bb_error *error) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(
        (int)log->base.partitions + 1);

    for (uint32_t p = 0; p <= log->base.partitions; p++)
        rd_kafka_topic_partition_list_add(list, log->topics[bb_kafka_topic_of(log, p)],
                                          bb_kafka_number_of(log, p));
    int result = ask_offsets(log, list, RD_KAFKA_OFFSET_END, error);
    for (uint32_t p = 0; result == 0 && p <= log->base.partitions; p++)
        highs[p] = (uint64_t)list->elems[p].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

int bb_kafka_check_offset(struct bb_kafka_log *log, uint32_t partition, uint64_t offset,
                          uint64_t low, uint64_t high, struct bb_error *error) {
    /* What was appended and is not durable yet may be asked for: there is nothing yet. */
    uint64_t next = log->lanes ? atomic_load(&log->lanes[partition].next) : 0;

    if (offset < low)
        return BB_FAIL(error, BB_E_LOG_CORRUPT,
                       "offset %" PRIu64 " of topic %s, partition %" PRId32
                       " is no longer kept; the first one kept is %" PRIu64,
                       offset, log->topics[bb_kafka_topic_of(log, partition)],
                       bb_kafka_number_of(log, partition), low);
    if (offset > high && offset > next)
        return BB_FAIL(error, BB_E_LOG_CORRUPT,
                       "offset %" PRIu64 " of topic %s, partition %" PRId32
                       " lies behind the log's end %" PRIu64,
                       offset, log->topics[bb_kafka_topic_of(log, partition)],
                       bb_kafka_number_of(log, partition), high);
    return 0;
}

/* ---- single records */

/* The next message, or NULL when everything below `to` was seen. */
static int take(struct bb_kafka_log *log, rd_kafka_topic_t *rkt, int32_t number, uint64_t to,
                rd_kafka_message_t **out, struct bb_error *error) {
    int64_t until = now_ms() + bb_kafka_answer_ms(&log->ask);

    for (*out = NULL; now_ms() < until;) {
        rd_kafka_message_t *message = rd_kafka_consume(rkt, number, SLICE_MS);
        if (!message)
            continue;
        if (!message->err) {
            *out = message;
            return 0;
        }
        rd_kafka_resp_err_t why = message->err;
        bool over = why == RD_KAFKA_RESP_ERR__PARTITION_EOF && (uint64_t)message->offset >= to;
        rd_kafka_message_destroy(message);
        if (over)
            return 0;
        if (why != RD_KAFKA_RESP_ERR__PARTITION_EOF && !bb_kafka_passes(why))
            return bb_kafka_fail(&log->ask, why, BB_E_LOG_CORRUPT, error,
                                 "topic %s, partition %" PRId32 " cannot be read",
                                 rd_kafka_topic_name(rkt), number);
    }
    return bb_kafka_fail(&log->ask, RD_KAFKA_RESP_ERR__TIMED_OUT, BB_E_KAFKA_AWAY, error,
                         "a record of topic %s, partition %" PRId32 " does not come",
                         rd_kafka_topic_name(rkt), number);
}

int bb_kafka_peek(struct bb_kafka_log *log, enum bb_kafka_topic topic, int32_t number,
                  uint64_t from, uint64_t to, bool last, rd_kafka_message_t **out,
                  struct bb_error *error) {
    rd_kafka_topic_t *rkt = log->ask_topics[topic];
    rd_kafka_message_t *message = NULL;
    int result = 0;

    *out = NULL;
    if (from >= to)
        return BB_KAFKA_NOTHING;
    if (rd_kafka_consume_start(rkt, number, (int64_t)from) != 0)
        return bb_kafka_fail(&log->ask, rd_kafka_last_error(), BB_E_KAFKA_TOPIC, error,
                             "topic %s cannot be read", log->topics[topic]);
    do {
        result = take(log, rkt, number, to, &message, error);
        if (message && (uint64_t)message->offset >= to) {
            rd_kafka_message_destroy(message);
            message = NULL;
        }
        if (message) {
            if (*out)
                rd_kafka_message_destroy(*out);
            *out = message;
        }
    } while (result == 0 && message && last && (uint64_t)message->offset + 1 < to);
    (void)rd_kafka_consume_stop(rkt, number);
    if (result < 0 && *out) {
        rd_kafka_message_destroy(*out);
        *out = NULL;
    }
    return result < 0 ? result : *out ? BB_KAFKA_SEEN : BB_KAFKA_NOTHING;
}

/* The last record below `high`. Markers of transactions stand between records of control, so that the way back is doubled until
 * there is one. */
static int last_record(struct bb_kafka_log *log, uint32_t partition, uint64_t low, uint64_t high,
                       struct bb_kafka_record *out, struct bb_error *error) {
    enum bb_kafka_topic topic = bb_kafka_topic_of(log, partition);
    int result = BB_KAFKA_NOTHING;

    for (uint64_t back = topic == BB_KAFKA_CONTROL ? 2 : 1; result == BB_KAFKA_NOTHING; back *= 4) {
        rd_kafka_message_t *message = NULL;
        uint64_t from = high - low > back ? high - back : low;
        result = bb_kafka_peek(log, topic, bb_kafka_number_of(log, partition), from, high, true,
                               &message, error);
        if (message) {
            result = bb_kafka_record_of(message, out, error);
            rd_kafka_message_destroy(message);
        }
        if (from == low)
            break;
    }
    return result;
}

/* ---- end, backlog; ask_lock is held by each of these */

static int know_end(struct bb_kafka_log *log, uint32_t partition, struct bb_log_end *out,
                    uint64_t *high, struct bb_error *error) {
    struct bb_kafka_known *known = &log->known[partition];
    struct bb_kafka_record last = {0};
    uint64_t low = 0;
    int result = bb_kafka_bounds(log, bb_kafka_topic_of(log, partition),
                                 bb_kafka_number_of(log, partition), &low, high, error);

    if (result == 0 && known->high != *high) {
        result = last_record(log, partition, low, *high, &last, error);
        if (result == BB_KAFKA_NOTHING) {
            /* Nothing, or markers alone: `trim` never takes the last record. */
            known->end = low;
            known->readings = 0;
        } else if (result == BB_KAFKA_SEEN) {
            known->end = last.offset + 1;
            known->readings = last.before + last.readings;
        }
        if (result >= 0)
            known->high = *high;
    }
    *out = (struct bb_log_end){low, known->end, known->readings};
    return result < 0 ? result : 0;
}

static int know_position(struct bb_kafka_log *log, uint32_t partition, uint64_t position,
                         uint64_t end, struct bb_error *error) {
    struct bb_kafka_known *known = &log->known[partition];
    rd_kafka_message_t *message = NULL;

    if (known->position == position)
        return 0;
    known->position = UINT64_MAX;
    int result = bb_kafka_peek(log, bb_kafka_topic_of(log, partition),
                               bb_kafka_number_of(log, partition), position, end, false, &message,
                               error);
    if (result == BB_KAFKA_NOTHING) /* `end` is behind a record, so that there is one */
        return BB_FAIL(error, BB_E_KAFKA_AWAY, "the record at offset %" PRIu64 " did not come",
                       position);
    if (result == BB_KAFKA_SEEN) {
        result = bb_kafka_record_of(message, &known->at, error);
        rd_kafka_message_destroy(message);
    }
    if (result == 0)
        known->position = position;
    return result;
}

/* ---- operations */

int bb_kafka_end(struct bb_log *base, uint32_t partition, struct bb_log_end *out,
                 struct bb_error *error) {
    struct bb_kafka_log *log = bb_kafka_log_of(base);
    uint64_t high;

    BB_ASSERT(partition <= base->partitions);
    pthread_mutex_lock(&log->ask_lock);
    int result = know_end(log, partition, out, &high, error);
    pthread_mutex_unlock(&log->ask_lock);
    return result;
}

int bb_kafka_backlog(struct bb_log *base, uint32_t partition, uint64_t position,
                     struct bb_log_backlog *out, struct bb_error *error) {
    struct bb_kafka_log *log = bb_kafka_log_of(base);
    uint64_t high;

    BB_ASSERT(partition <= base->partitions);
    *out = (struct bb_log_backlog){0};
    pthread_mutex_lock(&log->ask_lock);
    int result = know_end(log, partition, &out->end, &high, error);
    if (result == 0)
        result = bb_kafka_check_offset(log, partition, position, out->end.first_offset, high,
                                       error);
    if (result == 0 && position < out->end.offset) {
        result = know_position(log, partition, position, out->end.offset, error);
        if (result == 0) {
            const struct bb_kafka_record *at = &log->known[partition].at;
            /* An appender that was fenced may have left a record with an older sum. */
            out->lag_readings = out->end.readings > at->before ? out->end.readings - at->before : 0;
            out->oldest_ms = at->received_ms;
        }
    }
    pthread_mutex_unlock(&log->ask_lock);
    return result;
}

/* ---- trim */

static int delete_below(struct bb_kafka_log *log, uint32_t partition, uint64_t offset,
                        struct bb_error *error) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(log->ask.rk);
    rd_kafka_resp_err_t why = RD_KAFKA_RESP_ERR__TIMED_OUT;

    rd_kafka_topic_partition_list_add(list, log->topics[bb_kafka_topic_of(log, partition)],
                                      bb_kafka_number_of(log, partition))
        ->offset = (int64_t)offset;
    rd_kafka_DeleteRecords_t *wanted = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(log->ask.rk, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, bb_kafka_answer_ms(&log->ask));
    if (event) {
        const rd_kafka_DeleteRecords_result_t *answer = rd_kafka_event_DeleteRecords_result(event);
        why = rd_kafka_event_error(event);
        if (!why)
            why = rd_kafka_DeleteRecords_result_offsets(answer)->elems[0].err;
        rd_kafka_event_destroy(event);
    }
    rd_kafka_DeleteRecords_destroy(wanted);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
    return why ? bb_kafka_fail(&log->ask, why, BB_E_KAFKA_TOPIC, error,
                               "topic %s, partition %" PRId32 " does not give up what is old",
                               log->topics[bb_kafka_topic_of(log, partition)],
                               bb_kafka_number_of(log, partition))
               : 0;
}

/* The first record that is not older than `before_ms`; none: INT64_MAX. */
static int first_younger(struct bb_kafka_log *log, uint32_t partition, int64_t before_ms,
                         uint64_t *offset, struct bb_error *error) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, log->topics[bb_kafka_topic_of(log, partition)],
                                      bb_kafka_number_of(log, partition));
    int result = ask_offsets(log, list, before_ms < 0 ? 0 : before_ms, error);
    *offset = list->elems[0].offset < 0 ? INT64_MAX : (uint64_t)list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

int bb_kafka_trim(struct bb_log *base, uint32_t partition, uint64_t offset, int64_t before_ms,
                  struct bb_error *error) {
    struct bb_kafka_log *log = bb_kafka_log_of(base);
    struct bb_log_end end;
    uint64_t high, younger;

    BB_ASSERT(partition <= base->partitions);
    pthread_mutex_lock(&log->ask_lock);
    int result = know_end(log, partition, &end, &high, error);
    if (result == 0 && end.offset > end.first_offset) {
        uint64_t upto = end.offset - 1; /* the last record carries the sum */
        upto = offset < upto ? offset : upto;
        if (upto > end.first_offset) {
            result = first_younger(log, partition, before_ms, &younger, error);
            upto = younger < upto ? younger : upto;
        }
        if (result == 0 && upto > end.first_offset)
            result = delete_below(log, partition, upto, error);
    }
    pthread_mutex_unlock(&log->ask_lock);
    return result;
}
