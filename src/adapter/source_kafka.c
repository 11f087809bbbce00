/* The port `source` on Kafka: a member of a consumer group, by librdkafka.
 *
 * cooperative-sticky: a member that comes or goes costs the others nothing but the partitions that move. On assignment the
 * places are asked for and put into the assignment itself, so that no message of the broker's own idea of an offset is ever
 * fetched. read_committed: what a transaction of the producer gave up is not seen. enable.auto.commit=false: offsets are
 * committed when they are settled, and by nobody else.
 *
 * Messages are polled one by one: rd_kafka_consume_batch_queue of 2.0 may give messages of before a rebalance.
 */
#include "adapter/kafka_client_internal.h"
#include "adapter/source.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SESSION_MS = 45000, POLL_INTERVAL_MS = 300000, LOOK_MS = 1000, FIRST_MESSAGES = 256 };

struct source {
    struct bb_source base;
    struct bb_kafka_cluster cluster;
    struct bb_kafka_client client;
    struct bb_source_listener listener;
    bool from_latest;
    rd_kafka_message_t **taken; /* of the last batch */
    struct bb_source_message *messages;
    size_t count, capacity;
    struct bb_error broken; /* code BB_OK: it is not: a topic ends before its place */
    bool wants_rewind;      /* an offset was not there */
    bool is_away;           /* no broker was to be reached, and none has been since */
};

static int rewind_all(struct bb_source *base, struct bb_error *error);

static struct source *source_of(struct bb_source *base) {
    return (struct source *)base;
}

/* ---- assignment, within take */

/* Where the partition is begun: a place within what there is. */
static void begin_at(struct source *s, rd_kafka_topic_partition_t *p) {
    struct bb_span topic = bb_span_of(p->topic);
    uint64_t place = s->listener.place(s->listener.context, topic, (uint32_t)p->partition);
    int64_t low = 0, high = 0;

    p->offset = s->from_latest ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
    if (place == BB_SOURCE_BEGIN)
        return;
    p->offset = (int64_t)place;
    rd_kafka_resp_err_t why = rd_kafka_query_watermark_offsets(
        s->client.rk, p->topic, p->partition, &low, &high, bb_kafka_answer_ms(&s->client));
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
        return; /* nobody knows: what is not there shows when it is fetched (auto.offset.reset=error) */
    if (high < p->offset && s->broken.code == BB_OK)
        (void)BB_FAIL(&s->broken, BB_E_SOURCE_SHORT,
                      "partition %d of topic %s ends at %" PRId64 ", but %" PRId64
                      " was taken of it before",
                      (int)p->partition, p->topic, high, p->offset);
    if (low > p->offset) {
        s->listener.lost(s->listener.context, topic, (uint32_t)p->partition, place, (uint64_t)low);
        p->offset = low;
    }
}

/* Called by rd_kafka_consumer_poll. */
static void rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t what,
                      rd_kafka_topic_partition_list_t *partitions, void *opaque) {
    struct bb_kafka_client *client = opaque;
    struct source *s = client->context;
    rd_kafka_error_t *refused;

    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        for (int i = 0; i < partitions->cnt; i++)
            begin_at(s, &partitions->elems[i]);
        refused = rd_kafka_incremental_assign(rk, partitions);
    } else {
        refused = rd_kafka_incremental_unassign(rk, partitions);
    }
    rd_kafka_error_destroy(refused);
}

/* Called by rd_kafka_consumer_poll: a consumer that has nobody to read from is as silent as one that has nothing to read. */
static void hear_error(rd_kafka_t *rk, int why, const char *reason, void *opaque) {
    struct bb_kafka_client *client = opaque;
    struct source *s = client->context;

    (void)rk;
    (void)reason;
    s->is_away = s->is_away || why == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
}

static void set_callbacks(rd_kafka_conf_t *conf) {
    rd_kafka_conf_set_rebalance_cb(conf, rebalance);
    rd_kafka_conf_set_error_cb(conf, hear_error);
}

