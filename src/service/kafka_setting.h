/* What the configuration says of a Kafka cluster, as the adapters take it. */
#ifndef BB_SERVICE_KAFKA_SETTING_H
#define BB_SERVICE_KAFKA_SETTING_H

#include "adapter/kafka_client.h"

enum { BB_KAFKA_PROPERTIES_MAX = 64 };

struct bb_kafka_setting {
    struct bb_kafka_property properties[BB_KAFKA_PROPERTIES_MAX];
    size_t count;
    char *words, *secrets; /* what they borrow from */
};

/* `key`: what the keys begin with, "log.kafka". `words`: NAME=VALUE by blanks. `secrets`: a file with NAME=VALUE a line, where "#" begins a comment; empty: none.
 * -BB_E_CONFIG_INVALID. */
int bb_kafka_setting_read(struct bb_kafka_setting *setting, const char *key, const char *words,
                          const char *secrets, struct bb_error *error) BB_MUST_USE;
void bb_kafka_setting_release(struct bb_kafka_setting *setting);

#endif
