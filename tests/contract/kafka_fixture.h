/* Logs on Kafka for the contract: topics of their own, deleted at the end. */
#ifndef TESTS_CONTRACT_KAFKA_FIXTURE_H
#define TESTS_CONTRACT_KAFKA_FIXTURE_H

#include "adapter/log_kafka.h"
#include "contract/cluster.h"

struct kafka_fixture {
    const char *brokers;
    char prefix[32];
};

/* On the run's broker when `brokers` is NULL. */
void kafka_fixture_begin(struct kafka_fixture *fixture, const char *brokers);
/* Two partitions, to append; the test fails when it does not open. */
struct bb_log *kafka_fixture_open(const struct kafka_fixture *fixture);
struct bb_log_kafka_options kafka_fixture_options(const struct kafka_fixture *fixture);
void kafka_fixture_topic(const struct kafka_fixture *fixture, const char *name, char topic[64]);
/* A topic by other means than the adapter's. */
void kafka_fixture_make_topic(const struct kafka_fixture *fixture, const char *name,
                              int partitions);
void kafka_fixture_delete_topic(const struct kafka_fixture *fixture, const char *name);
/* One record with these headers (name, value, ..., NULL), by other means than the adapter's. */
void kafka_fixture_produce(const struct kafka_fixture *fixture, const char *name, int32_t partition,
                           const char *value, ...);
void kafka_fixture_end(const struct kafka_fixture *fixture);

#endif
