/* The adapters of the ports queue and task: how to open them. Everything else goes through the ports. */
#ifndef BB_ADAPTER_QUEUE_H
#define BB_ADAPTER_QUEUE_H

#include "adapter/fault.h"
#include "port/queue.h"
#include "port/task.h"

/* ---- embedded: one SQLite file for items and tasks, and beside it FILE.wake, a word that sleepers watch.
 * For processes of one machine, on a local disk. Made when it is not there. */
enum { BB_QUEUE_FILE_FORMAT = 1 };

int bb_queue_embedded_open(const char *path, const struct bb_queue_options *options,
                           struct bb_queue **out, struct bb_error *error) BB_MUST_USE;
int bb_task_table_embedded_open(const char *path, struct bb_clock clock, struct bb_task_table **out,
                                struct bb_error *error) BB_MUST_USE;

/* ---- RabbitMQ: quorum queues, so 3.10 or later. Opening it makes what is not there. */
struct bb_queue_rabbitmq_options {
    struct bb_queue_options common; /* its clock is not looked at */
    const char *url;                /* amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps:// by TLS */
    const char *ca; /* a file of certificates to trust (PEM); NULL or empty: those of the system */
    const char *prefix;   /* of exchanges and queues; NULL: "busbar" */
    int64_t turn_over_ms; /* less than the broker's consumer_timeout; 0: 15 minutes */
};
int bb_queue_rabbitmq_open(const struct bb_queue_rabbitmq_options *options, struct bb_queue **out,
                           struct bb_error *error) BB_MUST_USE;
/* For tests: the connection breaks; everything of this prefix goes. */
void bb_queue_rabbitmq_cut(struct bb_queue *queue);
void bb_queue_rabbitmq_remove(struct bb_queue *queue);

/* ---- PostgreSQL, the table alone: tables of their own in a schema (NULL: "busbar"), made when they are not there. A clock without a
 * function: the server's. */
int bb_task_table_postgres_open(const char *conninfo, const char *schema, struct bb_clock clock,
                                struct bb_task_table **out, struct bb_error *error) BB_MUST_USE;

/* ---- in memory, for tests: the handles of one such thing share what is in it. One thread. */
struct bb_queue_memory;
struct bb_queue_memory *bb_queue_memory_new(void);
void bb_queue_memory_free(struct bb_queue_memory *memory);
int bb_queue_memory_open(struct bb_queue_memory *memory, const struct bb_queue_options *options,
                         struct bb_queue **out, struct bb_error *error) BB_MUST_USE;
int bb_task_table_memory_open(struct bb_clock clock, struct bb_task_table **out,
                              struct bb_error *error) BB_MUST_USE;

/* ---- decorators: the same ports, with faults in them (fault.h). */
struct bb_queue *bb_queue_fault_wrap(struct bb_queue *inner, struct bb_fault_plan *plan);
struct bb_task_table *bb_task_table_fault_wrap(struct bb_task_table *inner,
                                               struct bb_fault_plan *plan);

#endif
