/* The log on Kafka: opening, closing, the table of operations. See log_kafka.h. */
#include "adapter/log_kafka_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { PATIENCE_MS = 300000 };
static const size_t buffer_default = 64 << 20;

/* ---- options: their texts are copied into one block, as the clients look at them for as long as they live */

static size_t text_size(const char *text) {
    return text ? strlen(text) + 1 : 0;
}

static const char *keep_text(char **to, const char *text) {
    size_t size = text_size(text);

    if (!text)
        return NULL;
    memcpy(*to, text, size);
    *to += size;
    return *to - size;
}

static bool keep_options(struct bb_kafka_log *log, const struct bb_log_kafka_options *options) {
    const struct bb_kafka_cluster *from = &options->cluster;
    struct bb_kafka_cluster *to = &log->options.cluster;
    const char *prefix = options->prefix ? options->prefix : "busbar";
    size_t list = from->property_count * sizeof *from->properties;
    size_t size = list + text_size(from->brokers) + text_size(from->token_file) +
                  text_size(from->token_command) + text_size(from->token_principal) +
                  text_size(prefix);

    for (size_t i = 0; i < from->property_count; i++)
        size += text_size(from->properties[i].name) + text_size(from->properties[i].value);
    log->texts = malloc(size);
    if (!log->texts)
        return false;
    struct bb_kafka_property *properties = (struct bb_kafka_property *)(void *)log->texts;
    char *at = log->texts + list;
    log->options = *options;
    for (size_t i = 0; i < from->property_count; i++)
        properties[i] = (struct bb_kafka_property){keep_text(&at, from->properties[i].name),
                                                   keep_text(&at, from->properties[i].value)};
    to->properties = properties;
    to->brokers = keep_text(&at, from->brokers);
    to->token_file = keep_text(&at, from->token_file);
    to->token_command = keep_text(&at, from->token_command);
    to->token_principal = keep_text(&at, from->token_principal);
    log->options.prefix = keep_text(&at, prefix);
    if (log->options.buffer_bytes == 0)
        log->options.buffer_bytes = buffer_default;
    if (log->options.buffer_bytes < 2 * (size_t)BB_LOG_BODY_BYTES)
        log->options.buffer_bytes = 2 * (size_t)BB_LOG_BODY_BYTES;
    if (log->options.patience_ms <= 0)
        log->options.patience_ms = PATIENCE_MS;
    return true;
}

static int name_topics(struct bb_kafka_log *log, struct bb_error *error) {
    static const char *const names[] = {"readings", "control", "owner"};

    for (int i = 0; i < BB_KAFKA_TOPICS; i++) {
        int size = snprintf(log->topics[i], sizeof log->topics[i], "%s.%s", log->options.prefix,
                            names[i]);
        if (size < 0 || (size_t)size >= sizeof log->topics[i])
            return BB_FAIL(error, BB_E_CONFIG_INVALID, "the prefix of the topics is too long: %s",
                           log->options.prefix);
    }
    return 0;
}

/* ---- close */

static void kafka_close(struct bb_log *base) {
    struct bb_kafka_log *log = bb_kafka_log_of(base);

    if (!log)
        return;
    /* What was not synced was promised to nobody. */
    if (log->data.rk)
        (void)rd_kafka_purge(log->data.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                               RD_KAFKA_PURGE_F_NON_BLOCKING);
    for (int i = 0; i < BB_KAFKA_TOPICS; i++)
        if (log->topic[i])
            rd_kafka_topic_destroy(log->topic[i]);
    bb_kafka_client_close(&log->data);
    bb_kafka_client_close(&log->decide);
    bb_kafka_fetchers_close(log);
    bb_kafka_watch_close(log);
    for (int i = 0; i < BB_KAFKA_TOPICS; i++)
        if (log->ask_topics[i])
            rd_kafka_topic_destroy(log->ask_topics[i]);
    bb_kafka_client_close(&log->ask);
    bb_kafka_control_drop(log);
    free(log->entries);
    free(log->lanes);
    free(log->known);
    free(log->seen);
    free(log->armed);
    free(log->texts);
    pthread_mutex_destroy(&log->ask_lock);
    pthread_mutex_destroy(&log->fetcher_lock);
    pthread_mutex_destroy(&log->watch_lock);
    free(log);
}

static int kafka_copy(struct bb_log *log, const struct bb_log_end *upto, const char *folder,
                      struct bb_error *error) {
    (void)log;
    (void)upto;
    (void)folder;
    (void)error;
    return BB_COPY_ELSEWHERE;
}

