/* What the suite of the port "sink" runs over: the adapters, each with the other system that it tells. */
#ifndef BB_TESTS_CONTRACT_SINK_FIXTURE_H
#define BB_TESTS_CONTRACT_SINK_FIXTURE_H

#include "adapter/sinks.h"
#include "support/change_world.h"
#include "support/cut_proxy.h"

enum { SINK_PARTITIONS = 4, SINKS_AT_ONCE = 2 };

struct sink_fixture;

struct sink_subject {
    const char *name;
    /* Brings up the other system (what it is: f->other). One that cannot be had skips the test. */
    void (*begin)(struct sink_fixture *f);
    void (*end)(struct sink_fixture *f);
    int (*open)(struct sink_fixture *f, struct bb_sink **out);
    void (*picture)(struct sink_fixture *f, struct picture *out);
    uint32_t
        bytes_of_apply; /* about what goes there in an apply of a few records; 0: no proxy is between */
    /* The ids of the dead letters that are there, in their order; how many. NULL: it has no use for letters. */
    size_t (*letters)(struct sink_fixture *f, uint64_t *ids, size_t most);
};

struct sink_bookmarks { /* where sinks stand that have no room for it; the N-th move can be lost */
    uint64_t positions[SINK_PARTITIONS];
    struct bb_fault_plan plan;
};

struct sink_fixture {
    const struct sink_subject *subject;
    void *other;
    struct cut_proxy *proxy;
    struct sink_bookmarks bookmarks;
    struct bb_sink *sinks[SINKS_AT_ONCE]; /* the first is there from the beginning */
    struct change_world world;
    struct bb_outbox_record *records; /* of partition 1, all that were made */
    size_t count, capacity;
    struct bb_error error;
};

extern const struct sink_subject sink_memory_subject, sink_webhook_subject, sink_redshift_subject,
    sink_kafka_subject, sink_dynamodb_subject;

struct bb_bookmark sink_bookmark(struct sink_fixture *f);
/* Short, so that a test does not wait long for what does not come. */
struct bb_sink_patience sink_patience(void);

void sink_fixture_init(struct sink_fixture *f, const struct sink_subject *subject);
void sink_fixture_release(struct sink_fixture *f);
/* (Re)opens sink i. */
void sink_reopen(struct sink_fixture *f, size_t i);
/* Makes n records more: changes, and here and there others. */
void sink_make(struct sink_fixture *f, size_t n);
/* Records [from, from + count) of partition 1 to sink i. */
int sink_apply(struct sink_fixture *f, size_t i, uint64_t from, size_t count);
/* All that is not told yet, as deliver does it: from the position on, in batches; after an error that is retriable the sink
 * is opened anew. Returns how many errors there were. */
size_t sink_deliver(struct sink_fixture *f, size_t batch);
void sink_expect_position(struct sink_fixture *f, size_t i, uint64_t expected);
/* What the other system holds is what the world holds. */
void sink_expect_world(struct sink_fixture *f, const char *what);

#endif
