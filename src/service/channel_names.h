/* The names of a partition's channels, numbered as they are met: looked up for every series of every frame.
 *
 * Who sends readings mostly sends the meters in the same order again. So each name knows which one came after it last, and that
 * one is compared first; a name elsewhere is found by its hash. What is looked at lies close together, in the order of numbers.
 */
#ifndef BB_SERVICE_CHANNEL_NAMES_H
#define BB_SERVICE_CHANNEL_NAMES_H

#include "model/batch.h"

struct bb_channel_names_item {
    const char *key; /* tenant 0 usage point 0 channel, in the arena */
    uint16_t tenant_size, usage_point_size, channel_size;
};

struct bb_channel_names {
    struct bb_channel_names_item *items;
    uint32_t *after; /* which came after it last */
    uint32_t count, capacity;
    uint32_t last;   /* found last */
    uint64_t *index; /* upper hash bits, number + 1 */
    uint32_t index_size;
    struct bb_arena arena;
};

#define BB_CHANNEL_NONE UINT32_MAX

void bb_channel_names_init(struct bb_channel_names *names);
void bb_channel_names_release(struct bb_channel_names *names);
size_t bb_channel_names_bytes(const struct bb_channel_names *names);

/* The number of a name, or BB_CHANNEL_NONE. */
uint32_t bb_channel_names_find(const struct bb_channel_names *names, struct bb_span tenant,
                               const struct bb_series *series);
/* Those of a frame's series, in their order. */
void bb_channel_names_find_all(struct bb_channel_names *names, struct bb_span tenant,
                               const struct bb_series *series, uint32_t count, uint32_t *out);
/* A name that is not among them, copied; its number is the count so far. False when memory is out. */
bool bb_channel_names_add(struct bb_channel_names *names, struct bb_span tenant,
                          const struct bb_series *series) BB_MUST_USE;

struct bb_span bb_channel_names_key(const struct bb_channel_names *names, uint32_t number);

#endif
