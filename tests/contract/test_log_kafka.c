/* What only a log on Kafka promises: who may append, what happens while brokers are away, whose topics they are.
 *
 * What every log promises is in test_log.c, which runs on Kafka, too.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "contract/kafka_fixture.h"
#include "model/frame.h"
#include "support/log_folder.h"

enum { CONTROL = 2, SYNCS = 5 };

static int append(struct bb_log *log, uint32_t partition, uint64_t seed, struct bb_error *error) {
    char body[LOG_SAMPLE_LIMIT];
    struct bb_log_record record = log_sample(seed, body);

    return log->ops->append(log, partition, &record, error);
}

static int append_and_sync(struct bb_log *log, uint32_t partition, uint64_t seed,
                           struct bb_error *error) {
    int result = append(log, partition, seed, error);

    return result < 0 ? result : log->ops->sync(log, error);
}

static int read_first(struct bb_log *log, uint32_t partition, struct bb_error *error) {
    struct bb_log_reader *reader = NULL;
    struct bb_log_record record;
    int result = log->ops->reader_open(log, partition, &reader, error);

    if (result < 0)
        return result;
    result = log->ops->read(reader, 0, &record, error);
    log->ops->reader_close(reader);
    return result;
}

static int open_with(struct bb_log_kafka_options options, struct bb_log **log,
                     struct bb_error *error) {
    return bb_log_kafka_open(&options, log, error);
}

/* ---- one appender */

static void expect_fenced(struct bb_log *old, uint32_t partition) {
    struct bb_error error;

    cr_expect_eq(append_and_sync(old, partition, 100, &error), -BB_E_LOCKED, "%s", error.text);
    cr_expect(!error.retriable);
    cr_expect_not_null(strstr(error.text, "process"), "it says whose the log is: %s", error.text);
    cr_expect_eq(append(old, 0, 101, &error), -BB_E_LOCKED, "poisoned");
    cr_expect_eq(old->ops->sync(old, &error), -BB_E_LOCKED);
}

Test(log_kafka, who_opens_later_fences_who_appended, .timeout = 120) {
    struct kafka_fixture kafka;
    struct bb_error error;

    kafka_fixture_begin(&kafka, NULL);
    /* What is appended afterwards decides how it learns of it: by its transaction, or by asking. */
    static const uint32_t partitions[] = {CONTROL, 1};
    for (size_t i = 0; i < 2; i++) {
        struct bb_log *old = kafka_fixture_open(&kafka);
        uint64_t kept = log_end(old, CONTROL).offset;
        cr_assert_eq(append_and_sync(old, 0, i, &error), 0, "%s", error.text);
        struct bb_log *young = kafka_fixture_open(&kafka);
        cr_expect_eq(old->identity, young->identity);
        expect_fenced(old, partitions[i]);
        cr_expect_eq(log_end(young, CONTROL).offset, kept, "nothing of it is to be read");
        /* But in data partitions: there the younger one learns that its record stands elsewhere. */
        cr_expect_eq(append_and_sync(young, 0, i + 1, &error), 0, "%s", error.text);
        cr_expect_eq(append_and_sync(young, 1, 9, &error), i == 0 ? 0 : -BB_E_LOCKED, "%s",
                     error.text);
        old->ops->close(old);
        young->ops->close(young);
    }
    struct bb_log *log = kafka_fixture_open(&kafka);
    cr_expect_eq(append_and_sync(log, 1, 10, &error), 0, "opened again it goes on: %s", error.text);
    log->ops->close(log);
    kafka_fixture_end(&kafka);
}

Test(log_kafka, sees_that_somebody_else_appended, .timeout = 60) {
    struct kafka_fixture kafka;
    struct bb_error error;

    kafka_fixture_begin(&kafka, NULL);
    struct bb_log *log = kafka_fixture_open(&kafka);
    cr_assert_eq(append_and_sync(log, 0, 0, &error), 0);
    kafka_fixture_produce(&kafka, "readings", 0, "late", "kind", "1", "readings", "1", "before",
                          "0", NULL);
    cr_expect_eq(append_and_sync(log, 1, 1, &error), 0, "in another partition it is alone");
    cr_expect_eq(append_and_sync(log, 0, 1, &error), -BB_E_LOCKED, "%s", error.text);
    cr_expect_eq(append(log, 1, 2, &error), -BB_E_LOCKED);
    log->ops->close(log);
    kafka_fixture_end(&kafka);
}

/* Aborted transactions leave records that are never read and markers that are no records. The last one stays open, as when its
 * process is killed: whoever opens the log to append ends it. */
