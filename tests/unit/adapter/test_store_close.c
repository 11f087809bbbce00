/* The two tables of a lane in the embedded store: blocks of old spans move to the closed one, whose
 * pages are full, and nobody who reads or writes can tell.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "adapter/store_lmdb_internal.h"
#include "support/log_folder.h"

enum { CHANNELS = 3000, FINAL_SIZE = 220 };

static char directory[LOG_FOLDER_SIZE];
static struct bb_store *store;
static struct bb_claim claim;
static struct bb_error error;

static void open_new(void) {
    struct bb_store_lmdb_options options = {.partitions = 1};

    log_folder_make(directory);
    cr_assert_eq(bb_store_lmdb_open(directory, &options, &store, &error), 0, "%s", error.text);
    cr_assert_eq(store->ops->claim(store, 0, 1, &claim, &error), 0);
}

static void close_and_remove(void) {
    store->ops->close(store);
    log_folder_remove(directory);
}

TestSuite(store_close, .init = open_new, .fini = close_and_remove);

static void commit(const struct bb_block_change *blocks, size_t count) {
    struct bb_commit whole = {.epoch = claim.epoch,
                              .from = claim.position,
                              .to = {.offset = claim.position.offset + 1},
                              .blocks = blocks,
                              .block_count = count};

    cr_assert_eq(store->ops->commit(store, 0, &whole, &error), BB_COMMIT_DONE, "%s", error.text);
    claim.position = whole.to;
}

/* A day as it is when `percent` of it has come: then all channels are written, or every third one
 * when the day goes on. */
static void write_day(uint8_t lane, int32_t day, size_t percent) {
    static char bytes[FINAL_SIZE];
    static struct bb_block_change blocks[CHANNELS];
    size_t count = 0;

    for (uint32_t i = 0; i < CHANNELS; i++)
        if (percent == 100 || (i + percent) % 3 == 0)
            blocks[count++] = (struct bb_block_change){
                .key = {.channel = i, .span = day, .lane = lane},
                .packed = {bytes, (FINAL_SIZE - i % 20) * percent / 100}};
    commit(blocks, count);
}

struct table_size {
    size_t entries, leaves;
};

static struct table_size table_size(uint8_t lane, enum bb_lmdb_age age) {
    struct bb_lmdb_env *env;
    MDB_txn *txn;
    MDB_stat stat;

    cr_assert_eq(bb_lmdb_partition(store, 0, &env, &error), 0);
    cr_assert_eq(bb_lmdb_read_begin(env, &txn, &error), 0);
    cr_assert_eq(mdb_stat(txn, env->tables.blocks[lane][age], &stat), 0);
    bb_lmdb_read_end(env, txn);
    return (struct table_size){stat.ms_entries, stat.ms_leaf_pages};
}

Test(store_close, fills_the_pages_of_old_days) {
    for (int32_t day = -5; day < 5; day++)
        for (size_t percent = 10; percent <= 100; percent += 10)
            write_day(BB_LANE_RAW, day, percent);
    struct table_size closed = table_size(BB_LANE_RAW, BB_LMDB_CLOSED);
    struct table_size open = table_size(BB_LANE_RAW, BB_LMDB_OPEN);
    cr_expect_eq(closed.entries, 6 * CHANNELS, "all days but the last and three before it");
    cr_expect_eq(open.entries, 4 * CHANNELS);
    double per_closed = (double)closed.entries / (double)closed.leaves;
    double per_open = (double)open.entries / (double)open.leaves;
    cr_expect_gt(per_closed, 16.9, "%.1f blocks on a page", per_closed);
    cr_expect_gt(per_closed, per_open * 1.2, "%.1f and %.1f", per_closed, per_open);
}

