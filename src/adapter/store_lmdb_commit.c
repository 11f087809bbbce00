/* What is written: claims, commits and the trimming of outboxes, each one transaction.
 *
 * A commit checks epoch and position first, then walks each table once, in the order of its keys,
 * with one cursor: neighbouring keys find their page without a search from the root. Keys beyond
 * the table's last one are appended, which fills pages to the brim instead of splitting them in
 * halves; with the key order (span, channel) that is the usual case, because a new day lies
 * behind all older ones. What becomes of pages while their day fills is told in store_lmdb_close.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "adapter/store_lmdb_internal.h"

static struct bb_position position_of(const struct bb_lmdb_meta *meta) {
    return (struct bb_position){.offset = meta->offset, .inner = meta->inner};
}

/* ---- claim */

struct claiming {
    uint64_t log_identity;
    struct bb_claim *out;
};

static int claim_body(struct bb_lmdb_write *write, void *context) {
    struct claiming *claiming = context;
    struct bb_lmdb_meta meta;
    int result = bb_lmdb_meta_get(write->env, write->txn, &meta);

    if (result != 0)
        return result;
    if (meta.epoch == 0) {
        meta.log_identity = claiming->log_identity;
    } else if (meta.log_identity != claiming->log_identity) {
        write->outcome = BB_FAIL(
            write->error, BB_E_LOG_IDENTITY,
            "the positions in %s were made with log %016llx, not with log %016llx",
            write->env->folder, (unsigned long long)meta.log_identity,
            (unsigned long long)claiming->log_identity);
        return 0;
    }
    meta.epoch++;
    *claiming->out = (struct bb_claim){.epoch = meta.epoch, .position = position_of(&meta)};
    return bb_lmdb_meta_put(write->env, write->txn, &meta);
}

int bb_lmdb_claim(struct bb_lmdb_env *env, int takeover_ms, uint64_t log_identity,
                  struct bb_claim *out, struct bb_error *error) {
    struct claiming claiming = {.log_identity = log_identity, .out = out};

    return bb_lmdb_write(env, takeover_ms, claim_body, &claiming, error);
}

/* ---- one table, keys ascending */

struct table_writer {
    MDB_cursor *cursor;
    bool empty;   /* no key yet */
    MDB_val last; /* the greatest key, in `bytes` */
    uint8_t bytes[BB_NAME_KEY_MAX];
};

static int table_begin(struct table_writer *table, MDB_txn *txn, MDB_dbi dbi) {
    MDB_val key, value;
    int result = mdb_cursor_open(txn, dbi, &table->cursor);

    if (result != 0)
        return result;
    result = mdb_cursor_get(table->cursor, &key, &value, MDB_LAST);
    table->empty = result == MDB_NOTFOUND;
    table->last = (MDB_val){0, table->bytes};
    if (result == 0) {
        BB_ASSERT(key.mv_size <= sizeof table->bytes);
        memcpy(table->bytes, key.mv_data, key.mv_size);
        table->last.mv_size = key.mv_size;
    }
    return table->empty ? 0 : result;
}

static bool is_behind_all(const struct table_writer *table, const MDB_val *key) {
    struct bb_span last = {table->last.mv_data, table->last.mv_size};

    return table->empty || bb_span_compare((struct bb_span){key->mv_data, key->mv_size}, last) > 0;
}

static int table_put(struct table_writer *table, MDB_val *key, struct bb_span value) {
    MDB_val data = {value.size, (void *)value.data};

    if (!is_behind_all(table, key))
        return mdb_cursor_put(table->cursor, key, &data, 0);
    memcpy(table->bytes, key->mv_data, key->mv_size);
    table->last.mv_size = key->mv_size;
    table->empty = false;
    return mdb_cursor_put(table->cursor, key, &data, MDB_APPEND);
}

/* The last key may go: appending asks LMDB again, so `last` need only never be too small. */
static int table_delete(struct table_writer *table, MDB_val *key) {
    int result = is_behind_all(table, key) ? MDB_NOTFOUND
                                           : mdb_cursor_get(table->cursor, key, NULL, MDB_SET);

    if (result == 0)
        result = mdb_cursor_del(table->cursor, 0);
    return result == MDB_NOTFOUND ? 0 : result;
}

