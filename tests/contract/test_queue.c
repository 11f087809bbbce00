/* The port "queue": one suite, every adapter. What a queue comes to under random hands is in test_queue_model.c. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <unistd.h>

#include "contract/queue_fixture.h"

static void hands_out_what_was_put_in_order(struct queue_fixture *f) {
    queue_put(f, 0, "one", BB_QUEUE_NORMAL, 0);
    queue_put(f, 0, "two", BB_QUEUE_NORMAL, 0);
    expect_queue_take(f, 0, "one", 1);
    expect_queue_take(f, 1, "two", 1);
    expect_queue_take(f, 2, NULL, 0);
    cr_expect_eq(queue_ack(f, 0), BB_QUEUE_HELD);
    cr_expect_eq(queue_ack(f, 0), BB_QUEUE_LOST, "%s: an item is acknowledged twice",
                 f->subject->name);
    cr_expect_eq(queue_ack(f, 1), BB_QUEUE_HELD);
    expect_queue_take(f, 0, NULL, 0);
}

Test(queue, hands_out_what_was_put_in_order) {
    each_queue(hands_out_what_was_put_in_order);
}

Test(queue_rabbitmq, hands_out_what_was_put_in_order) {
    rabbitmq_queue(hands_out_what_was_put_in_order);
}

static void prefers_what_is_urgent(struct queue_fixture *f) {
    queue_put(f, 0, "low", BB_QUEUE_LOW, 0);
    queue_put(f, 0, "normal", BB_QUEUE_NORMAL, 0);
    queue_put(f, 0, "high", BB_QUEUE_HIGH, 0);
    queue_put(f, 0, "high too", BB_QUEUE_HIGH, 0);
    const char *const order[] = {"high", "high too", "normal", "low"};
    for (size_t i = 0; i < 4; i++) {
        expect_queue_take(f, 1, order[i], 1);
        cr_expect_eq(queue_ack(f, 1), BB_QUEUE_HELD);
    }
}

Test(queue, prefers_what_is_urgent) {
    each_queue(prefers_what_is_urgent);
}

Test(queue_rabbitmq, prefers_what_is_urgent) {
    rabbitmq_queue(prefers_what_is_urgent);
}

static void waits_for_a_delay(struct queue_fixture *f) {
    queue_put(f, 0, "later", BB_QUEUE_HIGH, 1500);
    queue_put(f, 0, "now", BB_QUEUE_LOW, 0);
    expect_queue_take(f, 1, "now", 1);
    cr_expect_eq(queue_ack(f, 1), BB_QUEUE_HELD);
    expect_queue_take(f, 1, NULL, 0);
    queue_pass(f, 1600);
    expect_queue_take(f, 1, "later", 1);
    cr_expect_eq(f->last.priority, BB_QUEUE_HIGH);
    cr_expect_eq(queue_give_back(f, 1, 1500, true), BB_QUEUE_HELD);
    expect_queue_take(f, 2, NULL, 0);
    queue_pass(f, 1600);
    expect_queue_take(f, 2, "later", 1);
    cr_expect_eq(queue_ack(f, 2), BB_QUEUE_HELD);
}

Test(queue, waits_for_a_delay) {
    each_queue(waits_for_a_delay);
}

Test(queue_rabbitmq, waits_for_a_delay) {
    rabbitmq_queue(waits_for_a_delay);
}

static void hands_on_what_a_dead_worker_held(struct queue_fixture *f) {
    queue_put(f, 0, "mine", BB_QUEUE_NORMAL, 0);
    queue_put(f, 0, "yours", BB_QUEUE_NORMAL, 0);
    expect_queue_take(f, 0, "mine", 1);
    expect_queue_take(f, 1, "yours", 1);
    queue_die(f, 0);
    expect_queue_take(f, 2, "mine", 2);
    cr_expect_eq(f->queues[1]->ops->renew(f->queues[1], &f->error), BB_QUEUE_HELD,
                 "%s: a lease that was renewed is lost", f->subject->name);
    cr_expect_eq(queue_ack(f, 1), BB_QUEUE_HELD);
    cr_expect_eq(queue_ack(f, 2), BB_QUEUE_HELD);
    expect_queue_take(f, 0, NULL, 0);
}

Test(queue, hands_on_what_a_dead_worker_held) {
    each_queue(hands_on_what_a_dead_worker_held);
}

Test(queue_rabbitmq, hands_on_what_a_dead_worker_held) {
    rabbitmq_queue(hands_on_what_a_dead_worker_held);
}

static void buries_after_the_last_attempt(struct queue_fixture *f) {
    queue_put(f, 0, "poison", BB_QUEUE_HIGH, 0);
    for (uint32_t attempt = 1; attempt <= QUEUE_ATTEMPTS; attempt++) {
        expect_queue_take(f, 0, "poison", attempt);
        cr_expect_eq(queue_give_back(f, 0, 0, false), BB_QUEUE_HELD);
    }
    expect_queue_take(f, 0, NULL, 0);
    expect_queue_dead(f, 1, "poison");
    cr_expect_eq(queue_give_back(f, 1, 0, false), BB_QUEUE_HELD, "%s", f->subject->name);
    expect_queue_take(f, 0, "poison", 1); /* revived */
    cr_expect_eq(queue_ack(f, 0), BB_QUEUE_HELD);
    expect_queue_dead(f, 1, NULL);
}