static void abort_transactions(const struct kafka_fixture *kafka, int count) {
    char why[256], id[64], topic[64];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    snprintf(id, sizeof id, "%s-appender", kafka->prefix);
    kafka_fixture_topic(kafka, "control", topic);
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka->brokers, why, sizeof why);
    cr_assert_eq(rd_kafka_conf_set(conf, "transactional.id", id, why, sizeof why), 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    cr_assert_null(rd_kafka_init_transactions(rk, 20000));
    for (int i = 0; i < count; i++) {
        cr_assert_null(rd_kafka_begin_transaction(rk));
        cr_assert_eq(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_VALUE("no", 2),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     0);
        cr_assert_eq(rd_kafka_flush(rk, 20000), 0);
        if (i < count - 1)
            cr_assert_null(rd_kafka_abort_transaction(rk, 20000));
    }
    rd_kafka_destroy(rk);
}

Test(log_kafka, passes_over_what_was_aborted, .timeout = 120) {
    struct kafka_fixture kafka;
    struct bb_error error;
    struct bb_log_record record = {.next_offset = 0};
    struct bb_log_reader *reader = NULL;
    uint64_t seed = 0, records = 0, readings = 0;

    kafka_fixture_begin(&kafka, NULL);
    for (int round = 0; round < 2; round++) {
        struct bb_log *log = kafka_fixture_open(&kafka);
        for (int i = 0; i < SYNCS; i++)
            cr_assert_eq(append_and_sync(log, CONTROL, seed++, &error), 0, "%s", error.text);
        log->ops->close(log);
        abort_transactions(&kafka, 4);
    }
    struct bb_log *log = kafka_fixture_open(&kafka);
    cr_assert_eq(log->ops->reader_open(log, CONTROL, &reader, &error), 0);
    for (uint64_t i = 0; i < seed; i++) {
        cr_assert_eq(log->ops->read(reader, record.next_offset, &record, &error), BB_LOG_RECORD,
                     "%s", error.text);
        cr_assert(log_sample_equal(&record, i), "record %" PRIu64, i);
        readings += record.readings;
    }
    cr_expect_eq(log->ops->read(reader, record.next_offset, &record, &error), BB_LOG_END);
    struct bb_log_end end = log_end(log, CONTROL);
    cr_expect_eq(end.offset, record.next_offset, "the end is behind the last record");
    cr_expect_eq(end.readings, readings);
    cr_expect_eq(log->ops->verify(log, CONTROL, &records, &error), 0);
    cr_expect_eq(records, seed);
    log->ops->reader_close(reader);
    log->ops->close(log);
    kafka_fixture_end(&kafka);
}

/* Behind a commit stands a marker, so the last record is not at the end; that it is the end the fetcher says once, maybe while
 * nobody listens. */
Test(log_kafka, an_idle_reader_knows_that_it_is_at_the_end, .timeout = 120) {
    struct kafka_fixture kafka;
    struct bb_log_reader *reader = NULL;
    struct bb_log_record record;
    struct bb_error error;
    uint64_t offset = 0;
    int result;

    kafka_fixture_begin(&kafka, NULL);
    struct bb_log *log = kafka_fixture_open(&kafka);
    for (uint64_t i = 0; i < SYNCS; i++)
        cr_assert_eq(append_and_sync(log, CONTROL, i, &error), 0, "%s", error.text);
    cr_assert_eq(log->ops->reader_open(log, CONTROL, &reader, &error), 0);
    for (uint64_t i = 0; i < SYNCS; i++) {
        result = log->ops->read(reader, offset, &record, &error);
        cr_assert_eq(result, BB_LOG_RECORD, "%s", error.text);
        offset = record.next_offset;
    }
    usleep(500 * 1000);
    result = log->ops->read(reader, offset, &record, &error);
    cr_expect_eq(result, BB_LOG_END, "%d %s", result, error.text);
    cr_assert_eq(append_and_sync(log, CONTROL, SYNCS, &error), 0, "%s", error.text);
    cr_expect_eq(log->ops->read(reader, offset, &record, &error), BB_LOG_RECORD, "%s", error.text);
    log->ops->reader_close(reader);
    log->ops->close(log);
    kafka_fixture_end(&kafka);
}

/* The reader has fetched some of what is gone meanwhile, and hands that out; then it says what is the matter, which its fetcher is
 * told but once, maybe long before. */
