/* Companions: the registers that count what an interval channel of the same usage point counts, told by
 * their OBIS codes. With them derive checks sums and scales estimates (derive/total.h).
 *
 *   1-1:1.29.0  intervals   ◄── 1-0:1.8.0 register: the same A, C and E
 *                           ◄── 1-0:1.8.1, 1-0:1.8.2 ...: the tariffs, where there is no total
 *
 * Where two channels of a usage point would claim the same code, nobody can say which belongs to which,
 * and there are no companions.
 */
#ifndef BB_SERVICE_COMPANIONS_H
#define BB_SERVICE_COMPANIONS_H

#include "derive/total.h"
#include "service/channel_table.h"

enum { BB_SIBLINGS_MAX = 256 }; /* channels of a usage point; with more there are no companions */

struct bb_sibling { /* a channel of a usage point */
    struct bb_span name, obis;
    uint8_t kind;
    uint32_t id; /* the caller's */
};

/* The ids of the registers beside siblings[of], ascending by E; returns how many. */
size_t bb_companions_pick(const struct bb_sibling *siblings, size_t count, size_t of,
                          uint32_t ids[BB_METERS_MAX]);

/* Would siblings[of] stand beside other registers without siblings[without]? */
bool bb_companions_differ(const struct bb_sibling *siblings, size_t count, size_t of,
                          size_t without);

/* The slots of all channels of a slot's usage point, the slot's own included, found in the table and in
 * the store (then loaded: the table may move). `fresh` lists the slots that are not in the store yet, by
 * key. */
struct bb_siblings {
    struct bb_sibling items[BB_SIBLINGS_MAX]; /* id: the slot */
    size_t count;
    bool too_many;
};
int bb_siblings_find(struct bb_channel_table *table, struct bb_store_view *view, uint32_t slot,
                     const uint32_t *fresh, size_t fresh_count, struct bb_siblings *out,
                     struct bb_error *error) BB_MUST_USE;
/* The new slots of the table, ascending by key, in the arena; NULL when memory is out. */
uint32_t *bb_siblings_fresh(const struct bb_channel_table *table, struct bb_arena *arena,
                            size_t *count);

#endif
