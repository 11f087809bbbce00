/* How Kafka is reached: what every adapter over it is given. */
#ifndef BB_ADAPTER_KAFKA_CLIENT_H
#define BB_ADAPTER_KAFKA_CLIENT_H

#include "base/error.h"

struct bb_kafka_property {
    const char *name, *value;
};

struct bb_kafka_cluster {
    const char *brokers; /* HOST:PORT,... */
    /* Further properties of librdkafka, for TLS and SASL above all: security.protocol, sasl.mechanisms (PLAIN,
     * SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER), sasl.username, sasl.password, ssl.ca.location (SCRAM with Kafka 4 takes
     * librdkafka 2.6.1 or later). What an adapter owes
     * (acks, idempotence, isolation) it sets behind them. */
    const struct bb_kafka_property *properties;
    size_t property_count;
    /* For OAUTHBEARER, one of both: a file, or a command run by the shell, whose first line is the token, and whose
     * second one, if any, says for how many seconds it is good (300 without it). Asked again before that is over. */
    const char *token_file, *token_command;
    const char *token_principal; /* default "busbar" */
    int answer_ms;               /* how long an answer is waited for; default 15000 */
};

#endif