Test(log_kafka, says_that_what_it_comes_to_is_gone, .timeout = 120) {
    enum { RECORDS = 80, KEPT = 75, BYTES = 1 << 20 };
    struct kafka_fixture kafka;
    struct bb_log_reader *reader = NULL;
    struct bb_log_record record, read = {.next_offset = 0};
    struct bb_error error;
    struct bb_random random;
    uint64_t kept = 0;
    char *body = malloc(BYTES);
    int result;

    kafka_fixture_begin(&kafka, NULL);
    struct bb_log *log = kafka_fixture_open(&kafka);
    bb_random_seed(&random, 1);
    for (uint64_t i = 0; i < RECORDS; i++) {
        for (size_t at = 0; at < BYTES; at += sizeof(uint64_t))
            memcpy(body + at, &(uint64_t){bb_random_next(&random)}, sizeof(uint64_t));
        record = (struct bb_log_record){
            .kind = BB_RECORD_FRAME, .received_ms = 1, .readings = 1, .body = {body, BYTES}};
        cr_assert_eq(log->ops->append(log, 0, &record, &error), 0, "%s", error.text);
        kept = i == KEPT ? record.offset : kept;
    }
    cr_assert_eq(log->ops->sync(log, &error), 0, "%s", error.text);
    cr_assert_eq(log->ops->reader_open(log, 0, &reader, &error), 0);
    cr_assert_eq(log->ops->read(reader, 0, &read, &error), BB_LOG_RECORD, "%s", error.text);
    usleep(1000 * 1000);
    cr_assert_eq(log->ops->trim(log, 0, kept, INT64_MAX, &error), 0, "%s", error.text);
    while ((result = log->ops->read(reader, read.next_offset, &read, &error)) == BB_LOG_RECORD) {
        cr_assert_lt(read.offset, kept, "what is gone was passed over");
        usleep(read.offset == 20 ? 1000 * 1000 : 0); /* there is room to fetch more, in vain */
    }
    cr_expect_eq(result, -BB_E_LOG_CORRUPT, "%d: %s", result, error.text);
    cr_expect_not_null(strstr(error.text, "no longer kept"), "%s", error.text);
    cr_expect_eq(log->ops->read(reader, kept, &read, &error), BB_LOG_RECORD, "%s", error.text);
    log->ops->reader_close(reader);
    log->ops->close(log);
    kafka_fixture_end(&kafka);
    free(body);
}

Test(log_kafka, keeps_identity_sums_and_places_over_opening, .timeout = 60) {
    struct kafka_fixture kafka;
    struct bb_log_record record;
    struct bb_error error;
    uint64_t identity = 0, next[3] = {0}, readings[3] = {0};

    kafka_fixture_begin(&kafka, NULL);
    for (uint64_t round = 0; round < 3; round++) {
        struct bb_log *log = kafka_fixture_open(&kafka);
        cr_expect(round == 0 || log->identity == identity);
        identity = log->identity;
        for (uint32_t p = 0; p <= CONTROL; p++) {
            cr_expect_eq(log_end(log, p).offset, next[p]);
            log_append_sample(log, p, round, &record);
            cr_expect_geq(record.offset, next[p]);
            next[p] = record.next_offset;
            readings[p] += record.readings;
        }
        log_sync(log);
        for (uint32_t p = 0; p <= CONTROL; p++)
            cr_expect_eq(log_end(log, p).readings, readings[p]);
        log->ops->close(log);
    }
    struct bb_log_kafka_options options = kafka_fixture_options(&kafka);
    struct bb_log *reader = NULL;
    options.append = false;
    options.partitions = 0;
    cr_assert_eq(bb_log_kafka_open(&options, &reader, &error), 0, "%s", error.text);
    cr_expect_eq(reader->identity, identity);
    cr_expect_eq(reader->partitions, 2);
    cr_expect_eq(log_count_samples(reader, 1, 0, 0), 3);
    reader->ops->close(reader);
    kafka_fixture_end(&kafka);
}

/* ---- records */

static uint64_t header_size(const rd_kafka_headers_t *headers, const char *name,
                            const char *expected) {
    const void *value = NULL;
    size_t size = 0;

    cr_assert_eq(rd_kafka_header_get_last(headers, name, &value, &size), 0, "no header %s", name);
    if (expected)
        cr_expect(size == strlen(expected) && memcmp(value, expected, size) == 0, "%s is %.*s",
                  name, (int)size, (const char *)value);
    return size;
}

/* The first message of readings, as a client sees it that knows nothing of busbar. */
static rd_kafka_message_t *first_message(const struct kafka_fixture *kafka, rd_kafka_t **rk,
                                         rd_kafka_topic_t **topic) {
    char why[256], name[64];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    kafka_fixture_topic(kafka, "readings", name);
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka->brokers, why, sizeof why);
    *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    *topic = rd_kafka_topic_new(*rk, name, NULL);
    cr_assert_eq(rd_kafka_consume_start(*topic, 0, 0), 0);
    rd_kafka_message_t *message = rd_kafka_consume(*topic, 0, 20000);
    cr_assert(message && !message->err);
    return message;
}

