/* The store's in-memory twin, for the simulator and for suites that need no disk.
 *
 * A partition is a pointer to its newest version; nothing in a version ever changes. A commit
 * merges its changes with the tables of the newest version into new tables (those without changes
 * are shared) and then moves the pointer. A view holds on to one version, so it is consistent for
 * as long as it likes, whatever is committed meanwhile.
 *
 *   partition ──► version 8 ──► block.raw' ──► records       shared: one record is in the tables
 *   view ───────► version 7 ──► block.raw  ──► of many        of many versions, and counts them
 *                        └────► outbox (in both versions)
 *
 * A commit costs a pass over the tables it touches, which is well for the sizes of tests. One mutex
 * guards all counts and pointers of a store; values are read without it.
 */
#include <pthread.h>
#include <stdlib.h>

#include "adapter/store_shared_internal.h"

enum {
    TABLE_NAMES = BB_LANE_COUNT, /* first the lanes, then the kinds of names */
    TABLE_OUTBOX = TABLE_NAMES + BB_NAME_KIND_COUNT,
    TABLE_COUNT
};

struct record {
    unsigned references;
    bool deleted; /* only in changes */
    size_t key_size, value_size;
    char bytes[]; /* key, value */
};

struct table { /* sorted by key */
    unsigned references;
    size_t count;
    struct record *records[];
};

struct version {
    unsigned references;
    uint64_t log_identity, outbox_last;
    struct bb_claim claim;
    struct table *tables[TABLE_COUNT]; /* NULL: empty */
};

struct memory_store {
    struct bb_store base;
    pthread_mutex_t mutex;
    struct version **partitions; /* the newest versions */
    bool held;                   /* the outboxes */
};

struct bb_store_view {
    struct memory_store *store;
    struct version *version;
};

struct bb_store_hold {
    struct memory_store *store;
};

/* ---- records and tables */

static struct bb_span record_key(const struct record *record) {
    return (struct bb_span){record->bytes, record->key_size};
}

static struct bb_span record_value(const struct record *record) {
    return (struct bb_span){record->bytes + record->key_size, record->value_size};
}

static struct record *record_new(struct bb_span key, struct bb_span value, bool deleted) {
    struct record *record = malloc(sizeof *record + key.size + value.size);

    if (!record)
        return NULL;
    *record = (struct record){
        .references = 1, .deleted = deleted, .key_size = key.size, .value_size = value.size};
    memcpy(record->bytes, key.data, key.size);
    if (value.size > 0)
        memcpy(record->bytes + key.size, value.data, value.size);
    return record;
}

static void record_unref(struct record *record) {
    if (record && --record->references == 0)
        free(record);
}

static struct table *table_new(size_t capacity) {
    struct table *table = malloc(sizeof *table + capacity * sizeof(struct record *));

    if (table)
        *table = (struct table){.references = 1};
    return table;
}

static void table_unref(struct table *table) {
    if (!table || --table->references > 0)
        return;
    for (size_t i = 0; i < table->count; i++)
        record_unref(table->records[i]);
    free(table);
}

static void table_append(struct table *table, struct record *record) {
    record->references++;
    table->records[table->count++] = record;
}

