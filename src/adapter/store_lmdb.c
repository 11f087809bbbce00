/* The embedded store: one LMDB environment per partition, opened when it is first asked for.
 *
 *   bb_store ──► lmdb_store.partitions[n] ──► DIR/p000n   (store_lmdb_env.c)
 *
 * The number of partitions and the order of keys are settled when the store is made and kept in
 * every partition's record. A store that only reads makes nothing: a partition that nobody has
 * written yet is empty to it. See store_lmdb_internal.h for the files and the locks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "adapter/store_lmdb_internal.h"

enum { PARTITIONS_DEFAULT = 8, PARTITIONS_MAX = 4096, TAKEOVER_DEFAULT_MS = 5000 };

struct lmdb_store {
    struct bb_store base;
    char *directory;
    struct bb_lmdb_open open; /* how partitions are opened; `partition` is filled in each time */
    pthread_mutex_t mutex;
    struct bb_lmdb_env **partitions; /* NULL: not opened yet */
};

static int partition_acquire(struct lmdb_store *store, uint32_t partition, struct bb_lmdb_env **out,
                             struct bb_error *error) {
    char folder[2048];
    struct bb_lmdb_open open = store->open;

    if (snprintf(folder, sizeof folder, "%s/p%04u", store->directory, partition) >=
        (int)sizeof folder - 32)
        return BB_FAIL(error, BB_E_STORE_IO, "the path of the store is too long: %.200s...",
                       store->directory);
    open.partition = partition;
    return bb_lmdb_env_acquire(folder, &open, out, error);
}

int bb_lmdb_partition(struct bb_store *base, uint32_t partition, struct bb_lmdb_env **out,
                      struct bb_error *error) {
    struct lmdb_store *store = (struct lmdb_store *)base;
    int result = 0;

    BB_ASSERT(partition < base->partitions);
    pthread_mutex_lock(&store->mutex);
    if (!store->partitions[partition])
        result = partition_acquire(store, partition, &store->partitions[partition], error);
    *out = store->partitions[partition];
    pthread_mutex_unlock(&store->mutex);
    return result;
}

static void lmdb_close(struct bb_store *base) {
    struct lmdb_store *store = (struct lmdb_store *)base;

    if (!store)
        return;
    for (uint32_t i = 0; store->partitions && i < base->partitions; i++)
        bb_lmdb_env_release(store->partitions[i]);
    pthread_mutex_destroy(&store->mutex);
    free(store->partitions);
    free(store->directory);
    free(store);
}

/* ---- the writing half of the port's table */

static int writable_partition(struct bb_store *base, uint32_t partition, struct bb_lmdb_env **out,
                              struct bb_error *error) {
    const struct lmdb_store *store = (struct lmdb_store *)base;

    if (store->open.read_only)
        return BB_FAIL(error, BB_E_NO_PERMISSION, "the store in %s was opened for reading only",
                       store->directory);
    return bb_lmdb_partition(base, partition, out, error);
}

static int lmdb_claim(struct bb_store *base, uint32_t partition, uint64_t log_identity,
                      struct bb_claim *out, struct bb_error *error) {
    struct bb_lmdb_env *env = NULL;
    int result = writable_partition(base, partition, &env, error);

    if (result != 0)
        return result;
    return bb_lmdb_claim(env, ((struct lmdb_store *)base)->open.takeover_ms, log_identity, out,
                         error);
}

static int lmdb_commit(struct bb_store *base, uint32_t partition, const struct bb_commit *commit,
                       struct bb_error *error) {
    struct bb_lmdb_env *env = NULL;
    int result = writable_partition(base, partition, &env, error);

    if (result != 0)
        return result;
    return bb_lmdb_commit(env, ((struct lmdb_store *)base)->open.takeover_ms, commit, error);
}

static int lmdb_outbox_trim(struct bb_store *base, uint32_t partition, uint64_t upto,
                            struct bb_error *error) {
    struct bb_lmdb_env *env = NULL;
    int result = writable_partition(base, partition, &env, error);

    if (result != 0)
        return result;
    return bb_lmdb_outbox_trim_unless_held(env, ((struct lmdb_store *)base)->directory,
                                           ((struct lmdb_store *)base)->open.takeover_ms, upto,
                                           error);
}

