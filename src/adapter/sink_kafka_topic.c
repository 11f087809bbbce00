/* The sink's topics: see sink_kafka_internal.h. */
#include "adapter/sink_kafka_internal.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"

enum { LOOK_AGAIN_MS = 20, TOPICS = 4, TOPICS_OF_CHANGES = 2 };

/* Partitions of a topic; 0: it is not there. */
static int count_partitions(struct sink_kafka *k, const char *name, uint32_t *count,
                            struct bb_error *error) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(k->reader.rk, name, NULL);
    rd_kafka_resp_err_t why = rd_kafka_metadata(k->reader.rk, 0, topic, &metadata,
                                                bb_kafka_answer_ms(&k->reader));

    *count = 0;
    rd_kafka_topic_destroy(topic);
    if (!why) {
        why = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__BAD_MSG;
        if (!why || bb_kafka_passes(why)) /* there, but a leader is being elected */
            *count = (uint32_t)metadata->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(metadata);
        if (*count > 0 || why == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            return 0;
    }
    return bb_kafka_fail(&k->reader, why, BB_E_SINK_SETTINGS, error,
                         "%s: topic %s cannot be looked at", k->base.label, name);
}

static int judge(struct sink_kafka *k, rd_kafka_event_t *event, struct bb_error *error) {
    size_t count = 0;
    rd_kafka_resp_err_t why = rd_kafka_event_error(event);

    if (why)
        return bb_kafka_fail(&k->reader, why, BB_E_SINK_SETTINGS, error,
                             "%s: topics cannot be made", k->base.label);
    const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        const char *text = rd_kafka_topic_result_error_string(results[i]);
        why = rd_kafka_topic_result_error(results[i]);
        if (why && why != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            return bb_kafka_fail(&k->reader, why, BB_E_SINK_SETTINGS, error,
                                 "%s: topic %s cannot be made (%s)", k->base.label,
                                 rd_kafka_topic_result_name(results[i]), text ? text : "");
    }
    return 0;
}

static int make(struct sink_kafka *k, const char *name, uint32_t partitions, bool compact,
                struct bb_error *error) {
    char why[256];
    int replication = k->options.replication > 0 ? k->options.replication : -1;
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, (int)partitions, replication, why,
                                                       sizeof why);

    if (!topic)
        return BB_FAIL(error, BB_E_SINK_SETTINGS, "%s: topic %s cannot be made: %s", k->base.label,
                       name, why);
    if (compact)
        (void)rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "compact");
    rd_kafka_queue_t *queue = rd_kafka_queue_new(k->reader.rk);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(k->reader.rk,
                                                                 RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, bb_kafka_answer_ms(&k->reader), why,
                                                    sizeof why);
    rd_kafka_CreateTopics(k->reader.rk, &topic, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, -1); /* ends by the request's time-out */
    int result = judge(k, event, error);
    rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    return result;
}

/* Brokers hear of a new topic one after the other. */
static int wait_for(struct sink_kafka *k, const char *name, uint32_t *count,
                    struct bb_error *error) {
    const struct timespec pause = {0, LOOK_AGAIN_MS * 1000000L};
    int64_t until_ns = bb_monotonic_ns() + bb_kafka_answer_ms(&k->reader) * INT64_C(1000000);
    int result = 0;

    while (!result && *count == 0 && bb_monotonic_ns() < until_ns) {
        nanosleep(&pause, NULL);
        result = count_partitions(k, name, count, error);
    }
    return result;
}

int bb_sink_kafka_topics(struct sink_kafka *k, struct bb_error *error) {
    const struct {
        const char *name;
        uint32_t partitions, needed;
        bool compact;
    } topics[TOPICS] = {
        {k->changes, k->options.partitions ? k->options.partitions : k->options.feed_partitions, 1,
         false},
        {k->positions, k->options.feed_partitions, k->options.feed_partitions, true},
        {k->letters, 1, 1, false},
        {k->letter_positions, 1, 1, true},
    };
    const size_t needed = k->options.letters ? TOPICS : TOPICS_OF_CHANGES;

    for (size_t i = 0; !k->topics_are_there && i < needed; i++) {
        uint32_t count = 0;
        int result = count_partitions(k, topics[i].name, &count, error);
        if (!result && count == 0)
            result = make(k, topics[i].name, topics[i].partitions, topics[i].compact, error);
        if (!result)
            result = wait_for(k, topics[i].name, &count, error);
        if (result)
            return result;
        if (count < topics[i].needed)
            return BB_FAIL(
                error, BB_E_SINK_SETTINGS,
                "%s: topic %s has %u partitions; it needs one for each of the plant's, %u",
                k->base.label, topics[i].name, count, topics[i].needed);
    }
    k->topics_are_there = true;
    return 0;
}
