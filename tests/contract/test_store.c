/* The port "store": one suite, every adapter.
 *
 * Each test states a promise and holds every adapter to it. What only LMDB can promise (other
 * processes, its map, rights) is in tests/unit/adapter/test_store_lmdb*.c; the long comparison with
 * a model and the views beside a busy writer are in test_store_model.c.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract/store_fixture.h"

/* ---- claims and positions -------------------------------------------------------------------- */

static void claims_raise_the_epoch(struct store_fixture *f) {
    expect_store_position(f, 1, 0, 0, 0);
    store_claim(f, 1);
    cr_expect_eq(f->claims[1].epoch, 1);
    cr_expect_eq(f->claims[1].position.offset, 0);
    store_claim(f, 1);
    cr_expect_eq(f->claims[1].epoch, 2, "%s", f->adapter);
    cr_expect_eq(store_commit(f, 1, (struct bb_commit){0}), BB_COMMIT_DONE);
    store_claim(f, 1);
    cr_expect_eq(f->claims[1].epoch, 3);
    cr_expect_eq(f->claims[1].position.offset, 1, "%s: a claim tells the position", f->adapter);
    expect_store_position(f, 1, 3, 1, 0);
    expect_store_position(f, 0, 0, 0, 0);
}

STORE_PROMISE(store, claims_raise_the_epoch)

static int commit_as(struct store_fixture *f, uint64_t epoch, struct bb_position from,
                     struct bb_position to) {
    struct bb_commit commit = {.epoch = epoch,
                               .from = from,
                               .to = to,
                               STORE_BLOCKS(store_block(BB_LANE_RAW, 1, 1, "new")),
                               STORE_NAMES(store_name(BB_NAME_META, "count", "new")),
                               STORE_OUTBOX(BB_SPAN("new"))};

    return f->store->ops->commit(f->store, 0, &commit, &f->error);
}

static void compares_and_swaps_the_position(struct store_fixture *f) {
    struct bb_position start = {0, 0}, first = {100, 0}, inside = {100, 40}, other = {100, 41};

    store_claim(f, 0);
    cr_expect_eq(commit_as(f, 1, first, inside), BB_COMMIT_MOVED);
    cr_expect_eq(commit_as(f, 1, start, first), BB_COMMIT_DONE);
    cr_expect_eq(commit_as(f, 1, start, first), BB_COMMIT_MOVED, "%s: a commit repeated",
                 f->adapter);
    cr_expect_eq(commit_as(f, 1, first, inside), BB_COMMIT_DONE);
    cr_expect_eq(commit_as(f, 1, first, inside), BB_COMMIT_MOVED, "%s: inner counts", f->adapter);
    cr_expect_eq(commit_as(f, 1, other, start), BB_COMMIT_MOVED);
    expect_store_position(f, 0, 1, 100, 40);
    expect_store_outbox(f, NULL, 0, "1=new\n2=new\n");
    cr_expect_eq(commit_as(f, 1, inside, start), BB_COMMIT_DONE, "%s: a position is opaque",
                 f->adapter);
}

STORE_PROMISE(store, compares_and_swaps_the_position)

static void fences_the_older_holder(struct store_fixture *f) {
    struct bb_position start = {0, 0}, next = {1, 0};

    store_claim(f, 0);
    store_claim(f, 0);
    cr_expect_eq(commit_as(f, 1, start, next), BB_COMMIT_FENCED);
    expect_store_blocks(f, NULL, BB_LANE_RAW, "");
    cr_expect_eq(commit_as(f, 2, start, next), BB_COMMIT_DONE);
    cr_expect_eq(commit_as(f, 1, next, start), BB_COMMIT_FENCED);
    cr_expect_eq(commit_as(f, 1, start, next), BB_COMMIT_FENCED,
                 "%s: fenced, whatever the position", f->adapter);
    cr_expect_eq(commit_as(f, 0, next, start), BB_COMMIT_FENCED, "%s: without a claim", f->adapter);
}

STORE_PROMISE(store, fences_the_older_holder)

