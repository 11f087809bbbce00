/* Streamed answers: a handler writes, the I/O thread sends.
 *
 *   handler: write ──► bytes (at most 256 KiB) ──► I/O thread: read_stream ──► socket
 *            waits while they are full             suspends the connection while they are empty
 */
#include "http/call_internal.h"

#include <time.h>

enum { STALL_S = 60, BLOCK_BYTES = 64 << 10 };

/* libmicrohttpd asks for bytes. On the I/O thread. */
static ssize_t read_stream(void *context, uint64_t position, char *out, size_t capacity) {
    struct bb_http_call *call = context;
    struct bb_http_stream *s = &call->stream;
    ssize_t result = 0;

    (void)position;
    pthread_mutex_lock(&s->lock);
    size_t left = s->bytes.size - s->sent;
    if (left > 0) {
        result = (ssize_t)(left < capacity ? left : capacity);
        memcpy(out, s->bytes.data + s->sent, (size_t)result);
        s->sent += (size_t)result;
        if (s->sent == s->bytes.size) {
            bb_buffer_clear(&s->bytes);
            s->sent = 0;
        }
        pthread_cond_signal(&s->room);
    } else if (s->failed) {
        result = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (s->ended) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        s->asleep = true;
        MHD_suspend_connection(call->connection);
    }
    pthread_mutex_unlock(&s->lock);
    return result;
}

static void wake(struct bb_http_call *call) {
    if (!call->stream.asleep)
        return;
    call->stream.asleep = false;
    MHD_resume_connection(call->connection);
}

int bb_http_stream_begin(struct bb_http_call *call, int status, const char *type,
                         struct bb_error *error) {
    struct bb_http_stream *s = &call->stream;

    BB_ASSERT(!call->streams && !call->response && !call->match.route->quick);
    call->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream,
                                                       call, NULL);
    if (!call->response)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for an answer");
    bb_http_call_dress(call, call->response, type);
    call->status = status;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->room, NULL);
    bb_buffer_init(&s->bytes, 2 * (size_t)BB_HTTP_STREAM_BYTES);
    call->streams = true;
    atomic_fetch_add(&call->holders, 1);
    call->state = BB_CALL_ANSWERED;
    MHD_resume_connection(call->connection);
    return 0;
}

/* Under the lock: until there is room, or nobody reads any more. */
static void wait_for_room(struct bb_http_stream *s) {
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STALL_S;
    while (!s->gone && s->bytes.size - s->sent >= BB_HTTP_STREAM_BYTES)
        if (pthread_cond_clockwait(&s->room, &s->lock, CLOCK_MONOTONIC, &until) != 0)
            s->gone = s->failed = true; /* a reader that stands still is none */
}

int bb_http_stream_write(struct bb_http_call *call, struct bb_span bytes, struct bb_error *error) {
    struct bb_http_stream *s = &call->stream;

    pthread_mutex_lock(&s->lock);
    while (bytes.size > 0 && !s->gone && !call->is_head) {
        wait_for_room(s);
        if (s->sent > 0) { /* what was sent makes room in front */
            s->bytes.size -= s->sent;
            memmove(s->bytes.data, s->bytes.data + s->sent, s->bytes.size);
            s->sent = 0;
        }
        size_t size = bytes.size < BB_HTTP_STREAM_BYTES ? bytes.size : BB_HTTP_STREAM_BYTES;
        bb_buffer_append(&s->bytes, bytes.data, size);
        s->gone |= s->bytes.overflow; /* no memory */
        bytes.data += size;
        bytes.size -= size;
        wake(call);
    }
    bool gone = s->gone;
    pthread_mutex_unlock(&s->lock);
    return gone ? BB_FAIL(error, BB_E_CLIENT_GONE, "the client went away") : 0;
}

void bb_http_stream_end(struct bb_http_call *call, bool failed) {
    pthread_mutex_lock(&call->stream.lock);
    call->stream.ended = true;
    call->stream.failed |= failed;
    wake(call);
    pthread_mutex_unlock(&call->stream.lock);
}

void bb_http_stream_gone(struct bb_http_call *call) {
    pthread_mutex_lock(&call->stream.lock);
    call->stream.gone = true;
    call->stream.asleep = false;
    pthread_cond_signal(&call->stream.room);
    pthread_mutex_unlock(&call->stream.lock);
}
