/* What the topic of changes promises when brokers go, and when the one who delivered comes back. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "contract/cluster.h"
#include "contract/sink_kafka.h"

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
