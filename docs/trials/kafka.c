/* Throw-away trial, kept as evidence for docs/ports.md: does Kafka give what src/port/log.h asks?
 *
 * librdkafka against its own mock brokers, so no server is needed. No part of the build, the tests
 * or the product; run by hand: make -C docs/trials kafka
 *
 *   PASS / FAIL  a duty of port/log.h, tried here
 *   CARE         a duty that the mock cannot show, or that Kafka meets in another way
 *
 * The sketch of an adapter below is as short as it can be: no partial failure is handled beyond
 * what a line of the output claims. Three topics: "log" (data partitions), "log.control" (the
 * ledger of files), "group" (the rebalance).
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PARTITIONS = 2, ANSWER_MS = 10000, DATA = 0, CONTROL = 1 };
enum { FRAME = 1, FILE_FRAME = 2, FILE_COMMIT = 3, BEGIN = 5, DECIDED = 6, DONE = 7 };
static const char *const topics[] = {"log", "log.control"};
static const char *brokers;
static int failures;

static void tell(const char *verdict, const char *duty, const char *format, ...) {
    va_list list;
    printf("%s %-10s ", verdict, duty);
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    putchar('\n');
    fflush(stdout);
    failures += strcmp(verdict, "FAIL") == 0;
}
#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        bool well = (condition); /* before the arguments, which may ask again */                   \
        tell(well ? "PASS" : "FAIL", __VA_ARGS__);                                                 \
    } while (0)

static void die(const char *what, const char *why) {
    fprintf(stderr, "kafka trial: %s: %s\n", what, why);
    exit(2);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* A client; settings are name, value, ..., NULL. */
static rd_kafka_t *client(rd_kafka_type_t type, void (*set)(rd_kafka_conf_t *), void *opaque, ...) {
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *name;
    va_list list;

    va_start(list, opaque);
    while ((name = va_arg(list, const char *)) != NULL)
        if (rd_kafka_conf_set(conf, name, va_arg(list, const char *), why, sizeof why) != 0)
            die("setting", why);
    va_end(list);
    if (brokers && rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why) != 0)
        die("setting", why);
    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof why);
    rd_kafka_conf_set_opaque(conf, opaque);
    if (set)
        set(conf);
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (!rk)
        die("client", why);
    return rk;
}

/* ---- the record: kind, file_id, readings and `before` travel as headers, received_ms as the
 * message's timestamp. `before` = readings made visible by all records before this one: it is what
 * lets anyone tell a lag in readings from two single records. */

struct record {
    uint8_t kind;
    uint64_t file_id, before, offset, next_offset;
    uint32_t readings;
    int64_t received_ms;
    const void *body;
    size_t size;
};

static void put_header(rd_kafka_headers_t *to, const char *name, uint64_t value) {
    char text[24];
    int size = snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    rd_kafka_header_add(to, name, -1, text, size);
}

static uint64_t get_header(const rd_kafka_message_t *m, const char *name) {
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    char text[24] = "";

    if (rd_kafka_message_headers(m, &headers) ||
        rd_kafka_header_get_last(headers, name, &value, &size))
        return UINT64_MAX;
    memcpy(text, value, size < sizeof text ? size : sizeof text - 1);
    return strtoull(text, NULL, 10);
}

static void record_of(const rd_kafka_message_t *m, struct record *out) {
    *out = (struct record){.kind = (uint8_t)get_header(m, "kind"),
                           .file_id = get_header(m, "file"),
                           .before = get_header(m, "before"),
                           .readings = (uint32_t)get_header(m, "readings"),
                           .received_ms = rd_kafka_message_timestamp(m, NULL),
                           .offset = (uint64_t)m->offset,
                           .next_offset = (uint64_t)m->offset + 1,
                           .body = m->payload,
                           .size = m->len};
}

/* ---- append, sync */

