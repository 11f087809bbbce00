/* The connection to RabbitMQ: see queue_rabbitmq_internal.h.
 *
 * A connection is a lease: the broker gives back what its holder took when the connection ends, or when nothing was heard of it for
 * two heartbeats. So the heartbeat is half of a lease, and renewing is to let heartbeats go out (the library sends them
 * only while it is called). After any failure the connection is dropped: what is not known to be done comes back by itself.
 */
#include "adapter/queue_rabbitmq_internal.h"

#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/backoff.h"

enum {
    CONNECT_S = 10,
    ANSWER_S = 20,
    FRAME_BYTES = 128 << 10,
    RETRY_BASE_MS = 200,
    RETRY_CAP_MS = 30000,
    HEARTBEAT_MOST_S = 60
};

/* ---- errors ---------------------------------------------------------------------------------- */

/* Codes of AMQP that trying again does not change. */
static bool is_refusal(int code) {
    return code == AMQP_ACCESS_REFUSED || code == AMQP_NOT_FOUND || code == AMQP_NOT_ALLOWED ||
           code == AMQP_PRECONDITION_FAILED || code == AMQP_NOT_IMPLEMENTED;
}

static int fail_closed(int code, amqp_bytes_t words, const char *doing, struct bb_error *error) {
    int failed = BB_FAIL(error, is_refusal(code) ? BB_E_QUEUE_REFUSED : BB_E_QUEUE_UNREACHABLE,
                         "%s failed at RabbitMQ: %d %.*s", doing, code, (int)words.len,
                         (const char *)words.bytes);

    error->retriable = !is_refusal(code);
    return failed;
}

int bb_queue_rabbitmq_fail_status(struct queue_rabbitmq *queue, int status, const char *doing,
                                  struct bb_error *error) {
    int failed = BB_FAIL(error, BB_E_QUEUE_UNREACHABLE, "%s failed at RabbitMQ: %s", doing,
                         amqp_error_string2(status));

    error->retriable = true;
    bb_queue_rabbitmq_drop(queue);
    return failed;
}

int bb_queue_rabbitmq_fail(struct queue_rabbitmq *queue, amqp_rpc_reply_t reply, const char *doing,
                           struct bb_error *error) {
    int failed;

    if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION)
        return bb_queue_rabbitmq_fail_status(queue,
                                             reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
                                                 ? reply.library_error
                                                 : AMQP_STATUS_UNEXPECTED_STATE,
                                             doing, error);
    if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *close = reply.reply.decoded;
        failed = fail_closed(close->reply_code, close->reply_text, doing, error);
    } else {
        const amqp_connection_close_t *close = reply.reply.decoded;
        failed = fail_closed(close->reply_code, close->reply_text, doing, error);
    }
    bb_queue_rabbitmq_drop(queue);
    return failed;
}

/* ---- connecting ------------------------------------------------------------------------------ */

void bb_queue_rabbitmq_drop(struct queue_rabbitmq *queue) {
    if (queue->link)
        amqp_destroy_connection(queue->link);
    queue->link = NULL;
    /* A copy in the queue stands for it, whatever becomes of the connection. */
    queue->is_held = queue->is_held && queue->is_turned_over;
    queue->is_woken = false;
    queue->wake_tag = queue->confirmed = queue->refused_tag = queue->published = 0;
}

static int heartbeat_of(const struct queue_rabbitmq *queue) {
    int64_t half_s = queue->base.lease_ms / 2000;

    return half_s < 1 ? 1 : half_s > HEARTBEAT_MOST_S ? HEARTBEAT_MOST_S : (int)half_s;
}

/* By TLS 1.2 or later, with a certificate for the host's name that somebody whom we trust has signed. */
static int trust(const struct queue_rabbitmq *queue, amqp_socket_t *socket,
                 struct bb_error *error) {
    const bool is_trusting =
        queue->ca[0] ? amqp_ssl_socket_set_cacert(socket, queue->ca) == AMQP_STATUS_OK
                     : SSL_CTX_set_default_verify_paths(amqp_ssl_socket_get_context(socket)) == 1;

    amqp_ssl_socket_set_verify_peer(socket, true);
    amqp_ssl_socket_set_verify_hostname(socket, true);
    if (!is_trusting)
        return BB_FAIL(error, BB_E_QUEUE_REFUSED, "certificates to trust cannot be read: %s",
                       queue->ca[0] ? queue->ca : "the system's");
    return amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST) == AMQP_STATUS_OK
               ? 0
               : BB_FAIL(error, BB_E_QUEUE_REFUSED, "TLS 1.2 is not to be had here");
}

static bool is_untrusted(int status) {
    return status == AMQP_STATUS_SSL_PEER_VERIFY_FAILED ||
           status == AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED;
}

