/* What there is at RabbitMQ: see the picture in queue_rabbitmq_internal.h. Declaring is to say what is expected: what is there already
 * with the same arguments stays, with others it is refused (BB_E_QUEUE_REFUSED). */
#include "adapter/queue_rabbitmq_internal.h"

#include <stdio.h>

enum { ARGUMENTS_MAX = 6 };

const char *const bb_queue_priority_names[] = {
    [BB_QUEUE_HIGH] = "high", [BB_QUEUE_NORMAL] = "normal", [BB_QUEUE_LOW] = "low"};

struct arguments {
    amqp_table_entry_t entries[ARGUMENTS_MAX];
    int count;
};

static void add_text(struct arguments *a, const char *key, const char *text) {
    a->entries[a->count++] = (amqp_table_entry_t){
        .key = amqp_cstring_bytes(key),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(text)}};
}

static void add_number(struct arguments *a, const char *key, int64_t number) {
    a->entries[a->count++] = (amqp_table_entry_t){
        .key = amqp_cstring_bytes(key),
        .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = number}};
}

static amqp_table_t table_of(struct arguments *a) {
    return (amqp_table_t){.num_entries = a->count, .entries = a->entries};
}

amqp_bytes_t bb_queue_rabbitmq_name(const struct queue_rabbitmq *queue, const char *end,
                                    char memory[QUEUE_NAME_MAX]) {
    snprintf(memory, QUEUE_NAME_MAX, "%s%s%s", queue->prefix, *end ? "." : "", end);
    return amqp_cstring_bytes(memory);
}

void bb_queue_rabbitmq_wait_name(unsigned wait, char name[24]) {
    snprintf(name, 24, "wait.%d", QUEUE_WAIT_LEAST_MS << wait);
}

unsigned bb_queue_rabbitmq_wait_of(int64_t delay_ms) {
    unsigned wait = 0;

    while (wait + 1 < QUEUE_WAITS && (QUEUE_WAIT_LEAST_MS << wait) < delay_ms)
        wait++;
    return wait;
}

static int answer(struct queue_rabbitmq *queue, const char *doing, struct bb_error *error) {
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(queue->link);

    return reply.reply_type == AMQP_RESPONSE_NORMAL
               ? 0
               : bb_queue_rabbitmq_fail(queue, reply, doing, error);
}

static int declare_exchange(struct queue_rabbitmq *queue, const char *end, const char *type,
                            struct bb_error *error) {
    char name[QUEUE_NAME_MAX];

    amqp_exchange_declare(queue->link, CHANNEL_WORK, bb_queue_rabbitmq_name(queue, end, name),
                          amqp_cstring_bytes(type), 0, 1, 0, 0, amqp_empty_table);
    return answer(queue, "declaring an exchange", error);
}

static int declare_queue(struct queue_rabbitmq *queue, const char *end, struct arguments *arguments,
                         struct bb_error *error) {
    char name[QUEUE_NAME_MAX];

    add_text(arguments, "x-queue-type", "quorum");
    amqp_queue_declare(queue->link, CHANNEL_WORK, bb_queue_rabbitmq_name(queue, end, name), 0, 1, 0,
                       0, table_of(arguments));
    return answer(queue, "declaring a queue", error);
}

static int bind_queue(struct queue_rabbitmq *queue, const char *end, const char *exchange,
                      const char *key, struct bb_error *error) {
    char name[QUEUE_NAME_MAX], from[QUEUE_NAME_MAX];

    amqp_queue_bind(queue->link, CHANNEL_WORK, bb_queue_rabbitmq_name(queue, end, name),
                    bb_queue_rabbitmq_name(queue, exchange, from), amqp_cstring_bytes(key),
                    amqp_empty_table);
    return answer(queue, "binding a queue", error);
}

/* At least once, also on the way into the dead letters: a full queue refuses, it drops nothing. */
static void dead_letter_to(struct arguments *a, const char *exchange) {
    add_text(a, "x-dead-letter-exchange", exchange);
    add_text(a, "x-dead-letter-strategy", "at-least-once");
    add_text(a, "x-overflow", "reject-publish");
}

static int declare_work(struct queue_rabbitmq *queue, struct bb_error *error) {
    char dead[QUEUE_NAME_MAX];
    int result = declare_exchange(queue, "", "direct", error);

    bb_queue_rabbitmq_name(queue, "dead", dead);
    for (int p = 0; p < BB_QUEUE_PRIORITIES && !result; p++) {
        const char *name = bb_queue_priority_names[p];
        struct arguments arguments = {.count = 0};
        dead_letter_to(&arguments, dead);
        /* Redeliveries: the first delivery is none. */
        add_number(&arguments, "x-delivery-limit", (int64_t)queue->base.attempts_max - 1);
        result = declare_queue(queue, name, &arguments, error);
        if (!result)
            result = bind_queue(queue, name, "", name, error);
    }
    return result;
}

