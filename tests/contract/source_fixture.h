/* The sources under contract: the same topics in memory and on a Kafka. */
#ifndef TESTS_CONTRACT_SOURCE_FIXTURE_H
#define TESTS_CONTRACT_SOURCE_FIXTURE_H

#include "adapter/source.h"

enum { SOURCE_PARTITIONS = 3, SOURCE_PLACES = 16 };

enum source_kind { SOURCE_MEMORY, SOURCE_KAFKA };

struct source_world {
    enum source_kind kind;
    struct bb_source_memory *memory;
    const char *brokers;
    char topic[48], group[48];
    void *producer;                    /* of the client library */
    uint64_t place[SOURCE_PARTITIONS]; /* what `place` answers */
    uint32_t asked;                    /* how often it was */
    uint64_t lost_from, lost_to;       /* what `lost` told last */
    uint64_t end[SOURCE_PARTITIONS];   /* where the next message will stand */
};

void source_begin(struct source_world *world, enum source_kind kind);
void source_end(struct source_world *world);
/* A member of the group. */
struct bb_source *source_join(struct source_world *world);
/* A message; `header` NULL: none. */
void source_put(struct source_world *world, uint32_t partition, const char *key, const char *value,
                const char *header);
/* Messages before `offset` are gone. */
void source_trim(struct source_world *world, uint32_t partition, uint64_t offset);
/* What monitors of the group see. */
uint64_t source_settled(struct source_world *world, uint32_t partition);

#endif
