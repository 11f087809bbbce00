/* Sources under contract: see source_fixture.h. The producer's side is the client library, not the adapter. */
#include "contract/source_fixture.h"

#include <criterion/criterion.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "contract/cluster.h"

enum { ANSWER_MS = 30000 };

/* ---- Kafka's side */

static rd_kafka_t *client(const struct source_world *w) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];

    cr_assert_eq(rd_kafka_conf_set(conf, "bootstrap.servers", w->brokers, why, sizeof why), 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    cr_assert_not_null(rk, "%s", why);
    return rk;
}

static void wait_admin(rd_kafka_queue_t *queue) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);

    cr_assert(event && rd_kafka_event_error(event) == 0, "%s",
              event ? rd_kafka_event_error_string(event) : "no answer");
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
}

static void make_topic(struct source_world *w) {
    rd_kafka_queue_t *queue = rd_kafka_queue_new(w->producer);
    char why[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(w->topic, SOURCE_PARTITIONS, 1, why,
                                                       sizeof why);

    rd_kafka_CreateTopics(w->producer, &topic, 1, NULL, queue);
    wait_admin(queue);
    rd_kafka_NewTopic_destroy(topic);
}

static void delete_topic(struct source_world *w) {
    rd_kafka_queue_t *queue = rd_kafka_queue_new(w->producer);
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(w->topic);

    rd_kafka_DeleteTopics(w->producer, &topic, 1, NULL, queue);
    wait_admin(queue);
    rd_kafka_DeleteTopic_destroy(topic);
}

static void put_kafka(struct source_world *w, uint32_t partition, const char *key,
                      const char *value, const char *header) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);

    if (header)
        rd_kafka_header_add(headers, "h", -1, header, -1);
    cr_assert_eq(rd_kafka_producev(
                     w->producer, RD_KAFKA_V_TOPIC(w->topic),
                     RD_KAFKA_V_PARTITION((int32_t)partition), RD_KAFKA_V_KEY(key, strlen(key)),
                     RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value ? strlen(value) : 0),
                     RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers),
                     RD_KAFKA_V_END),
                 0);
    cr_assert_eq(rd_kafka_flush(w->producer, ANSWER_MS), 0);
}

static void trim_kafka(struct source_world *w, uint32_t partition, uint64_t offset) {
    rd_kafka_queue_t *queue = rd_kafka_queue_new(w->producer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, w->topic, (int32_t)partition)->offset = (int64_t)offset;
    rd_kafka_DeleteRecords_t *records = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(w->producer, &records, 1, NULL, queue);
    wait_admin(queue);
    rd_kafka_DeleteRecords_destroy(records);
    rd_kafka_topic_partition_list_destroy(list);
}

static uint64_t settled_kafka(struct source_world *w, uint32_t partition) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];

    rd_kafka_conf_set(conf, "bootstrap.servers", w->brokers, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", w->group, why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    rd_kafka_topic_partition_list_add(list, w->topic, (int32_t)partition);
    cr_assert_eq(rd_kafka_committed(rk, list, ANSWER_MS), 0);
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    return offset > 0 ? (uint64_t)offset : 0;
}

/* ---- both */

void source_begin(struct source_world *w, enum source_kind kind) {
    char unique[16];

    *w = (struct source_world){.kind = kind};
    for (int p = 0; p < SOURCE_PARTITIONS; p++)
        w->place[p] = BB_SOURCE_BEGIN;
    cluster_unique(unique, sizeof unique);
    snprintf(w->topic, sizeof w->topic, "foreign-%s", unique);
    snprintf(w->group, sizeof w->group, "group-%s", unique);
    if (kind == SOURCE_MEMORY) {
        const char *topic = w->topic;
        w->memory = bb_source_memory_new(&topic, 1, SOURCE_PARTITIONS);
        cr_assert_not_null(w->memory);
        return;
    }
    w->brokers = cluster_address("kafka");
    w->producer = client(w);
    make_topic(w);
}

void source_end(struct source_world *w) {
    bb_source_memory_free(w->memory);
    if (!w->producer)
        return;
    delete_topic(w);
    rd_kafka_destroy(w->producer);
}

static uint64_t place(void *context, struct bb_span topic, uint32_t partition) {
    struct source_world *w = context;

    cr_assert(bb_span_equal(topic, bb_span_of(w->topic)));
    cr_assert_lt(partition, SOURCE_PARTITIONS);
    w->asked++;
    return w->place[partition];
}

static void lost(void *context, struct bb_span topic, uint32_t partition, uint64_t from,
                 uint64_t to) {
    struct source_world *w = context;

    (void)topic;
    (void)partition;
    w->lost_from = from;
    w->lost_to = to;
}

struct bb_source *source_join(struct source_world *w) {
    const struct bb_source_listener listener = {place, lost, w};
    const char *topics[] = {w->topic};
    const struct bb_source_kafka_options options = {.cluster = {.brokers = w->brokers},
                                                    .topics = topics,
                                                    .topic_count = 1,
                                                    .group = w->group,
                                                    .session_ms = 6000,
                                                    .listener = listener};
    struct bb_source *source = NULL;
    struct bb_error error;

    if (w->kind == SOURCE_MEMORY)
        source = bb_source_memory_join(w->memory, false, &listener);
    else
        cr_assert_eq(bb_source_kafka_open(&options, &source, &error), 0, "%s", error.text);
    cr_assert_not_null(source);
    return source;
}

void source_put(struct source_world *w, uint32_t partition, const char *key, const char *value,
                const char *header) {
    const struct bb_source_memory_message message = {
        .partition = partition,
        .key = bb_span_of(key),
        .value = value ? bb_span_of(value) : (struct bb_span){NULL, 0},
        .header_name = header ? BB_SPAN("h") : (struct bb_span){NULL, 0},
        .header_value = header ? bb_span_of(header) : (struct bb_span){NULL, 0},
        .at_ms = 1700000000000};

    if (w->kind == SOURCE_MEMORY)
        cr_assert(bb_source_memory_put(w->memory, &message, 0));
    else
        put_kafka(w, partition, key, value, header);
    w->end[partition]++;
}

void source_trim(struct source_world *w, uint32_t partition, uint64_t offset) {
    if (w->kind == SOURCE_MEMORY)
        bb_source_memory_trim(w->memory, 0, partition, offset);
    else
        trim_kafka(w, partition, offset);
}

uint64_t source_settled(struct source_world *w, uint32_t partition) {
    return w->kind == SOURCE_MEMORY ? bb_source_memory_settled(w->memory, 0, partition)
                                    : settled_kafka(w, partition);
}