Test(queue, buries_after_the_last_attempt) {
    each_queue(buries_after_the_last_attempt);
}

Test(queue_rabbitmq, buries_after_the_last_attempt) {
    rabbitmq_queue(buries_after_the_last_attempt);
}

static void buries_what_kills_its_workers(struct queue_fixture *f) {
    queue_put(f, 0, "deadly", BB_QUEUE_NORMAL, 0);
    for (uint32_t attempt = 1; attempt <= QUEUE_ATTEMPTS; attempt++) {
        expect_queue_take(f, 1, "deadly", attempt);
        queue_die(f, 1);
    }
    expect_queue_take(f, 0, NULL, 0);
    expect_queue_dead(f, 0, "deadly");
    cr_expect_eq(queue_ack(f, 0), BB_QUEUE_HELD);
    expect_queue_dead(f, 0, NULL);
}

Test(queue, buries_what_kills_its_workers) {
    each_queue(buries_what_kills_its_workers);
}

Test(queue_rabbitmq, buries_what_kills_its_workers) {
    rabbitmq_queue(buries_what_kills_its_workers);
}

static void does_not_count_what_is_given_back_in_peace(struct queue_fixture *f) {
    queue_put(f, 0, "patient", BB_QUEUE_NORMAL, 0);
    for (int i = 0; i < 3 * QUEUE_ATTEMPTS; i++) {
        expect_queue_take(f, i % QUEUE_HANDLES, "patient", 1);
        cr_expect_eq(queue_give_back(f, i % QUEUE_HANDLES, 0, true), BB_QUEUE_HELD);
    }
    expect_queue_take(f, 0, "patient", 1);
    cr_expect_eq(queue_give_back(f, 0, 0, false), BB_QUEUE_HELD);
    expect_queue_take(f, 0, "patient", 2);
    cr_expect_eq(queue_give_back(f, 0, 0, true), BB_QUEUE_HELD);
    expect_queue_take(f, 0, "patient", 2);
    cr_expect_eq(queue_ack(f, 0), BB_QUEUE_HELD);
}

Test(queue, does_not_count_what_is_given_back_in_peace) {
    each_queue(does_not_count_what_is_given_back_in_peace);
}

Test(queue_rabbitmq, does_not_count_what_is_given_back_in_peace) {
    rabbitmq_queue(does_not_count_what_is_given_back_in_peace);
}

static void tells_who_holds_nothing(struct queue_fixture *f) {
    cr_expect_eq(f->queues[0]->ops->renew(f->queues[0], &f->error), BB_QUEUE_LOST);
    cr_expect_eq(queue_ack(f, 0), BB_QUEUE_LOST);
    cr_expect_eq(queue_give_back(f, 0, 0, false), BB_QUEUE_LOST);
}

Test(queue, tells_who_holds_nothing) {
    each_queue(tells_who_holds_nothing);
}

Test(queue_rabbitmq, tells_who_holds_nothing) {
    rabbitmq_queue(tells_who_holds_nothing);
}

static void refuses_what_is_too_large(struct queue_fixture *f) {
    static const char large[BB_QUEUE_BODY_MAX + 1];
    const struct bb_queue_item too_large = {{large, sizeof large}, BB_QUEUE_NORMAL, 0};
    const struct bb_queue_item largest = {{large, BB_QUEUE_BODY_MAX}, BB_QUEUE_NORMAL, 0};
    const struct bb_queue_item empty = {{NULL, 0}, BB_QUEUE_NORMAL, 0};

    cr_expect_eq(f->queues[0]->ops->put(f->queues[0], &too_large, &f->error), -BB_E_QUEUE_REFUSED);
    cr_expect_eq(f->queues[0]->ops->put(f->queues[0], &largest, &f->error), 0);
    cr_expect_eq(f->queues[0]->ops->put(f->queues[0], &empty, &f->error), 0);
    cr_assert_eq(f->queues[0]->ops->take(f->queues[0], 5000, &f->last, &f->error), BB_QUEUE_TAKEN);
    cr_expect(bb_span_equal(f->last.body, largest.body), "%s", f->subject->name);
    cr_expect_eq(queue_ack(f, 0), BB_QUEUE_HELD);
    expect_queue_take(f, 0, "", 1);
    cr_expect_eq(queue_ack(f, 0), BB_QUEUE_HELD);
}