static void refuses_without_a_trace(struct store_fixture *f) {
    struct bb_position start = {0, 0}, elsewhere = {9, 9};

    store_claim(f, 0);
    cr_assert_eq(
        store_commit(f, 0,
                     (struct bb_commit){STORE_BLOCKS(store_block(BB_LANE_RAW, 1, 1, "old")),
                                        STORE_NAMES(store_name(BB_NAME_META, "count", "old")),
                                        STORE_OUTBOX(BB_SPAN("old"))}),
        BB_COMMIT_DONE);
    cr_expect_eq(commit_as(f, 1, elsewhere, start), BB_COMMIT_MOVED);
    cr_expect_eq(commit_as(f, 7, start, elsewhere), BB_COMMIT_FENCED);
    expect_store_blocks(f, NULL, BB_LANE_RAW, "1/1=old\n");
    expect_store_names(f, NULL, BB_NAME_META, "", "count=old\n");
    expect_store_outbox(f, NULL, 0, "1=old\n");
    expect_store_position(f, 0, 1, 1, 0);
}

STORE_PROMISE(store, refuses_without_a_trace)

static void refuses_another_log(struct store_fixture *f) {
    struct bb_claim claim = {.epoch = 55};

    store_claim(f, 0);
    cr_expect_eq(f->store->ops->claim(f->store, 0, STORE_LOG + 1, &claim, &f->error),
                 -BB_E_LOG_IDENTITY, "%s", f->adapter);
    expect_store_position(f, 0, 1, 0, 0);
    cr_expect_eq(store_commit(f, 0, (struct bb_commit){0}), BB_COMMIT_DONE,
                 "%s: the refused claim fences nobody", f->adapter);
    cr_expect_eq(f->store->ops->claim(f->store, 1, 0, &claim, &f->error), 0,
                 "%s: 0 is an identity, too", f->adapter);
    cr_expect_eq(f->store->ops->claim(f->store, 1, STORE_LOG, &claim, &f->error),
                 -BB_E_LOG_IDENTITY);
}

STORE_PROMISE(store, refuses_another_log)

static void keeps_partitions_apart(struct store_fixture *f) {
    for (uint32_t i = 0; i < STORE_PARTITIONS; i++)
        store_claim(f, i);
    cr_expect_eq(store_commit(f, 1,
                              (struct bb_commit){STORE_BLOCKS(store_block(0, 1, 1, "x")),
                                                 STORE_NAMES(store_name(0, "a", "x")),
                                                 STORE_OUTBOX(BB_SPAN("x"))}),
                 BB_COMMIT_DONE);
    expect_store_blocks(f, NULL, 0, "");
    expect_store_names(f, NULL, 0, "", "");
    expect_store_outbox(f, NULL, 0, "");
    expect_store_position(f, 0, 1, 0, 0);
    expect_store_position(f, 1, 1, 1, 0);
    struct bb_store_view *view = store_view(f, 1);
    expect_store_blocks(f, view, 0, "1/1=x\n");
    f->store->ops->view_end(view);
}

STORE_PROMISE(store, keeps_partitions_apart)

/* ---- blocks ---------------------------------------------------------------------------------- */

static void orders_blocks_by_span_then_channel(struct store_fixture *f) {
    store_claim(f, 0);
    cr_expect_eq(
        store_commit(
            f, 0,
            (struct bb_commit){STORE_BLOCKS(
                store_block(0, INT32_MIN, UINT32_MAX, "a"), store_block(0, -1, 7, "b"),
                store_block(0, 0, 0, "c"), store_block(0, 0, 255, "d"), store_block(0, 0, 256, "e"),
                store_block(0, 0, UINT32_MAX, "f"), store_block(0, INT32_MAX, 0, "g"),
                store_block(1, 0, 256, "h"), store_block(3, 2026, 1, "i"))}),
        BB_COMMIT_DONE);
    expect_store_blocks(f, NULL, 0,
                        "-2147483648/4294967295=a\n-1/7=b\n0/0=c\n0/255=d\n0/256=e\n"
                        "0/4294967295=f\n2147483647/0=g\n");
    expect_store_blocks(f, NULL, 1, "0/256=h\n");
    expect_store_blocks(f, NULL, 2, "");
    expect_store_blocks(f, NULL, 3, "2026/1=i\n");
}

