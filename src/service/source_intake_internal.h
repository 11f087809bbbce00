/* The streams of an intake: partitions of topics, and where each stands. The intake's thread. */
#ifndef BB_SERVICE_SOURCE_INTAKE_INTERNAL_H
#define BB_SERVICE_SOURCE_INTAKE_INTERNAL_H

#include "service/committer.h"
#include "service/source_form.h"

struct bb_stream {
    char *topic;
    uint32_t partition;
    char name[BB_SOURCE_NAME_MAX + 1]; /* as a place: CLUSTER/TOPIC/PARTITION */
    bool is_known;  /* `taken` and `next` say where it stands; else the log does */
    uint64_t taken; /* of what was handed to the committer, or BB_SOURCE_NOWHERE */
    uint64_t next;  /* one past the last message of the batch at hand */
    bool in_batch;
    uint64_t lost_from,
        lost_to; /* messages that were gone: told with the next batch; equal: none */
    uint64_t durable;
    int64_t at_ms; /* of its last message that is durable */
};

struct bb_streams {
    struct bb_stream **items;
    size_t count, capacity;
};

/* NULL: no memory, or its name is too long. */
struct bb_stream *bb_stream_get(struct bb_streams *streams, const char *cluster,
                                struct bb_span topic, uint32_t partition);
void bb_streams_forget(struct bb_streams *streams); /* ask the log again */
void bb_streams_release(struct bb_streams *streams);

/* A batch on its way: decoded, submitted, durable. */
struct bb_landing {
    struct bb_post post;
    struct bb_source_step *steps; /* of the streams that are in it */
    struct bb_stream **streams;
    int64_t *at_ms; /* of each stream's last message in it */
    uint32_t step_count;
    uint32_t messages, refused;
    int64_t first_ms; /* the oldest message in it; 0: not known */
};

/* The steps of the streams of the batch at hand, which go on behind it. */
int bb_landing_steps(struct bb_landing *landing, struct bb_streams *streams, struct bb_error *error)
    BB_MUST_USE;
/* Dead letters of what could not be used, and of what was gone. `house`: whose those are that are of nobody. */
int bb_landing_letters(struct bb_landing *landing, const struct bb_source_item *items,
                       const struct bb_source_decoded *decoded, struct bb_span house,
                       struct bb_error *error) BB_MUST_USE;
void bb_landing_release(struct bb_landing *landing);

#endif