static int table_change(struct table_writer *table, MDB_val *key, struct bb_span value) {
    return value.size > 0 ? table_put(table, key, value) : table_delete(table, key);
}

static void table_end(struct table_writer *table) {
    if (table->cursor)
        mdb_cursor_close(table->cursor);
}

/* ---- commit */

/* Changes of one table, in the order of its keys. */
static int table_write(const struct bb_lmdb_env *env, MDB_txn *txn, MDB_dbi dbi,
                       const struct bb_block_change *blocks, size_t count) {
    struct table_writer table = {.cursor = NULL};
    uint8_t bytes[BB_STORE_KEY_BYTES];

    if (count == 0)
        return 0;
    int result = table_begin(&table, txn, dbi);
    for (size_t i = 0; result == 0 && i < count; i++) {
        MDB_val key = {sizeof bytes, bytes};
        bb_store_number_put(
            bb_store_block_number(env->key_order, blocks[i].key.span, blocks[i].key.channel),
            bytes);
        result = table_change(&table, &key, blocks[i].packed);
    }
    table_end(&table);
    return result;
}

/* Changes of one lane: those below `closed` to the one table, the others to the other. */
static int lane_write(const struct bb_lmdb_env *env, MDB_txn *txn,
                      const struct bb_block_change *blocks, size_t count, uint64_t *closed) {
    enum bb_lane lane = blocks[0].key.lane;
    const MDB_dbi *tables = env->tables.blocks[lane];
    int result = bb_lmdb_close_spans(env, txn, lane, count, closed);
    size_t open = 0, end = count;

    while (open < end) { /* the first change that is not below */
        size_t middle = open + (end - open) / 2;
        if (bb_store_block_number(env->key_order, blocks[middle].key.span,
                                  blocks[middle].key.channel) < *closed)
            open = middle + 1;
        else
            end = middle;
    }
    if (result == 0)
        result = table_write(env, txn, tables[BB_LMDB_CLOSED], blocks, open);
    if (result == 0)
        result = table_write(env, txn, tables[BB_LMDB_OPEN], blocks + open, count - open);
    return result;
}

static int channel_first(const void *a, const void *b) {
    const struct bb_block_key *x = &((const struct bb_block_change *)a)->key;
    const struct bb_block_key *y = &((const struct bb_block_change *)b)->key;

    if (x->channel != y->channel)
        return x->channel < y->channel ? -1 : 1;
    return (x->span > y->span) - (x->span < y->span);
}

/* The other key order, which exists to be compared with: sort a copy. No span closes there. */
static int lane_write_channel_first(const struct bb_lmdb_env *env, MDB_txn *txn,
                                    const struct bb_block_change *blocks, size_t count) {
    struct bb_block_change *sorted = malloc(count * sizeof *sorted);

    if (!sorted)
        return ENOMEM;
    memcpy(sorted, blocks, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, channel_first);
    int result = table_write(env, txn, env->tables.blocks[sorted[0].key.lane][BB_LMDB_OPEN], sorted,
                             count);
    free(sorted);
    return result;
}

static int blocks_write(const struct bb_lmdb_env *env, MDB_txn *txn, const struct bb_commit *commit,
                        struct bb_lmdb_meta *meta) {
    int result = 0;

    for (size_t i = 0, next; result == 0 && i < commit->block_count; i = next) {
        uint8_t lane = commit->blocks[i].key.lane;
        next = i + 1;
        while (next < commit->block_count && commit->blocks[next].key.lane == lane)
            next++;
        const struct bb_block_change *blocks = commit->blocks + i;
        result = env->key_order == BB_KEY_SPAN_FIRST
                     ? lane_write(env, txn, blocks, next - i, &meta->closed[lane])
                     : lane_write_channel_first(env, txn, blocks, next - i);
    }
    return result;
}

