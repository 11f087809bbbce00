/* The queue on RabbitMQ, from the inside: a connection, what is declared on it, and how it speaks.
 *
 *   queue_rabbitmq.c          port/queue.h
 *   queue_rabbitmq_link.c     the connection: made, lost, made again; errors
 *   queue_rabbitmq_declare.c  exchanges and queues
 *   queue_rabbitmq_frames.c   publishing with confirms, and what comes by itself
 *
 *                         ┌► P.high ─┐
 *   put ─► exchange P ────┼► P.normal┼─► get ─► ack
 *             ▲   │       └► P.low ──┘    │
 *             │   └► a sleeper's own queue│ reject, delivery limit
 *    TTL over │      (wakes it)           ▼
 *          P.wait.N ◄── give_back    exchange P.dead ─► P.dead
 *
 * All of it are quorum queues, dead-lettered at least once; a sleeper's queue is exclusive and goes with it. The quorum queues of
 * RabbitMQ 3.10 know no priorities: there is a queue for each. Items are got one by one (never pushed), so nobody holds one that it
 * does not work on. What wakes a sleeper is a copy of any item put while it sleeps.
 */
#ifndef BB_ADAPTER_QUEUE_RABBITMQ_INTERNAL_H
#define BB_ADAPTER_QUEUE_RABBITMQ_INTERNAL_H

#include <amqp.h>

#include "adapter/queue.h"
#include "base/random.h"

enum {
    QUEUE_WAITS = 12, /* delays of 250 ms, 500 ms, ... 512 s */
    QUEUE_WAIT_LEAST_MS = 250,
    QUEUE_PREFIX_MAX = 64,
    QUEUE_NAME_MAX = QUEUE_PREFIX_MAX + 24
};
enum queue_channel { CHANNEL_WORK = 1, CHANNEL_WAKE = 2 };

struct queue_rabbitmq {
    struct bb_queue base;
    char *url;
    char *ca; /* empty: the system's */
    char prefix[QUEUE_PREFIX_MAX];
    int64_t turn_over_ms;
    amqp_connection_state_t link; /* NULL: there is none */
    uint32_t failures;            /* to connect, one after the other */
    int64_t next_try_ns;
    struct bb_random random;
    /* what comes on the way */
    bool is_woken;
    uint64_t wake_tag;               /* to acknowledge; 0: none */
    uint64_t confirmed, refused_tag; /* by the broker, of what was published */
    uint64_t published;
    bool is_returned; /* it could not be routed */
    /* held */
    bool is_held, is_dead;
    bool is_turned_over; /* a copy stands for it in the queue: nothing is held on this connection */
    uint64_t tag;
    int64_t taken_ns;
    uint32_t attempts;
    enum bb_queue_priority priority;
    size_t body_size;
    char body[BB_QUEUE_BODY_MAX];
};

static inline struct queue_rabbitmq *queue_rabbitmq_of(struct bb_queue *queue) {
    return (struct queue_rabbitmq *)queue;
}

/* "high", "normal", "low": routing keys, and ends of queues' names. */
extern const char *const bb_queue_priority_names[];
amqp_bytes_t bb_queue_rabbitmq_name(const struct queue_rabbitmq *queue, const char *end,
                                    char memory[QUEUE_NAME_MAX]);

/* ---- link: connected and declared, or a retriable error; `wait_ms`: how long the pause after a failure may be waited for. */
int bb_queue_rabbitmq_ready(struct queue_rabbitmq *queue, int64_t wait_ms, struct bb_error *error)
    BB_MUST_USE;
/* Give the connection up: what was held comes back to the queue by itself. */
void bb_queue_rabbitmq_drop(struct queue_rabbitmq *queue);
/* What a call came to, as an error; the connection is dropped, as its state is unknown. */
int bb_queue_rabbitmq_fail(struct queue_rabbitmq *queue, amqp_rpc_reply_t reply, const char *doing,
                           struct bb_error *error) BB_MUST_USE;
int bb_queue_rabbitmq_fail_status(struct queue_rabbitmq *queue, int status, const char *doing,
                                  struct bb_error *error) BB_MUST_USE;

/* ---- declare */
int bb_queue_rabbitmq_declare(struct queue_rabbitmq *queue, struct bb_error *error) BB_MUST_USE;
/* Messages that are ready in the queue of that name. */
int bb_queue_rabbitmq_count(struct queue_rabbitmq *queue, const char *end, uint64_t *count,
                            struct bb_error *error) BB_MUST_USE;
/* "wait.1000" of the shortest wait that is no shorter than the delay, or of the longest. */
void bb_queue_rabbitmq_wait_name(unsigned wait, char name[24]);
unsigned bb_queue_rabbitmq_wait_of(int64_t delay_ms);

/* ---- frames */
struct queue_message {
    struct bb_span body;
    const char *exchange; /* its end: "" or "wait.1000" */
    enum bb_queue_priority priority;
    uint32_t attempts; /* that count so far */
};
/* Durable on a majority of the queue's replicas when it returns 0. */
int bb_queue_rabbitmq_publish(struct queue_rabbitmq *queue, const struct queue_message *message,
                              struct bb_error *error) BB_MUST_USE;
/* Take in what comes by itself, for at most timeout_ms; ends early when it is woken. Heartbeats go out. */
int bb_queue_rabbitmq_listen(struct queue_rabbitmq *queue, int timeout_ms, struct bb_error *error)
    BB_MUST_USE;

#endif
