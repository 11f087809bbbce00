/* Where blocks of old spans go, so that their pages are full.
 *
 * A day's blocks grow while the day fills. When a block grows on a page that is full, LMDB splits the
 * page into two halves, so that at the end of a day its pages are between half full and full; and
 * they would stay so for ever. Therefore each lane has two tables:
 *
 *        block.raw.closed                     block.raw
 *     ┌──────────────────────────┐ closed ┌──────────────────────┐
 *     │ day 1 . . . . . . day 96 │ ─────► │ day 97 ... day 100   │   99, 100 grow
 *     └──────────────────────────┘        └──────────────────────┘
 *        appended once, pages full           small, pages half full
 *
 * When the greatest span is more than LAG spans ahead, blocks of the oldest open span are moved: put
 * behind all others of the closed table, whose pages that fills to the brim, and deleted from the
 * open one. Each commit moves about as many blocks as it writes, so nothing waits for it. A block
 * that changes after it was moved changes where it is. Every key below `closed` is in the one
 * table, every other in the other, so a reader knows where to look.
 */
#include "adapter/store_lmdb_internal.h"

enum {
    LAG_DAYS = 3,          /* of lanes whose span is a day: most late readings come by then */
    LAG_OTHERS = 1,        /* months, years */
    MOVE_BLOCKS = 16384,   /* at least, when there are so many */
    MOVE_BYTES = 64 << 20, /* at most */
};

/* The number below which blocks are old, by the greatest span there is; 0 when nothing is. */
static int old_below(MDB_cursor *cursor, enum bb_lane lane, uint64_t *number) {
    MDB_val key, value;
    int result = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
    int64_t lag = bb_lanes[lane].span == BB_SPAN_UTC_DAY ? LAG_DAYS : LAG_OTHERS;

    *number = 0;
    if (result != 0)
        return result == MDB_NOTFOUND ? 0 : result;
    int64_t span =
        bb_store_block_key(BB_KEY_SPAN_FIRST, (uint8_t)lane, bb_store_number_get(key.mv_data)).span;
    if (span - lag >= INT32_MIN)
        *number = bb_store_block_number(BB_KEY_SPAN_FIRST, (int32_t)(span - lag), 0);
    return 0;
}

/* The values stay where they are while the closed table is written: LMDB keeps the pages that a
 * cursor stands on. */
static int move(MDB_cursor *from, MDB_cursor *to, uint64_t below, size_t limit, uint64_t *closed) {
    MDB_val key, value;
    size_t bytes = 0;

    for (size_t moved = 0;; moved++) {
        int result = mdb_cursor_get(from, &key, &value, MDB_FIRST);
        if (result != 0)
            return result;
        uint64_t number = bb_store_number_get(key.mv_data);
        if (number >= below || moved >= limit || bytes >= MOVE_BYTES) {
            *closed = number < below ? number : below;
            return 0;
        }
        bytes += value.mv_size;
        result = mdb_cursor_put(to, &key, &value, MDB_APPEND);
        if (result == 0)
            result = mdb_cursor_del(from, 0);
        if (result != 0)
            return result;
    }
}

int bb_lmdb_close_spans(const struct bb_lmdb_env *env, MDB_txn *txn, enum bb_lane lane,
                        size_t count, uint64_t *closed) {
    const MDB_dbi *tables = env->tables.blocks[lane];
    MDB_cursor *from, *to;
    uint64_t below;
    int result = mdb_cursor_open(txn, tables[BB_LMDB_OPEN], &from);

    if (result != 0)
        return result;
    result = old_below(from, lane, &below);
    if (result == 0 && below > *closed)
        result = mdb_cursor_open(txn, tables[BB_LMDB_CLOSED], &to);
    if (result == 0 && below > *closed) {
        result = move(from, to, below, count > MOVE_BLOCKS ? count : MOVE_BLOCKS, closed);
        mdb_cursor_close(to);
    }
    mdb_cursor_close(from);
    return result;
}
