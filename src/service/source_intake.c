/* The intake of foreign topics: see source_intake.h. */
#include "service/source_intake.h"

#include "base/backoff.h"
#include "model/attribute_pack.h"
#include "service/metric.h"
#include "service/source_intake_internal.h"

#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH_BYTES = 8 << 20, IDLE_MS = 200, BACKOFF_MS = 200, BACKOFF_MOST_MS = 10000 };

struct bb_intake {
    struct bb_intake_options options;
    struct bb_source_form form;
    struct bb_post_kit *kit;
    struct bb_source *source; /* NULL: not open yet */
    struct bb_streams streams;
    struct bb_buffer headers; /* of the batch at hand */
    pthread_t thread;
    atomic_bool stop;

    struct bb_landing *on_its_way; /* submitted; the thread's, once `is_back` */
    bool has_taken;                /* since memory was given back */
    uint32_t failures;             /* in a row */
    struct bb_random random;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t told;
    bool is_back;
    struct bb_intake_look look;
};

/* ---- what is told of it */

static void say(struct bb_intake *in, enum bb_intake_state state, const struct bb_error *why) {
    pthread_mutex_lock(&in->lock);
    enum bb_intake_state before = in->look.state;
    uint32_t code = why ? (uint32_t)why->code : 0;
    bool is_news = before != state || in->look.code != code;
    in->look.state = state;
    in->look.code = code;
    pthread_mutex_unlock(&in->lock);
    if (is_news && why)
        bb_log_error(in->options.logger, why);
    else if (is_news)
        BB_LOG_LINE(in->options.logger, BB_LOG_INFO, "foreign topics are read again",
                    bb_field_decision("source"));
}

struct measuring {
    struct bb_intake *intake;
    struct bb_intake_look *look;
};

static void measure(void *context, const struct bb_source_backlog *backlog) {
    struct measuring *m = context;
    struct bb_stream *stream = bb_stream_get(&m->intake->streams, m->intake->source->identity,
                                             backlog->topic, backlog->partition);

    if (!stream || !stream->is_known || m->look->stream_count == BB_INTAKE_STREAMS_MAX)
        return;
    uint64_t at = stream->durable ? stream->durable : backlog->next;
    struct bb_intake_stream *out = &m->look->streams[m->look->stream_count++];
    snprintf(out->topic, sizeof out->topic, "%s", stream->topic);
    out->partition = stream->partition;
    out->backlog = backlog->end > at ? backlog->end - at : 0;
    m->look->backlog += out->backlog;
    if (out->backlog > 0 && stream->at_ms > 0 &&
        (m->look->oldest_ms == 0 || stream->at_ms < m->look->oldest_ms))
        m->look->oldest_ms = stream->at_ms;
}

static void look_around(struct bb_intake *in) {
    struct bb_intake_look look = {0};
    struct measuring m = {in, &look};

    if (in->on_its_way && in->on_its_way->first_ms > 0)
        look.oldest_ms = in->on_its_way->first_ms;
    in->source->ops->backlog(in->source, measure, &m);
    pthread_mutex_lock(&in->lock);
    in->look.backlog = look.backlog;
    in->look.oldest_ms = look.oldest_ms;
    in->look.stream_count = look.stream_count;
    memcpy(in->look.streams, look.streams, look.stream_count * sizeof look.streams[0]);
    pthread_mutex_unlock(&in->lock);
}

void bb_intake_look(struct bb_intake *in, struct bb_intake_look *out) {
    pthread_mutex_lock(&in->lock);
    *out = in->look;
    pthread_mutex_unlock(&in->lock);
}

static void rest(struct bb_intake *in) {
    int64_t until_ms = bb_monotonic_ns() / 1000000 +
                       bb_backoff_ms(++in->failures, BACKOFF_MS, BACKOFF_MOST_MS, &in->random);

    while (!atomic_load(&in->stop) && bb_monotonic_ns() / 1000000 < until_ms)
        nanosleep(&(struct timespec){0, 20 * 1000000L}, NULL);
}

/* ---- where streams stand */

struct asking {
    struct bb_span name;
    uint64_t at;
};

/* On the log's thread. */
static int ask_place(struct bb_plant *plant, void *context, struct bb_error *error) {
    struct asking *asking = context;

    (void)error;
    asking->at = bb_source_place_at(&plant->ledger.posts.places, asking->name);
    return 0;
}

