/* The queues and tables of tasks under test: shared by the contract suite's tests.
 *
 * A queue comes with three handles, as of three workers. Time passes by queue_pass: where a clock is ours it is moved, where a
 * server keeps it one waits. A handle dies by queue_die: its lease ends as when its process is killed.
 */
#ifndef BB_TESTS_CONTRACT_QUEUE_FIXTURE_H
#define BB_TESTS_CONTRACT_QUEUE_FIXTURE_H

#include "adapter/queue.h"

enum { QUEUE_HANDLES = 3, QUEUE_ATTEMPTS = 3, QUEUE_LEASE_MS = 30000 };

struct queue_fixture;

struct queue_subject {
    const char *name;
    /* Open handle i; the first one makes the queue. */
    void (*open)(struct queue_fixture *f, int i);
    void (*die)(struct queue_fixture *f, int i); /* and is open again */
    void (*release)(struct queue_fixture *f);
    bool is_real_time; /* delays are waited for */
};

struct queue_fixture {
    const struct queue_subject *subject;
    struct bb_queue *queues[QUEUE_HANDLES];
    struct bb_queue *inner[QUEUE_HANDLES]; /* of a decorator */
    struct bb_queue_memory *memory;
    struct bb_fault_plan plan;
    char directory[64], path[128], prefix[24];
    const char *url; /* of a broker */
    int64_t now_ms;
    struct bb_error error;
    struct bb_queue_delivery last; /* taken */
};

/* Hold every adapter to a promise, each with a fresh queue. */
void each_queue(void (*promise)(struct queue_fixture *f));
/* The same of RabbitMQ: a test of its own, as it is skipped where there is none. */
void rabbitmq_queue(void (*promise)(struct queue_fixture *f));

void queue_pass(struct queue_fixture *f, int64_t ms);
void queue_die(struct queue_fixture *f, int i);
void queue_put(struct queue_fixture *f, int i, const char *body, enum bb_queue_priority priority,
               int64_t delay_ms);
/* What comes is what is expected; `body` NULL: nothing is ready. */
void expect_queue_take(struct queue_fixture *f, int i, const char *body, uint32_t attempts);
void expect_queue_dead(struct queue_fixture *f, int i, const char *body);
/* The operation's outcome: HELD or LOST. */
int queue_ack(struct queue_fixture *f, int i);
int queue_give_back(struct queue_fixture *f, int i, int64_t delay_ms, bool uncounted);

struct task_fixture {
    const char *adapter;
    struct bb_task_table *table;
    struct bb_task_table *inner; /* of a decorator */
    struct bb_fault_plan plan;
    char directory[64], path[128], schema[24];
    const char *conninfo; /* of a server */
    int64_t now_ms;
    struct bb_arena arena;
    struct bb_error error;
};
void each_task_table(void (*promise)(struct task_fixture *f));
void postgres_task_table(void (*promise)(struct task_fixture *f));

#endif
