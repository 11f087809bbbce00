/* What is read: views, which are LMDB's read transactions. Values are borrowed from the map.
 *
 * Blocks are mostly asked for in the order of their keys (all channels of one day), so a view keeps
 * a cursor per lane, and remembers what it learned on the way:
 *
 *        keys of the lane    ... 17 . . . . 23 . . 26 ...
 *        from = 18 ──────────────┘          │
 *        at   = 23 ─────────────────────────┘    nothing lies in [from, at)
 *
 * A key in [from, at) is absent and `at` is found without touching the tree; the key behind it is
 * first looked for at the cursor's next place, and only else searched for from the root.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "adapter/store_lmdb_internal.h"

enum { NEAR = 1024 }; /* channels further off are seldom the next key */

struct lane_reader {
    MDB_cursor *cursor;
    bool placed;   /* the cursor stands; from, at, beyond and value hold */
    bool beyond;   /* behind the last key: nothing from `from` on */
    uint64_t from; /* no key in [from, at) */
    uint64_t at;
    MDB_val value; /* of `at` */
};

struct bb_store_view {
    struct bb_lmdb_env *env; /* NULL: a partition that nobody has written yet */
    MDB_txn *txn;
    struct bb_lmdb_tables tables;
    bool meta_known;
    struct bb_lmdb_meta meta;
    struct lane_reader lanes[BB_LANE_COUNT][BB_LMDB_AGES];
};

int bb_lmdb_view_begin(struct bb_store *store, uint32_t partition, struct bb_store_view **out,
                       struct bb_error *error) {
    struct bb_store_view *view = calloc(1, sizeof *view);

    if (!view)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a view of partition %u", partition);
    int result = bb_lmdb_partition(store, partition, &view->env, error);
    if (result == 0) {
        /* Copied before the transaction begins: it must not meet handles younger than itself. */
        pthread_mutex_lock(&view->env->mutex);
        view->tables = view->env->tables;
        pthread_mutex_unlock(&view->env->mutex);
        result = bb_lmdb_read_begin(view->env, &view->txn, error);
    }
    if (result < 0) {
        free(view);
        return result;
    }
    *out = view;
    return 0;
}

void bb_lmdb_view_end(struct bb_store_view *view) {
    if (!view)
        return;
    for (int lane = 0; lane < BB_LANE_COUNT; lane++)
        for (int age = 0; age < BB_LMDB_AGES; age++)
            if (view->lanes[lane][age].cursor)
                mdb_cursor_close(view->lanes[lane][age].cursor);
    if (view->txn)
        bb_lmdb_read_end(view->env, view->txn);
    free(view);
}

static int fail_read(struct bb_store_view *view, int result, struct bb_error *error) {
    return BB_LMDB_FAIL(error, view->env, result, "read");
}

/* The partition's record, read when first needed; 0 or LMDB's result. */
static int view_meta(struct bb_store_view *view) {
    if (view->meta_known)
        return 0;
    int result = bb_lmdb_meta_get(view->env, view->txn, &view->meta);
    view->meta_known = result == 0;
    return result;
}

int bb_lmdb_view_position(struct bb_store_view *view, struct bb_claim *out,
                          struct bb_error *error) {
    *out = (struct bb_claim){.epoch = 0};
    if (!view->txn)
        return 0;
    int result = view_meta(view);
    if (result != 0)
        return fail_read(view, result, error);
    *out = (struct bb_claim){.epoch = view->meta.epoch,
                             .position = {view->meta.offset, view->meta.inner}};
    return 0;
}

/* ---- blocks */

/* Note where LMDB's cursor came to stand; 0 or LMDB's result. */
static int reader_place(struct lane_reader *reader, int result, const MDB_val *key, uint64_t from) {
    reader->placed = result == 0 || result == MDB_NOTFOUND;
    reader->beyond = result == MDB_NOTFOUND;
    reader->from = from;
    if (result == 0)
        reader->at = bb_store_number_get(key->mv_data);
    return reader->placed ? 0 : result;
}

static int reader_next(struct lane_reader *reader) {
    MDB_val key;
    uint64_t from = reader->at + 1;
    int result = mdb_cursor_get(reader->cursor, &key, &reader->value, MDB_NEXT);

    return reader_place(reader, result, &key, from);
}

/* At the first key that is not below `number`. */
static int reader_seek(struct lane_reader *reader, uint64_t number) {
    uint8_t bytes[BB_STORE_KEY_BYTES];
    MDB_val key = {sizeof bytes, bytes};

    bb_store_number_put(number, bytes);
    int result = mdb_cursor_get(reader->cursor, &key, &reader->value, MDB_SET_RANGE);
    return reader_place(reader, result, &key, number);
}

static bool reader_knows(const struct lane_reader *reader, uint64_t number) {
    return reader->placed && number >= reader->from && (reader->beyond || number <= reader->at);
}