STORE_PROMISE(store, orders_blocks_by_span_then_channel)

struct counting {
    uint32_t seen, stop_at;
    int stop_with;
    int32_t first, last;
};

static int count_block(void *context, const struct bb_block_key *key, struct bb_span packed) {
    struct counting *counting = context;

    cr_expect_eq(packed.size, 1);
    counting->first = counting->seen == 0 ? key->span : counting->first;
    counting->last = key->span;
    return ++counting->seen == counting->stop_at ? counting->stop_with : 0;
}

static void scans_within_bounds(struct store_fixture *f) {
    static const struct {
        int32_t from, to;
        uint32_t count;
    } scans[] = {{-5, 5, 22}, {0, 0, 2},   {-3, -2, 4},        {5, 9, 2}, {6, 9, 0},
                 {3, 2, 0},   {-9, -5, 2}, {INT32_MIN, -6, 0}, {4, 4, 2}};
    struct bb_block_change blocks[22];

    for (int i = 0; i < 22; i++)
        blocks[i] = store_block(0, i / 2 - 5, (uint32_t)i % 2 * 9, "x");
    store_claim(f, 0);
    cr_expect_eq(store_commit(f, 0, (struct bb_commit){.blocks = blocks, .block_count = 22}), 0);
    struct bb_store_view *view = store_view(f, 0);
    for (size_t i = 0; i < sizeof scans / sizeof scans[0]; i++) {
        struct counting counting = {0};
        cr_expect_eq(f->store->ops->block_scan(view, 0, scans[i].from, scans[i].to, count_block,
                                               &counting, &f->error),
                     0);
        cr_expect_eq(counting.seen, scans[i].count, "%s: %u blocks in [%d, %d], not %u", f->adapter,
                     counting.seen, scans[i].from, scans[i].to, scans[i].count);
    }
    struct counting stopped = {.stop_at = 3, .stop_with = 1};
    cr_expect_eq(f->store->ops->block_scan(view, 0, -5, 5, count_block, &stopped, &f->error), 0,
                 "%s: to stop is no failure", f->adapter);
    cr_expect_eq(stopped.seen, 3);
    struct counting failed = {.stop_at = 4, .stop_with = -BB_E_FENCED};
    cr_expect_eq(f->store->ops->block_scan(view, 0, -5, 5, count_block, &failed, &f->error),
                 -BB_E_FENCED, "%s passes the visitor's failure on", f->adapter);
    cr_expect_eq(failed.seen, 4);
    f->store->ops->view_end(view);
}

STORE_PROMISE(store, scans_within_bounds)

static void changes_and_deletes_blocks(struct store_fixture *f) {
    store_claim(f, 0);
    store_commit(
        f, 0,
        (struct bb_commit){STORE_BLOCKS(store_block(0, 1, 1, "one"), store_block(0, 1, 2, "two"),
                                        store_block(0, 2, 1, "three"))});
    store_commit(f, 0,
                 (struct bb_commit){STORE_BLOCKS(
                     store_block(0, 0, 9, ""), /* was never there */
                     store_block(0, 1, 1, ""), store_block(0, 1, 2, "two, much longer"),
                     store_block(0, 2, 1, "3"), store_block(0, 2, 2, "four"))});
    expect_store_blocks(f, NULL, 0, "1/2=two, much longer\n2/1=3\n2/2=four\n");
    expect_store_block(f, NULL, 0, 1, 1, NULL);
    store_commit(
        f, 0,
        (struct bb_commit){STORE_BLOCKS(store_block(0, 1, 2, ""), store_block(0, 2, 1, ""),
                                        store_block(0, 2, 2, ""), store_block(0, 2, 3, ""))});
    expect_store_blocks(f, NULL, 0, "");
    store_commit(f, 0, (struct bb_commit){STORE_BLOCKS(store_block(0, 1, 1, "again"))});
    expect_store_blocks(f, NULL, 0, "1/1=again\n");
}

