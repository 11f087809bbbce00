/* The queue on RabbitMQ: port/queue.h over the picture in queue_rabbitmq_internal.h.
 *
 * Attempts are counted by the broker (x-delivery-count: deliveries that ended with their connection) and by a header of ours
 * (those that were given back, which is to put a copy and acknowledge). The broker buries by its delivery limit, this adapter by the sum of both.
 *
 * A broker closes the channel of whoever does not acknowledge for long (consumer_timeout, 30 minutes by default). So an item that is held for
 * turn_over_ms is turned over: a copy goes into the longest wait, the item is acknowledged, and the holder works on with nothing in its
 * hands. The copy comes back to somebody who finds the task busy, or over: that is what at least once allows.
 */
#include "adapter/queue_rabbitmq_internal.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/backoff.h"

enum {
    POLL_MS = 1000, /* what comes back from a connection that broke rings no bell */
    TURN_OVER_MS = 15 * 60 * 1000,
    READY_WAIT_MS = 2000
};

/* ---- messages -------------------------------------------------------------------------------- */

static int64_t header_number(const amqp_basic_properties_t *properties, const char *key) {
    if (!(properties->_flags & AMQP_BASIC_HEADERS_FLAG))
        return 0;
    for (int i = 0; i < properties->headers.num_entries; i++) {
        const amqp_table_entry_t *entry = &properties->headers.entries[i];
        if (entry->key.len != strlen(key) || memcmp(entry->key.bytes, key, entry->key.len) != 0)
            continue;
        switch (entry->value.kind) {
        case AMQP_FIELD_KIND_I8: return entry->value.value.i8;
        case AMQP_FIELD_KIND_U8: return entry->value.value.u8;
        case AMQP_FIELD_KIND_I16: return entry->value.value.i16;
        case AMQP_FIELD_KIND_U16: return entry->value.value.u16;
        case AMQP_FIELD_KIND_I32: return entry->value.value.i32;
        case AMQP_FIELD_KIND_U32: return entry->value.value.u32;
        case AMQP_FIELD_KIND_I64: return entry->value.value.i64;
        default: return 0;
        }
    }
    return 0;
}

static enum bb_queue_priority priority_of(amqp_bytes_t key) {
    for (int p = 0; p < BB_QUEUE_PRIORITIES; p++)
        if (key.len == strlen(bb_queue_priority_names[p]) &&
            memcmp(key.bytes, bb_queue_priority_names[p], key.len) == 0)
            return (enum bb_queue_priority)p;
    return BB_QUEUE_NORMAL;
}

static int read_message(struct queue_rabbitmq *queue, struct bb_error *error) {
    amqp_message_t message;
    amqp_rpc_reply_t reply = amqp_read_message(queue->link, CHANNEL_WORK, &message, 0);

    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        return bb_queue_rabbitmq_fail(queue, reply, "taking", error);
    int64_t before = header_number(&message.properties, "attempts") +
                     header_number(&message.properties, "x-delivery-count");
    queue->attempts = (uint32_t)(before < 0 ? 0 : before) + 1;
    queue->body_size = message.body.len < sizeof queue->body ? message.body.len
                                                             : sizeof queue->body;
    if (queue->body_size > 0)
        memcpy(queue->body, message.body.bytes, queue->body_size);
    amqp_destroy_message(&message);
    return 0;
}

/* BB_QUEUE_TAKEN or BB_QUEUE_EMPTY. */
static int get(struct queue_rabbitmq *queue, const char *end, struct bb_error *error) {
    char name[QUEUE_NAME_MAX];
    amqp_rpc_reply_t reply = amqp_basic_get(queue->link, CHANNEL_WORK,
                                            bb_queue_rabbitmq_name(queue, end, name), 0);

    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        return bb_queue_rabbitmq_fail(queue, reply, "taking", error);
    if (reply.reply.id == AMQP_BASIC_GET_EMPTY_METHOD)
        return BB_QUEUE_EMPTY;
    const amqp_basic_get_ok_t *found = reply.reply.decoded;
    queue->tag = found->delivery_tag;
    queue->priority = priority_of(found->routing_key);
    queue->taken_ns = bb_monotonic_ns();
    int result = read_message(queue, error);
    queue->is_held = result == 0;
    queue->is_turned_over = false;
    return result;
}

/* Tell the broker what becomes of the item, and wait until it has heard that. */
static int settle(struct queue_rabbitmq *queue, bool is_dead, struct bb_error *error) {
    int status = is_dead ? amqp_basic_reject(queue->link, CHANNEL_WORK, queue->tag, 0)
                         : amqp_basic_ack(queue->link, CHANNEL_WORK, queue->tag, 0);

    queue->is_held = false;
    if (status != AMQP_STATUS_OK)
        return bb_queue_rabbitmq_fail_status(queue, status, "acknowledging", error);
    amqp_basic_qos(queue->link, CHANNEL_WORK, 0, 1, 0); /* answered in turn */
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(queue->link);
    return reply.reply_type == AMQP_RESPONSE_NORMAL
               ? BB_QUEUE_HELD
               : bb_queue_rabbitmq_fail(queue, reply, "acknowledging", error);
}

