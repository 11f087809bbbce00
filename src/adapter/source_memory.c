/* The in-memory twin of the port `source`: a cluster of topics and a group whose members share its partitions. */
#include "adapter/source.h"
#include "base/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS_MAX = 8 };

struct message {
    uint64_t offset;
    int64_t at_ms;
    struct bb_span key, value, header_name, header_value; /* copies */
};

struct stream { /* a partition */
    struct message *items;
    size_t count, capacity;
    uint64_t first, end; /* offsets: of the oldest that is kept, and one past the newest */
    uint64_t settled;
    struct member *owner;
    bool begun; /* by its owner, who stands at `next` */
    uint64_t next;
};

struct bb_source_memory {
    char **topics;
    size_t topic_count;
    uint32_t partitions;
    struct stream *streams; /* topic by topic */
    struct member *members[MEMBERS_MAX];
    size_t member_count;
};

struct member {
    struct bb_source base;
    struct bb_source_memory *memory;
    struct bb_source_listener listener;
    bool from_latest;
    struct bb_source_message *messages;
    size_t count, capacity;
};

/* ---- the cluster */

static struct stream *stream_at(const struct bb_source_memory *m, uint32_t topic,
                                uint32_t partition) {
    return &m->streams[(size_t)topic * m->partitions + partition];
}

struct bb_source_memory *bb_source_memory_new(const char *const *topics, size_t topic_count,
                                              uint32_t partitions) {
    struct bb_source_memory *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->topics = calloc(topic_count, sizeof m->topics[0]);
    m->streams = calloc(topic_count * partitions, sizeof m->streams[0]);
    m->topic_count = m->topics ? topic_count : 0;
    m->partitions = partitions;
    bool is_whole = m->topics && m->streams;
    for (size_t i = 0; is_whole && i < topic_count; i++)
        is_whole = (m->topics[i] = strdup(topics[i])) != NULL;
    if (is_whole)
        return m;
    bb_source_memory_free(m);
    return NULL;
}

static void free_message(struct message *message) {
    struct bb_span spans[] = {message->key, message->value, message->header_name,
                              message->header_value};

    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++)
        free((char *)spans[i].data);
}

void bb_source_memory_free(struct bb_source_memory *m) {
    if (!m)
        return;
    for (size_t i = 0; m->streams && i < m->topic_count * m->partitions; i++) {
        for (size_t k = 0; k < m->streams[i].count; k++)
            free_message(&m->streams[i].items[k]);
        free(m->streams[i].items);
    }
    for (size_t i = 0; i < m->topic_count; i++)
        free(m->topics[i]);
    free(m->topics);
    free(m->streams);
    free(m);
}

/* A copy that is not NULL unless the original is. */
static bool copy(struct bb_span from, struct bb_span *to) {
    char *data = from.data ? malloc(from.size + 1) : NULL;

    if (!data)
        return !from.data;
    memcpy(data, from.data, from.size);
    *to = (struct bb_span){data, from.size};
    return true;
}

bool bb_source_memory_put(struct bb_source_memory *m,
                          const struct bb_source_memory_message *message, uint64_t gap) {
    struct stream *stream = stream_at(m, message->topic, message->partition);
    struct message kept = {.offset = stream->end + gap, .at_ms = message->at_ms};

    if (!copy(message->key, &kept.key) || !copy(message->value, &kept.value) ||
        !copy(message->header_name, &kept.header_name) ||
        !copy(message->header_value, &kept.header_value) ||
        !bb_list_room(&stream->items, stream->count, &stream->capacity, sizeof kept)) {
        free_message(&kept);
        return false;
    }
    stream->items[stream->count++] = kept;
    stream->end = kept.offset + 1;
    return true;
}

void bb_source_memory_trim(struct bb_source_memory *m, uint32_t topic, uint32_t partition,
                           uint64_t offset) {
    struct stream *stream = stream_at(m, topic, partition);

    stream->first = offset;
    stream->begun = false; /* its owner has to look where it goes on */
}

uint64_t bb_source_memory_settled(const struct bb_source_memory *m, uint32_t topic,
                                  uint32_t partition) {
    return stream_at(m, topic, partition)->settled;
}

/* ---- the group */

static void share_out(struct bb_source_memory *m) {
    for (size_t i = 0; i < m->topic_count * m->partitions; i++) {
        struct member *owner = m->member_count ? m->members[i % m->member_count] : NULL;
        if (m->streams[i].owner == owner)
            continue;
        m->streams[i].owner = owner;
        m->streams[i].begun = false;
    }
}

static void close_member(struct bb_source *base) {
    struct member *member = (struct member *)base;
    struct bb_source_memory *m = member->memory;
    size_t kept = 0;

    for (size_t i = 0; i < m->member_count; i++)
        if (m->members[i] != member)
            m->members[kept++] = m->members[i];
    m->member_count = kept;
    share_out(m);
    free(member->messages);
    free(member);
}