STORE_PROMISE(store, changes_and_deletes_blocks)

/* block_get keeps a place in the lane; every way to move it finds what is there. */
static void gets_in_any_order(struct store_fixture *f) {
    static const uint32_t walk[] = {5, 6, 7, 10, 9, 8, 1, 0, 30, 31, 30, 29, 28, 4, 4, 2, 16, 17};

    store_claim(f, 0);
    struct bb_block_change blocks[8];
    for (uint32_t i = 0; i < 8; i++)
        blocks[i] = store_block(0, 3, 4 * i, "4"); /* channels 0, 4, ... 28 */
    store_commit(f, 0, (struct bb_commit){.blocks = blocks, .block_count = 8});
    struct bb_store_view *view = store_view(f, 0);
    for (size_t i = 0; i < sizeof walk / sizeof walk[0]; i++)
        expect_store_block(f, view, 0, 3, walk[i], walk[i] % 4 == 0 && walk[i] < 32 ? "4" : NULL);
    expect_store_block(f, view, 0, 2, 4, NULL);
    expect_store_block(f, view, 0, 4, 4, NULL);
    expect_store_block(f, view, 0, 3, 0, "4");
    expect_store_block(f, view, 1, 3, 0, NULL);
    f->store->ops->view_end(view);
}

STORE_PROMISE(store, gets_in_any_order)