/* ---- taking */

static void drop_batch(struct source *s) {
    for (size_t i = 0; i < s->count; i++)
        rd_kafka_message_destroy(s->taken[i]);
    s->count = 0;
}

static bool make_room(struct source *s) {
    if (s->count < s->capacity)
        return true;
    size_t capacity = s->capacity ? s->capacity * 2 : FIRST_MESSAGES;
    void *taken = realloc(s->taken, capacity * sizeof s->taken[0]);
    if (taken)
        s->taken = taken;
    void *messages = realloc(s->messages, capacity * sizeof s->messages[0]);
    if (messages)
        s->messages = messages;
    if (!taken || !messages)
        return false;
    s->capacity = capacity;
    return true;
}

static void keep(struct source *s, rd_kafka_message_t *m) {
    int64_t at_ms = rd_kafka_message_timestamp(m, NULL);

    s->taken[s->count] = m;
    s->messages[s->count++] = (struct bb_source_message){
        .topic = bb_span_of(rd_kafka_topic_name(m->rkt)),
        .partition = (uint32_t)m->partition,
        .offset = (uint64_t)m->offset,
        .at_ms = at_ms > 0 ? at_ms : 0,
        .key = {m->key, m->key_len},
        .value = {m->payload, m->len},
        .handle = m};
}

/* What came instead of a message. 0: it passes by itself. */
static int judge_error(struct source *s, const rd_kafka_message_t *m, struct bb_error *error) {
    char text[512];

    if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        s->wants_rewind = true; /* what is gone, or never was, is found out when it is begun anew */
        return 0;
    }
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF ||
        m->err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED)
        return 0;
    snprintf(text, sizeof text, "%s", rd_kafka_message_errstr(m));
    if (m->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
        m->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
        int result = BB_FAIL(error, BB_E_SOURCE, "%s", text);
        error->retriable = true; /* somebody may make it */
        return result;
    }
    return bb_kafka_fail(&s->client, m->err, BB_E_SOURCE, error, "reading foreign topics: %s",
                         text);
}

static int fail_broken(const struct source *s, struct bb_error *error) {
    *error = s->broken;
    return -(int)s->broken.code;
}

/* BB_SOURCE_NOTHING: one answers again. */
static int look_for_brokers(struct source *s, struct bb_error *error) {
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t why = rd_kafka_metadata(s->client.rk, 0, NULL, &metadata, LOOK_MS);

    if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
        return bb_kafka_fail(&s->client, why, BB_E_SOURCE, error, "reading foreign topics");
    rd_kafka_metadata_destroy(metadata);
    s->is_away = false;
    return BB_SOURCE_NOTHING;
}

static int take(struct bb_source *base, const struct bb_source_wish *wish,
                struct bb_source_batch *out, struct bb_error *error) {
    struct source *s = source_of(base);
    int64_t until_ns = bb_monotonic_ns() + wish->wait_ms * 1000000LL;
    size_t bytes = 0;

    drop_batch(s);
    if (s->wants_rewind) {
        int result = rewind_all(base, error);
        if (result)
            return result;
    }
    while (s->count < wish->messages && bytes < wish->bytes) {
        int64_t left_ms = 1;
        rd_kafka_message_t *m = rd_kafka_consumer_poll(s->client.rk, 0);
        if (!m) { /* only who waits looks at the clock */
            left_ms = (until_ns - bb_monotonic_ns() + 999999) / 1000000;
            m = rd_kafka_consumer_poll(s->client.rk, left_ms > 0 ? (int)left_ms : 0);
        }
        if (s->broken.code != BB_OK) {
            if (m)
                rd_kafka_message_destroy(m);
            drop_batch(s);
            return fail_broken(s, error);
        }
        if (!m && left_ms <= 0)
            break;
        if (!m)
            continue;
        if (m->err) {
            int result = judge_error(s, m, error);
            rd_kafka_message_destroy(m);
            if (s->wants_rewind)
                break;
            if (result && s->count == 0)
                return result;
            if (result)
                break; /* what there is first; it is said again */
            continue;
        }
        if (!make_room(s)) {
            rd_kafka_message_destroy(m);
            return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for messages");
        }
        if (s->count == 0)
            until_ns = bb_monotonic_ns() + wish->linger_ms * 1000000LL;
        bytes += m->len + m->key_len;
        keep(s, m);
    }
    *out = (struct bb_source_batch){s->messages, s->count};
    if (s->count > 0)
        s->is_away = false;
    if (s->is_away)
        return look_for_brokers(s, error);
    return s->count > 0 ? BB_SOURCE_TAKEN : BB_SOURCE_NOTHING;
}