/* ---- operations ------------------------------------------------------------------------------ */

static int publish(struct queue_rabbitmq *queue, struct bb_span body,
                   enum bb_queue_priority priority, uint32_t attempts, int64_t delay_ms,
                   struct bb_error *error) {
    char wait[24] = "";

    if (delay_ms > 0)
        bb_queue_rabbitmq_wait_name(bb_queue_rabbitmq_wait_of(delay_ms), wait);
    const struct queue_message message = {body, wait, priority, attempts};
    return bb_queue_rabbitmq_publish(queue, &message, error);
}

static int put(struct bb_queue *base, const struct bb_queue_item *item, struct bb_error *error) {
    struct queue_rabbitmq *queue = queue_rabbitmq_of(base);

    if (item->body.size > BB_QUEUE_BODY_MAX)
        return BB_FAIL(error, BB_E_QUEUE_REFUSED, "an item of a queue has at most %d bytes",
                       BB_QUEUE_BODY_MAX);
    int result = bb_queue_rabbitmq_ready(queue, READY_WAIT_MS, error);
    return result ? result : publish(queue, item->body, item->priority, 0, item->delay_ms, error);
}

static void give(const struct queue_rabbitmq *queue, struct bb_queue_delivery *out) {
    *out = (struct bb_queue_delivery){.body = {queue->body, queue->body_size},
                                      .priority = queue->priority,
                                      .attempts = queue->attempts};
}

/* The most urgent item that is ready now. One that was tried too often goes to the dead, and the next one is looked at. */
static int take_now(struct queue_rabbitmq *queue, struct bb_queue_delivery *out,
                    struct bb_error *error) {
    for (int p = 0; p < BB_QUEUE_PRIORITIES;) {
        int result = get(queue, bb_queue_priority_names[p], error);
        if (result < 0)
            return result;
        if (result == BB_QUEUE_EMPTY) {
            p++;
            continue;
        }
        if (queue->attempts <= queue->base.attempts_max) {
            queue->is_dead = false;
            give(queue, out);
            return BB_QUEUE_TAKEN;
        }
        result = settle(queue, true, error);
        if (result < 0)
            return result;
    }
    return BB_QUEUE_EMPTY;
}

static int take(struct bb_queue *base, int timeout_ms, struct bb_queue_delivery *out,
                struct bb_error *error) {
    struct queue_rabbitmq *queue = queue_rabbitmq_of(base);
    const int64_t end_ns = bb_monotonic_ns() + (int64_t)timeout_ms * 1000000;

    BB_ASSERT(!queue->is_held);
    int result = bb_queue_rabbitmq_ready(queue, timeout_ms, error);
    while (!result) {
        queue->is_woken = false;
        result = take_now(queue, out, error);
        int64_t left_ms = (end_ns - bb_monotonic_ns()) / 1000000;
        if (result != BB_QUEUE_EMPTY || left_ms <= 0)
            return result;
        result = bb_queue_rabbitmq_listen(queue, (int)(left_ms < POLL_MS ? left_ms : POLL_MS),
                                          error);
    }
    return result;
}

static int take_dead(struct bb_queue *base, struct bb_queue_delivery *out, struct bb_error *error) {
    struct queue_rabbitmq *queue = queue_rabbitmq_of(base);

    BB_ASSERT(!queue->is_held);
    int result = bb_queue_rabbitmq_ready(queue, READY_WAIT_MS, error);
    if (!result)
        result = get(queue, "dead", error);
    if (result == BB_QUEUE_TAKEN) {
        queue->is_dead = true;
        give(queue, out);
    }
    return result;
}

static int turn_over(struct queue_rabbitmq *queue, struct bb_error *error) {
    const struct bb_span body = {queue->body, queue->body_size};
    int result = publish(queue, body, queue->priority, queue->attempts - 1, queue->turn_over_ms,
                         error);

    if (!result)
        result = settle(queue, false, error);
    if (result)
        return result;
    queue->is_held = queue->is_turned_over = true;
    return BB_QUEUE_HELD;
}

static int renew(struct bb_queue *base, struct bb_error *error) {
    struct queue_rabbitmq *queue = queue_rabbitmq_of(base);

    if (!queue->is_held)
        return BB_QUEUE_LOST;
    int result = queue->link ? bb_queue_rabbitmq_listen(queue, 0, error) : 0;
    if (result)
        return result;
    if (!queue->is_dead && !queue->is_turned_over &&
        (bb_monotonic_ns() - queue->taken_ns) / 1000000 >= queue->turn_over_ms)
        return turn_over(queue, error);
    return BB_QUEUE_HELD;
}

