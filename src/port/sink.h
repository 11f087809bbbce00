/* The port "sink": another system that follows the change feed, which is the partitions' outboxes.
 *
 * What an adapter owes:
 *  - Each record takes effect there once, or as if once: it moves its position in the same transaction as the records
 *    (BB_SINK_INSIDE), or writes what a repetition does not change under keys that are the same each time, and its
 *    position last (BB_SINK_IDEMPOTENT), or tells each record with an id by which the other side can see a repetition
 *    (BB_SINK_NUMBERED).
 *  - Records of a partition take effect in their order; so do, then, those of a usage point.
 *  - A position never goes back. Of two that deliver the same partition at a time one is told BB_SINK_MOVED, or what it
 *    writes changes nothing.
 *  - Kinds that a sink has no use for are passed over: its position moves on nevertheless.
 *  - What the other side refuses for good (not: that it is away, or slow) is a negative error that is not retriable and
 *    names the record; what is retriable may be tried again at any time.
 *  - Memory is bounded by the records at hand.
 *
 * Thread rule: one thread.
 */
#ifndef BB_PORT_SINK_H
#define BB_PORT_SINK_H

#include "model/letter.h"
#include "model/outbox.h"
#include "model/value_change.h"

enum bb_sink_guarantee { BB_SINK_INSIDE = 0, BB_SINK_IDEMPOTENT, BB_SINK_NUMBERED };

enum bb_sink_outcome { BB_SINK_DONE = 0, BB_SINK_MOVED = 1 };

struct bb_sink;

struct bb_sink_ops {
    const char *name; /* of the kind: "webhook", "kafka", ... */
    enum bb_sink_guarantee guarantee;
    void (*close)(struct bb_sink *sink);
    /* The sequence number up to which a partition's outbox has taken effect (0 at first). */
    int (*position)(struct bb_sink *sink, uint32_t partition, uint64_t *sequence,
                    struct bb_error *error);
    /* Apply records (from + 1 .. from + count) of a partition. BB_SINK_MOVED: the position is not `from`; nothing was
     * done. After a negative result it is unknown what took effect: ask for the position. */
    int (*apply)(struct bb_sink *sink, uint32_t partition, uint64_t from,
                 const struct bb_outbox_record *records, size_t count, struct bb_error *error);
    /* Connect and look whether it could be written to: `busbar check`. */
    int (*check)(struct bb_sink *sink, struct bb_error *error);
    /* Dead letters of foreign topics, which stand in no outbox; both NULL: the sink has no use for them. Their position is an
     * offset of the log's control partition (service/letter_feed.h), 0 at first; else as above. */
    int (*letter_position)(struct bb_sink *sink, uint64_t *offset, struct bb_error *error);
    int (*apply_letters)(struct bb_sink *sink, uint64_t from, uint64_t to,
                         const struct bb_letter *letters, size_t count, struct bb_error *error);
};

/* Adapters embed this first. */
struct bb_sink {
    const struct bb_sink_ops *ops;
    const char *label; /* its name in the configuration; the opener's, outlives the sink */
};

/* Where sinks keep their positions that have no room for them: a table of the registry's. */
struct bb_bookmark {
    /* 0 at first. */
    int (*get)(void *context, const char *label, uint32_t partition, uint64_t *sequence,
               struct bb_error *error);
    /* Durable when it returns 0; 1: it is not at `from` (any more). */
    int (*move)(void *context, const char *label, uint32_t partition, uint64_t from, uint64_t to,
                struct bb_error *error);
    void *context;
};

#endif
