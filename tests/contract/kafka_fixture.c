/* Logs on Kafka for the contract. See kafka_fixture.h. */
#include "contract/kafka_fixture.h"

#include <criterion/criterion.h>
#include <librdkafka/rdkafka.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { ANSWER_MS = 20000 };

void kafka_fixture_begin(struct kafka_fixture *fixture, const char *brokers) {
    char unique[16];

    fixture->brokers = brokers ? brokers : cluster_address("kafka");
    cluster_unique(unique, sizeof unique);
    snprintf(fixture->prefix, sizeof fixture->prefix, "test-%s", unique);
}

struct bb_log_kafka_options kafka_fixture_options(const struct kafka_fixture *fixture) {
    return (struct bb_log_kafka_options){.cluster = {.brokers = fixture->brokers},
                                         .prefix = fixture->prefix,
                                         .append = true,
                                         .partitions = 2};
}

struct bb_log *kafka_fixture_open(const struct kafka_fixture *fixture) {
    struct bb_log_kafka_options options = kafka_fixture_options(fixture);
    struct bb_log *log = NULL;
    struct bb_error error;

    cr_assert_eq(bb_log_kafka_open(&options, &log, &error), 0, "%s", error.text);
    return log;
}

void kafka_fixture_topic(const struct kafka_fixture *fixture, const char *name, char topic[64]) {
    snprintf(topic, 64, "%s.%s", fixture->prefix, name);
}

static rd_kafka_t *open_client(const struct kafka_fixture *fixture) {
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    cr_assert_eq(rd_kafka_conf_set(conf, "bootstrap.servers", fixture->brokers, why, sizeof why),
                 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    cr_assert_not_null(rk, "%s", why);
    return rk;
}

/* Brokers say that a topic was made, or deleted, a moment before they show it so. */
static void wait_until(rd_kafka_t *rk, const char *name, bool wanted) {
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, name, NULL);
    bool is_there = !wanted;

    for (int i = 0; is_there != wanted && i < 200; i++) {
        const struct rd_kafka_metadata *metadata = NULL;
        cr_assert_eq(rd_kafka_metadata(rk, 0, handle, &metadata, ANSWER_MS), 0);
        is_there = metadata->topics[0].err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(metadata);
        usleep(is_there == wanted ? 0 : 20000);
    }
    cr_assert_eq(is_there, wanted, "topic %s is %s", name, wanted ? "not there" : "not gone");
    rd_kafka_topic_destroy(handle);
}

void kafka_fixture_make_topic(const struct kafka_fixture *fixture, const char *name,
                              int partitions) {
    rd_kafka_t *rk = open_client(fixture);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    char topic[64], why[256];

    kafka_fixture_topic(fixture, name, topic);
    rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, -1, why, sizeof why);
    rd_kafka_CreateTopics(rk, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
    cr_assert(event && !rd_kafka_event_error(event));
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(wanted);
    rd_kafka_queue_destroy(queue);
    wait_until(rk, topic, true);
    rd_kafka_destroy(rk);
}

void kafka_fixture_delete_topic(const struct kafka_fixture *fixture, const char *name) {
    rd_kafka_t *rk = open_client(fixture);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    char topic[64];

    kafka_fixture_topic(fixture, name, topic);
    rd_kafka_DeleteTopic_t *wanted = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_DeleteTopics(rk, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
    cr_assert_not_null(event);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy(wanted);
    rd_kafka_queue_destroy(queue);
    wait_until(rk, topic, false);
    rd_kafka_destroy(rk);
}

void kafka_fixture_produce(const struct kafka_fixture *fixture, const char *name, int32_t partition,
                           const char *value, ...) {
    rd_kafka_t *rk = open_client(fixture);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
    char topic[64];
    const char *header;
    va_list list;

    kafka_fixture_topic(fixture, name, topic);
    va_start(list, value);
    while ((header = va_arg(list, const char *)) != NULL)
        rd_kafka_header_add(headers, header, -1, va_arg(list, const char *), -1);
    va_end(list);
    cr_assert_eq(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                                   RD_KAFKA_V_VALUE((void *)value, strlen(value)),
                                   RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                   RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END),
                 0);
    cr_assert_eq(rd_kafka_flush(rk, ANSWER_MS), 0);
    rd_kafka_destroy(rk);
}

void kafka_fixture_end(const struct kafka_fixture *fixture) {
    static const char *const names[] = {"readings", "control", "owner"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        kafka_fixture_delete_topic(fixture, names[i]);
}
