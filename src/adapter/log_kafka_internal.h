/* Inside the log on Kafka: what its files share. See log_kafka.h.
 *
 *   log_kafka.c           open, close, the table of operations
 *   log_kafka_topic.c     topics: looked at, made, what they allow
 *   log_kafka_owner.c     identity, who appends
 *   log_kafka_record.c    records as messages with headers
 *   log_kafka_append.c    append and sync of data partitions
 *   log_kafka_control.c   transactions on the control partition
 *   log_kafka_ask.c       ends, single records, backlog, trim
 *   log_kafka_read.c      readers, verify
 *   log_kafka_wait.c      wait
 *
 * Clients, each with its threads and connections: brokers answer one request of a connection after the other, so that questions
 * do not stand in line behind fetches that wait.
 *   ask       questions, and single records (lock `ask_lock`)
 *   fetcher   readers; one partition stands at one place in a client, so that a second reader of it has the next one
 *   watch     waits for growth at all partitions' ends (lock `watch_lock`)
 *   data      appends to data partitions, idempotent           } owner's thread
 *   decide    appends to control and owner, transactional      }
 */
#ifndef BB_ADAPTER_LOG_KAFKA_INTERNAL_H
#define BB_ADAPTER_LOG_KAFKA_INTERNAL_H

#include "adapter/kafka_client_internal.h"
#include "adapter/log_kafka.h"
#include "base/buffer.h"

#include <stdatomic.h>
#include <string.h>

enum { BB_KAFKA_TOPIC_NAME = 250, BB_KAFKA_PARTITIONS_LIMIT = 4096 };
/* Headers, and what a batch of one record has around it. */
enum { BB_KAFKA_MESSAGE_BYTES = BB_LOG_BODY_BYTES + (64 << 10) };

enum bb_kafka_topic { BB_KAFKA_READINGS, BB_KAFKA_CONTROL, BB_KAFKA_OWNER, BB_KAFKA_TOPICS };

/* What headers say of a record, and where it stands. */
struct bb_kafka_record {
    uint64_t offset, before; /* readings made visible by all records before this one */
    uint64_t file_id;
    uint32_t readings;
    uint8_t kind;
    int64_t received_ms;
};

/* A partition as its appender sees it. */
struct bb_kafka_lane {
    _Atomic uint64_t
        next;          /* offset that the next record gets; readers on other threads look at it */
    uint64_t readings; /* made visible by all before it */
    uint64_t told;     /* one past the last record whose offset the brokers told */
};

/* A partition as who asks has seen it; guarded by ask_lock. */
struct bb_kafka_known {
    uint64_t high;             /* asked with; UINT64_MAX: never */
    uint64_t end, readings;    /* one past the last record below `high`, and the sum */
    struct bb_kafka_record at; /* the record at or behind `position` */
    uint64_t position;         /* UINT64_MAX: none */
};

struct bb_kafka_fetcher {
    struct bb_kafka_client client;
    rd_kafka_topic_t *topics[BB_KAFKA_OWNER]; /* readings, control */
    bool *taken;                              /* [partitions + 1] */
    struct bb_kafka_fetcher *next;
};

struct bb_kafka_entry { /* appended to control, not yet decided */
    struct bb_log_record record;
    uint64_t before;
    char *body;
};

struct bb_kafka_log {
    struct bb_log base; /* first */
    struct bb_log_kafka_options options;
    char *texts; /* what options point at */
    char topics[BB_KAFKA_TOPICS][BB_KAFKA_TOPIC_NAME];

    pthread_mutex_t ask_lock;
    struct bb_kafka_client ask;
    rd_kafka_topic_t *ask_topics[BB_KAFKA_TOPICS];
    struct bb_kafka_known *known; /* [partitions + 1] */

    pthread_mutex_t fetcher_lock; /* the list and what is taken */
    struct bb_kafka_fetcher *fetchers;

    pthread_mutex_t watch_lock;
    struct bb_kafka_client watch;
    rd_kafka_topic_t *watch_topics[BB_KAFKA_OWNER];
    rd_kafka_queue_t *watch_queue;
    uint64_t *seen;   /* [partitions + 1]: ends as last told of */
    uint64_t *armed;  /* where the watch stands */
    int64_t armed_ms; /* when one of them was set last */

