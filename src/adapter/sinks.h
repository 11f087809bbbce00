/* The sinks (port/sink.h) and how each is opened; docs/sinks.md says what each guarantees. Texts of options are the
 * opener's and outlive the sink; NULL is the default wherever there is one. */
#ifndef BB_ADAPTER_SINKS_H
#define BB_ADAPTER_SINKS_H

#include <stdatomic.h>

#include "adapter/aws.h"
#include "adapter/fault.h"
#include "adapter/kafka_client.h"
#include "model/decimal.h"
#include "model/quality.h"
#include "port/sink.h"

/* What of the feed a sink tells; all of it when zeroed. */
struct bb_sink_choice {
    uint32_t lanes;     /* bits 1 << enum bb_lane, of changed values; 0: all */
    const char *tenant; /* of this tenant alone; NULL or empty: of all */
};

/* How long one call of apply goes on by itself before it gives up with a retriable error. */
struct bb_sink_patience {
    uint32_t first_ms;   /* before the first repetition; it doubles, with jitter. 0: 100 */
    uint32_t longest_ms; /* between two repetitions. 0: 30,000 */
    uint32_t total_ms;   /* of one request with its repetitions. 0: 120,000 */
    atomic_bool *stop;   /* set: nothing is waited for any more. NULL: never */
};

/* ---- webhook: POST of JSON. Bookmark needed. */
struct bb_sink_webhook_options {
    const char *url;         /* https://, or http:// on the loopback, or anywhere when `insecure` */
    const char *secret_file; /* a secret a line, at most two: each signs. NULL: not signed */
    const char *ca_file;     /* NULL: the system's */
    bool insecure;
    uint32_t timeout_ms;   /* of a request. 0: 30,000 */
    uint32_t batch_values; /* in a request at most. 0: 500 */
    uint32_t batch_bytes;  /* of a body, about. 0: 1 MiB */
    struct bb_sink_choice choice;
    struct bb_sink_patience patience;
};
int bb_sink_webhook_open(const struct bb_sink_webhook_options *options,
                         const struct bb_bookmark *bookmark, const char *label,
                         struct bb_sink **out, struct bb_error *error) BB_MUST_USE;

/* ---- redshift: a warehouse over libpq; no bookmark needed. */
struct bb_sink_redshift_options {
    const char *conninfo; /* "host=... dbname=..." or postgresql://... */
    const char *schema;   /* NULL: "busbar" */
    bool is_postgres;     /* PostgreSQL 15 or later in a warehouse's place */
    bool by_insert;       /* PostgreSQL, too, is given INSERT instead of COPY */
    uint32_t batch_rows;  /* staged in a transaction, about. 0: 50,000 */
    /* Staging through S3: rows go there as gzipped CSV, and the warehouse fetches them. NULL: INSERT. */
    const char *s3_bucket, *s3_prefix;
    const char *s3_endpoint; /* of another service than AWS's: https://host[:port]. NULL: AWS's */
    const char *iam_role;    /* that the warehouse reads the bucket as */
    struct bb_aws_options aws;
    struct bb_sink_choice choice;
    struct bb_sink_patience patience;
};
int bb_sink_redshift_open(const struct bb_sink_redshift_options *options, const char *label,
                          struct bb_sink **out, struct bb_error *error) BB_MUST_USE;

/* ---- kafka: a topic of changes, written in transactions that hold the position; no bookmark needed. A prefix is one
 * sink's own: two that share it fence each other. */
enum bb_sink_kafka_format {
    BB_SINK_KAFKA_JSON = 0, /* an object for each change and exception, as of the webhook */
    BB_SINK_KAFKA_AVRO,     /* deploy/schemas/changes.avsc, single-object encoding; values alone */
    BB_SINK_KAFKA_AVRO_CONFLUENT /* the same in the framing of Confluent's schema registry */
};
struct bb_sink_kafka_options {
    struct bb_kafka_cluster cluster; /* its properties are copied */
    const char *prefix; /* topics PREFIX.changes, PREFIX.changes.position, ... NULL: "busbar" */
    uint32_t feed_partitions; /* of the plant: as many as its log has */
    uint32_t partitions;      /* of PREFIX.changes, when it is made. 0: as many as the feed has */
    int replication;          /* of topics that are made. 0: as the brokers like it */
    uint32_t batch_values;    /* in a transaction, about. 0: 20,000 */
    enum bb_sink_kafka_format format;
    uint32_t schema_id; /* of the schema in the registry, for BB_SINK_KAFKA_AVRO_CONFLUENT */
    bool letters;       /* dead letters, too: PREFIX.dead-letters, PREFIX.dead-letters.position */
    struct bb_sink_choice choice;
    struct bb_sink_patience patience;
};
int bb_sink_kafka_open(const struct bb_sink_kafka_options *options, const char *label,
                       struct bb_sink **out, struct bb_error *error) BB_MUST_USE;

/* ---- dynamodb: an item for each block, conditional by version; the position in an item of its own. No bookmark needed. */
struct bb_sink_dynamodb_options {
    const char *table;    /* made when it is not there. NULL: "busbar" */
    const char *endpoint; /* of another service than AWS's. NULL: AWS's */
    uint32_t parallel;    /* requests at a time. 0: 16 */
    int64_t
        expire_after_s; /* behind the end of its span an item has expired (attribute "expires"). 0: never */
    struct bb_aws_options aws;
    struct bb_sink_choice choice;
    struct bb_sink_patience patience;
};
int bb_sink_dynamodb_open(const struct bb_sink_dynamodb_options *options, const char *label,
                          struct bb_sink **out, struct bb_error *error) BB_MUST_USE;

/* ---- memory: the twin, for tests and the simulator. What it holds outlives the sink. */
struct bb_sink_memory;
struct bb_sink_memory *bb_sink_memory_new(void);
void bb_sink_memory_free(struct bb_sink_memory *memory);
int bb_sink_memory_open(struct bb_sink_memory *memory, const char *label, struct bb_sink **out,
                        struct bb_error *error) BB_MUST_USE;
/* Its values in the order of their names, one by one. */
struct bb_sink_memory_row {
    struct bb_span tenant, usage_point, channel;
    uint8_t lane, statistic, unit;
    bool missing;
    int64_t start_ms, end_ms;
    struct bb_decimal value;
    struct bb_quality quality;
    uint64_t sequence; /* of the record that told it last */
};
typedef void bb_sink_memory_visit(void *context, const struct bb_sink_memory_row *row);
void bb_sink_memory_walk(const struct bb_sink_memory *memory, bb_sink_memory_visit *visit,
                         void *context);
/* The ids of the dead letters that it was told, in that order; the memory's. */
const uint64_t *bb_sink_memory_letters(const struct bb_sink_memory *memory, size_t *count);
/* How many records, of any kind, took effect. */
uint64_t bb_sink_memory_records(const struct bb_sink_memory *memory);

/* ---- the decorator: a call fails as the plan says, before it did anything or after all of it. */
struct bb_sink *bb_sink_fault_wrap(struct bb_sink *inner, struct bb_fault_plan *plan);

#endif