static void keeps_large_blocks(struct store_fixture *f) {
    static const size_t sizes[] = {1, 2000, 2038, 2039, 4096, 70000, 3 << 20};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    struct bb_block_change blocks[COUNT];
    char *bytes = malloc(sizes[COUNT - 1]);

    for (size_t i = 0; i < sizes[COUNT - 1]; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    for (uint32_t i = 0; i < COUNT; i++) {
        blocks[i] = store_block(0, 1, i, "");
        blocks[i].packed = (struct bb_span){bytes, sizes[i]};
    }
    store_claim(f, 0);
    for (int round = 0; round < 2; round++) /* new, then overwritten by itself */
        cr_expect_eq(store_commit(f, 0, (struct bb_commit){.blocks = blocks, .block_count = COUNT}),
                     BB_COMMIT_DONE);
    struct bb_store_view *view = store_view(f, 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct bb_span packed = {NULL, 0};
        cr_expect_eq(f->store->ops->block_get(view, &blocks[i].key, &packed, &f->error), BB_FOUND);
        cr_expect(bb_span_equal(packed, blocks[i].packed), "%s: %zu bytes", f->adapter, sizes[i]);
    }
    f->store->ops->view_end(view);
    free(bytes);
}

STORE_PROMISE(store, keeps_large_blocks)

static int get_beside(void *context, const struct bb_block_key *key, struct bb_span packed) {
    struct store_fixture *f = ((void **)context)[0];
    struct bb_block_key mirrored = {.channel = 9 - key->channel, .span = 1, .lane = key->lane};
    struct bb_span other;

    cr_expect_eq(f->store->ops->block_get(((void **)context)[1], &mirrored, &other, &f->error),
                 BB_FOUND);
    cr_expect_eq(other.data[0] + packed.data[0], '0' + '9');
    return 0;
}

static void gets_while_it_scans(struct store_fixture *f) {
    static const char digits[] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";
    struct bb_block_change blocks[10];

    for (uint32_t i = 0; i < 10; i++)
        blocks[i] = store_block(0, 1, i, digits + (size_t)2 * i);
    store_claim(f, 0);
    store_commit(f, 0, (struct bb_commit){.blocks = blocks, .block_count = 10});
    struct bb_store_view *view = store_view(f, 0);
    void *context[] = {f, view};
    cr_expect_eq(f->store->ops->block_scan(view, 0, 1, 1, get_beside, context, &f->error), 0);
    f->store->ops->view_end(view);
}

STORE_PROMISE(store, gets_while_it_scans)

/* ---- names ----------------------------------------------------------------------------------- */

static void scans_names_by_prefix(struct store_fixture *f) {
    store_claim(f, 0);
    cr_expect_eq(
        store_commit(
            f, 0,
            (struct bb_commit){STORE_NAMES(
                store_name(BB_NAME_CHANNEL, "a", "1"), store_name(BB_NAME_CHANNEL, "ab", "2"),
                store_name(BB_NAME_CHANNEL, "abc", "3"), store_name(BB_NAME_CHANNEL, "abd", "4"),
                store_name(BB_NAME_CHANNEL, "b", "5"), store_name(BB_NAME_CHANNEL, "\xff", "6"),
                store_name(BB_NAME_TENANT, "ab", "7"))}),
        BB_COMMIT_DONE);
    expect_store_names(f, NULL, BB_NAME_CHANNEL, "", "a=1\nab=2\nabc=3\nabd=4\nb=5\n\xff=6\n");
    expect_store_names(f, NULL, BB_NAME_CHANNEL, "ab", "ab=2\nabc=3\nabd=4\n");
    expect_store_names(f, NULL, BB_NAME_CHANNEL, "abd", "abd=4\n");
    expect_store_names(f, NULL, BB_NAME_CHANNEL, "abe", "");
    expect_store_names(f, NULL, BB_NAME_CHANNEL, "\xff", "\xff=6\n");
    expect_store_names(f, NULL, BB_NAME_CHANNEL, "\xff\xff", "");
    expect_store_names(f, NULL, BB_NAME_TENANT, "a", "ab=7\n");
    expect_store_names(f, NULL, BB_NAME_META, "", "");
}

STORE_PROMISE(store, scans_names_by_prefix)

static void changes_and_deletes_names(struct store_fixture *f) {
    store_claim(f, 0);
    store_commit(f, 0,
                 (struct bb_commit){STORE_NAMES(store_name(0, "a", "1"), store_name(0, "b", "2"),
                                                store_name(2, "c", "3"))});
    store_commit(f, 0,
                 (struct bb_commit){STORE_NAMES(store_name(0, "a", "one"), store_name(0, "b", ""),
                                                store_name(0, "z", ""), store_name(2, "a", "0"))});
    expect_store_names(f, NULL, 0, "", "a=one\n");
    expect_store_names(f, NULL, 2, "", "a=0\nc=3\n");
    struct bb_store_view *view = store_view(f, 0);
    struct bb_span value;
    cr_expect_eq(f->store->ops->name_get(view, 0, BB_SPAN("a"), &value, &f->error), BB_FOUND);
    cr_expect(bb_span_equal(value, BB_SPAN("one")));
    cr_expect_eq(f->store->ops->name_get(view, 0, BB_SPAN("b"), &value, &f->error), BB_ABSENT);
    cr_expect_eq(f->store->ops->name_get(view, 1, BB_SPAN("a"), &value, &f->error), BB_ABSENT);
    f->store->ops->view_end(view);
}

STORE_PROMISE(store, changes_and_deletes_names)

/* Names may hold any byte, as channel names do: tenant 0 usage point 0 channel. */
static void takes_names_up_to_the_limit(struct store_fixture *f) {
    char longest[BB_NAME_KEY_MAX + 1];
    struct bb_name_change change = {.kind = BB_NAME_CHANNEL, .value = BB_SPAN("v")};
    struct bb_span value;

    memset(longest, 'n', sizeof longest);
    longest[3] = '\0';
    store_claim(f, 0);
    for (size_t shorter = 0; shorter < 3; shorter++) {
        change.name = (struct bb_span){longest, BB_NAME_KEY_MAX - shorter};
        cr_expect_eq(store_commit(f, 0, (struct bb_commit){.names = &change, .name_count = 1}),
                     BB_COMMIT_DONE, "%s: %s", f->adapter, f->error.text);
        struct bb_store_view *view = store_view(f, 0);
        cr_expect_eq(f->store->ops->name_get(view, BB_NAME_CHANNEL, change.name, &value, &f->error),
                     BB_FOUND);
        f->store->ops->view_end(view);
    }
    change.name = (struct bb_span){longest, BB_NAME_KEY_MAX + 1};
    struct bb_commit refused = {.names = &change, .name_count = 1, STORE_OUTBOX(BB_SPAN("x"))};
    cr_expect_eq(store_commit(f, 0, refused), -BB_E_NAME, "%s", f->adapter);
    change.name.size = 0;
    cr_expect_eq(store_commit(f, 0, refused), -BB_E_NAME, "%s", f->adapter);
    expect_store_position(f, 0, 1, 3, 0);
    expect_store_outbox(f, NULL, 0, "");
    struct bb_store_view *view = store_view(f, 0);
    struct bb_span too_long = {longest, sizeof longest};
    cr_expect_eq(f->store->ops->name_get(view, 0, too_long, &value, &f->error), BB_ABSENT,
                 "%s: to ask for it is no error", f->adapter);
    cr_expect_eq(f->store->ops->name_get(view, 0, BB_SPAN(""), &value, &f->error), BB_ABSENT);
    f->store->ops->view_end(view);
}

STORE_PROMISE(store, takes_names_up_to_the_limit)

/* ---- outbox ---------------------------------------------------------------------------------- */

static int trim(struct store_fixture *f, uint64_t upto) {
    return f->store->ops->outbox_trim(f->store, 0, upto, &f->error);
}

static void numbers_outbox_records(struct store_fixture *f) {
    store_claim(f, 0);
    expect_store_outbox(f, NULL, 0, "");
    store_commit(f, 0, (struct bb_commit){STORE_OUTBOX(BB_SPAN("a"), BB_SPAN("b"))});
    store_commit(f, 0, (struct bb_commit){0});
    store_commit(f, 0, (struct bb_commit){STORE_OUTBOX(BB_SPAN("c"), BB_SPAN(""), BB_SPAN("e"))});
    expect_store_outbox(f, NULL, 0, "1=a\n2=b\n3=c\n4=\n5=e\n");
    expect_store_outbox(f, NULL, 2, "3=c\n4=\n5=e\n");
    expect_store_outbox(f, NULL, 5, "");
    expect_store_outbox(f, NULL, UINT64_MAX, "");
}

STORE_PROMISE(store, numbers_outbox_records)

static void trims_the_outbox(struct store_fixture *f) {
    store_claim(f, 0);
    cr_expect_eq(trim(f, 10), 0, "%s: nothing to trim", f->adapter);
    store_commit(f, 0, (struct bb_commit){STORE_OUTBOX(BB_SPAN("a"), BB_SPAN("b"), BB_SPAN("c"))});
    cr_expect_eq(trim(f, 0), 0);
    expect_store_outbox(f, NULL, 0, "1=a\n2=b\n3=c\n");
    cr_expect_eq(trim(f, 2), 0);
    expect_store_outbox(f, NULL, 0, "3=c\n");
    cr_expect_eq(trim(f, 3), 0);
    expect_store_outbox(f, NULL, 0, "");
    store_commit(f, 0, (struct bb_commit){STORE_OUTBOX(BB_SPAN("d"))});
    expect_store_outbox(f, NULL, 0, "4=d\n");
    expect_store_outbox(f, NULL, 3, "4=d\n");
    cr_expect_eq(trim(f, UINT64_MAX), 0);
    store_commit(f, 0, (struct bb_commit){STORE_OUTBOX(BB_SPAN("e"))});
    expect_store_outbox(f, NULL, 0, "5=e\n");
    expect_store_position(f, 0, 1, 3, 0);
}

STORE_PROMISE(store, trims_the_outbox)

/* What is held is not forgotten, whoever trims. */
static void holds_the_outbox(struct store_fixture *f) {
    struct bb_store_hold *hold, *second;

    store_claim(f, 0);
    store_commit(f, 0, (struct bb_commit){STORE_OUTBOX(BB_SPAN("a"), BB_SPAN("b"))});
    cr_assert_eq(f->store->ops->outbox_hold(f->store, &hold, &f->error), 0, "%s: %s", f->adapter,
                 f->error.text);
    cr_expect_eq(trim(f, 1), 0, "%s: nobody waits for a hold", f->adapter);
    expect_store_outbox(f, NULL, 0, "1=a\n2=b\n");
    store_commit(f, 0, (struct bb_commit){STORE_OUTBOX(BB_SPAN("c"))});
    cr_expect_eq(trim(f, 3), 0);
    expect_store_outbox(f, NULL, 0, "1=a\n2=b\n3=c\n");
    cr_expect_eq(f->store->ops->outbox_hold(f->store, &second, &f->error), -BB_E_LOCKED, "%s",
                 f->adapter);
    cr_expect(f->error.retriable);
    f->store->ops->outbox_release(hold);
    cr_expect_eq(trim(f, 2), 0);
    expect_store_outbox(f, NULL, 0, "3=c\n");
    cr_expect_eq(f->store->ops->outbox_hold(f->store, &hold, &f->error), 0);
    f->store->ops->outbox_release(hold);
    f->store->ops->outbox_release(NULL);
}

STORE_PROMISE(store, holds_the_outbox)

/* ---- copies ---------------------------------------------------------------------------------- */

static struct store_fixture reopened(const struct store_fixture *f, const char *folder,
                                     bool frozen) {
    struct bb_store_lmdb_options options = {.frozen = frozen};
    struct store_fixture copy = {.adapter = f->adapter};

    bb_buffer_init(&copy.picture, 1 << 20);
    cr_assert_eq(bb_store_lmdb_open(folder, &options, &copy.store, &copy.error), 0, "%s",
                 copy.error.text);
    return copy;
}

/* Every partition as last committed; what is committed later is not in it. A partition that nobody has
 * written is not there either. */
static void copies_a_partition_as_committed(struct store_fixture *f) {
    char folder[80];
    bool is_files = strcmp(f->adapter, "memory") != 0 && strcmp(f->adapter, "postgres") != 0;

    snprintf(folder, sizeof folder, "%s/copy", f->directory);
    cr_assert_eq(mkdir(folder, 0700), 0);
    store_claim(f, 0);
    store_claim(f, 2);
    store_commit(f, 0,
                 (struct bb_commit){STORE_BLOCKS(store_block(0, 1, 1, "1")),
                                    STORE_NAMES(store_name(0, "a", "1")),
                                    STORE_OUTBOX(BB_SPAN("1"))});
    store_commit(f, 2, (struct bb_commit){STORE_BLOCKS(store_block(3, -9, 7, "seven"))});
    for (uint32_t p = 0; p < STORE_PARTITIONS; p++)
        cr_expect_eq(f->store->ops->copy(f->store, p, folder, &f->error),
                     is_files ? BB_COPY_DONE : BB_COPY_ELSEWHERE, "%s: %s", f->adapter,
                     f->error.text);
    if (!is_files) {
        cr_expect_eq(rmdir(folder), 0, "nothing is made in it");
        return;
    }
    store_commit(f, 0, (struct bb_commit){STORE_BLOCKS(store_block(0, 1, 1, "2"))});
    cr_expect_lt(f->store->ops->copy(f->store, 0, folder, &f->error), 0, "its name is new");
    for (int frozen = 1; frozen >= 0; frozen--) {
        struct store_fixture copy = reopened(f, folder, frozen);
        cr_expect_eq(copy.store->partitions, STORE_PARTITIONS);
        expect_store_position(&copy, 0, 1, 1, 0);
        expect_store_blocks(&copy, NULL, 0, "1/1=1\n");
        expect_store_names(&copy, NULL, 0, "", "a=1\n");
        expect_store_outbox(&copy, NULL, 0, "1=1\n");
        expect_store_position(&copy, 1, 0, 0, 0);
        struct bb_store_view *view = store_view(&copy, 2);
        expect_store_blocks(&copy, view, 3, "-9/7=seven\n");
        copy.store->ops->view_end(view);
        if (!frozen) {
            store_claim(&copy, 0);
            cr_expect_eq(copy.claims[0].epoch, 2);
            store_commit(&copy, 0, (struct bb_commit){STORE_BLOCKS(store_block(0, 1, 1, "3"))});
            expect_store_blocks(&copy, NULL, 0, "1/1=3\n");
        }
        copy.store->ops->close(copy.store);
        bb_buffer_release(&copy.picture);
    }
    expect_store_blocks(f, NULL, 0, "1/1=2\n");
}

STORE_PROMISE(store, copies_a_partition_as_committed)

/* Whether a block is new is a word for the hurried: who errs in it, either way, writes the same. */
static void is_new_changes_nothing(struct store_fixture *f) {
    enum { COUNT = 600, ROUNDS = 4 };
    static const char *const texts[ROUNDS] = {"first", "second", "", "last"};
    struct bb_block_change *blocks = calloc(COUNT, sizeof *blocks);

    store_claim(f, 0);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < COUNT; i++) { /* in each round some are there, whatever is said */
            blocks[i] = store_block(0, 1, i * (round + 1), texts[(round + i / 300) % ROUNDS]);
            blocks[i].is_new = (i >> round) % 2;
        }
        cr_assert_eq(store_commit(f, 0, (struct bb_commit){.blocks = blocks, .block_count = COUNT}),
                     BB_COMMIT_DONE, "%s: %s", f->adapter, f->error.text);
        for (uint32_t i = 0; i < COUNT; i++)
            expect_store_block(f, NULL, 0, 1, i * (round + 1),
                               blocks[i].packed.size ? texts[(round + i / 300) % ROUNDS] : NULL);
    }
    free(blocks);
}

