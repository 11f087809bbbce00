/* PREFIX.owner: what the log's identity is, and who appends. See log_kafka.h, which says what a fenced appender can do.
 *
 * Records have headers alone:
 *   version      1
 *   identity     16 hexadecimal digits; what the first record says counts
 *   partitions   of readings, when it was made
 *   who          host and process
 */
#include "adapter/log_kafka_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FORMAT = 1, WHO = 128 };

struct name {
    uint64_t identity, partitions, version;
    char who[WHO];
};

static void header_text(const rd_kafka_headers_t *headers, const char *name, char *out,
                        size_t size) {
    const void *value = NULL;
    size_t length = 0;

    out[0] = '\0';
    if (rd_kafka_header_get_last(headers, name, &value, &length) || length >= size)
        return;
    memcpy(out, value, length);
    out[length] = '\0';
}

static uint64_t header_number(const rd_kafka_headers_t *headers, const char *name, int base) {
    char text[24];

    header_text(headers, name, text, sizeof text);
    return strtoull(text, NULL, base);
}

static int parse(const rd_kafka_message_t *message, struct name *out, struct bb_error *error) {
    rd_kafka_headers_t *headers = NULL;

    *out = (struct name){0};
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        out->identity = header_number(headers, "identity", 16);
        out->partitions = header_number(headers, "partitions", 10);
        out->version = header_number(headers, "version", 10);
        header_text(headers, "who", out->who, sizeof out->who);
    }
    if (out->version == 0 || out->identity == 0)
        return BB_FAIL(error, BB_E_KAFKA_FOREIGN,
                       "the record at offset %" PRId64 " of topic %s lacks busbar's headers",
                       message->offset, rd_kafka_topic_name(message->rkt));
    if (out->version != FORMAT)
        return BB_FAIL_VERSION(error, rd_kafka_topic_name(message->rkt), out->version, FORMAT);
    return 0;
}

/* The first or the last name of [from, to). */
static int peek_name(struct bb_kafka_log *log, uint64_t from, uint64_t to, bool last,
                     struct name *out, struct bb_error *error) {
    rd_kafka_message_t *message = NULL;

    pthread_mutex_lock(&log->ask_lock);
    int result = bb_kafka_peek(log, BB_KAFKA_OWNER, 0, from, to, last, &message, error);
    pthread_mutex_unlock(&log->ask_lock);
    if (message) {
        result = parse(message, out, error);
        rd_kafka_message_destroy(message);
    }
    return result;
}

int bb_kafka_identity_read(struct bb_kafka_log *log, struct bb_error *error) {
    uint64_t low = 0, high = 0;
    struct name name = {0};
    int result = bb_kafka_bounds(log, BB_KAFKA_OWNER, 0, &low, &high, error);

    if (result == 0)
        result = peek_name(log, low, high, false, &name, error);
    if (result == BB_KAFKA_NOTHING)
        return BB_KAFKA_IDENTITY_NONE;
    if (result < 0)
        return result;
    if (log->base.partitions > 0 && name.partitions != log->base.partitions)
        return BB_FAIL(error, BB_E_KAFKA_PARTITIONS,
                       "topic %s has %" PRIu32 " partitions; the log was made with %" PRIu64,
                       log->topics[BB_KAFKA_READINGS], log->base.partitions, name.partitions);
    log->base.identity = name.identity;
    return BB_KAFKA_IDENTITY_FOUND;
}

static rd_kafka_headers_t *headers_of_name(const struct bb_kafka_log *log, uint64_t identity) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(4);
    char host[64] = "", text[WHO];

    (void)gethostname(host, sizeof host - 1);
    snprintf(text, sizeof text, "%d", FORMAT);
    (void)rd_kafka_header_add(headers, "version", -1, text, -1);
    snprintf(text, sizeof text, "%016" PRIx64, identity);
    (void)rd_kafka_header_add(headers, "identity", -1, text, -1);
    snprintf(text, sizeof text, "%" PRIu32, log->base.partitions);
    (void)rd_kafka_header_add(headers, "partitions", -1, text, -1);
    snprintf(text, sizeof text, "%s, process %ld", host, (long)getpid());
    (void)rd_kafka_header_add(headers, "who", -1, text, -1);
    return headers;
}

int bb_kafka_owner_become(struct bb_kafka_log *log, uint64_t identity, struct bb_error *error) {
    int result = bb_kafka_decide_open(log, error);

    if (result == 0)
        result = bb_kafka_decide_one(log, BB_KAFKA_OWNER, headers_of_name(log, identity), error);
    if (result == 0)
        result = bb_kafka_high(log, BB_KAFKA_OWNER, 0, &log->owner_end, error);
    log->named = result == 0;
    return result;
}

int bb_kafka_owner_check(struct bb_kafka_log *log, struct bb_error *error) {
    uint64_t high = 0;
    struct name other = {0};
    int result = bb_kafka_high(log, BB_KAFKA_OWNER, 0, &high, error);

    if (result < 0 || high == log->owner_end)
        return result;
    result = peek_name(log, log->owner_end, high, true, &other, error);
    if (result == BB_KAFKA_SEEN)
        return BB_FAIL(error, BB_E_LOCKED, "%s appends to this log now", other.who);
    if (result == BB_KAFKA_NOTHING) { /* markers that were written twice */
        log->owner_end = high;
        result = 0;
    }
    return result;
}