static int reader_find(struct lane_reader *reader, uint64_t number) {
    int result = 0;

    if (reader->placed && !reader->beyond && number > reader->at && number - reader->at <= NEAR)
        result = reader_next(reader);
    if (result == 0 && !reader_knows(reader, number))
        result = reader_seek(reader, number);
    return result;
}

/* The cursor of the table that holds `number`; *out is NULL when there is no such table. */
static int reader_open(struct bb_store_view *view, uint8_t lane, uint64_t number,
                       struct lane_reader **out) {
    *out = NULL;
    if (!view->txn)
        return 0;
    int result = view_meta(view);
    if (result != 0)
        return result;
    enum bb_lmdb_age age = number < view->meta.closed[lane] ? BB_LMDB_CLOSED : BB_LMDB_OPEN;
    MDB_dbi table = view->tables.blocks[lane][age];
    if (table == 0)
        return 0;
    *out = &view->lanes[lane][age];
    return (*out)->cursor ? 0 : mdb_cursor_open(view->txn, table, &(*out)->cursor);
}

int bb_lmdb_block_get(struct bb_store_view *view, const struct bb_block_key *key,
                      struct bb_span *packed, struct bb_error *error) {
    struct lane_reader *reader;

    BB_ASSERT(key->lane < BB_LANE_COUNT);
    if (!view->txn)
        return BB_ABSENT;
    uint64_t number = bb_store_block_number(view->env->key_order, key->span, key->channel);
    int result = reader_open(view, key->lane, number, &reader);
    if (result == 0 && !reader)
        return BB_ABSENT;
    if (result == 0 && !reader_knows(reader, number))
        result = reader_find(reader, number);
    if (result != 0)
        return fail_read(view, result, error);
    if (reader->beyond || reader->at != number)
        return BB_ABSENT;
    *packed = (struct bb_span){reader->value.mv_data, reader->value.mv_size};
    return BB_FOUND;
}

struct block_scan {
    enum bb_key_order order;
    uint8_t lane;
    int32_t first, last;
    bb_block_visit *visit;
    void *context;
    int stop; /* what the visitor said last */
};

/* One table. With a cursor of its own: the visitor may call block_get. 0 or LMDB's result. */
static int table_scan(MDB_txn *txn, MDB_dbi table, struct block_scan *scan) {
    struct lane_reader reader = {.cursor = NULL};
    bool sorted = scan->order == BB_KEY_SPAN_FIRST;

    if (table == 0 || scan->stop != 0)
        return 0;
    int result = mdb_cursor_open(txn, table, &reader.cursor);
    if (result != 0)
        return result;
    result = reader_seek(&reader, sorted ? bb_store_block_number(scan->order, scan->first, 0) : 0);
    while (result == 0 && scan->stop == 0 && !reader.beyond) {
        struct bb_block_key key = bb_store_block_key(scan->order, scan->lane, reader.at);
        if (key.span > scan->last && sorted)
            break;
        if (key.span >= scan->first && key.span <= scan->last)
            scan->stop = scan->visit(scan->context, &key,
                                     (struct bb_span){reader.value.mv_data, reader.value.mv_size});
        if (scan->stop == 0)
            result = reader_next(&reader);
    }
    mdb_cursor_close(reader.cursor);
    return result;
}

int bb_lmdb_block_scan(struct bb_store_view *view, uint8_t lane, int32_t first, int32_t last,
                       bb_block_visit *visit, void *context, struct bb_error *error) {
    BB_ASSERT(lane < BB_LANE_COUNT);
    if (!view->txn || first > last)
        return 0;
    const MDB_dbi *tables = view->tables.blocks[lane];
    struct block_scan scan = {.order = view->env->key_order,
                              .lane = lane,
                              .first = first,
                              .last = last,
                              .visit = visit,
                              .context = context};
    int result = table_scan(view->txn, tables[BB_LMDB_CLOSED], &scan);
    if (result == 0)
        result = table_scan(view->txn, tables[BB_LMDB_OPEN], &scan);
    if (result != 0)
        return fail_read(view, result, error);
    return scan.stop < 0 ? scan.stop : 0;
}

/* ---- names */

int bb_lmdb_name_get(struct bb_store_view *view, enum bb_name_kind kind, struct bb_span name,
                     struct bb_span *value, struct bb_error *error) {
    MDB_val key = {name.size, (void *)name.data}, data;

    BB_ASSERT(kind < BB_NAME_KIND_COUNT);
    /* What a person typed may be too long to be a name of anything. */
    if (!view->txn || view->tables.names[kind] == 0 || name.size == 0 ||
        name.size > BB_NAME_KEY_MAX)
        return BB_ABSENT;
    int result = mdb_get(view->txn, view->tables.names[kind], &key, &data);
    if (result == MDB_NOTFOUND)
        return BB_ABSENT;
    if (result != 0)
        return fail_read(view, result, error);
    *value = (struct bb_span){data.mv_data, data.mv_size};
    return BB_FOUND;
}

