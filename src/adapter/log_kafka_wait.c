/* Waiting for growth, without asking again and again: a fetcher stands at the end of every partition, and the brokers answer its
 * fetches when something comes (at least every FETCH_WAIT_MS). What it fetches is dropped: one batch a partition and wake.
 *
 * `seen` is where each partition ended when the last wait told of it; a wait begins and ends with asking for the ends, so that
 * nothing hangs on what the fetcher happened to see. A fetch that is under way knows nothing of a partition that is moved to its
 * new end meanwhile: until the next one the ends are asked for now and then.
 */
#include "adapter/log_kafka_internal.h"
#include "base/clock.h"

#include <stdlib.h>

#define FETCH_WAIT_MS "500"
enum { LOOK_MS = 500, BLIND_MS = LOOK_MS + 100, BLIND_LOOK_MS = 100 };

static int64_t now_ms(void) {
    return bb_monotonic_ns() / 1000000;
}

static int watch_open(struct bb_kafka_log *log, struct bb_error *error) {
    static const struct bb_kafka_property properties[] = {
        {"isolation.level", "read_committed"},      {"auto.offset.reset", "latest"},
        {"fetch.wait.max.ms", FETCH_WAIT_MS},       {"queued.max.messages.kbytes", "1024"},
        {"fetch.message.max.bytes", "1"},           {"fetch.error.backoff.ms", "20"},
        {"receive.message.max.bytes", "200000000"}, {"allow.auto.create.topics", "false"},
    };
    const struct bb_kafka_how how = {.type = RD_KAFKA_CONSUMER,
                                     .properties = properties,
                                     .property_count = sizeof properties / sizeof properties[0]};
    int result = bb_kafka_client_open(&log->watch, &log->options.cluster, &how, error);

    if (result < 0)
        return result;
    log->watch_queue = rd_kafka_queue_new(log->watch.rk);
    for (enum bb_kafka_topic topic = 0; topic < BB_KAFKA_OWNER; topic++)
        log->watch_topics[topic] = bb_kafka_topic_open(&log->watch, log->topics[topic]);
    for (uint32_t p = 0; p <= log->base.partitions; p++)
        log->armed[p] = UINT64_MAX;
    return 0;
}

void bb_kafka_watch_close(struct bb_kafka_log *log) {
    if (!log->watch.rk)
        return;
    for (uint32_t p = 0; p <= log->base.partitions; p++)
        if (log->armed[p] != UINT64_MAX)
            (void)rd_kafka_consume_stop(log->watch_topics[bb_kafka_topic_of(log, p)],
                                        bb_kafka_number_of(log, p));
    for (int i = 0; i < BB_KAFKA_OWNER; i++)
        rd_kafka_topic_destroy(log->watch_topics[i]);
    rd_kafka_queue_destroy(log->watch_queue);
    bb_kafka_client_close(&log->watch);
}

/* What the fetcher has seen; it goes on behind it. An error is no growth, and comes again. */
static void note_seen(struct bb_kafka_log *log, rd_kafka_message_t *message) {
    const uint32_t p = message->rkt == log->watch_topics[BB_KAFKA_CONTROL]
                           ? log->base.partitions
                           : (uint32_t)message->partition;

    if (!message->err && p <= log->base.partitions && log->armed[p] != UINT64_MAX)
        log->armed[p] = (uint64_t)message->offset + 1;
    rd_kafka_message_destroy(message);
}

/* Let the fetcher of each partition stand where it was last seen to end. What it fetched before goes first: a full queue holds
 * all of them up. */
static void arm(struct bb_kafka_log *log) {
    rd_kafka_message_t *message;
    bool moves = false;

    for (uint32_t p = 0; p <= log->base.partitions; p++) {
        if (log->armed[p] == log->seen[p])
            continue;
        if (log->armed[p] != UINT64_MAX)
            (void)rd_kafka_consume_stop(log->watch_topics[bb_kafka_topic_of(log, p)],
                                        bb_kafka_number_of(log, p));
        log->armed[p] = UINT64_MAX;
        moves = true;
    }
    while (moves && (message = rd_kafka_consume_queue(log->watch_queue, 0)))
        note_seen(log, message);
    for (uint32_t p = 0; p <= log->base.partitions; p++) {
        if (log->armed[p] == UINT64_MAX &&
            rd_kafka_consume_start_queue(log->watch_topics[bb_kafka_topic_of(log, p)],
                                         bb_kafka_number_of(log, p), (int64_t)log->seen[p],
                                         log->watch_queue) == 0) {
            log->armed[p] = log->seen[p];
            log->armed_ms = now_ms();
        }
    }
}

/* 0 grown: `seen` moved; 1 not. */
static int look(struct bb_kafka_log *log, uint64_t *ends, struct bb_error *error) {
    int result = bb_kafka_highs(log, ends, error);
    bool grown = false;

    for (uint32_t p = 0; result == 0 && p <= log->base.partitions; p++) {
        grown = grown || ends[p] > log->seen[p];
        log->seen[p] = ends[p];
    }
    return result < 0 ? result : grown ? 0 : 1;
}

/* How long the fetcher may be trusted to see all there is, and its connection to stand. */
static int sighted_ms(const struct bb_kafka_log *log, int64_t until) {
    const int64_t now = now_ms(), left = until - now;
    const int64_t most = now - log->armed_ms < BLIND_MS ? BLIND_LOOK_MS : LOOK_MS;

    return left <= 0 ? 0 : (int)(left < most ? left : most);
}

/* Until the fetcher has something, or may have missed it. */
static void sleep_at_ends(struct bb_kafka_log *log, int64_t until) {
    rd_kafka_message_t *message = rd_kafka_consume_queue(log->watch_queue, sighted_ms(log, until));

    if (message)
        note_seen(log, message);
}

int bb_kafka_wait(struct bb_log *base, int timeout_ms, struct bb_error *error) {
    struct bb_kafka_log *log = bb_kafka_log_of(base);
    int64_t until = now_ms() + timeout_ms;
    uint64_t *ends = calloc(base->partitions + 1, sizeof *ends);

    if (!ends)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to wait for the log");
    pthread_mutex_lock(&log->watch_lock);
    int result = look(log, ends, error);
    if (result == 1 && timeout_ms > 0 && !log->watch.rk) {
        int opened = watch_open(log, error);
        result = opened < 0 ? opened : 1;
    }
    while (result == 1 && now_ms() < until) {
        arm(log);
        sleep_at_ends(log, until);
        result = look(log, ends, error);
    }
    pthread_mutex_unlock(&log->watch_lock);
    free(ends);
    return result;
}
