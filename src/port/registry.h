/* The port "registry": master data and the projections people list and search, in SQL.
 *
 * The truth lies in the log and the partitions' stores; the registry follows through `project`,
 * which applies outbox records of a partition and moves that partition's position in one
 * transaction, so that a repeated call changes nothing. It can be dropped and built again; but for API keys,
 * the audit log and bookmarks, whose only place it is.
 *
 * What an adapter owes: every version of a master entry with its recorded time (of two recorded at
 * once the one with the greater bytes, as in the partitions' stores); current channels;
 * exceptions with their history; lookups that decode asks for.
 */
#ifndef BB_PORT_REGISTRY_H
#define BB_PORT_REGISTRY_H

#include "model/batch.h"
#include "model/master.h"
#include "model/outbox.h"
#include "port/copy.h"

struct bb_registry;

struct bb_registry_channel { /* a row of `list channels` */
    struct bb_span tenant, usage_point, channel, obis, zone;
    uint8_t kind, commodity, unit; /* of the readings as first told */
    int16_t derived_unit;          /* of derived lanes; -1: unknown */
    uint32_t interval_s;
    uint32_t partition, number;
};

struct bb_registry_exception { /* a row of `list exceptions` */
    int64_t id; /* stable: the same happening keeps its id when it closes and opens again */
    struct bb_span tenant, usage_point, channel;
    uint8_t check;
    int8_t exponent;
    int64_t from_ms, to_ms, a, b;
    int64_t opened_ms, closed_ms; /* closed: BB_TIME_NONE while open */
    /* Names of the sources that caused it to open (at first, at opened_ms) and to close: a file, or
     * what a person did (service/person.h); empty: master data, or open. */
    struct bb_span opened_by, closed_by;
};

struct bb_registry_usage_point {
    struct bb_span tenant, name, zone, calendar, customer;
    uint8_t commodity;
    uint32_t channels;
};

struct bb_registry_key { /* an API key (service/api_key.h), by its hash */
    struct bb_span tenant, id;
    struct bb_span label; /* what people call it; may be empty */
    struct bb_span hash;
    uint8_t role;
    int64_t created_ms;
    int64_t expires_ms, revoked_ms; /* BB_TIME_NONE: never, not yet */
};

/* An entry of the audit log (service/audit.h), kept for ever and never changed but by an erasure. */
struct bb_registry_audit {
    uint64_t sequence; /* 1, 2, 3, ... without a gap */
    uint64_t about;    /* the entry whose outcome this one tells; 0: it tells of a change itself */
    int64_t at_ms;
    struct bb_span tenant, who, credential, origin, verb, subject, reason, request;
    uint8_t outcome; /* enum bb_audit_outcome */
    uint16_t code;   /* of the error; 0: none */
    struct bb_span salt, texts_hash, chain;
};

struct bb_registry_audit_question {
    struct bb_span tenant;    /* empty: all */
    int64_t from_ms, to_ms;   /* [from, to); BB_TIME_NONE: no bound */
    uint64_t before_sequence; /* older than this entry; 0: from the newest on */
};

enum bb_audit_put_outcome { BB_AUDIT_PUT = 0, BB_AUDIT_TAKEN = 1 };

typedef int bb_registry_audit_visit(void *context, const struct bb_registry_audit *row);
typedef int bb_registry_key_visit(void *context, const struct bb_registry_key *row);
typedef int bb_registry_channel_visit(void *context, const struct bb_registry_channel *row);
struct bb_registry_letter { /* a record of the log that cannot be derived */
    uint32_t partition;
    uint64_t offset;
    int64_t recorded_ms;
    struct bb_span tenant, body; /* packed by whoever told it */
};
typedef int bb_registry_letter_visit(void *context, const struct bb_registry_letter *row);
typedef int bb_registry_exception_visit(void *context, const struct bb_registry_exception *row);
typedef int bb_registry_usage_point_visit(void *context, const struct bb_registry_usage_point *row);
/* `entry` NULL: there is none, or it came later. */
typedef int bb_registry_search_visit(void *context, struct bb_span name,
                                     const struct bb_master_usage_point *entry);
typedef int bb_registry_master_visit(void *context, int64_t recorded_ms,
                                     const struct bb_master *master);

