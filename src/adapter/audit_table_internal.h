/* The audit log in memory, for the registry's twin: entries in their order, texts in its arena. */
#ifndef BB_ADAPTER_AUDIT_TABLE_INTERNAL_H
#define BB_ADAPTER_AUDIT_TABLE_INTERNAL_H

#include "base/arena.h"
#include "port/registry.h"

struct bb_audit_table {
    struct bb_registry_audit *items;
    size_t count, capacity;
};

/* False when memory is out. */
bool bb_audit_table_add(struct bb_audit_table *table, const struct bb_registry_audit *row,
                        struct bb_arena *texts);
int bb_audit_table_walk(const struct bb_audit_table *table, uint64_t after,
                        bb_registry_audit_visit *visit, void *context);
int bb_audit_table_list(const struct bb_audit_table *table,
                        const struct bb_registry_audit_question *question,
                        bb_registry_audit_visit *visit, void *context);

#endif
