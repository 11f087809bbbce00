/* The port "queue": items that competing workers take, one at a time, under a lease.
 *
 *   put ─► ready ─► taken ─► ack: gone
 *            ▲        ├────► give_back: ready again, at once or after a delay
 *            │        └────► lease over, holder dead: ready again
 *            └─ delay         the last of `attempts_max` deliveries that count ─► dead
 *
 * What an adapter owes:
 *  - An item that `put` has answered for is handed out, also after a crash of anybody, until it is
 *    acknowledged or dead. At least once: an item may be handed out although its holder lives, or has acknowledged it (a
 *    lease that was not renewed in time, an answer that was lost, an item held for very long), so whoever takes one has to be
 *    fenced by what the item stands for (port/task.h).
 *  - One holder at a time as long as leases are renewed, by the adapter's means.
 *  - Of what is ready, the most urgent priority first; within one, items that were never given back come
 *    in the order in which one handle put them.
 *  - A delivery counts unless it is given back as uncounted. An item whose delivery number
 *    `attempts_max` ends otherwise than by ack is dead: it is kept, and only `take_dead` gives it out.
 *  - `take` waits without asking again and again for what another process puts. What comes back
 *    by a lease that is over may be found up to a second late.
 *  - Nothing is lost without a word: an answer that did not come (the connection broke) is a
 *    negative, retriable error, and then it is unknown whether it was done.
 *
 * A handle is one worker: it holds one delivery at most, and belongs to one thread at a time.
 * Opening is the adapter's (adapter/queue.h).
 */
#ifndef BB_PORT_QUEUE_H
#define BB_PORT_QUEUE_H

#include "base/clock.h"
#include "base/error.h"
#include "base/span.h"

enum { BB_QUEUE_BODY_MAX = 4096, BB_QUEUE_WORKER_MAX = 128 };

/* Stored ids: append only. */
enum bb_queue_priority { BB_QUEUE_HIGH = 0, BB_QUEUE_NORMAL = 1, BB_QUEUE_LOW = 2 };
enum { BB_QUEUE_PRIORITIES = 3 };

struct bb_queue_item {
    struct bb_span body; /* at most BB_QUEUE_BODY_MAX bytes */
    enum bb_queue_priority priority;
    int64_t delay_ms; /* it is ready only then; 0: at once */
};

struct bb_queue_delivery {
    struct bb_span body; /* borrowed until the handle's next take */
    enum bb_queue_priority priority;
    uint32_t attempts; /* deliveries that count, this one included */
};

struct bb_queue_counts { /* as of a moment ago; what is taken is in none of them */
    uint64_t ready, delayed, dead;
};

struct bb_queue_options {  /* what every adapter wants to know */
    uint32_t attempts_max; /* 0: 5 */
    int64_t lease_ms;      /* 0: 30 s */
    struct bb_clock clock; /* adapters whose lease a server keeps have their own */
};

enum bb_queue_take_outcome { BB_QUEUE_TAKEN = 0, BB_QUEUE_EMPTY = 1 };
/* Of what a holder does. LOST: it holds nothing any more, and nothing was done. */
enum bb_queue_held_outcome { BB_QUEUE_HELD = 0, BB_QUEUE_LOST = 1 };

struct bb_queue;

struct bb_queue_ops {
    const char *name;
    /* What is held comes back when its lease is over, or sooner. */
    void (*close)(struct bb_queue *queue);
    /* Durable when it returns 0, as the adapter states it. */
    int (*put)(struct bb_queue *queue, const struct bb_queue_item *item, struct bb_error *error);
    /* Wait at most timeout_ms for an item. The handle holds none. enum bb_queue_take_outcome. */
    int (*take)(struct bb_queue *queue, int timeout_ms, struct bb_queue_delivery *out,
                struct bb_error *error);
    /* A dead item, if there is one: ack forgets it, give_back makes it ready with no attempts yet,
     * and when its lease is over it is dead as before. enum bb_queue_take_outcome. */
    int (*take_dead)(struct bb_queue *queue, struct bb_queue_delivery *out, struct bb_error *error);
    /* Of the delivery held. The lease begins anew: called at least three times in lease_ms. These three are enum
     * bb_queue_held_outcome; after ack, give_back and LOST nothing is held, and whoever holds nothing is told LOST. */
    int (*renew)(struct bb_queue *queue, struct bb_error *error);
    int (*ack)(struct bb_queue *queue, struct bb_error *error);
    int (*give_back)(struct bb_queue *queue, int64_t delay_ms, bool uncounted,
                     struct bb_error *error);
    int (*counts)(struct bb_queue *queue, struct bb_queue_counts *out, struct bb_error *error);
};

enum { BB_QUEUE_ATTEMPTS = 5, BB_QUEUE_LEASE_MS = 30000 };

/* Adapters embed this first. */
struct bb_queue {
    const struct bb_queue_ops *ops;
    int64_t lease_ms;
    uint32_t attempts_max;
};

static inline void bb_queue_base_init(struct bb_queue *base, const struct bb_queue_ops *ops,
                                      const struct bb_queue_options *options) {
    *base = (struct bb_queue){
        .ops = ops,
        .lease_ms = options->lease_ms > 0 ? options->lease_ms : BB_QUEUE_LEASE_MS,
        .attempts_max = options->attempts_max > 0 ? options->attempts_max : BB_QUEUE_ATTEMPTS};
}

#endif