static void headers(struct bb_source *base, const struct bb_source_message *message,
                    void (*tell)(void *context, struct bb_span name, struct bb_span value),
                    void *context) {
    rd_kafka_headers_t *all;
    const char *name;
    const void *value;
    size_t size;

    (void)base;
    if (rd_kafka_message_headers(message->handle, &all) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    for (size_t i = 0;
         rd_kafka_header_get_all(all, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        tell(context, bb_span_of(name), (struct bb_span){value, value ? size : 0});
}

static int rewind_all(struct bb_source *base, struct bb_error *error) {
    struct source *s = source_of(base);
    rd_kafka_topic_partition_list_t *all = NULL;
    rd_kafka_resp_err_t why = rd_kafka_assignment(s->client.rk, &all);

    drop_batch(s);
    s->wants_rewind = false;
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
        return bb_kafka_fail(&s->client, why, BB_E_SOURCE, error, "asking what is assigned");
    for (int i = 0; i < all->cnt; i++)
        begin_at(s, &all->elems[i]);
    rd_kafka_error_t *refused = all->cnt == 0
                                    ? NULL
                                    : rd_kafka_seek_partitions(s->client.rk, all,
                                                               bb_kafka_answer_ms(&s->client));
    int result = refused ? bb_kafka_fail_error(&s->client, refused, BB_E_SOURCE, error,
                                               "going back in foreign topics")
                         : 0;
    for (int i = 0; !result && i < all->cnt; i++)
        if (all->elems[i].err)
            result = bb_kafka_fail(&s->client, all->elems[i].err, BB_E_SOURCE, error,
                                   "going back in partition %d of topic %s",
                                   (int)all->elems[i].partition, all->elems[i].topic);
    rd_kafka_topic_partition_list_destroy(all);
    return result;
}

static void settle(struct bb_source *base, struct bb_span topic, uint32_t partition,
                   uint64_t next) {
    struct source *s = source_of(base);
    rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);
    char name[256];

    snprintf(name, sizeof name, "%.*s", BB_SPAN_ARGS(topic));
    rd_kafka_topic_partition_list_add(one, name, (int32_t)partition)->offset = (int64_t)next;
    (void)rd_kafka_commit(s->client.rk, one, 1);
    rd_kafka_topic_partition_list_destroy(one);
}

static void backlog(struct bb_source *base,
                    void (*tell)(void *context, const struct bb_source_backlog *backlog),
                    void *context) {
    struct source *s = source_of(base);
    rd_kafka_topic_partition_list_t *all = NULL;

    if (rd_kafka_assignment(s->client.rk, &all) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    if (rd_kafka_position(s->client.rk, all) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (int i = 0; i < all->cnt; i++) {
            const rd_kafka_topic_partition_t *p = &all->elems[i];
            int64_t low = 0, high = 0;
            if (rd_kafka_get_watermark_offsets(s->client.rk, p->topic, p->partition, &low, &high) !=
                    RD_KAFKA_RESP_ERR_NO_ERROR ||
                high < 0)
                continue;
            int64_t next = p->offset >= 0 ? p->offset : low;
            tell(context,
                 &(struct bb_source_backlog){bb_span_of(p->topic), (uint32_t)p->partition,
                                             (uint64_t)(next > 0 ? next : 0), (uint64_t)high});
        }
    rd_kafka_topic_partition_list_destroy(all);
}

/* ---- opening */

static void close_source(struct bb_source *base) {
    struct source *s = source_of(base);

    if (!s)
        return;
    drop_batch(s);
    if (s->client.rk)
        rd_kafka_consumer_close(s->client.rk); /* LeaveGroup */
    bb_kafka_client_close(&s->client);
    free(s->taken);
    free(s->messages);
    free(s);
}

static const struct bb_source_ops ops = {
    .name = "kafka",
    .close = close_source,
    .take = take,
    .headers = headers,
    .rewind = rewind_all,
    .settle = settle,
    .backlog = backlog,
};

static int open_client(struct source *s, const struct bb_source_kafka_options *options,
                       struct bb_error *error) {
    char session[16], heartbeat[16], interval[16];
    int session_ms = options->session_ms ? options->session_ms : SESSION_MS;
    int interval_ms = options->poll_interval_ms ? options->poll_interval_ms : POLL_INTERVAL_MS;

    snprintf(session, sizeof session, "%d", session_ms);
    snprintf(heartbeat, sizeof heartbeat, "%d", session_ms / 10 > 3000 ? 3000 : session_ms / 10);
    snprintf(interval, sizeof interval, "%d", interval_ms > session_ms ? interval_ms : session_ms);
    const struct bb_kafka_property properties[] = {
        {"group.id", options->group},
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"session.timeout.ms", session},
        {"heartbeat.interval.ms", heartbeat},
        {"max.poll.interval.ms", interval},
        {"isolation.level", "read_committed"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"allow.auto.create.topics", "false"},
        {"queued.max.messages.kbytes",
         "65536"},                          /* a fetcher whose queue is full pauses for up to */
        {"queued.min.messages", "1000000"}, /* a second, so these are about what a second takes */
        {"fetch.wait.max.ms", "100"},
        {"topic.metadata.refresh.interval.ms", "30000"},
    };
    const struct bb_kafka_how how = {.type = RD_KAFKA_CONSUMER,
                                     .properties = properties,
                                     .property_count = sizeof properties / sizeof properties[0],
                                     .set = set_callbacks,
                                     .context = s};

    return bb_kafka_client_open(&s->client, &s->cluster, &how, error);
}

static int subscribe(struct source *s, const struct bb_source_kafka_options *options,
                     struct bb_error *error) {
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(
        (int)options->topic_count);

    for (size_t i = 0; i < options->topic_count; i++)
        rd_kafka_topic_partition_list_add(topics, options->topics[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t why = rd_kafka_subscribe(s->client.rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (why != RD_KAFKA_RESP_ERR_NO_ERROR)
        return bb_kafka_fail(&s->client, why, BB_E_SOURCE, error, "joining the group %s",
                             options->group);
    (void)rd_kafka_poll_set_consumer(s->client.rk);
    return 0;
}

int bb_source_kafka_open(const struct bb_source_kafka_options *options, struct bb_source **out,
                         struct bb_error *error) {
    struct source *s = calloc(1, sizeof *s);

    if (!s)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a Kafka consumer");
    s->base.ops = &ops;
    s->cluster = options->cluster;
    s->listener = options->listener;
    s->from_latest = options->from_latest;
    int result = open_client(s, options, error);
    char *cluster = result ? NULL
                           : rd_kafka_clusterid(s->client.rk, bb_kafka_answer_ms(&s->client));
    if (!result && !cluster)
        result = bb_kafka_fail(&s->client, RD_KAFKA_RESP_ERR__TIMED_OUT, BB_E_SOURCE, error,
                               "asking the cluster who it is");
    if (cluster)
        snprintf(s->base.identity, sizeof s->base.identity, "%s", cluster);
    if (cluster)
        rd_kafka_mem_free(s->client.rk, cluster);
    if (!result)
        result = subscribe(s, options, error);
    if (result) {
        close_source(&s->base);
        return result;
    }
    *out = &s->base;
    return 0;
}
