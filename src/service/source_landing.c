/* Streams of an intake, and a batch of them on its way: see source_intake_internal.h. */
#include "service/source_intake_internal.h"

#include "base/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- streams */

struct bb_stream *bb_stream_get(struct bb_streams *streams, const char *cluster,
                                struct bb_span topic, uint32_t partition) {
    for (size_t i = 0; i < streams->count; i++)
        if (streams->items[i]->partition == partition &&
            bb_span_equal(bb_span_of(streams->items[i]->topic), topic))
            return streams->items[i];
    struct bb_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    int size = snprintf(stream->name, sizeof stream->name, "%s/%.*s/%" PRIu32, cluster,
                        BB_SPAN_ARGS(topic), partition);
    stream->topic = strndup(topic.data, topic.size);
    stream->partition = partition;
    if (!stream->topic || size >= (int)sizeof stream->name ||
        !bb_list_room(&streams->items, streams->count, &streams->capacity,
                      sizeof streams->items[0])) {
        free(stream->topic);
        free(stream);
        return NULL;
    }
    return streams->items[streams->count++] = stream;
}

void bb_streams_forget(struct bb_streams *streams) {
    for (size_t i = 0; i < streams->count; i++) {
        streams->items[i]->is_known = false;
        streams->items[i]->in_batch = false;
    }
}

void bb_streams_release(struct bb_streams *streams) {
    for (size_t i = 0; i < streams->count; i++) {
        free(streams->items[i]->topic);
        free(streams->items[i]);
    }
    free(streams->items);
    *streams = (struct bb_streams){0};
}

/* ---- a batch */

int bb_landing_steps(struct bb_landing *landing, struct bb_streams *streams,
                     struct bb_error *error) {
    landing->steps = calloc(streams->count + 1, sizeof landing->steps[0]);
    landing->streams = calloc(streams->count + 1, sizeof(struct bb_stream *));
    landing->at_ms = calloc(streams->count + 1, sizeof landing->at_ms[0]);
    if (!landing->steps || !landing->streams || !landing->at_ms)
        return BB_FAIL(error, BB_E_NO_MEMORY, "no memory to land messages");
    for (size_t i = 0; i < streams->count; i++) {
        struct bb_stream *stream = streams->items[i];
        if (!stream->in_batch)
            continue;
        stream->in_batch = false;
        landing->streams[landing->step_count] = stream;
        landing->steps[landing->step_count++] = (struct bb_source_step){
            bb_span_of(stream->name), stream->taken, stream->next};
        stream->taken = stream->next;
    }
    landing->post.steps = landing->steps;
    landing->post.step_count = landing->step_count;
    return 0;
}

static struct bb_letter letter_of(const struct bb_source_item *item, const struct bb_error *why,
                                  struct bb_span house) {
    const struct bb_source_message *m = item->message;

    return (struct bb_letter){.tenant = item->tenant.data ? item->tenant : house,
                              .source = BB_SPAN("kafka"),
                              .topic = m->topic,
                              .partition = m->partition,
                              .offset = m->offset,
                              .message_ms = m->at_ms,
                              .key = m->key,
                              .value = m->value,
                              .headers = item->headers,
                              .value_bytes = m->value.size,
                              .code = (uint32_t)why->code,
                              .reason = bb_span_of(why->text)};
}

static void put_rest(struct bb_landing *landing, const struct bb_source_item *last, uint64_t more,
                     struct bb_span house) {
    struct bb_error why;

    (void)BB_FAIL(&why, BB_E_LETTERS_FULL,
                  "%" PRIu64 " more messages of this batch cannot be used, behind this offset: a "
                  "batch keeps %d dead letters",
                  more, BB_LETTERS_OF_BATCH);
    struct bb_letter letter = letter_of(last, &why, house);
    letter.key = letter.value = letter.headers = (struct bb_span){NULL, 0};
    letter.value_bytes = 0;
    letter.more = more - 1;
    bb_letter_put(&letter, &landing->post.letters);
}

static void put_lost(struct bb_landing *landing, struct bb_stream *stream, struct bb_span house) {
    struct bb_error why;

    (void)BB_FAIL(&why, BB_E_SOURCE_LOST,
                  "offsets %" PRIu64 " to %" PRIu64 " were gone before they were taken",
                  stream->lost_from, stream->lost_to - 1);
    const struct bb_letter letter = {.tenant = house,
                                     .source = BB_SPAN("kafka"),
                                     .topic = bb_span_of(stream->topic),
                                     .partition = stream->partition,
                                     .offset = stream->lost_from,
                                     .code = (uint32_t)why.code,
                                     .reason = bb_span_of(why.text),
                                     .more = stream->lost_to - stream->lost_from - 1};
    bb_letter_put(&letter, &landing->post.letters);
    stream->lost_from = stream->lost_to;
}

int bb_landing_letters(struct bb_landing *landing, const struct bb_source_item *items,
                       const struct bb_source_decoded *decoded, struct bb_span house,
                       struct bb_error *error) {
    for (uint32_t i = 0; i < landing->step_count; i++)
        if (landing->streams[i]->lost_from != landing->streams[i]->lost_to)
            put_lost(landing, landing->streams[i], house);
    for (uint32_t i = 0; i < decoded->count; i++) {
        const struct bb_source_refusal *refusal = &decoded->refusals[i];
        const struct bb_letter letter = letter_of(&items[refusal->item], &refusal->why, house);
        bb_letter_put(&letter, &landing->post.letters);
    }
    if (decoded->more > 0)
        put_rest(landing, &items[decoded->refusals[decoded->count - 1].item], decoded->more, house);
    landing->refused = (uint32_t)(decoded->count + decoded->more);
    return landing->post.letters.overflow
               ? BB_FAIL(error, BB_E_NO_MEMORY, "no memory for dead letters")
               : 0;
}

void bb_landing_release(struct bb_landing *landing) {
    bb_post_release(&landing->post);
    free(landing->steps);
    free(landing->streams);
    free(landing->at_ms);
    *landing = (struct bb_landing){0};
}
