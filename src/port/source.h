/* The port "source": topics that others write, read as a member of a consumer group.
 *
 * Offsets are the topic's own. Where a partition is begun is not the adapter's to know: whenever it gets one it asks `place`,
 * which is answered from where the readings are, so that what was taken is never taken twice. What the source itself keeps
 * of offsets (`settle`) is a hint for those who watch its lag.
 *
 * What an adapter owes:
 *  - Messages of a partition ascend, and each stands at or behind the place that was answered for it or the end of the
 *    messages given before; none between is left out but those that the topic does not have (gaps, aborted transactions).
 *  - A partition that others of the group have got gives nothing more; one that comes back is begun where `place` says.
 *  - When messages behind a place are gone, `lost` is told from where to where, and the first that is there comes next. A
 *    topic that ends before a place is -BB_E_SOURCE_SHORT, each time, and nothing is taken.
 *  - Nobody there, for now: -BB_E_KAFKA_AWAY or the like, retriable; the next `take` may succeed. The members stay.
 *  - `close` leaves the group, so that others go on at once.
 *
 * Thread rule: one thread, on which the callbacks run, too, within `take`.
 */
#ifndef BB_PORT_SOURCE_H
#define BB_PORT_SOURCE_H

#include "base/error.h"
#include "base/span.h"

#define BB_SOURCE_BEGIN UINT64_MAX /* a place: nothing was taken; as the source is set up */

struct bb_source_message {
    struct bb_span topic;
    uint32_t partition;
    uint64_t offset;
    int64_t at_ms;             /* as the message says; 0: it does not */
    struct bb_span key, value; /* data NULL: it has none */
    const void *handle;        /* the adapter's */
};

struct bb_source_batch { /* borrowed until the next `take`, or close */
    struct bb_source_message *messages;
    size_t count;
};

struct bb_source_wish {
    size_t messages, bytes; /* at most; one message is given whatever its size */
    int wait_ms;            /* for the first message */
    int linger_ms;          /* for more, once there is one */
};

struct bb_source_backlog {
    struct bb_span topic;
    uint32_t partition;
    uint64_t next; /* the first that was not given */
    uint64_t end;  /* one past the last that can be read, as far as is known here */
};

struct bb_source_listener {
    /* Where to go on; BB_SOURCE_BEGIN: nothing was taken of it. */
    uint64_t (*place)(void *context, struct bb_span topic, uint32_t partition);
    void (*lost)(void *context, struct bb_span topic, uint32_t partition, uint64_t from,
                 uint64_t to);
    void *context;
};

struct bb_source;

enum bb_source_outcome { BB_SOURCE_TAKEN = 0, BB_SOURCE_NOTHING = 1 };

struct bb_source_ops {
    const char *name;
    void (*close)(struct bb_source *source);
    /* enum bb_source_outcome */
    int (*take)(struct bb_source *source, const struct bb_source_wish *wish,
                struct bb_source_batch *out, struct bb_error *error);
    /* The headers of a message of the last batch, in their order. */
    void (*headers)(struct bb_source *source, const struct bb_source_message *message,
                    void (*tell)(void *context, struct bb_span name, struct bb_span value),
                    void *context);
    /* What was given came to nothing: all partitions are begun again where `place` says. */
    int (*rewind)(struct bb_source *source, struct bb_error *error);
    /* All before `next` is safe. Does not wait; what it comes to is nobody's worry. */
    void (*settle)(struct bb_source *source, struct bb_span topic, uint32_t partition,
                   uint64_t next);
    /* Of the partitions that it has, without asking anybody. */
    void (*backlog)(struct bb_source *source,
                    void (*tell)(void *context, const struct bb_source_backlog *backlog),
                    void *context);
};

/* Adapters embed this first. */
struct bb_source {
    const struct bb_source_ops *ops;
    char identity[64]; /* of the cluster: topics of another one have other places */
};

#endif