STORE_PROMISE(store, is_new_changes_nothing)

/* ---- views and size -------------------------------------------------------------------------- */

/* A view belongs to the moment at which it began. The commits happen on another thread (port rule:
 * no view is open on the thread that commits), which test_store_model.c does at length. */
static void views_show_one_moment(struct store_fixture *f) {
    struct bb_store_view *never = store_view(f, 0);
    expect_store_blocks(f, never, 0, "");
    f->store->ops->view_end(never);
    store_claim(f, 0);
    store_commit(f, 0,
                 (struct bb_commit){STORE_BLOCKS(store_block(0, 1, 1, "1")),
                                    STORE_NAMES(store_name(0, "a", "1")),
                                    STORE_OUTBOX(BB_SPAN("1"))});
    struct bb_store_view *a = store_view(f, 0), *b = store_view(f, 0);
    expect_store_blocks(f, a, 0, "1/1=1\n");
    expect_store_names(f, b, 0, "", "a=1\n");
    f->store->ops->view_end(a);
    expect_store_outbox(f, b, 0, "1=1\n");
    f->store->ops->view_end(b);
    f->store->ops->view_end(NULL);
}

STORE_PROMISE(store, views_show_one_moment)

static void tells_its_size(struct store_fixture *f) {
    static char bytes[4000];
    struct bb_block_change blocks[100];
    uint64_t used, file, used_before;

    cr_expect_eq(f->store->ops->size(f->store, 0, &used_before, &file, &f->error), 0);
    for (uint32_t i = 0; i < 100; i++) {
        blocks[i] = store_block(0, 1, i, "");
        blocks[i].packed = (struct bb_span){bytes, sizeof bytes};
    }
    store_claim(f, 0);
    store_commit(f, 0, (struct bb_commit){.blocks = blocks, .block_count = 100});
    cr_expect_eq(f->store->ops->size(f->store, 0, &used, &file, &f->error), 0);
    cr_expect_geq(used, used_before + sizeof bytes * 100);
    cr_expect_leq(used, used_before + sizeof bytes * 150, "%s: %lu bytes", f->adapter, used);
    cr_expect_geq(file, used);
}

STORE_PROMISE(store, tells_its_size)