struct appender {
    rd_kafka_t *rk;
    int unanswered;
    uint64_t readings[2][PARTITIONS];
    rd_kafka_resp_err_t poisoned;
};

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    struct appender *a = opaque;
    struct record *record = m->_private;
    (void)rk;
    a->unanswered--;
    if (m->err && !a->poisoned)
        a->poisoned = m->err;
    if (!m->err)
        record->next_offset = (record->offset = (uint64_t)m->offset) + 1;
}

static void set_delivered(rd_kafka_conf_t *conf) {
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
}

static struct appender *appender_open(const char *transactional_id) {
    struct appender *a = calloc(1, sizeof *a);
    a->rk = client(RD_KAFKA_PRODUCER, set_delivered, a, "enable.idempotence", "true", "acks", "all",
                   "enable.gapless.guarantee", "true", "linger.ms", "5", "message.max.bytes",
                   "8000000", transactional_id ? "transactional.id" : NULL, transactional_id, NULL);
    return a;
}

/* `record` must live until sync: its offset is known only when the broker answers. */
static int append(struct appender *a, int topic, int32_t partition, struct record *record) {
    if (a->poisoned)
        return -1;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(4);
    put_header(headers, "kind", record->kind);
    put_header(headers, "file", record->file_id);
    put_header(headers, "readings", record->readings);
    put_header(headers, "before", a->readings[topic][partition]);
    record->offset = record->next_offset = UINT64_MAX;
    rd_kafka_resp_err_t err = rd_kafka_producev(
        a->rk, RD_KAFKA_V_TOPIC(topics[topic]), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_VALUE((void *)record->body, record->size),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_TIMESTAMP(record->received_ms),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(record), RD_KAFKA_V_END);
    if (err) {
        rd_kafka_headers_destroy(headers);
        return -(int)err;
    }
    a->unanswered++;
    a->readings[topic][partition] += record->readings;
    return 0;
}

/* All reports in: all durable. One that failed: fatal for ever. */
static int sync_all(struct appender *a) {
    while (a->unanswered > 0 && !a->poisoned)
        rd_kafka_poll(a->rk, 100);
    return a->poisoned ? -1 : 0;
}

/* ---- read, end, backlog: the simple consumer, which knows no groups */

struct reader {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    const char *name;
    int32_t partition;
    int64_t at; /* where the fetcher stands; -1: not started */
    rd_kafka_message_t *message;
};
enum { RECORD = 0, END = 1, GONE = -1, NO_ANSWER = -2 };

/* A seek waits for the fetch under way: who jumps about asks with a short `fetch_wait_ms`. */
static struct reader *reader_open_waiting(const char *topic, int32_t partition,
                                          const char *fetch_wait_ms) {
    struct reader *r = calloc(1, sizeof *r);
    *r = (struct reader){.name = topic, .partition = partition, .at = -1};
    r->rk = client(RD_KAFKA_CONSUMER, NULL, NULL, "isolation.level", "read_committed", "check.crcs",
                   "true", "auto.offset.reset", "error", "fetch.wait.max.ms", fetch_wait_ms, NULL);
    r->topic = rd_kafka_topic_new(r->rk, topic, NULL);
    return r;
}

static struct reader *reader_open(const char *topic, int32_t partition) {
    return reader_open_waiting(topic, partition, "500");
}

static void reader_close(struct reader *r) {
    if (r->message)
        rd_kafka_message_destroy(r->message);
    if (r->at >= 0)
        rd_kafka_consume_stop(r->topic, r->partition);
    rd_kafka_topic_destroy(r->topic);
    rd_kafka_destroy(r->rk);
    free(r);
}

