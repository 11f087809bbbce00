/* What every source owes (port/source.h), in memory and on Kafka. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "contract/source_fixture.h"

enum { PATIENCE_MS = 30000, VALUES = 64 };

static const enum source_kind kinds[] = {SOURCE_MEMORY, SOURCE_KAFKA};

/* One test function is run for each kind. */
#define SOURCE_TEST(name)                                                                          \
    static void name(enum source_kind kind);                                                       \
    Test(source_memory, name) {                                                                    \
        name(kinds[0]);                                                                            \
    }                                                                                              \
    Test(source_kafka, name, .timeout = 120) {                                                     \
        name(kinds[1]);                                                                            \
    }                                                                                              \
    static void name(enum source_kind kind)

struct taken { /* copies */
    size_t count;
    struct {
        uint32_t partition;
        uint64_t offset;
        char key[16], value[32], header[32];
        bool has_value;
    } items[VALUES];
};

static void copy(char *to, size_t size, struct bb_span from) {
    snprintf(to, size, "%.*s", BB_SPAN_ARGS(from));
}

static void take_header(void *context, struct bb_span name, struct bb_span value) {
    cr_expect(bb_span_equal(name, BB_SPAN("h")));
    copy(context, 32, value);
}

/* One `take`; negative results are handed on. */
static int take(struct bb_source *source, size_t messages, struct taken *out,
                struct bb_error *error) {
    const struct bb_source_wish wish = {
        .messages = messages, .bytes = 1 << 20, .wait_ms = 200, .linger_ms = 50};
    struct bb_source_batch batch;
    int result = source->ops->take(source, &wish, &batch, error);

    for (size_t i = 0; result == BB_SOURCE_TAKEN && i < batch.count; i++) {
        const struct bb_source_message *m = &batch.messages[i];
        cr_assert_lt(out->count, VALUES);
        out->items[out->count].partition = m->partition;
        out->items[out->count].offset = m->offset;
        out->items[out->count].has_value = m->value.data != NULL;
        copy(out->items[out->count].key, 16, m->key);
        copy(out->items[out->count].value, 32, m->value);
        source->ops->headers(source, m, take_header, out->items[out->count].header);
        out->count++;
    }
    return result;
}

/* Until so many have come. */
static void take_all(struct bb_source *source, size_t count, struct taken *out) {
    int64_t until_ns = bb_monotonic_ns() + PATIENCE_MS * 1000000LL;
    struct bb_error error = {0};

    while (out->count < count && bb_monotonic_ns() < until_ns)
        cr_assert_geq(take(source, VALUES, out, &error), 0, "%s", error.text);
    cr_assert_eq(out->count, count);
}

SOURCE_TEST(messages_come_in_order_with_all_that_is_theirs) {
    struct source_world w;
    struct taken taken = {0};
    char value[32];

    source_begin(&w, kind);
    for (int i = 0; i < 30; i++) {
        snprintf(value, sizeof value, "v%d", i / SOURCE_PARTITIONS);
        source_put(&w, (uint32_t)(i % SOURCE_PARTITIONS), "k", value, i % 2 ? "head" : NULL);
    }
    source_put(&w, 1, "k", NULL, NULL);
    struct bb_source *source = source_join(&w);
    cr_expect_neq(source->identity[0], '\0');
    take_all(source, 31, &taken);
    uint64_t next[SOURCE_PARTITIONS] = {0};
    for (size_t i = 0; i < taken.count; i++) {
        uint32_t p = taken.items[i].partition;
        cr_expect_eq(taken.items[i].offset, next[p]);
        snprintf(value, sizeof value, "v%d", (int)next[p]);
        bool is_tombstone = p == 1 && next[p] == 10;
        cr_expect_eq(taken.items[i].has_value, !is_tombstone);
        cr_expect_str_eq(taken.items[i].value, is_tombstone ? "" : value);
        cr_expect_str_eq(taken.items[i].key, "k");
        bool has_header = !is_tombstone && (next[p] * SOURCE_PARTITIONS + p) % 2;
        cr_expect_str_eq(taken.items[i].header, has_header ? "head" : "");
        next[p]++;
    }
    source->ops->close(source);
    source_end(&w);
}

SOURCE_TEST(partitions_begin_where_place_says) {
    struct source_world w;
    struct taken taken = {0};

    source_begin(&w, kind);
    for (int i = 0; i < 5; i++)
        source_put(&w, 0, "k", "v", NULL);
    source_put(&w, 2, "k", "v", NULL);
    w.place[0] = 3;
    w.place[2] = 1; /* at its end */
    struct bb_source *source = source_join(&w);
    take_all(source, 2, &taken);
    cr_expect_eq(taken.items[0].offset, 3);
    cr_expect_eq(taken.items[1].offset, 4);
    source_put(&w, 2, "k", "later", NULL);
    take_all(source, 3, &taken);
    cr_expect_eq(taken.items[2].partition, 2);
    cr_expect_eq(taken.items[2].offset, 1);
    cr_expect_eq(w.asked, SOURCE_PARTITIONS);
    source->ops->close(source);
    source_end(&w);
}

SOURCE_TEST(a_rewind_begins_again_where_place_says) {
    struct source_world w;
    struct taken taken = {0};
    struct bb_error error = {0};

    source_begin(&w, kind);
    for (int i = 0; i < 6; i++)
        source_put(&w, 1, "k", "v", NULL);
    struct bb_source *source = source_join(&w);
    take_all(source, 6, &taken);
    w.place[0] = w.place[2] = 0;
    w.place[1] = 4;
    cr_assert_eq(source->ops->rewind(source, &error), 0, "%s", error.text);
    taken.count = 0;
    take_all(source, 2, &taken);
    cr_expect_eq(taken.items[0].offset, 4);
    cr_expect_eq(taken.items[1].offset, 5);
    source->ops->close(source);
    source_end(&w);
}

