/* Speaking AMQP: see queue_rabbitmq_internal.h. Frames of both channels come on one connection in any order; what is
 * not an answer that a call waits for comes through here. */
#include "adapter/queue_rabbitmq_internal.h"

#include <sys/time.h>

enum { CONFIRM_MS = 20000 };

/* ---- what comes by itself -------------------------------------------------------------------- */

static int closed(struct queue_rabbitmq *queue, const amqp_method_t *method,
                  struct bb_error *error) {
    const amqp_rpc_reply_t reply = {.reply_type = AMQP_RESPONSE_SERVER_EXCEPTION, .reply = *method};

    return bb_queue_rabbitmq_fail(queue, reply, "listening", error);
}

static void confirm(struct queue_rabbitmq *queue, uint64_t tag, bool is_taken) {
    if (is_taken && tag > queue->confirmed)
        queue->confirmed = tag;
    if (!is_taken && tag > queue->refused_tag)
        queue->refused_tag = tag;
}

/* Headers and bodies of what wakes, or came back, say nothing more. */
static int take_in(struct queue_rabbitmq *queue, const amqp_frame_t *frame,
                   struct bb_error *error) {
    if (frame->frame_type != AMQP_FRAME_METHOD)
        return 0;
    switch (frame->payload.method.id) {
    case AMQP_BASIC_DELIVER_METHOD:
        queue->is_woken = true;
        queue->wake_tag = ((amqp_basic_deliver_t *)frame->payload.method.decoded)->delivery_tag;
        return 0;
    case AMQP_BASIC_ACK_METHOD:
        confirm(queue, ((amqp_basic_ack_t *)frame->payload.method.decoded)->delivery_tag, true);
        return 0;
    case AMQP_BASIC_NACK_METHOD:
        confirm(queue, ((amqp_basic_nack_t *)frame->payload.method.decoded)->delivery_tag, false);
        return 0;
    case AMQP_BASIC_RETURN_METHOD: queue->is_returned = true; return 0;
    case AMQP_CHANNEL_CLOSE_METHOD:
    case AMQP_CONNECTION_CLOSE_METHOD: return closed(queue, &frame->payload.method, error);
    default: return 0; /* such as a consumer that was cancelled: then polling finds what comes */
    }
}

/* 0 a frame was taken in, 1 none came. */
static int one_frame(struct queue_rabbitmq *queue, int timeout_ms, struct bb_error *error) {
    const struct timeval timeout = {.tv_sec = timeout_ms / 1000,
                                    .tv_usec = (timeout_ms % 1000) * 1000L};
    amqp_frame_t frame;
    int status = amqp_simple_wait_frame_noblock(queue->link, &frame, &timeout);

    if (status == AMQP_STATUS_TIMEOUT)
        return 1;
    if (status != AMQP_STATUS_OK)
        return bb_queue_rabbitmq_fail_status(queue, status, "listening", error);
    return take_in(queue, &frame, error);
}

int bb_queue_rabbitmq_listen(struct queue_rabbitmq *queue, int timeout_ms, struct bb_error *error) {
    const int64_t end_ns = bb_monotonic_ns() + (int64_t)timeout_ms * 1000000;
    int64_t left_ms = timeout_ms;

    do {
        int result = one_frame(queue, (int)left_ms, error);
        if (result < 0)
            return result;
        if (result == 1)
            break;
        left_ms = (end_ns - bb_monotonic_ns()) / 1000000;
        if (queue->is_woken)
            left_ms = 0; /* what is there already is taken in, too */
        left_ms = left_ms < 0 ? 0 : left_ms;
    } while (true);
    if (queue->wake_tag) {
        int status = amqp_basic_ack(queue->link, CHANNEL_WAKE, queue->wake_tag, 1);
        queue->wake_tag = 0;
        if (status != AMQP_STATUS_OK)
            return bb_queue_rabbitmq_fail_status(queue, status, "listening", error);
    }
    amqp_maybe_release_buffers(queue->link);
    return 0;
}

/* ---- publishing ------------------------------------------------------------------------------ */

static int wait_for_confirm(struct queue_rabbitmq *queue, struct bb_error *error) {
    const int64_t end_ns = bb_monotonic_ns() + (int64_t)CONFIRM_MS * 1000000;

    while (queue->confirmed < queue->published && queue->refused_tag < queue->published) {
        int64_t left_ms = (end_ns - bb_monotonic_ns()) / 1000000;
        int result = left_ms > 0 ? one_frame(queue, (int)left_ms, error) : 1;
        if (result < 0)
            return result;
        if (result == 1 && left_ms <= 0)
            return bb_queue_rabbitmq_fail_status(queue, AMQP_STATUS_TIMEOUT, "putting", error);
    }
    if (queue->confirmed >= queue->published && !queue->is_returned)
        return 0;
    int failed = BB_FAIL(error, BB_E_QUEUE_UNREACHABLE, "RabbitMQ did not take an item: %s",
                         queue->is_returned ? "its queue is gone" : "it refused");
    error->retriable = true;
    if (queue->is_returned)
        bb_queue_rabbitmq_drop(queue); /* the next connection declares what is missing */
    return failed;
}

int bb_queue_rabbitmq_publish(struct queue_rabbitmq *queue, const struct queue_message *message,
                              struct bb_error *error) {
    char exchange[QUEUE_NAME_MAX];
    amqp_table_entry_t attempts = {
        .key = amqp_cstring_bytes("attempts"),
        .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = message->attempts}};
    const amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG,
        .delivery_mode = AMQP_DELIVERY_PERSISTENT,
        .headers = {.num_entries = 1, .entries = &attempts}};
    /* A NULL pointer is no empty body to the library. */
    const amqp_bytes_t body = {.len = message->body.size,
                               .bytes = message->body.size ? (void *)message->body.data : ""};
    int status;

    queue->is_returned = false;
    status = amqp_basic_publish(
        queue->link, CHANNEL_WORK, bb_queue_rabbitmq_name(queue, message->exchange, exchange),
        amqp_cstring_bytes(bb_queue_priority_names[message->priority]), 1, 0, &properties, body);
    if (status != AMQP_STATUS_OK)
        return bb_queue_rabbitmq_fail_status(queue, status, "putting", error);
    queue->published++;
    return wait_for_confirm(queue, error);
}