Test(log_kafka, says_in_headers_what_a_record_is, .timeout = 60) {
    struct kafka_fixture kafka;
    struct bb_error error;
    struct bb_arena scratch;
    struct bb_buffer body;
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_timestamp_type_t type;
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;

    kafka_fixture_begin(&kafka, NULL);
    struct bb_log *log = kafka_fixture_open(&kafka);
    bb_arena_init(&scratch, 1 << 16, 1 << 20);
    bb_buffer_init(&body, 1 << 16);
    struct bb_frame frame = {.tenant = BB_SPAN("city"), .source = BB_SPAN("meters.csv")};
    cr_assert_eq(bb_frame_encode(&frame, &scratch, &body, &error), 0, "%s", error.text);
    struct bb_log_record record = {.kind = BB_RECORD_FILE_FRAME,
                                   .file_id = 0x1234,
                                   .readings = 0,
                                   .received_ms = 1700000000123,
                                   .body = bb_buffer_span(&body)};
    cr_assert_eq(log->ops->append(log, 0, &record, &error), 0);
    log_sync(log);
    rd_kafka_message_t *message = first_message(&kafka, &rk, &topic);
    cr_expect_eq(rd_kafka_message_timestamp(message, &type), 1700000000123);
    cr_assert_eq(rd_kafka_message_headers(message, &headers), 0);
    header_size(headers, "kind", "2");
    header_size(headers, "file_id", "0000000000001234");
    header_size(headers, "readings", "0");
    header_size(headers, "before", "0");
    header_size(headers, "tenant", "city");
    header_size(headers, "source", "meters.csv");
    rd_kafka_message_destroy(message);
    rd_kafka_consume_stop(topic, 0);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    bb_buffer_release(&body);
    bb_arena_release(&scratch);
    log->ops->close(log);
    kafka_fixture_end(&kafka);
}

Test(log_kafka, refuses_a_record_that_is_too_large_and_goes_on, .timeout = 120) {
    struct kafka_fixture kafka;
    struct bb_error error;
    char *body = calloc(1, BB_LOG_BODY_BYTES + 1);
    struct bb_log_record record = {
        .kind = BB_RECORD_FRAME, .received_ms = 1, .body = {body, BB_LOG_BODY_BYTES + 1}};

    kafka_fixture_begin(&kafka, NULL);
    struct bb_log *log = kafka_fixture_open(&kafka);
    for (uint32_t p = 0; p <= CONTROL; p += CONTROL) {
        record.body.size = BB_LOG_BODY_BYTES + 1;
        cr_expect_eq(log->ops->append(log, p, &record, &error), -BB_E_LOG_IO);
        record.body.size = BB_LOG_BODY_BYTES;
        cr_expect_eq(log->ops->append(log, p, &record, &error), 0, "%s", error.text);
        cr_expect_eq(log->ops->sync(log, &error), 0, "%s", error.text);
        cr_expect_eq(read_first(log, p, &error), BB_LOG_RECORD, "%s", error.text);
    }
    log->ops->close(log);
    kafka_fixture_end(&kafka);
    free(body);
}

static void set_max_message_bytes(const struct kafka_fixture *kafka, const char *value) {
    char why[256], topic[64];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    kafka_fixture_topic(kafka, "readings", topic);
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka->brokers, why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC,
                                                                      topic);
    rd_kafka_ConfigResource_set_config(resource, "max.message.bytes", value);
    rd_kafka_AlterConfigs(rk, &resource, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 20000);
    cr_assert(event && !rd_kafka_event_error(event), "%s",
              event ? rd_kafka_event_error_string(event) : "no answer");
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}

Test(log_kafka, is_poisoned_by_a_record_that_was_not_taken, .timeout = 60) {
    struct kafka_fixture kafka;
    struct bb_error error;
    static char body[5000];
    struct bb_log_record record = {
        .kind = BB_RECORD_FRAME, .received_ms = 1, .body = {body, sizeof body}};
    struct bb_log *log, *again;

    kafka_fixture_begin(&kafka, NULL);
    log = kafka_fixture_open(&kafka);
    cr_assert_eq(append_and_sync(log, 0, 0, &error), 0);
    set_max_message_bytes(&kafka, "1000");
    int result = 0;
    for (int i = 0; result == 0 && i < 200; i++) { /* until the broker heard of its new setting */
        cr_assert_eq(log->ops->append(log, 1, &record, &error), 0);
        result = log->ops->sync(log, &error);
        usleep(result == 0 ? 10000 : 0);
    }
    cr_expect_eq(result, -BB_E_KAFKA_UNDELIVERED, "%s", error.text);
    cr_expect(!error.retriable);
    cr_expect_eq(append(log, 1, 1, &error), -BB_E_KAFKA_UNDELIVERED);
    cr_expect_eq(log->ops->sync_begin(log, &error), -BB_E_KAFKA_UNDELIVERED);
    cr_expect_eq(log->ops->sync(log, &error), -BB_E_KAFKA_UNDELIVERED);
    cr_expect_eq(log_count_samples(log, 0, 0, 0), 1, "what was acknowledged is read");
    log->ops->close(log);
    cr_expect_eq(open_with(kafka_fixture_options(&kafka), &again, &error), -BB_E_KAFKA_TOPIC);
    cr_expect_not_null(strstr(error.text, "max.message.bytes"), "%s", error.text);
    kafka_fixture_end(&kafka);
}