/* The first place whose key is not below `key`. */
static size_t table_find(const struct table *table, struct bb_span key) {
    size_t low = 0, high = table ? table->count : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bb_span_compare(record_key(table->records[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* `old` (NULL: empty) with `changes` applied, both sorted; NULL without memory. */
static struct table *table_merge(const struct table *old, const struct table *changes) {
    size_t old_count = old ? old->count : 0, at = 0;
    struct table *merged = table_new(old_count + changes->count);

    if (!merged)
        return NULL;
    for (size_t i = 0; i < changes->count; i++) {
        struct record *change = changes->records[i];
        int order = -1;
        while (at < old_count &&
               (order = bb_span_compare(record_key(old->records[at]), record_key(change))) < 0)
            table_append(merged, old->records[at++]);
        if (at < old_count && order == 0)
            at++; /* replaced or deleted */
        if (!change->deleted)
            table_append(merged, change);
    }
    while (at < old_count)
        table_append(merged, old->records[at++]);
    return merged;
}

/* ---- versions */

static void version_unref(struct version *version) {
    if (!version || --version->references > 0)
        return;
    for (int i = 0; i < TABLE_COUNT; i++)
        table_unref(version->tables[i]);
    free(version);
}

/* A version like `old` that its maker may still change. */
static struct version *version_after(const struct version *old) {
    struct version *version = malloc(sizeof *version);

    if (!version)
        return NULL;
    *version = *old;
    version->references = 1;
    for (int i = 0; i < TABLE_COUNT; i++)
        if (version->tables[i])
            version->tables[i]->references++;
    return version;
}

static bool version_merge(struct version *version, int table, const struct table *changes) {
    struct table *merged = table_merge(version->tables[table], changes);

    if (!merged)
        return false;
    table_unref(version->tables[table]);
    version->tables[table] = merged;
    return true;
}

static void publish(struct memory_store *store, uint32_t partition, struct version *version) {
    version_unref(store->partitions[partition]);
    store->partitions[partition] = version;
}

static int fail_no_memory(struct bb_error *error) {
    return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the store");
}

/* ---- claim and commit */

static int memory_claim(struct bb_store *base, uint32_t partition, uint64_t log_identity,
                        struct bb_claim *out, struct bb_error *error) {
    struct memory_store *store = (struct memory_store *)base;
    int result = 0;

    BB_ASSERT(partition < base->partitions);
    pthread_mutex_lock(&store->mutex);
    const struct version *old = store->partitions[partition];
    if (old->claim.epoch > 0 && old->log_identity != log_identity) {
        result = BB_FAIL(error, BB_E_LOG_IDENTITY,
                         "the positions in partition %u were made with log %016llx, not with log "
                         "%016llx",
                         partition, (unsigned long long)old->log_identity,
                         (unsigned long long)log_identity);
    } else {
        struct version *version = version_after(old);
        if (version) {
            version->log_identity = log_identity;
            version->claim.epoch++;
            *out = version->claim;
            publish(store, partition, version);
        } else {
            result = fail_no_memory(error);
        }
    }
    pthread_mutex_unlock(&store->mutex);
    return result;
}

static bool change_append(struct table *changes, struct bb_span key, struct bb_span value,
                          bool deleted) {
    struct record *record = record_new(key, value, deleted);

    if (record)
        changes->records[changes->count++] = record; /* with the reference it was made with */
    return record != NULL;
}

static bool change_number(struct table *changes, uint64_t number, struct bb_span value,
                          bool deleted) {
    uint8_t bytes[BB_STORE_KEY_BYTES];

    bb_store_number_put(number, bytes);
    return change_append(changes, (struct bb_span){(const char *)bytes, sizeof bytes}, value,
                         deleted);
}

static bool blocks_apply(struct version *version, const struct bb_commit *commit) {
    bool done = true;

    for (size_t i = 0; done && i < commit->block_count;) {
        uint8_t lane = commit->blocks[i].key.lane;
        struct table *changes = table_new(commit->block_count - i);
        if (!changes)
            return false;
        for (; done && i < commit->block_count && commit->blocks[i].key.lane == lane; i++) {
            const struct bb_block_change *change = &commit->blocks[i];
            done = change_number(
                changes,
                bb_store_block_number(BB_KEY_SPAN_FIRST, change->key.span, change->key.channel),
                change->packed, change->packed.size == 0);
        }
        done = done && version_merge(version, lane, changes);
        table_unref(changes);
    }
    return done;
}

static bool names_apply(struct version *version, const struct bb_commit *commit) {
    bool done = true;

    for (size_t i = 0; done && i < commit->name_count;) {
        enum bb_name_kind kind = commit->names[i].kind;
        struct table *changes = table_new(commit->name_count - i);
        if (!changes)
            return false;
        for (; done && i < commit->name_count && commit->names[i].kind == kind; i++)
            done = change_append(changes, commit->names[i].name, commit->names[i].value,
                                 commit->names[i].value.size == 0);
        done = done && version_merge(version, TABLE_NAMES + (int)kind, changes);
        table_unref(changes);
    }
    return done;
}

static bool outbox_apply(struct version *version, const struct bb_commit *commit) {
    if (commit->outbox_count == 0)
        return true;
    struct table *changes = table_new(commit->outbox_count);
    if (!changes)
        return false;
    bool done = true;
    for (size_t i = 0; done && i < commit->outbox_count; i++)
        done = change_number(changes, version->outbox_last + 1 + i, commit->outbox[i], false);
    done = done && version_merge(version, TABLE_OUTBOX, changes);
    version->outbox_last += commit->outbox_count;
    table_unref(changes);
    return done;
}

static int apply(struct memory_store *store, uint32_t partition, const struct bb_commit *commit,
                 struct bb_error *error) {
    const struct version *old = store->partitions[partition];

    if (old->claim.epoch != commit->epoch)
        return BB_COMMIT_FENCED;
    if (!bb_position_equal(old->claim.position, commit->from))
        return BB_COMMIT_MOVED;
    struct version *version = version_after(old);
    if (!version || !blocks_apply(version, commit) || !names_apply(version, commit) ||
        !outbox_apply(version, commit)) {
        version_unref(version);
        return fail_no_memory(error);
    }
    version->claim.position = commit->to;
    publish(store, partition, version);
    return BB_COMMIT_DONE;
}

static int memory_commit(struct bb_store *base, uint32_t partition, const struct bb_commit *commit,
                         struct bb_error *error) {
    struct memory_store *store = (struct memory_store *)base;
    int result = bb_store_commit_check(commit, error);

    BB_ASSERT(partition < base->partitions);
    if (result != 0)
        return result;
    pthread_mutex_lock(&store->mutex);
    result = apply(store, partition, commit, error);
    pthread_mutex_unlock(&store->mutex);
    return result;
}

static int memory_outbox_trim(struct bb_store *base, uint32_t partition, uint64_t upto,
                              struct bb_error *error) {
    struct memory_store *store = (struct memory_store *)base;

    BB_ASSERT(partition < base->partitions);
    pthread_mutex_lock(&store->mutex);
    if (store->held) {
        pthread_mutex_unlock(&store->mutex);
        return 0;
    }
    struct version *version = version_after(store->partitions[partition]);
    const struct table *old = version ? version->tables[TABLE_OUTBOX] : NULL;
    struct table *kept = table_new(old ? old->count : 0);
    bool done = version && kept;
    if (done) {
        for (size_t i = 0; old && i < old->count; i++)
            if (bb_store_number_get(old->records[i]->bytes) > upto)
                table_append(kept, old->records[i]);
        table_unref(version->tables[TABLE_OUTBOX]);
        version->tables[TABLE_OUTBOX] = kept;
        publish(store, partition, version);
    } else {
        version_unref(version);
        free(kept);
    }
    pthread_mutex_unlock(&store->mutex);
    return done ? 0 : fail_no_memory(error);
}

static int memory_outbox_hold(struct bb_store *base, struct bb_store_hold **out,
                              struct bb_error *error) {
    struct memory_store *store = (struct memory_store *)base;
    struct bb_store_hold *hold = malloc(sizeof *hold);

    *out = NULL;
    if (!hold)
        return fail_no_memory(error);
    hold->store = store;
    pthread_mutex_lock(&store->mutex);
    bool held = store->held;
    store->held = true;
    pthread_mutex_unlock(&store->mutex);
    if (held) {
        free(hold);
        int failed = BB_FAIL(error, BB_E_LOCKED, "the outboxes are held already");
        error->retriable = true;
        return failed;
    }
    *out = hold;
    return 0;
}

static void memory_outbox_release(struct bb_store_hold *hold) {
    if (!hold)
        return;
    pthread_mutex_lock(&hold->store->mutex);
    hold->store->held = false;
    pthread_mutex_unlock(&hold->store->mutex);
    free(hold);
}

static int memory_copy(struct bb_store *base, uint32_t partition, const char *folder,
                       struct bb_error *error) {
    (void)base;
    (void)partition;
    (void)folder;
    (void)error;
    return BB_COPY_ELSEWHERE;
}

/* ---- views */

static int memory_view_begin(struct bb_store *base, uint32_t partition, struct bb_store_view **out,
                             struct bb_error *error) {
    struct memory_store *store = (struct memory_store *)base;
    struct bb_store_view *view = malloc(sizeof *view);

    BB_ASSERT(partition < base->partitions);
    if (!view)
        return fail_no_memory(error);
    pthread_mutex_lock(&store->mutex);
    *view = (struct bb_store_view){store, store->partitions[partition]};
    view->version->references++;
    pthread_mutex_unlock(&store->mutex);
    *out = view;
    return 0;
}

static void memory_view_end(struct bb_store_view *view) {
    if (!view)
        return;
    pthread_mutex_lock(&view->store->mutex);
    version_unref(view->version);
    pthread_mutex_unlock(&view->store->mutex);
    free(view);
}

static int memory_position(struct bb_store_view *view, struct bb_claim *out,
                           struct bb_error *error) {
    (void)error;
    *out = view->version->claim;
    return 0;
}

static int get(const struct table *table, struct bb_span key, struct bb_span *value) {
    size_t at = table_find(table, key);

    if (!table || at == table->count || !bb_span_equal(record_key(table->records[at]), key))
        return BB_ABSENT;
    *value = record_value(table->records[at]);
    return BB_FOUND;
}

static int memory_block_get(struct bb_store_view *view, const struct bb_block_key *key,
                            struct bb_span *packed, struct bb_error *error) {
    uint8_t bytes[BB_STORE_KEY_BYTES];

    (void)error;
    BB_ASSERT(key->lane < BB_LANE_COUNT);
    bb_store_number_put(bb_store_block_number(BB_KEY_SPAN_FIRST, key->span, key->channel), bytes);
    return get(view->version->tables[key->lane],
               (struct bb_span){(const char *)bytes, sizeof bytes}, packed);
}

static int memory_block_scan(struct bb_store_view *view, uint8_t lane, int32_t first, int32_t last,
                             bb_block_visit *visit, void *context, struct bb_error *error) {
    uint8_t bytes[BB_STORE_KEY_BYTES];
    int stop = 0;

    (void)error;
    BB_ASSERT(lane < BB_LANE_COUNT);
    const struct table *table = view->version->tables[lane];
    bb_store_number_put(bb_store_block_number(BB_KEY_SPAN_FIRST, first, 0), bytes);
    size_t at = table_find(table, (struct bb_span){(const char *)bytes, sizeof bytes});
    for (; table && at < table->count && stop == 0; at++) {
        const struct record *record = table->records[at];
        struct bb_block_key key = bb_store_block_key(BB_KEY_SPAN_FIRST, lane,
                                                     bb_store_number_get(record->bytes));
        if (key.span > last)
            break;
        stop = visit(context, &key, record_value(record));
    }
    return stop < 0 ? stop : 0;
}

static int memory_name_get(struct bb_store_view *view, enum bb_name_kind kind, struct bb_span name,
                           struct bb_span *value, struct bb_error *error) {
    (void)error;
    BB_ASSERT(kind < BB_NAME_KIND_COUNT);
    return get(view->version->tables[TABLE_NAMES + (int)kind], name, value);
}

static int memory_name_scan(struct bb_store_view *view, enum bb_name_kind kind,
                            struct bb_span prefix, bb_name_visit *visit, void *context,
                            struct bb_error *error) {
    int stop = 0;

    (void)error;
    BB_ASSERT(kind < BB_NAME_KIND_COUNT);
    const struct table *table = view->version->tables[TABLE_NAMES + (int)kind];
    size_t at = table_find(table, prefix);
    for (; table && at < table->count && stop == 0; at++) {
        const struct record *record = table->records[at];
        if (!bb_span_starts_with(record_key(record), prefix))
            break;
        stop = visit(context, record_key(record), record_value(record));
    }
    return stop < 0 ? stop : 0;
}

static int memory_outbox_scan(struct bb_store_view *view, uint64_t after, bb_outbox_visit *visit,
                              void *context, struct bb_error *error) {
    uint8_t bytes[BB_STORE_KEY_BYTES];
    int stop = 0;

    (void)error;
    if (after == UINT64_MAX)
        return 0;
    const struct table *table = view->version->tables[TABLE_OUTBOX];
    bb_store_number_put(after + 1, bytes);
    size_t at = table_find(table, (struct bb_span){(const char *)bytes, sizeof bytes});
    for (; table && at < table->count && stop == 0; at++)
        stop = visit(context, bb_store_number_get(table->records[at]->bytes),
                     record_value(table->records[at]));
    return stop < 0 ? stop : 0;
}

static int memory_size(struct bb_store *base, uint32_t partition, uint64_t *used_bytes,
                       uint64_t *file_bytes, struct bb_error *error) {
    struct bb_store_view *view = NULL;
    int result = memory_view_begin(base, partition, &view, error);

    *used_bytes = *file_bytes = 0;
    if (result != 0)
        return result;
    BB_ASSERT(view);
    for (int i = 0; i < TABLE_COUNT; i++) {
        const struct table *table = view->version->tables[i];
        for (size_t at = 0; table && at < table->count; at++)
            *used_bytes += table->records[at]->key_size + table->records[at]->value_size;
    }
    *file_bytes = *used_bytes;
    memory_view_end(view);
    return 0;
}

/* ---- opening */

static void memory_close(struct bb_store *base) {
    struct memory_store *store = (struct memory_store *)base;

    if (!store)
        return;
    for (uint32_t i = 0; store->partitions && i < base->partitions; i++)
        version_unref(store->partitions[i]);
    pthread_mutex_destroy(&store->mutex);
    free(store->partitions);
    free(store);
}

static const struct bb_store_ops memory_ops = {
    .name = "memory",
    .close = memory_close,
    .claim = memory_claim,
    .commit = memory_commit,
    .view_begin = memory_view_begin,
    .view_end = memory_view_end,
    .position = memory_position,
    .block_get = memory_block_get,
    .block_scan = memory_block_scan,
    .name_get = memory_name_get,
    .name_scan = memory_name_scan,
    .outbox_scan = memory_outbox_scan,
    .outbox_trim = memory_outbox_trim,
    .outbox_hold = memory_outbox_hold,
    .outbox_release = memory_outbox_release,
    .copy = memory_copy,
    .size = memory_size,
};

int bb_store_memory_open(uint32_t partitions, struct bb_store **out, struct bb_error *error) {
    struct memory_store *store = calloc(1, sizeof *store);

    BB_ASSERT(partitions > 0);
    if (!store)
        return fail_no_memory(error);
    pthread_mutex_init(&store->mutex, NULL);
    store->base = (struct bb_store){.ops = &memory_ops, .partitions = partitions};
    store->partitions = calloc(partitions, sizeof(struct version *));
    for (uint32_t i = 0; store->partitions && i < partitions; i++) {
        store->partitions[i] = calloc(1, sizeof **store->partitions);
        if (!store->partitions[i])
            break;
        store->partitions[i]->references = 1;
    }
    if (!store->partitions || !store->partitions[partitions - 1]) {
        memory_close(&store->base);
        return fail_no_memory(error);
    }
    *out = &store->base;
    return 0;
}
