/* Deliver: what is carried when another process delivers the same, and a sink that stays away. */
#include <criterion/criterion.h>

#include "adapter/embedded.h"
#include "model/outbox.h"
#include "service/deliver.h"
#include "service/metric.h"

enum { RECORDS = 5, RECORDED_MS = 1234567 };

/* A sink that somebody else takes `duels` times from whoever has it, before it is left alone. */
struct wanted {
    struct bb_sink base; /* first */
    uint64_t position;
    int duels, applied;
    bool progresses; /* the other one carries a record further each time */
};

static int wanted_position(struct bb_sink *sink, uint32_t partition, uint64_t *sequence,
                           struct bb_error *error) {
    (void)partition;
    (void)error;
    *sequence = ((struct wanted *)sink)->position;
    return 0;
}

static int wanted_apply(struct bb_sink *sink, uint32_t partition, uint64_t from,
                        const struct bb_outbox_record *records, size_t count,
                        struct bb_error *error) {
    struct wanted *w = (struct wanted *)sink;

    (void)partition;
    (void)records;
    (void)error;
    cr_assert_eq(from, w->position);
    w->applied++;
    if (w->duels-- > 0) {
        w->position += w->progresses;
        return BB_SINK_MOVED;
    }
    w->position += count;
    return BB_SINK_DONE;
}

static const struct bb_sink_ops wanted_ops = {.name = "kafka" /* one that /metrics knows */,
                                              .position = wanted_position,
                                              .apply = wanted_apply};

struct world {
    struct bb_plant plant;
    struct bb_sink *sink;
    struct bb_delivery *delivery;
    struct bb_error told; /* of the last that was told */
    int tellings;
    struct bb_error error;
};

static void hear(void *context, const struct bb_sink *sink, const struct bb_error *error) {
    struct world *w = context;

    (void)sink;
    w->tellings++;
    w->told = error ? *error : (struct bb_error){0};
}

static void begin(struct world *w, struct wanted *wanted) {
    struct bb_claim claim;
    struct bb_span records[RECORDS];
    struct bb_buffer body;

    *w = (struct world){.sink = &wanted->base};
    wanted->base = (struct bb_sink){&wanted_ops, "wanted"};
    w->plant.sinks = &w->sink;
    w->plant.sink_count = 1;
    cr_assert_eq(bb_store_memory_open(1, &w->plant.store, &w->error), 0);
    cr_assert_eq(bb_registry_memory_open(&w->plant.registry, &w->error), 0);
    bb_buffer_init(&body, 1000);
    bb_outbox_encode(&(struct bb_outbox_record){.kind = BB_OUTBOX_CHANGED,
                                                .tenant = BB_SPAN("t"),
                                                .recorded_ms = RECORDED_MS},
                     &body);
    for (int i = 0; i < RECORDS; i++)
        records[i] = bb_buffer_span(&body);
    const struct bb_store_ops *ops = w->plant.store->ops;
    cr_assert_eq(ops->claim(w->plant.store, 0, 1, &claim, &w->error), 0);
    const struct bb_commit commit = {.epoch = claim.epoch,
                                     .from = claim.position,
                                     .to = {.offset = claim.position.offset + 1},
                                     .outbox = records,
                                     .outbox_count = RECORDS};
    cr_assert_eq(ops->commit(w->plant.store, 0, &commit, &w->error), BB_COMMIT_DONE);
    bb_buffer_release(&body);
    cr_assert_eq(bb_delivery_open(&w->plant, NULL, hear, w, &w->delivery, &w->error), 0);
}

static void end(struct world *w) {
    bb_delivery_close(w->delivery);
    w->plant.store->ops->close(w->plant.store);
    w->plant.registry->ops->close(w->plant.registry);
}

Test(deliver, who_is_interrupted_comes_through) {
    struct wanted wanted = {.duels = 4};
    struct world w;

    begin(&w, &wanted);
    cr_assert_eq(bb_delivery_run(w.delivery, &w.error), BB_DELIVERY_DONE, "%s", w.error.text);
    cr_assert_eq(wanted.position, RECORDS);
    cr_assert_eq(w.tellings, 0);
    end(&w);
}

Test(deliver, who_never_comes_through_gives_way_and_is_back_later) {
    struct wanted wanted = {.duels = 1000};
    struct world w;

    begin(&w, &wanted);
    cr_assert_eq(bb_delivery_run(w.delivery, &w.error), BB_DELIVERY_WAITS);
    cr_assert_eq(w.told.code, BB_E_SINK_BUSY);
    cr_assert(w.told.retriable);
    cr_assert_eq(wanted.position, 0);
    cr_assert_leq(wanted.applied, 10);
    wanted.duels = 0;
    while (bb_delivery_run(w.delivery, &w.error) == BB_DELIVERY_WAITS)
        ;
    cr_assert_eq(wanted.position, RECORDS);
    cr_assert_eq(w.told.code, BB_OK);
    cr_assert_eq(w.tellings, 2, "once that it waits, once that it follows");
    end(&w);
}

/* Another one that comes forward is no duel, however often it is met. */
Test(deliver, the_progress_of_another_one_is_not_waited_for) {
    struct wanted wanted = {.duels = RECORDS - 1, .progresses = true};
    struct world w;

    begin(&w, &wanted);
    cr_assert_eq(bb_delivery_run(w.delivery, &w.error), BB_DELIVERY_DONE, "%s", w.error.text);
    cr_assert_eq(wanted.position, RECORDS);
    cr_assert_eq(wanted.applied, RECORDS);
    end(&w);
}

/* What /metrics tells of it: nothing of one that has all, the first record's time of one that has not. */
Test(deliver, what_a_sink_lacks_is_told) {
    struct wanted wanted = {.duels = 1000};
    struct world w;
    const int kind = bb_metric_value(BB_METRIC_SINK_AGE, wanted_ops.name);

    cr_assert_geq(kind, 0);
    begin(&w, &wanted);
    cr_expect_eq(bb_metric_sink_lacks_since(kind), 0);
    cr_assert_eq(bb_delivery_run(w.delivery, &w.error), BB_DELIVERY_WAITS);
    cr_expect_eq(bb_metric_sink_lacks_since(kind), RECORDED_MS);
    bb_metric_sink_lacks(kind, 7, RECORDED_MS - 5);
    cr_expect_eq(bb_metric_sink_lacks_since(kind), RECORDED_MS - 5, "the oldest of all partitions");
    bb_metric_sink_lacks(kind, 7, 0);
    wanted.duels = 0;
    while (bb_delivery_run(w.delivery, &w.error) == BB_DELIVERY_WAITS)
        ;
    cr_expect_eq(bb_metric_sink_lacks_since(kind), 0);
    end(&w);
}