Test(log_kafka, refuses_a_record_that_is_not_busbars, .timeout = 60) {
    struct kafka_fixture kafka;
    struct bb_error error;
    struct bb_log_end end;
    uint64_t records;

    kafka_fixture_begin(&kafka, NULL);
    struct bb_log *log = kafka_fixture_open(&kafka);
    kafka_fixture_produce(&kafka, "readings", 0, "hello", "kind", "1", NULL);
    cr_expect_eq(read_first(log, 0, &error), -BB_E_KAFKA_FOREIGN);
    cr_expect_not_null(strstr(error.text, "offset 0"), "%s", error.text);
    cr_expect_eq(log->ops->verify(log, 0, &records, &error), -BB_E_KAFKA_FOREIGN);
    cr_expect_eq(log->ops->end(log, 0, &end, &error), -BB_E_KAFKA_FOREIGN);
    log->ops->close(log);
    kafka_fixture_end(&kafka);
}

/* ---- topics */

Test(log_kafka, refuses_another_number_of_partitions, .timeout = 60) {
    struct kafka_fixture kafka;
    struct bb_error error;
    struct bb_log *log = NULL;

    kafka_fixture_begin(&kafka, NULL);
    kafka_fixture_make_topic(&kafka, "readings", 3);
    struct bb_log_kafka_options options = kafka_fixture_options(&kafka);
    cr_expect_eq(bb_log_kafka_open(&options, &log, &error), -BB_E_KAFKA_PARTITIONS);
    cr_expect_not_null(strstr(error.text, "3 partitions"), "%s", error.text);
    kafka_fixture_delete_topic(&kafka, "readings");
    log = kafka_fixture_open(&kafka);
    cr_assert_eq(append_and_sync(log, 1, 0, &error), 0);
    log->ops->close(log);

    /* Partitions that are added afterwards would move usage points about. */
    char why[256], topic[64];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    kafka_fixture_topic(&kafka, "readings", topic);
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka.brokers, why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_NewPartitions_t *more = rd_kafka_NewPartitions_new(topic, 4, why, sizeof why);
    rd_kafka_CreatePartitions(rk, &more, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 20000);
    cr_assert(event && !rd_kafka_event_error(event));
    rd_kafka_event_destroy(event);
    rd_kafka_NewPartitions_destroy(more);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    options.partitions = 0;
    int result = 0;
    for (int i = 0; result == 0 && i < 100; i++) { /* until the brokers show them */
        result = bb_log_kafka_open(&options, &log, &error);
        if (result == 0)
            log->ops->close(log);
        usleep(result == 0 ? 50000 : 0);
    }
    cr_expect_eq(result, -BB_E_KAFKA_PARTITIONS);
    kafka_fixture_end(&kafka);
}

Test(log_kafka, never_makes_anew_what_was_there, .timeout = 60) {
    struct kafka_fixture kafka;
    struct bb_error error;
    struct bb_log *log = NULL;

    kafka_fixture_begin(&kafka, NULL);
    struct bb_log_kafka_options options = kafka_fixture_options(&kafka);
    options.append = false;
    cr_expect_eq(bb_log_kafka_open(&options, &log, &error), -BB_E_DATA_MISSING);
    log = kafka_fixture_open(&kafka);
    log->ops->close(log);
    kafka_fixture_delete_topic(&kafka, "control");
    for (int append = 0; append <= 1; append++) {
        options.append = append != 0;
        cr_expect_eq(bb_log_kafka_open(&options, &log, &error), -BB_E_KAFKA_TOPIC);
        cr_expect_not_null(strstr(error.text, ".control"), "%s", error.text);
    }
    kafka_fixture_end(&kafka);
}

Test(log_kafka, says_what_is_wrong_with_a_setting, .timeout = 60) {
    static const struct {
        const char *name, *value;
    } wrong[] = {{"no.such.thing", "1"}, {"security.protocol", "wireless"}};
    struct kafka_fixture kafka;
    struct bb_error error;
    struct bb_log *log = NULL;

    kafka_fixture_begin(&kafka, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct bb_kafka_property property = {wrong[i].name, wrong[i].value};
        struct bb_log_kafka_options options = kafka_fixture_options(&kafka);
        options.cluster.properties = &property;
        options.cluster.property_count = 1;
        cr_expect_eq(bb_log_kafka_open(&options, &log, &error), -BB_E_KAFKA_SETTING);
        cr_expect_not_null(strstr(error.text, wrong[i].name), "%s", error.text);
    }
    struct bb_log_kafka_options options = kafka_fixture_options(&kafka);
    options.cluster.brokers = "127.0.0.1:1";
    options.cluster.answer_ms = 1500;
    cr_expect_eq(bb_log_kafka_open(&options, &log, &error), -BB_E_KAFKA_AWAY);
    cr_expect(error.retriable);
    cr_expect_not_null(strstr(error.text, "127.0.0.1:1"), "it says which broker: %s", error.text);
}