static int count_in_order(void *context, const struct bb_block_key *key, struct bb_span packed) {
    struct bb_block_key *last = context;

    cr_assert_gt(packed.size, 0);
    cr_assert_lt(bb_block_key_compare(last, key), 0, "%d/%u after %d/%u", key->span, key->channel,
                 last->span, last->channel);
    *last = *key;
    return 0;
}

static int get(int32_t day, uint32_t channel, struct bb_span *packed) {
    struct bb_block_key key = {.channel = channel, .span = day, .lane = BB_LANE_RAW};
    struct bb_store_view *view;

    cr_assert_eq(store->ops->view_begin(store, 0, &view, &error), 0);
    int found = store->ops->block_get(view, &key, packed, &error);
    store->ops->view_end(view);
    return found;
}

Test(store_close, takes_changes_of_old_days) {
    struct bb_block_change late[] = {
        {.key = {.channel = 7, .span = 1}, .packed = BB_SPAN("changed")},
        {.key = {.channel = 8, .span = 1}}, /* deleted */
        {.key = {.channel = CHANNELS, .span = 2}, .packed = BB_SPAN("new")},
        {.key = {.channel = 7, .span = 9}, .packed = BB_SPAN("open")},
    };
    struct bb_span packed;
    struct bb_block_key last = {.span = INT32_MIN};
    struct bb_store_view *view;

    for (int32_t day = 0; day < 10; day++)
        write_day(BB_LANE_RAW, day, 100);
    commit(late, 4);
    cr_expect_eq(get(1, 7, &packed), BB_FOUND);
    cr_expect_eq(packed.size, 7);
    cr_expect_eq(get(1, 8, &packed), BB_ABSENT);
    cr_expect_eq(get(2, CHANNELS, &packed), BB_FOUND);
    cr_expect_eq(get(9, 7, &packed), BB_FOUND);
    cr_expect_eq(packed.size, 4);
    cr_expect_eq(table_size(BB_LANE_RAW, BB_LMDB_CLOSED).entries +
                     table_size(BB_LANE_RAW, BB_LMDB_OPEN).entries,
                 10 * CHANNELS);
    cr_assert_eq(store->ops->view_begin(store, 0, &view, &error), 0);
    cr_expect_eq(store->ops->block_scan(view, BB_LANE_RAW, INT32_MIN, INT32_MAX, count_in_order,
                                        &last, &error),
                 0);
    store->ops->view_end(view);
    cr_expect_eq(last.span, 9);
}

/* Many blocks at once are moved a piece with each commit. */
Test(store_close, moves_no_more_than_a_piece) {
    enum { MANY = 50000, PIECE = 16384 };
    struct bb_block_change *blocks = calloc(MANY, sizeof *blocks);
    struct bb_block_change small = {.key = {.channel = 1, .span = 1000}, .packed = BB_SPAN("x")};

    for (uint32_t i = 0; i < MANY; i++)
        blocks[i] = (struct bb_block_change){.key = {.channel = i, .span = 1},
                                             .packed = BB_SPAN("x")};
    commit(blocks, MANY);
    commit(&small, 1);
    cr_expect_eq(table_size(BB_LANE_RAW, BB_LMDB_CLOSED).entries, 0);
    for (size_t piece = 1; piece <= 4; piece++) {
        small.key.channel++;
        commit(&small, 1);
        size_t expected = piece * PIECE < MANY ? piece * PIECE : MANY;
        cr_expect_eq(table_size(BB_LANE_RAW, BB_LMDB_CLOSED).entries, expected);
    }
    free(blocks);
}

Test(store_close, keeps_years_open_for_a_year) {
    for (int32_t year = 2024; year <= 2027; year++)
        for (int i = 0; i < 2; i++)
            write_day(BB_LANE_DAY, year, 100);
    cr_expect_eq(table_size(BB_LANE_DAY, BB_LMDB_CLOSED).entries, 2 * CHANNELS);
    cr_expect_eq(table_size(BB_LANE_RAW, BB_LMDB_CLOSED).entries, 0);
}