static uint64_t place(void *context, struct bb_span topic, uint32_t partition) {
    struct bb_intake *in = context;
    struct bb_stream *stream = bb_stream_get(&in->streams, in->source->identity, topic, partition);
    struct bb_error ignored;

    if (!stream)
        return BB_SOURCE_BEGIN; /* its messages are not taken, for the same reason */
    if (!stream->is_known) {
        struct asking asking = {.name = bb_span_of(stream->name), .at = BB_SOURCE_NOWHERE};
        (void)!bb_committer_append(in->options.committer, ask_place, &asking, &ignored);
        stream->taken = stream->next = asking.at;
        stream->durable = asking.at == BB_SOURCE_NOWHERE ? 0 : asking.at;
        stream->lost_from = stream->lost_to = 0;
        stream->is_known = true;
    }
    return stream->next;
}

static void lost(void *context, struct bb_span topic, uint32_t partition, uint64_t from,
                 uint64_t to) {
    struct bb_intake *in = context;
    struct bb_stream *stream = bb_stream_get(&in->streams, in->source->identity, topic, partition);
    char name[BB_INTAKE_TOPIC_MAX];

    if (!stream)
        return;
    stream->lost_from = from;
    stream->lost_to = to;
    snprintf(name, sizeof name, "%.*s", BB_SPAN_ARGS(topic));
    BB_LOG_LINE(in->options.logger, BB_LOG_ERROR,
                "BB-7098: messages of a foreign topic were gone before they were taken",
                bb_field_decision("source"), bb_field_text("topic", name),
                bb_field_number("partition", partition), bb_field_number("from", (int64_t)from),
                bb_field_number("to", (int64_t)to));
}

/* ---- the batch at hand */

struct heading { /* the headers of a message */
    struct bb_intake *intake;
    size_t begin;
    struct bb_span tenant; /* by its header; data NULL: it has none */
};

static void take_header(void *context, struct bb_span name, struct bb_span value) {
    struct heading *h = context;
    const char *wanted = h->intake->form.tenant_header;

    if (wanted && bb_span_equal(name, bb_span_of(wanted)))
        h->tenant = value;
    bb_put_text(&h->intake->headers, name);
    bb_put_text(&h->intake->headers, value);
}

/* The tenant as it stands in the form, so that it outlives the message. */
static struct bb_span granted(const struct bb_source_form *form, struct bb_span tenant) {
    for (uint32_t i = 0; tenant.data && i < form->tenant_count; i++)
        if (bb_span_equal(form->tenants[i], tenant))
            return form->tenants[i];
    return (struct bb_span){NULL, 0};
}

/* Messages that go on where their streams stand; those that were there before are passed over. */
static uint32_t pick(struct bb_intake *in, const struct bb_source_batch *batch,
                     struct bb_source_item *items, struct bb_landing *landing) {
    uint32_t count = 0;

    for (size_t i = 0; i < batch->count; i++) {
        const struct bb_source_message *m = &batch->messages[i];
        struct bb_stream *stream = bb_stream_get(&in->streams, in->source->identity, m->topic,
                                                 m->partition);
        if (!stream || !stream->is_known ||
            (stream->next != BB_SOURCE_NOWHERE && m->offset < stream->next))
            continue;
        stream->next = m->offset + 1;
        stream->in_batch = true;
        if (landing->first_ms == 0 || (m->at_ms > 0 && m->at_ms < landing->first_ms))
            landing->first_ms = m->at_ms;
        items[count++] = (struct bb_source_item){.message = m, .tenant = in->form.tenants[0]};
    }
    return count;
}

/* Headers are looked at where they say something, and kept of what is refused. */
static void read_headers(struct bb_intake *in, struct bb_source_item *item) {
    struct heading h = {.intake = in, .begin = in->headers.size};

    in->source->ops->headers(in->source, item->message, take_header, &h);
    if (in->form.tenant_header)
        item->tenant = granted(&in->form, h.tenant);
}

static void read_tenants(struct bb_intake *in, struct bb_source_item *items, uint32_t count) {
    for (uint32_t i = 0; in->form.tenant_header && i < count; i++) {
        bb_buffer_clear(&in->headers);
        read_headers(in, &items[i]);
    }
}

/* Spans of the headers are set when all are in: the buffer may move. */
static void keep_headers(struct bb_intake *in, struct bb_source_item *items,
                         const struct bb_source_decoded *decoded) {
    size_t *ends = calloc(decoded->count + 1, sizeof *ends);

    bb_buffer_clear(&in->headers);
    for (uint32_t i = 0; ends && i < decoded->count; i++) {
        read_headers(in, &items[decoded->refusals[i].item]);
        ends[i + 1] = in->headers.size;
    }
    for (uint32_t i = 0; ends && !in->headers.overflow && i < decoded->count; i++)
        items[decoded->refusals[i].item].headers = (struct bb_span){in->headers.data + ends[i],
                                                                    ends[i + 1] - ends[i]};
    free(ends);
}