static int declare_dead(struct queue_rabbitmq *queue, struct bb_error *error) {
    struct arguments arguments = {.count = 0};
    int result = declare_exchange(queue, "dead", "fanout", error);

    if (!result)
        result = declare_queue(queue, "dead", &arguments, error);
    return result ? result : bind_queue(queue, "dead", "dead", "", error);
}

/* A queue for each length of delay: a message at the head of a queue would hold up shorter ones behind it. */
static int declare_waits(struct queue_rabbitmq *queue, struct bb_error *error) {
    char back[QUEUE_NAME_MAX], name[24];
    int result = 0;

    bb_queue_rabbitmq_name(queue, "", back);
    for (unsigned wait = 0; wait < QUEUE_WAITS && !result; wait++) {
        struct arguments arguments = {.count = 0};
        bb_queue_rabbitmq_wait_name(wait, name);
        dead_letter_to(&arguments, back);
        add_number(&arguments, "x-message-ttl", QUEUE_WAIT_LEAST_MS << wait);
        result = declare_exchange(queue, name, "fanout", error);
        if (!result)
            result = declare_queue(queue, name, &arguments, error);
        if (!result)
            result = bind_queue(queue, name, name, "", error);
    }
    return result;
}

/* The sleeper's own, of one message: more than one would not wake it more. */
static int declare_bell(struct queue_rabbitmq *queue, struct bb_error *error) {
    struct arguments arguments = {.count = 0};
    char from[QUEUE_NAME_MAX];

    add_number(&arguments, "x-max-length", 1);
    const amqp_queue_declare_ok_t *made = amqp_queue_declare(
        queue->link, CHANNEL_WAKE, amqp_empty_bytes, 0, 0, 1, 1, table_of(&arguments));
    int result = answer(queue, "declaring a queue", error);
    if (result)
        return result;
    amqp_bytes_t name = amqp_bytes_malloc_dup(made->queue);
    if (!name.bytes)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the name of a queue");
    amqp_bytes_t exchange = bb_queue_rabbitmq_name(queue, "", from);
    for (int p = 0; p < BB_QUEUE_PRIORITIES && !result; p++) {
        amqp_queue_bind(queue->link, CHANNEL_WAKE, name, exchange,
                        amqp_cstring_bytes(bb_queue_priority_names[p]), amqp_empty_table);
        result = answer(queue, "binding a queue", error);
    }
    if (!result) {
        amqp_basic_qos(queue->link, CHANNEL_WAKE, 0, 1, 0);
        result = answer(queue, "asking for one at a time", error);
    }
    if (!result) {
        amqp_basic_consume(queue->link, CHANNEL_WAKE, name, amqp_empty_bytes, 0, 0, 1,
                           amqp_empty_table);
        result = answer(queue, "listening", error);
    }
    amqp_bytes_free(name);
    return result;
}

int bb_queue_rabbitmq_declare(struct queue_rabbitmq *queue, struct bb_error *error) {
    int result = declare_dead(queue, error);

    if (!result)
        result = declare_work(queue, error);
    if (!result)
        result = declare_waits(queue, error);
    return result ? result : declare_bell(queue, error);
}

int bb_queue_rabbitmq_count(struct queue_rabbitmq *queue, const char *end, uint64_t *count,
                            struct bb_error *error) {
    char name[QUEUE_NAME_MAX];
    const amqp_queue_declare_ok_t *found = amqp_queue_declare(
        queue->link, CHANNEL_WORK, bb_queue_rabbitmq_name(queue, end, name), 1, 1, 0, 0,
        amqp_empty_table);
    int result = answer(queue, "counting", error);

    *count = result ? 0 : found->message_count;
    return result;
}

void bb_queue_rabbitmq_remove(struct bb_queue *base) {
    struct queue_rabbitmq *queue = queue_rabbitmq_of(base);
    char name[QUEUE_NAME_MAX], end[24];
    struct bb_error ignored;

    for (unsigned i = 0; i < QUEUE_WAITS + BB_QUEUE_PRIORITIES + 1; i++) {
        if (bb_queue_rabbitmq_ready(queue, 5000, &ignored))
            return;
        if (i < QUEUE_WAITS)
            bb_queue_rabbitmq_wait_name(i, end);
        else
            snprintf(end, sizeof end, "%s",
                     i == QUEUE_WAITS ? "dead" : bb_queue_priority_names[i - QUEUE_WAITS - 1]);
        amqp_queue_delete(queue->link, CHANNEL_WORK, bb_queue_rabbitmq_name(queue, end, name), 0,
                          0);
        (void)!answer(queue, "removing a queue", &ignored);
        if (queue->link && i <= QUEUE_WAITS) {
            amqp_exchange_delete(queue->link, CHANNEL_WORK, amqp_cstring_bytes(name), 0);
            (void)!answer(queue, "removing an exchange", &ignored);
        }
    }
    if (queue->link) {
        amqp_exchange_delete(queue->link, CHANNEL_WORK, bb_queue_rabbitmq_name(queue, "", name), 0);
        (void)!answer(queue, "removing an exchange", &ignored);
    }
}