/* ---- who may come in */

/* An unsigned token: {"alg":"none"} and {"sub":"busbar","iat":1700000000,"exp":4102444800}. */
#define TOKEN                                                                                      \
    "eyJhbGciOiJub25lIn0."                                                                         \
    "eyJzdWIiOiJidXNiYXIiLCJpYXQiOjE3MDAwMDAwMDAsImV4cCI6NDEwMjQ0NDgwMH0."

struct entry {
    const char *mechanism, *password;
    const char *token_command, *token_text;
    bool without_authority; /* the brokers' certificate is nobody's that we trust */
    enum bb_error_code expected;
    const char *says;
};

static void try_entry(const struct cluster *cluster, const struct entry *entry) {
    char secure[CLUSTER_PATH], path[2 * CLUSTER_PATH], authority[2 * CLUSTER_PATH];
    struct bb_error error = {0};
    struct bb_log *log = NULL;
    size_t size;

    snprintf(path, sizeof path, "%s/secure", cluster->folder);
    char *text = log_file_load(path, &size);
    snprintf(secure, sizeof secure, "%.*s", (int)size - 1, text);
    free(text);
    snprintf(authority, sizeof authority, "%s/ca.pem", cluster->folder);
    struct kafka_fixture kafka;
    kafka_fixture_begin(&kafka, cluster->address);
    const struct bb_kafka_property properties[] = {
        {"security.protocol", "SASL_SSL"},
        {"sasl.mechanisms", entry->mechanism},
        {"sasl.username", "busbar"},
        {"sasl.password", entry->password ? entry->password : ""},
        {"ssl.ca.location", authority},
    };
    struct bb_log_kafka_options options = kafka_fixture_options(&kafka);
    options.cluster = (struct bb_kafka_cluster){.brokers = secure,
                                                .properties = properties,
                                                .property_count = entry->without_authority ? 4 : 5,
                                                .token_command = entry->token_command,
                                                .answer_ms = entry->expected ? 3000 : 0};
    if (entry->token_text) {
        snprintf(path, sizeof path, "%s/token", cluster->folder);
        log_file_store(path, entry->token_text, strlen(entry->token_text));
        options.cluster.token_file = path;
    }
    int result = bb_log_kafka_open(&options, &log, &error);
    cr_expect_eq(result, -(int)entry->expected, "%s: %s", entry->mechanism, error.text);
    if (entry->says)
        cr_expect_not_null(strstr(error.text, entry->says), "%s: %s", entry->mechanism, error.text);
    if (result == 0) {
        cr_expect_eq(append_and_sync(log, 0, 0, &error), 0, "%s: %s", entry->mechanism, error.text);
        cr_expect_eq(log_count_samples(log, 0, 0, 0), 1);
        log->ops->close(log);
        kafka_fixture_end(&kafka);
    }
}

Test(log_kafka, comes_in_by_tls_and_sasl, .timeout = 180) {
    bool scram = rd_kafka_version() >= 0x02060100;
    const struct entry entries[] = {
        {.mechanism = "PLAIN", .password = "meters"},
        {.mechanism = "PLAIN",
         .password = "wrong",
         .expected = BB_E_KAFKA_REFUSED,
         .says = "Invalid username or password"},
        {.mechanism = "PLAIN",
         .password = "meters",
         .without_authority = true,
         .expected = BB_E_KAFKA_REFUSED,
         .says = "certificate"},
        {.mechanism = "SCRAM-SHA-256",
         .password = "meters",
         .expected = scram ? BB_OK : BB_E_KAFKA_REFUSED,
         .says = scram ? NULL : "librdkafka 2.6.1"},
        {.mechanism = "OAUTHBEARER", .token_command = "printf '%s\n60\n' " TOKEN},
        {.mechanism = "OAUTHBEARER", .token_text = TOKEN "\n"},
        {.mechanism = "OAUTHBEARER",
         .token_command = "exit 3",
         .expected = BB_E_KAFKA_AWAY, /* who gives tokens may be away */
         .says = "exit 3"},
    };
    struct cluster cluster;

    cluster_start(&cluster, "kafka", "--secure");
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
        try_entry(&cluster, &entries[i]);
    cluster_stop(&cluster);
}

