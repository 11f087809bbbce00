/* The log's topics: looked at, made, what they allow. See log_kafka_internal.h. */
#include "adapter/log_kafka_internal.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_PARTITIONS = 8, LOOK_AGAIN_MS = 20 };

/* ---- look */

/* Partitions of one topic; 0: it is not there. */
static int count_partitions(struct bb_kafka_log *log, enum bb_kafka_topic topic, uint32_t *count,
                            struct bb_error *error) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t why = rd_kafka_metadata(log->ask.rk, 0, log->ask_topics[topic], &metadata,
                                                bb_kafka_answer_ms(&log->ask));

    *count = 0;
    if (!why) {
        why = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__BAD_MSG;
        if (!why || bb_kafka_passes(why)) /* there, but a leader is being elected */
            *count = (uint32_t)metadata->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(metadata);
        if (*count > 0 || why == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            why = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return why ? bb_kafka_fail(&log->ask, why, BB_E_KAFKA_TOPIC, error,
                               "topic %s cannot be looked at", log->topics[topic])
               : 0;
}

static int check_count(const struct bb_kafka_log *log, enum bb_kafka_topic topic, uint32_t count,
                       struct bb_error *error) {
    uint32_t wanted = topic == BB_KAFKA_READINGS ? log->options.partitions : 1;

    if (wanted > 0 && count != wanted)
        return BB_FAIL(error, BB_E_KAFKA_PARTITIONS,
                       "topic %s has %" PRIu32 " partition%s, not %" PRIu32, log->topics[topic],
                       count, count == 1 ? "" : "s", wanted);
    if (count > BB_KAFKA_PARTITIONS_LIMIT)
        return BB_FAIL(error, BB_E_KAFKA_PARTITIONS,
                       "topic %s has %" PRIu32 " partitions; a log has at most %d",
                       log->topics[topic], count, BB_KAFKA_PARTITIONS_LIMIT);
    return 0;
}

int bb_kafka_topics_look(struct bb_kafka_log *log, enum bb_kafka_topic *missing,
                         struct bb_error *error) {
    int there = 0;

    *missing = BB_KAFKA_TOPICS;
    for (enum bb_kafka_topic topic = 0; topic < BB_KAFKA_TOPICS; topic++) {
        uint32_t count;
        int result = count_partitions(log, topic, &count, error);
        if (result == 0 && count > 0)
            result = check_count(log, topic, count, error);
        if (result < 0)
            return result;
        if (topic == BB_KAFKA_READINGS)
            log->base.partitions = count;
        there += count > 0;
        if (count == 0 && *missing == BB_KAFKA_TOPICS)
            *missing = topic;
    }
    return there == BB_KAFKA_TOPICS ? BB_KAFKA_THERE : there ? BB_KAFKA_SOME : BB_KAFKA_NONE;
}

/* ---- make */

static int new_topic(const struct bb_kafka_log *log, enum bb_kafka_topic topic,
                     rd_kafka_NewTopic_t **out, struct bb_error *error) {
    char bytes[16], insync[16], why[256];
    uint32_t partitions = topic != BB_KAFKA_READINGS ? 1
                          : log->options.partitions  ? log->options.partitions
                                                     : DEFAULT_PARTITIONS;

    *out = rd_kafka_NewTopic_new(log->topics[topic], (int)partitions,
                                 log->options.replication > 0 ? log->options.replication : -1, why,
                                 sizeof why);
    if (!*out)
        return BB_FAIL(error, BB_E_KAFKA_TOPIC, "topic %s cannot be made: %s", log->topics[topic],
                       why);
    snprintf(bytes, sizeof bytes, "%d", BB_KAFKA_MESSAGE_BYTES);
    snprintf(insync, sizeof insync, "%d", log->options.min_insync);
    const struct bb_kafka_property settings[] = {
        {"cleanup.policy", "delete"},
        {"retention.ms",
         "-1"}, /* `trim` gives up what is old, as only busbar knows what it is done with */
        {"retention.bytes", "-1"},
        {"max.message.bytes", bytes},
        {"message.timestamp.type", "CreateTime"}, /* when it was received is ours to say */
        {"unclean.leader.election.enable", "false"},
        {"min.insync.replicas", log->options.min_insync > 0 ? insync : NULL},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (settings[i].value)
            (void)rd_kafka_NewTopic_set_config(*out, settings[i].name, settings[i].value);
    return 0;
}

static int judge_created(struct bb_kafka_log *log, rd_kafka_event_t *event,
                         struct bb_error *error) {
    size_t count = 0;
    rd_kafka_resp_err_t why = rd_kafka_event_error(event);

    if (why)
        return bb_kafka_fail(&log->ask, why, BB_E_KAFKA_TOPIC, error,
                             "the log's topics cannot be made");
    const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        why = rd_kafka_topic_result_error(results[i]);
        const char *text = rd_kafka_topic_result_error_string(results[i]);
        if (why && why != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            return bb_kafka_fail(&log->ask, why, BB_E_KAFKA_TOPIC, error,
                                 "topic %s cannot be made (%s)",
                                 rd_kafka_topic_result_name(results[i]), text ? text : "");
    }
    return 0;
}

static int create(struct bb_kafka_log *log, struct bb_error *error) {
    rd_kafka_NewTopic_t *topics[BB_KAFKA_TOPICS] = {NULL};
    int result = 0;

    for (enum bb_kafka_topic topic = 0; result == 0 && topic < BB_KAFKA_TOPICS; topic++)
        result = new_topic(log, topic, &topics[topic], error);
    if (result == 0) {
        rd_kafka_queue_t *queue = rd_kafka_queue_new(log->ask.rk);
        rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(
            log->ask.rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
        char why[128];
        (void)rd_kafka_AdminOptions_set_request_timeout(options, bb_kafka_answer_ms(&log->ask), why,
                                                        sizeof why);
        rd_kafka_CreateTopics(log->ask.rk, topics, BB_KAFKA_TOPICS, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue,
                                                      -1); /* ends by the request's time-out */
        result = judge_created(log, event, error);
        rd_kafka_event_destroy(event);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
    }
    for (enum bb_kafka_topic topic = 0; topic < BB_KAFKA_TOPICS; topic++)
        if (topics[topic])
            rd_kafka_NewTopic_destroy(topics[topic]);
    return result;
}

int bb_kafka_topics_make(struct bb_kafka_log *log, struct bb_error *error) {
    int64_t until = bb_monotonic_ns() + bb_kafka_answer_ms(&log->ask) * INT64_C(1000000);
    enum bb_kafka_topic missing;
    int result = create(log, error);

    /* Brokers hear of a new topic one after the other. */
    while (result == 0) {
        result = bb_kafka_topics_look(log, &missing, error);
        if (result <= 0)
            return result;
        if (bb_monotonic_ns() > until)
            return BB_FAIL(error, BB_E_KAFKA_TOPIC,
                           "topic %s was made, but the brokers do not show it",
                           log->topics[missing]);
        result = 0;
        usleep(LOOK_AGAIN_MS * 1000);
    }
    return result;
}

/* ---- room */

static int judge_room(rd_kafka_event_t *event, struct bb_error *error) {
    size_t count = 0, settings = 0;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);

    for (size_t i = 0; i < count; i++) {
        const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resources[i],
                                                                                 &settings);
        for (size_t k = 0; k < settings; k++) {
            const char *value = rd_kafka_ConfigEntry_value(entries[k]);
            if (strcmp(rd_kafka_ConfigEntry_name(entries[k]), "max.message.bytes") == 0 && value &&
                strtoll(value, NULL, 10) < BB_KAFKA_MESSAGE_BYTES)
                return BB_FAIL(error, BB_E_KAFKA_TOPIC,
                               "topic %s takes records of at most max.message.bytes=%s; set %d",
                               rd_kafka_ConfigResource_name(resources[i]), value,
                               BB_KAFKA_MESSAGE_BYTES);
        }
    }
    return 0;
}

/* Who may not ask, or asks a broker that does not know the question, hears of it when a record is too large. */
int bb_kafka_topics_check_room(struct bb_kafka_log *log, struct bb_error *error) {
    rd_kafka_ConfigResource_t *resources[BB_KAFKA_OWNER];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(log->ask.rk);
    int result = 0;

    for (enum bb_kafka_topic topic = 0; topic < BB_KAFKA_OWNER; topic++)
        resources[topic] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, log->topics[topic]);
    rd_kafka_DescribeConfigs(log->ask.rk, resources, BB_KAFKA_OWNER, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, bb_kafka_answer_ms(&log->ask));
    if (event && !rd_kafka_event_error(event))
        result = judge_room(event, error);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy_array(resources, BB_KAFKA_OWNER);
    rd_kafka_queue_destroy(queue);
    return result;
}
