/* Closed spans, packed into full pages.
 *
 * A day's blocks grow while the day fills, and a page that is full when one of its blocks grows is
 * split into two halves. So at the end of a day its pages are between half full and full, and would
 * stay so for ever. When blocks of a new span begin to come, the span that closed some time ago
 * (LAG, so that most late readings have found their way) is rewritten, a piece with each commit:
 *
 *     before   | a b c . . . | d e . . . . | f g h i . . |      a piece ends where a page ends
 *     deleted  | a . . . . . |                                  (a: the end of the span before)
 *     put back | a b c d e f | g h i . . . |
 *
 * Keys that are put behind the last one of a page leave that page full when it has to be split. That
 * is why the piece must end with its page: if the next span's first key stayed on it, every key
 * would be put before that one, and split in halves again.
 *
 * A key's address tells its page, as long as the transaction has not changed the page and it is read
 * from the map. So a commit tidies first, far from where it writes then.
 *
 * What is pending is known to the process only. A worker that ends before the last piece leaves the
 * rest of that span as it is, which costs some bytes and nothing else.
 */
#include <stdlib.h>

#include "adapter/store_lmdb_internal.h"

enum {
    LAG_DAYS = 2, /* spans of UTC days; longer ones are packed as soon as they close */
    /* A commit takes along as many blocks as it writes itself, or PIECE_MIN, of so many bytes. */
    PIECE_MIN = 16384,
    PIECE_BYTES = 64 << 20,
    FULL_PERCENT = 85,  /* fuller pages are left alone */
    NODE_BYTES = 8 + 2, /* of LMDB: a node's header and its place in the page's index */
    PAGE_HEADER_BYTES = 16,
};

struct piece_block {
    uint64_t number;
    size_t at, size; /* in bytes */
};

struct piece {
    struct piece_block *blocks;
    size_t count, limit;
    char *bytes;
    size_t used, capacity;
    size_t page_bytes;
    size_t pages;      /* leaf pages that the blocks were on */
    size_t leaf_bytes; /* that they use there */
};

void bb_lmdb_tidy_plan(struct bb_lmdb_tidy *tidy, enum bb_lane lane, int32_t before, int32_t now) {
    int64_t lag = bb_lanes[lane].span == BB_SPAN_UTC_DAY ? LAG_DAYS : 1;
    int64_t first = before - lag + 1, last = now - lag;

    if (last > before)
        last = before; /* younger ones were written just now, and whole */
    if (first > last || first < INT32_MIN)
        return;
    uint64_t next = bb_store_block_number(BB_KEY_SPAN_FIRST, (int32_t)first, 0);
    if (tidy->next >= tidy->end || tidy->end != next)
        tidy->next = next;
    tidy->end = bb_store_block_number(BB_KEY_SPAN_FIRST, (int32_t)last + 1, 0);
}

static bool piece_append(struct piece *piece, uint64_t number, const MDB_val *value) {
    if (piece->capacity - piece->used < value->mv_size) {
        size_t capacity = (piece->used + value->mv_size) * 2;
        char *bytes = realloc(piece->bytes, capacity);
        if (!bytes)
            return false;
        piece->bytes = bytes;
        piece->capacity = capacity;
    }
    memcpy(piece->bytes + piece->used, value->mv_data, value->mv_size);
    piece->blocks[piece->count++] = (struct piece_block){
        .number = number, .at = piece->used, .size = value->mv_size};
    piece->used += value->mv_size;
    return true;
}

static bool piece_is_enough(const struct piece *piece) {
    /* Room for one more page, which cannot hold more blocks than this. */
    return piece->count + piece->page_bytes / NODE_BYTES >= piece->limit ||
           piece->used >= PIECE_BYTES;
}

/* Copy blocks from tidy->next on; *next is where the piece ends, at the end of a page. False when
 * that cannot be done. */
static bool piece_read(struct piece *piece, MDB_cursor *cursor, const struct bb_lmdb_tidy *tidy,
                       uint64_t *next) {
    uint8_t bytes[BB_STORE_KEY_BYTES];
    MDB_val key = {sizeof bytes, bytes}, value;
    uintptr_t page = 0;

    bb_store_number_put(tidy->next, bytes);
    int result = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    for (; result == 0; result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        uint64_t number = bb_store_number_get(key.mv_data);
        bool same_page = (uintptr_t)key.mv_data / piece->page_bytes == page;
        *next = number;
        if (!same_page && (number >= tidy->end || piece_is_enough(piece)))
            return true;
        page = (uintptr_t)key.mv_data / piece->page_bytes;
        piece->pages += !same_page;
        /* Large values lie on pages of their own, and the number of that page in the node. */
        piece->leaf_bytes += NODE_BYTES + key.mv_size +
                             (value.mv_size < piece->page_bytes / 2 ? value.mv_size
                                                                    : sizeof number);
        if (!piece_append(piece, number, &value))
            return false;
    }
    *next = tidy->end;
    return result == MDB_NOTFOUND;
}

static bool piece_is_full(const struct piece *piece) {
    return piece->leaf_bytes * 100 >=
           piece->pages * (piece->page_bytes - PAGE_HEADER_BYTES) * FULL_PERCENT;
}

static int piece_rewrite(const struct piece *piece, MDB_cursor *cursor) {
    uint8_t bytes[BB_STORE_KEY_BYTES];
    MDB_val key = {sizeof bytes, bytes};
    int result = 0;

    for (size_t i = 0; result == 0 && i < piece->count; i++) {
        bb_store_number_put(piece->blocks[i].number, bytes);
        result = mdb_cursor_get(cursor, &key, NULL, MDB_SET);
        if (result == 0)
            result = mdb_cursor_del(cursor, 0);
    }
    for (size_t i = 0; result == 0 && i < piece->count; i++) {
        MDB_val value = {piece->blocks[i].size, piece->bytes + piece->blocks[i].at};
        bb_store_number_put(piece->blocks[i].number, bytes);
        result = mdb_cursor_put(cursor, &key, &value, 0);
    }
    return result;
}

int bb_lmdb_tidy_step(struct bb_lmdb_tidy *tidy, MDB_txn *txn, MDB_dbi dbi, size_t blocks) {
    uint64_t next = tidy->end;
    MDB_cursor *cursor;
    MDB_stat stat;

    if (tidy->next >= tidy->end)
        return 0;
    int result = mdb_stat(txn, dbi, &stat);
    if (result == 0)
        result = mdb_cursor_open(txn, dbi, &cursor);
    if (result != 0)
        return result;
    struct piece piece = {.limit = blocks > PIECE_MIN ? blocks : PIECE_MIN,
                          .page_bytes = stat.ms_psize};
    piece.blocks = malloc(piece.limit * sizeof *piece.blocks);
    bool read = piece.blocks && piece_read(&piece, cursor, tidy, &next);
    if (read && !piece_is_full(&piece))
        result = piece_rewrite(&piece, cursor);
    tidy->next = read ? next : tidy->end; /* without memory it is not done: a luxury */
    mdb_cursor_close(cursor);
    free(piece.bytes);
    free(piece.blocks);
    return result;
}
