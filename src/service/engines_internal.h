/* What the parts of engines.h share.
 *
 *   engines.c        which adapter
 *   engine_kafka.c   what Kafka's is told
 */
#ifndef BB_SERVICE_ENGINES_INTERNAL_H
#define BB_SERVICE_ENGINES_INTERNAL_H

#include "service/engines.h"

int bb_engine_kafka_group_open(const struct bb_engine_needs *needs,
                               const struct bb_engine_share *share, struct bb_assignment **out,
                               struct bb_error *error) BB_MUST_USE;
int bb_engine_kafka_open(const struct bb_engine_needs *needs, struct bb_log **out,
                         struct bb_error *error) BB_MUST_USE;

#endif