static int decode(struct bb_intake *in, struct bb_source_item *items, uint32_t count,
                  struct bb_landing *landing, struct bb_error *error) {
    const struct bb_source_message *first = items[0].message;
    struct bb_source_decoded decoded;
    char source[240];

    BB_ASSERT(first);
    snprintf(source, sizeof source, "kafka topic %.*s partition %" PRIu32 " from offset %" PRIu64,
             (int)(first->topic.size < 150 ? first->topic.size : 150), first->topic.data,
             first->partition, first->offset);
    const struct bb_source_how how = {.kit = in->kit,
                                      .plant = in->options.plant,
                                      .committer = in->options.committer,
                                      .source = bb_span_of(source)};
    read_tenants(in, items, count);
    int result = bb_source_decode(&in->form, &how, items, count, &landing->post, &decoded, error);
    if (!result)
        keep_headers(in, items, &decoded);
    if (!result)
        result = bb_landing_letters(landing, items, &decoded,
                                    bb_span_of(in->options.config->source_kafka_tenant), error);
    bb_source_decoded_release(&decoded);
    return result;
}

/* ---- on its way */

/* On the committer's thread. */
static void when_durable(struct bb_post *post) {
    struct bb_intake *in = post->context;

    pthread_mutex_lock(&in->lock);
    in->is_back = true;
    pthread_cond_signal(&in->told);
    pthread_mutex_unlock(&in->lock);
}

static void count_landed(struct bb_intake *in, const struct bb_landing *landing) {
    const struct bb_post *post = &landing->post;

    bb_metric_add(BB_METRIC_SOURCE_MESSAGES, 0, landing->messages - landing->refused);
    bb_metric_add(BB_METRIC_SOURCE_MESSAGES, 1, landing->refused);
    bb_metric_add(BB_METRIC_SOURCE_READINGS, 0, post->readings);
    bb_metric_add(BB_METRIC_LETTERS_LEFT_OUT, 0, post->letters_left_out);
    pthread_mutex_lock(&in->lock);
    in->look.messages += landing->messages;
    in->look.refused += landing->refused;
    in->look.readings += post->readings;
    in->look.letters_left_out += post->letters_left_out;
    pthread_mutex_unlock(&in->lock);
    if (landing->refused > 0)
        BB_LOG_LINE(in->options.logger, BB_LOG_WARNING,
                    "messages of foreign topics cannot be used: busbar dlq ls",
                    bb_field_decision("dead-letter"), bb_field_number("messages", landing->refused),
                    bb_field_number("not_kept", (int64_t)post->letters_left_out));
}

/* Until the batch on its way is durable, or came to nothing (1). */
static int wait_landed(struct bb_intake *in, struct bb_error *error) {
    struct bb_landing *landing = in->on_its_way;

    if (!landing)
        return 0;
    pthread_mutex_lock(&in->lock);
    while (!in->is_back)
        pthread_cond_wait(&in->told, &in->lock);
    pthread_mutex_unlock(&in->lock);
    in->on_its_way = NULL;
    int result = landing->post.result;
    if (result)
        *error = landing->post.error;
    else if (landing->post.outcome == BB_POST_MOVED)
        result = 1;
    for (uint32_t i = 0; !result && i < landing->step_count; i++) {
        struct bb_stream *stream = landing->streams[i];
        stream->durable = landing->steps[i].to;
        stream->at_ms = landing->at_ms[i];
        in->source->ops->settle(in->source, bb_span_of(stream->topic), stream->partition,
                                stream->durable);
    }
    if (!result)
        count_landed(in, landing);
    bb_landing_release(landing);
    free(landing);
    return result;
}

static void note_times(struct bb_landing *landing, const struct bb_source_item *items,
                       uint32_t count) {
    for (uint32_t s = 0; s < landing->step_count; s++) {
        for (uint32_t i = count; i-- > 0 && landing->at_ms[s] == 0;) {
            const struct bb_source_message *message = items[i].message;
            BB_ASSERT(message);
            if (message->partition == landing->streams[s]->partition &&
                bb_span_equal(message->topic, bb_span_of(landing->streams[s]->topic)))
                landing->at_ms[s] = message->at_ms;
        }
    }
}

