/* Shared by the files of the sink "kafka".
 *
 *   PREFIX.changes                 a record for each change: key = usage point, value = JSON or Avro, headers id, tenant, type
 *   PREFIX.changes.position        compacted, a partition for each of the feed's: key = partition, value = sequence in decimal
 *   PREFIX.dead-letters            a record for each dead letter: key, value and headers as they came, headers busbar.*
 *   PREFIX.dead-letters.position   compacted, one partition: key = 0, value = an offset of the log's control partition
 *
 * Each partition of the feed has a producer of its own, transactional.id PREFIX.changes-PARTITION; so have the letters of foreign
 * topics, PREFIX.dead-letters-0 (those of derive come with their partition's changes). A transaction holds changes
 * and, last, the position behind them: readers of committed records (isolation.level=read_committed) see both or none. Who
 * opens the producer fences whoever had it, and has its unfinished transaction settled by the brokers; only then the position is
 * read, so that it is exact: nobody else writes into that partition of the position topic, and nothing is open there.
 */
#ifndef BB_ADAPTER_SINK_KAFKA_INTERNAL_H
#define BB_ADAPTER_SINK_KAFKA_INTERNAL_H

#include "adapter/change_feed.h"
#include "adapter/kafka_client_internal.h"
#include "adapter/retry.h"

enum { SINK_KAFKA_TOPIC_MAX = 260 };

struct sink_kafka_lane {   /* of a partition of the feed, or of letters */
    const char *topic;     /* whose records tell the position; the sink's */
    const char *positions; /* the topic that holds it, */
    uint32_t partition;    /* and where in it */
    struct bb_kafka_client producer;
    bool is_open;
    uint64_t position; /* of what this producer committed, while it is open */
};

struct sink_kafka {
    struct bb_sink base;
    struct bb_sink_ops ops; /* letters only where they are wanted */
    struct bb_sink_kafka_options options;
    char changes[SINK_KAFKA_TOPIC_MAX], positions[SINK_KAFKA_TOPIC_MAX];
    char letters[SINK_KAFKA_TOPIC_MAX], letter_positions[SINK_KAFKA_TOPIC_MAX];
    struct bb_kafka_client reader; /* of positions */
    bool reader_is_open, topics_are_there;
    struct sink_kafka_lane *lanes; /* [feed_partitions + 1]: the last one is that of letters */
    struct bb_kafka_property *properties; /* a copy: clients are opened later than the sink */
};

/* ---- sink_kafka_form.c. Pure. */

/* The record's value, appended; false: the format has no form for such an item. */
bool bb_sink_kafka_form(const struct bb_sink_kafka_options *options,
                        const struct bb_change_item *item, struct bb_buffer *out);

/* ---- sink_kafka_topic.c */

/* Topics are there, made if need be. */
int bb_sink_kafka_topics(struct sink_kafka *k, struct bb_error *error) BB_MUST_USE;

/* ---- sink_kafka_position.c */

/* The position that is committed, as far as nothing of another producer is open. */
int bb_sink_kafka_read_position(struct sink_kafka *k, const struct sink_kafka_lane *lane,
                                uint64_t *position, struct bb_error *error) BB_MUST_USE;

/* ---- sink_kafka_lane.c */

/* The lane's producer is open: others are fenced, and lane->position is exact. */
int bb_sink_kafka_lane_open(struct sink_kafka *k, struct sink_kafka_lane *lane,
                            struct bb_error *error) BB_MUST_USE;
void bb_sink_kafka_lane_close(struct sink_kafka_lane *lane);
int bb_sink_kafka_begin(struct sink_kafka *k, struct sink_kafka_lane *lane, struct bb_error *error)
    BB_MUST_USE;
/* A record more of the transaction; waits while the producer's queue is full. */
int bb_sink_kafka_put(struct sink_kafka *k, struct sink_kafka_lane *lane,
                      const struct bb_change_item *item, struct bb_span value,
                      struct bb_error *error) BB_MUST_USE;
/* Likewise. */
int bb_sink_kafka_put_letter(struct sink_kafka *k, struct sink_kafka_lane *lane,
                             const struct bb_letter *letter, struct bb_error *error) BB_MUST_USE;
/* The position and the end of the transaction. BB_SINK_MOVED: another producer has the lane; nothing took effect. */
int bb_sink_kafka_commit(struct sink_kafka *k, struct sink_kafka_lane *lane, uint64_t to,
                         struct bb_error *error) BB_MUST_USE;
/* Whatever is under way: nothing of it takes effect. */
void bb_sink_kafka_abort(struct sink_kafka *k, struct sink_kafka_lane *lane);

#endif