/* The first record at or behind `offset`. END is the broker's word, never a time-out's. */
static int read_at(struct reader *r, uint64_t offset, struct record *out) {
    int64_t low = 0, high = 0;

    if (r->message)
        rd_kafka_message_destroy(r->message);
    r->message = NULL;
    if (r->at < 0)
        rd_kafka_consume_start(r->topic, r->partition, (int64_t)offset);
    else if (r->at != (int64_t)offset)
        rd_kafka_seek(r->topic, r->partition, (int64_t)offset, ANSWER_MS);
    r->at = (int64_t)offset;
    r->message = rd_kafka_consume(r->topic, r->partition, 0);
    if (!r->message) {
        if (rd_kafka_query_watermark_offsets(r->rk, r->name, r->partition, &low, &high, ANSWER_MS))
            return NO_ANSWER;
        if ((int64_t)offset < low)
            return GONE;
        if ((int64_t)offset >= high)
            return END;
        r->message = rd_kafka_consume(r->topic, r->partition, ANSWER_MS);
    }
    if (!r->message || r->message->err)
        return r->message && r->message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ? GONE
                                                                                     : NO_ANSWER;
    record_of(r->message, out);
    r->at = (int64_t)out->next_offset;
    return RECORD;
}

struct backlog {
    int64_t first, end;
    uint64_t readings, lag;
    int64_t oldest_ms;
};

/* Two watermarks and two records; `r` is a client without any group. */
static int backlog_of(struct reader *r, uint64_t position, struct backlog *out) {
    struct record last, oldest;

    *out = (struct backlog){0};
    if (rd_kafka_query_watermark_offsets(r->rk, r->name, r->partition, &out->first, &out->end,
                                         ANSWER_MS))
        return NO_ANSWER;
    if (out->end == out->first)
        return RECORD;
    int result = read_at(r, (uint64_t)out->end - 1, &last);
    if (result == RECORD)
        out->readings = last.before + last.readings;
    if (result == RECORD && (int64_t)position < out->end) {
        result = read_at(r, position, &oldest);
        out->lag = out->readings - oldest.before;
        out->oldest_ms = oldest.received_ms;
    }
    return result;
}

/* ---- the trials, in the order of port/log.h */

static void try_append(struct appender *a, struct record *records, int count) {
    int rising = 0, unknown = 0;
    double begin = now();

    for (int i = 0; i < count; i++) {
        records[i] = (struct record){.kind = FRAME,
                                     .file_id = (uint64_t)i * 7,
                                     .readings = 100,
                                     .received_ms = 1700000000000 + i,
                                     .body = "a frame",
                                     .size = 7};
        if (append(a, DATA, 0, &records[i]))
            die("append", "refused");
        unknown += records[i].offset == UINT64_MAX;
    }
    int result = sync_all(a);
    CHECK(result == 0 && a->unanswered == 0, "sync",
          "all %d delivery reports (acks=all, idempotent) are in after %.1f ms", count,
          now() - begin);
    for (int i = 1; i < count; i++)
        rising += records[i].offset >= records[i - 1].next_offset;
    CHECK(rising == count - 1, "offsets", "ascending: %d..%d, next_offset = offset + 1",
          (int)records[0].offset, (int)records[count - 1].offset);
    tell(unknown ? "CARE" : "PASS", "append",
         "the offset is unknown when append returns (%d of %d): the report brings it", unknown,
         count);
    tell("CARE", "sync_begin", "nothing to do: the client sends by itself after linger.ms");
}