int bb_lmdb_name_scan(struct bb_store_view *view, enum bb_name_kind kind, struct bb_span prefix,
                      bb_name_visit *visit, void *context, struct bb_error *error) {
    MDB_cursor *cursor;
    MDB_val key = {prefix.size, (void *)prefix.data}, value;
    int stop = 0;

    BB_ASSERT(kind < BB_NAME_KIND_COUNT);
    if (!view->txn || view->tables.names[kind] == 0 || prefix.size > BB_NAME_KEY_MAX)
        return 0;
    int result = mdb_cursor_open(view->txn, view->tables.names[kind], &cursor);
    if (result != 0)
        return fail_read(view, result, error);
    result = mdb_cursor_get(cursor, &key, &value, prefix.size > 0 ? MDB_SET_RANGE : MDB_FIRST);
    while (result == 0 && stop == 0) {
        struct bb_span name = {key.mv_data, key.mv_size};
        if (!bb_span_starts_with(name, prefix))
            break;
        stop = visit(context, name, (struct bb_span){value.mv_data, value.mv_size});
        if (stop == 0)
            result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (result != 0 && result != MDB_NOTFOUND)
        return fail_read(view, result, error);
    return stop < 0 ? stop : 0;
}

/* ---- outbox */

int bb_lmdb_outbox_scan(struct bb_store_view *view, uint64_t after, bb_outbox_visit *visit,
                        void *context, struct bb_error *error) {
    struct lane_reader reader = {.cursor = NULL}; /* its keys are numbers, too */
    int stop = 0;

    if (!view->txn || view->tables.outbox == 0 || after == UINT64_MAX)
        return 0;
    int result = mdb_cursor_open(view->txn, view->tables.outbox, &reader.cursor);
    if (result != 0)
        return fail_read(view, result, error);
    result = reader_seek(&reader, after + 1);
    while (result == 0 && stop == 0 && !reader.beyond) {
        stop = visit(context, reader.at,
                     (struct bb_span){reader.value.mv_data, reader.value.mv_size});
        if (stop == 0)
            result = reader_next(&reader);
    }
    mdb_cursor_close(reader.cursor);
    if (result != 0)
        return fail_read(view, result, error);
    return stop < 0 ? stop : 0;
}

/* ---- size */

/* Add the pages of a table, if there is one. */
static int table_pages(MDB_txn *txn, MDB_dbi dbi, bool there, uint64_t *pages) {
    MDB_stat stat;
    int result = there ? mdb_stat(txn, dbi, &stat) : MDB_NOTFOUND;

    if (result == 0)
        *pages += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    return there ? result : 0;
}

/* LMDB's own two tables have the numbers 0 (free pages) and 1 (names of tables). */
static int pages_in_use(struct bb_store_view *view, uint64_t *pages) {
    const struct bb_lmdb_tables *tables = &view->tables;
    int result = table_pages(view->txn, 0, true, pages);

    if (result == 0)
        result = table_pages(view->txn, 1, true, pages);
    if (result == 0)
        result = table_pages(view->txn, tables->meta, tables->meta != 0, pages);
    if (result == 0)
        result = table_pages(view->txn, tables->outbox, tables->outbox != 0, pages);
    for (int lane = 0; lane < BB_LANE_COUNT; lane++)
        for (int age = 0; result == 0 && age < BB_LMDB_AGES; age++) {
            MDB_dbi dbi = tables->blocks[lane][age];
            result = table_pages(view->txn, dbi, dbi != 0, pages);
        }
    for (int kind = 0; result == 0 && kind < BB_NAME_KIND_COUNT; kind++)
        result = table_pages(view->txn, tables->names[kind], tables->names[kind] != 0, pages);
    return result;
}

int bb_lmdb_size(struct bb_store *store, uint32_t partition, uint64_t *used_bytes,
                 uint64_t *file_bytes, struct bb_error *error) {
    struct bb_store_view *view = NULL;
    int result = bb_lmdb_view_begin(store, partition, &view, error);

    *used_bytes = *file_bytes = 0;
    if (result != 0)
        return result;
    BB_ASSERT(view);
    if (view->txn) {
        MDB_stat stat;
        struct stat file_stat;
        mdb_filehandle_t file;
        uint64_t pages = 2; /* the meta pages */
        result = pages_in_use(view, &pages);
        if (result == 0)
            result = mdb_env_stat(view->env->mdb, &stat);
        if (result == 0)
            result = mdb_env_get_fd(view->env->mdb, &file);
        if (result == 0 && fstat(file, &file_stat) != 0)
            result = EIO;
        if (result == 0) {
            *used_bytes = pages * stat.ms_psize;
            *file_bytes = (uint64_t)file_stat.st_size;
        } else {
            result = fail_read(view, result, error);
        }
    }
    bb_lmdb_view_end(view);
    return result;
}
