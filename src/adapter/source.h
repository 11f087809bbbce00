/* The adapters of the port `source`: Kafka, and its in-memory twin. */
#ifndef BB_ADAPTER_SOURCE_H
#define BB_ADAPTER_SOURCE_H

#include "adapter/kafka_client.h"
#include "port/source.h"

struct bb_source_kafka_options {
    struct bb_kafka_cluster cluster;
    const char *const *topics;
    size_t topic_count;
    const char *group;
    bool from_latest;     /* where a partition is begun of which nothing was taken */
    int session_ms;       /* 0: 45 s */
    int poll_interval_ms; /* between two calls of take; 0: 5 minutes */
    struct bb_source_listener listener;
};
/* The cluster's texts outlive the source; everything else is copied. Waits for the cluster to say who it is; its topics need
 * not be there yet. */
int bb_source_kafka_open(const struct bb_source_kafka_options *options, struct bb_source **out,
                         struct bb_error *error) BB_MUST_USE;

/* A cluster in memory: `topics` of `partitions` each, one group, members of which share the partitions. One thread. */
struct bb_source_memory;
struct bb_source_memory *bb_source_memory_new(const char *const *topics, size_t topic_count,
                                              uint32_t partitions);
void bb_source_memory_free(struct bb_source_memory *memory); /* after its members */
struct bb_source_memory_message {
    uint32_t topic, partition;
    struct bb_span key, value;
    struct bb_span header_name, header_value; /* one, or none */
    int64_t at_ms;
};
/* Behind the others; `gap` offsets are left out before it. */
bool bb_source_memory_put(struct bb_source_memory *memory,
                          const struct bb_source_memory_message *message, uint64_t gap);
/* Messages before `offset` are gone. */
void bb_source_memory_trim(struct bb_source_memory *memory, uint32_t topic, uint32_t partition,
                           uint64_t offset);
/* What was settled; 0: nothing. */
uint64_t bb_source_memory_settled(const struct bb_source_memory *memory, uint32_t topic,
                                  uint32_t partition);
/* A member; NULL: no memory. */
struct bb_source *bb_source_memory_join(struct bb_source_memory *memory, bool from_latest,
                                        const struct bb_source_listener *listener);

#endif
