/* What the configuration says of a Kafka cluster, as the adapters take it. */
#ifndef BB_SERVICE_KAFKA_SETTING_H
#define BB_SERVICE_KAFKA_SETTING_H

#include "adapter/kafka_client.h"
#include "service/config.h"

enum { BB_KAFKA_PROPERTIES_MAX = 64 };

struct bb_kafka_setting {
    struct bb_kafka_cluster cluster; /* borrows from here, and from the configuration */
    struct bb_kafka_property properties[BB_KAFKA_PROPERTIES_MAX];
    size_t count;
    char *words, *secrets; /* what they borrow from */
};

/* `key`: what the keys begin with, "log.kafka". Properties are NAME=VALUE by blanks; the file of secrets has one a line, and
 * "#" begins a comment. -BB_E_CONFIG_INVALID. It stays where it is: `cluster` points into it. */
int bb_kafka_setting_read(struct bb_kafka_setting *setting, const char *key,
                          const struct bb_config_kafka *config, struct bb_error *error) BB_MUST_USE;
void bb_kafka_setting_release(struct bb_kafka_setting *setting);

#endif