    /* appender */
    struct bb_kafka_client data, decide;
    rd_kafka_topic_t *topic[BB_KAFKA_TOPICS]; /* readings in data, the others in decide */
    struct bb_kafka_lane *lanes;              /* [partitions + 1] */
    uint64_t unanswered;                      /* records of data partitions */
    bool unsynced;                            /* appended to data partitions since the last sync */
    struct bb_kafka_entry *entries;
    size_t entry_count, entry_capacity, entry_bytes;
    int64_t decided; /* offset of the last record that a transaction's reports told; -1: none */
    bool decided_elsewhere; /* one stands elsewhere than it was expected */
    uint64_t owner_end;     /* of the owner topic, behind our name */
    bool named;             /* our name stands there */
    bool poisoned;
    struct bb_error poison;
};

static inline struct bb_kafka_log *bb_kafka_log_of(struct bb_log *log) {
    return (struct bb_kafka_log *)log;
}
static inline enum bb_kafka_topic bb_kafka_topic_of(const struct bb_kafka_log *log,
                                                    uint32_t partition) {
    return partition < log->base.partitions ? BB_KAFKA_READINGS : BB_KAFKA_CONTROL;
}
/* The partition's number in its topic. */
static inline int32_t bb_kafka_number_of(const struct bb_kafka_log *log, uint32_t partition) {
    return partition < log->base.partitions ? (int32_t)partition : 0;
}

/* An offset travels in a message's opaque, from produce to its report. */
_Static_assert(sizeof(void *) == sizeof(uint64_t), "an offset fits in a pointer");
static inline void *bb_kafka_opaque_of(uint64_t offset) {
    void *opaque = NULL;

    memcpy(&opaque, &offset, sizeof offset);
    return opaque;
}
static inline uint64_t bb_kafka_offset_of(const void *opaque) {
    uint64_t offset;

    memcpy(&offset, &opaque, sizeof offset);
    return offset;
}

/* ---- topics */
enum bb_kafka_topics_outcome { BB_KAFKA_THERE = 0, BB_KAFKA_NONE = 1, BB_KAFKA_SOME = 2 };
/* Sets log->base.partitions, of readings. SOME: `missing` is the first that is not there. */
int bb_kafka_topics_look(struct bb_kafka_log *log, enum bb_kafka_topic *missing,
                         struct bb_error *error) BB_MUST_USE;
/* Those that are there already stay as they are. */
int bb_kafka_topics_make(struct bb_kafka_log *log, struct bb_error *error) BB_MUST_USE;
/* Whether records of any size fit in the topics. */
int bb_kafka_topics_check_room(struct bb_kafka_log *log, struct bb_error *error) BB_MUST_USE;

/* ---- owner */
enum bb_kafka_identity_outcome { BB_KAFKA_IDENTITY_FOUND = 0, BB_KAFKA_IDENTITY_NONE = 1 };
int bb_kafka_identity_read(struct bb_kafka_log *log, struct bb_error *error) BB_MUST_USE;
/* Fence the appender before, put our name (and, `identity` set, the identity) into the owner topic. */
int bb_kafka_owner_become(struct bb_kafka_log *log, uint64_t identity, struct bb_error *error)
    BB_MUST_USE;
/* -BB_E_LOCKED when somebody else's name stands behind ours. */
int bb_kafka_owner_check(struct bb_kafka_log *log, struct bb_error *error) BB_MUST_USE;

/* ---- records */
rd_kafka_headers_t *bb_kafka_headers_of(const struct bb_log_record *record, uint64_t before);
int bb_kafka_record_of(const rd_kafka_message_t *message, struct bb_kafka_record *out,
                       struct bb_error *error) BB_MUST_USE;

/* ---- append */
int bb_kafka_appender_open(struct bb_kafka_log *log, struct bb_error *error) BB_MUST_USE;
int bb_kafka_append(struct bb_log *log, uint32_t partition, struct bb_log_record *record,
                    struct bb_error *error) BB_MUST_USE;
