/* What the topic of changes promises when brokers go, and when the one who delivered comes back. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "contract/cluster.h"
#include "contract/sink_kafka.h"
#include "model/attribute_pack.h"

static struct sink_fixture f;

/* What went wrong in the middle leaves the transactions before it, and nothing of its own. */
Test(stream, goes_in_steps_of_its_transactions, .timeout = 120) {
    sink_fixture_init(&f, &sink_kafka_subject);
    ((struct kafka_side *)f.other)->batch_values = 10;
    sink_reopen(&f, 0);
    sink_make(&f, 200);
    while (f.records[150].kind != BB_OUTBOX_VALUES)
        f.records[150] = change_world_step(&f.world, 1);
    struct bb_outbox_record whole = f.records[150];
    f.records[150].body.size = 3;
    uint64_t at = 0;
    cr_assert_lt(sink_apply(&f, 0, 0, 200), 0);
    cr_assert_eq(f.sinks[0]->ops->position(f.sinks[0], 1, &at, &f.error), 0, "%s", f.error.text);
    cr_expect(at > 100 && at <= 150, "stands at %llu", (unsigned long long)at);
    f.records[150] = whole;
    sink_deliver(&f, 200);
    sink_expect_world(&f, "in steps");
    sink_fixture_release(&f);
}

struct trouble { /* a broker that is killed and comes back, again and again */
    struct cluster cluster;
    pthread_t thread;
    int rounds;
};

static void *make_trouble(void *context) {
    struct trouble *t = context;

    for (int i = 0; i < t->rounds; i++) {
        usleep(700000);
        cluster_do(&t->cluster, "kill", "");
        usleep(300000);
        cluster_do(&t->cluster, "restart", "");
    }
    return NULL;
}

Test(stream, a_broker_that_is_killed_costs_no_change_and_doubles_none, .timeout = 180) {
    struct trouble trouble = {.rounds = 2};
    struct kafka_side *side;

    cluster_start(&trouble.cluster, "kafka", "");
    sink_fixture_init(&f, &sink_kafka_subject);
    side = f.other;
    snprintf(side->address, sizeof side->address, "%s", trouble.cluster.address);
    sink_reopen(&f, 0);
    cr_assert_eq(pthread_create(&trouble.thread, NULL, make_trouble, &trouble), 0);
    for (int i = 0; i < 60; i++) {
        sink_make(&f, 20);
        sink_deliver(&f, 10);
        usleep(50000);
    }
    pthread_join(trouble.thread, NULL);
    sink_deliver(&f, 10);
    sink_expect_position(&f, 0, f.count);
    sink_expect_world(&f, "after a broker was killed");
    sink_fixture_release(&f);
    cluster_stop(&trouble.cluster);
}

/* ---- dead letters ---------------------------------------------------------------------------- */

static void take_first(void *context, const rd_kafka_message_t *message) {
    static const char *const wanted[][2] = {
        {"trace", "t-1"},
        {"busbar.id", "d4711"},
        {"busbar.code", "BB-1016"},
        {"busbar.tenant", "t"},
        {"busbar.reason", "no JSON"},
        {"busbar.source", "kafka"},
        {"busbar.topic", "in"},
        {"busbar.partition", "3"},
        {"busbar.offset", "17"},
        {"busbar.bytes", "9"},
        {"busbar.more", ""},
        {"busbar.received", "2026-03-01T00:00:00Z"},
    };
    char text[64];

    cr_assert_eq(++*(int *)context, 1);
    cr_expect_eq(message->len, 4);
    cr_expect_arr_eq(message->payload, "\x00\xff\xfe!", 4, "its bytes, whatever they are");
    cr_expect(message->key_len == 1 && *(const char *)message->key == 'k');
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        kafka_header(message, wanted[i][0], text, sizeof text);
        cr_expect_str_eq(text, wanted[i][1], "%s: %s", wanted[i][0], text);
    }
}

Test(letters, are_records_with_what_is_known_of_them, .timeout = 60) {
    struct bb_buffer headers;
    int seen = 0;

    sink_fixture_init(&f, &sink_kafka_subject);
    bb_buffer_init(&headers, 1000);
    bb_put_text(&headers, BB_SPAN("trace"));
    bb_put_text(&headers, BB_SPAN("t-1"));
    const struct bb_letter letter = {.id = 4711,
                                     .received_ms = 1772323200000,
                                     .tenant = BB_SPAN("t"),
                                     .source = BB_SPAN("kafka"),
                                     .topic = BB_SPAN("in"),
                                     .partition = 3,
                                     .offset = 17,
                                     .key = BB_SPAN("k"),
                                     .value = {"\x00\xff\xfe!", 4},
                                     .headers = bb_buffer_span(&headers),
                                     .value_bytes = 9, /* the rest was cut */
                                     .code = 1016,
                                     .reason = BB_SPAN("no JSON")};
    cr_assert_eq(f.sinks[0]->ops->apply_letters(f.sinks[0], 0, 5000, &letter, 1, &f.error), 0, "%s",
                 f.error.text);
    kafka_letters(f.other, take_first, &seen);
    cr_expect_eq(seen, 1);
    bb_buffer_release(&headers);
    sink_fixture_release(&f);
}

static void take_derived(void *context, const rd_kafka_message_t *message) {
    char id[64];

    kafka_header(message, "busbar.id", id, sizeof id);
    cr_expect_str_eq(id, "p1.81920");
    ++*(int *)context;
}

/* One of derive comes with its partition's changes, in their transaction. */
Test(letters, of_derive_come_with_the_changes, .timeout = 60) {
    const struct bb_letter letter = {.source = BB_SPAN("derive"),
                                     .tenant = BB_SPAN("t"),
                                     .partition = 1,
                                     .offset = 81920,
                                     .code = 9999,
                                     .reason = BB_SPAN("it cannot be derived")};
    struct bb_buffer body;
    int seen = 0;

    sink_fixture_init(&f, &sink_kafka_subject);
    sink_make(&f, 9);
    bb_buffer_init(&body, 1000);
    bb_letter_encode(&letter, &body);
    f.records[4] = (struct bb_outbox_record){.kind = BB_OUTBOX_DEAD_LETTER,
                                             .recorded_ms = 1772323200000,
                                             .tenant = BB_SPAN("t"),
                                             .a = 81920,
                                             .body = bb_buffer_span(&body)};
    cr_assert_eq(sink_apply(&f, 0, 0, 9), 0, "%s", f.error.text);
    kafka_letters(f.other, take_derived, &seen);
    cr_expect_eq(seen, 1);
    sink_expect_position(&f, 0, 9);
    bb_buffer_release(&body);
    sink_fixture_release(&f);
}
