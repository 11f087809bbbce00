/* Readers, and verify. See log_kafka_internal.h for where their clients come from.
 *
 * A reader's fetcher runs while there is something to fetch and stops at the end: an idle reader costs nothing. What it has fetched
 * is looked through ahead of what is read, so that one whose reader is busy elsewhere does not ask for more at the end again and
 * again. END is what the partition's leader says when asked, never the absence of an answer. Behind the last record of control there may be markers of
 * transactions, which take offsets and are no records: the fetcher tells when it came to the end.
 */
#include "adapter/log_kafka_internal.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    SLICE_MS = 100,
    READY_MOST = 64,
    READY_BYTES = 4 << 20 /* and one message more, beside what the fetcher has queued */
};

struct kafka_reader { /* what a struct bb_log_reader is here */
    struct bb_kafka_log *log;
    struct bb_kafka_fetcher *fetcher;
    rd_kafka_topic_t *rkt;
    uint32_t partition;
    int32_t number;
    bool running;
    uint64_t at;    /* where the fetcher stands, when it runs */
    uint64_t high;  /* where the partition ended when that was asked last */
    uint64_t ended; /* it has handed over all before this offset, which it says once; 0: not yet */
    rd_kafka_message_t *message;
    rd_kafka_message_t *ready[READY_MOST]; /* the next ones, a ring; the last may be an error */
    size_t ready_first, ready_count, ready_bytes;
    bool failed; /* it is */
};

enum step { COMES = 0, AT_END = 1 };

static int64_t now_ms(void) {
    return bb_monotonic_ns() / 1000000;
}

/* ---- fetchers */

static void fetcher_free(struct bb_kafka_fetcher *fetcher) {
    for (int i = 0; i < BB_KAFKA_OWNER; i++)
        if (fetcher->topics[i])
            rd_kafka_topic_destroy(fetcher->topics[i]);
    bb_kafka_client_close(&fetcher->client);
    free(fetcher->taken);
    free(fetcher);
}

static int fetcher_new(struct bb_kafka_log *log, struct bb_kafka_fetcher **out,
                       struct bb_error *error) {
    static const struct bb_kafka_property properties[] = {
        {"isolation.level", "read_committed"},
        {"check.crcs", "true"},
        {"auto.offset.reset", "error"},
        {"enable.partition.eof", "true"},
        {"fetch.wait.max.ms", "5"}, /* who begins elsewhere waits for the fetch under way */
        {"fetch.message.max.bytes", "2097152"},
        {"queued.max.messages.kbytes", "32768"}, /* a full one pauses for up to a second */
        {"fetch.error.backoff.ms", "20"},
        {"receive.message.max.bytes", "200000000"},
        {"allow.auto.create.topics", "false"},
    };
    const struct bb_kafka_how how = {.type = RD_KAFKA_CONSUMER,
                                     .properties = properties,
                                     .property_count = sizeof properties / sizeof properties[0]};
    struct bb_kafka_fetcher *fetcher = calloc(1, sizeof *fetcher);

    if (fetcher)
        fetcher->taken = calloc(log->base.partitions + 1, sizeof *fetcher->taken);
    if (!fetcher || !fetcher->taken) {
        free(fetcher);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a reader of the log");
    }
    int result = bb_kafka_client_open(&fetcher->client, &log->options.cluster, &how, error);
    if (result < 0) {
        free(fetcher->taken);
        free(fetcher);
        return result;
    }
    for (enum bb_kafka_topic topic = 0; topic < BB_KAFKA_OWNER; topic++)
        fetcher->topics[topic] = bb_kafka_topic_open(&fetcher->client, log->topics[topic]);
    *out = fetcher;
    return 0;
}

void bb_kafka_fetchers_close(struct bb_kafka_log *log) {
    while (log->fetchers) {
        struct bb_kafka_fetcher *fetcher = log->fetchers;
        log->fetchers = fetcher->next;
        fetcher_free(fetcher);
    }
}

/* One in which nobody reads the partition. */
static int fetcher_take(struct bb_kafka_log *log, uint32_t partition, struct bb_kafka_fetcher **out,
                        struct bb_error *error) {
    int result = 0;

    pthread_mutex_lock(&log->fetcher_lock);
    struct bb_kafka_fetcher **place = &log->fetchers;
    while (*place && (*place)->taken[partition])
        place = &(*place)->next;
    if (!*place)
        result = fetcher_new(log, place, error);
    if (result == 0) {
        *out = *place;
        (*out)->taken[partition] = true;
    }
    pthread_mutex_unlock(&log->fetcher_lock);
    return result;
}

/* ---- readers */