int bb_kafka_sync_begin(struct bb_log *log, struct bb_error *error) BB_MUST_USE;
int bb_kafka_sync(struct bb_log *log, struct bb_error *error) BB_MUST_USE;
/* Poison the log with *error, which is returned. */
int bb_kafka_poison(struct bb_kafka_log *log, struct bb_error *error);

/* ---- control */
int bb_kafka_decide_open(struct bb_kafka_log *log, struct bb_error *error) BB_MUST_USE;
int bb_kafka_control_keep(struct bb_kafka_log *log, struct bb_log_record *record,
                          struct bb_error *error) BB_MUST_USE;
/* All entries in one transaction, which is over and seen by readers when it returns 0. */
int bb_kafka_control_commit(struct bb_kafka_log *log, struct bb_error *error) BB_MUST_USE;
void bb_kafka_control_drop(struct bb_kafka_log *log);
/* One message to a topic in a transaction of its own; for the owner topic. */
int bb_kafka_decide_one(struct bb_kafka_log *log, enum bb_kafka_topic topic,
                        rd_kafka_headers_t *headers, struct bb_error *error) BB_MUST_USE;

/* ---- ask */
int bb_kafka_ask_open(struct bb_kafka_log *log, struct bb_error *error) BB_MUST_USE;
/* What comes after the last committed record of a topic's partition, by its leader's word. */
int bb_kafka_high(struct bb_kafka_log *log, enum bb_kafka_topic topic, int32_t number,
                  uint64_t *high, struct bb_error *error) BB_MUST_USE;
/* Of all partitions, [partitions + 1], in one question to each broker. */
int bb_kafka_highs(struct bb_kafka_log *log, uint64_t *highs, struct bb_error *error) BB_MUST_USE;
int bb_kafka_bounds(struct bb_kafka_log *log, enum bb_kafka_topic topic, int32_t number,
                    uint64_t *low, uint64_t *high, struct bb_error *error) BB_MUST_USE;
/* The first message of [from, to) if `last` is not set, else the last one. The message is the caller's. ask_lock is held. */
enum bb_kafka_peek_outcome { BB_KAFKA_SEEN = 0, BB_KAFKA_NOTHING = 1 };
int bb_kafka_peek(struct bb_kafka_log *log, enum bb_kafka_topic topic, int32_t number,
                  uint64_t from, uint64_t to, bool last, rd_kafka_message_t **out,
                  struct bb_error *error) BB_MUST_USE;
int bb_kafka_end(struct bb_log *log, uint32_t partition, struct bb_log_end *out,
                 struct bb_error *error) BB_MUST_USE;
int bb_kafka_backlog(struct bb_log *log, uint32_t partition, uint64_t position,
                     struct bb_log_backlog *out, struct bb_error *error) BB_MUST_USE;
int bb_kafka_trim(struct bb_log *log, uint32_t partition, uint64_t offset, int64_t before_ms,
                  struct bb_error *error) BB_MUST_USE;
/* -BB_E_LOG_CORRUPT: `offset` lies before what is kept, or behind everything. */
int bb_kafka_check_offset(struct bb_kafka_log *log, uint32_t partition, uint64_t offset,
                          uint64_t low, uint64_t high, struct bb_error *error) BB_MUST_USE;

/* ---- read */
int bb_kafka_reader_open(struct bb_log *log, uint32_t partition, struct bb_log_reader **out,
                         struct bb_error *error) BB_MUST_USE;
void bb_kafka_reader_close(struct bb_log_reader *reader);
int bb_kafka_read(struct bb_log_reader *reader, uint64_t offset, struct bb_log_record *out,
                  struct bb_error *error) BB_MUST_USE;
int bb_kafka_verify(struct bb_log *log, uint32_t partition, uint64_t *records,
                    struct bb_error *error) BB_MUST_USE;
void bb_kafka_fetchers_close(struct bb_kafka_log *log);

/* ---- wait */
int bb_kafka_wait(struct bb_log *log, int timeout_ms, struct bb_error *error) BB_MUST_USE;
void bb_kafka_watch_close(struct bb_kafka_log *log);

#endif