static int names_write(const struct bb_lmdb_env *env, MDB_txn *txn,
                       const struct bb_commit *commit) {
    int result = 0;

    for (size_t i = 0; result == 0 && i < commit->name_count;) {
        enum bb_name_kind kind = commit->names[i].kind;
        struct table_writer table = {.cursor = NULL};

        result = table_begin(&table, txn, env->tables.names[kind]);
        for (; result == 0 && i < commit->name_count && commit->names[i].kind == kind; i++) {
            MDB_val key = {commit->names[i].name.size, (void *)commit->names[i].name.data};
            result = table_change(&table, &key, commit->names[i].value);
        }
        table_end(&table);
    }
    return result;
}

static int outbox_write(const struct bb_lmdb_env *env, MDB_txn *txn, const struct bb_commit *commit,
                        uint64_t last) {
    struct table_writer table = {.cursor = NULL};
    uint8_t bytes[BB_STORE_KEY_BYTES];

    if (commit->outbox_count == 0)
        return 0;
    int result = table_begin(&table, txn, env->tables.outbox);
    for (size_t i = 0; result == 0 && i < commit->outbox_count; i++) {
        MDB_val key = {sizeof bytes, bytes};
        bb_store_number_put(last + 1 + i, bytes);
        result = table_put(&table, &key, commit->outbox[i]);
    }
    table_end(&table);
    return result;
}

static int commit_body(struct bb_lmdb_write *write, void *context) {
    const struct bb_commit *commit = context;
    const struct bb_lmdb_env *env = write->env;
    struct bb_lmdb_meta meta;
    int result = bb_lmdb_meta_get(env, write->txn, &meta);

    if (result != 0)
        return result;
    if (meta.epoch != commit->epoch)
        write->outcome = BB_COMMIT_FENCED;
    else if (!bb_position_equal(position_of(&meta), commit->from))
        write->outcome = BB_COMMIT_MOVED;
    if (write->outcome != BB_COMMIT_DONE)
        return 0;
    result = blocks_write(env, write->txn, commit, &meta);
    if (result == 0)
        result = names_write(env, write->txn, commit);
    if (result == 0)
        result = outbox_write(env, write->txn, commit, meta.outbox_last);
    if (result != 0)
        return result;
    meta.outbox_last += commit->outbox_count;
    meta.offset = commit->to.offset;
    meta.inner = commit->to.inner;
    return bb_lmdb_meta_put(env, write->txn, &meta);
}

/* LMDB keeps the pages of its largest commit for the next one; of one larger than this they are given
 * back, or every partition of a drained plant would sit on its own. */
enum { RENEW_BYTES = 8 << 20 };

static size_t content_bytes(const struct bb_commit *commit) {
    size_t bytes = 0;

    for (size_t i = 0; i < commit->block_count; i++)
        bytes += commit->blocks[i].packed.size;
    for (size_t i = 0; i < commit->name_count; i++)
        bytes += commit->names[i].value.size;
    for (size_t i = 0; i < commit->outbox_count; i++)
        bytes += commit->outbox[i].size;
    return bytes;
}

int bb_lmdb_commit(struct bb_lmdb_env *env, int takeover_ms, const struct bb_commit *commit,
                   struct bb_error *error) {
    int result = bb_store_commit_check(commit, error);

    if (result != 0)
        return result;
    result = bb_lmdb_write(env, takeover_ms, commit_body, (void *)commit, error);
    if (result == BB_COMMIT_DONE && content_bytes(commit) >= RENEW_BYTES)
        bb_lmdb_env_renew(env);
    return result;
}

/* ---- trim */

static int trim_body(struct bb_lmdb_write *write, void *context) {
    const uint64_t *upto = context;
    MDB_cursor *cursor;
    MDB_val key, value;
    int result = mdb_cursor_open(write->txn, write->env->tables.outbox, &cursor);

    if (result != 0)
        return result;
    for (;;) {
        result = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        if (result != 0 || bb_store_number_get(key.mv_data) > *upto)
            break;
        result = mdb_cursor_del(cursor, 0);
        if (result != 0)
            break;
    }
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND ? 0 : result;
}

int bb_lmdb_outbox_trim(struct bb_lmdb_env *env, int takeover_ms, uint64_t upto,
                        struct bb_error *error) {
    return bb_lmdb_write(env, takeover_ms, trim_body, &upto, error);
}
