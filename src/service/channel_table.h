/* The channels of one partition as a worker knows them: the store's records, by the numbers of their names (channel_names.h),
 * filled as names are met. What a channel is, channel_resolve.h says.
 */
#ifndef BB_SERVICE_CHANNEL_TABLE_H
#define BB_SERVICE_CHANNEL_TABLE_H

#include "service/channel_names.h"
#include "service/channel_resolve.h"

struct bb_channel_slot {
    struct bb_span key; /* tenant 0 usage point 0 channel; in the table's names */
    struct bb_channel_record record;
    struct bb_channel channel; /* for derive */
    uint16_t tenant_size, usage_point_size;
    bool is_new;       /* not in the store yet */
    bool changed;      /* its record must be written */
    bool derive_again; /* what it is has changed: all its derived lanes must follow */
    bool ticked;       /* time has come further (service/tick.h) */
    /* Of the commit at hand (service/derivation.c). */
    int64_t force_from,
        force_to;     /* (from, to]: registers beside it, or its rules, have changed there */
    int64_t cause_ms; /* received: the last of what makes it follow; 0: its own readings alone */
    size_t output_from, output_to; /* what was made of it, in the derivation's outputs */
    struct bb_span coverage;       /* as it became, packed; empty: as stored */
};

struct bb_channel_holidays {
    struct bb_span packed;
    const int32_t *days;
    uint32_t count;
};

struct bb_channel_profile { /* made ready, in the table's arena */
    uint64_t hash;
    const struct bb_profile *profile;
};

struct bb_channel_rules { /* a list of rules, in the table's arena */
    uint64_t hash;
    const struct bb_channel_rule *rules;
    uint32_t count;
};

struct bb_channel_table {
    struct bb_plant *plant;
    struct bb_channel_names names; /* slots have the numbers of their names */
    struct bb_channel_slot *slots;
    uint32_t count;
    size_t capacity;
    int64_t told_last_ms; /* the greatest first_received_ms of the slots that have one, */
    uint32_t untold;      /* which so many have not */
    struct bb_arena arena;
    struct bb_channel_holidays holidays; /* met last: nearly all channels have the same */
    struct bb_channel_profile *profiles; /* of those that its channels have, or had */
    uint32_t profile_count, profile_capacity;
    struct bb_channel_rules *rules; /* likewise, each list once */
    uint32_t rules_count, rules_capacity;
    uint32_t next_number;
    bool has_registers; /* the partition has channels that may stand beside others (companions.h) */
    bool
        has_looks; /* rules of the partition's tenants look at other channels (besides.h), or did */
};

void bb_channel_table_init(struct bb_channel_table *table, struct bb_plant *plant);
void bb_channel_table_release(struct bb_channel_table *table);
size_t bb_channel_table_bytes(const struct bb_channel_table *table);

/* The slots of a frame's series, BB_CHANNEL_NONE where the table does not know one: the store is told that those will be looked up. */
int bb_channel_table_look(struct bb_channel_table *table, struct bb_store_view *view,
                          struct bb_span tenant, const struct bb_series *series, uint32_t count,
                          struct bb_arena *scratch, uint32_t *slots, struct bb_error *error)
    BB_MUST_USE;

/* The slot of a series' channel; from the store, or new. */
int bb_channel_table_find(struct bb_channel_table *table, struct bb_store_view *view,
                          struct bb_span tenant, const struct bb_series *series, uint32_t *slot,
                          struct bb_error *error) BB_MUST_USE;

/* Whether what is received then may be the first that is told of a channel: of most it is not. */
static inline bool bb_channel_table_may_tell(const struct bb_channel_table *table,
                                             int64_t received_ms) {
    return table->untold > 0 || received_ms <= table->told_last_ms;
}

/* The source tells what the channel is, at (received, line): the least one ever told describes it.
 */
int bb_channel_table_tell(struct bb_channel_table *table, struct bb_store_view *view, uint32_t slot,
                          const struct bb_series *series, int64_t received_ms, int64_t line,
                          struct bb_error *error) BB_MUST_USE;

/* Master entries between two commits. Of several with one name the one received last counts, in
 * whatever order they come; of two received at once, the one with the greater bytes. */
enum { BB_MASTER_VALUE_PREFIX = 8 };
struct bb_master_version {
    int64_t received_ms;
    struct bb_span value; /* as a partition's store keeps it: received_ms big-endian, then packed */
    struct bb_span packed; /* bb_master_encode */
    struct bb_master master;
};
struct bb_master_list {
    struct bb_master_version *items;
    size_t count, capacity;
    uint32_t *index; /* open addressing by name: item + 1; NULL until indexed */
    uint32_t index_size;
};
/* Make the entries findable; the index lives in the arena. False when memory is out. */
bool bb_master_list_index(struct bb_master_list *list, struct bb_arena *arena) BB_MUST_USE;
/* The names of entries by enum bb_master_kind, in a partition's store. */
extern const enum bb_name_kind bb_master_name_kinds[];
/* An entry as a partition's store has it; it borrows from the view. BB_FOUND or BB_ABSENT. */
int bb_master_stored_get(struct bb_store *store, struct bb_store_view *view,
                         enum bb_master_kind kind, struct bb_span tenant, struct bb_span name,
                         struct bb_arena *arena, struct bb_master *out, struct bb_error *error)
    BB_MUST_USE;
/* An entry as it counts in a commit: of `newer` (indexed; may be NULL) and the store's. BB_FOUND or BB_ABSENT. */
int bb_channel_table_master(struct bb_channel_table *table, struct bb_store_view *view,
                            const struct bb_master_list *newer, enum bb_master_kind kind,
                            struct bb_span tenant, struct bb_span name, struct bb_arena *arena,
                            struct bb_master *out, struct bb_error *error) BB_MUST_USE;
/* The name of an entry within its kind; returns its size. */
size_t bb_master_key(const struct bb_master *master, char key[BB_NAME_KEY_MAX]);

/* Work out the slot's record anew from what was told and from master data, that of this commit
 * (`newer`, indexed; may be NULL) and the store's. Sets changed and derive_again where it differs. */
int bb_channel_table_resolve(struct bb_channel_table *table, struct bb_store_view *view,
                             uint32_t slot, const struct bb_master_list *newer,
                             struct bb_error *error) BB_MUST_USE;

struct bb_span bb_channel_slot_tenant(const struct bb_channel_slot *slot);
struct bb_span bb_channel_slot_usage_point(const struct bb_channel_slot *slot);
struct bb_span bb_channel_slot_channel(const struct bb_channel_slot *slot);

/* The commit that changed the slot is done. */
void bb_channel_slot_committed(struct bb_channel_slot *slot);

/* tenant 0 usage point 0 channel, parts left out when empty; returns the key's size. */
size_t bb_channel_key(struct bb_span tenant, struct bb_span usage_point, struct bb_span channel,
                      char key[BB_NAME_KEY_MAX]);

#endif