static const struct bb_log_ops kafka_ops = {
    .name = "kafka",
    .close = kafka_close,
    .append = bb_kafka_append,
    .sync_begin = bb_kafka_sync_begin,
    .sync = bb_kafka_sync,
    .end = bb_kafka_end,
    .backlog = bb_kafka_backlog,
    .reader_open = bb_kafka_reader_open,
    .reader_close = bb_kafka_reader_close,
    .read = bb_kafka_read,
    .wait = bb_kafka_wait,
    .trim = bb_kafka_trim,
    .verify = bb_kafka_verify,
    .copy = kafka_copy,
};

/* ---- open */

static int fail_absent(const struct bb_kafka_log *log, struct bb_error *error) {
    return BB_FAIL(error, BB_E_DATA_MISSING, "there is no log %s at %s", log->options.prefix,
                   log->options.cluster.brokers);
}

/* The topics and the identity: FOUND, or NONE when the log is to be made. A log that lost a topic is not made anew. */
static int find(struct bb_kafka_log *log, struct bb_error *error) {
    enum bb_kafka_topic missing;
    int result = bb_kafka_topics_look(log, &missing, error);

    if (result < 0)
        return result;
    if (result == BB_KAFKA_THERE || (result == BB_KAFKA_SOME && missing != BB_KAFKA_OWNER)) {
        bool whole = result == BB_KAFKA_THERE;
        result = bb_kafka_identity_read(log, error);
        if (whole || result < 0)
            return result;
        if (result == BB_KAFKA_IDENTITY_FOUND)
            return BB_FAIL(error, BB_E_KAFKA_TOPIC,
                           "topic %s is gone; the log %s cannot be used without it",
                           log->topics[missing], log->options.prefix);
    }
    return BB_KAFKA_IDENTITY_NONE;
}

static int become_appender(struct bb_kafka_log *log, bool found, struct bb_error *error) {
    uint64_t identity = log->base.identity;
    int result = found ? 0 : bb_kafka_topics_make(log, error);

    if (result == 0)
        result = bb_kafka_topics_check_room(log, error);
    while (result == 0 && identity == 0)
        if (getrandom(&identity, sizeof identity, 0) != (ssize_t)sizeof identity)
            identity = 0;
    if (result == 0)
        result = bb_kafka_owner_become(log, identity, error);
    /* Two that made the log at a time: the first name counts for both. */
    if (result == 0)
        result = bb_kafka_identity_read(log, error);
    if (result == BB_KAFKA_IDENTITY_NONE)
        result = BB_FAIL(error, BB_E_KAFKA_LOST, "topic %s does not keep what is written to it",
                         log->topics[BB_KAFKA_OWNER]);
    return result;
}

static int make_room(struct bb_kafka_log *log, struct bb_error *error) {
    size_t count = log->base.partitions + 1;

    log->known = calloc(count, sizeof *log->known);
    log->seen = calloc(count, sizeof *log->seen);
    log->armed = calloc(count, sizeof *log->armed);
    if (!log->known || !log->seen || !log->armed)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a log");
    for (size_t p = 0; p < count; p++)
        log->known[p].high = log->known[p].position = UINT64_MAX;
    return bb_kafka_highs(log, log->seen, error);
}

int bb_log_kafka_open(const struct bb_log_kafka_options *options, struct bb_log **out,
                      struct bb_error *error) {
    struct bb_kafka_log *log = calloc(1, sizeof *log);

    *out = NULL;
    if (!log)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a log");
    log->base.ops = &kafka_ops;
    pthread_mutex_init(&log->ask_lock, NULL);
    pthread_mutex_init(&log->fetcher_lock, NULL);
    pthread_mutex_init(&log->watch_lock, NULL);
    int result = keep_options(log, options) ? name_topics(log, error)
                                            : BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a log");
    if (result == 0)
        result = bb_kafka_ask_open(log, error);
    if (result == 0)
        result = find(log, error);
    if (result >= 0 && options->append)
        result = become_appender(log, result == BB_KAFKA_IDENTITY_FOUND, error);
    else if (result == BB_KAFKA_IDENTITY_NONE)
        result = fail_absent(log, error);
    if (result == 0)
        result = make_room(log, error);
    if (result == 0 && options->append)
        result = bb_kafka_appender_open(log, error);
    if (result < 0) {
        kafka_close(&log->base);
        return result;
    }
    *out = &log->base;
    return 0;
}