static void try_read(const struct record *records, int count) {
    struct reader *r = reader_open(topics[DATA], 0), *other = reader_open(topics[DATA], 0);
    struct record got = {0}, again = {0};
    int whole = 0;

    for (uint64_t at = 0; read_at(r, at, &got) == RECORD; at = got.next_offset) {
        const struct record *sent = &records[whole];
        whole += got.kind == sent->kind && got.file_id == sent->file_id &&
                 got.readings == sent->readings && got.received_ms == sent->received_ms &&
                 got.size == sent->size && memcmp(got.body, sent->body, got.size) == 0;
    }
    CHECK(whole == count, "headers",
          "kind, file_id, readings as headers, received_ms as timestamp: %d of %d whole", whole,
          count);
    CHECK(read_at(r, (uint64_t)count, &got) == END, "read",
          "END at the high watermark, asked of the broker, not guessed from a time-out");
    int one = read_at(other, 7, &got);
    uint64_t offset = got.offset;
    int two = read_at(other, 3, &again);
    CHECK(one == RECORD && two == RECORD && offset == 7 && again.offset == 3, "read",
          "explicit offsets 7, then 3, in a client without group.id");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topics[DATA], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(other->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    CHECK(err == RD_KAFKA_RESP_ERR__UNKNOWN_GROUP, "no group",
          "that client could not join if it would: subscribe says '%s'", rd_kafka_err2str(err));
    reader_close(other);
    reader_close(r);
}

static void try_backlog(const struct record *records, int count) {
    uint64_t position = records[count - 5].offset;
    double took[2];
    struct backlog b = {0}, none;
    int result = 0;

    for (int quick = 0; quick < 2 && result == 0; quick++) {
        struct reader *r = reader_open_waiting(topics[DATA], 0, quick ? "5" : "500");
        result = backlog_of(r, position, &b); /* connects */
        double begin = now();
        if (result == RECORD)
            result = backlog_of(r, position, &b);
        took[quick] = now() - begin;
        if (quick && result == RECORD)
            result = backlog_of(r, (uint64_t)count, &none);
        reader_close(r);
    }
    CHECK(result == RECORD && b.first == 0 && b.end == count && b.readings == (uint64_t)count * 100,
          "end", "first %d, end %d, readings %d (`before` + readings of the last record)",
          (int)b.first, (int)b.end, (int)b.readings);
    CHECK(result == RECORD && b.lag == 500 && b.oldest_ms == records[count - 5].received_ms,
          "backlog", "position %d: lag %d readings, oldest %lld, no group joined", (int)position,
          (int)b.lag, (long long)b.oldest_ms);
    CHECK(result == RECORD && none.lag == 0 && none.oldest_ms == 0, "backlog",
          "at the end: lag 0, oldest 0");
    if (result == RECORD)
        tell(
            "CARE", "backlog",
            "a jump waits for the fetch under way: %.0f ms with fetch.wait.max.ms=500, %.0f with 5",
            took[0], took[1]);
}

static void try_wait(struct appender *a) {
    struct reader *r = reader_open(topics[DATA], 1);
    struct record record = {.kind = FRAME, .readings = 1, .received_ms = 1, .body = "x", .size = 1};

    rd_kafka_consume_start(r->topic, 1, 0);
    rd_kafka_message_t *m = rd_kafka_consume(r->topic, 1, 700);
    bool quiet = m == NULL;
    if (m)
        rd_kafka_message_destroy(m);
    append(a, DATA, 1, &record);
    double begin = now();
    m = rd_kafka_consume(r->topic, 1, ANSWER_MS);
    CHECK(quiet && m && !m->err, "wait",
          "times out when nothing grows; an append wakes the long poll after %.0f ms",
          now() - begin);
    tell(m && a->unanswered ? "CARE" : "PASS", "visible",
         "the reader had it before sync was called: replicated already, but not yet answered for");
    if (m)
        rd_kafka_message_destroy(m);
    rd_kafka_consume_stop(r->topic, 1);
    sync_all(a);
    reader_close(r);
}

/* BEGIN, frames between other records, DECIDED, mark, DONE; then a feed that is stopped inside the
 * file and goes on from (offset, inner). */
static void try_ledger(struct appender *a) {
    enum { FILE_ID = 4711, FRAMES = 3, ALL = 2 * FRAMES };
    struct record begin = {
        .kind = BEGIN, .file_id = FILE_ID, .received_ms = 5, .body = "b", .size = 1};
    struct record decided = begin, done = begin, mark = begin, frames[ALL], got;
    struct reader *control, *outer, *inner;
    uint64_t seen[FRAMES], at = 0, of_file = 0, position[2] = {0, 0};
    char states[8] = "";
    int handed = 0;

    decided.kind = DECIDED, done.kind = DONE, mark.kind = FILE_COMMIT, mark.readings = FRAMES * 10;
    int result = append(a, CONTROL, 0, &begin) | sync_all(a);
    for (int i = 0; i < ALL; i++) {
        frames[i] = (struct record){.kind = i % 2 ? FRAME : FILE_FRAME,
                                    .file_id = i % 2 ? 0 : FILE_ID,
                                    .readings = i % 2 ? 10 : 0,
                                    .received_ms = 5,
                                    .body = "f",
                                    .size = 1};
        result |= append(a, DATA, 1, &frames[i]);
    }
    result |= sync_all(a);
    result |= append(a, CONTROL, 0, &decided) | sync_all(a);
    result |= append(a, DATA, 1, &mark) | sync_all(a);
    result |= append(a, CONTROL, 0, &done) | sync_all(a);

    control = reader_open(topics[CONTROL], 0);
    for (size_t n = 0; n < 7 && read_at(control, at, &got) == RECORD; at = got.next_offset)
        states[n++] = (char)('0' + got.kind);
    CHECK(result == 0 && strcmp(states, "567") == 0, "control",
          "topic %s read from its start: kinds %s (begun, decided, done)", topics[CONTROL], states);
    reader_close(control);

    outer = reader_open(topics[DATA], 1);
    inner = reader_open(topics[DATA], 1);
    position[0] = frames[0].offset;
    while (read_at(outer, position[0], &got) == RECORD && got.kind != FILE_COMMIT)
        position[0] = got.next_offset;
    uint64_t commit = got.offset;
    position[1] = frames[0].offset;
    while (position[1] < commit && read_at(inner, position[1], &got) == RECORD) {
        position[1] = got.next_offset;
        if (got.file_id != FILE_ID)
            continue;
        of_file++;
        seen[handed++] = got.offset;
        if (handed == 2) { /* killed here, begun again with nothing but the position */
            reader_close(inner);
            inner = reader_open(topics[DATA], 1);
        }
    }
    CHECK(of_file == FRAMES && seen[0] == frames[0].offset && seen[2] == frames[4].offset, "inner",
          "position (%d, inner): stopped inside the file and resumed, %d of %d frames once each",
          (int)commit, (int)of_file, FRAMES);
    reader_close(inner);
    reader_close(outer);
}

/* ---- rebalance. The store is three numbers per partition, changed under compare-and-swap. */

static struct { uint64_t epoch, position, applied; } store[PARTITIONS];

struct worker {
    rd_kafka_t *rk;
    bool mine[PARTITIONS];
    uint64_t epoch[PARTITIONS];
    int assigned, revoked, claims;
};

static bool store_commit(int32_t p, uint64_t epoch, uint64_t from, uint64_t to) {
    if (store[p].epoch != epoch || store[p].position != from)
        return false;
    store[p].position = to;
    store[p].applied += to - from;
    return true;
}

static void rebalanced(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                       rd_kafka_topic_partition_list_t *list, void *opaque) {
    struct worker *w = opaque;
    if (err != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        w->revoked += list->cnt;
        memset(w->mine, 0, sizeof w->mine);
        rd_kafka_assign(rk, NULL);
        return;
    }
    for (int i = 0; i < list->cnt; i++) {
        int32_t p = list->elems[i].partition;
        w->mine[p] = true;
        w->epoch[p] = ++store[p].epoch; /* claim */
        w->claims++;
        list->elems[i].offset = (int64_t)store[p].position; /* not what the broker thinks */
    }
    w->assigned += list->cnt;
    rd_kafka_assign(rk, list);
}

static void worker_step(struct worker *w, int timeout_ms) {
    rd_kafka_message_t *m = rd_kafka_consumer_poll(w->rk, timeout_ms);
    if (!m)
        return;
    int32_t p = m->partition;
    if (!m->err && w->mine[p])
        store_commit(p, w->epoch[p], (uint64_t)m->offset, (uint64_t)m->offset + 1);
    rd_kafka_message_destroy(m);
}

static void set_rebalanced(rd_kafka_conf_t *conf) {
    rd_kafka_conf_set_rebalance_cb(conf, rebalanced);
}

static void try_rebalance(rd_kafka_t *producer) {
    enum { RECORDS = 40 };
    struct worker a = {0}, b = {0};
    struct worker *both[] = {&a, &b};

    for (int i = 0; i < RECORDS; i++)
        rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("group"), RD_KAFKA_V_PARTITION(i % PARTITIONS),
                          RD_KAFKA_V_VALUE("r", 1), RD_KAFKA_V_END);
    rd_kafka_flush(producer, ANSWER_MS);
    for (int i = 0; i < 2; i++) {
        both[i]->rk = client(RD_KAFKA_CONSUMER, set_rebalanced, both[i], "group.id", "derive",
                             "enable.auto.commit", "false", "session.timeout.ms", "6000",
                             "heartbeat.interval.ms", "200", "auto.offset.reset", "error", NULL);
        rd_kafka_poll_set_consumer(both[i]->rk);
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, "group", RD_KAFKA_PARTITION_UA);

    rd_kafka_subscribe(a.rk, list);
    for (double end = now() + 20000; now() < end && store[0].applied + store[1].applied < 10;)
        worker_step(&a, 50);
    CHECK(a.assigned == PARTITIONS && a.claims == PARTITIONS && store[0].epoch == 1, "assign",
          "worker a: %d partitions, each claimed in the store (epoch 1) before its first record",
          a.assigned);
    int32_t taken = -1;
    uint64_t old_epoch[PARTITIONS] = {a.epoch[0], a.epoch[1]};
    rd_kafka_subscribe(b.rk, list);
    for (double end = now() + 30000; now() < end && taken < 0;) {
        worker_step(&a, 20);
        worker_step(&b, 20);
        for (int32_t p = 0; p < PARTITIONS; p++)
            if (b.mine[p] && a.revoked > 0 && a.mine[1 - p])
                taken = p;
    }
    CHECK(taken >= 0 && a.revoked == PARTITIONS && store[taken].epoch > old_epoch[taken], "revoke",
          "worker b joins: a is revoked, partition %d goes to b with epoch %d", taken,
          taken < 0 ? 0 : (int)store[taken].epoch);
    if (taken >= 0) {
        uint64_t at = store[taken].position;
        bool accepted = store_commit(taken, old_epoch[taken], at, at + 1);
        CHECK(!accepted, "fenced", "a goes on with epoch %d whatever the group believes: refused",
              (int)old_epoch[taken]);
    }
    for (double end = now() + 20000;
         now() < end && store[0].applied + store[1].applied < RECORDS;) {
        worker_step(&a, 20);
        worker_step(&b, 20);
    }
    rd_kafka_topic_partition_list_t *committed = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(committed, "group", 0);
    rd_kafka_committed(b.rk, committed, ANSWER_MS);
    CHECK(store[0].applied + store[1].applied == RECORDS && store[0].position == RECORDS / 2 &&
              committed->elems[0].offset < 0,
          "position",
          "from the store alone (the broker has no committed offset): %d of %d, once each",
          (int)(store[0].applied + store[1].applied), RECORDS);
    tell("CARE", "assign",
         "port/log.h has no assignment; a group is not needed to read, end or wait");
    rd_kafka_topic_partition_list_destroy(committed);
    rd_kafka_topic_partition_list_destroy(list);
    for (int i = 0; i < 2; i++) {
        rd_kafka_consumer_close(both[i]->rk);
        rd_kafka_destroy(both[i]->rk);
    }
}

