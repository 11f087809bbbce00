/* What the parts of engines.h share.
 *
 *   engines.c        which adapter
 *   engine_kafka.c   what Kafka's is told
 *   engine_sinks.c   who follows the changes
 *   engine_tasks.c   queue and table of tasks
 */
#ifndef BB_SERVICE_ENGINES_INTERNAL_H
#define BB_SERVICE_ENGINES_INTERNAL_H

#include "adapter/sinks.h"
#include "service/engines.h"

struct bb_engine_following { /* what sinks are opened with */
    const struct bb_config *config;
    uint32_t partitions;
    struct bb_bookmark bookmark;
    struct bb_sink_choice choice;
};

int bb_engine_kafka_group_open(const struct bb_engine_needs *needs,
                               const struct bb_engine_share *share, struct bb_assignment **out,
                               struct bb_error *error) BB_MUST_USE;
int bb_engine_kafka_open(const struct bb_engine_needs *needs, struct bb_log **out,
                         struct bb_error *error) BB_MUST_USE;

/* Where the registry is said to be, else where the store is; empty: in the plant's folder. */
const char *bb_engine_registry_conninfo(const struct bb_config *config);

#endif
