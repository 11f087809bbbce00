/* The log in Kafka, as the configuration says: see engines_internal.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/assignment.h"
#include "adapter/log_kafka.h"
#include "service/engines_internal.h"

enum { SECRETS_MAX_BYTES = 64 << 10 };

/* NAME=VALUE; the text is cut. */
static int add(struct bb_engine_properties *p, char *text, const char *key,
               struct bb_error *error) {
    char *value = strchr(text, '=');

    if (!value || value == text)
        return BB_FAIL(error, BB_E_CONFIG_INVALID, "%s: '%.40s' is not NAME=VALUE", key, text);
    if (p->count == BB_ENGINE_PROPERTIES_MAX)
        return BB_FAIL(error, BB_E_CONFIG_INVALID, "%s: more than %d properties", key,
                       BB_ENGINE_PROPERTIES_MAX);
    *value++ = '\0';
    p->items[p->count++] = (struct bb_kafka_property){text, value};
    return 0;
}

static int read_file(const char *path, const char *key, char **out, struct bb_error *error) {
    FILE *file = fopen(path, "re");
    char *text = malloc(SECRETS_MAX_BYTES + 1);

    if (!file || !text) {
        int why = errno;
        free(text);
        if (file)
            fclose(file);
        return file ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read %s", path)
                    : BB_FAIL_ERRNO(error, BB_E_CONFIG_INVALID, why, "%s.secrets: %s", key, path);
    }
    size_t size = fread(text, 1, SECRETS_MAX_BYTES, file);
    fclose(file);
    text[size] = '\0';
    *out = text;
    return 0;
}

int bb_engine_properties_read(struct bb_engine_properties *p, const char *words, const char *path,
                              const char *key, struct bb_error *error) {
    char *rest = p->words, *one;
    int result = 0;

    snprintf(p->words, sizeof p->words, "%s", words);
    while (!result && (one = strtok_r(rest, " \t", &rest)))
        result = add(p, one, key, error);
    if (result || !path[0])
        return result;
    /* A property a line, its value with all its blanks; # begins a comment. */
    result = read_file(path, key, &p->lines, error);
    rest = p->lines;
    while (!result && (one = strtok_r(rest, "\r\n", &rest)))
        if (one[0] != '#')
            result = add(p, one, key, error);
    return result;
}

void bb_engine_properties_release(struct bb_engine_properties *p) {
    free(p->lines);
}

static int read_properties(struct bb_engine_properties *p, const struct bb_config *config,
                           struct bb_error *error) {
    return bb_engine_properties_read(p, config->log_kafka_properties, config->log_kafka_secrets,
                                     "log.kafka", error);
}

static const char *unless_empty(const char *text) {
    return text[0] ? text : NULL;
}

/* The cluster's own part of the configuration. */
static struct bb_kafka_cluster cluster_of(const struct bb_config *config,
                                          const struct bb_engine_properties *properties) {
    return (struct bb_kafka_cluster){
        .brokers = config->log_kafka_brokers,
        .properties = properties->items,
        .property_count = properties->count,
        .token_file = unless_empty(config->log_kafka_token_file),
        .token_command = unless_empty(config->log_kafka_token_command),
        .token_principal = unless_empty(config->log_kafka_token_principal)};
}

int bb_engine_kafka_group_open(const struct bb_engine_needs *needs,
                               const struct bb_engine_share *share, struct bb_assignment **out,
                               struct bb_error *error) {
    const struct bb_config *config = needs->config;
    struct bb_engine_properties properties = {0};
    char group[BB_CONFIG_PATH_MAX + 32];
    int result = read_properties(&properties, config, error);

    snprintf(group, sizeof group, "%s.%s", config->log_kafka_prefix, share->stage);
    if (!result) {
        const struct bb_assignment_kafka_options options = {
            .cluster = cluster_of(config, &properties),
            .prefix = config->log_kafka_prefix,
            .group = group,
            .partitions = share->partitions,
            .session_ms = (int)config->log_kafka_session_ms,
        };
        result = bb_assignment_kafka_open(&options, out, error);
    }
    bb_engine_properties_release(&properties);
    return result;
}

int bb_engine_kafka_open(const struct bb_engine_needs *needs, struct bb_log **out,
                         struct bb_error *error) {
    const struct bb_config *config = needs->config;
    struct bb_engine_properties properties = {0};
    int result = read_properties(&properties, config, error);

    if (!result) {
        const struct bb_log_kafka_options options = {
            .cluster = cluster_of(config, &properties),
            .prefix = config->log_kafka_prefix,
            .append = needs->append,
            .partitions = needs->append ? (uint32_t)config->log_partitions : 0,
            .replication = (int)config->log_kafka_replication,
            .min_insync = (int)config->log_kafka_min_insync,
            .buffer_bytes = (size_t)config->log_kafka_buffer_bytes,
            .patience_ms = (int)config->log_kafka_patience_ms,
        };
        result = bb_log_kafka_open(&options, out, error);
    }
    bb_engine_properties_release(&properties);
    return result;
}
