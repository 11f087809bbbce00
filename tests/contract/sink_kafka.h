/* Topics of the test's own on a broker. */
#ifndef BB_TESTS_CONTRACT_SINK_KAFKA_H
#define BB_TESTS_CONTRACT_SINK_KAFKA_H

#include <librdkafka/rdkafka.h>

#include "contract/sink_fixture.h"

struct kafka_side {
    char address[256], prefix[48];
    uint32_t batch_values;
};

/* A header of a record as text; empty: it has none. */
void kafka_header(const rd_kafka_message_t *message, const char *name, char *out, size_t room);
/* Each committed record of its topic of dead letters, in order. */
void kafka_letters(const struct kafka_side *k,
                   void (*take)(void *context, const rd_kafka_message_t *message), void *context);

#endif
