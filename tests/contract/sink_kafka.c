/* Kafka's other side: a reader of committed records from the beginning of the topic on, which wants each change once. */
#include "contract/sink_kafka.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "contract/cluster.h"
#include "contract/sink_webhook.h"

enum { TOPIC_PARTITIONS = 3 };

static void begin_kafka(struct sink_fixture *f) {
    struct kafka_side *k = calloc(1, sizeof *k);
    char unique[16];

    cr_assert_not_null(k);
    f->other = k;
    snprintf(k->address, sizeof k->address, "%s", cluster_address("kafka"));
    cluster_unique(unique, sizeof unique);
    snprintf(k->prefix, sizeof k->prefix, "sink.%s", unique);
}

static void end_kafka(struct sink_fixture *f) {
    free(f->other);
}

static int open_kafka(struct sink_fixture *f, struct bb_sink **out) {
    struct kafka_side *k = f->other;
    char name[] = "client.id",
         value[] = "a test"; /* gone when this returns: properties are copied */
    const struct bb_kafka_property properties[] = {{name, value}};
    struct bb_sink_kafka_options options = {.cluster = {.brokers = k->address,
                                                        .properties = properties,
                                                        .property_count = 1,
                                                        .answer_ms = 20000},
                                            .prefix = k->prefix,
                                            .feed_partitions = SINK_PARTITIONS,
                                            .partitions = TOPIC_PARTITIONS,
                                            .batch_values = k->batch_values,
                                            .letters = true,
                                            .patience = sink_patience()};

    return bb_sink_kafka_open(&options, "stream", out, &f->error);
}

static rd_kafka_t *open_reader(const struct kafka_side *k) {
    static const char *const settings[][2] = {{"isolation.level", "read_committed"},
                                              {"enable.partition.eof", "true"},
                                              {"auto.offset.reset", "earliest"},
                                              {"enable.auto.commit", "false"},
                                              {"group.id", "reader"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];

    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        cr_assert_eq(rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why),
                     RD_KAFKA_CONF_OK, "%s", why);
    cr_assert_eq(rd_kafka_conf_set(conf, "bootstrap.servers", k->address, why, sizeof why),
                 RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    cr_assert_not_null(rk, "%s", why);
    rd_kafka_poll_set_consumer(rk);
    return rk;
}

static void take_record(const rd_kafka_message_t *message, struct picture *seen,
                        struct picture *out) {
    struct bb_span value = {message->payload, message->len};
    char id[64] = "";

    cr_assert_eq(sscanf(message->payload, "{\"id\":\"%63[^\"]", id), 1);
    cr_assert_null(picture_text(seen, id), "kafka: %s was told twice", id);
    picture_put(seen, id, "");
    cr_expect_gt(message->key_len, 0);
    sink_draw_change(value, out);
}

/* Where a partition ends, open transactions and markers included. A commit is answered before its markers stand
 * everywhere, and until then who reads what is committed comes to an end before it. */
static int64_t end_of(const struct kafka_side *k, const char *topic, int32_t partition) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int64_t low = 0, high = 0;
    char why[256];

    cr_assert_eq(rd_kafka_conf_set(conf, "bootstrap.servers", k->address, why, sizeof why),
                 RD_KAFKA_CONF_OK);
    cr_assert_eq(rd_kafka_conf_set(conf, "isolation.level", "read_uncommitted", why, sizeof why),
                 RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    cr_assert_not_null(rk, "%s", why);
    if (rd_kafka_query_watermark_offsets(rk, topic, partition, &low, &high, 10000))
        high = 0; /* not made yet */
    rd_kafka_destroy(rk);
    return high;
}

/* All committed records of a topic of the side's. */
static void read_topic(const struct kafka_side *k, const char *name, int32_t partitions,
                       void (*take)(void *context, const rd_kafka_message_t *message),
                       void *context) {
    rd_kafka_t *rk = open_reader(k);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    char topic[80];
    int64_t wanted[TOPIC_PARTITIONS];
    bool ended[TOPIC_PARTITIONS] = {false};
    int ends = 0;

    snprintf(topic, sizeof topic, "%s.%s", k->prefix, name);
    for (int32_t p = 0; p < partitions; p++) {
        wanted[p] = end_of(k, topic, p);
        rd_kafka_topic_partition_list_add(list, topic, p)->offset = 0;
    }
    cr_assert_eq(rd_kafka_assign(rk, list), RD_KAFKA_RESP_ERR_NO_ERROR);
    while (ends < partitions) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 20000);
        cr_assert_not_null(message, "kafka: no end of %s", topic);
        if (!message->err)
            take(context, message);
        else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            bool is_end = message->offset >= wanted[message->partition];
            ends += is_end && !ended[message->partition];
            ended[message->partition] |= is_end;
        } else /* not one test's first look at what is not made yet */
            cr_assert_eq(message->err, RD_KAFKA_RESP_ERR__TRANSPORT, "%s",
                         rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_assign(rk, NULL);
    rd_kafka_destroy(rk);
}

struct drawing {
    struct picture seen, *out;
};

static void take_change(void *context, const rd_kafka_message_t *message) {
    struct drawing *d = context;

    take_record(message, &d->seen, d->out);
}

static void picture_kafka(struct sink_fixture *f, struct picture *out) {
    struct drawing d = {.out = out};

    picture_init(&d.seen);
    read_topic(f->other, "changes", TOPIC_PARTITIONS, take_change, &d);
    picture_release(&d.seen);
}

struct listing {
    uint64_t *ids;
    size_t count, most;
};

void kafka_header(const rd_kafka_message_t *message, const char *name, char *out, size_t room) {
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t size = 0;

    out[0] = '\0';
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_header_get_last(headers, name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR)
        snprintf(out, room, "%.*s", (int)size, (const char *)value);
}

static void take_letter(void *context, const rd_kafka_message_t *message) {
    struct listing *l = context;
    char id[64];

    cr_assert_lt(l->count, l->most);
    kafka_header(message, "busbar.id", id, sizeof id);
    cr_assert(bb_letter_id_parse(bb_span_of(id), &l->ids[l->count++]), "'%s'", id);
}

void kafka_letters(const struct kafka_side *k,
                   void (*take)(void *context, const rd_kafka_message_t *message), void *context) {
    read_topic(k, "dead-letters", 1, take, context);
}

static size_t letters_of_kafka(struct sink_fixture *f, uint64_t *ids, size_t most) {
    struct listing l = {ids, 0, most};

    kafka_letters(f->other, take_letter, &l);
    return l.count;
}

const struct sink_subject sink_kafka_subject = {
    "kafka", begin_kafka, end_kafka, open_kafka, picture_kafka, 0, letters_of_kafka,
};