/* 0, 1 (the batch before came to nothing, so this one does) or negative. */
static int land(struct bb_intake *in, const struct bb_source_batch *batch, struct bb_error *error) {
    struct bb_landing *landing = calloc(1, sizeof *landing);
    struct bb_source_item *items = calloc(batch->count, sizeof *items);
    int result = landing && items ? 0
                                  : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to land messages");

    if (landing)
        bb_post_init(&landing->post);
    if (!result) {
        landing->messages = pick(in, batch, items, landing);
        result = bb_landing_steps(landing, &in->streams, error);
    }
    if (!result && landing->messages > 0) {
        note_times(landing, items, landing->messages);
        result = decode(in, items, landing->messages, landing, error);
    }
    free(items);
    if (!result)
        result = wait_landed(in, error);
    if (!result && landing->messages > 0) {
        landing->post.done = when_durable;
        landing->post.context = in;
        in->is_back = false;
        in->on_its_way = landing;
        bb_committer_submit(in->options.committer, &landing->post);
        return 0;
    }
    if (landing)
        bb_landing_release(landing);
    free(landing);
    return result;
}

/* Everything is begun again where the log says. */
static int begin_again(struct bb_intake *in, struct bb_error *error) {
    struct bb_error ignored;

    (void)!wait_landed(in, &ignored); /* it may have landed: the log knows */
    bb_streams_forget(&in->streams);
    pthread_mutex_lock(&in->lock);
    in->look.repeated++;
    pthread_mutex_unlock(&in->lock);
    return in->source->ops->rewind(in->source, error);
}

/* ---- the thread */

/* What a burst took, the client's messages above all, is the system's again. */
static void give_back_memory(struct bb_intake *in) {
    if (in->has_taken)
        malloc_trim(0);
    in->has_taken = false;
}

static int open_source(struct bb_intake *in, struct bb_error *error) {
    const struct bb_source_listener listener = {place, lost, in};

    return in->source ? 0
                      : in->options.open(in->options.open_context, &listener, &in->source, error);
}

static int take_and_land(struct bb_intake *in, struct bb_error *error) {
    const struct bb_config *config = in->options.config;
    const struct bb_source_wish wish = {.messages = (size_t)config->source_kafka_batch,
                                        .bytes = BATCH_BYTES,
                                        .wait_ms = IDLE_MS,
                                        .linger_ms = (int)config->source_kafka_freshness_ms};
    struct bb_source_batch batch;
    int result = in->source->ops->take(in->source, &wish, &batch, error);

    if (result == BB_SOURCE_NOTHING) {
        result = wait_landed(in, error);
        give_back_memory(in);
    } else if (result == BB_SOURCE_TAKEN) {
        in->has_taken = true;
        result = land(in, &batch, error);
    } else
        return result; /* the source failed: what was taken before goes on */
    if (!result)
        return 0;
    struct bb_error again;
    int begun = begin_again(in, &again);
    if (begun < 0 && result == 1)
        *error = again;
    return result == 1 ? begun : result;
}

static void *intake_thread(void *argument) {
    struct bb_intake *in = argument;
    struct bb_error error;

    while (!atomic_load(&in->stop)) {
        int result = open_source(in, &error);
        if (!result)
            result = take_and_land(in, &error);
        if (!result) {
            in->failures = 0;
            say(in, BB_INTAKE_READS, NULL);
            look_around(in);
            continue;
        }
        say(in, error.retriable ? BB_INTAKE_TRIES : BB_INTAKE_STANDS, &error);
        rest(in);
    }
    (void)!wait_landed(in, &error);
    if (in->source)
        in->source->ops->close(in->source);
    return NULL;
}

static void release(struct bb_intake *in) {
    bb_source_form_close(&in->form);
    bb_post_kit_free(in->kit);
    bb_streams_release(&in->streams);
    bb_buffer_release(&in->headers);
    free(in);
}

int bb_intake_start(const struct bb_intake_options *options, struct bb_intake **out,
                    struct bb_error *error) {
    struct bb_intake *in = calloc(1, sizeof *in);
    sigset_t all, before;

    if (!in)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read foreign topics");
    in->options = *options;
    bb_buffer_init(&in->headers, 64 << 20);
    in->kit = bb_post_kit_new();
    int result = in->kit ? bb_source_form_open(&in->form, options->config, &in->stop, error)
                         : BB_FAIL(error, BB_E_NO_MEMORY, "no memory to read foreign topics");
    if (!result) {
        pthread_mutex_init(&in->lock, NULL);
        pthread_cond_init(&in->told, NULL);
        sigfillset(&all); /* signals belong to the main thread */
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int failure = pthread_create(&in->thread, NULL, intake_thread, in);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (failure)
            result = BB_FAIL_ERRNO(error, BB_E_NO_MEMORY, failure,
                                   "cannot start the thread of foreign topics");
    }
    if (result)
        release(in);
    else
        *out = in;
    return result;
}

void bb_intake_stop(struct bb_intake *in) {
    if (!in)
        return;
    atomic_store(&in->stop, true);
    pthread_join(in->thread, NULL);
    pthread_mutex_destroy(&in->lock);
    pthread_cond_destroy(&in->told);
    release(in);
}
