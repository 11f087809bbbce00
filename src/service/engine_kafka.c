/* The log in Kafka, as the configuration says: see engines_internal.h. */
#include <stdio.h>

#include "adapter/assignment.h"
#include "adapter/log_kafka.h"
#include "service/engines_internal.h"
#include "service/kafka_setting.h"

static int read_setting(struct bb_kafka_setting *setting, const struct bb_config *config,
                        struct bb_error *error) {
    return bb_kafka_setting_read(setting, "log.kafka", &config->log_kafka, error);
}

int bb_engine_kafka_group_open(const struct bb_engine_needs *needs,
                               const struct bb_engine_share *share, struct bb_assignment **out,
                               struct bb_error *error) {
    const struct bb_config *config = needs->config;
    struct bb_kafka_setting setting;
    char group[BB_CONFIG_PATH_MAX + 32];
    int result = read_setting(&setting, config, error);

    snprintf(group, sizeof group, "%s.%s", config->log_kafka_prefix, share->stage);
    if (!result) {
        const struct bb_assignment_kafka_options options = {
            .cluster = setting.cluster,
            .prefix = config->log_kafka_prefix,
            .group = group,
            .partitions = share->partitions,
            .session_ms = (int)config->log_kafka_session_ms,
        };
        result = bb_assignment_kafka_open(&options, out, error);
    }
    bb_kafka_setting_release(&setting);
    return result;
}

int bb_engine_kafka_open(const struct bb_engine_needs *needs, struct bb_log **out,
                         struct bb_error *error) {
    const struct bb_config *config = needs->config;
    struct bb_kafka_setting setting;
    int result = read_setting(&setting, config, error);

    if (!result) {
        const struct bb_log_kafka_options options = {
            .cluster = setting.cluster,
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
    bb_kafka_setting_release(&setting);
    return result;
}