/* ---- sizes, retention, trimming */

static void try_sizes(struct appender *a) {
    static char body[1500000];
    struct record record = {.kind = FRAME, .received_ms = 9, .body = body};
    struct record got;
    struct appender *plain = calloc(1, sizeof *plain);
    struct reader *r;
    int result = 0;
    int64_t low = 0, high = 0;

    plain->rk = client(RD_KAFKA_PRODUCER, set_delivered, plain, "acks", "all", NULL);
    record.size = 100000;
    bool small = append(a, DATA, 0, &record) == 0 && sync_all(a) == 0;
    record.size = sizeof body;
    int refused = append(plain, DATA, 0, &record);
    CHECK(small && refused == -RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, "size",
          "a frame of 100 kB goes; 1.5 MB with defaults: '%s'",
          rd_kafka_err2str((rd_kafka_resp_err_t)-refused));
    rd_kafka_destroy(plain->rk);
    free(plain);
    bool large = append(a, DATA, 0, &record) == 0 && sync_all(a) == 0;
    r = reader_open(topics[DATA], 0);
    bool back = large && read_at(r, record.offset, &got) == RECORD && got.size == sizeof body;
    CHECK(back, "size", "with message.max.bytes=8000000 it goes and comes back whole");

    for (int i = 0; i < 5 && !result; i++) /* the mock keeps 5 MB per partition */
        result = append(a, DATA, 0, &record) | sync_all(a);
    rd_kafka_query_watermark_offsets(r->rk, topics[DATA], 0, &low, &high, ANSWER_MS);
    CHECK(result == 0 && low > 0 && read_at(r, 0, &got) == GONE, "retention",
          "first_offset is now %d; reading offset 0 is an error, never a silent jump", (int)low);
    reader_close(r);

    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topics[DATA], 0)->offset = high;
    rd_kafka_DeleteRecords_t *wanted = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(a->rk);
    rd_kafka_DeleteRecords(a->rk, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ANSWER_MS);
    const rd_kafka_DeleteRecords_result_t *answer = event
                                                        ? rd_kafka_event_DeleteRecords_result(event)
                                                        : NULL;
    tell("CARE", "trim", "DeleteRecords(offset) is Kafka's way; the mock brokers answer '%s'",
         answer ? rd_kafka_err2str(rd_kafka_DeleteRecords_result_offsets(answer)->elems[0].err)
                : "nothing");
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteRecords_destroy(wanted);
    rd_kafka_topic_partition_list_destroy(list);
}

