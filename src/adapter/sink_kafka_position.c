/* Reading where the sink stands: see sink_kafka_internal.h. The last record of the partition says so; behind it are markers of
 * transactions, and what was aborted. So it is looked for from the end, a longer stretch each time. */
#include "adapter/sink_kafka_internal.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

enum { FIRST_STRETCH = 16, POLL_MS = 100, LOOK_AGAIN_MS = 20, SETTLE_MS = 1000 };

static int open_reader(struct sink_kafka *k, struct bb_error *error) {
    static const struct bb_kafka_property properties[] = {
        {"isolation.level", "read_committed"}, {"enable.partition.eof", "true"},
        {"enable.auto.commit", "false"},       {"auto.offset.reset", "earliest"},
        {"fetch.wait.max.ms", "10"},           {"group.id", "busbar-none"}, /* none is joined */
    };
    const struct bb_kafka_how how = {.type = RD_KAFKA_CONSUMER,
                                     .properties = properties,
                                     .property_count = sizeof properties / sizeof properties[0]};

    if (k->reader_is_open)
        return 0;
    int result = bb_kafka_client_open(&k->reader, &k->options.cluster, &how, error);
    if (result)
        return result;
    rd_kafka_poll_set_consumer(k->reader.rk);
    k->reader_is_open = true;
    return 0;
}

static void assign(struct sink_kafka *k, const struct sink_kafka_lane *lane, int64_t offset) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, lane->positions, (int32_t)lane->partition)->offset =
        offset;
    rd_kafka_assign(k->reader.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static bool take(const rd_kafka_message_t *message, uint64_t *position) {
    char text[24] = "";

    if (message->len == 0 || message->len >= sizeof text)
        return false;
    memcpy(text, message->payload, message->len);
    *position = strtoull(text, NULL, 10);
    return true;
}

/* From the offset to the end of what is settled, which is *end. */
static int read_from(struct sink_kafka *k, const struct sink_kafka_lane *lane, int64_t offset,
                     int64_t *end, bool *found, uint64_t *position, struct bb_error *error) {
    int64_t until_ns = bb_monotonic_ns() + bb_kafka_answer_ms(&k->reader) * INT64_C(1000000);
    rd_kafka_resp_err_t why = RD_KAFKA_RESP_ERR_NO_ERROR;

    assign(k, lane, offset);
    while (!why) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(k->reader.rk, POLL_MS);
        if (!message) {
            why = bb_monotonic_ns() > until_ns ? RD_KAFKA_RESP_ERR__TIMED_OUT : why;
            continue;
        }
        if (!message->err)
            *found = take(message, position) || *found;
        else if (!bb_kafka_passes(message->err) || bb_monotonic_ns() > until_ns)
            why = message->err;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            *end = message->offset;
        rd_kafka_message_destroy(message);
    }
    rd_kafka_assign(k->reader.rk, NULL);
    return why == RD_KAFKA_RESP_ERR__PARTITION_EOF
               ? 0
               : bb_kafka_fail(&k->reader, why, BB_E_SINK_SETTINGS, error,
                               "%s: topic %s cannot be read", k->base.label, lane->positions);
}

/* Leaders of new topics, and of brokers that went, are elected in a moment. */
static int find_ends(struct sink_kafka *k, const struct sink_kafka_lane *lane, int64_t *low,
                     int64_t *high, struct bb_error *error) {
    const struct timespec pause = {0, LOOK_AGAIN_MS * 1000000L};
    int answer_ms = bb_kafka_answer_ms(&k->reader);
    int64_t until_ns = bb_monotonic_ns() + answer_ms * INT64_C(1000000);
    rd_kafka_resp_err_t why;

    while ((why = rd_kafka_query_watermark_offsets(k->reader.rk, lane->positions,
                                                   (int32_t)lane->partition, low, high,
                                                   answer_ms)) != 0 &&
           bb_kafka_passes(why) && bb_monotonic_ns() < until_ns)
        nanosleep(&pause, NULL);
    return why ? bb_kafka_fail(&k->reader, why, BB_E_SINK_SETTINGS, error,
                               "%s: the end of topic %s is not known", k->base.label,
                               lane->positions)
               : 0;
}

static int read_once(struct sink_kafka *k, const struct sink_kafka_lane *lane, int64_t *end,
                     uint64_t *position, struct bb_error *error) {
    int64_t low = 0, high = 0, from = INT64_MAX;
    bool found = false;
    int result = find_ends(k, lane, &low, &high, error);

    *position = 0;
    for (int64_t stretch = FIRST_STRETCH; !result && !found && from > low; stretch *= 16) {
        from = high - low > stretch ? high - stretch : low;
        result = read_from(k, lane, from, end, &found, position, error);
    }
    return result;
}

/* Is there more than what is settled? As the last fetch told it. */
static bool is_unsettled(struct sink_kafka *k, const struct sink_kafka_lane *lane, int64_t end) {
    int64_t low = 0, high = 0;

    return rd_kafka_get_watermark_offsets(k->reader.rk, lane->positions, (int32_t)lane->partition,
                                          &low, &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
           high > end;
}

/* A transaction that was just committed is marked in a moment; one that is under way may take as long as it likes. */
int bb_sink_kafka_read_position(struct sink_kafka *k, const struct sink_kafka_lane *lane,
                                uint64_t *position, struct bb_error *error) {
    const struct timespec pause = {0, LOOK_AGAIN_MS * 1000000L};
    int64_t until_ns = bb_monotonic_ns() + SETTLE_MS * INT64_C(1000000), end = 0;
    int result = open_reader(k, error);

    if (!result)
        result = bb_sink_kafka_topics(k, error);
    if (!result)
        result = read_once(k, lane, &end, position, error);
    while (!result && is_unsettled(k, lane, end) && bb_monotonic_ns() < until_ns) {
        nanosleep(&pause, NULL);
        result = read_once(k, lane, &end, position, error);
    }
    return result;
}
