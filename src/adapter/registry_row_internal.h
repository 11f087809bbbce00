/* What the registries have in common about rows: the words for ids, units that this release knows,
 * entries of the audit log that outlive their row. */
#ifndef BB_ADAPTER_REGISTRY_ROW_INTERNAL_H
#define BB_ADAPTER_REGISTRY_ROW_INTERNAL_H

#include "base/arena.h"
#include "port/registry.h"

/* Tables of words for ids, for the views that people read. A later busbar that knows more of them
 * adds them at its next open. */
struct bb_registry_vocabulary {
    const char *table; /* (id, name) */
    int count;         /* ids 0 .. count - 1 */
    const char *(*name)(int id);
};
enum { BB_REGISTRY_VOCABULARIES = 4 };
extern const struct bb_registry_vocabulary bb_registry_vocabularies[BB_REGISTRY_VOCABULARIES];

/* A unit that this release does not know, or that somebody wrote into the table, is none. */
uint8_t bb_registry_known_unit(int64_t unit);
int16_t bb_registry_known_derived_unit(int64_t unit);

/* The entry with its texts in the arena; false when there is no room. */
bool bb_registry_audit_copy(const struct bb_registry_audit *row, struct bb_arena *arena,
                            struct bb_registry_audit *out);

#endif