static int lmdb_outbox_hold(struct bb_store *base, struct bb_store_hold **out,
                            struct bb_error *error) {
    return bb_lmdb_outbox_hold(((struct lmdb_store *)base)->directory, out, error);
}

static int lmdb_copy(struct bb_store *base, uint32_t partition, const char *folder,
                     struct bb_error *error) {
    struct bb_lmdb_env *env = NULL;
    int result = bb_lmdb_partition(base, partition, &env, error);

    if (result == BB_ABSENT)
        return BB_COPY_DONE;
    return result < 0 ? result : bb_lmdb_copy(env, partition, folder, error);
}

static const struct bb_store_ops lmdb_ops = {
    .name = "lmdb",
    .close = lmdb_close,
    .claim = lmdb_claim,
    .commit = lmdb_commit,
    .view_begin = bb_lmdb_view_begin,
    .view_end = bb_lmdb_view_end,
    .position = bb_lmdb_view_position,
    .block_get = bb_lmdb_block_get,
    .block_scan = bb_lmdb_block_scan,
    .name_get = bb_lmdb_name_get,
    .name_scan = bb_lmdb_name_scan,
    .outbox_scan = bb_lmdb_outbox_scan,
    .outbox_trim = lmdb_outbox_trim,
    .outbox_hold = lmdb_outbox_hold,
    .outbox_release = bb_lmdb_outbox_release,
    .copy = lmdb_copy,
    .size = bb_lmdb_size,
};

/* ---- opening */

static int directory_make(const char *directory, bool read_only, struct bb_error *error) {
    struct stat status;

    if (!read_only && mkdir(directory, 0770) != 0 && errno != EEXIST)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "could not make the folder %s",
                             directory);
    if (stat(directory, &status) != 0 && errno != ENOENT)
        return BB_FAIL_ERRNO(error, BB_E_STORE_IO, errno, "could not open the folder %s",
                             directory);
    return 0;
}

/* The first partition tells how many there are; it is made first. */
static int first_partition_open(struct lmdb_store *store, struct bb_error *error) {
    struct bb_lmdb_env *first = NULL;
    int result = partition_acquire(store, 0, &first, error);

    if (result == BB_ABSENT)
        return BB_FAIL(error, BB_E_DATA_MISSING, "there is no store in %s", store->directory);
    if (result != 0)
        return result;
    BB_ASSERT(first);
    store->base.partitions = first->partitions;
    store->open.partitions = first->partitions;
    store->open.key_order = first->key_order;
    store->partitions = calloc(first->partitions, sizeof(struct bb_lmdb_env *));
    if (!store->partitions) {
        bb_lmdb_env_release(first);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for %u partitions", first->partitions);
    }
    store->partitions[0] = first;
    return 0;
}

int bb_store_lmdb_open_sized(const char *directory, const struct bb_store_lmdb_options *options,
                             size_t map_bytes, struct bb_store **out, struct bb_error *error) {
    int result = directory_make(directory, options->read_only || options->frozen, error);
    struct lmdb_store *store;

    if (result != 0)
        return result;
    BB_ASSERT(options->partitions <= PARTITIONS_MAX);
    store = calloc(1, sizeof *store);
    if (!store)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open the store in %s", directory);
    pthread_mutex_init(&store->mutex, NULL);
    store->base.ops = &lmdb_ops;
    store->open = (struct bb_lmdb_open){
        .partitions = options->partitions > 0 ? options->partitions : PARTITIONS_DEFAULT,
        .key_order = options->key_order,
        .read_only = options->read_only || options->frozen,
        .frozen = options->frozen,
        .takeover_ms = options->takeover_ms > 0 ? options->takeover_ms : TAKEOVER_DEFAULT_MS,
        .map_bytes = map_bytes};
    store->directory = strdup(directory);
    result = store->directory
                 ? first_partition_open(store, error)
                 : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to open the store in %s", directory);
    if (result != 0) {
        lmdb_close(&store->base);
        return result;
    }
    *out = &store->base;
    return 0;
}

int bb_store_lmdb_open(const char *directory, const struct bb_store_lmdb_options *options,
                       struct bb_store **out, struct bb_error *error) {
    return bb_store_lmdb_open_sized(directory, options, BB_LMDB_MAP_BYTES, out, error);
}