struct bb_registry_ops {
    const char *name;
    void (*close)(struct bb_registry *registry);
    /* The sequence number up to which a partition's outbox was projected (0 at first). */
    int (*position)(struct bb_registry *registry, uint32_t partition, uint64_t *sequence,
                    struct bb_error *error);
    /* Apply records (from + 1 .. from + count) of a partition; 1 when the position is not `from`. */
    int (*project)(struct bb_registry *registry, uint32_t partition, uint64_t from,
                   const struct bb_outbox_record *records, size_t count, struct bb_error *error);
    /* Where a sink stands that has no room for it (port/sink.h, struct bb_bookmark): 0 at first. `bookmark_move` is durable
     * when it returns 0; 1: it does not stand at `from`. */
    int (*bookmark_get)(struct bb_registry *registry, struct bb_span label, uint32_t partition,
                        uint64_t *sequence, struct bb_error *error);
    int (*bookmark_move)(struct bb_registry *registry, struct bb_span label, uint32_t partition,
                         uint64_t from, uint64_t to, struct bb_error *error);
    /* A master entry: the version recorded last, or last by as_of_ms when that is not BB_TIME_NONE.
     * Tenants and rules are named as their tenant. Texts live in the arena; out is left alone when there is none.
     * BB_FOUND (0) or BB_ABSENT (1): also before its first version. */
    int (*master_get)(struct bb_registry *registry, enum bb_master_kind kind, struct bb_span tenant,
                      struct bb_span name, int64_t as_of_ms, struct bb_arena *arena,
                      struct bb_master *out, struct bb_error *error);
    /* Every current master entry of a tenant (empty: all), in order of kind and name: `registry
     * export`; as_of_ms other than BB_TIME_NONE: as recorded then. */
    int (*master_list)(struct bb_registry *registry, struct bb_span tenant, int64_t as_of_ms,
                       bb_registry_master_visit *visit, void *context, struct bb_error *error);
    /* The same of one kind of a tenant's entries, by name. */
    int (*kind_list)(struct bb_registry *registry, struct bb_span tenant, enum bb_master_kind kind,
                     int64_t as_of_ms, bb_registry_master_visit *visit, void *context,
                     struct bb_error *error);
    /* Every version of every master entry of a tenant (empty: all), in order of kind, name and time. */
    int (*version_list)(struct bb_registry *registry, struct bb_span tenant,
                        bb_registry_master_visit *visit, void *context, struct bb_error *error);
    /* Usage points of a tenant (empty: of all); that one when usage_point is not empty. */
    int (*usage_point_list)(struct bb_registry *registry, struct bb_span tenant,
                            struct bb_span usage_point, bb_registry_usage_point_visit *visit,
                            void *context, struct bb_error *error);
    /* The usage points of one tenant in whose name, or master entry as of the moment, each of the words stands, ASCII
     * case aside: by name, those behind `after`. Entries are looked through as they are packed, so that more are
     * visited than one would find that looks at their texts; none is left out. */
    int (*usage_point_search)(struct bb_registry *registry, struct bb_span tenant,
                              const struct bb_span *words, size_t word_count, struct bb_span after,
                              int64_t as_of_ms, bb_registry_search_visit *visit, void *context,
                              struct bb_error *error);
    /* Channels of a tenant, of one usage point when it is not empty. */
    int (*channel_list)(struct bb_registry *registry, struct bb_span tenant,
                        struct bb_span usage_point, bb_registry_channel_visit *visit, void *context,
                        struct bb_error *error);
    /* As of a moment: those that had been opened by then, open or closed as they were; id, from_ms and
     * who opened them first never change, of to_ms and the evidence the last telling alone is kept. */
    int (*exception_list)(struct bb_registry *registry, struct bb_span tenant, bool open_only,
                          int64_t as_of_ms, bb_registry_exception_visit *visit, void *context,
                          struct bb_error *error);
    /* Dead letters of a tenant (empty: of all), the greatest partition and offset first. */
    int (*letter_list)(struct bb_registry *registry, struct bb_span tenant,
                       bb_registry_letter_visit *visit, void *context, struct bb_error *error);
    int (*tenant_list)(struct bb_registry *registry,
                       int (*visit)(void *context, struct bb_span name, struct bb_span zone),
                       void *context, struct bb_error *error);
    /* Add a key, or replace what is known of its id. Durable when it returns 0. */
    int (*key_put)(struct bb_registry *registry, const struct bb_registry_key *key,
                   struct bb_error *error);
    /* All keys of all tenants, revoked and expired ones too, in order of tenant and id. */
    int (*key_list)(struct bb_registry *registry, bb_registry_key_visit *visit, void *context,
                    struct bb_error *error);
    /* Add an entry, and a key with it (NULL: none) in one transaction, durable when it returns 0.
     * BB_AUDIT_TAKEN: its sequence is not the one behind the last; nothing was done. */
    int (*audit_put)(struct bb_registry *registry, const struct bb_registry_audit *row,
                     const struct bb_registry_key *key, struct bb_error *error);
    /* Entries as they were put, the oldest first, those behind `after`. */
    int (*audit_walk)(struct bb_registry *registry, uint64_t after, bb_registry_audit_visit *visit,
                      void *context, struct bb_error *error);
    /* The last entry (BB_FOUND 0), its texts in the arena; 1: there is none. */
    int (*audit_last)(struct bb_registry *registry, struct bb_arena *arena,
                      struct bb_registry_audit *out, struct bb_error *error);
    /* Changes, the newest first, each with the outcome that was told of it. */
    int (*audit_list)(struct bb_registry *registry,
                      const struct bb_registry_audit_question *question,
                      bb_registry_audit_visit *visit, void *context, struct bb_error *error);
    /* A number that is another one after somebody else changed the registry. */
    int (*changes)(struct bb_registry *registry, uint64_t *number, struct bb_error *error);
    /* Copy all of it to a file. enum bb_copy_outcome; see port/copy.h. */
    int (*copy)(struct bb_registry *registry, const char *path, struct bb_error *error);
};

/* Adapters embed this first. */
struct bb_registry {
    const struct bb_registry_ops *ops;
};

/* The entry that is asked for most. */
static inline int bb_registry_usage_point(struct bb_registry *registry, struct bb_span tenant,
                                          struct bb_span name, int64_t as_of_ms,
                                          struct bb_arena *arena, struct bb_master_usage_point *out,
                                          struct bb_error *error) {
    struct bb_master master;
    int result = registry->ops->master_get(registry, BB_MASTER_USAGE_POINT, tenant, name, as_of_ms,
                                           arena, &master, error);

    if (result == 0)
        *out = master.usage_point;
    return result;
}

#endif
