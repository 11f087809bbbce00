/* A live worker's round over its partitions: one that surprises it by what commits take is broken off, and the next one begins
 * with what was left, so that each partition has its turn. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "sim/sim_plant.h"

enum { PARTITIONS = 4, ROUNDS = 3, COMMIT_MS = 5 };
#define RECEIVED_MS 1772400000000LL

/* ---- a store that takes its time and tells whose turn it was */

static struct bb_store_ops slow;
static int (*commit)(struct bb_store *store, uint32_t partition, const struct bb_commit *commit,
                     struct bb_error *error);
static uint32_t turns[PARTITIONS * ROUNDS];
static uint32_t turn_count;

static int slow_commit(struct bb_store *store, uint32_t partition, const struct bb_commit *what,
                       struct bb_error *error) {
    usleep(COMMIT_MS * 1000);
    cr_assert_lt(turn_count, PARTITIONS * ROUNDS);
    turns[turn_count++] = partition;
    return commit(store, partition, what, error);
}

static void slow_down(struct bb_store *store) {
    slow = *store->ops;
    commit = slow.commit;
    slow.commit = slow_commit;
    store->ops = &slow;
    turn_count = 0;
}

/* ---- */

static void open_plant(struct sim_plant *s, struct bb_worker **worker) {
    struct bb_error error;

    sim_plant_open(s, PARTITIONS, false);
    slow_down(s->store);
    s->plant.config.commit_freshness_ms = 1;
    for (uint32_t i = 0; i < PARTITIONS; i++)
        sim_plant_append(s, i, "U", RECEIVED_MS);
    cr_assert_eq(bb_worker_open(&s->plant, worker, &error), 0, "%s", error.text);
}

static int drain(struct bb_worker *worker, bool live) {
    struct bb_error error;
    int result = bb_worker_drain(worker, live, NULL, &error);

    cr_assert_geq(result, 0, "%s", error.text);
    return result;
}

/* Nothing was known of what a round takes: the first commit is the surprise. */
Test(round, is_broken_off_by_a_surprise) {
    struct sim_plant s;
    struct bb_worker *worker;

    open_plant(&s, &worker);
    drain(worker, true);
    cr_assert_eq(turn_count, 1);
    cr_assert_geq(bb_worker_round_ms(worker), PARTITIONS * COMMIT_MS,
                  "what the whole would take is told of the part");
    bb_worker_close(worker);
    sim_plant_close(&s);
}

Test(round, goes_on_where_it_was_broken_off) {
    struct sim_plant s;
    struct bb_worker *worker;

    open_plant(&s, &worker);
    for (int i = 0; i < PARTITIONS; i++) /* however many of them are broken off */
        drain(worker, true);
    cr_assert_eq(turn_count, PARTITIONS);
    for (uint32_t i = 0; i < PARTITIONS; i++)
        cr_assert_eq(turns[i], i, "turn %u was of partition %u", i, turns[i]);
    bb_worker_close(worker);
    sim_plant_close(&s);
}

Test(round, of_one_who_does_not_come_again_is_whole) {
    struct sim_plant s;
    struct bb_worker *worker;

    open_plant(&s, &worker);
    drain(worker, false);
    cr_assert_eq(turn_count, PARTITIONS);
    bb_worker_close(worker);
    sim_plant_close(&s);
}
