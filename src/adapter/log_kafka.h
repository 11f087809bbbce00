/* The port `log` on Apache Kafka, by librdkafka.
 *
 *   PREFIX.readings   one topic, `partitions` partitions: frames, marks, master data, ticks
 *   PREFIX.control    one partition: the ledger of files and posts
 *   PREFIX.owner      one partition: its first record is the log's identity, every other one says who opened to append
 *
 * Durable means replicated: acks=all on min.insync.replicas. Kafka's brokers do not fsync: three replicas on three machines,
 * two of them in sync, are what makes an acknowledged record safe. Its topics keep everything (retention.ms=-1) until `trim`.
 *
 * One appender. Who opens to append fences whoever had (transactional.id PREFIX-appender), writes its name into PREFIX.owner,
 * and then asks where every partition ends. What may an older one, which does not know yet (it was stopped, its network was
 * away), still do?
 *  - Append to control: no. That is a transaction, which the brokers refuse; nobody reads a word of it. So no file comes to
 *    count by a decision of the older one, and no post.
 *  - Sync data alone: no. Each sync asks PREFIX.owner, after its records are in, whether a newer name stands there, and then
 *    fails with -BB_E_LOCKED. A sync that was answered came before the newer one's name, so before it asked for the ends: both
 *    know of what was acknowledged.
 *  - Leave records in data partitions that nobody acknowledged: yes, like any appender that dies. Frames of a file or round of
 *    posts that is not decided are passed over; others are merged, which a repetition does not change (a sender that was told
 *    of no success sends again). But they stand where the newer one expected its own record: that one's sync sees it, fails
 *    with -BB_E_LOCKED, and it has to open again. Sums of readings (so the lag) can be off by as much for what stands before.
 * Data partitions hold no transactions: their markers take offsets, and lag as Kafka's tools count it would never be 0.
 *
 * While the brokers are away: appends are kept, at most `buffer_bytes`; then append waits, as sync does, up to `patience_ms`.
 * An append that finds no room by then is a retriable error and took nothing. A sync that gives up is one, too, but poisons the
 * log, as it is unknown what the brokers have: open again. Questions and readers fail retriably after cluster.answer_ms.
 *
 * There are no copies (BB_COPY_ELSEWHERE): the brokers keep replicas, and MirrorMaker or snapshots of their disks keep more.
 */
#ifndef BB_ADAPTER_LOG_KAFKA_H
#define BB_ADAPTER_LOG_KAFKA_H

#include "adapter/kafka_client.h"
#include "port/log.h"

struct bb_log_kafka_options {
    struct bb_kafka_cluster cluster;
    const char *prefix; /* of the topics; default "busbar" */
    bool append;        /* be the one appender, and make the log when it is not there */
    uint32_t
        partitions; /* made with so many, default 8; a log that has another number is refused, but for 0 */
    int replication; /* of topics that are made; default: the brokers' own */
    int min_insync;  /* likewise */
    size_t
        buffer_bytes; /* appended and not yet acknowledged; default 64 MiB, at least twice BB_LOG_BODY_BYTES */
    int patience_ms; /* how long the brokers may be away; default 300000 */
};

/* The options' texts are copied. -BB_E_DATA_MISSING: there is no such log, and `append` is not set. */
int bb_log_kafka_open(const struct bb_log_kafka_options *options, struct bb_log **out,
                      struct bb_error *error) BB_MUST_USE;

#endif