/* ---- one appender, transactions, identity, failure */

static void try_identity(rd_kafka_t *rk) {
    char *id = rd_kafka_clusterid(rk, ANSWER_MS);
    CHECK(id != NULL, "identity",
          "cluster id '%s'; a topic made anew keeps it, so a random record must go first in %s",
          id ? id : "", topics[CONTROL]);
    rd_kafka_mem_free(rk, id);
}

static const char *outcome(rd_kafka_error_t *error, rd_kafka_resp_err_t *code) {
    *code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (error)
        rd_kafka_error_destroy(error);
    return rd_kafka_err2name(*code);
}

static void try_transactions(rd_kafka_mock_cluster_t *mock) {
    struct appender *old = appender_open("appender"), *young;
    struct record one = {.kind = FRAME, .received_ms = 1, .body = "t", .size = 1}, two = one,
                  late = one;
    rd_kafka_resp_err_t code;

    outcome(rd_kafka_init_transactions(old->rk, ANSWER_MS), &code);
    outcome(rd_kafka_begin_transaction(old->rk), &code);
    append(old, DATA, 1, &one);
    outcome(rd_kafka_commit_transaction(old->rk, ANSWER_MS), &code);
    outcome(rd_kafka_begin_transaction(old->rk), &code);
    append(old, DATA, 1, &two);
    outcome(rd_kafka_commit_transaction(old->rk, ANSWER_MS), &code);
    tell("CARE", "markers",
         "two transactions, offsets %d and %d: the mock writes no commit markers, a broker does",
         (int)one.offset, (int)two.offset);

    young = appender_open("appender");
    outcome(rd_kafka_init_transactions(young->rk, ANSWER_MS), &code);
    outcome(rd_kafka_begin_transaction(old->rk), &code);
    append(old, DATA, 1, &late);
    const char *answer = outcome(rd_kafka_commit_transaction(old->rk, ANSWER_MS), &code);
    tell("CARE", "appender",
         "second client with one transactional.id; the first one's commit on the mock: %s", answer);
    rd_kafka_destroy(young->rk);
    rd_kafka_destroy(old->rk);
    free(young);
    free(old);

    old = appender_open("fenced");
    outcome(rd_kafka_init_transactions(old->rk, ANSWER_MS), &code);
    outcome(rd_kafka_begin_transaction(old->rk), &code);
    append(old, DATA, 1, &late);
    rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 1,
                                      RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
    answer = outcome(rd_kafka_commit_transaction(old->rk, ANSWER_MS), &code);
    CHECK(code && old->poisoned, "appender",
          "a broker's INVALID_PRODUCER_EPOCH (injected) ends the older appender: %s", answer);
    rd_kafka_destroy(old->rk);
    free(old);
}