int bb_kafka_reader_open(struct bb_log *base, uint32_t partition, struct bb_log_reader **out,
                         struct bb_error *error) {
    struct bb_kafka_log *log = bb_kafka_log_of(base);
    struct kafka_reader *reader = calloc(1, sizeof *reader);

    BB_ASSERT(partition <= base->partitions);
    *out = NULL;
    if (!reader)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a reader of the log");
    int result = fetcher_take(log, partition, &reader->fetcher, error);
    if (result < 0) {
        free(reader);
        return result;
    }
    reader->log = log;
    reader->partition = partition;
    reader->number = bb_kafka_number_of(log, partition);
    reader->rkt = reader->fetcher->topics[bb_kafka_topic_of(log, partition)];
    *out = (struct bb_log_reader *)reader;
    return 0;
}

static void stop(struct kafka_reader *reader) {
    if (reader->running)
        (void)rd_kafka_consume_stop(reader->rkt, reader->number);
    reader->running = false;
}

static void drop_message(struct kafka_reader *reader) {
    if (reader->message)
        rd_kafka_message_destroy(reader->message);
    reader->message = NULL;
}

static void put_ready(struct kafka_reader *reader, rd_kafka_message_t *message) {
    reader->ready[(reader->ready_first + reader->ready_count++) % READY_MOST] = message;
    reader->ready_bytes += message->len;
}

static rd_kafka_message_t *take_ready(struct kafka_reader *reader) {
    if (reader->ready_count == 0)
        return NULL;
    rd_kafka_message_t *message = reader->ready[reader->ready_first];
    reader->ready_first = (reader->ready_first + 1) % READY_MOST;
    reader->ready_count--;
    reader->ready_bytes -= message->len;
    reader->failed = reader->failed && !message->err;
    return message;
}

static void drop_ready(struct kafka_reader *reader) {
    while (reader->ready_count > 0)
        rd_kafka_message_destroy(take_ready(reader));
}

void bb_kafka_reader_close(struct bb_log_reader *opaque) {
    struct kafka_reader *reader = (struct kafka_reader *)opaque;

    if (!reader)
        return;
    drop_message(reader);
    drop_ready(reader);
    stop(reader);
    pthread_mutex_lock(&reader->log->fetcher_lock);
    reader->fetcher->taken[reader->partition] = false;
    pthread_mutex_unlock(&reader->log->fetcher_lock);
    free(reader);
}

static int fail_read(struct kafka_reader *reader, rd_kafka_resp_err_t why, uint64_t offset,
                     struct bb_error *error) {
    stop(reader);
    return bb_kafka_fail(&reader->fetcher->client, why, BB_E_LOG_CORRUPT, error,
                         "topic %s, partition %" PRId32 " cannot be read at offset %" PRIu64,
                         rd_kafka_topic_name(reader->rkt), reader->number, offset);
}

static int start(struct kafka_reader *reader, uint64_t offset, struct bb_error *error) {
    stop(reader);
    drop_ready(reader);
    reader->at = offset;
    reader->ended = 0;
    if (rd_kafka_consume_start(reader->rkt, reader->number, (int64_t)offset) != 0)
        return fail_read(reader, rd_kafka_last_error(), offset, error);
    reader->running = true;
    return COMES;
}

/* Where the partition ends now, for who wants to read at `offset`. */
static int ask_end(struct kafka_reader *reader, uint64_t offset, uint64_t *high,
                   struct bb_error *error) {
    struct bb_kafka_log *log = reader->log;
    int result = bb_kafka_high(log, bb_kafka_topic_of(log, reader->partition), reader->number, high,
                               error);

    return result < 0 ? result
                      : bb_kafka_check_offset(log, reader->partition, offset, 0, *high, error);
}

/* The fetcher may not begin at `offset`: is it no longer kept, or what is the matter? */
static int judge_reset(struct kafka_reader *reader, uint64_t offset, rd_kafka_resp_err_t why,
                       struct bb_error *error) {
    struct bb_kafka_log *log = reader->log;
    uint64_t low = 0, high = 0;

    stop(reader);
    int result = bb_kafka_bounds(log, bb_kafka_topic_of(log, reader->partition), reader->number,
                                 &low, &high, error);
    if (result == 0)
        result = bb_kafka_check_offset(log, reader->partition, offset, low, high, error);
    return result < 0 ? result : fail_read(reader, why, offset, error);
}

