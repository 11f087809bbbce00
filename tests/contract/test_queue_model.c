/* The port "queue" at length: random hands against a model of what waits, who holds what, and what is dead.
 *
 * The model says of each item what may happen to it; the queue says which of them it hands out. It has to be one that
 * is free, at the attempt the model says, and none more urgent may be free. A failure names its seed; BUSBAR_SEED=N runs
 * it again, BUSBAR_SOAK=1 runs longer.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "contract/queue_fixture.h"

enum { ITEMS_MAX = 400, NOBODY = -1 };

struct model_item {
    enum bb_queue_priority priority;
    uint32_t attempts;
    int64_t ready_ms;
    int holder;
    bool is_dead, is_gone;
    uint32_t written; /* attempts, when it was given back last */
    bool
        is_over; /* a server that does not count those hands it out once more, and it is dead then */
};

struct model {
    struct queue_fixture *f;
    struct bb_random random;
    unsigned long long seed;
    struct model_item items[ITEMS_MAX];
    size_t count;
    int held[QUEUE_HANDLES]; /* item, or NOBODY */
};

static struct model_item *item_of(struct model *m, struct bb_span body) {
    char text[16] = "";

    memcpy(text, body.data, body.size < sizeof text ? body.size : sizeof text - 1);
    unsigned long i = strtoul(text, NULL, 10);
    cr_assert_lt(i, m->count, "seed %llu: %s is no item", m->seed, text);
    return &m->items[i];
}

static bool is_free(const struct model *m, const struct model_item *item) {
    return !item->is_gone && !item->is_dead && !item->is_over && item->holder == NOBODY &&
           item->ready_ms <= m->f->now_ms;
}

/* A server's clock goes on while the model thinks: what is delayed there is ready at no moment that the model could tell. */
static bool has_delays(const struct model *m) {
    return !m->f->subject->is_real_time;
}

static void put(struct model *m, int handle) {
    char body[16];
    bool delayed = has_delays(m) && bb_random_below(&m->random, 4) == 0;

    if (m->count == ITEMS_MAX)
        return;
    struct model_item *item = &m->items[m->count];
    *item = (struct model_item){.priority = (enum bb_queue_priority)bb_random_below(&m->random, 3),
                                .holder = NOBODY,
                                .ready_ms = m->f->now_ms + (delayed ? 400 : 0)};
    snprintf(body, sizeof body, "%zu", m->count++);
    queue_put(m->f, handle, body, item->priority, delayed ? 400 : 0);
}

static void take(struct model *m, int handle) {
    struct queue_fixture *f = m->f;
    const struct model_item *best = NULL;
    int timeout_ms = 0;

    for (size_t i = 0; i < m->count; i++)
        if (is_free(m, &m->items[i]) && (!best || m->items[i].priority < best->priority))
            best = &m->items[i];
    if (f->subject->is_real_time)
        timeout_ms = best ? 5000 : 50;
    int outcome = f->queues[handle]->ops->take(f->queues[handle], timeout_ms, &f->last, &f->error);
    cr_assert_eq(outcome, best ? BB_QUEUE_TAKEN : BB_QUEUE_EMPTY, "%s, seed %llu: %d %s",
                 f->subject->name, m->seed, outcome, outcome < 0 ? f->error.text : "");
    for (size_t i = 0; !best && i < m->count; i++) { /* it came to all that are over */
        m->items[i].is_dead |= m->items[i].is_over;
        m->items[i].is_over = false;
    }
    if (!best)
        return;
    struct model_item *item = item_of(m, f->last.body);
    cr_assert(is_free(m, item), "%s, seed %llu: %.*s is not free", f->subject->name, m->seed,
              BB_SPAN_ARGS(f->last.body));
    cr_assert_eq(item->priority, best->priority, "%s, seed %llu: there is a more urgent one",
                 f->subject->name, m->seed);
    cr_assert_eq(f->last.attempts, ++item->attempts, "%s, seed %llu: attempt %u is %u",
                 f->subject->name, m->seed, item->attempts, f->last.attempts);
    item->holder = handle;
    m->held[handle] = (int)(item - m->items);
}

/* The delivery has ended, and counted. */
static void bury_or_free(struct model_item *item) {
    item->holder = NOBODY;
    item->is_dead = item->attempts >= QUEUE_ATTEMPTS;
}

/* Likewise, by its holder's death. */
static void orphan(const struct model *m, struct model_item *item) {
    bury_or_free(item);
    item->is_over = item->is_dead && m->f->subject->is_real_time && item->written > 0;
    item->is_dead = item->is_dead && !item->is_over;
}