static int begin(struct member *member, size_t index, struct bb_error *error) {
    struct bb_source_memory *m = member->memory;
    struct stream *stream = &m->streams[index];
    struct bb_span topic = bb_span_of(m->topics[index / m->partitions]);
    uint32_t partition = (uint32_t)(index % m->partitions);
    const struct bb_source_listener *listener = &member->listener;
    uint64_t place = listener->place(listener->context, topic, partition);

    stream->next = place;
    if (place == BB_SOURCE_BEGIN)
        stream->next = member->from_latest ? stream->end : stream->first;
    if (stream->next > stream->end)
        return BB_FAIL(error, BB_E_SOURCE_SHORT,
                       "partition %" PRIu32 " of topic %s ends at %" PRIu64 ", but %" PRIu64
                       " was taken of it before",
                       partition, topic.data, stream->end, stream->next);
    if (stream->next < stream->first) {
        listener->lost(listener->context, topic, partition, stream->next, stream->first);
        stream->next = stream->first;
    }
    stream->begun = true;
    return 0;
}

static bool push(struct member *member, size_t index, const struct message *message) {
    const struct bb_source_memory *m = member->memory;

    if (!bb_list_room(&member->messages, member->count, &member->capacity,
                      sizeof *member->messages))
        return false;
    member->messages[member->count++] = (struct bb_source_message){
        .topic = bb_span_of(m->topics[index / m->partitions]),
        .partition = (uint32_t)(index % m->partitions),
        .offset = message->offset,
        .at_ms = message->at_ms,
        .key = message->key,
        .value = message->value,
        .handle = message};
    return true;
}

static int take(struct bb_source *base, const struct bb_source_wish *wish,
                struct bb_source_batch *out, struct bb_error *error) {
    struct member *member = (struct member *)base;
    struct bb_source_memory *m = member->memory;
    size_t bytes = 0;

    member->count = 0;
    for (size_t i = 0; i < m->topic_count * m->partitions; i++) {
        struct stream *stream = &m->streams[i];
        if (stream->owner != member)
            continue;
        int result = stream->begun ? 0 : begin(member, i, error);
        if (result)
            return result;
        for (size_t k = 0; k < stream->count; k++) {
            const struct message *message = &stream->items[k];
            if (message->offset < stream->next)
                continue;
            if (member->count >= wish->messages || (member->count > 0 && bytes >= wish->bytes))
                break;
            if (!push(member, i, message))
                return BB_FAIL(error, BB_E_NO_MEMORY, "no memory for messages");
            bytes += message->value.size + message->key.size;
            stream->next = message->offset + 1;
        }
    }
    *out = (struct bb_source_batch){member->messages, member->count};
    return member->count > 0 ? BB_SOURCE_TAKEN : BB_SOURCE_NOTHING;
}

static void headers(struct bb_source *base, const struct bb_source_message *message,
                    void (*tell)(void *context, struct bb_span name, struct bb_span value),
                    void *context) {
    const struct message *m = message->handle;

    (void)base;
    if (m->header_name.data)
        tell(context, m->header_name, m->header_value);
}

static int rewind_all(struct bb_source *base, struct bb_error *error) {
    struct member *member = (struct member *)base;
    struct bb_source_memory *m = member->memory;

    (void)error;
    for (size_t i = 0; i < m->topic_count * m->partitions; i++)
        if (m->streams[i].owner == member)
            m->streams[i].begun = false;
    return 0;
}

static struct stream *find(const struct bb_source_memory *m, struct bb_span topic,
                           uint32_t partition) {
    for (size_t i = 0; i < m->topic_count; i++)
        if (bb_span_equal(bb_span_of(m->topics[i]), topic))
            return stream_at(m, (uint32_t)i, partition);
    return NULL;
}

static void settle(struct bb_source *base, struct bb_span topic, uint32_t partition,
                   uint64_t next) {
    struct stream *stream = find(((struct member *)base)->memory, topic, partition);

    if (stream)
        stream->settled = next;
}

static void backlog(struct bb_source *base,
                    void (*tell)(void *context, const struct bb_source_backlog *backlog),
                    void *context) {
    struct member *member = (struct member *)base;
    const struct bb_source_memory *m = member->memory;

    for (size_t i = 0; i < m->topic_count * m->partitions; i++)
        if (m->streams[i].owner == member && m->streams[i].begun)
            tell(context, &(struct bb_source_backlog){bb_span_of(m->topics[i / m->partitions]),
                                                      (uint32_t)(i % m->partitions),
                                                      m->streams[i].next, m->streams[i].end});
}

static const struct bb_source_ops ops = {
    .name = "memory",
    .close = close_member,
    .take = take,
    .headers = headers,
    .rewind = rewind_all,
    .settle = settle,
    .backlog = backlog,
};

struct bb_source *bb_source_memory_join(struct bb_source_memory *m, bool from_latest,
                                        const struct bb_source_listener *listener) {
    struct member *member = m->member_count < MEMBERS_MAX ? calloc(1, sizeof *member) : NULL;

    if (!member)
        return NULL;
    member->base.ops = &ops;
    snprintf(member->base.identity, sizeof member->base.identity, "memory");
    member->memory = m;
    member->listener = *listener;
    member->from_latest = from_latest;
    m->members[m->member_count++] = member;
    share_out(m);
    return &member->base;
}