Test(queue, refuses_what_is_too_large) {
    each_queue(refuses_what_is_too_large);
}

Test(queue_rabbitmq, refuses_what_is_too_large) {
    rabbitmq_queue(refuses_what_is_too_large);
}

static void counts_what_waits(struct queue_fixture *f) {
    struct bb_queue_counts counts;

    queue_put(f, 0, "one", BB_QUEUE_NORMAL, 0);
    queue_put(f, 0, "two", BB_QUEUE_LOW, 0);
    queue_put(f, 0, "three", BB_QUEUE_LOW, 60000);
    expect_queue_take(f, 0, "one", 1);
    cr_assert_eq(f->queues[1]->ops->counts(f->queues[1], &counts, &f->error), 0);
    cr_expect_eq(counts.ready, 1, "%s: %d", f->subject->name, (int)counts.ready);
    cr_expect_eq(counts.delayed, 1, "%s: %d", f->subject->name, (int)counts.delayed);
    cr_expect_eq(counts.dead, 0);
    cr_expect_eq(queue_ack(f, 0), BB_QUEUE_HELD);
}

Test(queue, counts_what_waits) {
    each_queue(counts_what_waits);
}

Test(queue_rabbitmq, counts_what_waits) {
    rabbitmq_queue(counts_what_waits);
}

/* ---- sleepers -------------------------------------------------------------------------------- */

static void *put_soon(void *context) {
    struct queue_fixture *f = context;

    usleep(200000);
    queue_put(f, 1, "awaited", BB_QUEUE_LOW, 0);
    return NULL;
}

static void wakes_who_waits(struct queue_fixture *f) {
    pthread_t thread;

    if (strcmp(f->subject->name, "memory") == 0)
        return; /* it does not sleep, and says so */
    cr_assert_eq(pthread_create(&thread, NULL, put_soon, f), 0);
    int64_t began_ns = bb_monotonic_ns();
    int outcome = f->queues[0]->ops->take(f->queues[0], 20000, &f->last, &f->error);
    int64_t waited_ms = (bb_monotonic_ns() - began_ns) / 1000000;
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(outcome, BB_QUEUE_TAKEN, "%s: nobody woke it", f->subject->name);
    cr_expect_leq(waited_ms, 5000, "%s: it slept %d ms", f->subject->name, (int)waited_ms);
    cr_expect_eq(queue_ack(f, 0), BB_QUEUE_HELD);
    began_ns = bb_monotonic_ns();
    cr_expect_eq(f->queues[0]->ops->take(f->queues[0], 300, &f->last, &f->error), BB_QUEUE_EMPTY);
    waited_ms = (bb_monotonic_ns() - began_ns) / 1000000;
    cr_expect(waited_ms >= 250 && waited_ms < 5000, "%s: it waited %d ms", f->subject->name,
              (int)waited_ms);
}

Test(queue, wakes_who_waits) {
    each_queue(wakes_who_waits);
}

Test(queue_rabbitmq, wakes_who_waits) {
    rabbitmq_queue(wakes_who_waits);
}

/* ---- what only the decorator promises -------------------------------------------------------- */

static void an_answer_that_was_lost_leaves_it_done(struct queue_fixture *f) {
    if (strcmp(f->subject->name, "fault") != 0)
        return;
    f->plan = (struct bb_fault_plan){.fail_at = 1, .code = BB_E_QUEUE_UNREACHABLE};
    const struct bb_queue_item item = {BB_SPAN("kept"), BB_QUEUE_NORMAL, 0};
    cr_expect_eq(f->queues[0]->ops->put(f->queues[0], &item, &f->error), -BB_E_QUEUE_UNREACHABLE);
    cr_expect(f->error.retriable);
    expect_queue_take(f, 1, "kept", 1);
    f->plan = (struct bb_fault_plan){.fail_at = 1, .code = BB_E_QUEUE_UNREACHABLE, .before = true};
    cr_expect_eq(f->queues[1]->ops->ack(f->queues[1], &f->error), -BB_E_QUEUE_UNREACHABLE);
    cr_expect_eq(queue_ack(f, 1), BB_QUEUE_HELD);
}

Test(queue, an_answer_that_was_lost_leaves_it_done) {
    each_queue(an_answer_that_was_lost_leaves_it_done);
}
