/* The registry in memory, inside: its tables, and what its files share.
 *
 *   registry_memory.c          open and close, one entry of master data
 *   registry_memory_project.c  what the partitions tell
 *   registry_memory_list.c     lists
 *   registry_memory_key.c      API keys and the audit log
 */
#ifndef BB_ADAPTER_REGISTRY_MEMORY_INTERNAL_H
#define BB_ADAPTER_REGISTRY_MEMORY_INTERNAL_H

#include "adapter/audit_table_internal.h"
#include "adapter/embedded.h"
#include "adapter/sorted_table_internal.h"

enum { REGISTRY_MEMORY_CHUNK_BYTES = 256 << 10, REGISTRY_MEMORY_SCRATCH_LIMIT_BYTES = 64 << 20 };

struct position_row {
    uint32_t partition;
    uint64_t sequence;
};

struct bookmark_row {
    struct bb_span label;
    uint32_t partition;
    uint64_t sequence;
};

struct master_row {
    enum bb_master_kind kind;
    struct bb_span tenant, name;
    int64_t recorded_ms;
    struct bb_span body;
};

struct tenant_row {
    struct bb_span name;
};

struct usage_point_row {
    struct bb_span tenant, name;
};

struct happening_row { /* an exception was opened, or closed */
    int64_t exception;
    uint32_t ordinal;
    int64_t recorded_ms;
    bool closed;
    struct bb_span source;
};

struct registry_memory {
    struct bb_registry base;
    struct sorted_table positions, masters, tenants, usage_points, channels, exceptions, happenings,
        keys, bookmarks, letters;
    struct bb_audit_table audit;
    uint64_t changes;
    struct bb_arena texts;   /* of all rows, until close */
    struct bb_arena scratch; /* of one decoded record */
};

static inline struct registry_memory *registry_memory_of(struct bb_registry *registry) {
    return (struct registry_memory *)registry;
}

/* A visitor's answer as the list's: 1 only ended it early. */
static inline int registry_memory_ended(int answer) {
    return answer < 0 ? answer : 0;
}

int bb_registry_memory_full(struct bb_error *error);
/* A copy that lasts; *full when there is no room. */
struct bb_span bb_registry_memory_keep(struct registry_memory *r, struct bb_span text, bool *full);
/* The version of an entry as of a moment, or NULL. */
const struct master_row *bb_registry_memory_version_at(const struct registry_memory *r,
                                                       struct master_row entry, int64_t as_of_ms);
/* Behind the last row of an exception, or where its first would be. */
size_t bb_registry_memory_happenings_end(const struct registry_memory *r, int64_t exception);

/* The operations of port/registry.h. */
int bb_registry_memory_master_get(struct bb_registry *base, enum bb_master_kind kind,
                                  struct bb_span tenant, struct bb_span name, int64_t as_of_ms,
                                  struct bb_arena *arena, struct bb_master *out,
                                  struct bb_error *error);
int bb_registry_memory_bookmark_get(struct bb_registry *base, struct bb_span label,
                                    uint32_t partition, uint64_t *sequence, struct bb_error *error);
int bb_registry_memory_bookmark_move(struct bb_registry *base, struct bb_span label,
                                     uint32_t partition, uint64_t from, uint64_t to,
                                     struct bb_error *error);
int bb_registry_memory_position(struct bb_registry *base, uint32_t partition, uint64_t *sequence,
                                struct bb_error *error);
int bb_registry_memory_project(struct bb_registry *base, uint32_t partition, uint64_t from,
                               const struct bb_outbox_record *records, size_t count,
                               struct bb_error *error);
int bb_registry_memory_master_list(struct bb_registry *base, struct bb_span tenant,
                                   int64_t as_of_ms, bb_registry_master_visit *visit, void *context,
                                   struct bb_error *error);
int bb_registry_memory_kind_list(struct bb_registry *base, struct bb_span tenant,
                                 enum bb_master_kind kind, int64_t as_of_ms,
                                 bb_registry_master_visit *visit, void *context,
                                 struct bb_error *error);
int bb_registry_memory_version_list(struct bb_registry *base, struct bb_span tenant,
                                    bb_registry_master_visit *visit, void *context,
                                    struct bb_error *error);
int bb_registry_memory_usage_point_list(struct bb_registry *base, struct bb_span tenant,
                                        struct bb_span usage_point,
                                        bb_registry_usage_point_visit *visit, void *context,
                                        struct bb_error *error);
int bb_registry_memory_usage_point_search(struct bb_registry *base, struct bb_span tenant,
                                          const struct bb_span *words, size_t word_count,
                                          struct bb_span after, int64_t as_of_ms,
                                          bb_registry_search_visit *visit, void *context,
                                          struct bb_error *error);
int bb_registry_memory_channel_list(struct bb_registry *base, struct bb_span tenant,
                                    struct bb_span usage_point, bb_registry_channel_visit *visit,
                                    void *context, struct bb_error *error);
int bb_registry_memory_exception_list(struct bb_registry *base, struct bb_span tenant,
                                      bool open_only, int64_t as_of_ms,
                                      bb_registry_exception_visit *visit, void *context,
                                      struct bb_error *error);
int bb_registry_memory_letter_list(struct bb_registry *base, struct bb_span tenant,
                                   bb_registry_letter_visit *visit, void *context,
                                   struct bb_error *error);
int bb_registry_memory_tenant_list(struct bb_registry *base,
                                   int (*visit)(void *context, struct bb_span name,
                                                struct bb_span zone),
                                   void *context, struct bb_error *error);
int bb_registry_memory_key_put(struct bb_registry *base, const struct bb_registry_key *key,
                               struct bb_error *error);
int bb_registry_memory_key_list(struct bb_registry *base, bb_registry_key_visit *visit,
                                void *context, struct bb_error *error);
int bb_registry_memory_audit_put(struct bb_registry *base, const struct bb_registry_audit *row,
                                 const struct bb_registry_key *key, struct bb_error *error);
int bb_registry_memory_audit_walk(struct bb_registry *base, uint64_t after,
                                  bb_registry_audit_visit *visit, void *context,
                                  struct bb_error *error);
int bb_registry_memory_audit_last(struct bb_registry *base, struct bb_arena *arena,
                                  struct bb_registry_audit *out, struct bb_error *error);
int bb_registry_memory_audit_list(struct bb_registry *base,
                                  const struct bb_registry_audit_question *question,
                                  bb_registry_audit_visit *visit, void *context,
                                  struct bb_error *error);

#endif
