/* Assignments of partitions to workers: how to open them. Everything else goes through port/assignment.h. */
#ifndef BB_ADAPTER_ASSIGNMENT_H
#define BB_ADAPTER_ASSIGNMENT_H

#include "adapter/kafka_client.h"
#include "port/assignment.h"

/* A consumer group on the topic PREFIX.readings, cooperative-sticky: a rebalance moves what has to move and nothing else. The
 * client reads no records. Hints are the group's committed offsets: kafka-consumer-groups.sh, KEDA and lag exporters see the
 * worker's positions, and no lag when all is derived. */
struct bb_assignment_kafka_options {
    struct bb_kafka_cluster cluster;
    const char *prefix;    /* default "busbar" */
    const char *group;     /* default PREFIX.derive */
    const char *client_id; /* shown by Kafka's tools; default "busbar" */
    uint32_t partitions;   /* of the log */
    int session_ms;        /* a worker that is not heard of for so long is dead; default 15000 */
};
/* The options' texts outlive the assignment. */
int bb_assignment_kafka_open(const struct bb_assignment_kafka_options *options,
                             struct bb_assignment **out, struct bb_error *error) BB_MUST_USE;

/* A fixed share: worker `number` of `count`, from 1, has every count-th partition. Nobody else comes or goes. */
int bb_assignment_static_open(uint32_t number, uint32_t count, uint32_t partitions,
                              struct bb_assignment **out, struct bb_error *error) BB_MUST_USE;

#endif