SOURCE_TEST(a_batch_has_no_more_than_was_wished) {
    struct source_world w;
    struct taken taken = {0};
    struct bb_error error = {0};

    source_begin(&w, kind);
    for (int i = 0; i < 10; i++)
        source_put(&w, 0, "k", "v", NULL);
    struct bb_source *source = source_join(&w);
    for (size_t before = 0; taken.count < 10; before = taken.count) {
        cr_assert_geq(take(source, 4, &taken, &error), 0, "%s", error.text);
        cr_assert_leq(taken.count - before, 4);
    }
    cr_expect_eq(take(source, 4, &taken, &error), BB_SOURCE_NOTHING);
    source->ops->close(source);
    source_end(&w);
}

SOURCE_TEST(what_was_gone_is_told) {
    struct source_world w;
    struct taken taken = {0};

    source_begin(&w, kind);
    for (int i = 0; i < 6; i++)
        source_put(&w, 0, "k", "v", NULL);
    source_trim(&w, 0, 4);
    w.place[0] = 1;
    struct bb_source *source = source_join(&w);
    take_all(source, 2, &taken);
    cr_expect_eq(taken.items[0].offset, 4);
    cr_expect_eq(w.lost_from, 1);
    cr_expect_eq(w.lost_to, 4);
    source->ops->close(source);
    source_end(&w);
}

SOURCE_TEST(a_topic_that_ends_before_its_place_stands) {
    struct source_world w;
    struct taken taken = {0};
    struct bb_error error = {0};
    int result = BB_SOURCE_NOTHING;

    source_begin(&w, kind);
    source_put(&w, 0, "k", "v", NULL);
    w.place[0] = 9;
    struct bb_source *source = source_join(&w);
    for (int i = 0; i < 100 && result >= 0; i++)
        result = take(source, VALUES, &taken, &error);
    cr_expect_eq(result, -(int)BB_E_SOURCE_SHORT, "%s", error.text);
    cr_expect_not(error.retriable);
    cr_expect_eq(take(source, VALUES, &taken, &error), -(int)BB_E_SOURCE_SHORT);
    cr_expect_eq(taken.count, 0);
    source->ops->close(source);
    source_end(&w);
}

static void sum_backlog(void *context, const struct bb_source_backlog *backlog) {
    *(uint64_t *)context += backlog->end - backlog->next;
}

SOURCE_TEST(backlog_and_what_is_settled) {
    struct source_world w;
    struct taken taken = {0};
    struct bb_error error = {0};
    uint64_t sum = 0;

    source_begin(&w, kind);
    for (int i = 0; i < 8; i++)
        source_put(&w, 1, "k", "v", NULL);
    struct bb_source *source = source_join(&w);
    while (taken.count < 3)
        cr_assert_geq(take(source, 3 - taken.count, &taken, &error), 0, "%s", error.text);
    source->ops->backlog(source, sum_backlog, &sum);
    cr_expect_eq(sum, 5);
    source->ops->settle(source, bb_span_of(w.topic), 1, 3);
    for (int i = 0; i < 100 && source_settled(&w, 1) != 3; i++)
        (void)!take(source, 0, &taken, &error);
    cr_expect_eq(source_settled(&w, 1), 3);
    source->ops->close(source);
    source_end(&w);
}

/* A second member gets a share; when one leaves the other has all, from where `place` says. */
SOURCE_TEST(members_share_and_take_over) {
    struct source_world w;
    struct taken first = {0}, second = {0};
    struct bb_error error = {0};

    source_begin(&w, kind);
    struct bb_source *a = source_join(&w);
    for (uint32_t p = 0; p < SOURCE_PARTITIONS; p++)
        source_put(&w, p, "k", "v", NULL);
    take_all(a, SOURCE_PARTITIONS, &first);
    for (uint32_t p = 0; p < SOURCE_PARTITIONS; p++)
        w.place[p] = 1;
    struct bb_source *b = source_join(&w);
    for (uint32_t asked = w.asked, i = 0; i < 150 && w.asked == asked; i++) { /* until it moved */
        cr_assert_geq(take(a, VALUES, &first, &error), 0, "%s", error.text);
        cr_assert_geq(take(b, VALUES, &second, &error), 0, "%s", error.text);
    }
    for (uint32_t p = 0; p < SOURCE_PARTITIONS; p++)
        source_put(&w, p, "k", "v", NULL);
    for (int i = 0; i < 150 && first.count + second.count < 2 * SOURCE_PARTITIONS; i++) {
        cr_assert_geq(take(a, VALUES, &first, &error), 0, "%s", error.text);
        cr_assert_geq(take(b, VALUES, &second, &error), 0, "%s", error.text);
    }
    cr_expect_eq(first.count + second.count, 2 * SOURCE_PARTITIONS);
    cr_expect_gt(second.count, 0);
    cr_expect_gt(first.count, SOURCE_PARTITIONS);
    for (uint32_t p = 0; p < SOURCE_PARTITIONS; p++)
        w.place[p] = 2;
    a->ops->close(a);
    for (uint32_t p = 0; p < SOURCE_PARTITIONS; p++)
        source_put(&w, p, "k", "v", NULL);
    size_t before = second.count;
    take_all(b, before + SOURCE_PARTITIONS, &second);
    b->ops->close(b);
    source_end(&w);
}