static int count_groups(const struct kafka_fixture *kafka) {
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const struct rd_kafka_group_list *groups = NULL;

    rd_kafka_conf_set(conf, "bootstrap.servers", kafka->brokers, why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    cr_assert_eq(rd_kafka_list_groups(rk, NULL, &groups, 20000), 0);
    int count = groups->group_cnt;
    rd_kafka_group_list_destroy(groups);
    rd_kafka_destroy(rk);
    return count;
}

Test(log_kafka, joins_no_group, .timeout = 60) {
    struct kafka_fixture kafka;
    struct bb_log_backlog backlog;
    struct bb_error error;

    kafka_fixture_begin(&kafka, NULL);
    int groups = count_groups(&kafka);
    struct bb_log *log = kafka_fixture_open(&kafka);
    cr_assert_eq(append_and_sync(log, 0, 0, &error), 0);
    cr_expect_eq(log->ops->backlog(log, 0, 0, &backlog, &error), 0);
    cr_expect_gt(backlog.lag_readings, 0);
    cr_expect_eq(read_first(log, 0, &error), BB_LOG_RECORD);
    cr_expect_eq(log->ops->wait(log, 50, &error), 0);
    cr_expect_eq(count_groups(&kafka), groups);
    log->ops->close(log);
    kafka_fixture_end(&kafka);
}

/* ---- brokers that go away */

enum { ANSWER_MS = 1000 }; /* of questions */

struct later {
    const struct cluster *cluster;
    const char *verb, *which;
    int after_ms;
};

static void *do_later(void *argument) {
    const struct later *later = argument;

    usleep((useconds_t)later->after_ms * 1000);
    cluster_do(later->cluster, later->verb, later->which);
    return NULL;
}

static int64_t elapsed_ms(int64_t since_ns) {
    return (bb_monotonic_ns() - since_ns) / 1000000;
}

/* What was sent is reported; then the broker holds still for longer than a question waits, when sync asks who appends. */
static void sync_while_a_broker_holds_still(const struct cluster *cluster, struct bb_log *log,
                                            uint64_t *seed) {
    enum { REPORTED_MS = 1000, STILL_MS = 3 * ANSWER_MS };
    struct bb_log_record record;
    struct bb_error error;
    pthread_t thread;

    log_append_sample(log, 0, (*seed)++, &record);
    usleep(REPORTED_MS * 1000);
    cluster_do(cluster, "pause", "");
    struct later back = {cluster, "resume", "", STILL_MS};
    int64_t begin = bb_monotonic_ns();
    cr_assert_eq(pthread_create(&thread, NULL, do_later, &back), 0);
    cr_assert_eq(log->ops->sync(log, &error), 0, "%s", error.text);
    cr_expect_geq(elapsed_ms(begin), STILL_MS, "it was answered while the broker held still");
    pthread_join(thread, NULL);
    cr_expect_eq(log_count_samples(log, 0, 0, 0), (int64_t)*seed);
}

Test(log_kafka, a_broker_that_is_killed_and_comes_back_loses_nothing, .timeout = 180) {
    struct cluster cluster;
    struct kafka_fixture kafka;
    struct bb_log_record record;
    struct bb_error error;
    pthread_t thread;
    uint64_t seeds[3] = {0};
    struct bb_log *log = NULL;

    cluster_start(&cluster, "kafka", "");
    kafka_fixture_begin(&kafka, cluster.address);
    struct bb_log_kafka_options options = kafka_fixture_options(&kafka);
    options.cluster.answer_ms = ANSWER_MS;
    cr_assert_eq(bb_log_kafka_open(&options, &log, &error), 0, "%s", error.text);
    for (int round = 0; round < (getenv("BUSBAR_SOAK") ? 10 : 1); round++) {
        for (int i = 0; i < 150; i++) {
            uint32_t p = (uint32_t)i % 3;
            log_append_sample(log, p, seeds[p]++, &record);
            if (i == 60) /* between append and sync; what was sent may or may not be written */
                cluster_do(&cluster, "kill", "");
        }
        struct later back = {&cluster, "restart", "", 1000};
        cr_assert_eq(pthread_create(&thread, NULL, do_later, &back), 0);
        cr_assert_eq(log->ops->sync(log, &error), 0, "%s", error.text);
        pthread_join(thread, NULL);
        for (uint32_t p = 0; p <= CONTROL; p++)
            cr_expect_eq(log_count_samples(log, p, 0, 0), (int64_t)seeds[p],
                         "partition %u: once each, in order", p);
    }
    sync_while_a_broker_holds_still(&cluster, log, &seeds[0]);
    log->ops->close(log);
    cluster_stop(&cluster);
}

Test(log_kafka, waits_for_brokers_for_as_long_as_it_was_told, .timeout = 180) {
    enum { PATIENCE_MS = 2000, MEGABYTE = 1 << 20, BUFFER = 32 << 20 };
    struct cluster cluster;
    struct kafka_fixture kafka;
    struct bb_error error;
    struct bb_log *log = NULL;
    struct bb_log_end end;
    char *body = calloc(1, MEGABYTE);
    struct bb_log_record large = {
        .kind = BB_RECORD_FRAME, .received_ms = 1, .body = {body, MEGABYTE}};

    cluster_start(&cluster, "kafka", "");
    kafka_fixture_begin(&kafka, cluster.address);
    struct bb_log_kafka_options options = kafka_fixture_options(&kafka);
    options.patience_ms = PATIENCE_MS;
    options.buffer_bytes = BUFFER;
    options.cluster.answer_ms = ANSWER_MS;
    cr_assert_eq(bb_log_kafka_open(&options, &log, &error), 0, "%s", error.text);
    cr_assert_eq(append_and_sync(log, 0, 0, &error), 0);
    cluster_do(&cluster, "kill", "");

    /* Questions fail, name the broker and may be asked again. */
    cr_expect_eq(log->ops->end(log, 0, &end, &error), -BB_E_KAFKA_AWAY);
    cr_expect(error.retriable);
    cr_expect_not_null(strstr(error.text, cluster.address), "%s", error.text);
    cr_expect_eq(read_first(log, 0, &error), -BB_E_KAFKA_AWAY);

    /* Appends are kept, up to the buffer, then they wait. */
    int64_t begin = bb_monotonic_ns();
    int kept = 0, result = 0;
    while (result == 0 && kept < 100) {
        result = log->ops->append(log, 1, &large, &error);
        kept += result == 0;
    }
    cr_expect_eq(result, -BB_E_KAFKA_UNDELIVERED, "%s", error.text);
    cr_expect(error.retriable);
    cr_expect_leq(kept, BUFFER / MEGABYTE);
    cr_expect_geq(kept, BUFFER / MEGABYTE / 2);
    cr_expect_geq(elapsed_ms(begin), PATIENCE_MS - 500);
    cr_expect_leq(elapsed_ms(begin), 4 * PATIENCE_MS);
    cr_expect_eq(log->ops->sync(log, &error), -BB_E_KAFKA_UNDELIVERED);
    cr_expect_eq(append(log, 0, 1, &error), -BB_E_KAFKA_UNDELIVERED, "it gave up for good");

    cluster_do(&cluster, "restart", "");
    int64_t count = -1;
    for (int i = 0; count < 0 && i < 30; i++) /* clients have to find the broker again */
        count = log_count_samples(log, 0, 0, 0);
    cr_expect_eq(count, 1, "questions are answered again");
    log->ops->close(log);
    for (int i = 0; i < 10; i++) { /* the brokers are still busy looking what was under way */
        result = bb_log_kafka_open(&options, &log, &error);
        if (result == 0 || !error.retriable)
            break;
    }
    cr_assert_eq(result, 0, "%s", error.text);
    cr_expect_eq(append_and_sync(log, 0, 1, &error), 0, "%s", error.text);
    cr_expect_eq(log_count_samples(log, 0, 0, 0), 2);
    log->ops->close(log);
    cluster_stop(&cluster);
    free(body);
}

static void expect_replicas(const struct kafka_fixture *kafka, const char *name, int count) {
    char why[256], topic[64];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const struct rd_kafka_metadata *metadata = NULL;

    kafka_fixture_topic(kafka, name, topic);
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka->brokers, why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    cr_assert_eq(rd_kafka_metadata(rk, 0, rkt, &metadata, 20000), 0);
    for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
        cr_expect_eq(metadata->topics[0].partitions[i].replica_cnt, count, "%s", topic);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(rkt);
    rd_kafka_destroy(rk);
}

Test(log_kafka, goes_on_when_one_broker_of_three_is_lost, .timeout = 240) {
    static const char *const numbers[] = {"1", "2", "3"};
    struct cluster cluster;
    struct kafka_fixture kafka;
    struct bb_log_record record;
    struct bb_error error;
    struct bb_log *log = NULL;
    uint64_t seeds[3] = {0};

    cluster_start(&cluster, "kafka", "--brokers 3");
    kafka_fixture_begin(&kafka, cluster.address);
    struct bb_log_kafka_options options = kafka_fixture_options(&kafka);
    options.replication = 3;
    options.min_insync = 2;
    cr_assert_eq(bb_log_kafka_open(&options, &log, &error), 0, "%s", error.text);
    expect_replicas(&kafka, "readings", 3);
    expect_replicas(&kafka, "control", 3);
    expect_replicas(&kafka, "owner", 3);
    /* Whoever leads what: in the long run each of them is lost once. */
    size_t rounds = getenv("BUSBAR_SOAK") ? 3 : 1;
    for (size_t lost = 0; lost < rounds; lost++) {
        for (int i = 0; i < 60; i++) {
            uint32_t p = (uint32_t)i % 3;
            log_append_sample(log, p, seeds[p]++, &record);
            if (i == 30)
                cluster_do(&cluster, "kill", numbers[lost]);
        }
        cr_assert_eq(log->ops->sync(log, &error), 0, "without broker %s: %s", numbers[lost],
                     error.text);
        for (uint32_t p = 0; p <= CONTROL; p++)
            cr_expect_eq(log_count_samples(log, p, 0, 0), (int64_t)seeds[p],
                         "without broker %s, partition %u", numbers[lost], p);
        if (lost + 1 < rounds)
            cluster_do(&cluster, "restart", numbers[lost]);
    }
    log->ops->close(log);
    cluster_stop(&cluster);
}