static void end(struct model *m, int handle) {
    struct model_item *item = &m->items[m->held[handle]];
    int64_t delay_ms = has_delays(m) && bb_random_below(&m->random, 3) == 0 ? 400 : 0;

    switch (bb_random_below(&m->random, 5)) {
    case 0: /* it dies */
        queue_die(m->f, handle);
        orphan(m, item);
        break;
    case 1:
        cr_assert_eq(queue_give_back(m->f, handle, delay_ms, true), BB_QUEUE_HELD, "seed %llu",
                     m->seed);
        item->written = --item->attempts;
        item->holder = NOBODY;
        item->ready_ms = m->f->now_ms + delay_ms;
        break;
    case 2:
        cr_assert_eq(queue_give_back(m->f, handle, delay_ms, false), BB_QUEUE_HELD, "seed %llu",
                     m->seed);
        item->written = item->attempts;
        bury_or_free(item);
        item->ready_ms = m->f->now_ms + delay_ms;
        break;
    default:
        cr_assert_eq(queue_ack(m->f, handle), BB_QUEUE_HELD, "seed %llu", m->seed);
        item->is_gone = true;
        item->holder = NOBODY;
    }
    m->held[handle] = NOBODY;
}

/* Everything that is dead, and nothing else; half of it lives again. */
static void look_at_the_dead(struct model *m, int handle) {
    size_t expected = 0, found = 0;
    struct queue_fixture *f = m->f;

    for (size_t i = 0; i < m->count; i++) {
        if (m->items[i].is_over) /* a take that found others may have come to it, or not */
            return;
        expected += m->items[i].is_dead;
    }
    for (int tries = 0; found < expected && tries < 600; tries++) {
        int outcome = f->queues[handle]->ops->take_dead(f->queues[handle], &f->last, &f->error);
        if (outcome == BB_QUEUE_EMPTY && f->subject->is_real_time)
            queue_pass(f, 50);
        if (outcome != BB_QUEUE_TAKEN)
            continue;
        struct model_item *item = item_of(m, f->last.body);
        cr_assert(item->is_dead, "%s, seed %llu: %.*s is not dead", f->subject->name, m->seed,
                  BB_SPAN_ARGS(f->last.body));
        found++;
        item->is_dead = false;
        if (bb_random_below(&m->random, 2) == 0) {
            cr_assert_eq(queue_give_back(f, handle, 0, false), BB_QUEUE_HELD);
            item->attempts = item->written = 0;
            item->ready_ms = f->now_ms;
        } else {
            cr_assert_eq(queue_ack(f, handle), BB_QUEUE_HELD);
            item->is_gone = true;
        }
    }
    cr_assert_eq(found, expected, "%s, seed %llu: %zu of %zu dead are found", f->subject->name,
                 m->seed, found, expected);
    expect_queue_dead(f, handle, NULL);
}

static void step(struct model *m) {
    int handle = (int)bb_random_below(&m->random, QUEUE_HANDLES);

    if (bb_random_below(&m->random, 3) == 0)
        put(m, handle);
    else if (m->held[handle] != NOBODY)
        end(m, handle);
    else if (bb_random_below(&m->random, 20) == 0)
        look_at_the_dead(m, handle);
    else
        take(m, handle);
    if (has_delays(m) && bb_random_below(&m->random, 10) == 0)
        queue_pass(m->f, 450); /* every delay is over */
}

/* Whatever is left comes to an end. */
static void drain(struct model *m) {
    queue_pass(m->f, 450);
    for (int handle = 0; handle < QUEUE_HANDLES; handle++)
        if (m->held[handle] != NOBODY)
            end(m, handle);
    queue_pass(m->f, 450);
    for (size_t left = 1; left > 0;) {
        left = 0;
        for (size_t i = 0; i < m->count; i++)
            left += is_free(m, &m->items[i]);
        take(m, 0); /* the last one finds nothing */
        if (left == 0)
            break;
        cr_assert_eq(queue_ack(m->f, 0), BB_QUEUE_HELD);
        m->items[m->held[0]].is_gone = true;
        m->items[m->held[0]].holder = NOBODY;
        m->held[0] = NOBODY;
    }
    look_at_the_dead(m, 0);
}

static void follows_its_model(struct queue_fixture *f) {
    struct model *m = calloc(1, sizeof *m);
    const char *given = getenv("BUSBAR_SEED"), *soak = getenv("BUSBAR_SOAK");
    int steps = soak && *soak != '0' ? 20000 : f->subject->is_real_time ? 150 : 600;

    m->f = f;
    m->seed = given ? strtoull(given, NULL, 10) : (unsigned long long)time(NULL);
    bb_random_seed(&m->random, m->seed);
    for (int i = 0; i < QUEUE_HANDLES; i++)
        m->held[i] = NOBODY;
    for (int i = 0; i < steps; i++)
        step(m);
    drain(m);
    free(m);
}

Test(queue_model, follows_its_model, .timeout = 250) {
    each_queue(follows_its_model);
}

Test(queue_rabbitmq, follows_its_model, .timeout = 250) {
    rabbitmq_queue(follows_its_model);
}
