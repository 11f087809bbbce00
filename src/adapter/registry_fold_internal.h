/* Outbox records of one call, folded for a registry that takes whole columns: of each channel what was
 * told last, of each version of master data the one that counts, of each exception its happenings in
 * their order. Pure; see registry_fold.c.
 *
 *   init ─► take (once a batch) ─► [the registry answers what it knows] ─► state ─► release
 */
#ifndef BB_ADAPTER_REGISTRY_FOLD_INTERNAL_H
#define BB_ADAPTER_REGISTRY_FOLD_INTERNAL_H

#include "base/arena.h"
#include "model/master.h"
#include "model/outbox.h"

struct fold_usage_point {
    struct bb_span tenant, name;
};

struct fold_channel {
    const struct bb_outbox_record *record;
    struct bb_channel_record what;
};

struct fold_version { /* of an entry; two recorded at once are one: that with the greater bytes */
    const struct bb_outbox_record *record;
    enum bb_master_kind kind;
    struct bb_span tenant, name;
    bool is_last;    /* of its entry in this batch */
    bool is_current; /* the registry's answer: its columns are to follow this one */
};

struct fold_exception {
    uint32_t first, count; /* of struct fold's happenings: its records in their order */
    bool opens;            /* at least once */
    /* The registry's answer. */
    int64_t id;       /* 0: unknown, and never opened */
    bool is_known;    /* it has a row already */
    bool was_open;    /* in it */
    uint32_t ordinal; /* of its last happening there */
};

/* What an exception is after its records. Spans and times are those of records. */
struct fold_state {
    const struct bb_outbox_record *opened;   /* the first one that opened it */
    const struct bb_outbox_record *evidence; /* the last one; NULL: none, what was told stays */
    const struct bb_outbox_record *closed;   /* it is closed by this one */
    bool is_open;
};

struct fold {
    struct bb_span *tenants; /* ascending, once each */
    struct fold_usage_point *usage_points;
    struct fold_channel *channels;              /* in order of tenant, usage point, channel */
    struct fold_version *versions;              /* in order of kind, tenant, name, time */
    struct fold_exception *exceptions;          /* in the order in which they open at first */
    const struct bb_outbox_record **happenings; /* told, not only those that change anything */
    size_t tenant_count, usage_point_count, channel_count, version_count, exception_count,
        happening_count;
};

/* Records are looked at one by one: a damaged one is an error with its number (`from` + 1 is the first
 * one's) and what the arena holds is void. Lists live in `arena`, texts in the records. `scratch` is of one
 * record. */
int bb_registry_fold(struct fold *fold, uint32_t partition, uint64_t from,
                     const struct bb_outbox_record *records, size_t count, struct bb_arena *arena,
                     struct bb_arena *scratch, struct bb_error *error) BB_MUST_USE;

/* Where the i-th record of an exception changes whether it is open, it is a happening of its history. */
bool bb_registry_fold_happens(const struct fold *fold, const struct fold_exception *exception,
                              uint32_t i);
struct fold_state bb_registry_fold_state(const struct fold *fold,
                                         const struct fold_exception *exception);

#endif
