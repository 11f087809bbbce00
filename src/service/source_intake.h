/* The intake of foreign topics: a thread of `serve` that lands what others write to Kafka.
 *
 *   take a batch ─► decode ─► submit to the committer ─┐      the next batch is decoded meanwhile
 *        ▲                                             ▼
 *        └── settle (the broker's offsets: a hint) ◄── durable: readings, dead letters and offsets, or none of them
 *
 * Exactly once: a batch's offsets are in the record that makes its readings count (source_place.h). Whatever dies, wherever,
 * the next life asks the log where to go on. A batch that was taken, but came to nothing (its log failed, its schemas are
 * not to be had), is taken again.
 *
 * While brokers or registries of schemas are away it tries again, at growing distances; memory is bounded by two batches.
 */
#ifndef BB_SERVICE_SOURCE_INTAKE_H
#define BB_SERVICE_SOURCE_INTAKE_H

#include "base/log_line.h"
#include "port/source.h"
#include "service/committer.h"

struct bb_intake;

struct bb_intake_options {
    struct bb_plant *plant; /* open for reading; the intake's alone, and outlives it */
    struct bb_committer *committer;
    const struct bb_config *config; /* sources.kafka */
    /* Makes the source; tried again while it fails retriably. */
    int (*open)(void *context, const struct bb_source_listener *listener, struct bb_source **out,
                struct bb_error *error);
    void *open_context;
    const struct bb_logger *logger;
};

int bb_intake_start(const struct bb_intake_options *options, struct bb_intake **out,
                    struct bb_error *error) BB_MUST_USE;
/* Takes no more, lands what it has, leaves the group. NULL does nothing. */
void bb_intake_stop(struct bb_intake *intake);

enum bb_intake_state {
    BB_INTAKE_READS = 0,
    BB_INTAKE_TRIES, /* somebody does not answer; it tries again */
    BB_INTAKE_STANDS /* somebody has to do something */
};

enum { BB_INTAKE_STREAMS_MAX = 256, BB_INTAKE_TOPIC_MAX = 128 };

struct bb_intake_stream {
    char topic[BB_INTAKE_TOPIC_MAX];
    uint32_t partition;
    uint64_t backlog; /* offsets that are not durable here */
};

struct bb_intake_look { /* for metrics and /readyz */
    enum bb_intake_state state;
    uint32_t code; /* why it does not read; 0: it does */
    uint64_t messages, refused, readings, repeated, letters_left_out;
    uint64_t backlog;
    int64_t
        oldest_ms; /* about: when the oldest message was written that is not durable here; 0: there is none */
    uint32_t stream_count;
    struct bb_intake_stream streams[BB_INTAKE_STREAMS_MAX]; /* of the partitions it has */
};
/* Any thread. */
void bb_intake_look(struct bb_intake *intake, struct bb_intake_look *out);

#endif