static void try_failure(rd_kafka_mock_cluster_t *mock) {
    struct appender *a = appender_open(NULL);
    struct record record = {.kind = FRAME, .received_ms = 1, .body = "x", .size = 1};
    char why[128] = "";

    rd_kafka_mock_push_request_errors(mock, 0, 1, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    int first = append(a, DATA, 1, &record) | sync_all(a);
    uint64_t offset = record.offset;
    CHECK(first == 0, "retry",
          "a change of leader (injected) is retried inside the client, no copy");
    rd_kafka_mock_push_request_errors(mock, 0, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    int result = append(a, DATA, 1, &record) | sync_all(a);
    int after = append(a, DATA, 1, &record), again = sync_all(a);
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(a->rk, why, sizeof why);
    CHECK(result != 0 && after != 0 && again != 0 && record.offset == UINT64_MAX, "failure",
          "a failed report (%s) poisons the log; append and sync refuse; librdkafka: %s",
          rd_kafka_err2name(a->poisoned), fatal ? rd_kafka_err2name(fatal) : "goes on by itself");
    rd_kafka_destroy(a->rk);
    free(a);

    struct reader *r = reader_open(topics[DATA], 1);
    struct record got;
    uint64_t read = 0, at = 0, previous = 0;
    bool ordered = true;
    for (; read_at(r, at, &got) == RECORD; at = got.next_offset, read++) {
        ordered &= read == 0 || got.offset > previous;
        previous = got.offset;
    }
    CHECK(ordered && previous == offset, "verify",
          "%d records read to the end, CRC32C checked (check.crcs); none of the failed ones",
          (int)read);
    reader_close(r);
}

int main(void) {
    enum { RECORDS = 20 };
    struct record records[RECORDS];
    rd_kafka_t *host = client(RD_KAFKA_PRODUCER, NULL, NULL, "test.mock.num.brokers", "3", NULL);
    rd_kafka_mock_cluster_t *mock = rd_kafka_handle_mock_cluster(host);

    brokers = rd_kafka_mock_cluster_bootstraps(mock);
    rd_kafka_mock_topic_create(mock, topics[DATA], PARTITIONS, 3);
    rd_kafka_mock_topic_create(mock, topics[CONTROL], 1, 3);
    rd_kafka_mock_topic_create(mock, "group", PARTITIONS, 3);
    printf("librdkafka %s, 3 mock brokers\n", rd_kafka_version_str());

    struct appender *a = appender_open(NULL);
    try_append(a, records, RECORDS);
    try_read(records, RECORDS);
    try_backlog(records, RECORDS);
    try_wait(a);
    try_ledger(a);
    try_rebalance(host);
    try_sizes(a);
    try_identity(host);
    try_transactions(mock);
    try_failure(mock);
    rd_kafka_destroy(a->rk);
    free(a);
    rd_kafka_destroy(host);
    printf("%s\n", failures ? "kafka: FAILED" : "kafka: all passed");
    return failures != 0;
}