/* What came in place of a message: the end, an absence that passes, or a reason to give up. */
static int judge(struct kafka_reader *reader, uint64_t offset, rd_kafka_message_t *message,
                 struct bb_error *error) {
    const rd_kafka_resp_err_t why = message->err;

    if (why == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        reader->ended = (uint64_t)message->offset;
    rd_kafka_message_destroy(message);
    if (why == RD_KAFKA_RESP_ERR__PARTITION_EOF || bb_kafka_passes(why))
        return COMES;
    return why == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                   why == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE
               ? judge_reset(reader, offset, why, error)
               : fail_read(reader, why, offset, error);
}

/* The next message before the end, which may be on its way. */
static int take(struct kafka_reader *reader, uint64_t offset, struct bb_error *error) {
    int64_t until = now_ms() + bb_kafka_answer_ms(&reader->fetcher->client);
    int result = COMES;

    while (result == COMES && reader->ended < reader->high && now_ms() < until) {
        rd_kafka_message_t *message = rd_kafka_consume(reader->rkt, reader->number, SLICE_MS);
        if (message && !message->err) {
            reader->message = message;
            return COMES;
        }
        if (message)
            result = judge(reader, offset, message, error);
    }
    if (result < 0)
        return result;
    return reader->ended >= reader->high
               ? AT_END
               : fail_read(reader, RD_KAFKA_RESP_ERR__TIMED_OUT, offset, error);
}

/* Take over what is fetched already, without waiting. At the end the fetcher stops; an error, which librdkafka may say but once,
 * waits for its turn. */
static void look_ahead(struct kafka_reader *reader) {
    while (reader->running && !reader->failed && reader->ready_count < READY_MOST &&
           reader->ready_bytes < READY_BYTES) {
        rd_kafka_message_t *message = rd_kafka_consume(reader->rkt, reader->number, 0);
        if (!message)
            return;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            reader->ended = (uint64_t)message->offset;
            rd_kafka_message_destroy(message);
            stop(reader);
        } else {
            reader->failed = message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
            put_ready(reader, message);
        }
    }
}

static int deliver(struct kafka_reader *reader, struct bb_log_record *out, struct bb_error *error) {
    struct bb_kafka_record record;

    BB_ASSERT(reader->message);
    int result = bb_kafka_record_of(reader->message, &record, error);

    reader->at = (uint64_t)reader->message->offset + 1;
    if (result < 0)
        return result;
    *out = (struct bb_log_record){.kind = record.kind,
                                  .readings = record.readings,
                                  .file_id = record.file_id,
                                  .received_ms = record.received_ms,
                                  .body = {reader->message->payload, reader->message->len},
                                  .offset = record.offset,
                                  .next_offset = record.offset + 1};
    return BB_LOG_RECORD;
}

/* The end is asked for where nothing before it is known to come any more. */
static int find_end(struct kafka_reader *reader, uint64_t offset, struct bb_error *error) {
    const bool goes_on = reader->at == offset, comes = goes_on && reader->running;
    uint64_t high = 0;

    if (comes && offset < reader->high && reader->ended < reader->high)
        return COMES;
    int result = ask_end(reader, offset, &high, error);
    if (result < 0)
        return result;
    reader->high = high;
    if (offset >= high || (goes_on && reader->ended >= high))
        return AT_END;
    return comes ? COMES : start(reader, offset, error);
}

int bb_kafka_read(struct bb_log_reader *opaque, uint64_t offset, struct bb_log_record *out,
                  struct bb_error *error) {
    struct kafka_reader *reader = (struct kafka_reader *)opaque;
    rd_kafka_message_t *next = NULL;
    int result = COMES;

    drop_message(reader);
    if (reader->at == offset) {
        look_ahead(reader);
        next = take_ready(reader);
    }
    if (next && next->err)
        result = judge(reader, offset, next, error);
    else
        reader->message = next;
    if (!reader->message && result == COMES)
        result = find_end(reader, offset, error);
    if (!reader->message && result == COMES)
        result = take(reader, offset, error);
    if (result == AT_END) {
        stop(reader);
        return BB_LOG_END;
    }
    return result < 0 ? result : deliver(reader, out, error);
}

/* ---- verify: the client checks the CRC of each batch that it reads */

int bb_kafka_verify(struct bb_log *base, uint32_t partition, uint64_t *records,
                    struct bb_error *error) {
    struct bb_kafka_log *log = bb_kafka_log_of(base);
    struct bb_log_reader *reader = NULL;
    struct bb_log_record record;
    uint64_t low = 0, high = 0;

    *records = 0;
    int result = bb_kafka_reader_open(base, partition, &reader, error);
    if (result < 0)
        return result;
    result = bb_kafka_bounds(log, bb_kafka_topic_of(log, partition),
                             bb_kafka_number_of(log, partition), &low, &high, error);
    for (record.next_offset = low; result == BB_LOG_RECORD && record.next_offset < high;) {
        result = bb_kafka_read(reader, record.next_offset, &record, error);
        *records += result == BB_LOG_RECORD;
    }
    bb_kafka_reader_close(reader);
    return result < 0 ? result : 0;
}