static int open_socket(struct queue_rabbitmq *queue, const struct amqp_connection_info *to,
                       struct bb_error *error) {
    const struct timeval connect = {.tv_sec = CONNECT_S}, answer = {.tv_sec = ANSWER_S};
    amqp_socket_t *socket = NULL;

    queue->link = amqp_new_connection();
    if (queue->link)
        socket = to->ssl ? amqp_ssl_socket_new(queue->link) : amqp_tcp_socket_new(queue->link);
    if (!socket)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for a connection to RabbitMQ");
    if (to->ssl) {
        int result = trust(queue, socket, error);
        if (result)
            return result;
    }
    int status = amqp_socket_open_noblock(socket, to->host, to->port, &connect);
    if (status != AMQP_STATUS_OK) {
        int failed = BB_FAIL(
            error, is_untrusted(status) ? BB_E_QUEUE_REFUSED : BB_E_QUEUE_UNREACHABLE,
            "RabbitMQ at %s:%d: %s", to->host, to->port, amqp_error_string2(status));
        error->retriable = !is_untrusted(status);
        return failed;
    }
    amqp_set_handshake_timeout(queue->link, &connect);
    amqp_set_rpc_timeout(queue->link, &answer);
    return 0;
}

static int open_channels(struct queue_rabbitmq *queue, struct bb_error *error) {
    amqp_channel_open(queue->link, CHANNEL_WORK);
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(queue->link);

    if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
        amqp_channel_open(queue->link, CHANNEL_WAKE);
        reply = amqp_get_rpc_reply(queue->link);
    }
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
        amqp_confirm_select(queue->link, CHANNEL_WORK);
        reply = amqp_get_rpc_reply(queue->link);
    }
    return reply.reply_type == AMQP_RESPONSE_NORMAL
               ? 0
               : bb_queue_rabbitmq_fail(queue, reply, "opening a channel", error);
}

static int log_in(struct queue_rabbitmq *queue, const struct amqp_connection_info *to,
                  struct bb_error *error) {
    const int heartbeat_s = heartbeat_of(queue);
    amqp_rpc_reply_t reply = amqp_login(queue->link, to->vhost, 0, FRAME_BYTES, heartbeat_s,
                                        AMQP_SASL_METHOD_PLAIN, to->user, to->password);

    /* Wrong credentials: some brokers only hang up. */
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
        reply.library_error == AMQP_STATUS_CONNECTION_CLOSED) {
        bb_queue_rabbitmq_drop(queue);
        return BB_FAIL(error, BB_E_QUEUE_REFUSED, "RabbitMQ at %s:%d refused the user %s", to->host,
                       to->port, to->user);
    }
    return reply.reply_type == AMQP_RESPONSE_NORMAL
               ? 0
               : bb_queue_rabbitmq_fail(queue, reply, "signing in", error);
}

static int connect_to(struct queue_rabbitmq *queue, struct bb_error *error) {
    char *url = strdup(queue->url); /* what is parsed is cut up */
    struct amqp_connection_info to;
    int result = 0;

    amqp_default_connection_info(&to);
    if (!url)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for the address of RabbitMQ");
    if (amqp_parse_url(url, &to) != AMQP_STATUS_OK)
        result = BB_FAIL(
            error, BB_E_QUEUE_REFUSED,
            "the address of RabbitMQ is written amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps://");
    if (!result)
        result = open_socket(queue, &to, error);
    if (!result)
        result = log_in(queue, &to, error);
    if (!result)
        result = open_channels(queue, error);
    if (!result)
        result = bb_queue_rabbitmq_declare(queue, error);
    free(url);
    return result;
}

static void sleep_ms(int64_t ms) {
    const struct timespec length = {.tv_sec = (time_t)(ms / 1000),
                                    .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&length, NULL);
}

int bb_queue_rabbitmq_ready(struct queue_rabbitmq *queue, int64_t wait_ms, struct bb_error *error) {
    int64_t left_ms = (queue->next_try_ns - bb_monotonic_ns()) / 1000000;

    if (queue->link)
        return 0;
    if (queue->failures > 0 && left_ms > 0) {
        sleep_ms(left_ms < wait_ms ? left_ms : wait_ms);
        if (left_ms > wait_ms) {
            int failed = BB_FAIL(error, BB_E_QUEUE_UNREACHABLE,
                                 "RabbitMQ was not reached %u times; it is tried again in %d ms",
                                 queue->failures, (int)(left_ms - wait_ms));
            error->retriable = true;
            return failed;
        }
    }
    int result = connect_to(queue, error);
    if (!result) {
        queue->failures = 0;
        return 0;
    }
    bb_queue_rabbitmq_drop(queue);
    queue->failures++;
    queue->next_try_ns = bb_monotonic_ns() + bb_backoff_ms(queue->failures, RETRY_BASE_MS,
                                                           RETRY_CAP_MS, &queue->random) *
                                                 1000000;
    return result;
}