static int ack(struct bb_queue *base, struct bb_error *error) {
    struct queue_rabbitmq *queue = queue_rabbitmq_of(base);

    if (!queue->is_held)
        return BB_QUEUE_LOST;
    if (!queue->is_turned_over)
        return settle(queue, false, error);
    queue->is_held = false; /* its copy finds the task over */
    return BB_QUEUE_HELD;
}

static int give_back(struct bb_queue *base, int64_t delay_ms, bool uncounted,
                     struct bb_error *error) {
    struct queue_rabbitmq *queue = queue_rabbitmq_of(base);
    const struct bb_span body = {queue->body, queue->body_size};
    const uint32_t attempts = queue->is_dead ? 0 : queue->attempts - uncounted;

    if (!queue->is_held)
        return BB_QUEUE_LOST;
    int result = bb_queue_rabbitmq_ready(queue, READY_WAIT_MS, error);
    if (result)
        return result;
    if (attempts >= base->attempts_max && !queue->is_turned_over)
        return settle(queue, true, error);
    result = publish(queue, body, queue->priority, attempts, delay_ms, error);
    if (result)
        return result;
    if (!queue->is_turned_over)
        return settle(queue, false, error);
    queue->is_held = false;
    return BB_QUEUE_HELD;
}

static int counts(struct bb_queue *base, struct bb_queue_counts *out, struct bb_error *error) {
    struct queue_rabbitmq *queue = queue_rabbitmq_of(base);
    int result = bb_queue_rabbitmq_ready(queue, READY_WAIT_MS, error);
    uint64_t count;
    char name[24];

    *out = (struct bb_queue_counts){0};
    for (int p = 0; p < BB_QUEUE_PRIORITIES && !result; p++) {
        result = bb_queue_rabbitmq_count(queue, bb_queue_priority_names[p], &count, error);
        out->ready += count;
    }
    for (unsigned wait = 0; wait < QUEUE_WAITS && !result; wait++) {
        bb_queue_rabbitmq_wait_name(wait, name);
        result = bb_queue_rabbitmq_count(queue, name, &count, error);
        out->delayed += count;
    }
    return result ? result : bb_queue_rabbitmq_count(queue, "dead", &out->dead, error);
}

/* ---- open and close -------------------------------------------------------------------------- */

static void queue_close(struct bb_queue *base) {
    struct queue_rabbitmq *queue = queue_rabbitmq_of(base);

    if (!queue)
        return;
    if (queue->link)
        amqp_connection_close(queue->link, AMQP_REPLY_SUCCESS);
    bb_queue_rabbitmq_drop(queue);
    free(queue->url);
    free(queue->ca);
    free(queue);
}

static const struct bb_queue_ops operations = {.name = "rabbitmq",
                                               .close = queue_close,
                                               .put = put,
                                               .take = take,
                                               .take_dead = take_dead,
                                               .renew = renew,
                                               .ack = ack,
                                               .give_back = give_back,
                                               .counts = counts};

void bb_queue_rabbitmq_cut(struct bb_queue *base) {
    struct queue_rabbitmq *queue = queue_rabbitmq_of(base);

    if (queue->link)
        shutdown(amqp_get_sockfd(queue->link), SHUT_RDWR);
}

int bb_queue_rabbitmq_open(const struct bb_queue_rabbitmq_options *options, struct bb_queue **out,
                           struct bb_error *error) {
    const char *prefix = options->prefix && options->prefix[0] ? options->prefix : "busbar";
    struct queue_rabbitmq *queue = calloc(1, sizeof *queue);

    *out = NULL;
    if (strlen(prefix) >= QUEUE_PREFIX_MAX) {
        free(queue);
        return BB_FAIL(error, BB_E_QUEUE_REFUSED, "the prefix of queues has at most %d bytes",
                       QUEUE_PREFIX_MAX - 1);
    }
    if (queue) {
        queue->url = strdup(options->url);
        queue->ca = strdup(options->ca ? options->ca : "");
    }
    if (!queue || !queue->url || !queue->ca) {
        queue_close(queue ? &queue->base : NULL);
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a queue");
    }
    bb_queue_base_init(&queue->base, &operations, &options->common);
    memcpy(queue->prefix, prefix, strlen(prefix) + 1);
    queue->turn_over_ms = options->turn_over_ms > 0 ? options->turn_over_ms : TURN_OVER_MS;
    bb_backoff_seed(&queue->random);
    int result = bb_queue_rabbitmq_ready(queue, 0, error);
    if (result)
        queue_close(&queue->base);
    else
        *out = &queue->base;
    return result;
}
